//! One revision of one object being put together.

use alloc::collections::VecDeque;

use arrayvec::ArrayVec;
use stbcast_infocast::{Check, Verdict};

use crate::confirm::Confirm;
use crate::layout::{Bytes, Layout, Outline};
use crate::slice_table::SliceTable;
use crate::{Output, Rejection, Revision, Slice, Trailer};

/// Different slices with one trailer that prove it covers the whole object.
const WHOLE_OBJECT_PROOF: usize = 3;

/// How a slice relates to what is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    New,
    Repeat,
    /// It cannot be of this revision.
    Contradicts,
}

#[derive(Clone)]
pub(crate) struct Assembly {
    revision: Revision,
    length_max: u64,
    table: SliceTable,
    layout: Layout,
    confirm: Confirm,
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
            layout: Layout::default(),
            confirm: Confirm::default(),
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

    /// How `slice` relates to what is held.
    pub(crate) fn fit(&self, slice: &Slice) -> Fit {
        if slice.revision != self.revision {
            return Fit::Contradicts;
        }
        match self.table.get(slice.index) {
            Some(fingerprint) if fingerprint == slice.fingerprint => Fit::Repeat,
            Some(_) => Fit::Contradicts,
            None if self.trailers.contradict(&slice.trailer) => Fit::Contradicts,
            None => Fit::New,
        }
    }

    /// Takes a slice that is [`Fit::New`].
    pub(crate) fn store<P>(
        &mut self,
        slice: &Slice,
        bytes: Bytes<P>,
        out: &mut VecDeque<Output<P>>,
    ) -> Result<(), Rejection> {
        let total = self.revision.total;
        let outline = Outline { total, length_max: self.length_max };
        self.layout.place((slice.index, slice.length), bytes, outline, &self.table, out)?;
        if slice.index + 1 == total {
            self.table.set_last_length(slice.length);
        }
        self.table.insert(slice.index, slice.fingerprint);
        self.confirm.stored(slice.index, total);
        self.trailers.note(slice);
        Ok(())
    }

    /// Notes a slice that is [`Fit::Repeat`].
    pub(crate) fn repeat(&mut self, slice: &Slice) {
        self.confirm.agreed(slice.index, self.revision.total);
    }

    /// Whether every slice is held and they can be believed to be one revision.
    pub(crate) fn is_complete(&self) -> bool {
        self.held() == self.revision.total && self.confirm.is_enough(self.revision.total)
    }

    /// Puts the object in order in the slot; its length in bytes.
    pub(crate) fn finish<P>(&self, out: &mut VecDeque<Output<P>>) -> u64 {
        self.layout.finish(self.revision.total, self.table.last_length(), out)
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
