//! What is booted: the release on trial, the active bank, or the other one.

use stbcast_release::{Check, on};

use super::medium::{BootControl, Slots};
use super::{Bank, Banks, BanksError, Failed, Installed, State, Trial, TrialError};

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
    /// The trial has ended, and nothing else boots: what failed is the active bank from here on,
    /// though it was never committed, so that something better can be received into the other one.
    NothingElse(Failed),
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
    /// is damaged and the other's is not. A boot is counted before a byte of the image is read:
    /// reading what is damaged may be what the box hangs on.
    ///
    /// # Errors
    /// When the state cannot be written. [`Banks::bootable`] is decided all the same: a trial that
    /// cannot be counted is not booted, unless nothing else is there.
    pub fn settle(&mut self) -> Result<Settled, BanksError<M::Error>> {
        if !self.is_sound() {
            // A copy was damaged. Where it cannot be healed, the other one is enough.
            let _ = self.put(self.state.clone());
        }
        let mut counted = self.state.clone();
        let may_try = counted.count_boot();
        if counted != self.state
            && let Err(error) = self.put(counted)
        {
            self.bootable = self.uncounted();
            return Err(error);
        }
        let (next, settled, bootable) = self.decide(may_try);
        self.bootable = bootable;
        if next != self.state {
            self.put(next)?;
        }
        Ok(settled)
    }

    /// What [`Banks::settle`] would find bootable now. Nothing is written, and no boot counted.
    pub fn would_boot(&mut self) -> Option<Bootable> {
        let may_try = self.state.clone().count_boot();
        self.decide(may_try).2
    }

    /// What is booted where the boot of a trial cannot be counted.
    fn uncounted(&mut self) -> Option<Bootable> {
        let at_rest = self.decide_at_rest(&mut self.state.clone()).1;
        at_rest.or_else(|| self.image_of(self.state.inactive(), true))
    }

    /// A bank whose image is right.
    fn image_of(&mut self, bank: Bank, on_trial: bool) -> Option<Bootable> {
        let installed = *self.state.bank(bank)?;
        self.boots(bank, &installed).then_some(Bootable { bank, on_trial, installed })
    }

    /// The next state, what it means, and what is booted with it.
    fn decide(&mut self, may_try: bool) -> (State, Settled, Option<Bootable>) {
        let mut next = self.state.clone();
        let bank = next.inactive();
        let Some((&installed, Trial { boots_left })) = next.on_trial() else {
            let (settled, bootable) = self.decide_at_rest(&mut next);
            return (next, settled, bootable);
        };
        // All of the release or nothing: what the flash lost of a splash ends its trial, too.
        let may_try = may_try && !next.is_trial_killed();
        if may_try && (self.is_whole(bank, &installed, |_| true) || !on(Check::BootDigest)) {
            let boot = Bootable { bank, on_trial: true, installed };
            let settled = Settled::OnTrial { number: installed.number, boots_left };
            return (next, settled, Some(boot));
        }
        self.decide_failed(next)
    }

    /// The same where the trial has failed. A box that has anything to boot boots.
    fn decide_failed(&mut self, mut next: State) -> (State, Settled, Option<Bootable>) {
        let bank = next.inactive();
        let before = self.image_of(next.active, false);
        let kept = if before.is_none() { self.image_of(bank, false) } else { None };
        let Ok(failed) = next.end_trial() else { return (next, Settled::AtRest, before) };
        if kept.is_some() && next.fall_back() {
            return (next, Settled::NothingElse(failed), kept);
        }
        *next.bank_mut(bank) = None;
        (next, Settled::RolledBack(failed), before)
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

    /// The same for whoever knows which release it runs: an older program that is still up must not
    /// commit what was armed beside it.
    ///
    /// # Errors
    /// As above, and when the release on trial has another number.
    pub fn commit_trial_of(&mut self, release: u64) -> Result<Installed, BanksError<M::Error>> {
        let on_trial = self.state.on_trial().map(|(trial, _)| trial.number);
        if let Some(on_trial) = on_trial.filter(|on_trial| *on_trial != release) {
            return Err(BanksError::Trial(TrialError::Another { on_trial, release }));
        }
        self.commit_trial()
    }

    /// The release on trial failed: the box goes back to what it was.
    ///
    /// # Errors
    /// When nothing is on trial, nothing else boots, or the state cannot be written.
    pub fn roll_back(&mut self) -> Result<Failed, BanksError<M::Error>> {
        let mut next = self.state.clone();
        let failed = next.roll_back().map_err(BanksError::Trial)?;
        let (active, other) = (self.state.active, self.state.inactive());
        if self.image_of(active, false).is_none() && self.image_of(other, true).is_some() {
            return Err(BanksError::Trial(TrialError::NothingElse));
        }
        self.put(next)?;
        (self.current, self.bootable) = (None, None);
        Ok(failed)
    }
}
