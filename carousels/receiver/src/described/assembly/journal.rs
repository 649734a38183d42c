//! What was in the slot before the fetch began, and what no journal has yet.

use alloc::vec::Vec;
use core::ops::Range;

use super::super::bits::Bits;
use super::super::blocks::State;
use super::super::layout::Layout;
use super::Assembly;
use crate::limits::{KEEP_BYTES_MAX, KEEP_PARTS};

/// Two bits for each symbol of an object that can be resumed.
#[derive(Clone, Debug)]
pub(in super::super) struct Journal {
    /// Symbols that the storage held.
    resumed: Bits,
    /// Symbols that are in the slot, and nobody was told.
    untold: Bits,
    count: u32,
    /// Least bytes that are worth telling.
    keep_bytes: u64,
    /// So many symbols are worth telling.
    due: u32,
}

impl Journal {
    fn new(layout: &Layout, keep_bytes: u64) -> Self {
        let bits = Bits::new(layout.symbols());
        let part = (layout.length() / KEEP_PARTS).min(KEEP_BYTES_MAX).max(keep_bytes);
        let due = layout.symbols_within(part);
        Self { resumed: bits.clone(), untold: bits, count: 0, keep_bytes, due }
    }

    /// Heap bytes for an object of this layout.
    pub(in super::super) const fn bytes(symbols: u32) -> usize {
        2 * Bits::bytes(symbols)
    }

    /// A symbol is in the slot.
    pub(super) fn note(&mut self, symbol: u32) {
        self.count += u32::from(self.untold.set(symbol));
    }
}

impl Assembly {
    /// From here on, what is there is to be known after a restart.
    #[must_use]
    pub(in super::super) fn journaled(mut self, keep_bytes: u64) -> Self {
        self.journal = Some(Journal::new(&self.layout, keep_bytes));
        self
    }

    /// The slot has these bytes already: how many symbols that are.
    pub(in super::super) fn resume(&mut self, bytes: &Range<u64>) -> u32 {
        let symbols = self.layout.symbols_inside(bytes);
        let mut count = 0;
        for symbol in symbols {
            let Some(place) = self.layout.place(symbol) else { continue };
            let Some(journal) = &mut self.journal else { return count };
            if self.blocks.state(place.block) == Some(State::Open) && self.held.set(symbol) {
                journal.resumed.set(symbol);
                self.blocks.add_source(&self.layout, place.block);
                count += 1;
            }
        }
        count
    }

    /// Bytes of the symbols that were there.
    pub(in super::super) fn resumed_bytes(&self) -> u64 {
        let Some(journal) = &self.journal else { return 0 };
        let runs = runs(&journal.resumed, self.layout.symbols());
        let bytes = runs.map(|run| self.layout.bytes_of(&run)).map(|one| one.end - one.start);
        bytes.sum()
    }

    /// What was there counts no more, nor what was recovered with it: how many symbols were there.
    pub(in super::super) fn drop_resumed(&mut self) -> u32 {
        let Some(journal) = &mut self.journal else { return 0 };
        let resumed = core::mem::take(&mut journal.resumed);
        let (end, mut count) = (self.layout.symbols(), 0);
        for symbol in runs(&resumed, end).flatten() {
            count += 1;
            let Some(place) = self.layout.place(symbol) else { continue };
            let was_held = self.held.clear(symbol);
            self.blocks.lose(&self.layout, place.block, was_held);
            if let Some(running) = &mut self.running {
                running.spoiled |= running.block == place.block;
            }
        }
        if count > 0 {
            // What was recovered may have been with what is dropped.
            journal.untold.retain(&self.held);
            journal.count = journal.untold.count();
        }
        count
    }

    /// Whether so much is there that nobody was told that it should be.
    pub(in super::super) fn is_keep_due(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.count >= journal.due)
    }

    /// The symbols that are there and nobody was told, once.
    pub(in super::super) fn untold(&mut self) -> Vec<Range<u32>> {
        let Some(journal) = &mut self.journal else { return Vec::new() };
        journal.count = 0;
        let found = runs(&journal.untold, self.layout.symbols()).collect();
        journal.untold.clear_all();
        found
    }

    /// Takes note of a block whose last symbols were recovered.
    pub(super) fn note_recovered(&mut self, block: u32) {
        let Some(journal) = &mut self.journal else { return };
        for index in 0..self.layout.source_symbols(block) {
            let symbol = self.layout.symbol_at(block, index);
            if let Some(symbol) = symbol.filter(|symbol| !self.held.get(*symbol)) {
                journal.note(symbol);
            }
        }
    }

    /// The same for the object without its code, whose symbols are the slices that `plain` holds.
    pub(super) fn journal_slices(&self, plain: &Layout) -> Option<Journal> {
        let old = self.journal.as_ref()?;
        let mut journal = Journal::new(plain, old.keep_bytes);
        for slice in 0..plain.symbols() {
            let mut of_slice = self.layout.symbols_of(slice);
            // What was recovered may have been with what was there.
            if of_slice.clone().any(|at| old.resumed.get(at) || !self.held.get(at)) {
                journal.resumed.set(slice);
            }
            if of_slice.any(|at| old.untold.get(at)) {
                journal.note(slice);
            }
        }
        Some(journal)
    }
}

fn runs(bits: &Bits, end: u32) -> impl Iterator<Item = Range<u32>> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let start = bits.next_set(at, end);
        at = bits.next_clear(start, end);
        (start < end).then_some(start..at)
    })
}
