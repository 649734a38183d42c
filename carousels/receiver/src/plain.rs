//! Acquiring one object of one channel from its slices alone.

use alloc::collections::VecDeque;

use stbcast_infocast::{Check, ObjectCheck, Verdict};
use stbcast_object::{Group, Micros};

use crate::assembly::Assembly;
use crate::gathering::{Gathering, Ledger};
use crate::limits;
use crate::target::Sliced;
use crate::{Arrival, Event, FetchError, FetchOptions, Input, Output, Progress, Rejection, Stats};

enum State {
    Idle,
    Receiving,
    /// All slices are on their way to storage.
    Storing {
        length: u64,
    },
    Syncing {
        length: u64,
    },
    /// Reading back, to try a trailer over the whole object.
    Checking {
        length: u64,
        read: u64,
        check: ObjectCheck,
    },
    Committing {
        length: u64,
        check: Option<Check>,
    },
    Over,
}

/// Fetches an object of which nothing is known beforehand.
pub(crate) struct Plain<P> {
    group: Group,
    sliced: Sliced,
    options: FetchOptions,
    state: State,
    attempt: u8,
    last_alive: Micros,
    last_wanted: Micros,
    gathering: Gathering,
    stats: Stats,
    outstanding: u32,
    queue: VecDeque<Output<P>>,
}

impl<P> Plain<P> {
    /// A fetch that begins with the first [`Input::Wake`].
    pub(crate) fn new((group, sliced): (Group, Sliced), options: FetchOptions) -> Self {
        let gathering = Gathering::new(options.length_max);
        Self {
            group,
            sliced,
            options,
            state: State::Idle,
            attempt: 0,
            last_alive: Micros::ZERO,
            last_wanted: Micros::ZERO,
            gathering,
            stats: Stats::default(),
            outstanding: 0,
            queue: VecDeque::new(),
        }
    }

    /// Goes on with what another way of fetching has seen, and left to be done.
    #[must_use]
    pub(crate) fn after(mut self, stats: Stats, queue: VecDeque<Output<P>>) -> Self {
        (self.stats, self.queue) = (stats, queue);
        self
    }

    /// Takes an input at `now` and hands out what is to be done.
    pub(crate) fn handle(&mut self, now: Micros, input: Input<'_, P>) {
        let before = self.queue.len();
        match input {
            Input::Wake => self.on_wake(now),
            Input::Arrival(arrival) => self.on_arrival(now, arrival),
            Input::Heard { group, bytes } if group == self.group => self.on_heard(now, bytes),
            Input::Rejected(bytes, reject) => {
                self.count(bytes);
                self.stats.reject(reject.into());
            }
            Input::Written { ok } => self.on_written(ok),
            Input::Synced { ok } => self.on_synced(ok),
            Input::ReadBack(bytes) => self.on_read_back(bytes),
            Input::ReadFailed => self.fail(FetchError::Storage { doing: "read back" }),
            Input::Committed { ok } => self.on_committed(ok),
            Input::Symbol(_)
            | Input::Announced { .. }
            | Input::Heard { .. }
            | Input::Statement { .. }
            | Input::Resumed { .. }
            | Input::Armed { .. }
            | Input::Recovered(_)
            | Input::Compared { .. }
            | Input::Length { .. }
            | Input::Bytes { .. }
            | Input::Answered { .. }
            | Input::Busy(_) => {}
        }
        let stores = |o: &&Output<P>| matches!(o, Output::Write { .. } | Output::Copy { .. });
        let added = self.queue.iter().skip(before).filter(stores).count();
        self.outstanding += u32::try_from(added).unwrap_or(u32::MAX);
        self.sync_when_stored();
    }

    /// What is left to be done.
    pub(crate) const fn queue(&mut self) -> &mut VecDeque<Output<P>> {
        &mut self.queue
    }

    /// When the session wants an [`Input::Wake`], if nothing happens before.
    pub(crate) fn wake_at(&self) -> Option<Micros> {
        match self.state {
            State::Idle => Some(Micros::ZERO),
            State::Receiving => {
                let silent = self.last_alive.after(self.options.timeout);
                Some(silent.min(self.last_wanted.after(self.absent_span())))
            }
            _ => None,
        }
    }

    /// Whether the last event was [`Event::Complete`] or [`Event::Failed`].
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// What was seen so far.
    pub(crate) const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        let (held, total) =
            self.gathering.assembly().map_or((0, 0), |a| (a.held(), a.revision().slices()));
        Progress { held, total, attempt: self.attempt }
    }

    fn absent_span(&self) -> Micros {
        self.options.timeout.times(self.options.absent_timeouts)
    }

    fn count(&mut self, bytes: usize) {
        self.stats.datagrams += 1;
        self.stats.bytes += bytes as u64;
    }

    fn tell(&mut self, event: Event) {
        self.queue.push_back(Output::Event(event));
    }

    fn join(&mut self, now: Micros) {
        self.attempt += 1;
        (self.last_alive, self.last_wanted) = (now, now);
        let (group, source) = (self.group, self.options.source);
        self.queue.push_back(Output::Join { group, source, listen: self.sliced.listen() });
    }

    fn fail(&mut self, error: FetchError) {
        if matches!(self.state, State::Receiving) {
            self.queue.push_back(Output::Leave { group: self.group });
        }
        if !self.is_over() {
            self.state = State::Over;
            self.queue.retain(|output| !output.is_for_storage());
            self.tell(Event::Failed(error));
        }
    }

    fn on_wake(&mut self, now: Micros) {
        match self.state {
            State::Idle => {
                let (role, version) = (self.options.role, self.options.version.clone());
                self.queue.push_back(Output::Begin { role, version });
                self.state = State::Receiving;
                self.join(now);
            }
            State::Receiving => self.on_silence(now),
            _ => {}
        }
    }

    fn on_silence(&mut self, now: Micros) {
        if now < self.last_alive.after(self.options.timeout) {
            let span = self.absent_span();
            if now >= self.last_wanted.after(span) {
                self.fail(FetchError::Absent { span });
            }
            return;
        }
        self.tell(Event::AttemptFailed { attempt: self.attempt });
        if self.attempt >= self.options.attempts {
            let (attempts, timeout) = (self.attempt, self.options.timeout);
            return self.fail(FetchError::Silent { attempts, timeout });
        }
        self.queue.push_back(Output::Leave { group: self.group });
        self.join(now);
    }

    fn on_arrival(&mut self, now: Micros, arrival: Arrival<P>) {
        if !matches!(self.state, State::Receiving) {
            return;
        }
        self.count(arrival.datagram_bytes);
        if self.options.source.is_some_and(|pinned| pinned != arrival.from) {
            return self.stats.reject(Rejection::WrongSource);
        }
        self.last_alive = now;
        if !self.sliced.is_named(arrival.name) {
            self.stats.foreign += 1;
            return;
        }
        if arrival.slice.verdict == Verdict::Bad {
            return self.stats.reject(Rejection::BadTrailer);
        }
        let Arrival { from, slice, payload, .. } = arrival;
        let ledger = Ledger { queue: &mut self.queue, stats: &mut self.stats };
        match self.gathering.take((now, from), slice, payload, ledger) {
            Ok(()) => self.last_wanted = now,
            Err(rejection) => self.stats.reject(rejection),
        }
        self.finish_when_complete();
    }

    /// A datagram of the channel that describes the object to people.
    fn on_heard(&mut self, now: Micros, bytes: usize) {
        if matches!(self.state, State::Receiving) {
            self.count(bytes);
            self.stats.descriptions += 1;
            self.last_alive = now;
        }
    }

    fn finish_when_complete(&mut self) {
        if !matches!(self.state, State::Receiving) {
            return;
        }
        if let Some(assembly) = self.gathering.whole() {
            let length = assembly.finish(&mut self.queue);
            self.queue.push_back(Output::Leave { group: self.group });
            self.state = State::Storing { length };
        }
    }

    fn on_written(&mut self, ok: bool) {
        self.outstanding = self.outstanding.saturating_sub(1);
        if !ok {
            self.fail(FetchError::Storage { doing: "write" });
        }
    }

    fn sync_when_stored(&mut self) {
        if let (State::Storing { length }, 0) = (&self.state, self.outstanding) {
            let length = *length;
            self.state = State::Syncing { length };
            self.queue.push_back(Output::Sync { length });
        }
    }

    fn on_synced(&mut self, ok: bool) {
        let State::Syncing { length } = self.state else { return };
        if !ok {
            return self.fail(FetchError::Storage { doing: "make the object durable" });
        }
        let trailer = self.gathering.assembly().and_then(Assembly::whole_object_trailer);
        match trailer.map(|trailer| ObjectCheck::new(trailer)) {
            Some(check) => {
                self.state = State::Checking { length, read: 0, check };
                self.read_on();
            }
            None => {
                let check = self.gathering.assembly().and_then(Assembly::check);
                self.commit(length, check);
            }
        }
    }

    fn read_on(&mut self) {
        match core::mem::replace(&mut self.state, State::Over) {
            State::Checking { length, read, check } if read >= length => {
                self.commit(length, check.finish());
            }
            State::Checking { length, read, check } => {
                let part = (length - read).min(limits::READ_BACK_BYTES);
                self.queue.push_back(Output::Read { offset: read, length: part });
                self.state = State::Checking { length, read, check };
            }
            other => self.state = other,
        }
    }

    fn on_read_back(&mut self, bytes: &[u8]) {
        if let State::Checking { read, check, .. } = &mut self.state {
            if bytes.is_empty() {
                return self.fail(FetchError::Storage { doing: "read back" });
            }
            check.update(bytes);
            *read += bytes.len() as u64;
            self.read_on();
        }
    }

    fn commit(&mut self, length: u64, check: Option<Check>) {
        self.state = State::Committing { length, check };
        self.queue.push_back(Output::Commit);
    }

    fn on_committed(&mut self, ok: bool) {
        let State::Committing { length, check } = self.state else { return };
        if !ok {
            return self.fail(FetchError::Storage { doing: "put the object in place" });
        }
        self.state = State::Over;
        self.tell(Event::Complete { length, check, sha256: None });
    }
}
