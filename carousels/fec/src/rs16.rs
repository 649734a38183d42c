//! `rs16`: Reed-Solomon over GF(2^16). The only file that names crate `reed-solomon-simd`.
//!
//! Each group of 64 byte columns is a code word of its own, so a block is coded stripe by stripe
//! with one encoder or decoder, and the result is the same as in one go. The code depends on M as
//! a power of two; [`Geometry::repair_symbols`] gives one. Virtual symbols are zero and the last
//! ones, which the code does not see.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use reed_solomon_simd::{ReedSolomonDecoder, ReedSolomonEncoder};

use crate::decoder::Store;
use crate::error::CodecError;
use crate::geometry::Geometry;
use crate::job::Job;
use crate::scheme::Scheme;
use crate::stripes::Stripes;

/// Heap bytes per byte column while encoding: K0 symbols in whole chunks of M. (One stripe of a
/// symbol that is too short to be used as it is comes on top and is small change.)
pub(crate) fn encode_bytes_per_column(geometry: &Geometry) -> usize {
    let repair = geometry.repair_symbols(0).max(1);
    geometry.block_symbols().next_multiple_of(repair) as usize
}

/// Heap bytes per byte column while decoding: all symbols, to the next power of two.
pub(crate) fn decode_bytes_per_column(geometry: &Geometry) -> usize {
    (geometry.block_symbols() + geometry.repair_symbols(0)).next_power_of_two() as usize
}

/// Makes repair symbols; keeps its work space from stripe to stripe.
pub(crate) struct Encoder {
    codec: ReedSolomonEncoder,
    padded: Vec<u8>,
}

impl Encoder {
    /// An encoder for stripes of at most `width` columns.
    pub(crate) fn new(geometry: &Geometry, width: usize) -> Option<Self> {
        let (source, repair) = counts(geometry);
        let codec = ReedSolomonEncoder::new(source, repair, width).ok()?;
        Some(Self { codec, padded: vec![0; width] })
    }

    /// Emits the stripes of the repair symbols `repairs`, `width` columns wide. All of them are
    /// computed, whatever part is asked for.
    pub(crate) fn encode<'a, E>(
        &mut self,
        geometry: &Geometry,
        source_symbols: u32,
        repairs: Range<u32>,
        width: usize,
        mut source: impl FnMut(u32) -> Result<&'a [u8], CodecError<E>>,
        mut emit: impl FnMut(u32, &[u8]) -> Result<(), E>,
    ) -> Result<(), CodecError<E>> {
        let (count, repair) = counts(geometry);
        self.codec.reset(count, repair, width).map_err(refused)?;
        let room = self.padded.len();
        let (padded, _) = self.padded.split_at_mut(width.min(room));
        for index in 0..geometry.block_symbols() {
            let stripe = if index < source_symbols { source(index)? } else { &[] };
            if stripe.len() == width {
                self.codec.add_original_shard(stripe).map_err(refused)?;
                continue;
            }
            padded.fill(0);
            for (to, from) in padded.iter_mut().zip(stripe) {
                *to = *from;
            }
            self.codec.add_original_shard(&*padded).map_err(refused)?;
        }
        let result = self.codec.encode().map_err(refused)?;
        for index in repairs {
            let stripe = result.recovery(index as usize).ok_or(CodecError::Symbol { index })?;
            emit(index, stripe).map_err(CodecError::Store)?;
        }
        Ok(())
    }
}

/// Recovers missing symbols; keeps its work space from stripe to stripe and block to block.
pub(crate) struct Decoder {
    codec: ReedSolomonDecoder,
    symbol: Vec<u8>,
}

impl Decoder {
    /// A decoder for stripes of at most `width` columns.
    pub(crate) fn new(geometry: &Geometry, width: usize) -> Option<Self> {
        let (source, repair) = counts(geometry);
        let codec = ReedSolomonDecoder::new(source, repair, width).ok()?;
        Some(Self { codec, symbol: vec![0; width] })
    }

    /// Recovers what is missing in a block, stripes of `width` columns at a time.
    pub(crate) fn recover<S: Store>(
        &mut self,
        job: &Job<'_>,
        width: usize,
        store: &mut S,
    ) -> Result<(), CodecError<S::Error>> {
        for columns in Stripes::new(job.geometry.repair_bytes(), width) {
            self.stripe(job, &columns, store)?;
        }
        Ok(())
    }

    fn stripe<S: Store>(
        &mut self,
        job: &Job<'_>,
        columns: &Range<usize>,
        store: &mut S,
    ) -> Result<(), CodecError<S::Error>> {
        let (count, repair) = counts(job.geometry);
        // Forgets what a stripe that failed in the middle left behind.
        self.codec.reset(count, repair, columns.len()).map_err(refused)?;
        let room = self.symbol.len();
        let (symbol, _) = self.symbol.split_at_mut(columns.len().min(room));
        for index in job.held() {
            job.load(store, index, columns, symbol)?;
            self.codec.add_original_shard(index as usize, &*symbol).map_err(refused)?;
        }
        symbol.fill(0);
        for index in job.geometry.source_symbols(job.block)..job.geometry.block_symbols() {
            self.codec.add_original_shard(index as usize, &*symbol).map_err(refused)?;
        }
        for &index in job.repair_used() {
            job.load_repair(store, index, columns, symbol)?;
            self.codec.add_recovery_shard(index as usize, &*symbol).map_err(refused)?;
        }
        let result = self.codec.decode().map_err(refused)?;
        for &index in job.missing {
            let restored = result
                .restored_original(index as usize)
                .ok_or(CodecError::Backend { scheme: Scheme::Rs16 })?;
            job.save(store, index, columns, restored)?;
        }
        Ok(())
    }
}

fn counts(geometry: &Geometry) -> (usize, usize) {
    (geometry.block_symbols() as usize, geometry.repair_symbols(0) as usize)
}

fn refused<E>(_: reed_solomon_simd::Error) -> CodecError<E> {
    CodecError::Backend { scheme: Scheme::Rs16 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::convert::Infallible;
    use reed_solomon_simd::engine::NoSimd;
    use reed_solomon_simd::rate::{HighRateEncoder, RateEncoder};

    /// Repair symbols of the crate's plain engine over whole symbols, padded by hand.
    fn plain(geometry: &Geometry, object: &[u8]) -> Vec<Vec<u8>> {
        let (source, repair) = counts(geometry);
        let bytes = geometry.repair_bytes();
        let mut encoder = HighRateEncoder::new(source, repair, bytes, NoSimd::new(), None).unwrap();
        for index in 0..geometry.block_symbols() {
            let range = geometry.stripe(0, index, &(0..bytes));
            let mut symbol = object[range.start as usize..range.end as usize].to_vec();
            symbol.resize(bytes, 0);
            encoder.add_original_shard(symbol).unwrap();
        }
        encoder.encode().unwrap().recovery_iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn stripes_and_vector_instructions_make_the_code_of_the_plain_engine() {
        for (length, symbol_bytes, block_symbols) in
            [(1, 1, 1), (401 * 7, 401, 7), (299 * 130 - 3, 130, 150), (5_000 * 70, 70, 5_000)]
        {
            let geometry =
                Geometry::new(Scheme::Rs16, length, symbol_bytes, block_symbols).unwrap();
            let object: Vec<u8> = (0..length).map(|n| ((n * n) >> 3) as u8).collect();
            let expected = plain(&geometry, &object);
            let mut encoder = Encoder::new(&geometry, 128).unwrap();
            for columns in Stripes::new(geometry.repair_bytes(), 128) {
                let source = |index| {
                    let range = geometry.stripe(0, index, &columns);
                    Ok::<_, CodecError<Infallible>>(
                        &object[range.start as usize..range.end as usize],
                    )
                };
                let all = 0..geometry.repair_symbols(0);
                let count = geometry.source_symbols(0);
                encoder
                    .encode(&geometry, count, all, columns.len(), source, |index, stripe| {
                        assert_eq!(stripe, &expected[index as usize][columns.clone()]);
                        Ok(())
                    })
                    .unwrap();
            }
        }
    }
}
