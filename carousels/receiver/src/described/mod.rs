//! Acquiring an object that a FLUTE session describes: length, layout and digest are known, and
//! repair symbols count as much as slices.
//!
//! ```text
//!  Asking ──announced──> Receiving ──whole──> Storing ─> Syncing ─> Digesting ─> Committing ─> Over
//!    │                    │     ^                                      │
//!    └─ silent, absent ─> gave up (plain fetch)                        │
//!                               └──────────── not what is announced ───┘
//! ```
//!
//! A new revision is another TOI for the same location. Its announcement comes at least a second
//! before its first slice, and the companion changes right behind the channel: so the first
//! symbol of the new TOI on the companion tells that slices are of the new revision from here on.

mod arrivals;
mod assembly;
mod audit;
mod bits;
mod blocks;
mod expected;
mod finish;
mod groups;
mod heard;
mod layout;
mod memory;
mod overlap;
mod revisions;
mod silence;
mod spool;
mod unicast;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;

use stbcast_infocast::Check;
use stbcast_object::{Group, Micros};

use self::assembly::Assembly;
use self::expected::Tois;
use self::finish::Digesting;
use self::groups::Groups;
use self::heard::Heard;
use self::layout::Carrier;
use self::overlap::Finishing;
use self::revisions::OnAir;
use self::unicast::Unicast;
use crate::limits::ANNOUNCED_WITHIN;
use crate::plain::Plain;
use crate::target::Sliced;
use crate::{
    Announcement, Event, FetchError, FetchOptions, Input, Output, PlainReason, Progress, Stats,
};

enum State {
    Idle,
    /// Waiting for the description.
    Asking,
    /// Waiting for what the storage holds of an object that is expected.
    Resuming,
    Receiving,
    /// All symbols are on their way to storage.
    Storing,
    Syncing,
    /// Reading back for the digest.
    Digesting(Digesting),
    Committing,
    /// Nothing usable is described: to be fetched plainly.
    GaveUp,
    Over,
}

/// Fetches an object that is described.
pub(crate) struct Described<P> {
    /// Where the object itself is sent.
    group: Group,
    /// Its source URL.
    location: String,
    /// How it is told from others on its channel; `None` for a file of a FLUTE session.
    sliced: Option<Sliced>,
    options: FetchOptions,
    state: State,
    attempt: u8,
    last_alive: Micros,
    last_wanted: Micros,
    /// First datagram of the session that is to describe the object.
    asked_heard: Option<Micros>,
    groups: Groups,
    /// What is being received, and its description.
    current: Option<(Box<Announcement>, Assembly)>,
    /// The revision that is announced to come.
    next: Option<Box<Announcement>>,
    /// Further numbers of an object that is expected.
    tois: Tois,
    on_air: OnAir,
    heard: Heard,
    /// What is received is superseded, and is completed first.
    finishing: Option<Finishing>,
    /// How often that was begun.
    overlaps: u8,
    /// Slices handed out to be compared.
    comparing: VecDeque<(u32, P)>,
    check: Option<Check>,
    recoveries: u64,
    unicast: Unicast,
    /// Requests made.
    requests: u64,
    failures: u8,
    drops: u8,
    outstanding: u32,
    stats: Stats,
    queue: VecDeque<Output<P>>,
}

impl<P: Clone> Described<P> {
    /// A fetch of the object at `location` on `group`, where it comes in slices or is a FLUTE session's.
    /// Begins with the first [`Input::Wake`].
    pub(crate) fn new(
        (group, sliced): (Group, Option<Sliced>),
        location: String,
        options: FetchOptions,
    ) -> Self {
        Self {
            location,
            sliced,
            groups: Groups::default(),
            group,
            options,
            state: State::Idle,
            attempt: 0,
            last_alive: Micros::ZERO,
            last_wanted: Micros::ZERO,
            asked_heard: None,
            current: None,
            next: None,
            tois: Tois::default(),
            on_air: OnAir::Unproven { doubted: false },
            heard: Heard::default(),
            finishing: None,
            overlaps: 0,
            comparing: VecDeque::new(),
            check: None,
            recoveries: 0,
            unicast: Unicast::default(),
            requests: 0,
            failures: 0,
            drops: 0,
            outstanding: 0,
            stats: Stats::default(),
            queue: VecDeque::new(),
        }
    }

    const fn carrier(&self) -> Carrier {
        if self.sliced.is_some() { Carrier::Channel } else { Carrier::Session }
    }

    /// The group whose session describes the object; `None` where it is expected and nobody is asked.
    fn asked(&self) -> Option<Group> {
        match self.carrier() {
            Carrier::Session => Some(self.group),
            Carrier::Channel => self.options.announce.or(self.options.repair),
        }
    }

    /// Takes an input at `now`.
    pub(crate) fn handle(&mut self, now: Micros, input: Input<'_, P>) {
        match input {
            Input::Arrival(arrival) => self.on_arrival(now, arrival),
            Input::Symbol(arrival) => self.on_symbol(now, arrival),
            Input::Written { ok } => self.on_written(ok),
            Input::Wake => self.on_wake(now),
            Input::Announced { group, bytes, announcement } => {
                self.on_heard(now, group, bytes);
                self.on_announced(now, group, announcement);
            }
            Input::Heard { group, bytes } => self.on_heard(now, group, bytes),
            Input::Rejected(bytes, reject) => {
                self.count(bytes);
                self.stats.reject(reject.into());
            }
            Input::Recovered(recovered) => self.on_recovered(recovered),
            Input::Compared { equal } => self.on_compared(equal),
            Input::Synced { ok } => self.on_synced(now, ok),
            Input::ReadBack(bytes) => self.on_read_back(now, bytes),
            Input::ReadFailed => self.fail(FetchError::Storage { doing: "read back" }),
            Input::Committed { ok } => self.on_committed(ok),
            Input::Bytes { id, offset, length, payload } => {
                let end = offset.saturating_add(length as u64);
                self.on_bytes(now, id, offset..end, payload);
            }
            Input::Answered { id, answer } => self.on_answered(now, id, answer),
            Input::Resumed { held } => self.on_resumed(now, &held),
            // Its length is announced, and of statements and banks others know.
            Input::Length { .. }
            | Input::Statement { .. }
            | Input::Armed { .. }
            | Input::Busy(_) => {}
        }
        self.recover_next();
        self.leave_when_enough(now);
        self.ask(now);
        self.keep_when_due();
        self.finish_when_whole();
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
            State::Asking => {
                let silent = self.last_alive.after(self.options.timeout);
                let absent = self.asked_heard.map(|heard| heard.after(self.patience()));
                Some(match (absent, self.carrier()) {
                    (None, _) => silent,
                    (Some(absent), Carrier::Channel) => absent,
                    (Some(absent), Carrier::Session) => absent.min(silent),
                })
            }
            State::Receiving => {
                let silent_at = || self.finishing_until().unwrap_or_else(|| self.silent_at());
                let multicast = self.has_joined().then(silent_at);
                multicast.into_iter().chain(self.unicast.wake_at()).min()
            }
            _ => None,
        }
    }

    /// When what is joined counts as silent, or the object as absent. Where that was given up, it is
    /// joined again from time to time.
    fn silent_at(&self) -> Micros {
        if self.unicast.is_stuck() {
            return self.last_alive.after(self.absent_span());
        }
        let silent = self.last_alive.after(self.options.timeout);
        silent.min(self.last_wanted.after(self.absent_span()))
    }

    /// Whether nothing usable is described, and the object is to be fetched plainly.
    pub(crate) const fn gave_up(&self) -> bool {
        matches!(self.state, State::GaveUp)
    }

    /// The plain fetch that goes on from here.
    pub(crate) fn go_plain(&mut self) -> Option<Plain<P>> {
        let object = (self.group, self.sliced?);
        let queue = core::mem::take(&mut self.queue);
        Some(Plain::new(object, self.options.clone()).after(self.stats, queue))
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub(crate) const fn stats(&self) -> &Stats {
        &self.stats
    }

    pub(crate) fn progress(&self) -> Progress {
        let (held, total) = self
            .current
            .as_ref()
            .map_or((0, 0), |(_, assembly)| (assembly.rank(), assembly.layout.symbols()));
        Progress { held, total, attempt: self.attempt }
    }

    fn absent_span(&self) -> Micros {
        self.options.timeout.times(self.options.absent_timeouts)
    }

    /// How long a session that is alive may go without describing the object.
    fn patience(&self) -> Micros {
        match self.carrier() {
            Carrier::Channel => ANNOUNCED_WITHIN,
            Carrier::Session => self.absent_span(),
        }
    }

    fn count(&mut self, bytes: usize) {
        self.stats.datagrams += 1;
        self.stats.bytes += bytes as u64;
    }

    fn tell(&mut self, event: Event) {
        self.queue.push_back(Output::Event(event));
    }

    fn give_up(&mut self, reason: PlainReason) {
        self.leave_all();
        self.cancel_request();
        self.queue.retain(|output| !output.is_for_storage());
        self.tell(Event::Plain(reason));
        self.state = State::GaveUp;
    }

    /// Ends without an event.
    pub(crate) fn stop(&mut self) {
        self.leave_all();
        self.cancel_request();
        self.queue.retain(|output| !output.is_for_storage());
        if matches!(self.state, State::Receiving) && self.outstanding == 0 {
            self.keep();
        }
        self.state = State::Over;
    }

    fn fail(&mut self, error: FetchError) {
        if matches!(self.state, State::Over | State::GaveUp) {
            return;
        }
        self.leave_all();
        self.cancel_request();
        self.state = State::Over;
        self.queue.retain(|output| !output.is_for_storage());
        let is_out_of_reach =
            matches!(error, FetchError::Silent { .. } | FetchError::Absent { .. });
        if is_out_of_reach && self.outstanding == 0 {
            // The next fetch goes on from here.
            self.keep();
        }
        self.tell(Event::Failed(error));
    }
}
