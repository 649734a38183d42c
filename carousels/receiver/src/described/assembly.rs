//! One announced object being put together of slices and repair symbols.
//!
//! ```text
//!  slice ──needed?──> Slot ──────┐                    ┌─> all blocks done: digest
//!  repair ─needed?──> Repair ────┴─ rank reached? ────┴─> Recovery, one at a time
//! ```
//!
//! Symbols are counted, not looked at: that a block has enough of them is exact for the codes of
//! ours. Whether they were true is told by the digest; see [`audit`](super::audit) for what
//! happens then.

use alloc::vec::Vec;

use self::journal::Journal;
use self::plan::Fetched;
use super::audit::Audit;
use super::bits::Bits;
use super::blocks::{Blocks, State};
use super::layout::Layout;
use crate::{Recovered, Recovery, RecoveryOutcome};

/// What an arriving slice is to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Something of it is new: write it.
    New,
    /// All of it is there, or will be.
    Known,
    /// All of it is there, and it is to be compared with the slot.
    Doubted,
}

/// The block being recovered.
#[derive(Clone, Copy, Debug)]
struct Running {
    id: u64,
    block: u32,
    missing: u32,
    /// What it works with turned out to be wrong.
    spoiled: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Assembly {
    pub(super) layout: Layout,
    /// Symbols that were received, not recovered.
    held: Bits,
    blocks: Blocks,
    running: Option<Running>,
    pub(super) audit: Option<Audit>,
    repair_max: u32,
    decoder_bytes: usize,
    fetched: Fetched,
    /// Only of an object that is resumed.
    journal: Option<Journal>,
}

impl Assembly {
    /// Nothing held yet. At most `repair_max` repair symbols are kept at a time, and the decoder
    /// may use `decoder_bytes`.
    pub(super) fn new(layout: Layout, repair_max: u32, decoder_bytes: usize) -> Self {
        let (held, blocks) = (Bits::new(layout.symbols()), Blocks::new(&layout, repair_max));
        Self {
            layout,
            held,
            blocks,
            running: None,
            audit: None,
            repair_max,
            decoder_bytes,
            fetched: Fetched::default(),
            journal: None,
        }
    }

    /// Drops all that is held. Of what comes then nothing is told for a restart.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.layout, self.repair_max, self.decoder_bytes);
    }

    /// Symbols that count, of [`Layout::symbols`].
    pub(super) const fn rank(&self) -> u32 {
        self.blocks.rank()
    }

    /// Whether no block lacks more than `permille` of 1,000 of its source symbols.
    pub(super) fn lacks_at_most_in_each(&self, permille: u16) -> bool {
        let needed = |block| (self.blocks.needs(&self.layout, block), block);
        (0..self.layout.blocks()).map(needed).all(|(needs, block)| {
            let of = u64::from(self.layout.source_symbols(block));
            u64::from(needs) * 1_000 <= of * u64::from(permille)
        })
    }

    /// Whether every symbol is in the slot.
    pub(super) fn is_whole(&self) -> bool {
        self.blocks.all_done() && self.running.is_none()
    }

    /// Whether nothing more is wanted: each block is done or has what it is recovered from, and
    /// nothing is doubted.
    pub(super) fn has_enough(&self) -> bool {
        self.audit.is_none() && self.rank() == self.layout.symbols() && self.blocks.none_open()
    }

    /// Takes note of a slice that arrived.
    pub(super) fn slice(&mut self, slice: u32) -> Fit {
        let mut fit = Fit::Known;
        let mut is_there = true;
        if self.fetched.is_any() && self.is_wanted(slice) {
            self.came_by_multicast(slice);
        }
        for symbol in self.layout.symbols_of(slice) {
            if self.held.get(symbol) {
                continue;
            }
            let Some(place) = self.layout.place(symbol) else { continue };
            match self.blocks.state(place.block) {
                Some(State::Open) => {
                    fit = Fit::New;
                    self.hold(symbol, place.block);
                }
                Some(State::Done) => {}
                // It is being recovered just now.
                Some(State::Closed) | None => is_there = false,
            }
        }
        match &self.audit {
            Some(audit) if fit == Fit::Known && is_there && audit.wants(slice) => Fit::Doubted,
            _ => fit,
        }
    }

    /// Whether something of a slice is missing and needed.
    fn is_wanted(&self, slice: u32) -> bool {
        self.layout.symbols_of(slice).any(|symbol| self.wants(symbol))
    }

    fn wants(&self, symbol: u32) -> bool {
        let place = self.layout.place(symbol);
        let state = place.and_then(|place| self.blocks.state(place.block));
        !self.held.get(symbol) && state == Some(State::Open)
    }

    fn hold(&mut self, symbol: u32, block: u32) {
        if self.held.set(symbol) {
            if let Some(journal) = &mut self.journal {
                journal.note(symbol);
            }
            self.blocks.add_source(&self.layout, block);
        }
    }

    /// Takes note of a repair symbol: where in the repair area it is to be kept, in bytes; `None`
    /// where it is of no use.
    pub(super) fn repair(&mut self, block: u32, index: u32) -> Option<u64> {
        let repair_bytes = self.layout.geometry()?.repair_bytes() as u64;
        let place = self.blocks.add_repair(&self.layout, block, index)?;
        Some(u64::from(place) * repair_bytes)
    }

    /// The next recovery, where one is due and none is under way.
    pub(super) fn next_recovery(&mut self, id: u64) -> Option<Recovery> {
        if self.running.is_some() {
            return None;
        }
        let geometry = *self.layout.geometry()?;
        let block = self.blocks.next_to_recover()?;
        let is_missing = |index: &u32| {
            geometry.symbol(block, *index).is_some_and(|symbol| !self.held.get(symbol))
        };
        let missing: Vec<u32> = (0..geometry.source_symbols(block)).filter(is_missing).collect();
        let kept = self.blocks.kept(block);
        let repair = kept.iter().map(|kept| kept.index).collect();
        let places = kept.iter().map(|kept| kept.place).collect();
        let count = u32::try_from(missing.len()).unwrap_or(u32::MAX);
        self.running = Some(Running { id, block, missing: count, spoiled: false });
        let memory_bytes = self.decoder_bytes;
        Some(Recovery { id, geometry, block, missing, repair, places, memory_bytes })
    }

    /// A recovery ended: the symbols it recovered; `None` when it is not the one under way.
    ///
    /// # Errors
    /// When the storage cannot recover.
    pub(super) fn recovered(&mut self, recovered: Recovered) -> Option<Result<u32, ()>> {
        let running = self.running.take_if(|running| running.id == recovered.id)?;
        Some(match recovered.outcome {
            RecoveryOutcome::Failed => Err(()),
            _ if running.spoiled => {
                self.blocks.fail(&self.layout, running.block);
                Ok(0)
            }
            RecoveryOutcome::Done => {
                self.blocks.finish(&self.layout, running.block);
                self.note_recovered(running.block);
                Ok(running.missing)
            }
            RecoveryOutcome::WantsMore => {
                self.blocks.want_more(&self.layout, running.block);
                Ok(0)
            }
        })
    }

    /// Slices that were received go on counting, repair symbols are given up: this storage cannot
    /// recover.
    pub(super) fn give_up_repair(&mut self) {
        let (old, layout) = (self.layout, self.layout.without_repair());
        let mut plain = Self::new(layout, 0, 0);
        for slice in 0..layout.slices() {
            let is_there = |symbol| {
                let done = old.place(symbol).and_then(|place| self.blocks.state(place.block));
                self.held.get(symbol) || done == Some(State::Done)
            };
            if old.symbols_of(slice).all(is_there) {
                plain.slice(slice);
            }
        }
        plain.audit = self.audit.take();
        plain.fetched = self.fetched_slices();
        plain.journal = self.journal_slices(&layout);
        *self = plain;
    }

    /// From here on, what arrives is compared with what is held.
    pub(super) fn doubt(&mut self) {
        self.audit = Some(Audit::new(self.layout.slices()));
    }

    /// A slice is as the slot has it: nothing more is needed for it.
    pub(super) fn proven(&mut self, slice: u32) {
        self.note_compared(slice, true);
        self.receive_all(slice);
    }

    /// A slice differed from the slot and replaces what is there. What was recovered with the help
    /// of it, or beside it, is as wrong.
    pub(super) fn disproven(&mut self, slice: u32) {
        self.note_compared(slice, false);
        for symbol in self.layout.symbols_of(slice) {
            let Some(place) = self.layout.place(symbol) else { continue };
            if self.blocks.has_recovered(&self.layout, place.block) {
                self.blocks.fail(&self.layout, place.block);
            }
            if let Some(running) = &mut self.running {
                running.spoiled |= running.block == place.block;
            }
        }
        self.receive_all(slice);
    }

    fn note_compared(&mut self, slice: u32, equal: bool) {
        if let Some(audit) = &mut self.audit {
            audit.note(slice, equal);
        }
    }

    fn receive_all(&mut self, slice: u32) {
        self.came_by_multicast(slice);
        for symbol in self.layout.symbols_of(slice) {
            let Some(place) = self.layout.place(symbol) else { continue };
            if self.blocks.state(place.block) != Some(State::Closed) {
                self.hold(symbol, place.block);
            }
        }
    }
}

mod journal;
mod plan;

pub(super) use self::journal::Journal as Journaled;

#[cfg(test)]
mod tests;
