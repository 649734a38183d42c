//! One bit for each symbol or slice.

use alloc::vec;
use alloc::vec::Vec;

/// A fixed number of bits, all clear at first.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(count: u32) -> Self {
        Self(vec![0; (count as usize).div_ceil(64)])
    }

    /// Heap bytes that `count` bits take.
    pub(super) const fn bytes(count: u32) -> usize {
        (count as usize).div_ceil(64) * 8
    }

    /// Whether bit `at` is set; clear behind the end.
    pub(super) fn get(&self, at: u32) -> bool {
        let word = self.0.get(at as usize / 64).copied().unwrap_or(0);
        word >> (at % 64) & 1 == 1
    }

    /// Sets bit `at`; whether it was clear.
    pub(super) fn set(&mut self, at: u32) -> bool {
        let Some(word) = self.0.get_mut(at as usize / 64) else { return false };
        let bit = 1 << (at % 64);
        let was_clear = *word & bit == 0;
        *word |= bit;
        was_clear
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_is_one_of_its_own_and_there_is_none_behind_the_end() {
        let mut bits = Bits::new(130);
        assert!(bits.set(0) && bits.set(63) && bits.set(64) && bits.set(129));
        assert!(!bits.set(64), "it was set");
        let set: Vec<u32> = (0..1_000).filter(|at| bits.get(*at)).collect();
        assert_eq!(set, [0, 63, 64, 129]);
        assert!(!bits.set(100_000));
        assert_eq!(Bits::bytes(130), 24);
    }
}
