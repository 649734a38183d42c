//! Slices that arrive together are written together, and a write that fails is never forgotten.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod common;

use std::ops::Range;

use common::{SENDER, Sent, TestBox, group, name, noise};
use stbcast_object::Micros;
use stbcast_receiver::{
    Area, ChannelDecoder, Event, Fetch, FetchError, FetchOptions, Input, MemoryStorage, Output,
    Role, Storage, Target, drive_all,
};

/// Memory that fails one write, and keeps a diary.
#[derive(Default)]
struct Diary {
    memory: MemoryStorage,
    operations: Vec<Operation>,
    /// Which write fails, from 0.
    fails: Option<usize>,
    writes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Begin,
    /// Of so many parts.
    Write(Area, u64, usize),
    Sync,
    Commit,
}

#[derive(Debug)]
struct Failed;

impl Diary {
    fn write_once(&mut self) -> Result<(), Failed> {
        self.writes += 1;
        if self.fails == Some(self.writes - 1) { Err(Failed) } else { Ok(()) }
    }
}

impl Storage for Diary {
    type Error = Failed;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), Failed> {
        self.operations.push(Operation::Begin);
        self.memory.begin(role, version).map_err(|_| Failed)
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), Failed> {
        self.write_gathered(area, offset, &[bytes])
    }

    fn write_gathered(&mut self, area: Area, offset: u64, parts: &[&[u8]]) -> Result<(), Failed> {
        self.operations.push(Operation::Write(area, offset, parts.len()));
        self.write_once()?;
        self.memory.write_gathered(area, offset, parts).map_err(|_| Failed)
    }

    fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        self.memory.read(area, offset, length, into).map_err(|_| Failed)
    }

    fn sync(&mut self, length: u64) -> Result<(), Failed> {
        self.operations.push(Operation::Sync);
        self.memory.sync(length).map_err(|_| Failed)
    }

    fn commit(&mut self) -> Result<(), Failed> {
        self.operations.push(Operation::Commit);
        self.memory.commit().map_err(|_| Failed)
    }
}

/// What a box that hears `batches` does and says; every datagram 1 ms behind the one before.
fn hear(batches: &[Vec<Vec<u8>>], fails: Option<usize>) -> (Diary, Vec<Event>, usize) {
    let mut now = 0..;
    let mut timed = |datagram: &Vec<u8>| (now.next().unwrap(), datagram.clone());
    let batches: Vec<Vec<_>> =
        batches.iter().map(|batch| batch.iter().map(&mut timed).collect()).collect();
    hear_at(&batches, fails)
}

/// The same with the millisecond at which each arrived.
fn hear_at(batches: &[Vec<(u64, Vec<u8>)>], fails: Option<usize>) -> (Diary, Vec<Event>, usize) {
    let target = Target::infocast(group(2), name("image"));
    let mut session: Fetch<Range<usize>> = Fetch::new(target, FetchOptions::default());
    let (mut diary, mut events) = (Diary { fails, ..Diary::default() }, Vec::new());
    let (mut decoder, mut errors) = (ChannelDecoder::default(), 0);
    let wake = [(Micros::ZERO, Input::Wake)];
    drive_all(&mut session, &mut diary, wake, &[], &mut |_| {}).unwrap();
    for batch in batches {
        let bytes: Vec<u8> = batch.iter().flat_map(|(_, datagram)| datagram).copied().collect();
        let mut start = 0;
        let inputs = batch.iter().map(|(at, datagram)| {
            let arrival = decoder.decode(SENDER, datagram).unwrap().within(start);
            start += datagram.len();
            (Micros::from_millis(*at), Input::Arrival(arrival))
        });
        let shell = &mut |output| {
            if let Output::Event(event) = output {
                events.push(event);
            }
        };
        errors += usize::from(drive_all(&mut session, &mut diary, inputs, &bytes, shell).is_err());
    }
    (diary, events, errors)
}

fn image() -> Sent {
    Sent::equal("image", &noise(3, 100 * 1_000 - 7), 1_000)
}

fn batches(sent: &Sent, each: usize) -> Vec<Vec<Vec<u8>>> {
    sent.pass().collect::<Vec<_>>().chunks(each).map(<[_]>::to_vec).collect()
}

#[test]
fn slices_that_lie_together_are_one_write() {
    let (diary, _, errors) = hear(&batches(&image(), 40), None);
    assert_eq!(errors, 0);
    let slot = |slice: u64, parts| Operation::Write(Area::Slot, slice * 1_000, parts);
    assert_eq!(
        diary.operations,
        [
            Operation::Begin,
            // The first waits until the second tells how long slices are.
            Operation::Write(Area::Parking, 0, 1),
            slot(0, 1),
            slot(1, 39),
            slot(40, 40),
            slot(80, 20),
            Operation::Sync,
            Operation::Commit,
        ]
    );
    assert!(diary.memory.committed(Role::Object).unwrap().bytes == noise(3, 100_000 - 7));
}

#[test]
fn a_gap_or_a_slice_out_of_order_ends_a_write_and_nothing_else() {
    let mut pass: Vec<_> = image().pass().collect();
    pass.swap(50, 51);
    let late = pass.remove(95);
    pass.push(late);
    let (diary, _, _) = hear(&[pass], None);
    let writes: Vec<_> = diary
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Write(Area::Slot, offset, parts) => Some((offset / 1_000, *parts)),
            _ => None,
        })
        .collect();
    assert_eq!(writes, [(0, 1), (1, 49), (51, 1), (50, 1), (52, 43), (96, 4), (95, 1)]);
    assert!(diary.memory.committed(Role::Object).unwrap().bytes == noise(3, 100_000 - 7));
}

#[test]
fn whichever_write_fails_it_is_told_once_and_nothing_is_committed() {
    for each in [1, 2, 7, 40, 99, 100] {
        let (whole, _, _) = hear(&batches(&image(), each), None);
        assert!(whole.memory.committed(Role::Object).is_some());
        for fails in 0..whole.writes {
            let context = format!("batches of {each}, write {fails} of {}", whole.writes);
            let (diary, events, errors) = hear(&batches(&image(), each), Some(fails));
            assert_eq!(errors, 1, "{context}");
            let ends: Vec<_> = events
                .iter()
                .filter(|event| matches!(event, Event::Failed(_) | Event::Complete { .. }))
                .collect();
            assert!(
                matches!(ends[..], [Event::Failed(FetchError::Storage { .. })]),
                "{context}: {ends:?}"
            );
            assert_eq!(diary.writes, fails + 1, "{context}: nothing is written behind it");
            let later = |operation| diary.operations.contains(&operation);
            assert!(!later(Operation::Sync) && !later(Operation::Commit), "{context}");
            assert!(diary.memory.committed(Role::Object).is_none(), "{context}");
        }
    }
}

#[test]
fn the_very_last_slice_that_cannot_be_written_fails_the_sync() {
    let (whole, _, _) = hear(&batches(&image(), 100), None);
    let (diary, events, _) = hear(&batches(&image(), 100), Some(whole.writes - 1));
    assert!(!diary.operations.contains(&Operation::Sync));
    let failed = Event::Failed(FetchError::Storage { doing: "make the object durable" });
    assert_eq!(events.last(), Some(&failed));
}

#[test]
fn a_handle_outside_the_batch_is_a_write_that_failed() {
    let mut sent = TestBox::fetching("image", FetchOptions::default());
    let image = Sent::equal("image", b"a whole object", 100);
    let datagram = image.datagram(0);
    let mut decoder = ChannelDecoder::default();
    let arrival = decoder.decode(SENDER, &datagram).unwrap().within(datagram.len());
    let mut events = Vec::new();
    let shell = &mut |output| events.push(output);
    let now = sent.now;
    let inputs = [(now, Input::Arrival(arrival))];
    drive_all(&mut sent.session, &mut sent.storage, inputs, &datagram, shell).unwrap();
    let failed = Output::Event(Event::Failed(FetchError::Storage { doing: "write" }));
    assert_eq!(events.last(), Some(&failed));
    assert!(sent.session.is_over() && sent.object().is_none());
}

#[test]
fn what_waited_together_across_a_cycle_is_not_taken_for_one_pass() {
    // The box was busy for a cycle, in which the revision changed and the socket overflowed. What
    // is left of both comes in one batch, and index after index as if nothing had happened.
    let (old, new) = (image(), Sent::equal("image", &noise(4, 100 * 1_000 - 7), 1_000));
    let early = (0..60).map(|index| (u64::from(index), old.datagram(index)));
    let late = (60..100).map(|index| (u64::from(index) + 100, new.datagram(index)));
    let mut batch: Vec<_> = early.chain(late).collect();
    let (diary, _, _) = hear_at(&[batch.clone()], None);
    assert!(diary.memory.committed(Role::Object).is_none(), "a mixture");
    // The new revision goes on, and is what the box ends with.
    batch.extend((0..100).map(|index| (u64::from(index) + 200, new.datagram(index))));
    let (diary, _, _) = hear_at(&[batch], None);
    assert!(diary.memory.committed(Role::Object).unwrap().bytes == noise(4, 100_000 - 7));
}
