//! The codes that we know, as their numbers on the wire.

use stbcast_fec::{RAPTORQ_ENCODING_ID, UNDER_SPECIFIED_ENCODING_ID};

/// FEC Encoding IDs.
pub(crate) mod encoding_id {
    /// Compact No-Code.
    pub(crate) const NO_CODE: u8 = 0;
    /// RaptorQ.
    pub(crate) const RAPTORQ: u8 = super::RAPTORQ_ENCODING_ID;
    /// Small Block, Large Block and Expandable: ours, told apart by an instance.
    pub(crate) const COMPANION: u8 = super::UNDER_SPECIFIED_ENCODING_ID;
}

/// A code of ours under FEC Encoding ID 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// GF(2^8), up to 200 source symbols a block.
    Rs8,
    /// GF(2^16), up to 24,576 source symbols a block.
    Rs16,
}

impl Code {
    /// FEC Instance ID.
    pub const fn instance(self) -> u16 {
        match self {
            Self::Rs8 => stbcast_fec::INSTANCE_RS8,
            Self::Rs16 => stbcast_fec::INSTANCE_RS16,
        }
    }

    /// The code of an instance, if it is ours.
    pub const fn from_instance(instance: u16) -> Option<Self> {
        match instance {
            stbcast_fec::INSTANCE_RS8 => Some(Self::Rs8),
            stbcast_fec::INSTANCE_RS16 => Some(Self::Rs16),
            _ => None,
        }
    }

    /// The codec that computes it.
    pub(crate) const fn codec(self) -> stbcast_fec::Scheme {
        match self {
            Self::Rs8 => stbcast_fec::Scheme::Rs8,
            Self::Rs16 => stbcast_fec::Scheme::Rs16,
        }
    }
}

/// How an object was coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// No code: source symbols alone, in blocks of RFC 5052 §9.1.
    NoCode {
        /// Most source symbols of a block (B), 1 to 65,536.
        block_symbols: u32,
    },
    /// RaptorQ without sub-blocks (N = 1), in blocks of RFC 6330 §4.4.1.2.
    RaptorQ {
        /// Number of source blocks (Z), 1 to 255.
        source_blocks: u8,
        /// Symbol alignment in bytes (Al), a divisor of the symbol's length.
        alignment: u8,
    },
    /// Repair symbols of a companion: symbol i of the object is in block i mod ceil(symbols / K0).
    Companion {
        /// Which code.
        code: Code,
        /// Source symbols each block is coded as (K0).
        block_symbols: u32,
    },
}

impl Scheme {
    /// FEC Encoding ID, which is also the codepoint.
    pub const fn encoding_id(&self) -> u8 {
        match self {
            Self::NoCode { .. } => encoding_id::NO_CODE,
            Self::RaptorQ { .. } => encoding_id::RAPTORQ,
            Self::Companion { .. } => encoding_id::COMPANION,
        }
    }
}
