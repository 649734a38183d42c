//! Which bytes of the object a payload id names.

use core::ops::Range;

use stbcast_fec::{PayloadId, RepairId, SymbolId};

use crate::{Fti, Scheme};

/// A symbol by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// Source symbol `index` (from 0) of the object: its bytes from `index` x symbol bytes on.
    Source {
        /// Place in the object.
        index: u32,
    },
    /// A repair symbol.
    Repair {
        /// Source block (SBN).
        block: u32,
        /// Number among the block's repair symbols, from 0.
        index: u32,
    },
}

/// Why a payload id names no symbol of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// No such block.
    #[error("block {block} is not below {blocks}")]
    Block {
        /// Source Block Number.
        block: u32,
        /// Blocks of the object.
        blocks: u32,
    },
    /// No such symbol in the block; a companion carries no source symbols either.
    #[error("encoding symbol {symbol} is not legal in block {block}")]
    Symbol {
        /// Source Block Number.
        block: u32,
        /// Encoding Symbol ID.
        symbol: u32,
    },
    /// The datagram carries more or less than the symbol.
    #[error("{bytes} bytes are not the symbol's {expected}")]
    Bytes {
        /// Bytes in the datagram.
        bytes: usize,
        /// Bytes of the symbol.
        expected: usize,
    },
}

impl Fti {
    /// Source symbols of the object, at least 1.
    pub fn symbols(&self) -> u32 {
        let symbols = self.transfer_bytes().div_ceil(u64::from(self.symbol_bytes().get()));
        u32::try_from(symbols).unwrap_or(u32::MAX).max(1)
    }

    /// Source blocks of the object.
    pub fn blocks(&self) -> u32 {
        match (self.geometry(), self.scheme()) {
            (Some(geometry), _) => geometry.blocks(),
            (None, Scheme::NoCode { block_symbols }) => {
                self.symbols().div_ceil(block_symbols.max(1))
            }
            (None, _) => 1,
        }
    }

    /// Source symbols that block `block` has of its own; 0 past the end. A companion's short
    /// blocks are coded as K0 all the same.
    pub fn block_symbols(&self, block: u32) -> u32 {
        if let Some(geometry) = self.geometry() {
            return geometry.source_symbols(block);
        }
        // RFC 5052 §9.1: the first blocks have one more.
        let (symbols, blocks) = (self.symbols(), self.blocks());
        if block >= blocks { 0 } else { symbols / blocks + u32::from(block < symbols % blocks) }
    }

    /// Object index of source symbol `symbol` of block `block`, where there is one.
    pub fn source_index(&self, block: u32, symbol: u32) -> Option<u32> {
        if let Some(geometry) = self.geometry() {
            return geometry.symbol(block, symbol);
        }
        if symbol >= self.block_symbols(block) {
            return None;
        }
        let (small, longer) = (self.symbols() / self.blocks(), self.symbols() % self.blocks());
        block.checked_mul(small)?.checked_add(block.min(longer))?.checked_add(symbol)
    }

    /// The bytes of the object that source symbol `index` covers; empty past the end.
    pub fn source_range(&self, index: u32) -> Range<u64> {
        let stride = u64::from(self.symbol_bytes().get());
        let start = (u64::from(index) * stride).min(self.transfer_bytes());
        start..start.saturating_add(stride).min(self.transfer_bytes())
    }

    /// Bytes of a repair symbol: those of a source symbol, with `rs16` the next even number,
    /// because GF(2^16) takes bytes in pairs.
    pub fn repair_bytes(&self) -> usize {
        let own = usize::from(self.symbol_bytes().get());
        self.geometry().map_or(own, |geometry| geometry.repair_bytes())
    }

    /// The payload id of repair symbol `index` of block `block`; `None` where there is none.
    pub fn repair_id(&self, block: u32, index: u32) -> Option<PayloadId> {
        self.geometry()?.payload_id(RepairId { block, index })
    }

    /// What a datagram with `id` and `bytes` of symbol carries.
    ///
    /// # Errors
    /// When there is no such symbol, or it has another length.
    pub fn symbol(&self, id: PayloadId, bytes: usize) -> Result<Symbol, SymbolError> {
        let found = self.named(id)?;
        let whole = self.repair_bytes();
        let expected = match found {
            Symbol::Repair { .. } => whole,
            Symbol::Source { index } => {
                let range = self.source_range(index);
                usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
            }
        };
        // The last source symbol is sent short or filled up with zeros; both are seen.
        let exact = bytes == expected || bytes == whole;
        exact.then_some(found).ok_or(SymbolError::Bytes { bytes, expected })
    }

    fn named(&self, id: PayloadId) -> Result<Symbol, SymbolError> {
        let PayloadId { block, symbol } = id;
        if block >= self.blocks() {
            return Err(SymbolError::Block { block, blocks: self.blocks() });
        }
        let companion = matches!(self.scheme(), Scheme::Companion { .. });
        let found = match self.geometry().map(|geometry| geometry.identify(id)) {
            Some(Ok(SymbolId::Repair(RepairId { block, index }))) => {
                Some(Symbol::Repair { block, index })
            }
            // The channel itself sends those.
            Some(Ok(SymbolId::Source(_))) if companion => None,
            Some(Ok(SymbolId::Source(index))) => Some(Symbol::Source { index }),
            Some(Err(_)) => None,
            None => self.source_index(block, symbol).map(|index| Symbol::Source { index }),
        };
        found.ok_or(SymbolError::Symbol { block, symbol })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn fti(scheme: Scheme, length: u64, symbol: u16) -> Fti {
        Fti::new(scheme, length, symbol).unwrap()
    }

    #[test]
    fn the_standards_example_of_blocking_comes_out() {
        let fti = fti(Scheme::NoCode { block_symbols: 3 }, 10_000, 1_000);
        assert_eq!((fti.symbols(), fti.blocks()), (10, 4));
        let lengths: Vec<_> = (0..5).map(|block| fti.block_symbols(block)).collect();
        assert_eq!(lengths, [3, 3, 2, 2, 0]);
        assert_eq!(fti.source_index(3, 1), Some(9));
    }

    #[test]
    fn companion_blocks_are_interleaved_and_number_repair_from_k0() {
        let fti = fti(Scheme::Companion { code: Code::Rs8, block_symbols: 188 }, 1_498 * 10, 10);
        assert_eq!(fti.blocks(), 8);
        assert_eq!((fti.block_symbols(1), fti.block_symbols(2)), (188, 187));
        assert_eq!(fti.source_index(3, 2), Some(19));
        let id = fti.repair_id(7, 66).unwrap();
        assert_eq!(id, PayloadId { block: 7, symbol: 254 });
        assert_eq!(fti.repair_id(7, 67), None);
        assert_eq!(fti.symbol(id, 10), Ok(Symbol::Repair { block: 7, index: 66 }));
        for (block, symbol, bytes) in [(8, 188, 10), (0, 187, 10), (0, 255, 10), (0, 188, 9)] {
            assert!(fti.symbol(PayloadId { block, symbol }, bytes).is_err());
        }
    }

    #[test]
    fn repair_symbols_of_pairs_have_an_even_number_of_bytes() {
        for (code, bytes) in [(Code::Rs8, 67), (Code::Rs16, 68)] {
            let fti = fti(Scheme::Companion { code, block_symbols: 20 }, 1_340, 67);
            assert_eq!(fti.repair_bytes(), bytes);
            let expected = Ok(Symbol::Repair { block: 0, index: 0 });
            assert_eq!(fti.symbol(fti.repair_id(0, 0).unwrap(), bytes), expected);
        }
    }

    #[test]
    fn raptorq_symbols_end_where_24_bits_end() {
        let fti = fti(Scheme::RaptorQ { source_blocks: 1, alignment: 4 }, 400, 4);
        let at = |symbol| fti.symbol(PayloadId { block: 0, symbol }, 4);
        assert_eq!(at(0xff_ffff), Ok(Symbol::Repair { block: 0, index: 0xff_ffff - 100 }));
        assert!(at(0x100_0000).is_err());
        assert!(at(u32::MAX).is_err());
    }

    #[test]
    fn an_empty_object_is_one_empty_symbol() {
        let fti = fti(Scheme::NoCode { block_symbols: 64 }, 0, 1_400);
        let id = PayloadId { block: 0, symbol: 0 };
        assert_eq!(fti.symbol(id, 0), Ok(Symbol::Source { index: 0 }));
        assert!(fti.symbol(PayloadId { block: 0, symbol: 1 }, 0).is_err());
    }

    proptest! {
        #[test]
        fn every_source_symbol_belongs_to_one_block(
            length in 1u64..100_000, symbol in 1u16..300, number in 1u32..300, which in 0..3u8,
        ) {
            let scheme = match which {
                0 => Scheme::NoCode { block_symbols: number },
                1 => Scheme::RaptorQ { source_blocks: (number % 256) as u8, alignment: 1 },
                _ => Scheme::Companion { code: Code::Rs16, block_symbols: number },
            };
            let Ok(fti) = Fti::new(scheme, length, symbol) else { return Ok(()) };
            let mut seen = alloc::vec![false; fti.symbols() as usize];
            for block in 0..fti.blocks() {
                for symbol in 0..fti.block_symbols(block) {
                    let index = fti.source_index(block, symbol).unwrap() as usize;
                    prop_assert!(!core::mem::replace(&mut seen[index], true));
                }
            }
            prop_assert!(seen.into_iter().all(|seen| seen));
        }

        #[test]
        fn any_payload_id_names_a_symbol_or_is_refused(
            length in 0u64..100_000, bytes in 1u16..300, number in 1u32..300, which in 0..3u8,
            block: u32, symbol: u32, carried in 0usize..400,
        ) {
            let scheme = match which {
                0 => Scheme::NoCode { block_symbols: number },
                1 => Scheme::RaptorQ { source_blocks: (number % 256) as u8, alignment: 1 },
                _ => Scheme::Companion { code: Code::Rs8, block_symbols: number },
            };
            let Ok(fti) = Fti::new(scheme, length, bytes) else { return Ok(()) };
            if let Ok(Symbol::Source { index }) = fti.symbol(PayloadId { block, symbol }, carried) {
                prop_assert!(index < fti.symbols());
            }
        }
    }
}
