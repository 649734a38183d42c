//! Bytes of a spooled revision, mapped: the only `unsafe` of the headend.
#![expect(unsafe_code, reason = "mapping a file; why it is sound stands at the call")]

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::{Mmap, MmapOptions};

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
