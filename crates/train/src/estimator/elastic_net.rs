//! Least squares with an L1 penalty, alone (the lasso) or beside an L2 penalty.
//!
//! Source: Friedman, Hastie and Tibshirani, "Regularization Paths for Generalized Linear Models via Coordinate Descent"
//! (2010), with products of columns kept (their "covariance updates").

use foretell_model::estimator::Linear;
use foretell_model::{Estimator, Fitted};

use super::head;
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::Moments;
use crate::parameter::{Range, parameters};
use crate::sample::{Sample, Target};

parameters! {
    /// Least squares with an L1 and an L2 penalty.
    pub struct ElasticNet {
        /// How much the penalties cost.
        alpha: f64 = 1.0, Range::AtLeast(0.0);
        /// The share of the L1 penalty.
        l1_ratio: f64 = 0.5, Range::Within(0.0, 1.0);
        /// Whether there is an intercept.
        fit_intercept: bool = true, Range::Any;
        /// Most passes over the columns.
        max_iter: usize = 10_000, Range::AtLeast(1.0);
        /// The largest change of a coefficient, relative to the largest coefficient, at which it stops.
        tol: f64 = 1e-10, Range::Above(0.0);
    }
}

parameters! {
    /// Least squares with an L1 penalty.
    pub struct Lasso {
        /// How much the magnitudes of the coefficients cost.
        alpha: f64 = 1.0, Range::AtLeast(0.0);
        /// Whether there is an intercept.
        fit_intercept: bool = true, Range::Any;
        /// Most passes over the columns.
        max_iter: usize = 10_000, Range::AtLeast(1.0);
        /// The largest change of a coefficient, relative to the largest coefficient, at which it stops.
        tol: f64 = 1e-10, Range::Above(0.0);
    }
}

impl From<&Lasso> for ElasticNet {
    fn from(lasso: &Lasso) -> Self {
        let Lasso { alpha, fit_intercept, max_iter, tol } = lasso.clone();
        Self { alpha, l1_ratio: 1.0, fit_intercept, max_iter, tol }
    }
}

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit(
    parameters: &ElasticNet,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    let y = target.values()?;
    let columns = sample.columns.len();
    let moments = Moments::new(&sample, y, parameters.fit_intercept);
    let total = sample.total_weight();
    let (l1, l2) = (
        parameters.alpha * parameters.l1_ratio * total,
        parameters.alpha * (1.0 - parameters.l1_ratio) * total,
    );
    let mut coefficients = vec![0.0; columns];
    // Of each column with what is left of the target.
    let mut left = moments.with_target.clone();
    for pass in 0..parameters.max_iter {
        let (mut change, mut largest) = (0.0f64, 0.0f64);
        for (column, line) in moments.gram.chunks_exact(columns).enumerate() {
            let (square, before) = (line[column], coefficients[column]);
            if square <= 0.0 {
                continue;
            }
            let along = left[column] + square * before;
            let after = along.signum() * (along.abs() - l1).max(0.0) / (square + l2);
            let step = after - before;
            if step != 0.0 {
                left.iter_mut().zip(line).for_each(|(left, product)| *left -= step * product);
                coefficients[column] = after;
            }
            change = change.max(step.abs());
            largest = largest.max(after.abs());
        }
        if change <= parameters.tol * largest {
            break;
        }
        if !context.progress.step(pass + 1, parameters.max_iter, None) {
            return Err(FitError::Stopped);
        }
    }
    let intercept = moments.intercept(&coefficients);
    let linear = Linear { features: columns, coefficients, intercept: vec![intercept] };
    Ok(Fitted { estimator: Estimator::Linear(linear), head: head::values() })
}
