//! Whoever watches a session: what they are told, and when.

use std::ops::Range;

use stbcast_object::Micros;

use super::ReceiveBuffer;
use crate::{Boot, Event, Fetch, Progress, Session, Stats, TrustedBoot, Watch};

/// How far a session is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Time since the session began.
    pub at: Micros,
    /// How far the object being fetched is.
    pub progress: Progress,
    /// What was seen so far.
    pub stats: Stats,
}

/// Watches a session. Every method does nothing unless it is written.
pub trait Observer {
    /// Something happened.
    fn event(&mut self, moment: &Moment, event: &Event) {
        let _ = (moment, event);
    }
    /// Comes about ten times a second, whether anything moved or not; later where one operation of
    /// the storage takes longer.
    fn tick(&mut self, moment: &Moment) {
        let _ = moment;
    }
    /// Something is wrong, but the session goes on.
    fn trouble(&mut self, trouble: &Trouble) {
        let _ = trouble;
    }
}

/// Watches nothing.
impl Observer for () {}

/// Something that is wrong outside the session, which goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The receive buffer is smaller than asked for. Told once.
    #[error(
        "the system grants a receive buffer of {} KiB instead of {} KiB, fast channels may lose \
         datagrams: raise net.core.rmem_max",
        .0.granted / 1024, .0.asked / 1024
    )]
    ReceiveBuffer(ReceiveBuffer),
    /// A group cannot be heard, or a server does not give what it is asked for, in this attempt.
    #[error("{0}")]
    Network(String),
    /// A storage operation failed; the session fails the object.
    #[error("{0}")]
    Storage(String),
    /// An image in the store cannot be used and counts as absent.
    #[error("{0}")]
    Store(String),
}

impl Trouble {
    /// Whether it can be why an object did not come.
    pub const fn is_cause(&self) -> bool {
        matches!(self, Self::Network(_) | Self::Storage(_))
    }
}

/// A session that can be watched.
pub trait Watched: Session<Range<usize>> {
    /// How far the object being fetched is.
    fn progress(&self) -> Progress;
    /// What was seen so far.
    fn stats(&self) -> Stats;
}

impl Watched for Fetch<Range<usize>> {
    fn progress(&self) -> Progress {
        self.progress()
    }
    fn stats(&self) -> Stats {
        *self.stats()
    }
}

impl Watched for TrustedBoot<Range<usize>> {
    fn progress(&self) -> Progress {
        self.progress()
    }
    fn stats(&self) -> Stats {
        self.stats()
    }
}

impl Watched for Watch<Range<usize>> {
    fn progress(&self) -> Progress {
        Progress::default()
    }
    fn stats(&self) -> Stats {
        self.stats()
    }
}

impl Watched for Boot<Range<usize>> {
    fn progress(&self) -> Progress {
        self.progress()
    }
    fn stats(&self) -> Stats {
        self.stats()
    }
}
