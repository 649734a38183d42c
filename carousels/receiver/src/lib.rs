//! The box: joins a carousel at boot, reassembles, verifies and stores.
//!
//! The sessions are pure. Time, datagrams and the outcome of storage go in; joins, writes and
//! events come out. Whoever owns the sockets and the flash does what the outputs say:
//!
//! ```text
//!  socket ─> Packet ─> Arrival ─┐                     ┌─> Join, Leave
//!  clock  ─────────> Wake ──────┼─> Fetch or Boot ────┼─> Begin, Write, Copy, Sync, Read, Commit
//!  storage ─> Written, Synced ──┘   (no I/O, no std)  └─> Event
//! ```
//!
//! * [`Fetch`] acquires one object of one channel.
//! * [`Boot`] is the boot procedure: control object, splash, boot image.
//! * [`drive()`] carries a session's storage outputs out on a [`Storage`] and answers it;
//!   [`drive_all()`] does so for datagrams that arrived together, and writes them together.
//! * [`Census`] lists what a channel carries.
//! * Module `io` (feature `io`, on by default) is the shell: sockets, files, the program. A boot loader
//!   leaves it out and drives the sessions itself, see `examples/boot_loader.rs`.

#![cfg_attr(not(feature = "io"), no_std)]

extern crate alloc;

mod announcement;
mod arrival;
mod assembly;
mod boot;
mod census;
mod described;
mod drive;
mod fetch;
mod gather;
mod gathering;
mod group;
mod layout;
mod message;
mod passes;
mod plain;
mod recovery;
mod rival;
mod slice_table;
mod stats;
mod storage;
mod target;

#[cfg(feature = "io")]
pub mod io;
pub mod limits;

pub use announcement::{Announcement, AnnouncementError};
pub use arrival::{Arrival, ChannelDecoder, Revision, Slice, SymbolArrival, Trailer};
pub use boot::{Boot, BootOptions, BootReport, ControlOutcome, PartOutcome, StoredVersions};
pub use census::{Census, ObjectRecord};
pub use drive::{Session, drive, drive_all};
pub use fetch::{Fetch, FetchError, FetchOptions, Outputs, Progress};
pub use group::GroupDecoder;
pub use message::{Area, Event, Input, Listen, NoRepair, Output, PlainReason, Role};
pub use recovery::{Recovered, Recoverer, Recovery, RecoveryAreas, RecoveryOutcome};
pub use stats::{Reject, Rejection, Stats};
pub use storage::{Committed, MemoryStorage, OutsideArea, Storage};
pub use target::{FileName, FileNameError, Target};
