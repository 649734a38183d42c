//! `rs16`: Reed-Solomon over GF(2^16). The only file that names crate `reed-solomon-simd`.
//!
//! Each group of 64 byte columns is a code word of its own, so a block is coded stripe by stripe
//! with one encoder or decoder, and the result is the same as in one go. The code depends on M as
//! a power of two; [`Geometry::repair_symbols`] gives one. Virtual symbols are zero and the last
//! ones, which the code does not see.
//!
//! The transforms are the crate's; the encoder around them is not. The crate's holds all symbols of
//! a stripe, this one a group of M and the sum of those before: a third less memory, so wider
//! stripes within the same, and those visit each symbol less often.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

#[cfg(feature = "std")]
use reed_solomon_simd::engine::DefaultEngine as EngineInUse;
#[cfg(not(feature = "std"))]
use reed_solomon_simd::engine::NoSimd as EngineInUse;
use reed_solomon_simd::engine::utils::xor_within;
use reed_solomon_simd::engine::{Engine, ShardsRefMut};
use reed_solomon_simd::rate::{HighRateDecoder, RateDecoder};

use crate::decoder::Store;
use crate::error::CodecError;
use crate::geometry::Geometry;
use crate::job::Job;
use crate::scheme::Scheme;
use crate::stripes::{STRIPE_ALIGN_BYTES, Stripes};

/// Heap bytes per byte column while encoding: a group of M symbols and the sum of those before it.
pub(crate) fn encode_bytes_per_column(geometry: &Geometry) -> usize {
    2 * geometry.repair_symbols(0).max(1) as usize
}

/// Heap bytes per byte column while decoding: all symbols, to the next power of two.
pub(crate) fn decode_bytes_per_column(geometry: &Geometry) -> usize {
    (geometry.block_symbols() + geometry.repair_symbols(0)).next_power_of_two() as usize
}

/// Columns that are coded together, as the crate has them.
type Cell = [u8; STRIPE_ALIGN_BYTES];

/// Makes repair symbols; keeps its work space from stripe to stripe.
pub(crate) struct Encoder {
    engine: EngineInUse,
    /// M symbols that are the sum so far, and M of the group that comes next.
    work: Vec<Cell>,
}

impl Encoder {
    /// An encoder for stripes of at most `width` columns.
    pub(crate) fn new(geometry: &Geometry, width: usize) -> Self {
        let (_, repair) = counts(geometry);
        let cells = width.div_ceil(STRIPE_ALIGN_BYTES);
        let work = vec![[0; STRIPE_ALIGN_BYTES]; 2 * repair * cells];
        Self { engine: EngineInUse::new(), work }
    }

    /// Emits the stripes of the repair symbols `repairs`, `width` columns wide. All of them are
    /// computed, whatever part is asked for.
    ///
    /// Leopard's code of high rate: source symbols are values of polynomials, M of them each, at
    /// the points behind those of the repair symbols; repair symbols are the values of the sum.
    pub(crate) fn encode<'a, E>(
        &mut self,
        geometry: &Geometry,
        source_symbols: u32,
        repairs: Range<u32>,
        width: usize,
        mut source: impl FnMut(u32) -> Result<&'a [u8], CodecError<E>>,
        mut emit: impl FnMut(u32, &[u8]) -> Result<(), E>,
    ) -> Result<(), CodecError<E>> {
        let (_, group) = counts(geometry);
        let cells = width.div_ceil(STRIPE_ALIGN_BYTES);
        let work = self
            .work
            .get_mut(..2 * group * cells)
            .ok_or(CodecError::Backend { scheme: Scheme::Rs16 })?;
        let mut left = 0..source_symbols;
        let mut first = 0;
        while !left.is_empty() {
            // The first group is the sum of itself.
            let place = if first == 0 { 0 } else { group };
            let (_, room) = work.split_at_mut(place * cells);
            let mut count = 0;
            for (symbol, index) in room.chunks_exact_mut(cells).take(group).zip(&mut left) {
                fill(symbol, source(index)?, width);
                count += 1;
            }
            let mut symbols = ShardsRefMut::new(2 * group, cells, work);
            symbols.zero(place + count..place + group);
            self.engine.ifft(&mut symbols, place, group, count, first + group);
            if place > 0 {
                xor_within(&mut symbols, 0, place, group);
            }
            first += group;
        }
        let mut symbols = ShardsRefMut::new(2 * group, cells, work);
        self.engine.fft(&mut symbols, 0, group, group, 0);
        for index in repairs {
            let at = index as usize * cells;
            let symbol = work.get_mut(at..at + cells).ok_or(CodecError::Symbol { index })?;
            emit(index, stripe_of(symbol, width)).map_err(CodecError::Store)?;
        }
        Ok(())
    }
}

/// Takes a stripe of `width` columns into cells, `stripe` and zeros behind it. The last cell of an
/// odd width holds its first half at the beginning and its second half from the middle on.
fn fill(symbol: &mut [Cell], stripe: &[u8], width: usize) {
    let whole = width - width % STRIPE_ALIGN_BYTES;
    let (head, tail) = stripe.split_at(whole.min(stripe.len()));
    let (to, to_tail) = symbol.as_flattened_mut().split_at_mut(whole);
    copy(to, head);
    let (low, high) = tail.split_at(((width - whole) / 2).min(tail.len()));
    let (to_low, to_high) = to_tail.split_at_mut(to_tail.len() / 2);
    copy(to_low, low);
    copy(to_high, high);
}

/// Copies what there is; the rest is zero.
fn copy(to: &mut [u8], from: &[u8]) {
    let (to, rest) = to.split_at_mut(from.len().min(to.len()));
    to.copy_from_slice(from);
    rest.fill(0);
}

/// The `width` columns of a symbol in cells, its last cell put in order.
fn stripe_of(symbol: &mut [Cell], width: usize) -> &[u8] {
    let half = width % STRIPE_ALIGN_BYTES / 2;
    if let (true, Some(last)) = (half > 0, symbol.last_mut()) {
        last.copy_within(STRIPE_ALIGN_BYTES / 2..STRIPE_ALIGN_BYTES / 2 + half, half);
    }
    let (stripe, _) = symbol.as_flattened().split_at(width);
    stripe
}

/// Recovers missing symbols; keeps its work space from stripe to stripe and block to block.
pub(crate) struct Decoder {
    codec: HighRateDecoder<EngineInUse>,
    symbol: Vec<u8>,
}

impl Decoder {
    /// A decoder for stripes of at most `width` columns.
    pub(crate) fn new(geometry: &Geometry, width: usize) -> Option<Self> {
        let (source, repair) = counts(geometry);
        let codec = HighRateDecoder::new(source, repair, width, EngineInUse::new(), None).ok()?;
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

    /// Repair symbols of the crate's own encoder with its plain engine over whole symbols, padded by
    /// hand.
    fn plain(geometry: &Geometry, block: u32, object: &[u8]) -> Vec<Vec<u8>> {
        let (source, repair) = counts(geometry);
        let bytes = geometry.repair_bytes();
        let mut encoder = HighRateEncoder::new(source, repair, bytes, NoSimd::new(), None).unwrap();
        for index in 0..geometry.block_symbols() {
            let range = geometry.stripe(block, index, &(0..bytes));
            let mut symbol = object[range.start as usize..range.end as usize].to_vec();
            symbol.resize(bytes, 0);
            encoder.add_original_shard(symbol).unwrap();
        }
        encoder.encode().unwrap().recovery_iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn stripes_and_vector_instructions_make_the_code_of_the_plain_engine() {
        // In blocks of 2 and 5 symbols the last group of the short block is virtual.
        for (symbols, cut, symbol_bytes, block_symbols) in [
            (1, 0, 1, 1),
            (3, 0, 66, 2),
            (9, 1, 130, 5),
            (7, 0, 401, 7),
            (299, 3, 130, 150),
            (5_000, 0, 70, 5_000),
            (9_999, 1, 6, 5_000),
        ] {
            let length = symbols * u64::from(symbol_bytes) - cut;
            let geometry =
                Geometry::new(Scheme::Rs16, length, symbol_bytes, block_symbols).unwrap();
            let object: Vec<u8> = (0..length).map(|n| ((n * n) >> 3) as u8).collect();
            let mut encoder = Encoder::new(&geometry, 128);
            for block in 0..geometry.blocks() {
                let expected = plain(&geometry, block, &object);
                for columns in Stripes::new(geometry.repair_bytes(), 128) {
                    let source = |index| {
                        let range = geometry.stripe(block, index, &columns);
                        Ok::<_, CodecError<Infallible>>(
                            &object[range.start as usize..range.end as usize],
                        )
                    };
                    let all = 0..geometry.repair_symbols(block);
                    let count = geometry.source_symbols(block);
                    let emit = |index, stripe: &[u8]| {
                        assert_eq!(stripe, &expected[index as usize][columns.clone()]);
                        Ok(())
                    };
                    encoder.encode(&geometry, count, all, columns.len(), source, emit).unwrap();
                }
            }
        }
    }
}
