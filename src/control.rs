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
mod status;
pub use client::{ClientError, ask};
pub(crate) use door::{Asked, Door, DoorError};
pub use status::{
    AnnounceStatus, ChannelStatus, HttpStatus, InterfaceStatus, KilledStatus, ObjectStatus,
    ReloadStatus, SpoolStatus, State, Status,
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

/// Where a headend keeps its state, and where it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Directory of the kill file.
    pub state: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
}

impl Place {
    /// In one directory.
    pub fn within(state: PathBuf) -> Self {
        Self { socket: state.join(SOCKET_NAME), state }
    }

    /// The kill file.
    pub fn killed(&self) -> PathBuf {
        self.state.join(crate::killed::FILE_NAME)
    }

    /// Of a headend that this process is or belongs to: under systemd its directories, for a person the
    /// user's state directory; `None` without a home.
    pub fn own() -> Option<Self> {
        let directory = |name: &str| std::env::var_os(name).map(PathBuf::from);
        if let Some(state) = directory("STATE_DIRECTORY") {
            let socket = directory("RUNTIME_DIRECTORY").unwrap_or_else(|| state.clone());
            return Some(Self { state, socket: socket.join(SOCKET_NAME) });
        }
        let of_user = directory("XDG_STATE_HOME").filter(|path| path.is_absolute());
        let home = || directory("HOME").map(|home| home.join(".local").join("state"));
        Some(Self::within(of_user.or_else(home)?.join("stbcast")))
    }

    /// Of a headend that is told to keep its state there.
    pub(crate) fn serving(state: &Path) -> Self {
        let own = Self::own().filter(|own| own.state == state);
        own.unwrap_or_else(|| Self::within(state.to_owned()))
    }

    /// Of the headend a person means who does not say which: the service of this machine where it is
    /// installed, else the user's own.
    pub fn meant() -> Option<Self> {
        let is_own = std::env::var_os("STATE_DIRECTORY").is_some()
            || std::env::var_os("XDG_STATE_HOME").is_some();
        let (state, run) = (Path::new("/var/lib/stbcast"), Path::new("/run/stbcast"));
        if !is_own && state.is_dir() {
            return Some(Self { state: state.to_owned(), socket: run.join(SOCKET_NAME) });
        }
        Self::own()
    }
}

#[cfg(test)]
mod tests;
