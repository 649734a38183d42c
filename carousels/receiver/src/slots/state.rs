//! The state of the box as a value, and everything that may become of it.
//!
//! ```text
//!              arm                    boots used up, rolled back, damaged
//!  at rest ────────────> on trial ───────────────────────────────────────> at rest, as before
//!     │                     │                                              (it failed once more;
//!     │                     │                                              active where nothing else boots)
//!     │ fall back           └── commit ──> at rest, the other bank active, counters raised
//!     └─> at rest, the other bank active
//! ```
//!
//! Nothing here writes: [`Banks`](super::Banks) makes the next value, writes it, and only then goes
//! by it.

use alloc::vec::Vec;

use arrayvec::ArrayVec;
use stbcast_bootcast::Part;
use stbcast_release::{Check, on};

use super::installed::TRIALS_MAX;
use super::{ArmError, Bank, Committed, Failed, Installed, Trial, TrialError};
use crate::{Installation, Killed};

/// Boots of an armed bank without a commit, before it counts as failed.
pub const TRIAL_BOOTS: u8 = 3;

/// Failed releases that are remembered.
pub const FAILED_MAX: usize = 4;

/// Longest root document that is kept, in bytes.
pub const ROOT_BYTES_MAX: usize = 1_400;

/// What the box remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The bank that boots, unless the other one is on trial.
    pub active: Bank,
    /// What bank A and bank B hold. `None` while a bank is written, or holds nothing.
    pub banks: [Option<Installed>; 2],
    /// The bank that is not active is on trial.
    pub trial: Option<Trial>,
    /// Releases whose trial failed.
    pub failed: ArrayVec<Failed, FAILED_MAX>,
    /// A failed release had no room in `failed`: see [`State::denied_up_to`].
    pub failed_more: bool,
    /// The release that was committed last.
    pub committed: Option<Committed>,
    /// Least security epoch that may be installed: the highest that was ever committed.
    pub epoch: u32,
    /// It is not earlier than this, in seconds since 1970: the latest time that a signature proved.
    pub time_floor: u64,
    /// The newest root document that was verified, at most [`ROOT_BYTES_MAX`] bytes; empty where
    /// there is none.
    pub root: Vec<u8>,
}

impl Default for State {
    /// A box on which nothing was ever installed.
    fn default() -> Self {
        Self {
            active: Bank::A,
            banks: [None; 2],
            trial: None,
            failed: ArrayVec::new(),
            failed_more: false,
            committed: None,
            epoch: 0,
            time_floor: 0,
            root: Vec::new(),
        }
    }
}

impl State {
    /// The bank that is written: never the one that boots.
    pub const fn inactive(&self) -> Bank {
        self.active.other()
    }

    /// What a bank holds.
    pub const fn bank(&self, bank: Bank) -> Option<&Installed> {
        let [a, b] = &self.banks;
        match bank {
            Bank::A => a.as_ref(),
            Bank::B => b.as_ref(),
        }
    }

    pub(super) const fn bank_mut(&mut self, bank: Bank) -> &mut Option<Installed> {
        let [a, b] = &mut self.banks;
        match bank {
            Bank::A => a,
            Bank::B => b,
        }
    }

    /// What is on trial, and how many boots it has left.
    pub fn on_trial(&self) -> Option<(&Installed, Trial)> {
        self.bank(self.inactive()).zip(self.trial)
    }

    /// How often a trial of a release failed.
    pub fn failed(&self, release: &[u8; 32]) -> Option<&Failed> {
        self.failed.iter().find(|failed| failed.release == *release)
    }

    /// The number up to which releases are denied since more failed than can be remembered one by one,
    /// so that they are not tried in turn for ever; the number committed is not among them. A commit
    /// ends it.
    pub fn denied_up_to(&self) -> Option<u64> {
        self.failed.iter().map(|failed| failed.number).min().filter(|_| self.failed_more)
    }

    /// The inactive bank is about to be written: it holds nothing from here on. Refused while it is
    /// on trial.
    #[must_use]
    pub(super) fn emptied(&mut self) -> bool {
        if self.trial.is_some() && on(Check::SlotTrial) {
            return false;
        }
        *self.bank_mut(self.inactive()) = None;
        true
    }

    /// Whether the active bank holds the release that was committed last.
    pub(super) fn has_committed(&self) -> bool {
        let active = self.bank(self.active).map(|active| active.release);
        active.is_some() && active == self.committed.map(|committed| committed.release)
    }

    /// Whether a release may be put on trial, whatever its slots hold: as [`Trust::judge`] lets it in.
    /// `has_whole` says that all of what was committed last is there and whole.
    ///
    /// [`Trust::judge`]: stbcast_release::Trust::judge
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(super) fn may_arm(
        &self,
        installation: &Installation,
        has_whole: bool,
    ) -> Result<(), ArmError> {
        let Installation { number, epoch, permitted_from, .. } = *installation;
        if let Some((trial, _)) = self.on_trial() {
            return Err(ArmError::OnTrial { number: trial.number });
        }
        let failed = self.failed(&installation.release).filter(|failed| failed.is_denied());
        if let Some(failed) = failed.filter(|_| on(Check::SlotDenied)) {
            return Err(ArmError::Denied { number, trials: failed.trials });
        }
        let up_to = self.denied_up_to().filter(|up_to| number <= *up_to && on(Check::SlotDenied));
        let is_committed = self.committed.is_some_and(|committed| committed.number == number);
        if let Some(up_to) = up_to.filter(|_| !is_committed) {
            return Err(ArmError::DeniedUpTo { number, up_to });
        }
        if epoch < self.epoch && on(Check::SlotEpoch) {
            return Err(ArmError::Epoch { epoch, least: self.epoch });
        }
        if let Some(committed) = self.committed.filter(|_| on(Check::SlotNumber)) {
            let is_permitted = permitted_from == Some(committed.number);
            // What was committed last is got anew where it is not there any more, or not whole.
            let again = committed.release == installation.release || !has_whole;
            let is_above = number > committed.number || number == committed.number && again;
            if !is_above && !is_permitted {
                return Err(ArmError::Number { number, committed: committed.number });
            }
        }
        let has_image = installation.parts.iter().any(|(part, _)| *part == Part::Kernel);
        if !has_image && on(Check::SlotImage) {
            return Err(ArmError::NoImage);
        }
        Ok(())
    }

    /// Puts what the inactive bank holds on trial. No counter rises.
    pub(super) fn arm(
        &mut self,
        installation: &Installation,
        has_whole: bool,
    ) -> Result<(), ArmError> {
        self.may_arm(installation, has_whole)?;
        *self.bank_mut(self.inactive()) = Some(Installed::of(installation));
        self.trial = Some(Trial { boots_left: TRIAL_BOOTS });
        if !on(Check::CommitCounters) {
            self.raise(&Installed::of(installation));
        }
        Ok(())
    }

    /// Counts a boot of a trial. Whether it is legal: not where none is left, or nothing is on trial.
    pub(super) fn count_boot(&mut self) -> bool {
        let Some(trial) = &mut self.trial else { return false };
        let left = trial.boots_left.checked_sub(1);
        trial.boots_left = left.unwrap_or(0);
        left.is_some() || !on(Check::TrialBoots)
    }

    /// What is on trial has passed its self test: it is the active bank, and counters rise.
    ///
    /// # Errors
    /// When nothing is on trial, or it was not booted yet.
    pub(super) fn commit(&mut self) -> Result<Installed, TrialError> {
        let (&installed, trial) = self.on_trial().ok_or(TrialError::None)?;
        if trial.boots_left >= TRIAL_BOOTS && on(Check::CommitBooted) {
            return Err(TrialError::NotBooted);
        }
        self.active = self.inactive();
        self.trial = None;
        self.raise(&installed);
        // What is older is refused by its number from here on.
        self.failed.retain(|failed| failed.number > installed.number);
        self.failed_more = false;
        Ok(installed)
    }

    fn raise(&mut self, installed: &Installed) {
        let Installed { release, number, epoch, time_floor, .. } = *installed;
        self.committed = Some(Committed { release, number });
        self.epoch = if on(Check::CommitEpoch) { self.epoch.max(epoch) } else { epoch };
        self.note_time(time_floor);
    }

    /// What is on trial has failed: the bank that was active boots, and the other holds nothing.
    ///
    /// # Errors
    /// When nothing is on trial.
    pub(super) fn roll_back(&mut self) -> Result<Failed, TrialError> {
        let failed = self.end_trial()?;
        *self.bank_mut(self.inactive()) = None;
        Ok(failed)
    }

    /// What is on trial has failed. Its bank holds it still.
    ///
    /// # Errors
    /// When nothing is on trial.
    pub(super) fn end_trial(&mut self) -> Result<Failed, TrialError> {
        let (&Installed { release, number, .. }, _) = self.on_trial().ok_or(TrialError::None)?;
        self.trial = None;
        let before = self.failed(&release).map_or(0, |failed| failed.trials);
        self.failed.retain(|failed| failed.release != release);
        let failed = Failed { release, number, trials: before.saturating_add(1) };
        self.note_failed(failed);
        Ok(failed)
    }

    /// A release was killed: it counts as one whose trials failed. Where it is on trial, that trial
    /// has failed, which the next boot finds.
    pub(super) fn deny(&mut self, killed: &Killed) {
        let Killed { release, number } = *killed;
        if self.failed(&release).is_some_and(Failed::is_denied) {
            return;
        }
        self.failed.retain(|failed| failed.release != release);
        self.note_failed(Failed { release, number, trials: TRIALS_MAX });
    }

    fn note_failed(&mut self, failed: Failed) {
        let number = failed.number;
        if self.failed.is_full() {
            // The lowest of all makes room, which may be this one.
            self.failed_more = true;
            let lowest = self.failed.iter_mut().min_by_key(|failed| failed.number);
            if let Some(lowest) = lowest.filter(|lowest| lowest.number < number) {
                *lowest = failed;
            }
        } else {
            self.failed.push(failed);
        }
    }

    /// Whether what is on trial was killed: what is denied is not armed, so it was denied since.
    pub(super) fn is_trial_killed(&self) -> bool {
        let failed = self.on_trial().and_then(|(trial, _)| self.failed(&trial.release));
        failed.is_some_and(Failed::is_denied) && on(Check::TrialKilled)
    }

    /// The active bank cannot be booted: the other one is active, where it holds something that
    /// may be installed. Counters stay.
    #[must_use]
    pub(super) fn fall_back(&mut self) -> bool {
        let other = self.bank(self.inactive());
        let is_legal =
            other.is_some_and(|other| other.epoch >= self.epoch || !on(Check::BootEpoch));
        if !is_legal || self.trial.is_some() {
            return false;
        }
        self.active = self.inactive();
        true
    }

    /// A signature proved that it is not earlier than this.
    pub(super) fn note_time(&mut self, time_floor: u64) {
        let floor = if on(Check::TimeFloor) { self.time_floor } else { 0 };
        self.time_floor = floor.max(time_floor);
    }
}

#[cfg(test)]
pub(super) mod tests;
