//! The e x e system of a block that lacks e source symbols.

use alloc::vec::Vec;
use core::mem;

use crate::rs8::{ParityRows, mul, mul_add, reciprocal};

/// For each of the `missing` source symbols the coefficients that make it out of the syndromes of
/// the `repair` symbols: the inverse of the square that both cut out of the parity rows. `None`
/// where it has none, which rows of an MDS code never lead to.
pub(crate) fn inverse(rows: &ParityRows, repair: &[u32], missing: &[u32]) -> Option<Vec<Vec<u8>>> {
    let order = missing.len();
    if repair.len() != order {
        return None;
    }
    let mut work: Vec<Vec<u8>> = Vec::with_capacity(order);
    for (row, &index) in repair.iter().enumerate() {
        let square = missing.iter().map(|&source| rows.coefficient(index, source));
        let unit = (0..order).map(|column| u8::from(column == row));
        work.push(square.chain(unit).collect());
    }
    for column in 0..order {
        eliminate(&mut work, column)?;
    }
    for row in &mut work {
        row.drain(..order);
    }
    Some(work)
}

/// One column of Gauss and Jordan: afterwards it is 1 in row `column` and 0 in all others.
fn eliminate(work: &mut [Vec<u8>], column: usize) -> Option<()> {
    let below = work.get(column..)?;
    let found = below.iter().position(|row| row.get(column).is_some_and(|&value| value != 0))?;
    work.swap(column, column + found);
    let mut pivot = mem::take(work.get_mut(column)?);
    let scale = reciprocal(*pivot.get(column)?)?;
    for value in &mut pivot {
        *value = mul(*value, scale);
    }
    for row in work.iter_mut() {
        // The pivot's own row is taken out and empty.
        if let Some(&value) = row.get(column) {
            mul_add(value, &pivot, row);
        }
    }
    *work.get_mut(column)? = pivot;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Geometry, Scheme};
    use alloc::vec;

    #[test]
    fn every_square_of_the_rows_has_an_inverse() {
        let geometry = Geometry::new(Scheme::Rs8, 200, 1, 200).unwrap();
        let rows = ParityRows::new(&geometry).unwrap();
        for order in [1, 2, 10, 55] {
            let missing: Vec<u32> = (0..order).map(|n| n * 200 / order).collect();
            let repair: Vec<u32> = (55 - order..55).collect();
            let inverse = inverse(&rows, &repair, &missing).unwrap();
            for (a, coefficients) in inverse.iter().enumerate() {
                for (b, &source) in missing.iter().enumerate() {
                    let dot = coefficients
                        .iter()
                        .zip(&repair)
                        .fold(0, |sum, (&c, &row)| sum ^ mul(c, rows.coefficient(row, source)));
                    assert_eq!(dot, u8::from(a == b), "order {order}");
                }
            }
        }
    }

    #[test]
    fn a_singular_matrix_is_an_answer_and_no_panic() {
        let mut work = vec![vec![1, 2, 1, 0], vec![1, 2, 0, 1]];
        assert_eq!(eliminate(&mut work, 0), Some(()));
        assert_eq!(eliminate(&mut work, 1), None);
        assert_eq!(eliminate(&mut [], 0), None);
    }

    #[test]
    fn unequal_lists_have_no_inverse() {
        let geometry = Geometry::new(Scheme::Rs8, 10, 1, 10).unwrap();
        let rows = ParityRows::new(&geometry).unwrap();
        assert_eq!(inverse(&rows, &[0], &[1, 2]), None);
        assert_eq!(inverse(&rows, &[], &[]), Some(vec![]));
    }
}
