//! The three areas of an object being received, in one directory.

use std::fs::{File, Permissions};
use std::io::{self, IoSlice, Read};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use arrayvec::ArrayVec;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::recoveries::Recoveries;
use super::summary::hex;
use crate::{Area, Recovered, Recovery, limits, memory};

/// How every unfinished file begins, so that leftovers of a crash can be told and removed.
pub(crate) const UNFINISHED: &str = ".receiving-";

/// Bytes of a file read at a time to digest it.
const READ_BYTES: usize = 128 * 1024;

/// A storage operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {error}", path.display())]
pub struct StorageError {
    /// What was being done.
    pub doing: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// The system's reason.
    pub error: io::Error,
}

impl StorageError {
    /// Makes an [`io::Error`] one that says what was being done, for `map_err`.
    pub(crate) fn doing(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self { doing, path, error }
    }
}

/// Slot and scratch are files that vanish unless the slot is persisted; parking is memory.
#[derive(Debug)]
pub(crate) struct Areas {
    directory: PathBuf,
    slot: NamedTempFile,
    scratch: Option<File>,
    repair: Option<File>,
    parking: Vec<u8>,
    /// The thread that recovers blocks, once one was to be recovered.
    recoveries: Option<Recoveries>,
    /// What a recovery met in an area.
    recovery_error: Option<StorageError>,
}

impl Areas {
    /// Empty areas; the slot's file lies in `directory`.
    pub(crate) fn new(directory: &Path) -> Result<Self, StorageError> {
        let slot = unfinished_file(directory)?;
        let directory = directory.to_owned();
        Ok(Self {
            directory,
            slot,
            scratch: None,
            repair: None,
            parking: Vec::new(),
            recoveries: None,
            recovery_error: None,
        })
    }

    pub(crate) fn write(
        &mut self,
        area: Area,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StorageError> {
        let done = match area {
            Area::Slot => self.slot.as_file().write_all_at(bytes, offset),
            Area::Scratch | Area::Repair => self.beside(area)?.write_all_at(bytes, offset),
            Area::Parking => parked(memory::park(&mut self.parking, offset, bytes)),
        };
        done.map_err(StorageError::doing("write", self.path(area)))
    }

    pub(crate) fn write_gathered(
        &mut self,
        area: Area,
        mut offset: u64,
        parts: &[&[u8]],
    ) -> Result<(), StorageError> {
        let done = match area {
            Area::Slot => write_all_parts(self.slot.as_file(), offset, parts),
            Area::Scratch | Area::Repair => write_all_parts(self.beside(area)?, offset, parts),
            Area::Parking => parts.iter().try_for_each(|part| {
                parked(memory::park(&mut self.parking, offset, part))?;
                offset += part.len() as u64;
                Ok(())
            }),
        };
        done.map_err(StorageError::doing("write", self.path(area)))
    }

    pub(crate) fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), StorageError> {
        let start = into.len();
        let done = match area {
            Area::Slot => read_exact(self.slot.as_file(), offset, length, into),
            Area::Scratch | Area::Repair => read_exact(self.beside(area)?, offset, length, into),
            Area::Parking => {
                let bytes = memory::part(&self.parking, offset, length);
                parked(bytes.map(|bytes| into.extend_from_slice(bytes)))
            }
        };
        if done.is_err() {
            into.truncate(start);
        }
        done.map_err(StorageError::doing("read", self.path(area)))
    }

    /// Has a block recovered beside whatever follows.
    pub(crate) fn recover(&mut self, recovery: Recovery) -> Result<(), StorageError> {
        if self.recoveries.is_none() {
            let repair = self.beside(Area::Repair)?.try_clone();
            let begun = repair.and_then(|repair| Recoveries::start(self.slot.as_file(), repair));
            let doing = StorageError::doing("begin to recover", self.slot.path());
            self.recoveries = Some(begun.map_err(doing)?);
        }
        let ordered = self.recoveries.as_ref().map_or(Ok(()), |all| all.order(recovery));
        ordered.map_err(StorageError::doing("recover a block of", self.slot.path()))
    }

    /// The outcome of a recovery, once.
    pub(crate) fn recovered(&mut self) -> Option<Recovered> {
        let (recovered, error) = self.recoveries.as_ref()?.outcome()?;
        if let Some(error) = error {
            let doing = StorageError::doing("recover a block of", self.slot.path());
            self.recovery_error = Some(doing(error));
        }
        Some(recovered)
    }

    /// Why the recovery failed whose outcome was told last, where an area was why; once.
    pub(crate) const fn recovery_error(&mut self) -> Option<StorageError> {
        self.recovery_error.take()
    }

    pub(crate) fn set_length(&self, length: u64) -> Result<(), StorageError> {
        self.slot.as_file().set_len(length).map_err(StorageError::doing("cut", self.slot.path()))
    }

    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.slot.as_file().sync_all().map_err(StorageError::doing("sync", self.slot.path()))
    }

    /// Leaves the slot's file behind as a power cut would, for tests of those.
    pub(crate) fn keep_when_dropped(&mut self, keep: bool) {
        self.slot.disable_cleanup(keep);
    }

    /// The slot's file, whose path has no file any more when it is persisted.
    pub(crate) fn into_slot(self) -> NamedTempFile {
        self.slot
    }

    pub(crate) const fn slot(&self) -> &NamedTempFile {
        &self.slot
    }

    /// The file of an area beside the slot's, which no name leads to.
    fn beside(&mut self, area: Area) -> Result<&File, StorageError> {
        let file = if area == Area::Repair { &mut self.repair } else { &mut self.scratch };
        match file {
            Some(file) => Ok(file),
            none => {
                let what = match area {
                    Area::Repair => "create a file for repair symbols in",
                    _ => "create a scratch file in",
                };
                let doing = StorageError::doing(what, &self.directory);
                Ok(none.insert(tempfile::tempfile_in(&self.directory).map_err(doing)?))
            }
        }
    }

    fn path(&self, area: Area) -> &Path {
        match area {
            Area::Slot => self.slot.path(),
            Area::Scratch | Area::Parking | Area::Repair => &self.directory,
        }
    }
}

/// A file that vanishes unless it is persisted.
pub(crate) fn unfinished_file(directory: &Path) -> Result<NamedTempFile, StorageError> {
    // Readable as any new file of this user; the default of the crate is for secrets.
    let permissions = Permissions::from_mode(0o666);
    tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(permissions)
        .tempfile_in(directory)
        .map_err(StorageError::doing("create a file in", directory))
}

/// Makes renames in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), StorageError> {
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(StorageError::doing("sync the directory", directory))
}

/// Length in bytes and SHA-256 in lower-case hexadecimal of what a file holds.
pub(crate) fn digest(path: &Path) -> Result<(u64, String), StorageError> {
    let mut hasher = Sha256::new();
    let length = File::open(path)
        .and_then(|file| hash(file, &mut hasher))
        .map_err(StorageError::doing("read back", path))?;
    Ok((length, hex(&hasher.finalize())))
}

fn hash(mut file: File, hasher: &mut Sha256) -> io::Result<u64> {
    let (mut buffer, mut length) = (vec![0; READ_BYTES], 0);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(length),
            Ok(read) => {
                hasher.update(buffer.get(..read).unwrap_or_default());
                length += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes parts one behind the other straight from where they lie.
pub(super) fn write_all_parts(file: &File, mut offset: u64, parts: &[&[u8]]) -> io::Result<()> {
    for parts in parts.chunks(limits::WRITE_PARTS_MAX) {
        let mut slices: ArrayVec<IoSlice<'_>, { limits::WRITE_PARTS_MAX }> =
            parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut slices = slices.as_mut_slice();
        // Leaves the empty ones out: writing nothing says nothing about success.
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match rustix::io::pwritev(file, slices, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut slices, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn read_exact(file: &File, offset: u64, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    // The length is the session's, but the file decides how much memory that becomes.
    let mut reader = OffsetReader { file, offset }.take(length);
    match reader.read_to_end(into)? as u64 {
        read if read == length => Ok(()),
        read => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("only {read} of {length} bytes are there"),
        )),
    }
}

pub(super) struct OffsetReader<'a> {
    pub(super) file: &'a File,
    pub(super) offset: u64,
}

impl Read for OffsetReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// What was done in the parking area, which may have been outside it.
fn parked(done: Option<()>) -> io::Result<()> {
    done.ok_or_else(|| io::Error::other("outside the parking area"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_area_gives_back_what_was_written_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let mut areas = Areas::new(directory.path()).unwrap();
        for area in [Area::Slot, Area::Scratch, Area::Parking, Area::Repair] {
            areas.write(area, 100, b"late").unwrap();
            areas.write(area, 10, b"early").unwrap();
            let mut bytes = b"kept".to_vec();
            areas.read(area, 10, 5, &mut bytes).unwrap();
            assert_eq!(bytes, b"keptearly", "{area:?}");
            assert!(areas.read(area, 100, 5, &mut bytes).is_err(), "{area:?} is too short");
            assert_eq!(bytes, b"keptearly", "a read that fails adds nothing");
        }
    }

    #[test]
    fn parking_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let mut areas = Areas::new(directory.path()).unwrap();
        let end = limits::PARKING_BYTES as u64;
        areas.write(Area::Parking, end - 1, b"x").unwrap();
        assert!(areas.write(Area::Parking, end, b"x").is_err());
        assert!(areas.write(Area::Parking, u64::MAX, b"x").is_err());
    }

    #[test]
    fn nothing_is_left_when_the_areas_are_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let mut areas = Areas::new(directory.path()).unwrap();
        areas.write(Area::Scratch, 0, b"x").unwrap();
        drop(areas);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
