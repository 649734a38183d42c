//! What is booted: the release on trial, the active bank, or the other one.

use stbcast_release::{Check, on};

use super::medium::{BootControl, Slots};
use super::{Bank, Banks, BanksError, Failed, Installed, State, Trial};

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

/// A bank that can be booted: its image was read and has its digest; on trial all of its parts.
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
    /// Decides what is booted, once a boot: counts the boot of a trial, ends a trial that has none
    /// left or of which a part is damaged, and falls back on the other bank where the active one's image
    /// is damaged and the other's is not.
    ///
    /// # Errors
    /// When the state cannot be written. [`Banks::bootable`] is decided all the same: a trial that
    /// cannot be counted is not booted.
    pub fn settle(&mut self) -> Result<Settled, BanksError<M::Error>> {
        if !self.is_sound() {
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
            // All of the release or nothing: what the flash lost of a splash ends its trial, too.
            if self.is_whole(bank, &installed, |_| true) || !on(Check::BootDigest) {
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
}
