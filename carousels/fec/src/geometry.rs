//! Where every symbol of an object is: checked once, total afterwards.

use core::ops::Range;

use crate::scheme::{RAPTORQ_OVERHEAD, Scheme};

/// Most source symbols of an object: 22 GiB in symbols of 1,400 bytes, and a bitmap of 2 MiB on the
/// box. Ours.
pub const SYMBOLS_MAX: u32 = 1 << 24;

/// Most blocks of an object: 17 GiB of `rs8` in symbols of 1,400 bytes; a box keeps some bytes for
/// each. Ours. RaptorQ has at most 255 (Z is 8 bits, RFC 6330 §3.3.3).
pub const BLOCKS_MAX: u32 = 1 << 16;

const RAPTORQ_BLOCKS_MAX: u32 = u8::MAX as u32;

/// RaptorQ encoding symbol IDs are 24 bits (RFC 6330 §3.2).
pub(crate) const RAPTORQ_IDS: u32 = 1 << 24;

/// The symbols of one object and their blocks.
///
/// Made of object length, symbol bytes E, symbols per block K0 and scheme; both ends that agree on
/// these agree on everything here. Holding one proves that all of it is within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    scheme: Scheme,
    length: u64,
    symbol_bytes: u16,
    block_symbols: u32,
    symbols: u32,
    blocks: u32,
}

/// Where a source symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Block, from 0.
    pub block: u32,
    /// Index within the block, from 0.
    pub index: u32,
}

/// Why numbers do not make a [`Geometry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// Nothing to repair.
    #[error("an empty object has no repair symbols")]
    Empty,
    /// Symbols without bytes.
    #[error("symbols of 0 bytes are not legal")]
    SymbolBytes,
    /// More than [`SYMBOLS_MAX`].
    #[error(
        "{length} bytes in symbols of {symbol_bytes} are more than {max} symbols",
        max = SYMBOLS_MAX
    )]
    TooManySymbols {
        /// Length of the object in bytes.
        length: u64,
        /// Bytes of a source symbol.
        symbol_bytes: u16,
    },
    /// K0 outside what the scheme allows.
    #[error(
        "{scheme} blocks of {block_symbols} symbols are not legal: use 1 to {max}",
        max = scheme.block_symbols_max()
    )]
    BlockSymbols {
        /// The scheme.
        scheme: Scheme,
        /// Symbols per block as given.
        block_symbols: u32,
    },
    /// A block as coded would be longer than the object.
    #[error("blocks of {block_symbols} symbols in an object of {symbols} are not legal")]
    LongBlock {
        /// Symbols per block as given.
        block_symbols: u32,
        /// Source symbols of the object.
        symbols: u32,
    },
    /// More blocks than a box keeps count of, or than the scheme can number.
    #[error("{blocks} blocks of {scheme} are too many: at most {max}")]
    TooManyBlocks {
        /// The scheme.
        scheme: Scheme,
        /// Blocks the numbers lead to.
        blocks: u32,
        /// Most blocks allowed.
        max: u32,
    },
    /// No equal parts of the slice fit the companion's datagram.
    #[error(
        "slices of {slice_bytes} bytes cannot be cut into equal symbols of at most {symbol_bytes_max}"
    )]
    NoEqualCut {
        /// Bytes of a slice.
        slice_bytes: u16,
        /// Bytes of symbol that fit a datagram of the companion.
        symbol_bytes_max: u16,
    },
}

impl Geometry {
    /// The geometry that a header or a plan states. `block_symbols` is K0, symbols in each block as
    /// coded, and never more than the object has; for RaptorQ the most in any block.
    ///
    /// # Errors
    /// When a number is zero or beyond its bound; memory is never touched.
    pub fn new(
        scheme: Scheme,
        length: u64,
        symbol_bytes: u16,
        block_symbols: u32,
    ) -> Result<Self, GeometryError> {
        let symbols = count_symbols(length, symbol_bytes)?;
        if block_symbols == 0 || block_symbols > scheme.block_symbols_max() {
            return Err(GeometryError::BlockSymbols { scheme, block_symbols });
        }
        if block_symbols > symbols {
            return Err(GeometryError::LongBlock { block_symbols, symbols });
        }
        let blocks = symbols.div_ceil(block_symbols);
        if scheme == Scheme::Raptorq {
            return Self::raptorq(length, symbol_bytes, blocks);
        }
        if blocks > BLOCKS_MAX {
            return Err(GeometryError::TooManyBlocks { scheme, blocks, max: BLOCKS_MAX });
        }
        Ok(Self { scheme, length, symbol_bytes, block_symbols, symbols, blocks })
    }

    /// The RaptorQ geometry with `blocks` source blocks (Z of RFC 6330 §3.3.3) of one sub-block,
    /// parted as §4.4.1.2 says.
    ///
    /// # Errors
    /// As [`Geometry::new`], and when there are more blocks than symbols.
    pub fn raptorq(length: u64, symbol_bytes: u16, blocks: u32) -> Result<Self, GeometryError> {
        let scheme = Scheme::Raptorq;
        let symbols = count_symbols(length, symbol_bytes)?;
        let max = symbols.min(RAPTORQ_BLOCKS_MAX);
        if blocks == 0 || blocks > max {
            return Err(GeometryError::TooManyBlocks { scheme, blocks, max });
        }
        let block_symbols = symbols.div_ceil(blocks);
        if block_symbols > scheme.block_symbols_max() {
            return Err(GeometryError::BlockSymbols { scheme, block_symbols });
        }
        Ok(Self { scheme, length, symbol_bytes, block_symbols, symbols, blocks })
    }

    /// The code.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Length of the object in bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Bytes of a source symbol, E. The last one of the object may have fewer and counts as padded
    /// with zeros.
    pub const fn symbol_bytes(&self) -> u16 {
        self.symbol_bytes
    }

    /// Bytes of a repair symbol: E, for `rs16` the next even number.
    pub const fn repair_bytes(&self) -> usize {
        self.scheme.repair_bytes(self.symbol_bytes)
    }

    /// Symbols in a block as coded, K0.
    pub const fn block_symbols(&self) -> u32 {
        self.block_symbols
    }

    /// Source symbols of the object, N.
    pub const fn symbols(&self) -> u32 {
        self.symbols
    }

    /// Blocks, B.
    pub const fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Source symbols that block `block` really has: K_b <= K0; 0 where there is no such block.
    pub const fn source_symbols(&self, block: u32) -> u32 {
        if block >= self.blocks {
            return 0;
        }
        match self.scheme {
            Scheme::Rs8 | Scheme::Rs16 => (self.symbols - block).div_ceil(self.blocks),
            Scheme::Raptorq if block < self.long_blocks() => self.block_symbols,
            Scheme::Raptorq => self.symbols / self.blocks,
        }
    }

    /// Different repair symbols that block `block` has, M; 0 where there is no such block. `rs8`:
    /// what 255 leave. `rs16`: the next power of two of K0 / 3, never to be changed, because the
    /// code depends on it. RaptorQ: what 24 bits number.
    pub const fn repair_symbols(&self, block: u32) -> u32 {
        if block >= self.blocks {
            return 0;
        }
        match self.scheme {
            Scheme::Rs8 => 255 - self.block_symbols,
            Scheme::Rs16 => self.block_symbols.div_ceil(3).next_power_of_two(),
            Scheme::Raptorq => RAPTORQ_IDS - self.source_symbols(block),
        }
    }

    /// Block and index of source symbol `symbol`; `None` past the end.
    pub const fn place(&self, symbol: u32) -> Option<Place> {
        if symbol >= self.symbols {
            return None;
        }
        if !matches!(self.scheme, Scheme::Raptorq) {
            return Some(Place { block: symbol % self.blocks, index: symbol / self.blocks });
        }
        let (long, short) = (self.block_symbols, self.symbols / self.blocks);
        let in_long = self.long_blocks() * long;
        if symbol < in_long {
            return Some(Place { block: symbol / long, index: symbol % long });
        }
        let rest = symbol - in_long;
        Some(Place { block: self.long_blocks() + rest / short, index: rest % short })
    }

    /// The source symbol at `index` of `block`; `None` for virtual symbols and past the end.
    pub const fn symbol(&self, block: u32, index: u32) -> Option<u32> {
        if index >= self.source_symbols(block) {
            return None;
        }
        if !matches!(self.scheme, Scheme::Raptorq) {
            return Some(index * self.blocks + block);
        }
        let long = self.long_blocks();
        let before = if block < long {
            block * self.block_symbols
        } else {
            long * self.block_symbols + (block - long) * (self.symbols / self.blocks)
        };
        Some(before + index)
    }

    /// The bytes of the object that source symbol `symbol` covers; empty past the end.
    pub fn bytes(&self, symbol: u32) -> Range<u64> {
        let stride = u64::from(self.symbol_bytes);
        let start = (u64::from(symbol) * stride).min(self.length);
        start..(start + stride).min(self.length)
    }

    /// The bytes of the object in byte columns `columns` of the symbol at `index` of `block`. What
    /// is missing to the width of `columns` is zero; empty for virtual symbols.
    pub fn stripe(&self, block: u32, index: u32, columns: &Range<usize>) -> Range<u64> {
        let Some(symbol) = self.symbol(block, index) else { return 0..0 };
        let whole = self.bytes(symbol);
        let column = |at: usize| whole.start.saturating_add(at as u64).min(whole.end);
        column(columns.start)..column(columns.end).max(column(columns.start))
    }

    /// How many more different symbols complete block `block` when `held_source` of its source and
    /// `held_repair` of its repair symbols are there. Exact for `rs8` and `rs16`; RaptorQ asks
    /// for [`RAPTORQ_OVERHEAD`] beyond K and may, rarely, still want another one.
    pub const fn still_needed(&self, block: u32, held_source: u32, held_repair: u32) -> u32 {
        let source = self.source_symbols(block);
        if held_source >= source {
            return 0;
        }
        let rank = match self.scheme {
            Scheme::Rs8 | Scheme::Rs16 => source,
            Scheme::Raptorq => source + RAPTORQ_OVERHEAD,
        };
        rank.saturating_sub(held_source).saturating_sub(held_repair)
    }

    /// Blocks of RaptorQ that have one symbol more than the others (ZL of RFC 6330 §4.4.1.2); they
    /// come first.
    const fn long_blocks(&self) -> u32 {
        let over = self.symbols % self.blocks;
        if over == 0 { self.blocks } else { over }
    }
}

pub(crate) fn count_symbols(length: u64, symbol_bytes: u16) -> Result<u32, GeometryError> {
    if length == 0 {
        return Err(GeometryError::Empty);
    }
    if symbol_bytes == 0 {
        return Err(GeometryError::SymbolBytes);
    }
    let too_many = GeometryError::TooManySymbols { length, symbol_bytes };
    let symbols = u32::try_from(length.div_ceil(u64::from(symbol_bytes))).map_err(|_| too_many)?;
    if symbols > SYMBOLS_MAX { Err(too_many) } else { Ok(symbols) }
}
