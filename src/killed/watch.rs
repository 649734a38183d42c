//! The file while the headend runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Killed, KilledError, file};

/// What the file no longer says counts when the file has been left alone for so long.
pub const SETTLED: Duration = Duration::from_secs(1);

/// What a look at the file gave.
#[derive(Debug, Default)]
pub struct Polled {
    /// Whether what is killed is not what it was.
    pub changed: bool,
    /// Whether the file is another one than it was.
    pub read: bool,
    /// What is wrong with the file, told once for each of its states. What was killed stays so.
    pub problem: Option<KilledError>,
}

/// The file and what it says.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    /// The file as it was last seen; `None` where it could not be read. It is small, and its metadata
    /// would not tell two changes in one tick of the clock apart.
    seen: Option<Option<Vec<u8>>>,
    /// When that was seen first.
    since: Instant,
    /// What it says, when all of it is understood.
    says: Option<Killed>,
    killed: Killed,
}

impl Watch {
    /// Reads the file before anything goes on air; it is made where there is none.
    ///
    /// # Errors
    /// As [`super::read`]: what was killed is not known then, and nothing may go on air.
    pub fn open(path: &Path) -> Result<Self, KilledError> {
        file::prepare(path);
        let bytes = file::bytes(path)?;
        let killed = match &bytes {
            Some(bytes) => file::text(bytes).whole(path)?,
            None => Killed::default(),
        };
        let (seen, since) = (Some(bytes), Instant::now());
        Ok(Self { path: path.to_owned(), seen, since, says: None, killed })
    }

    /// What is killed.
    pub const fn killed(&self) -> &Killed {
        &self.killed
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the file; to be called some times a second.
    pub fn poll(&mut self, now: Instant) -> Polled {
        let (found, failure) = match file::bytes(&self.path) {
            Ok(found) => (Some(found), None),
            Err(error) => (None, Some(error)),
        };
        let mut polled = Polled::default();
        if found != self.seen {
            polled.read = true;
            self.since = now;
            self.says = None;
            let before = self.killed.clone();
            polled.problem = failure.or_else(|| self.look(found.as_ref()?.as_deref()));
            polled.changed = before != self.killed;
            self.seen = found;
        }
        let is_settled = now.saturating_duration_since(self.since) >= SETTLED;
        if let Some(says) = self.says.take_if(|_| is_settled) {
            polled.changed |= says != self.killed;
            self.killed = says;
        }
        polled
    }

    /// Takes what the file adds.
    fn look(&mut self, bytes: Option<&[u8]>) -> Option<KilledError> {
        let Some(bytes) = bytes else {
            let path = self.path.clone();
            return (!self.killed.is_empty()).then_some(KilledError::Gone { path });
        };
        let text = file::text(bytes);
        self.killed.extend(&text.killed);
        match text.whole(&self.path) {
            Ok(says) => {
                self.says = Some(says);
                None
            }
            Err(problem) => Some(problem),
        }
    }
}
