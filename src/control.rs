//! The control socket: a stream socket in the state directory, on which programs of this machine ask the
//! headend what is on air, and tell it to read the line-up again. One line of JSON asks, one answers.
//!
//! ```text
//! {"request":"status"}
//! {"request":"reload","dry_run":true}
//! {"request":"killed","has":["release 41"],"lacks":[]}
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod client;
mod door;
mod place;
mod status;
pub use client::{ClientError, ask};
pub(crate) use door::{Asked, Door, DoorError};
pub use place::{Place, Service, no_permission};
pub use status::{
    AnnounceStatus, ChannelStatus, HttpStatus, InterfaceStatus, KilledStatus, ObjectStatus,
    ReloadStatus, SpoolStatus, State, Status, VendorSenderStatus, VendorState,
};

/// Name of the socket.
pub const SOCKET_NAME: &str = "control.sock";

/// Longest request, in bytes.
const REQUEST_BYTES_MAX: u64 = 64 << 10;

/// Longest reply, in bytes.
const REPLY_BYTES_MAX: u64 = 16 << 20;

/// A line-up may be copied and its repair symbols computed for so long before whoever asked hears of it.
const RELOAD_PATIENCE: Duration = Duration::from_secs(3_600);

/// How long a confirmation is waited for: what an unkill brings back counts after a second.
const KILLED_PATIENCE: Duration = Duration::from_secs(10);

/// How long any other reply is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest path of a socket, in bytes, with room for the byte behind it (unix(7)).
const SOCKET_PATH_MAX: usize = 100;

/// A path of the socket that is short enough for the system, as long as the directory is held.
fn short(path: &Path) -> std::io::Result<(Option<std::fs::File>, PathBuf)> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok((None, path.to_owned()));
    };
    if path.as_os_str().len() <= SOCKET_PATH_MAX {
        return Ok((None, path.to_owned()));
    }
    let directory = std::fs::File::open(directory)?;
    let held = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&directory));
    Ok((Some(directory), Path::new(&held).join(name)))
}

/// What the headend is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// What is on air.
    Status,
    /// Read the line-up again, and put it on air unless this is a dry run.
    Reload {
        /// Tell only what would change.
        #[serde(default)]
        dry_run: bool,
    },
    /// Say when the kill file is in force: when it has the first entries and lacks the others, and not one
    /// datagram of what is killed is sent any more.
    Killed {
        /// Entries that must be in force, as in the file.
        #[serde(default)]
        has: Vec<String>,
        /// Entries that must not.
        #[serde(default)]
        lacks: Vec<String>,
    },
}

impl Request {
    const fn patience(&self) -> Duration {
        match self {
            Self::Status => PATIENCE,
            Self::Reload { .. } => RELOAD_PATIENCE,
            Self::Killed { .. } => KILLED_PATIENCE,
        }
    }
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Reload`].
    Reload(Reloaded),
    /// To [`Request::Killed`]: it is in force.
    Killed(Confirmed),
    /// It is not done.
    Error {
        /// Why.
        message: String,
    },
}

impl Reply {
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::Error { message: message.into() }
    }
}

/// What became of a line-up that was read again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Whether it can go on air, and does where it was no dry run.
    pub accepted: bool,
    /// Whether nothing was to change.
    pub dry_run: bool,
    /// The number of the line-up that is on air now, or comes there.
    pub generation: u64,
    /// A line for each change against what was on air.
    pub changes: Vec<String>,
    /// What an operator should know.
    pub warnings: Vec<String>,
    /// Why it is refused.
    pub errors: Vec<String>,
}

/// What is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// Everything that is killed.
    pub killed: Vec<String>,
    /// Channels and objects of the line-up that are off the air for it.
    pub off_air: Vec<String>,
}

#[cfg(test)]
mod tests;
