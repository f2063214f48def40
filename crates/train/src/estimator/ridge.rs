//! Least squares with an L2 penalty.
//!
//! Source: Hoerl and Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal Problems" (1970), by the normal
//! equations of centred columns.

use foretell_model::estimator::Linear;
use foretell_model::{Estimator, Fitted};

use super::head;
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{Moments, solve_cholesky};
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
    sample.check_complete(&target)?;
    let y = target.values()?;
    context.begin()?;
    let columns = sample.columns.len();
    let mut moments = Moments::new(&sample, y, parameters.fit_intercept);
    (0..columns).for_each(|i| moments.gram[i * columns + i] += parameters.alpha);
    let mut coefficients = std::mem::take(&mut moments.with_target);
    if !solve_cholesky(&mut moments.gram, &mut coefficients) {
        let advice = "columns that do not depend on each other, or a greater `alpha`";
        return Err(FitError::data(advice, "columns of which one is a sum of others"));
    }
    let intercept = moments.intercept(&coefficients);
    let linear = Linear { features: columns, coefficients, intercept: vec![intercept] };
    Ok(Fitted { estimator: Estimator::Linear(linear), head: head::values() })
}
