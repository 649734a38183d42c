//! How symbols are called on the wire: source block number and encoding symbol ID.

use crate::geometry::{Geometry, RAPTORQ_IDS};
use crate::scheme::Scheme;

/// A repair symbol of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepairId {
    /// Block, from 0.
    pub block: u32,
    /// Repair index within the block, from 0.
    pub index: u32,
}

/// FEC Payload ID as numbers; `rs8` and `rs16` write 32 + 32 bits, RaptorQ 8 + 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayloadId {
    /// Source Block Number (SBN).
    pub block: u32,
    /// Encoding Symbol ID (ESI): below K a source symbol, from K (for `rs8` and `rs16` K0) repair.
    pub symbol: u32,
}

/// What a payload id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SymbolId {
    /// A source symbol, by its number in the object.
    Source(u32),
    /// A repair symbol.
    Repair(RepairId),
}

/// Why a received payload id stands for no symbol of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The block does not exist.
    #[error("source block {source_block} of {blocks}")]
    Block {
        /// SBN as received.
        source_block: u32,
        /// Blocks the object has.
        blocks: u32,
    },
    /// A virtual symbol: zero by definition and never sent.
    #[error("encoding symbol {encoding_symbol} of block {source_block} is virtual")]
    Virtual {
        /// SBN as received.
        source_block: u32,
        /// ESI as received.
        encoding_symbol: u32,
    },
    /// Beyond the last repair symbol.
    #[error("encoding symbol {encoding_symbol} of block {source_block}: only {symbols} exist")]
    Symbol {
        /// SBN as received.
        source_block: u32,
        /// ESI as received.
        encoding_symbol: u32,
        /// Encoding symbols of the block, source, virtual and repair.
        symbols: u32,
    },
}

impl Geometry {
    /// What the repair symbol is called on the wire; `None` where there is no such symbol.
    pub const fn payload_id(&self, repair: RepairId) -> Option<PayloadId> {
        if repair.index >= self.repair_symbols(repair.block) {
            return None;
        }
        Some(PayloadId {
            block: repair.block,
            symbol: self.first_repair(repair.block) + repair.index,
        })
    }

    /// What source symbol `symbol` is called where it is sent in FLUTE; `None` past the end.
    pub const fn source_payload_id(&self, symbol: u32) -> Option<PayloadId> {
        match self.place(symbol) {
            Some(place) => Some(PayloadId { block: place.block, symbol: place.index }),
            None => None,
        }
    }

    /// The symbol that a received payload id stands for.
    ///
    /// # Errors
    /// When the object has no such block or symbol.
    pub const fn identify(&self, id: PayloadId) -> Result<SymbolId, IdError> {
        let PayloadId { block: source_block, symbol: encoding_symbol } = id;
        if source_block >= self.blocks() {
            return Err(IdError::Block { source_block, blocks: self.blocks() });
        }
        if let Some(symbol) = self.symbol(source_block, encoding_symbol) {
            return Ok(SymbolId::Source(symbol));
        }
        let first = self.first_repair(source_block);
        if encoding_symbol < first {
            return Err(IdError::Virtual { source_block, encoding_symbol });
        }
        let index = encoding_symbol - first;
        let repair = self.repair_symbols(source_block);
        if index >= repair {
            return Err(IdError::Symbol { source_block, encoding_symbol, symbols: first + repair });
        }
        Ok(SymbolId::Repair(RepairId { block: source_block, index }))
    }

    /// The repair symbol at `counter` of an endless sequence: round robin over the blocks, then the
    /// next index of each, which starts over when all have been (block = counter mod B, index =
    /// counter div B mod M).
    pub const fn repair_at(&self, counter: u64) -> RepairId {
        let blocks = self.blocks() as u64;
        // Both remainders are below a u32.
        let block = (counter % blocks) as u32;
        let index = (counter / blocks % self.repair_symbols(block) as u64) as u32;
        RepairId { block, index }
    }

    /// ESI of repair index 0 of `block`: virtual symbols are numbered, but RaptorQ has none.
    const fn first_repair(&self, block: u32) -> u32 {
        match self.scheme() {
            Scheme::Rs8 | Scheme::Rs16 => self.block_symbols(),
            Scheme::Raptorq => self.source_symbols(block),
        }
    }
}

// `first_repair + repair_symbols` cannot overflow: 255, 24,576 + 8,192 or 2^24.
const _: () = assert!(RAPTORQ_IDS < u32::MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repair_ids_begin_behind_the_virtual_symbols() {
        // 23 symbols in blocks of 8, 8 and 7.
        let geometry = Geometry::new(Scheme::Rs8, 23 * 10, 10, 8).unwrap();
        let id = |block, symbol| PayloadId { block, symbol };
        assert_eq!(geometry.identify(id(2, 6)), Ok(SymbolId::Source(20)));
        assert_eq!(
            geometry.identify(id(2, 7)),
            Err(IdError::Virtual { source_block: 2, encoding_symbol: 7 })
        );
        let first = RepairId { block: 2, index: 0 };
        assert_eq!(geometry.identify(id(2, 8)), Ok(SymbolId::Repair(first)));
        assert_eq!(geometry.payload_id(first), Some(id(2, 8)));
        assert_eq!(
            geometry.identify(id(0, 255)),
            Err(IdError::Symbol { source_block: 0, encoding_symbol: 255, symbols: 255 })
        );
        assert_eq!(geometry.identify(id(3, 0)), Err(IdError::Block { source_block: 3, blocks: 3 }));
    }

    #[test]
    fn the_endless_sequence_takes_blocks_in_turn_and_starts_over() {
        let geometry = Geometry::new(Scheme::Rs16, 23 * 10, 10, 8).unwrap();
        let all: [u32; 3] = core::array::from_fn(|block| geometry.repair_symbols(block as u32));
        assert_eq!(all, [4, 4, 4]);
        let at = |counter| {
            let it = geometry.repair_at(counter);
            (it.block, it.index)
        };
        assert_eq!([at(0), at(1), at(2), at(3)], [(0, 0), (1, 0), (2, 0), (0, 1)]);
        assert_eq!([at(11), at(12)], [(2, 3), (0, 0)]);
    }
}
