//! How often a box has heard an object from beginning to end, whatever was lost of it.

use core::net::IpAddr;

use arrayvec::ArrayVec;

use crate::limits::{REORDER_SLICES, SENDERS_MAX};

/// The cycles heard of each sender.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cycles {
    /// The sender heard last stands last.
    senders: ArrayVec<Sender, SENDERS_MAX>,
    /// Cycles of senders that made room for others: the most of one.
    forgotten: u32,
}

#[derive(Clone, Debug)]
struct Sender {
    from: IpAddr,
    /// The slice that is furthest on.
    last: u32,
    /// Slices that have passed since the cycle began, lost ones too.
    passed: u32,
    /// Slices of them that arrived.
    heard: u32,
    cycles: u32,
}

impl Cycles {
    /// The most cycles that were heard of one sender. Several senders of one object send each
    /// slice more than once, but each of them sends a cycle in the time of a cycle.
    pub(crate) fn heard(&self) -> u32 {
        let most = self.senders.iter().map(|sender| sender.cycles).max();
        most.unwrap_or(0).max(self.forgotten)
    }

    /// Slice `index` of `total` arrived. `in_order` tells whether its senders go through all
    /// numbers one after the other; where they do not, arrivals alone are counted.
    pub(crate) fn note(&mut self, from: IpAddr, (index, total): (u32, u32), in_order: bool) {
        let place = self.senders.iter().position(|sender| sender.from == from);
        let mut sender = match place {
            Some(place) => self.senders.remove(place),
            None => {
                if self.senders.is_full() {
                    let gone = self.senders.remove(0);
                    self.forgotten = self.forgotten.max(gone.cycles);
                }
                Sender { from, last: index, passed: 0, heard: 0, cycles: 0 }
            }
        };
        let is_first = place.is_none();
        sender.note(index, total.max(1), in_order, is_first);
        self.senders.push(sender);
    }
}

impl Sender {
    fn note(&mut self, index: u32, total: u32, in_order: bool, is_first: bool) {
        let step = if in_order && total > 1 { self.step(index, total) } else { 1 };
        // A slice that comes twice at once is a duplicate made by the network.
        self.heard += u32::from(step > 0 || is_first || index != self.last);
        if step > 0 && !is_first {
            self.passed = self.passed.saturating_add(step).min(total.saturating_mul(2));
            self.last = index;
        }
        let is_through = self.passed >= total && self.heard >= total.div_ceil(4);
        // Whoever sends in an order of its own is through some time, too.
        if is_through || self.heard >= total.saturating_mul(2) {
            self.cycles = self.cycles.saturating_add(1);
            (self.passed, self.heard) = (self.passed.saturating_sub(total).min(total / 2), 0);
        }
    }

    /// How far slice `index` is ahead; nothing where it was overtaken.
    fn step(&self, index: u32, total: u32) -> u32 {
        let ahead = match index.checked_sub(self.last) {
            Some(ahead) => ahead,
            None => total.saturating_sub(self.last.saturating_sub(index)),
        };
        let reorder = REORDER_SLICES.min(total / 8);
        if ahead >= total - reorder { 0 } else { ahead }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use proptest::prelude::*;

    fn sender(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
    }

    /// Cycles counted after each slice of `order` that is not lost.
    fn counted(total: u32, order: impl Iterator<Item = u32>) -> u32 {
        let mut cycles = Cycles::default();
        order.for_each(|index| cycles.note(sender(1), (index, total), true));
        cycles.heard()
    }

    #[test]
    fn a_cycle_is_heard_when_the_first_slice_comes_again() {
        for total in [2, 3, 7, 100, 5_000] {
            for start in [0, 1, total / 2, total - 1] {
                let order = |count| (start..start + count).map(|at| at % total);
                assert_eq!(counted(total, order(total)), 0, "{start} of {total}");
                assert_eq!(counted(total, order(total + 1)), 1, "{start} of {total}");
                assert_eq!(counted(total, order(5 * total)), 4, "{start} of {total}");
            }
        }
    }

    #[test]
    fn of_an_object_of_one_slice_each_is_a_cycle() {
        assert_eq!(counted(1, [0; 4].into_iter()), 3);
    }

    #[test]
    fn neither_duplicates_nor_slices_that_overtook_each_other_are_cycles() {
        let twice = (0..1_000).flat_map(|at| [at, at]);
        assert_eq!(counted(1_000, twice.chain([0])), 1);
        let late = (0..1_000).flat_map(|at| [at + 3, at]).map(|at| at % 1_000);
        assert_eq!(counted(1_000, late.chain([3])), 1);
        let apart = (0..500).chain(450..1_000).chain([0, 1]);
        assert_eq!(counted(1_000, apart), 1);
    }

    #[test]
    fn two_senders_of_one_object_are_not_twice_as_fast() {
        let mut cycles = Cycles::default();
        for at in 0..2_001 {
            cycles.note(sender(1), (at % 1_000, 1_000), true);
            cycles.note(sender(2), ((at + 333) % 1_000, 1_000), true);
        }
        assert_eq!(cycles.heard(), 2);
    }

    #[test]
    fn a_sender_that_nobody_knows_an_order_of_is_counted_by_what_arrives() {
        let shuffled = (0..3_000).map(|at| at * 377 % 1_000);
        let mut cycles = Cycles::default();
        for at in shuffled.clone() {
            cycles.note(sender(1), (at, 1_000), false);
        }
        // The first arrival tells no step.
        assert_eq!(cycles.heard(), 2);
        // Taken for one in order, it is not through before a quarter of the slices has arrived.
        assert_eq!(counted(1_000, shuffled.take(249)), 0);
    }

    #[test]
    fn a_crowd_of_forged_senders_neither_grows_nor_takes_cycles_back() {
        let mut cycles = Cycles::default();
        for at in 0..301 {
            cycles.note(sender(1), (at % 100, 100), true);
        }
        assert_eq!(cycles.heard(), 3);
        for last in 2..=255 {
            cycles.note(sender(last), (0, 100), true);
        }
        assert_eq!(cycles.heard(), 3);
    }

    proptest! {
        #[test]
        fn whatever_is_lost_no_cycle_is_counted_early_and_none_much_late(
            total in 50u32..400, start in 0u32..400, percent in 0u64..65, seed: u64, cycles in 1u32..5,
        ) {
            let mut state = seed | 1;
            let mut lost = move || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 33) % 100 < percent
            };
            let sent = total * cycles;
            let order = (start..start + sent).map(|at| at % total).filter(|_| !lost());
            let counted = counted(total, order);
            prop_assert!(counted < cycles || sent == 0, "{counted} of {cycles}");
            // The ends of what arrived may be a few slices short of the ends of what was sent.
            prop_assert!(counted + 2 >= cycles, "{counted} of {cycles}");
        }

        #[test]
        fn any_numbers_in_never_panic(
            slices in proptest::collection::vec((any::<u8>(), any::<u32>()), 0..200), total: u32,
        ) {
            let mut cycles = Cycles::default();
            for (last, index) in slices {
                let index = index % total.max(1);
                cycles.note(sender(last), (index, total), index % 2 == 0);
            }
        }
    }
}
