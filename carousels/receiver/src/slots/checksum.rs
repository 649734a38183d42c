//! The CRC-32 of the state record and of journals. The crate `crc32fast` is named in this file alone.

use crc32fast::Hasher;

/// CRC-32 as zlib, PNG and Ethernet have it, of bytes that come piece by piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Crc(Hasher);

impl Crc {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn value(&self) -> u32 {
        self.0.clone().finalize()
    }
}

/// CRC-32 of bytes that are all there.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_usual_crc_32_in_one_piece_or_in_many() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let mut pieces = Crc::default();
        pieces.update(b"1234");
        pieces.update(b"56789");
        assert_eq!(pieces.value(), 0xcbf4_3926);
    }
}
