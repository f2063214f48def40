//! Projections on components: `PCA` and its relatives.

use foretell_model::Step;
use foretell_model::estimator::Linear;
use foretell_model::step::{Arithmetic, Scale};

use super::{Input, Lowered, Result, Version, bounded, numbered, present};
use crate::pickle::{Matrix, Value};

/// `PCA` and `IncrementalPCA`: centred, projected, and scaled to unit variance when whitened.
pub(super) fn pca(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let components = components(value)?;
    let (count, features) = (components.rows, components.cols);
    let naming = numbered(value, count);
    let mut steps = centred(value, features)?;
    steps.push(project(components));
    if value.field("whiten")?.bool()? {
        let variance = value.field("explained_variance_")?.f64_vector(count)?;
        // Since 1.5 a vanishing variance does not make the result infinite.
        let smallest = if Version::of(value)? < Version(1, 5) { 0.0 } else { f64::EPSILON };
        let deviation = variance.iter().map(|variance| variance.sqrt().max(smallest)).collect();
        steps
            .push(Step::Scale(Scale { operations: vec![Arithmetic::Divide(deviation)], ..Scale::default() }));
    }
    Ok(Lowered::transformer(features, steps, false).naming(naming))
}

/// `TruncatedSVD`.
pub(super) fn truncated_svd(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let components = components(value)?;
    let naming = numbered(value, components.rows);
    Ok(Lowered::transformer(components.cols, vec![project(components)], false).naming(naming))
}

/// `FastICA`: centred only when it whitened in training.
pub(super) fn fast_ica(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let components = components(value)?;
    let features = components.cols;
    let naming = numbered(value, components.rows);
    let whiten = value.field("whiten")?;
    let whitened = whiten.is_text() || whiten.bool()?;
    let mut steps = if whitened { centred(value, features)? } else { Vec::new() };
    steps.push(project(components));
    Ok(Lowered::transformer(features, steps, false).naming(naming))
}

/// `GaussianRandomProjection` and `SparseRandomProjection`, whose components may be a sparse matrix.
pub(super) fn random_projection(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let components = components(value)?;
    let naming = numbered(value, components.rows);
    let sparse = match present(value, "dense_output")? {
        Some(dense) => input.sparse && !dense.bool()?,
        None => false,
    };
    Ok(Lowered::transformer(components.cols, vec![project(components)], sparse).naming(naming))
}

/// The components, one per row.
fn components(value: &Value<'_>) -> Result<Matrix> {
    let components = value.field("components_")?;
    let matrix = components.f64_matrix(None, None)?;
    bounded(&components, matrix.rows)?;
    Ok(matrix)
}

/// The subtraction of `mean_`, where there is one.
fn centred(value: &Value<'_>, features: usize) -> Result<Vec<Step>> {
    let Some(mean) = present(value, "mean_")? else { return Ok(Vec::new()) };
    let mean = mean.f64_vector(features)?;
    let centre = Some(mean.clone());
    Ok(vec![Step::Scale(Scale { operations: vec![Arithmetic::Subtract(mean)], range: None, centre })])
}

/// The projection on components, one per row.
fn project(components: Matrix) -> Step {
    let intercept = vec![0.0; components.rows];
    Step::Project(Linear { features: components.cols, coefficients: components.data, intercept })
}
