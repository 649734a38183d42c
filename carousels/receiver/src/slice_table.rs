//! Which slices are held, with a fingerprint and the pass of each. Memory grows with what arrived, not with
//! what a header claims.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::passes::Tag;

const CHUNK_SLICES: u32 = 1_024;

#[derive(Clone)]
struct Chunk {
    held: [u64; CHUNK_SLICES as usize / 64],
    fingerprints: [u32; CHUNK_SLICES as usize],
    tags: [Tag; CHUNK_SLICES as usize],
}

/// The slices of one revision.
#[derive(Clone, Default)]
pub(crate) struct SliceTable {
    chunks: Vec<Option<Box<Chunk>>>,
    held: u32,
    last_length: u32,
}

const fn place(index: u32) -> (usize, usize) {
    ((index / CHUNK_SLICES) as usize, (index % CHUNK_SLICES) as usize)
}

impl SliceTable {
    /// Slices held.
    pub(crate) const fn held(&self) -> u32 {
        self.held
    }

    /// Bytes of the last slice, once it is held.
    pub(crate) const fn last_length(&self) -> u32 {
        self.last_length
    }

    /// Notes how long the last slice is: it alone may be shorter than the others.
    pub(crate) const fn set_last_length(&mut self, length: u32) {
        self.last_length = length;
    }

    /// Fingerprint and pass of a slice, when it is held.
    pub(crate) fn get(&self, index: u32) -> Option<(u32, Tag)> {
        let (chunk, slot) = place(index);
        let chunk = self.chunks.get(chunk)?.as_ref()?;
        let bits = chunk.held.get(slot / 64)?;
        if bits >> (slot % 64) & 1 == 0 {
            return None;
        }
        Some((*chunk.fingerprints.get(slot)?, *chunk.tags.get(slot)?))
    }

    /// Marks a slice as held.
    pub(crate) fn insert(&mut self, index: u32, fingerprint: u32, tag: Tag) {
        if self.get(index).is_some() {
            return;
        }
        let (number, slot) = place(index);
        if self.chunks.len() <= number {
            self.chunks.resize(number + 1, None);
        }
        let empty = || {
            let (fingerprints, tags) = ([0; CHUNK_SLICES as usize], [0; CHUNK_SLICES as usize]);
            Box::new(Chunk { held: [0; 16], fingerprints, tags })
        };
        let Some(chunk) = self.chunks.get_mut(number) else { return };
        let chunk = chunk.get_or_insert_with(empty);
        if let (Some(bits), Some(print), Some(pass)) = (
            chunk.held.get_mut(slot / 64),
            chunk.fingerprints.get_mut(slot),
            chunk.tags.get_mut(slot),
        ) {
            *bits |= 1 << (slot % 64);
            (*print, *pass) = (fingerprint, tag);
            self.held += 1;
        }
    }

    /// Forgets one slice; how many that were.
    pub(crate) fn forget_one(&mut self, index: u32) -> u32 {
        let (chunk, slot) = place(index);
        let chunk = self.chunks.get_mut(chunk).and_then(Option::as_mut);
        let Some(bits) = chunk.and_then(|chunk| chunk.held.get_mut(slot / 64)) else { return 0 };
        let was_held = *bits >> (slot % 64) & 1;
        *bits &= !(1 << (slot % 64));
        self.held -= u32::from(was_held == 1);
        u32::from(was_held == 1)
    }

    /// Forgets every slice whose pass is `stale`; how many.
    pub(crate) fn forget(&mut self, stale: impl Fn(Tag) -> bool) -> u32 {
        let before = self.held;
        for chunk in self.chunks.iter_mut().flatten() {
            for (slot, tag) in chunk.tags.iter().enumerate() {
                let Some(bits) = chunk.held.get_mut(slot / 64) else { continue };
                let bit = 1 << (slot % 64);
                if *bits & bit != 0 && stale(*tag) {
                    *bits &= !bit;
                    self.held -= 1;
                }
            }
        }
        before - self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    #[test]
    fn a_far_slice_costs_one_chunk_and_pointers() {
        let mut table = SliceTable::default();
        table.insert(2_097_151, 7, 1);
        assert_eq!(table.chunks.len(), 2_048);
        assert_eq!(table.chunks.iter().flatten().count(), 1);
        assert_eq!(table.get(2_097_151), Some((7, 1)));
        assert_eq!(table.get(2_097_150), None);
    }

    proptest! {
        #[test]
        fn it_is_a_map_that_keeps_the_first(entries in proptest::collection::vec((0u32..5_000, any::<u32>(), 0u8..3), 0..200)) {
            let mut table = SliceTable::default();
            let mut map = BTreeMap::new();
            for (index, print, tag) in entries {
                table.insert(index, print, tag);
                map.entry(index).or_insert((print, tag));
                prop_assert_eq!(table.held() as usize, map.len());
            }
            let of_one = map.values().filter(|(_, tag)| *tag == 1).count();
            prop_assert_eq!(table.forget(|tag| tag == 1) as usize, of_one);
            map.retain(|_, (_, tag)| *tag != 1);
            let known = map.keys().next().copied().unwrap_or(4_999);
            prop_assert_eq!(table.forget_one(known), u32::from(map.remove(&known).is_some()));
            prop_assert_eq!(table.forget_one(known), 0);
            prop_assert_eq!(table.held() as usize, map.len());
            for index in 0..5_000 {
                prop_assert_eq!(table.get(index), map.get(&index).copied());
            }
        }
    }
}
