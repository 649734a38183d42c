//! The LCT header (RFC 5651 §5.1): every legal width is read, one is written.
//!
//! ```text
//!  0               1               2               3
//! +-------+---+---+-+---+-+---+-+-+---------------+---------------+
//! | V = 1 | C |PSI|S| O |H|Res|A|B|    HDR_LEN    | CP = FEC ID   |
//! +-------+---+---+-+---+-+---+-+-+---------------+---------------+
//! | congestion control information, 4 (C + 1) bytes, ours zero    |
//! +---------------------------------------------------------------+
//! | TSI, 4 S + 2 H bytes                                          |
//! +---------------------------------------------------------------+
//! | TOI, 4 O + 2 H bytes                                          |
//! +---------------------------------------------------------------+
//! | header extensions up to HDR_LEN words                         |
//! +---------------------------------------------------------------+
//! ```
//!
//! Ours: C = 0, PSI = 0, S = 1, O = 1, H = 0, so that TSI and TOI have 32 bits each. A TOI is made
//! of 32 digest bits; 16 are too few, and 48-bit fields are misread by known receivers.

use stbcast_object::Head;

use crate::bytes::{number_at, u8_at};
use crate::{Extension, Reject};

/// LCT version, in the upper four bits of the first byte.
const VERSION: u8 = 1;

/// Bytes of our header without extensions.
pub const LCT_BYTES: usize = 16;

/// TOI of FDT instances (RFC 6726 §3.1).
pub const TOI_FDT: u128 = 0;

mod field {
    pub(super) const FLAGS: usize = 1;
    pub(super) const HEADER_WORDS: usize = 2;
    pub(super) const CODEPOINT: usize = 3;
    pub(super) const CONGESTION: usize = 4;
}

mod flag {
    pub(super) const TSI_WORD: u8 = 0x80;
    pub(super) const TOI_WORDS_SHIFT: u8 = 5;
    pub(super) const HALF_WORD: u8 = 0x10;
    pub(super) const CLOSE_SESSION: u8 = 0x02;
    pub(super) const CLOSE_OBJECT: u8 = 0x01;
}

/// What a sender puts in front of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Transport Session Identifier.
    pub tsi: u32,
    /// Transport Object Identifier; 0 for FDT instances.
    pub toi: u32,
    /// FEC Encoding ID.
    pub codepoint: u8,
}

impl Header {
    /// The bytes on the wire with `extensions` behind, at most 64 in all. What would not fit is
    /// left out; our longest header has 48 bytes.
    pub fn encode(&self, extensions: &[Extension]) -> Head {
        let mut head = Head::new();
        let flags = flag::TSI_WORD | 1 << flag::TOI_WORDS_SHIFT;
        let first = [VERSION << 4, flags, 0, self.codepoint];
        let _ = head.try_extend_from_slice(&first);
        let _ = head.try_extend_from_slice(&[0; 4]);
        let _ = head.try_extend_from_slice(&self.tsi.to_be_bytes());
        let _ = head.try_extend_from_slice(&self.toi.to_be_bytes());
        for extension in extensions {
            let _ = head.try_extend_from_slice(&extension.encode());
        }
        let words = u8::try_from(head.len() / 4).unwrap_or(u8::MAX);
        if let Some(slot) = head.get_mut(field::HEADER_WORDS) {
            *slot = words;
        }
        head
    }
}

/// The datagram that ends a session: A = 1, no TOI, no payload (RFC 6726 §3.1, RFC 5775 §4.1).
pub fn close_session(tsi: u32) -> Head {
    let mut head = Head::new();
    let first = [VERSION << 4, flag::TSI_WORD | flag::CLOSE_SESSION, 3, 0];
    let _ = head.try_extend_from_slice(&first);
    let _ = head.try_extend_from_slice(&[0; 4]);
    let _ = head.try_extend_from_slice(&tsi.to_be_bytes());
    head
}

/// A header as read. The congestion control information is skipped: nobody adapts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lct {
    /// Transport Session Identifier, up to 48 bits.
    pub tsi: u64,
    /// Transport Object Identifier, up to 112 bits; a header may have none.
    pub toi: Option<u128>,
    /// FEC Encoding ID, by FLUTE's custom.
    pub codepoint: u8,
    /// A: the session ends soon.
    pub close_session: bool,
    /// B: the object is not sent any longer.
    pub close_object: bool,
    extensions_start: usize,
    header_bytes: usize,
}

impl Lct {
    /// Reads the header of a datagram.
    ///
    /// # Errors
    /// [`Reject::Short`], [`Reject::Version`], [`Reject::HeaderLength`], [`Reject::NoTsi`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Reject> {
        let short = Reject::Short { bytes: bytes.len() };
        let at = |place| u8_at(bytes, place).ok_or(short);
        let (first, flags) = (at(0)?, at(field::FLAGS)?);
        let (header_words, codepoint) = (at(field::HEADER_WORDS)?, at(field::CODEPOINT)?);
        if first >> 4 != VERSION {
            return Err(Reject::Version { version: first >> 4 });
        }
        let half = usize::from(flags & flag::HALF_WORD != 0) * 2;
        let tsi_bytes = usize::from(flags & flag::TSI_WORD != 0) * 4 + half;
        let toi_bytes = usize::from(flags >> flag::TOI_WORDS_SHIFT & 0b11) * 4 + half;
        let tsi_start = field::CONGESTION + 4 * (usize::from(first >> 2 & 0b11) + 1);
        let toi_start = tsi_start + tsi_bytes;
        let extensions_start = toi_start + toi_bytes;
        let header_bytes = usize::from(header_words) * 4;
        if header_bytes < extensions_start || header_bytes > bytes.len() {
            return Err(Reject::HeaderLength { bytes: bytes.len(), header_bytes });
        }
        if tsi_bytes == 0 {
            return Err(Reject::NoTsi);
        }
        let tsi = number_at(bytes, tsi_start, tsi_bytes).ok_or(short)?;
        let toi = number_at(bytes, toi_start, toi_bytes).ok_or(short)?;
        Ok(Self {
            tsi: u64::try_from(tsi).unwrap_or(u64::MAX),
            toi: (toi_bytes > 0).then_some(toi),
            codepoint,
            close_session: flags & flag::CLOSE_SESSION != 0,
            close_object: flags & flag::CLOSE_OBJECT != 0,
            extensions_start,
            header_bytes,
        })
    }

    /// Bytes of the header with its extensions, a multiple of 4.
    pub const fn header_bytes(&self) -> usize {
        self.header_bytes
    }

    /// The extensions' bytes within the `datagram` this header was read from.
    pub fn extensions<'a>(&self, datagram: &'a [u8]) -> &'a [u8] {
        datagram.get(self.extensions_start..self.header_bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn our_header_has_sixteen_bytes_with_tsi_and_toi_of_thirty_two_bits() {
        let head = Header { tsi: 1, toi: 0xdead_beef, codepoint: 128 }.encode(&[]);
        let expected = [0x10, 0xa0, 0x04, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef];
        assert_eq!(head[..], expected);
    }

    #[test]
    fn the_end_of_a_session_has_no_object() {
        let lct = Lct::parse(&close_session(7)).unwrap();
        assert_eq!((lct.tsi, lct.toi, lct.close_session), (7, None, true));
    }

    #[test]
    fn every_legal_width_is_read() {
        for (c, s, o, h) in (0..64u8).map(|n| (n & 3, n >> 2 & 1, n >> 3 & 3, n >> 5)) {
            let words = 2 + c + s + o + h;
            let mut bytes = alloc::vec![0x10 | c << 2, s << 7 | o << 5 | h << 4 | 0x0c, words, 0];
            bytes.resize(4 + 4 * (usize::from(c) + 1), 0xcc);
            let (tsi_bytes, toi_bytes) = (usize::from(4 * s + 2 * h), usize::from(4 * o + 2 * h));
            let widths: Vec<u8> = (1..=18).collect();
            bytes.extend_from_slice(&widths[..tsi_bytes]);
            bytes.extend_from_slice(&widths[..toi_bytes]);
            let Ok(lct) = Lct::parse(&bytes) else {
                assert_eq!(tsi_bytes, 0);
                continue;
            };
            let number = |n: usize| widths[..n].iter().fold(0u128, |v, &b| v << 8 | u128::from(b));
            assert_eq!(u128::from(lct.tsi), number(tsi_bytes));
            assert_eq!(lct.toi, (toi_bytes > 0).then(|| number(toi_bytes)));
            assert!(lct.extensions(&bytes).is_empty());
        }
    }

    #[test]
    fn hostile_headers_are_refused_with_their_reason() {
        let good = Header { tsi: 1, toi: 1, codepoint: 0 }.encode(&[]).to_vec();
        let label = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            Lct::parse(&bytes).unwrap_err().label()
        };
        assert_eq!(Lct::parse(&[]).unwrap_err().label(), "short");
        assert_eq!(Lct::parse(&good[..15]).unwrap_err().label(), "header_length");
        assert_eq!(label(0, 0x20), "version");
        assert_eq!(label(2, 3), "header_length");
        assert_eq!(label(2, 5), "header_length");
        assert_eq!(label(1, 0x20), "no_tsi");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tsi: u32, toi: u32, codepoint: u8) {
            let lct = Lct::parse(&Header { tsi, toi, codepoint }.encode(&[])).unwrap();
            prop_assert_eq!(lct.tsi, u64::from(tsi));
            prop_assert_eq!(lct.toi, Some(u128::from(toi)));
            prop_assert_eq!(lct.codepoint, codepoint);
            prop_assert_eq!(lct.header_bytes(), LCT_BYTES);
            prop_assert!(!lct.close_session && !lct.close_object);
        }

        #[test]
        fn any_bytes_in_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(lct) = Lct::parse(&bytes) {
                prop_assert!(lct.header_bytes() <= bytes.len());
                let _ = lct.extensions(&bytes);
            }
        }
    }
}
