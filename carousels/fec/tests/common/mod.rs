//! An object, its repair symbols and a box that received some of both.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

use stbcast_fec::{CodecError, Decoder, Encoder, Geometry, RepairId, SetupError, Store};

/// Byte n of the object in every test and vector: the top byte of (n + 1) * 2654435761 mod 2^32.
pub fn object(length: u64) -> Vec<u8> {
    (1..=length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Xorshift; a seed replays a test.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % u64::from(end.max(1))) as u32
    }

    /// `count` different numbers below `end`, rising.
    pub fn choose(&mut self, count: u32, end: u32) -> Vec<u32> {
        let mut all: Vec<u32> = (0..end).collect();
        for at in 0..count.min(end) {
            let other = at + self.below(end - at);
            all.swap(at as usize, other as usize);
        }
        all.truncate(count as usize);
        all.sort_unstable();
        all
    }
}

/// The least memory with which `set_up` works, and what it made with `more` on top.
pub fn with_least_memory<T>(
    more: usize,
    mut set_up: impl FnMut(usize) -> Result<T, SetupError>,
) -> T {
    match set_up(0) {
        Err(SetupError::Memory { needed_bytes, .. }) => set_up(needed_bytes + more).unwrap(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("no memory at all is enough"),
    }
}

/// Repair symbols of all blocks, the first `most` of each, made in the encoder's own stripes.
pub fn repair(encoder: &mut Encoder, object: &[u8], most: u32) -> BTreeMap<RepairId, Vec<u8>> {
    let geometry = *encoder.geometry();
    let mut all: BTreeMap<RepairId, Vec<u8>> = BTreeMap::new();
    for block in 0..geometry.blocks() {
        for columns in encoder.stripes() {
            encoder
                .encode(
                    block,
                    columns,
                    0..geometry.repair_symbols(block).min(most),
                    |range| &object[range.start as usize..range.end as usize],
                    |index, stripe| {
                        all.entry(RepairId { block, index }).or_default().extend(stripe);
                        Ok::<_, Infallible>(())
                    },
                )
                .unwrap();
        }
    }
    all
}

/// A box's storage. Reading what was not received fails.
pub struct Memory {
    pub object: Vec<u8>,
    pub lost: Vec<Range<u64>>,
    pub repair: BTreeMap<RepairId, Vec<u8>>,
}

impl Memory {
    /// Holds all of `object` and `repair`.
    pub fn new(object: Vec<u8>, repair: BTreeMap<RepairId, Vec<u8>>) -> Self {
        Self { object, lost: Vec::new(), repair }
    }

    /// Takes the source symbols at `indices` of `block` away.
    pub fn lose(&mut self, geometry: &Geometry, block: u32, indices: &[u32]) {
        for &index in indices {
            let range = geometry.bytes(geometry.symbol(block, index).unwrap());
            self.object[range.start as usize..range.end as usize].fill(0xee);
            self.lost.push(range);
        }
    }
}

impl Store for Memory {
    type Error = &'static str;

    fn read_source(&mut self, offset: u64, into: &mut [u8]) -> Result<(), Self::Error> {
        let end = offset + into.len() as u64;
        if self.lost.iter().any(|lost| offset < lost.end && end > lost.start) {
            return Err("read of a source symbol that is missing");
        }
        into.copy_from_slice(
            self.object.get(offset as usize..end as usize).ok_or("read beyond the object")?,
        );
        Ok(())
    }

    fn read_repair(
        &mut self,
        repair: RepairId,
        offset: usize,
        into: &mut [u8],
    ) -> Result<(), Self::Error> {
        let symbol = self.repair.get(&repair).ok_or("read of a repair symbol that is missing")?;
        into.copy_from_slice(
            symbol.get(offset..offset + into.len()).ok_or("read beyond a repair symbol")?,
        );
        Ok(())
    }

    fn write_source(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        let end = offset + bytes.len() as u64;
        if !self.lost.iter().any(|lost| lost.start <= offset && end <= lost.end) {
            return Err("write outside what is missing");
        }
        self.object[offset as usize..end as usize].copy_from_slice(bytes);
        Ok(())
    }
}

/// Recovers and, where RaptorQ says that these symbols do not do, takes one more: as a box does.
pub fn recover(
    decoder: &mut Decoder,
    block: u32,
    missing: &[u32],
    repair: &[u32],
    more: u32,
    store: &mut Memory,
) {
    let mut held = repair.to_vec();
    let mut more = (0..more).filter(|index| !repair.contains(index));
    loop {
        match decoder.recover(block, missing, &held, store) {
            Ok(()) => return,
            Err(CodecError::Undecodable { .. }) => {
                held.push(more.next().unwrap());
                held.sort_unstable();
            }
            Err(error) => panic!("{error}"),
        }
    }
}
