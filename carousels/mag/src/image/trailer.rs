//! A signature as it stands behind a section (MAG notes §1.6).
//!
//! ```text
//!  0       1               5      7                       263
//! +-------+---------------+------+-----------------------+
//! | class | creation time | bits | RSA-2048 signature    |
//! +-------+---------------+------+-----------------------+
//! ```
//!
//! It is what varies in an OpenPGP signature of version 3: PKCS#1 v1.5 over the digest of data, class
//! and time. Which digest and whose key is not said.

use super::TRAILER_BYTES;

/// Bytes of a signature of 2,048 bits.
pub const SIGNATURE_BYTES: usize = 256;

/// Class of a signature of a binary document.
const CLASS: u8 = 0x00;

/// A signature that is longer than this has the whole 256 bytes, so that nothing needs filling.
const SHORT_BITS: u32 = 2_040;

/// A signature and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// When it was made, in seconds since 1970.
    pub time: u32,
    /// The number, big-endian.
    pub signature: [u8; SIGNATURE_BYTES],
}

/// Why bytes are no [`Trailer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrailerError {
    /// Of another length.
    #[error("{bytes} bytes instead of {TRAILER_BYTES}")]
    Length {
        /// Bytes there are.
        bytes: usize,
    },
    /// Not a signature of a binary document.
    #[error("signature class {class:#04x} instead of 0x00")]
    Class {
        /// The class.
        class: u8,
    },
    /// The number has not the bits that it says.
    #[error("a signature of {bits} bits says that it has {stated}")]
    Bits {
        /// Bits that it says.
        stated: u16,
        /// Bits that it has.
        bits: u32,
    },
}

impl Trailer {
    /// Reads the bytes behind a section.
    ///
    /// A signature of 2,040 bits or fewer leaves bytes of its field free, and how the vendor's tools
    /// fill them is not known: zeros in front of the number are taken, and zeros behind it.
    ///
    /// # Errors
    /// When it is not 263 bytes, of class 0, with a number of as many bits as it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrailerError> {
        let refused = TrailerError::Length { bytes: bytes.len() };
        let (&[class], rest) = bytes.split_first_chunk().ok_or(refused)?;
        let (time, rest) = rest.split_first_chunk().ok_or(refused)?;
        let (stated, rest) = rest.split_first_chunk().ok_or(refused)?;
        let field: [u8; SIGNATURE_BYTES] = rest.try_into().map_err(|_| refused)?;
        if class != CLASS {
            return Err(TrailerError::Class { class });
        }
        let stated = u16::from_be_bytes(*stated);
        let mut signature = field;
        let unused = SIGNATURE_BYTES.saturating_sub(usize::from(stated).div_ceil(8));
        let behind = field.len().saturating_sub(unused);
        if field.first() != Some(&0) && field.iter().skip(behind).all(|&byte| byte == 0) {
            signature.rotate_right(unused);
        }
        let has = bits(&signature);
        if has != u32::from(stated) || has == 0 {
            return Err(TrailerError::Bits { stated, bits: has });
        }
        Ok(Self { time: u32::from_be_bytes(*time), signature })
    }

    /// The bytes behind a section.
    pub fn encode(&self) -> [u8; TRAILER_BYTES as usize] {
        let mut bytes = [0; TRAILER_BYTES as usize];
        // At most 2,048.
        let stated = u16::try_from(bits(&self.signature)).unwrap_or(u16::MAX).to_be_bytes();
        let parts = Self::hashed(self.time).into_iter().chain(stated).chain(self.signature);
        for (slot, byte) in bytes.iter_mut().zip(parts) {
            *slot = byte;
        }
        bytes
    }

    /// What is hashed behind the data: class and time.
    pub const fn hashed(time: u32) -> [u8; 5] {
        let [a, b, c, d] = time.to_be_bytes();
        [CLASS, a, b, c, d]
    }

    /// Whether the number leaves bytes of its field free. Boxes may not take such a signature; whoever
    /// signs makes another, a second later.
    pub fn is_short(&self) -> bool {
        bits(&self.signature) <= SHORT_BITS
    }
}

/// Bits of a number: those behind its leading zeros.
fn bits(number: &[u8; SIGNATURE_BYTES]) -> u32 {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    let first = number.get(zeros).map_or(0, |byte| byte.leading_zeros());
    // At most 256 bytes.
    let bytes = u32::try_from(SIGNATURE_BYTES - zeros).unwrap_or_default();
    (bytes * 8).saturating_sub(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn trailer(first: &[u8]) -> Trailer {
        let mut signature = [0x5a; SIGNATURE_BYTES];
        signature[..first.len()].copy_from_slice(first);
        Trailer { time: 0x5c6e_0b20, signature }
    }

    #[test]
    fn the_bytes_are_the_vendors() {
        let bytes = trailer(&[0x7f]).encode();
        assert_eq!(bytes.len(), 263);
        assert_eq!(bytes[..8], [0, 0x5c, 0x6e, 0x0b, 0x20, 0x07, 0xff, 0x7f], "2047 bits");
        assert_eq!(trailer(&[0x80]).encode()[5..7], [0x08, 0x00], "2048 bits");
        assert_eq!(Trailer::hashed(0x5c6e_0b20), bytes[..5]);
    }

    #[test]
    fn what_is_no_signature_is_refused_by_name() {
        let good = trailer(&[0x80]).encode();
        assert_eq!(Trailer::parse(&good[1..]), Err(TrailerError::Length { bytes: 262 }));
        let long = [&good[..], b"a"].concat();
        assert_eq!(Trailer::parse(&long), Err(TrailerError::Length { bytes: 264 }));
        let mut class = good;
        class[0] = 1;
        assert_eq!(Trailer::parse(&class), Err(TrailerError::Class { class: 1 }));
        let mut bits = good;
        bits[6] = 1;
        assert_eq!(Trailer::parse(&bits), Err(TrailerError::Bits { stated: 2_049, bits: 2_048 }));
        let zero = [0; 263];
        assert_eq!(Trailer::parse(&zero), Err(TrailerError::Bits { stated: 0, bits: 0 }));
    }

    #[test]
    fn a_short_number_is_read_with_zeros_in_front_and_behind() {
        let short = trailer(&[0, 0, 0x5a]);
        assert!(short.is_short() && !trailer(&[1]).is_short());
        let in_front = short.encode();
        let mut behind = in_front;
        behind[7..].rotate_left(2);
        assert_eq!(Trailer::parse(&in_front), Ok(short));
        assert_eq!(Trailer::parse(&behind), Ok(short));
        behind[262] = 1;
        assert!(Trailer::parse(&behind).is_err(), "what fills is not covered");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(time: u32, zeros in 0usize..256, byte in 1u8..) {
            let mut signature = [0x11; SIGNATURE_BYTES];
            signature[..zeros].fill(0);
            signature[zeros] = byte;
            let trailer = Trailer { time, signature };
            prop_assert_eq!(Trailer::parse(&trailer.encode()), Ok(trailer));
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300), stated: u16) {
            let _ = Trailer::parse(&bytes);
            let whole: Vec<u8> = bytes.iter().copied().cycle().take(263).collect();
            if let Ok(mut whole) = <[u8; 263]>::try_from(whole) {
                whole[0] = 0;
                whole[5..7].copy_from_slice(&stated.to_be_bytes());
                let _ = Trailer::parse(&whole);
            }
        }
    }
}
