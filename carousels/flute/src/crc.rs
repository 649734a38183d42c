//! The CRC-32 of companion datagrams. The crate `crc32fast` is named in this file alone.

use crc32fast::Hasher;

/// CRC-32 (ISO-HDLC, as in zlib) of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Makes the CRC of header and symbol out of the CRCs of both, so that the send path never reads
/// the symbol. Appending a fixed number of bytes is a linear map of the CRC in front of them.
#[derive(Clone, Debug)]
pub(crate) struct Joiner {
    columns: [u32; 32],
}

impl Joiner {
    /// For symbols of `symbol_bytes`.
    pub(crate) fn new(symbol_bytes: usize) -> Self {
        let column = |bit: usize| {
            let mut front = Hasher::new_with_initial_len(1 << bit, 1);
            front.combine(&Hasher::new_with_initial_len(0, symbol_bytes as u64));
            front.finalize()
        };
        Self { columns: core::array::from_fn(column) }
    }

    /// The CRC of `head` followed by the symbol whose CRC is `symbol`.
    pub(crate) fn join(&self, head: &[u8], symbol: u32) -> u32 {
        let front = crc32(head);
        let set = |bit: usize| front >> bit & 1 == 1;
        let columns = self.columns.iter().enumerate().filter(|&(bit, _)| set(bit));
        columns.fold(symbol, |crc, (_, column)| crc ^ column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn the_check_value_is_the_catalogues() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    proptest! {
        #[test]
        fn joined_crcs_are_the_crc_of_both(
            head in proptest::collection::vec(any::<u8>(), 0..64),
            symbol in proptest::collection::vec(any::<u8>(), 1..1_500),
        ) {
            let joiner = Joiner::new(symbol.len());
            let whole: Vec<u8> = head.iter().chain(&symbol).copied().collect();
            prop_assert_eq!(joiner.join(&head, crc32(&symbol)), crc32(&whole));
        }
    }
}
