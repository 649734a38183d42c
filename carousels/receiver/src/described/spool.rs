//! The repair symbols that are kept: which, and where in the repair area.

use alloc::vec::Vec;

/// A repair symbol of a block that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) index: u32,
    pub(super) place: u32,
}

/// The places of the repair area.
#[derive(Clone, Debug)]
pub(super) struct Spool {
    free: Vec<u32>,
    /// Places from here on have never been used.
    next: u32,
    /// Places there may be.
    max: u32,
}

impl Spool {
    pub(super) const fn new(max: u32) -> Self {
        Self { free: Vec::new(), next: 0, max }
    }

    /// A place nobody uses, while there is one.
    pub(super) fn take(&mut self) -> Option<u32> {
        if let Some(place) = self.free.pop() {
            return Some(place);
        }
        let place = self.next;
        if place >= self.max {
            return None;
        }
        self.next += 1;
        Some(place)
    }

    /// The places of a block that needs them no more.
    pub(super) fn give(&mut self, kept: &mut Vec<Kept>) {
        let places = core::mem::take(kept);
        if self.free.capacity() - self.free.len() < places.len() {
            // Doubling would cost half a mebibyte for nothing.
            self.free.reserve_exact(places.len().max(self.free.len() / 8));
        }
        self.free.extend(places.into_iter().map(|kept| kept.place));
    }
}

/// Where a repair symbol belongs in a list in rising order; `None` when it is in there.
pub(super) fn slot_for(kept: &[Kept], index: u32) -> Option<usize> {
    // They are sent in rising order, so that nearly every one goes to the end.
    match kept.last() {
        Some(last) if last.index >= index => {
            kept.binary_search_by_key(&index, |one| one.index).err()
        }
        _ => Some(kept.len()),
    }
}

/// Inserts without the slack of doubling.
pub(super) fn insert(kept: &mut Vec<Kept>, slot: usize, one: Kept) {
    if kept.len() == kept.capacity() {
        kept.reserve_exact((kept.len() / 8).max(4));
    }
    if slot <= kept.len() {
        kept.insert(slot, one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_never_more_than_there_may_be() {
        let mut spool = Spool::new(3);
        let mut kept: Vec<_> =
            (0..3).map(|index| Kept { index, place: spool.take().unwrap() }).collect();
        assert_eq!(spool.take(), None);
        let mut first = alloc::vec![kept.remove(0)];
        spool.give(&mut first);
        assert_eq!((spool.take(), spool.take()), (Some(0), None));
        assert!(first.is_empty());
    }

    #[test]
    fn a_list_stays_in_order_and_has_nothing_twice() {
        let mut kept = Vec::new();
        for index in [5, 6, 9, 0, 1, 6, 5, 9, 7, 0] {
            if let Some(slot) = slot_for(&kept, index) {
                insert(&mut kept, slot, Kept { index, place: 0 });
            }
        }
        let order: Vec<u32> = kept.iter().map(|one| one.index).collect();
        assert_eq!(order, [0, 1, 5, 6, 7, 9]);
    }
}
