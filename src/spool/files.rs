//! The directory of the spool: which files are ours, which are on air, and what goes when room is
//! needed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use super::{SpoolError, failed};
use crate::mapped::Mapped;

/// A temporary file this old was left by a program that is gone.
const LEFTOVER_AGE: Duration = Duration::from_secs(3_600);

const TEMPORARY_PREFIX: &str = ".copying-";

/// Hexadecimal digits of the digest that every name begins with.
const DIGEST_DIGITS: usize = 64;

/// The files of the spool by their names: a digest, and what more tells them from copies.
#[derive(Debug)]
pub(crate) struct Files {
    directory: PathBuf,
    cap_bytes: u64,
    on_air: HashMap<String, Weak<Mapped>>,
}

/// One of them.
struct Entry {
    name: String,
    bytes: u64,
    used: SystemTime,
}

impl Files {
    /// Opens the directory, which is made when it is missing, and clears what a crash left behind.
    pub(super) fn open(directory: &Path, cap_bytes: u64) -> Result<Self, SpoolError> {
        fs::create_dir_all(directory).map_err(failed("make the spool", directory))?;
        let directory = directory.to_owned();
        let files = Self { directory, cap_bytes, on_air: HashMap::new() };
        files.clear_leftovers()?;
        Ok(files)
    }

    pub(super) fn used_bytes(&self) -> Result<u64, SpoolError> {
        Ok(self.entries()?.iter().map(|entry| entry.bytes).sum())
    }

    /// Where a file of this name is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The file, if somebody holds it.
    pub(crate) fn on_air(&self, name: &str) -> Option<Arc<Mapped>> {
        self.on_air.get(name)?.upgrade()
    }

    /// A file made earlier, perhaps by an earlier run, if there is one of this length in bytes. One
    /// of another length is damaged and removed.
    pub(crate) fn find(&self, name: &str, length: u64) -> Result<Option<File>, SpoolError> {
        let path = self.path(name);
        let Ok(file) = File::open(&path) else { return Ok(None) };
        if file.metadata().map_err(failed("read", &path))?.len() != length {
            self.remove_damaged(name)?;
            return Ok(None);
        }
        Ok(Some(file))
    }

    pub(crate) fn remove_damaged(&self, name: &str) -> Result<(), SpoolError> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(failed("remove the damaged", &path))
    }

    /// Puts a file made earlier on air again. `what` it is stands in errors.
    pub(crate) fn reuse(
        &mut self,
        name: &str,
        file: &File,
        what: &str,
    ) -> Result<Arc<Mapped>, SpoolError> {
        self.make_room(0, Some(name), what)?;
        // The time of last use decides what is removed first when room is needed.
        let _ = file.set_modified(SystemTime::now());
        let mapped = Mapped::new(file).map_err(failed("map", &self.path(name)))?;
        Ok(self.keep(name, mapped))
    }

    /// A file to be written, when `bytes` fit; gone when it is dropped.
    pub(crate) fn begin(&self, bytes: u64, what: &str) -> Result<NamedTempFile, SpoolError> {
        self.make_room(bytes, None, what)?;
        tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .tempfile_in(&self.directory)
            .map_err(failed("write to the spool", &self.directory))
    }

    /// Makes a written file read-only and durable, and gives it its name.
    pub(crate) fn finish(&self, temporary: NamedTempFile, name: &str) -> Result<File, SpoolError> {
        let path = temporary.path().to_owned();
        let file = File::open(&path).map_err(failed("open", &path))?;
        file.sync_all().map_err(failed("sync", &path))?;
        self.name(temporary, name)?;
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(failed("sync", &self.directory))?;
        Ok(file)
    }

    /// Makes a written file read-only and gives it its name. A power cut may leave anything under
    /// that name.
    pub(crate) fn name(&self, temporary: NamedTempFile, name: &str) -> Result<(), SpoolError> {
        let path = temporary.path().to_owned();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444))
            .map_err(failed("protect", &path))?;
        let place = self.path(name);
        temporary.persist(&place).map_err(|error| failed("rename", &place)(error.error))?;
        Ok(())
    }

    /// Counts a file as on air while what is returned lives.
    pub(crate) fn keep(&mut self, name: &str, mapped: Mapped) -> Arc<Mapped> {
        let bytes = Arc::new(mapped);
        self.on_air.retain(|_, bytes| bytes.strong_count() > 0);
        self.on_air.insert(name.to_owned(), Arc::downgrade(&bytes));
        bytes
    }

    /// Removes files that are not on air, the longest unused first, until `bytes` fit beside those
    /// that are and the one to `keep`.
    fn make_room(&self, bytes: u64, keep: Option<&str>, what: &str) -> Result<(), SpoolError> {
        let mut entries = self.entries()?;
        entries.sort_by_key(|entry| entry.used);
        let mut used: u64 = entries.iter().map(|entry| entry.bytes).sum();
        for entry in entries {
            if used.saturating_add(bytes) <= self.cap_bytes {
                return Ok(());
            }
            if self.on_air(&entry.name).is_none() && Some(entry.name.as_str()) != keep {
                let path = self.path(&entry.name);
                fs::remove_file(&path).map_err(failed("remove", &path))?;
                used -= entry.bytes;
            }
        }
        if used.saturating_add(bytes) <= self.cap_bytes {
            return Ok(());
        }
        let (what, cap, needed) = (what.to_owned(), self.cap_bytes, used.saturating_add(bytes));
        Err(SpoolError::Full { what, needed, cap })
    }

    /// Removes the file that is not on air and longest unused, since the disk is full although the cap
    /// is not reached; whether there was one.
    pub(crate) fn evict(&self) -> Result<bool, SpoolError> {
        let entries = self.entries()?.into_iter();
        let unused = entries.filter(|entry| self.on_air(&entry.name).is_none());
        let Some(oldest) = unused.min_by_key(|entry| entry.used) else { return Ok(false) };
        let path = self.path(&oldest.name);
        fs::remove_file(&path).map_err(failed("remove", &path))?;
        Ok(true)
    }

    fn entries(&self) -> Result<Vec<Entry>, SpoolError> {
        let mut entries = Vec::new();
        for entry in self.listing()? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if let (true, Ok(metadata)) = (is_ours(&name), entry.metadata()) {
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                entries.push(Entry { name, bytes: metadata.len(), used });
            }
        }
        Ok(entries)
    }

    fn listing(&self) -> Result<Vec<fs::DirEntry>, SpoolError> {
        let read = || fs::read_dir(&self.directory)?.collect::<io::Result<_>>();
        read().map_err(failed("read the spool", &self.directory))
    }

    fn clear_leftovers(&self) -> Result<(), SpoolError> {
        for entry in self.listing()? {
            let temporary = entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX);
            let age = entry.metadata().and_then(|metadata| metadata.modified());
            let old = age.is_ok_and(|age| age.elapsed().is_ok_and(|age| age > LEFTOVER_AGE));
            if temporary && old {
                fs::remove_file(entry.path()).map_err(failed("remove", &entry.path()))?;
            }
        }
        Ok(())
    }
}

/// Whether a file is one of the spool's. Others are neither counted nor removed.
fn is_ours(name: &str) -> bool {
    let Some((digest, more)) = name.split_at_checked(DIGEST_DIGITS) else { return false };
    let is_digest = digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest && (more.is_empty() || more.starts_with('.'))
}
