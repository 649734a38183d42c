//! What a list needs of the header of a MAG image.

use std::path::Path;

use stbcast_bootcast::mag::{NAME_CHARS_MAX, UpdateDate};
use stbcast_mag::image::{HEADER_BYTES_MAX, Header};

use crate::lineup::read_beginning;

/// What the header of an image says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFacts {
    /// The model it is for.
    pub model: String,
    /// When it was made, as `Fri Nov 10 20:05:35 EET 2017`.
    pub date: String,
    /// Its number.
    pub version: u32,
    /// What it is called.
    pub description: String,
}

impl ImageFacts {
    /// Reads the header of an image.
    ///
    /// # Errors
    /// Why it has none, in words.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let header = Header::parse(bytes).map_err(|error| format!("its image: {error}"))?;
        let Header { model, date, version, description, .. } = header;
        Ok(Self { model, date, version, description })
    }

    /// The same of a file.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    pub fn of_file(path: &Path) -> Result<Self, String> {
        let bytes = read_beginning(path, HEADER_BYTES_MAX as u64)?;
        Self::parse(&bytes)
    }

    /// When it was made.
    ///
    /// # Errors
    /// Why that cannot be read, in words.
    pub fn date(&self) -> Result<UpdateDate, String> {
        let date = UpdateDate::read(&self.date);
        date.map(|(date, _)| date).map_err(|error| format!("the date of its header: {error}"))
    }

    /// A name that boxes show whole: what it is called, else its number.
    pub fn name(&self) -> String {
        let legal = (1..=NAME_CHARS_MAX).contains(&self.description.chars().count());
        if legal { self.description.clone() } else { self.version.to_string() }
    }
}
