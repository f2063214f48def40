//! Least squares with an L2 penalty.
//!
//! Source: Hoerl and Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal Problems" (1970), by the normal
//! equations of centred columns.

use foretell_frame::Shape;
use foretell_model::estimator::Linear;
use foretell_model::head::{Head, Link, Regression};
use foretell_model::{Estimator, Fitted};

use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{means, solve_cholesky, sum_runs};
use crate::parameter::{Range, parameters};
use crate::sample::{Sample, Target};

parameters! {
    /// Least squares with an L2 penalty.
    pub struct Ridge {
        /// How much the squares of the coefficients cost.
        alpha: f64 = 1.0, Range::AtLeast(0.0);
        /// Whether there is an intercept.
        fit_intercept: bool = true, Range::Any;
    }
}

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit(
    parameters: &Ridge,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check(target.rows())?;
    target.check()?;
    sample.check_finite()?;
    let Target::Values(y) = target else {
        return Err(FitError::data("a target of numbers", "classes"));
    };
    if !context.progress.step(0, 1, None) {
        return Err(FitError::Stopped);
    }
    let columns = sample.columns.len();
    let (centre, mean) = if parameters.fit_intercept {
        let sum = sum_runs(sample.rows(), 1, |row, sum| sum[0] += sample.weight(row) * y[row]);
        (means(&sample), sum[0] / sample.total_weight())
    } else {
        (vec![0.0; columns], 0.0)
    };
    // The lower triangle of X'WX, and X'Wy after it.
    let mut sums = sum_runs(sample.rows(), columns * columns + columns, |row, sums| {
        let (weight, x) = (sample.weight(row), sample.row(row));
        let (gram, moments) = sums.split_at_mut(columns * columns);
        for (i, line) in gram.chunks_exact_mut(columns).enumerate() {
            let scaled = weight * (x[i] - centre[i]);
            let others = x.iter().zip(&centre);
            line[..=i].iter_mut().zip(others).for_each(|(sum, (x, c))| *sum += scaled * (x - c));
            moments[i] += scaled * (y[row] - mean);
        }
    });
    let mut coefficients = sums.split_off(columns * columns);
    (0..columns).for_each(|i| sums[i * columns + i] += parameters.alpha);
    if !solve_cholesky(&mut sums, &mut coefficients) {
        let advice = "columns that do not depend on each other, or a greater `alpha`";
        return Err(FitError::data(advice, "columns of which one is a sum of others"));
    }
    let intercept = mean - coefficients.iter().zip(&centre).map(|(b, c)| b * c).sum::<f64>();
    let linear = Linear { features: columns, coefficients, intercept: vec![intercept] };
    let head = Head::Regression(Regression {
        shape: Shape::Vector,
        link: Link::Identity,
        margin: false,
        rounds: 1.0,
    });
    Ok(Fitted { estimator: Estimator::Linear(linear), head })
}
