//! One object from a server, whatever that answers.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod servers;

use std::ops::Range;

use proptest::prelude::*;
use servers::object;
use sha2::{Digest, Sha256};
use stbcast_bootcast::{HttpUrl, SourceUrl};
use stbcast_object::Micros;
use stbcast_receiver::{
    Answer, Area, Event, Fetch, FetchError, FetchOptions, Input, MemoryStorage, Output, Progress,
    Request, Role, Server, Storage, Target, TftpOptions, UnicastError, drive, limits,
};

const PIECE: usize = 100;
const CUT: Answer = Answer::Failed(UnicastError::Cut { bytes: 0 });

fn http() -> Target {
    let SourceUrl::Http(url) = "http://192.0.2.1/image".parse().unwrap() else { panic!() };
    Target::Unicast(Server::Http(url))
}

fn tftp() -> Target {
    let SourceUrl::Tftp(url) = "tftp://192.0.2.1/image".parse().unwrap() else { panic!() };
    Target::Unicast(Server::Tftp { url, options: TftpOptions::default() })
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn done(bytes: &[u8]) -> Answer {
    Answer::Done { length: bytes.len() as u64, sha256: None }
}

/// A storage whose operation number `broken` fails.
#[derive(Default)]
struct Fragile {
    memory: MemoryStorage,
    operations: usize,
    broken: Option<usize>,
    synced: bool,
}

impl Fragile {
    fn next(&mut self) -> Result<(), &'static str> {
        self.operations += 1;
        if self.broken == Some(self.operations - 1) { Err("broken") } else { Ok(()) }
    }
}

impl Storage for Fragile {
    type Error = &'static str;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), &'static str> {
        self.synced = false;
        self.memory.begin(role, version).map_err(|_| "outside")
    }
    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), &'static str> {
        assert!(!self.synced, "written to what was durable already");
        self.next()?;
        self.memory.write(area, offset, bytes).map_err(|_| "outside")
    }
    fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        self.next()?;
        self.memory.read(area, offset, length, into).map_err(|_| "outside")
    }
    fn sync(&mut self, length: u64) -> Result<(), &'static str> {
        self.next()?;
        self.synced = true;
        self.memory.sync(length).map_err(|_| "outside")
    }
    fn commit(&mut self) -> Result<(), &'static str> {
        self.next()?;
        self.memory.commit().map_err(|_| "outside")
    }
}

/// A box, its clock, and what it asked for.
struct Stb {
    session: Fetch<Range<usize>>,
    storage: Fragile,
    now: Micros,
    events: Vec<Event>,
    requests: Vec<Request>,
    under_way: Option<Request>,
    cancelled: usize,
}

impl Stb {
    fn new(target: Target, options: FetchOptions) -> Self {
        Self {
            session: Fetch::new(target, options),
            storage: Fragile::default(),
            now: Micros::from_secs(1),
            events: Vec::new(),
            requests: Vec::new(),
            under_way: None,
            cancelled: 0,
        }
    }

    fn input(&mut self, input: Input<'_, Range<usize>>, bytes: &[u8]) {
        let Self { session, storage, events, requests, under_way, cancelled, .. } = self;
        let shell = &mut |output| match output {
            Output::Request(request) => {
                assert!(under_way.is_none(), "two requests at once");
                let known = requests.iter().any(|other: &Request| other.id == request.id);
                assert!(!known, "the number of a request was used before");
                requests.push(request.clone());
                *under_way = Some(request);
            }
            Output::CancelRequest { id } => {
                *cancelled += 1;
                assert_eq!(under_way.take().map(|request| request.id), Some(id));
            }
            Output::Event(event) => events.push(event),
            other => panic!("not for a shell: {other:?}"),
        };
        // The session knows already what the storage says.
        let _ = drive(session, storage, self.now, input, bytes, shell);
    }

    /// The next request, after the pause that the session wants.
    fn next_request(&mut self) -> Option<Request> {
        for _ in 0..3 {
            if self.session.is_over() || self.under_way.is_some() {
                break;
            }
            let wake_at = self.session.wake_at().expect("it waits for something");
            self.now = wake_at.max(self.now);
            self.input(Input::Wake, &[]);
        }
        assert!(self.session.is_over() || self.under_way.is_some());
        self.under_way.clone()
    }

    fn give(&mut self, id: u64, offset: usize, bytes: &[u8]) {
        let (offset, length, payload) = (offset as u64, bytes.len(), 0..bytes.len());
        self.input(Input::Bytes { id, offset, length, payload }, bytes);
    }

    fn answer(&mut self, id: u64, answer: Answer) {
        if self.under_way.as_ref().is_some_and(|request| request.id == id) {
            self.under_way = None;
        }
        self.input(Input::Answered { id, answer }, &[]);
    }

    /// Gives up to `count` bytes of `object` in pieces, from where the request says; then answers.
    fn serve(&mut self, object: &[u8], count: usize, answer: Answer) -> Option<Request> {
        let request = self.next_request()?;
        let from = request.from as usize;
        let rest = object.get(from..).expect("it asks for what there is");
        for (index, piece) in rest[..count.min(rest.len())].chunks(PIECE).enumerate() {
            self.give(request.id, from + index * PIECE, piece);
            if self.under_way.is_none() {
                return Some(request);
            }
        }
        self.answer(request.id, answer);
        Some(request)
    }

    fn committed(&self) -> Option<&[u8]> {
        self.storage.memory.committed(Role::Object).map(|committed| committed.bytes.as_slice())
    }

    fn error(&self) -> Option<FetchError> {
        match self.events.last() {
            Some(Event::Failed(error)) => Some(*error),
            _ => None,
        }
    }

    /// Pauses in front of each request behind the first, in seconds.
    fn pauses(&self) -> Vec<u64> {
        let pause = |event: &Event| match event {
            Event::AskedAgain { answer: Answer::Busy { .. }, after, .. } => {
                Some(after.0 / 1_000_000)
            }
            // Less the box's own part, which is below as much again.
            Event::AskedAgain { after, .. } => Some(match after.0 / 1_000_000 {
                0 => 0,
                seconds @ ..30 => 1 << seconds.ilog2(),
                _ => 30,
            }),
            _ => None,
        };
        self.events.iter().filter_map(pause).collect()
    }

    #[track_caller]
    fn assert_whole(&self, object: &[u8]) {
        assert!(self.committed() == Some(object), "{:?}", self.events);
        assert!(self.session.is_over() && self.under_way.is_none());
        let length = object.len() as u64;
        assert!(
            matches!(self.events.last(), Some(Event::Complete { length: l, .. }) if *l == length)
        );
    }

    #[track_caller]
    fn assert_failed(&self, error: FetchError) {
        assert_eq!((self.error(), self.committed()), (Some(error), None));
        assert!(self.session.is_over() && self.under_way.is_none());
    }
}

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

/// What a server of a proptest does with a request.
#[derive(Clone, Debug)]
enum Deed {
    Give(usize, Answer),
    /// Another object from here on.
    Change,
}

fn deed() -> impl Strategy<Value = Deed> {
    let error = prop::sample::select(vec![
        CUT,
        Answer::Failed(UnicastError::Silent),
        Answer::Failed(UnicastError::Unreachable),
        Answer::Failed(UnicastError::Range),
        Answer::Failed(UnicastError::Protocol),
        Answer::Failed(UnicastError::Status { status: 500 }),
        Answer::Busy { retry_after: None },
        Answer::Busy { retry_after: Some(Micros::from_secs(3)) },
    ]);
    prop_oneof![
        6 => (0usize..1_200, error).prop_map(|(count, answer)| Deed::Give(count, answer)),
        1 => Just(Deed::Change),
    ]
}

proptest! {
    #[test]
    fn whatever_servers_do_one_whole_revision_is_committed_or_nothing(
        deeds in prop::collection::vec(deed(), 0..30),
        lengths in [0usize..1_000, 0usize..1_000],
        by_http in any::<bool>(),
    ) {
        let revisions = lengths.map(object);
        let target = if by_http { http() } else { tftp() };
        let mut stb = Stb::new(target, FetchOptions { attempts: 20, ..FetchOptions::default() });
        // Which revision is there, and which the transport knows the validator of.
        let (mut current, mut known) = (0, 0);
        let mut deeds = deeds.into_iter();
        for _ in 0..200 {
            let Some(request) = stb.next_request() else { break };
            let mut deed = deeds.next();
            if matches!(deed, Some(Deed::Change)) {
                current = 1;
                deed = deeds.next();
            }
            if request.from == 0 {
                known = current;
            }
            let object = &revisions[current];
            if known != current {
                stb.answer(request.id, Answer::Failed(UnicastError::Changed));
                continue;
            }
            match deed {
                Some(Deed::Give(count, answer)) => stb.serve(object, count, answer),
                _ => stb.serve(object, usize::MAX, done(object)),
            };
        }
        prop_assert!(stb.session.is_over());
        match stb.committed() {
            Some(bytes) => {
                prop_assert!(revisions.iter().any(|revision| revision == bytes));
                let is_complete = matches!(stb.events.last(), Some(Event::Complete { .. }));
                prop_assert!(is_complete);
            }
            None => prop_assert!(stb.error().is_some()),
        }
    }
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
