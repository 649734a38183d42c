//! Files of the spool, mapped: the only `unsafe` of the headend beside the start of child processes.
#![expect(unsafe_code, reason = "mapping a file; why it is sound stands at the call")]

use std::fs::File;
use std::io::{self, Read};
use std::ops::{Deref, DerefMut};

use memmap2::{Advice, Mmap, MmapMut, MmapOptions};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

/// The bytes of a file of the spool. They stay while this value lives, even when the file is
/// removed from the spool meanwhile.
#[derive(Debug)]
pub struct Mapped(Option<Mmap>);

impl Mapped {
    /// Maps a file that nobody will ever write to or truncate: one the spool has made read-only
    /// and only ever unlinks.
    ///
    /// # Errors
    /// When the system refuses to map it.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the mapping is private to us as far as writes go: spool files are created by us
        // under a temporary name, made read-only before they get their final name, never opened
        // for writing again and only ever unlinked, which leaves mapped pages intact. Operators'
        // own files are never mapped.
        let map = unsafe { MmapOptions::new().map(file)? };
        Ok(Self(Some(map)))
    }
}

impl Deref for Mapped {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// A file in the making, mapped for writing.
pub(crate) struct Draft(MmapMut);

impl Draft {
    /// Gives an empty file that nobody else has open `length` bytes, 1 or more, and maps them.
    /// Room for all of them is taken on the disk at once, because a mapping has no way to say later
    /// that there is none.
    ///
    /// # Errors
    /// When the disk is full or the system refuses to map the file.
    pub(crate) fn new(file: &File, length: u64) -> io::Result<Self> {
        match fallocate(file, FallocateFlags::empty(), 0, length) {
            Ok(()) => {}
            // Some file systems only know of room that has been written to.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                io::copy(&mut io::repeat(0).take(length), &mut &*file)?;
            }
            Err(error) => return Err(error.into()),
        }
        // SAFETY: the file is a temporary one that we have just made, under a random name that only
        // we know, readable by us alone; no other mapping of it exists, and nobody truncates it.
        let map = unsafe { MmapOptions::new().map_mut(file)? };
        // Touching a page that was never written makes the system read ahead, megabytes of nothing,
        // in one go that delays every thread on that processor by 20 ms and more.
        // Advice is never needed: a kernel that takes none is only slower.
        let _ = map.advise(Advice::Random);
        Ok(Self(map))
    }

    /// The bytes as they are on air. Like every [`Mapped`] they stand for a file that is not
    /// written to again.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn finish(self) -> io::Result<Mapped> {
        let _ = self.0.advise(Advice::Normal);
        Ok(Mapped(Some(self.0.make_read_only()?)))
    }
}

impl Deref for Draft {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Draft {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_becomes_what_was_written_to_it() {
        let file = tempfile::tempfile().unwrap();
        let mut draft = Draft::new(&file, 5_000).unwrap();
        assert!(draft.iter().all(|&byte| byte == 0));
        draft[4_999] = 7;
        let mapped = draft.finish().unwrap();
        assert_eq!((mapped.len(), mapped[4_999]), (5_000, 7));
        assert_eq!(Mapped::new(&file).unwrap()[4_999], 7);
    }

    #[test]
    fn a_disk_without_room_is_an_error_before_anything_is_written() {
        let file = tempfile::tempfile().unwrap();
        assert!(Draft::new(&file, 1 << 60).is_err());
    }
}
