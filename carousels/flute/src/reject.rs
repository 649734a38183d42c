//! Why a datagram is not taken. Each reason is a counter of its own.

use crate::{FdtError, FtiError, SymbolError};

/// Why a datagram is not taken ([`Reject::label`] names the counter).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// Shorter than the fixed fields.
    #[error("{bytes} bytes are less than an LCT header")]
    Short {
        /// Bytes of the datagram.
        bytes: usize,
    },
    /// Longer than any that we take.
    #[error("{bytes} bytes are more than the 9000 that are taken")]
    Oversized {
        /// Bytes of the datagram.
        bytes: usize,
    },
    /// Another LCT version.
    #[error("LCT version {version} is not 1")]
    Version {
        /// The version.
        version: u8,
    },
    /// HDR_LEN below the fields that the flags promise, or past the datagram's end.
    #[error("a header of {header_bytes} bytes in a datagram of {bytes} is not legal")]
    HeaderLength {
        /// Bytes of the datagram.
        bytes: usize,
        /// Bytes of the header by HDR_LEN.
        header_bytes: usize,
    },
    /// No Transport Session Identifier.
    #[error("the header has no TSI")]
    NoTsi,
    /// A symbol of no object.
    #[error("a datagram with payload has no TOI")]
    NoToi,
    /// A header extension whose length leads nowhere, or one that stands there twice.
    #[error("the header extensions cannot be read")]
    Extension,
    /// An FEC Encoding ID that is not known here.
    #[error("FEC Encoding ID {codepoint} is unknown: 0, 6 and 128 are taken")]
    Codepoint {
        /// The codepoint.
        codepoint: u8,
    },
    /// No room for FEC Payload ID, symbol and check.
    #[error("{bytes} bytes leave no room for payload id and symbol")]
    NoPayload {
        /// Bytes of the datagram.
        bytes: usize,
    },
    /// EXT_FTI with parameters that are not legal.
    #[error("{0}")]
    Fti(FtiError),
    /// A companion datagram without EXT_FTI.
    #[error("a companion datagram without EXT_FTI")]
    NoFti,
    /// The CRC-32 of a companion datagram does not match.
    #[error("the CRC-32 does not match")]
    Crc,
    /// The payload id names no symbol of the object.
    #[error("{0}")]
    Symbol(SymbolError),
    /// TOI 0 without EXT_FDT or EXT_FTI.
    #[error("an FDT datagram without EXT_FDT or EXT_FTI")]
    NoFdtExtension,
    /// An FDT version other than 1 and 2.
    #[error("FDT version {version} is unknown: 1 and 2 are taken")]
    FdtVersion {
        /// The version.
        version: u8,
    },
    /// A compressed FDT instance.
    #[error("FDT instances with content encoding {encoding} are not taken")]
    FdtEncoding {
        /// The encoding (EXT_CENC).
        encoding: u8,
    },
    /// An FDT instance longer than is taken.
    #[error("an FDT instance of {bytes} bytes is above the limit of 131072")]
    FdtBytes {
        /// Bytes of the instance.
        bytes: u64,
    },
    /// The assembled FDT instance is refused.
    #[error("{0}")]
    Fdt(FdtError),
    /// EXT_FTI says something else than the FDT.
    #[error("EXT_FTI contradicts the FDT")]
    Contradiction,
    /// A symbol without EXT_FTI of an object that no FDT has described.
    #[error("a symbol of an object that is not described yet")]
    Undescribed,
    /// Another session on the same group.
    #[error("TSI {tsi} is another session")]
    OtherSession {
        /// The TSI.
        tsi: u64,
    },
}

impl Reject {
    /// Every label, in the order of [`Reject::index`].
    pub const LABELS: [&'static str; 21] = [
        "short",
        "oversized",
        "version",
        "header_length",
        "no_tsi",
        "no_toi",
        "extension",
        "codepoint",
        "no_payload",
        "bad_fti",
        "no_fti",
        "crc",
        "bad_symbol",
        "no_fdt_extension",
        "fdt_version",
        "fdt_encoding",
        "fdt_bytes",
        "bad_fdt",
        "contradiction",
        "undescribed",
        "other_session",
    ];

    /// Place of this reason in a table of counters.
    pub const fn index(&self) -> usize {
        match self {
            Self::Short { .. } => 0,
            Self::Oversized { .. } => 1,
            Self::Version { .. } => 2,
            Self::HeaderLength { .. } => 3,
            Self::NoTsi => 4,
            Self::NoToi => 5,
            Self::Extension => 6,
            Self::Codepoint { .. } => 7,
            Self::NoPayload { .. } => 8,
            Self::Fti(_) => 9,
            Self::NoFti => 10,
            Self::Crc => 11,
            Self::Symbol(_) => 12,
            Self::NoFdtExtension => 13,
            Self::FdtVersion { .. } => 14,
            Self::FdtEncoding { .. } => 15,
            Self::FdtBytes { .. } => 16,
            Self::Fdt(_) => 17,
            Self::Contradiction => 18,
            Self::Undescribed => 19,
            Self::OtherSession { .. } => 20,
        }
    }

    /// The reason as a counter's label.
    pub fn label(&self) -> &'static str {
        Self::LABELS.get(self.index()).copied().unwrap_or("other")
    }
}
