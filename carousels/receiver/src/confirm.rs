//! Whether slices gathered over several passes are one revision.
//!
//! Infocast carries no digest. A sender changes revisions between two passes, so an object
//! gathered within one pass is whole; one gathered over more is believed only after repeated
//! slices have agreed with what is held. A gap counts as another pass too: nobody knows how long
//! it lasted. Senders go on in order, so the repeats that follow the
//! last new slice are exactly those of the earlier pass, and a few of them tell.

use crate::limits::{CONFIRM_SLICES, REORDER_SLICES};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Confirm {
    last_index: Option<u32>,
    wrapped: bool,
    agreed: u32,
}

impl Confirm {
    /// A new slice was stored.
    pub(crate) fn stored(&mut self, index: u32, total: u32) {
        self.note(index, total);
        self.agreed = 0;
    }

    /// A repeated slice agreed with the one held.
    pub(crate) fn agreed(&mut self, index: u32, total: u32) {
        self.note(index, total);
        self.agreed = self.agreed.saturating_add(1);
    }

    /// Whether a complete object of `total` slices can be believed to be one revision.
    pub(crate) fn is_enough(&self, total: u32) -> bool {
        !self.wrapped || self.agreed >= CONFIRM_SLICES.min(total)
    }

    fn note(&mut self, index: u32, total: u32) {
        let jump = self.last_index.map_or(0, |last| last.abs_diff(index));
        self.wrapped |= jump > REORDER_SLICES.min(total / 2).max(1);
        self.last_index = Some(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_needs_no_confirmation_even_when_reordered() {
        let mut confirm = Confirm::default();
        for index in [0, 2, 1, 3, 60, 5, 50] {
            confirm.stored(index, 1_000);
        }
        assert!(confirm.is_enough(1_000));
    }

    #[test]
    fn a_second_pass_needs_repeats_after_the_last_new_slice() {
        let mut confirm = Confirm::default();
        confirm.stored(500, 1_000);
        confirm.stored(0, 1_000);
        for index in 1..=CONFIRM_SLICES {
            assert!(!confirm.is_enough(1_000));
            confirm.agreed(index, 1_000);
        }
        assert!(confirm.is_enough(1_000));
        confirm.stored(700, 1_000);
        assert!(!confirm.is_enough(1_000), "a new slice starts the count again");
    }

    #[test]
    fn a_small_object_is_confirmed_by_one_repeat_of_each_slice() {
        let mut confirm = Confirm::default();
        confirm.stored(1, 2);
        confirm.stored(0, 2);
        assert!(confirm.is_enough(2), "two slices cannot tell a new pass from reordering");
        let mut confirm = Confirm::default();
        for index in [3, 0, 1, 2] {
            confirm.stored(index, 4);
        }
        assert!(!confirm.is_enough(4));
        for index in [3, 0, 1, 2] {
            confirm.agreed(index, 4);
        }
        assert!(confirm.is_enough(4));
    }
}
