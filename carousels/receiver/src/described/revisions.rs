//! Which revision is received, and which is on air.

use alloc::boxed::Box;

use stbcast_object::{Group, Micros};
use stbcast_release::{Check, on};

use super::assembly::{Assembly, Journaled};
use super::bits::Bits;
use super::expected::content;
use super::heard::Heard;
use super::layout::{Carrier, Layout};
use super::memory::Budget;
use super::{Described, State};
use crate::{Announcement, Event, FetchError, NoRepair, Output, PlainReason};

/// Whether slices that arrive are known to be of the announced revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnAir {
    /// Nothing speaks for it yet; where `doubted`, the companion had symbols of something that is
    /// not described, maybe an older revision.
    Unproven { doubted: bool },
    /// The companion still has an older revision: slices are of that, too.
    Older,
    /// The companion has the announced revision.
    Proven,
}

impl<P: Clone> Described<P> {
    /// A session describes the object, for the first time or otherwise than before.
    pub(super) fn on_announced(
        &mut self,
        now: Micros,
        group: Group,
        announcement: Box<Announcement>,
    ) {
        // A companion describes the object too, but the announce session is what was asked.
        if Some(group) != self.asked() {
            return;
        }
        match self.state {
            State::Receiving if self.finishing().is_some() => {
                self.on_announced_finishing(now, announcement);
            }
            State::Receiving if self.is_expected() && on(Check::SignedDescription) => {
                self.on_announced_again(now, &announcement)
            }
            State::Asking => self.on_answer(now, announcement),
            State::Receiving => self.on_other_revision(now, announcement),
            _ => {}
        }
    }

    fn on_answer(&mut self, now: Micros, announcement: Box<Announcement>) {
        if self.is_described(&announcement) {
            self.state = State::Receiving;
            self.begin(now, announcement);
            if matches!(self.state, State::Receiving) {
                self.join_all(now);
            }
        } else if self.carrier() == Carrier::Channel {
            self.give_up(PlainReason::NotDescribed);
        }
    }

    /// Whether the bytes are described: length, layout and, on a channel, where slices do not tell
    /// their revision, the digest.
    pub(super) fn is_described(&self, announcement: &Announcement) -> bool {
        let carrier = self.carrier();
        let digest = carrier == Carrier::Session || announcement.sha256.is_some();
        digest && Layout::of(announcement, carrier).is_some()
    }

    fn on_other_revision(&mut self, now: Micros, announcement: Box<Announcement>) {
        let Some((current, _)) = &self.current else { return };
        let is_described = self.is_described(&announcement);
        if current.toi == announcement.toi {
            self.next = None;
            if !is_described {
                // It is the same object: what was said of it is not taken back by saying less.
                return;
            }
            let carrier = self.carrier();
            let is_same = current.sha256 == announcement.sha256
                && Layout::of(current, carrier) == Layout::of(&announcement, carrier);
            if is_same {
                self.listen_to(self.companion_of(&announcement));
                return self.announce_servers(now, &announcement);
            }
            return self.switch(now, announcement);
        }
        if !is_described {
            if self.carrier() == Carrier::Channel {
                self.give_up(PlainReason::NotDescribed);
            }
            return;
        }
        let companion = self.companion_of(&announcement);
        let tells = self.carrier() == Carrier::Session
            || (companion.is_some() && announcement.geometry.is_some());
        if tells {
            self.tell(Event::NextRevision(announcement.clone()));
            self.listen_to(companion);
            self.finish_first(now, &announcement);
            self.next = Some(announcement);
        } else {
            // Nothing will tell when it is on air.
            self.switch(now, announcement);
        }
        self.last_wanted = now;
    }

    /// The next revision is on air.
    pub(super) fn switch_to_next(&mut self, now: Micros) {
        if let Some(next) = self.next.take() {
            self.switch(now, next);
            self.on_air = OnAir::Proven;
        }
    }

    pub(super) fn switch(&mut self, now: Micros, announcement: Box<Announcement>) {
        let dropped = self.current.as_ref().map_or(0, |(_, assembly)| assembly.rank());
        self.stats.revision_changes += 1;
        let begun = announcement.clone();
        self.tell(Event::RevisionBegun { announcement: begun, dropped });
        (self.next, self.finishing, self.failures, self.drops) = (None, None, 0, 0);
        self.begin(now, announcement);
    }

    /// Begins to receive what is announced, with nothing held.
    pub(super) fn begin(&mut self, now: Micros, announcement: Box<Announcement>) {
        let Some(layout) = Layout::of(&announcement, self.carrier()) else { return };
        if layout.length() > self.options.length_max && on(Check::ObjectLength) {
            return self.fail(FetchError::TooLarge { length: layout.length() });
        }
        if self.stats.revision_changes == 0 {
            self.tell(Event::Announced(announcement.clone()));
        }
        let companion = self.companion_of(&announcement);
        let is_sent = companion.is_some() || self.carrier() == Carrier::Session;
        let budget = if is_sent {
            Budget::of(&layout, self.options.memory_bytes.saturating_sub(self.marks_bytes(&layout)))
        } else {
            Err(NoRepair::NotSent)
        };
        let (layout, budget) = match budget {
            Ok(budget) => (layout, budget),
            Err(reason) => {
                self.tell(Event::NoRepair(reason));
                (layout.without_repair(), Budget::NONE)
            }
        };
        // Without repair the companion still tells which revision is on air.
        let is_coded = announcement.geometry.is_some();
        self.listen_to(companion.filter(|_| is_coded));
        let tells = companion.is_some() && is_coded;
        let unproven = OnAir::Unproven { doubted: false };
        // What is expected is proven by its digest, and by nothing that is sent.
        self.on_air = if tells && !self.is_expected() { unproven } else { OnAir::Proven };
        let mut assembly = Assembly::new(layout, budget.repair_max, budget.decoder_bytes);
        match content(&announcement, &layout).filter(|_| self.is_expected()) {
            Some(content) => {
                assembly = assembly.journaled(self.options.keep_bytes);
                self.resume_storage(content);
            }
            None => self.begin_storage(),
        }
        self.heard = Heard::default();
        self.forget_servers();
        self.announce_servers(now, &announcement);
        self.current = Some((announcement, assembly));
    }

    /// Memory for knowing what came from servers, what was there before, and what was told.
    fn marks_bytes(&self, layout: &Layout) -> usize {
        let fetched = self.options.unicast.as_ref().map_or(0, |_| Bits::bytes(layout.symbols()));
        let journal = if self.is_expected() { Journaled::bytes(layout.symbols()) } else { 0 };
        fetched + journal
    }

    /// Drops all that is held, and what is under way with it.
    pub(super) fn drop_held(&mut self) {
        let Some((_, assembly)) = &mut self.current else { return };
        assembly.clear();
        self.heard = Heard::default();
        self.begin_storage();
        self.forget_cycles();
    }

    fn begin_storage(&mut self) {
        self.queue
            .retain(|output| !output.is_for_storage() && !matches!(output, Output::Keep { .. }));
        self.comparing.clear();
        self.outstanding = 0;
        let (role, version) = (self.options.role, self.options.version.clone());
        self.queue.push_back(Output::Begin { role, version });
    }
}
