//! Servers that fail, lie, drip, or have no time.

use stbcast_object::Micros;
use stbcast_receiver::{Answer, Area, Event, FetchError, Input, Storage, UnicastError};

use super::headend::{Code, Headend, Stb};
use super::{
    URL, asking, failed, image, on_air, options, until_over, wait_on_air, wait_until_asked,
};

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
