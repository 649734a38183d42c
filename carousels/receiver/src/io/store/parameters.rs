//! The parameters a box keeps between boots, in a file of the store.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use stbcast_bootcast::stbconfig::{DOCUMENT_BYTES_MAX, PermanentParams};

use super::{Store, StoreError};
use crate::io::areas::{self, StorageError};

const NAME: &str = "parameters.json";

fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// The parameters that the store in `directory` keeps; none, where it keeps none.
///
/// # Errors
/// When they cannot be read, or are not legal: a box goes on without them.
pub fn kept_parameters(directory: &Path) -> Result<PermanentParams, String> {
    let path = path(directory);
    let unusable = |why: String| format!("{} counts as absent: {why}", path.display());
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(PermanentParams::default());
        }
        read => read.map_err(|error| unusable(error.to_string()))?,
    };
    // Names and values of a document, in JSON.
    if text.len() > 2 * DOCUMENT_BYTES_MAX {
        return Err(unusable(format!("it has {} bytes", text.len())));
    }
    let values: BTreeMap<String, String> =
        serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
    let mut kept = PermanentParams::default();
    for (name, value) in values {
        kept.set(&name, &value).map_err(|problem| unusable(problem.to_string()))?;
    }
    Ok(kept)
}

impl Store {
    /// Keeps these parameters beside those kept before; one that is set again replaces the old.
    ///
    /// # Errors
    /// When that cannot be made durable: what was kept before stays.
    pub fn keep_parameters(&mut self, new: &PermanentParams) -> Result<(), StoreError> {
        // What cannot be used is replaced.
        let mut kept = kept_parameters(&self.directory).unwrap_or_default();
        for (element, value) in new.iter() {
            // What was legal in a document is legal here.
            let _ = kept.set(element.name, value);
        }
        let values: BTreeMap<_, _> =
            kept.iter().map(|(element, value)| (element.name, value)).collect();
        let target = path(&self.directory);
        let text = serde_json::to_string(&values).map_err(io::Error::from);
        let text = text.map_err(StorageError::doing("write", &target))?;
        let mut unfinished = areas::unfinished_file(&self.directory)?;
        let written = unfinished.write_all(text.as_bytes());
        written.map_err(StorageError::doing("write", unfinished.path()))?;
        let synced = unfinished.as_file().sync_all();
        synced.map_err(StorageError::doing("sync", unfinished.path()))?;
        self.replace(unfinished, &target)?;
        Ok(self.sync_directory()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(values: &[(&str, &str)]) -> PermanentParams {
        let mut parameters = PermanentParams::default();
        values.iter().for_each(|(name, value)| parameters.set(name, value).unwrap());
        parameters
    }

    #[test]
    fn what_is_kept_is_added_to_and_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path()).unwrap();
        assert!(kept_parameters(directory.path()).unwrap().is_empty());
        store.keep_parameters(&parameters(&[("BootOrder", "6,3"), ("HttpTimeout", "5")])).unwrap();
        store.keep_parameters(&parameters(&[("BootOrder", "3,1,3")])).unwrap();
        let expected = parameters(&[("BootOrder", "3,1,3"), ("HttpTimeout", "5")]);
        assert_eq!(kept_parameters(directory.path()).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_used_counts_as_absent_and_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path()).unwrap();
        for text in ["{", "{\"BootOrder\": \"9\"}", "{\"Nonsense\": \"1\"}", "[]"] {
            fs::write(path(directory.path()), text).unwrap();
            let why = kept_parameters(directory.path()).unwrap_err();
            assert!(why.contains("parameters.json counts as absent"), "{why}");
        }
        let new = parameters(&[("HttpAttempts", "2")]);
        store.keep_parameters(&new).unwrap();
        assert_eq!(kept_parameters(directory.path()).unwrap(), new);
    }
}
