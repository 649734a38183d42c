//! One packet: the header as written, the datagram as read.

use crate::{NAME_BYTES, Name, NameError, ObjectType, Precoding};

/// Bytes of the fixed header (Infocast notes §2).
pub const HEADER_BYTES: usize = 44;

/// Largest datagram taken, in bytes: what the one published client reserves (notes §2.7).
const DATAGRAM_BYTES_MAX: usize = 5_000;

/// Most slices an object may claim. At 1,400 bytes a slice that is 2.9 GB; more is an attack on
/// the memory of the box.
const TOTAL_MAX: u32 = 1 << 21;

mod field {
    use super::NAME_BYTES;
    use core::ops::Range;

    pub(super) const OBJECT_TYPE: usize = 0;
    pub(super) const PRECODING: usize = 2;
    pub(super) const NUMBER: usize = 4;
    pub(super) const TOTAL: usize = 8;
    pub(super) const NAME: Range<usize> = 12..12 + NAME_BYTES;
    pub(super) const DYNAMIC_INFO: usize = 42;
}

/// What a sender puts in front of a slice: 44 bytes, dynamic info zero, no extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Object type code.
    pub object_type: ObjectType,
    /// Precoding code.
    pub precoding: Precoding,
    /// Number of this packet, from 1.
    pub number: u32,
    /// Packets of the whole object.
    pub total: u32,
    /// Object name.
    pub name: Name,
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
        put(field::OBJECT_TYPE, &self.object_type.0.to_be_bytes());
        put(field::PRECODING, &self.precoding.0.to_be_bytes());
        put(field::NUMBER, &self.number.to_be_bytes());
        put(field::TOTAL, &self.total.to_be_bytes());
        put(field::NAME.start, self.name.field());
        bytes
    }

    /// Puts another packet number into an encoded header: all that differs between the packets of
    /// a revision.
    pub(crate) fn renumber(bytes: &mut [u8; HEADER_BYTES], number: u32) {
        if let Some(slot) = bytes.get_mut(field::NUMBER..field::NUMBER + 4) {
            slot.copy_from_slice(&number.to_be_bytes());
        }
    }
}

/// A received datagram whose every field has been checked: all accessors are total.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    header: Header,
    dynamic_info: u16,
    bytes: &'a [u8],
    payload_start: usize,
    payload_end: usize,
}

/// Why a datagram is not a packet. Each reason is a counter of its own ([`Reject::label`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// Shorter than the header.
    #[error("{bytes} bytes are less than the header of 44")]
    Short {
        /// Bytes of the datagram.
        bytes: usize,
    },
    /// Longer than any known client takes.
    #[error("{bytes} bytes are more than the 5000 a client takes")]
    Oversized {
        /// Bytes of the datagram.
        bytes: usize,
    },
    /// Header, extension and trailer together are longer than the datagram.
    #[error("{bytes} bytes leave no room for {needed} bytes of header, extension and trailer")]
    NoPayload {
        /// Bytes of the datagram.
        bytes: usize,
        /// Bytes that header, extension and trailer need.
        needed: usize,
    },
    /// Packet number zero, or above the total.
    #[error("packet number {number} is not in 1 to {total}")]
    NumberOutOfRange {
        /// Packet number.
        number: u32,
        /// Total packets.
        total: u32,
    },
    /// More packets than an object may have.
    #[error("a total of {total} packets is above the limit of 2097152")]
    TotalAboveCap {
        /// Total packets.
        total: u32,
    },
    /// A name that is empty or could be a path.
    #[error("{0}")]
    Name(NameError),
}

impl Reject {
    /// Every label, in the order of [`Reject::index`].
    pub const LABELS: [&'static str; 6] =
        ["short", "oversized", "no_payload", "number_out_of_range", "total_above_cap", "bad_name"];

    /// Place of this reason in a table of counters.
    pub const fn index(&self) -> usize {
        match self {
            Self::Short { .. } => 0,
            Self::Oversized { .. } => 1,
            Self::NoPayload { .. } => 2,
            Self::NumberOutOfRange { .. } => 3,
            Self::TotalAboveCap { .. } => 4,
            Self::Name(_) => 5,
        }
    }

    /// The reason as a counter's label.
    pub fn label(&self) -> &'static str {
        Self::LABELS.get(self.index()).copied().unwrap_or("other")
    }
}

/// The fields as they stand, nothing checked but that they are there.
struct Raw<'a> {
    object_type: ObjectType,
    precoding: Precoding,
    number: u32,
    total: u32,
    name: &'a [u8; NAME_BYTES],
    dynamic_info: u16,
}

impl<'a> Raw<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        Some(Self {
            object_type: ObjectType(u16_at(bytes, field::OBJECT_TYPE)?),
            precoding: Precoding(u16_at(bytes, field::PRECODING)?),
            number: u32_at(bytes, field::NUMBER)?,
            total: u32_at(bytes, field::TOTAL)?,
            name: bytes.get(field::NAME)?.try_into().ok()?,
            dynamic_info: u16_at(bytes, field::DYNAMIC_INFO)?,
        })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

impl<'a> Packet<'a> {
    /// Largest datagram taken, in bytes.
    pub const BYTES_MAX: usize = DATAGRAM_BYTES_MAX;
    /// Most slices an object may claim.
    pub const TOTAL_MAX: u32 = TOTAL_MAX;

    /// Checks every field of a datagram (Infocast notes §9.2).
    ///
    /// # Errors
    /// When the datagram is not a packet.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Reject> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(Reject::Oversized { bytes: bytes.len() });
        }
        let raw = Raw::read(bytes).ok_or(Reject::Short { bytes: bytes.len() })?;
        let Raw { number, total, precoding, .. } = raw;
        let payload_start = HEADER_BYTES + usize::from(raw.dynamic_info >> 13 & 0b11) * 16;
        let needed = payload_start + precoding.trailer_bytes();
        let payload_end = bytes.len() - precoding.trailer_bytes();
        if bytes.len() < needed {
            return Err(Reject::NoPayload { bytes: bytes.len(), needed });
        }
        if number == 0 || number > total {
            return Err(Reject::NumberOutOfRange { number, total });
        }
        if total > TOTAL_MAX {
            return Err(Reject::TotalAboveCap { total });
        }
        let name = Name::from_field(raw.name).map_err(Reject::Name)?;
        let header = Header { object_type: raw.object_type, precoding, number, total, name };
        Ok(Self { header, dynamic_info: raw.dynamic_info, bytes, payload_start, payload_end })
    }

    /// The fixed fields.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The 16 bits behind the name, whole: bits 14..13 count the extension, the rest is unknown.
    pub const fn dynamic_info(&self) -> u16 {
        self.dynamic_info
    }

    /// Slice index from 0.
    pub const fn index(&self) -> u32 {
        self.header.number - 1
    }

    /// Everything in front of the slice: header and extension.
    pub fn lead(&self) -> &'a [u8] {
        self.bytes.get(..self.payload_start).unwrap_or_default()
    }

    /// Extension bytes, skipped but kept for whoever wants to look at them.
    pub fn extension(&self) -> &'a [u8] {
        self.bytes.get(HEADER_BYTES..self.payload_start).unwrap_or_default()
    }

    /// The slice of the object.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.payload_start..self.payload_end).unwrap_or_default()
    }

    /// A value that tells slices of different bytes apart; it proves nothing (CRC-32).
    pub fn fingerprint(&self) -> u32 {
        crate::check::fingerprint(self.payload())
    }

    /// Where the slice lies in the datagram.
    pub const fn payload_range(&self) -> core::ops::Range<usize> {
        self.payload_start..self.payload_end
    }

    /// The trailer: 0, 2 or 4 bytes by precoding.
    pub fn trailer(&self) -> &'a [u8] {
        self.bytes.get(self.payload_end..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn header() -> Header {
        Header {
            object_type: ObjectType::GENERIC,
            precoding: Precoding::CRC32,
            number: 2,
            total: 3,
            name: Name::new("cfg.x").unwrap(),
        }
    }

    fn datagram(dynamic_info: u16, rest: &[u8]) -> Vec<u8> {
        let mut bytes = header().encode().to_vec();
        bytes[42..44].copy_from_slice(&dynamic_info.to_be_bytes());
        bytes.extend_from_slice(rest);
        bytes
    }

    #[test]
    fn the_header_stands_on_the_wire_as_the_notes_draw_it() {
        let bytes = header().encode();
        assert_eq!(bytes[..12], [0, 1, 0, 4, 0, 0, 0, 2, 0, 0, 0, 3]);
        assert_eq!(&bytes[12..18], b"cfg.x\0");
        assert_eq!(bytes[42..], [0, 0]);
    }

    #[test]
    fn the_extension_is_skipped_by_bits_fourteen_and_thirteen_alone() {
        for (bits, extension) in [(0u16, 0), (1, 16), (2, 32), (3, 48)] {
            let mut rest = alloc::vec![0xa5; extension];
            rest.extend_from_slice(b"slice\x01\x02\x03\x04");
            for noise in [0, 0x8000, 0x1fff, 0x9fff] {
                let bytes = datagram(bits << 13 | noise, &rest);
                let packet = Packet::parse(&bytes).unwrap();
                assert_eq!(packet.payload(), b"slice");
                assert_eq!(packet.trailer(), [1, 2, 3, 4]);
                assert_eq!(packet.extension().len(), extension);
                assert_eq!(packet.index(), 1);
            }
        }
    }

    #[test]
    fn hostile_datagrams_are_refused_with_their_reason() {
        let label = |bytes: &[u8]| Packet::parse(bytes).unwrap_err().label();
        let good = datagram(0, b"payload1234");
        assert_eq!(label(&[]), "short");
        assert_eq!(label(&good[..43]), "short");
        assert_eq!(label(&alloc::vec![0; 5_001]), "oversized");
        assert_eq!(label(&datagram(0, b"123")), "no_payload");
        assert_eq!(label(&datagram(3 << 13, b"12345678901234567890")), "no_payload");
        let with = |at: usize, value: u32| {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
            bytes
        };
        assert_eq!(label(&with(4, 0)), "number_out_of_range");
        assert_eq!(label(&with(4, 4)), "number_out_of_range");
        assert_eq!(label(&with(8, 0)), "number_out_of_range");
        assert_eq!(label(&with(8, u32::MAX)), "total_above_cap");
        assert_eq!(label(&with(12, 0x2e2e_2f61)), "bad_name");
    }

    proptest! {
        #[test]
        fn any_bytes_in_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                let parts = packet.lead().len() + packet.payload().len() + packet.trailer().len();
                prop_assert_eq!(parts, bytes.len());
            }
        }

        #[test]
        fn what_is_written_is_read(
            object_type: u16, code: u16, number in 1u32..1000, more in 0u32..1000,
            name in "[a-z.]{1,30}", payload in proptest::collection::vec(any::<u8>(), 4..100),
        ) {
            prop_assume!(name != "." && name != "..");
            let header = Header {
                object_type: ObjectType(object_type),
                precoding: Precoding(code),
                number,
                total: number + more,
                name: Name::new(&name).unwrap(),
            };
            let mut bytes = header.encode().to_vec();
            bytes.extend_from_slice(&payload);
            let packet = Packet::parse(&bytes).unwrap();
            prop_assert_eq!(packet.header(), &header);
            prop_assert_eq!(packet.payload().len() + packet.trailer().len(), payload.len());
        }
    }
}
