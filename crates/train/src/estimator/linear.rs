//! Ordinary least squares.
//!
//! The normal equations of centred columns. Where columns depend on each other, the shortest of all solutions, by the
//! pseudo-inverse (Golub and Van Loan, "Matrix Computations", section 5.5): what scikit-learn's `LinearRegression` finds.

use foretell_model::estimator::Linear;
use foretell_model::{Estimator, Fitted};

use super::head;
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{Moments, eigen_symmetric};
use crate::parameter::{Range, parameters};
use crate::sample::{Sample, Target};

parameters! {
    /// Ordinary least squares.
    pub struct LinearRegression {
        /// Whether there is an intercept.
        fit_intercept: bool = true, Range::Any;
    }
}

/// Directions in which the columns vary less than this share of the most are taken for rounding.
const LEAST: f64 = 1e-13;

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit(
    parameters: &LinearRegression,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    let y = target.values()?;
    context.begin()?;
    let columns = sample.columns.len();
    let moments = Moments::new(&sample, y, parameters.fit_intercept);
    let (values, vectors) = eigen_symmetric(&moments.gram, columns);
    let least = values[0] * LEAST;
    let mut coefficients = vec![0.0; columns];
    for (value, vector) in values.iter().zip(vectors.chunks_exact(columns)) {
        if *value > least {
            let along: f64 = vector.iter().zip(&moments.with_target).map(|(v, m)| v * m).sum();
            coefficients.iter_mut().zip(vector).for_each(|(b, v)| *b += along / value * v);
        }
    }
    let intercept = moments.intercept(&coefficients);
    let linear = Linear { features: columns, coefficients, intercept: vec![intercept] };
    Ok(Fitted { estimator: Estimator::Linear(linear), head: head::values() })
}
