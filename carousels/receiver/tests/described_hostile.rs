//! Wrong input: refused, counted, and never installed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod headend;

use headend::{Code, Headend, Revision, Sent, Stb, announce, channel, companion, losing};
use proptest::prelude::*;
use stbcast_flute::{Entry, Share, Step, crc32};
use stbcast_object::Micros;
use stbcast_receiver::{Event, FetchError, FetchOptions};

fn image(seed: u64, code: Code) -> Revision {
    Revision::new(seed, 200 * 60 - 17, (60, 1), code)
}

/// A revision with the descriptions of `true_one`, and wrong repair symbols under valid checks.
fn forged(true_one: &Revision) -> Revision {
    let mut forged = true_one.clone();
    forged.store.iter_mut().for_each(|byte| *byte ^= 0x5a);
    forged
}

/// The first `count` symbols that a companion of this revision sends.
fn companion_symbols(revision: &Revision, count: usize) -> Vec<Sent> {
    let mut headend = Headend::new(revision, 1.0);
    let mut symbols = Vec::new();
    while symbols.len() < count {
        let sent = headend.turn();
        symbols
            .extend(sent.into_iter().filter(|one| one.group == companion() && one.carries_symbol));
    }
    symbols.truncate(count);
    symbols
}

fn digest_failures(stb: &Stb) -> usize {
    stb.events.iter().filter(|event| matches!(event, Event::DigestFailed { .. })).count()
}

#[test]
fn a_forged_repair_symbol_costs_its_block_and_never_installs_a_wrong_byte() {
    for code in [Code::Rs8(25), Code::Rs16(50), Code::Raptorq(4)] {
        let revision = image(41, code);
        let mut headend = Headend::new(&revision, 0.3);
        let mut stb = Stb::new();
        headend.turns(&mut stb, 20);
        let forgery = companion_symbols(&forged(&revision), 40).pop().unwrap();
        let before = stb.fetch.stats().repair_stored;
        stb.hear(headend.now, &forgery);
        assert_eq!(stb.fetch.stats().repair_stored, before + 1, "{code:?}: it looks true");
        let sent = headend.play(&mut stb, 20, losing(20, 3));
        stb.assert_object(&revision.bytes);
        assert_eq!(digest_failures(&stb), 1, "{code:?}: {:?}", stb.events);
        assert_eq!(stb.storage.begun, 1, "{code:?}: nothing but the block was dropped");
        assert!(sent < 900, "{code:?}: {sent}");
    }
}

#[test]
fn a_forged_slice_is_found_and_replaced() {
    for (code, ratio) in [(Code::Rs8(25), 0.3), (Code::Rs16(200), 0.3), (Code::None, 0.0)] {
        let revision = image(42, code);
        let mut headend = Headend::new(&revision, ratio);
        let mut stb = Stb::new();
        headend.turns(&mut stb, 20);
        let mut forgery = headend.turn().into_iter().find(|one| one.group == channel()).unwrap();
        forgery.bytes[50] ^= 1;
        stb.hear(headend.now, &forgery);
        let sent = headend.play(&mut stb, 30, losing(10, 4));
        stb.assert_object(&revision.bytes);
        // What was recovered with it differs, too, and may be found first.
        let failures = digest_failures(&stb);
        assert!((1..=2).contains(&failures), "{code:?}: {:?}", stb.events);
        assert_eq!(stb.storage.begun, 1, "{code:?}: nothing else was dropped");
        assert!(sent < 2_000, "{code:?}: {sent}");
    }
}

#[test]
fn several_forgeries_at_once_are_found_too() {
    for code in [Code::Rs8(25), Code::Rs16(200), Code::None] {
        let revision = image(43, code);
        let mut headend = Headend::new(&revision, if code == Code::None { 0.0 } else { 0.3 });
        let mut stb = Stb::new();
        for turn in 0..120 {
            for mut one in headend.turn() {
                if one.group == channel() && turn % 23 == 5 {
                    one.bytes[51] ^= 0x80;
                }
                stb.hear(headend.now, &one);
            }
        }
        if revision.geometry.is_some() {
            let forged = companion_symbols(&forged(&revision), 3);
            forged.iter().for_each(|forgery| stb.hear(headend.now, forgery));
        }
        headend.play(&mut stb, 60, losing(10, 5));
        stb.assert_object(&revision.bytes);
    }
}

#[test]
fn a_digest_that_nothing_has_fails_the_fetch_and_installs_nothing() {
    let revision = image(44, Code::Rs8(25));
    let mut headend = Headend::new(&revision, 0.3);
    let mut file = revision.file();
    file.sha256 = Some([7; 32]);
    headend.announce(vec![file]);
    let mut stb = Stb::new();
    headend.play(&mut stb, 100, losing(5, 6));
    let error = FetchError::Digest { failures: 9 };
    assert_eq!(stb.events.last(), Some(&Event::Failed(error)));
    assert_eq!((stb.object(), stb.groups.len()), (None, 0));
    assert_eq!(digest_failures(&stb), 9);
}

#[test]
fn a_box_under_constant_forgery_installs_the_true_object_or_nothing() {
    let revision = image(45, Code::Rs8(25));
    let other = forged(&revision);
    let mut headend = Headend::new(&revision, 0.3);
    let mut wrong = Headend::new(&other, 0.3);
    let mut stb = Stb::new();
    for turn in 0..40_000 {
        let mut sent = headend.turn();
        let forgeries = wrong.turn().into_iter().filter(|one| one.group != announce());
        sent.extend(forgeries.filter(|_| turn % 3 == 0));
        for one in sent {
            stb.hear(headend.now, &one);
        }
        if stb.is_over() {
            break;
        }
    }
    assert!(stb.is_over(), "it ends either way");
    assert!(stb.object().is_none_or(|object| object == revision.bytes));
}

#[test]
fn symbols_that_contradict_the_description_are_refused_and_counted() {
    let revision = image(46, Code::Rs8(50));
    let mut headend = Headend::new(&revision, 0.2);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 10);
    let stored = stb.fetch.stats().repair_stored;
    // The same TOI under other geometries, which only the announcement can tell from true ones.
    for (n, code) in [Code::Rs8(25), Code::Rs16(50), Code::Raptorq(4)].into_iter().enumerate() {
        let mut other = image(46, code);
        other.toi = revision.toi;
        let before = stb.rejected("flute_contradiction") + stb.rejected("contradicts_announcement");
        for symbol in companion_symbols(&other, 5) {
            stb.hear(headend.now, &symbol);
        }
        let after = stb.rejected("flute_contradiction") + stb.rejected("contradicts_announcement");
        assert_eq!(after, before + 5, "geometry {n}");
    }
    assert_eq!(stb.fetch.stats().repair_stored, stored);
    headend.play(&mut stb, 3, losing(5, 1));
    stb.assert_object(&revision.bytes);
}

#[test]
fn slices_that_contradict_the_announcement_are_refused_and_counted() {
    let revision = image(47, Code::Rs8(50));
    let mut headend = Headend::new(&revision, 0.2);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 10);
    let true_one = headend.turn().into_iter().find(|one| one.group == channel()).unwrap();
    let mut longer = true_one.clone();
    longer.bytes.push(0);
    let mut shorter = true_one.clone();
    shorter.bytes.pop();
    let mut other_total = true_one.clone();
    other_total.bytes[11] = 201;
    let mut all: Vec<Sent> = vec![longer, shorter, other_total];
    for _ in 0..3 {
        for one in &all {
            stb.hear(headend.now, one);
        }
    }
    assert_eq!(stb.rejected("contradicts_announcement"), 9);
    all.clear();
    headend.play(&mut stb, 3, losing(5, 1));
    stb.assert_object(&revision.bytes);
}

#[test]
fn datagrams_with_absurd_numbers_are_refused_and_counted() {
    let revision = image(48, Code::Rs8(50));
    let mut headend = Headend::new(&revision, 0.2);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 10);
    let true_one = companion_symbols(&revision, 1).remove(0);
    let with = |at: usize, bytes: &[u8]| {
        let mut one = true_one.clone();
        one.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        let end = one.bytes.len() - 4;
        let crc = crc32(&one.bytes[..end]);
        one.bytes[end..].copy_from_slice(&crc.to_be_bytes());
        one
    };
    let cases = [
        // Length, symbol bytes and K0 of EXT_FTI; SBN and ESI of the payload id.
        (with(18, &[0xff; 6]), "flute_bad_fti"),
        (with(26, &[0, 0]), "flute_bad_fti"),
        (with(28, &[0, 0, 0, 0]), "flute_bad_fti"),
        (with(28, &[0xff; 4]), "flute_bad_fti"),
        (with(24, &[0x53, 0x09]), "flute_bad_fti"),
        (with(32, &[0, 0, 0, 4]), "flute_bad_symbol"),
        (with(36, &[0, 0, 0, 49]), "flute_bad_symbol"),
        (with(36, &[0, 0, 0, 255]), "flute_bad_symbol"),
        (with(36, &[0xff; 4]), "flute_bad_symbol"),
    ];
    for (n, (one, label)) in cases.iter().enumerate() {
        let before = stb.rejected(label);
        stb.hear(headend.now, one);
        assert_eq!(stb.rejected(label), before + 1, "case {n}: {label}");
    }
    let mut damaged = true_one.clone();
    damaged.bytes[50] ^= 4;
    stb.hear(headend.now, &damaged);
    assert_eq!(stb.rejected("flute_crc"), 1);
    headend.play(&mut stb, 3, losing(5, 1));
    stb.assert_object(&revision.bytes);
}

#[test]
fn symbols_of_other_objects_are_passed_over() {
    let revision = image(49, Code::Rs8(50));
    let other = image(50, Code::Rs8(50));
    let mut headend = Headend::new(&revision, 0.2);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 10);
    let stored = stb.fetch.stats().repair_stored;
    for symbol in companion_symbols(&other, 50) {
        stb.hear(headend.now, &symbol);
    }
    assert_eq!(stb.fetch.stats().repair_stored, stored);
    assert_eq!(stb.fetch.stats().foreign, 50);
    headend.play(&mut stb, 3, losing(5, 1));
    stb.assert_object(&revision.bytes);
}

#[test]
fn a_description_that_contradicts_itself_is_refused_and_counted() {
    let revision = image(51, Code::Rs8(50));
    let mut headend = Headend::new(&revision, 0.0);
    let mut file = revision.file();
    file.announced.slice_bytes = std::num::NonZeroU16::new(61);
    headend.announce(vec![file]);
    let mut stb = Stb::new();
    headend.play(&mut stb, 50, |_| false);
    stb.assert_object(&revision.bytes);
    assert!(stb.rejected("bad_announcement") >= 1, "{:?}", stb.events);
}

#[test]
fn an_announced_length_above_the_limit_fails_at_once() {
    let revision = image(52, Code::Rs8(50));
    let options =
        FetchOptions { announce: Some(announce()), length_max: 11_982, ..FetchOptions::default() };
    let mut stb = Stb::with(options);
    Headend::new(&revision, 0.2).play(&mut stb, 1, |_| false);
    let error = FetchError::TooLarge { length: 11_983 };
    assert_eq!(stb.events.last(), Some(&Event::Failed(error)));
}

#[test]
fn repair_symbols_kept_are_bounded_by_what_is_missing_and_by_memory() {
    // More symbols than may be kept, and nothing but repair symbols.
    let revision = Revision::new(53, 90_000 * 4, (4, 1), Code::Rs8(100));
    let options = FetchOptions {
        announce: Some(announce()),
        memory_bytes: 4 << 20,
        ..FetchOptions::default()
    };
    let mut stb = Stb::with(options);
    let mut headend = Headend::new(&revision, 1.0);
    while stb.groups.len() < 3 || stb.fetch.stats().repair_useless < 100 {
        for one in headend.turn().into_iter().filter(|one| one.group != channel()) {
            stb.hear(headend.now, &one);
        }
        assert!(headend.now < Micros::from_secs(100), "{:?}", stb.fetch.stats());
    }
    let kept = (4 << 20) / 170;
    assert_eq!(stb.fetch.stats().repair_stored, kept);
    assert_eq!(stb.storage.repair_end, kept * 4);
}

#[test]
fn places_of_finished_blocks_are_used_again() {
    let revision = Revision::new(54, 6_000 * 8, (8, 1), Code::Raptorq(60));
    let mut stb = Stb::new();
    // The blocks come one after the other, so that only a few are open.
    Headend::new(&revision, 0.5).play(&mut stb, 5, losing(10, 1));
    stb.assert_object(&revision.bytes);
    let stored = stb.fetch.stats().repair_stored;
    assert!(stored * 8 > stb.storage.repair_end, "{stored}, {}", stb.storage.repair_end);
}

#[test]
fn whatever_a_companion_sends_memory_stays_flat() {
    let revision = image(55, Code::Rs8(50));
    let mut headend = Headend::new(&revision, 0.2);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 10);
    let hostile: Vec<Sent> = (0..200)
        .flat_map(|n| {
            let mut other = Revision::new(n, 2_000, (40, 1), Code::Rs8(50));
            other.toi = n as u32 + 1;
            companion_symbols(&other, 10)
        })
        .collect();
    let now = headend.now;
    stb.hear(now, &hostile[0]);
    let used = allocation_counter::measure(|| {
        for one in &hostile {
            stb.hear(now, one);
        }
    });
    assert_eq!(used.bytes_current, 0, "2000 objects nobody described");
    assert!(used.bytes_max < 10_000, "{}", used.bytes_max);
}

#[test]
fn a_new_revision_each_second_leaves_nothing_behind() {
    let revision = image(56, Code::Rs8(50));
    let others: Vec<Revision> = (0..20).map(|n| image(100 + n, Code::Rs8(50))).collect();
    let mut headend = Headend::new(&revision, 0.2);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 50);
    let mut change = |stb: &mut Stb, other: &Revision| {
        headend.announce(vec![other.file()]);
        headend.turns(stb, 20);
        headend.send(other);
        headend.repair(other);
        headend.turns(stb, 30);
    };
    others.iter().take(4).for_each(|other| change(&mut stb, other));
    let used = allocation_counter::measure(|| {
        others.iter().skip(4).for_each(|other| change(&mut stb, other));
    });
    // Descriptions of old revisions are kept until they expire: some hundred bytes each.
    assert!(used.bytes_current < 16 * 8_000, "{}", used.bytes_current);
    assert_eq!(stb.fetch.stats().revision_changes, 20);
}

#[derive(Clone, Copy, Debug)]
enum Move {
    /// The next turn, of which every datagram may be damaged, doubled, delayed or lost.
    Turn,
    Recover,
    Wait(u16),
    Announce(u8),
    Send(u8),
    Repair(u8),
}

fn moves() -> impl Strategy<Value = Vec<(Move, u64)>> {
    let one = prop_oneof![
        40 => Just(Move::Turn),
        4 => Just(Move::Recover),
        1 => (0u16..20_000).prop_map(Move::Wait),
        1 => (0u8..4).prop_map(Move::Announce),
        1 => (0u8..4).prop_map(Move::Send),
        1 => (0u8..4).prop_map(Move::Repair),
    ];
    proptest::collection::vec((one, any::<u64>()), 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Anything in any order: no panic, never more kept than is allowed, and what is committed is
    /// one of the announced revisions.
    #[test]
    fn whatever_happens_only_an_announced_object_is_committed(script in moves(), slow: bool) {
        let codes = [Code::Rs8(9), Code::Rs16(40), Code::Raptorq(2), Code::None];
        let revisions: Vec<Revision> =
            (0..4).map(|n| Revision::new(n, 40 * 20 - 3, (20, 1), codes[n as usize])).collect();
        let mut headend = Headend::new(&revisions[0], 0.4);
        let mut stb = Stb::new();
        stb.storage.slow = slow;
        let mut late: Vec<Sent> = Vec::new();
        for (step, coins) in script {
            match step {
                Move::Turn => {
                    for mut one in headend.turn() {
                        let coin = coins ^ u64::from(one.bytes[0]).wrapping_mul(0x9e37_79b9);
                        match coin % 16 {
                            0 => continue,
                            1 => stb.hear(headend.now, &one),
                            2 => {
                                let at = coin as usize % one.bytes.len();
                                one.bytes[at] ^= (coin >> 8) as u8;
                            }
                            3 => late.push(one.clone()),
                            4 => one.bytes.truncate(coin as usize % one.bytes.len()),
                            _ => {}
                        }
                        stb.hear(headend.now, &one);
                    }
                    if coins % 5 == 0 && !late.is_empty() {
                        let one = late.swap_remove(coins as usize % late.len());
                        stb.hear(headend.now, &one);
                    }
                }
                Move::Recover => drop(stb.recover()),
                Move::Wait(millis) => {
                    headend.now = headend.now.after(Micros::from_millis(millis.into()));
                    stb.wait_until(headend.now);
                }
                Move::Announce(n) => headend.announce(vec![revisions[usize::from(n)].file()]),
                Move::Send(n) => headend.send(&revisions[usize::from(n)]),
                Move::Repair(n) => headend.repair(&revisions[usize::from(n)]),
            }
            let progress = stb.fetch.progress();
            prop_assert!(progress.held <= progress.total);
            prop_assert!(stb.storage.repair_end <= 4_096 * 20);
        }
        let is_plain = stb.events.iter().any(|event| matches!(event, Event::Plain(_)));
        if let Some(object) = stb.object() {
            prop_assert!(is_plain || revisions.iter().any(|one| one.bytes == object));
        }
        prop_assert!(stb.is_over() == stb.groups.is_empty() || !stb.is_over());
    }
}

// What a companion of RaptorQ carries beside repair symbols is passed over.
#[test]
fn source_symbols_on_a_companion_are_passed_over() {
    let revision = image(57, Code::Raptorq(2));
    let mut headend = Headend::new(&revision, 0.3);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 10);
    let Entry { file, object, repair } = revision.companion_entry().unwrap();
    let settings = stbcast_flute::CarouselSettings {
        share: Share::ALL,
        ..stbcast_flute::CarouselSettings::new(9, 1_000_000)
    };
    let entries = vec![Entry { file, object, repair }];
    let mut carousel = stbcast_flute::Carousel::new(settings, entries, headend::START).unwrap();
    let mut foreign = 0;
    for _ in 0..20 {
        if let Step::Datagram(datagram) = carousel.next(headend.now, headend::START) {
            let bytes = headend::gather(&datagram, &revision);
            stb.hear(headend.now, &Sent { group: companion(), bytes, carries_symbol: true });
            foreign += 1;
        }
    }
    assert_eq!(stb.fetch.stats().foreign, foreign);
    headend.play(&mut stb, 5, losing(5, 1));
    stb.assert_object(&revision.bytes);
}
