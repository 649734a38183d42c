//! The packets a server sends, as checked views, and those a box sends.
//!
//! ```text
//!  RRQ    | 00 01 | name | 0 | "octet" | 0 | option | 0 | value | 0 | ...
//!  DATA   | 00 03 | block (2) | 0 to block size bytes |
//!  ACK    | 00 04 | block (2) |
//!  ERROR  | 00 05 | code (2)  | text | 0 |
//!  OACK   | 00 06 | option | 0 | value | 0 | ...
//! ```

use alloc::vec::Vec;

mod opcode {
    pub(super) const RRQ: u16 = 1;
    pub(super) const DATA: u16 = 3;
    pub(super) const ACK: u16 = 4;
    pub(super) const ERROR: u16 = 5;
    pub(super) const OACK: u16 = 6;
}

/// Codes of errors that a box tells a server (RFC 1350 appendix, RFC 2347).
pub(super) mod code {
    pub(in super::super) const NOT_DEFINED: u16 = 0;
    pub(in super::super) const DISK_FULL: u16 = 3;
    pub(in super::super) const ILLEGAL: u16 = 4;
    pub(in super::super) const UNKNOWN_TID: u16 = 5;
    pub(in super::super) const OPTIONS: u16 = 8;
}

/// Bytes of a request at most (RFC 2347).
pub(super) const REQUEST_BYTES_MAX: usize = 512;

/// Bytes in front of a block.
pub(super) const DATA_HEADER_BYTES: usize = 4;

/// What a server sent. The views borrow from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A block of the file.
    Data {
        /// Its number, from 1, which begins anew behind 65,535.
        block: u16,
        /// Its bytes.
        payload: &'a [u8],
    },
    /// Which options hold.
    OptionAck(&'a [u8]),
    /// The server gives up.
    Error {
        /// Why, as a number.
        code: u16,
        /// Why, in words that nobody checked.
        text: &'a [u8],
    },
}

/// Why a datagram is no packet of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Shorter than any packet.
    #[error("{bytes} bytes are no packet of TFTP")]
    Short {
        /// Its length.
        bytes: usize,
    },
    /// Nothing a server sends to a box that reads.
    #[error("a server does not send packets of kind {opcode}")]
    Opcode {
        /// Its first two bytes.
        opcode: u16,
    },
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// When a server does not send such a thing. What an option acknowledgement holds is not
    /// looked at here.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, PacketError> {
        let short = PacketError::Short { bytes: datagram.len() };
        let (opcode, rest) = split_u16(datagram).ok_or(short)?;
        match opcode {
            opcode::DATA => {
                let (block, payload) = split_u16(rest).ok_or(short)?;
                Ok(Self::Data { block, payload })
            }
            opcode::OACK => Ok(Self::OptionAck(rest)),
            opcode::ERROR => {
                let (code, text) = split_u16(rest).ok_or(short)?;
                // Old servers forget the zero behind it.
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                Ok(Self::Error { code, text })
            }
            opcode => Err(PacketError::Opcode { opcode }),
        }
    }
}

fn split_u16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*head), rest))
}

/// Pairs of name and value of an option acknowledgement; `None` where one is cut or empty.
pub(super) fn options(bytes: &[u8]) -> impl Iterator<Item = Option<(&[u8], &[u8])>> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let pair = string(rest).and_then(|(name, behind)| {
            let (value, behind) = string(behind)?;
            Some(((name, value), behind))
        });
        let Some((pair, behind)) = pair else {
            rest = &[];
            return Some(None);
        };
        rest = behind;
        Some(Some(pair))
    })
}

/// The text before the next zero, which is not empty, and what is behind that zero.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0).filter(|end| *end > 0)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// A request for the file `name`; `None` when it would be too long.
pub(super) fn request<'a>(
    name: &str,
    options: impl IntoIterator<Item = (&'a str, u64)>,
) -> Option<Vec<u8>> {
    let mut packet = opcode::RRQ.to_be_bytes().to_vec();
    let mut text = |text: &str| {
        packet.extend_from_slice(text.as_bytes());
        packet.push(0);
    };
    text(name);
    text("octet");
    for (name, value) in options {
        text(name);
        text(&alloc::format!("{value}"));
    }
    (packet.len() <= REQUEST_BYTES_MAX).then_some(packet)
}

/// An acknowledgement of a block.
pub(super) fn ack(block: u16) -> Vec<u8> {
    [opcode::ACK.to_be_bytes(), block.to_be_bytes()].concat()
}

/// An error, with which a transfer ends.
pub(super) fn error(code: u16, text: &str) -> Vec<u8> {
    let mut packet = [opcode::ERROR.to_be_bytes(), code.to_be_bytes()].concat();
    packet.extend_from_slice(text.as_bytes());
    packet.push(0);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_sends_is_read() {
        assert_eq!(
            Packet::parse(b"\0\x03\x01\x02ab"),
            Ok(Packet::Data { block: 0x0102, payload: b"ab" })
        );
        assert_eq!(Packet::parse(b"\0\x03\0\x01"), Ok(Packet::Data { block: 1, payload: b"" }));
        assert_eq!(Packet::parse(b"\0\x06a\x001\0"), Ok(Packet::OptionAck(b"a\x001\0")));
        for text in [&b"\0\x05\0\x01gone\0"[..], b"\0\x05\0\x01gone", b"\0\x05\0\x01gone\0more"] {
            assert_eq!(Packet::parse(text), Ok(Packet::Error { code: 1, text: b"gone" }));
        }
    }

    #[test]
    fn what_a_server_does_not_send_is_refused() {
        for bytes in [&b""[..], b"\0", b"\0\x03", b"\0\x03\0", b"\0\x05\0"] {
            assert_eq!(Packet::parse(bytes), Err(PacketError::Short { bytes: bytes.len() }));
        }
        for opcode in [0, 1, 2, 4, 7, 0xffff] {
            let bytes = [u16::to_be_bytes(opcode), [0, 0]].concat();
            assert_eq!(Packet::parse(&bytes), Err(PacketError::Opcode { opcode }));
        }
    }

    #[test]
    fn options_are_pairs_of_texts() {
        let pairs = |bytes| options(bytes).collect::<Vec<_>>();
        assert_eq!(pairs(b""), []);
        assert_eq!(
            pairs(b"a\x001\0b\x0022\0"),
            [Some((&b"a"[..], &b"1"[..])), Some((&b"b"[..], &b"22"[..]))]
        );
        for cut in [&b"a"[..], b"a\0", b"a\x001", b"\x001\0", b"a\0\0"] {
            assert_eq!(pairs(cut), [None], "{cut:?}");
        }
        assert_eq!(pairs(b"a\x001\0b"), [Some((&b"a"[..], &b"1"[..])), None]);
    }

    #[test]
    fn a_request_has_the_bytes_of_rfc_2347_and_fits_512() {
        let packet = request("a/b", [("blksize", 1428), ("tsize", 0)]).unwrap();
        assert_eq!(packet, b"\0\x01a/b\0octet\0blksize\x001428\0tsize\0\x30\0");
        assert_eq!(request(&"a".repeat(503), []).map(|packet| packet.len()), Some(512));
        assert_eq!(request(&"a".repeat(504), []), None);
    }
}
