//! A revision that is superseded and nearly there is completed; nothing of two revisions ever mixes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod headend;

use headend::{Code, Headend, Revision, Sent, Stb, announce, channel, companion, losing};
use stbcast_object::Micros;
use stbcast_receiver::{Event, FetchOptions, Target};

/// Slices of each object: half a second of the channel.
const SLICES: u32 = 500;

/// Part of all symbols that the old revision has in an overlap, in millionths, where the companion has
/// one symbol for each slice.
const PART: u32 = 600_000;

fn revision(seed: u64) -> Revision {
    Revision::new(seed, SLICES as usize * 60 - 7, (60, 1), Code::Rs16(250))
}

fn revisions() -> [Revision; 2] {
    [revision(61), revision(62)]
}

/// From here on `new` supersedes `old`: a second after the announcement the channel goes over, and the
/// companion right behind it.
fn supersede(
    headend: &mut Headend,
    (old, new): (&Revision, &Revision),
    mut each: impl FnMut(&mut Headend),
) {
    headend.announce(vec![new.superseding(old, 30, 700)]);
    for _ in 0..1_100 {
        each(headend);
    }
    headend.send(new);
    each(headend);
    headend.repair(new);
    headend.ratio = 1.0;
    headend.overlap(Some(old), PART);
}

/// A box that has heard so many slices of the revision on air.
fn holding(headend: &mut Headend, slices: u32) -> Stb {
    let mut stb = Stb::new();
    stb.wait_until(headend.now);
    // Until the description comes, slices are not wanted.
    while stb.fetch.progress().held < slices {
        headend.turns(&mut stb, 1);
    }
    stb
}

fn is_finishing(stb: &Stb) -> bool {
    stb.events.iter().any(|event| matches!(event, Event::FinishingSuperseded { .. }))
}

fn has_failed_digests(stb: &Stb) -> bool {
    stb.events.iter().any(|event| matches!(event, Event::DigestFailed { .. }))
}

#[test]
fn a_box_past_the_share_completes_the_old_revision_from_repair_symbols_alone() {
    let [old, new] = revisions();
    let mut headend = Headend::new(&old, 0.0);
    let mut stb = holding(&mut headend, 400);
    supersede(&mut headend, (&old, &new), |headend| headend.turns(&mut stb, 1));
    assert!(is_finishing(&stb) && !stb.joined(channel()) && stb.joined(companion()));
    assert!(!stb.is_over());
    let before = stb.fetch.stats().bytes;
    let sent = headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&old.bytes);
    assert_eq!(sent, 0, "the channel is not joined again");
    let stats = stb.fetch.stats();
    assert_eq!((stats.overlaps_finished, stats.overlaps_given_up), (1, 0));
    assert_eq!((stats.revision_changes, has_failed_digests(&stb)), (0, false));
    // 100 symbols are missing, and of all that the companion sends 600 of 1,000 are of the old one.
    let symbols = stats.repair_stored + stats.foreign;
    assert!(symbols <= 100 * 10 / 6 + 10, "{symbols}");
    assert!(stats.bytes - before < 200 * 200, "{}", stats.bytes - before);
}

#[test]
fn a_box_below_the_share_goes_over_and_needs_no_more_than_one_object() {
    let [old, new] = revisions();
    for held in [50, 250, 340] {
        let mut headend = Headend::new(&old, 0.0);
        let mut stb = holding(&mut headend, held);
        // It hears of the change and nothing else until then, so it stays where it is.
        supersede(&mut headend, (&old, &new), |headend| {
            for one in headend.turn() {
                if !one.carries_symbol {
                    stb.hear(headend.now, &one);
                }
            }
        });
        assert!(!is_finishing(&stb) && stb.joined(channel()));
        headend.play(&mut stb, 3, |_| false);
        stb.assert_object(&new.bytes);
        let stats = stb.fetch.stats();
        assert_eq!((stats.revision_changes, stats.overlaps_finished), (1, 0));
        let most = u64::from(held + SLICES) + 30;
        assert!(stats.stored + stats.repair_stored <= most, "{held}: {stats:?}");
    }
}

#[test]
fn fifty_boxes_that_lose_datagrams_get_one_revision_or_the_other_and_each_by_the_rule() {
    let [old, new] = revisions();
    let mut headend = Headend::new(&old, 0.2);
    let mut boxes: Vec<Stb> = Vec::new();
    let mut is_lost = losing(4, 8);
    let mut turn = 0;
    let mut each = |headend: &mut Headend| {
        if turn % 10 == 0 && boxes.len() < 50 {
            let mut stb = Stb::new();
            stb.wait_until(headend.now);
            boxes.push(stb);
        }
        turn += 1;
        let sent = headend.turn();
        for (number, stb) in boxes.iter_mut().enumerate() {
            for one in &sent {
                let key = headend.now.0 * 64 + number as u64 + u64::from(one.bytes[0]);
                if !stb.is_over() && (!one.carries_symbol || !is_lost(key)) {
                    stb.hear(headend.now, one);
                }
            }
        }
    };
    // Descriptions come each second: the boxes begin at 1,000 and the change is at 1,400 or so.
    for _ in 0..1_000 {
        each(&mut headend);
    }
    for _ in 0..400 {
        each(&mut headend);
    }
    supersede(&mut headend, (&old, &new), &mut each);
    for _ in 0..SLICES * 25 {
        each(&mut headend);
    }
    assert_eq!(boxes.len(), 50);
    let mut finished = 0;
    for stb in &boxes {
        let object = stb.object().unwrap_or_else(|| panic!("nothing: {:?}", stb.events));
        assert!(object == old.bytes || object == new.bytes, "a mixture");
        assert!(!has_failed_digests(stb), "{:?}", stb.events);
        if is_finishing(stb) {
            assert!(object == old.bytes);
            finished += 1;
        }
    }
    assert!(finished > 0, "the test shows nothing");
}

#[test]
fn when_the_overlap_is_taken_back_the_box_goes_over_at_once() {
    let [old, new] = revisions();
    let mut headend = Headend::new(&old, 0.0);
    let mut stb = holding(&mut headend, 400);
    supersede(&mut headend, (&old, &new), |headend| headend.turns(&mut stb, 1));
    // Nothing of the old one comes any more, as when it is killed.
    headend.overlap(None, 0);
    headend.announce(vec![new.file()]);
    let began = headend.now;
    headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&new.bytes);
    assert_eq!(stb.fetch.stats().overlaps_given_up, 1);
    assert!(stb.now.since(began) < Micros::from_secs(2), "{}", stb.now.since(began));
}

#[test]
fn an_overlap_that_is_announced_and_not_sent_costs_ten_seconds_and_nothing_else() {
    let [old, new] = revisions();
    let mut headend = Headend::new(&old, 0.0);
    let mut stb = holding(&mut headend, 400);
    supersede(&mut headend, (&old, &new), |headend| headend.turns(&mut stb, 1));
    headend.overlap(None, 0);
    let began = headend.now;
    headend.play(&mut stb, 100, |_| false);
    stb.assert_object(&new.bytes);
    assert!(stb.now.since(began) < Micros::from_secs(12), "{}", stb.now.since(began));
}

#[test]
fn an_overlap_ends_when_its_time_is_over_whatever_else_is_said() {
    let [old, new] = revisions();
    let mut headend = Headend::new(&old, 0.0);
    let mut stb = holding(&mut headend, 400);
    headend.announce(vec![new.superseding(&old, 1, 700)]);
    headend.turns(&mut stb, 1_100);
    headend.send(&new);
    headend.repair(&new);
    headend.ratio = 0.004;
    // Each symbol helps a little, and there are far too few of them.
    headend.overlap(Some(&old), 999_999);
    let began = headend.now;
    for _ in 0..10_000 {
        headend.turns(&mut stb, 1);
        if stb.fetch.stats().overlaps_given_up == 1 {
            break;
        }
    }
    let span = stb.now.since(began);
    assert!(span > Micros::from_secs(2) && span < Micros::from_secs(7), "{span}");
    headend.ratio = 0.2;
    headend.play(&mut stb, 5, |_| false);
    stb.assert_object(&new.bytes);
}

#[test]
fn a_third_revision_within_the_overlap_is_gone_over_to() {
    let [old, new] = revisions();
    let third = revision(63);
    let mut headend = Headend::new(&old, 0.0);
    let mut stb = holding(&mut headend, 400);
    supersede(&mut headend, (&old, &new), |headend| headend.turns(&mut stb, 1));
    headend.turns(&mut stb, 3);
    assert!(is_finishing(&stb) && !stb.is_over());
    supersede(&mut headend, (&new, &third), |headend| headend.turns(&mut stb, 1));
    headend.play(&mut stb, 3, losing(3, 4));
    // Before the third came, there was time for one whole cycle of the second.
    let object = stb.object().unwrap();
    assert!(object == third.bytes || object == new.bytes || object == old.bytes);
    assert!(!has_failed_digests(&stb), "{:?}", stb.events);
    assert!(stb.fetch.stats().overlaps_given_up + stb.fetch.stats().overlaps_finished == 1);
}

#[test]
fn a_revision_that_comes_back_while_it_is_completed_is_completed() {
    let [old, new] = revisions();
    let mut headend = Headend::new(&old, 0.0);
    let mut stb = holding(&mut headend, 400);
    supersede(&mut headend, (&old, &new), |headend| headend.turns(&mut stb, 1));
    headend.overlap(None, 0);
    supersede(&mut headend, (&new, &old), |headend| headend.turns(&mut stb, 1));
    assert!(!stb.joined(channel()), "slices may still be of the other one");
    headend.play(&mut stb, 30, losing(3, 4));
    stb.assert_object(&old.bytes);
    assert!(!has_failed_digests(&stb) && stb.fetch.stats().revision_changes == 0);
}

#[test]
fn a_box_that_joins_in_an_overlap_gets_the_new_revision_and_keeps_what_it_heard() {
    let [old, new] = revisions();
    for before in [0, 3, 250] {
        let mut headend = Headend::new(&old, 0.2);
        supersede(&mut headend, (&old, &new), |headend| headend.skip(1));
        headend.skip(before);
        let mut stb = Stb::new();
        stb.wait_until(headend.now);
        let sent = headend.play(&mut stb, 4, losing(3, 1));
        stb.assert_object(&new.bytes);
        assert!(!has_failed_digests(&stb));
        // Half of what is sent is on the companion, and six tenths of that are of the old one.
        assert!(sent < 820, "{before}: {sent}");
    }
}

#[test]
fn where_the_announcement_is_lost_until_after_the_change_nothing_mixes() {
    let [old, new] = revisions();
    for (late, held) in [(1_200, 400), (1_150, 450), (2_000, 380)] {
        let mut headend = Headend::new(&old, 0.2);
        let mut stb = holding(&mut headend, held);
        let mut turn = 0;
        supersede(&mut headend, (&old, &new), |headend| {
            turn += 1;
            for one in headend.turn() {
                // The channel goes quiet for the box just before it would be whole, and comes back.
                let quiet = (10..1_095).contains(&turn);
                if one.group != announce() && !quiet {
                    stb.hear(headend.now, &one);
                }
            }
        });
        for _ in 0..late {
            for one in headend.turn() {
                if one.group != announce() {
                    stb.hear(headend.now, &one);
                }
            }
        }
        headend.play(&mut stb, 60, losing(3, 4));
        let object = stb.object().unwrap_or_else(|| panic!("nothing: {:?}", stb.events));
        assert!(object == old.bytes || object == new.bytes, "a mixture");
    }
}

#[test]
fn a_stranger_who_says_that_a_signed_object_is_superseded_delays_it_by_two_time_outs_at_most() {
    let [old, other] = revisions();
    let mut headend = Headend::new(&old, 0.2);
    let options = FetchOptions {
        announce: Some(announce()),
        expected: Some(old.expected()),
        ..FetchOptions::default()
    };
    let target = Target::infocast(channel(), headend::name());
    let mut stb = Stb::fetching(target, options);
    headend.turns(&mut stb, 400);
    let mut cancelled = 0;
    let began = headend.now;
    for turn in 0..60_000u32 {
        if turn % 30 == 0 {
            // It is said, and taken back, and said again.
            let said = other.superseding(&old, 86_400, 1);
            let files = if turn % 60 == 0 { said } else { other.file() };
            headend.announce(vec![files]);
        }
        for one in headend.turn() {
            // The companion is jammed too.
            if one.group != companion() && turn % 3 == 0 || one.group == announce() {
                stb.hear(headend.now, &one);
            }
        }
        cancelled += u32::from(!stb.joined(channel()));
        if stb.is_over() {
            break;
        }
    }
    stb.assert_object(&old.bytes);
    assert!(cancelled > 0 && stb.now.since(began) < Micros::from_secs(30), "{}", stb.now);
    let hints = |event: &&Event| matches!(event, Event::FinishingSuperseded { .. });
    assert_eq!(stb.events.iter().filter(hints).count(), 2);
}

#[test]
fn slices_that_come_after_the_channel_was_left_are_never_written() {
    let [old, new] = revisions();
    let mut headend = Headend::new(&old, 0.0);
    let mut stb = holding(&mut headend, 400);
    headend.announce(vec![new.superseding(&old, 30, 700)]);
    while stb.joined(channel()) {
        headend.turns(&mut stb, 1);
    }
    let held = stb.fetch.progress().held;
    // As they lie in a socket that is closed a moment later.
    let mut decoder =
        stbcast_receiver::GroupDecoder::new(channel(), None, &stbcast_receiver::Listen::Slices);
    headend.send(&new);
    for Sent { group, bytes, .. } in (0..100).flat_map(|_| headend.turn()) {
        if group == channel() {
            let input = decoder.decode([192, 0, 2, 1].into(), &bytes, None);
            stb.input(input, &bytes);
        }
    }
    assert_eq!(stb.fetch.progress().held, held);
    assert_eq!(stb.rejected("other_revision"), 100);
}
