//! `Content-Location`: the name of a file, which must never become a path.

use alloc::string::{String, ToString};
use core::fmt;

use super::limits::URL_BYTES_MAX;

/// A URL or relative name: 1 to 512 printable ASCII characters that lead nowhere in a file system.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location(String);

/// Why a text is not a [`Location`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Empty, or longer than 512 bytes.
    #[error("a location of {bytes} bytes: 1 to 512 are legal")]
    Length {
        /// Bytes as given.
        bytes: usize,
    },
    /// A control character, white space, a backslash, or a character that is not ASCII.
    #[error("the location has the byte 0x{byte:02x}: legal are printable ASCII characters but \\")]
    IllegalByte {
        /// The byte.
        byte: u8,
    },
    /// Absolute, on a drive, or with a part `.` or `..`, also where percent signs hide it.
    #[error("the location could be taken for a path outside its folder")]
    Path,
}

impl Location {
    /// Checks a text.
    ///
    /// # Errors
    /// As [`LocationError`] says.
    pub fn new(text: &str) -> Result<Self, LocationError> {
        if text.is_empty() || text.len() > URL_BYTES_MAX {
            return Err(LocationError::Length { bytes: text.len() });
        }
        if let Some(byte) = text.bytes().find(|&b| !b.is_ascii_graphic() || b == b'\\') {
            return Err(LocationError::IllegalByte { byte });
        }
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => rest,
            _ if text.starts_with('/') || has_drive(text) => return Err(LocationError::Path),
            _ => text,
        };
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        if path.split('/').any(is_step) || hides_separator(path) {
            return Err(LocationError::Path);
        }
        Ok(Self(text.to_string()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part of the path, which names the object: `boot` of `infocast://239.1.1.1:5/boot`.
    pub fn name(&self) -> &str {
        let path = self.0.split(['?', '#']).next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }
}

fn is_scheme(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(legal)
}

fn has_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// Whether a part means this folder or the one above, percent signs undone.
fn is_step(part: &str) -> bool {
    let plain = part.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

fn hides_separator(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    ["%2f", "%5c", "%00"].iter().any(|hidden| lower.contains(hidden))
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_plain_names_are_taken() {
        for (text, name) in [
            ("infocast://239.255.2.11:22222/software_1113", "software_1113"),
            ("http://boot.example/images/a.bin?x=../y", "a.bin"),
            ("file:///hello", "hello"),
            ("splash.png", "splash.png"),
            ("a/b.bin", "b.bin"),
        ] {
            assert_eq!(Location::new(text).unwrap().name(), name);
        }
    }

    #[test]
    fn what_could_be_a_path_outside_is_refused() {
        for text in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "..",
            "c:/x",
            "c:x",
            "a\\b",
            "a b",
            "a\nb",
            "http://h/%2e%2e/x",
            "http://h/.%2E/x",
            "a%2fb",
            "a%5Cb",
            "\u{e4}",
            "//host/x",
            "x%00y",
        ] {
            assert!(Location::new(text).is_err(), "{text:?}");
        }
        assert!(Location::new(&"a".repeat(513)).is_err());
    }
}
