//! Our own copy of every revision on air.
//!
//! The operator may overwrite, truncate or delete a source at any moment; what is on air is mapped
//! from here. Files are named by their SHA-256, written under a temporary name, made durable and
//! read-only, then renamed; they are never written again, only removed when room is needed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use crate::mapped::Mapped;

/// How often a source is copied again when somebody writes to it meanwhile.
const COPY_ATTEMPTS: u32 = 3;

/// A temporary file this old was left by a program that is gone.
const LEFTOVER_AGE: Duration = Duration::from_secs(3_600);

const TEMPORARY_PREFIX: &str = ".copying-";

/// A SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn of_file(file: &mut File) -> io::Result<Self> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let bytes = file.read(&mut buffer)?;
            if bytes == 0 {
                return Ok(Self(hash.finalize().into()));
            }
            hash.update(buffer.get(..bytes).unwrap_or_default());
        }
    }
}

/// One content of a source, kept while this value lives.
#[derive(Clone, Debug)]
pub struct Revision {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: Arc<Mapped>,
}

/// Why a source could not be spooled.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A system call failed.
    #[error("cannot {doing} {}: {error}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Somebody is writing to the source.
    #[error("{} changed while it was copied, {COPY_ATTEMPTS} times", path.display())]
    Changing {
        /// The source.
        path: PathBuf,
    },
    /// The line-up needs more room than the operator granted.
    #[error(
        "the spool is full: with {} what is on air needs {needed} bytes, and {cap} are granted; \
         raise --spool-cap-mib",
        path.display()
    )]
    Full {
        /// The source.
        path: PathBuf,
        /// Bytes on air and of the source.
        needed: u64,
        /// The cap in bytes.
        cap: u64,
    },
}

/// What tells that a source was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// The directory of copies.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    cap_bytes: u64,
    seen: HashMap<PathBuf, (Stamp, Digest)>,
    on_air: HashMap<Digest, Weak<Mapped>>,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
    let path = path.to_owned();
    move |error| SpoolError::Io { doing, path, error }
}

impl Spool {
    /// Opens the spool, which is made when it is missing, and clears what a crash left behind.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(directory: &Path, cap_bytes: u64) -> Result<Self, SpoolError> {
        fs::create_dir_all(directory).map_err(failed("make the spool", directory))?;
        let directory = directory.to_owned();
        let (seen, on_air) = (HashMap::new(), HashMap::new());
        let spool = Self { directory, cap_bytes, seen, on_air };
        spool.clear_leftovers()?;
        Ok(spool)
    }

    /// The current content of `source`: the copy there is, or a new one.
    ///
    /// # Errors
    /// When the source cannot be read, keeps changing, or does not fit.
    pub fn add(&mut self, source: &Path) -> Result<Revision, SpoolError> {
        let stamp = self.stamp(source)?;
        if let Some((_, digest)) = self.seen.get(source).filter(|(known, _)| *known == stamp)
            && let Some(revision) = self.get(*digest)
        {
            return Ok(revision);
        }
        for _ in 0..COPY_ATTEMPTS {
            let before = self.stamp(source)?;
            let mut file = File::open(source).map_err(failed("open", source))?;
            let digest = Digest::of_file(&mut file).map_err(failed("read", source))?;
            let revision = match self.reuse(source, digest, before.length)? {
                Some(revision) => revision,
                None => self.copy(source, before.length)?,
            };
            if self.stamp(source)? == before && revision.digest == digest {
                self.seen.insert(source.to_owned(), (before, digest));
                return Ok(revision);
            }
        }
        Err(SpoolError::Changing { path: source.to_owned() })
    }

    /// Bytes of all copies.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn used_bytes(&self) -> Result<u64, SpoolError> {
        Ok(self.files()?.iter().map(|(_, length, _)| length).sum())
    }

    fn stamp(&self, source: &Path) -> Result<Stamp, SpoolError> {
        Ok(Stamp::of(&fs::metadata(source).map_err(failed("read", source))?))
    }

    fn get(&self, digest: Digest) -> Option<Revision> {
        let bytes = self.on_air.get(&digest)?.upgrade()?;
        Some(Revision { digest, bytes })
    }

    /// A copy made earlier, perhaps by an earlier run: used when it really is what its name says.
    fn reuse(
        &mut self,
        source: &Path,
        digest: Digest,
        length: u64,
    ) -> Result<Option<Revision>, SpoolError> {
        if let Some(revision) = self.get(digest) {
            return Ok(Some(revision));
        }
        let path = self.directory.join(digest.hex());
        let Ok(mut file) = File::open(&path) else { return Ok(None) };
        if file.metadata().map_err(failed("read", &path))?.len() != length
            || Digest::of_file(&mut file).map_err(failed("read", &path))? != digest
        {
            fs::remove_file(&path).map_err(failed("remove the damaged", &path))?;
            return Ok(None);
        }
        self.make_room(source, 0, Some(&path))?;
        // The time of last use decides what is removed first when room is needed.
        let _ = file.set_modified(SystemTime::now());
        self.map(digest, &file, &path).map(Some)
    }

    fn map(&mut self, digest: Digest, file: &File, path: &Path) -> Result<Revision, SpoolError> {
        let bytes = Arc::new(Mapped::new(file).map_err(failed("map", path))?);
        self.on_air.retain(|_, bytes| bytes.strong_count() > 0);
        self.on_air.insert(digest, Arc::downgrade(&bytes));
        Ok(Revision { digest, bytes })
    }

    fn copy(&mut self, source: &Path, length: u64) -> Result<Revision, SpoolError> {
        self.make_room(source, length, None)?;
        let temporary = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .tempfile_in(&self.directory)
            .map_err(failed("write to the spool", &self.directory))?;
        let path = temporary.path().to_owned();
        copy_bytes(source, &path).map_err(failed("copy to the spool", source))?;
        let mut file = File::open(&path).map_err(failed("open", &path))?;
        let digest = Digest::of_file(&mut file).map_err(failed("read", &path))?;
        file.set_permissions(fs::Permissions::from_mode(0o444))
            .map_err(failed("protect", &path))?;
        file.sync_all().map_err(failed("sync", &path))?;
        let place = self.directory.join(digest.hex());
        temporary.persist(&place).map_err(|error| failed("rename", &place)(error.error))?;
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(failed("sync", &self.directory))?;
        self.map(digest, &file, &place)
    }

    /// Removes copies that are not on air, the longest unused first, until `length` bytes fit
    /// beside those that are and the one to `keep`.
    fn make_room(&self, source: &Path, length: u64, keep: Option<&Path>) -> Result<(), SpoolError> {
        let mut files = self.files()?;
        files.sort_by_key(|(_, _, modified)| *modified);
        let mut used: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (path, bytes, _) in files {
            if used.saturating_add(length) <= self.cap_bytes {
                return Ok(());
            }
            if !self.is_on_air(&path) && Some(path.as_path()) != keep {
                fs::remove_file(&path).map_err(failed("remove", &path))?;
                used -= bytes;
            }
        }
        if used.saturating_add(length) <= self.cap_bytes {
            return Ok(());
        }
        let (path, cap, needed) = (source.to_owned(), self.cap_bytes, used.saturating_add(length));
        Err(SpoolError::Full { path, needed, cap })
    }

    fn is_on_air(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        let live =
            |digest: &Digest| self.on_air.get(digest).is_some_and(|bytes| bytes.strong_count() > 0);
        self.on_air.keys().any(|digest| name == Some(digest.hex().as_str()) && live(digest))
    }

    /// The copies: path, length in bytes, time of last use.
    fn files(&self) -> Result<Vec<(PathBuf, u64, SystemTime)>, SpoolError> {
        let mut files = Vec::new();
        for entry in self.entries()? {
            let name = entry.file_name();
            let is_digest = name.len() == 64 && name.as_encoded_bytes().is_ascii();
            if let (true, Ok(metadata)) = (is_digest, entry.metadata()) {
                let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((entry.path(), metadata.len(), modified));
            }
        }
        Ok(files)
    }

    fn entries(&self) -> Result<Vec<fs::DirEntry>, SpoolError> {
        let read = || fs::read_dir(&self.directory)?.collect::<io::Result<_>>();
        read().map_err(failed("read the spool", &self.directory))
    }

    fn clear_leftovers(&self) -> Result<(), SpoolError> {
        for entry in self.entries()? {
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

/// Shares the blocks where the file system can, else copies.
fn copy_bytes(source: &Path, to: &Path) -> io::Result<()> {
    let mut target = File::options().write(true).truncate(true).open(to)?;
    let mut origin = File::open(source)?;
    if reflink_copy::reflink_file(&origin, &target).is_ok() {
        return Ok(());
    }
    io::copy(&mut origin, &mut target).map(drop)
}
