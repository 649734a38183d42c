//! Our own copy of every revision on air.
//!
//! The operator may overwrite, truncate or delete a source at any moment; what is on air is mapped
//! from here. Files are named by their SHA-256, written under a temporary name, made durable and
//! read-only, then renamed; they are never written again, only removed when room is needed. The
//! repair symbols of a revision lie beside it ([`Spool::repair`]).

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::mapped::Mapped;
use crate::repair::RepairError;

mod files;
pub(crate) use files::Files;

/// How often a source is copied again when somebody writes to it meanwhile.
const COPY_ATTEMPTS: u32 = 3;

/// A SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The one with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads 64 hexadecimal digits, as [`Digest::hex`] writes them or in capitals.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        if pairs.len() != digest.len() {
            return None;
        }
        for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            *byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
        }
        Some(Self(digest))
    }

    /// Of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn of_path(path: &Path) -> Result<Self, SpoolError> {
        let mut file = File::open(path).map_err(failed("open", path))?;
        Self::of_file(&mut file).map_err(failed("read", path))
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
    /// A source could not be copied, perhaps since the disk is full.
    #[error("cannot copy {} to the spool {}: {error}", from.display(), spool.display())]
    Copy {
        /// The source.
        from: PathBuf,
        /// The directory of the spool.
        spool: PathBuf,
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
        "the spool is full: with {what} what is on air needs {needed} bytes, and {cap} are \
         granted; raise --spool-cap-mib"
    )]
    Full {
        /// What is to go into the spool.
        what: String,
        /// Bytes on air and of what is to go in.
        needed: u64,
        /// The cap in bytes.
        cap: u64,
    },
    /// Repair symbols cannot be computed.
    #[error(transparent)]
    Repair(#[from] RepairError),
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

/// The directory of copies and their repair symbols.
#[derive(Debug)]
pub struct Spool {
    pub(crate) files: Files,
    seen: HashMap<PathBuf, (Stamp, Digest)>,
}

pub(crate) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
    let path = path.to_owned();
    move |error| SpoolError::Io { doing, path, error }
}

impl Spool {
    /// Opens the spool, which is made when it is missing, and clears what a crash left behind.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(directory: &Path, cap_bytes: u64) -> Result<Self, SpoolError> {
        Ok(Self { files: Files::open(directory, cap_bytes)?, seen: HashMap::new() })
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

    /// Bytes of all copies and repair symbols.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn used_bytes(&self) -> Result<u64, SpoolError> {
        self.files.used_bytes()
    }

    fn stamp(&self, source: &Path) -> Result<Stamp, SpoolError> {
        Ok(Stamp::of(&fs::metadata(source).map_err(failed("read", source))?))
    }

    fn get(&self, digest: Digest) -> Option<Revision> {
        Some(Revision { digest, bytes: self.files.on_air(&digest.hex())? })
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
        let name = digest.hex();
        let Some(mut file) = self.files.find(&name, length)? else { return Ok(None) };
        let found = Digest::of_file(&mut file).map_err(failed("read", &self.files.path(&name)))?;
        if found != digest {
            self.files.remove_damaged(&name)?;
            return Ok(None);
        }
        let bytes = self.files.reuse(&name, &file, &source.display().to_string())?;
        Ok(Some(Revision { digest, bytes }))
    }

    fn copy(&mut self, source: &Path, length: u64) -> Result<Revision, SpoolError> {
        let temporary = loop {
            let temporary = self.files.begin(length, &source.display().to_string())?;
            match copy_bytes(source, temporary.path()) {
                Ok(()) => break temporary,
                Err(error) if is_full(&error) && self.files.evict()? => {}
                Err(error) => {
                    let (from, spool) = (source.to_owned(), self.files.path(""));
                    return Err(SpoolError::Copy { from, spool, error });
                }
            }
        };
        let path = temporary.path().to_owned();
        let mut file = File::open(&path).map_err(failed("open", &path))?;
        let digest = Digest::of_file(&mut file).map_err(failed("read", &path))?;
        let name = digest.hex();
        let file = self.files.finish(temporary, &name)?;
        let mapped = Mapped::new(&file).map_err(failed("map", &self.files.path(&name)))?;
        Ok(Revision { digest, bytes: self.files.keep(&name, mapped) })
    }
}

/// Whether it is the disk that is full, or what this user may take of it.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
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
