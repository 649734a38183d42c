//! The banks of a box over any medium: what boots, and what the box remembers.

use alloc::vec::Vec;

use stbcast_bootcast::Part;
use stbcast_release::{Check, Standing, on};

use super::medium::{BootControl, Copy, Slots};
use super::read::tried;
use super::resume::Current;
use super::{Bank, BanksError, Bootable, Installed, State, record};
use crate::Remembered;

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
    pub(super) bootable: Option<Bootable>,
    pub(super) current: Option<Current>,
    pub(super) parking: Vec<u8>,
    /// What signed statements told and could not be kept: nothing is armed without it.
    owed: Option<Remembered>,
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
        let (bootable, current, parking, owed) = (None, None, Vec::new(), None);
        Ok(Self { medium, state, copies, lost, bootable, current, parking, owed })
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

    /// What the box remembers, as releases are judged by it. Each part of what was committed last is
    /// read, but for an image that [`Banks::settle`] has read: it is installed where all of them are
    /// whole.
    pub fn standing(&mut self) -> Standing {
        let installed = self.installed();
        let denied = self.state.failed.iter().filter(|failed| failed.is_denied());
        Standing {
            installed: installed.map(|installed| installed.release),
            number: self.state.committed.map(|committed| committed.number),
            epoch: self.state.epoch,
            time_floor: self.state.time_floor,
            denied: denied.map(|failed| failed.release).collect(),
            denied_up_to: self.state.denied_up_to(),
        }
    }

    /// What was committed last, where all of it is in the active bank and whole.
    pub(super) fn installed(&mut self) -> Option<Installed> {
        let active = self.state.active;
        let is_read = self.bootable.is_some_and(|boot| boot.bank == active);
        let installed = self.state.bank(active).copied().filter(|_| self.state.has_committed());
        installed.filter(|installed| {
            let is_left = |part: &Part| *part != Part::Kernel || !is_read;
            self.is_whole(active, installed, is_left)
        })
    }

    /// The medium.
    pub const fn medium(&self) -> &M {
        &self.medium
    }

    /// Gives the medium back.
    pub fn into_medium(self) -> M {
        self.medium
    }

    /// Whether both copies hold the state, or there is none yet.
    pub(super) fn is_sound(&self) -> bool {
        self.copies.sequence == 0 || self.copies.good == [true; 2]
    }

    /// Keeps what signed statements told. What could not be kept is tried again before a release is
    /// armed: its keys may be those of a root that is not stored.
    pub(super) fn note(&mut self, remembered: &Remembered) -> Result<(), BanksError<M::Error>> {
        let owed = self.owed.take().unwrap_or_default();
        let root = remembered.root.clone().or(owed.root);
        let time_floor = remembered.time_floor.max(owed.time_floor);
        let mut killed = owed.killed;
        for one in &remembered.killed {
            if !killed.contains(one) {
                killed.push(*one);
            }
        }
        let remembered = Remembered { root, time_floor, killed };
        let noted = self.note_all(&remembered);
        self.owed = noted.is_err().then_some(remembered);
        noted
    }

    /// Keeps what could not be kept before.
    pub(super) fn note_owed(&mut self) -> Result<(), BanksError<M::Error>> {
        self.owed.take().map_or(Ok(()), |owed| self.note(&owed))
    }

    fn note_all(&mut self, remembered: &Remembered) -> Result<(), BanksError<M::Error>> {
        let mut next = self.state.clone();
        next.note_time(remembered.time_floor);
        remembered.killed.iter().for_each(|one| next.deny(one));
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
}

/// Whether anything is there, and the state that it is.
type Read = (bool, Option<(State, u64)>);

fn read_copy<M: BootControl>(medium: &mut M, copy: Copy) -> Result<Read, M::Error> {
    let bytes = tried(|| medium.read_state(copy))?;
    let is_there = bytes.iter().any(|byte| *byte != 0 && *byte != 0xff);
    Ok((is_there, record::decode(&bytes)))
}

#[cfg(test)]
pub(super) mod tests;
