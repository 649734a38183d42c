//! An announced object with repair symbols, whatever is lost.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod headend;

use headend::{Code, Headend, Revision, Stb, announce, companion, losing};
use stbcast_object::Micros;
use stbcast_receiver::{Event, FetchOptions, NoRepair, PlainReason, RecoveryOutcome, limits};

const CODES: [Code; 6] = [
    Code::Rs8(200),
    Code::Rs8(30),
    Code::Rs16(200),
    Code::Rs16(61),
    Code::Raptorq(1),
    Code::Raptorq(3),
];

fn image(seed: u64, code: Code) -> Revision {
    Revision::new(seed, 200 * 60 - 17, (60, 1), code)
}

#[test]
fn without_loss_it_is_complete_after_as_many_datagrams_as_it_has_symbols() {
    for code in CODES {
        let revision = image(1, code);
        let mut stb = Stb::new();
        let sent = Headend::new(&revision, 0.2).play(&mut stb, 3, |_| false);
        stb.assert_object(&revision.bytes);
        // One block is exact. Several do not end with the same datagram; those of RaptorQ come one
        // after the other, so that repair symbols of those before are of no use.
        let most = match (revision.geometry.unwrap().blocks(), code) {
            (1, Code::Raptorq(_)) => 201,
            (1, _) => 200,
            (_, Code::Raptorq(_)) => 240,
            (blocks, _) => 200 + 2 * u64::from(blocks),
        };
        assert!((200..=most).contains(&sent), "{code:?}: {sent}");
    }
}

#[test]
fn whatever_is_lost_the_object_is_complete_and_equal() {
    for code in CODES {
        for (percent, seed) in [(1, 1), (5, 2), (5, 3), (20, 4), (50, 5)] {
            let revision = image(seed, code);
            let mut stb = Stb::new();
            let sent = Headend::new(&revision, 0.3).play(&mut stb, 20, losing(percent, seed));
            stb.assert_object(&revision.bytes);
            let received = stb.fetch.stats().wanted();
            assert!(received <= sent && received >= 200, "{code:?}, {percent} %");
            let digest = Some(revision.sha256());
            let verified = stb
                .events
                .iter()
                .any(|event| matches!(event, Event::Complete { sha256, .. } if *sha256 == digest));
            assert!(verified, "{code:?}, {percent} %: {:?}", stb.events);
        }
    }
}

#[test]
fn with_repair_a_loss_costs_what_was_lost_and_without_it_whole_cycles() {
    let revision = image(6, Code::Rs16(200));
    let mut stb = Stb::new();
    let sent = Headend::new(&revision, 0.2).play(&mut stb, 3, losing(10, 9));
    stb.assert_object(&revision.bytes);
    assert!(sent < 240, "{sent}");
    let mut stb = Stb::with(FetchOptions::default());
    let sent = Headend::new(&revision, 0.0).play(&mut stb, 20, losing(10, 9));
    stb.assert_object(&revision.bytes);
    assert!(sent > 400, "{sent}");
}

#[test]
fn every_cut_of_an_object_is_put_together() {
    let cuts = [
        // Length, symbol bytes, symbols of a slice, code.
        (1, (60, 1), Code::Rs8(1)),
        (59, (60, 1), Code::Rs16(1)),
        (60, (60, 1), Code::Rs8(1)),
        (61, (60, 1), Code::Rs8(2)),
        (10_001, (61, 1), Code::Rs16(164)),
        (10_001, (61, 1), Code::Rs16(50)),
        (10_001, (61, 1), Code::Rs8(33)),
        (10_001, (61, 1), Code::Raptorq(2)),
        (20_000, (52, 8), Code::Rs16(100)),
        (20_000, (53, 3), Code::Rs16(378)),
        (20_000, (53, 2), Code::Rs8(100)),
        (20_000, (40, 4), Code::Raptorq(3)),
        (300_000, (300, 1), Code::Rs8(7)),
    ];
    for (length, (symbol, parts), code) in cuts {
        let revision = Revision::new(11, length, (symbol, parts), code);
        for (join, percent) in [(0, 0), (0, 15), (3, 15), (revision.slices() / 2, 15)] {
            let mut headend = Headend::new(&revision, 0.25);
            headend.skip(join);
            let mut stb = Stb::new();
            headend.play(&mut stb, 30, losing(percent, u64::from(join)));
            stb.assert_object(&revision.bytes);
        }
    }
}

#[test]
fn an_empty_object_is_an_object() {
    let revision = Revision::new(1, 0, (60, 1), Code::None);
    let mut stb = Stb::new();
    Headend::new(&revision, 0.0).play(&mut stb, 1, |_| false);
    stb.assert_object(&[]);
}

#[test]
fn a_box_that_joins_at_any_moment_needs_one_cycle() {
    let revision = image(7, Code::Rs16(100));
    for join in (0..200).step_by(13) {
        let mut headend = Headend::new(&revision, 0.2);
        headend.skip(join);
        let mut stb = Stb::new();
        let sent = headend.play(&mut stb, 3, losing(5, u64::from(join)));
        stb.assert_object(&revision.bytes);
        assert!(sent < 245, "joined at {join}: {sent}");
    }
}

#[test]
fn an_object_announced_without_repair_is_verified_all_the_same() {
    let revision = image(8, Code::None);
    let mut stb = Stb::new();
    Headend::new(&revision, 0.0).play(&mut stb, 20, losing(10, 1));
    stb.assert_object(&revision.bytes);
    assert!(stb.events.contains(&Event::NoRepair(NoRepair::NotSent)), "{:?}", stb.events);
    assert_eq!(stb.fetch.stats().repair_stored, 0);
}

#[test]
fn blocks_are_recovered_one_at_a_time_while_reception_goes_on() {
    let revision = image(12, Code::Rs8(10));
    let mut headend = Headend::new(&revision, 0.4);
    let mut stb = Stb::new();
    stb.storage.slow = true;
    let mut is_lost = losing(20, 5);
    let (mut count, mut went_on) = (0, 0);
    while !stb.is_over() {
        for one in headend.turn() {
            count += 1;
            assert!(count < 5_000, "not complete");
            let before = stb.fetch.progress().held;
            if !one.carries_symbol || !is_lost(count) {
                stb.hear(headend.now, &one);
            }
            let waits = stb.storage.waiting.is_some();
            went_on += u32::from(waits && stb.fetch.progress().held > before);
        }
        if count % 7 == 0 {
            stb.recover();
        }
    }
    stb.assert_object(&revision.bytes);
    assert!(stb.storage.recoveries > 10, "{}", stb.storage.recoveries);
    assert!(went_on > 20, "symbols counted while a block was recovered: {went_on}");
    assert_eq!(stb.fetch.stats().recovered_blocks, u64::from(stb.storage.recoveries));
}

#[test]
fn progress_is_exact_and_never_goes_back() {
    let revision = image(13, Code::Rs16(100));
    let mut headend = Headend::new(&revision, 0.3);
    let mut stb = Stb::new();
    let (mut is_lost, mut held) = (losing(20, 1), 0);
    for count in 0..2_000 {
        for one in headend.turn() {
            if !one.carries_symbol || !is_lost(count) {
                stb.hear(headend.now, &one);
            }
            let progress = stb.fetch.progress();
            assert!(progress.held >= held && progress.held <= progress.total);
            assert!(progress.total == 200 || held == 0);
            assert_eq!(progress.held == 200, stb.is_over(), "whole when it counts as whole");
            held = progress.held;
        }
        if stb.is_over() {
            break;
        }
    }
    stb.assert_object(&revision.bytes);
}

#[test]
fn a_block_that_wants_one_more_symbol_gets_it() {
    for code in [Code::Raptorq(1), Code::Raptorq(3)] {
        let revision = image(14, code);
        let mut stb = Stb::new();
        stb.storage.answers = vec![RecoveryOutcome::WantsMore; 3];
        Headend::new(&revision, 0.3).play(&mut stb, 5, losing(10, 2));
        stb.assert_object(&revision.bytes);
        let blocks = revision.geometry.unwrap().blocks();
        assert!(stb.storage.recoveries > 3 && stb.storage.recoveries <= 3 + blocks);
    }
}

#[test]
fn a_storage_that_cannot_recover_is_fetched_into_without_repair() {
    let revision = image(15, Code::Rs8(50));
    let mut stb = Stb::new();
    stb.storage.answers = vec![RecoveryOutcome::Failed];
    Headend::new(&revision, 0.3).play(&mut stb, 20, losing(10, 3));
    stb.assert_object(&revision.bytes);
    assert!(stb.events.contains(&Event::NoRepair(NoRepair::Failed)), "{:?}", stb.events);
    assert_eq!(stb.storage.recoveries, 1);
}

#[test]
fn with_too_little_memory_it_is_fetched_without_repair() {
    let revision = image(16, Code::Rs16(200));
    let options = FetchOptions {
        announce: Some(announce()),
        memory_bytes: 9 << 20,
        ..FetchOptions::default()
    };
    let mut stb = Stb::with(options);
    Headend::new(&revision, 0.3).play(&mut stb, 20, losing(10, 4));
    stb.assert_object(&revision.bytes);
    let told = stb.events.iter().any(|event| {
        matches!(event, Event::NoRepair(NoRepair::Memory { .. } | NoRepair::Setup(_)))
    });
    assert!(told, "{:?}", stb.events);
    assert_eq!(stb.storage.recoveries, 0);
}

#[test]
fn a_silent_announce_group_does_not_keep_the_box_from_booting() {
    let revision = image(17, Code::Rs16(200));
    let mut headend = Headend::new(&revision, 0.0);
    let mut stb = Stb::new();
    stb.wait_until(limits::TIMEOUT);
    assert!(stb.joined(headend::channel()) && !stb.joined(announce()));
    headend.now = stb.now;
    headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&revision.bytes);
    assert_eq!(stb.events.first(), Some(&Event::Plain(PlainReason::AnnounceSilent)));
}

#[test]
fn an_object_that_is_not_announced_is_fetched_as_it_comes() {
    let revision = image(18, Code::Rs16(200));
    let mut headend = Headend::new(&revision, 0.0);
    let other = stbcast_flute::fdt::File::new("infocast://239.255.2.11:22222/other", 5);
    headend.announce(vec![other.unwrap()]);
    let mut stb = Stb::new();
    headend.play(&mut stb, 40, |_| false);
    stb.assert_object(&revision.bytes);
    assert_eq!(stb.events.first(), Some(&Event::Plain(PlainReason::NotAnnounced)));
    let waited = limits::ANNOUNCED_WITHIN.after(Micros::from_secs(1));
    assert!(stb.now <= waited, "a few seconds at most: {}", stb.now);
}

#[test]
fn an_object_made_at_send_time_is_fetched_as_it_comes() {
    let revision = image(19, Code::None);
    let mut headend = Headend::new(&revision, 0.0);
    for (sha256, length, slice) in [(false, true, true), (true, false, true), (true, true, false)] {
        let mut file = revision.file();
        file.sha256 = file.sha256.filter(|_| sha256);
        file.content_bytes = file.content_bytes.filter(|_| length);
        file.announced.slice_bytes = file.announced.slice_bytes.filter(|_| slice);
        headend.announce(vec![file]);
        let mut stb = Stb::new();
        stb.wait_until(headend.now);
        headend.play(&mut stb, 3, |_| false);
        stb.assert_object(&revision.bytes);
        assert_eq!(stb.events.first(), Some(&Event::Plain(PlainReason::NotDescribed)));
    }
}

#[test]
fn a_companion_alone_describes_the_object() {
    let revision = image(20, Code::Rs16(200));
    let options = FetchOptions { repair: Some(companion()), ..FetchOptions::default() };
    let mut stb = Stb::with(options);
    let sent = Headend::new(&revision, 0.2).play(&mut stb, 3, losing(5, 1));
    stb.assert_object(&revision.bytes);
    assert!(sent < 240, "{sent}");
}

#[test]
fn a_companion_named_by_the_user_takes_the_place_of_the_announced_one() {
    let revision = image(21, Code::Rs16(200));
    let mut headend = Headend::new(&revision, 0.2);
    let mut elsewhere = revision.file();
    elsewhere.announced.companion =
        Some(stbcast_flute::fdt::Companion { group: headend::group(77), tsi: 1 });
    headend.announce(vec![elsewhere]);
    let options = FetchOptions {
        announce: Some(announce()),
        repair: Some(companion()),
        ..FetchOptions::default()
    };
    let mut stb = Stb::with(options);
    let sent = headend.play(&mut stb, 3, losing(5, 1));
    stb.assert_object(&revision.bytes);
    assert!(sent < 240, "{sent}");
}

#[test]
fn a_channel_that_falls_silent_costs_an_attempt_and_what_is_held_stays() {
    let revision = image(22, Code::Rs16(200));
    let mut headend = Headend::new(&revision, 0.2);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 100);
    let held = stb.fetch.progress().held;
    headend.now = headend.now.after(limits::TIMEOUT);
    stb.wait_until(headend.now);
    assert_eq!(stb.events.last(), Some(&Event::AttemptFailed { attempt: 1 }));
    assert_eq!((stb.fetch.progress().held, stb.groups.len()), (held, 3));
    let sent = headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&revision.bytes);
    assert!(sent < 110, "{sent}");
    let mut stb = Stb::new();
    headend.turns(&mut stb, 10);
    stb.wait_until(headend.now.after(Micros::from_secs(1_000)));
    assert!(matches!(stb.events.last(), Some(Event::Failed(_))), "{:?}", stb.events);
    assert!(stb.groups.is_empty());
}
