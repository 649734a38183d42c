//! The flash as the medium of slots.

use stbcast_bootcast::Part;
use stbcast_receiver::slots::{Bank, BootControl, Copy, Medium, Place, Slots};
use stbcast_receiver::{Recovered, Recovery, RecoveryAreas};

use super::{Change, FlashError, Kind, SimFlash, apply};

impl Medium for SimFlash {
    type Error = FlashError;
}

impl Slots for SimFlash {
    fn erase(&mut self, place: Place, length: u64) -> Result<(), FlashError> {
        let kind = if length > 0 { Kind::Room } else { Kind::Change };
        self.change(kind, place, Change::Erase)
    }

    fn write(&mut self, place: Place, offset: u64, bytes: &[u8]) -> Result<(), FlashError> {
        let (offset, bytes) = (offset as usize, bytes.to_vec());
        self.change(Kind::Room, place, Change::Write { offset, bytes })
    }

    fn read(
        &mut self,
        place: Place,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), FlashError> {
        self.step(Kind::Read)?;
        let there = self.bytes(place).get(offset as usize..).unwrap_or_default();
        into.extend_from_slice(there.get(..length as usize).unwrap_or(there));
        Ok(())
    }

    fn set_length(&mut self, place: Place, length: u64) -> Result<(), FlashError> {
        self.change(Kind::Change, place, Change::Length(length as usize))
    }

    fn sync(&mut self, place: Place) -> Result<(), FlashError> {
        let step = self.step(Kind::Change);
        match step {
            Err(FlashError::Off) if !self.off => self.lose(),
            Err(FlashError::Io) => {
                // What could not be made durable is gone, though reading still says otherwise.
                self.changes.retain(|(changed, _)| *changed != place);
            }
            Err(_) => {}
            Ok(()) if self.lies() => {}
            Ok(()) => {
                let durable = self.durable.entry(place).or_default();
                self.changes.retain(|(changed, change)| {
                    if *changed == place {
                        apply(durable, change);
                    }
                    *changed != place
                });
            }
        }
        step
    }

    fn recover(
        &mut self,
        bank: Bank,
        part: Part,
        recovery: Recovery,
    ) -> Result<Option<Recovered>, FlashError> {
        let mut recoverer = std::mem::take(&mut self.recoverer);
        let outcome = recoverer.run(&recovery, &mut Areas(self, Place::Slot(bank, part)));
        self.recoverer = recoverer;
        Ok(Some(Recovered { id: recovery.id, outcome: outcome? }))
    }
}

impl BootControl for SimFlash {
    fn read_state(&mut self, copy: Copy) -> Result<Vec<u8>, FlashError> {
        self.step(Kind::Read)?;
        Ok(self.state(copy).clone())
    }

    fn write_state(&mut self, copy: Copy, bytes: &[u8]) -> Result<(), FlashError> {
        let step = self.step(Kind::Change);
        let new = match step {
            Ok(()) => bytes.to_vec(),
            // Any part of it may be there; what was there before is gone where it was erased.
            Err(FlashError::Io | FlashError::Off) if !self.off => {
                let change = Change::Write { offset: 0, bytes: bytes.to_vec() };
                let mut there = match self.chance.below(3) {
                    0 => vec![0xff; bytes.len()],
                    _ => self.state(copy).clone(),
                };
                if self.chance.below(4) > 0 {
                    let torn = self.torn(change);
                    apply(&mut there, &torn);
                }
                there
            }
            Err(error) => return Err(error),
        };
        *self.state(copy) = new;
        if step == Err(FlashError::Off) {
            self.lose();
        }
        step
    }
}

/// A slot and the repair symbols, for a recovery.
struct Areas<'a>(&'a mut SimFlash, Place);

impl Areas<'_> {
    fn fill(&mut self, place: Place, offset: u64, into: &mut [u8]) -> Result<(), FlashError> {
        self.0.step(Kind::Read)?;
        let start = offset as usize;
        let there = self.0.bytes(place).get(start..start + into.len()).ok_or(FlashError::Io)?;
        into.copy_from_slice(there);
        Ok(())
    }
}

impl RecoveryAreas for Areas<'_> {
    type Error = FlashError;

    fn read_slot(&mut self, offset: u64, into: &mut [u8]) -> Result<(), FlashError> {
        self.fill(self.1, offset, into)
    }

    fn read_repair(&mut self, offset: u64, into: &mut [u8]) -> Result<(), FlashError> {
        self.fill(Place::Repair, offset, into)
    }

    fn write_slot(&mut self, offset: u64, bytes: &[u8]) -> Result<(), FlashError> {
        let (offset, bytes) = (offset as usize, bytes.to_vec());
        self.0.change(Kind::Room, self.1, Change::Write { offset, bytes })
    }
}
