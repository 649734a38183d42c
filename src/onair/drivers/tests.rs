//! Channels that come, move and go, on threads that send to nobody.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::super::tests::programme;
use super::*;
use crate::transmit::{Parts, TransmitPath, Wire};

/// Counts what one channel sends on one interface.
struct Counter(&'static str, Arc<AtomicU64>);

impl Wire for Counter {
    fn send(&mut self, batch: &[Parts<'_>]) -> io::Result<usize> {
        self.1.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(batch.len())
    }

    fn path(&self) -> TransmitPath {
        TransmitPath::Gso
    }

    fn interface(&self) -> Option<&str> {
        Some(self.0)
    }
}

struct Station {
    drivers: Drivers,
    reports: UnboundedReceiver<Report>,
    sent: Arc<AtomicU64>,
}

impl Station {
    fn new() -> Self {
        let (told, reports) = unbounded_channel();
        Self { drivers: Drivers::new(told), reports, sent: Arc::default() }
    }

    /// Puts a channel of 100 datagrams a cycle on air.
    fn put(&mut self, name: &str, interface: &'static str, generation: u64) {
        let wire = Box::new(Counter(interface, Arc::clone(&self.sent)));
        let launch =
            Launch { programme: programme(name, 10_000_000, 100), wire, generation, held: false };
        self.drivers.put(launch).unwrap();
    }

    /// Waits for the next report that concerns the control, in short.
    fn next(&mut self) -> String {
        loop {
            let report = self.reports.blocking_recv().unwrap();
            match self.drivers.on_report(report).unwrap() {
                Some(Report::OnAir { channel, generation }) => {
                    return format!("{channel} {generation} on air");
                }
                Some(Report::Retired { channel, generation }) => {
                    return format!("{channel} {generation} retired");
                }
                Some(Report::CyclesDone { .. }) => return "done".to_owned(),
                Some(Report::Broken) => panic!("a thread failed"),
                Some(Report::Ending { .. } | Report::Spent(_)) | None => {}
            }
        }
    }

    fn interfaces(&self) -> Vec<&str> {
        let mut known: Vec<_> = self.drivers.threads.keys().flatten().map(String::as_str).collect();
        known.sort_unstable();
        known
    }
}

#[test]
fn each_interface_has_a_thread_while_it_has_a_channel() {
    let mut station = Station::new();
    station.put("a", "eth0", 1);
    station.put("b", "eth0", 1);
    station.put("c", "eth1", 1);
    for _ in 0..3 {
        station.next();
    }
    assert_eq!(station.interfaces(), ["eth0", "eth1"]);
    station.drivers.retire("c".to_owned(), 2);
    assert_eq!(station.next(), "c 2 retired");
    station.drivers.retire("a".to_owned(), 2);
    assert_eq!(station.next(), "a 2 retired");
    assert_eq!(station.interfaces(), ["eth0"]);
    station.drivers.retire("nobody".to_owned(), 3);
    assert_eq!(station.next(), "nobody 3 retired");
}

#[test]
fn a_channel_that_moves_is_told_once_and_leaves_no_thread_behind() {
    let mut station = Station::new();
    station.put("a", "eth0", 1);
    assert_eq!(station.next(), "a 1 on air");
    station.put("a", "eth1", 2);
    assert_eq!(station.next(), "a 2 on air");
    assert_eq!(station.interfaces(), ["eth1"]);
}

#[test]
fn a_channel_that_moves_and_changes_its_mind_stays() {
    let mut station = Station::new();
    station.put("a", "eth0", 1);
    assert_eq!(station.next(), "a 1 on air");
    station.put("a", "eth1", 2);
    station.put("a", "eth0", 3);
    while station.next() != "a 3 on air" {}
    assert_eq!(station.interfaces(), ["eth0"]);
}

#[test]
fn a_channel_that_is_retired_while_it_moves_is_gone() {
    let mut station = Station::new();
    station.put("a", "eth0", 1);
    assert_eq!(station.next(), "a 1 on air");
    station.put("a", "eth1", 2);
    station.drivers.retire("a".to_owned(), 3);
    while station.next() != "a 3 retired" {}
    assert!(station.interfaces().is_empty());
}

#[test]
fn cycles_are_done_when_those_of_every_interface_are() {
    let mut station = Station::new();
    station.put("a", "eth0", 1);
    station.put("b", "eth1", 1);
    station.drivers.report_cycles(3);
    while station.next() != "done" {}
    assert_eq!(station.sent.load(Ordering::Relaxed), 2 * 3 * 100);
}

#[test]
fn a_channel_that_moves_completes_its_cycles_on_the_new_interface() {
    let mut station = Station::new();
    station.put("a", "eth0", 1);
    station.drivers.report_cycles(5);
    station.put("a", "eth1", 2);
    while station.next() != "done" {}
    let sent = station.sent.load(Ordering::Relaxed);
    assert!((500..=600).contains(&sent), "{sent} datagrams");
}
