//! The banks of a box over any medium: what boots, and what the box remembers.

use alloc::vec::Vec;

use stbcast_bootcast::Part;
use stbcast_release::{Check, Standing, on};

use super::medium::{BootControl, Copy, Place, Slots};
use super::resume::Current;
use super::{Bank, BanksError, Failed, Installed, State, Stored, Trial, record};
use crate::Remembered;

/// Times that something is read before it counts as unreadable.
const READ_TRIES: u32 = 3;

/// Two banks of slots and the state of the box. It is the [`Storage`](crate::Storage) of a trusted
/// install, and decides everything about it; the medium only moves bytes.
///
/// A boot loader opens it, calls [`Banks::settle`], runs the session over it unless a release is on
/// trial, calls [`Banks::settle`] again where the session armed a release and it is to be booted at
/// once, and boots what [`Banks::bootable`] says.
#[derive(Debug)]
pub struct Banks<M: Slots + BootControl> {
    pub(super) medium: M,
    pub(super) state: State,
    copies: Copies,
    /// Neither copy could be used, though something was there.
    lost: bool,
    /// What is booted, as was decided last.
    bootable: Option<Bootable>,
    pub(super) current: Option<Current>,
    pub(super) parking: Vec<u8>,
}

/// What is known of the two copies of the state record.
#[derive(Clone, Copy, Debug)]
struct Copies {
    sequence: u64,
    /// Which of them hold the state as it is known here.
    good: [bool; 2],
    /// A write failed: one of them may hold a state that is not known here.
    unsure: bool,
}

/// What came of [`Banks::settle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// No release is on trial.
    AtRest,
    /// A release is on trial, and this boot of it has been counted.
    OnTrial {
        /// Its number.
        number: u64,
        /// Boots that it has left.
        boots_left: u8,
    },
    /// The trial has ended: the box is where it was before.
    RolledBack(Failed),
    /// The active bank cannot be booted: the other one, which is whole, is active from here on.
    FellBack {
        /// The number of the release that it holds.
        number: u64,
    },
    /// No bank can be booted.
    Nothing,
}

/// A bank that can be booted: its image was read and has its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootable {
    /// Which.
    pub bank: Bank,
    /// Whether it is on trial.
    pub on_trial: bool,
    /// The release that it holds.
    pub installed: Installed,
}

impl<M: Slots + BootControl> Banks<M> {
    /// Reads the state. Nothing is written.
    ///
    /// # Errors
    /// When no copy of the state can be read.
    pub fn open(mut medium: M) -> Result<Self, BanksError<M::Error>> {
        let [first, second] = Copy::ALL.map(|copy| read_copy(&mut medium, copy));
        let newest = match (&first, &second) {
            (Ok((_, Some(first))), Ok((_, Some(second)))) => {
                Some(if second.1 > first.1 { second } else { first })
            }
            (Ok((_, Some(one))), _) | (_, Ok((_, Some(one)))) => Some(one),
            _ => None,
        };
        let newest = newest.cloned();
        let is_good = |copy: &Result<Read, M::Error>| matches!(copy, Ok((_, Some(state))) if Some(state) == newest.as_ref());
        let good = [is_good(&first), is_good(&second)];
        let lost = newest.is_none() && {
            // Unreadable is not lost: it may be there the next time.
            let (first, second) = (first?, second?);
            first.0 || second.0
        };
        let (state, sequence) = newest.unwrap_or_default();
        let copies = Copies { sequence, good, unsure: false };
        let (bootable, current, parking) = (None, None, Vec::new());
        Ok(Self { medium, state, copies, lost, bootable, current, parking })
    }

    /// What the box remembers.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Whether there was a state, and no copy of it can be used. The box begins anew.
    pub const fn is_state_lost(&self) -> bool {
        self.lost
    }

    /// The root document that was verified last.
    pub fn root(&self) -> Option<&[u8]> {
        Some(self.state.root.as_slice()).filter(|root| !root.is_empty())
    }

    /// What is to be booted, as [`Banks::settle`] decided it last.
    pub const fn bootable(&self) -> Option<&Bootable> {
        self.bootable.as_ref()
    }

    /// What the box remembers, as releases are judged by it. Each part of what was committed last
    /// is read: it is installed where all of them are whole.
    pub fn standing(&mut self) -> Standing {
        let active = self.state.active;
        let installed = self.state.bank(active).copied().filter(|_| self.state.has_committed());
        let installed = installed.filter(|installed| {
            let is_whole = |part: Part| {
                let stored = installed.part(part);
                stored.is_none_or(|stored| {
                    self.holds(Place::Slot(active, part), &stored).unwrap_or(false)
                })
            };
            Part::ALL.into_iter().all(is_whole)
        });
        let denied = self.state.failed.iter().filter(|failed| failed.is_denied());
        Standing {
            installed: installed.map(|installed| installed.release),
            number: self.state.committed.map(|committed| committed.number),
            epoch: self.state.epoch,
            time_floor: self.state.time_floor,
            denied: denied.map(|failed| failed.release).collect(),
        }
    }

    /// The medium.
    pub const fn medium(&self) -> &M {
        &self.medium
    }

    /// Gives the medium back.
    pub fn into_medium(self) -> M {
        self.medium
    }

    /// Decides what is booted, once a boot: counts the boot of a trial, ends a trial that has none
    /// left or whose image is damaged, and falls back on the other bank where the active one's image
    /// is damaged and the other's is not.
    ///
    /// # Errors
    /// When the state cannot be written. [`Banks::bootable`] is decided all the same: a trial that
    /// cannot be counted is not booted.
    pub fn settle(&mut self) -> Result<Settled, BanksError<M::Error>> {
        if self.copies.sequence > 0 && self.copies.good != [true; 2] {
            // A copy was damaged. Where it cannot be healed, the other one is enough.
            let _ = self.put(self.state.clone());
        }
        let (next, settled, bootable) = self.decide();
        self.bootable = bootable;
        if next == self.state {
            return Ok(settled);
        }
        let written = self.put(next);
        if written.is_err() && bootable.is_some_and(|boot| boot.on_trial) {
            let mut as_it_is = self.state.clone();
            self.bootable = self.decide_at_rest(&mut as_it_is).1;
        }
        written.map(|()| settled)
    }

    /// What [`Banks::settle`] would find bootable now. Nothing is written, and no boot counted.
    pub fn would_boot(&mut self) -> Option<Bootable> {
        self.decide().2
    }

    /// The next state, what it means, and what is booted with it.
    fn decide(&mut self) -> (State, Settled, Option<Bootable>) {
        let mut next = self.state.clone();
        let mut failed = next.boot();
        if let Some((&installed, Trial { boots_left })) = next.on_trial() {
            let bank = next.inactive();
            if self.boots(bank, &installed) {
                let boot = Bootable { bank, on_trial: true, installed };
                let settled = Settled::OnTrial { number: installed.number, boots_left };
                return (next, settled, Some(boot));
            }
            failed = next.roll_back().ok();
        }
        let (settled, bootable) = self.decide_at_rest(&mut next);
        (next, failed.map_or(settled, Settled::RolledBack), bootable)
    }

    /// The same without a trial.
    fn decide_at_rest(&mut self, next: &mut State) -> (Settled, Option<Bootable>) {
        let mut settled = Settled::AtRest;
        for _ in Bank::ALL {
            let bank = next.active;
            let installed = next.bank(bank).copied();
            if let Some(installed) = installed.filter(|installed| self.boots(bank, installed)) {
                return (settled, Some(Bootable { bank, on_trial: false, installed }));
            }
            let other = next.bank(bank.other()).map(|other| other.number);
            let Some(number) = other.filter(|_| settled == Settled::AtRest && next.fall_back())
            else {
                break;
            };
            settled = Settled::FellBack { number };
        }
        // Nothing boots: the bank that was active stays it.
        if settled != Settled::AtRest {
            next.active = next.inactive();
        }
        (Settled::Nothing, None)
    }

    /// The release on trial passed its self test: it stays, and counters rise.
    ///
    /// # Errors
    /// When nothing is on trial, it was never booted, or the state cannot be written.
    pub fn commit_trial(&mut self) -> Result<Installed, BanksError<M::Error>> {
        let mut next = self.state.clone();
        let installed = next.commit().map_err(BanksError::Trial)?;
        self.put(next)?;
        (self.current, self.bootable) = (None, None);
        Ok(installed)
    }

    /// The release on trial failed: the box goes back to what it was.
    ///
    /// # Errors
    /// When nothing is on trial, or the state cannot be written.
    pub fn roll_back(&mut self) -> Result<Failed, BanksError<M::Error>> {
        let mut next = self.state.clone();
        let failed = next.roll_back().map_err(BanksError::Trial)?;
        self.put(next)?;
        (self.current, self.bootable) = (None, None);
        Ok(failed)
    }

    /// Keeps what signed statements told.
    pub(super) fn note(&mut self, remembered: &Remembered) -> Result<(), BanksError<M::Error>> {
        let mut next = self.state.clone();
        next.note_time(remembered.time_floor);
        if let Some(root) = &remembered.root {
            if root.len() > super::ROOT_BYTES_MAX {
                return Err(BanksError::Root { bytes: root.len() });
            }
            next.root.clone_from(root);
        }
        if next == self.state { Ok(()) } else { self.put(next) }
    }

    /// Makes the inactive bank one that may be written: it holds nothing any more.
    pub(super) fn claim(&mut self) -> Result<Bank, BanksError<M::Error>> {
        let mut next = self.state.clone();
        if !next.emptied() {
            return Err(BanksError::OnTrial);
        }
        if self.bootable.is_some_and(|boot| boot.bank == next.inactive()) {
            // It could not be written down that the box fell back on it.
            return Err(BanksError::Boots);
        }
        // A state of which nothing is known here may have this very bank on trial.
        if next != self.state || self.copies.unsure && on(Check::SlotUnsure) {
            self.put(next)?;
        }
        Ok(self.state.inactive())
    }

    /// Writes a state and goes by it: first into the copy that is not needed, and then, so that no
    /// damage to one copy takes anything back, into the other.
    pub(super) fn put(&mut self, next: State) -> Result<(), BanksError<M::Error>> {
        let sequence = self.copies.sequence.saturating_add(1);
        let bytes = record::encode(&next, sequence);
        let [is_first_good, is_second_good] = self.copies.good;
        let copy = match (is_first_good, is_second_good) {
            (true, false) => Copy::Second,
            _ => Copy::First,
        };
        self.note_copy(copy, false);
        if let Err(error) = self.medium.write_state(copy, &bytes) {
            self.copies.unsure = true;
            return Err(error.into());
        }
        self.copies.good = [false; 2];
        self.note_copy(copy, true);
        (self.state, self.copies.sequence, self.copies.unsure) = (next, sequence, false);
        let is_written = self.medium.write_state(copy.other(), &bytes).is_ok();
        self.note_copy(copy.other(), is_written);
        Ok(())
    }

    fn note_copy(&mut self, copy: Copy, is_good: bool) {
        let [first, second] = &mut self.copies.good;
        match copy {
            Copy::First => *first = is_good,
            Copy::Second => *second = is_good,
        }
    }

    /// Whether the boot image of a bank is what its record says.
    fn boots(&mut self, bank: Bank, installed: &Installed) -> bool {
        let Some(image) = installed.part(Part::Kernel) else { return false };
        let is_whole = self.holds(Place::Slot(bank, Part::Kernel), &image).unwrap_or(false);
        is_whole || !on(Check::BootDigest)
    }

    /// Whether a place holds these bytes, all of them read.
    pub(crate) fn holds(
        &mut self,
        place: Place,
        stored: &Stored,
    ) -> Result<bool, BanksError<M::Error>> {
        let mut hash = super::resume::Digesting::default();
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
        bytes: core::ops::Range<u64>,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), BanksError<M::Error>> {
        let mut piece = Vec::new();
        let mut offset = bytes.start;
        while offset < bytes.end {
            let length = (bytes.end - offset).min(crate::limits::READ_BACK_BYTES);
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

/// Whether anything is there, and the state that it is.
type Read = (bool, Option<(State, u64)>);

fn read_copy<M: BootControl>(medium: &mut M, copy: Copy) -> Result<Read, M::Error> {
    let bytes = tried(|| medium.read_state(copy))?;
    let is_there = bytes.iter().any(|byte| *byte != 0 && *byte != 0xff);
    Ok((is_there, record::decode(&bytes)))
}

/// Tries a few times what may fail once.
fn tried<T, E>(mut read: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let mut result = read();
    for _ in 1..READ_TRIES {
        if result.is_ok() {
            break;
        }
        result = read();
    }
    result
}

#[cfg(test)]
pub(super) mod tests;
