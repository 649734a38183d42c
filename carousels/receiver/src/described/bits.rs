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

    /// Clears bit `at`; whether it was set.
    pub(super) fn clear(&mut self, at: u32) -> bool {
        let Some(word) = self.0.get_mut(at as usize / 64) else { return false };
        let bit = 1 << (at % 64);
        let was_set = *word & bit != 0;
        *word &= !bit;
        was_set
    }

    /// Clears what `other` has clear.
    pub(super) fn retain(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine &= theirs;
        }
    }

    /// How many are set.
    pub(super) fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).fold(0, u32::saturating_add)
    }

    /// Clears all.
    pub(super) fn clear_all(&mut self) {
        self.0.fill(0);
    }

    /// The first bit that is set from `from` on, below `end`; else `end`.
    pub(super) fn next_set(&self, from: u32, end: u32) -> u32 {
        self.next(from, end, |word| word)
    }

    /// The first bit that is clear from `from` on, below `end`; else `end`.
    pub(super) fn next_clear(&self, from: u32, end: u32) -> u32 {
        self.next(from, end, |word| !word)
    }

    fn next(&self, from: u32, end: u32, wanted: impl Fn(u64) -> u64) -> u32 {
        let mut at = from;
        while at < end {
            let word = self.0.get(at as usize / 64).copied().unwrap_or(0);
            let rest = wanted(word) >> (at % 64);
            if rest != 0 {
                return at.saturating_add(rest.trailing_zeros()).min(end);
            }
            at = at.saturating_add(64 - at % 64);
        }
        end
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
        assert!(bits.clear(64) && !bits.clear(64) && !bits.clear(100_000) && bits.get(63));
        assert_eq!(Bits::bytes(130), 24);
    }

    #[test]
    fn the_next_bit_of_a_kind_is_found_across_words() {
        let mut bits = Bits::new(300);
        for at in [3, 63, 64, 200] {
            bits.set(at);
        }
        let next = |from| (bits.next_set(from, 250), bits.next_clear(from, 250));
        assert_eq!([0, 3, 4, 63, 65].map(next), [(3, 0), (3, 4), (63, 4), (63, 65), (200, 65)]);
        assert_eq!(
            [200, 201, 250, 999].map(next),
            [(200, 201), (250, 201), (250, 250), (250, 250)]
        );
        assert_eq!((bits.next_set(65, 100), Bits::default().next_set(0, 9)), (100, 9));
    }
}
