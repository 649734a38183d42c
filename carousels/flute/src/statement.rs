//! A signed document that travels in the announce session, whole in one datagram. What it says is not
//! known here.
//!
//! ```text
//!  | LCT header, 16 | EXT_FTI, 16: L bytes, E 1400, B 1024 | SBN 0, ESI 0 | the document, L bytes |
//! ```

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::fdt::File;
use crate::packet::{SOURCE_HEAD_BYTES, SymbolHead};
use crate::{Fti, PayloadId, Scheme};

/// Most bytes of a statement: with 36 bytes of headers in front it fits an IP packet of either version.
pub const STATEMENT_BYTES_MAX: usize = 1_400;

/// Bytes of a symbol, so that a statement is one.
const SYMBOL_BYTES: u16 = 1_400;

/// Most symbols of a block, as for descriptions.
const BLOCK_SYMBOLS: u32 = 1_024;

/// A document of one datagram, with its description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    file: File,
    fti: Fti,
    toi: u32,
    bytes: Arc<[u8]>,
}

/// Why a statement cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Nothing, or more than one datagram.
    #[error("a statement of {bytes} bytes: 1 to {STATEMENT_BYTES_MAX} are legal")]
    Length {
        /// Its bytes.
        bytes: usize,
    },
    /// Zero, or above 32 bits.
    #[error("TOI {toi} is zero or above 32 bits")]
    Toi {
        /// The TOI.
        toi: u128,
    },
}

impl Statement {
    /// The document `bytes` under the location, TOI, kind and digest of `file`; length and FEC
    /// parameters are those of its one symbol.
    ///
    /// # Errors
    /// When it has no bytes or more than [`STATEMENT_BYTES_MAX`], or the TOI is not one of 32 bits.
    pub fn new(file: File, bytes: Arc<[u8]>) -> Result<Self, StatementError> {
        let wrong = StatementError::Length { bytes: bytes.len() };
        if bytes.is_empty() || bytes.len() > STATEMENT_BYTES_MAX {
            return Err(wrong);
        }
        let scheme = Scheme::NoCode { block_symbols: BLOCK_SYMBOLS };
        let fti = Fti::new(scheme, bytes.len() as u64, SYMBOL_BYTES).map_err(|_| wrong)?;
        let toi = u32::try_from(file.toi).unwrap_or_default();
        if toi == 0 {
            return Err(StatementError::Toi { toi: file.toi });
        }
        Ok(Self { file: file.with_fti(fti), fti, toi, bytes })
    }

    /// Its description.
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// The document.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of UDP payload of its datagram.
    pub fn datagram_bytes(&self) -> usize {
        SOURCE_HEAD_BYTES + self.bytes.len()
    }

    /// Its datagram in session `tsi`.
    pub(crate) fn datagram(&self, tsi: u32) -> Vec<u8> {
        let head = SymbolHead::new(tsi, self.toi, self.fti, &[]);
        let mut datagram = head.with(PayloadId { block: 0, symbol: 0 }).to_vec();
        datagram.extend_from_slice(&self.bytes);
        datagram
    }
}
