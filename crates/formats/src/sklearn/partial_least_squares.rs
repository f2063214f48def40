//! Partial least squares: `PLSRegression`, `PLSCanonical`, `CCA` and `PLSSVD`.

use foretell_frame::Shape;
use foretell_model::estimator::Linear;
use foretell_model::step::{Arithmetic, Scale};
use foretell_model::{Estimator, Step};

use super::classes::regressor;
use super::matrices::transposed;
use super::{Input, Lowered, Result, Version, bounded, numbered, present};
use crate::pickle::{Matrix, Value};

/// `PLSRegression`, `PLSCanonical` and `CCA`, which predict and transform.
pub(super) fn regression(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let mean = renamed(value, "_x_mean", "x_mean_")?.f64_vector(None)?;
    let features = mean.len();
    let deviation = renamed(value, "_x_std", "x_std_")?.f64_vector(features)?;
    let version = Version::of(value)?;
    let held = match present(value, "_coef_")? {
        Some(coefficients) => coefficients,
        None => value.field("coef_")?,
    };
    // Rows are targets since 1.3, and in the private attribute of 1.1 and 1.2.
    let by_target = version >= Version(1, 3) || value.has("_coef_");
    let coefficients = if by_target {
        held.f64_matrix(None, features)?
    } else {
        transposed(&held.f64_matrix(features, None)?)
    };
    let outputs = bounded(&held, coefficients.rows)?;
    let intercept = match present(value, "intercept_")? {
        Some(intercept) => intercept.f64_vector(outputs)?,
        None => renamed(value, "_y_mean", "y_mean_")?.f64_vector(outputs)?,
    };
    let one = present(value, "_predict_1d")?.map_or(Ok(false), |one| one.bool())?;
    let shape = if one && outputs == 1 { Shape::Vector } else { Shape::Matrix(outputs) };
    // Since 1.5 the coefficients are those of columns that are centred but not scaled.
    let mut scoring = vec![Arithmetic::Subtract(mean.clone())];
    if version < Version(1, 5) {
        scoring.push(Arithmetic::Divide(deviation.clone()));
    }
    let linear = Linear { features, coefficients: coefficients.data, intercept };
    let mut lowered = Lowered::estimator(features, Estimator::Linear(linear), regressor(shape));
    lowered.pipeline.scoring = vec![scaled(scoring)];
    let rotations = value.field("x_rotations_")?.f64_matrix(features, None)?;
    lowered.naming = numbered(value, rotations.cols);
    lowered.pipeline.transform = Some(scores(mean, deviation, &rotations));
    Ok(lowered)
}

/// `PLSSVD`, which transforms.
pub(super) fn svd(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let mean = renamed(value, "_x_mean", "x_mean_")?.f64_vector(None)?;
    let features = mean.len();
    let deviation = renamed(value, "_x_std", "x_std_")?.f64_vector(features)?;
    let weights = value.field("x_weights_")?.f64_matrix(features, None)?;
    let naming = numbered(value, weights.cols);
    Ok(Lowered::transformer(features, scores(mean, deviation, &weights), false).naming(naming))
}

/// Standardized columns times a matrix.
fn scores(mean: Vec<f64>, deviation: Vec<f64>, weights: &Matrix) -> Vec<Step> {
    let linear = Linear {
        features: weights.rows,
        coefficients: transposed(weights).data,
        intercept: vec![0.0; weights.cols],
    };
    let standardized = scaled(vec![Arithmetic::Subtract(mean), Arithmetic::Divide(deviation)]);
    vec![standardized, Step::Project(linear)]
}

fn scaled(operations: Vec<Arithmetic>) -> Step {
    Step::Scale(Scale { operations, ..Scale::default() })
}

/// An attribute that older versions wrote under another name.
fn renamed<'p>(value: &Value<'p>, name: &'p str, old: &'p str) -> Result<Value<'p>> {
    match present(value, name)? {
        Some(field) => Ok(field),
        None => value.field(old),
    }
}
