//! `rs8`: Reed-Solomon over GF(2^8). The only file that names crate `reed-solomon-erasure`.
//!
//! The parity rows and the arithmetic are the crate's; the decoder is not. The crate inverts a
//! k x k matrix for every pattern of losses (9 ms at k = 200); here only the missing symbols are
//! solved for: what is held is subtracted from as many repair symbols as are missing, and an e x e
//! matrix gives the rest.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use reed_solomon_erasure::galois_8::{self, ReedSolomon};

use crate::decoder::Store;
use crate::error::CodecError;
use crate::geometry::Geometry;
use crate::job::Job;
use crate::scheme::Scheme;
use crate::solve;
use crate::stripes::Stripes;

/// The rows of the generator matrix that make the repair symbols: M rows of K0 coefficients.
pub(crate) struct ParityRows {
    columns: usize,
    coefficients: Vec<u8>,
}

impl ParityRows {
    /// Asks the crate: repair symbols of the unit vectors are the columns of the matrix. Takes some
    /// 30 ms at K0 = 200 and at most 130 KiB, 16 KiB of them for good.
    pub(crate) fn new(geometry: &Geometry) -> Option<Self> {
        let columns = geometry.block_symbols() as usize;
        let rows = geometry.repair_symbols(0) as usize;
        let codec = ReedSolomon::new(columns, rows).ok()?;
        let unit = |one: usize| (0..columns).map(move |at| u8::from(at == one)).collect();
        let units: Vec<Vec<u8>> = (0..columns).map(unit).collect();
        let mut parity = vec![vec![0; columns]; rows];
        codec.encode_sep(&units, &mut parity).ok()?;
        Some(Self { columns, coefficients: parity.concat() })
    }

    /// What source symbol `source` is multiplied with in repair symbol `repair`; 0 outside.
    pub(crate) fn coefficient(&self, repair: u32, source: u32) -> u8 {
        let at = repair as usize * self.columns + source as usize;
        self.coefficients.get(at).copied().unwrap_or(0)
    }
}

/// `out += coefficient * input` over GF(2^8), as far as both reach.
pub(crate) fn mul_add(coefficient: u8, input: &[u8], out: &mut [u8]) {
    let bytes = input.len().min(out.len());
    let (input, _) = input.split_at(bytes);
    let (out, _) = out.split_at_mut(bytes);
    if coefficient != 0 {
        galois_8::mul_slice_xor(coefficient, input, out);
    }
}

/// `a * b` over GF(2^8).
pub(crate) fn mul(a: u8, b: u8) -> u8 {
    galois_8::mul(a, b)
}

/// `1 / a` over GF(2^8); nothing for zero.
pub(crate) fn reciprocal(a: u8) -> Option<u8> {
    (a != 0).then(|| galois_8::div(1, a))
}

/// Heap bytes per byte column while encoding: one sum for each repair symbol.
pub(crate) fn encode_bytes_per_column(geometry: &Geometry) -> usize {
    geometry.repair_symbols(0) as usize
}

/// Heap bytes per byte column while decoding the worst pattern: a syndrome for each symbol that can
/// be missing, one symbol read and one written.
pub(crate) fn decode_bytes_per_column(geometry: &Geometry) -> usize {
    geometry.repair_symbols(0).min(geometry.block_symbols()) as usize + 2
}

/// Emits the stripes of the repair symbols `repairs`, `width` columns wide.
pub(crate) fn encode<'a, E>(
    rows: &ParityRows,
    source_symbols: u32,
    repairs: Range<u32>,
    width: usize,
    mut source: impl FnMut(u32) -> Result<&'a [u8], CodecError<E>>,
    mut emit: impl FnMut(u32, &[u8]) -> Result<(), E>,
) -> Result<(), CodecError<E>> {
    let mut sums = vec![0; repairs.len() * width];
    for index in 0..source_symbols {
        let stripe = source(index)?;
        for (repair, sum) in repairs.clone().zip(sums.chunks_exact_mut(width.max(1))) {
            mul_add(rows.coefficient(repair, index), stripe, sum);
        }
    }
    for (repair, sum) in repairs.zip(sums.chunks_exact(width.max(1))) {
        emit(repair, sum).map_err(CodecError::Store)?;
    }
    Ok(())
}

/// Recovers what is missing in a block, stripes of `width` columns at a time.
pub(crate) fn recover<S: Store>(
    rows: &ParityRows,
    job: &Job<'_>,
    width: usize,
    store: &mut S,
) -> Result<(), CodecError<S::Error>> {
    let repair = job.repair_used();
    let inverse = solve::inverse(rows, repair, job.missing)
        .ok_or(CodecError::Backend { scheme: Scheme::Rs8 })?;
    let mut symbol = vec![0; width];
    let mut syndromes = vec![0; repair.len() * width];
    for columns in Stripes::new(job.geometry.repair_bytes(), width) {
        let (symbol, _) = symbol.split_at_mut(columns.len().min(width));
        let (syndromes, _) = syndromes.split_at_mut(repair.len() * symbol.len());
        let stride = symbol.len().max(1);
        for (&index, syndrome) in repair.iter().zip(syndromes.chunks_exact_mut(stride)) {
            job.load_repair(store, index, &columns, syndrome)?;
        }
        for held in job.held() {
            job.load(store, held, &columns, symbol)?;
            for (&index, syndrome) in repair.iter().zip(syndromes.chunks_exact_mut(stride)) {
                mul_add(rows.coefficient(index, held), symbol, syndrome);
            }
        }
        for (&missing, coefficients) in job.missing.iter().zip(&inverse) {
            symbol.fill(0);
            for (&coefficient, syndrome) in coefficients.iter().zip(syndromes.chunks_exact(stride))
            {
                mul_add(coefficient, syndrome, symbol);
            }
            job.save(store, missing, &columns, symbol)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(block_symbols: u32) -> (Geometry, ParityRows) {
        let length = u64::from(block_symbols) * 4;
        let geometry = Geometry::new(Scheme::Rs8, length, 4, block_symbols).unwrap();
        let rows = ParityRows::new(&geometry).unwrap();
        (geometry, rows)
    }

    /// The code told without the crate: the polynomial of degree below K0 that takes the values of
    /// the source symbols at 0, 1, ... K0-1 is evaluated at K0, K0+1, ... 254 (Lagrange).
    fn lagrange(block_symbols: u32, repair: u32, source: u32) -> u8 {
        let at = (block_symbols + repair) as u8;
        (0..block_symbols as u8).filter(|&other| u32::from(other) != source).fold(
            1,
            |all, other| {
                let over = mul(all, at ^ other);
                mul(over, reciprocal(source as u8 ^ other).unwrap())
            },
        )
    }

    #[test]
    fn rows_are_the_interpolation_over_the_points_from_0() {
        for block_symbols in [1, 2, 7, 64, 188, 200] {
            let (geometry, rows) = rows(block_symbols);
            let repair = geometry.repair_symbols(0);
            for index in [0, 1, repair / 2, repair - 1] {
                for source in 0..block_symbols {
                    assert_eq!(
                        rows.coefficient(index, source),
                        lagrange(block_symbols, index, source),
                        "K0 {block_symbols}, repair {index}, source {source}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_field_is_that_of_0x11d() {
        assert_eq!(mul(0x80, 2), 0x1d);
        assert!((1..=255).all(|a| mul(a, reciprocal(a).unwrap()) == 1));
        assert_eq!(reciprocal(0), None);
    }
}
