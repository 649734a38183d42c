//! The box: a session, its groups and its storage.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use stbcast_object::{Group, Micros};
use stbcast_receiver::{
    Area, Event, Fetch, FetchOptions, GroupDecoder, Input, MemoryStorage, Output, OutsideArea,
    Recovered, Recovery, RecoveryOutcome, Role, Session, Storage, Target, drive,
};

use super::{Sent, announce, channel, name};

pub const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A storage that watches what it is asked for, and recovers when it is told to.
#[derive(Default)]
pub struct Steady {
    pub memory: MemoryStorage,
    /// Whether recoveries wait for [`Stb::recover`].
    pub slow: bool,
    /// How the next recoveries are answered without any being made.
    pub answers: Vec<RecoveryOutcome>,
    pub waiting: Option<Recovery>,
    pub recoveries: u32,
    pub begun: u32,
    /// End of the repair area in bytes.
    pub repair_end: u64,
    /// Writes asked for.
    pub writes: u32,
    /// Which of them fails, from 0.
    pub lost_write: Option<u32>,
}

impl Storage for Steady {
    type Error = OutsideArea;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), OutsideArea> {
        self.begun += 1;
        self.waiting = None;
        self.memory.begin(role, version)
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), OutsideArea> {
        if area == Area::Repair {
            self.repair_end = self.repair_end.max(offset + bytes.len() as u64);
        }
        self.writes += 1;
        if self.lost_write == Some(self.writes - 1) {
            return Err(OutsideArea);
        }
        self.memory.write(area, offset, bytes)
    }

    fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), OutsideArea> {
        self.memory.read(area, offset, length, into)
    }

    fn sync(&mut self, length: u64) -> Result<(), OutsideArea> {
        self.memory.sync(length)
    }

    fn commit(&mut self) -> Result<(), OutsideArea> {
        self.memory.commit()
    }

    fn recover(&mut self, recovery: Recovery) -> Result<Option<Recovered>, OutsideArea> {
        self.recoveries += 1;
        assert!(self.waiting.is_none(), "one at a time");
        if let Some(outcome) = self.answers.pop() {
            return Ok(Some(Recovered { id: recovery.id, outcome }));
        }
        if self.slow {
            self.waiting = Some(recovery);
            return Ok(None);
        }
        self.memory.recover(recovery)
    }
}

/// A box with a session: a fetch, unless said otherwise.
pub struct Stb<S = Fetch<Range<usize>>> {
    pub fetch: S,
    pub storage: Steady,
    pub groups: Vec<GroupDecoder>,
    pub events: Vec<Event>,
    pub now: Micros,
}

impl Stb {
    /// A box that is told the announce group and nothing else.
    pub fn new() -> Self {
        Self::with(FetchOptions { announce: Some(announce()), ..FetchOptions::default() })
    }

    pub fn with(options: FetchOptions) -> Self {
        Self::fetching(Target::infocast(channel(), name()), options)
    }

    pub fn fetching(target: Target, options: FetchOptions) -> Self {
        Self::running(Fetch::new(target, options))
    }

    #[track_caller]
    pub fn assert_object(&self, bytes: &[u8]) {
        assert!(self.is_over(), "not over: {:?}", self.fetch.progress());
        assert!(self.object() == Some(bytes), "not the object: {:?}", self.events);
    }

    pub fn rejected(&self, label: &str) -> u64 {
        let stats = self.fetch.stats();
        stats.rejected().find(|(one, _)| *one == label).map_or(0, |(_, count)| count)
    }
}

impl<S: Session<Range<usize>>> Stb<S> {
    pub fn running(session: S) -> Self {
        let mut stb = Self {
            fetch: session,
            storage: Steady::default(),
            groups: Vec::new(),
            events: Vec::new(),
            now: Micros::ZERO,
        };
        stb.input(Input::Wake, &[]);
        stb
    }

    pub fn input(&mut self, input: Input<'_, Range<usize>>, datagram: &[u8]) {
        let Self { fetch, storage, groups, events, now, .. } = self;
        let shell = &mut |output| match output {
            Output::Join { group, source, listen } => {
                assert!(groups.iter().all(|one| one.group() != group), "{group} is joined");
                groups.push(GroupDecoder::new(group, source, &listen));
                assert!(groups.len() <= 3, "three groups at most");
            }
            Output::Leave { group } => {
                let before = groups.len();
                groups.retain(|one| one.group() != group);
                assert_eq!(groups.len() + 1, before, "{group} was joined");
            }
            Output::Event(event) => events.push(event),
            other => panic!("not for a shell: {other:?}"),
        };
        let done = drive(fetch, storage, *now, input, datagram, shell);
        assert!(done.is_ok() || storage.lost_write.is_some(), "the storage failed");
    }

    /// The clock goes on; the session is woken where it wants to be.
    pub fn wait_until(&mut self, now: Micros) {
        while let Some(at) = self.fetch.wake_at().filter(|at| *at <= now) {
            self.now = self.now.max(at);
            self.input(Input::Wake, &[]);
            assert_ne!(self.fetch.wake_at(), Some(at), "it was woken for nothing");
        }
        self.now = self.now.max(now);
    }

    pub fn joined(&self, group: Group) -> bool {
        self.groups.iter().any(|one| one.group() == group)
    }

    pub fn hear(&mut self, now: Micros, sent: &Sent) {
        self.hear_from(SENDER, now, sent);
    }

    pub fn hear_from(&mut self, from: IpAddr, now: Micros, sent: &Sent) {
        self.wait_until(now);
        let Some(decoder) = self.groups.iter_mut().find(|one| one.group() == sent.group) else {
            return;
        };
        let input = decoder.decode(from, &sent.bytes, None);
        self.input(input, &sent.bytes);
    }

    /// A recovery that waits is carried out.
    pub fn recover(&mut self) -> bool {
        let Some(recovery) = self.storage.waiting.take() else { return false };
        let recovered = self.storage.memory.recover(recovery).unwrap().unwrap();
        self.input(Input::Recovered(recovered), &[]);
        true
    }

    pub fn is_over(&self) -> bool {
        self.fetch.is_over()
    }

    pub fn object(&self) -> Option<&[u8]> {
        self.storage.memory.committed(Role::Object).map(|committed| committed.bytes.as_slice())
    }
}
