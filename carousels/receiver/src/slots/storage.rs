//! The banks as the storage of a session.

use alloc::vec::Vec;
use core::ops::Range;

use stbcast_bootcast::Part;
use stbcast_release::{Check, on};

use super::journal::Record;
use super::medium::{BootControl, Place, Slots};
use super::resume::Current;
use super::{ArmError, Banks, BanksError, Installed};
use crate::{Area, Content, Installation, Recovered, Recovery, Remembered, Role, Storage, memory};

impl<M: Slots + BootControl> Banks<M> {
    /// Forgets the object before, whatever is under way for it.
    fn give_up(&mut self) -> Option<Current> {
        self.medium.give_up_recovery();
        self.parking.clear();
        self.current.take()
    }

    /// Where an area is, which is in no place when it is memory.
    fn place(
        &self,
        area: Area,
        doing: &'static str,
    ) -> Result<Option<Place>, BanksError<M::Error>> {
        let current = self.current.as_ref().ok_or(BanksError::NotBegun(doing))?;
        match area {
            Area::Slot => Ok(Some(current.slot())),
            Area::Repair => Ok(Some(Place::Repair)),
            Area::Parking => Ok(None),
            // Slices of what is signed are equal.
            Area::Scratch => Err(BanksError::NotAPart),
        }
    }

    /// Nobody knows what a write left that failed: the object is not gone on with, and nothing more
    /// of it is kept.
    fn written(&mut self, done: Result<(), M::Error>) -> Result<(), BanksError<M::Error>> {
        if done.is_err() {
            self.current = None;
        }
        Ok(done?)
    }

    /// Whether the inactive bank holds all parts of a release, each of which is made durable, read
    /// back and compared.
    fn holds_all(&mut self, installation: &Installation) -> Result<(), BanksError<M::Error>> {
        let bank = self.state.inactive();
        let installed = Installed::of(installation);
        for part in Part::ALL {
            let Some(stored) = installed.part(part) else { continue };
            let slot = Place::Slot(bank, part);
            self.medium.sync(slot)?;
            if !self.holds(slot, &stored)? && on(Check::SlotDigest) {
                return Err(BanksError::Arm(ArmError::Part { part }));
            }
        }
        Ok(())
    }
}

const fn part(role: Role) -> Option<Part> {
    match role {
        Role::Part(part) => Some(part),
        Role::Object | Role::Control => None,
    }
}

impl<M: Slots + BootControl> Storage for Banks<M> {
    type Error = BanksError<M::Error>;

    /// Empties the slot and its journal: what was there was wrong.
    fn begin(&mut self, role: Role, _: Option<&str>) -> Result<(), Self::Error> {
        let before = self.give_up();
        let part = part(role).ok_or(BanksError::NotAPart)?;
        let bank = self.claim()?;
        let before = before.filter(|before| (before.bank, before.part) == (bank, part));
        let content = before.and_then(|before| before.journal).map(|open| open.header.content);
        let mut current = Current { bank, part, journal: None };
        self.medium.erase(Place::Repair, 0)?;
        self.clear(&mut current, content, content.map_or(0, |content| content.length))?;
        self.current = Some(current);
        Ok(())
    }

    fn resume(
        &mut self,
        role: Role,
        _: Option<&str>,
        content: &Content,
    ) -> Result<Vec<Range<u32>>, Self::Error> {
        self.give_up();
        let part = part(role).ok_or(BanksError::NotAPart)?;
        self.medium.erase(Place::Repair, 0)?;
        self.prepare(part, *content)
    }

    fn keep(&mut self, symbols: &[Range<u32>]) -> Result<(), Self::Error> {
        let mut current = self.current.take().ok_or(BanksError::NotBegun("keep"))?;
        if current.journal.is_none() {
            self.current = Some(current);
            return Ok(());
        }
        // Bytes that could not be made durable may be gone, whatever reading them says: the object
        // is not gone on with.
        self.medium.sync(current.slot())?;
        let kept = self.write_down(&mut current, symbols);
        if kept.is_err() {
            // The object can be had without its journal.
            current.journal = None;
        }
        self.current = Some(current);
        kept
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        match self.place(area, "write")? {
            Some(place) => {
                let written = self.medium.write(place, offset, bytes);
                self.written(written)
            }
            None => memory::park(&mut self.parking, offset, bytes).ok_or(BanksError::Parking),
        }
    }

    fn write_gathered(
        &mut self,
        area: Area,
        mut offset: u64,
        parts: &[&[u8]],
    ) -> Result<(), Self::Error> {
        if let Some(place) = self.place(area, "write")? {
            let written = self.medium.write_gathered(place, offset, parts);
            return self.written(written);
        }
        for part in parts {
            memory::park(&mut self.parking, offset, part).ok_or(BanksError::Parking)?;
            offset = offset.saturating_add(part.len() as u64);
        }
        Ok(())
    }

    fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Self::Error> {
        match self.place(area, "read")? {
            Some(place) => self.read_all(place, offset, length, into),
            None => {
                let parked = memory::part(&self.parking, offset, length);
                into.extend_from_slice(parked.ok_or(BanksError::Parking)?);
                Ok(())
            }
        }
    }

    fn sync(&mut self, length: u64) -> Result<(), Self::Error> {
        let current = self.current.take().ok_or(BanksError::NotBegun("sync"))?;
        self.medium.set_length(current.slot(), length)?;
        self.medium.sync(current.slot())?;
        self.current = Some(current);
        Ok(())
    }

    /// The part is whole. Nothing boots before all of them are, see [`Storage::arm`].
    fn commit(&mut self) -> Result<(), Self::Error> {
        let mut current = self.give_up().ok_or(BanksError::NotBegun("commit"))?;
        // Without it the part is only compared record by record after a restart.
        let _ = self.append(&mut current, &[Record::Whole]);
        Ok(())
    }

    fn arm(&mut self, installation: &Installation) -> Result<bool, Self::Error> {
        self.give_up();
        self.note_owed()?;
        // It is read where that is asked for.
        let is_number =
            self.state.committed.is_some_and(|committed| committed.number == installation.number);
        let has_whole = is_number && self.installed().is_some();
        self.state.may_arm(installation, has_whole).map_err(BanksError::Arm)?;
        self.holds_all(installation)?;
        let mut next = self.state.clone();
        next.arm(installation, has_whole).map_err(BanksError::Arm)?;
        self.put(next)?;
        Ok(true)
    }

    fn remember(&mut self, remembered: &Remembered) -> Result<(), Self::Error> {
        self.note(remembered)
    }

    fn recover(&mut self, recovery: Recovery) -> Result<Option<Recovered>, Self::Error> {
        let current = self.current.as_ref().ok_or(BanksError::NotBegun("recover"))?;
        Ok(self.medium.recover(current.bank, current.part, recovery)?)
    }

    fn recovered(&mut self) -> Option<Recovered> {
        self.medium.recovered()
    }

    fn recovery_error(&mut self) -> Option<Self::Error> {
        self.medium.recovery_error().map(BanksError::Medium)
    }
}
