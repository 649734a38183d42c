//! What can be wrong with what Dune boxes read.

use alloc::string::String;
use core::fmt;

use stbcast_object::xml::Place;

use super::{FIRMWARES_MAX, LIST_BYTES_MAX, WORD_BYTES_MAX};

/// Something wrong with a list, a checker's file or its properties, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuneError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: DuneProblem,
}

impl fmt::Display for DuneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl core::error::Error for DuneError {}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DuneProblem {
    /// Longer than is taken.
    #[error("a text of {bytes} bytes: at most {LIST_BYTES_MAX} are taken")]
    Bytes {
        /// Its bytes.
        bytes: usize,
    },
    /// Too many lines.
    #[error("more than {FIRMWARES_MAX} firmwares")]
    Firmwares,
    /// Not as many columns as there must be.
    #[error("{columns} columns: {legal}")]
    Columns {
        /// How many.
        columns: usize,
        /// What is legal.
        legal: &'static str,
    },
    /// A word that is not legal.
    #[error(
        "{what} {value:?}: legal are 1 to {WORD_BYTES_MAX} bytes without spaces or control characters"
    )]
    Word {
        /// What it is.
        what: &'static str,
        /// The word, at most its first 64 characters.
        value: String,
    },
    /// A URL that boxes do not know.
    #[error(
        "url {url:?}: legal are http://SERVER[:PORT]/PATH, igmp://GROUP:PORT and udp://@GROUP:PORT"
    )]
    Url {
        /// The URL, at most its first 128 characters.
        url: String,
    },
    /// `-` where boxes know none.
    #[error("`-` instead of a URL is known to boxes of v2 lists alone: here it needs a URL")]
    NoUrl,
    /// A word for stability that is not known.
    #[error("{word:?} is neither stable nor non-stable")]
    Stability {
        /// The word, at most its first 64 characters.
        word: String,
    },
    /// A size that is no number.
    #[error("size {size:?} is no number: write 0, no box of today looks at it")]
    Size {
        /// The size, at most its first 64 characters.
        size: String,
    },
    /// A version twice.
    #[error("version {version} stands on line {line}, too")]
    Twice {
        /// The version.
        version: String,
        /// The other line.
        line: usize,
    },
    /// A version that was made later than the one above it.
    #[error("version {version} looks newer than the one above it: the newest comes first")]
    Order {
        /// The version.
        version: String,
    },
    /// Another file than the way it is fetched needs.
    #[error("{url}: {needs}")]
    Packed {
        /// The URL.
        url: String,
        /// What is needed.
        needs: &'static str,
    },
    /// Nothing that a box could be offered.
    #[error("no firmware has a URL: no box is offered any")]
    NothingOffered,
    /// A version that was listed before.
    #[error(
        "version {version} was listed before: boxes that run it are never offered another one any more \
         (keep it, with `-` in a v2 list)"
    )]
    Gone {
        /// The version.
        version: String,
    },
    /// More than the one line of a checker's file.
    #[error("{lines} lines: the upgrade checker reads one, VERSION URL")]
    Lines {
        /// How many.
        lines: usize,
    },
    /// A line of properties without `=`.
    #[error("a line that is not NAME = VALUE")]
    NoValue,
    /// A property that is missing.
    #[error("`{name}` is missing: {why}")]
    Missing {
        /// The property.
        name: &'static str,
        /// What it is needed for.
        why: &'static str,
    },
    /// A property that is there twice.
    #[error("`{name}` stands twice")]
    TwiceNamed {
        /// The property.
        name: String,
    },
    /// A property that is not known.
    #[error("`{name}` is unknown")]
    UnknownName {
        /// The property.
        name: String,
    },
    /// A value that is not legal.
    #[error("`{name}` is {value:?}: legal are {legal}")]
    Value {
        /// The property.
        name: String,
        /// Its value, at most its first 128 characters.
        value: String,
        /// What is legal.
        legal: &'static str,
    },
    /// A prefix that the product id is put behind as it is.
    #[error("`url_prefix` does not end with `/`: boxes ask for {asked}")]
    NoSlash {
        /// What they ask for.
        asked: String,
    },
    /// A line of a message that is not shown.
    #[error("`{name}` is not shown: `{stage}.lines` is {lines}")]
    NotShown {
        /// The property.
        name: String,
        /// Its stage.
        stage: &'static str,
        /// How many lines are shown.
        lines: usize,
    },
    /// A line of a message that is missing.
    #[error("`{stage}.lines` is {lines}, but `{stage}.line.{line}` is missing")]
    LineMissing {
        /// The stage.
        stage: &'static str,
        /// How many lines it has.
        lines: usize,
        /// Which is missing.
        line: usize,
    },
    /// A variable that is not known.
    #[error(
        "`{name}`: `${{{variable}}}` is unknown: known are product_id, mac_address, firmware_version, \
         ip_address"
    )]
    Variable {
        /// The property.
        name: String,
        /// The variable, at most its first 64 characters.
        variable: String,
    },
}

impl DuneProblem {
    /// Whether boxes cannot read what it is about.
    pub const fn is_refused(&self) -> bool {
        matches!(
            self,
            Self::Bytes { .. }
                | Self::Firmwares
                | Self::Columns { .. }
                | Self::Word { .. }
                | Self::Stability { .. }
                | Self::Lines { .. }
                | Self::NoValue
        )
    }

    /// Whether boxes do not do what it is meant for.
    pub const fn is_error(&self) -> bool {
        self.is_refused()
            || matches!(
                self,
                Self::Url { .. }
                    | Self::NoUrl
                    | Self::Twice { .. }
                    | Self::TwiceNamed { .. }
                    | Self::Gone { .. }
                    | Self::Missing { .. }
                    | Self::Value { .. }
                    | Self::LineMissing { .. }
            )
    }
}
