//! From an operator's choice to a geometry.

use crate::geometry::{Geometry, GeometryError, count_symbols};
use crate::scheme::{Choice, RAPTORQ_SENT_BLOCK_SYMBOLS_MAX, RS16_SMALL_BLOCK_SYMBOLS_MAX, Scheme};

/// Most symbols that a slice is cut into. Smaller symbols would be mostly headers. Ours.
pub const SYMBOLS_PER_SLICE_MAX: u16 = 8;

/// Bytes of the equal symbols that a slice of `slice_bytes` is cut into, so that a repair symbol
/// has at most `symbol_bytes_max`: the largest that fits. `None` where no cut into up to
/// [`SYMBOLS_PER_SLICE_MAX`] equal parts fits.
pub fn symbol_bytes_of(scheme: Scheme, slice_bytes: u16, symbol_bytes_max: u16) -> Option<u16> {
    (1..=SYMBOLS_PER_SLICE_MAX)
        .filter(|parts| slice_bytes.is_multiple_of(*parts))
        .map(|parts| slice_bytes / parts)
        .find(|&bytes| bytes > 0 && scheme.repair_bytes(bytes) <= usize::from(symbol_bytes_max))
}

impl Geometry {
    /// The geometry to send an object of `length` bytes with, cut into slices of `slice_bytes`,
    /// where a datagram of the companion has room for `symbol_bytes_max` bytes of symbol.
    ///
    /// As few blocks as the scheme allows, then all of them as equal as they come:
    /// B = ceil(N / Kmax), K0 = ceil(N / B).
    ///
    /// # Errors
    /// When the object is empty, its slices cannot be cut, or it is too long for the scheme.
    pub fn plan(
        choice: Choice,
        length: u64,
        slice_bytes: u16,
        symbol_bytes_max: u16,
    ) -> Result<Self, GeometryError> {
        let of = |scheme: Scheme, block_symbols_max: u32| {
            let symbol_bytes = symbol_bytes_of(scheme, slice_bytes, symbol_bytes_max)
                .ok_or(GeometryError::NoEqualCut { slice_bytes, symbol_bytes_max })?;
            Self::even(scheme, length, symbol_bytes, block_symbols_max)
        };
        let rs8 = || of(Scheme::Rs8, Scheme::Rs8.block_symbols_max());
        let rs16 = || of(Scheme::Rs16, Scheme::Rs16.block_symbols_max());
        match choice {
            Choice::Auto => match rs8() {
                Ok(one) if one.blocks() == 1 => Ok(one),
                _ => rs16(),
            },
            Choice::Rs8 => rs8(),
            Choice::Rs16 => rs16(),
            Choice::Rs16Small => of(Scheme::Rs16, RS16_SMALL_BLOCK_SYMBOLS_MAX),
            Choice::Raptorq => of(Scheme::Raptorq, RAPTORQ_SENT_BLOCK_SYMBOLS_MAX),
        }
    }

    fn even(
        scheme: Scheme,
        length: u64,
        symbol_bytes: u16,
        block_symbols_max: u32,
    ) -> Result<Self, GeometryError> {
        let symbols = count_symbols(length, symbol_bytes)?;
        let blocks = symbols.div_ceil(block_symbols_max);
        Self::new(scheme, length, symbol_bytes, symbols.div_ceil(blocks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn plan(choice: Choice, length: u64) -> (Scheme, u32, u32, u32) {
        let it = Geometry::plan(choice, length, 1_400, 1_428).unwrap();
        (it.scheme(), it.blocks(), it.block_symbols(), it.repair_symbols(0))
    }

    #[test]
    fn layouts_are_those_of_the_reference_table() {
        assert_eq!(plan(Choice::Auto, MIB / 4), (Scheme::Rs8, 1, 188, 67));
        assert_eq!(plan(Choice::Auto, 2 * MIB), (Scheme::Rs16, 1, 1_498, 512));
        assert_eq!(plan(Choice::Auto, 64 * MIB), (Scheme::Rs16, 2, 23_968, 8_192));
        assert_eq!(plan(Choice::Auto, 1_024 * MIB), (Scheme::Rs16, 32, 23_968, 8_192));
        assert_eq!(plan(Choice::Rs16Small, 32 * MIB), (Scheme::Rs16, 4, 5_992, 2_048));
        assert_eq!(plan(Choice::Rs16Small, 1_024 * MIB), (Scheme::Rs16, 125, 6_136, 2_048));
        assert_eq!(plan(Choice::Rs8, 2 * MIB), (Scheme::Rs8, 8, 188, 67));
        assert_eq!(plan(Choice::Rs8, 64 * MIB), (Scheme::Rs8, 240, 200, 55));
        assert_eq!(plan(Choice::Rs8, 1_024 * MIB), (Scheme::Rs8, 3_835, 200, 55));
    }

    #[test]
    fn auto_changes_the_code_behind_200_symbols() {
        assert_eq!(plan(Choice::Auto, 200 * 1_400).0, Scheme::Rs8);
        assert_eq!(plan(Choice::Auto, 200 * 1_400 + 1).0, Scheme::Rs16);
    }

    #[test]
    fn raptorq_parts_the_object_into_the_fewest_blocks() {
        let it = Geometry::plan(Choice::Raptorq, 64 * MIB, 1_400, 1_428).unwrap();
        assert_eq!((it.blocks(), it.block_symbols()), (47, 1_020));
        assert_eq!((it.source_symbols(0), it.source_symbols(46)), (1_020, 1_019));
        let error = Geometry::plan(Choice::Raptorq, 512 * MIB, 1_400, 1_428).unwrap_err();
        assert!(matches!(error, GeometryError::TooManyBlocks { max: 255, .. }), "{error}");
    }

    #[test]
    fn a_slice_too_large_for_the_companion_is_cut_into_equal_symbols() {
        assert_eq!(symbol_bytes_of(Scheme::Rs16, 1_400, 1_428), Some(1_400));
        assert_eq!(symbol_bytes_of(Scheme::Rs16, 1_456, 1_428), Some(728));
        assert_eq!(symbol_bytes_of(Scheme::Rs8, 1_455, 1_428), Some(485));
        assert_eq!(symbol_bytes_of(Scheme::Rs8, 1_459, 1_428), None, "a prime");
        assert_eq!(symbol_bytes_of(Scheme::Rs8, 0, 1_428), None);
        assert_eq!(
            Geometry::plan(Choice::Auto, MIB, 1_459, 1_428),
            Err(GeometryError::NoEqualCut { slice_bytes: 1_459, symbol_bytes_max: 1_428 })
        );
    }

    #[test]
    fn the_virtual_byte_of_an_odd_symbol_must_fit_too() {
        assert_eq!(symbol_bytes_of(Scheme::Rs16, 1_427, 1_428), Some(1_427));
        assert_eq!(symbol_bytes_of(Scheme::Rs8, 1_425, 1_425), Some(1_425));
        assert_eq!(symbol_bytes_of(Scheme::Rs16, 1_425, 1_425), Some(475));
    }
}
