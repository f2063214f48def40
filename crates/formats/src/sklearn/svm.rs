//! Support vector machines of libsvm: `SVC`, `NuSVC`, `SVR`, `NuSVR` and `OneClassSVM`.

use foretell_frame::Shape;
use foretell_model::estimator::{KernelFunction, KernelSum, KernelTerm};
use foretell_model::head::{Outlier, PairDecision, Pairwise};
use foretell_model::{Estimator, Head};

use super::classes::{labels, regressor};
use super::{Input, Lowered, Result, Version, count, present};
use crate::pickle::{Matrix, Value};

/// `SVC` and `NuSVC`: one machine per pair of classes.
pub(super) fn classifier(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let counts = renamed(value, "_n_support", "n_support_")?;
    let counts = counts.i64_vector(classes.len())?.into_iter().map(|count| usize::try_from(count).ok());
    let counts = counts.collect::<Option<Vec<usize>>>();
    let coefficients = value.field("_dual_coef_")?;
    let matrix = coefficients.f64_matrix(classes.len().saturating_sub(1), None)?;
    let sum =
        counts.as_ref().and_then(|counts| counts.iter().try_fold(0_usize, |sum, n| sum.checked_add(*n)));
    let Some(counts) = counts.filter(|_| sum == Some(matrix.cols)) else {
        let detail = format_args!("`_n_support` does not add up to {} support vectors", matrix.cols);
        return Err(value.invalid(detail));
    };
    let pairs = classes.len().saturating_mul(classes.len() - 1) / 2;
    let intercept = value.field("_intercept_")?.f64_vector(pairs)?;
    let sum = machine(value, matrix.cols, pair_terms(&counts, &matrix), intercept)?;
    let decision = match present(value, "decision_function_shape")? {
        None => Some(PairDecision::PerPair),
        Some(shape) => match shape.text()? {
            // Before 0.21 decisions per class were scaled by the largest of the rows beside them.
            "ovr" if classes.len() > 2 && Version::of(value)?.is_before(0, 21) => None,
            "ovr" => Some(PairDecision::PerClass),
            "ovo" => Some(PairDecision::PerPair),
            other => {
                return Err(value.unsupported_option("decision_function_shape", other, "`ovr` or `ovo`"));
            }
        },
    };
    let break_ties = present(value, "break_ties")?.map_or(Ok(false), |setting| setting.bool())?;
    if break_ties && decision == Some(PairDecision::PerPair) {
        let supported = "`decision_function_shape` = `ovr` with it, as `predict` of scikit-learn does";
        return Err(value.unsupported_option("break_ties", "True", supported));
    }
    let (a, b) = (renamed(value, "_probA", "probA_")?, renamed(value, "_probB", "probB_")?);
    let sigmoids = match a.len()? {
        0 => None,
        _ => Some(a.f64_vector(pairs)?.into_iter().zip(b.f64_vector(pairs)?).collect()),
    };
    let head = Head::Pairwise(Pairwise { classes, decision, break_ties, sigmoids });
    Ok(Lowered::estimator(sum.features, Estimator::KernelSum(sum), head))
}

/// `SVR` and `NuSVR`.
pub(super) fn regression(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let intercept = value.field("_intercept_")?.f64_vector(1)?;
    let sum = single_machine(value, intercept)?;
    Ok(Lowered::estimator(sum.features, Estimator::KernelSum(sum), regressor(Shape::Vector)))
}

/// `OneClassSVM`: its score is the sum without intercept, and its offset the intercept with the sign changed.
pub(super) fn one_class(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let intercept = value.field("_intercept_")?.f64_vector(1)?;
    // Before 0.20 its decision was a column, and it gave no scores.
    let column = Version::of(value)?.is_before(0, 20);
    let head = Head::Outlier(Outlier { offset: -intercept[0], equal_inlier: false, column });
    let sum = single_machine(value, vec![0.0])?;
    Ok(Lowered::estimator(sum.features, Estimator::KernelSum(sum), head))
}

fn single_machine(value: &Value<'_>, intercept: Vec<f64>) -> Result<KernelSum> {
    let coefficients = value.field("_dual_coef_")?.f64_matrix(1, None)?;
    let points = coefficients.cols;
    let term = KernelTerm { output: 0, first: 0, coefficients: coefficients.data };
    machine(value, points, vec![term], intercept)
}

/// The terms of libsvm's machines: the support vectors stand by class, and row `j - 1` of the coefficients has those
/// of class `i` against `j`, row `i` those of class `j` against `i`, for `i < j`.
fn pair_terms(counts: &[usize], coefficients: &Matrix) -> Vec<KernelTerm> {
    let mut starts = vec![0];
    for (class, count) in counts.iter().enumerate() {
        starts.push(starts[class] + count);
    }
    let mut terms = Vec::new();
    for i in 0..counts.len() {
        for j in i + 1..counts.len() {
            let output = terms.len() / 2;
            for (class, row) in [(i, j - 1), (j, i)] {
                let (first, end) = (starts[class], starts[class + 1]);
                let coefficients = coefficients.row(row)[first..end].to_vec();
                terms.push(KernelTerm { output, first, coefficients });
            }
        }
    }
    terms
}

fn machine(
    value: &Value<'_>,
    points: usize,
    terms: Vec<KernelTerm>,
    intercept: Vec<f64>,
) -> Result<KernelSum> {
    // Before 0.24 only the shape of the training data tells the number of features.
    let features = match present(value, "n_features_in_")? {
        Some(features) => count(&features)?,
        None => count(&value.field("shape_fit_")?.at(1)?)?,
    };
    let points = value.field("support_vectors_")?.f64_matrix(points, features)?.data;
    Ok(KernelSum { features, function: kernel(value)?, points, terms, intercept })
}

fn kernel(value: &Value<'_>) -> Result<KernelFunction> {
    let supported = "`linear`, `poly`, `rbf` or `sigmoid`";
    let kernel = value.field("kernel")?;
    if !kernel.is_text() {
        return Err(value.unsupported_option("kernel", kernel.describe(), supported));
    }
    let gamma = || value.field("_gamma")?.float();
    let coef0 = || value.field("coef0")?.float();
    Ok(match kernel.text()? {
        "linear" => KernelFunction::Linear,
        "poly" => {
            let degree = value.field("degree")?.float()?;
            KernelFunction::Polynomial { gamma: gamma()?, coef0: coef0()?, degree }
        }
        "rbf" => KernelFunction::Rbf { gamma: gamma()? },
        "sigmoid" => KernelFunction::Sigmoid { gamma: gamma()?, coef0: coef0()? },
        other => return Err(value.unsupported_option("kernel", other, supported)),
    })
}

/// An attribute that older versions wrote under another name.
fn renamed<'p>(value: &Value<'p>, name: &'p str, old: &'p str) -> Result<Value<'p>> {
    match present(value, name)? {
        Some(field) => Ok(field),
        None => value.field(old),
    }
}
