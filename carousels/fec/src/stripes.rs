//! Stripes: the byte columns of all symbols of a block, a few at a time.

use core::ops::Range;

use crate::error::SetupError;
use crate::scheme::Scheme;

/// Stripes begin at multiples of this many byte columns. `rs16` codes 64 bytes of a symbol together
/// (32 low bytes, then 32 high ones), so stripes at other places would be another code.
pub const STRIPE_ALIGN_BYTES: usize = 64;

/// The stripes of a symbol from left to right; the last may be narrower.
#[derive(Clone, Debug)]
pub struct Stripes {
    next: usize,
    end: usize,
    width: usize,
}

impl Stripes {
    /// Stripes of at most `width` columns over symbols of `symbol_bytes`; `width` is a multiple of
    /// [`STRIPE_ALIGN_BYTES`] and not zero.
    pub(crate) fn new(symbol_bytes: usize, width: usize) -> Self {
        Self { next: 0, end: symbol_bytes, width: width.max(STRIPE_ALIGN_BYTES) }
    }
}

impl Iterator for Stripes {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        if self.next >= self.end {
            return None;
        }
        let start = self.next;
        self.next = (start + self.width).min(self.end);
        Some(start..self.next)
    }
}

/// The stripe that covers `symbol_bytes` in the fewest passes with `bytes_per_column` of work space
/// within `memory_bytes`, and no wider than that: a narrow rest would cost as much as a whole pass.
///
/// # Errors
/// When not even the narrowest does.
pub(crate) fn width_within(
    scheme: Scheme,
    symbol_bytes: usize,
    bytes_per_column: usize,
    memory_bytes: usize,
) -> Result<usize, SetupError> {
    let most = memory_bytes / bytes_per_column.max(1);
    let width = most - most % STRIPE_ALIGN_BYTES;
    if width == 0 {
        return Err(SetupError::Memory {
            scheme,
            needed_bytes: bytes_per_column.saturating_mul(STRIPE_ALIGN_BYTES),
            given_bytes: memory_bytes,
        });
    }
    let passes = symbol_bytes.div_ceil(width).max(1);
    Ok(symbol_bytes.div_ceil(passes).max(1).next_multiple_of(STRIPE_ALIGN_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn stripes_cover_a_symbol_once_in_order() {
        let all: Vec<_> = Stripes::new(1_400, 512).collect();
        assert_eq!(all, [0..512, 512..1_024, 1_024..1_400]);
        let mut one = Stripes::new(30, 64);
        assert_eq!((one.next(), one.next()), (Some(0..30), None));
    }

    #[test]
    fn the_width_is_what_memory_allows() {
        let width = |memory| width_within(Scheme::Rs16, 1_400, 32_768, memory);
        assert_eq!(width(8 << 20), Ok(256));
        assert_eq!(width(20 << 20), Ok(512), "three passes of 512, not two of 640 and a rest");
        assert_eq!(width(usize::MAX), Ok(1_408));
        assert_eq!(
            width((2 << 20) - 1),
            Err(SetupError::Memory {
                scheme: Scheme::Rs16,
                needed_bytes: 2 << 20,
                given_bytes: (2 << 20) - 1
            })
        );
    }
}
