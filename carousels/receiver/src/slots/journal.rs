//! The journal of a slot: which symbols it holds, each record with the CRC of the bytes it speaks of.
//! `PROTOCOL.md` has it as a table, section 8.4.
//!
//! ```text
//!  header, 64 bytes   "STBJ" | version | symbol bytes | length (8) | SHA-256 (32) | 0 (12) | CRC-32
//!  record, 16 bytes   first symbol | symbols | CRC-32 of their bytes | CRC-32 of header's CRC and these
//! ```
//!
//! Numbers are little-endian. A record of 0 symbols says that the slot was read back and had the
//! digest. Records stand alone: one that is torn or was never written is passed over, and none of an
//! older journal in the same place counts, because the header's CRC goes into theirs.

use alloc::vec::Vec;
use core::ops::Range;

use stbcast_release::{Check, on};

use super::checksum::{Crc, crc32};
use crate::Content;

/// How every journal begins.
const MAGIC: [u8; 4] = *b"STBJ";
const VERSION: u16 = 1;

/// Bytes of the header.
pub(super) const HEADER_BYTES: usize = 64;
/// Bytes of a record.
pub(super) const RECORD_BYTES: usize = 16;

/// Records of a journal; what more is kept is not remembered.
pub const JOURNAL_RECORDS_MAX: u32 = 1 << 17;

/// Where the header's check begins.
const HEADER_CRC_AT: usize = HEADER_BYTES - 4;

/// The header of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// What the slot is to hold.
    pub(super) content: Content,
    /// Its own check.
    crc: u32,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// These symbols are in the slot, and this is the CRC-32 of their bytes.
    Symbols { symbols: Range<u32>, crc: u32 },
    /// The slot was whole and had the digest.
    Whole,
}

impl Header {
    pub(super) fn new(content: Content) -> Self {
        let crc = crc32(&Self::fields(&content));
        Self { content, crc }
    }

    fn fields(content: &Content) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(content.symbol_bytes.to_le_bytes());
        out.extend(content.length.to_le_bytes());
        out.extend(content.sha256);
        out.resize(HEADER_CRC_AT, 0);
        out
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Self::fields(&self.content);
        out.extend(self.crc.to_le_bytes());
        out
    }

    /// Reads a header; `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (fields, crc) = bytes.get(..HEADER_BYTES)?.split_last_chunk()?;
        let crc = u32::from_le_bytes(*crc);
        let (magic, rest) = fields.split_first_chunk()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (symbol_bytes, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (sha256, _) = rest.split_first_chunk()?;
        let content = Content {
            sha256: *sha256,
            length: u64::from_le_bytes(*length),
            symbol_bytes: u16::from_le_bytes(*symbol_bytes),
        };
        let is_ours = *magic == MAGIC && u16::from_le_bytes(*version) == VERSION;
        (is_ours && crc32(fields) == crc).then_some(Self { content, crc })
    }

    /// Source symbols of the content.
    pub(super) fn symbols(&self) -> u32 {
        symbols(&self.content)
    }

    pub(super) fn record(&self, record: &Record) -> [u8; RECORD_BYTES] {
        let (first, count, data) = match record {
            Record::Symbols { symbols, crc } => {
                (symbols.start, symbols.end.saturating_sub(symbols.start), *crc)
            }
            Record::Whole => (0, 0, 0),
        };
        let [first, count, data] = [first, count, data].map(u32::to_le_bytes);
        let crc = self.seal(first, count, data).to_le_bytes();
        let mut out = [0; RECORD_BYTES];
        for (place, field) in out.chunks_exact_mut(4).zip([first, count, data, crc]) {
            place.copy_from_slice(&field);
        }
        out
    }

    fn seal(&self, first: [u8; 4], count: [u8; 4], data: [u8; 4]) -> u32 {
        let mut crc = Crc::default();
        for field in [self.crc.to_le_bytes(), first, count, data] {
            crc.update(&field);
        }
        crc.value()
    }

    /// What a cell of the journal says; `None` where it is no record of this journal.
    pub(super) fn read(&self, cell: &[u8]) -> Option<Record> {
        let (first, rest) = cell.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (data, rest) = rest.split_first_chunk()?;
        let (crc, _) = rest.split_first_chunk()?;
        let is_sealed = self.seal(*first, *count, *data) == u32::from_le_bytes(*crc);
        if !is_sealed && on(Check::JournalCrc) {
            return None;
        }
        let [first, count, crc] = [*first, *count, *data].map(u32::from_le_bytes);
        if count == 0 {
            return Some(Record::Whole);
        }
        let end = first.checked_add(count).filter(|end| *end <= self.symbols())?;
        Some(Record::Symbols { symbols: first..end, crc })
    }
}

/// Source symbols of a content.
pub(super) fn symbols(content: &Content) -> u32 {
    let symbols = content.length.div_ceil(u64::from(content.symbol_bytes.max(1)));
    u32::try_from(symbols).unwrap_or(u32::MAX)
}

/// Bytes of the slot that these symbols are.
pub(super) fn bytes(content: &Content, symbols: &Range<u32>) -> Range<u64> {
    let at = |symbol: u32| {
        u64::from(symbol).saturating_mul(content.symbol_bytes.into()).min(content.length)
    };
    at(symbols.start)..at(symbols.end)
}

/// Puts ranges in order, and joins those that touch.
pub(super) fn merged(mut ranges: Vec<Range<u32>>) -> Vec<Range<u32>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut out: Vec<Range<u32>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const CONTENT: Content = Content { sha256: [7; 32], length: 10_001, symbol_bytes: 1_000 };

    #[test]
    fn a_journal_reads_what_it_wrote() {
        let header = Header::new(CONTENT);
        assert_eq!(header.encode().len(), HEADER_BYTES);
        assert_eq!(Header::decode(&header.encode()), Some(header));
        for record in [Record::Whole, Record::Symbols { symbols: 3..11, crc: 0xdead_beef }] {
            assert_eq!(header.read(&header.record(&record)), Some(record));
        }
    }

    #[test]
    pub(in crate::slots) fn a_bit_that_flipped_anywhere_makes_it_no_record() {
        let header = Header::new(CONTENT);
        let record = header.record(&Record::Symbols { symbols: 0..4, crc: 1 });
        for bit in 0..RECORD_BYTES * 8 {
            let mut flipped = record;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(header.read(&flipped), None, "bit {bit}");
        }
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = header.encode();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped), None, "bit {bit}");
        }
        for erased in [0x00, 0xff] {
            assert_eq!(header.read(&[erased; RECORD_BYTES]), None);
            assert_eq!(Header::decode(&[erased; HEADER_BYTES]), None);
        }
        assert_eq!(header.read(&record[..15]), None);
        assert_eq!(Header::decode(&header.encode()[..63]), None);
    }

    #[test]
    fn a_record_of_another_journal_in_the_same_place_does_not_count() {
        let older = Header::new(Content { length: 10_000, ..CONTENT });
        let record = older.record(&Record::Symbols { symbols: 0..4, crc: 1 });
        assert_eq!(Header::new(CONTENT).read(&record), None);
    }

    #[test]
    fn a_record_of_symbols_that_the_content_does_not_have_is_passed_over() {
        let header = Header::new(CONTENT);
        let reaches = |end| {
            let record = Record::Symbols { symbols: 10..end, crc: 1 };
            header.read(&header.record(&record)).is_some()
        };
        assert!(reaches(11));
        assert!(!reaches(12) && !reaches(u32::MAX));
    }

    #[test]
    fn the_last_symbol_is_as_short_as_it_is() {
        assert_eq!(symbols(&CONTENT), 11);
        assert_eq!(bytes(&CONTENT, &(9..11)), 9_000..10_001);
        assert_eq!(symbols(&Content { symbol_bytes: 0, ..CONTENT }), 10_001);
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let ranges = vec![8..9, 0..3, 3..5, 4..6, 10..11, 0..1];
        assert_eq!(merged(ranges), [0..6, 8..9, 10..11]);
    }
}
