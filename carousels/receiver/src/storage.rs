//! Storage as the sessions want it: a few areas, and a commit that is all or nothing.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::memory::{fill, part, put};
use crate::{
    Area, Content, Installation, Recovered, Recoverer, Recovery, RecoveryAreas, RecoveryOutcome,
    Remembered, Role,
};

/// Carries out the storage outputs of a session. A boot loader implements it over its flash.
pub trait Storage {
    /// Why an operation failed.
    type Error;

    /// Prepares empty areas for an object. What an earlier object left uncommitted is forgotten;
    /// what was committed stays. When this fails, the operations that follow must fail too.
    ///
    /// # Errors
    /// When the areas cannot be prepared.
    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), Self::Error>;

    /// As [`Storage::begin`], but what the slot holds of `content` stays: tells which of its source
    /// symbols, ascending and apart. A storage that knows nothing of them begins anew.
    ///
    /// # Errors
    /// When the areas cannot be prepared.
    fn resume(
        &mut self,
        role: Role,
        version: Option<&str>,
        content: &Content,
    ) -> Result<Vec<Range<u32>>, Self::Error> {
        let _ = content;
        self.begin(role, version).map(|()| Vec::new())
    }

    /// Takes note of source symbols that are written, for [`Storage::resume`] after a restart.
    ///
    /// # Errors
    /// When it cannot; the session goes on without.
    fn keep(&mut self, symbols: &[Range<u32>]) -> Result<(), Self::Error> {
        let _ = symbols;
        Ok(())
    }

    /// Writes `bytes` at `offset`. Offsets in [`Area::Slot`] come in any order.
    ///
    /// # Errors
    /// When not all bytes were written.
    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Writes `parts` one behind the other from `offset` on: slices that arrived together and lie
    /// together. A storage that can do that in one go saves most of its work; the others are
    /// written part by part.
    ///
    /// # Errors
    /// When not all bytes were written.
    fn write_gathered(
        &mut self,
        area: Area,
        mut offset: u64,
        parts: &[&[u8]],
    ) -> Result<(), Self::Error> {
        for part in parts {
            self.write(area, offset, part)?;
            offset = offset.saturating_add(part.len() as u64);
        }
        Ok(())
    }

    /// Appends `length` bytes from `offset` of an area to `into`.
    ///
    /// # Errors
    /// When not all bytes could be read.
    fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Self::Error>;

    /// Cuts the slot to `length` bytes and makes it durable.
    ///
    /// # Errors
    /// When it is not durable.
    fn sync(&mut self, length: u64) -> Result<(), Self::Error>;

    /// Puts the slot in place of what was committed before under the same role.
    ///
    /// # Errors
    /// When the old content is still in place.
    fn commit(&mut self) -> Result<(), Self::Error>;

    /// Has the inactive slots booted next, on trial; whether this storage has such slots, and they
    /// hold all parts.
    ///
    /// # Errors
    /// When what was booted before is still booted next.
    fn arm(&mut self, installation: &Installation) -> Result<bool, Self::Error> {
        let _ = installation;
        Ok(false)
    }

    /// Keeps what signed statements told, beyond a restart.
    ///
    /// # Errors
    /// When it cannot; what was kept before still is.
    fn remember(&mut self, remembered: &Remembered) -> Result<(), Self::Error> {
        let _ = remembered;
        Ok(())
    }

    /// Recovers a block with a [`Recoverer`], at once or beside reception: `None` when it is under
    /// way, and [`Storage::recovered`] tells later. A storage without this is fetched into without
    /// repair symbols.
    ///
    /// # Errors
    /// When an area fails.
    fn recover(&mut self, recovery: Recovery) -> Result<Option<Recovered>, Self::Error> {
        Ok(Some(Recovered { id: recovery.id, outcome: RecoveryOutcome::Failed }))
    }

    /// The outcome of a recovery that was under way, once. Whoever drives the session asks each
    /// turn and hands it in as [`Input::Recovered`](crate::Input::Recovered).
    fn recovered(&mut self) -> Option<Recovered> {
        None
    }

    /// Why the recovery failed that [`Storage::recovered`] told of last, where an area was why; once.
    fn recovery_error(&mut self) -> Option<Self::Error> {
        None
    }
}

/// Storage in memory: for control objects, tests and simulations.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    role: Option<Role>,
    version: Option<String>,
    slot: Vec<u8>,
    scratch: Vec<u8>,
    parking: Vec<u8>,
    repair: Vec<u8>,
    recoverer: Recoverer,
    committed: Vec<Committed>,
}

/// An object that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// What it is.
    pub role: Role,
    /// Version stored beside it.
    pub version: Option<String>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// An operation outside the areas, or without [`Storage::begin`] before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outside the area")]
pub struct OutsideArea;

impl MemoryStorage {
    /// What was committed last under a role.
    pub fn committed(&self, role: Role) -> Option<&Committed> {
        self.committed.iter().find(|committed| committed.role == role)
    }

    fn area(&mut self, area: Area) -> &mut Vec<u8> {
        match area {
            Area::Slot => &mut self.slot,
            Area::Scratch => &mut self.scratch,
            Area::Parking => &mut self.parking,
            Area::Repair => &mut self.repair,
        }
    }
}

impl Storage for MemoryStorage {
    type Error = OutsideArea;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), OutsideArea> {
        (self.role, self.version) = (Some(role), version.map(ToOwned::to_owned));
        for area in [Area::Slot, Area::Scratch, Area::Parking, Area::Repair] {
            self.area(area).clear();
        }
        self.recoverer.clear();
        Ok(())
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), OutsideArea> {
        put(self.area(area), offset, bytes).ok_or(OutsideArea)
    }

    fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), OutsideArea> {
        into.extend_from_slice(part(self.area(area), offset, length).ok_or(OutsideArea)?);
        Ok(())
    }

    fn sync(&mut self, length: u64) -> Result<(), OutsideArea> {
        let length = usize::try_from(length).map_err(|_| OutsideArea)?;
        if self.slot.len() < length {
            return Err(OutsideArea);
        }
        self.slot.truncate(length);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), OutsideArea> {
        let role = self.role.take().ok_or(OutsideArea)?;
        self.committed.retain(|committed| committed.role != role);
        let (version, bytes) = (self.version.take(), self.slot.clone());
        self.committed.push(Committed { role, version, bytes });
        Ok(())
    }
    fn recover(&mut self, recovery: Recovery) -> Result<Option<Recovered>, OutsideArea> {
        let Self { recoverer, slot, repair, .. } = self;
        let outcome = recoverer.run(&recovery, &mut InMemory { slot, repair })?;
        Ok(Some(Recovered { id: recovery.id, outcome }))
    }
}

struct InMemory<'a> {
    slot: &'a mut Vec<u8>,
    repair: &'a [u8],
}

impl RecoveryAreas for InMemory<'_> {
    type Error = OutsideArea;

    fn read_slot(&mut self, offset: u64, into: &mut [u8]) -> Result<(), OutsideArea> {
        fill(self.slot, offset, into).ok_or(OutsideArea)
    }

    fn read_repair(&mut self, offset: u64, into: &mut [u8]) -> Result<(), OutsideArea> {
        fill(self.repair, offset, into).ok_or(OutsideArea)
    }

    fn write_slot(&mut self, offset: u64, bytes: &[u8]) -> Result<(), OutsideArea> {
        put(self.slot, offset, bytes).ok_or(OutsideArea)
    }
}
