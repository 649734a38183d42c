//! What a boot loader gives: places that hold bytes, and two copies of the state record.
//!
//! Nothing is decided here. Whatever a medium does, whatever it forgets of what was not synced:
//! [`Banks`](super::Banks) is made for it.

use alloc::vec::Vec;
use core::fmt;

use stbcast_bootcast::Part;

use crate::{Recovered, Recovery, RecoveryOutcome};

/// One of the two sets of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bank {
    /// The first.
    A,
    /// The second.
    B,
}

impl Bank {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Bank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// One of the two copies of the state record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Copy {
    /// The first.
    First,
    /// The second.
    Second,
}

impl Copy {
    /// Both.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// Where bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// The bytes of a part.
    Slot(Bank, Part),
    /// What is known to be in that slot, at most
    /// [`JOURNAL_RECORDS_MAX`](super::JOURNAL_RECORDS_MAX) x 16 + 64 bytes.
    Journal(Bank, Part),
    /// Repair symbols of unfinished blocks. Nothing in it is wanted after a restart.
    Repair,
}

/// What [`Slots`] and [`BootControl`] have in common.
pub trait Medium {
    /// Why an operation failed.
    type Error;
}

/// The places of a box.
pub trait Slots: Medium {
    /// Empties a place, and makes room for `length` bytes where that can be said in advance.
    ///
    /// # Errors
    /// When the place cannot be emptied, or has no room.
    fn erase(&mut self, place: Place, length: u64) -> Result<(), Self::Error>;

    /// Writes `bytes` at `offset`. Offsets come in any order; what lies between may hold anything.
    ///
    /// # Errors
    /// When not all bytes were written.
    fn write(&mut self, place: Place, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Writes `parts` one behind the other from `offset` on.
    ///
    /// # Errors
    /// When not all bytes were written.
    fn write_gathered(
        &mut self,
        place: Place,
        mut offset: u64,
        parts: &[&[u8]],
    ) -> Result<(), Self::Error> {
        for part in parts {
            self.write(place, offset, part)?;
            offset = offset.saturating_add(part.len() as u64);
        }
        Ok(())
    }

    /// Appends `length` bytes from `offset` of a place to `into`: fewer only where the place ends.
    /// A place that was never written is empty, or reads as erased flash does.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(
        &mut self,
        place: Place,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Self::Error>;

    /// Cuts a slot to `length` bytes, where its medium knows lengths.
    ///
    /// # Errors
    /// When it cannot be cut.
    fn set_length(&mut self, place: Place, length: u64) -> Result<(), Self::Error>;

    /// Makes durable what was written to a place, erased or cut. Without it a power cut may leave
    /// any of that, in any order, in pieces.
    ///
    /// # Errors
    /// When it is not durable.
    fn sync(&mut self, place: Place) -> Result<(), Self::Error>;

    /// Recovers a block of a slot: see [`Storage::recover`](crate::Storage::recover).
    ///
    /// # Errors
    /// When a place fails.
    fn recover(
        &mut self,
        bank: Bank,
        part: Part,
        recovery: Recovery,
    ) -> Result<Option<Recovered>, Self::Error> {
        let _ = (bank, part);
        Ok(Some(Recovered { id: recovery.id, outcome: RecoveryOutcome::Failed }))
    }

    /// The outcome of a recovery that was under way, once.
    fn recovered(&mut self) -> Option<Recovered> {
        None
    }

    /// Why the recovery failed that was told of last, where a place was why; once.
    fn recovery_error(&mut self) -> Option<Self::Error> {
        None
    }

    /// Gives up a recovery that is under way: its slot is about to be used for something else.
    fn give_up_recovery(&mut self) {}
}

/// Where the state record lies.
pub trait BootControl: Medium {
    /// The bytes of a copy; empty, or anything, where it was never written.
    ///
    /// # Errors
    /// When it cannot be read. The other copy is then relied on.
    fn read_state(&mut self, copy: Copy) -> Result<Vec<u8>, Self::Error>;

    /// Replaces a copy by these [`record::BYTES`](super::record::BYTES) bytes, which are durable
    /// when this returns. A power cut meanwhile may leave anything in this copy, and nothing else
    /// in the other.
    ///
    /// # Errors
    /// When they are not durable. They may be there all the same.
    fn write_state(&mut self, copy: Copy, bytes: &[u8]) -> Result<(), Self::Error>;
}
