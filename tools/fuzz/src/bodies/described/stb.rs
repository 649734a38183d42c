//! The box: a fetch, its groups, its clock and its storage.

use std::cell::RefCell;
use std::net::IpAddr;
use std::ops::Range;

use sha2::{Digest, Sha256};
use stbcast_object::{Group, Micros};
use stbcast_receiver::limits::GROUPS_MAX;
use stbcast_receiver::{
    Event, Fetch, FetchOptions, GroupDecoder, Input, Output, Recovered, RecoveryOutcome, Request,
    Role, Stats, Target, drive, drive_all,
};

use super::air::START;
use super::store::Store;
use super::web::Web;

/// Span between two datagrams.
const PACE: Micros = Micros::from_millis(1);

pub(super) struct Stb {
    pub(super) fetch: Fetch<Range<usize>>,
    pub(super) store: Store,
    pub(super) now: Micros,
    /// It knows the time of day.
    pub(super) has_wall: bool,
    /// It is told of the object by its companion, and by nobody else.
    pub(super) hears_companion_alone: bool,
    /// Datagrams handed in together.
    pub(super) together: usize,
    /// It went on without what is announced.
    pub(super) is_plain: bool,
    pub(super) digest_failures: u32,
    /// Of the completed object.
    pub(super) completed: Option<Option<[u8; 32]>>,
    waiting: Vec<(Micros, IpAddr, Group, Vec<u8>)>,
    groups: RefCell<Vec<GroupDecoder>>,
    ended: bool,
    pub(super) web: Web,
}

impl Stb {
    pub(super) fn new(target: Target, options: FetchOptions) -> Self {
        let store = Store::new(options.length_max, options.memory_bytes);
        let web = Web::new(options.unicast.is_some());
        let mut stb = Self {
            fetch: Fetch::new(target, options),
            store,
            now: Micros::from_secs(1),
            has_wall: false,
            hears_companion_alone: false,
            together: 1,
            is_plain: false,
            digest_failures: 0,
            completed: None,
            waiting: Vec::new(),
            groups: RefCell::default(),
            ended: false,
            web,
        };
        stb.input(Input::Wake);
        stb
    }

    pub(super) fn is_over(&self) -> bool {
        self.fetch.is_over()
    }

    pub(super) fn committed(&self) -> Option<&[u8]> {
        let committed = self.store.memory.committed(Role::Object);
        committed.map(|committed| committed.bytes.as_slice())
    }

    /// A datagram arrives, now or together with others.
    pub(super) fn hear(&mut self, from: IpAddr, group: Group, bytes: Vec<u8>) {
        self.now = self.now.after(PACE);
        self.waiting.push((self.now, from, group, bytes));
        if self.waiting.len() >= self.together {
            self.hand_in();
        }
    }

    /// Hands in what arrived.
    pub(super) fn hand_in(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return;
        }
        let all: Vec<u8> = waiting.iter().flat_map(|(.., bytes)| bytes.iter().copied()).collect();
        let groups = std::mem::take(&mut self.groups);
        let mut end = 0;
        let inputs = waiting.iter().filter_map(|(at, from, group, bytes)| {
            let start = end;
            end += bytes.len();
            let wall = self.has_wall.then_some(START.after(*at));
            let mut groups = groups.borrow_mut();
            let decoder = groups.iter_mut().find(|one| one.group() == *group)?;
            Some((*at, decoder.decode(*from, bytes, wall).within(start)))
        });
        let inputs: &mut dyn Iterator<Item = _> = &mut { inputs };
        let mut seen = Seen::new(&groups, self.ended);
        let shell = &mut |output| seen.take(output);
        if self.together > 1 {
            let _ = drive_all(&mut self.fetch, &mut self.store, inputs, &all, shell);
        } else {
            for (at, input) in inputs {
                let _ = drive(&mut self.fetch, &mut self.store, at, input, &all, shell);
            }
        }
        let news = seen.news;
        self.groups = groups;
        self.note(news);
    }

    /// Hands in something that is no datagram.
    pub(super) fn input(&mut self, input: Input<'_, Range<usize>>) {
        self.input_with(input, &[]);
    }

    /// The same with bytes that it means.
    pub(super) fn input_with(&mut self, input: Input<'_, Range<usize>>, bytes: &[u8]) {
        self.hand_in();
        let groups = std::mem::take(&mut self.groups);
        let mut seen = Seen::new(&groups, self.ended);
        let shell = &mut |output| seen.take(output);
        // What failed, the session has been told.
        let _ = drive(&mut self.fetch, &mut self.store, self.now, input, bytes, shell);
        let news = seen.news;
        self.groups = groups;
        self.note(news);
    }

    fn note(&mut self, news: News) {
        let progress = self.fetch.progress();
        for request in news.requests {
            self.web.ask(request, progress);
        }
        assert!(self.web.under_way.is_none() || !news.ended, "it ended with a request under way");
        self.is_plain |= news.is_plain;
        self.digest_failures += news.digest_failures;
        self.completed = self.completed.or(news.completed);
        self.ended = news.ended;
        assert_eq!(self.is_over(), self.ended);
        assert!(self.groups.borrow().is_empty() || !self.ended, "it ended without leaving");
        assert_eq!(self.completed.is_some(), self.store.commits == 1, "completed is committed");
        assert!(self.store.commits <= 1);
        if let Some(digest) = self.completed {
            let bytes = self.committed().expect("completed");
            let is_true =
                digest.is_none_or(|digest| digest == <[u8; 32]>::from(Sha256::digest(bytes)));
            assert!(is_true, "not what was announced");
        }
        assert!(progress.held <= progress.total, "{progress:?}");
        self.assert_counted(self.fetch.stats());
    }

    /// Every datagram ends in one counter.
    fn assert_counted(&self, stats: &Stats) {
        let counted = stats.wanted() + stats.foreign + stats.rejected_total() + stats.descriptions;
        assert!(counted <= stats.datagrams, "a datagram is counted twice: {stats:?}");
        assert!(self.is_plain || counted == stats.datagrams, "in no counter: {stats:?}");
    }

    /// Until the session wants to be woken, or some time less.
    pub(super) fn pass_time(&mut self, n: u8) {
        self.hand_in();
        let early = self.now.after(Micros::from_millis(100 * u64::from(n)));
        let wanted = self.fetch.wake_at();
        self.now = match wanted {
            Some(wanted) if n.is_multiple_of(4) => wanted.max(self.now),
            _ => early,
        };
        let due = wanted.filter(|wanted| *wanted <= self.now);
        self.input(Input::Wake);
        assert!(due.is_none() || self.fetch.wake_at() != due, "it was woken for nothing");
    }

    /// Time passes; the session is woken when it wants to be.
    pub(super) fn wait(&mut self, span: Micros) {
        self.hand_in();
        let until = self.now.after(span);
        while let Some(at) = self.fetch.wake_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.input(Input::Wake);
            assert_ne!(self.fetch.wake_at(), Some(at), "it was woken for nothing");
        }
        self.now = until;
    }

    /// The recovery under way is told, where there is one.
    pub(super) fn tell_recovery(&mut self) -> bool {
        self.hand_in();
        let Some(recovered) = self.store.told() else { return false };
        self.input(Input::Recovered(recovered));
        true
    }

    /// A recovery that was answered or given up is told again.
    pub(super) fn tell_stale(&mut self, n: u8) {
        self.hand_in();
        let outcomes = [RecoveryOutcome::Done, RecoveryOutcome::WantsMore, RecoveryOutcome::Failed];
        let outcome = outcomes[usize::from(n) % 3];
        if let Some(id) = self.store.stale() {
            self.input(Input::Recovered(Recovered { id, outcome }));
        }
    }

    /// Left alone, the session ends.
    pub(super) fn assert_ends(&mut self, wakes: usize) {
        for _ in 0..wakes {
            while self.tell_recovery() {}
            self.give_up_request();
            if self.is_over() {
                return;
            }
            assert!(self.fetch.wake_at().is_some(), "it waits for nothing");
            self.pass_time(0);
        }
        assert!(self.is_over(), "it waits for ever");
    }
}

/// What the session told.
#[derive(Default)]
struct News {
    ended: bool,
    is_plain: bool,
    digest_failures: u32,
    completed: Option<Option<[u8; 32]>>,
    /// Requests and cancellations, as they came.
    requests: Vec<Result<Request, u64>>,
}

/// Carries out what is for a shell.
struct Seen<'a> {
    groups: &'a RefCell<Vec<GroupDecoder>>,
    news: News,
}

impl<'a> Seen<'a> {
    fn new(groups: &'a RefCell<Vec<GroupDecoder>>, ended: bool) -> Self {
        Self { groups, news: News { ended, ..News::default() } }
    }

    fn take(&mut self, output: Output<Range<usize>>) {
        let mut groups = self.groups.borrow_mut();
        match output {
            Output::Join { group, source, listen } => {
                assert!(groups.iter().all(|one| one.group() != group), "{group} is joined");
                groups.push(GroupDecoder::new(group, source, &listen));
                assert!(groups.len() <= GROUPS_MAX, "too many groups");
            }
            Output::Leave { group } => {
                let before = groups.len();
                groups.retain(|one| one.group() != group);
                assert_eq!(groups.len() + 1, before, "{group} was not joined");
            }
            Output::Event(event) => self.hear(event),
            Output::Request(request) => self.news.requests.push(Ok(request)),
            Output::CancelRequest { id } => self.news.requests.push(Err(id)),
            other => panic!("not for a shell: {other:?}"),
        }
    }

    fn hear(&mut self, event: Event) {
        assert!(!self.news.ended, "it ended before: {event:?}");
        match event {
            Event::Complete { sha256, length, .. } => {
                let _ = length;
                self.news.completed = Some(sha256);
                self.news.ended = true;
            }
            Event::Failed(_) => self.news.ended = true,
            Event::Plain(_) => self.news.is_plain = true,
            Event::DigestFailed { .. } => self.news.digest_failures += 1,
            _ => {}
        }
    }
}
