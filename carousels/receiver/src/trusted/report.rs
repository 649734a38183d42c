//! How a trusted boot went.

use alloc::vec::Vec;

use stbcast_bootcast::Part;
use stbcast_release::Refusal;

use crate::FetchError;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedOutcome {
    /// A release is in the slots, whole, and is booted next, on trial.
    Armed {
        /// Its number.
        number: u64,
    },
    /// The release that is installed is the one on air.
    Held {
        /// Its number.
        number: u64,
    },
    /// A release is on trial: nothing was received.
    OnTrial,
    /// The announce session is silent.
    Silent,
    /// No statement that may be followed was heard.
    NothingUsable,
    /// A release could not be had, or not be armed: what is installed stays.
    Failed {
        /// Its number.
        number: u64,
        /// The part that failed; `None` where all are there and could not be armed.
        part: Option<Part>,
        /// Why.
        error: FetchError,
    },
    /// It took too long. What was received is held for the next boot.
    OutOfTime {
        /// The number of the release.
        number: u64,
    },
}

/// Statements that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The first of them.
    pub refusal: Refusal,
    /// How many; the same one heard again counts once.
    pub count: u64,
}

/// A trusted boot that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedReport {
    /// What came of it.
    pub outcome: TrustedOutcome,
    /// The number of the root that the box goes by.
    pub root: u64,
    /// What was refused, one for each reason.
    pub refused: Vec<Refused>,
}

/// Counts refusals by reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals(Vec<Refused>);

impl Refusals {
    /// Takes note of a refusal; whether it is the first for its reason.
    pub(super) fn note(&mut self, refusal: &Refusal) -> bool {
        let known = self.0.iter_mut().find(|one| one.refusal.label() == refusal.label());
        match known {
            Some(known) => known.count = known.count.saturating_add(1),
            None => self.0.push(Refused { refusal: refusal.clone(), count: 1 }),
        }
        self.0.last().is_some_and(|last| last.count == 1 && last.refusal == *refusal)
    }

    pub(super) fn all(&self) -> Vec<Refused> {
        self.0.clone()
    }
}
