//! How an object is cut: equal slices, the last one shorter.

use core::num::NonZeroU16;
use core::ops::Range;

/// The cut of an object of `length` bytes into slices of `slice_bytes`. An empty object is one
/// empty slice, because a carousel must send something for a box to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slices {
    length: u64,
    slice_bytes: NonZeroU16,
    count: u32,
}

/// Why an object cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlicesError {
    /// More slices than a 32-bit number counts.
    #[error("{length} bytes in slices of {slice_bytes} are more than 4294967295 slices")]
    TooMany {
        /// Length of the object in bytes.
        length: u64,
        /// Bytes of a slice.
        slice_bytes: u16,
    },
}

impl Slices {
    /// Cuts `length` bytes into slices of `slice_bytes`.
    ///
    /// # Errors
    /// When the number of slices does not fit 32 bits.
    pub fn new(length: u64, slice_bytes: NonZeroU16) -> Result<Self, SlicesError> {
        let count = length.div_ceil(u64::from(slice_bytes.get())).max(1);
        let count = u32::try_from(count)
            .map_err(|_| SlicesError::TooMany { length, slice_bytes: slice_bytes.get() })?;
        Ok(Self { length, slice_bytes, count })
    }

    /// Number of slices, at least 1.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Length of the object in bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Bytes of each slice but the last.
    pub const fn slice_bytes(&self) -> NonZeroU16 {
        self.slice_bytes
    }

    /// The bytes of the object that slice `index` (from 0) covers; empty past the end.
    pub fn range(&self, index: u32) -> Range<u64> {
        let stride = u64::from(self.slice_bytes.get());
        let start = (u64::from(index) * stride).min(self.length);
        start..(start + stride).min(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slices(length: u64, slice_bytes: u16) -> Slices {
        Slices::new(length, NonZeroU16::new(slice_bytes).unwrap()).unwrap()
    }

    #[test]
    fn an_empty_object_is_one_empty_slice() {
        assert_eq!(slices(0, 1024).count(), 1);
        assert_eq!(slices(0, 1024).range(0), 0..0);
    }

    #[test]
    fn too_many_slices_are_refused() {
        assert!(Slices::new(u64::from(u32::MAX) + 1, NonZeroU16::MIN).is_err());
        assert!(Slices::new(u64::MAX, NonZeroU16::MAX).is_err());
    }

    proptest! {
        #[test]
        fn slices_cover_the_object_once_in_order(length in 0u64..200_000, bytes in 1u16..2_000) {
            let slices = slices(length, bytes);
            let mut end = 0;
            for index in 0..slices.count() {
                let range = slices.range(index);
                prop_assert_eq!(range.start, end);
                let inner = index + 1 < slices.count();
                prop_assert!(!inner || range.end - range.start == u64::from(bytes));
                end = range.end;
            }
            prop_assert_eq!(end, length);
            prop_assert!(slices.range(slices.count()).is_empty());
        }
    }
}
