//! What servers answer, and what becomes of the object.

use stbcast_receiver::{
    Answer, Area, Event, FetchError, FetchOptions, Input, Progress, Role, Storage, UnicastError,
    limits,
};

use super::servers::object;
use super::{CUT, PIECE, Stb, done, http, sha256, tftp};

#[test]
fn an_object_is_asked_for_once_and_committed() {
    for length in [0, 1, 99, 100, 101, 1_000] {
        let object = object(length);
        let mut stb = Stb::new(http(), FetchOptions::default());
        let request = stb.serve(&object, usize::MAX, done(&object)).unwrap();
        assert_eq!((request.from, request.to), (0, None));
        assert_eq!(request.length_max, limits::OBJECT_BYTES_MAX);
        assert_eq!(request.timeout, limits::TIMEOUT);
        stb.assert_whole(&object);
        let stats = stb.session.stats();
        assert_eq!((stats.requests, stats.http_bytes, stats.tftp_bytes), (1, length as u64, 0));
    }
}

#[test]
fn progress_is_told_in_kib_once_the_server_tells_the_length() {
    let object = object(10_000);
    let mut stb = Stb::new(tftp(), FetchOptions::default());
    let id = stb.next_request().unwrap().id;
    stb.give(id, 0, &object[..5_000]);
    let unknown = Progress { held: 5, total: 0, attempt: 1 };
    assert_eq!(stb.session.progress(), unknown);
    stb.input(Input::Length { id, length: 10_000 }, &[]);
    assert_eq!(stb.session.progress(), Progress { total: 10, ..unknown });
    assert_eq!((stb.session.stats().http_bytes, stb.session.stats().tftp_bytes), (0, 5_000));
}

#[test]
fn an_object_that_is_cut_at_any_piece_goes_on_from_there() {
    let object = object(1_950);
    let options = FetchOptions { sha256: Some(sha256(&object)), ..FetchOptions::default() };
    for cut in (0..=1_950).step_by(PIECE).chain([1, 1_949]) {
        for answer in [CUT, Answer::Failed(UnicastError::Silent)] {
            let mut stb = Stb::new(http(), options.clone());
            stb.serve(&object, cut, answer);
            let rest = stb.serve(&object, usize::MAX, done(&object)).unwrap();
            assert_eq!((rest.from, rest.to), (cut as u64, None));
            stb.assert_whole(&object);
            assert_eq!(stb.session.stats().http_bytes, 1_950, "no byte twice");
        }
    }
}

#[test]
fn tftp_begins_anew_after_a_cut() {
    let object = object(1_000);
    let mut stb = Stb::new(tftp(), FetchOptions::default());
    stb.serve(&object, 500, Answer::Failed(UnicastError::Silent));
    assert_eq!(stb.serve(&object, usize::MAX, done(&object)).unwrap().from, 0);
    stb.assert_whole(&object);
    assert_eq!(stb.session.stats().tftp_bytes, 1_500);
}

#[test]
fn an_object_that_changed_begins_anew_and_nothing_is_mixed() {
    let (old, new) = (object(1_000), object(700));
    for why in [UnicastError::Changed, UnicastError::Range] {
        let mut stb = Stb::new(http(), FetchOptions::default());
        stb.serve(&old, 800, CUT);
        let asked = stb.serve(&old, 0, Answer::Failed(why)).unwrap();
        assert_eq!(asked.from, 800);
        assert_eq!(stb.serve(&new, usize::MAX, done(&new)).unwrap().from, 0);
        stb.assert_whole(&new);
        // The second request says something about the object and nothing about the server.
        assert_eq!(stb.pauses(), [1, 0]);
    }
}

#[test]
fn an_answer_of_another_length_than_came_is_no_object() {
    let object = object(1_000);
    let mut stb = Stb::new(http(), FetchOptions::default());
    stb.serve(&object, 900, done(&object));
    assert_eq!(stb.serve(&object, usize::MAX, done(&object)).unwrap().from, 900);
    stb.assert_whole(&object);

    let mut stb = Stb::new(http(), FetchOptions { attempts: 1, ..FetchOptions::default() });
    stb.serve(&object, 900, done(&object[..899]));
    stb.assert_failed(UnicastError::Protocol.into());
}

#[test]
fn a_digest_that_is_known_is_proven_before_anything_is_committed() {
    let object = object(200_000);
    let right = sha256(&object);
    for (known, told) in [(Some(right), None), (None, Some(right)), (Some(right), Some([0; 32]))] {
        let mut stb = Stb::new(http(), FetchOptions { sha256: known, ..FetchOptions::default() });
        let answer = Answer::Done { length: 200_000, sha256: told };
        stb.serve(&object, usize::MAX, answer);
        stb.assert_whole(&object);
        let whole = Event::Complete { length: 200_000, check: None, sha256: Some(right) };
        assert_eq!(stb.events.last(), Some(&whole));
    }
}

#[test]
fn an_object_of_another_digest_is_fetched_again_and_never_committed() {
    let (good, mut bad) = (object(1_000), object(1_000));
    bad[500] ^= 1;
    let options = FetchOptions { sha256: Some(sha256(&good)), ..FetchOptions::default() };
    let mut stb = Stb::new(http(), options.clone());
    stb.serve(&bad, usize::MAX, done(&bad));
    assert_eq!(stb.committed(), None);
    assert_eq!(stb.events.last(), Some(&Event::DigestFailed { failures: 1 }));
    assert_eq!(stb.serve(&good, usize::MAX, done(&good)).unwrap().from, 0);
    stb.assert_whole(&good);

    let mut stb = Stb::new(http(), options.clone());
    stb.serve(&[], 0, done(&[]));
    stb.serve(&good, usize::MAX, done(&good));
    stb.assert_whole(&good);

    let mut stb = Stb::new(http(), options);
    while stb.serve(&bad, usize::MAX, done(&bad)).is_some() {}
    stb.assert_failed(FetchError::Digest { failures: 3 });
}

#[test]
fn an_object_that_is_too_long_is_given_up_as_soon_as_that_is_known() {
    let options = FetchOptions { length_max: 1_000, ..FetchOptions::default() };
    let mut stb = Stb::new(http(), options.clone());
    let id = stb.next_request().unwrap().id;
    stb.input(Input::Length { id, length: 1_001 }, &[]);
    stb.assert_failed(UnicastError::TooLong { length: 1_001 }.into());
    assert_eq!(stb.cancelled, 1);

    let object = object(1_001);
    let mut stb = Stb::new(http(), options);
    stb.serve(&object, usize::MAX, done(&object));
    stb.assert_failed(UnicastError::TooLong { length: 1_001 }.into());
    assert_eq!(stb.cancelled, 1);
}

#[test]
fn what_belongs_to_another_request_is_nothing() {
    let object = object(1_000);
    let mut stb = Stb::new(http(), FetchOptions::default());
    let first = stb.next_request().unwrap().id;
    stb.give(first, 0, &object[..500]);
    stb.answer(first, CUT);
    let second = stb.next_request().unwrap().id;
    let mut strange = |id: u64| {
        stb.give(id, 500, &[7; 100]);
        stb.input(Input::Length { id, length: u64::MAX }, &[]);
        stb.input(Input::Answered { id, answer: Answer::Done { length: 500, sha256: None } }, &[]);
    };
    strange(first);
    strange(second + 1);
    stb.give(second, 500, &object[500..]);
    stb.answer(second, done(&object));
    strange_after(&mut stb, second);
    stb.assert_whole(&object);
}

/// Inputs behind the end change nothing.
fn strange_after(stb: &mut Stb, id: u64) {
    let events = stb.events.len();
    stb.give(id, 0, b"late");
    stb.answer(id, CUT);
    stb.input(Input::Wake, &[]);
    assert_eq!(stb.events.len(), events);
}

#[test]
fn a_gap_is_a_transport_that_is_broken() {
    let object = object(1_000);
    let mut stb = Stb::new(http(), FetchOptions::default());
    let id = stb.next_request().unwrap().id;
    stb.give(id, 0, &object[..100]);
    stb.give(id, 101, &object[101..]);
    assert_eq!(stb.cancelled, 1);
    assert_eq!(stb.serve(&object, usize::MAX, done(&object)).unwrap().from, 0);
    stb.assert_whole(&object);
}

#[test]
fn a_storage_that_fails_anywhere_fails_the_fetch_and_the_old_object_stays() {
    let (old, new) = (object(300), object(450));
    let options = FetchOptions { sha256: Some(sha256(&new)), ..FetchOptions::default() };
    let mut whole = 0;
    for broken in 0..100 {
        let mut stb = Stb::new(http(), options.clone());
        stb.storage.begin(Role::Object, None).unwrap();
        stb.storage.memory.write(Area::Slot, 0, &old).unwrap();
        stb.storage.memory.commit().unwrap();
        stb.storage.broken = Some(broken);
        stb.serve(&new, 200, CUT);
        stb.serve(&new, usize::MAX, done(&new));
        if stb.storage.operations <= broken {
            stb.assert_whole(&new);
            whole += 1;
            break;
        }
        assert!(matches!(stb.error(), Some(FetchError::Storage { .. })), "{broken}");
        assert!(stb.committed() == Some(&*old) && stb.under_way.is_none());
    }
    assert_eq!(whole, 1, "five writes, a sync, a read and a commit");
}
