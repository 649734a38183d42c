//! What is announced while servers are asked.

use stbcast_bootcast::delay;
use stbcast_object::Micros;
use stbcast_receiver::{Answer, UnicastError};

use super::headend::{Code, announce};
use super::{SERIAL, URL, asking, image, on_air, until_over, wait_on_air, wait_until_asked};

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
