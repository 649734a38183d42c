//! What is off the air until a person says otherwise, and the file that says so.
//!
//! ```text
//! # comment
//! release 41                  # 2026-11-22T19:11:48Z: boxes of rev C do not boot
//! image 0123456789ab          # SHA-256, or its first 12 digits at least
//! channel movies
//! ```
//!
//! The file is written by `stbcast kill` or by hand, and holds over restarts. Nothing that was killed
//! comes back by accident:
//!
//! - what the file adds counts at once; what it no longer says counts when it has been left alone for a
//!   second ([`Watch`]), so that an editor which empties a file before it writes it brings nothing back;
//! - a file that is gone, that cannot be read, or that has a line nobody understands brings nothing back:
//!   what was killed before stays so, and the lines that are understood count beside it;
//! - at the start, before anything is on air, such a file is an error and nothing goes on air. No file
//!   is a new installation: nothing is killed.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::spool::Digest;

mod file;
mod watch;
pub use file::{Line, add, lines, read, remove};
pub use watch::{Polled, Watch};

/// Name of the file in the state directory.
pub const FILE_NAME: &str = "killed";

/// Fewest digits that stand for an image.
pub const IMAGE_DIGITS_MIN: usize = 12;

/// Digits of a whole SHA-256.
const IMAGE_DIGITS_MAX: usize = 64;

/// What is killed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Killed {
    entries: BTreeSet<Entry>,
}

/// One thing that is killed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// The release of this number: its statement is not said, and nothing it names alone is sent.
    Release(u64),
    /// Every object with these bytes.
    Image(Digits),
    /// A channel of the line-up, by its name.
    Channel(String),
}

/// The first digits of a SHA-256, at least [`IMAGE_DIGITS_MIN`], in small letters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digits(String);

impl Digits {
    /// Reads them in small or capital letters.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = (IMAGE_DIGITS_MIN..=IMAGE_DIGITS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        legal.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why something cannot be killed, or the file not be taken as it is.
#[derive(Debug, thiserror::Error)]
pub enum KilledError {
    /// The system refused.
    #[error("cannot {doing} {}: {error}", path.display())]
    System {
        /// What was done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Its answer.
        error: io::Error,
    },
    /// The file has lines that nobody understands.
    #[error("{}: line {line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The first such line, from 1.
        line: usize,
        /// What is wrong, and what is legal.
        why: String,
    },
    /// The file is larger than it may be.
    #[error("{} has more than the {bytes_max} bytes that are taken here", path.display())]
    Large {
        /// The file.
        path: PathBuf,
        /// The most bytes it may have.
        bytes_max: u64,
    },
    /// The file was there and is not.
    #[error("{} is gone: what was killed stays so; an empty file brings it back", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// The file is written by somebody who does not end.
    #[error("{} is locked by another program for more than {seconds} s", path.display())]
    Locked {
        /// The directory that is locked.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// Digits that stand for more than one line.
    #[error("image {digits} stands for {lines} lines of {}: give more digits", path.display())]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// The digits.
        digits: String,
        /// Different images that begin so.
        lines: usize,
    },
}

impl Entry {
    /// Reads `release N`, `image DIGITS` or `channel NAME`, without comment.
    ///
    /// # Errors
    /// What is wrong, and what is legal.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (kind, what) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let what = what.trim();
        match kind {
            "release" => what.parse().map(Self::Release).map_err(|_| {
                format!("`{what}` is no number of a release: legal are 0 to {}", u64::MAX)
            }),
            "image" => Digits::parse(what).map(Self::Image).ok_or_else(|| {
                format!(
                    "`{what}` is no image: legal are the {IMAGE_DIGITS_MAX} hexadecimal digits of a \
                     SHA-256, or its first {IMAGE_DIGITS_MIN} at least"
                )
            }),
            "channel" => channel(what).map(Self::Channel).ok_or_else(|| {
                format!(
                    "`{what}` is no name of a channel: one with spaces at its ends, quotation marks \
                     or `#` stands in quotation marks, as in JSON"
                )
            }),
            _ => {
                let near = crate::lineup::did_you_mean(kind, ["release", "image", "channel"]);
                Err(format!(
                    "unknown word `{kind}`: legal are `release NUMBER`, `image SHA-256` and `channel \
                     NAME`{near}"
                ))
            }
        }
    }
}

fn channel(what: &str) -> Option<String> {
    let name =
        if what.starts_with('"') { serde_json::from_str(what).ok()? } else { what.to_owned() };
    let is_plain = what.starts_with('"') || !what.contains(['"', '#']);
    (is_plain && !name.is_empty()).then_some(name)
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(number) => write!(f, "release {number}"),
            Self::Image(digits) => write!(f, "image {}", digits.0),
            Self::Channel(name) => {
                let odd = |letter: char| letter.is_control() || matches!(letter, '"' | '#');
                if name.trim() == name && !name.contains(odd) {
                    write!(f, "channel {name}")
                } else {
                    write!(f, "channel {}", serde_json::Value::from(name.as_str()))
                }
            }
        }
    }
}

impl Killed {
    /// Whether the release of this number is.
    pub fn is_release(&self, number: u64) -> bool {
        self.entries.contains(&Entry::Release(number))
    }

    /// Whether the objects with these bytes are.
    pub fn is_image(&self, digest: &Digest) -> bool {
        let hex = digest.hex();
        self.entries
            .iter()
            .any(|entry| matches!(entry, Entry::Image(digits) if hex.starts_with(&digits.0)))
    }

    /// Whether the channel of this name is.
    pub fn is_channel(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::Channel(channel) if channel == name))
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Everything that is, releases first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Whether this entry is one of them.
    pub fn contains(&self, entry: &Entry) -> bool {
        self.entries.contains(entry)
    }

    /// Adds what `other` has.
    pub fn extend(&mut self, other: &Self) {
        self.entries.extend(other.entries.iter().cloned());
    }

    /// Whether it has all that `other` has.
    pub fn has_all_of(&self, other: &Self) -> bool {
        self.entries.is_superset(&other.entries)
    }
}

impl FromIterator<Entry> for Killed {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        Self { entries: entries.into_iter().collect() }
    }
}

fn system(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> KilledError {
    let path = path.to_owned();
    move |error| KilledError::System { doing, path: path.clone(), error }
}

#[cfg(test)]
mod tests;
