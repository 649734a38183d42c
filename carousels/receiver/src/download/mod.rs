//! Acquiring an object from a server that is asked for it.
//!
//! ```text
//!  Asking ──bytes──> Write ...             the answer says that this was all
//!    ^  │                                     └──> Sync ─> Read and digest ─> Commit
//!    │  └─ cut, silent, busy, ...
//!    └──── Waiting: asked again, for the rest where the transport can prove that it fits
//! ```
//!
//! Bytes go straight to their place in the slot. Nothing is committed that is not whole; where a
//! digest is known, nothing that has another one.

mod patience;

use alloc::collections::VecDeque;
use alloc::string::ToString;

use sha2::{Digest, Sha256};
use stbcast_bootcast::delay;
use stbcast_object::Micros;

use self::patience::{Again, Patience};
use crate::{
    Answer, Area, Event, FetchError, FetchOptions, Input, Output, Progress, Request, Server, Stats,
    UnicastError, limits,
};

/// Bytes of one unit of progress.
const PROGRESS_BYTES: u64 = 1024;

enum State {
    Idle,
    /// A request is under way.
    Asking,
    /// The next one is sent then.
    Waiting {
        until: Micros,
    },
    /// All bytes are on their way to storage.
    Storing,
    Syncing,
    /// Reading back for the digest.
    Checking {
        read: u64,
        digest: Sha256,
        wanted: [u8; 32],
    },
    Committing {
        sha256: Option<[u8; 32]>,
    },
    Over,
}

/// Fetches a whole object from a server.
pub(crate) struct Download<P> {
    server: Server,
    options: FetchOptions,
    state: State,
    patience: Patience,
    /// The request under way, or the last one.
    id: u64,
    /// Bytes held, from the first on.
    held: u64,
    /// Length of the object, where the server tells it.
    length: Option<u64>,
    /// The digest that the server tells.
    told: Option<[u8; 32]>,
    outstanding: u32,
    stats: Stats,
    queue: VecDeque<Output<P>>,
}

impl<P> Download<P> {
    /// A download that begins with the first [`Input::Wake`].
    pub(crate) fn new(server: Server, options: FetchOptions) -> Self {
        let patience = Patience::new(&options);
        Self {
            server,
            options,
            state: State::Idle,
            patience,
            id: 0,
            held: 0,
            length: None,
            told: None,
            outstanding: 0,
            stats: Stats::default(),
            queue: VecDeque::new(),
        }
    }

    /// Takes an input at `now`.
    pub(crate) fn handle(&mut self, now: Micros, input: Input<'_, P>) {
        match input {
            Input::Wake => self.on_wake(now),
            Input::Length { id, length } if self.is_asking(id) => self.on_length(length),
            Input::Bytes { id, offset, length, payload } if self.is_asking(id) => {
                self.on_bytes(now, offset, length, payload);
            }
            Input::Answered { id, answer } if self.is_asking(id) => self.on_answer(now, answer),
            Input::Written { ok } => self.on_written(ok),
            Input::Synced { ok } => self.on_synced(now, ok),
            Input::ReadBack(bytes) => self.on_read_back(now, bytes),
            Input::ReadFailed => self.fail(FetchError::Storage { doing: "read back" }),
            Input::Committed { ok } => self.on_committed(ok),
            _ => {}
        }
        self.sync_when_stored();
    }

    pub(crate) const fn queue(&mut self) -> &mut VecDeque<Output<P>> {
        &mut self.queue
    }

    /// While a request is under way there is nothing to wake for: it always ends.
    pub(crate) const fn wake_at(&self) -> Option<Micros> {
        match self.state {
            State::Idle => Some(Micros::ZERO),
            State::Waiting { until } => Some(until),
            _ => None,
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(crate) const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// In KiB, so that the largest objects fit the numbers.
    pub(crate) fn progress(&self) -> Progress {
        let units = |bytes: u64| u32::try_from(bytes.div_ceil(PROGRESS_BYTES)).unwrap_or(u32::MAX);
        let total = self.length.map_or(0, units);
        Progress { held: units(self.held), total, attempt: self.patience.attempt }
    }

    const fn is_asking(&self, id: u64) -> bool {
        matches!(self.state, State::Asking) && self.id == id
    }

    fn tell(&mut self, event: Event) {
        self.queue.push_back(Output::Event(event));
    }

    /// Prepares the areas: nothing is held, and nothing outstanding will be answered.
    fn begin(&mut self) {
        let (role, version) = (self.options.role, self.options.version.clone());
        self.queue.retain(|output| !output.is_for_storage());
        self.queue.push_back(Output::Begin { role, version });
        (self.held, self.length, self.told, self.outstanding) = (0, None, None, 0);
    }

    fn ask(&mut self) {
        self.id += 1;
        self.stats.requests += 1;
        self.state = State::Asking;
        let FetchOptions { length_max, timeout, .. } = self.options;
        let (id, server, from) = (self.id, self.server.clone(), self.held);
        let request = Request { id, server, from, to: None, length_max, timeout };
        self.queue.push_back(Output::Request(request));
    }

    fn on_wake(&mut self, now: Micros) {
        match self.state {
            State::Idle => {
                self.begin();
                self.ask();
            }
            State::Waiting { until } if now >= until => self.ask(),
            _ => {}
        }
    }

    fn on_length(&mut self, length: u64) {
        self.length = Some(length);
        if length > self.options.length_max {
            self.fail(UnicastError::TooLong { length }.into());
        }
    }

    fn on_bytes(&mut self, now: Micros, offset: u64, length: usize, payload: P) {
        if offset != self.held {
            // A transport that leaves a gap is broken; what it gave is not used.
            self.queue.push_back(Output::CancelRequest { id: self.id });
            return self.on_answer(now, Answer::Failed(UnicastError::Protocol));
        }
        let bytes = length as u64;
        match self.server {
            Server::Http(_) => self.stats.http_bytes += bytes,
            Server::Tftp { .. } => self.stats.tftp_bytes += bytes,
        }
        let length = self.held.saturating_add(bytes);
        if length > self.options.length_max {
            return self.fail(UnicastError::TooLong { length }.into());
        }
        self.held = length;
        self.outstanding += 1;
        self.queue.push_back(Output::Write { area: Area::Slot, offset, payload });
        self.patience.note(self.held);
    }

    fn on_answer(&mut self, now: Micros, answer: Answer) {
        // From here on there is nothing that could be cancelled.
        self.state = State::Waiting { until: Micros::NEVER };
        let answer = match answer {
            Answer::Done { length, sha256 } if length == self.held => {
                (self.length, self.told) = (Some(length), sha256.or(self.told));
                self.state = State::Storing;
                return;
            }
            Answer::Done { length, .. } if length < self.held => {
                Answer::Failed(UnicastError::Protocol)
            }
            Answer::Done { .. } => Answer::Failed(UnicastError::Cut { bytes: self.held }),
            answer => answer,
        };
        let again = self.patience.after(answer, self.held);
        self.ask_again(now, again, Some(answer));
    }

    /// Waits until the server is to be asked again, if it is.
    fn ask_again(&mut self, now: Micros, again: Result<Again, FetchError>, why: Option<Answer>) {
        let Again { mut after, go_on } = match again {
            Ok(again) => again,
            Err(error) => return self.fail(error),
        };
        // A server without time spreads its boxes itself. Those that one fault has cut off together
        // must not come back together: a boot's URL has the serial number.
        if !matches!(why, Some(Answer::Busy { .. })) {
            let server = self.server.to_string();
            after = after.after(delay(&server, &self.id.to_be_bytes(), after));
        }
        // TFTP has no way to ask for the rest.
        let go_on = go_on && matches!(self.server, Server::Http(_));
        // What was made durable already is not written to any more, even if that is nothing.
        let is_durable = matches!(self.state, State::Checking { .. });
        if !go_on && (self.held > 0 || is_durable) {
            self.begin();
        }
        if let Some(answer) = why {
            let (attempt, from) = (self.patience.attempt, self.held);
            self.tell(Event::AskedAgain { answer, after, attempt, from });
        }
        self.state = State::Waiting { until: now.after(after) };
    }

    fn fail(&mut self, error: FetchError) {
        if self.is_over() {
            return;
        }
        if matches!(self.state, State::Asking) {
            self.queue.push_back(Output::CancelRequest { id: self.id });
        }
        self.state = State::Over;
        self.queue.retain(|output| !output.is_for_storage());
        self.tell(Event::Failed(error));
    }

    fn on_written(&mut self, ok: bool) {
        self.outstanding = self.outstanding.saturating_sub(1);
        if !ok {
            self.fail(FetchError::Storage { doing: "write" });
        }
    }

    fn sync_when_stored(&mut self) {
        if let (State::Storing, 0) = (&self.state, self.outstanding) {
            self.state = State::Syncing;
            self.queue.push_back(Output::Sync { length: self.held });
        }
    }

    fn on_synced(&mut self, now: Micros, ok: bool) {
        if !matches!(self.state, State::Syncing) {
            return;
        }
        if !ok {
            return self.fail(FetchError::Storage { doing: "make the object durable" });
        }
        match self.options.sha256.or(self.told) {
            Some(wanted) => {
                self.state = State::Checking { read: 0, digest: Sha256::new(), wanted };
                self.read_on(now);
            }
            None => self.commit(None),
        }
    }

    /// Reads on, or judges what was read.
    fn read_on(&mut self, now: Micros) {
        let State::Checking { read, digest, wanted } = &mut self.state else { return };
        let (offset, left) = (*read, self.held.saturating_sub(*read));
        if left > 0 {
            let length = left.min(limits::READ_BACK_BYTES);
            return self.queue.push_back(Output::Read { offset, length });
        }
        let (found, wanted) = (core::mem::take(digest).finalize(), *wanted);
        if found.as_slice() == wanted {
            return self.commit(Some(wanted));
        }
        let again = self.patience.after_digest();
        self.tell(Event::DigestFailed { failures: self.patience.digest_failures() });
        self.ask_again(now, again, None);
    }

    fn on_read_back(&mut self, now: Micros, bytes: &[u8]) {
        let State::Checking { read, digest, .. } = &mut self.state else { return };
        if bytes.is_empty() {
            return self.fail(FetchError::Storage { doing: "read back" });
        }
        digest.update(bytes);
        *read += bytes.len() as u64;
        self.read_on(now);
    }

    fn commit(&mut self, sha256: Option<[u8; 32]>) {
        self.state = State::Committing { sha256 };
        self.queue.push_back(Output::Commit);
    }

    fn on_committed(&mut self, ok: bool) {
        let State::Committing { sha256 } = self.state else { return };
        if !ok {
            return self.fail(FetchError::Storage { doing: "put the object in place" });
        }
        self.state = State::Over;
        self.tell(Event::Complete { length: self.held, check: None, sha256 });
    }
}
