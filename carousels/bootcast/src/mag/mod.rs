//! The metadata of Infomir's MAG boxes: `update_list.txt`, and what boxes decide by it.
//!
//! ```json
//! [
//! {"name":"0.2.14-r3", "url":"http://192.0.2.1/r3/imageupdate", "type":"release", "date":"26 Nov 2012 23:22:19 GMT+0200", "descr":"Release"},
//! {"name":"0.2.14-r7", "url":"http://192.0.2.1/r7/imageupdate", "type":"release", "date":"30 Nov 2012 14:43:29 GMT+0200", "descr":"Release"}
//! ]
//! ```
//!
//! The portal reads it with `JSON.parse`, and whatever that refuses is an empty list: silently no box is
//! updated any more. So what is written here is strict JSON, the oldest version first; what is read may
//! lack the brackets or have a comma too many, which [`UpdateList::lint`] tells.
//!
//! - [`date`]: the two forms of a date, `10 Nov 2017 20:05:35 GMT+0200` here and
//!   `Fri Nov 10 20:05:35 EET 2017` in the header of an image. They must mean the same moment.
//! - [`Portal`]: which entry a running box takes.
//! - [`Announced`]: what a box does that is told a version by DHCP.
//!
//! Facts: vendor documents and the portal's sources, MAG notes §1.2 and §1.8.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub mod date;
mod dhcp;
mod lint;
mod portal;
mod problem;
mod read;

pub use date::{DateError, DateForm, UpdateDate};
pub use dhcp::{Announced, AnnouncedDecision};
pub use lint::UpdateListLint;
pub use portal::{AutoUpdate, Choice, HeaderCheck, ImageDate, Portal, Verdict, Why};
pub use problem::{UpdateListError, UpdateListProblem};

/// Longest list taken, in bytes.
pub const UPDATE_LIST_BYTES_MAX: usize = 256 * 1024;

/// Most entries of a list.
pub const ENTRIES_MAX: usize = 1_024;

/// Longest name that boxes show, in characters.
pub const NAME_CHARS_MAX: usize = 20;

/// Longest description that boxes show, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 40;

/// The words that `type` may be.
pub const KINDS: [&str; 3] = ["release", "beta", "alpha"];

/// `update_list.txt`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateList {
    /// The oldest comes first: the portal looks from the end.
    pub entries: Vec<UpdateEntry>,
}

/// One version of the software. Every text is as it stands in the list; a key that is missing is an empty
/// text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateEntry {
    /// `name`, shown to whoever watches: 1 to 20 characters.
    pub name: String,
    /// `url`: `http://`, or `igmp://GROUP:PORT` for a multicast carousel.
    pub url: String,
    /// `type`: `release`, `beta` or `alpha`.
    pub kind: String,
    /// `date`: when the image was made, as its header has it, in the form of [`DateForm::List`].
    pub date: String,
    /// `descr`, shown to whoever asks: up to 40 characters.
    pub description: String,
}

impl UpdateEntry {
    /// The date where boxes read it; `None` where they cannot, and no box takes the entry by itself.
    pub fn date(&self) -> Option<UpdateDate> {
        match UpdateDate::read(&self.date) {
            Ok((date, DateForm::List)) => Some(date),
            _ => None,
        }
    }
}

impl UpdateList {
    /// Reads a list, brackets missing or a comma too many included.
    ///
    /// # Errors
    /// Why there is none, with its place.
    pub fn parse(text: &str) -> Result<Self, UpdateListError> {
        let entries = read::read(text)?.entries;
        Ok(Self { entries: entries.into_iter().map(|entry| entry.entry).collect() })
    }

    /// Looks at a list as an operator wants it checked.
    pub fn lint(text: &str) -> UpdateListLint {
        lint::lint(text)
    }

    /// What is wrong with the entries, by their places from 0.
    pub fn problems(&self) -> Vec<(usize, UpdateListProblem)> {
        lint::problems(&self.entries)
    }
}

/// Strict JSON, an entry a line.
impl fmt::Display for UpdateList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[\n")?;
        for (place, entry) in self.entries.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { ",\n" })?;
            let UpdateEntry { name, url, kind, date, description } = entry;
            let keys = [
                ("name", name),
                ("url", url),
                ("type", kind),
                ("date", date),
                ("descr", description),
            ];
            for (place, (key, value)) in keys.into_iter().enumerate() {
                let value = serde_json::to_string(value).map_err(|_| fmt::Error)?;
                write!(f, "{}\"{key}\":{value}", if place == 0 { "{" } else { ", " })?;
            }
            f.write_str("}")?;
        }
        f.write_str(if self.entries.is_empty() { "]\n" } else { "\n]\n" })
    }
}

#[cfg(test)]
mod tests;
