//! LCT header extensions (RFC 5651 §5.2, RFC 6726 §3.4): those of FLUTE read, all others skipped.
//!
//! ```text
//!  HET 0..127    +--------+--------+---------------------------+
//!                |  HET   |  HEL   | content, HEL words in all |
//!                +--------+--------+---------------------------+
//!  HET 128..255  +--------+------------------------+
//!                |  HET   | content, 24 bits       |
//!                +--------+------------------------+
//!
//!  EXT_FDT  192: | 0xc0 | V, 4 bits | FDT Instance ID, 20 bits |
//!  EXT_CENC 193: | 0xc1 | content encoding, 8 bits | 0, 16 bits |
//!  EXT_TIME   2: | 0x02 | HEL | use, 16 bits | one word for each use bit from the left |
//!  EXT_FTI   64: see `fti.rs`
//! ```

use arrayvec::ArrayVec;

use crate::bytes::{u8_at, u16_at, u32_at};
use crate::ntp::NtpTime;
use crate::{Fti, Reject};

/// First extension type of one word.
const ONE_WORD_FROM: u8 = 128;

mod het {
    pub(super) const TIME: u8 = 2;
    pub(super) const FTI: u8 = 64;
    pub(super) const FDT: u8 = 192;
    pub(super) const CENC: u8 = 193;
}

/// `Use` bits of EXT_TIME: Sender Current Time, seconds and fraction.
const SCT_HIGH: u16 = 0x8000;
const SCT_LOW: u16 = 0x4000;

/// An extension that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Which FDT instance the datagram carries.
    Fdt(FdtId),
    /// The sender's clock.
    Time(NtpTime),
    /// The FEC parameters of the object.
    Fti(Fti),
}

/// EXT_FDT: version and instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdtId {
    /// 2 for RFC 6726, 1 for RFC 3926.
    pub version: u8,
    /// FDT Instance ID, 20 bits.
    pub instance: u32,
}

impl Extension {
    /// The bytes on the wire, 4 to 16.
    pub fn encode(&self) -> ArrayVec<u8, 16> {
        let mut bytes = ArrayVec::new();
        match self {
            Self::Fdt(id) => {
                let word = u32::from(het::FDT) << 24
                    | u32::from(id.version & 0xf) << 20
                    | id.instance & FdtId::INSTANCE_MAX;
                let _ = bytes.try_extend_from_slice(&word.to_be_bytes());
            }
            Self::Time(time) => {
                let [high, low] = (SCT_HIGH | SCT_LOW).to_be_bytes();
                let _ = bytes.try_extend_from_slice(&[het::TIME, 3, high, low]);
                let _ = bytes.try_extend_from_slice(&time.0.to_be_bytes());
            }
            Self::Fti(fti) => {
                let _ = bytes.try_extend_from_slice(&[het::FTI, 4]);
                let _ = bytes.try_extend_from_slice(&fti.encode());
            }
        }
        bytes
    }
}

impl FdtId {
    /// Largest instance number; the next one is 0.
    pub const INSTANCE_MAX: u32 = 0xf_ffff;
}

/// One extension as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawExtension<'a> {
    /// Header Extension Type.
    pub kind: u8,
    /// The bytes behind HET, or behind HET and HEL.
    pub content: &'a [u8],
}

/// Walks over the extensions of a header. A length that leads nowhere ends the walk with an error.
#[derive(Clone, Debug)]
pub struct RawExtensions<'a> {
    rest: &'a [u8],
}

impl<'a> RawExtensions<'a> {
    /// The walk over `bytes`, as [`crate::Lct::extensions`] gives them.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn step(&mut self) -> Option<RawExtension<'a>> {
        let kind = u8_at(self.rest, 0)?;
        let (start, length) =
            if kind < ONE_WORD_FROM { (2, usize::from(u8_at(self.rest, 1)?) * 4) } else { (1, 4) };
        let content = self.rest.get(start..length)?;
        self.rest = self.rest.get(length..)?;
        Some(RawExtension { kind, content })
    }
}

impl<'a> Iterator for RawExtensions<'a> {
    type Item = Result<RawExtension<'a>, Reject>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let step = self.step().ok_or(Reject::Extension);
        if step.is_err() {
            self.rest = &[];
        }
        Some(step)
    }
}

/// What the extensions of one header say to FLUTE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions<'a> {
    /// EXT_FDT.
    pub fdt: Option<FdtId>,
    /// EXT_CENC: content encoding of the FDT instance, 0 for none.
    pub encoding: Option<u8>,
    /// EXT_TIME: the sender's clock.
    pub time: Option<NtpTime>,
    /// EXT_FTI, not yet read: its form depends on the FEC Encoding ID.
    pub fti: Option<&'a [u8]>,
}

impl<'a> Extensions<'a> {
    /// Reads the extensions' `bytes`.
    ///
    /// # Errors
    /// [`Reject::Extension`] where a length leads nowhere or one of ours stands there twice.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Reject> {
        let mut all = Self::default();
        for extension in RawExtensions::new(bytes) {
            let RawExtension { kind, content } = extension?;
            let twice = match kind {
                het::FDT => all.fdt.replace(fdt(content).ok_or(Reject::Extension)?).is_some(),
                het::CENC => {
                    all.encoding.replace(u8_at(content, 0).ok_or(Reject::Extension)?).is_some()
                }
                het::FTI => all.fti.replace(content).is_some(),
                het::TIME => {
                    all.time = all.time.or(time(content));
                    false
                }
                _ => false,
            };
            if twice {
                return Err(Reject::Extension);
            }
        }
        Ok(all)
    }
}

fn fdt(content: &[u8]) -> Option<FdtId> {
    let [first, rest @ ..] = content else { return None };
    let low = u16_at(rest, 0)?;
    let instance = u32::from(first & 0xf) << 16 | u32::from(low);
    Some(FdtId { version: first >> 4, instance })
}

/// The Sender Current Time, when EXT_TIME has it. Its other values concern nobody here.
fn time(content: &[u8]) -> Option<NtpTime> {
    let used = u16_at(content, 0)?;
    if used & SCT_HIGH == 0 {
        return None;
    }
    let seconds = u32_at(content, 2)?;
    let fraction = if used & SCT_LOW == 0 { 0 } else { u32_at(content, 6)? };
    Some(NtpTime(u64::from(seconds) << 32 | u64::from(fraction)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn unknown_extensions_are_skipped_by_their_lengths() {
        let mut bytes = alloc::vec![1, 2, 9, 9, 9, 9, 9, 9, 194, 1, 2, 3, 0, 1, 0, 0];
        bytes.extend_from_slice(&[66, 1, 0, 0]);
        bytes.extend_from_slice(&Extension::Fdt(FdtId { version: 2, instance: 0xabcde }).encode());
        let found = Extensions::parse(&bytes).unwrap();
        assert_eq!(found.fdt, Some(FdtId { version: 2, instance: 0xabcde }));
        assert_eq!((found.fti, found.time, found.encoding), (None, None, None));
        let kinds: Vec<u8> = RawExtensions::new(&bytes).map(|e| e.unwrap().kind).collect();
        assert_eq!(kinds, [1, 194, 0, 66, 192]);
    }

    #[test]
    fn a_length_that_leads_nowhere_is_refused() {
        for bytes in [&[64u8, 0, 0, 0][..], &[64, 2, 0, 0], &[0], &[192, 0, 0]] {
            assert_eq!(Extensions::parse(bytes), Err(Reject::Extension), "{bytes:?}");
        }
        let twice = [192, 0x20, 0, 1, 192, 0x20, 0, 2];
        assert_eq!(Extensions::parse(&twice), Err(Reject::Extension));
    }

    #[test]
    fn the_clock_of_the_sender_is_read_with_and_without_fraction() {
        let time = NtpTime(0xeeac_a792_aa4a_ada3);
        let bytes = Extension::Time(time).encode();
        assert_eq!(bytes[..4], [2, 3, 0xc0, 0]);
        assert_eq!(Extensions::parse(&bytes).unwrap().time, Some(time));
        let coarse = [2, 2, 0x80, 0, 0xee, 0xac, 0xa7, 0x92];
        assert_eq!(Extensions::parse(&coarse).unwrap().time, Some(NtpTime(0xeeac_a792 << 32)));
        let none = [2, 2, 0x20, 0, 0, 0, 0, 9];
        assert_eq!(Extensions::parse(&none).unwrap().time, None);
    }

    proptest! {
        #[test]
        fn any_bytes_in_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Extensions::parse(&bytes);
        }
    }
}
