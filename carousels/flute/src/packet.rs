//! One ALC datagram (RFC 5775): LCT header, FEC Payload ID, symbol; ours with a check behind.
//!
//! ```text
//!   0 no-code    | LCT header | SBN, 16 | ESI, 16 | symbol |
//!   6 RaptorQ    | LCT header | SBN, 8  | ESI, 24 | symbol |
//! 128 companion  | LCT header | SBN, 32 | ESI, 32 | symbol | CRC-32 over all in front |
//! ```

use core::ops::Range;

use stbcast_object::{Head, Tail};

use crate::bytes::{array, u16_at, u32_at};
use crate::lct::TOI_FDT;
use crate::ntp::NtpTime;
use crate::scheme::encoding_id;
use crate::{
    Extension, Extensions, FdtId, Fti, Header, Lct, PayloadId, Reject, Scheme, Symbol, crc32,
};

/// Largest datagram taken, in bytes: the payload of a jumbo frame.
const DATAGRAM_BYTES_MAX: usize = 9_000;

/// Bytes of the CRC-32 behind a companion's symbol.
const CRC_BYTES: usize = 4;

/// A received datagram whose every field has been checked: all accessors are total.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    lct: Lct,
    extensions: Extensions<'a>,
    fti: Option<Fti>,
    payload: Option<Payload<'a>>,
}

/// What stands behind the LCT header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// TOI of the symbol's object.
    pub toi: u128,
    /// FEC Payload ID.
    pub id: PayloadId,
    /// The symbol.
    pub bytes: &'a [u8],
    /// Where the symbol begins in the datagram.
    pub start: usize,
}

impl<'a> Packet<'a> {
    /// Largest datagram taken, in bytes.
    pub const BYTES_MAX: usize = DATAGRAM_BYTES_MAX;

    /// Checks every field of a datagram. Where it carries EXT_FTI, its payload id and its length
    /// are checked against that; a companion datagram must carry it, and its CRC must match.
    ///
    /// # Errors
    /// When the datagram is not one of FLUTE, or of a code that is not known here.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Reject> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(Reject::Oversized { bytes: bytes.len() });
        }
        let lct = Lct::parse(bytes)?;
        let extensions = Extensions::parse(lct.extensions(bytes))?;
        if bytes.len() == lct.header_bytes() && (lct.close_session || lct.close_object) {
            return Ok(Self { lct, extensions, fti: None, payload: None });
        }
        let codepoint = lct.codepoint;
        let (id, range) = payload_id(codepoint, bytes, lct.header_bytes())?;
        let toi = lct.toi.ok_or(Reject::NoToi)?;
        let fti = match extensions.fti {
            None => None,
            Some(raw) => {
                let unknown = Reject::Codepoint { codepoint };
                Some(Fti::parse(codepoint, raw).ok_or(unknown)?.map_err(Reject::Fti)?)
            }
        };
        if codepoint == encoding_id::COMPANION {
            fti.ok_or(Reject::NoFti)?;
            let written = array(bytes, range.end).map(u32::from_be_bytes);
            if written != bytes.get(..range.end).map(crc32) {
                return Err(Reject::Crc);
            }
        }
        let symbol = bytes.get(range.clone()).unwrap_or_default();
        if let Some(fti) = fti {
            fti.symbol(id, symbol.len()).map_err(Reject::Symbol)?;
        }
        if toi == TOI_FDT && (fti.is_none() || extensions.fdt.is_none()) {
            return Err(Reject::NoFdtExtension);
        }
        let payload = Some(Payload { toi, id, bytes: symbol, start: range.start });
        Ok(Self { lct, extensions, fti, payload })
    }

    /// The LCT header.
    pub const fn lct(&self) -> &Lct {
        &self.lct
    }

    /// EXT_FTI, if the datagram carries it.
    pub const fn fti(&self) -> Option<Fti> {
        self.fti
    }

    /// EXT_FDT, if the datagram carries it.
    pub const fn fdt(&self) -> Option<FdtId> {
        self.extensions.fdt
    }

    /// Content encoding of the FDT instance; 0 is none.
    pub fn encoding(&self) -> u8 {
        self.extensions.encoding.unwrap_or_default()
    }

    /// The sender's clock, if the datagram carries it.
    pub const fn time(&self) -> Option<NtpTime> {
        self.extensions.time
    }

    /// The symbol; `None` for a datagram that only closes a session or an object.
    pub const fn payload(&self) -> Option<Payload<'a>> {
        self.payload
    }

    /// The meaning of the symbol under `fti`, which the FDT may have told.
    ///
    /// # Errors
    /// [`Reject::NoPayload`] where there is no symbol, [`Reject::Symbol`] where it does not fit.
    pub fn symbol(&self, fti: &Fti) -> Result<Symbol, Reject> {
        let payload = self.payload.ok_or(Reject::NoPayload { bytes: self.lct.header_bytes() })?;
        fti.symbol(payload.id, payload.bytes.len()).map_err(Reject::Symbol)
    }
}

/// Reads the FEC Payload ID and finds the symbol behind it.
fn payload_id(
    codepoint: u8,
    bytes: &[u8],
    start: usize,
) -> Result<(PayloadId, Range<usize>), Reject> {
    let found = match codepoint {
        encoding_id::NO_CODE => {
            u16_at(bytes, start).zip(u16_at(bytes, start + 2)).map(|(block, symbol)| {
                let id = PayloadId { block: u32::from(block), symbol: u32::from(symbol) };
                (id, start + 4..bytes.len())
            })
        }
        encoding_id::RAPTORQ => u32_at(bytes, start).map(|word| {
            let id = PayloadId { block: word >> 24, symbol: word & 0xff_ffff };
            (id, start + 4..bytes.len())
        }),
        encoding_id::COMPANION => {
            u32_at(bytes, start).zip(u32_at(bytes, start + 4)).and_then(|(block, symbol)| {
                let end = bytes.len().checked_sub(CRC_BYTES)?;
                (end > start + 8).then_some((PayloadId { block, symbol }, start + 8..end))
            })
        }
        _ => return Err(Reject::Codepoint { codepoint }),
    };
    found.ok_or(Reject::NoPayload { bytes: bytes.len() })
}

/// Bytes in front of the symbol in a datagram of an object under `fti`.
pub const fn head_bytes(fti: &Fti) -> usize {
    let id = if matches!(fti.scheme(), Scheme::Companion { .. }) { 8 } else { 4 };
    SOURCE_HEAD_BYTES - 4 + id
}

/// Bytes in front of a symbol of FEC Encoding ID 0 and 6, which have none behind it.
pub const SOURCE_HEAD_BYTES: usize = crate::lct::LCT_BYTES + 16 + 4;

/// Bytes around a symbol of a companion of ours: FEC Encoding ID 128.
pub const COMPANION_OVERHEAD_BYTES: usize = SOURCE_HEAD_BYTES + 4 + CRC_BYTES;

/// Bytes behind the symbol.
pub const fn tail_bytes(fti: &Fti) -> usize {
    if matches!(fti.scheme(), Scheme::Companion { .. }) { CRC_BYTES } else { 0 }
}

/// The bytes in front of a symbol: LCT header with EXT_FTI, and payload id. Made once for an
/// object; only the id differs between its datagrams.
#[derive(Clone, Debug)]
pub(crate) struct SymbolHead {
    header: Head,
    codepoint: u8,
}

impl SymbolHead {
    /// For object `toi` of session `tsi`; `fdt` is set for TOI 0.
    pub(crate) fn new(tsi: u32, toi: u32, fti: Fti, fdt: &[Extension]) -> Self {
        let codepoint = fti.scheme().encoding_id();
        let mut extensions: arrayvec::ArrayVec<Extension, 3> =
            fdt.iter().copied().take(2).collect();
        extensions.push(Extension::Fti(fti));
        Self { header: Header { tsi, toi, codepoint }.encode(&extensions), codepoint }
    }

    /// The bytes for symbol `id`.
    pub(crate) fn with(&self, id: PayloadId) -> Head {
        let mut head = self.header.clone();
        let PayloadId { block, symbol } = id;
        let bytes = match self.codepoint {
            encoding_id::NO_CODE => u64::from(block << 16 | symbol & 0xffff) << 32,
            encoding_id::RAPTORQ => u64::from(block << 24 | symbol & 0xff_ffff) << 32,
            _ => u64::from(block) << 32 | u64::from(symbol),
        };
        let length = if self.codepoint == encoding_id::COMPANION { 8 } else { 4 };
        let _ = head.try_extend_from_slice(bytes.to_be_bytes().get(..length).unwrap_or_default());
        head
    }
}

/// The CRC as it stands behind the symbol: big-endian.
pub(crate) fn crc_tail(crc: u32) -> Tail {
    Tail::from(crc.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn companion() -> Vec<u8> {
        let scheme = Scheme::Companion { code: Code::Rs16, block_symbols: 3 };
        let fti = Fti::new(scheme, 60, 10).unwrap();
        let head = SymbolHead::new(1, 0x0102_0304, fti, &[]);
        let mut bytes = head.with(PayloadId { block: 1, symbol: 3 }).to_vec();
        assert_eq!(bytes.len(), head_bytes(&fti));
        bytes.extend_from_slice(b"ten bytes!");
        let crc = crc32(&bytes);
        bytes.extend_from_slice(&crc_tail(crc));
        bytes
    }

    fn label(bytes: &[u8]) -> &'static str {
        Packet::parse(bytes).unwrap_err().label()
    }

    fn with(at: usize, value: u8, fix_crc: bool) -> Vec<u8> {
        let mut bytes = companion();
        bytes[at] = value;
        if fix_crc {
            let end = bytes.len() - 4;
            let crc = crc32(&bytes[..end]);
            bytes[end..].copy_from_slice(&crc.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn a_companion_datagram_is_read_back() {
        let bytes = companion();
        let packet = Packet::parse(&bytes).unwrap();
        let payload = packet.payload().unwrap();
        assert_eq!((payload.toi, payload.bytes), (0x0102_0304, &b"ten bytes!"[..]));
        let fti = packet.fti().unwrap();
        assert_eq!(packet.symbol(&fti), Ok(Symbol::Repair { block: 1, index: 0 }));
    }

    #[test]
    fn hostile_companion_datagrams_are_refused_with_their_reason() {
        assert_eq!(label(&[0x10; 9_001]), "oversized");
        assert_eq!(label(&companion()[..36]), "no_payload");
        assert_eq!(label(&with(45, b'x', false)), "crc");
        assert_eq!(label(&with(3, 129, false)), "codepoint");
        assert_eq!(label(&with(16, 1, true)), "no_fti");
        assert_eq!(label(&with(25, 9, true)), "bad_fti");
        assert_eq!(label(&with(35, 2, true)), "bad_symbol");
        assert_eq!(label(&with(39, 2, true)), "bad_symbol");
        assert_eq!(label(&with(39, 9, true)), "bad_symbol");
        assert_eq!(label(&with(27, 8, true)), "bad_symbol");
    }

    #[test]
    fn a_damaged_companion_datagram_never_passes() {
        let bytes = companion();
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x10;
            // The congestion control information is inside the CRC, too.
            assert!(Packet::parse(&damaged).is_err(), "byte {place}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert!(packet.payload().is_none_or(|p| p.start <= bytes.len()));
            }
        }

        #[test]
        fn any_damage_in_front_never_panics(place in 0usize..60, value: u8, cut in 0usize..60) {
            let mut bytes = companion();
            if let Some(byte) = bytes.get_mut(place) {
                *byte = value;
            }
            bytes.truncate(cut);
            let _ = Packet::parse(&bytes);
        }
    }
}
