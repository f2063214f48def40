//! Linear algebra that the library does at every prediction and that can be done once.

use crate::pickle::Matrix;

/// `a b`.
///
/// The number of columns of `a` is the number of rows of `b`.
pub(super) fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let mut data = vec![0.0; a.rows * b.cols];
    for (row, sums) in data.chunks_exact_mut(b.cols.max(1)).enumerate() {
        for (inner, x) in a.row(row).iter().enumerate() {
            sums.iter_mut().zip(b.row(inner)).for_each(|(sum, y)| *sum += x * y);
        }
    }
    Matrix { rows: a.rows, cols: b.cols, data }
}

/// Rows and columns exchanged.
pub(super) fn transposed(a: &Matrix) -> Matrix {
    let pairs = (0..a.cols).flat_map(|col| (0..a.rows).map(move |row| (row, col)));
    Matrix { rows: a.cols, cols: a.rows, data: pairs.map(|(row, col)| a.row(row)[col]).collect() }
}

/// The inverse of a square matrix and the logarithm of its determinant's absolute value, by Gauss-Jordan elimination
/// with the largest pivot of each column; `None` when the matrix is singular or not finite.
pub(super) fn inverse(matrix: &Matrix) -> Option<(Matrix, f64)> {
    let n = matrix.rows;
    let mut left = matrix.clone();
    let mut right = Matrix { rows: n, cols: n, data: vec![0.0; n * n] };
    (0..n).for_each(|i| right.data[i * n + i] = 1.0);
    let mut log_det = 0.0;
    for column in 0..n {
        let size = |row: usize| left.data[row * n + column].abs();
        let pivot = (column..n).fold(column, |best, row| if size(row) > size(best) { row } else { best });
        let divisor = left.data[pivot * n + column];
        if divisor == 0.0 || !divisor.is_finite() {
            return None;
        }
        log_det += divisor.abs().ln();
        for half in [&mut left, &mut right] {
            for col in 0..n {
                half.data.swap(pivot * n + col, column * n + col);
                half.data[column * n + col] /= divisor;
            }
        }
        for row in (0..n).filter(|row| *row != column) {
            let factor = left.data[row * n + column];
            if factor == 0.0 {
                continue;
            }
            for half in [&mut left, &mut right] {
                let (target, source) = two_rows(&mut half.data, n, row, column);
                target.iter_mut().zip(source).for_each(|(x, y)| *x -= factor * y);
            }
        }
    }
    right.data.iter().all(|x| x.is_finite()).then_some((right, log_det))
}

/// Two different rows, the first of them for changing.
fn two_rows(data: &mut [f64], n: usize, target: usize, source: usize) -> (&mut [f64], &[f64]) {
    let (before, after) = data.split_at_mut(target.max(source) * n);
    if target > source {
        (&mut after[..n], &before[source * n..][..n])
    } else {
        (&mut before[target * n..][..n], &after[..n])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let matrix = Matrix { rows: 3, cols: 3, data: vec![0.0, 2.0, 1.0, 4.0, 1.0, 0.0, 1.0, 1.0, 3.0] };
        let (inverted, log_det) = inverse(&matrix).unwrap();
        assert!((log_det - 21.0_f64.ln()).abs() < 1e-14);
        let one = product(&matrix, &inverted);
        for (position, x) in one.data.iter().enumerate() {
            let expected = if position % 4 == 0 { 1.0 } else { 0.0 };
            assert!((x - expected).abs() < 1e-15, "{x} at {position}");
        }
        assert_eq!(inverse(&Matrix { rows: 2, cols: 2, data: vec![1.0, 2.0, 2.0, 4.0] }), None);
        assert_eq!(transposed(&Matrix { rows: 1, cols: 2, data: vec![1.0, 2.0] }).data, [1.0, 2.0]);
    }
}
