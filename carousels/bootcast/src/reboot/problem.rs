//! What can be wrong with a request to reboot.

use alloc::string::String;
use core::fmt;

use super::{REBOOT_BYTES_MAX, REQUESTS_MAX, TEXT_BYTES_MAX};

/// Something wrong with a document, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebootError {
    /// The line, from 1.
    pub line: usize,
    /// What it is.
    pub problem: RebootProblem,
}

impl fmt::Display for RebootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl core::error::Error for RebootError {}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RebootProblem {
    /// Longer than is taken.
    #[error("a document of {bytes} bytes: at most {REBOOT_BYTES_MAX} are taken")]
    Bytes {
        /// Its bytes.
        bytes: usize,
    },
    /// No XML that is taken.
    #[error("no XML that boxes take: {why}")]
    NotXml {
        /// Why.
        why: String,
    },
    /// Another document.
    #[error("the document is a `{found}`: legal is RemoteRebootRequests")]
    Root {
        /// Name of the root element.
        found: String,
    },
    /// No request.
    #[error("there is no RemoteRebootRequest")]
    NoRequest,
    /// More requests than are taken.
    #[error("{requests} requests: at most {REQUESTS_MAX} are taken")]
    Requests {
        /// How many.
        requests: usize,
    },
    /// An element that must be there.
    #[error("`{element}` is missing in `{parent}`")]
    Missing {
        /// The element.
        element: &'static str,
        /// Where it belongs.
        parent: &'static str,
    },
    /// An element that is there twice.
    #[error("`{element}` stands more than once in `{parent}`")]
    Twice {
        /// The element.
        element: &'static str,
        /// Where.
        parent: &'static str,
    },
    /// A text that is not legal.
    #[error("`{element}` is {value:?}: legal are {legal}")]
    Value {
        /// The element.
        element: &'static str,
        /// The text.
        value: String,
        /// What is legal.
        legal: &'static str,
    },
    /// A wanted version and a wanted date.
    #[error("both a SoftwareVersion and a SoftwareDate: legal is one of them")]
    Both,
    /// Half of a pair.
    #[error("`{element}` without `{other}`")]
    Half {
        /// The element.
        element: &'static str,
        /// The other one.
        other: &'static str,
    },
    /// Not two buttons.
    #[error("a notification with {buttons} buttons: legal are 2")]
    Buttons {
        /// How many.
        buttons: usize,
    },
    /// A range of serials in which there is none.
    #[error("no serial lies from {first} to {last}: nobody reboots")]
    EmptyRange {
        /// The first.
        first: String,
        /// The last.
        last: String,
    },
    /// Two requests that no box can meet both.
    #[error(
        "a box may be meant by request {other}, too, which wants {wanted}: it can never have both, and reboots for ever"
    )]
    Contradiction {
        /// The other one, from 1.
        other: usize,
        /// What it wants.
        wanted: String,
    },
    /// The same boxes and the same software.
    #[error("request {other} says the same")]
    Repeated {
        /// The other one, from 1.
        other: usize,
    },
    /// Two buttons that do the same.
    #[error("both buttons do {action:?}")]
    SameAction {
        /// What they do.
        action: String,
    },
    /// A word that is not known.
    #[error("`{element}` is {value:?}: known are {known}")]
    UnknownWord {
        /// The element.
        element: &'static str,
        /// The word.
        value: String,
        /// The words that are known.
        known: &'static str,
    },
    /// A timeout without anything to be shown.
    #[error("`Timeout` without `Notification`: nothing is shown that could end")]
    NothingShown,
    /// An element that is not known.
    #[error("`{element}` is unknown in `{parent}`")]
    Unknown {
        /// The element.
        element: String,
        /// Where it stands.
        parent: &'static str,
    },
    /// An element before one that belongs in front of it.
    #[error("`{element}` stands behind what follows it in the DTD: some boxes may refuse that")]
    Order {
        /// The element.
        element: &'static str,
    },
}

impl RebootProblem {
    /// Whether no box can use the document.
    pub const fn is_refused(&self) -> bool {
        matches!(
            self,
            Self::Bytes { .. }
                | Self::NotXml { .. }
                | Self::Root { .. }
                | Self::NoRequest
                | Self::Requests { .. }
                | Self::Missing { .. }
                | Self::Twice { .. }
                | Self::Value { .. }
                | Self::Both
                | Self::Half { .. }
                | Self::Buttons { .. }
        )
    }

    /// Whether it must not go on air: boxes refuse it, or reboot for ever.
    pub const fn is_error(&self) -> bool {
        self.is_refused() || matches!(self, Self::Contradiction { .. } | Self::EmptyRange { .. })
    }
}

pub(super) const TEXT: &str = "1 to 1024 bytes without control characters";
const _: () = assert!(TEXT_BYTES_MAX == 1_024);
