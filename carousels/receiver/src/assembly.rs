//! One revision of one object being put together.

use alloc::collections::VecDeque;

use core::net::IpAddr;

use arrayvec::ArrayVec;
use stbcast_infocast::{Check, Verdict};
use stbcast_object::Micros;

use crate::layout::{Bytes, Layout, Outline};
use crate::passes::{Dispute, Passes, Tag};
use crate::slice_table::SliceTable;
use crate::{Output, Rejection, Revision, Slice, Trailer};

/// Different slices with one trailer that prove it covers the whole object.
const WHOLE_OBJECT_PROOF: usize = 3;

/// How a slice that arrived relates to what is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It is not held: store it.
    New,
    /// It is held already.
    Repeat,
    /// It is held with other bytes; the next slices tell which are stale.
    Disputed,
    /// It was held with other bytes, which have proven stale and are forgotten: store it.
    Renewed {
        /// Slices forgotten.
        dropped: u32,
    },
    /// It contradicts the pass it came in: damage or forgery.
    Stray,
    /// Its header, or a trailer over the whole object, is of another revision.
    OtherRevision,
}

#[derive(Clone)]
pub(crate) struct Assembly {
    revision: Revision,
    length_max: u64,
    table: SliceTable,
    layout: Layout,
    passes: Passes,
    trailers: Trailers,
}

/// What the trailers of the slices held have in common.
#[derive(Clone, Debug, Default)]
struct Trailers {
    first: Option<Trailer>,
    differ: bool,
    fingerprints: ArrayVec<u32, WHOLE_OBJECT_PROOF>,
    check: Option<Check>,
}

impl Trailers {
    fn note(&mut self, slice: &Slice) {
        if let Verdict::Verified(check) = slice.verdict {
            self.check = Some(check);
        }
        let first = self.first.get_or_insert_with(|| slice.trailer.clone());
        self.differ |= *first != slice.trailer;
        if !self.fingerprints.contains(&slice.fingerprint) {
            let _ = self.fingerprints.try_push(slice.fingerprint);
        }
    }

    /// The one trailer every slice carried, when no check over single slices was learned.
    fn common(&self) -> Option<&Trailer> {
        let common = !self.differ && self.check.is_none();
        self.first.as_ref().filter(|trailer| common && !trailer.is_empty())
    }

    /// Whether `trailer` is of another object: this one's trailer covers it whole, and differs.
    fn contradict(&self, trailer: &Trailer) -> bool {
        self.fingerprints.is_full() && self.common().is_some_and(|common| common != trailer)
    }
}

impl Assembly {
    /// An empty assembly of this revision, of at most `length_max` bytes.
    pub(crate) fn new(revision: Revision, length_max: u64) -> Self {
        Self {
            revision,
            length_max,
            table: SliceTable::default(),
            layout: Layout::of(&revision),
            passes: Passes::default(),
            trailers: Trailers::default(),
        }
    }

    pub(crate) const fn revision(&self) -> &Revision {
        &self.revision
    }

    /// Slices held.
    pub(crate) const fn held(&self) -> u32 {
        self.table.held()
    }

    /// Takes note of a slice that arrived and says how it relates to what is held.
    pub(crate) fn arrive(&mut self, now: Micros, from: IpAddr, slice: &Slice) -> Fit {
        if slice.revision != self.revision || self.trailers.contradict(&slice.trailer) {
            return Fit::OtherRevision;
        }
        let duplicate = self.passes.arrive(now, from, slice.index, self.revision.slices());
        let Some((fingerprint, tag)) = self.table.get(slice.index) else { return Fit::New };
        if fingerprint == slice.fingerprint {
            if !duplicate {
                self.passes.agree(slice.index, fingerprint, tag);
            }
            return Fit::Repeat;
        }
        let dropped = match self.passes.differ(slice.index, slice.fingerprint, tag) {
            Dispute::Open => return Fit::Disputed,
            Dispute::Stray => return Fit::Stray,
            Dispute::Stale(root) => self.forget(root),
            Dispute::StaleSlice => self.forget_one(slice.index, tag),
        };
        if self.passes.is_fresh() {
            self.passes.arrive(now, from, slice.index, self.revision.slices());
        }
        Fit::Renewed { dropped }
    }

    /// Forgets the slices of a group of passes; how many.
    fn forget(&mut self, root: Tag) -> u32 {
        let passes = &self.passes;
        let dropped = self.table.forget(|tag| passes.is_of(tag, root));
        let table = &self.table;
        self.passes.dropped(root, |index| table.get(index).is_some());
        dropped + self.tidy_layout()
    }

    fn forget_one(&mut self, index: u32, tag: Tag) -> u32 {
        let dropped = self.table.forget_one(index);
        self.passes.dropped_one(index, tag);
        dropped + self.tidy_layout()
    }

    /// Brings the layout in line with what is still held; further slices given up for it.
    fn tidy_layout(&mut self) -> u32 {
        let held = self.held();
        if held == 0 {
            (self.layout, self.trailers) = (Layout::of(&self.revision), Trailers::default());
        } else if self.layout.is_waiting() {
            // Too few to be worth telling apart in the parking area.
            *self = Self::new(self.revision, self.length_max);
            return held;
        }
        let table = &self.table;
        self.layout.retain(|index| table.get(index).is_some());
        0
    }

    /// Whether no slice with other bytes waits for a decision.
    pub(crate) fn is_undisputed(&self) -> bool {
        self.passes.is_undisputed()
    }

    /// Stores the slice that arrived last, or one that waited with it.
    pub(crate) fn store<P>(
        &mut self,
        slice: &Slice,
        bytes: Bytes<P>,
        out: &mut VecDeque<Output<P>>,
    ) -> Result<(), Rejection> {
        let total = self.revision.slices();
        let outline = Outline { total, length_max: self.length_max };
        let tag = self.passes.store().or_else(|| {
            let smallest = self.passes.smallest()?;
            self.forget(smallest);
            self.passes.store()
        });
        let tag = tag.ok_or(Rejection::OtherRevision)?;
        let place = (slice.index, slice.length);
        if let Err(rejection) = self.layout.place(place, bytes, outline, &self.table, out) {
            self.passes.dropped_one(slice.index, tag);
            if self.layout.is_clogged(slice.length, self.length_max) {
                // What is stale fills the log: what is held is given up, and received again.
                *self = Self::new(self.revision, self.length_max);
            }
            return Err(rejection);
        }
        if slice.index + 1 == total {
            self.table.set_last_length(slice.length);
        }
        self.table.insert(slice.index, slice.fingerprint, tag);
        self.trailers.note(slice);
        Ok(())
    }

    /// Whether every slice is held and they are known to be one revision.
    pub(crate) fn is_complete(&self) -> bool {
        self.held() == self.revision.slices() && self.passes.is_settled()
    }

    /// Puts the object in order in the slot; its length in bytes.
    pub(crate) fn finish<P>(&self, out: &mut VecDeque<Output<P>>) -> u64 {
        self.layout.finish(self.revision.slices(), self.table.last_length(), out)
    }

    /// The check learned from single slices.
    pub(crate) const fn check(&self) -> Option<Check> {
        self.trailers.check
    }

    /// A trailer that may cover the whole object, to be tried once that can be read back.
    pub(crate) fn whole_object_trailer(&self) -> Option<&Trailer> {
        self.trailers.common()
    }
}
