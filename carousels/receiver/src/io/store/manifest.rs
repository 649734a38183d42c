//! The few lines beside an image that make it one: without a manifest there is no image.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stbcast_bootcast::Part;

use crate::io::areas;

/// Largest manifest read. A version has at most 255 bytes, each at most six in JSON.
const BYTES_MAX: u64 = 8 * 1024;

/// Hexadecimal digits of the SHA-256 in a data file's name.
const NAME_DIGITS: usize = 16;

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) version: String,
    pub(super) length: u64,
    pub(super) sha256: String,
    pub(super) file: String,
}

/// How the files of a part begin. Names from the network never become file names.
pub(super) const fn stem(part: Part) -> &'static str {
    match part {
        Part::Kernel => "image",
        Part::Splash => "splash",
        Part::Diagnostic => "diagnostic",
    }
}

/// Where the manifest of a part lies.
pub(super) fn path(directory: &Path, part: Part) -> PathBuf {
    directory.join(stem(part)).with_extension("json")
}

/// Name of the data file with this digest.
pub(super) fn data_name(part: Part, sha256: &str) -> String {
    format!("{}.{}", stem(part), sha256.get(..NAME_DIGITS).unwrap_or(sha256))
}

/// Whether a file can be a data file of any part.
pub(super) fn is_data_name(name: &str) -> bool {
    let digits = |text: &str| {
        text.len() == NAME_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    Part::ALL.into_iter().any(|part| {
        let rest = name.strip_prefix(stem(part)).and_then(|rest| rest.strip_prefix('.'));
        rest.is_some_and(digits)
    })
}

impl Manifest {
    /// Reads the manifest of a part; `None` when there is none.
    pub(super) fn read(directory: &Path, part: Part) -> Result<Option<Self>, String> {
        let mut text = String::new();
        let opened = match File::open(path(directory, part)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| format!("its manifest cannot be read: {error}"))?,
        };
        opened
            .take(BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(|error| format!("its manifest cannot be read: {error}"))?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|error| format!("its manifest cannot be understood: {error}"))?;
        if manifest.file != data_name(part, &manifest.sha256) || !is_data_name(&manifest.file) {
            let file = manifest.file.escape_debug();
            return Err(format!("its manifest names the file `{file}`, which is none of ours"));
        }
        Ok(Some(manifest))
    }

    /// Reads the data file and compares.
    pub(super) fn verify(&self, directory: &Path) -> Result<(), String> {
        let path = directory.join(&self.file);
        let length = path.metadata().map_err(|error| format!("{}: {error}", self.file))?.len();
        if length != self.length {
            return Err(format!("{} has {length} bytes instead of {}", self.file, self.length));
        }
        let (_, sha256) = areas::digest(&path).map_err(|error| error.to_string())?;
        if sha256 != self.sha256 {
            return Err(format!("{} does not have the SHA-256 it was stored with", self.file));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_data_names() {
        let name = data_name(Part::Kernel, &"ab".repeat(32));
        assert_eq!(name, "image.abababababababab");
        assert!(is_data_name(&name) && is_data_name("splash.0123456789abcdef"));
        for other in ["image.json", "image.abc", "image.0123456789ABCDEF", "notes.0123456789abcdef"]
        {
            assert!(!is_data_name(other), "{other}");
        }
    }

    #[test]
    fn a_manifest_that_names_a_path_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let text = r#"{"version":"1","length":1,"sha256":"../../../etc/passwd","file":
            "image.../../../etc/pa"}"#;
        std::fs::write(path(directory.path(), Part::Kernel), text).unwrap();
        assert!(Manifest::read(directory.path(), Part::Kernel).is_err());
        assert_eq!(Manifest::read(directory.path(), Part::Splash), Ok(None));
    }
}
