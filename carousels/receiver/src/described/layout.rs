//! How an announced object is cut: slices as they arrive, symbols and blocks as they are repaired.

use stbcast_fec::{Geometry, Place};
use stbcast_flute::Symbol;
use stbcast_object::Slices;

use crate::{Announcement, SymbolArrival};

/// What carries the object itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// An Infocast channel: slices.
    Channel,
    /// A FLUTE session: source symbols, each a slice of its own.
    Session,
}

/// Slice i is the source symbols i x g to i x g + g - 1. Without a code the object is one block,
/// and slices are its symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    slices: Slices,
    symbols: u32,
    per_slice: u32,
    geometry: Option<Geometry>,
}

impl Layout {
    /// The layout that is announced; `None` where it is not described well enough.
    pub(super) fn of(announcement: &Announcement, carrier: Carrier) -> Option<Self> {
        let geometry = announcement.geometry;
        let slice_bytes = match carrier {
            Carrier::Channel => announcement.slice_bytes,
            Carrier::Session => announcement.symbol_bytes,
        }?;
        let slices = Slices::new(announcement.length?, slice_bytes).ok()?;
        let per_slice = match geometry {
            Some(geometry) => u32::from(slice_bytes.get().checked_div(geometry.symbol_bytes())?),
            None => 1,
        };
        let symbols = geometry.map_or(slices.count(), |geometry| geometry.symbols());
        Some(Self { slices, symbols, per_slice: per_slice.max(1), geometry })
    }

    /// The same object without a code.
    #[must_use]
    pub(super) const fn without_repair(self) -> Self {
        Self { symbols: self.slices.count(), per_slice: 1, geometry: None, ..self }
    }

    pub(super) const fn length(&self) -> u64 {
        self.slices.length()
    }

    pub(super) const fn geometry(&self) -> Option<&Geometry> {
        self.geometry.as_ref()
    }

    pub(super) const fn slices(&self) -> u32 {
        self.slices.count()
    }

    pub(super) const fn symbols(&self) -> u32 {
        self.symbols
    }

    /// Where a slice begins in the object, in bytes.
    pub(super) fn offset(&self, slice: u32) -> u64 {
        u64::from(slice) * u64::from(self.slices.slice_bytes().get())
    }

    /// Bytes of a slice.
    pub(super) fn slice_length(&self, slice: u32) -> u64 {
        let range = self.slices.range(slice);
        range.end - range.start
    }

    /// Whether a slice of this index and length is one of the object's.
    pub(super) fn has_slice(&self, slice: u32, length: u32) -> bool {
        let range = self.slices.range(slice);
        slice < self.slices() && range.end - range.start == u64::from(length)
    }

    /// Whether a symbol has the length that symbols have here.
    pub(super) fn has<P>(&self, arrival: &SymbolArrival<P>) -> bool {
        match arrival.symbol {
            Symbol::Source { index } => self.has_slice(index, arrival.length),
            Symbol::Repair { .. } => self
                .geometry
                .is_none_or(|geometry| geometry.repair_bytes() as u64 == u64::from(arrival.length)),
        }
    }

    /// Bytes of a symbol.
    fn symbol_bytes(&self) -> u64 {
        let slice_bytes = self.slices.slice_bytes().get();
        u64::from(self.geometry.map_or(slice_bytes, |geometry| geometry.symbol_bytes()).max(1))
    }

    /// The bytes of the object that symbols cover.
    pub(super) fn bytes_of(&self, symbols: &core::ops::Range<u32>) -> core::ops::Range<u64> {
        let at = |symbol: u32| (u64::from(symbol) * self.symbol_bytes()).min(self.length());
        at(symbols.start)..at(symbols.end)
    }

    /// The symbols that have no byte but of these.
    pub(super) fn symbols_inside(&self, bytes: &core::ops::Range<u64>) -> core::ops::Range<u32> {
        let symbols = super::expected::whole(bytes, self.symbol_bytes(), self.length());
        symbols.start.min(self.symbols)..symbols.end.min(self.symbols)
    }

    /// Bytes of every slice but the last one.
    pub(super) const fn slice_bytes(&self) -> u16 {
        self.slices.slice_bytes().get()
    }

    /// The symbol at `index` of a block.
    pub(super) fn symbol_at(&self, block: u32, index: u32) -> Option<u32> {
        match &self.geometry {
            Some(geometry) => geometry.symbol(block, index),
            None => Some(index),
        }
    }

    /// The symbols that have one of these bytes.
    pub(super) fn symbols_with(&self, bytes: &core::ops::Range<u64>) -> core::ops::Range<u32> {
        let symbol = |at: u64| u32::try_from(at).unwrap_or(u32::MAX).min(self.symbols);
        symbol(bytes.start / self.symbol_bytes())..symbol(bytes.end.div_ceil(self.symbol_bytes()))
    }

    /// Symbols that have at most this many bytes together; at least 1.
    pub(super) fn symbols_within(&self, bytes: u64) -> u32 {
        u32::try_from(bytes / self.symbol_bytes()).unwrap_or(u32::MAX).max(1)
    }

    /// The symbols of a slice.
    pub(super) fn symbols_of(&self, slice: u32) -> core::ops::Range<u32> {
        let start = slice.saturating_mul(self.per_slice).min(self.symbols);
        start..start.saturating_add(self.per_slice).min(self.symbols)
    }

    pub(super) fn blocks(&self) -> u32 {
        self.geometry.map_or(1, |geometry| geometry.blocks())
    }

    /// Source symbols of a block.
    pub(super) fn source_symbols(&self, block: u32) -> u32 {
        self.geometry.map_or(self.symbols, |geometry| geometry.source_symbols(block))
    }

    /// Where a symbol is.
    pub(super) fn place(&self, symbol: u32) -> Option<Place> {
        match &self.geometry {
            Some(geometry) => geometry.place(symbol),
            None => Some(Place { block: 0, index: symbol }),
        }
    }

    /// How many more symbols complete a block that has `source` and `repair` of them.
    pub(super) fn still_needed(&self, block: u32, source: u32, repair: u32) -> u32 {
        match &self.geometry {
            Some(geometry) => geometry.still_needed(block, source, repair),
            None => self.symbols.saturating_sub(source),
        }
    }
}
