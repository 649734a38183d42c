//! Why something was not done.

use stbcast_bootcast::Part;

use super::TrialError;

/// Why a release is not armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArmError {
    /// Another trial is under way.
    #[error("release {number} is on trial: commit it or roll it back first")]
    OnTrial {
        /// Number of the release on trial.
        number: u64,
    },
    /// It failed too often.
    #[error("release {number} is denied: it failed {trials} trials")]
    Denied {
        /// Its number.
        number: u64,
        /// Trials that failed.
        trials: u8,
    },
    /// So many failed that not each is remembered.
    #[error("release {number} is denied as all are up to release {up_to}, so many failed")]
    DeniedUpTo {
        /// Its number.
        number: u64,
        /// The number up to which releases are denied.
        up_to: u64,
    },
    /// Its security epoch is too low.
    #[error("security epoch {epoch} is too low: the box accepts {least} and above")]
    Epoch {
        /// Its epoch.
        epoch: u32,
        /// Least epoch that is legal.
        least: u32,
    },
    /// Its number does not rise, and no permit covers that.
    #[error("release {number} is not above release {committed}, which is committed")]
    Number {
        /// Its number.
        number: u64,
        /// Number of the release that is committed.
        committed: u64,
    },
    /// Nothing in it can be booted.
    #[error("it has no boot image")]
    NoImage,
    /// A slot does not hold what was signed.
    #[error("the slot of the {} does not hold what was signed", part.word())]
    Part {
        /// Which.
        part: Part,
    },
}

/// Why an operation on the banks failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BanksError<E> {
    /// The medium failed.
    #[error(transparent)]
    Medium(#[from] E),
    /// A release that must not be booted, or cannot be.
    #[error("a release cannot be armed: {0}")]
    Arm(ArmError),
    /// Commit and roll back.
    #[error(transparent)]
    Trial(TrialError),
    /// The inactive bank is what runs.
    #[error("a release is on trial: its bank is not written before it is committed or rolled back")]
    OnTrial,
    /// The inactive bank is what runs, and that could not be written down.
    #[error("the box fell back on this bank: it is not written before that could be written down")]
    Boots,
    /// An operation without an object to work on.
    #[error("the slots were asked to {0} although no part of a release has begun")]
    NotBegun(&'static str),
    /// Something that has no slot.
    #[error("only parts of a release have slots")]
    NotAPart,
    /// The slot ends too early.
    #[error("only {there} of {wanted} bytes could be read back")]
    Short {
        /// Bytes that are there.
        there: u64,
        /// Bytes that were asked for.
        wanted: u64,
    },
    /// Memory for slices that wait is bounded.
    #[error("outside the parking area")]
    Parking,
    /// A root document that is too long to be kept.
    #[error("a root document of {bytes} bytes is too long to be kept")]
    Root {
        /// Its length in bytes.
        bytes: usize,
    },
}
