//! What can be wrong with an `update_list.txt`.

use alloc::string::String;
use core::fmt;

use stbcast_object::xml::Place;

use super::{DESCRIPTION_CHARS_MAX, DateError, ENTRIES_MAX, NAME_CHARS_MAX, UPDATE_LIST_BYTES_MAX};

/// Something wrong with a list, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateListError {
    /// Where: the entry, or what cannot be read.
    pub place: Place,
    /// Its entry from 1; `None` where it is about the whole list.
    pub entry: Option<usize>,
    /// What.
    pub problem: UpdateListProblem,
}

impl fmt::Display for UpdateListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "{}: entry {entry}: {}", self.place, self.problem),
            None => write!(f, "{}: {}", self.place, self.problem),
        }
    }
}

impl core::error::Error for UpdateListError {}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateListProblem {
    /// Longer than is taken.
    #[error("a list of {bytes} bytes: at most {UPDATE_LIST_BYTES_MAX} are taken")]
    Bytes {
        /// Its bytes.
        bytes: usize,
    },
    /// Too many entries.
    #[error("more than {ENTRIES_MAX} entries")]
    Entries,
    /// No JSON.
    #[error("no JSON: {why}")]
    NotJson {
        /// Why.
        why: String,
    },
    /// What is read here although JavaScript refuses it.
    #[error("{why}: boxes read no list at all, and silently update no more")]
    NotStrict {
        /// What.
        why: &'static str,
    },
    /// An entry that is no object.
    #[error("this is no object: the portal fails at it")]
    NotAnObject,
    /// A key that is missing, or no text.
    #[error("`{key}` is missing or no text: {what_for}")]
    Key {
        /// The key.
        key: &'static str,
        /// What boxes need it for.
        what_for: &'static str,
    },
    /// A key that is not known.
    #[error("`{key}` is unknown: known are name, url, type, date, descr")]
    UnknownKey {
        /// The key, at most its first 64 characters.
        key: String,
    },
    /// More characters than boxes show.
    #[error("`{key}` has {chars} characters: boxes show {max}")]
    Chars {
        /// The key.
        key: &'static str,
        /// Its characters.
        chars: usize,
        /// How many boxes show.
        max: usize,
    },
    /// A URL that boxes do not know.
    #[error("url {url:?}: legal are http://SERVER[:PORT]/PATH and igmp://GROUP:PORT")]
    Url {
        /// The URL, at most its first 128 characters.
        url: String,
    },
    /// A kind that is not known.
    #[error("type {kind:?} is none of release, beta, alpha: {meant}")]
    Kind {
        /// The kind, at most its first 64 characters.
        kind: String,
        /// What boxes take it for.
        meant: &'static str,
    },
    /// No date.
    #[error("{0}: no box takes it by itself")]
    Date(DateError),
    /// A date in a form that boxes do not read, or may not.
    #[error("date {written:?}: {boxes} read it; write {right:?}")]
    DateForm {
        /// As it is written.
        written: String,
        /// How many boxes read it.
        boxes: &'static str,
        /// As it should be.
        right: String,
    },
    /// An entry that is older than the one before it.
    #[error(
        "it is older than the entry before it: the portal looks from the end and takes this one"
    )]
    Order,
    /// As old as the one before it.
    #[error("it is as old as the entry before it: boxes with that one are not offered this one")]
    SameDate,
    /// The same name as another one.
    #[error("entry {other} has the same name, too")]
    SameName {
        /// The other one, from 1.
        other: usize,
    },
    /// Nothing in it.
    #[error("the list has no entry: no box is updated")]
    Empty,
}

impl UpdateListProblem {
    /// Whether boxes cannot use the list, or not this entry, as it is meant.
    pub fn is_error(&self) -> bool {
        !matches!(
            self,
            Self::UnknownKey { .. }
                | Self::Chars { .. }
                | Self::Kind { .. }
                | Self::SameDate
                | Self::SameName { .. }
                | Self::Empty
                | Self::Key { key: "descr", .. }
        )
    }
}

const _: () = assert!(NAME_CHARS_MAX < DESCRIPTION_CHARS_MAX);
