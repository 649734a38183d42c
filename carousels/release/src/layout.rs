//! How an object is cut into symbols and blocks, as a release states it.

use alloc::vec::Vec;
use core::num::{NonZeroU8, NonZeroU16, NonZeroU32};

use stbcast_fec::{Geometry, GeometryError, Scheme};

use crate::Refusal;
use crate::cose::Value;

/// Numbers of the codes in a release: the low bytes of their FEC Instance IDs, and the FEC Encoding
/// ID of RaptorQ.
const RS8: u64 = 1;
const RS16: u64 = 2;
const RAPTORQ: u64 = 6;

const LEGAL: &str = "[1 or 2, E, K0] or [6, E, Z, Al], with Al a divisor of E";

/// The code of an object's repair symbols and its numbers. With the length of the object it is the
/// whole geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Bytes of a source symbol, E.
    pub symbol_bytes: NonZeroU16,
    /// The code.
    pub code: Code,
}

/// A code and how many symbols its blocks have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// GF(2^8).
    Rs8 {
        /// Symbols of a block as coded, K0.
        block_symbols: NonZeroU32,
    },
    /// GF(2^16).
    Rs16 {
        /// Symbols of a block as coded, K0.
        block_symbols: NonZeroU32,
    },
    /// RFC 6330 with one sub-block.
    RaptorQ {
        /// Source blocks, Z.
        blocks: NonZeroU8,
        /// Symbol alignment, Al; divides E.
        alignment: NonZeroU8,
    },
}

impl Layout {
    /// The geometry of an object of `length` bytes.
    ///
    /// # Errors
    /// When the numbers make none.
    pub fn geometry(&self, length: u64) -> Result<Geometry, GeometryError> {
        let symbol_bytes = self.symbol_bytes.get();
        match self.code {
            Code::Rs8 { block_symbols } => {
                Geometry::new(Scheme::Rs8, length, symbol_bytes, block_symbols.get())
            }
            Code::Rs16 { block_symbols } => {
                Geometry::new(Scheme::Rs16, length, symbol_bytes, block_symbols.get())
            }
            Code::RaptorQ { blocks, .. } => {
                Geometry::raptorq(length, symbol_bytes, blocks.get().into())
            }
        }
    }

    pub(crate) fn decode(value: Value) -> Result<Self, Refusal> {
        let numbers = value.into_array().unwrap_or_default();
        let numbers = numbers.iter().map(|one| one.as_integer()?.try_into().ok());
        let numbers = numbers.collect::<Option<Vec<u64>>>().unwrap_or_default();
        Self::of(&numbers).ok_or(Refusal::Value { field: "the layout of an object", legal: LEGAL })
    }

    fn of(numbers: &[u64]) -> Option<Self> {
        let short = |number: u64| NonZeroU16::new(u16::try_from(number).ok()?);
        let long = |number: u64| NonZeroU32::new(u32::try_from(number).ok()?);
        let byte = |number: u64| NonZeroU8::new(u8::try_from(number).ok()?);
        let (symbol_bytes, code) = match *numbers {
            [RS8, e, k0] => (short(e)?, Code::Rs8 { block_symbols: long(k0)? }),
            [RS16, e, k0] => (short(e)?, Code::Rs16 { block_symbols: long(k0)? }),
            [RAPTORQ, e, z, al] => {
                let (symbol_bytes, alignment) = (short(e)?, byte(al)?);
                if !symbol_bytes.get().is_multiple_of(alignment.get().into()) {
                    return None;
                }
                (symbol_bytes, Code::RaptorQ { blocks: byte(z)?, alignment })
            }
            _ => return None,
        };
        Some(Self { symbol_bytes, code })
    }

    #[cfg(feature = "sign")]
    pub(crate) fn encode(self) -> Value {
        let e = self.symbol_bytes.get().into();
        let numbers: Vec<u64> = match self.code {
            Code::Rs8 { block_symbols } => alloc::vec![RS8, e, block_symbols.get().into()],
            Code::Rs16 { block_symbols } => alloc::vec![RS16, e, block_symbols.get().into()],
            Code::RaptorQ { blocks, alignment } => {
                alloc::vec![RAPTORQ, e, blocks.get().into(), alignment.get().into()]
            }
        };
        Value::Array(numbers.into_iter().map(Value::from).collect())
    }
}
