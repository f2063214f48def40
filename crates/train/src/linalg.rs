//! The little linear algebra that fits need, on slices in row-major order.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, s};
use rayon::prelude::*;

use crate::error::FitError;
use crate::sample::Sample;

/// Rows whose products are added up before the sums of runs are: the same on any number of threads.
pub(crate) const RUN: usize = 4096;

/// The weighted means of the columns.
pub(crate) fn means(sample: &Sample<'_>) -> Vec<f64> {
    let sums = sum_runs(sample.rows(), sample.columns.len(), |row, sums| {
        let weight = sample.weight(row);
        sums.iter_mut().zip(sample.row(row)).for_each(|(sum, x)| *sum += weight * x);
    });
    let total = sample.total_weight();
    sums.into_iter().map(|sum| sum / total).collect()
}

/// The sums of `width` numbers that `add` makes of each row.
pub(crate) fn sum_runs(rows: usize, width: usize, add: impl Fn(usize, &mut [f64]) + Sync) -> Vec<f64> {
    sum_blocks(rows, width, |rows, sums| rows.for_each(|row| add(row, sums)))
}

/// The sums of `width` numbers that `add` makes of rows that follow each other.
pub(crate) fn sum_blocks(
    rows: usize,
    width: usize,
    add: impl Fn(Range<usize>, &mut [f64]) + Sync,
) -> Vec<f64> {
    let runs: Vec<Vec<f64>> = (0..rows.div_ceil(RUN))
        .into_par_iter()
        .map(|run| {
            let mut sums = vec![0.0; width];
            add(run * RUN..rows.min((run + 1) * RUN), &mut sums);
            sums
        })
        .collect();
    let mut total = vec![0.0; width];
    for run in runs {
        total.iter_mut().zip(run).for_each(|(total, sum)| *total += sum);
    }
    total
}

/// The rows of each class, added up.
pub(crate) struct ClassSums {
    /// What the rows of each class weigh.
    pub(crate) weights: Vec<f64>,
    /// `classes x columns`, weighted.
    pub(crate) sums: Vec<f64>,
}

impl ClassSums {
    /// Fails where a class has no rows.
    pub(crate) fn new(sample: &Sample<'_>, codes: &[u32], classes: usize) -> Result<Self, FitError> {
        Self::mapped(sample, codes, classes, |x| x)
    }

    /// Of what a function makes of the numbers.
    pub(crate) fn mapped(
        sample: &Sample<'_>,
        codes: &[u32],
        classes: usize,
        map: impl Fn(f64) -> f64 + Sync,
    ) -> Result<Self, FitError> {
        let columns = sample.columns.len();
        let width = columns + 1;
        let all = sum_runs(sample.rows(), classes * width, |row, sums| {
            let (weight, of_class) = (sample.weight(row), &mut sums[codes[row] as usize * width..][..width]);
            of_class[columns] += weight;
            of_class.iter_mut().zip(sample.row(row)).for_each(|(sum, x)| *sum += weight * map(*x));
        });
        let lines = all.chunks_exact(width);
        let weights: Vec<f64> = lines.clone().map(|line| line[columns]).collect();
        if let Some(empty) = weights.iter().position(|weight| *weight == 0.0) {
            return Err(FitError::data("rows of every class", format!("none of class number {empty}")));
        }
        Ok(Self { weights, sums: lines.flat_map(|line| &line[..columns]).copied().collect() })
    }

    /// The sums of a class.
    pub(crate) fn of(&self, class: usize) -> &[f64] {
        let columns = self.sums.len() / self.weights.len();
        &self.sums[class * columns..][..columns]
    }

    /// The means of all classes, `classes x columns`.
    pub(crate) fn means(&self) -> Vec<f64> {
        let each = |class: usize| self.of(class).iter().map(move |sum| sum / self.weights[class]);
        (0..self.weights.len()).flat_map(each).collect()
    }
}

/// Rows of a product of matrices: few enough to stay in a processor's cache.
const BLOCK: usize = 512;

/// The products of two blocks of columns: `left^T right`, each of `rows` rows, of which `fill` writes every number.
/// Row-major, `left x right`; the same on any number of threads.
pub(crate) fn products(
    rows: usize,
    left: usize,
    right: usize,
    fill: impl Fn(usize, &mut [f64], &mut [f64]) + Sync,
) -> Vec<f64> {
    let of_run = |run: usize| {
        let (first, end) = (run * RUN, rows.min((run + 1) * RUN));
        let (mut a, mut b) = (Array2::<f64>::zeros((BLOCK, left)), Array2::<f64>::zeros((BLOCK, right)));
        let mut total = Array2::<f64>::zeros((left, right));
        for start in (first..end).step_by(BLOCK) {
            let count = end.min(start + BLOCK) - start;
            for ((row, mut a), mut b) in (start..start + count).zip(a.rows_mut()).zip(b.rows_mut()) {
                if let (Some(a), Some(b)) = (a.as_slice_mut(), b.as_slice_mut()) {
                    fill(row, a, b);
                }
            }
            let (a, b) = (a.slice(s![..count, ..]), b.slice(s![..count, ..]));
            general_mat_mul(1.0, &a.t(), &b, 1.0, &mut total);
        }
        total
    };
    let runs: Vec<Array2<f64>> = (0..rows.div_ceil(RUN)).into_par_iter().map(of_run).collect();
    let mut total = Array2::<f64>::zeros((left, right));
    runs.iter().for_each(|run| total += run);
    total.into_raw_vec_and_offset().0
}

/// Products of centred columns with each other and with the target.
pub(crate) struct Moments {
    /// The means of the columns, or zeros.
    pub(crate) centre: Vec<f64>,
    /// The mean of the target, or 0.
    pub(crate) mean: f64,
    /// `columns x columns`, symmetric.
    pub(crate) gram: Vec<f64>,
    /// Of each column with the target.
    pub(crate) with_target: Vec<f64>,
}

impl Moments {
    /// The weighted sums over all rows; of columns as they are where they are not to be centred.
    pub(crate) fn new(sample: &Sample<'_>, y: &[f64], centred: bool) -> Self {
        let columns = sample.columns.len();
        let (centre, mean) = if centred {
            let sum = sum_runs(sample.rows(), 1, |row, sum| sum[0] += sample.weight(row) * y[row]);
            (means(sample), sum[0] / sample.total_weight())
        } else {
            (vec![0.0; columns], 0.0)
        };
        let all = products(sample.rows(), columns, columns + 1, |row, left, right| {
            let (weight, x) = (sample.weight(row), sample.row(row));
            for (i, (x, c)) in x.iter().zip(&centre).enumerate() {
                right[i] = x - c;
                left[i] = weight * right[i];
            }
            right[columns] = y[row] - mean;
        });
        let with_target = all.chunks_exact(columns + 1).map(|line| line[columns]).collect();
        let gram = all.chunks_exact(columns + 1).flat_map(|line| &line[..columns]).copied().collect();
        Self { centre, mean, gram, with_target }
    }

    /// The intercept that belongs to coefficients.
    pub(crate) fn intercept(&self, coefficients: &[f64]) -> f64 {
        self.mean - coefficients.iter().zip(&self.centre).map(|(b, c)| b * c).sum::<f64>()
    }
}

/// The inner product, in an order that processors add up several numbers at a time in.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let (heads, rest) = a.as_chunks::<LANES>();
    let (other_heads, other_rest) = b.as_chunks::<LANES>();
    for (a, b) in heads.iter().zip(other_heads) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let rest: f64 = rest.iter().zip(other_rest).map(|(a, b)| a * b).sum();
    (((a + b) + (c + d)) + ((e + f) + (g + h))) + rest
}

/// Adds so many times a vector to another.
pub(crate) fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

/// The Cholesky factor of a symmetric positive definite matrix, of which the lower triangle is read and overwritten.
/// `false` when it is not positive definite.
///
/// Source: Golub and Van Loan, "Matrix Computations", algorithm 4.2.2.
pub(crate) fn factor_cholesky(a: &mut [f64], n: usize) -> bool {
    for column in 0..n {
        for row in column..n {
            let (of_row, of_column) = (&a[row * n..row * n + column], &a[column * n..column * n + column]);
            let known = dot(of_row, of_column);
            let rest = a[row * n + column] - known;
            if row == column {
                // Below this, a pivot is what rounding left of a column that depends on others.
                if rest.is_nan() || rest <= f64::EPSILON * a[row * n + column].abs() {
                    return false;
                }
                a[row * n + column] = rest.sqrt();
            } else {
                a[row * n + column] = rest / a[column * n + column];
            }
        }
    }
    true
}

/// Solves `A x = b` in place, for a symmetric positive definite `A` of which the lower triangle is read and
/// overwritten. `false` when it is not positive definite.
pub(crate) fn solve_cholesky(a: &mut [f64], b: &mut [f64]) -> bool {
    let n = b.len();
    if !factor_cholesky(a, n) {
        return false;
    }
    for row in 0..n {
        let known = dot(&a[row * n..row * n + row], &b[..row]);
        b[row] = (b[row] - known) / a[row * n + row];
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|below| a[below * n + row] * b[below]).sum();
        b[row] = (b[row] - known) / a[row * n + row];
    }
    true
}

/// Rounds of rotations before a matrix that does not become diagonal is given up; ten are many.
const SWEEPS: usize = 60;

/// The eigenvalues of a symmetric matrix, the largest first, and an eigenvector for each, row by row.
///
/// Source: Golub and Van Loan, "Matrix Computations", section 8.5 (cyclic Jacobi).
pub(crate) fn eigen_symmetric(a: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = a.to_vec();
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    for _ in 0..SWEEPS {
        let off: f64 =
            (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i * n + j].powi(2)).sum();
        let all: f64 = a.iter().map(|x| x * x).sum();
        if off <= all * f64::EPSILON * f64::EPSILON {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, n, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a[j * n + j].total_cmp(&a[i * n + i]));
    let values = order.iter().map(|i| a[i * n + i]).collect();
    (values, order.iter().flat_map(|i| vectors[i * n..(i + 1) * n].to_vec()).collect())
}

/// Makes the element at `p`, `q` nothing.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let off = a[p * n + q];
    if off == 0.0 {
        return;
    }
    let tau = (a[q * n + q] - a[p * n + p]) / (2.0 * off);
    let t = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
    let t = if tau == 0.0 { 1.0 } else { t };
    let c = 1.0 / (1.0 + t * t).sqrt();
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (c * x - s * y, s * x + c * y);
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        (a[p * n + k], a[q * n + k]) = (c * x - s * y, s * x + c * y);
        let (x, y) = (vectors[p * n + k], vectors[q * n + k]);
        (vectors[p * n + k], vectors[q * n + k]) = (c * x - s * y, s * x + c * y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_of_a_symmetric_matrix() {
        let a = [2.0, 1.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 5.0];
        let (values, vectors) = eigen_symmetric(&a, 3);
        let expected = [5.0, 3.0, 1.0];
        assert!(
            values.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-14),
            "{values:?}"
        );
        for (value, vector) in values.iter().zip(vectors.chunks_exact(3)) {
            for (row, x) in a.chunks_exact(3).zip(vector) {
                let product: f64 = row.iter().zip(vector).map(|(a, v)| a * v).sum();
                assert!((product - value * x).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn cholesky_solves_and_tells_what_is_not_positive_definite() {
        let mut b = [10.0, 9.0];
        assert!(solve_cholesky(&mut [4.0, 0.0, 2.0, 3.0], &mut b));
        assert!((b[0] - 1.5).abs() < 1e-14 && (b[1] - 2.0).abs() < 1e-14, "{b:?}");
        assert!(!solve_cholesky(&mut [1.0, 0.0, 1.0, 1.0], &mut [1.0, 1.0]));
    }

    #[test]
    fn sums_are_those_of_all_rows() {
        let sums = sum_runs(10_000, 1, |row, sums| sums[0] += row as f64);
        assert_eq!(sums, [49_995_000.0]);
    }
}
