//! The counting against a model that keeps sets.

use alloc::collections::BTreeSet;
use core::num::NonZeroU16;

use proptest::prelude::*;
use stbcast_fec::{Geometry, Scheme};

use super::*;
use crate::Announcement;
use crate::described::layout::Carrier;

fn layout(geometry: Geometry, parts: u16) -> Layout {
    let announcement = Announcement {
        toi: 1,
        length: Some(geometry.length()),
        sha256: None,
        slice_bytes: NonZeroU16::new(geometry.symbol_bytes() * parts),
        symbol_bytes: NonZeroU16::new(geometry.symbol_bytes()),
        geometry: Some(geometry),
        companion: None,
        kind: None,
        unicast: None,
        supersedes: None,
    };
    Layout::of(&announcement, Carrier::Channel).unwrap()
}

/// What is held, as sets.
struct Model {
    layout: Layout,
    source: BTreeSet<u32>,
    repair: BTreeSet<(u32, u32)>,
    done: BTreeSet<u32>,
}

impl Model {
    fn rank_of(&self, block: u32) -> u32 {
        let of = |symbol: &u32| self.layout.place(*symbol).unwrap().block == block;
        let source = self.source.iter().filter(|symbol| of(symbol)).count();
        let repair = self.repair.iter().filter(|(of, _)| *of == block).count();
        (source + repair).min(self.layout.source_symbols(block) as usize) as u32
    }

    fn rank(&self) -> u32 {
        let rank = |block: u32| match self.done.contains(&block) {
            true => self.layout.source_symbols(block),
            false => self.rank_of(block),
        };
        (0..self.layout.blocks()).map(rank).sum()
    }

    /// Blocks that need no recovery are done at once.
    fn settle(&mut self) {
        for block in 0..self.layout.blocks() {
            let count = self.layout.source_symbols(block);
            let of = |symbol: &&u32| self.layout.place(**symbol).unwrap().block == block;
            if self.source.iter().filter(of).count() as u32 == count {
                self.done.insert(block);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_counts_is_what_is_there_and_each_recovery_has_what_it_needs(
        length in 1u64..1_000,
        (symbol_bytes, parts, k0) in (1u16..40, 1u16..=8, 1u32..200),
        scheme in prop_oneof![Just(Scheme::Rs8), Just(Scheme::Rs16)],
        moves in proptest::collection::vec((any::<u32>(), any::<u32>(), 0u8..10), 0..150),
        repair_max in prop_oneof![Just(3u32), Just(1_000)],
    ) {
        let Ok(geometry) = Geometry::new(scheme, length, symbol_bytes, k0) else { return Ok(()) };
        let layout = layout(geometry, parts);
        let mut assembly = Assembly::new(layout, repair_max, 0);
        let (source, repair, done) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut model = Model { layout, source, repair, done };
        let (mut running, mut id) = (None::<Recovery>, 0);
        for (one, other, what) in moves {
            match what {
                0..=5 => {
                    let slice = one % layout.slices();
                    let open = |symbol: &u32| {
                        let block = layout.place(*symbol).unwrap().block;
                        model.rank_of(block) < layout.source_symbols(block)
                            && !model.done.contains(&block)
                    };
                    let new: BTreeSet<u32> = layout.symbols_of(slice).filter(open).collect();
                    let fit = assembly.slice(slice);
                    let is_new = new.iter().any(|symbol| !model.source.contains(symbol));
                    prop_assert_eq!(fit == Fit::New, is_new);
                    // In rising order, as a block may close in the middle of a slice.
                    for symbol in layout.symbols_of(slice) {
                        let block = layout.place(symbol).unwrap().block;
                        let closed = model.rank_of(block) >= layout.source_symbols(block);
                        if !closed && !model.done.contains(&block) {
                            model.source.insert(symbol);
                        }
                    }
                }
                6 | 7 => {
                    let block = one % layout.blocks();
                    let index = other % geometry.repair_symbols(block).max(1);
                    let is_open = model.rank_of(block) < layout.source_symbols(block)
                        && !model.done.contains(&block);
                    let is_room = model.repair.len() < repair_max as usize;
                    let is_new = !model.repair.contains(&(block, index));
                    let kept = assembly.repair(block, index);
                    prop_assert_eq!(kept.is_some(), is_open && is_room && is_new);
                    if let Some(offset) = kept {
                        prop_assert!(offset < u64::from(repair_max) * geometry.repair_bytes() as u64);
                        model.repair.insert((block, index));
                    }
                }
                _ => {
                    if let Some(recovery) = running.take() {
                        let outcome = RecoveryOutcome::Done;
                        let symbols = assembly.recovered(Recovered { id: recovery.id, outcome });
                        prop_assert_eq!(symbols, Some(Ok(recovery.missing.len() as u32)));
                        model.done.insert(recovery.block);
                        model.repair.retain(|(block, _)| *block != recovery.block);
                    }
                }
            }
            model.settle();
            let finished: Vec<u32> = model.done.iter().copied().collect();
            model.repair.retain(|(block, _)| !finished.contains(block));
            if let Some(recovery) = assembly.next_recovery(id) {
                prop_assert!(running.is_none(), "one at a time");
                prop_assert!(recovery.repair.len() >= recovery.missing.len());
                prop_assert!(recovery.repair.is_sorted() && recovery.missing.is_sorted());
                prop_assert_eq!(recovery.repair.len(), recovery.places.len());
                id += 1;
                running = Some(recovery);
            }
            prop_assert_eq!(assembly.rank(), model.rank());
            let whole = model.done.len() == layout.blocks() as usize;
            prop_assert_eq!(assembly.is_whole(), whole);
        }
    }
}

/// Lets a server give what is asked for, until nothing is; the symbols asked for.
fn give_all(assembly: &mut Assembly, bytes_max: u64) -> Vec<u32> {
    let (layout, mut asked) = (assembly.layout, Vec::new());
    while let Some(bytes) = assembly.next_wanted(bytes_max) {
        let symbols = layout.symbols_with(&bytes);
        assert_eq!(layout.bytes_of(&symbols), bytes, "whole symbols");
        let mut needed = alloc::vec![0; layout.blocks() as usize];
        for symbol in symbols.clone() {
            assert!(!assembly.held.get(symbol), "{symbol} is held");
            let block = layout.place(symbol).unwrap().block;
            needed[block as usize] += 1;
            assert!(needed[block as usize] <= assembly.blocks.needs(&layout, block));
        }
        assert!(assembly.wants_bytes(&bytes));
        assembly.take_bytes(&bytes, bytes.start);
        asked.extend(symbols);
    }
    asked
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_asked_for_is_just_what_is_needed_and_can_be_taken_back(
        length in 1u64..4_000,
        (symbol_bytes, parts, k0) in (1u16..40, 1u16..=8, 1u32..200),
        scheme in prop_oneof![Just(Scheme::Rs8), Just(Scheme::Rs16)],
        slices in proptest::collection::vec(any::<u32>(), 0..150),
        repair in proptest::collection::vec((any::<u32>(), any::<u32>()), 0..40),
        bytes_max in 1u64..4_000,
    ) {
        let Ok(geometry) = Geometry::new(scheme, length, symbol_bytes, k0) else { return Ok(()) };
        let layout = layout(geometry, parts);
        let mut assembly = Assembly::new(layout, 1_000, 0);
        for (one, other) in repair {
            let block = one % layout.blocks();
            assembly.repair(block, other % geometry.repair_symbols(block).max(1));
        }
        for slice in slices {
            assembly.slice(slice % layout.slices());
        }
        let (lacking, before) = (assembly.lacking(), assembly.rank());
        let mut asked = give_all(&mut assembly, bytes_max);
        prop_assert_eq!(asked.len() as u32, lacking, "no more and no less");
        asked.sort_unstable();
        asked.dedup();
        prop_assert_eq!(asked.len() as u32, lacking, "nothing twice");
        prop_assert!(assembly.has_enough());
        prop_assert_eq!(assembly.has_fetched(), lacking > 0);
        let all = 0..layout.length();
        prop_assert_eq!(assembly.take_back(&all), lacking);
        prop_assert_eq!((assembly.rank(), assembly.has_fetched()), (before, false));
        prop_assert_eq!(give_all(&mut assembly, bytes_max).len() as u32, lacking, "asked for again");
        // Now with everything recovered.
        while let Some(recovery) = assembly.next_recovery(1) {
            assembly.recovered(Recovered { id: 1, outcome: RecoveryOutcome::Done });
            prop_assert!(recovery.repair.len() >= recovery.missing.len());
        }
        prop_assert!(assembly.is_whole());
        // What was recovered with what came from servers goes, too, and its repair symbols are gone.
        let taken = assembly.take_back(&all);
        prop_assert!(taken >= lacking);
        prop_assert_eq!(assembly.is_whole(), lacking == 0);
        prop_assert_eq!(give_all(&mut assembly, bytes_max).len() as u32, taken);
        prop_assert!(assembly.is_whole());
    }
}
