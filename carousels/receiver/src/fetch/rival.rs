//! Telling a new revision from a stray packet.
//!
//! One packet that contradicts what is held may be damage or forgery; a few in a row, without one
//! agreement between, are a new revision. Until that is decided, slices wait in the parking area:
//! neither is an old object spoiled by a stray, nor are the first slices of a new one lost.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::assembly::Fit;
use crate::limits::{PARKED_SLICES_MAX, REVISION_CONTRADICTIONS};
use crate::{Revision, Slice};

/// The first places of the parking area are for slices whose size is not known yet.
const FIRST_PLACE: usize = 2;

/// A revision that may be about to replace the one being received.
#[derive(Default)]
pub(super) struct Rival {
    revision: Option<Revision>,
    /// Who sent the first slice that contradicts.
    from: Option<IpAddr>,
    contradictions: u32,
    waiting: Vec<Slice>,
}

/// What to do with a slice.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It belongs to the revision being received, and so do those that waited.
    Mine,
    /// It waits, at this place of the parking area.
    Park(usize),
    /// It would have to wait, but the parking area is full.
    NoRoom,
    /// The rival has proven itself; this slice is of it.
    Replace,
}

impl Rival {
    /// Decides about a slice `from` somebody that relates as `fit` to the assembly of revision
    /// `mine`.
    pub(super) fn judge(
        &mut self,
        fit: Fit,
        from: IpAddr,
        slice: &Slice,
        mine: &Revision,
    ) -> Decision {
        let undecided = self.revision.as_ref() == Some(mine) && self.from == Some(from);
        match fit {
            Fit::Repeat => Decision::Mine,
            Fit::New if !undecided => Decision::Mine,
            Fit::New => self.park(),
            Fit::Contradicts => {
                if self.revision != Some(slice.revision) {
                    let (revision, from) = (Some(slice.revision), Some(from));
                    *self = Self { revision, from, ..Self::default() };
                }
                self.contradictions += 1;
                if self.contradictions >= REVISION_CONTRADICTIONS.min(slice.revision.total) {
                    return Decision::Replace;
                }
                self.park()
            }
        }
    }

    /// Notes that the slice was parked as [`Decision::Park`] said.
    pub(super) fn parked(&mut self, slice: Slice) {
        self.waiting.push(slice);
    }

    /// Ends the rivalry, whoever won: the slices that waited, each with its place.
    pub(super) fn release(&mut self) -> impl Iterator<Item = (usize, Slice)> + use<> {
        let waiting = core::mem::take(self).waiting;
        waiting.into_iter().enumerate().map(|(place, slice)| (place + FIRST_PLACE, slice))
    }

    /// Whether nothing speaks against the revision being received.
    pub(super) const fn is_quiet(&self) -> bool {
        self.revision.is_none()
    }

    fn park(&self) -> Decision {
        let place = self.waiting.len();
        if place < PARKED_SLICES_MAX {
            Decision::Park(place + FIRST_PLACE)
        } else {
            Decision::NoRoom
        }
    }
}
