//! The shell: sockets, files, the program. Everything the pure sessions are not.
//!
//! * [`fetch()`] puts one object into one file.
//! * [`boot()`] plays the boot procedure into a [`Store`].
//! * [`trusted_boot()`] installs what the operator signed, and says what is to be booted.
//! * [`watch()`] listens on a box that is on, until it is to reboot.
//! * [`listen()`] tells what a channel carries.
//! * [`BankFiles`] holds the banks of a box in a directory; [`slots()`] tells what is in them.
//! * [`run()`] drives any session over any [`crate::Storage`].
//! * [`cli`] is the program around them.
//!
//! An [`Observer`] sees what happens meanwhile; `&mut ()` is one that looks away.

use std::net::IpAddr;

use stbcast_object::Group;

use crate::FetchError;
use crate::slots::BanksError;

mod areas;
mod batch;
mod boot;
pub mod cli;
mod clock;
mod decoders;
mod ears;
mod fetch;
mod files;
mod heard;
mod http;
mod identity;
mod interface;
mod listen;
mod nap;
mod observer;
mod receive;
mod record;
mod recoveries;
mod repair;
mod run;
mod slots;
mod store;
mod summary;
mod tftp;
mod timed;
mod trusted;
mod unicast;
mod url;
mod watch;

pub use areas::StorageError;
pub use batch::{Batch, Datagram};
pub use boot::{BootRequest, BootSummary, Booted, BootedFrom, PartSummary, PartWord, boot};
pub use clock::Clock;
pub use fetch::{FetchFailure, FetchFigures, FetchRequest, FetchSummary, fetch};
pub use files::FileStorage;
pub use identity::box_identity;
pub use interface::{Interface, InterfaceError};
pub use listen::{ListedObject, ListenRequest, ListenSummary, listen};
pub use observer::{Moment, Observer, Trouble, Watched};
pub use receive::{JoinError, ReceiveBuffer, ReceivePath, Receiver, WAIT};
pub use record::RecordError;
pub use repair::{AnnouncedObject, RepairFigures};
pub use run::{RunOptions, RunSummary, run};
pub use slots::{BankFiles, BankSummary, SlotSummary, SlotsSummary, commit, roll_back, slots};
pub use store::{Store, StoreError, StoredImage, kept_parameters};
pub use summary::{Counters, ObjectFigures, ReceiveFigures, Verification};
pub use timed::StorageTimes;
pub use trusted::{
    RefusedSummary, TrustedBooted, TrustedPart, TrustedRequest, TrustedSummary, TrustedWord,
    trusted_boot,
};
pub use url::{UrlError, parse_mag_url, parse_url};
pub use watch::{WatchRequest, WatchSummary, WatchWord, watch};

/// Why a call of this module failed.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// The interface cannot be used.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// A file cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The slots cannot be used.
    #[error(transparent)]
    Slots(#[from] BanksError<StorageError>),
    /// The recording cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The group cannot be joined.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The socket failed.
    #[error("cannot receive from {group}: {error}")]
    Receive {
        /// The group.
        group: Group,
        /// The system's reason.
        error: std::io::Error,
    },
    /// A sender of IPv4 cannot be on a group of IPv6, nor the other way round.
    #[error("the source {pinned} cannot send to {group}: one is IPv4, the other IPv6")]
    SourceFamily {
        /// The sender pinned.
        pinned: IpAddr,
        /// The group.
        group: Group,
    },
    /// The object did not come.
    #[error("{error}{}", because(trouble.as_ref()))]
    Fetch {
        /// What the session says.
        error: FetchError,
        /// The first thing that went wrong outside.
        trouble: Option<Trouble>,
    },
    /// Nothing arrived while listening.
    #[error("nothing was heard on {group} in {seconds:.1} s")]
    Nothing {
        /// The group.
        group: Group,
        /// How long it was listened to.
        seconds: f64,
    },
    /// There is no root document to go by.
    #[error("{0}")]
    NoRoot(String),
    /// The stop flag was set.
    #[error("interrupted")]
    Interrupted,
    /// The session ended without saying how: a defect.
    #[error("the session ended without a result; please report this")]
    NoResult,
}

fn because(trouble: Option<&Trouble>) -> String {
    trouble.map(|trouble| format!(" ({trouble})")).unwrap_or_default()
}

fn same_family(group: Group, source: Option<IpAddr>) -> Result<(), IoError> {
    match source {
        Some(pinned) if pinned.is_ipv4() != group.address().is_ipv4() => {
            Err(IoError::SourceFamily { pinned, group })
        }
        _ => Ok(()),
    }
}
