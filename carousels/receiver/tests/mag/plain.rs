//! Nothing is announced.

use stbcast_mag::Description;
use stbcast_object::Micros;
use stbcast_receiver::{
    Event, FetchError, FetchOptions, MagRevision, Revision as OnAir, Target, limits,
};

use super::headend::{Headend, Sent, Stb, channel, losing};
use super::{cycle, hear, image, packet, plain};

#[test]
fn an_image_heard_from_its_beginning_is_complete_after_one_cycle() {
    for length in [0, 1, 59, 60, 61, 119, 120, 121, 5_000] {
        let revision = image(1, length);
        let mut stb = plain();
        let sent = Headend::new(&revision, 0.0).play(&mut stb, 2, |_| false);
        stb.assert_object(&revision.bytes);
        assert_eq!(sent, u64::from(revision.slices()), "{length} bytes");
        assert!(stb.groups.is_empty(), "the channel is left");
    }
}

#[test]
fn it_is_found_by_what_its_packets_say_and_its_description_is_counted() {
    let revision = image(7, 5_000);
    let mut stb = plain();
    Headend::new(&revision, 0.0).play(&mut stb, 2, |_| false);
    let packet_bytes = 60.try_into().unwrap();
    let told = OnAir::Mag(MagRevision { serial: 7, length: 5_000, packet_bytes });
    assert!(stb.events.contains(&Event::Found { revision: told }), "{:?}", stb.events);
    let stats = stb.fetch.stats();
    assert_eq!((stats.stored, stats.descriptions, stats.datagrams), (84, 1, 85));
    assert_eq!(stats.rejected_total(), 0);
}

#[test]
fn joining_in_mid_cycle_costs_a_cycle_and_a_few_packets_and_losses_cost_more_cycles() {
    let revision = image(2, 60_000);
    let mut headend = Headend::new(&revision, 0.0);
    headend.skip(400);
    let mut stb = plain();
    let sent = headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&revision.bytes);
    assert!(sent <= 1_000 + u64::from(limits::CONFIRM_SLICES), "{sent}");

    let mut stb = plain();
    Headend::new(&revision, 0.0).play(&mut stb, 20, losing(10, 3));
    stb.assert_object(&revision.bytes);
}

#[test]
fn the_last_packet_alone_tells_nothing_and_costs_nothing_but_itself() {
    let revision = image(3, 6_000);
    let mut stb = plain();
    hear(&mut stb, [packet(&revision, 5_940)]);
    assert_eq!((stb.rejected("mag_last_alone"), stb.fetch.stats().stored), (1, 0));
    hear(&mut stb, cycle(&revision));
    stb.assert_object(&revision.bytes);
}

#[test]
fn another_serial_number_or_length_starts_over() {
    let old = image(4, 6_000);
    let other_serial = image(5, 6_000);
    let other_length = image(6, 6_060).on_mag(4);
    let shorter = image(8, 90).on_mag(4);
    for new in [other_serial, other_length, shorter] {
        let mut stb = plain();
        hear(&mut stb, cycle(&old).into_iter().take(80));
        hear(&mut stb, cycle(&new));
        // Of few packets, the first ones have to prove the others wrong.
        hear(&mut stb, cycle(&new));
        stb.assert_object(&new.bytes);
        let dropped = stb.events.iter().find_map(|event| match event {
            Event::RevisionChanged { dropped, .. } => Some(*dropped),
            _ => None,
        });
        assert_eq!(dropped, Some(80), "{:?}", stb.events);
    }
}

#[test]
fn a_new_image_of_the_same_serial_number_and_length_is_never_mixed_with_the_old_one() {
    let (old, new) = (image(9, 60_000), image(10, 60_000).on_mag(9));
    let mut stb = plain();
    hear(&mut stb, cycle(&old).into_iter().skip(400));
    hear(&mut stb, cycle(&new));
    hear(&mut stb, cycle(&new));
    stb.assert_object(&new.bytes);
}

#[test]
fn packets_of_another_size_are_the_same_image_cut_anew() {
    let revision = image(11, 6_000);
    let recut = super::Revision { slice_bytes: 50.try_into().unwrap(), ..revision.clone() };
    let mut stb = plain();
    hear(&mut stb, cycle(&revision).into_iter().take(50));
    hear(&mut stb, cycle(&recut));
    stb.assert_object(&revision.bytes);
}

#[test]
fn of_two_images_on_one_group_one_is_received_however_their_packets_alternate() {
    for burst in [1, 4, 5, 10, 30] {
        let images = [image(21, 18_000), image(22, 18_000)];
        let mut streams = images.each_ref().map(|image| cycle(image).into_iter().cycle());
        let mut stb = plain();
        for _ in 0..10 * 300 / burst {
            for stream in &mut streams {
                hear(&mut stb, stream.take(burst).collect::<Vec<_>>());
            }
        }
        let object = stb.object().unwrap_or_else(|| panic!("{burst}: {:?}", stb.events));
        assert!(images.iter().any(|image| image.bytes == object), "{burst}: a mixture");
    }
}

#[test]
fn a_stray_of_another_image_or_cut_does_not_drop_what_is_held() {
    let revision = image(12, 6_000);
    let strays = [
        image(13, 6_000),
        image(14, 7_000),
        super::Revision { slice_bytes: 33.try_into().unwrap(), ..revision.clone() },
    ];
    let mut stb = plain();
    for (number, one) in cycle(&revision).into_iter().enumerate() {
        hear(&mut stb, [one]);
        let stray = &strays[number % 3];
        hear(&mut stb, cycle(stray).into_iter().nth(number));
    }
    stb.assert_object(&revision.bytes);
    assert_eq!(stb.fetch.stats().revision_changes, 0);
}

#[test]
fn what_is_too_large_for_its_slot_is_refused_before_anything_is_written() {
    let (revision, small) = (image(15, 6_000), image(16, 3_000));
    let options = FetchOptions { length_max: 5_999, ..FetchOptions::default() };
    let mut stb = Stb::fetching(Target::Mag { group: channel() }, options);
    hear(&mut stb, cycle(&revision));
    assert_eq!((stb.rejected("too_large"), stb.storage.writes), (100, 0));
    hear(&mut stb, cycle(&small));
    stb.assert_object(&small.bytes);
}

#[test]
fn a_silent_channel_fails_after_its_attempts_and_one_without_an_image_is_given_up() {
    let mut stb = plain();
    stb.wait_until(Micros::from_secs(3_600));
    let silent = FetchError::Silent { attempts: limits::ATTEMPTS, timeout: limits::TIMEOUT };
    assert_eq!(stb.events.last(), Some(&Event::Failed(silent)));

    let description = Description::new("MAG254 219").unwrap().encode(1);
    let mut stb = plain();
    for second in 1..120 {
        let bytes = description.clone();
        let sent = Sent { group: channel(), bytes, carries_symbol: false };
        stb.hear(Micros::from_secs(second), &sent);
    }
    let span = limits::TIMEOUT.times(limits::ABSENT_TIMEOUTS);
    assert_eq!(stb.events.last(), Some(&Event::Failed(FetchError::Absent { span })));
}

#[test]
fn a_pinned_sender_is_the_only_one_heard() {
    let (revision, forged) = (image(17, 3_000), image(18, 3_000).on_mag(17));
    let source = Some([192, 0, 2, 1].into());
    let options = FetchOptions { source, ..FetchOptions::default() };
    let mut stb = Stb::fetching(Target::Mag { group: channel() }, options);
    for (honest, forged) in cycle(&revision).into_iter().zip(cycle(&forged)) {
        let now = stb.now;
        let sent = Sent { group: channel(), bytes: forged, carries_symbol: true };
        stb.hear_from([192, 0, 2, 66].into(), now, &sent);
        hear(&mut stb, [honest]);
    }
    stb.assert_object(&revision.bytes);
    assert_eq!(stb.rejected("wrong_source"), 50);
}

#[test]
fn an_announce_session_that_does_not_name_it_is_told_and_it_is_fetched_plainly() {
    let revision = image(19, 6_000);
    let options =
        FetchOptions { announce: Some(super::headend::announce()), ..FetchOptions::default() };
    let mut stb = Stb::fetching(Target::Mag { group: channel() }, options);
    let mut headend = Headend::new(&revision, 0.0);
    headend.announce(Vec::new());
    headend.play(&mut stb, 200, |_| false);
    stb.assert_object(&revision.bytes);
    assert!(stb.events.iter().any(|event| matches!(event, Event::Plain(_))), "{:?}", stb.events);
}
