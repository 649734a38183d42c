//! A revision that is superseded and nearly there is completed first.
//!
//! ```text
//!  Receiving ──superseded, past the share──> finishing ──whole, its digest──> Storing ...
//!     ^  ^                                      │ companion alone, never a slice
//!     │  └──── switch to the next revision <────┤ over, nothing useful, taken back, wrong
//!     └─────── the same on the channel again <──┘ (what is signed, or announced again)
//! ```
//!
//! The announcement comes at least a second before the first slice of the new revision. So a box that leaves
//! the channel when it hears it has no slice of the new one among those of the old, and takes none later.
//! All of this is a hint that nobody signed: it can cost a box the time of the overlap, at most
//! [`OVERLAP_MAX`], and what it completes is what its digest says.

use alloc::boxed::Box;

use stbcast_object::Micros;

use super::assembly::Assembly;
use super::layout::Carrier;
use super::revisions::OnAir;
use super::{Described, State};
use crate::limits::{OVERLAP_HINTS_MAX, OVERLAP_LATE, OVERLAP_MAX};
use crate::{Announcement, Event};

/// A revision being completed that is not on the channel any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finishing {
    /// When the overlap is over, as far as was told.
    until: Micros,
    /// Thousandths of the source symbols that had to be there.
    permille: u16,
    /// Whether the companion had a symbol of the next revision.
    next_is_on_air: bool,
}

impl<P: Clone> Described<P> {
    /// What share of the symbols had to be there, in thousandths, where a superseded revision is being
    /// completed; else `None`.
    pub(crate) fn finishing(&self) -> Option<u16> {
        self.finishing.map(|finishing| finishing.permille)
    }

    /// When a revision that is being completed is given up, if nothing happens before.
    pub(super) fn finishing_until(&self) -> Option<Micros> {
        let finishing = self.finishing?;
        Some(finishing.until.min(self.last_wanted.after(self.options.timeout)))
    }

    /// Completes what is received, where `announcement` says that it is superseded, and enough of it is
    /// there; whether it does.
    pub(super) fn finish_first(&mut self, now: Micros, announcement: &Announcement) -> bool {
        let Some(supersedes) = announcement.supersedes else { return false };
        let Some((current, assembly)) = &self.current else { return false };
        let permille = supersedes.finish_past_permille();
        let is_sure = !matches!(self.on_air, OnAir::Older | OnAir::Unproven { doubted: true });
        let is_ours = self.is_own(current, supersedes.toi()) && current.sha256.is_some();
        let can = self.carrier() == Carrier::Channel && !self.unicast.is_stuck();
        let is_hinted_too_often = self.overlaps >= OVERLAP_HINTS_MAX;
        if !is_sure || !is_ours || !can || is_hinted_too_often || !past(assembly, permille) {
            return false;
        }
        let (held, of) = (assembly.rank(), assembly.layout.symbols());
        let span = Micros::from_secs(u64::from(supersedes.overlap_s())).after(OVERLAP_LATE);
        let until = now.after(span.min(OVERLAP_MAX));
        self.finishing = Some(Finishing { until, permille, next_is_on_air: false });
        self.overlaps += 1;
        // Symbols of the next revision beside those of this one put nothing in doubt.
        (self.on_air, self.last_wanted) = (OnAir::Proven, now);
        self.leave(self.group);
        self.tell(Event::FinishingSuperseded { held, of });
        true
    }

    /// Another description while a superseded revision is being completed.
    pub(super) fn on_announced_finishing(&mut self, now: Micros, announcement: Box<Announcement>) {
        let Some((current, _)) = &self.current else { return };
        if self.is_own(current, announcement.toi) {
            // It comes back. Slices may be of the other one for some seconds more.
            self.next = None;
            let again = now.after(self.options.timeout);
            if let Some(finishing) = &mut self.finishing {
                finishing.until = finishing.until.min(again);
            }
            return;
        }
        let still = announcement.supersedes.map(|supersedes| supersedes.toi());
        let still = still.is_some_and(|toi| self.is_own(current, toi));
        let is_next = self.next.as_ref().is_none_or(|next| next.toi == announcement.toi);
        if !self.is_expected() && self.is_described(&announcement) {
            if !is_next && let Some(finishing) = &mut self.finishing {
                finishing.next_is_on_air = false;
            }
            self.listen_to(self.companion_of(&announcement));
            self.next = Some(announcement);
        }
        if !still || !is_next {
            self.end_overlap(now);
        }
    }

    /// A symbol of the next revision came.
    pub(super) const fn note_next_on_air(&mut self) {
        if let Some(finishing) = &mut self.finishing {
            finishing.next_is_on_air = true;
        }
    }

    /// Nothing more is to be had of the old revision: goes over to the next one or, where there is none,
    /// on with the same by the channel.
    pub(super) fn end_overlap(&mut self, now: Micros) {
        let Some(finishing) = self.finishing.take() else { return };
        self.state = State::Receiving;
        self.stats.overlaps_given_up += 1;
        if let Some(next) = self.next.take() {
            self.switch(now, next);
            if finishing.next_is_on_air {
                self.on_air = OnAir::Proven;
            }
        }
        if matches!(self.state, State::Receiving) {
            self.join_all(now);
        }
    }
}

/// Whether so many thousandths of the symbols are there, and in no block more is missing than twice of what
/// may be.
fn past(assembly: &Assembly, permille: u16) -> bool {
    let (rank, symbols) = (u64::from(assembly.rank()), u64::from(assembly.layout.symbols()));
    let can_recover = assembly.layout.geometry().is_some() && assembly.audit.is_none();
    let lack = 1_000u16.saturating_sub(permille).saturating_mul(2);
    can_recover
        && rank * 1_000 >= symbols * u64::from(permille)
        && assembly.lacks_at_most_in_each(lack)
}
