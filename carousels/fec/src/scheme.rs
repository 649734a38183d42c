//! Which codes there are, and the numbers that name them on the wire.

use core::fmt;

/// FEC Encoding ID of `rs8` and `rs16`: the under-specified scheme for small, large and expandable
/// block codes, SBN 32 bits and ESI 32 bits (RFC 5445 §4). Not RFC 5510's numbers, because the code
/// is another one and no receiver may mistake it.
pub const UNDER_SPECIFIED_ENCODING_ID: u8 = 128;

/// FEC Instance ID of `rs8` under [`UNDER_SPECIFIED_ENCODING_ID`]; ours, "S" and 1.
pub const INSTANCE_RS8: u16 = 0x5301;

/// FEC Instance ID of `rs16` under [`UNDER_SPECIFIED_ENCODING_ID`]; ours, "S" and 2.
pub const INSTANCE_RS16: u16 = 0x5302;

/// FEC Encoding ID of RaptorQ: SBN 8 bits and ESI 24 bits (RFC 6330 §3).
pub const RAPTORQ_ENCODING_ID: u8 = 6;

/// Largest block of the profile `rs16-small`, in symbols: one or two passes over a block in the
/// memory of the smallest boxes.
pub const RS16_SMALL_BLOCK_SYMBOLS_MAX: u32 = 6_144;

/// Largest RaptorQ block that we send, in symbols: what decodes in 16 MiB. A header may ask for
/// more, and a box refuses that by its memory.
pub const RAPTORQ_SENT_BLOCK_SYMBOLS_MAX: u32 = 1_024;

/// Bytes of static tables that `rs16` builds once in a process, at its first use: 8 MiB of products
/// and about 0.5 MiB of logarithms. They come on top of the memory a caller allows.
pub const RS16_TABLES_BYTES: usize = (8 << 20) + (1 << 19);

/// RaptorQ symbols beyond K that make failure to decode rare: K symbols fail once in about 200
/// blocks, K + 1 about once in 25,600 (RFC 6330 promises 99 and 99.99 %).
pub const RAPTORQ_OVERHEAD: u32 = 1;

/// A code. The order is the one of the design's table, simplest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Reed-Solomon over GF(2^8), polynomial 0x11D, the parity rows of crate
    /// `reed-solomon-erasure`: systematic, evaluation points 0, 1, 2, ... 254.
    Rs8,
    /// Reed-Solomon over GF(2^16) as crate `reed-solomon-simd` 3 computes it (Leopard).
    Rs16,
    /// RFC 6330, one sub-block.
    Raptorq,
}

impl Scheme {
    /// Largest K, in symbols, that is legal: rs8 200 of 255, rs16 3/4 of its favourite 32,768,
    /// RaptorQ what RFC 6330 §5.1.2 has.
    pub const fn block_symbols_max(self) -> u32 {
        match self {
            Self::Rs8 => 200,
            Self::Rs16 => 24_576,
            Self::Raptorq => 56_403,
        }
    }

    /// FEC Encoding ID, the codepoint of the LCT header.
    pub const fn encoding_id(self) -> u8 {
        match self {
            Self::Rs8 | Self::Rs16 => UNDER_SPECIFIED_ENCODING_ID,
            Self::Raptorq => RAPTORQ_ENCODING_ID,
        }
    }

    /// FEC Instance ID; RaptorQ is fully specified and has none.
    pub const fn instance_id(self) -> Option<u16> {
        match self {
            Self::Rs8 => Some(INSTANCE_RS8),
            Self::Rs16 => Some(INSTANCE_RS16),
            Self::Raptorq => None,
        }
    }

    /// The scheme that a received pair of IDs names, `None` for every other code.
    pub const fn from_ids(encoding_id: u8, instance_id: Option<u16>) -> Option<Self> {
        match (encoding_id, instance_id) {
            (UNDER_SPECIFIED_ENCODING_ID, Some(INSTANCE_RS8)) => Some(Self::Rs8),
            (UNDER_SPECIFIED_ENCODING_ID, Some(INSTANCE_RS16)) => Some(Self::Rs16),
            (RAPTORQ_ENCODING_ID, None) => Some(Self::Raptorq),
            _ => None,
        }
    }

    /// Bytes of a repair symbol where source symbols have `symbol_bytes`. GF(2^16) takes bytes in
    /// pairs, so an odd source symbol counts as one virtual zero byte longer.
    pub const fn repair_bytes(self, symbol_bytes: u16) -> usize {
        let bytes = symbol_bytes as usize;
        match self {
            Self::Rs16 => bytes.next_multiple_of(2),
            Self::Rs8 | Self::Raptorq => bytes,
        }
    }

    /// The word for it in line-ups.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs8 => "rs8",
            Self::Rs16 => "rs16",
            Self::Raptorq => "raptorq",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an operator asks for; [`crate::Geometry::plan`] turns it into numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Choice {
    /// `rs8` where one block holds the object (200 symbols), else `rs16`.
    #[default]
    Auto,
    /// GF(2^8) at any length.
    Rs8,
    /// GF(2^16), blocks of at most 24,576 symbols.
    Rs16,
    /// GF(2^16), blocks of at most 6,144 symbols.
    Rs16Small,
    /// RFC 6330, for standard FLUTE receivers.
    Raptorq,
}

impl Choice {
    /// Every choice, in the order to show them.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Rs8, Self::Rs16, Self::Rs16Small, Self::Raptorq];

    /// The word for it in line-ups.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Rs8 => "rs8",
            Self::Rs16 => "rs16",
            Self::Rs16Small => "rs16-small",
            Self::Raptorq => "raptorq",
        }
    }

    /// The choice that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.name() == word)
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_schemes_are_the_same_thing() {
        for scheme in [Scheme::Rs8, Scheme::Rs16, Scheme::Raptorq] {
            assert_eq!(Scheme::from_ids(scheme.encoding_id(), scheme.instance_id()), Some(scheme));
        }
    }

    #[test]
    fn other_codes_under_the_same_encoding_id_are_not_ours() {
        for ids in [(128, None), (128, Some(0)), (129, Some(0x5301)), (6, Some(0x5301)), (0, None)]
        {
            assert_eq!(Scheme::from_ids(ids.0, ids.1), None, "{ids:?}");
        }
    }

    #[test]
    fn words_and_choices_are_the_same_thing() {
        for choice in Choice::ALL {
            assert_eq!(Choice::parse(choice.name()), Some(choice));
        }
        assert_eq!(Choice::parse("rs"), None);
    }
}
