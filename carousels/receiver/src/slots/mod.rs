//! What a box keeps: two banks of slots, a state record in two copies, a journal for each slot.
//!
//! ```text
//!                    ┌── bank A ──┐ ┌── bank B ──┐
//!  state 0, state 1  │ image      │ │ image      │   active: boots
//!  (written in turn) │ splash     │ │ splash     │   inactive: is written
//!                    │ diagnostic │ │ diagnostic │   on trial: boots a few times without a commit
//!                    └─ + journals ┘ └─ + journals ┘
//!
//!  resume ─> write, keep ─> read back ─> arm ─> boots on trial ─┬─ commit ──> it is the active bank
//!  (a slot of the inactive bank)        (one state write)       └─ roll back, or boots used up
//! ```
//!
//! * [`State`] is the record as a value; what may become of it are its methods. [`record`] is how it
//!   lies in flash, for a boot loader in any language.
//! * [`Banks`] is the [`Storage`](crate::Storage) of a trusted install: it alone decides. A boot
//!   loader gives it a [`Slots`] and a [`BootControl`], which only move bytes.
//! * [`MemoryMedium`] is a medium in memory, for tests and simulations.
//!
//! The journal is a hint: it says what a slot holds after a restart, and each of its records is
//! compared with the slot. The digest is the truth: nothing is armed, and nothing boots, whose bytes
//! do not have the SHA-256 that was signed.

mod banks;
mod boot;
mod checksum;
mod error;
mod installed;
mod journal;
mod medium;
mod memory;
mod read;
pub mod record;
mod resume;
mod state;
mod storage;

pub use banks::Banks;
pub use boot::{Bootable, Settled};
pub use error::{ArmError, BanksError};
pub use installed::{Committed, Failed, Installed, Stored, Trial, TrialError};
pub use journal::JOURNAL_RECORDS_MAX;
pub use medium::{Bank, BootControl, Copy, Medium, Place, Slots};
pub use memory::{MemoryMedium, OutsidePlace};
pub use state::{FAILED_MAX, ROOT_BYTES_MAX, State, TRIAL_BOOTS};

#[cfg(test)]
mod checks;
