//! What is held of each block, counted.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::layout::Layout;
use super::spool::{Kept, Spool, insert, slot_for};

/// How far a block is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Symbols are wanted.
    #[default]
    Open,
    /// Enough are there: it is recovered, or is to be.
    Closed,
    /// Every source symbol is in the slot.
    Done,
}

/// One block.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// Source symbols received, not recovered.
    source: u32,
    /// Repair symbols beyond the usual number that decoding has asked for.
    more: u32,
    /// Symbols of it in the range that is being planned.
    planned: u32,
    pub(super) state: State,
    kept: Vec<Kept>,
}

/// The blocks of an object.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    spool: Spool,
    /// Closed blocks whose recovery has not begun.
    waiting: VecDeque<u32>,
    done: u32,
    /// Symbols that count: of each block what is there, at most what it needs.
    rank: u32,
}

impl Blocks {
    /// No symbols yet; at most `repair_max` repair symbols are kept at a time.
    pub(super) fn new(layout: &Layout, repair_max: u32) -> Self {
        let blocks = alloc::vec![Block::default(); layout.blocks() as usize];
        let spool = Spool::new(repair_max);
        Self { blocks, spool, waiting: VecDeque::new(), done: 0, rank: 0 }
    }

    /// Heap bytes that `count` blocks take, without their repair symbols.
    pub(super) const fn bytes(count: u32) -> usize {
        count as usize * size_of::<Block>()
    }

    pub(super) const fn rank(&self) -> u32 {
        self.rank
    }

    pub(super) fn all_done(&self) -> bool {
        self.done as usize == self.blocks.len()
    }

    pub(super) fn none_open(&self) -> bool {
        self.blocks.iter().all(|block| block.state != State::Open)
    }

    pub(super) fn state(&self, block: u32) -> Option<State> {
        self.blocks.get(block as usize).map(|block| block.state)
    }

    /// The repair symbols kept of a block, in rising order.
    pub(super) fn kept(&self, block: u32) -> &[Kept] {
        self.blocks.get(block as usize).map_or(&[], |block| &block.kept)
    }

    /// One more source symbol of a block has been received.
    pub(super) fn add_source(&mut self, layout: &Layout, at: u32) {
        let count = layout.source_symbols(at);
        let Some(block) = self.blocks.get_mut(at as usize) else { return };
        let before = block.rank(count);
        block.source += 1;
        self.rank += block.rank(count) - before;
        self.settle(layout, at);
    }

    /// Keeps a repair symbol, where it helps: its place.
    pub(super) fn add_repair(&mut self, layout: &Layout, at: u32, index: u32) -> Option<u32> {
        let count = layout.source_symbols(at);
        let block = self.blocks.get_mut(at as usize)?;
        if block.state != State::Open {
            return None;
        }
        let slot = slot_for(&block.kept, index)?;
        let place = self.spool.take()?;
        let before = block.rank(count);
        insert(&mut block.kept, slot, Kept { index, place });
        self.rank += block.rank(count) - before;
        self.settle(layout, at);
        Some(place)
    }

    /// Closes a block that has enough; it is done at once where nothing is missing.
    fn settle(&mut self, layout: &Layout, at: u32) {
        let Some(block) = self.blocks.get_mut(at as usize) else { return };
        let repair = u32::try_from(block.kept.len()).unwrap_or(u32::MAX);
        let counted = repair.saturating_sub(block.more);
        if block.state != State::Open || layout.still_needed(at, block.source, counted) > 0 {
            return;
        }
        if block.source >= layout.source_symbols(at) {
            self.finish(layout, at);
        } else {
            block.state = State::Closed;
            self.waiting.push_back(at);
        }
    }

    /// A block that is to be recovered next.
    pub(super) fn next_to_recover(&mut self) -> Option<u32> {
        self.waiting.pop_front()
    }

    /// Every source symbol of a block is in the slot.
    pub(super) fn finish(&mut self, layout: &Layout, at: u32) {
        let count = layout.source_symbols(at);
        let Some(block) = self.blocks.get_mut(at as usize) else { return };
        if block.state == State::Done {
            return;
        }
        self.rank += count - block.rank(count);
        self.done += 1;
        block.state = State::Done;
        self.spool.give(&mut block.kept);
    }

    /// A closed block could not be decoded with what it has: one more symbol is wanted.
    pub(super) fn want_more(&mut self, layout: &Layout, at: u32) {
        if let Some(block) = self.blocks.get_mut(at as usize) {
            block.more += 1;
            block.state = State::Open;
        }
        self.settle(layout, at);
    }

    /// What was recovered in a block, and its repair symbols, are not to be trusted.
    pub(super) fn fail(&mut self, layout: &Layout, at: u32) {
        let count = layout.source_symbols(at);
        let Some(block) = self.blocks.get_mut(at as usize) else { return };
        let before = block.rank(count);
        self.done -= u32::from(block.state == State::Done);
        self.spool.give(&mut block.kept);
        (block.state, block.more) = (State::Open, 0);
        self.rank -= before - block.rank(count);
        self.waiting.retain(|waiting| *waiting != at);
        self.settle(layout, at);
    }

    /// Source symbols that a block needs with what is there of it; none where it has enough.
    pub(super) fn needs(&self, layout: &Layout, at: u32) -> u32 {
        let Some(block) = self.blocks.get(at as usize) else { return 0 };
        if block.state != State::Open {
            return 0;
        }
        let repair = u32::try_from(block.kept.len()).unwrap_or(u32::MAX);
        let needed = layout.still_needed(at, block.source, repair.saturating_sub(block.more));
        needed.min(layout.source_symbols(at).saturating_sub(block.source))
    }

    /// One more symbol of a block is to be asked for: whether it needs that many.
    pub(super) fn plan(&mut self, layout: &Layout, at: u32) -> bool {
        let needs = self.needs(layout, at);
        let block = self.blocks.get_mut(at as usize).filter(|block| block.planned < needs);
        block.map(|block| block.planned += 1).is_some()
    }

    /// What was planned of a block is asked for, or not.
    pub(super) fn planned(&mut self, at: u32) {
        if let Some(block) = self.blocks.get_mut(at as usize) {
            block.planned = 0;
        }
    }

    /// Something of a block is not to be trusted: a source symbol that counted, where `was_held`,
    /// or else one that was, or is to be, recovered. Repair symbols that are kept stay.
    pub(super) fn lose(&mut self, layout: &Layout, at: u32, was_held: bool) {
        let count = layout.source_symbols(at);
        let Some(block) = self.blocks.get_mut(at as usize) else { return };
        let before = block.rank(count);
        self.done -= u32::from(block.state == State::Done);
        block.source -= u32::from(was_held);
        block.state = State::Open;
        self.rank -= before - block.rank(count);
        self.waiting.retain(|waiting| *waiting != at);
        self.settle(layout, at);
    }

    /// Whether something in a block that is done was recovered, not received.
    pub(super) fn has_recovered(&self, layout: &Layout, at: u32) -> bool {
        let block = self.blocks.get(at as usize);
        block.is_some_and(|block| {
            block.state == State::Done && block.source < layout.source_symbols(at)
        })
    }
}

impl Block {
    /// What counts of it, where it has `count` source symbols.
    fn rank(&self, count: u32) -> u32 {
        if self.state == State::Done {
            return count;
        }
        let repair = u32::try_from(self.kept.len()).unwrap_or(u32::MAX);
        self.source.saturating_add(repair).min(count)
    }
}
