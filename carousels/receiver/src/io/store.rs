//! The store of a box: a directory with one image per part, replaced all or nothing.
//!
//! ```text
//!  image.json  {"version", "length", "sha256", "file"}  ──names──>  image.<16 hex of sha256>
//! ```
//!
//! A commit makes the data durable under their own name first and names them last; what no
//! manifest names is removed only then. Wherever it is cut off, a whole image stays named.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use stbcast_bootcast::Part;

use super::areas::{self, Areas, StorageError, UNFINISHED};
use crate::{Area, MemoryStorage, OutsideArea, Recovered, Recovery, Role, Storage, StoredVersions};

mod manifest;
mod parameters;
#[cfg(test)]
mod tests;

use manifest::Manifest;
pub use parameters::kept_parameters;

const LOCK: &str = ".lock";

/// Why the store cannot be used, or an operation on it failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another program uses it.
    #[error("the store {} is in use by another program", .0.display())]
    Taken(PathBuf),
    /// A file or directory cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// An operation on the control object outside its bytes.
    #[error("the control object: {0}")]
    Control(#[from] OutsideArea),
    /// An operation without an object to work on, or one of a role the store does not keep.
    #[error("the store was asked to {0} although no image of its parts has begun")]
    NotBegun(&'static str),
}

/// An image in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredImage {
    /// Its version, compared for equality alone.
    pub version: String,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// The file that holds it.
    pub path: PathBuf,
}

/// The directory of a box, used by one program at a time.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
    images: Vec<(Part, StoredImage)>,
    warnings: Vec<String>,
    control: MemoryStorage,
    current: Current,
    steps: Steps,
}

/// The object between begin and commit.
#[derive(Debug)]
enum Current {
    None,
    Control,
    Part { part: Part, version: String, areas: Box<Areas> },
}

/// Counts the file-system operations of a commit, so that a test can cut it off after each.
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    left: Option<u32>,
}

impl Steps {
    fn take(&mut self, path: &Path) -> Result<(), StorageError> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => Err(StorageError::doing("go on with", path)(io::Error::other("cut off"))),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

impl Store {
    /// Opens a store, and creates its directory where it is missing. Leftovers of a program that
    /// was cut off are removed; images are read and compared with their manifests.
    ///
    /// # Errors
    /// When the directory cannot be used, or another program uses it.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let doing = |doing| StorageError::doing(doing, directory);
        fs::create_dir_all(directory).map_err(doing("create the store"))?;
        let mut store = Self {
            directory: directory.to_owned(),
            _lock: lock(directory)?,
            images: Vec::new(),
            warnings: Vec::new(),
            control: MemoryStorage::default(),
            current: Current::None,
            steps: Steps::default(),
        };
        let named: Vec<_> = Part::ALL.into_iter().filter_map(|part| store.load(part)).collect();
        store.remove_leftovers(&named)?;
        Ok(store)
    }

    /// The usable image of a part.
    pub fn image(&self, part: Part) -> Option<&StoredImage> {
        self.images.iter().find(|(known, _)| *known == part).map(|(_, image)| image)
    }

    /// Versions of what the store holds, as a boot wants to know them.
    pub fn versions(&self) -> StoredVersions {
        let version = |part| self.image(part).map(|image| image.version.clone());
        StoredVersions {
            kernel: version(Part::Kernel),
            splash: version(Part::Splash),
            diagnostic: version(Part::Diagnostic),
        }
    }

    /// What was found wrong when the store was opened.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Takes note of a part's image; the name of the data file its manifest names.
    fn load(&mut self, part: Part) -> Option<String> {
        let named = Manifest::read(&self.directory, part);
        let checked = match &named {
            Ok(None) => return None,
            Ok(Some(manifest)) => manifest.verify(&self.directory).map(|()| manifest.clone()),
            Err(why) => Err(why.clone()),
        };
        match checked {
            Ok(manifest) => self.keep(part, manifest),
            Err(why) => {
                let (stem, directory) = (manifest::stem(part), self.directory.display());
                let warning = format!("the {stem} in {directory} counts as absent: {why}");
                self.warnings.push(warning);
            }
        }
        named.ok().flatten().map(|manifest| manifest.file)
    }

    fn keep(&mut self, part: Part, manifest: Manifest) {
        let Manifest { version, length, sha256, file } = manifest;
        let image = StoredImage { version, length, sha256, path: self.directory.join(file) };
        self.images.retain(|(known, _)| *known != part);
        self.images.push((part, image));
    }

    fn remove_leftovers(&mut self, named: &[String]) -> Result<(), StorageError> {
        self.remove(|name| {
            let unnamed = manifest::is_data_name(name) && !named.iter().any(|n| n == name);
            name.starts_with(UNFINISHED) || unnamed
        })
    }

    /// Removes the files of the store with such names, and no others.
    fn remove(&mut self, is_waste: impl Fn(&str) -> bool) -> Result<(), StorageError> {
        let doing = || StorageError::doing("list", &self.directory);
        for entry in fs::read_dir(&self.directory).map_err(doing())? {
            let path = entry.map_err(doing())?.path();
            if path.file_name().and_then(|name| name.to_str()).is_some_and(&is_waste) {
                self.steps.take(&path)?;
                fs::remove_file(&path).map_err(StorageError::doing("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Puts the received file in place of the part's image. The order is what matters here.
    fn install(&mut self, part: Part, version: String, areas: Areas) -> Result<(), StorageError> {
        self.steps.take(areas.slot().path())?;
        let (length, sha256) = areas::digest(areas.slot().path())?;
        let file = manifest::data_name(part, &sha256);
        self.replace(areas.into_slot(), &self.directory.join(&file))?;
        self.sync_directory()?;

        let manifest = Manifest { version, length, sha256, file };
        self.write_manifest(part, &manifest)?;
        let file = manifest.file.clone();
        // From here on the new image is the one named, whatever else fails.
        self.keep(part, manifest);
        self.sync_directory()?;

        let prefix = format!("{}.", manifest::stem(part));
        let old =
            |name: &str| name.starts_with(&prefix) && manifest::is_data_name(name) && name != file;
        if let Err(error) = self.remove(old) {
            // The next open removes it.
            self.warnings.push(error.to_string());
        }
        Ok(())
    }

    fn write_manifest(&mut self, part: Part, manifest: &Manifest) -> Result<(), StorageError> {
        let target = manifest::path(&self.directory, part);
        let text = serde_json::to_string(manifest).map_err(io::Error::from);
        let text = text.map_err(StorageError::doing("write", &target))?;
        self.steps.take(&target)?;
        let mut unfinished = areas::unfinished_file(&self.directory)?;
        unfinished.disable_cleanup(self.steps.left.is_some());
        self.steps.take(&target)?;
        let written = unfinished.write_all(text.as_bytes());
        written.map_err(StorageError::doing("write", unfinished.path()))?;
        self.steps.take(&target)?;
        let synced = unfinished.as_file().sync_all();
        synced.map_err(StorageError::doing("sync", unfinished.path()))?;
        self.replace(unfinished, &target)
    }

    fn replace(
        &mut self,
        file: tempfile::NamedTempFile,
        target: &Path,
    ) -> Result<(), StorageError> {
        self.steps.take(target)?;
        let replaced = file.persist(target).map_err(|failed| failed.error);
        replaced.map(drop).map_err(StorageError::doing("replace", target))
    }

    fn sync_directory(&mut self) -> Result<(), StorageError> {
        self.steps.take(&self.directory)?;
        areas::sync_directory(&self.directory)
    }
}

pub(super) fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK);
    let opened = File::options().create(true).truncate(false).write(true).open(&path);
    let opened = match opened {
        // Nothing can be written there, but what is there can be booted.
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            File::open(&path).or_else(|_| File::open(directory))
        }
        opened => opened,
    };
    let file = opened.map_err(StorageError::doing("open", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Taken(directory.to_owned())),
        Err(error) => Err(StorageError::doing("lock", &path)(error.into()).into()),
    }
}

impl Storage for Store {
    type Error = StoreError;

    fn begin(&mut self, role: Role, version: Option<&str>) -> Result<(), StoreError> {
        self.current = Current::None;
        self.current = match role {
            Role::Object => return Err(StoreError::NotBegun("begin")),
            Role::Control => {
                self.control.begin(role, version)?;
                Current::Control
            }
            Role::Part(part) => {
                self.steps.take(&self.directory)?;
                let mut areas = Areas::new(&self.directory)?;
                areas.keep_when_dropped(self.steps.left.is_some());
                let version = version.unwrap_or_default().to_owned();
                Current::Part { part, version, areas: Box::new(areas) }
            }
        };
        Ok(())
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        match &mut self.current {
            Current::None => Err(StoreError::NotBegun("write")),
            Current::Control => Ok(self.control.write(area, offset, bytes)?),
            Current::Part { areas, .. } => {
                self.steps.take(&self.directory)?;
                Ok(areas.write(area, offset, bytes)?)
            }
        }
    }

    fn write_gathered(
        &mut self,
        area: Area,
        offset: u64,
        parts: &[&[u8]],
    ) -> Result<(), StoreError> {
        match &mut self.current {
            Current::None => Err(StoreError::NotBegun("write")),
            Current::Control => Ok(self.control.write_gathered(area, offset, parts)?),
            Current::Part { areas, .. } => {
                self.steps.take(&self.directory)?;
                Ok(areas.write_gathered(area, offset, parts)?)
            }
        }
    }

    fn read(
        &mut self,
        area: Area,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        match &mut self.current {
            Current::None => Err(StoreError::NotBegun("read")),
            Current::Control => Ok(self.control.read(area, offset, length, into)?),
            Current::Part { areas, .. } => Ok(areas.read(area, offset, length, into)?),
        }
    }

    fn recover(&mut self, recovery: Recovery) -> Result<Option<Recovered>, StoreError> {
        match &mut self.current {
            Current::None => Err(StoreError::NotBegun("recover")),
            Current::Control => Ok(self.control.recover(recovery)?),
            Current::Part { areas, .. } => Ok(areas.recover(recovery).map(|()| None)?),
        }
    }

    fn recovered(&mut self) -> Option<Recovered> {
        match &mut self.current {
            Current::Part { areas, .. } => areas.recovered(),
            _ => None,
        }
    }

    fn recovery_error(&mut self) -> Option<StoreError> {
        match &mut self.current {
            Current::Part { areas, .. } => areas.recovery_error().map(StoreError::from),
            _ => None,
        }
    }

    fn sync(&mut self, length: u64) -> Result<(), StoreError> {
        match &self.current {
            Current::None => Err(StoreError::NotBegun("sync")),
            Current::Control => Ok(self.control.sync(length)?),
            Current::Part { areas, .. } => {
                self.steps.take(&self.directory)?;
                areas.set_length(length)?;
                self.steps.take(&self.directory)?;
                Ok(areas.sync()?)
            }
        }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        match std::mem::replace(&mut self.current, Current::None) {
            Current::None => Err(StoreError::NotBegun("commit")),
            Current::Control => {
                // The control object is read after it was committed.
                self.current = Current::Control;
                Ok(self.control.commit()?)
            }
            Current::Part { part, version, areas } => Ok(self.install(part, version, *areas)?),
        }
    }
}
