//! What a box is told before a trusted boot.

use core::net::IpAddr;

use stbcast_object::{Group, Micros};
use stbcast_release::{Clock, Identity, Refusal, Standing, Trust};

use crate::{FetchOptions, UnicastOptions, limits};

/// A trusted boot: whom it believes, what the box is, and how patient it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedOptions {
    /// The root that the box goes by, see [`root_of`].
    pub trust: Trust,
    /// What the box is.
    pub identity: Identity,
    /// What the box remembers.
    pub standing: Standing,
    /// Whether a release is on trial: nothing is received before that is committed or rolled back.
    pub on_trial: bool,
    /// The announce session that carries the statements.
    pub announce: Group,
    /// What the box's clock says at the session's time zero, in seconds since the Unix epoch; `None`
    /// where it has none.
    pub clock: Option<u64>,
    /// Silence of a group after which an attempt fails.
    pub timeout: Micros,
    /// Attempts, at least 1.
    pub attempts: u8,
    /// How long the whole may take. What was received by then is held for the next boot.
    pub patience: Micros,
    /// The only sender accepted; any, when `None`.
    pub source: Option<IpAddr>,
    /// Largest object that a slot has room for, in bytes.
    pub length_max: u64,
    /// Least bytes of an object between two marks of what is there, see
    /// [`FetchOptions::keep_bytes`].
    pub keep_bytes: u64,
    /// Bytes of memory that the session may need in all.
    pub memory_bytes: usize,
    /// How the servers that a release names may be asked; never, when `None`.
    pub unicast: Option<UnicastOptions>,
}

impl TrustedOptions {
    /// The options of a box with the usual patience and memory, which asks no server.
    pub const fn new(
        trust: Trust,
        identity: Identity,
        standing: Standing,
        announce: Group,
    ) -> Self {
        Self {
            trust,
            identity,
            standing,
            on_trial: false,
            announce,
            clock: None,
            timeout: limits::TIMEOUT,
            attempts: limits::ATTEMPTS,
            patience: limits::TRUSTED_PATIENCE,
            source: None,
            length_max: limits::OBJECT_BYTES_MAX,
            keep_bytes: limits::KEEP_BYTES_MIN,
            memory_bytes: limits::MEMORY_BYTES,
            unicast: None,
        }
    }

    /// What time it may be at `now`.
    pub(super) fn clock_at(&self, now: Micros, heard: Option<u64>) -> Clock {
        let own = self.clock.map(|zero| zero.saturating_add(now.0 / 1_000_000));
        Clock { own, heard }
    }

    /// How one object is fetched.
    pub(super) fn fetch_options(&self) -> FetchOptions {
        FetchOptions {
            timeout: self.timeout,
            attempts: self.attempts,
            source: self.source,
            length_max: self.length_max,
            announce: Some(self.announce),
            keep_bytes: self.keep_bytes,
            memory_bytes: self.memory_bytes.saturating_sub(limits::TRUSTED_BYTES),
            unicast: self.unicast.clone(),
            ..FetchOptions::default()
        }
    }
}

/// The root that a box goes by: the one that came with its program, or the one that it stored where
/// that is of the same operator and newer, or the other one is none. A stored one that is none is
/// passed over.
///
/// # Errors
/// When neither is one: what is wrong with the one that came with the program.
pub fn root_of(shipped: &[u8], stored: Option<&[u8]>) -> Result<Trust, Refusal> {
    let stored = stored.and_then(|stored| Trust::new(stored).ok());
    let shipped = match Trust::new(shipped) {
        Ok(shipped) => shipped,
        Err(refusal) => return stored.ok_or(refusal),
    };
    let is_next = |stored: &Trust| {
        let (shipped, stored) = (shipped.root(), stored.root());
        stored.operator == shipped.operator && stored.number > shipped.number
    };
    Ok(stored.filter(is_next).unwrap_or(shipped))
}
