//! Newton's method for squared losses, whose second derivatives only change where a row begins or ceases to cost something.
//!
//! Source: Keerthi and DeCoste, "A Modified Finite Newton Method for Fast Solution of Large Scale Linear SVMs" (2005).

use super::Rows;
use crate::error::FitError;
use crate::linalg::{add_scaled, dot, products, solve_cholesky, sum_blocks};

/// Halvings of a step before it is given up.
const HALVINGS: usize = 40;
/// The share of the gain that is expected of a step which it has to bring.
const SUFFICIENT: f64 = 1e-4;
/// Differences of the whole, relative to it, that may be rounding.
const ROUNDING: f64 = 1e-14;

/// The weights that minimise half of their squares, and `cost` times the squares of the errors of all rows: of each by its
/// score, and 0 where it costs nothing.
pub(super) fn minimise(
    rows: &Rows<'_>,
    cost: f64,
    error: impl Fn(usize, f64) -> f64 + Sync,
    max_iter: usize,
    go_on: &dyn Fn(usize) -> bool,
) -> Result<Vec<f64>, FitError> {
    let (columns, count) = (rows.columns(), rows.rows.len());
    let size = columns + 1;
    let second = |row: usize| 2.0 * cost * rows.sample.weight(row);
    let whole = |weights: &[f64]| {
        let mut sums = sum_blocks(count, 1 + size, |block, sums| {
            let (value, gradient) = sums.split_at_mut(1);
            for at in block {
                let error = error(rows.rows[at], rows.score(at, weights));
                if error != 0.0 {
                    let second = second(rows.rows[at]);
                    value[0] += 0.5 * second * error * error;
                    rows.add(at, second * error, gradient);
                }
            }
        });
        let mut gradient = sums.split_off(1);
        add_scaled(&mut gradient, 1.0, weights);
        (sums[0] + 0.5 * dot(weights, weights), gradient)
    };
    let mut weights = vec![0.0; size];
    let (mut value, mut gradient) = whole(&weights);
    for round in 0..max_iter {
        if !go_on(round) {
            return Err(FitError::Stopped);
        }
        let mut matrix = products(count, size, size, |at, left, right| {
            right[..columns].copy_from_slice(rows.sample.row(rows.rows[at]));
            right[columns] = rows.one;
            let costs = error(rows.rows[at], rows.score(at, &weights)) != 0.0;
            let second = if costs { second(rows.rows[at]) } else { 0.0 };
            left.iter_mut().zip(&*right).for_each(|(left, x)| *left = second * x);
        });
        (0..size).for_each(|at| matrix[at * size + at] += 1.0);
        let mut step: Vec<f64> = gradient.iter().map(|g| -g).collect();
        if !solve_cholesky(&mut matrix, &mut step) {
            return Err(FitError::data("columns of similar size", "very different ones: scale them first"));
        }
        let gain = -dot(&gradient, &step);
        if gain <= f64::EPSILON * value {
            add_scaled(&mut weights, 1.0, &step);
            break;
        }
        let mut length = 1.0;
        let better = (0..HALVINGS).find_map(|_| {
            let mut tried = weights.clone();
            add_scaled(&mut tried, length, &step);
            let (reached, slope) = whole(&tried);
            let descends = reached <= value - SUFFICIENT * length * gain + ROUNDING * value;
            length /= 2.0;
            descends.then_some((tried, reached, slope))
        });
        let Some(better) = better else { break };
        (weights, value, gradient) = better;
    }
    Ok(weights)
}
