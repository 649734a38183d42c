//! The banks of a box in a directory: a file for each slot, its journal, and each copy of the state.
//!
//! ```text
//!  state.0  state.1           written in turn, in place
//!  a.image  a.image.journal   a.splash  a.splash.journal   a.diagnostic  ...
//!  b.image  b.image.journal   ...
//! ```
//!
//! Nothing is decided here: [`Banks`] does that.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use stbcast_bootcast::Part;

use super::areas::{self, OffsetReader, StorageError};
use super::boot::PartWord;
use super::recoveries::Recoveries;
use super::store::{self, StoreError};
use crate::slots::{Bank, Banks, BootControl, Copy, Medium, Place, Slots};
use crate::{Recovered, Recovery};

mod summary;
#[cfg(test)]
mod tests;

pub use summary::{BankSummary, SlotSummary, SlotsSummary, commit, roll_back, slots};

/// The directory of a box, used by one program at a time.
#[derive(Debug)]
pub struct BankFiles {
    directory: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
    /// Files that are written.
    written: BTreeMap<Place, File>,
    /// Repair symbols, in a file that no name leads to.
    repair: Option<File>,
    /// The thread that recovers blocks, and of which slot.
    recoveries: Option<(Bank, Part, Recoveries)>,
    recovery_error: Option<StorageError>,
}

impl BankFiles {
    /// Opens a directory, and creates it where it is missing.
    ///
    /// # Errors
    /// When it cannot be used, or another program uses it.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let doing = StorageError::doing("create the store", directory);
        fs::create_dir_all(directory).map_err(doing)?;
        Ok(Self {
            directory: directory.to_owned(),
            _lock: store::lock(directory)?,
            written: BTreeMap::new(),
            repair: None,
            recoveries: None,
            recovery_error: None,
        })
    }

    /// The file of a part in a bank.
    pub fn slot_path(&self, bank: Bank, part: Part) -> PathBuf {
        self.directory.join(stem(bank, part))
    }

    /// The file of a place; `None` for one that has no name.
    fn path(&self, place: Place) -> Option<PathBuf> {
        match place {
            Place::Slot(bank, part) => Some(self.slot_path(bank, part)),
            Place::Journal(bank, part) => {
                Some(self.directory.join(format!("{}.journal", stem(bank, part))))
            }
            Place::Repair => None,
        }
    }

    /// What an error says of where it was.
    fn shown(&self, place: Place) -> PathBuf {
        self.path(place).unwrap_or_else(|| self.directory.clone())
    }

    /// The file of a place to write to.
    fn file(&mut self, place: Place) -> Result<&File, StorageError> {
        let Some(path) = self.path(place) else { return self.repair() };
        if !self.written.contains_key(&place) {
            let file = opened(&self.directory, &path)?;
            self.written.insert(place, file);
        }
        let missing = || io::Error::other("the file is not open");
        let file = self.written.get(&place).ok_or_else(missing);
        file.map_err(StorageError::doing("open", &path))
    }

    fn repair(&mut self) -> Result<&File, StorageError> {
        match &mut self.repair {
            Some(file) => Ok(file),
            none => {
                let doing = "create a file for repair symbols in";
                let file = tempfile::tempfile_in(&self.directory);
                let file = file.map_err(StorageError::doing(doing, &self.directory))?;
                Ok(none.insert(file))
            }
        }
    }

    fn state_path(&self, copy: Copy) -> PathBuf {
        self.directory.join(match copy {
            Copy::First => "state.0",
            Copy::Second => "state.1",
        })
    }
}

/// How the files of a slot begin. Names from the network never become file names.
fn stem(bank: Bank, part: Part) -> String {
    let bank = match bank {
        Bank::A => "a",
        Bank::B => "b",
    };
    format!("{bank}.{}", PartWord::of(part))
}

/// A file to read and write; one that is new is made durable by name.
fn opened(directory: &Path, path: &Path) -> Result<File, StorageError> {
    match File::options().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let created = File::options().read(true).write(true).create_new(true).open(path);
            let created = created.map_err(StorageError::doing("create", path))?;
            areas::sync_directory(directory)?;
            Ok(created)
        }
        opened => opened.map_err(StorageError::doing("open", path)),
    }
}

impl Medium for BankFiles {
    type Error = StorageError;
}

impl Slots for BankFiles {
    fn erase(&mut self, place: Place, length: u64) -> Result<(), StorageError> {
        let path = self.shown(place);
        if place == Place::Repair && self.repair.is_none() {
            return Ok(());
        }
        let file = self.file(place)?;
        file.set_len(0).map_err(StorageError::doing("empty", &path))?;
        if length == 0 {
            return Ok(());
        }
        // A disk that is too full is better known now than at the last byte.
        match fallocate(file, FallocateFlags::empty(), 0, length) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
            Err(error) => {
                let _ = file.set_len(0);
                Err(StorageError::doing("make room for an image in", &path)(error.into()))
            }
        }
    }

    fn write(&mut self, place: Place, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let written = self.file(place)?.write_all_at(bytes, offset);
        written.map_err(StorageError::doing("write", &self.shown(place)))
    }

    fn write_gathered(
        &mut self,
        place: Place,
        offset: u64,
        parts: &[&[u8]],
    ) -> Result<(), StorageError> {
        let written = areas::write_all_parts(self.file(place)?, offset, parts);
        written.map_err(StorageError::doing("write", &self.shown(place)))
    }

    fn read(
        &mut self,
        place: Place,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), StorageError> {
        let path = self.shown(place);
        let doing = StorageError::doing("read", &path);
        let only_read;
        let file = match self.written.get(&place) {
            Some(file) => file,
            None if place == Place::Repair => self.repair()?,
            // What is only read may lie where nothing can be written.
            None => match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                opened => {
                    only_read = opened.map_err(StorageError::doing("open", &path))?;
                    &only_read
                }
            },
        };
        // The length is the session's, but the file decides how much memory that becomes.
        let read = OffsetReader { file, offset }.take(length).read_to_end(into);
        read.map(drop).map_err(doing)
    }

    fn set_length(&mut self, place: Place, length: u64) -> Result<(), StorageError> {
        let cut = self.file(place)?.set_len(length);
        cut.map_err(StorageError::doing("cut", &self.shown(place)))
    }

    fn sync(&mut self, place: Place) -> Result<(), StorageError> {
        let synced = self.file(place)?.sync_all();
        synced.map_err(StorageError::doing("sync", &self.shown(place)))
    }

    fn recover(
        &mut self,
        bank: Bank,
        part: Part,
        recovery: Recovery,
    ) -> Result<Option<Recovered>, StorageError> {
        let path = self.slot_path(bank, part);
        let is_there = |(b, p, _): &(Bank, Part, Recoveries)| (*b, *p) == (bank, part);
        if !self.recoveries.as_ref().is_some_and(is_there) {
            self.recoveries = None;
            let repair = self.repair()?.try_clone();
            let slot = self.file(Place::Slot(bank, part))?;
            let begun = repair.and_then(|repair| Recoveries::start(slot, repair));
            let begun = begun.map_err(StorageError::doing("begin to recover", &path))?;
            self.recoveries = Some((bank, part, begun));
        }
        let ordered = self.recoveries.as_ref().map_or(Ok(()), |(.., all)| all.order(recovery));
        ordered.map_err(StorageError::doing("recover a block of", &path))?;
        Ok(None)
    }

    fn recovered(&mut self) -> Option<Recovered> {
        let (bank, part, recoveries) = self.recoveries.as_ref()?;
        let (recovered, error) = recoveries.outcome()?;
        if let Some(error) = error {
            let path = self.slot_path(*bank, *part);
            self.recovery_error = Some(StorageError::doing("recover a block of", &path)(error));
        }
        Some(recovered)
    }

    fn recovery_error(&mut self) -> Option<StorageError> {
        self.recovery_error.take()
    }

    fn give_up_recovery(&mut self) {
        self.recoveries = None;
        self.recovery_error = None;
    }
}

impl BootControl for BankFiles {
    fn read_state(&mut self, copy: Copy) -> Result<Vec<u8>, StorageError> {
        let path = self.state_path(copy);
        let mut bytes = Vec::new();
        let read = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(bytes),
            opened => opened.and_then(|file| {
                file.take(crate::slots::record::BYTES as u64).read_to_end(&mut bytes)
            }),
        };
        read.map(|_| bytes).map_err(StorageError::doing("read", &path))
    }

    fn write_state(&mut self, copy: Copy, bytes: &[u8]) -> Result<(), StorageError> {
        let path = self.state_path(copy);
        let file = opened(&self.directory, &path)?;
        file.write_all_at(bytes, 0).map_err(StorageError::doing("write", &path))?;
        file.sync_all().map_err(StorageError::doing("sync", &path))
    }
}
