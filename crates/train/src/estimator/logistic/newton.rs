//! Newton's method, and where magnitudes cost something the proximal one.
//!
//! Sources: Lee, Sun and Saunders, "Proximal Newton-type Methods for Minimizing Composite Functions" (2014); Yuan, Ho and Lin,
//! "An Improved GLMNET for L1-regularized Logistic Regression" (2012), with coordinates as in Friedman, Hastie and
//! Tibshirani, "Regularization Paths for Generalized Linear Models via Coordinate Descent" (2010).

use super::LogisticRegression;
use super::objective::{Objective, Smooth};
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{add_scaled, dot, solve_cholesky};

/// Halvings of a step before it is given up.
const HALVINGS: usize = 40;
/// The share of the gain that is expected of a step which it has to bring.
const SUFFICIENT: f64 = 1e-4;
/// Differences of the whole, relative to it, that may be rounding.
const ROUNDING: f64 = 1e-13;
/// Least rows that second derivatives are made of; they only tell where to go.
const LEAST_ROWS: usize = 1 << 16;
/// The same per weight.
const ROWS_EACH: usize = 32;
/// Passes over the coordinates of one step.
const PASSES: usize = 1000;

/// The weights of the minimum.
pub(super) fn minimise(
    objective: &Objective<'_>,
    parameters: &LogisticRegression,
    context: &Context<'_>,
) -> Result<Vec<f64>, FitError> {
    let mut weights = vec![0.0; objective.size()];
    let mut smooth = objective.smooth(&weights);
    let mut whole = smooth.value + objective.magnitudes(&weights);
    let enough = parameters.tol * parameters.tol * objective.scale();
    let mut rows = LEAST_ROWS.max(ROWS_EACH * objective.size());
    let mut before = f64::INFINITY;
    for round in 0..parameters.max_iter {
        if !context.progress.step(round, parameters.max_iter, Some(whole)) {
            return Err(FitError::Stopped);
        }
        let step = step(objective, &weights, &smooth, rows)?;
        let full: Vec<f64> = weights.iter().zip(&step).map(|(w, s)| w + s).collect();
        let gain =
            objective.magnitudes(&weights) - objective.magnitudes(&full) - dot(&smooth.gradient, &step);
        if gain <= enough {
            return Ok(full);
        }
        let mut length = 1.0;
        let better = (0..HALVINGS).find_map(|_| {
            let mut tried = weights.clone();
            add_scaled(&mut tried, length, &step);
            let at_tried = objective.smooth(&tried);
            let reached = at_tried.value + objective.magnitudes(&tried);
            let descends = reached <= whole - SUFFICIENT * length * gain + ROUNDING * whole.abs();
            length /= 2.0;
            descends.then_some((tried, at_tried, reached))
        });
        // Where the chosen rows led astray, or not far, there are to be more of them.
        if length < 0.5 || gain > before / 4.0 {
            rows = rows.saturating_mul(4);
        }
        before = gain;
        match better {
            Some(better) => (weights, smooth, whole) = better,
            None if rows / 4 < objective.sample.rows() => {}
            None => break,
        }
    }
    Ok(weights)
}

/// To the minimum of the parabola that is the whole, as far as first and second derivatives tell it, and magnitudes.
fn step(
    objective: &Objective<'_>,
    weights: &[f64],
    smooth: &Smooth,
    rows: usize,
) -> Result<Vec<f64>, FitError> {
    let matrix = objective.second_derivatives(weights, &smooth.curvature, rows);
    if objective.l1 > 0.0 {
        return Ok(coordinates(objective, weights, smooth, &matrix));
    }
    let size = weights.len();
    // A little more keeps the matrix definite where nothing is penalised and columns depend on each other.
    for more in [1e-10, 1e-7, 1e-4] {
        let mut factor = matrix.clone();
        for at in 0..size {
            let second = &mut factor[at * size + at];
            *second = if *second > 0.0 { *second * (1.0 + more) } else { 1.0 };
        }
        let mut step: Vec<f64> = smooth.gradient.iter().map(|g| -g).collect();
        if solve_cholesky(&mut factor, &mut step) {
            return Ok(step);
        }
    }
    Err(FitError::data("columns of similar size", "very different ones: scale them first"))
}

/// The same where magnitudes cost something: one weight after another, over and over.
fn coordinates(objective: &Objective<'_>, weights: &[f64], smooth: &Smooth, matrix: &[f64]) -> Vec<f64> {
    let size = weights.len();
    let mut at = weights.to_vec();
    // Derivatives of the parabola.
    let mut slope = smooth.gradient.clone();
    let mut all = true;
    let mut first = 0.0f64;
    for pass in 0..PASSES {
        let mut moved = 0.0f64;
        for (weight, line) in matrix.chunks_exact(size).enumerate() {
            let second = line[weight];
            if second <= 0.0 || (!all && at[weight] == 0.0) {
                continue;
            }
            let wanted = at[weight] - slope[weight] / second;
            let l1 = if objective.is_coefficient(weight) { objective.l1 / second } else { 0.0 };
            let after = wanted.signum() * (wanted.abs() - l1).max(0.0);
            let step = after - at[weight];
            if step != 0.0 {
                add_scaled(&mut slope, step, line);
                at[weight] = after;
                moved = moved.max(second * step * step);
            }
        }
        if pass == 0 {
            first = moved;
        }
        // Those that are not 0 first, until they rest; then all of them once more.
        match (moved <= first * 1e-24, all) {
            (true, true) => break,
            (true, false) => all = true,
            (false, _) => all = false,
        }
    }
    at.iter().zip(weights).map(|(after, before)| after - before).collect()
}
