//! What servers are asked for, and when: never before the box's turn, never more than it needs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod headend;

use headend::{Code, Headend, Revision, START, Sent, Stb, announce, channel, companion, losing};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use stbcast_bootcast::delay;
use stbcast_flute::fdt::{Alternates, File, Unicast};
use stbcast_flute::{Carousel, CarouselSettings, Entry, Fti, Scheme, Step};
use stbcast_object::Micros;
use stbcast_receiver::{
    Answer, Area, Event, FetchError, FetchOptions, FileName, Hosts, Input, Storage, Target,
    UnicastError, UnicastOptions,
};

const URL: &str = "http://a.example/x";
const SERIAL: &str = "1931690851";

/// Slices of the object.
const SLICES: u64 = 200;

/// Slices that many tests never let arrive.
const LOST: [u64; 6] = [5, 6, 77, 78, 79, 80];

fn image(seed: u64, code: Code) -> Revision {
    Revision::new(seed, 200 * 60 - 17, (60, 1), code)
}

fn options() -> FetchOptions {
    FetchOptions {
        announce: Some(announce()),
        unicast: Some(UnicastOptions::new(SERIAL.to_owned(), Hosts::Any)),
        ..FetchOptions::default()
    }
}

/// A headend that names a server, and a box that may ask it.
fn on_air(revision: &Revision, ratio: f64, after_cycles: u8, window_s: u32) -> (Headend, Stb) {
    let mut headend = Headend::new(revision, ratio);
    headend.announce(vec![revision.served(URL, after_cycles, window_s)]);
    (headend, Stb::with(options()))
}

fn turn_event(stb: &Stb) -> Option<Micros> {
    stb.events.iter().find_map(|event| match event {
        Event::UnicastTurn { at } => Some(*at),
        _ => None,
    })
}

/// Plays until something is asked for or `turns` slices have passed. Which slice is
/// lost, with what comes beside it, is told by its number on the channel.
fn until_asked(
    headend: &mut Headend,
    stb: &mut Stb,
    turns: u64,
    mut is_lost: impl FnMut(u64) -> bool,
) -> bool {
    for _ in 0..turns {
        let is_lost = is_lost(headend.sent);
        for one in headend.turn() {
            if !one.carries_symbol || !is_lost {
                stb.hear(headend.now, &one);
            }
            if stb.under_way.is_some() || stb.is_over() {
                return stb.under_way.is_some();
            }
        }
    }
    false
}

/// Loses some slices in each cycle.
fn always(slices: &[u64]) -> impl FnMut(u64) -> bool + '_ {
    |turn| slices.contains(&(turn % SLICES))
}

/// Nothing comes until something is asked for, or the fetch is over.
fn wait_until_asked(stb: &mut Stb) -> bool {
    while stb.under_way.is_none() && !stb.is_over() {
        assert!(stb.joined(channel()), "it goes on listening");
        let at = stb.fetch.wake_at().unwrap();
        stb.wait_until(at);
    }
    stb.under_way.is_some()
}

#[test]
fn nothing_is_asked_before_the_cycles_are_heard_and_the_box_has_its_turn() {
    for (after_cycles, window_s) in [(1, 0), (2, 0), (2, 1), (3, 2)] {
        let revision = image(1, Code::None);
        let (mut headend, mut stb) = on_air(&revision, 0.0, after_cycles, window_s);
        let joined = headend.now;
        assert!(until_asked(&mut headend, &mut stb, 5_000, always(&[5, 77])));
        let own = delay(SERIAL, &revision.sha256(), Micros::from_secs(window_s.into()));
        let asked_at = stb.asked[0].at;
        let ready_at = turn_event(&stb).unwrap().since(own);
        // A slice each millisecond; the first of them is lost, perhaps.
        let cycles = Micros::from_millis(u64::from(after_cycles) * SLICES);
        let earliest = joined.after(cycles);
        assert!(ready_at >= earliest, "{after_cycles}: {ready_at:?}");
        assert!(ready_at < earliest.after(Micros::from_millis(50)), "{after_cycles}: {ready_at:?}");
        assert!(asked_at >= ready_at.after(own), "{after_cycles}, {window_s}");
    }
}

#[test]
fn what_the_cycles_left_missing_is_asked_for_and_nothing_else() {
    for seed in 1..6 {
        let revision = image(seed, Code::None);
        let (mut headend, mut stb) = on_air(&revision, 0.0, 2, 0);
        assert!(until_asked(&mut headend, &mut stb, 1_000, losing(20, seed)));
        let missing = u64::from(stb.asked[0].lacking);
        assert!((1..40).contains(&missing), "{missing}");
        stb.serve(&revision.bytes, 1_000);
        stb.assert_object(&revision.bytes);
        // The last slice has 43 bytes.
        let asked = stb.asked_bytes();
        assert!(asked == missing * 60 || asked == missing * 60 - 17, "{asked} of {missing}");
        assert!(stb.asked.iter().all(|asked| asked.there == 0), "{:?}", stb.asked);
        assert_eq!(stb.fetch.stats().http_bytes, asked);
        assert_eq!(stb.fetch.stats().requests, stb.asked.len() as u64);
    }
}

#[test]
fn neighbours_are_asked_for_together() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 1, 0);
    for at in 0..205 {
        for one in headend.turn() {
            if !one.carries_symbol || !(50..90).contains(&at) && at != 120 {
                stb.hear(headend.now, &one);
            }
        }
        if let Some((request, _)) = &stb.under_way {
            let slices = request.from / 60..request.to.unwrap() / 60;
            assert!(slices.end - slices.start <= 40, "{slices:?}");
        }
        if stb.under_way.is_some() {
            stb.serve(&revision.bytes, 7);
        }
    }
    stb.assert_object(&revision.bytes);
    let lengths: Vec<u64> = stb.asked.iter().map(|asked| asked.bytes() / 60).collect();
    assert_eq!(lengths, [40, 1], "the longest first");
}

#[test]
fn with_repair_symbols_at_hand_no_more_is_asked_for_than_each_block_needs() {
    for code in [Code::Rs8(200), Code::Rs8(30), Code::Rs16(200), Code::Rs16(61)] {
        let revision = image(3, code);
        // Too few repair symbols for the loss.
        let (mut headend, mut stb) = on_air(&revision, 0.02, 1, 0);
        assert!(until_asked(&mut headend, &mut stb, 1_000, losing(15, 7)), "{code:?}");
        let lacking = u64::from(stb.asked[0].lacking);
        let missing = stb.storage.there.iter().filter(|there| !**there).count() as u64 / 60;
        assert!(lacking < missing, "{code:?}: repair symbols count");
        stb.serve(&revision.bytes, 100);
        stb.assert_object(&revision.bytes);
        let asked = stb.asked_bytes().div_ceil(60);
        assert_eq!(asked, lacking, "{code:?}");
        assert!(stb.asked.iter().all(|asked| asked.there == 0), "{code:?}");
    }
}

#[test]
fn symbols_of_a_cut_slice_are_asked_for_one_by_one() {
    let revision = Revision::new(4, 20_000, (52, 8), Code::Rs16(100));
    let (mut headend, mut stb) = on_air(&revision, 0.02, 1, 0);
    assert!(until_asked(&mut headend, &mut stb, 1_000, losing(15, 7)));
    let lacking = u64::from(stb.asked[0].lacking);
    stb.serve(&revision.bytes, 333);
    stb.assert_object(&revision.bytes);
    assert_eq!(stb.asked_bytes().div_ceil(52), lacking);
}

#[test]
fn with_enough_repair_symbols_nothing_is_asked() {
    for code in [Code::Rs8(30), Code::Rs16(200), Code::Raptorq(3)] {
        let revision = image(5, code);
        let (mut headend, mut stb) = on_air(&revision, 0.1, 1, 0);
        headend.play(&mut stb, 5, losing(2, 3));
        stb.assert_object(&revision.bytes);
        assert!(stb.asked.is_empty(), "{code:?}: {:?}", stb.asked);
        assert_eq!(stb.fetch.stats().http_bytes, 0);
    }
}

#[test]
fn what_comes_by_multicast_meanwhile_is_not_asked_for() {
    let revision = image(6, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 2, 0);
    assert!(until_asked(&mut headend, &mut stb, 1_000, |turn| turn % 4 == 1));
    assert_eq!(stb.asked[0].lacking, 50);
    // A slow server: one slice in the time of fifty.
    while !stb.is_over() {
        headend.turns(&mut stb, 50);
        if stb.under_way.is_some() {
            stb.give(&revision.bytes, 60);
            stb.finish();
        }
    }
    stb.assert_object(&revision.bytes);
    assert!((3..=6).contains(&stb.asked.len()), "{:?}", stb.asked);
    assert!(stb.asked.iter().all(|asked| asked.there == 0));
    assert!(stb.under_way.is_none(), "what is not needed any more is cancelled");
}

#[test]
fn a_box_that_is_not_allowed_to_asks_nobody() {
    let allowed: Hosts = Hosts::Listed(vec!["b.example".parse().unwrap()]);
    let listed = UnicastOptions::new(SERIAL.to_owned(), allowed);
    for unicast in [None, Some(listed)] {
        let revision = image(1, Code::None);
        let (mut headend, _) = on_air(&revision, 0.0, 1, 0);
        let mut stb = Stb::with(FetchOptions { unicast, ..options() });
        headend.play(&mut stb, 20, losing(30, 3));
        stb.assert_object(&revision.bytes);
        assert!(stb.asked.is_empty() && turn_event(&stb).is_none(), "{:?}", stb.asked);
    }
}

#[test]
fn a_large_repair_waits_for_another_cycle() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 1, 0);
    let joined = headend.now;
    assert!(until_asked(&mut headend, &mut stb, 5_000, losing(60, 7)));
    let cycles = headend.now.since(joined).0 / (SLICES * 1_000);
    // 0.6 ^ 3 is less than a quarter.
    assert!((2..=4).contains(&cycles), "{cycles} cycles");
    assert!(u64::from(stb.asked[0].lacking) * 4 <= SLICES, "{} lacking", stb.asked[0].lacking);
}

#[test]
fn what_never_comes_by_multicast_is_waited_for_eight_times_and_then_asked_for() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 2, 0);
    let joined = headend.now;
    assert!(until_asked(&mut headend, &mut stb, 5_000, |turn| turn % 2 == 1));
    assert_eq!(headend.now.since(joined).0 / (SLICES * 1_000), 10, "cycles");
    stb.serve(&revision.bytes, 10_000);
    stb.assert_object(&revision.bytes);
    assert_eq!(stb.asked.len(), 100);
}

#[test]
fn a_box_whose_channel_falls_silent_gets_the_rest_from_a_server_in_its_turn() {
    for percent_heard in [0, 60] {
        let revision = image(1, Code::Rs16(100));
        let (mut headend, mut stb) = on_air(&revision, 0.0, 2, 3_600);
        let own = delay(SERIAL, &revision.sha256(), Micros::from_secs(3_600));
        headend.turns(&mut stb, 1);
        headend.turns(&mut stb, percent_heard * 2);
        assert!(stb.joined(channel()) && stb.joined(companion()));
        let silent_at = headend.now;
        wait_until_asked(&mut stb);
        // Three attempts of ten seconds.
        let turn = silent_at.after(Micros::from_secs(30)).after(own);
        assert!(stb.now >= turn && stb.now <= turn.after(Micros::from_secs(1)), "{:?}", stb.now);
        let lacking = u64::from(stb.asked[0].lacking);
        stb.serve(&revision.bytes, 16_000);
        stb.assert_object(&revision.bytes);
        assert_eq!(stb.asked_bytes().div_ceil(60), lacking);
    }
}

#[test]
fn a_box_that_hears_the_channel_again_goes_back_to_multicast() {
    let revision = image(2, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 2, 3_600);
    headend.turns(&mut stb, 20);
    // Out of patience, but not of hope.
    stb.wait_until(headend.now.after(Micros::from_secs(100)));
    assert!(turn_event(&stb).is_some() && !stb.is_over());
    headend.now = stb.now;
    headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&revision.bytes);
    assert!(stb.asked.is_empty());
}

#[test]
fn a_box_whose_turn_is_beyond_its_patience_gives_up_at_once() {
    let revision = image(2, Code::None);
    let mut unicast = options().unicast.unwrap();
    let own = delay(SERIAL, &revision.sha256(), Micros::from_secs(3_600));
    for (patience, waits) in [(own, true), (Micros(own.0 - 1), false)] {
        unicast.patience = patience;
        let (mut headend, _) = on_air(&revision, 0.0, 2, 3_600);
        let mut stb = Stb::with(FetchOptions { unicast: Some(unicast.clone()), ..options() });
        headend.turns(&mut stb, 20);
        stb.wait_until(headend.now.after(Micros::from_secs(31)));
        assert_eq!(!stb.is_over(), waits);
    }
}

/// A box that may ask `list` at once, and the moment it asks.
fn asking(revision: &Revision, list: &str, ratio: f64) -> (Headend, Stb) {
    let mut headend = Headend::new(revision, ratio);
    headend.announce(vec![revision.served(list, 1, 0)]);
    let mut stb = Stb::with(options());
    assert!(until_asked(&mut headend, &mut stb, 1_000, always(&LOST)));
    (headend, stb)
}

/// Nothing of these slices is ever heard while time goes on, until something is asked for.
fn wait_on_air(headend: &mut Headend, stb: &mut Stb, turns: u64) -> bool {
    until_asked(headend, stb, turns, always(&LOST))
}

fn failed(stb: &Stb) -> Option<FetchError> {
    stb.events.iter().find_map(|event| match event {
        Event::Failed(error) => Some(*error),
        _ => None,
    })
}

#[test]
fn a_busy_server_is_asked_again_when_it_says_so() {
    for (said, waited) in [(Some(7), 7), (Some(1), 5), (Some(1_000_000), 86_400)] {
        let revision = image(1, Code::None);
        let (mut headend, mut stb) = asking(&revision, URL, 0.0);
        headend.turns(&mut stb, 1);
        let busy_at = stb.now;
        stb.answer(Answer::Busy { retry_after: said.map(Micros::from_secs) });
        assert!(stb.under_way.is_none());
        let at = busy_at.after(Micros::from_secs(waited));
        assert_eq!(stb.fetch.wake_at().map(|wake| wake <= at), Some(true));
        if waited < 60 {
            assert!(!wait_on_air(&mut headend, &mut stb, waited * 1_000 - 10), "not before");
            assert!(wait_on_air(&mut headend, &mut stb, 20));
            stb.serve(&revision.bytes, 1_000);
            stb.assert_object(&revision.bytes);
        }
    }
}

#[test]
fn when_one_server_fails_the_next_is_asked_and_then_the_first_again_later() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = asking(&revision, "http://a.example/x http://b.example/x", 0.0);
    let first = stb.asked[0].url();
    stb.answer(Answer::Failed(UnicastError::Unreachable));
    assert!(stb.under_way.is_some(), "the next one at once");
    let second = stb.asked[1].url();
    assert_ne!(first, second);
    stb.answer(Answer::Failed(UnicastError::Status { status: 404 }));
    assert!(stb.under_way.is_none());
    assert!(!wait_on_air(&mut headend, &mut stb, 4_900), "not before five seconds");
    assert!(wait_on_air(&mut headend, &mut stb, 5_200));
    assert_eq!(stb.asked[2].url(), first);
    stb.serve(&revision.bytes, 1_000);
    stb.assert_object(&revision.bytes);
    let failures = stb.events.iter().filter(|event| matches!(event, Event::UnicastFailed { .. }));
    assert_eq!(failures.count(), 2);
}

#[test]
fn servers_that_always_fail_are_asked_a_few_times_and_the_fetch_ends_as_without_them() {
    let revision = image(1, Code::None);
    let list = "http://a.example/x http://b.example/x";
    let mut headend = Headend::new(&revision, 0.0);
    headend.announce(vec![revision.served(list, 1, 0)]);
    let mut stb = Stb::with(options());
    headend.turns(&mut stb, 100);
    while wait_until_asked(&mut stb) {
        stb.answer(Answer::Failed(UnicastError::Unreachable));
    }
    let timeout = Micros::from_secs(10);
    assert_eq!(failed(&stb), Some(FetchError::Silent { attempts: 3, timeout }));
    assert_eq!(stb.asked.len(), 10);
    assert!(stb.now < headend.now.after(Micros::from_secs(300)), "{:?}", stb.now);
}

#[test]
fn while_multicast_goes_on_failing_servers_harm_nobody() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = asking(&revision, URL, 0.0);
    loop {
        stb.answer(Answer::Failed(UnicastError::Protocol));
        if !wait_on_air(&mut headend, &mut stb, 100_000) {
            break;
        }
    }
    assert_eq!(stb.asked.len(), 5);
    assert!(!stb.is_over());
    headend.turns(&mut stb, 210);
    stb.assert_object(&revision.bytes);
}

#[test]
fn what_a_lying_server_gave_is_dropped_and_fetched_elsewhere_before_anything_else_is_doubted() {
    for (code, ratio) in [(Code::None, 0.0), (Code::Rs8(30), 0.001), (Code::Rs16(100), 0.02)] {
        let revision = image(1, code);
        let list = "http://a.example/x http://b.example/x";
        let (mut headend, mut stb) = asking(&revision, list, ratio);
        let (liar, lies) = (stb.asked[0].url(), vec![0x55; revision.bytes.len()]);
        while stb.under_way.is_some() && stb.asked.last().unwrap().url() == liar {
            stb.give(&lies, 50);
            stb.finish();
        }
        if stb.under_way.is_none() {
            assert!(wait_on_air(&mut headend, &mut stb, 10), "{code:?}: {:?}", stb.events);
        }
        let dropped = stb.events.iter().any(|it| matches!(it, Event::UnicastDropped { .. }));
        assert!(dropped, "{code:?}: {:?}", stb.events);
        assert_ne!(stb.asked.last().unwrap().url(), liar);
        stb.serve(&revision.bytes, 50);
        stb.assert_object(&revision.bytes);
        let doubted = stb.events.iter().any(|it| matches!(it, Event::DigestFailed { .. }));
        assert!(!doubted, "{code:?}: multicast was not doubted");
        assert_eq!(stb.storage.begun, 1, "{code:?}: what multicast brought stays");
    }
}

#[test]
fn where_the_only_server_lies_multicast_brings_the_rest() {
    let revision = image(1, Code::Rs16(100));
    let (mut headend, mut stb) = asking(&revision, URL, 0.0);
    stb.serve(&vec![0x55; revision.bytes.len()], 1_000);
    assert!(!wait_on_air(&mut headend, &mut stb, 1_000), "it is not asked again");
    headend.turns(&mut stb, 210);
    stb.assert_object(&revision.bytes);
    assert!(stb.events.iter().all(|event| !matches!(event, Event::DigestFailed { .. })));
}

#[test]
fn wrong_slices_are_found_though_servers_were_doubted_first() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = asking(&revision, URL, 0.0);
    // Somebody forged a slice, and the server is honest.
    stb.storage.memory.write(Area::Slot, 600, &[0x55; 60]).unwrap();
    stb.serve(&revision.bytes, 1_000);
    assert!(!stb.is_over());
    headend.play(&mut stb, 10, |_| false);
    stb.assert_object(&revision.bytes);
}

#[test]
fn a_server_that_says_it_has_another_object_is_not_believed() {
    let revision = image(1, Code::None);
    let length = revision.bytes.len() as u64;
    for (length, sha256) in [(length, Some([7; 32])), (length + 1, None)] {
        let (mut headend, mut stb) = asking(&revision, URL, 0.0);
        stb.give(&vec![0x55; revision.bytes.len()], 1_000);
        stb.answer(Answer::Done { length, sha256 });
        assert!(stb.events.contains(&Event::UnicastDropped { symbols: 4 }), "{:?}", stb.events);
        assert!(!wait_on_air(&mut headend, &mut stb, 100_000));
        headend.turns(&mut stb, 210);
        stb.assert_object(&revision.bytes);
    }
    let (_, mut stb) = asking(&revision, URL, 0.0);
    stb.give(&revision.bytes, 1_000);
    stb.answer(Answer::Done { length, sha256: Some(revision.sha256()) });
    stb.serve(&revision.bytes, 1_000);
    stb.assert_object(&revision.bytes);
}

#[test]
fn what_came_before_an_answer_was_cut_off_counts() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = asking(&revision, URL, 0.0);
    assert_eq!(stb.asked[0].bytes(), 240, "slices 77 to 80");
    stb.give(&revision.bytes, 70);
    stb.answer(Answer::Failed(UnicastError::Cut { bytes: 70 }));
    assert!(wait_on_air(&mut headend, &mut stb, 11_000));
    stb.serve(&revision.bytes, 1_000);
    stb.assert_object(&revision.bytes);
    // One slice of the four was whole.
    assert_eq!(stb.asked_bytes(), 240 + 120 + 180);
    // An answer that is too short and says it is complete is a failure, too.
    let (_, mut stb) = asking(&revision, URL, 0.0);
    stb.give(&revision.bytes, 70);
    stb.answer(Answer::Done { length: revision.bytes.len() as u64, sha256: None });
    assert!(stb.under_way.is_none() && !stb.is_over());
    assert!(stb.events.iter().any(|event| matches!(event, Event::UnicastFailed { .. })));
}

#[test]
fn a_server_that_drips_is_given_up() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = asking(&revision, URL, 0.0);
    let asked_at = stb.asked[0].at;
    while stb.cancelled == 0 {
        stb.give(&revision.bytes, 1);
        assert!(!until_over(&mut headend, &mut stb, 5_000));
    }
    assert!(stb.now.since(asked_at) < Micros::from_secs(60), "{:?}", stb.now);
    let slow = Answer::Failed(UnicastError::Silent);
    assert!(
        stb.events
            .iter()
            .any(|event| matches!(event, Event::UnicastFailed { answer, .. } if *answer == slow))
    );
}

/// Time goes on with the same slices lost; whether the fetch is over.
fn until_over(headend: &mut Headend, stb: &mut Stb, turns: u64) -> bool {
    let mut lost = always(&LOST);
    for _ in 0..turns {
        let is_lost = lost(headend.sent);
        for one in headend.turn() {
            if !one.carries_symbol || !is_lost {
                stb.hear(headend.now, &one);
            }
        }
    }
    stb.is_over()
}

#[test]
fn bytes_that_were_not_asked_for_are_not_written() {
    let revision = image(1, Code::None);
    let junk = [0x55; 400];
    for (offset, length) in
        [(0, 60), (77 * 60 + 1, 60), (77 * 60, 241), (77 * 60, 0), (u64::MAX, 9)]
    {
        let (mut headend, mut stb) = asking(&revision, URL, 0.0);
        let (id, writes) = (stb.under_way.as_ref().unwrap().0.id, stb.storage.writes);
        stb.give_at(id, offset, &junk[..length]);
        assert_eq!((stb.cancelled, stb.storage.writes), (1, writes), "{offset}, {length}");
        // Of another request, or late.
        stb.give_at(id, 77 * 60, &junk[..60]);
        stb.give_at(id + 1, 77 * 60, &junk[..60]);
        stb.input(Input::Answered { id, answer: Answer::Busy { retry_after: None } }, &[]);
        assert_eq!(stb.storage.writes, writes);
        headend.turns(&mut stb, 210);
        stb.assert_object(&revision.bytes);
    }
}

#[test]
fn a_headend_that_announces_no_server_any_more_stops_all_boxes_at_once() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = asking(&revision, URL, 0.0);
    headend.announce(vec![revision.file()]);
    assert!(!until_over(&mut headend, &mut stb, 1_100));
    assert_eq!((stb.under_way.is_some(), stb.cancelled), (false, 1));
    assert!(!wait_on_air(&mut headend, &mut stb, 10_000));
    // Announced again, each box waits for its turn again.
    headend.announce(vec![revision.served(URL, 1, 20)]);
    let from = headend.now;
    assert!(wait_on_air(&mut headend, &mut stb, 25_000));
    let own = delay(SERIAL, &revision.sha256(), Micros::from_secs(20));
    assert!(stb.now >= from.after(own), "{:?}", stb.now);
    stb.serve(&revision.bytes, 1_000);
    stb.assert_object(&revision.bytes);
}

#[test]
fn a_window_made_shorter_does_not_gather_those_whose_turn_would_have_been() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 1, 86_400);
    assert!(!wait_on_air(&mut headend, &mut stb, 60_000));
    headend.announce(vec![revision.served(URL, 1, 40)]);
    let from = headend.now;
    assert!(wait_on_air(&mut headend, &mut stb, 45_000));
    let own = delay(SERIAL, &revision.sha256(), Micros::from_secs(40));
    assert!(stb.now >= from.after(own), "{:?}", stb.now);
}

#[test]
fn nothing_is_asked_of_a_revision_that_is_on_its_way_out() {
    let (old, new) = (image(1, Code::Rs16(100)), image(2, Code::Rs16(100)));
    let (mut headend, mut stb) = asking(&old, URL, 0.001);
    stb.answer(Answer::Failed(UnicastError::Unreachable));
    headend.ratio = 0.0;
    headend.announce(vec![new.served(URL, 1, 0)]);
    assert!(!wait_on_air(&mut headend, &mut stb, 20_000));
    // What was asked for is of no use once the new one is on air.
    headend.send(&new);
    headend.repair(&new);
    headend.ratio = 0.005;
    assert!(wait_on_air(&mut headend, &mut stb, 1_000));
    stb.serve(&new.bytes, 1_000);
    stb.assert_object(&new.bytes);
}

#[test]
fn a_request_under_way_ends_when_another_revision_is_on_air() {
    let (old, new) = (image(1, Code::Rs16(100)), image(2, Code::Rs16(100)));
    let (mut headend, mut stb) = asking(&old, URL, 0.001);
    headend.announce(vec![new.file()]);
    assert!(!until_over(&mut headend, &mut stb, 1_100));
    assert!(stb.under_way.is_some());
    headend.send(&new);
    headend.repair(&new);
    headend.ratio = 0.2;
    headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&new.bytes);
    assert_eq!((stb.under_way.is_some(), stb.cancelled), (false, 1));
}

#[test]
fn after_a_power_cut_of_all_boxes_they_ask_as_evenly_as_before() {
    let revision = image(1, Code::None);
    let asked_at = |serial: u32| {
        let unicast = UnicastOptions::new(serial.to_string(), Hosts::Any);
        let mut headend = Headend::new(&revision, 0.0);
        headend.announce(vec![revision.served(URL, 1, 1_000)]);
        let mut stb = Stb::with(FetchOptions { unicast: Some(unicast), ..options() });
        headend.turns(&mut stb, 5);
        wait_until_asked(&mut stb);
        stb.now
    };
    let times: Vec<Micros> = (0..300).map(asked_at).collect();
    let first = *times.iter().min().unwrap();
    for tenth in 0..10 {
        let within = Micros::from_secs(tenth * 100)..Micros::from_secs((tenth + 1) * 100);
        let count = times.iter().filter(|at| within.contains(&at.since(first))).count();
        assert!((12..=50).contains(&count), "{count} of 300 in the tenth {tenth}");
    }
    assert!((0..20).all(|serial| asked_at(serial) == times[serial as usize]));
}

#[test]
fn a_file_of_a_flute_session_is_asked_for_as_well() {
    let bytes = image(5, Code::None).bytes;
    let fti = Fti::new(Scheme::NoCode { block_symbols: 64 }, bytes.len() as u64, 60).unwrap();
    let target = Target::Flute { group: channel(), name: FileName::new("image").unwrap() };
    let location = target.to_string();
    let mut file = File::new(&location, 7).unwrap().with_fti(fti);
    file.sha256 = Some(Sha256::digest(&bytes).into());
    let unicast = Unicast::new(Alternates::new(URL).unwrap(), 2.try_into().unwrap(), 0);
    file.announced.unicast = Some(unicast.unwrap());
    let settings = CarouselSettings::new(1, 1_000_000);
    let entry = Entry { file, object: 0, repair: None };
    let mut carousel = Carousel::new(settings, vec![entry], START).unwrap();
    let mut stb = Stb::fetching(target, FetchOptions { announce: None, ..options() });
    let mut symbols = 0;
    for at in 1_u64..2_000 {
        let now = Micros::from_millis(at);
        let (bytes, is_lost) = match carousel.next(now, START.after(now)) {
            Step::Fdt(bytes) => (bytes, false),
            Step::Datagram(datagram) => {
                symbols += 1;
                let body = datagram.body.start as usize..datagram.body.end as usize;
                let whole = [&datagram.head[..], &bytes[body], &datagram.tail[..]].concat();
                (whole, symbols % 20 == 3)
            }
            _ => continue,
        };
        if !is_lost {
            stb.hear(now, &Sent { group: channel(), bytes, carries_symbol: true });
        }
        if stb.under_way.is_some() {
            break;
        }
    }
    assert!((400..=410).contains(&symbols), "{symbols}: {:?} {:?}", stb.events, stb.fetch.stats());
    stb.serve(&bytes, 100);
    stb.assert_object(&bytes);
    assert_eq!(stb.asked_bytes(), 600);
}

/// What a server does with a request.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Honest,
    Lying,
    Cut,
    Busy,
    Gone,
    Changed,
    Short,
    Misplaced,
}

/// A server answers the request under way in its manner.
fn serve_once(stb: &mut Stb, object: &[u8], manner: Manner, chunk: usize) {
    let (request, next) = stb.under_way.clone().unwrap();
    let length = object.len() as u64;
    let lies: Vec<u8> = object.iter().map(|byte| byte ^ 0x55).collect();
    let all = (request.to.unwrap() - next) as usize;
    let (bytes, parts) = match manner {
        Manner::Honest => (object, all),
        Manner::Lying => (&lies[..], all),
        Manner::Cut | Manner::Short => (object, all / 2),
        Manner::Misplaced => return stb.give_at(request.id, next + 1, &object[..1]),
        Manner::Busy | Manner::Gone | Manner::Changed => (object, 0),
    };
    let mut given = 0;
    while given < parts && stb.under_way.is_some() {
        let now = chunk.min(parts - given);
        stb.give(bytes, now);
        given += now;
    }
    if stb.under_way.is_some() {
        stb.answer(match manner {
            Manner::Honest | Manner::Lying | Manner::Short => Answer::Done { length, sha256: None },
            Manner::Cut => Answer::Failed(UnicastError::Cut { bytes: parts as u64 }),
            Manner::Busy => Answer::Busy { retry_after: Some(Micros::from_millis(20)) },
            Manner::Gone | Manner::Misplaced => Answer::Failed(UnicastError::Unreachable),
            Manner::Changed => Answer::Failed(UnicastError::Changed),
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_servers_do_and_whatever_is_lost_the_object_is_the_announced_one(
        seed in 1u64..1_000,
        code in prop_oneof![
            Just(Code::None), Just(Code::Rs8(30)), Just(Code::Rs16(61)), Just(Code::Rs16(200)),
        ],
        percent in 0u64..60,
        ratio in prop_oneof![Just(0.0), Just(0.02), Just(0.2)],
        manners in proptest::collection::vec(
            prop_oneof![
                4 => Just(Manner::Honest), 1 => Just(Manner::Lying), 1 => Just(Manner::Cut),
                1 => Just(Manner::Busy), 1 => Just(Manner::Gone), 1 => Just(Manner::Changed),
                1 => Just(Manner::Short), 1 => Just(Manner::Misplaced),
            ],
            1..12,
        ),
        (after_cycles, chunk, pause) in (1u8..4, 1usize..5_000, 1u64..400),
    ) {
        let revision = image(seed, code);
        let mut headend = Headend::new(&revision, ratio);
        let list = "http://a.example/x http://b.example/x http://c.example/x";
        headend.announce(vec![revision.served(list, after_cycles, 0)]);
        let mut stb = Stb::with(options());
        let (mut is_lost, mut turn) = (losing(percent, seed), 0);
        let mut manners = manners.iter().cycle();
        while !stb.is_over() && turn < 60_000 {
            turn += 1;
            for (at, one) in (0..).zip(headend.turn()) {
                if !one.carries_symbol || !is_lost(turn * 8 + at) {
                    stb.hear(headend.now, &one);
                }
            }
            if stb.under_way.is_some() && turn % pause == 0 {
                serve_once(&mut stb, &revision.bytes, *manners.next().unwrap(), chunk);
            }
        }
        prop_assert!(stb.object() == Some(&revision.bytes[..]), "{:?}", stb.events.last());
        let cycles = Micros::from_millis(SLICES * u64::from(after_cycles));
        // What was dropped is asked for again, over what is there.
        let dropped = |event: &Event| matches!(event, Event::UnicastDropped { .. });
        let was_dropped = stb.events.iter().any(dropped);
        for asked in &stb.asked {
            prop_assert!(asked.there == 0 || was_dropped, "held already: {:?}", asked);
            prop_assert!(asked.bytes().div_ceil(60) <= u64::from(asked.lacking), "{:?}", asked);
            prop_assert!(asked.at >= cycles, "too early: {:?}", asked);
        }
    }
}

#[test]
fn nothing_is_asked_of_an_empty_object() {
    let revision = Revision::new(1, 0, (60, 1), Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 1, 0);
    // The announcement alone, then silence.
    for one in headend.turn().into_iter().filter(|one| one.group == announce()) {
        stb.hear(headend.now, &one);
    }
    assert!(!wait_until_asked(&mut stb), "{:?}", stb.asked);
    assert!(failed(&stb).is_some());
}

#[test]
fn a_revision_announced_while_the_channel_is_silent_is_got_from_servers() {
    // Before the box has given the channel up, and afterwards.
    for later in [0, 100] {
        let (old, new) = (image(1, Code::Rs16(100)), image(2, Code::Rs16(100)));
        let (mut headend, mut stb) = on_air(&old, 0.01, 2, 3_600);
        headend.turns(&mut stb, 60);
        stb.wait_until(headend.now.after(Micros::from_secs(later)));
        headend.now = stb.now;
        headend.announce(vec![new.served(URL, 2, 60)]);
        for one in headend.turn().into_iter().filter(|one| one.group == announce()) {
            stb.hear(headend.now, &one);
        }
        assert!(wait_until_asked(&mut stb), "{:?}", stb.events);
        stb.serve(&new.bytes, 5_000);
        stb.assert_object(&new.bytes);
    }
}

#[test]
fn what_is_wrong_when_the_channel_falls_silent_is_got_anew_from_servers() {
    let revision = image(1, Code::None);
    let (mut headend, mut stb) = on_air(&revision, 0.0, 9, 60);
    headend.turns(&mut stb, 100);
    // Somebody forged a slice; nobody comes to tell which.
    stb.storage.memory.write(Area::Slot, 600, &[0x55; 60]).unwrap();
    headend.turns(&mut stb, 101);
    assert!(stb.events.iter().any(|event| matches!(event, Event::DigestFailed { .. })));
    assert!(wait_until_asked(&mut stb), "{:?}", stb.events);
    stb.serve(&revision.bytes, 5_000);
    stb.assert_object(&revision.bytes);
    assert_eq!(stb.asked_bytes(), revision.bytes.len() as u64);
}
