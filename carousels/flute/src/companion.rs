//! The companion of a channel: repair symbols without end, evenly mixed.

use alloc::vec::Vec;

use stbcast_object::{Datagram, Micros};

use crate::entry::Ready;
use crate::fdt::File;
use crate::{Entry, EntryError, FdtSender, FdtSettings, Share, Step};

/// How a companion is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompanionSettings {
    /// How the FDT is sent, and the session's TSI.
    pub fdt: FdtSettings,
    /// Repair symbols of all objects in a thousand seconds: where the counters stand at a time.
    pub symbols_per_1000_s: u64,
    /// Which repair symbols are ours.
    pub share: Share,
}

/// The repair symbols of a channel's objects. Objects take turns by their size, the blocks of an
/// object one after the other; each block goes on with its next symbol wherever it stands, also
/// across cycles of the channel, restarts and senders. So a slow box gets no symbol twice before
/// all of them have passed. Revisions that were superseded may have a part of the symbols.
#[derive(Clone, Debug)]
pub struct CompanionSession {
    settings: CompanionSettings,
    on_air: Mixture,
    /// Revisions that are not on the channel any more.
    superseded: Mixture,
    /// Of a million symbols so many are of those.
    superseded_ppm: u32,
    /// Symbols that those are behind their part, in millionths.
    superseded_credit: u32,
    fdt: FdtSender,
}

const MILLION: u32 = 1_000_000;

impl CompanionSession {
    /// A companion of `entries` at `wall`, the time since the Unix epoch.
    ///
    /// # Errors
    /// When an entry cannot be sent: each needs repair symbols, of any code.
    pub fn new(
        settings: CompanionSettings,
        entries: Vec<Entry>,
        wall: Micros,
    ) -> Result<Self, EntryError> {
        let fdt = FdtSender::new(settings.fdt, Vec::new(), wall)?;
        let (on_air, superseded) = (Mixture::default(), Mixture::default());
        let (superseded_ppm, superseded_credit) = (0, 0);
        let mut session =
            Self { settings, on_air, superseded, superseded_ppm, superseded_credit, fdt };
        session.set_entries(entries, settings.symbols_per_1000_s, wall)?;
        Ok(session)
    }

    /// Other objects, or another rate. Objects that stay go on where they are: no counter ever
    /// runs backwards. The FDT is sent at once.
    ///
    /// # Errors
    /// As [`CompanionSession::new`]; everything stays as it was then.
    pub fn set_entries(
        &mut self,
        entries: Vec<Entry>,
        symbols_per_1000_s: u64,
        wall: Micros,
    ) -> Result<(), EntryError> {
        let ready = self.ready(entries)?;
        let files: Vec<File> = ready.iter().map(|ready| ready.file().clone()).collect();
        self.fdt.set_files(files, wall)?;
        self.settings.symbols_per_1000_s = symbols_per_1000_s;
        let mut mixture = Mixture::of(ready);
        mixture.begin(self.rates().0, wall, |ready| self.counter_of(ready));
        self.on_air = mixture;
        Ok(())
    }

    /// Gives `per_million` of all symbols, below a million, to revisions that are not on the channel
    /// any more and can still be completed; with no entries to none. The FDT does not describe
    /// them: it says what is on air. Counters go on as in [`CompanionSession::set_entries`].
    ///
    /// # Errors
    /// As [`CompanionSession::new`], and when all symbols would go to them; everything stays as it
    /// was then.
    pub fn set_superseded(
        &mut self,
        entries: Vec<Entry>,
        per_million: u32,
        wall: Micros,
    ) -> Result<(), EntryError> {
        if per_million >= MILLION {
            return Err(EntryError::Superseded { per_million });
        }
        let mut mixture = Mixture::of(self.ready(entries)?);
        let per_million = if mixture.lanes.is_empty() { 0 } else { per_million };
        (self.superseded_ppm, self.superseded_credit) = (per_million, 0);
        mixture.begin(self.rates().1, wall, |ready| self.counter_of(ready));
        self.superseded = mixture;
        Ok(())
    }

    fn ready(&self, entries: Vec<Entry>) -> Result<Vec<Ready>, EntryError> {
        let (tsi, share) = (self.settings.fdt.tsi, self.settings.share);
        let ready = entries.into_iter().map(|entry| Ready::new(tsi, entry, share));
        let ready = ready.collect::<Result<Vec<_>, _>>()?;
        if let Some(bare) = ready.iter().find(|ready| ready.repair().is_none()) {
            let encoding_id = bare.fti().scheme().encoding_id();
            return Err(EntryError::Scheme { encoding_id });
        }
        Ok(ready)
    }

    /// Another rate from now on, in repair symbols of all objects in a thousand seconds. Objects go on
    /// where they are: no counter runs backwards, and nothing is described anew.
    pub const fn set_rate(&mut self, symbols_per_1000_s: u64) {
        self.settings.symbols_per_1000_s = symbols_per_1000_s;
    }

    /// Repair symbols of all objects in a thousand seconds.
    pub const fn symbols_per_1000_s(&self) -> u64 {
        self.settings.symbols_per_1000_s
    }

    /// Numbers of the revisions that were superseded.
    pub fn superseded(&self) -> impl Iterator<Item = u128> + '_ {
        self.superseded.lanes.iter().map(|lane| lane.ready.file().toi)
    }

    /// Goes on air at `wall`, in place of `before` where there was one. The counter of an object that
    /// was there goes on, because at another rate the clock would put it anywhere, and symbols of a
    /// moment ago would come again. Others begin where the clock says.
    pub fn begin(&mut self, before: Option<&Self>, wall: Micros) {
        self.fdt.begin(before.map(|before| &before.fdt), wall);
        let (on_air, superseded) = self.rates();
        let known = |ready: &Ready| before.and_then(|before| before.counter_of(ready));
        self.on_air.begin(on_air, wall, known);
        self.superseded.begin(superseded, wall, known);
    }

    /// Symbols in a thousand seconds of what is on air, and of what was superseded.
    fn rates(&self) -> (u64, u64) {
        let all = self.settings.symbols_per_1000_s;
        let old = u128::from(all) * u128::from(self.superseded_ppm) / u128::from(MILLION);
        let old = u64::try_from(old).unwrap_or_default();
        (all - old, old)
    }

    /// Where the counter of the same revision stands.
    fn counter_of(&self, ready: &Ready) -> Option<u64> {
        let same = |lane: &&Lane| {
            lane.ready.fti() == ready.fti() && lane.ready.file().toi == ready.file().toi
        };
        let mut lanes = self.on_air.lanes.iter().chain(&self.superseded.lanes);
        lanes.find(same).map(|lane| lane.counter)
    }

    /// The session's FDT.
    pub const fn fdt(&self) -> &FdtSender {
        &self.fdt
    }

    /// Most bytes of UDP payload that a symbol's datagram has; 0 without objects.
    pub fn datagram_bytes_max(&self) -> usize {
        let bytes = |lane: &Lane| lane.ready.fti().repair_bytes() + lane.ready.overhead_bytes();
        let lanes = self.on_air.lanes.iter().chain(&self.superseded.lanes);
        lanes.map(bytes).max().unwrap_or_default()
    }

    /// The next step at `now`; `wall` is the time since the Unix epoch. It is idle only without
    /// objects, and never ends a cycle.
    pub fn next(&mut self, now: Micros, wall: Micros) -> Step {
        if let Some(datagram) = self.fdt.next(now, wall) {
            return Step::Fdt(datagram);
        }
        let symbol = self.next_symbol();
        symbol.map_or(Step::Idle { until: self.fdt.due() }, Step::Datagram)
    }

    fn next_symbol(&mut self) -> Option<Datagram> {
        let share = self.settings.share;
        self.superseded_credit += self.superseded_ppm;
        if self.superseded_credit >= MILLION {
            self.superseded_credit -= MILLION;
            return self.superseded.next(share);
        }
        self.on_air.next(share)
    }
}

/// Objects that take turns.
#[derive(Clone, Debug, Default)]
struct Mixture {
    lanes: Vec<Lane>,
    /// The sum of their weights.
    weight: u64,
}

/// An object with its place in the mixture.
#[derive(Clone, Debug)]
struct Lane {
    ready: Ready,
    /// Source symbols: its share of the companion.
    weight: u64,
    /// Symbols that it is behind its share, times the sum of all weights.
    credit: i128,
    /// Repair symbols sent so far, begun at what the clock says.
    counter: u64,
}

impl Mixture {
    fn of(ready: Vec<Ready>) -> Self {
        let lane = |ready: Ready| {
            let weight = u64::from(ready.fti().symbols());
            Lane { ready, weight, credit: 0, counter: 0 }
        };
        let lanes: Vec<_> = ready.into_iter().map(lane).collect();
        let weight = lanes.iter().map(|lane| lane.weight).sum();
        Self { lanes, weight }
    }

    /// Sets each counter to what is `known` of it, else to what the clock says.
    fn begin(
        &mut self,
        symbols_per_1000_s: u64,
        wall: Micros,
        known: impl Fn(&Ready) -> Option<u64>,
    ) {
        for lane in &mut self.lanes {
            let seed = counter_at(wall, symbols_per_1000_s, lane.weight, self.weight);
            lane.counter = known(&lane.ready).unwrap_or(seed);
        }
    }

    /// Smooth weighted turns: the object that is furthest behind its share is next.
    fn next(&mut self, share: Share) -> Option<Datagram> {
        let weight = i128::from(self.weight);
        for lane in &mut self.lanes {
            lane.credit += i128::from(lane.weight);
        }
        // Of equals the first is taken, so that all senders mix alike.
        let lane = self.lanes.iter_mut().rev().max_by_key(|lane| lane.credit)?;
        lane.credit -= weight;
        let n = lane.counter;
        lane.counter = lane.counter.wrapping_add(1);
        let blocks = u64::from(lane.ready.fti().blocks()).max(1);
        let block = u32::try_from(n % blocks).unwrap_or_default();
        let per_block = lane.ready.repair().map_or(1, |repair| repair.per_block);
        lane.ready.repaired(block, share.symbol(n / blocks, per_block))
    }
}

/// Symbols that an object of `weight` among `all` would have had since 1970 at this rate.
fn counter_at(wall: Micros, symbols_per_1000_s: u64, weight: u64, all: u64) -> u64 {
    // Each factor has at most 64 bits; the first division keeps the product below 128.
    let symbols = u128::from(wall.0) * u128::from(symbols_per_1000_s) / 1_000_000_000;
    let own = symbols.checked_mul(u128::from(weight)).unwrap_or_default() / u128::from(all.max(1));
    u64::try_from(own).unwrap_or_default()
}

#[cfg(test)]
mod tests;
