//! What comes beside the channel: repair symbols of a superseded image, and servers.

use stbcast_receiver::{Event, FetchOptions, Hosts, UnicastOptions};

use super::headend::{Code, Headend, Revision, Stb, announce, channel, companion};

fn image(seed: u64) -> Revision {
    Revision::new(seed, 500 * 60 - 7, (30, 2), Code::Rs16(250)).on_mag(seed as u16)
}

fn fetching(revision: &Revision, unicast: Option<UnicastOptions>) -> Stb {
    let options = FetchOptions { announce: Some(announce()), unicast, ..FetchOptions::default() };
    Stb::fetching(revision.target(), options)
}

#[test]
fn a_superseded_image_that_is_nearly_there_is_completed_from_repair_symbols() {
    let [old, new] = [image(21), image(22)];
    let mut headend = Headend::new(&old, 0.0);
    let mut stb = fetching(&old, None);
    while stb.fetch.progress().held < 800 {
        headend.turns(&mut stb, 1);
    }
    headend.announce(vec![new.superseding(&old, 30, 700)]);
    headend.turns(&mut stb, 1_100);
    assert!(!stb.joined(channel()) && stb.joined(companion()));
    headend.send(&new);
    headend.turns(&mut stb, 1);
    headend.repair(&new);
    headend.ratio = 1.0;
    headend.overlap(Some(&old), 600_000);
    let sent = headend.play(&mut stb, 3, |_| false);
    stb.assert_object(&old.bytes);
    let stats = stb.fetch.stats();
    assert_eq!((sent, stats.overlaps_finished, stats.revision_changes), (0, 1, 0));
    assert!(!stb.events.iter().any(|event| matches!(event, Event::DigestFailed { .. })));
}

#[test]
fn a_server_is_asked_for_the_symbols_that_are_missing_and_no_more() {
    let revision = image(23);
    let mut headend = Headend::new(&revision, 0.0);
    headend.announce(vec![revision.served("http://192.0.2.9/imageupdate", 1, 0)]);
    let unicast = UnicastOptions::new("1931690851".to_owned(), Hosts::Any);
    let mut stb = fetching(&revision, Some(unicast));
    for turn in 0..3_000 {
        for one in headend.turn() {
            // Three packets of each cycle never arrive.
            if !one.carries_symbol || !matches!(headend.sent % 500, 17 | 18 | 400) {
                stb.hear(headend.now, &one);
            }
        }
        stb.serve(&revision.bytes, 1_000);
        if stb.is_over() {
            break;
        }
        assert!(turn < 2_999, "{:?}", stb.events);
    }
    stb.assert_object(&revision.bytes);
    assert_eq!(stb.asked_bytes(), 3 * 60);
}
