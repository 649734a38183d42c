//! One datagram: the header as written, the datagram as read (MAG notes §1.3).
//!
//! All integers are big-endian. There is no magic number and no checksum beyond UDP's.
//!
//! ```text
//!  0      1        2        4       5        6
//! +------+--------+--------+-------+--------+-----------+
//! | 0x02 | 0x04   | serial | 0x01  | length | text      |   description
//! +------+--------+--------+-------+--------+-----------+
//!  0      1        2        4       6       8        12       16
//! +------+--------+--------+-------+-------+--------+--------+-----------+
//! | 0x01 | 0x10   | serial | index | last  | offset | length | payload   |   data
//! +------+--------+--------+-------+-------+--------+--------+-----------+
//! ```
//!
//! `index` counts packets modulo 65,536 and `last` is the number of packets less one, modulo 65,536:
//! both wrap above 95,420,416 bytes in packets of 1,456. Offset and length do not, and are the truth.

use alloc::vec::Vec;

/// Bytes in front of the payload of a data datagram.
pub const HEADER_BYTES: usize = 16;

/// Bytes in front of the text of a description.
const DESCRIPTION_HEADER_BYTES: usize = 6;

/// Longest text of a description, in bytes: its length is one byte.
pub const DESCRIPTION_BYTES_MAX: usize = 255;

const DATA: [u8; 2] = [0x01, 0x10];
const DESCRIPTION: [u8; 2] = [0x02, 0x04];
const DESCRIPTION_TAG: u8 = 0x01;

mod field {
    pub(super) const KIND: usize = 0;
    pub(super) const SERIAL: usize = 2;
    pub(super) const INDEX: usize = 4;
    pub(super) const LAST: usize = 6;
    pub(super) const OFFSET: usize = 8;
    pub(super) const LENGTH: usize = 12;
    pub(super) const TAG: usize = 4;
    pub(super) const TEXT_BYTES: usize = 5;
}

/// What a sender puts in front of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Low 16 bits of the serial number.
    pub serial: u16,
    /// Number of the packet from 0, modulo 65,536.
    pub index: u16,
    /// Packets of the image less one, modulo 65,536.
    pub last: u16,
    /// Where the payload belongs in the image, in bytes.
    pub offset: u32,
    /// Length of the image in bytes.
    pub length: u32,
}

impl Header {
    /// The bytes on the wire.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut put = |at: usize, value: &[u8]| {
            if let Some(slot) = bytes.get_mut(at..at + value.len()) {
                slot.copy_from_slice(value);
            }
        };
        put(field::KIND, &DATA);
        put(field::SERIAL, &self.serial.to_be_bytes());
        put(field::INDEX, &self.index.to_be_bytes());
        put(field::LAST, &self.last.to_be_bytes());
        put(field::OFFSET, &self.offset.to_be_bytes());
        put(field::LENGTH, &self.length.to_be_bytes());
        bytes
    }
}

/// A received datagram whose every field has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// What the image is, for people.
    Description {
        /// Serial number of the image.
        serial: u16,
        /// The text as it came.
        text: &'a [u8],
    },
    /// A piece of the image. `offset + payload.len() <= length` holds, and the payload is empty only
    /// where the image is.
    Data {
        /// The header.
        header: Header,
        /// The bytes at its offset.
        payload: &'a [u8],
    },
}

/// Why a datagram is neither. Each reason is a counter of its own ([`Reject::label`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// Shorter than its header.
    #[error("{bytes} bytes are less than the {needed} of a header")]
    Short {
        /// Bytes of the datagram.
        bytes: usize,
        /// Bytes that its kind needs.
        needed: usize,
    },
    /// Neither kind of datagram.
    #[error("type {kind} with a header of {header_bytes} bytes is neither 1 with 16 nor 2 with 4")]
    Kind {
        /// The type.
        kind: u8,
        /// Bytes of header that it states.
        header_bytes: u8,
    },
    /// A description whose text is of another length than it says.
    #[error("a description of {stated} bytes has {bytes}, or its tag {tag} is not 1")]
    Description {
        /// Its tag.
        tag: u8,
        /// Bytes of text that it states.
        stated: usize,
        /// Bytes of text there are.
        bytes: usize,
    },
    /// A piece that ends behind the image.
    #[error("{bytes} bytes at {offset} end behind an image of {length}")]
    Beyond {
        /// Where the piece begins.
        offset: u32,
        /// Its bytes.
        bytes: usize,
        /// Length of the image.
        length: u32,
    },
    /// A piece without bytes, of an image that has some.
    #[error("no payload, of an image of {length} bytes")]
    NoPayload {
        /// Length of the image.
        length: u32,
    },
}

impl Reject {
    /// Every label, in the order of [`Reject::index`].
    pub const LABELS: [&'static str; 5] =
        ["short", "bad_kind", "bad_description", "beyond_end", "no_payload"];

    /// Place of this reason in a table of counters.
    pub const fn index(&self) -> usize {
        match self {
            Self::Short { .. } => 0,
            Self::Kind { .. } => 1,
            Self::Description { .. } => 2,
            Self::Beyond { .. } => 3,
            Self::NoPayload { .. } => 4,
        }
    }

    /// The reason as a counter's label.
    pub fn label(&self) -> &'static str {
        Self::LABELS.get(self.index()).copied().unwrap_or("other")
    }
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// When it is neither a description nor a piece of an image.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Reject> {
        let short = |needed| Reject::Short { bytes: bytes.len(), needed };
        let kind = array(bytes, field::KIND).ok_or_else(|| short(DESCRIPTION_HEADER_BYTES))?;
        match kind {
            DATA => data(bytes).ok_or_else(|| short(HEADER_BYTES))?,
            DESCRIPTION => description(bytes).ok_or_else(|| short(DESCRIPTION_HEADER_BYTES))?,
            [kind, header_bytes] => Err(Reject::Kind { kind, header_bytes }),
        }
    }
}

/// `None` where the header is cut off.
fn data(bytes: &[u8]) -> Option<Result<Packet<'_>, Reject>> {
    let u16_at = |at| array(bytes, at).map(u16::from_be_bytes);
    let u32_at = |at| array(bytes, at).map(u32::from_be_bytes);
    let header = Header {
        serial: u16_at(field::SERIAL)?,
        index: u16_at(field::INDEX)?,
        last: u16_at(field::LAST)?,
        offset: u32_at(field::OFFSET)?,
        length: u32_at(field::LENGTH)?,
    };
    let payload = bytes.get(HEADER_BYTES..)?;
    let Header { offset, length, .. } = header;
    if u64::from(offset) + payload.len() as u64 > u64::from(length) {
        return Some(Err(Reject::Beyond { offset, bytes: payload.len(), length }));
    }
    if payload.is_empty() && length > 0 {
        return Some(Err(Reject::NoPayload { length }));
    }
    Some(Ok(Packet::Data { header, payload }))
}

/// `None` where the header is cut off.
fn description(bytes: &[u8]) -> Option<Result<Packet<'_>, Reject>> {
    let serial = array(bytes, field::SERIAL).map(u16::from_be_bytes)?;
    let tag = *bytes.get(field::TAG)?;
    let stated = usize::from(*bytes.get(field::TEXT_BYTES)?);
    let text = bytes.get(DESCRIPTION_HEADER_BYTES..)?;
    let fits = tag == DESCRIPTION_TAG && text.len() == stated;
    let refused = Reject::Description { tag, stated, bytes: text.len() };
    Some(if fits { Ok(Packet::Description { serial, text }) } else { Err(refused) })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The text of a description, 0 to 255 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description(Vec<u8>);

/// Why a text is no [`Description`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a description of {bytes} bytes: legal are 0 to 255")]
pub struct DescriptionError {
    /// Bytes of the text.
    pub bytes: usize,
}

impl Description {
    /// Checks a text.
    ///
    /// # Errors
    /// When it is longer than 255 bytes.
    pub fn new(text: &str) -> Result<Self, DescriptionError> {
        let bytes = text.len();
        let fits = bytes <= DESCRIPTION_BYTES_MAX;
        fits.then(|| Self(text.as_bytes().to_vec())).ok_or(DescriptionError { bytes })
    }

    /// The text.
    pub fn text(&self) -> &str {
        // It was made of one.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Bytes of the datagram that tells it.
    pub fn datagram_bytes(&self) -> usize {
        DESCRIPTION_HEADER_BYTES + self.0.len()
    }

    /// The datagram that tells it of the image with this serial number.
    pub fn encode(&self, serial: u16) -> Vec<u8> {
        let mut bytes = DESCRIPTION.to_vec();
        bytes.extend_from_slice(&serial.to_be_bytes());
        bytes.push(DESCRIPTION_TAG);
        // At most 255, by the check above.
        bytes.push(u8::try_from(self.0.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(&self.0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The vectors of MAG notes §1.3: a file of 5,000 bytes, serial number 9.
    #[test]
    fn headers_are_the_vendors() {
        let header = |index: u16, offset: u32| {
            Header { serial: 9, index, last: 3, offset, length: 5_000 }.encode()
        };
        let written = [
            [1, 0x10, 0, 9, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0x13, 0x88],
            [1, 0x10, 0, 9, 0, 1, 0, 3, 0, 0, 0x05, 0xb0, 0, 0, 0x13, 0x88],
            [1, 0x10, 0, 9, 0, 2, 0, 3, 0, 0, 0x0b, 0x60, 0, 0, 0x13, 0x88],
            [1, 0x10, 0, 9, 0, 3, 0, 3, 0, 0, 0x11, 0x10, 0, 0, 0x13, 0x88],
        ];
        for (index, written) in (0..).zip(written) {
            assert_eq!(header(index, u32::from(index) * 1_456), written);
        }
        let text = Description::new("Testing description").unwrap().encode(9);
        assert_eq!(text, b"\x02\x04\x00\x09\x01\x13Testing description");
    }

    #[test]
    fn what_is_neither_kind_is_refused_by_name() {
        let label = |bytes: &[u8]| Packet::parse(bytes).unwrap_err().label();
        assert_eq!(label(&[]), "short");
        assert_eq!(label(&[1, 0x10, 0, 9, 0]), "short");
        assert_eq!(label(&[3, 0x10, 0, 9, 0, 0]), "bad_kind");
        assert_eq!(label(&[2, 4, 0, 9, 1, 3, b'a']), "bad_description");
        assert_eq!(label(&[2, 4, 0, 9, 2, 1, b'a']), "bad_description");
        let data =
            |offset, length| Header { serial: 1, index: 0, last: 0, offset, length }.encode();
        assert_eq!(label(&data(0, 1)), "no_payload");
        assert_eq!(label(&[&data(1, 1)[..], b"a"].concat()), "beyond_end");
        assert_eq!(label(&[&data(u32::MAX, u32::MAX)[..], b"a"].concat()), "beyond_end");
        assert!(Packet::parse(&data(0, 0)).is_ok(), "an empty image");
    }

    #[test]
    fn a_description_of_256_bytes_is_refused() {
        assert!(Description::new(&"a".repeat(255)).is_ok());
        assert_eq!(Description::new(&"a".repeat(256)), Err(DescriptionError { bytes: 256 }));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(serial: u16, index: u16, last: u16, offset in 0u32..1 << 31, payload: Vec<u8>) {
            let length = offset + u32::try_from(payload.len()).unwrap();
            prop_assume!(!payload.is_empty() || length == 0);
            let header = Header { serial, index, last, offset, length };
            let bytes = [&header.encode()[..], &payload].concat();
            prop_assert_eq!(Packet::parse(&bytes), Ok(Packet::Data { header, payload: &payload }));
        }

        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>) {
            if let Ok(Packet::Data { header, payload }) = Packet::parse(&bytes) {
                prop_assert!(u64::from(header.offset) + payload.len() as u64 <= u64::from(header.length));
            }
        }
    }
}
