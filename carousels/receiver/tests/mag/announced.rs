//! Announced, with repair symbols into which packets are cut.

use stbcast_object::Micros;
use stbcast_receiver::{Event, FetchOptions, PlainReason};

use super::headend::{Code, Headend, Revision, Stb, announce, channel, companion, losing};
use super::{cycle, hear};

/// 200 packets of two symbols each.
fn image(seed: u64, code: Code) -> Revision {
    Revision::new(seed, 200 * 60 - 17, (30, 2), code).on_mag(seed as u16)
}

fn fetching(revision: &Revision) -> Stb {
    let options = FetchOptions { announce: Some(announce()), ..FetchOptions::default() };
    Stb::fetching(revision.target(), options)
}

#[test]
fn losses_are_made_up_for_by_symbols_cut_from_packets_and_the_digest_is_proven() {
    for code in [Code::Rs8(200), Code::Rs16(400), Code::Rs16(61), Code::Raptorq(2)] {
        for (percent, seed) in [(0, 1), (5, 2), (20, 3)] {
            let revision = image(seed, code);
            let mut stb = fetching(&revision);
            let sent = Headend::new(&revision, 0.3).play(&mut stb, 20, losing(percent, seed));
            stb.assert_object(&revision.bytes);
            let digest = Some(revision.sha256());
            let is_proven = |event: &Event| matches!(event, Event::Complete { sha256, .. } if *sha256 == digest);
            assert!(stb.events.iter().any(is_proven), "{code:?}, {percent} %: {:?}", stb.events);
            let stats = stb.fetch.stats();
            assert!(percent == 0 || stats.recovered_symbols > 0, "{code:?}, {percent} %");
            assert!(percent < 20 || sent > 200 && stats.repair_stored > 0);
            assert!(stats.descriptions > 0 && stats.rejected_total() == 0);
        }
    }
}

#[test]
fn with_repair_a_loss_costs_what_was_lost_and_without_it_whole_cycles() {
    let revision = image(6, Code::Rs16(400));
    let mut stb = fetching(&revision);
    let sent = Headend::new(&revision, 0.2).play(&mut stb, 3, losing(5, 9));
    stb.assert_object(&revision.bytes);
    assert!(sent < 300, "source and repair: {sent}");
    let mut stb = super::plain();
    let sent = Headend::new(&revision, 0.0).play(&mut stb, 20, losing(5, 9));
    stb.assert_object(&revision.bytes);
    assert!(sent > 400, "{sent}");
}

#[test]
fn a_companion_alone_describes_it_and_repairs_it() {
    let revision = image(7, Code::Rs16(400));
    let options = FetchOptions { repair: Some(companion()), ..FetchOptions::default() };
    let mut stb = Stb::fetching(revision.target(), options);
    Headend::new(&revision, 0.3).play(&mut stb, 20, losing(10, 1));
    stb.assert_object(&revision.bytes);
    assert!(stb.fetch.stats().recovered_symbols > 0);
}

#[test]
fn packets_that_are_not_of_what_is_announced_are_refused() {
    let revision = image(8, Code::Rs16(400));
    let mut stb = fetching(&revision);
    let mut headend = Headend::new(&revision, 0.0);
    while !stb.joined(channel()) {
        headend.turns(&mut stb, 1);
    }
    let longer = Revision::new(9, 200 * 60, (30, 2), Code::None).on_mag(8);
    let recut = Revision::new(8, 200 * 60 - 17, (50, 1), Code::None).on_mag(8);
    let before = stb.fetch.progress().held;
    hear(&mut stb, cycle(&longer));
    hear(&mut stb, cycle(&recut));
    assert_eq!(stb.fetch.progress().held, before);
    let refused = u64::from(longer.slices() + recut.slices());
    assert_eq!(stb.rejected("contradicts_announcement"), refused);
    headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&revision.bytes);
}

#[test]
fn a_forged_image_of_the_same_serial_number_and_length_is_never_committed() {
    let (revision, forged) = (image(10, Code::Rs16(400)), image(11, Code::None).on_mag(10));
    let mut stb = fetching(&revision);
    let mut headend = Headend::new(&revision, 0.3);
    while !stb.joined(channel()) {
        headend.turns(&mut stb, 1);
    }
    hear(&mut stb, cycle(&forged).into_iter().take(50));
    headend.play(&mut stb, 30, |_| false);
    stb.assert_object(&revision.bytes);
}

#[test]
fn a_new_revision_replaces_the_old_one_and_one_cycle_of_it_is_enough() {
    for serial in [13, 12] {
        let old = Revision::new(12, 500 * 60 - 7, (30, 2), Code::Rs16(250)).on_mag(12);
        let new = Revision::new(13, 500 * 60 - 7, (30, 2), Code::Rs16(250)).on_mag(serial);
        let mut headend = Headend::new(&old, 0.2);
        let mut stb = fetching(&old);
        headend.turns(&mut stb, 300);
        headend.announce(vec![new.file()]);
        headend.send(&new);
        headend.turns(&mut stb, 1);
        headend.repair(&new);
        let sent = headend.play(&mut stb, 3, |_| false);
        stb.assert_object(&new.bytes);
        assert!(sent < 900, "a cycle with its repair symbols: {sent}");
    }
}

#[test]
fn another_serial_number_tells_that_the_next_image_is_on_air_where_no_symbol_does() {
    // A companion of which everything is lost; none at all; an image of another length.
    for (code, length) in [(Code::Rs16(250), 29_993), (Code::None, 29_993), (Code::None, 29_000)] {
        let old = Revision::new(12, 29_993, (30, 2), code).on_mag(12);
        let new = Revision::new(13, length, (30, 2), code).on_mag(13);
        let mut headend = Headend::new(&old, 0.0);
        let mut stb = fetching(&old);
        headend.turns(&mut stb, 300);
        headend.announce(vec![new.file()]);
        // Still a whole second of the old one, less what completes it.
        headend.turns(&mut stb, 150);
        headend.send(&new);
        let sent = headend.play(&mut stb, 4, |_| false);
        stb.assert_object(&new.bytes);
        assert!(sent <= 2 * 500, "{code:?}, {length}: {sent}");
        let failed = |event: &Event| matches!(event, Event::DigestFailed { .. });
        assert!(!stb.events.iter().any(failed), "{code:?}, {length}: {:?}", stb.events);
    }
}

#[test]
fn a_stranger_s_serial_number_does_not_keep_the_image_away() {
    let revision = image(15, Code::Rs16(400));
    let forged = image(16, Code::None);
    let mut stb = fetching(&revision);
    let mut headend = Headend::new(&revision, 0.0);
    while !stb.joined(channel()) {
        headend.turns(&mut stb, 1);
    }
    hear(&mut stb, cycle(&forged).into_iter().take(4));
    headend.play(&mut stb, 6, |_| false);
    stb.assert_object(&revision.bytes);
    assert_eq!(
        stb.rejected("other_revision"),
        3 + 3,
        "four in a row are believed, whoever sends them"
    );
}

#[test]
fn of_two_senders_on_the_group_the_one_that_is_not_announced_costs_a_cycle() {
    let (revision, old) = (image(17, Code::Rs16(400)), image(18, Code::None));
    let mut stb = fetching(&revision);
    let mut headend = Headend::new(&revision, 0.1);
    while !stb.joined(channel()) {
        let told = headend.turn().into_iter().filter(|one| !one.carries_symbol);
        told.for_each(|one| stb.hear(headend.now, &one));
    }
    // Its packets come between all others, and the first one is heard before any other.
    let mut cycles = 0;
    while !stb.is_over() {
        for packet in cycle(&old) {
            hear(&mut stb, [packet]);
            headend.turns(&mut stb, 1);
        }
        cycles += 1;
        assert!(cycles < 4, "{:?}", stb.events);
    }
    stb.assert_object(&revision.bytes);
    let failed = |event: &&Event| matches!(event, Event::DigestFailed { .. });
    assert_eq!(stb.events.iter().filter(failed).count(), 1, "{:?}", stb.events);
}

#[test]
fn what_is_announced_without_a_digest_is_fetched_plainly() {
    let revision = image(14, Code::None);
    let mut stb = fetching(&revision);
    let mut headend = Headend::new(&revision, 0.0);
    let mut file = revision.file();
    file.sha256 = None;
    headend.announce(vec![file]);
    headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&revision.bytes);
    assert!(stb.events.contains(&Event::Plain(PlainReason::NotDescribed)));
    assert!(stb.now < Micros::from_secs(60));
}
