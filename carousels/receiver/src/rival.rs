//! Slices that wait until it is known which revision is on air.
//!
//! One packet that contradicts what is held may be damage or forgery; a few in a row, without one
//! agreement between, are a new revision. Until that is decided they wait in the parking area:
//! neither is an old object spoiled by a stray, nor are the first slices of a new one lost.

use alloc::vec::Vec;

use crate::limits::{PARKED_SLICES_MAX, REVISION_CONTRADICTIONS};
use crate::{Revision, Slice};

/// Slices that wait, each at a place of the parking area from `FIRST` on.
#[derive(Debug, Default)]
pub(crate) struct Waiting<const FIRST: usize>(Vec<Slice>);

/// Slices that differ from those held. The first two places of the parking area are for slices
/// whose size is not known yet.
pub(crate) type Disputed = Waiting<2>;

impl<const FIRST: usize> Waiting<FIRST> {
    /// The place for one more slice, while there is one.
    pub(crate) fn park(&mut self, slice: Slice) -> Option<usize> {
        let place = self.0.len();
        if place >= PARKED_SLICES_MAX {
            return None;
        }
        self.0.push(slice);
        Some(place + FIRST)
    }

    /// The slices that waited, each with its place.
    pub(crate) fn release(&mut self) -> Vec<(usize, Slice)> {
        let waiting = core::mem::take(&mut self.0);
        let place = |(place, slice)| (place + FIRST, slice);
        waiting.into_iter().enumerate().map(place).collect()
    }
}

/// A revision that may be about to replace the one being received.
#[derive(Debug, Default)]
pub(crate) struct Rival {
    revision: Option<Revision>,
    contradictions: u32,
    waiting: Waiting<{ 2 + PARKED_SLICES_MAX }>,
    /// The revision that was replaced last, and how often in a row it has been the one before.
    replaced: Option<(Revision, u32)>,
}

impl Rival {
    /// Notes a slice of another revision; whether that revision has proven itself.
    pub(crate) fn contradicts(&mut self, slice: &Slice) -> bool {
        if self.revision != Some(slice.revision) {
            let replaced = self.replaced;
            *self = Self { revision: Some(slice.revision), replaced, ..Self::default() };
        }
        self.contradictions += 1;
        let needed = match slice.revision {
            // It bears the name of what is received: a short one cannot say more than it has.
            Revision::Infocast(_) => REVISION_CONTRADICTIONS.min(slice.revision.slices()),
            // Nothing but the group says that it replaces anything; a short one soon comes again.
            Revision::Mag(_) => {
                let most = slice.revision.slices().max(REVISION_CONTRADICTIONS);
                let doubled = REVISION_CONTRADICTIONS.checked_shl(self.returns(slice.revision));
                doubled.map_or(most, |needed| needed.min(most))
            }
        };
        self.contradictions >= needed
    }

    /// How often this one would be back in place of the one that replaced it. Two that replace each
    /// other again and again are two senders: each time it takes twice as many, so that one is received.
    fn returns(&self, revision: Revision) -> u32 {
        let (replaced, returns) = self.replaced.unwrap_or((revision, 0));
        if replaced == revision { returns } else { 0 }
    }

    /// The place for a slice that waits.
    pub(crate) fn park(&mut self, slice: Slice) -> Option<usize> {
        self.waiting.park(slice)
    }

    /// The rival has won over `old`: the slices that waited.
    pub(crate) fn release(&mut self, old: Option<Revision>) -> Vec<(usize, Slice)> {
        let returns = self.revision.map_or(0, |revision| self.returns(revision));
        let replaced = old.map(|old| (old, returns.saturating_add(1)));
        core::mem::replace(self, Self { replaced, ..Self::default() }).waiting.release()
    }

    /// The rival has lost; how many slices waited in vain.
    pub(crate) fn end(&mut self) -> usize {
        let replaced = self.replaced;
        core::mem::replace(self, Self { replaced, ..Self::default() }).waiting.0.len()
    }

    /// Whether nothing speaks against the revision being received.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.revision.is_none()
    }
}
