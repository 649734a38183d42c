//! One block to recover, as the codecs see it.

use core::ops::Range;

use crate::decoder::Store;
use crate::error::CodecError;
use crate::geometry::Geometry;
use crate::identifiers::RepairId;

/// A block, what it lacks and what is there to repair it; checked.
pub(crate) struct Job<'a> {
    pub(crate) geometry: &'a Geometry,
    pub(crate) block: u32,
    /// Indices of missing source symbols, rising.
    pub(crate) missing: &'a [u32],
    /// Indices of held repair symbols, rising; at least as many as are missing.
    pub(crate) repair: &'a [u32],
}

impl<'a> Job<'a> {
    /// Checks what a caller asks for; lists that are in range and rising are bounded by M and K.
    pub(crate) fn new<E>(
        geometry: &'a Geometry,
        block: u32,
        missing: &'a [u32],
        repair: &'a [u32],
    ) -> Result<Self, CodecError<E>> {
        if block >= geometry.blocks() {
            return Err(CodecError::Block { block, blocks: geometry.blocks() });
        }
        check_rising(missing, geometry.source_symbols(block))?;
        check_rising(repair, geometry.repair_symbols(block))?;
        let lacking = missing.len().saturating_sub(repair.len());
        if lacking > 0 {
            let missing = u32::try_from(lacking).unwrap_or(u32::MAX);
            return Err(CodecError::TooFew { missing });
        }
        Ok(Self { geometry, block, missing, repair })
    }

    /// As many repair symbols as source symbols are missing: more would not help an MDS code.
    pub(crate) fn repair_used(&self) -> &'a [u32] {
        self.repair.get(..self.missing.len()).unwrap_or(self.repair)
    }

    /// Indices of the source symbols that are there, rising.
    pub(crate) fn held(&self) -> impl Iterator<Item = u32> + 'a {
        let mut missing = self.missing.iter().copied().peekable();
        (0..self.geometry.source_symbols(self.block))
            .filter(move |index| missing.next_if_eq(index).is_none())
    }

    /// Fills `into` with the stripe of a held source symbol, zeros behind the object's end.
    pub(crate) fn load<S: Store>(
        &self,
        store: &mut S,
        index: u32,
        columns: &Range<usize>,
        into: &mut [u8],
    ) -> Result<(), CodecError<S::Error>> {
        let range = self.geometry.stripe(self.block, index, columns);
        let (real, padding) = into.split_at_mut(width(&range).min(into.len()));
        padding.fill(0);
        if real.is_empty() {
            return Ok(());
        }
        store.read_source(range.start, real).map_err(CodecError::Store)
    }

    /// Fills `into` with the stripe of a held repair symbol.
    pub(crate) fn load_repair<S: Store>(
        &self,
        store: &mut S,
        index: u32,
        columns: &Range<usize>,
        into: &mut [u8],
    ) -> Result<(), CodecError<S::Error>> {
        let id = RepairId { block: self.block, index };
        store.read_repair(id, columns.start, into).map_err(CodecError::Store)
    }

    /// Hands out the recovered stripe of a missing source symbol, without its padding.
    pub(crate) fn save<S: Store>(
        &self,
        store: &mut S,
        index: u32,
        columns: &Range<usize>,
        bytes: &[u8],
    ) -> Result<(), CodecError<S::Error>> {
        let range = self.geometry.stripe(self.block, index, columns);
        match bytes.get(..width(&range)) {
            Some([]) | None => Ok(()),
            Some(real) => store.write_source(range.start, real).map_err(CodecError::Store),
        }
    }
}

/// Length of a range that lies within one symbol.
pub(crate) fn width(range: &Range<u64>) -> usize {
    usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0)
}

fn check_rising<E>(indices: &[u32], count: u32) -> Result<(), CodecError<E>> {
    let mut least = 0;
    for &index in indices {
        if index < least || index >= count {
            return Err(CodecError::Symbol { index });
        }
        least = index.saturating_add(1);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::Scheme;
    use alloc::vec::Vec;

    #[test]
    fn requests_that_make_no_sense_are_refused() {
        let geometry = Geometry::new(Scheme::Rs8, 100, 10, 5).unwrap();
        let refused = |block, missing: &[u32], repair: &[u32]| {
            Job::new::<()>(&geometry, block, missing, repair).err()
        };
        assert_eq!(refused(2, &[], &[]), Some(CodecError::Block { block: 2, blocks: 2 }));
        assert_eq!(refused(0, &[5], &[0]), Some(CodecError::Symbol { index: 5 }));
        assert_eq!(refused(0, &[1, 1], &[0, 1]), Some(CodecError::Symbol { index: 1 }));
        assert_eq!(refused(0, &[0], &[250]), Some(CodecError::Symbol { index: 250 }));
        assert_eq!(refused(0, &[0, 1], &[3, 2]), Some(CodecError::Symbol { index: 2 }));
        assert_eq!(refused(0, &[0, 1, 2], &[7]), Some(CodecError::TooFew { missing: 2 }));
        assert_eq!(refused(1, &[0, 4], &[0, 249]), None);
    }

    #[test]
    fn held_is_what_is_not_missing() {
        let geometry = Geometry::new(Scheme::Rs8, 100, 10, 10).unwrap();
        let job = Job::new::<()>(&geometry, 0, &[0, 3, 9], &[1, 2, 3]).unwrap();
        assert_eq!(job.held().collect::<Vec<_>>(), [1, 2, 4, 5, 6, 7, 8]);
    }
}
