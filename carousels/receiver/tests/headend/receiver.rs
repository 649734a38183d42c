//! The box: a session, its groups and its storage.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use stbcast_object::{Group, Micros};
use stbcast_receiver::{
    Answer, Area, Boot, Content, Event, Fetch, FetchOptions, GroupDecoder, Input, MemoryStorage,
    Output, OutsideArea, Progress, Recovered, Recovery, RecoveryOutcome, Request, Role, Server,
    Session, Storage, Target, drive,
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
    /// Which bytes of the slot were written or recovered.
    pub there: Vec<bool>,
    /// What it was asked to resume, each time.
    pub resumed: Vec<Content>,
    /// What it was told to keep, each time.
    pub kept: Vec<Vec<Range<u32>>>,
}

impl Steady {
    fn note(&mut self, offset: u64, length: usize) {
        let (start, end) = (offset as usize, offset as usize + length);
        self.there.resize(self.there.len().max(end), false);
        self.there[start..end].fill(true);
    }

    /// All symbols that were kept, in order and apart.
    pub fn held(&self) -> Vec<Range<u32>> {
        let all: std::collections::BTreeSet<u32> =
            self.kept.iter().flatten().cloned().flatten().collect();
        let mut held: Vec<Range<u32>> = Vec::new();
        for symbol in all {
            match held.last_mut() {
                Some(last) if last.end == symbol => last.end += 1,
                _ => held.push(symbol..symbol + 1),
            }
        }
        held
    }

    /// How many symbols were kept.
    pub fn held_count(&self) -> u32 {
        self.held().iter().map(|one| one.end - one.start).sum()
    }

    fn note_recovered(&mut self, recovery: &Recovery) {
        let Recovery { geometry, block, missing, .. } = recovery;
        for symbol in missing.iter().filter_map(|index| geometry.symbol(*block, *index)) {
            let bytes = geometry.bytes(symbol);
            self.note(bytes.start, (bytes.end - bytes.start) as usize);
        }
    }
}

/// A request to a server, and how things stood when it was made.
#[derive(Clone, Debug)]
pub struct Asked {
    pub at: Micros,
    pub request: Request,
    /// Symbols that were lacking.
    pub lacking: u32,
    /// Symbols of it that were there already, every byte of them.
    pub there: usize,
}

impl Asked {
    pub fn bytes(&self) -> u64 {
        self.request.to.unwrap() - self.request.from
    }

    pub fn url(&self) -> String {
        match &self.request.server {
            Server::Http(url) => url.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

impl Storage for Steady {
    type Error = OutsideArea;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), OutsideArea> {
        self.begun += 1;
        self.waiting = None;
        self.there.clear();
        self.memory.begin(role, version)
    }

    /// What was kept is held, as it lies in the slot.
    fn resume(
        &mut self,
        role: Role,
        version: Option<&str>,
        content: &Content,
    ) -> Result<Vec<Range<u32>>, OutsideArea> {
        let (mut slot, there) = (Vec::new(), std::mem::take(&mut self.there));
        let _ = self.memory.read(Area::Slot, 0, there.len() as u64, &mut slot);
        let is_same = self.resumed.last().is_none_or(|last| last == content);
        self.resumed.push(*content);
        self.begin(role, version)?;
        if !is_same || slot.is_empty() {
            self.kept.clear();
            return Ok(Vec::new());
        }
        self.memory.write(Area::Slot, 0, &slot)?;
        self.there = there;
        Ok(self.held())
    }

    fn keep(&mut self, symbols: &[Range<u32>]) -> Result<(), OutsideArea> {
        let unit = u64::from(self.resumed.last().unwrap().symbol_bytes);
        let length = self.resumed.last().unwrap().length;
        for one in symbols {
            let bytes = u64::from(one.start) * unit..(u64::from(one.end) * unit).min(length);
            let there = self.there.get(bytes.start as usize..bytes.end as usize);
            assert!(there.is_some_and(|there| there.iter().all(|one| *one)), "{one:?} is written");
        }
        self.kept.push(symbols.to_vec());
        Ok(())
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), OutsideArea> {
        if area == Area::Repair {
            self.repair_end = self.repair_end.max(offset + bytes.len() as u64);
        }
        if area == Area::Slot {
            self.note(offset, bytes.len());
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
        self.note_recovered(&recovery);
        self.memory.recover(recovery)
    }
}

/// A session that tells how far it is.
pub trait Fetching: Session<Range<usize>> {
    fn progress(&self) -> Progress;
}

impl Fetching for Fetch<Range<usize>> {
    fn progress(&self) -> Progress {
        Fetch::progress(self)
    }
}

impl Fetching for Boot<Range<usize>> {
    fn progress(&self) -> Progress {
        Boot::progress(self)
    }
}

/// A box with a session: a fetch, unless said otherwise.
pub struct Stb<S = Fetch<Range<usize>>> {
    pub fetch: S,
    pub storage: Steady,
    pub groups: Vec<GroupDecoder>,
    pub events: Vec<Event>,
    pub now: Micros,
    /// All that was asked of servers.
    pub asked: Vec<Asked>,
    /// What is asked of a server just now, and the byte it is to give next.
    pub under_way: Option<(Request, u64)>,
    pub cancelled: u32,
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

impl<S: Fetching> Stb<S> {
    pub fn running(session: S) -> Self {
        let mut stb = Self {
            fetch: session,
            storage: Steady::default(),
            groups: Vec::new(),
            events: Vec::new(),
            now: Micros::ZERO,
            asked: Vec::new(),
            under_way: None,
            cancelled: 0,
        };
        stb.input(Input::Wake, &[]);
        stb
    }

    /// Another session after a restart, with the storage as the one before left it.
    pub fn restarted(mut self, session: S) -> Self {
        self.storage.waiting = None;
        let mut stb = Self {
            fetch: session,
            storage: self.storage,
            groups: Vec::new(),
            events: Vec::new(),
            now: Micros::ZERO,
            asked: Vec::new(),
            under_way: None,
            cancelled: 0,
        };
        stb.input(Input::Wake, &[]);
        stb
    }

    pub fn input(&mut self, input: Input<'_, Range<usize>>, datagram: &[u8]) {
        let Self { fetch, storage, groups, events, now, under_way, cancelled, .. } = self;
        let mut asked = Vec::new();
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
            Output::Request(request) => {
                assert!(under_way.is_none(), "one at a time");
                *under_way = Some((request.clone(), request.from));
                asked.push(request);
            }
            Output::CancelRequest { id } => {
                let gone = under_way.take().map(|(request, _)| request.id);
                assert_eq!(gone, Some(id), "what is cancelled is under way");
                *cancelled += 1;
            }
            other => panic!("not for a shell: {other:?}"),
        };
        let done = drive(fetch, storage, *now, input, datagram, shell);
        assert!(done.is_ok() || storage.lost_write.is_some(), "the storage failed");
        for request in asked {
            let Progress { held, total, .. } = self.fetch.progress();
            let symbol_bytes = request.length_max.div_ceil(total.into()) as usize;
            let bytes = request.from as usize..request.to.unwrap() as usize;
            let there = self.storage.there.get(bytes.start..).unwrap_or_default();
            let symbols = there[..bytes.len().min(there.len())].chunks(symbol_bytes);
            let there = symbols.filter(|symbol| symbol.iter().all(|there| *there)).count();
            self.asked.push(Asked { at: self.now, request, lacking: total - held, there });
        }
    }

    /// The server that is asked gives the next `length` bytes, at most those it was asked for.
    pub fn give(&mut self, object: &[u8], length: usize) {
        let (request, next) = self.under_way.as_mut().expect("nothing is asked for");
        let (id, offset) = (request.id, *next);
        let end = request.to.unwrap().min(offset + length as u64);
        *next = end;
        self.give_at(id, offset, &object[offset as usize..end as usize]);
    }

    /// Bytes come in answer to a request.
    pub fn give_at(&mut self, id: u64, offset: u64, bytes: &[u8]) {
        let (length, payload) = (bytes.len(), 0..bytes.len());
        self.input(Input::Bytes { id, offset, length, payload }, bytes);
    }

    /// The request under way ends.
    pub fn answer(&mut self, answer: Answer) {
        let (request, _) = self.under_way.take().expect("nothing is asked for");
        self.input(Input::Answered { id: request.id, answer }, &[]);
    }

    /// The request under way ends where all of it was given.
    pub fn finish(&mut self) {
        let under_way = self.under_way.as_ref();
        if let Some((request, _)) = under_way.filter(|(request, next)| request.to == Some(*next)) {
            // What an honest server has is as long as what is announced.
            let length = request.length_max;
            self.answer(Answer::Done { length, sha256: None });
        }
    }

    /// A server that has `object` gives what is asked for, `chunk` bytes at a time, until nothing
    /// more is asked for at this moment.
    pub fn serve(&mut self, object: &[u8], chunk: usize) {
        while self.under_way.is_some() {
            self.give(object, chunk);
            self.finish();
        }
    }

    /// Bytes asked for in all.
    pub fn asked_bytes(&self) -> u64 {
        self.asked.iter().map(Asked::bytes).sum()
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
        self.storage.note_recovered(&recovery);
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
