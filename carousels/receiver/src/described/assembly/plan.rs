//! What is asked of servers next, and what came from them.
//!
//! Asked for is what is missing and needed, never more: a block that lacks ten symbols and has six
//! repair symbols needs four. Which of the ten does not matter to the code, so those are taken that
//! lie together, the longest runs first.

use core::ops::Range;

use super::super::bits::Bits;
use super::super::blocks::State;
use super::Assembly;

/// Lengths of runs, in symbols: those of the first or more are asked for first, and so on.
const RUNS: [u32; 4] = [256, 32, 4, 1];

/// What came from servers.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetched {
    /// Symbols whose bytes in the slot, or some of them, came from servers. Nothing is set aside for
    /// them before the first.
    symbols: Bits,
    any: bool,
    sweep: Sweep,
}

/// How far the object has been gone through for runs.
#[derive(Clone, Copy, Debug, Default)]
struct Sweep {
    /// Which of [`RUNS`].
    run: usize,
    /// First symbol not looked at.
    at: u32,
}

impl Fetched {
    /// Whether anything ever came from servers: most objects never need to know more.
    pub(super) const fn is_any(&self) -> bool {
        self.any
    }
}

impl Assembly {
    /// Symbols that are lacking, source or repair.
    pub(in super::super) const fn lacking(&self) -> u32 {
        self.layout.symbols().saturating_sub(self.rank())
    }

    /// The next bytes to be asked for, at most `bytes_max` or one symbol; `None` when every block
    /// has enough.
    pub(in super::super) fn next_wanted(&mut self, bytes_max: u64) -> Option<Range<u64>> {
        let most = self.layout.symbols_within(bytes_max);
        // What the last sweep passed over may be missing again.
        let found = self.sweep(most).or_else(|| self.sweep(most));
        found.map(|symbols| self.layout.bytes_of(&symbols))
    }

    fn sweep(&mut self, most: u32) -> Option<Range<u32>> {
        let Sweep { mut run, mut at } = core::mem::take(&mut self.fetched.sweep);
        let end = self.layout.symbols();
        while let Some(least) = RUNS.get(run) {
            loop {
                at = self.held.next_clear(at, end);
                if at >= end {
                    break;
                }
                let found = self.run_from(at, most);
                at = found.end.max(at.saturating_add(1));
                if found.end - found.start >= *least.min(&most) {
                    self.fetched.sweep = Sweep { run, at };
                    return Some(found);
                }
            }
            (run, at) = (run + 1, 0);
        }
        None
    }

    /// The symbols in a row from `start` on that are missing and needed.
    fn run_from(&mut self, start: u32, most: u32) -> Range<u32> {
        let mut end = start;
        let last = start.saturating_add(most).min(self.layout.symbols());
        while end < last && !self.held.get(end) {
            let Some(place) = self.layout.place(end) else { break };
            if !self.blocks.plan(&self.layout, place.block) {
                break;
            }
            end += 1;
        }
        for symbol in start..end {
            if let Some(place) = self.layout.place(symbol) {
                self.blocks.planned(place.block);
            }
        }
        start..end
    }

    /// Whether one of these bytes is of a symbol that is missing and needed: only then they are to
    /// be written.
    pub(in super::super) fn wants_bytes(&self, bytes: &Range<u64>) -> bool {
        self.layout.symbols_with(bytes).any(|symbol| self.wants(symbol))
    }

    /// `bytes` came from a server and are written. They end a row that began at `since` and was
    /// written without a gap: symbols that lie in it are there now.
    pub(in super::super) fn take_bytes(&mut self, bytes: &Range<u64>, since: u64) {
        if !self.fetched.any {
            self.fetched.symbols = Bits::new(self.layout.symbols());
            self.fetched.any = true;
        }
        for symbol in self.layout.symbols_with(bytes) {
            self.fetched.symbols.set(symbol);
            let own = self.layout.bytes_of(&(symbol..symbol + 1));
            let Some(place) = self.layout.place(symbol) else { continue };
            let is_open = self.blocks.state(place.block) == Some(State::Open);
            if is_open && own.start >= since && own.end <= bytes.end {
                self.hold(symbol, place.block);
            }
        }
    }

    /// A slice that came by multicast takes its place in the slot. Where something was recovered, or
    /// is being recovered, with what was there before, that goes on being doubted.
    pub(super) fn came_by_multicast(&mut self, slice: u32) {
        if !self.fetched.any {
            return;
        }
        for symbol in self.layout.symbols_of(slice) {
            let place = self.layout.place(symbol);
            if place.and_then(|place| self.blocks.state(place.block)) == Some(State::Open) {
                self.fetched.symbols.clear(symbol);
            }
        }
    }

    /// Whether something came from servers.
    pub(in super::super) fn has_fetched(&self) -> bool {
        let end = self.layout.symbols();
        self.fetched.any && self.fetched.symbols.next_set(0, end) < end
    }

    /// What came from servers among these bytes counts no more, nor what was recovered with it: how
    /// many symbols are missing that were there.
    pub(in super::super) fn take_back(&mut self, bytes: &Range<u64>) -> u32 {
        let before = self.rank();
        let Range { start: mut at, end } = self.layout.symbols_with(bytes);
        loop {
            at = self.fetched.symbols.next_set(at, end);
            if at >= end {
                break;
            }
            self.fetched.symbols.clear(at);
            if let Some(place) = self.layout.place(at) {
                let was_held = self.held.clear(at);
                self.blocks.lose(&self.layout, place.block, was_held);
                if let Some(running) = &mut self.running {
                    running.spoiled |= running.block == place.block;
                }
            }
        }
        before.saturating_sub(self.rank())
    }

    /// The same for an object without a code, whose symbols are the slices. What was recovered may
    /// have been recovered with what came from servers.
    pub(super) fn fetched_slices(&self) -> Fetched {
        if !self.has_fetched() {
            return Fetched::default();
        }
        let mut symbols = Bits::new(self.layout.slices());
        for slice in 0..self.layout.slices() {
            let mut of_slice = self.layout.symbols_of(slice);
            if of_slice.any(|at| self.fetched.symbols.get(at) || !self.held.get(at)) {
                symbols.set(slice);
            }
        }
        Fetched { symbols, any: true, sweep: Sweep::default() }
    }
}
