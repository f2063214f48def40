//! Kernels of `sklearn.metrics.pairwise` and what is made of them: kernel ridge, kernel principal components, maps
//! that approximate kernels.

use foretell_frame::Shape;
use foretell_model::estimator::{KernelFunction, KernelSum, KernelTerm, Linear};
use foretell_model::step::{Accepts, Answer, Arithmetic, Curve, Curves, Function, Predict, Rowwise, Scale};
use foretell_model::{Estimator, Fitted, Step};

use super::classes::regressor;
use super::cluster::each;
use super::naming::After;
use super::{Input, Lowered, Naming, Result, bounded, count, numbered, present};
use crate::pickle::{Matrix, Value};

/// `KernelRidge`.
pub(super) fn kernel_ridge(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let fitted = value.field("X_fit_")?.f64_matrix(None, None)?;
    let held = value.field("dual_coef_")?;
    let vector = held.array()?.shape().len() == 1;
    let dual = if vector {
        Matrix { rows: fitted.rows, cols: 1, data: held.f64_vector(fitted.rows)? }
    } else {
        held.f64_matrix(fitted.rows, None)?
    };
    let outputs = bounded(&held, dual.cols)?;
    let head = regressor(if vector { Shape::Vector } else { Shape::Matrix(outputs) });
    let columns: Vec<Vec<f64>> =
        (0..outputs).map(|column| (0..dual.rows).map(|row| dual.row(row)[column]).collect()).collect();
    let Some(kernel) = Kernel::read(value, &Parameters::of(value, "gamma")?, fitted.cols)? else {
        let linear =
            Linear { features: dual.rows, coefficients: columns.concat(), intercept: vec![0.0; outputs] };
        return Ok(Lowered::estimator(dual.rows, Estimator::Linear(linear), head));
    };
    let sum = weighted(fitted, kernel.function, columns);
    let mut lowered = Lowered::estimator(sum.features, Estimator::KernelSum(sum), head);
    lowered.pipeline.steps = kernel.before;
    Ok(lowered)
}

/// `Nystroem`.
pub(super) fn nystroem(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let components = value.field("components_")?.f64_matrix(None, None)?;
    let count = components.rows;
    let held = value.field("normalization_")?;
    let normalization = held.f64_matrix(count, count)?;
    let rows = (0..count).map(|row| normalization.row(row).to_vec()).collect();
    let mut parameters = Parameters::of(value, "gamma")?;
    if let Some(extra) = present(value, "kernel_params")? {
        parameters.override_by(value, &extra)?;
    }
    let features = components.cols;
    let Some(kernel) = Kernel::read(value, &parameters, features)? else {
        let supported = "a kernel by name other than `precomputed`";
        return Err(value.unsupported_option("kernel", "precomputed", supported));
    };
    let mut steps = kernel.before;
    steps.push(values(weighted(components, kernel.function, rows)));
    Ok(Lowered::transformer(features, steps, false).naming(numbered(value, bounded(&held, count)?)))
}

/// `KernelPCA`.
pub(super) fn kernel_pca(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let fitted = value.field("X_fit_")?.f64_matrix(None, None)?;
    let points = fitted.rows;
    // `alphas_` and `lambdas_` before 1.0.
    let vectors = match present(value, "eigenvectors_")? {
        Some(vectors) => vectors,
        None => value.field("alphas_")?,
    };
    let vectors = vectors.f64_matrix(points, None)?;
    let roots = match present(value, "eigenvalues_")? {
        Some(eigenvalues) => eigenvalues,
        None => value.field("lambdas_")?,
    };
    let roots = roots.f64_vector(vectors.cols)?;
    let gamma = if value.has("gamma_") { "gamma_" } else { "gamma" };
    let parameters = Parameters::of(value, gamma)?;
    let (features, mut steps) = match Kernel::read(value, &parameters, fitted.cols)? {
        None => (points, Vec::new()),
        Some(kernel) => {
            let features = fitted.cols;
            let mut steps = kernel.before;
            bounded(&value.field("X_fit_")?, points)?;
            steps.push(values(each(fitted, kernel.function, 1.0)));
            (features, steps)
        }
    };
    steps.extend(centred(&value.field("_centerer")?, points)?);
    let scaled = |row: usize, column: usize| {
        if roots[column] == 0.0 { 0.0 } else { vectors.row(row)[column] / roots[column].sqrt() }
    };
    let weights = (0..vectors.cols).flat_map(|column| (0..points).map(move |row| (row, column)));
    let coefficients = weights.map(|(row, column)| scaled(row, column)).collect();
    steps.push(Step::Project(Linear { features: points, coefficients, intercept: vec![0.0; vectors.cols] }));
    Ok(Lowered::transformer(features, steps, false).naming(numbered(value, vectors.cols)))
}

/// `KernelCenterer` alone, of kernel values.
pub(super) fn kernel_centerer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let points = value.field("K_fit_rows_")?.len()?;
    Ok(Lowered::transformer(points, centred(value, points)?, false).naming(numbered(value, points)))
}

/// `RBFSampler`: cosines of random weighted sums.
pub(super) fn rbf_sampler(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let mut waves = Waves::read(value)?;
    let height = (2.0 / waves.count as f64).sqrt();
    Ok(waves.lowered(value, Vec::new(), height))
}

/// `PolynomialCountSketch`: sketches of the columns, one per degree, convolved.
pub(super) fn polynomial_count_sketch(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let (places, signs) = (value.field("indexHash_")?, value.field("bitHash_")?);
    let degree = count(&value.field("degree")?)?;
    let outputs = count(&value.field("n_components")?)?;
    let (held, signs) = (places.f64_matrix(degree, None)?, signs.f64_matrix(degree, None)?);
    if held.cols != signs.cols {
        return Err(places.mismatch(format_args!("{} columns", signs.cols), held.cols));
    }
    let (gamma, constant) = (value.field("gamma")?.float()?, value.field("coef0")?.float()?);
    let extra = usize::from(constant != 0.0);
    let Some(features) = held.cols.checked_sub(extra) else {
        return Err(places.mismatch("at least one column", held.cols));
    };
    let sketches = bounded(&places, degree.saturating_mul(outputs))?;
    let size = sketches.saturating_mul(features);
    if size > MOST_SKETCHED {
        return Err(places.mismatch(format_args!("at most {MOST_SKETCHED} weights"), size));
    }
    let (mut coefficients, mut intercept) = (vec![0.0; size], vec![0.0; sketches]);
    for (sketch, (places_of, signs_of)) in
        (0..degree).map(|sketch| (sketch, (held.row(sketch), signs.row(sketch))))
    {
        for (column, (place, sign)) in places_of.iter().zip(signs_of).enumerate() {
            let Some(place) = Some(*place as usize).filter(|at| *at < outputs && *place >= 0.0) else {
                return Err(places.mismatch(format_args!("places below {outputs}"), place));
            };
            let row = sketch * outputs + place;
            match column < features {
                true => coefficients[row * features + column] = sign * gamma.sqrt(),
                false => intercept[row] = sign * constant.sqrt(),
            }
        }
    }
    let project = Step::Project(Linear { features, coefficients, intercept });
    let steps = vec![project, Step::Convolve(degree)];
    Ok(Lowered::transformer(features, steps, false).naming(numbered(value, outputs)))
}

/// Weights of a sketch: it is a matrix of which most are 0.
const MOST_SKETCHED: usize = 1 << 26;

/// `SkewedChi2Sampler`: the same of logarithms, which numbers too small have none of.
pub(super) fn skewed_chi2_sampler(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let mut waves = Waves::read(value)?;
    let skewness = value.field("skewedness")?.float()?;
    let features = waves.linear.features;
    let within = Curve::Within { least: (-skewness).next_up(), most: f64::INFINITY };
    let before = vec![
        Step::Curves(Curves { columns: vec![within; features], accepts: Accepts::FINITE }),
        scale(Arithmetic::Add(vec![skewness; features])),
        Step::Elementwise(vec![Function::Log]),
    ];
    let height = 2.0_f64.sqrt() / (waves.count as f64).sqrt();
    Ok(waves.lowered(value, before, height))
}

/// `AdditiveChi2Sampler`: waves of logarithms of each column, of growing frequency.
pub(super) fn additive_chi2_sampler(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let features = count(&value.field("n_features_in_")?)?;
    let steps = value.field("sample_steps")?.size()?;
    // `sample_interval_` up to 1.2.
    let given = match present(value, "sample_interval_")? {
        Some(interval) => Some(interval),
        None => present(value, "sample_interval")?,
    };
    let interval = match (given, steps) {
        (Some(interval), _) => interval.float()?,
        (None, 1) => 0.8,
        (None, 2) => 0.5,
        (None, 3) => 0.4,
        (None, _) => return Err(value.missing("sample_interval")),
    };
    bounded(value, steps.saturating_mul(2).saturating_mul(features))?;
    let (mut waves, mut names) = (vec![(interval, 0.0, false)], vec!["_sqrt".to_owned()]);
    for step in 1..steps {
        let frequency = step as f64 * interval;
        let amplitude = 2.0 * interval / (std::f64::consts::PI * frequency).cosh();
        for (sine, name) in [(false, "cos"), (true, "sin")] {
            waves.push((amplitude, frequency, sine));
            names.push(format!("_{name}{step}"));
        }
    }
    let repeated = waves.iter().flat_map(|_| 0..features).collect();
    let curve = |(amplitude, frequency, sine)| Curve::Wave { amplitude, frequency, sine };
    let columns = waves.into_iter().flat_map(|wave| std::iter::repeat_n(curve(wave), features)).collect();
    let steps = vec![Step::Select(repeated), Step::Curves(Curves { columns, accepts: Accepts::FINITE })];
    let after = |suffix: String| {
        (0..features).map(move |input| After {
            input,
            prefix: "additivechi2sampler_",
            suffix: suffix.clone(),
        })
    };
    let naming = Naming::After(names.into_iter().flat_map(after).collect());
    Ok(Lowered::transformer(features, steps, input.sparse).naming(naming))
}

/// Random weighted sums.
struct Waves {
    count: usize,
    linear: Linear,
}

impl Waves {
    fn read(value: &Value<'_>) -> Result<Self> {
        let held = value.field("random_weights_")?;
        let weights = held.f64_matrix(None, None)?;
        let count = bounded(&held, weights.cols)?;
        let intercept = value.field("random_offset_")?.f64_vector(count)?;
        let pairs = (0..count).flat_map(|column| (0..weights.rows).map(move |row| (row, column)));
        let coefficients = pairs.map(|(row, column)| weights.row(row)[column]).collect();
        Ok(Self { count, linear: Linear { features: weights.rows, coefficients, intercept } })
    }

    fn lowered(&mut self, value: &Value<'_>, mut steps: Vec<Step>, height: f64) -> Lowered {
        steps.push(Step::Project(self.linear.clone()));
        steps.push(Step::Elementwise(vec![Function::Cos]));
        steps.push(scale(Arithmetic::Multiply(vec![height; self.count])));
        Lowered::transformer(self.linear.features, steps, false).naming(numbered(value, self.count))
    }
}

/// A kernel by name, and what has to be so of the numbers it is given.
pub(super) struct Kernel {
    pub(super) before: Vec<Step>,
    pub(super) function: KernelFunction,
}

/// The parameters of kernels; those that are `None` in the file are the library's defaults.
#[derive(Default)]
pub(super) struct Parameters {
    pub(super) gamma: Option<f64>,
    pub(super) degree: Option<f64>,
    pub(super) coef0: Option<f64>,
}

impl Parameters {
    pub(super) fn of(value: &Value<'_>, gamma: &'static str) -> Result<Self> {
        let number = |name| present(value, name)?.map(|number| number.float()).transpose();
        Ok(Self { gamma: number(gamma)?, degree: number("degree")?, coef0: number("coef0")? })
    }

    /// Takes parameters of a dict before those that are not set.
    fn override_by(&mut self, value: &Value<'_>, extra: &Value<'_>) -> Result<()> {
        for (name, number) in extra.pairs()? {
            let slot = match name.text()? {
                "gamma" => &mut self.gamma,
                "degree" => &mut self.degree,
                "coef0" => &mut self.coef0,
                other => {
                    return Err(value.unsupported_option(
                        "kernel_params",
                        other,
                        "`gamma`, `degree` or `coef0`",
                    ));
                }
            };
            if slot.is_none() {
                *slot = Some(number.float()?);
            }
        }
        Ok(())
    }
}

impl Kernel {
    /// The kernel that `kernel` names; `None` when rows are kernel values already.
    fn read(value: &Value<'_>, parameters: &Parameters, features: usize) -> Result<Option<Self>> {
        let kernel = value.field("kernel")?;
        if !kernel.is_text() {
            return Err(value.unsupported_option("kernel", kernel.describe(), SUPPORTED));
        }
        if kernel.text()? == "precomputed" {
            return Ok(None);
        }
        Self::named(value, "kernel", kernel.text()?, parameters, features).map(Some)
    }

    /// The kernel of a name that the option `option` of `value` has.
    pub(super) fn named(
        value: &Value<'_>,
        option: &str,
        name: &str,
        parameters: &Parameters,
        features: usize,
    ) -> Result<Self> {
        let gamma = parameters.gamma.unwrap_or(1.0 / features as f64);
        let coef0 = parameters.coef0.unwrap_or(1.0);
        let function = match name {
            "linear" => KernelFunction::Linear,
            "poly" | "polynomial" => {
                KernelFunction::Polynomial { gamma, coef0, degree: parameters.degree.unwrap_or(3.0) }
            }
            "rbf" => KernelFunction::Rbf { gamma },
            "sigmoid" => KernelFunction::Sigmoid { gamma, coef0 },
            "laplacian" => KernelFunction::Laplacian { gamma },
            "cosine" => KernelFunction::Cosine,
            "additive_chi2" => KernelFunction::AdditiveChiSquared,
            "chi2" => KernelFunction::ChiSquared { gamma: parameters.gamma.unwrap_or(1.0) },
            other => return Err(value.unsupported_option(option, other, SUPPORTED)),
        };
        let before = if name.ends_with("chi2") { not_negative(features) } else { Vec::new() };
        Ok(Self { before, function })
    }
}

const SUPPORTED: &str = "a kernel of `sklearn.metrics.pairwise` by name";

/// Refuses numbers below 0.
pub(super) fn not_negative(features: usize) -> Vec<Step> {
    let within = Curve::Within { least: 0.0, most: f64::INFINITY };
    vec![Step::Curves(Curves { columns: vec![within; features], accepts: Accepts::FINITE })]
}

/// Sums of kernel values, one for each list of weights.
pub(super) fn weighted(points: Matrix, function: KernelFunction, weights: Vec<Vec<f64>>) -> KernelSum {
    let intercept = vec![0.0; weights.len()];
    let terms = weights.into_iter().enumerate();
    let terms = terms.map(|(output, coefficients)| KernelTerm { output, first: 0, coefficients }).collect();
    KernelSum { features: points.cols, function, points: points.data, terms, intercept }
}

/// Sums in place of the columns.
fn values(sum: KernelSum) -> Step {
    let head = regressor(Shape::Matrix(sum.intercept.len()));
    let fitted = Fitted { estimator: Estimator::KernelSum(sum), head };
    Step::Predict(Box::new(Predict { fitted, answer: Answer::Value }))
}

/// Kernel values, centred as those of the training data are.
fn centred(centerer: &Value<'_>, points: usize) -> Result<Vec<Step>> {
    let rows = centerer.field("K_fit_rows_")?.f64_vector(points)?;
    let all = centerer.field("K_fit_all_")?.float()?;
    let operations = vec![Arithmetic::Subtract(rows), Arithmetic::Add(vec![all; points])];
    Ok(vec![Step::Rowwise(Rowwise::Centre), Step::Scale(Scale { operations, ..Scale::default() })])
}

fn scale(operation: Arithmetic) -> Step {
    Step::Scale(Scale { operations: vec![operation], ..Scale::default() })
}
