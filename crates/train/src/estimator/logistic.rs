//! Logistic regression, of two classes or, by the softmax, of several.
//!
//! Newton's method on the penalised negative log-likelihood (Bishop, "Pattern Recognition and Machine Learning",
//! sections 4.3.3 and 4.3.4), with steps that are halved until they descend.

use foretell_model::estimator::Linear;
use foretell_model::{Estimator, Fitted};
use rayon::prelude::*;

use super::head;
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{products, solve_cholesky, sum_runs};
use crate::parameter::{Range, parameters};
use crate::sample::{Sample, Target};

parameters! {
    /// Logistic regression with an L2 penalty.
    #[expect(non_snake_case, reason = "scikit-learn's name")]
    pub struct LogisticRegression {
        /// What the errors cost beside the coefficients: the inverse of the penalty.
        C: f64 = 1.0, Range::Above(0.0);
        /// Whether there is an intercept.
        fit_intercept: bool = true, Range::Any;
        /// Most steps.
        max_iter: usize = 100, Range::AtLeast(1.0);
        /// The largest derivative at which it stops.
        tol: f64 = 1e-8, Range::Above(0.0);
    }
}

/// Most coefficients: the matrix of second derivatives has the square of it.
const MOST_COEFFICIENTS: usize = 4096;

/// Halvings of a step before it is given up.
const HALVINGS: usize = 40;

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit(
    parameters: &LogisticRegression,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    let (codes, labels) = target.classes()?;
    let outputs = if labels.len() == 2 { 1 } else { labels.len() };
    let columns = sample.columns.len();
    let size = outputs * (columns + 1);
    if size > MOST_COEFFICIENTS {
        return Err(FitError::data(format!("at most {MOST_COEFFICIENTS} coefficients"), size));
    }
    let problem = Problem { sample, codes, outputs, parameters };
    let mut weights = vec![0.0; size];
    let mut loss = problem.loss(&weights);
    for round in 0..parameters.max_iter {
        if !context.progress.step(round, parameters.max_iter, Some(loss)) {
            return Err(FitError::Stopped);
        }
        let (mut hessian, gradient) = problem.derivatives(&weights);
        let steepest = gradient.iter().fold(0.0f64, |most, g| most.max(g.abs()));
        if steepest <= parameters.tol {
            break;
        }
        let mut step = gradient;
        if !solve_cholesky(&mut hessian, &mut step) {
            return Err(FitError::data("columns of similar size", "very different ones: scale them first"));
        }
        let mut length = 1.0;
        let better = (0..HALVINGS).find_map(|_| {
            let tried: Vec<f64> = weights.iter().zip(&step).map(|(w, s)| w - length * s).collect();
            length /= 2.0;
            let reached = problem.loss(&tried);
            (reached < loss).then_some((tried, reached))
        });
        let Some((tried, reached)) = better else { break };
        (weights, loss) = (tried, reached);
    }
    let lines = weights.chunks_exact(columns + 1);
    let coefficients = lines.clone().flat_map(|line| &line[..columns]).copied().collect();
    let mut intercept: Vec<f64> = lines.map(|line| line[columns]).collect();
    if outputs > 1 {
        // The same number added to all intercepts changes nothing.
        let mean = intercept.iter().sum::<f64>() / outputs as f64;
        intercept.iter_mut().for_each(|intercept| *intercept -= mean);
    }
    let linear = Linear { features: columns, coefficients, intercept };
    Ok(Fitted { estimator: Estimator::Linear(linear), head: head::scored_classes(labels) })
}

/// What is minimised: the sum of the rows' losses times `C`, and half the squares of the coefficients.
struct Problem<'a> {
    sample: Sample<'a>,
    codes: &'a [u32],
    /// One for two classes, else one a class.
    outputs: usize,
    parameters: &'a LogisticRegression,
}

impl Problem<'_> {
    /// The probabilities of a row's outputs, and its loss.
    fn row(&self, weights: &[f64], row: usize, probabilities: &mut [f64]) -> f64 {
        let (x, columns) = (self.sample.row(row), self.sample.columns.len());
        for (p, line) in probabilities.iter_mut().zip(weights.chunks_exact(columns + 1)) {
            *p = line[columns] + x.iter().zip(line).map(|(x, w)| x * w).sum::<f64>();
        }
        let code = self.codes[row] as usize;
        if let [score] = probabilities {
            let f = *score;
            *score = 1.0 / (1.0 + (-f).exp());
            return f.max(0.0) + (-f.abs()).exp().ln_1p() - if code == 1 { f } else { 0.0 };
        }
        let largest = probabilities.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
        let of_class = probabilities[code];
        probabilities.iter_mut().for_each(|p| *p = (*p - largest).exp());
        let sum: f64 = probabilities.iter().sum();
        probabilities.iter_mut().for_each(|p| *p /= sum);
        sum.ln() + largest - of_class
    }

    fn loss(&self, weights: &[f64]) -> f64 {
        let columns = self.sample.columns.len();
        let losses = sum_runs(self.sample.rows(), 1, |row, sum| {
            let mut probabilities = vec![0.0; self.outputs];
            sum[0] += self.sample.weight(row) * self.row(weights, row, &mut probabilities);
        });
        let penalised = weights.chunks_exact(columns + 1).flat_map(|line| &line[..columns]);
        self.parameters.C * losses[0] + 0.5 * penalised.map(|w| w * w).sum::<f64>()
    }

    /// The lower triangle of second derivatives, and the first ones.
    fn derivatives(&self, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (columns, outputs) = (self.sample.columns.len(), self.outputs);
        let (line, size) = (columns + 1, weights.len());
        let one = if self.parameters.fit_intercept { 1.0 } else { 0.0 };
        let rows = self.sample.rows();
        // The probabilities of all rows, and the weight times `C` behind them.
        let width = outputs + 1;
        let mut known = vec![0.0; rows * width];
        known.par_chunks_exact_mut(width).enumerate().for_each(|(row, known)| {
            let (p, weight) = known.split_at_mut(outputs);
            self.row(weights, row, p);
            weight[0] = self.sample.weight(row) * self.parameters.C;
        });
        let extended = |row: usize, into: &mut [f64]| {
            into[..columns].copy_from_slice(self.sample.row(row));
            into[columns] = one;
        };
        let errors = products(rows, outputs, line, |row, left, right| {
            let (p, weight) = known[row * width..][..width].split_at(outputs);
            let code = self.codes[row] as usize;
            for (k, (error, p)) in left.iter_mut().zip(p).enumerate() {
                let hit = if code == k + usize::from(outputs == 1) { 1.0 } else { 0.0 };
                *error = weight[0] * (p - hit);
            }
            extended(row, right);
        });
        let mut gradient = errors;
        let mut sums = vec![0.0; size * size];
        for k in 0..outputs {
            for l in 0..=k {
                let second = products(rows, line, line, |row, left, right| {
                    let (p, weight) = known[row * width..][..width].split_at(outputs);
                    let second = weight[0] * p[k] * (f64::from(u8::from(k == l)) - p[l]);
                    extended(row, right);
                    left.iter_mut().zip(&*right).for_each(|(left, x)| *left = second * x);
                });
                for (i, from) in second.chunks_exact(line).enumerate() {
                    sums[(k * line + i) * size + l * line..][..line].copy_from_slice(from);
                }
            }
        }
        // A little of the curvature keeps the matrix definite where intercepts are free or all the same.
        let curvature = (0..size).map(|i| sums[i * size + i]).fold(1.0, f64::max);
        for i in 0..size {
            let penalised = i % line < columns;
            sums[i * size + i] += if penalised { 1.0 } else { 1e-10 * curvature };
            gradient[i] += if penalised { weights[i] } else { 0.0 };
        }
        (sums, gradient)
    }
}
