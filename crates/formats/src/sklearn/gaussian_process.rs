//! Gaussian processes: `GaussianProcessRegressor` and `GaussianProcessClassifier`, and their composed kernels.

use foretell_frame::Shape;
use foretell_model::Estimator;
use foretell_model::estimator::{KernelFunction, LaplaceProcess, Stationary};
use foretell_model::head::{LabelRule, Probability};

use super::classes::{Classifier, labels, regressor};
use super::kernels::{Kernel, Parameters, weighted};
use super::{Input, Lowered, Result, Version, bounded, lower, present};
use crate::pickle::{Matrix, Value};

/// `GaussianProcessRegressor`: the mean of the posterior.
pub(super) fn regression(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let fitted = value.field("X_train_")?.f64_matrix(None, None)?;
    let held = value.field("alpha_")?;
    let alpha = if held.array()?.shape().len() == 1 {
        Matrix { rows: fitted.rows, cols: 1, data: held.f64_vector(fitted.rows)? }
    } else {
        held.f64_matrix(fitted.rows, None)?
    };
    let outputs = bounded(&held, alpha.cols)?;
    let several = value.field("y_train_")?.array()?.shape().len() > 1;
    // Since 1.1 one output in two dimensions is given in one.
    let least = if Version::of(value)? < Version(1, 1) { 1 } else { 2 };
    let shape = if several && outputs >= least { Shape::Matrix(outputs) } else { Shape::Vector };
    let deviation = of_outputs(value, "_y_train_std", outputs, 1.0)?;
    let mean = of_outputs(value, "_y_train_mean", outputs, 0.0)?;
    let column = |output: usize| {
        (0..alpha.rows).map(|row| alpha.row(row)[output] * deviation[output]).collect::<Vec<_>>()
    };
    let weights = (0..outputs).map(column).collect();
    let function = kernel(&value.field("kernel_")?, fitted.cols, DEEPEST)?;
    let mut sum = weighted(fitted, function, weights);
    sum.intercept = mean;
    Ok(Lowered::estimator(sum.features, Estimator::KernelSum(sum), regressor(shape)))
}

/// One number, or one for each output.
fn of_outputs(value: &Value<'_>, name: &'static str, outputs: usize, default: f64) -> Result<Vec<f64>> {
    let Some(held) = present(value, name)? else { return Ok(vec![default; outputs]) };
    match held.float() {
        Ok(shared) => Ok(vec![shared; outputs]),
        Err(_) => {
            let all = held.f64_vector(None)?;
            match all.as_slice() {
                [shared] => Ok(vec![*shared; outputs]),
                _ => held.f64_vector(outputs),
            }
        }
    }
}

/// `GaussianProcessClassifier`: one process, or one for each class.
pub(super) fn classifier(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let mut lowered = lower(&value.field("base_estimator_")?, input)?;
    lowered.part.class.clear();
    lowered.part.parts.clear();
    Ok(lowered)
}

/// `_BinaryGaussianProcessClassifierLaplace`: two classes.
pub(super) fn binary_classifier(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let fitted = value.field("X_train_")?.f64_matrix(None, None)?;
    let points = fitted.rows;
    let targets = value.field("y_train_")?;
    let targets = match targets.bool_vector(points) {
        Ok(targets) => targets.into_iter().map(|target| f64::from(u8::from(target))).collect(),
        Err(_) => targets.f64_vector(points)?,
    };
    let probabilities = value.field("pi_")?.f64_vector(points)?;
    let process = LaplaceProcess {
        features: fitted.cols,
        function: kernel(&value.field("kernel_")?, fitted.cols, DEEPEST)?,
        residuals: targets.iter().zip(&probabilities).map(|(y, p)| y - p).collect(),
        roots: value.field("W_sr_")?.f64_vector(points)?,
        factor: value.field("L_")?.f64_matrix(points, points)?.data,
        points: fitted.data,
    };
    let head = Classifier {
        classes,
        label: LabelRule::Positive,
        probability: Some(Probability::AfterScores),
        log_probability: None,
        decision: None,
    };
    Ok(Lowered::estimator(process.features, Estimator::LaplaceProcess(process), head.head()))
}

/// How deep kernels may nest.
const DEEPEST: usize = 48;

/// A kernel of `sklearn.gaussian_process.kernels`, of rows of this many columns.
fn kernel(value: &Value<'_>, features: usize, depth: usize) -> Result<KernelFunction> {
    let class = value.class().map_or("", |class| class.name());
    let Some(depth) = depth.checked_sub(1) else {
        return Err(value.mismatch(format_args!("at most {DEEPEST} nested kernels"), "more"));
    };
    let pair = || {
        let part = |name| kernel(&value.field(name)?, features, depth);
        Ok(Box::new([part("k1")?, part("k2")?]))
    };
    let number = |name| value.field(name)?.float();
    Ok(match class {
        "Sum" => KernelFunction::Sum(pair()?),
        "Product" => KernelFunction::Product(pair()?),
        "Exponentiation" => {
            let base = kernel(&value.field("kernel")?, features, depth)?;
            KernelFunction::Power(Box::new(base), number("exponent")?)
        }
        "ConstantKernel" => KernelFunction::Constant(number("constant_value")?),
        "WhiteKernel" => KernelFunction::White(number("noise_level")?),
        "RBF" => KernelFunction::Stationary {
            shape: Stationary::SquaredExponential,
            lengths: lengths(value, features)?,
        },
        "Matern" => {
            let held = value.field("nu")?;
            let nu = held.float()?;
            let shape = if nu == 0.5 {
                Stationary::Matern12
            } else if nu == 1.5 {
                Stationary::Matern32
            } else if nu == 2.5 {
                Stationary::Matern52
            } else if nu == f64::INFINITY {
                Stationary::SquaredExponential
            } else {
                return Err(value.unsupported_option("nu", nu, "0.5, 1.5, 2.5 or infinity"));
            };
            KernelFunction::Stationary { shape, lengths: lengths(value, features)? }
        }
        "RationalQuadratic" => {
            KernelFunction::RationalQuadratic { alpha: number("alpha")?, length: lengths(value, 1)?[0] }
        }
        "ExpSineSquared" => {
            KernelFunction::Periodic { length: lengths(value, 1)?[0], period: number("periodicity")? }
        }
        "DotProduct" => {
            let offset = number("sigma_0")?;
            KernelFunction::Polynomial { gamma: 1.0, coef0: offset * offset, degree: 1.0 }
        }
        "PairwiseKernel" => pairwise(value, features)?,
        _ => return Err(value.unsupported_class()),
    })
}

/// The length scales: one, or one for each of several columns.
fn lengths(value: &Value<'_>, features: usize) -> Result<Vec<f64>> {
    let held = value.field("length_scale")?;
    match held.float() {
        Ok(shared) => Ok(vec![shared]),
        Err(_) => match held.f64_vector(None)?.as_slice() {
            [shared] => Ok(vec![*shared]),
            _ => held.f64_vector(features),
        },
    }
}

/// `PairwiseKernel`: one of `sklearn.metrics.pairwise`.
fn pairwise(value: &Value<'_>, features: usize) -> Result<KernelFunction> {
    if let Some(extra) = present(value, "pairwise_kernels_kwargs")?
        && !extra.is_empty()?
    {
        return Err(value.unsupported_option("pairwise_kernels_kwargs", extra.describe(), "`None`"));
    }
    let metric = value.field("metric")?;
    if !metric.is_text() {
        return Err(value.unsupported_option("metric", metric.describe(), "the name of a kernel"));
    }
    let parameters = Parameters { gamma: Some(value.field("gamma")?.float()?), ..Parameters::default() };
    let kernel = Kernel::named(value, "metric", metric.text()?, &parameters, features)?;
    if !kernel.before.is_empty() {
        let supported = "a kernel of numbers of either sign";
        return Err(value.unsupported_option("metric", metric.text()?, supported));
    }
    Ok(kernel.function)
}
