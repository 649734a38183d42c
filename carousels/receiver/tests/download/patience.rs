//! How often a server is asked, and when.

use stbcast_bootcast::HttpUrl;
use stbcast_object::Micros;
use stbcast_receiver::{
    Answer, Event, FetchError, FetchOptions, Server, Target, UnicastError, limits,
};

use super::servers::object;
use super::{CUT, Stb, done, http, tftp};

#[test]
fn attempts_are_counted_and_pauses_grow() {
    let options = FetchOptions { attempts: 8, ..FetchOptions::default() };
    let mut stb = Stb::new(http(), options);
    let unreachable = Answer::Failed(UnicastError::Unreachable);
    while stb.serve(&[], 0, unreachable).is_some() {}
    stb.assert_failed(UnicastError::Unreachable.into());
    assert_eq!(stb.requests.len(), 8);
    assert_eq!(stb.pauses(), [1, 2, 4, 8, 16, 30, 30]);
}

#[test]
fn a_long_object_survives_a_line_that_breaks_now_and_then() {
    let object = object(10 << 20);
    let mut stb = Stb::new(http(), FetchOptions { attempts: 2, ..FetchOptions::default() });
    for _ in 0..9 {
        stb.serve(&object, 1 << 20, CUT);
    }
    stb.serve(&object, usize::MAX, done(&object));
    stb.assert_whole(&object);
    assert_eq!(stb.session.stats().requests, 10);

    // But not one that never gets further than it was.
    let mut stb = Stb::new(tftp(), FetchOptions { attempts: 2, ..FetchOptions::default() });
    while stb.serve(&object, 1 << 20, Answer::Failed(UnicastError::Silent)).is_some() {}
    stb.assert_failed(UnicastError::Silent.into());
    assert_eq!(stb.session.stats().requests, 2);
}

#[test]
fn what_would_be_answered_again_is_not_asked_again() {
    let finals = [
        UnicastError::Status { status: 404 },
        UnicastError::Status { status: 403 },
        UnicastError::Redirect { status: 308 },
        UnicastError::TooLong { length: 5 },
        UnicastError::Tftp { code: 1 },
        UnicastError::Tftp { code: 2 },
    ];
    let passing = [
        UnicastError::Status { status: 500 },
        UnicastError::Status { status: 408 },
        UnicastError::Tftp { code: 0 },
        UnicastError::Protocol,
        UnicastError::Range,
        UnicastError::Changed,
    ];
    for (error, requests) in
        finals.map(|error| (error, 1)).into_iter().chain(passing.map(|e| (e, 3)))
    {
        let mut stb = Stb::new(http(), FetchOptions::default());
        while stb.serve(&[], 0, Answer::Failed(error)).is_some() {}
        stb.assert_failed(error.into());
        assert_eq!(stb.requests.len(), requests, "{error}");
    }
}

#[test]
fn a_server_without_time_is_asked_when_it_says_and_that_is_no_attempt() {
    let object = object(1_000);
    let mut stb = Stb::new(http(), FetchOptions { attempts: 1, ..FetchOptions::default() });
    let began = stb.now;
    for retry_after in [Some(Micros::from_secs(120)), None, Some(Micros::ZERO)] {
        stb.serve(&object, 500, Answer::Busy { retry_after });
    }
    let rest = stb.serve(&object, usize::MAX, done(&object)).unwrap();
    assert_eq!(rest.from, 1_000, "what came counts");
    stb.assert_whole(&object);
    // The last one counts from what came in between.
    assert_eq!(stb.pauses(), [120, 10, 2]);
    assert_eq!(stb.now.since(began), Micros::from_secs(132));
}

#[test]
fn a_server_that_never_has_time_is_given_up() {
    let seconds = |seconds| Some(Micros::from_secs(seconds));
    for (retry_after, requests) in
        [(seconds(0), 40), (seconds(300), 4), (None, 40), (seconds(901), 1)]
    {
        let mut stb = Stb::new(http(), FetchOptions::default());
        let began = stb.now;
        while stb.serve(&[], 0, Answer::Busy { retry_after }).is_some() {
            assert!(stb.requests.len() <= requests, "{retry_after:?}");
        }
        assert!(matches!(stb.error(), Some(FetchError::Unicast(UnicastError::Busy { .. }))));
        assert!(stb.now.since(began) <= limits::BUSY_PATIENCE);
    }
    // Nobody may wait for longer than a day.
    let options = FetchOptions { busy_patience: Micros::NEVER, ..FetchOptions::default() };
    let mut stb = Stb::new(http(), options);
    stb.serve(&[], 0, Answer::Busy { retry_after: seconds(86_401) });
    assert!(stb.session.is_over());
}

#[test]
fn boxes_that_were_cut_off_together_come_back_apart() {
    let pause = |serial: u32| {
        let url = format!("http://192.0.2.1/boot.img?serial={serial}");
        let server = Server::Http(HttpUrl::parse(&url).unwrap());
        let mut stb = Stb::new(Target::Unicast(server), FetchOptions::default());
        stb.serve(&[], 0, Answer::Failed(UnicastError::Unreachable));
        stb.events
            .iter()
            .find_map(|event| match event {
                Event::AskedAgain { after, .. } => Some(*after),
                _ => None,
            })
            .expect("it asks again")
    };
    let mut pauses: Vec<_> = (0..100).map(pause).collect();
    pauses.sort_unstable();
    assert!(pauses[0] < Micros::from_millis(1_100) && pauses[99] > Micros::from_millis(1_900));
    assert!(pauses[50] > Micros::from_millis(1_300) && pauses[50] < Micros::from_millis(1_700));
}
