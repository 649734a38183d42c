//! A file in the making that has no name before it is whole, so that nothing is left of it when the
//! program is killed.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use rustix::io::Errno;

/// Readable for the headend, as files of the operator's are; the user's mask takes off what it takes.
const MODE: u32 = 0o666;

/// A file without its name.
pub(super) enum Draft {
    /// Without any: the system removes it with the process.
    Nameless(File),
    /// With a name for the time being, where the file system has no files without.
    Named(tempfile::NamedTempFile),
}

impl Draft {
    /// An empty file for this directory.
    pub(super) fn new(directory: &Path) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match open(directory, flags, Mode::from_raw_mode(MODE)) {
            Ok(file) => Ok(Self::Nameless(file.into())),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let mode = std::os::unix::fs::PermissionsExt::from_mode(MODE);
                let mut builder = tempfile::Builder::new();
                builder.prefix(".stbcast-mag-").permissions(mode);
                builder.tempfile_in(directory).map(Self::Named)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn file(&mut self) -> &mut File {
        match self {
            Self::Nameless(file) => file,
            Self::Named(file) => file.as_file_mut(),
        }
    }

    /// Gives it its name, which no other file may have.
    pub(super) fn name(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Nameless(file) => {
                let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
                linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
                Ok(())
            }
            Self::Named(file) => match file.persist_noclobber(path) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.error),
            },
        }
    }
}
