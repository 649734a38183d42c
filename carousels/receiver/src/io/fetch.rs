//! One object of one channel or server into one file.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use serde::Serialize;
use stbcast_infocast::Check;
use stbcast_object::{Group, Micros};

use super::summary::{Follower, hex};
use super::{
    Counters, FileStorage, Interface, IoError, Moment, ObjectFigures, Observer, ReceiveFigures,
    RepairFigures, RunOptions, RunSummary, StorageError, Trouble, Verification, run,
};
use crate::{Event, Fetch, FetchError, FetchOptions, Target, UnicastOptions, limits};

/// What to fetch, and how.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// Channel and name, or server and path.
    pub target: Target,
    /// The file that will hold the object; one that exists is replaced in one step.
    pub output: PathBuf,
    /// Where to listen; the system decides, when `None`.
    pub interface: Option<Interface>,
    /// The only sender accepted; any, when `None`.
    pub source: Option<IpAddr>,
    /// Silence after which an attempt fails.
    pub timeout: Micros,
    /// Attempts, at least 1.
    pub attempts: u8,
    /// The announce session of the line-up: it says what the object is and where its repair
    /// symbols are sent.
    pub announce: Option<Group>,
    /// The group of its repair symbols, whatever is announced.
    pub repair: Option<Group>,
    /// Bytes of memory that the fetch may need in all.
    pub memory_bytes: usize,
    /// How servers may be asked for what is missing; never, when `None`.
    pub unicast: Option<UnicastOptions>,
    /// The digest that an object of a server must have, where it is known.
    pub sha256: Option<[u8; 32]>,
    /// How long a server without time is waited for in all.
    pub busy_patience: Micros,
    /// Ends the fetch when it becomes true.
    pub stop: Arc<AtomicBool>,
}

impl FetchRequest {
    /// A request with the defaults of a box.
    pub fn new(target: Target, output: impl Into<PathBuf>) -> Self {
        Self {
            target,
            output: output.into(),
            interface: None,
            source: None,
            timeout: limits::TIMEOUT,
            attempts: limits::ATTEMPTS,
            announce: None,
            repair: None,
            memory_bytes: limits::MEMORY_BYTES,
            unicast: None,
            sha256: None,
            busy_patience: limits::BUSY_PATIENCE,
            stop: Arc::default(),
        }
    }
}

/// An object that is in its file.
#[derive(Clone, Debug, Serialize)]
pub struct FetchSummary {
    /// Where it came from, as `infocast://GROUP:PORT/NAME`, `mag://GROUP:PORT`,
    /// `flute://GROUP:PORT/NAME`, or the URL of a server.
    pub url: String,
    /// The file.
    pub output: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal, read back from the file.
    pub sha256: String,
    /// How the bytes were verified.
    pub check: Verification,
    /// Passes and attempts it took.
    #[serde(flatten)]
    pub figures: FetchFigures,
}

/// The figures of a fetch, whether it succeeded or not.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FetchFigures {
    /// What was seen.
    #[serde(flatten)]
    pub counters: Counters,
    /// Datagrams of the object that arrived, source and repair, by the slices it has.
    pub cycles: f64,
    /// Attempts made.
    pub attempts: u8,
    /// What repair did.
    #[serde(flatten)]
    pub repair: RepairFigures,
    /// How datagrams were taken from the kernel.
    #[serde(flatten)]
    pub receive: ReceiveFigures,
    /// Seconds from the object's first datagram, or from the first request to a server, until its
    /// last byte was handed to the file.
    pub receive_seconds: Option<f64>,
    /// Seconds it took to make the file durable and put it in place.
    pub commit_seconds: Option<f64>,
    /// Seconds it took to read the file back for its SHA-256, where none was announced.
    pub digest_seconds: Option<f64>,
}

impl FetchFigures {
    fn of(run: &RunSummary, follower: &Follower, error: Option<&FetchError>) -> Self {
        let ObjectFigures { cycles, attempts, repair, .. } = follower.figures(&run.moment, error);
        // Of a server everything is wanted from the first request on.
        let asked = run.moment.stats.requests > 0;
        let found_at = follower.found_at.or(asked.then_some(Micros::ZERO));
        let stored = run.storage.stored_at.zip(found_at);
        Self {
            counters: Counters::of(&run.moment),
            cycles,
            attempts,
            repair,
            receive: run.receive.clone(),
            receive_seconds: stored.map(|(stored, found)| stored.since(found).as_secs_f64()),
            commit_seconds: stored.map(|_| run.storage.commit.as_secs_f64()),
            digest_seconds: None,
        }
    }
}

/// A fetch that failed. The output is as it was.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct FetchFailure {
    /// Why.
    #[source]
    pub error: IoError,
    /// What was seen until then.
    pub figures: Box<FetchFigures>,
}

impl<E: Into<IoError>> From<E> for FetchFailure {
    fn from(error: E) -> Self {
        Self { error: error.into(), figures: Box::default() }
    }
}

/// Fetches one object and verifies it, blocking until it is there or given up.
///
/// # Errors
/// When the output cannot be written, the object does not come, or the stop flag is set. The
/// output is then as it was, and no other file is left.
pub fn fetch(
    request: &FetchRequest,
    observer: &mut dyn Observer,
) -> Result<FetchSummary, FetchFailure> {
    let FetchRequest { ref target, source, announce, repair, .. } = *request;
    for group in [target.group(), announce, repair].into_iter().flatten() {
        super::same_family(group, source)?;
    }
    let mut storage = FileStorage::new(&request.output)?;
    let options = FetchOptions {
        timeout: request.timeout,
        attempts: request.attempts,
        source,
        announce,
        repair,
        memory_bytes: request.memory_bytes,
        unicast: request.unicast.clone(),
        sha256: request.sha256,
        busy_patience: request.busy_patience,
        ..FetchOptions::default()
    };
    let mut session = Fetch::new(target.clone(), options);
    let mut watch = Watch { observer, follower: Follower::default(), end: None, trouble: None };
    let outside = RunOptions { interface: request.interface.as_ref(), stop: &request.stop };
    let summary = run(&mut session, &mut storage, outside, &mut watch);
    let Watch { follower, end, trouble, .. } = watch;
    let error = end.as_ref().and_then(|end| end.as_ref().err());
    let mut figures = FetchFigures::of(&summary, &follower, error);
    let whole = match end {
        Some(Ok(whole)) => whole.verified(&storage, &mut figures).map_err(IoError::from),
        Some(Err(error)) => Err(IoError::Fetch { error, trouble }),
        None if summary.interrupted => Err(IoError::Interrupted),
        None => Err(IoError::NoResult),
    };
    match whole {
        Err(error) => Err(FetchFailure { error, figures: Box::new(figures) }),
        Ok(Verified { bytes, sha256, check, announced }) => Ok(FetchSummary {
            url: target.to_string(),
            output: request.output.clone(),
            bytes,
            sha256,
            check: Verification::of(follower.revision, check, announced),
            figures,
        }),
    }
}

/// An object that is in its file, as the session says.
#[derive(Clone, Copy)]
struct Whole {
    bytes: u64,
    check: Option<Check>,
    sha256: Option<[u8; 32]>,
}

/// The same with a digest of what is in the file.
struct Verified {
    bytes: u64,
    sha256: String,
    check: Option<Check>,
    announced: bool,
}

impl Whole {
    /// Reads the file back, unless the session did so for the digest that is announced.
    fn verified(
        self,
        storage: &FileStorage,
        figures: &mut FetchFigures,
    ) -> Result<Verified, StorageError> {
        let Self { bytes, check, sha256 } = self;
        if let Some(sha256) = sha256 {
            return Ok(Verified { bytes, sha256: hex(&sha256), check, announced: true });
        }
        let began = Instant::now();
        let digest = storage.digest();
        figures.digest_seconds = Some(began.elapsed().as_secs_f64());
        let (bytes, sha256) = digest?;
        Ok(Verified { bytes, sha256, check, announced: false })
    }
}

/// Keeps how the fetch ended, and passes everything on.
struct Watch<'a> {
    observer: &'a mut dyn Observer,
    follower: Follower,
    end: Option<Result<Whole, FetchError>>,
    /// The first thing that went wrong outside: the likely cause of a failure.
    trouble: Option<Trouble>,
}

impl Observer for Watch<'_> {
    fn event(&mut self, moment: &Moment, event: &Event) {
        self.follower.note(moment, event);
        match event {
            Event::Complete { length, check, sha256 } => {
                self.end = Some(Ok(Whole { bytes: *length, check: *check, sha256: *sha256 }));
            }
            Event::Failed(error) => self.end = Some(Err(*error)),
            _ => {}
        }
        self.observer.event(moment, event);
    }

    fn tick(&mut self, moment: &Moment) {
        self.observer.tick(moment);
    }

    fn trouble(&mut self, trouble: &Trouble) {
        if self.trouble.is_none() && trouble.is_cause() {
            self.trouble = Some(trouble.clone());
        }
        self.observer.trouble(trouble);
    }
}
