//! What the state of the box is made of.

use stbcast_bootcast::Part;

use crate::Installation;

/// Trials of one release that may fail before it is denied.
pub(super) const TRIALS_MAX: u8 = 2;

/// What a bank holds: one release, all of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed {
    /// SHA-256 of the release statement.
    pub release: [u8; 32],
    /// Its number.
    pub number: u64,
    /// Its security epoch.
    pub epoch: u32,
    /// The time that it proves, in seconds since 1970.
    pub time_floor: u64,
    /// Boot image, splash and diagnostic image.
    pub parts: [Option<Stored>; 3],
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 of these bytes.
    pub sha256: [u8; 32],
}

/// A trial under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Boots that it still has, at most [`TRIAL_BOOTS`](super::TRIAL_BOOTS), which is: armed, and not booted yet.
    pub boots_left: u8,
}

/// A release whose trial failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// SHA-256 of the release statement.
    pub release: [u8; 32],
    /// Its number.
    pub number: u64,
    /// How many of its trials failed, 1 or more.
    pub trials: u8,
}

/// The release that was committed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// SHA-256 of the release statement.
    pub release: [u8; 32],
    /// Its number.
    pub number: u64,
}

/// Why a trial cannot be committed or rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// There is no trial.
    #[error("no release is on trial")]
    None,
    /// What was never booted cannot have passed its self test.
    #[error("the release on trial has not been booted yet")]
    NotBooted,
    /// Whoever passed a self test is not what is on trial.
    #[error("release {on_trial} is on trial, not release {release}")]
    Another {
        /// Number of the release on trial.
        on_trial: u64,
        /// Number of the release that was to be committed.
        release: u64,
    },
    /// What cannot be gone back to.
    #[error("nothing else is there that boots: the release on trial is not rolled back")]
    NothingElse,
}

/// The place of a part in a bank's record.
pub(super) const fn place(part: Part) -> usize {
    match part {
        Part::Kernel => 0,
        Part::Splash => 1,
        Part::Diagnostic => 2,
    }
}

impl Installed {
    /// What a bank holds once this is in it.
    pub(super) fn of(installation: &Installation) -> Self {
        let Installation { release, number, epoch, time_floor, .. } = *installation;
        let mut parts = [None; 3];
        for (part, content) in &installation.parts {
            if let Some(slot) = parts.get_mut(place(*part)) {
                *slot = Some(Stored { length: content.length, sha256: content.sha256 });
            }
        }
        Self { release, number, epoch, time_floor, parts }
    }

    /// What the slot of a part holds.
    pub fn part(&self, part: Part) -> Option<Stored> {
        self.parts.get(place(part)).copied().flatten()
    }
}

impl Failed {
    /// Whether the release is not tried again.
    pub const fn is_denied(&self) -> bool {
        self.trials >= TRIALS_MAX
    }
}
