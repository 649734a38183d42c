//! A medium in memory, for tests and simulations.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use stbcast_bootcast::Part;

use super::medium::{Bank, BootControl, Copy, Medium, Place, Slots};
use crate::memory::{fill, put};
use crate::{Recovered, Recoverer, Recovery, RecoveryAreas};

/// Places in memory, all of which is durable at once.
#[derive(Clone, Debug, Default)]
pub struct MemoryMedium {
    places: BTreeMap<Place, Vec<u8>>,
    states: [Vec<u8>; 2],
    recoverer: Recoverer,
}

/// An operation outside a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outside the place")]
pub struct OutsidePlace;

impl MemoryMedium {
    /// What a place holds.
    pub fn bytes(&self, place: Place) -> &[u8] {
        self.places.get(&place).map_or(&[], Vec::as_slice)
    }

    /// What a place holds, to be changed as flash that forgets changes it.
    pub fn bytes_mut(&mut self, place: Place) -> &mut Vec<u8> {
        self.places.entry(place).or_default()
    }

    /// A copy of the state record, to be changed likewise.
    pub const fn state_mut(&mut self, copy: Copy) -> &mut Vec<u8> {
        let [first, second] = &mut self.states;
        match copy {
            Copy::First => first,
            Copy::Second => second,
        }
    }
}

impl Medium for MemoryMedium {
    type Error = OutsidePlace;
}

impl Slots for MemoryMedium {
    fn erase(&mut self, place: Place, _: u64) -> Result<(), OutsidePlace> {
        self.bytes_mut(place).clear();
        Ok(())
    }

    fn write(&mut self, place: Place, offset: u64, bytes: &[u8]) -> Result<(), OutsidePlace> {
        put(self.bytes_mut(place), offset, bytes).ok_or(OutsidePlace)
    }

    fn read(
        &mut self,
        place: Place,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), OutsidePlace> {
        let start = usize::try_from(offset).map_err(|_| OutsidePlace)?;
        let length = usize::try_from(length).map_err(|_| OutsidePlace)?;
        let there = self.bytes(place).get(start..).unwrap_or_default();
        into.extend_from_slice(there.get(..length).unwrap_or(there));
        Ok(())
    }

    fn set_length(&mut self, place: Place, length: u64) -> Result<(), OutsidePlace> {
        let length = usize::try_from(length).map_err(|_| OutsidePlace)?;
        self.bytes_mut(place).resize(length, 0);
        Ok(())
    }

    fn sync(&mut self, _: Place) -> Result<(), OutsidePlace> {
        Ok(())
    }

    fn recover(
        &mut self,
        bank: Bank,
        part: Part,
        recovery: Recovery,
    ) -> Result<Option<Recovered>, OutsidePlace> {
        let mut recoverer = core::mem::take(&mut self.recoverer);
        let outcome = recoverer.run(&recovery, &mut Areas(self, Place::Slot(bank, part)));
        self.recoverer = recoverer;
        Ok(Some(Recovered { id: recovery.id, outcome: outcome? }))
    }
}

impl BootControl for MemoryMedium {
    fn read_state(&mut self, copy: Copy) -> Result<Vec<u8>, OutsidePlace> {
        Ok(self.state_mut(copy).clone())
    }

    fn write_state(&mut self, copy: Copy, bytes: &[u8]) -> Result<(), OutsidePlace> {
        *self.state_mut(copy) = bytes.to_vec();
        Ok(())
    }
}

/// A slot and the repair symbols, for a recovery.
struct Areas<'a>(&'a mut MemoryMedium, Place);

impl RecoveryAreas for Areas<'_> {
    type Error = OutsidePlace;

    fn read_slot(&mut self, offset: u64, into: &mut [u8]) -> Result<(), OutsidePlace> {
        fill(self.0.bytes(self.1), offset, into).ok_or(OutsidePlace)
    }

    fn read_repair(&mut self, offset: u64, into: &mut [u8]) -> Result<(), OutsidePlace> {
        fill(self.0.bytes(Place::Repair), offset, into).ok_or(OutsidePlace)
    }

    fn write_slot(&mut self, offset: u64, bytes: &[u8]) -> Result<(), OutsidePlace> {
        put(self.0.bytes_mut(self.1), offset, bytes).ok_or(OutsidePlace)
    }
}
