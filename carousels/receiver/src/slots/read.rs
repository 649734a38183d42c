//! Reading places: piece by piece, with patience, all or nothing.

use alloc::vec::Vec;
use core::ops::Range;

use stbcast_bootcast::Part;
use stbcast_release::{Check, on};

use super::medium::{BootControl, Place, Slots};
use super::resume::Digesting;
use super::{Bank, Banks, BanksError, Installed, Stored};
use crate::limits;

/// Times that something is read before it counts as unreadable.
const READ_TRIES: u32 = 3;

impl<M: Slots + BootControl> Banks<M> {
    /// Whether the boot image of a bank is what its record says.
    pub(super) fn boots(&mut self, bank: Bank, installed: &Installed) -> bool {
        let Some(image) = installed.part(Part::Kernel) else { return false };
        let is_whole = self.holds(Place::Slot(bank, Part::Kernel), &image).unwrap_or(false);
        is_whole || !on(Check::BootDigest)
    }

    /// Whether each of these parts of a bank is what its record says.
    pub(super) fn is_whole(
        &mut self,
        bank: Bank,
        installed: &Installed,
        is_wanted: impl Fn(&Part) -> bool,
    ) -> bool {
        Part::ALL.into_iter().filter(is_wanted).all(|part| {
            let stored = installed.part(part);
            stored
                .is_none_or(|stored| self.holds(Place::Slot(bank, part), &stored).unwrap_or(false))
        })
    }

    /// Whether a place holds these bytes, all of them read.
    pub(crate) fn holds(
        &mut self,
        place: Place,
        stored: &Stored,
    ) -> Result<bool, BanksError<M::Error>> {
        let mut hash = Digesting::default();
        let whole = self.each_piece(place, 0..stored.length, |piece| hash.update(piece));
        match whole {
            Ok(()) => Ok(hash.finish() == stored.sha256),
            Err(BanksError::Short { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads a range piece by piece.
    pub(super) fn each_piece(
        &mut self,
        place: Place,
        bytes: Range<u64>,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), BanksError<M::Error>> {
        let mut piece = Vec::new();
        let mut offset = bytes.start;
        while offset < bytes.end {
            let length = (bytes.end - offset).min(limits::READ_BACK_BYTES);
            piece.clear();
            self.read_all(place, offset, length, &mut piece)?;
            take(&piece);
            offset += length;
        }
        Ok(())
    }

    /// Appends all of these bytes, or nothing.
    pub(super) fn read_all(
        &mut self,
        place: Place,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), BanksError<M::Error>> {
        let start = into.len();
        self.read_some(place, offset, length, into)?;
        let there = (into.len() - start) as u64;
        if there == length {
            return Ok(());
        }
        into.truncate(start);
        Err(BanksError::Short { there, wanted: length })
    }

    /// Appends what is there of these bytes.
    pub(super) fn read_some(
        &mut self,
        place: Place,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), BanksError<M::Error>> {
        let start = into.len();
        let medium = &mut self.medium;
        tried(|| {
            into.truncate(start);
            medium.read(place, offset, length, into)
        })
        .inspect_err(|_| into.truncate(start))
        .map_err(BanksError::from)
    }
}

/// Tries a few times what may fail once.
pub(super) fn tried<T, E>(mut read: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let mut result = read();
    for _ in 1..READ_TRIES {
        if result.is_ok() {
            break;
        }
        result = read();
    }
    result
}
