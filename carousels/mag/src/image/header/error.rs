//! Why bytes are no header.

use alloc::string::String;

use super::{END, HEADER_BYTES_MAX, LINE_BYTES_MAX, MODEL};

/// Why bytes are no [`Header`](super::Header).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The first line is of something else.
    #[error("no MAG image: it does not begin with \"{MODEL}:\"")]
    NoImage,
    /// The bytes end before the header does.
    #[error("the image ends within its header, after {bytes} bytes")]
    Truncated {
        /// Bytes there are.
        bytes: usize,
    },
    /// The end of the header is not where it may be.
    #[error("no line \"{END}\" in the first {HEADER_BYTES_MAX} bytes")]
    Endless,
    /// A line that is no `key:value` of printable text, or too long.
    #[error(
        "line {line} of the header is no key and value in printable text of at most {LINE_BYTES_MAX} bytes"
    )]
    Line {
        /// Number of the line, from 1.
        line: usize,
    },
    /// A key that comes twice.
    #[error("line {line} of the header says \"{key}\" again")]
    Twice {
        /// Number of the line, from 1.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// A key that must be there is not.
    #[error("the header does not say \"{key}\"")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value that is not what its key takes.
    #[error("line {line} of the header, \"{key}\": expected {expected}")]
    Value {
        /// Number of the line, from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// What the key takes.
        expected: &'static str,
    },
    /// The size of a section that this program does not know. Where it stands, and when it is signed, is
    /// not known either.
    #[error("line {line} of the header names a section that is not known: \"{key}\"")]
    UnknownSection {
        /// Number of the line, from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// No section at all.
    #[error("the header names no section")]
    NoSection,
}
