//! A box that is on, and listens until it is to reboot.
//!
//! ```text
//!  Listening ──an action for this box is valid──> its turn within the jitter ──> over: reboot
//!   │   ^                                            │     (somebody watches: it waits here)
//!   │   └──── taken off the air, or expired ─────────┘
//!   └─ silent ──> over: whoever runs it joins anew
//! ```
//!
//! It hears statements and fetches nothing. What it was told is believed as in a boot; it makes the box
//! do nothing but reboot, and the boot that follows trusts nobody more for it. A box does so once for an
//! action: whoever runs it writes down [`Obeyed`] before it reboots.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use stbcast_object::Micros;
use stbcast_release::{Action, Check, Order, Signed, Verdict, When, on};

use super::announce::Announce;
use super::hearing::Hearing;
use super::options::TrustedOptions;
use super::report::Refused;
use crate::fetch::Outputs;
use crate::limits::{ACTION_FRESH, ANNOUNCED_WITHIN, STATEMENT_HEAD_BYTES, WATCH_SILENCE};
use crate::{Event, Input, Killed, Output, Remembered, Stats};

/// What a box did before, and does not do again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Obeyed {
    /// The highest number of an action that it rebooted for; 0 for none.
    pub action: u64,
    /// The highest number of a release that it rebooted for by itself; 0 for none. Not which one it
    /// was last: whoever plays two old ones in turn would have it reboot for ever.
    pub release: u64,
}

/// How long an action has been waited for, so that a watch that begins anew goes on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited {
    /// The identity of the action or the release.
    pub id: [u8; 32],
    /// Since it was heard and valid.
    pub waited: Micros,
}

/// A watch: whom it believes, what the box is and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    /// As for a boot; patience, memory and servers do not matter.
    pub trusted: TrustedOptions,
    /// What the box did before.
    pub obeyed: Obeyed,
    /// What a watch before this one waited for.
    pub waited: Vec<Waited>,
    /// The box reboots by itself for a release that it would install, spread over this; it does not,
    /// when `None`.
    pub releases_within: Option<Micros>,
    /// The release on trial: the box reboots at once where that is killed.
    pub on_trial: Option<[u8; 32]>,
    /// It ends as soon as it is known what the box is to do, and does not wait for its turn.
    pub once: bool,
}

impl WatchOptions {
    /// A watch that obeys actions alone.
    pub const fn new(trusted: TrustedOptions, obeyed: Obeyed) -> Self {
        Self {
            trusted,
            obeyed,
            waited: Vec::new(),
            releases_within: None,
            on_trial: None,
            once: false,
        }
    }
}

/// Why a watch has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchOutcome {
    /// The box is to reboot for an action.
    Reboot {
        /// Number of the action.
        action: u64,
        /// Its identity.
        id: [u8; 32],
        /// The number of the release that it is to have.
        release: u64,
        /// Whether at once, or when nobody watches.
        when: When,
        /// How long from now.
        after: Micros,
    },
    /// The box is to reboot for a release that it would install.
    Release {
        /// Its number.
        number: u64,
        /// Its identity.
        id: [u8; 32],
        /// How long from now.
        after: Micros,
    },
    /// The release on trial was killed.
    Killed {
        /// Its number.
        number: u64,
        /// Its identity.
        id: [u8; 32],
    },
    /// Nothing was heard for a while, or at all.
    Silent,
    /// There is nothing to be done: for a watch that looks once.
    Nothing,
}

/// A watch that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchReport {
    /// Why.
    pub outcome: WatchOutcome,
    /// The number of the root that the box goes by.
    pub root: u64,
    /// What was refused, one for each reason.
    pub refused: Vec<Refused>,
}

/// The session of a watch. Pure: see the crate's page for the contract.
pub struct Watch<P> {
    options: WatchOptions,
    hearing: Hearing,
    announce: Announce,
    state: Step,
    alive_at: Micros,
    looked_at: Micros,
    first_heard: Option<Micros>,
    /// Somebody watches.
    is_busy: bool,
    waits: Vec<Wait>,
    stats: Stats,
    queue: VecDeque<Output<P>>,
}

enum Step {
    Idle,
    Listening,
    Over,
}

/// Something that the box is waiting to do.
#[derive(Clone, Copy)]
struct Wait {
    id: [u8; 32],
    /// When it was heard and valid first.
    since: Option<Micros>,
    heard_at: Micros,
}

impl<P: Clone> Watch<P> {
    /// A watch that begins with the first [`Input::Wake`].
    pub fn new(options: WatchOptions) -> Self {
        let mut hearing = Hearing::new(options.trusted.trust.clone());
        hearing.obeys = true;
        hearing.shrink();
        let TrustedOptions { announce: group, source, .. } = options.trusted;
        Self {
            hearing,
            announce: Announce { group, source, joined: false },
            state: Step::Idle,
            alive_at: Micros::ZERO,
            looked_at: Micros::ZERO,
            first_heard: None,
            is_busy: false,
            waits: Vec::new(),
            stats: Stats::default(),
            queue: VecDeque::new(),
            options,
        }
    }

    /// Takes an input at `now` and hands out what is to be done.
    #[must_use = "the outputs must be carried out"]
    pub fn handle(&mut self, now: Micros, input: Input<'_, P>) -> Outputs<'_, P> {
        match (&self.state, input) {
            (Step::Over, _) => {}
            (Step::Idle, Input::Busy(is_busy)) => self.is_busy = is_busy,
            (Step::Idle, _) => {
                (self.state, self.alive_at) = (Step::Listening, now);
                self.announce.join(String::new(), None, &mut self.queue);
            }
            (Step::Listening, Input::Statement { bytes, heard }) => {
                self.count(now, bytes.len().saturating_add(STATEMENT_HEAD_BYTES));
                self.on_statement(now, &bytes, heard);
            }
            (Step::Listening, Input::Busy(is_busy)) => {
                self.is_busy = is_busy;
                self.look(now);
            }
            (Step::Listening, Input::Wake) => self.look(now),
            (Step::Listening, input) => self.on_other(now, &input),
        }
        Outputs { queue: &mut self.queue }
    }

    /// Hands out what is left to be done.
    pub const fn outputs(&mut self) -> Outputs<'_, P> {
        Outputs { queue: &mut self.queue }
    }

    /// When the session wants an [`Input::Wake`], if nothing happens before.
    pub fn wake_at(&self) -> Option<Micros> {
        match self.state {
            Step::Idle => Some(Micros::ZERO),
            Step::Listening => {
                let silent = self.silent_at();
                let looked =
                    self.first_heard.map_or(Micros::NEVER, |at| at.after(ANNOUNCED_WITHIN));
                let looked = if self.options.once { looked } else { Micros::NEVER };
                // What is waited for may be due or valid at any second.
                let second = self.looked_at.after(Micros::from_secs(1));
                let second = if self.waits.is_empty() { Micros::NEVER } else { second };
                Some(silent.min(looked).min(second))
            }
            Step::Over => None,
        }
    }

    /// Whether [`Event::WatchDone`] was handed out.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, Step::Over)
    }

    /// What was seen so far.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// What the box waits for at `now`.
    pub fn waited(&self, now: Micros) -> Vec<Waited> {
        let one = |wait: &Wait| Some(Waited { id: wait.id, waited: now.since(wait.since?) });
        self.waits.iter().filter_map(one).collect()
    }

    fn silent_at(&self) -> Micros {
        let once = self.options.once && self.first_heard.is_none();
        self.alive_at.after(if once { self.options.trusted.timeout } else { WATCH_SILENCE })
    }

    fn count(&mut self, now: Micros, bytes: usize) {
        self.stats.datagrams += 1;
        self.stats.bytes += bytes as u64;
        self.stats.descriptions += 1;
        self.alive_at = now;
        self.first_heard.get_or_insert(now);
    }

    fn on_other(&mut self, now: Micros, input: &Input<'_, P>) {
        match input {
            Input::Heard { bytes, .. } | Input::Announced { bytes, .. } => self.count(now, *bytes),
            Input::Rejected(bytes, reject) => {
                (self.stats.datagrams, self.stats.bytes) =
                    (self.stats.datagrams + 1, self.stats.bytes + *bytes as u64);
                self.stats.reject((*reject).into());
            }
            _ => {}
        }
        self.look(now);
    }

    fn on_statement(&mut self, now: Micros, bytes: &[u8], heard: Option<u64>) {
        let news = self.hearing.take(now, (bytes, heard), &self.options.trusted);
        if let Some(remembered) = news.remembered.filter(|_| on(Check::RootStored)) {
            self.queue.push_back(Output::Remember(remembered));
        }
        if let Some(event) = news.event {
            self.tell(event);
        }
        if let Some(id) = self.hearing.id_of(bytes) {
            self.note(now, id);
        }
        self.look(now);
    }

    /// Something that the box may have to do was heard.
    fn note(&mut self, now: Micros, id: [u8; 32]) {
        match self.waits.iter_mut().find(|wait| wait.id == id) {
            Some(wait) => wait.heard_at = now,
            None => self.waits.push(Wait { id, since: None, heard_at: now }),
        }
    }

    /// What is to be done now, if anything.
    fn look(&mut self, now: Micros) {
        if matches!(self.state, Step::Over) {
            return;
        }
        let on_trial = self.options.on_trial;
        let killed = self.hearing.killed(now, &self.options.trusted);
        let killed = killed.into_iter().find(|(_, killed)| Some(*killed) == on_trial);
        if let Some((number, id)) = killed {
            let killed = alloc::vec![Killed { release: id, number }];
            let time_floor = self.options.trusted.standing.time_floor;
            let remembered = Remembered { killed, time_floor, root: None };
            self.queue.push_back(Output::Remember(Box::new(remembered)));
            return self.end(WatchOutcome::Killed { number, id });
        }
        self.looked_at = now;
        self.forget();
        let next = self.reboots(now).into_iter().chain(self.next_release(now));
        // One that is held must not hide one that is not.
        let next = next.min_by_key(|next| (self.is_held(next), after(next)));
        let is_due = next.is_some_and(|next| !self.is_held(&next) && after(&next) == Micros::ZERO);
        let has_looked = self.first_heard.is_some_and(|at| now >= at.after(ANNOUNCED_WITHIN));
        match next {
            Some(next) if is_due || self.options.once && has_looked => self.end(next),
            None if self.options.once && has_looked => self.end(WatchOutcome::Nothing),
            _ if now >= self.silent_at() => self.end(WatchOutcome::Silent),
            _ => {}
        }
    }

    /// What is not believed any more is not waited for.
    fn forget(&mut self) {
        let hearing = &self.hearing;
        self.waits.retain(|wait| {
            hearing.reboots().any(|action| action.id == wait.id) || hearing.believes(&wait.id)
        });
    }

    /// Whether it waits for nobody to watch. Meanwhile it is listened to as ever: it may be taken off
    /// the air, expire, or be overtaken by a kill.
    const fn is_held(&self, outcome: &WatchOutcome) -> bool {
        self.is_busy && matches!(outcome, WatchOutcome::Reboot { when: When::Idle, .. })
    }

    /// The orders to reboot that are to be obeyed.
    fn reboots(&mut self, now: Micros) -> Vec<WatchOutcome> {
        let actions: Vec<Signed<Action>> = self.hearing.reboots().cloned().collect();
        actions.iter().filter_map(|action| self.reboot(now, action)).collect()
    }

    fn reboot(&mut self, now: Micros, signed: &Signed<Action>) -> Option<WatchOutcome> {
        let Signed { id, value: action } = signed;
        let TrustedOptions { standing, identity, .. } = &self.options.trusted;
        let Order::Reboot { release, jitter_s, when } = action.order else { return None };
        if action.number <= self.options.obeyed.action && on(Check::ActionOnce) {
            return None;
        }
        if standing.number.is_some_and(|number| number >= release) && on(Check::ActionRelease) {
            return None;
        }
        let clock = self.hearing.clock(now, &self.options.trusted);
        if self.hearing.trust.is_time(action, &clock, standing.time_floor).is_err() {
            return None;
        }
        let jitter = Micros::from_secs(jitter_s.into());
        let delay = stbcast_bootcast::delay(&identity.serial, id, jitter);
        let after = self.after(now, id, delay)?;
        Some(WatchOutcome::Reboot { action: action.number, id: *id, release, when, after })
    }

    /// The release that the box would install, where it reboots for one by itself.
    fn next_release(&mut self, now: Micros) -> Option<WatchOutcome> {
        let window = self.options.releases_within?;
        let choice = self.hearing.choose(now, &self.options.trusted)?;
        let (id, number) = (choice.release.id, choice.release.value.number);
        let is_new = number > self.options.obeyed.release || !on(Check::ActionOnce);
        // A way back that is permitted is gone at the next boot, whyever that comes.
        let is_above = self.options.trusted.standing.number.is_none_or(|has| number > has);
        if choice.verdict == Verdict::Held || !is_new || !is_above {
            return None;
        }
        let delay = stbcast_bootcast::delay(&self.options.trusted.identity.serial, &id, window);
        let after = self.after(now, &id, delay)?;
        Some(WatchOutcome::Release { number, id, after })
    }

    /// How long it is until the turn of this box; `None` where it is not on air any more.
    fn after(&mut self, now: Micros, id: &[u8; 32], delay: Micros) -> Option<Micros> {
        let before = self.options.waited.iter().find(|waited| waited.id == *id);
        let before = before.map_or(Micros::ZERO, |waited| waited.waited);
        let wait = self.waits.iter_mut().find(|wait| wait.id == *id)?;
        let since = *wait.since.get_or_insert(now);
        let is_fresh = now.since(wait.heard_at) <= ACTION_FRESH || !on(Check::ActionOnAir);
        let waited = now.since(since).after(before);
        let left = delay.since(waited);
        let left = if on(Check::ActionJitter) { left } else { Micros::ZERO };
        is_fresh.then_some(left)
    }

    fn tell(&mut self, event: Event) {
        self.queue.push_back(Output::Event(event));
    }

    fn end(&mut self, outcome: WatchOutcome) {
        self.announce.leave(&mut self.queue);
        self.state = Step::Over;
        let root = self.hearing.trust.root().number;
        let refused = self.hearing.refusals.all();
        self.tell(Event::WatchDone(Box::new(WatchReport { outcome, root, refused })));
    }
}

/// How long it is until then.
const fn after(outcome: &WatchOutcome) -> Micros {
    match outcome {
        WatchOutcome::Reboot { after, .. } | WatchOutcome::Release { after, .. } => *after,
        _ => Micros::ZERO,
    }
}
