//! `raptorq`: RFC 6330. The only file that names crate `raptorq`.
//!
//! The crate works on whole blocks, and its sub-blocks do not lower its need of memory, so there is
//! one stripe as wide as a symbol. Plans are kept by us: the crate's own cache keeps 64 of them for
//! the life of the process.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use raptorq::{
    EncodingPacket, ObjectTransmissionInformation, PayloadId, SourceBlockDecoder,
    SourceBlockEncoder, SourceBlockEncodingPlan,
};

use crate::decoder::Store;
use crate::error::CodecError;
use crate::geometry::Geometry;
use crate::job::Job;
use crate::scheme::{RAPTORQ_OVERHEAD, RAPTORQ_SENT_BLOCK_SYMBOLS_MAX, Scheme};

/// Repair symbols beyond those missing that a decoding takes in: each makes failure 256 times
/// rarer, so more of them are only memory.
const EXTRA_MAX: usize = RAPTORQ_OVERHEAD as usize + 7;

/// Heap bytes of a block at the encoder: the block twice, its intermediate symbols, and a plan of
/// about 5 KiB a symbol (5 MiB at K = 1,024).
pub(crate) fn encode_bytes(geometry: &Geometry) -> usize {
    heap_bytes(geometry, 8)
}

/// Heap bytes of a block at the decoder: packets, intermediate symbols and result, and matrices of
/// up to 3 KiB a symbol.
pub(crate) fn decode_bytes(geometry: &Geometry) -> usize {
    heap_bytes(geometry, 3)
}

/// Four symbols and `per_1024` KiB for each symbol of a block. That holds in blocks as we send them;
/// the matrices of longer ones may grow with the square.
fn heap_bytes(geometry: &Geometry, per_1024: usize) -> usize {
    let symbols = geometry.block_symbols() as usize;
    let matrix_bytes = per_1024 * symbols.max(RAPTORQ_SENT_BLOCK_SYMBOLS_MAX as usize);
    (symbols + 64).saturating_mul(4 * geometry.repair_bytes() + matrix_bytes)
}

/// Makes repair symbols; keeps a plan for each of the two lengths of block there can be.
pub(crate) struct Encoder {
    plans: Vec<(u32, SourceBlockEncodingPlan)>,
}

impl Encoder {
    /// An encoder without plans; each is made when a block first wants it.
    pub(crate) const fn new() -> Self {
        Self { plans: Vec::new() }
    }

    /// Emits the repair symbols `repairs` of a block; they are in range.
    pub(crate) fn encode<'a, E>(
        &mut self,
        geometry: &Geometry,
        source_symbols: u32,
        repairs: Range<u32>,
        mut source: impl FnMut(u32) -> Result<&'a [u8], CodecError<E>>,
        mut emit: impl FnMut(u32, &[u8]) -> Result<(), E>,
    ) -> Result<(), CodecError<E>> {
        let symbol_bytes = geometry.repair_bytes();
        let mut block = vec![0; source_symbols as usize * symbol_bytes];
        for (index, symbol) in (0..source_symbols).zip(block.chunks_exact_mut(symbol_bytes)) {
            for (to, from) in symbol.iter_mut().zip(source(index)?) {
                *to = *from;
            }
        }
        let plan =
            self.plan(source_symbols).ok_or(CodecError::Backend { scheme: Scheme::Raptorq })?;
        let encoder =
            SourceBlockEncoder::with_encoding_plan(0, &configuration(geometry), &block, plan);
        drop(block);
        for index in repairs {
            for packet in encoder.repair_packets(index, 1) {
                emit(index, packet.data()).map_err(CodecError::Store)?;
            }
        }
        Ok(())
    }

    fn plan(&mut self, symbols: u32) -> Option<&SourceBlockEncodingPlan> {
        if !self.plans.iter().any(|(count, _)| *count == symbols) {
            let plan = SourceBlockEncodingPlan::generate(u16::try_from(symbols).ok()?);
            self.plans.push((symbols, plan));
        }
        self.plans.iter().find(|(count, _)| *count == symbols).map(|(_, plan)| plan)
    }
}

/// Recovers what is missing in a block.
pub(crate) fn recover<S: Store>(job: &Job<'_>, store: &mut S) -> Result<(), CodecError<S::Error>> {
    let symbol_bytes = job.geometry.repair_bytes();
    let columns = 0..symbol_bytes;
    let source_symbols = job.geometry.source_symbols(job.block);
    let used = job.repair.len().min(job.missing.len() + EXTRA_MAX);
    let mut packets = Vec::with_capacity(source_symbols as usize + EXTRA_MAX);
    for index in job.held() {
        let mut symbol = vec![0; symbol_bytes];
        job.load(store, index, &columns, &mut symbol)?;
        packets.push(EncodingPacket::new(PayloadId::new(0, index), symbol));
    }
    for &index in job.repair.iter().take(used) {
        let mut symbol = vec![0; symbol_bytes];
        job.load_repair(store, index, &columns, &mut symbol)?;
        packets.push(EncodingPacket::new(PayloadId::new(0, source_symbols + index), symbol));
    }
    let length = u64::from(source_symbols) * symbol_bytes as u64;
    let mut decoder = SourceBlockDecoder::new(0, &configuration(job.geometry), length);
    let block = decoder.decode(packets).ok_or(CodecError::Undecodable { block: job.block })?;
    for &index in job.missing {
        let start = index as usize * symbol_bytes;
        let symbol = block
            .get(start..start + symbol_bytes)
            .ok_or(CodecError::Backend { scheme: Scheme::Raptorq })?;
        job.save(store, index, &columns, symbol)?;
    }
    Ok(())
}

/// What the crate wants to know of the object: only the symbol size, where blocks are coded one by
/// one, as block 0, and have one sub-block.
fn configuration(geometry: &Geometry) -> ObjectTransmissionInformation {
    ObjectTransmissionInformation::new(0, geometry.symbol_bytes(), 0, 1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::convert::Infallible;

    /// A standard receiver that is told the object's parameters and gets our repair symbols alone.
    #[test]
    fn repair_symbols_alone_complete_a_standard_decoder() {
        for (length, symbol_bytes, blocks) in [(1, 1, 1), (10_007, 24, 3), (5_000, 100, 50)] {
            let geometry = Geometry::raptorq(length, symbol_bytes, blocks).unwrap();
            let object: Vec<u8> = (0..length).map(|n| ((n * n) >> 3) as u8).collect();
            let blocks_u8 = u8::try_from(blocks).unwrap();
            let standard =
                ObjectTransmissionInformation::new(length, symbol_bytes, blocks_u8, 1, 1);
            let theirs = raptorq::Encoder::new(&object, standard);
            let mut decoder = raptorq::Decoder::new(standard);
            let mut encoder = Encoder::new();
            for block in 0..blocks {
                let count = geometry.source_symbols(block);
                let first = theirs.get_block_encoders()[block as usize].repair_packets(0, 1);
                let source = |index| {
                    let range = geometry.stripe(block, index, &(0..usize::from(symbol_bytes)));
                    Ok::<_, CodecError<Infallible>>(
                        &object[range.start as usize..range.end as usize],
                    )
                };
                let emit = |index, symbol: &[u8]| {
                    if index == 0 {
                        assert_eq!(first[0].data(), symbol);
                        assert_eq!(first[0].payload_id().encoding_symbol_id(), count);
                    }
                    let id = PayloadId::new(block as u8, count + index);
                    decoder.add_new_packet(EncodingPacket::new(id, symbol.to_vec()));
                    Ok(())
                };
                encoder.encode(&geometry, count, 0..count + 4, source, emit).unwrap();
            }
            assert!(decoder.get_result().unwrap() == object, "{length}");
            assert!(encoder.plans.len() <= 2, "a plan for each length of block");
        }
    }
}
