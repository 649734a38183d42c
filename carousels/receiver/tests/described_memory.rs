//! What a described fetch keeps in memory, counted without a byte of payload.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

use std::net::IpAddr;
use std::num::NonZeroU16;

use stbcast_fec::{Choice, Geometry, RS16_TABLES_BYTES, Scheme};
use stbcast_flute::Symbol;
use stbcast_flute::fdt::{Alternates, Companion, Unicast};
use stbcast_infocast::{Name, ObjectType, Precoding, Verdict};
use stbcast_object::{Group, Micros};
use stbcast_receiver::{
    Announcement, Answer, Arrival, Fetch, FetchOptions, Hosts, InfocastRevision, Input, Output,
    Recovered, RecoveryOutcome, Request, Revision, Slice, SymbolArrival, Target, Trailer,
    UnicastOptions, limits,
};

const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const SLICE: u16 = 1_400;

fn group(last: u8) -> Group {
    Group::new([239, 255, 2, last].into(), 22222).unwrap()
}

fn description(geometry: Geometry, unicast: Option<Unicast>) -> Box<Announcement> {
    Box::new(Announcement {
        toi: 7,
        length: Some(geometry.length()),
        sha256: Some([0; 32]),
        slice_bytes: NonZeroU16::new(SLICE),
        symbol_bytes: NonZeroU16::new(SLICE),
        geometry: Some(geometry),
        companion: Some(Companion { group: group(12), tsi: 1 }),
        kind: None,
        unicast,
        supersedes: None,
    })
}

fn announcement(geometry: Geometry, unicast: Option<Unicast>) -> Input<'static, ()> {
    let announcement = description(geometry, unicast);
    Input::Announced { group: group(3), bytes: 900, announcement }
}

fn slice(geometry: &Geometry, index: u32) -> Input<'static, ()> {
    let range = geometry.bytes(index);
    let revision = Revision::Infocast(InfocastRevision {
        object_type: ObjectType(5),
        precoding: Precoding(1),
        total: geometry.symbols(),
        dynamic_info: 0,
    });
    Input::Arrival(Arrival {
        from: FROM,
        datagram_bytes: 1_444,
        name: Some(Name::new("image").unwrap()),
        slice: Slice {
            revision,
            index,
            length: (range.end - range.start) as u32,
            fingerprint: index,
            trailer: Trailer::new(),
            verdict: Verdict::Unverified,
        },
        payload: (),
    })
}

fn repair(geometry: &Geometry, counter: u64) -> Input<'static, ()> {
    let id = geometry.repair_at(counter);
    Input::Symbol(SymbolArrival {
        from: FROM,
        group: group(12),
        datagram_bytes: 1_472,
        toi: 7,
        geometry: Some(*geometry),
        symbol: Symbol::Repair { block: id.block, index: id.index },
        length: geometry.repair_bytes() as u32,
        payload: (),
        of_location: true,
    })
}

/// Hands an input in and answers what it leads to; the bytes the decoder may use, once it is asked
/// to work, and whether the object is whole. A server gives all it is asked for, in pieces.
fn step(fetch: &mut Fetch<()>, input: Input<'_, ()>, decoder_bytes: &mut usize) -> bool {
    let (mut whole, mut asked) = handle(fetch, input, decoder_bytes);
    while let Some(Request { id, from, to, length_max: length, .. }) = asked.take() {
        let (mut offset, to) = (from, to.unwrap());
        while offset < to && !whole {
            let length = (to - offset).min(64 << 10) as usize;
            let bytes = Input::Bytes { id, offset, length, payload: () };
            whole |= handle(fetch, bytes, decoder_bytes).0;
            offset += length as u64;
        }
        if !whole {
            let answer = Answer::Done { length, sha256: None };
            (whole, asked) = handle(fetch, Input::Answered { id, answer }, decoder_bytes);
        }
    }
    whole
}

fn handle(
    fetch: &mut Fetch<()>,
    input: Input<'_, ()>,
    decoder_bytes: &mut usize,
) -> (bool, Option<Request>) {
    let (mut next, mut asked) = (fetch.handle(Micros::ZERO, input).next(), None);
    while let Some(output) = next {
        let answer = match output {
            Output::Write { .. } => Input::Written { ok: true },
            // A tenth, in pieces.
            Output::Resume { .. } => {
                Input::Resumed { held: (0..7_000).map(|at| at * 100..at * 100 + 10).collect() }
            }
            Output::Recover(recovery) => {
                *decoder_bytes = recovery.memory_bytes;
                let outcome = RecoveryOutcome::Done;
                Input::Recovered(Recovered { id: recovery.id, outcome })
            }
            Output::Sync { .. } => return (true, None),
            other => {
                if let Output::Request(request) = other {
                    asked = Some(request);
                }
                next = fetch.outputs().next();
                continue;
            }
        };
        next = fetch.handle(Micros::ZERO, answer).next();
    }
    (false, asked)
}

#[test]
fn an_object_of_a_gibibyte_of_which_servers_give_a_part_stays_within_the_default_memory() {
    for choice in [Choice::Auto, Choice::Rs8] {
        let geometry = Geometry::plan(choice, 1 << 30, SLICE, 1_428).unwrap();
        let (mut decoder_bytes, mut whole, mut requests) = (0, false, 0);
        let used = allocation_counter::measure(|| {
            let unicast = UnicastOptions::new("1".to_owned(), Hosts::Any);
            let unicast = Some(unicast);
            let announce = Some(group(3));
            let options = FetchOptions { announce, unicast, ..FetchOptions::default() };
            let target = Target::infocast(group(11), Name::new("image").unwrap());
            let mut fetch = Fetch::new(target, options);
            let alternates = Alternates::new("http://192.0.2.10/x").unwrap();
            let unicast = Unicast::new(alternates, 1.try_into().unwrap(), 0).unwrap();
            step(&mut fetch, Input::Wake, &mut decoder_bytes);
            step(&mut fetch, announcement(geometry, Some(unicast)), &mut decoder_bytes);
            // A tenth is lost, and repair symbols make up for a half of that.
            for index in 0..=geometry.symbols() {
                if index % 20 == 0 {
                    let counter = u64::from(index / 20);
                    whole |= step(&mut fetch, repair(&geometry, counter), &mut decoder_bytes);
                }
                if index % 10 != 3 {
                    let index = index % geometry.symbols();
                    whole |= step(&mut fetch, slice(&geometry, index), &mut decoder_bytes);
                }
            }
            requests = fetch.stats().requests;
        });
        assert!(whole && requests > 1_000, "{choice}: {requests} requests");
        let tables = if geometry.scheme() == Scheme::Rs16 { RS16_TABLES_BYTES } else { 0 };
        let all = used.bytes_max as usize + tables + decoder_bytes + limits::RECEIVE_MEMORY_BYTES;
        assert!(decoder_bytes >= 4 << 20, "{choice}: {decoder_bytes}");
        assert!(all <= limits::MEMORY_BYTES, "{choice}: {all}, of that {}", used.bytes_max);
    }
}

#[test]
fn an_object_of_a_gibibyte_stays_within_the_default_memory() {
    for (choice, loss) in [(Choice::Auto, 10), (Choice::Rs16Small, 15), (Choice::Rs8, 10)] {
        let geometry = Geometry::plan(choice, 1 << 30, SLICE, 1_428).unwrap();
        let mut decoder_bytes = 0;
        let mut whole = false;
        let used = allocation_counter::measure(|| {
            let options = FetchOptions { announce: Some(group(3)), ..FetchOptions::default() };
            let target = Target::infocast(group(11), Name::new("image").unwrap());
            let mut fetch = Fetch::new(target, options);
            step(&mut fetch, Input::Wake, &mut decoder_bytes);
            step(&mut fetch, announcement(geometry, None), &mut decoder_bytes);
            let (mut coins, mut counter) = (1u64, 1_000_000);
            for index in 0..3 * geometry.symbols() {
                coins = coins.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
                if index % 5 == 0 {
                    counter += 1;
                    whole |= step(&mut fetch, repair(&geometry, counter), &mut decoder_bytes);
                }
                if (coins >> 33) % 100 >= loss {
                    let index = index % geometry.symbols();
                    whole |= step(&mut fetch, slice(&geometry, index), &mut decoder_bytes);
                }
                if whole {
                    break;
                }
            }
        });
        assert!(whole, "{choice}");
        let tables = if geometry.scheme() == Scheme::Rs16 { RS16_TABLES_BYTES } else { 0 };
        let all = used.bytes_max as usize + tables + decoder_bytes + limits::RECEIVE_MEMORY_BYTES;
        assert!(decoder_bytes >= 4 << 20, "{choice}: {decoder_bytes}");
        assert!(all <= limits::MEMORY_BYTES, "{choice}: {all}, of that {}", used.bytes_max);
    }
}

#[test]
fn a_signed_object_of_a_gibibyte_that_is_resumed_and_kept_stays_within_the_memory_of_a_trusted_boot()
 {
    let most = limits::MEMORY_BYTES - limits::TRUSTED_BYTES;
    for choice in [Choice::Auto, Choice::Rs8] {
        let geometry = Geometry::plan(choice, 1 << 30, SLICE, 1_428).unwrap();
        let (mut decoder_bytes, mut whole, mut resumed) = (0, false, 0);
        let used = allocation_counter::measure(|| {
            let unicast = Some(UnicastOptions::new("1".to_owned(), Hosts::Any));
            let alternates = Alternates::new("http://192.0.2.10/x").unwrap();
            let served = Unicast::new(alternates, 1.try_into().unwrap(), 0).unwrap();
            let options = FetchOptions {
                announce: Some(group(3)),
                expected: Some(description(geometry, Some(served))),
                memory_bytes: most,
                unicast,
                ..FetchOptions::default()
            };
            let target = Target::infocast(group(11), Name::new("image").unwrap());
            let mut fetch = Fetch::new(target, options);
            step(&mut fetch, Input::Wake, &mut decoder_bytes);
            for index in 0..=geometry.symbols() {
                if index % 20 == 0 {
                    let counter = u64::from(index / 20);
                    whole |= step(&mut fetch, repair(&geometry, counter), &mut decoder_bytes);
                }
                if index % 10 != 3 {
                    let index = index % geometry.symbols();
                    whole |= step(&mut fetch, slice(&geometry, index), &mut decoder_bytes);
                }
            }
            resumed = fetch.stats().resumed_bytes;
        });
        assert!(whole && resumed == 70_000 * u64::from(SLICE), "{choice}: {resumed}");
        let tables = if geometry.scheme() == Scheme::Rs16 { RS16_TABLES_BYTES } else { 0 };
        let all = used.bytes_max as usize + tables + decoder_bytes + limits::RECEIVE_MEMORY_BYTES;
        println!("{choice}: {} own, decoder {decoder_bytes}, in all {all}", used.bytes_max);
        assert!(decoder_bytes >= 4 << 20, "{choice}: {decoder_bytes}");
        assert!(all <= most, "{choice}: {all}, of that {}", used.bytes_max);
    }
}

#[test]
fn a_slice_of_a_signed_object_that_is_taken_allocates_nothing() {
    let geometry = Geometry::plan(Choice::Auto, 1 << 30, SLICE, 1_428).unwrap();
    let options = FetchOptions {
        announce: Some(group(3)),
        expected: Some(description(geometry, None)),
        ..FetchOptions::default()
    };
    let target = Target::infocast(group(11), Name::new("image").unwrap());
    let (mut fetch, mut decoder_bytes) = (Fetch::new(target, options), 0);
    step(&mut fetch, Input::Wake, &mut decoder_bytes);
    let mut take = |slices: std::ops::Range<u32>| {
        for index in slices {
            step(&mut fetch, slice(&geometry, index), &mut decoder_bytes);
        }
    };
    take(0..1_000);
    // Less than a part, behind which the storage is told.
    let used = allocation_counter::measure(|| take(1_000..2_000));
    assert_eq!(used.count_total, 0);
    assert_eq!(fetch.stats().resumed_bytes, 70_000 * u64::from(SLICE));
}
