//! The little linear algebra that fits need, on slices in row-major order.

use rayon::prelude::*;

use crate::sample::Sample;

/// Rows whose products are added up before the sums of runs are: the same on any number of threads.
const RUN: usize = 4096;

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
    let runs: Vec<Vec<f64>> = (0..rows.div_ceil(RUN))
        .into_par_iter()
        .map(|run| {
            let mut sums = vec![0.0; width];
            (run * RUN..rows.min((run + 1) * RUN)).for_each(|row| add(row, &mut sums));
            sums
        })
        .collect();
    let mut total = vec![0.0; width];
    for run in runs {
        total.iter_mut().zip(run).for_each(|(total, sum)| *total += sum);
    }
    total
}

/// Solves `A x = b` in place, for a symmetric positive definite `A` of which the lower triangle is read and
/// overwritten. `false` when it is not positive definite.
///
/// Source: Golub and Van Loan, "Matrix Computations", algorithm 4.2.2.
pub(crate) fn solve_cholesky(a: &mut [f64], b: &mut [f64]) -> bool {
    let n = b.len();
    for column in 0..n {
        for row in column..n {
            let (of_row, of_column) = (&a[row * n..row * n + column], &a[column * n..column * n + column]);
            let known: f64 = of_row.iter().zip(of_column).map(|(x, y)| x * y).sum();
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
    for row in 0..n {
        let known: f64 = (0..row).map(|column| a[row * n + column] * b[column]).sum();
        b[row] = (b[row] - known) / a[row * n + row];
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|below| a[below * n + row] * b[below]).sum();
        b[row] = (b[row] - known) / a[row * n + row];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

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
