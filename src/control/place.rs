//! Where a headend is: the service of this machine, or one that a person started.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::SOCKET_NAME;

/// Where a headend keeps its state, and where it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Directory of the kill file.
    pub state: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
}

/// The directories that the service manager gives the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its state directory: a link into a directory of root alone, where the service has a user of its own.
    pub state: PathBuf,
    /// Its runtime directory, where the control socket is.
    pub run: PathBuf,
}

impl Default for Service {
    fn default() -> Self {
        Self { state: "/var/lib/stbcast".into(), run: "/run/stbcast".into() }
    }
}

impl Service {
    fn socket(&self) -> PathBuf {
        self.run.join(SOCKET_NAME)
    }

    /// Whether it is installed, as far as anybody can see: what the link leads to may be root's alone.
    fn is_installed(&self) -> bool {
        is_there(&self.state) || is_there(&self.socket())
    }

    /// Whether somebody who says `state` means its state directory.
    fn is_state(&self, state: &Path) -> bool {
        let link = fs::read_link(&self.state).ok();
        let link = link.and_then(|link| Some(self.state.parent()?.join(link)));
        let whole = |path: &Path| fs::canonicalize(path).ok();
        state == self.state
            || link.is_some_and(|link| link == state)
            || whole(state).is_some_and(|state| Some(state) == whole(&self.state))
    }

    /// A headend that a person started with this state directory has its socket there, too.
    fn place(&self) -> Place {
        let by_hand = Place::within(self.state.clone());
        let socket = self.socket();
        if !is_there(&socket) && is_there(&by_hand.socket) {
            return by_hand;
        }
        Place { state: self.state.clone(), socket }
    }
}

/// Whether something is there, or nobody may know.
fn is_there(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

/// What whoever lacks permission should do about it.
pub fn no_permission(what: &Path) -> String {
    format!(
        "no permission for {}: use sudo, or say which other headend is meant with --state DIR",
        what.display()
    )
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

    /// Of the headend a person means who says a state directory, or nothing: the service of this machine
    /// where it is installed, else the user's own; `None` without a home.
    pub fn meant(said: Option<&Path>) -> Option<Self> {
        let is_service = std::env::var_os("STATE_DIRECTORY").is_some();
        let own = Self::own();
        match own {
            Some(own) if is_service && said.is_none_or(|said| said == own.state) => Some(own),
            own => Self::chosen(said, own, &Service::default()),
        }
    }

    /// As [`Place::meant`], from what a process outside the service has.
    fn chosen(said: Option<&Path>, own: Option<Self>, service: &Service) -> Option<Self> {
        match said {
            Some(state) if service.is_state(state) => Some(service.place()),
            Some(state) => Some(Self::within(state.to_owned())),
            None if service.is_installed() => Some(service.place()),
            None => own,
        }
    }

    /// Whether the kill file may be looked for. A directory that is yet to be made is none of its business.
    ///
    /// # Errors
    /// When this user lacks the permission, with what to do.
    pub fn reach(&self) -> Result<(), String> {
        let looked = fs::metadata(&self.state).and_then(|_| match fs::metadata(self.killed()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            looked => looked.map(drop),
        });
        judged(&self.state, looked)
    }
}

/// A look at a path, as an operator should hear of it.
fn judged(path: &Path, looked: io::Result<()>) -> Result<(), String> {
    match looked {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(no_permission(path)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
