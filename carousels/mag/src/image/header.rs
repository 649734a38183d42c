//! The text in front of a container.
//!
//! ```text
//! STB Model:MAG254
//! Date:Thu Feb 21 00:43:44 EET 2019
//! Image Version:219
//! Image Description:2.19.02-release
//! VerUpdateAPI:2
//! Kernel size:4194567
//! Image  size:68406256
//! Env size:72 72600823
//! Start data...
//! ```
//!
//! Keys are the vendor's to the space and to the case. The signature of the whole covers the text as
//! it stands, so nothing is lost in reading: lines that this program does not know are kept.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

mod error;
pub use error::HeaderError;

use super::{SECTION_BYTES_MAX, Section, SectionKind, TRAILER_BYTES};

/// Longest header in bytes. Those seen have some 400, and boxes read the first 1,000 when they look
/// for the version.
pub const HEADER_BYTES_MAX: usize = 4_096;

/// Longest line of a header in bytes, without its end.
pub const LINE_BYTES_MAX: usize = 255;

const END: &str = "Start data...";
const MODEL: &str = "STB Model";
const DATE: &str = "Date";
const VERSION: &str = "Image Version";
const DESCRIPTION: &str = "Image Description";
const API: &str = "VerUpdateAPI";

/// What the text in front of an image says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Model of the boxes it is for, as `MAG254`. Not empty.
    pub model: String,
    /// When it was made, in the words of the program `date`: `Thu Feb 21 00:43:44 EET 2019`. Not empty.
    pub date: String,
    /// Version, a number that boxes compare.
    pub version: u32,
    /// What it is, for people.
    pub description: String,
    /// Version of the vendor's update interface, where it is told.
    pub api: Option<String>,
    /// The sections, in the order of [`SectionKind::ALL`]; each kind at most once.
    pub sections: Vec<Section>,
    /// Lines that nothing above stands for, as written.
    pub others: Vec<String>,
}

impl Header {
    /// Reads the header that these bytes begin with; data may follow.
    ///
    /// # Errors
    /// When it is not whole, or a line is not what it must be.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        Self::read(bytes).map(|(header, _)| header)
    }

    /// Reads the header that these bytes begin with, and says how many bytes it has, its last line
    /// included: the data begins there.
    ///
    /// # Errors
    /// As [`Header::parse`].
    pub fn read(bytes: &[u8]) -> Result<(Self, usize), HeaderError> {
        let begins = bytes.iter().zip(MODEL.as_bytes()).all(|(byte, wanted)| byte == wanted);
        if !begins || bytes.is_empty() {
            return Err(HeaderError::NoImage);
        }
        let mut reading = Reading::default();
        let mut at = 0;
        for number in 1.. {
            let line = line(bytes, at, number)?;
            at += line.len() + 1;
            if line == END {
                break;
            }
            reading.take(number, line)?;
        }
        Ok((reading.finish()?, at))
    }

    /// The text, as the vendor's tools write it.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &dyn core::fmt::Display| {
            // A string takes everything.
            let _ = writeln!(text, "{key}:{value}");
        };
        line(MODEL, &self.model);
        line(DATE, &self.date);
        line(VERSION, &self.version);
        line(DESCRIPTION, &self.description);
        if let Some(api) = &self.api {
            line(API, api);
        }
        for section in &self.sections {
            if let (Some(key), Some(version)) = (section.kind.version_key(), &section.version) {
                line(key, version);
            }
            match section.at {
                Some(at) => line(section.kind.size_key(), &format_args!("{} {at}", section.bytes)),
                None => line(section.kind.size_key(), &section.signed_bytes()),
            }
        }
        for other in &self.others {
            let _ = writeln!(text, "{other}");
        }
        text.push_str(END);
        text.push('\n');
        text
    }

    /// The section of this kind.
    pub fn section(&self, kind: SectionKind) -> Option<&Section> {
        self.sections.iter().find(|section| section.kind == kind)
    }
}

/// The line that begins there, without its end.
fn line(bytes: &[u8], at: usize, number: usize) -> Result<&str, HeaderError> {
    let rest = bytes.get(at..).unwrap_or_default();
    let longest = rest.get(..=LINE_BYTES_MAX).unwrap_or(rest);
    let Some(end) = longest.iter().position(|&byte| byte == b'\n') else {
        let refused = if at + LINE_BYTES_MAX >= HEADER_BYTES_MAX {
            HeaderError::Endless
        } else if longest.len() > LINE_BYTES_MAX {
            HeaderError::Line { line: number }
        } else {
            HeaderError::Truncated { bytes: bytes.len() }
        };
        return Err(refused);
    };
    if at + end >= HEADER_BYTES_MAX {
        return Err(HeaderError::Endless);
    }
    let text = core::str::from_utf8(longest.get(..end).unwrap_or_default());
    let text = text.ok().filter(|text| !text.chars().any(char::is_control));
    text.ok_or(HeaderError::Line { line: number })
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    model: Option<String>,
    date: Option<String>,
    version: Option<u32>,
    description: Option<String>,
    api: Option<String>,
    versions: Vec<(SectionKind, String)>,
    sections: Vec<Section>,
    others: Vec<String>,
}

impl Reading {
    fn take(&mut self, line: usize, text: &str) -> Result<(), HeaderError> {
        let (key, value) = text.split_once(':').ok_or(HeaderError::Line { line })?;
        let words = |key| {
            (!value.is_empty()).then(|| value.to_string()).ok_or(HeaderError::Value {
                line,
                key,
                expected: "words",
            })
        };
        match key {
            MODEL => once(&mut self.model, words(MODEL)?, line, MODEL),
            DATE => once(&mut self.date, words(DATE)?, line, DATE),
            VERSION => once(&mut self.version, version(value, line)?, line, VERSION),
            DESCRIPTION => once(&mut self.description, value.to_string(), line, DESCRIPTION),
            API => once(&mut self.api, words(API)?, line, API),
            _ => self.section(line, key, value, text),
        }
    }

    /// A line of a section, or one that is not known.
    fn section(
        &mut self,
        line: usize,
        key: &str,
        value: &str,
        text: &str,
    ) -> Result<(), HeaderError> {
        for kind in SectionKind::ALL {
            if key == kind.size_key() {
                let key = kind.size_key();
                let known = self.sections.iter().any(|section| section.kind == kind);
                let section = Section { kind, version: None, ..size(kind, value, line)? };
                self.sections.push(section);
                return if known { Err(HeaderError::Twice { line, key }) } else { Ok(()) };
            }
            if let Some(version_key) = kind.version_key().filter(|version_key| *version_key == key)
            {
                let known = self.versions.iter().any(|(of, _)| *of == kind);
                self.versions.push((kind, value.to_string()));
                return if known {
                    Err(HeaderError::Twice { line, key: version_key })
                } else {
                    Ok(())
                };
            }
        }
        // Whatever says that it has a size has a place in the data.
        if key.ends_with("size") {
            return Err(HeaderError::UnknownSection { line, key: key.to_string() });
        }
        self.others.push(text.to_string());
        Ok(())
    }

    fn finish(mut self) -> Result<Header, HeaderError> {
        let missing = |key| HeaderError::Missing { key };
        for (kind, version) in self.versions {
            let section = self.sections.iter_mut().find(|section| section.kind == kind);
            section.ok_or(missing(kind.size_key()))?.version = Some(version);
        }
        self.sections.sort_by_key(|section| section.kind);
        let header = Header {
            model: self.model.ok_or(missing(MODEL))?,
            date: self.date.ok_or(missing(DATE))?,
            version: self.version.ok_or(missing(VERSION))?,
            description: self.description.ok_or(missing(DESCRIPTION))?,
            api: self.api,
            sections: self.sections,
            others: self.others,
        };
        if header.sections.is_empty() { Err(HeaderError::NoSection) } else { Ok(header) }
    }
}

fn once<T>(
    slot: &mut Option<T>,
    value: T,
    line: usize,
    key: &'static str,
) -> Result<(), HeaderError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(HeaderError::Twice { line, key }),
    }
}

fn version(value: &str, line: usize) -> Result<u32, HeaderError> {
    let expected = "a number from 0 to 4294967295";
    let number = decimal(value).and_then(|number| u32::try_from(number).ok());
    number.ok_or(HeaderError::Value { line, key: VERSION, expected })
}

/// Size and place of a section, out of its line.
fn size(kind: SectionKind, value: &str, line: usize) -> Result<Section, HeaderError> {
    let key = kind.size_key();
    let section = |bytes, at| Section { kind, version: None, bytes, at };
    if kind.is_placed() {
        let expected = "size and place in bytes, two numbers up to 4294967295";
        let refused = HeaderError::Value { line, key, expected };
        let (bytes, at) = value.split_once(' ').ok_or(refused.clone())?;
        let (bytes, at) = decimal(bytes).zip(decimal(at)).ok_or(refused)?;
        return Ok(section(bytes, Some(at)));
    }
    let expected = "a size in bytes with the 263 of the signature, up to 4294967295";
    let bytes = decimal(value).and_then(|signed| signed.checked_sub(TRAILER_BYTES));
    bytes.map(|bytes| section(bytes, None)).ok_or(HeaderError::Value { line, key, expected })
}

/// A number of digits alone, with no zero in front, up to [`SECTION_BYTES_MAX`].
fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text.len() == 1 || !text.starts_with('0'));
    let number = plain.then(|| text.parse().ok()).flatten();
    number.filter(|&number: &u64| number <= SECTION_BYTES_MAX)
}

#[cfg(test)]
mod tests;
