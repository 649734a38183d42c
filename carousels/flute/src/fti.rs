//! FEC Object Transmission Information: how an object was cut and coded.
//!
//! EXT_FTI behind HET = 64 and HEL = 4; the FDT says the same in attributes:
//!
//! ```text
//!   0 no-code    | L, 48 bits | 0, 16        | E, 16 | B, 32                          | RFC 5445 §3
//!   6 RaptorQ    | L, 40 bits | 0, 8 | T, 16 | Z, 8 | N, 16 | Al, 8 | padding, 16      | RFC 6330 §3.3
//! 128 companion  | L, 48 bits | instance, 16 | E, 16 | B = K0, 32                      | RFC 5445 §5
//! ```
//!
//! L is the length of the object in bytes, E and T the bytes of a symbol, B the source symbols of
//! a block, Z the number of blocks.

use core::num::NonZeroU16;

use stbcast_fec::{Geometry, GeometryError, SYMBOLS_MAX};

use crate::bytes::{u8_at, u16_at, u32_at};
use crate::scheme::encoding_id;
use crate::{Code, Scheme};

/// Bytes of EXT_FTI behind HET and HEL, the same for the three codes.
pub(crate) const FTI_BYTES: usize = 14;

/// Most source blocks without a code, and most symbols of one: SBN and ESI have 16 bits.
const NO_CODE_IDS: u32 = 1 << 16;

/// The FEC parameters of an object. Holding one proves that its geometry is legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fti {
    transfer_bytes: u64,
    symbol_bytes: NonZeroU16,
    scheme: Scheme,
    coded: Option<Geometry>,
}

/// Why FEC parameters are not legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FtiError {
    /// Not 14 bytes.
    #[error("FEC information of {bytes} bytes: 14 are legal")]
    Length {
        /// Bytes found.
        bytes: usize,
    },
    /// Symbols of no bytes, or not a multiple of the alignment.
    #[error("symbols of {symbol_bytes} bytes with an alignment of {alignment} are not legal")]
    SymbolBytes {
        /// Bytes of a symbol.
        symbol_bytes: u16,
        /// Alignment in bytes.
        alignment: u8,
    },
    /// The numbers of a code make no geometry.
    #[error("{0}")]
    Geometry(GeometryError),
    /// More source symbols without a code than blocks of this length can number.
    #[error(
        "{transfer_bytes} bytes in symbols of {symbol_bytes} and blocks of {block_symbols} are not legal"
    )]
    NoCode {
        /// Length of the object in bytes.
        transfer_bytes: u64,
        /// Bytes of a symbol.
        symbol_bytes: u16,
        /// Most source symbols of a block.
        block_symbols: u32,
    },
    /// RaptorQ with sub-blocks: its source symbols are no ranges of the object.
    #[error("{sub_blocks} sub-blocks: only 1 is supported")]
    SubBlocks {
        /// Sub-blocks (N).
        sub_blocks: u16,
    },
    /// FEC Encoding ID 128 with an instance that is not ours.
    #[error("FEC instance 0x{instance:04x} is unknown: 0x5301 and 0x5302 are ours")]
    Instance {
        /// FEC Instance ID.
        instance: u16,
    },
}

impl Fti {
    /// Checks an object of `transfer_bytes`, cut into symbols of `symbol_bytes`.
    ///
    /// # Errors
    /// When the geometry cannot be numbered on the wire or is absurd.
    pub fn new(scheme: Scheme, transfer_bytes: u64, symbol_bytes: u16) -> Result<Self, FtiError> {
        let alignment = match scheme {
            Scheme::RaptorQ { alignment, .. } => alignment,
            Scheme::NoCode { .. } | Scheme::Companion { .. } => 1,
        };
        let bad_symbol = FtiError::SymbolBytes { symbol_bytes, alignment };
        let symbol = NonZeroU16::new(symbol_bytes).ok_or(bad_symbol)?;
        if alignment == 0 || !symbol_bytes.is_multiple_of(u16::from(alignment)) {
            return Err(bad_symbol);
        }
        let coded = match scheme {
            Scheme::NoCode { block_symbols } => {
                check_no_code(transfer_bytes, symbol_bytes, block_symbols)?;
                None
            }
            Scheme::RaptorQ { source_blocks, .. } => {
                Some(Geometry::raptorq(transfer_bytes, symbol_bytes, source_blocks.into()))
            }
            Scheme::Companion { code, block_symbols } => {
                Some(Geometry::new(code.codec(), transfer_bytes, symbol_bytes, block_symbols))
            }
        };
        let coded = coded.transpose().map_err(FtiError::Geometry)?;
        Ok(Self { transfer_bytes, symbol_bytes: symbol, scheme, coded })
    }

    /// The parameters that tell a receiver `geometry`. RaptorQ symbols are aligned to as much of 4
    /// bytes as divides them.
    pub fn of_geometry(geometry: Geometry) -> Self {
        let block_symbols = geometry.block_symbols();
        let scheme = match geometry.scheme() {
            stbcast_fec::Scheme::Rs8 => Scheme::Companion { code: Code::Rs8, block_symbols },
            stbcast_fec::Scheme::Rs16 => Scheme::Companion { code: Code::Rs16, block_symbols },
            stbcast_fec::Scheme::Raptorq => Scheme::RaptorQ {
                source_blocks: u8::try_from(geometry.blocks()).unwrap_or_default(),
                alignment: 1 << geometry.symbol_bytes().trailing_zeros().min(2),
            },
        };
        Self {
            transfer_bytes: geometry.length(),
            symbol_bytes: NonZeroU16::new(geometry.symbol_bytes()).unwrap_or(NonZeroU16::MIN),
            scheme,
            coded: Some(geometry),
        }
    }

    /// Where every symbol of a coded object is; `None` without a code.
    pub const fn geometry(&self) -> Option<Geometry> {
        self.coded
    }

    /// Length of the object in bytes.
    pub const fn transfer_bytes(&self) -> u64 {
        self.transfer_bytes
    }

    /// Bytes of each symbol; the last source symbol of the object may be shorter.
    pub const fn symbol_bytes(&self) -> NonZeroU16 {
        self.symbol_bytes
    }

    /// How the object was coded.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The 14 bytes of EXT_FTI behind HET and HEL.
    pub fn encode(&self) -> [u8; FTI_BYTES] {
        let length = self.transfer_bytes;
        let symbol = u64::from(self.symbol_bytes.get());
        let (front, middle, back): (u64, u32, u16) = match self.scheme {
            Scheme::NoCode { block_symbols } => split(length << 16, symbol, block_symbols),
            Scheme::Companion { code, block_symbols } => {
                split(length << 16 | u64::from(code.instance()), symbol, block_symbols)
            }
            Scheme::RaptorQ { source_blocks, alignment } => {
                let sub_blocks = 1;
                let blocks = u32::from(source_blocks) << 24 | sub_blocks << 8;
                (length << 24 | symbol, blocks | u32::from(alignment), 0)
            }
        };
        let mut bytes = [0; FTI_BYTES];
        let numbers = front.to_be_bytes().into_iter().chain(middle.to_be_bytes());
        let numbers = numbers.chain(back.to_be_bytes());
        bytes.iter_mut().zip(numbers).for_each(|(byte, value)| *byte = value);
        bytes
    }

    /// Reads what stands behind HET and HEL for `codepoint`; `None` for a code that is not known
    /// here.
    ///
    /// # Errors
    /// When the fields are not those of the code, or as [`Fti::new`].
    pub fn parse(codepoint: u8, bytes: &[u8]) -> Option<Result<Self, FtiError>> {
        let parse = match codepoint {
            encoding_id::NO_CODE | encoding_id::COMPANION => parse_block,
            encoding_id::RAPTORQ => parse_raptorq,
            _ => return None,
        };
        let length = FtiError::Length { bytes: bytes.len() };
        if bytes.len() != FTI_BYTES {
            return Some(Err(length));
        }
        Some(parse(codepoint, bytes).unwrap_or(Err(length)))
    }
}

fn check_no_code(
    transfer_bytes: u64,
    symbol_bytes: u16,
    block_symbols: u32,
) -> Result<(), FtiError> {
    let symbols = transfer_bytes.div_ceil(u64::from(symbol_bytes));
    let legal = (1..=NO_CODE_IDS).contains(&block_symbols)
        && symbols <= u64::from(SYMBOLS_MAX)
        && symbols.div_ceil(u64::from(block_symbols)) <= u64::from(NO_CODE_IDS);
    let error = FtiError::NoCode { transfer_bytes, symbol_bytes, block_symbols };
    legal.then_some(()).ok_or(error)
}

/// 64, 16 and 32 bits, regrouped as they are written.
fn split(front: u64, symbol: u64, block_symbols: u32) -> (u64, u32, u16) {
    let symbol = u32::try_from(symbol).unwrap_or_default();
    let low = u16::try_from(block_symbols & 0xffff).unwrap_or_default();
    (front, symbol << 16 | block_symbols >> 16, low)
}

fn parse_block(codepoint: u8, bytes: &[u8]) -> Option<Result<Fti, FtiError>> {
    let length = u64::from(u32_at(bytes, 0)?) << 16 | u64::from(u16_at(bytes, 4)?);
    let instance = u16_at(bytes, 6)?;
    let (symbol_bytes, block_symbols) = (u16_at(bytes, 8)?, u32_at(bytes, 10)?);
    let scheme = if codepoint == encoding_id::NO_CODE {
        Scheme::NoCode { block_symbols }
    } else {
        match Code::from_instance(instance) {
            Some(code) => Scheme::Companion { code, block_symbols },
            None => return Some(Err(FtiError::Instance { instance })),
        }
    };
    Some(Fti::new(scheme, length, symbol_bytes))
}

fn parse_raptorq(_: u8, bytes: &[u8]) -> Option<Result<Fti, FtiError>> {
    let length = u64::from(u32_at(bytes, 0)?) << 8 | u64::from(u8_at(bytes, 4)?);
    let (symbol_bytes, source_blocks) = (u16_at(bytes, 6)?, u8_at(bytes, 8)?);
    let (sub_blocks, alignment) = (u16_at(bytes, 9)?, u8_at(bytes, 11)?);
    if sub_blocks != 1 {
        return Some(Err(FtiError::SubBlocks { sub_blocks }));
    }
    Some(Fti::new(Scheme::RaptorQ { source_blocks, alignment }, length, symbol_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(scheme: Scheme) -> [u8; 14] {
        Fti::new(scheme, 0x1_0000_0001, 1_400).unwrap().encode()
    }

    #[test]
    fn the_fields_stand_where_the_table_says() {
        let no_code = bytes(Scheme::NoCode { block_symbols: 0x1_0000 });
        assert_eq!(no_code, [0, 1, 0, 0, 0, 1, 0, 0, 0x05, 0x78, 0, 1, 0, 0]);
        let rs16 = bytes(Scheme::Companion { code: Code::Rs16, block_symbols: 0x6000 });
        assert_eq!(rs16, [0, 1, 0, 0, 0, 1, 0x53, 2, 0x05, 0x78, 0, 0, 0x60, 0]);
        let raptorq = bytes(Scheme::RaptorQ { source_blocks: 200, alignment: 4 });
        assert_eq!(raptorq, [1, 0, 0, 0, 1, 0, 0x05, 0x78, 200, 0, 1, 4, 0, 0]);
    }

    #[test]
    fn absurd_geometry_is_refused() {
        let no_code = |block_symbols, length, symbol| {
            Fti::new(Scheme::NoCode { block_symbols }, length, symbol)
        };
        assert!(no_code(64, 0, 1_400).is_ok(), "an empty object is one empty symbol");
        assert!(no_code(64, 1, 0).is_err());
        assert!(no_code(0, 1, 1).is_err());
        assert!(no_code(65_537, 1, 1).is_err());
        assert!(no_code(1, 65_537, 1).is_err(), "block numbers have 16 bits");
        assert!(no_code(65_536, u64::MAX, u16::MAX).is_err());
        let rs = |code, block_symbols, length| {
            Fti::new(Scheme::Companion { code, block_symbols }, length, 100)
        };
        assert!(rs(Code::Rs8, 200, 100_000).is_ok());
        assert!(rs(Code::Rs8, 201, 100_000).is_err());
        assert!(rs(Code::Rs8, 11, 1_000).is_err(), "no block is longer than the object");
        assert!(rs(Code::Rs16, 24_577, 1 << 30).is_err());
        assert!(rs(Code::Rs16, 1, 0).is_err());
        let raptorq = |source_blocks, alignment, length| {
            Fti::new(Scheme::RaptorQ { source_blocks, alignment }, length, 1_400)
        };
        assert!(raptorq(1, 4, 1_400).is_ok());
        assert!(raptorq(0, 4, 1_400).is_err());
        assert!(raptorq(2, 4, 1_400).is_err(), "more blocks than symbols");
        assert!(raptorq(1, 0, 1_400).is_err());
        assert!(raptorq(1, 3, 1_400).is_err());
        assert!(raptorq(1, 4, 1_400 * 56_403).is_ok(), "what RFC 6330 can code");
        assert!(raptorq(1, 4, 1_400 * 56_404).is_err());
        assert!(
            Fti::new(Scheme::Companion { code: Code::Rs8, block_symbols: 1 }, 65_537, 1).is_err()
        );
    }

    #[test]
    fn a_geometry_is_told_and_found_again() {
        use stbcast_fec::Choice;
        for (choice, slice, length) in [
            (Choice::Rs8, 1_400, 90_001),
            (Choice::Rs16, 67, 1 << 20),
            (Choice::Raptorq, 1_402, 1 << 20),
        ] {
            let geometry = Geometry::plan(choice, length, slice, 1_428).unwrap();
            let fti = Fti::of_geometry(geometry);
            assert_eq!(fti.geometry(), Some(geometry));
            assert_eq!(Fti::new(fti.scheme(), length, slice), Ok(fti));
        }
        let alignment = |slice| {
            let geometry = Geometry::plan(Choice::Raptorq, 10_000, slice, 1_428).unwrap();
            Fti::of_geometry(geometry).scheme()
        };
        assert!(matches!(alignment(1_400), Scheme::RaptorQ { alignment: 4, .. }));
        assert!(matches!(alignment(1_402), Scheme::RaptorQ { alignment: 2, .. }));
        assert!(matches!(alignment(1_401), Scheme::RaptorQ { alignment: 1, .. }));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            length in 1u64..1 << 30, symbol in 1u16..1_500, number in 1u32..70_000, which in 0..4u8,
        ) {
            let scheme = match which {
                0 => Scheme::NoCode { block_symbols: number },
                1 => Scheme::RaptorQ { source_blocks: (number % 256) as u8, alignment: 1 },
                2 => Scheme::Companion { code: Code::Rs8, block_symbols: number % 201 },
                _ => Scheme::Companion { code: Code::Rs16, block_symbols: number % 24_577 },
            };
            if let Ok(fti) = Fti::new(scheme, length, symbol) {
                let bytes = fti.encode();
                prop_assert_eq!(Fti::parse(scheme.encoding_id(), &bytes), Some(Ok(fti)));
            }
        }

        #[test]
        fn any_bytes_in_never_panic(
            codepoint: u8, bytes in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let _ = Fti::parse(codepoint, &bytes);
        }
    }
}
