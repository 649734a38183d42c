//! Storage for one object in one file.

use std::io;
use std::path::{Path, PathBuf};

use super::areas::{self, Areas, StorageError};
use crate::{Area, Recovered, Recovery, Role, Storage};

/// One output file: the object is received beside it and takes its place in one step.
#[derive(Debug)]
pub struct FileStorage {
    target: PathBuf,
    directory: PathBuf,
    areas: Option<Areas>,
}

impl FileStorage {
    /// A storage for the file `target`, which may exist already.
    ///
    /// # Errors
    /// When `target` is a directory, or its directory is missing.
    pub fn new(target: &Path) -> Result<Self, StorageError> {
        let refuse =
            |doing, why: &str| StorageError::doing(doing, target)(io::Error::other(why.to_owned()));
        if target.is_dir() || target.file_name().is_none() {
            return Err(refuse("write", "it is a directory: name a file"));
        }
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if !directory.is_dir() {
            return Err(refuse("write", "its directory is missing: create it first"));
        }
        Ok(Self { target: target.to_owned(), directory: directory.to_owned(), areas: None })
    }

    /// Length in bytes and SHA-256 in hexadecimal of what the target holds, read back from it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digest(&self) -> Result<(u64, String), StorageError> {
        areas::digest(&self.target)
    }

    fn areas(&mut self, doing: &'static str) -> Result<&mut Areas, StorageError> {
        let Self { areas, target, .. } = self;
        areas.as_mut().ok_or_else(|| {
            StorageError::doing(doing, target)(io::Error::other("nothing has begun"))
        })
    }
}

impl Storage for FileStorage {
    type Error = StorageError;

    fn begin(&mut self, _role: Role, _version: Option<&str>) -> Result<(), StorageError> {
        self.areas = None;
        self.areas = Some(Areas::new(&self.directory)?);
        Ok(())
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.areas("write")?.write(area, offset, bytes)
    }

    fn write_gathered(
        &mut self,
        area: Area,
        offset: u64,
        parts: &[&[u8]],
    ) -> Result<(), StorageError> {
        self.areas("write")?.write_gathered(area, offset, parts)
    }

    fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), StorageError> {
        self.areas("read")?.read(area, offset, length, into)
    }

    fn recover(&mut self, recovery: Recovery) -> Result<Option<Recovered>, StorageError> {
        self.areas("recover")?.recover(recovery).map(|()| None)
    }

    fn recovered(&mut self) -> Option<Recovered> {
        self.areas.as_mut()?.recovered()
    }

    fn recovery_error(&mut self) -> Option<StorageError> {
        self.areas.as_mut()?.recovery_error()
    }

    fn sync(&mut self, length: u64) -> Result<(), StorageError> {
        let areas = self.areas("sync")?;
        areas.set_length(length)?;
        areas.sync()
    }

    fn commit(&mut self) -> Result<(), StorageError> {
        self.areas("replace")?;
        let Some(areas) = self.areas.take() else { return Ok(()) };
        let replaced = areas.into_slot().persist(&self.target).map_err(|failed| failed.error);
        replaced.map_err(StorageError::doing("replace", &self.target))?;
        areas::sync_directory(&self.directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_old_content_stays_until_the_commit() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("image");
        fs::write(&target, "old").unwrap();
        let mut storage = FileStorage::new(&target).unwrap();
        storage.begin(Role::Object, None).unwrap();
        storage.write(Area::Slot, 0, b"new image, and more").unwrap();
        storage.sync(9).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        storage.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new image");
        assert_eq!(storage.digest().unwrap().0, 9);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_has_not_begun_cannot_be_written_or_committed() {
        let directory = tempfile::tempdir().unwrap();
        let mut storage = FileStorage::new(&directory.path().join("image")).unwrap();
        assert!(storage.write(Area::Slot, 0, b"x").is_err());
        assert!(storage.sync(0).is_err() && storage.commit().is_err());
    }

    #[test]
    fn a_target_that_cannot_be_written_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let message = |path: &Path| FileStorage::new(path).unwrap_err().to_string();
        assert!(message(directory.path()).contains("it is a directory"));
        assert!(message(&directory.path().join("no/image")).contains("directory is missing"));
    }

    #[test]
    fn the_digest_is_that_of_the_standard() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("abc");
        fs::write(&target, "abc").unwrap();
        let (length, sha256) = FileStorage::new(&target).unwrap().digest().unwrap();
        assert_eq!(length, 3);
        assert_eq!(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
