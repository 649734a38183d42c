//! What can be wrong with a document, and where.

use alloc::string::String;
use core::fmt;

use stbcast_object::xml::{Place, Refused};

use super::DOCUMENT_BYTES_MAX;
use super::legal::Legal;
use crate::UrlError;

/// Characters of a value that a message shows.
const SHOWN_MAX: usize = 64;

/// Something wrong with a document, or worth knowing, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StbConfigError {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub problem: Problem,
}

impl fmt::Display for StbConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl core::error::Error for StbConfigError {}

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Our boxes refuse the document.
    Refused,
    /// Our boxes pass it over; others may refuse the document.
    Error,
    /// Legal, but the operator should know.
    Warning,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Longer than is taken.
    #[error("a document of {bytes} bytes: at most {DOCUMENT_BYTES_MAX} are taken")]
    Bytes {
        /// Bytes of the document.
        bytes: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8 text")]
    NotUtf8,
    /// A byte order mark of UTF-16, or NUL bytes as in it.
    #[error("a NUL byte or UTF-16: legal is UTF-8 text")]
    NulOrUtf16,
    /// What would make a parser work without end.
    #[error(transparent)]
    Hostile(#[from] Refused),
    /// Not well-formed.
    #[error("not well-formed XML: {message}")]
    NotXml {
        /// What the parser says.
        message: String,
    },
    /// Another document.
    #[error("the document is a `{found}`: legal is StbConfig")]
    Root {
        /// Name of the root element.
        found: String,
    },
    /// An element that must be there.
    #[error("`{element}` is missing in `{parent}`")]
    Missing {
        /// The element.
        element: &'static str,
        /// Where it belongs.
        parent: &'static str,
    },
    /// The same element twice.
    #[error("`{element}` stands there before, in line {line}: legal is one")]
    Twice {
        /// The element.
        element: &'static str,
        /// Line of the first one.
        line: usize,
    },
    /// Elements where a value belongs.
    #[error("`{element}` holds the element `{child}`: legal is {legal}")]
    Nested {
        /// The element.
        element: &'static str,
        /// What stands in it.
        child: String,
        /// What belongs there.
        legal: Legal,
    },
    /// A value out of range.
    #[error("`{element}` \"{value}\": legal is {legal}")]
    Value {
        /// The element.
        element: &'static str,
        /// The value, or its beginning.
        value: String,
        /// What is legal.
        legal: Legal,
    },
    /// A URL that is none of the four kinds.
    #[error("`{element}` \"{value}\": {error}")]
    Url {
        /// The element.
        element: &'static str,
        /// The value, or its beginning.
        value: String,
        /// What is wrong with it.
        error: UrlError,
    },
    /// An element that the DTD does not know there.
    #[error("`{element}` is no element of `{parent}`")]
    Unknown {
        /// Its name.
        element: String,
        /// Where it stands.
        parent: &'static str,
    },
    /// An element behind one that the DTD wants behind it.
    #[error("`{element}` stands behind `{before}`: the DTD wants `{element}` before `{before}`")]
    OutOfOrder {
        /// The element.
        element: &'static str,
        /// The first element before which it belongs.
        before: &'static str,
    },
    /// An attribute; the DTD has none.
    #[error("`{element}` has the attribute `{attribute}`: none is legal")]
    Attribute {
        /// The element.
        element: String,
        /// The attribute.
        attribute: String,
    },
    /// Text where only elements belong.
    #[error("the text \"{text}\" stands between the elements of `{parent}`")]
    StrayText {
        /// Where it stands.
        parent: &'static str,
        /// The text, or its beginning.
        text: String,
    },
    /// An element that boxes of the older generation do not know.
    #[error("`{element}` is unknown to boxes of the older generation")]
    NotInOld {
        /// The element.
        element: &'static str,
    },
    /// White space around a value.
    #[error("white space around the value of `{element}`: boxes may keep it")]
    Blanks {
        /// The element.
        element: &'static str,
    },
    /// The other name of an element.
    #[error("`{alias}` is declared as `{element}` in the vendor's DTD: boxes may know that alone")]
    Alias {
        /// As it is written.
        alias: &'static str,
        /// As it is declared.
        element: &'static str,
    },
    /// An element that the vendor calls deprecated.
    #[error("the vendor calls `{element}` deprecated")]
    Deprecated {
        /// The element.
        element: &'static str,
    },
    /// An element that says nothing without another one.
    #[error("`{element}` needs `{other}` beside it")]
    Alone {
        /// The element.
        element: &'static str,
        /// What it needs.
        other: &'static str,
    },
    /// No splash.
    #[error("no `SplashUrl`: boxes boot black, and those of the older generation refuse it")]
    NoSplash,
}

impl Problem {
    /// How much it matters.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Bytes { .. }
            | Self::NotUtf8
            | Self::NulOrUtf16
            | Self::Hostile(_)
            | Self::NotXml { .. }
            | Self::Root { .. }
            | Self::Missing { .. }
            | Self::Twice { .. }
            | Self::Nested { .. }
            | Self::Value { .. }
            | Self::Url { .. } => Severity::Refused,
            Self::Unknown { .. }
            | Self::OutOfOrder { .. }
            | Self::Attribute { .. }
            | Self::StrayText { .. }
            | Self::NotInOld { .. } => Severity::Error,
            Self::Blanks { .. }
            | Self::Alias { .. }
            | Self::Deprecated { .. }
            | Self::Alone { .. }
            | Self::NoSplash => Severity::Warning,
        }
    }

    /// The element it is about, where it is about one.
    pub fn element(&self) -> Option<&str> {
        match self {
            Self::Root { found: element }
            | Self::Unknown { element, .. }
            | Self::Attribute { element, .. } => Some(element),
            Self::Missing { element, .. }
            | Self::Twice { element, .. }
            | Self::Nested { element, .. }
            | Self::Value { element, .. }
            | Self::Url { element, .. }
            | Self::OutOfOrder { element, .. }
            | Self::NotInOld { element }
            | Self::Blanks { element }
            | Self::Alias { alias: element, .. }
            | Self::Deprecated { element }
            | Self::Alone { element, .. } => Some(element),
            Self::NoSplash => Some("SplashUrl"),
            _ => None,
        }
    }

    /// The value it is about, or its beginning.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Value { value, .. } | Self::Url { value, .. } => Some(value),
            Self::StrayText { text, .. } => Some(text),
            _ => None,
        }
    }

    /// What would be legal instead of the value.
    pub const fn legal(&self) -> Option<Legal> {
        match self {
            Self::Value { legal, .. } | Self::Nested { legal, .. } => Some(*legal),
            Self::Url { .. } => Some(Legal::Url),
            _ => None,
        }
    }
}

/// The beginning of a text from the network, fit for a terminal.
pub(super) fn shown(text: &str) -> String {
    beginning(text, SHOWN_MAX)
}

/// At most `characters` of a text, without those that would steer a terminal.
pub(super) fn beginning(text: &str, characters: usize) -> String {
    let fit = |c: char| if c.is_control() { '?' } else { c };
    let mut shown: String = text.chars().take(characters).map(fit).collect();
    if text.chars().nth(characters).is_some() {
        shown.push('\u{2026}');
    }
    shown
}
