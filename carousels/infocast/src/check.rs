//! The checks a trailer may hold. Algorithm, coverage and byte order were never published
//! (Infocast notes §2.4), so all three are values: stated by a line-up, learned by a box.
//!
//! The crates `crc` and `crc32fast` are named in this file alone.

use core::fmt;

use crc::{Crc, Digest};

/// Which CRC. Names are those of the usual catalogue; check values stand in the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the catalogue's")]
pub enum Algorithm {
    Crc32IsoHdlc,
    Crc32Mpeg2,
    Crc32Bzip2,
    Crc32Jamcrc,
    Crc16Xmodem,
    Crc16Ibm3740,
    Crc16Genibus,
    Crc16Kermit,
    Crc16IbmSdlc,
    Crc16Mcrf4xx,
    /// Polynomial 0x1021, start 0, the message not augmented: what the JDK's own class computes.
    Crc16Sun,
    Crc16Arc,
    Crc16Modbus,
    Crc16Umts,
}

impl Algorithm {
    /// Every algorithm with the word a line-up uses for it.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Crc32IsoHdlc, "crc32-iso-hdlc"),
        (Self::Crc32Mpeg2, "crc32-mpeg-2"),
        (Self::Crc32Bzip2, "crc32-bzip2"),
        (Self::Crc32Jamcrc, "crc32-jamcrc"),
        (Self::Crc16Xmodem, "crc16-xmodem"),
        (Self::Crc16Ibm3740, "crc16-ibm-3740"),
        (Self::Crc16Genibus, "crc16-genibus"),
        (Self::Crc16Kermit, "crc16-kermit"),
        (Self::Crc16IbmSdlc, "crc16-ibm-sdlc"),
        (Self::Crc16Mcrf4xx, "crc16-mcrf4xx"),
        (Self::Crc16Sun, "crc16-sun"),
        (Self::Crc16Arc, "crc16-arc"),
        (Self::Crc16Modbus, "crc16-modbus"),
        (Self::Crc16Umts, "crc16-umts"),
    ];

    /// Bytes of the result: 2 or 4.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Crc32IsoHdlc | Self::Crc32Mpeg2 | Self::Crc32Bzip2 | Self::Crc32Jamcrc => 4,
            _ => 2,
        }
    }

    /// The word a line-up uses.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or("", |(_, word)| word)
    }

    /// The algorithm of a line-up's word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(algorithm, _)| *algorithm)
    }
}

/// Which bytes the check covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// The slice alone.
    Payload,
    /// Everything in front of the trailer: header, extension, slice.
    Header,
    /// The whole object: every packet carries the same trailer.
    Object,
}

/// Order of the trailer's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ByteOrder {
    Big,
    Little,
}

/// How a trailer is computed and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which CRC.
    pub algorithm: Algorithm,
    /// Over which bytes.
    pub coverage: Coverage,
    /// In which byte order.
    pub order: ByteOrder,
}

impl Check {
    /// The default for a trailer of `bytes` (2 or 4): the natural guess for a Java server, over the
    /// slice, big-endian. Not verified against a real sender (notes §9.1).
    pub const fn default_for(bytes: usize) -> Option<Self> {
        let algorithm = match bytes {
            4 => Algorithm::Crc32IsoHdlc,
            2 => Algorithm::Crc16Xmodem,
            _ => return None,
        };
        Some(Self { algorithm, coverage: Coverage::Payload, order: ByteOrder::Big })
    }

    /// The value of `trailer` in this check's byte order.
    pub fn read(&self, trailer: &[u8]) -> u32 {
        let push = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        match self.order {
            ByteOrder::Big => trailer.iter().fold(0, push),
            ByteOrder::Little => trailer.iter().rev().fold(0, push),
        }
    }

    /// The trailer that carries `value`.
    pub fn write(&self, value: u32) -> stbcast_object::Tail {
        let bytes = value.to_be_bytes();
        let (_, low) = bytes.split_at(4 - self.algorithm.bytes());
        match self.order {
            ByteOrder::Big => low.iter().copied().collect(),
            ByteOrder::Little => low.iter().rev().copied().collect(),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let coverage = match self.coverage {
            Coverage::Payload => "the slice",
            Coverage::Header => "header and slice",
            Coverage::Object => "the whole object",
        };
        let order = match self.order {
            ByteOrder::Big => "big-endian",
            ByteOrder::Little => "little-endian",
        };
        write!(f, "{} over {coverage}, {order}", self.algorithm.word())
    }
}

static MPEG_2: Crc<u32> = Crc::<u32>::new(&crc::CRC_32_MPEG_2);
static BZIP2: Crc<u32> = Crc::<u32>::new(&crc::CRC_32_BZIP2);
static XMODEM: Crc<u16> = Crc::<u16>::new(&crc::CRC_16_XMODEM);
static IBM_3740: Crc<u16> = Crc::<u16>::new(&crc::CRC_16_IBM_3740);
static GENIBUS: Crc<u16> = Crc::<u16>::new(&crc::CRC_16_GENIBUS);
static KERMIT: Crc<u16> = Crc::<u16>::new(&crc::CRC_16_KERMIT);
static IBM_SDLC: Crc<u16> = Crc::<u16>::new(&crc::CRC_16_IBM_SDLC);
static MCRF4XX: Crc<u16> = Crc::<u16>::new(&crc::CRC_16_MCRF4XX);
static ARC: Crc<u16> = Crc::<u16>::new(&crc::CRC_16_ARC);
static MODBUS: Crc<u16> = Crc::<u16>::new(&crc::CRC_16_MODBUS);
static UMTS: Crc<u16> = Crc::<u16>::new(&crc::CRC_16_UMTS);

/// A check being computed over bytes that arrive in pieces.
#[derive(Clone)]
pub struct Running(State);

#[derive(Clone)]
enum State {
    Fast {
        hasher: crc32fast::Hasher,
        flip: u32,
    },
    Wide(Digest<'static, u32>),
    Narrow(Digest<'static, u16>),
    /// The remainder of the message itself is the augmented CRC of all but its last two bytes,
    /// plus those two: so they are held back.
    Sun {
        digest: Digest<'static, u16>,
        held: arrayvec::ArrayVec<u8, 2>,
    },
}

impl Running {
    /// Starts `algorithm`.
    pub fn new(algorithm: Algorithm) -> Self {
        let narrow = |table: &'static Crc<u16>| State::Narrow(table.digest());
        Self(match algorithm {
            Algorithm::Crc32IsoHdlc => State::Fast { hasher: crc32fast::Hasher::new(), flip: 0 },
            Algorithm::Crc32Jamcrc => {
                State::Fast { hasher: crc32fast::Hasher::new(), flip: u32::MAX }
            }
            Algorithm::Crc32Mpeg2 => State::Wide(MPEG_2.digest()),
            Algorithm::Crc32Bzip2 => State::Wide(BZIP2.digest()),
            Algorithm::Crc16Xmodem => narrow(&XMODEM),
            Algorithm::Crc16Ibm3740 => narrow(&IBM_3740),
            Algorithm::Crc16Genibus => narrow(&GENIBUS),
            Algorithm::Crc16Kermit => narrow(&KERMIT),
            Algorithm::Crc16IbmSdlc => narrow(&IBM_SDLC),
            Algorithm::Crc16Mcrf4xx => narrow(&MCRF4XX),
            Algorithm::Crc16Arc => narrow(&ARC),
            Algorithm::Crc16Modbus => narrow(&MODBUS),
            Algorithm::Crc16Umts => narrow(&UMTS),
            Algorithm::Crc16Sun => {
                State::Sun { digest: XMODEM.digest(), held: arrayvec::ArrayVec::new() }
            }
        })
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Fast { hasher, .. } => hasher.update(bytes),
            State::Wide(digest) => digest.update(bytes),
            State::Narrow(digest) => digest.update(bytes),
            State::Sun { digest, held } => {
                let tail = bytes.len().min(2);
                let (body, last) = bytes.split_at(bytes.len() - tail);
                let release = (held.len() + tail).saturating_sub(2);
                let released: arrayvec::ArrayVec<u8, 2> = held.drain(..release).collect();
                digest.update(&released);
                digest.update(body);
                held.extend(last.iter().copied());
            }
        }
    }

    /// The value over all bytes taken.
    pub fn finish(self) -> u32 {
        match self.0 {
            State::Fast { hasher, flip } => hasher.finalize() ^ flip,
            State::Wide(digest) => digest.finalize(),
            State::Narrow(digest) => u32::from(digest.finalize()),
            State::Sun { digest, held } => {
                let last = held.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
                u32::from(digest.finalize()) ^ last
            }
        }
    }
}

/// A check of some pieces in one call.
pub(crate) fn compute(algorithm: Algorithm, pieces: &[&[u8]]) -> u32 {
    let mut running = Running::new(algorithm);
    pieces.iter().for_each(|piece| running.update(piece));
    running.finish()
}

/// A value that tells two slices apart, not for integrity: CRC-32 of the bytes.
pub(crate) fn fingerprint(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn check_values_of_the_catalogue() {
        let expected = [
            0xcbf4_3926,
            0x0376_e6e7,
            0xfc89_1918,
            0x340b_c6d9,
            0x31c3,
            0x29b1,
            0xd64e,
            0x2189,
            0x906e,
            0x6f91,
            0xbeef,
            0xbb3d,
            0x4b37,
            0xfee8,
        ];
        for ((algorithm, word), value) in Algorithm::ALL.into_iter().zip(expected) {
            assert_eq!(compute(algorithm, &[b"123456789"]), value, "{word}");
        }
    }

    #[test]
    fn words_lead_back_to_their_algorithm() {
        for (algorithm, word) in Algorithm::ALL {
            assert_eq!(Algorithm::from_word(word), Some(algorithm));
            assert_eq!(algorithm.word(), word);
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(bytes in proptest::collection::vec(any::<u8>(), 0..64), at in 0usize..64) {
            let (left, right) = bytes.split_at(at.min(bytes.len()));
            for (algorithm, _) in Algorithm::ALL {
                prop_assert_eq!(compute(algorithm, &[left, right]), compute(algorithm, &[&bytes]));
            }
        }

        #[test]
        fn a_trailer_is_read_as_it_was_written(value: u32, little: bool) {
            for (algorithm, _) in Algorithm::ALL {
                let order = if little { ByteOrder::Little } else { ByteOrder::Big };
                let check = Check { algorithm, coverage: Coverage::Payload, order };
                let kept = if algorithm.bytes() == 4 { value } else { value & 0xffff };
                prop_assert_eq!(check.read(&check.write(value)), kept);
            }
        }
    }
}
