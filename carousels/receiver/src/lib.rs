//! The box: joins a carousel at boot, reassembles, verifies and stores.
//!
//! The sessions are pure. Time, datagrams and the outcome of storage go in; joins, writes and
//! events come out. Whoever owns the sockets and the flash does what the outputs say:
//!
//! ```text
//!  sockets ─> GroupDecoder ─┬> Arrival ──┐                  ┌─> Join, Leave
//!             (one a group) ├> Symbol ───┤                  │
//!                           ├> Announced ┤                  ├─> Begin, Write, Copy, Compare,
//!                           ├> Statement ┤ Fetch, Boot,     │   Sync, Read, Commit
//!                           └> Heard ────┼> TrustedBoot ────┤
//!  clock ─────────────────────> Wake ────┤ (no I/O, no std) ├─> Resume, Keep, Arm, Remember (slots)
//!  storage ─┬─> Written, Synced, ... ────┤                  │
//!           └─> Recovered, Resumed ... ──┤                  ├─> Recover (beside the rest)
//!  servers ─┬─> Bytes ───────────────────┤                  ├─> Request, CancelRequest
//!           └─> Answered ────────────────┘                  └─> Event
//! ```
//!
//! * [`Fetch`] acquires one object of an Infocast or MAG channel, a FLUTE session or a server. With an
//!   announce session it knows length, layout and digest, and repair symbols count as much as slices;
//!   without, slices are all there is. A file of a FLUTE session is described by that session.
//! * [`Boot`] is the boot procedure: control object, splash, boot image.
//! * [`TrustedBoot`] installs what the operator signed, all of it or nothing, and nothing else.
//! * [`Watch`] listens on a box that is on, until it is to reboot.
//! * [`GroupDecoder`] turns the datagrams of a group into inputs.
//! * [`drive()`] carries a session's storage outputs out on a [`Storage`] and answers it;
//!   [`drive_all()`] does so for datagrams that arrived together, and writes them together. A
//!   storage recovers blocks with a [`Recoverer`].
//! * [`Census`] lists what a channel of Infocast or MAG carries.
//! * Module `io` (feature `io`, on by default) is the shell: sockets, files, the program. A boot loader
//!   leaves it out and drives the sessions itself, see `examples/boot_loader.rs`.
//!
//! Where several groups are joined, their datagrams are to be handed in in the order in which they
//! arrived: that the companion changes behind the channel tells revisions apart.

#![cfg_attr(not(feature = "io"), no_std)]

extern crate alloc;

mod announcement;
mod arrival;
mod asking;
mod assembly;
mod boot;
mod census;
mod described;
mod download;
mod drive;
mod event;
mod fetch;
mod gather;
mod gathering;
mod group;
mod install;
mod layout;
mod mag;
mod memory;
mod message;
mod passes;
mod plain;
mod recovery;
mod rival;
mod slice_table;
pub mod slots;
mod stats;
mod storage;
mod target;
pub mod tftp;
mod trusted;
mod unicast;

#[cfg(feature = "io")]
pub mod io;
pub mod limits;

pub use announcement::{Announcement, AnnouncementError};
pub use arrival::{
    Arrival, ChannelDecoder, InfocastRevision, MagRevision, Revision, Slice, SymbolArrival, Trailer,
};
pub use asking::{AllowedHost, Hosts, UnicastOptions};
pub use boot::{
    Boot, BootOptions, BootReport, ControlOutcome, HttpBoot, MetadataError, Orders, PartOutcome,
    StoredVersions, TftpBoot,
};
pub use census::{Census, ImageRecord, ObjectRecord};
pub use drive::{Session, drive, drive_all};
pub use event::{Event, NoRepair, PlainReason};
pub use fetch::{Fetch, FetchError, FetchOptions, Outputs, Progress};
pub use group::GroupDecoder;
pub use install::{Content, Installation, Killed, Remembered};
pub use mag::{MagDecoder, MagReject};
pub use message::{Area, Input, Listen, Output, Role};
pub use recovery::{Recovered, Recoverer, Recovery, RecoveryAreas, RecoveryOutcome};
pub use stats::{Reject, Rejection, Stats};
pub use storage::{Committed, MemoryStorage, OutsideArea, Storage};
pub use target::{FileName, FileNameError, Target};
pub use trusted::{
    Obeyed, Refused, TrustedBoot, TrustedOptions, TrustedOutcome, TrustedReport, Waited, Watch,
    WatchOptions, WatchOutcome, WatchReport, root_of,
};
pub use unicast::{Answer, Request, Server, TftpOptions, UnicastError};
