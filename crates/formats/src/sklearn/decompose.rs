//! Projections on components: `PCA` and its relatives.

use foretell_model::estimator::{KernelSum, Linear};
use foretell_model::head::Mixture;
use foretell_model::step::{Arithmetic, Function, Scale};
use foretell_model::{Estimator, Fitted, Head, Step};

use super::matrices::{inverse, product, transposed};
use super::quadratic::squared_mahalanobis;
use super::{Input, Lowered, Result, Version, bounded, numbered, present};
use crate::pickle::{Matrix, Value};

/// `PCA`, which as a model of the density of rows also scores them.
pub(super) fn pca(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let density = principal_density(value, &components(value)?)?;
    Ok(scored(incremental_pca(value, input)?, density))
}

/// `IncrementalPCA`: centred, projected, and scaled to unit variance when whitened.
pub(super) fn incremental_pca(value: &Value<'_>, _: Input) -> Result<Lowered> {
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

/// `FactorAnalysis`: the expected factors, and the density of rows.
pub(super) fn factor_analysis(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let components = components(value)?;
    let (count, features) = (components.rows, components.cols);
    let noise = value.field("noise_variance_")?.f64_vector(features)?;
    let mean = value.field("mean_")?.f64_vector(features)?;
    let mut weighted = components.clone();
    for row in weighted.data.chunks_exact_mut(features.max(1)) {
        row.iter_mut().zip(&noise).for_each(|(x, noise)| *x /= noise);
    }
    let mut among = product(&weighted, &transposed(&components));
    (0..count).for_each(|i| among.data[i * count + i] += 1.0);
    let Some((among, _)) = inverse(&among) else {
        return Err(value.invalid("`components_` and `noise_variance_` have no finite expected factors"));
    };
    let precision = (features <= WIDEST_DENSITY).then(|| {
        let mut precision = product(&transposed(&weighted), &product(&among, &weighted));
        precision.data.iter_mut().for_each(|x| *x = -*x);
        (0..features).for_each(|i| precision.data[i * features + i] += 1.0 / noise[i]);
        precision
    });
    let density = precision.and_then(|precision| normal_density(mean, precision));
    let naming = numbered(value, count);
    let mut steps = centred(value, features)?;
    steps.push(project(weighted));
    steps.push(project(transposed(&among)));
    Ok(scored(Lowered::transformer(features, steps, false).naming(naming), density))
}

/// `SparsePCA` and `MiniBatchSparsePCA`: ridge regression on the components.
pub(super) fn sparse_pca(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let normalized =
        present(value, "normalize_components")?.is_some_and(|setting| setting.bool() == Ok(true));
    if !normalized {
        Version::expect_from(value, 0, 22, "scaled projections by those of the rows beside them")?;
    }
    let components = components(value)?;
    let (count, features) = (components.rows, components.cols);
    let alpha = value.field("ridge_alpha")?.float()?;
    let mut among = product(&components, &transposed(&components));
    (0..count).for_each(|i| among.data[i * count + i] += alpha);
    let Some((among, _)) = inverse(&among) else {
        return Err(value.invalid("the ridge regression on `components_` has no finite solution"));
    };
    let naming = numbered(value, count);
    let mut steps = centred(value, features)?;
    steps.push(project(product(&among, &components)));
    Ok(Lowered::transformer(features, steps, false).naming(naming))
}

/// `BernoulliRBM`: the probability of every hidden unit.
pub(super) fn bernoulli_rbm(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let components = components(value)?;
    let intercept = value.field("intercept_hidden_")?.f64_vector(components.rows)?;
    let (features, naming) = (components.cols, numbered(value, components.rows));
    let linear = Linear { features, coefficients: components.data, intercept };
    let steps = vec![Step::Project(linear), Step::Elementwise(vec![Function::Sigmoid])];
    Ok(Lowered::transformer(features, steps, false).naming(naming))
}

/// `FeatureAgglomeration`: the mean of each cluster of columns.
pub(super) fn feature_agglomeration(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let pooling = value.field("pooling_func")?;
    if pooling.reference().is_none_or(|function| (function.package(), function.name()) != ("numpy", "mean")) {
        return Err(value.unsupported_option("pooling_func", pooling.describe(), "`numpy.mean`"));
    }
    let held = value.field("labels_")?;
    let labels = held.i64_vector(None)?;
    let features = labels.len();
    let Some(clusters) = labels.iter().map(|label| usize::try_from(*label).ok()).collect::<Option<Vec<_>>>()
    else {
        return Err(held.mismatch("numbers of clusters", "a negative one"));
    };
    let count = bounded(&held, clusters.iter().max().map_or(0, |most| most + 1))?;
    if count > features {
        return Err(held.mismatch("clusters that all have columns", count));
    }
    let (mut members, mut sizes) = (vec![0.0; count * features], vec![0.0; count]);
    for (feature, cluster) in clusters.into_iter().enumerate() {
        members[cluster * features + feature] = 1.0;
        sizes[cluster] += 1.0;
    }
    let steps = vec![
        project(Matrix { rows: count, cols: features, data: members }),
        Step::Scale(Scale { operations: vec![Arithmetic::Divide(sizes)], ..Scale::default() }),
    ];
    Ok(Lowered::transformer(features, steps, false).naming(numbered(value, count)))
}

/// A density has a matrix of all pairs of columns: above this many the library's score is not offered.
const WIDEST_DENSITY: usize = 1024;

/// The density of which the principal components are those of greatest variance.
fn principal_density(value: &Value<'_>, components: &Matrix) -> Result<Option<KernelSum>> {
    let (count, features) = (components.rows, components.cols);
    let (Some(mean), Some(noise)) = (present(value, "mean_")?, present(value, "noise_variance_")?) else {
        return Ok(None);
    };
    let (mean, noise) = (mean.f64_vector(features)?, noise.float()?);
    let variance = value.field("explained_variance_")?.f64_vector(count)?;
    if features > WIDEST_DENSITY {
        return Ok(None);
    }
    let whitened = value.field("whiten")?.bool()?;
    let mut scaled = components.clone();
    for (row, variance) in scaled.data.chunks_exact_mut(features.max(1)).zip(&variance) {
        let factor = if whitened { variance.sqrt() } else { 1.0 };
        row.iter_mut().for_each(|x| *x *= factor);
    }
    let excess = |variance: f64| if variance > noise { variance - noise } else { 0.0 };
    let precision = if noise == 0.0 {
        let mut weighted = scaled.clone();
        for (row, variance) in weighted.data.chunks_exact_mut(features.max(1)).zip(&variance) {
            row.iter_mut().for_each(|x| *x *= excess(*variance));
        }
        inverse(&product(&transposed(&weighted), &scaled)).map(|(precision, _)| precision)
    } else {
        let mut among = product(&scaled, &transposed(&scaled));
        among.data.iter_mut().for_each(|x| *x /= noise);
        (0..count).for_each(|i| among.data[i * count + i] += 1.0 / excess(variance[i]));
        inverse(&among).map(|(among, _)| {
            let mut precision = product(&transposed(&scaled), &product(&among, &scaled));
            precision.data.iter_mut().for_each(|x| *x /= -(noise * noise));
            (0..features).for_each(|i| precision.data[i * features + i] += 1.0 / noise);
            precision
        })
    };
    Ok(precision.and_then(|precision| normal_density(mean, precision)))
}

/// The logarithm of a normal density; `None` when it is not finite.
fn normal_density(mean: Vec<f64>, precision: Matrix) -> Option<KernelSum> {
    let (_, log_det) = inverse(&precision)?;
    let constant = -0.5 * (mean.len() as f64 * (2.0 * std::f64::consts::PI).ln() - log_det);
    Some(squared_mahalanobis(mean, precision.data, -0.5, constant))
}

/// A transformer that also scores rows by their density.
fn scored(mut lowered: Lowered, density: Option<KernelSum>) -> Lowered {
    if let Some(density) = density {
        let head = Head::Mixture(Mixture { components: None });
        lowered.pipeline.transform = Some(std::mem::take(&mut lowered.pipeline.steps));
        lowered.pipeline.estimator = Some(Fitted { estimator: Estimator::KernelSum(density), head });
    }
    lowered
}

/// `NeighborhoodComponentsAnalysis`.
pub(super) fn neighbourhood_components(value: &Value<'_>, input: Input) -> Result<Lowered> {
    truncated_svd(value, input)
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
