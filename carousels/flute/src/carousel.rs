//! A FLUTE carousel of its own: source symbols, then repair symbols that no cycle repeats.

use alloc::vec::Vec;

use stbcast_object::{Datagram, Micros};

use crate::entry::Ready;
use crate::fdt::File;
use crate::{Entry, EntryError, FdtSender, FdtSettings, Scheme, Share};

/// What a session wants done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this, when the pacer allows.
    Datagram(Datagram),
    /// Send these bytes, when the pacer allows: a whole datagram of the FDT, or a statement behind it.
    Fdt(Vec<u8>),
    /// A cycle is complete.
    CycleEnd,
    /// Nothing is due before this time.
    Idle {
        /// When to ask again.
        until: Micros,
    },
}

/// How a carousel is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarouselSettings {
    /// How the FDT is sent, and the session's TSI.
    pub fdt: FdtSettings,
    /// Bits of IP per second: with it the clock tells which repair symbols are fresh after a
    /// restart.
    pub bit_rate_bps: u64,
    /// Bytes of IP and UDP header, 28 or 48.
    pub ip_udp_bytes: usize,
    /// RaptorQ blocks sent together, symbol by symbol in turn, 1 or more: a burst of losses
    /// spreads over them, and a receiver keeps them all open. No-code goes block after block.
    pub blocks_together: u32,
    /// Which repair symbols are ours.
    pub share: Share,
}

impl CarouselSettings {
    /// One sender at `bit_rate_bps` over IPv4, the FDT each second, four blocks together.
    pub const fn new(tsi: u32, bit_rate_bps: u64) -> Self {
        let (blocks_together, ip_udp_bytes) = (4, stbcast_object::limits::IPV4_UDP_BYTES);
        let fdt = FdtSettings::new(tsi);
        Self { fdt, bit_rate_bps, ip_udp_bytes, blocks_together, share: Share::ALL }
    }
}

/// The endless repetition of a session's objects. In each cycle every object passes once: for
/// every group of blocks the source symbols, then `per_cycle` repair symbols of each block, which
/// go on where the cycle before ended.
#[derive(Clone, Debug)]
pub struct Carousel {
    settings: CarouselSettings,
    entries: Vec<Ready>,
    fdt: FdtSender,
    cycles: u64,
    first_cycle: u64,
    at: Option<Place>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    entry: usize,
    /// First block of the group.
    first: u32,
    repair: bool,
    row: u32,
    block: u32,
}

impl Carousel {
    /// A carousel of `entries` at `wall`, the time since the Unix epoch.
    ///
    /// # Errors
    /// When an entry cannot be sent: companions are not sent here, and RaptorQ needs its store.
    pub fn new(
        settings: CarouselSettings,
        entries: Vec<Entry>,
        wall: Micros,
    ) -> Result<Self, EntryError> {
        let fdt = FdtSender::new(settings.fdt, Vec::new(), wall)?;
        let (cycles, first_cycle, at) = (0, 0, None);
        let mut carousel = Self { settings, entries: Vec::new(), fdt, cycles, first_cycle, at };
        carousel.set_entries(entries, wall)?;
        Ok(carousel)
    }

    /// Other objects: a new cycle begins with them, behind an FDT that names them. To be called
    /// between cycles, or receivers lose the rest of a pass. Repair symbols never go back.
    ///
    /// # Errors
    /// As [`Carousel::new`]; everything stays as it was then.
    pub fn set_entries(&mut self, entries: Vec<Entry>, wall: Micros) -> Result<(), EntryError> {
        let (tsi, share) = (self.settings.fdt.tsi, self.settings.share);
        let ready = entries.into_iter().map(|entry| Ready::new(tsi, entry, share));
        let entries = ready.collect::<Result<Vec<_>, _>>()?;
        if let Some(companion) = entries.iter().find(|ready| is_companion(ready)) {
            let encoding_id = companion.fti().scheme().encoding_id();
            return Err(EntryError::Scheme { encoding_id });
        }
        let files: Vec<File> = entries.iter().map(|ready| ready.file().clone()).collect();
        self.fdt.set_files(files, wall)?;
        (self.entries, self.at) = (entries, None);
        let sent = self.first_cycle.wrapping_add(self.cycles);
        let first = self.cycles_since_epoch(wall).max(sent);
        self.first_cycle = first.wrapping_sub(self.cycles);
        Ok(())
    }

    /// Goes on air at `wall`, in place of `before` where there was one, with a new cycle.
    pub fn begin(&mut self, before: Option<&Self>, wall: Micros) {
        self.fdt.begin(before.map(|before| &before.fdt), wall);
        let sent = before.map(|before| before.first_cycle.wrapping_add(before.cycles));
        let first = self.cycles_since_epoch(wall).max(sent.unwrap_or_default());
        (self.first_cycle, self.at) = (first.wrapping_sub(self.cycles), None);
    }

    /// Complete cycles so far.
    pub const fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Whether no object is in the middle of its pass, so that the objects may be changed.
    pub const fn between_cycles(&self) -> bool {
        self.at.is_none()
    }

    /// The session's FDT.
    pub const fn fdt(&self) -> &FdtSender {
        &self.fdt
    }

    /// Datagrams of one cycle without the FDT.
    pub fn cycle_datagrams(&self) -> u64 {
        let one = |ready: &Ready| u64::from(ready.fti().symbols()) + repairs(ready);
        self.entries.iter().map(one).sum()
    }

    /// Time of one cycle, the FDT included: what is left of the rate beside it is the objects'.
    /// Never, where nothing is left.
    pub fn cycle_span(&self) -> Micros {
        let bits = u128::from(self.cycle_ip_bytes()) * 8_000_000;
        let micros = bits.checked_div(u128::from(self.object_bits_per_second()));
        let micros = micros.and_then(|micros| u64::try_from(micros).ok());
        micros.map_or(Micros::NEVER, Micros)
    }

    /// Bits of IP per second that the FDT leaves to the objects.
    fn object_bits_per_second(&self) -> u64 {
        let fdt = self.fdt.bits_per_second(self.settings.ip_udp_bytes);
        self.settings.bit_rate_bps.saturating_sub(fdt)
    }

    /// Bytes of IP in one cycle without the FDT.
    pub fn cycle_ip_bytes(&self) -> u64 {
        let one = |ready: &Ready| {
            let fti = ready.fti();
            let repair = repairs(ready);
            let overhead = (ready.overhead_bytes() + self.settings.ip_udp_bytes) as u64;
            let symbol = u64::from(fti.symbol_bytes().get());
            let symbols = u64::from(fti.symbols());
            let bytes = match fti.scheme() {
                Scheme::RaptorQ { .. } => symbols * symbol,
                _ => fti.transfer_bytes(),
            };
            let source = bytes + symbols * overhead;
            source + repair * (symbol + overhead)
        };
        self.entries.iter().map(one).sum()
    }

    /// The next step at `now`; `wall` is the time since the Unix epoch.
    pub fn next(&mut self, now: Micros, wall: Micros) -> Step {
        if let Some(datagram) = self.fdt.next(now, wall) {
            return Step::Fdt(datagram);
        }
        if self.entries.is_empty() {
            return Step::Idle { until: self.fdt.due() };
        }
        let mut place = self.at.take().unwrap_or_default();
        match self.next_symbol(&mut place) {
            Some(datagram) => {
                self.at = Some(place);
                Step::Datagram(datagram)
            }
            None => {
                self.cycles += 1;
                Step::CycleEnd
            }
        }
    }

    /// How many cycles would have passed since 1970. Repair symbols go on from there, so that a
    /// restart does not send again what boxes have.
    fn cycles_since_epoch(&self, wall: Micros) -> u64 {
        let bits = u128::from(self.cycle_ip_bytes().max(1)) * 8_000_000;
        let sent = u128::from(wall.0) * u128::from(self.object_bits_per_second());
        u64::try_from(sent / bits).unwrap_or_default()
    }

    fn next_symbol(&self, place: &mut Place) -> Option<Datagram> {
        loop {
            let ready = self.entries.get(place.entry)?;
            let fti = ready.fti();
            let together = match fti.scheme() {
                Scheme::NoCode { .. } => 1,
                _ => self.settings.blocks_together.max(1),
            };
            let per_cycle = ready.repair().map_or(0, |repair| repair.per_cycle);
            let end = place.first.saturating_add(together).min(fti.blocks());
            // The first blocks are the longest, so the first of a group has the most rows.
            let rows = if place.repair { per_cycle } else { fti.block_symbols(place.first) };
            if place.first >= fti.blocks() {
                *place = Place { entry: place.entry + 1, ..Place::default() };
            } else if place.row >= rows {
                let first = if place.repair { end } else { place.first };
                *place = Place { first, repair: !place.repair, row: 0, block: first, ..*place };
            } else if place.block >= end {
                *place = Place { row: place.row + 1, block: place.first, ..*place };
            } else {
                let (block, row) = (place.block, place.row);
                place.block += 1;
                let datagram = if place.repair {
                    self.fresh(ready, block, row)
                } else {
                    ready.source(block, row)
                };
                if datagram.is_some() {
                    return datagram;
                }
            }
        }
    }

    fn fresh(&self, ready: &Ready, block: u32, row: u32) -> Option<Datagram> {
        let repair = ready.repair()?;
        let cycle = self.first_cycle.wrapping_add(self.cycles);
        let n = cycle.wrapping_mul(u64::from(repair.per_cycle)).wrapping_add(u64::from(row));
        ready.repaired(block, self.settings.share.symbol(n, repair.per_block))
    }
}

/// Repair symbols of an object in one cycle.
fn repairs(ready: &Ready) -> u64 {
    let per_cycle = ready.repair().map_or(0, |repair| repair.per_cycle);
    u64::from(ready.fti().blocks()) * u64::from(per_cycle)
}

fn is_companion(ready: &Ready) -> bool {
    matches!(ready.fti().scheme(), Scheme::Companion { .. })
}

#[cfg(test)]
mod tests;
