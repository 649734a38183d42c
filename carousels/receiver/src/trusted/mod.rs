//! A boot that believes nothing but what the operator signed.
//!
//! ```text
//!  on trial ──────────────────────────────────────────────> over, without any network
//!  Listening ──usable, settled──> Fetching ──all parts──> Arming ──> armed
//!   │    ^                         │    │                   └──────> failed: nothing is armed
//!   │    └──no longer believed─────┤    └──higher release──> Fetching
//!   └─ silent, nothing usable      └──part failed──> the next best release, or failed
//! ```
//!
//! Statements are heard in the announce session as long as the boot lasts. Metadata of the legacy
//! families is not read, and what is announced of an object counts only as far as it is signed, see
//! [`described`](crate::described). The parts go into the slots that are not booted; nothing is booted
//! otherwise before all of them are there.

mod announce;
mod gate;
mod hearing;
mod install;
mod options;
mod report;
mod signed;
mod watch;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;

use stbcast_object::Micros;
use stbcast_release::{Check, on};

pub use self::options::{TrustedOptions, root_of};
pub use self::report::{Refused, TrustedOutcome, TrustedReport};
pub use self::watch::{Obeyed, Waited, Watch, WatchOptions, WatchOutcome, WatchReport};

use self::announce::Announce;
use self::hearing::Hearing;
use self::install::Following;
use crate::fetch::Outputs;
use crate::limits::{ANNOUNCED_WITHIN, SETTLE, STATEMENT_HEAD_BYTES};
use crate::{Event, Fetch, Input, Output, Progress, Stats};

/// The session of a trusted boot. Pure: see the crate's page for the contract.
pub struct TrustedBoot<P> {
    options: TrustedOptions,
    hearing: Hearing,
    step: Step,
    attempt: u8,
    begun_at: Micros,
    /// When the announce session was joined, or brought something, last.
    alive_at: Micros,
    /// The first datagram since listening began.
    first_heard: Option<Micros>,
    /// When something usable was heard first since then.
    usable_at: Option<Micros>,
    announce: Announce,
    following: Option<Following>,
    fetch: Option<Fetch<P>>,
    /// Whether a higher release is known, and the one that is followed is completed first.
    waits_for_higher: bool,
    /// Whether what is fetched is superseded and being completed.
    is_finishing: bool,
    /// Why the first release that could not be had could not.
    first_failure: Option<TrustedOutcome>,
    stats: Stats,
    queue: VecDeque<Output<P>>,
}

enum Step {
    Idle,
    Listening,
    Fetching,
    Arming,
    Over,
}

impl<P: Clone> TrustedBoot<P> {
    /// A boot that begins with the first [`Input::Wake`].
    pub fn new(options: TrustedOptions) -> Self {
        Self {
            hearing: Hearing::new(options.trust.clone()),
            step: Step::Idle,
            attempt: 1,
            begun_at: Micros::ZERO,
            alive_at: Micros::ZERO,
            first_heard: None,
            usable_at: None,
            announce: Announce { group: options.announce, source: options.source, joined: false },
            following: None,
            fetch: None,
            waits_for_higher: false,
            is_finishing: false,
            first_failure: None,
            stats: Stats::default(),
            queue: VecDeque::new(),
            options,
        }
    }

    /// Takes an input at `now` and hands out what is to be done.
    #[must_use = "the outputs must be carried out"]
    pub fn handle(&mut self, now: Micros, input: Input<'_, P>) -> Outputs<'_, P> {
        match (&self.step, input) {
            (Step::Over, _) => {}
            (Step::Idle, Input::Wake) => self.begin(now),
            (_, Input::Statement { bytes, heard }) => self.on_statement(now, &bytes, heard),
            (Step::Listening, Input::Wake) => self.on_wake(now),
            (Step::Listening, input) => self.on_other(now, &input),
            (Step::Fetching, Input::Wake) if now >= self.give_up_at() => self.give_up(),
            (Step::Fetching, input) => self.forward(now, input),
            (Step::Arming, Input::Armed { ok }) => self.on_armed(now, ok),
            (Step::Idle | Step::Arming, _) => {}
        }
        Outputs { queue: &mut self.queue }
    }

    /// Hands out what is left to be done.
    pub const fn outputs(&mut self) -> Outputs<'_, P> {
        Outputs { queue: &mut self.queue }
    }

    /// When the session wants an [`Input::Wake`], if nothing happens before.
    pub fn wake_at(&self) -> Option<Micros> {
        match self.step {
            Step::Idle => Some(Micros::ZERO),
            Step::Listening => Some(self.listens_until()),
            Step::Fetching => {
                let fetch = self.fetch.as_ref().and_then(Fetch::wake_at);
                Some(fetch.unwrap_or(Micros::NEVER).min(self.give_up_at()))
            }
            Step::Arming | Step::Over => None,
        }
    }

    /// Whether [`Event::TrustedDone`] was handed out.
    pub const fn is_over(&self) -> bool {
        matches!(self.step, Step::Over)
    }

    /// What was seen so far, over all objects.
    pub fn stats(&self) -> Stats {
        let mut sum = self.stats;
        if let Some(fetch) = &self.fetch {
            sum.add(fetch.stats());
        }
        sum
    }

    /// How far the object being fetched is.
    pub fn progress(&self) -> Progress {
        self.fetch.as_ref().map(Fetch::progress).unwrap_or_default()
    }

    fn give_up_at(&self) -> Micros {
        self.begun_at.after(self.options.patience)
    }

    fn listens_until(&self) -> Micros {
        let silent = self.alive_at.after(self.options.timeout);
        match (self.usable_at, self.first_heard) {
            (Some(usable), _) => usable.after(SETTLE),
            (None, Some(heard)) => heard.after(ANNOUNCED_WITHIN),
            (None, None) => silent,
        }
    }

    fn tell(&mut self, event: Event) {
        self.queue.push_back(Output::Event(event));
    }

    fn begin(&mut self, now: Micros) {
        self.begun_at = now;
        if self.options.on_trial && on(Check::TrialSilent) {
            return self.end(TrustedOutcome::OnTrial);
        }
        self.listen(now);
    }

    fn listen(&mut self, now: Micros) {
        self.step = Step::Listening;
        (self.first_heard, self.usable_at, self.alive_at) = (None, None, now);
        self.announce.join(String::new(), None, &mut self.queue);
    }

    fn on_other(&mut self, now: Micros, input: &Input<'_, P>) {
        let bytes = match input {
            Input::Heard { bytes, .. } | Input::Announced { bytes, .. } => *bytes,
            Input::Symbol(arrival) => arrival.datagram_bytes,
            Input::Rejected(bytes, reject) => {
                (self.stats.datagrams, self.stats.bytes) =
                    (self.stats.datagrams + 1, self.stats.bytes + *bytes as u64);
                return self.stats.reject((*reject).into());
            }
            _ => return,
        };
        self.count(now, bytes);
    }

    fn count(&mut self, now: Micros, bytes: usize) {
        self.stats.datagrams += 1;
        self.stats.bytes += bytes as u64;
        self.stats.descriptions += 1;
        self.first_heard.get_or_insert(now);
        self.alive_at = now;
    }

    fn on_statement(&mut self, now: Micros, bytes: &[u8], heard: Option<u64>) {
        let datagram_bytes = bytes.len().saturating_add(STATEMENT_HEAD_BYTES);
        match self.step {
            Step::Listening => self.count(now, datagram_bytes),
            Step::Fetching => {
                let group = self.options.announce;
                self.forward(now, Input::Heard { group, bytes: datagram_bytes });
            }
            _ => return,
        }
        self.hearing.followed = self.following.as_ref().map(|following| following.release.id);
        let news = self.hearing.take(now, (bytes, heard), &self.options);
        if let Some(remembered) = news.remembered.filter(|_| on(Check::RootStored)) {
            self.queue.push_back(Output::Remember(remembered));
        }
        if let Some(event) = news.event {
            self.tell(event);
        }
        if news.is_relevant {
            self.look_again(now);
        }
    }

    /// Something that was heard may change which release is followed.
    pub(super) fn look_again(&mut self, now: Micros) {
        let choice = self.hearing.choose(now, &self.options);
        match (&self.step, &self.following, choice) {
            (Step::Listening, _, Some(_)) => {
                self.usable_at.get_or_insert(now);
            }
            (Step::Fetching, Some(following), Some(choice)) => {
                let is_other = choice.release.id != following.release.id;
                let is_higher = choice.release.value.number > following.release.value.number;
                let is_believed = self.hearing.believes(&following.release.id);
                if is_other && is_believed && self.finishes_first(now, &choice.release.value) {
                    self.waits_for_higher = true;
                } else if is_other && (is_higher || !is_believed) {
                    self.waits_for_higher = false;
                    self.stop_fetch();
                    self.follow(now);
                }
            }
            (Step::Fetching, Some(following), None)
                if !self.hearing.believes(&following.release.id) =>
            {
                self.stop_fetch();
                self.listen(now);
            }
            _ => {}
        }
    }

    fn on_wake(&mut self, now: Micros) {
        if now < self.listens_until() {
            return;
        }
        if self.usable_at.is_some() {
            return self.follow(now);
        }
        if self.first_heard.is_some() {
            return self.end_without(now, TrustedOutcome::NothingUsable);
        }
        self.tell(Event::AttemptFailed { attempt: self.attempt });
        if self.attempt >= self.options.attempts {
            return self.end_without(now, TrustedOutcome::Silent);
        }
        self.attempt += 1;
        self.listen(now);
    }

    /// Nothing can be followed, or nothing more.
    fn end_without(&mut self, now: Micros, outcome: TrustedOutcome) {
        self.hearing.note_refusals(now, &self.options);
        let outcome = self.first_failure.take().unwrap_or(outcome);
        self.end(outcome);
    }

    /// It takes too long: a box must not wait for an update to boot.
    fn give_up(&mut self) {
        let number = self.following.as_ref().map(|following| following.release.value.number);
        self.stop_fetch();
        self.end(TrustedOutcome::OutOfTime { number: number.unwrap_or_default() });
    }

    fn end(&mut self, outcome: TrustedOutcome) {
        self.retire_fetch();
        self.announce.leave(&mut self.queue);
        self.step = Step::Over;
        let root = self.hearing.trust.root().number;
        let refused = self.hearing.refusals.all();
        self.tell(Event::TrustedDone(Box::new(TrustedReport { outcome, root, refused })));
    }
}
