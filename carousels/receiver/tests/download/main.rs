//! One object from a server, whatever that answers.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on ends there"
)]

mod answers;
mod chance;
mod patience;
#[path = "../servers/mod.rs"]
mod servers;

use std::ops::Range;

use sha2::{Digest, Sha256};
use stbcast_bootcast::SourceUrl;
use stbcast_object::Micros;
use stbcast_receiver::{
    Answer, Area, Event, Fetch, FetchError, FetchOptions, Input, MemoryStorage, Output, Request,
    Role, Server, Storage, Target, TftpOptions, UnicastError, drive,
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
