//! FDT instances put together from their datagrams, in bounded memory.

use alloc::vec::Vec;
use core::net::IpAddr;

use arrayvec::ArrayVec;

use crate::{Fti, crc32};

/// Instances put together at once. With 128 KiB each they take at most half a mebibyte.
const OPEN_MAX: usize = 4;

/// Finished instances remembered, so that their repetitions cost no work.
const DONE_MAX: usize = 16;

/// An FDT instance of one sender. FLUTE tells sessions apart by source address and TSI
/// (RFC 6726 §3.1), so redundant headends never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InstanceKey {
    pub(crate) source: IpAddr,
    pub(crate) tsi: u64,
    pub(crate) instance: u32,
}

#[derive(Clone, Debug)]
struct Open {
    key: InstanceKey,
    fti: Fti,
    bytes: Vec<u8>,
    have: Vec<bool>,
    missing: u32,
    touched: u64,
}

#[derive(Clone, Copy, Debug)]
struct Done {
    key: InstanceKey,
    fti: Fti,
    first_symbol: u32,
}

/// Puts instances together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assembler {
    open: ArrayVec<Open, OPEN_MAX>,
    done: ArrayVec<Done, DONE_MAX>,
    pushes: u64,
}

impl Assembler {
    /// Takes source symbol `index` of an instance and gives its bytes when they are all there.
    /// A sender that starts again may use an instance number for other bytes; what was gathered
    /// before is dropped then.
    pub(crate) fn push(
        &mut self,
        key: InstanceKey,
        fti: Fti,
        index: u32,
        symbol: &[u8],
    ) -> Option<Vec<u8>> {
        if let Some(place) = self.done.iter().position(|done| done.key == key) {
            let same =
                |done: &Done| done.fti == fti && (index != 0 || done.first_symbol == crc32(symbol));
            if self.done.get(place).is_some_and(same) {
                return None;
            }
            self.done.remove(place);
        }
        self.pushes += 1;
        let touched = self.pushes;
        let place = self.place_for(key, fti);
        let open = self.open.get_mut(place)?;
        open.touched = touched;
        if !open.take(index, symbol) {
            *open = Open::new(key, fti, touched);
            open.take(index, symbol);
        }
        if open.missing > 0 {
            return None;
        }
        let bytes = self.open.remove(place).bytes;
        let first = bytes.get(..bytes.len().min(usize::from(fti.symbol_bytes().get())));
        if self.done.is_full() {
            self.done.remove(0);
        }
        self.done.push(Done { key, fti, first_symbol: crc32(first.unwrap_or_default()) });
        Some(bytes)
    }

    /// Where the instance is put together: a place that it has, a free one, or the one that has
    /// been idle for longest.
    fn place_for(&mut self, key: InstanceKey, fti: Fti) -> usize {
        if let Some(place) = self.open.iter().position(|open| open.key == key) {
            if self.open.get(place).is_some_and(|open| open.fti != fti) {
                self.open.remove(place);
            } else {
                return place;
            }
        }
        if self.open.is_full() {
            let idle = self.open.iter().enumerate().min_by_key(|(_, open)| open.touched);
            let idle = idle.map_or(0, |(place, _)| place);
            self.open.remove(idle);
        }
        self.open.push(Open::new(key, fti, self.pushes));
        self.open.len() - 1
    }
}

impl Open {
    fn new(key: InstanceKey, fti: Fti, touched: u64) -> Self {
        let length = usize::try_from(fti.transfer_bytes()).unwrap_or_default();
        let missing = fti.symbols();
        let have = alloc::vec![false; missing as usize];
        Self { key, fti, bytes: alloc::vec![0; length], have, missing, touched }
    }

    /// Puts a symbol in its place; `false` when other bytes stand there already.
    fn take(&mut self, index: u32, symbol: &[u8]) -> bool {
        let range = self.fti.source_range(index);
        let (start, end) = (usize::try_from(range.start), usize::try_from(range.end));
        let (Ok(start), Ok(end)) = (start, end) else { return true };
        let slot = self.bytes.get_mut(start..end);
        let symbol = symbol.get(..end - start);
        let (Some(slot), Some(symbol), Some(have)) =
            (slot, symbol, self.have.get_mut(index as usize))
        else {
            return true;
        };
        if *have {
            return slot == symbol;
        }
        slot.copy_from_slice(symbol);
        *have = true;
        self.missing = self.missing.saturating_sub(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scheme;
    use core::net::Ipv4Addr;

    fn key(instance: u32) -> InstanceKey {
        InstanceKey { source: IpAddr::V4(Ipv4Addr::LOCALHOST), tsi: 1, instance }
    }

    fn fti(length: u64) -> Fti {
        Fti::new(Scheme::NoCode { block_symbols: 1_024 }, length, 4).unwrap()
    }

    #[test]
    fn parts_in_any_order_make_the_instance_once() {
        let mut assembler = Assembler::default();
        assert_eq!(assembler.push(key(1), fti(10), 2, b"ij"), None);
        assert_eq!(assembler.push(key(1), fti(10), 0, b"abcd"), None);
        assert_eq!(assembler.push(key(1), fti(10), 0, b"abcd"), None);
        assert_eq!(assembler.push(key(1), fti(10), 1, b"efgh").unwrap(), b"abcdefghij");
        for (index, part) in [&b"abcd"[..], b"efgh", b"ij"].into_iter().enumerate() {
            assert_eq!(assembler.push(key(1), fti(10), index as u32, part), None);
        }
        assert!(assembler.open.is_empty());
    }

    #[test]
    fn a_number_used_again_for_other_bytes_begins_anew() {
        let mut assembler = Assembler::default();
        assert!(assembler.push(key(1), fti(4), 0, b"abcd").is_some());
        assert_eq!(assembler.push(key(1), fti(4), 0, b"wxyz").unwrap(), b"wxyz");
        assert_eq!(assembler.push(key(1), fti(8), 0, b"1111"), None);
        assert_eq!(assembler.push(key(1), fti(8), 0, b"2222"), None);
        assert_eq!(assembler.push(key(1), fti(8), 1, b"3333").unwrap(), b"22223333");
    }

    #[test]
    fn a_flood_of_instances_keeps_memory_flat() {
        let mut assembler = Assembler::default();
        for instance in 0..10_000 {
            assembler.push(key(instance), fti(131_072), 0, b"abcd");
            assert!(assembler.open.len() <= OPEN_MAX);
        }
        assert!(assembler.push(key(10_000), fti(4), 0, b"abcd").is_some());
    }
}
