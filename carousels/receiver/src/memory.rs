//! Bytes in memory that stand for a place of flash: offsets are the session's, and are checked.

use alloc::vec::Vec;
use core::ops::Range;

use crate::limits;

/// Writes `bytes` at `offset`, with zeros where nothing was; `None` where that is beyond memory.
pub(crate) fn put(place: &mut Vec<u8>, offset: u64, bytes: &[u8]) -> Option<()> {
    let range = range(offset, bytes.len())?;
    if place.len() < range.end {
        place.resize(range.end, 0);
    }
    place.get_mut(range)?.copy_from_slice(bytes);
    Some(())
}

/// The same in the parking area, whose length is bounded.
pub(crate) fn park(parking: &mut Vec<u8>, offset: u64, bytes: &[u8]) -> Option<()> {
    range(offset, bytes.len()).filter(|range| range.end <= limits::PARKING_BYTES)?;
    put(parking, offset, bytes)
}

/// Fills `into` from `offset` on; `None` where not all of it is there.
pub(crate) fn fill(place: &[u8], offset: u64, into: &mut [u8]) -> Option<()> {
    into.copy_from_slice(place.get(range(offset, into.len())?)?);
    Some(())
}

/// `length` bytes from `offset` on; `None` where not all of them are there.
pub(crate) fn part(place: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    place.get(range(offset, usize::try_from(length).ok()?)?)
}

/// Where these bytes are.
fn range(offset: u64, length: usize) -> Option<Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    Some(start..start.checked_add(length)?)
}
