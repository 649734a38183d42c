//! A new revision under an old name never mixes with what was received before.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod headend;

use headend::{Code, Headend, Revision, START, Sent, Stb, announce, losing};
use stbcast_flute::fdt::{Companion, File};
use stbcast_flute::{AnnounceSession, FdtSettings, Step};
use stbcast_object::Micros;
use stbcast_receiver::Event;

/// Slices of each object: half a second of the channel.
const SLICES: u32 = 500;

fn revisions(code: Code) -> [Revision; 2] {
    [31, 32].map(|seed| Revision::new(seed, 500 * 60 - 7, (60, 1), code))
}

/// Announces `new`, and sends it a second later: the channel first, the companion behind it.
fn change(headend: &mut Headend, new: &Revision, mut each: impl FnMut(&mut Headend)) {
    headend.announce(vec![new.file()]);
    for _ in 0..1_100 {
        each(headend);
    }
    headend.send(new);
    each(headend);
    headend.repair(new);
}

fn hear_turn(headend: &mut Headend, stb: &mut Stb, is_lost: &mut impl FnMut(u64) -> bool) {
    for one in headend.turn() {
        if !one.carries_symbol || !is_lost(headend.now.0 + u64::from(one.bytes[0])) {
            stb.hear(headend.now, &one);
        }
    }
}

/// What a box that joined at any time had: one of the two, whole.
fn assert_one_of(stb: &Stb, old: &Revision, new: &Revision, context: &str) {
    let object = stb.object().unwrap_or_else(|| panic!("{context}: nothing, {:?}", stb.events));
    assert!(object == old.bytes || object == new.bytes, "{context}: a mixture");
}

#[test]
fn the_old_revision_goes_on_until_the_new_one_is_on_air() {
    let [old, new] = revisions(Code::Rs16(250));
    let mut headend = Headend::new(&old, 0.2);
    headend.skip(100);
    headend.announce(vec![new.file()]);
    let mut stb = Stb::new();
    stb.wait_until(headend.now);
    headend.play(&mut stb, 2, |_| false);
    assert!(!stb.is_over(), "it was told of the new revision alone");

    let mut headend = Headend::new(&old, 0.2);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 100);
    headend.announce(vec![new.file()]);
    let sent = headend.play(&mut stb, 2, |_| false);
    stb.assert_object(&old.bytes);
    assert!(sent < 510, "the announcement cost nothing: {sent}");
}

#[test]
fn what_is_held_is_dropped_when_the_new_revision_comes_and_one_cycle_is_enough() {
    let [old, new] = revisions(Code::Rs16(250));
    let mut headend = Headend::new(&old, 0.2);
    headend.announce(vec![new.file()]);
    headend.announce(vec![old.file()]);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 300);
    assert!(stb.fetch.progress().held > 300);
    // The announcement, and the change, one right behind the other: the worst a headend may do.
    headend.announce(vec![new.file()]);
    headend.turns(&mut stb, 10);
    headend.send(&new);
    headend.turns(&mut stb, 1);
    headend.repair(&new);
    let sent = headend.play(&mut stb, 3, losing(5, 2));
    stb.assert_object(&new.bytes);
    assert!(sent < 600, "{sent}");
    assert_eq!(stb.fetch.stats().revision_changes, 1);
    let begun = stb.events.iter().find_map(|event| match event {
        Event::RevisionBegun { announcement, dropped } => Some((announcement.toi, *dropped)),
        _ => None,
    });
    let (toi, dropped) = begun.unwrap();
    assert_eq!(toi, u128::from(new.toi));
    assert!(dropped > 300);
}

#[test]
fn a_box_that_joins_between_announcement_and_change_waits_for_the_change() {
    let [old, new] = revisions(Code::Rs16(250));
    for before in [0, 1, 17, 333, 1_000] {
        let mut headend = Headend::new(&old, 0.2);
        headend.skip(77);
        headend.announce(vec![new.file()]);
        headend.skip(1_100 - before);
        let mut stb = Stb::new();
        stb.wait_until(headend.now);
        headend.turns(&mut stb, before);
        headend.send(&new);
        headend.turns(&mut stb, 1);
        headend.repair(&new);
        let sent = headend.play(&mut stb, 5, losing(3, 1));
        stb.assert_object(&new.bytes);
        // A description is heard each second; nothing else is waited for.
        assert!(sent < 620, "joined {before} slices before the change: {sent}");
        let failed = stb.events.iter().any(|event| matches!(event, Event::DigestFailed { .. }));
        assert!(!failed, "joined {before} slices before the change: {:?}", stb.events);
    }
}

#[test]
fn boxes_that_join_at_any_time_around_a_change_get_one_revision_or_the_other() {
    for (code, ratio) in [(Code::Rs16(250), 0.2), (Code::Rs8(50), 0.2), (Code::None, 0.0)] {
        let [old, new] = revisions(code);
        let mut headend = Headend::new(&old, ratio);
        let mut boxes: Vec<(u32, Stb)> = Vec::new();
        let mut is_lost = losing(4, 8);
        let mut turn = 0;
        let mut each = |headend: &mut Headend| {
            if turn % 41 == 0 && turn < 2_000 {
                let mut stb = Stb::new();
                stb.wait_until(headend.now);
                boxes.push((turn, stb));
            }
            turn += 1;
            let sent = headend.turn();
            for (number, (_, stb)) in boxes.iter_mut().enumerate() {
                for one in &sent {
                    let key = headend.now.0 * 64 + number as u64 + u64::from(one.bytes[0]);
                    if !stb.is_over() && (!one.carries_symbol || !is_lost(key)) {
                        stb.hear(headend.now, one);
                    }
                }
            }
        };
        for _ in 0..300 {
            each(&mut headend);
        }
        change(&mut headend, &new, &mut each);
        for _ in 0..SLICES * 25 {
            each(&mut headend);
        }
        assert!(boxes.len() > 40);
        for (joined, stb) in &boxes {
            assert_one_of(stb, &old, &new, &format!("{code:?}, joined at {joined}"));
        }
    }
}

#[test]
fn a_companion_that_moves_is_followed() {
    let [old, mut new] = revisions(Code::Rs16(250));
    new.companion = Some(Companion { group: headend::group(14), tsi: 9 });
    let mut headend = Headend::new(&old, 0.2);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 100);
    change(&mut headend, &new, |headend| {
        hear_turn(headend, &mut stb, &mut |_| true);
    });
    assert!(stb.joined(headend::group(14)) && !stb.joined(headend::companion()));
    let sent = headend.play(&mut stb, 3, losing(5, 3));
    stb.assert_object(&new.bytes);
    assert!(sent < 600, "{sent}");
}

#[test]
fn a_companion_that_moves_without_a_new_revision_costs_nothing() {
    let [old, _] = revisions(Code::Rs16(250));
    let mut headend = Headend::new(&old, 0.2);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 100);
    let mut moved = old.clone();
    moved.companion = Some(Companion { group: headend::group(14), tsi: 9 });
    headend.announce(vec![moved.file()]);
    headend.repair(&moved);
    let sent = headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&old.bytes);
    assert!(sent < 420, "{sent}");
    assert_eq!(stb.fetch.stats().revision_changes, 0);
}

#[test]
fn a_revision_of_another_length_and_cut_is_received_with_its_own() {
    let [old, _] = revisions(Code::Rs16(250));
    for new in [
        Revision::new(33, 20_001, (45, 1), Code::Rs8(100)),
        Revision::new(34, 60_000, (30, 4), Code::Rs16(2_000)),
        Revision::new(35, 30_001, (60, 1), Code::None),
    ] {
        let mut headend = Headend::new(&old, 0.2);
        let mut stb = Stb::new();
        headend.turns(&mut stb, 100);
        change(&mut headend, &new, |headend| hear_turn(headend, &mut stb, &mut |_| true));
        headend.play(&mut stb, 10, losing(3, 3));
        stb.assert_object(&new.bytes);
    }
}

#[test]
fn what_was_there_before_may_come_back() {
    let [old, new] = revisions(Code::Rs16(250));
    let mut headend = Headend::new(&old, 0.2);
    let mut stb = Stb::new();
    headend.turns(&mut stb, 100);
    for revision in [&new, &old, &new, &old] {
        change(&mut headend, revision, |headend| hear_turn(headend, &mut stb, &mut |_| true));
        headend.turns(&mut stb, 50);
    }
    headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&old.bytes);
    assert_eq!(stb.fetch.stats().revision_changes, 4);
}

#[test]
fn a_revision_that_is_announced_and_never_sent_is_given_up_in_the_end() {
    let [old, new] = revisions(Code::Rs16(250));
    let mut headend = Headend::new(&old, 0.2);
    headend.announce(vec![new.file()]);
    let mut stb = Stb::new();
    let began = headend.now;
    headend.play(&mut stb, 200, |_| false);
    assert!(matches!(stb.events.last(), Some(Event::Failed(_))), "{:?}", stb.events.last());
    assert!(stb.object().is_none());
    assert!(stb.now.since(began) < Micros::from_secs(70), "{}", stb.now);
}

#[test]
fn a_description_that_says_less_of_the_same_object_takes_no_digest_back() {
    let revision = Revision::new(33, 500 * 60 - 7, (60, 1), Code::Rs16(250));
    let takes: [fn(&mut File); 2] =
        [|file| file.sha256 = None, |file| file.announced.slice_bytes = None];
    for takes in takes {
        let mut headend = Headend::new(&revision, 0.2);
        let mut stb = Stb::new();
        headend.turns(&mut stb, 300);
        let mut file = revision.file();
        takes(&mut file);
        // Another session of the group, which has never said more.
        let mut other = AnnounceSession::new(FdtSettings::new(5), vec![file], START).unwrap();
        while let Step::Fdt(bytes) = other.next(headend.now, START) {
            stb.hear(headend.now, &Sent { group: announce(), bytes, carries_symbol: false });
        }
        assert_eq!(stb.fetch.stats().revision_changes, 0);
        let sent = headend.play(&mut stb, 3, losing(5, 2));
        stb.assert_object(&revision.bytes);
        assert!(sent < 300, "what was held is of use: {sent}");
        let digest = Some(revision.sha256());
        let is_verified =
            |event: &Event| matches!(event, Event::Complete { sha256, .. } if *sha256 == digest);
        assert!(stb.events.iter().any(is_verified), "{:?}", stb.events);
    }
}
