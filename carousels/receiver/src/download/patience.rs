//! How often and when a server is asked again.

use stbcast_object::Micros;

use crate::{Answer, FetchError, FetchOptions, UnicastError, limits};

/// What is left of the patience with a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Attempts at most.
    attempts: u8,
    /// The attempt under way, from 1. One that brings the object a good deal further counts as the
    /// first again, so that a long object survives a line that breaks now and then.
    pub(super) attempt: u8,
    /// Bytes that have been held at most when that was noted last.
    best: u64,
    /// Times in a row that the server had no time.
    busy: u32,
    /// How long it may still be waited for.
    busy_left: Micros,
    digest_failures: u8,
}

/// When and from where a server is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) after: Micros,
    /// Whether what is held counts: the rest is asked for.
    pub(super) go_on: bool,
}

impl Patience {
    pub(super) fn new(options: &FetchOptions) -> Self {
        let busy_left = options.busy_patience.min(limits::BUSY_PATIENCE_MAX);
        let attempts = options.attempts.max(1);
        Self { attempts, attempt: 1, best: 0, busy: 0, busy_left, digest_failures: 0 }
    }

    /// Bytes came, so that `held` are there.
    pub(super) fn note(&mut self, held: u64) {
        self.busy = 0;
        if held >= self.best.saturating_add(limits::UNICAST_PROGRESS_BYTES) {
            (self.best, self.attempt) = (held, 1);
        }
    }

    /// What follows from an answer that did not bring the object, of which `held` bytes are there.
    pub(super) fn after(&mut self, answer: Answer, held: u64) -> Result<Again, FetchError> {
        let error = match answer {
            Answer::Busy { retry_after } => return self.after_busy(retry_after),
            // An answer that is whole is judged elsewhere.
            Answer::Done { .. } => UnicastError::Protocol,
            Answer::Failed(error) => error,
        };
        self.busy = 0;
        match error {
            // What is held is of no use; that attempt has been counted already.
            UnicastError::Changed | UnicastError::Range if held > 0 => {
                Ok(Again { after: Micros::ZERO, go_on: false })
            }
            _ if is_final(error) => Err(error.into()),
            UnicastError::Cut { .. } | UnicastError::Silent | UnicastError::Unreachable => {
                self.next(error.into(), true)
            }
            _ => self.next(error.into(), false),
        }
    }

    /// What follows from an object that was whole, and another one.
    pub(super) fn after_digest(&mut self) -> Result<Again, FetchError> {
        self.digest_failures = self.digest_failures.saturating_add(1);
        self.next(FetchError::Digest { failures: self.digest_failures }, false)
    }

    /// How often an object was whole, and another one.
    pub(super) const fn digest_failures(&self) -> u8 {
        self.digest_failures
    }

    fn next(&mut self, error: FetchError, go_on: bool) -> Result<Again, FetchError> {
        if self.attempt >= self.attempts {
            return Err(error);
        }
        let after = doubled(limits::ASK_AGAIN, u32::from(self.attempt) - 1);
        self.attempt += 1;
        Ok(Again { after: after.min(limits::ASK_AGAIN_MAX), go_on })
    }

    /// A server without time is no attempt that failed: it is asked again when it says so, as long
    /// as the patience for that lasts. One that says so too often is asked ever more rarely.
    fn after_busy(&mut self, told: Option<Micros>) -> Result<Again, FetchError> {
        let least = doubled(limits::ASK_AGAIN, self.busy).min(limits::ASK_AGAIN_MAX);
        let after = told.unwrap_or(limits::BUSY).max(least);
        if after > self.busy_left {
            return Err(UnicastError::Busy { retry_after: after }.into());
        }
        self.busy_left = self.busy_left.since(after);
        self.busy = self.busy.saturating_add(1);
        Ok(Again { after, go_on: true })
    }
}

/// `span`, doubled `times` over.
fn doubled(span: Micros, times: u32) -> Micros {
    span.times(1u64.checked_shl(times).unwrap_or(u64::MAX))
}

/// Whether the same answer would come again.
const fn is_final(error: UnicastError) -> bool {
    match error {
        UnicastError::TooLong { .. } | UnicastError::Redirect { .. } => true,
        // 408 and 429 say "later"; the other 4xx say "never".
        UnicastError::Status { status } => matches!(status, 400..=407 | 409..=428 | 430..=499),
        // No such file, and nobody may read it.
        UnicastError::Tftp { code } => matches!(code, 1 | 2),
        _ => false,
    }
}
