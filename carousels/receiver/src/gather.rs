//! Writes that lie together are carried out together.
//!
//! A write is believed to succeed and answered at once; what it wrote reaches the storage with
//! the next [`Gather::flush`]. So whoever gathers flushes before anything that relies on the
//! storage, and before the buffer the bytes lie in is used again.

use core::ops::Range;

use arrayvec::ArrayVec;

use crate::{Area, Storage};

/// Writes to one area, each beginning where the one before ends, not carried out yet; `PARTS` at
/// most.
#[derive(Default)]
pub(crate) struct Gather<const PARTS: usize> {
    /// Where the first byte goes, and where the next one would. Means nothing without parts.
    area: Option<Area>,
    start: u64,
    end: u64,
    /// Where the bytes are.
    parts: ArrayVec<Range<usize>, PARTS>,
}

impl<const PARTS: usize> Gather<PARTS> {
    /// Adds a write; flushes those before, when this one does not follow them.
    pub(crate) fn write<T: Storage>(
        &mut self,
        storage: &mut T,
        (area, offset): (Area, u64),
        part: Range<usize>,
        bytes: &[u8],
    ) -> Result<(), T::Error> {
        let follows = self.area == Some(area) && self.end == offset && !self.parts.is_full();
        if !follows {
            self.flush(storage, bytes)?;
            (self.area, self.start, self.end) = (Some(area), offset, offset);
        }
        self.end = self.end.saturating_add(part.len() as u64);
        self.parts.push(part);
        Ok(())
    }

    /// Carries out what was gathered, once, whether it succeeds or not.
    pub(crate) fn flush<T: Storage>(
        &mut self,
        storage: &mut T,
        bytes: &[u8],
    ) -> Result<(), T::Error> {
        let Some(area) = self.area.take() else { return Ok(()) };
        let in_bytes = |part: Range<usize>| bytes.get(part).unwrap_or_default();
        let parts: ArrayVec<&[u8], PARTS> = self.parts.drain(..).map(in_bytes).collect();
        match parts.as_slice() {
            [part] => storage.write(area, self.start, part),
            parts => storage.write_gathered(area, self.start, parts),
        }
    }

    /// Forgets what was gathered, for an object that is not wanted any more.
    pub(crate) fn clear(&mut self) {
        self.area = None;
        self.parts.clear();
    }
}
