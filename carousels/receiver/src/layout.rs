//! Where the bytes of a slice go, before and after the size of slices is known.
//!
//! ```text
//!  Waiting ──two inner slices of one length──> Direct: slice i at i * length in the slot
//!     └─────two inner slices that differ────> Indexed: a log in the scratch area, put in order
//!                                              when the object is whole
//! ```
//!
//! Where every datagram tells that size, the layout is Direct from the first slice on.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use arrayvec::ArrayVec;

use crate::limits::{PARKED_SLICE_BYTES, UNEQUAL_SLICES_MAX};
use crate::slice_table::SliceTable;
use crate::{Area, Output, Rejection, Revision};

/// Where the bytes of a slice are now.
#[derive(Clone, Debug)]
pub(crate) enum Bytes<P> {
    /// In the datagram just handed in.
    Payload(P),
    /// In the parking area, at this place.
    Parked(usize),
}

/// An object's outline: how many slices, and the most bytes it may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outline {
    pub(crate) total: u32,
    pub(crate) length_max: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Layout {
    /// At most one inner slice and the last one; places 0 and 1 of the parking area.
    Waiting(ArrayVec<(u32, u32), 2>),
    Direct {
        slice_bytes: u32,
    },
    Indexed {
        entries: Vec<Option<Entry>>,
        end: u64,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    offset: u64,
    length: u32,
}

type Queue<P> = VecDeque<Output<P>>;

/// First byte of a place in the parking area.
const fn parked_at(place: usize) -> u64 {
    (place * PARKED_SLICE_BYTES) as u64
}

fn put<P>(bytes: Bytes<P>, length: u32, area: Area, offset: u64, out: &mut Queue<P>) {
    out.push_back(match bytes {
        Bytes::Payload(payload) => Output::Write { area, offset, payload },
        Bytes::Parked(place) => {
            copy((Area::Parking, parked_at(place)), (area, offset), u64::from(length))
        }
    });
}

/// Parks a payload at a place of the parking area.
pub(crate) fn park<P>(payload: P, place: usize, out: &mut Queue<P>) {
    out.push_back(Output::Write { area: Area::Parking, offset: parked_at(place), payload });
}

fn copy<P>(from: Place, to: Place, length: u64) -> Output<P> {
    let ((from, from_offset), (to, to_offset)) = (from, to);
    Output::Copy { from, from_offset, to, to_offset, length }
}

impl Layout {
    /// The layout of a revision of which no slice is held.
    pub(crate) fn of(revision: &Revision) -> Self {
        match revision.slice_bytes() {
            Some(slice_bytes) => Self::Direct { slice_bytes: slice_bytes.get().into() },
            None => Self::Waiting(ArrayVec::new()),
        }
    }

    /// Places a new slice. `table` holds the slices placed before, not this one.
    pub(crate) fn place<P>(
        &mut self,
        (index, length): (u32, u32),
        bytes: Bytes<P>,
        outline: Outline,
        table: &SliceTable,
        out: &mut Queue<P>,
    ) -> Result<(), Rejection> {
        if let Self::Waiting(waiting) = self {
            let held: u64 = waiting.iter().map(|(_, length)| u64::from(*length)).sum();
            if held + u64::from(length) > outline.length_max {
                return Err(Rejection::TooLarge);
            }
            let inner = index + 1 < outline.total;
            let other = waiting.iter().find(|(other, _)| inner && other + 1 < outline.total);
            match (outline.total, other) {
                (1, _) => self.go_direct(length, outline, out)?,
                (_, Some(&(_, known))) if known == length => {
                    self.go_direct(length, outline, out)?;
                }
                (_, Some(_)) => self.go_indexed(outline, table, out)?,
                (_, None) => {
                    let place = waiting.len();
                    put(bytes, length, Area::Parking, parked_at(place), out);
                    let _ = waiting.try_push((index, length));
                    return Ok(());
                }
            }
        }
        if let Self::Direct { slice_bytes } = *self {
            let fits = if index + 1 < outline.total {
                length == slice_bytes
            } else {
                length <= slice_bytes || outline.total == 1
            };
            if fits {
                let offset = u64::from(index) * u64::from(slice_bytes);
                if offset + u64::from(length) > outline.length_max {
                    return Err(Rejection::TooLarge);
                }
                put(bytes, length, Area::Slot, offset, out);
                return Ok(());
            }
            self.go_indexed(outline, table, out)?;
        }
        self.append((index, length), bytes, outline, out)
    }

    fn append<P>(
        &mut self,
        (index, length): (u32, u32),
        bytes: Bytes<P>,
        outline: Outline,
        out: &mut Queue<P>,
    ) -> Result<(), Rejection> {
        let Self::Indexed { entries, end } = self else { return Err(Rejection::TooManyUnequal) };
        if *end + u64::from(length) > outline.length_max {
            return Err(Rejection::TooLarge);
        }
        if let Some(entry) = entries.get_mut(index as usize) {
            *entry = Some(Entry { offset: *end, length });
            put(bytes, length, Area::Scratch, *end, out);
            *end += u64::from(length);
        }
        Ok(())
    }

    fn go_direct<P>(
        &mut self,
        slice_bytes: u32,
        outline: Outline,
        out: &mut Queue<P>,
    ) -> Result<(), Rejection> {
        let Self::Waiting(waiting) = self else { return Ok(()) };
        let at = |index: u32| u64::from(index) * u64::from(slice_bytes);
        let inner_end = at(outline.total - 1).max(slice_bytes.into());
        let parked_end = waiting.iter().map(|&(index, length)| at(index) + u64::from(length)).max();
        if inner_end.max(parked_end.unwrap_or(0)) > outline.length_max {
            return Err(Rejection::TooLarge);
        }
        let fits = |&(_, length): &(u32, u32)| length <= slice_bytes;
        if !waiting.iter().all(fits) {
            // The last slice is longer than the inner ones: unequal after all.
            return self.go_indexed(outline, &SliceTable::default(), out);
        }
        for (place, &(index, length)) in waiting.iter().enumerate() {
            let from = (Area::Parking, parked_at(place));
            out.push_back(copy(from, (Area::Slot, at(index)), u64::from(length)));
        }
        *self = Self::Direct { slice_bytes };
        Ok(())
    }

    /// Forgets where slices lie that are no longer held.
    pub(crate) fn retain(&mut self, held: impl Fn(u32) -> bool) {
        if let Self::Indexed { entries, .. } = self {
            for (index, entry) in (0..).zip(entries.iter_mut()) {
                if !held(index) {
                    *entry = None;
                }
            }
        }
    }

    /// Whether `length` more bytes would fit the log, were it not for what is stale in it.
    pub(crate) fn is_clogged(&self, length: u32, length_max: u64) -> bool {
        let Self::Indexed { entries, end } = self else { return false };
        let live: u64 = entries.iter().flatten().map(|entry| u64::from(entry.length)).sum();
        live < *end && live + u64::from(length) <= length_max
    }

    /// Whether slices wait in the parking area until their size is known.
    pub(crate) const fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }

    /// Moves what is held into the log.
    fn go_indexed<P>(
        &mut self,
        outline: Outline,
        table: &SliceTable,
        out: &mut Queue<P>,
    ) -> Result<(), Rejection> {
        if outline.total > UNEQUAL_SLICES_MAX {
            return Err(Rejection::TooManyUnequal);
        }
        let mut entries = alloc::vec![None; outline.total as usize];
        let mut end = 0;
        let mut moves = Moves::default();
        let mut take = |index: u32, length: u32, from: (Area, u64)| {
            moves.push(from, (Area::Scratch, end), u64::from(length));
            if let Some(entry) = entries.get_mut(index as usize) {
                *entry = Some(Entry { offset: end, length });
            }
            end += u64::from(length);
        };
        match self {
            Self::Waiting(waiting) => {
                for (place, &(index, length)) in waiting.iter().enumerate() {
                    take(index, length, (Area::Parking, parked_at(place)));
                }
            }
            Self::Direct { slice_bytes } => {
                for index in (0..outline.total).filter(|&index| table.get(index).is_some()) {
                    let last = index + 1 == outline.total;
                    let length = if last { table.last_length() } else { *slice_bytes };
                    let offset = u64::from(index) * u64::from(*slice_bytes);
                    take(index, length, (Area::Slot, offset));
                }
            }
            Self::Indexed { .. } => return Ok(()),
        }
        moves.drain_into(out);
        *self = Self::Indexed { entries, end };
        Ok(())
    }

    /// Puts a complete object in order in the slot; its length in bytes.
    pub(crate) fn finish<P>(&self, total: u32, last_length: u32, out: &mut Queue<P>) -> u64 {
        let mut moves = Moves::default();
        let mut end = 0;
        match self {
            Self::Direct { slice_bytes } => {
                end = u64::from(total - 1) * u64::from(*slice_bytes) + u64::from(last_length);
            }
            Self::Waiting(waiting) => {
                let mut in_order: ArrayVec<_, 2> = waiting.iter().copied().enumerate().collect();
                in_order.sort_by_key(|(_, (index, _))| *index);
                for (place, (_, length)) in in_order {
                    let from = (Area::Parking, parked_at(place));
                    moves.push(from, (Area::Slot, end), u64::from(length));
                    end += u64::from(length);
                }
            }
            Self::Indexed { entries, .. } => {
                for entry in entries.iter().flatten() {
                    let length = u64::from(entry.length);
                    moves.push((Area::Scratch, entry.offset), (Area::Slot, end), length);
                    end += length;
                }
            }
        }
        moves.drain_into(out);
        end
    }
}

/// A byte of an area, and a copy from one to another with its length.
type Place = (Area, u64);
type Move = (Place, Place, u64);

/// Copies, neighbours made one.
#[derive(Default)]
struct Moves(Vec<Move>);

impl Moves {
    fn push(&mut self, from: Place, to: Place, length: u64) {
        let extends = |(old_from, old_to, old_length): &Move| {
            from == (old_from.0, old_from.1 + old_length) && to == (old_to.0, old_to.1 + old_length)
        };
        match self.0.last_mut() {
            Some(last) if extends(last) => last.2 += length,
            _ => self.0.push((from, to, length)),
        }
    }

    fn drain_into<P>(self, out: &mut Queue<P>) {
        let moved = self.0.into_iter().filter(|(_, _, length)| *length > 0);
        out.extend(moved.map(|(from, to, length)| copy(from, to, length)));
    }
}
