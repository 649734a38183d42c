//! The one line that the upgrade checker asks for.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use stbcast_object::xml::Place;

use super::lint::url;
use super::list::word;
use super::{DuneError, DuneProblem, LIST_BYTES_MAX};

/// `VERSION URL`: what every box of a product is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckerFile {
    /// The version. A box that runs another one, older or newer, installs it without asking.
    pub version: String,
    /// Where it is.
    pub url: String,
}

impl CheckerFile {
    /// Reads the file.
    ///
    /// # Errors
    /// Why boxes cannot.
    pub fn parse(text: &str) -> Result<Self, DuneError> {
        let at = |problem| DuneError { place: Place { line: 1, column: 1 }, problem };
        if text.len() > LIST_BYTES_MAX {
            return Err(at(DuneProblem::Bytes { bytes: text.len() }));
        }
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let [line] = lines.as_slice() else {
            return Err(at(DuneProblem::Lines { lines: lines.len() }));
        };
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let [version, url] = columns.as_slice() else {
            let legal = "legal are two, VERSION URL";
            return Err(at(DuneProblem::Columns { columns: columns.len(), legal }));
        };
        let version = word("version", version).map_err(at)?.to_owned();
        Ok(Self { version, url: (*url).to_owned() })
    }

    /// What is wrong with it.
    pub fn problems(&self) -> Vec<DuneProblem> {
        let mut problems: Vec<_> = word("version", &self.version).err().into_iter().collect();
        url(&self.url, &mut |problem| problems.push(problem));
        problems
    }
}

impl fmt::Display for CheckerFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.version, self.url)
    }
}
