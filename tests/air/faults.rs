//! What goes wrong around a headend while it is on air: the real program on a host of its own.

mod clock;
mod disk;
mod ear;
mod interfaces;

use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use super::harness::{DEADLINE, Program, metrics};
use super::network::{Hosts, inside};

/// An address on the loopback interface of the headend's host, where nobody listens.
fn free_address(hosts: &Hosts) -> SocketAddr {
    let bind = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    inside(&hosts.names[0], bind)
}

/// Sum of the samples of a metric on the headend's host whose labels contain `label`.
fn metric(hosts: &Hosts, address: SocketAddr, name: &str, label: &str) -> f64 {
    let text = inside(&hosts.names[0], || metrics(address));
    let is_it = |line: &&str| line.starts_with(name) && line.contains(label);
    let value = |line: &str| line.rsplit(' ').next().unwrap().trim().parse::<f64>().unwrap();
    text.lines().filter(is_it).map(value).sum()
}

/// Lines of the log so far that contain `text`.
fn lines(program: &Program, text: &str) -> usize {
    program.log.iter().filter(|line| line.contains(text)).count()
}

/// Asks until it is so.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "never so: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
