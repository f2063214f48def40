//! Support vector machines (`svmclassifier.cc` and `svmregressor.cc` of ONNX Runtime).

use foretell_model::estimator::{KernelFunction, KernelSum, KernelTerm};
use foretell_model::head::{PairDecision, Pairwise};
use foretell_model::step::{Function, Operands, Pairing, Zip};
use foretell_model::{Estimator, Head, Step};

use super::call::Call;
use super::program::{predict, rounding};
use super::tensor::Element;
use super::value::{Rows, Value};
use super::{Result, classify, linear, mismatch, unsupported};

/// The kernel of a machine.
fn kernel(call: &Call<'_, '_>) -> Result<KernelFunction> {
    let parameters = call.floats("kernel_params")?;
    let (gamma, coef0, degree) = match parameters[..] {
        [] => (0.0, 0.0, 0.0),
        [gamma, coef0, degree] => (gamma, coef0, degree),
        _ => return Err(mismatch("gamma, coef0 and degree in `kernel_params`", &format!("{parameters:?}"))),
    };
    match call.text("kernel_type", "LINEAR")? {
        "LINEAR" => Ok(KernelFunction::Linear),
        "POLY" => Ok(KernelFunction::Polynomial { gamma, coef0, degree }),
        "RBF" => Ok(KernelFunction::Rbf { gamma }),
        "SIGMOID" => Ok(KernelFunction::Sigmoid { gamma, coef0 }),
        other => Err(unsupported("kernel_type", other, "LINEAR, POLY, RBF or SIGMOID")),
    }
}

/// Support vectors, `count` of them.
fn vectors(call: &Call<'_, '_>, count: usize, features: usize) -> Result<Vec<f64>> {
    let points = call.floats("support_vectors")?;
    if points.len() == count.saturating_mul(features) {
        return Ok(points);
    }
    Err(mismatch(&format!("{count} vectors of {features} numbers"), &format!("{} numbers", points.len())))
}

/// `SVMRegressor`.
pub(super) fn regressor(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    linear::no_transform(call)?;
    let rows = call.matrix(0)?;
    let columns = linear::as_single(call, &rows)?;
    let features = columns.len();
    let supports = usize::try_from(call.integer("n_supports", 0)?).unwrap_or(0);
    let (function, coefficients, rho) = (kernel(call)?, call.floats("coefficients")?, call.floats("rho")?);
    let one_class = call.flag("one_class", false)?;
    let [intercept] = rho[..] else { return Err(mismatch("one number in `rho`", &rho.len().to_string())) };
    // Without support vectors the coefficients are the one vector there is.
    let (points, coefficients, function) = match supports {
        0 => (coefficients, vec![1.0], KernelFunction::Linear),
        _ => (vectors(call, supports, features)?, coefficients, function),
    };
    call.ignore(&["support_vectors"]);
    if coefficients.len() != points.len().checked_div(features).unwrap_or(0) {
        return Err(mismatch("one coefficient for each support vector", &coefficients.len().to_string()));
    }
    let terms = vec![KernelTerm { output: 0, first: 0, coefficients }];
    let sum = KernelSum { features, function, points, terms, intercept: vec![intercept] };
    let steps = [predict(Estimator::KernelSum(sum), 1)].into_iter().chain(rounding(Element::Single));
    let mut columns = call.program.emit(columns, steps.collect(), 1)?;
    if one_class {
        let constant = |function, constant| {
            Step::Zip(Zip { function, operands: Operands::ConstantSecond(vec![constant]) })
        };
        let sign = vec![
            constant(Pairing::Greater, 0.0),
            constant(Pairing::Multiply, 2.0),
            constant(Pairing::Subtract, 1.0),
        ];
        columns = call.program.emit(columns, sign, 1)?;
    }
    Ok(vec![Value::Rows(Rows::matrix(Element::Single, columns))])
}

/// `SVMClassifier`.
pub(super) fn classifier(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    linear::no_transform(call)?;
    let classes = classify::classes(call, "classlabels_ints")?;
    let rows = call.matrix(0)?;
    let columns = linear::as_single(call, &rows)?;
    let features = columns.len();
    let counts: Vec<usize> = call
        .integers("vectors_per_class")?
        .into_iter()
        .map(|count| usize::try_from(count).unwrap_or(usize::MAX))
        .collect();
    if counts.len() != classes.len() || classes.len() < 2 {
        let supported = "a number of support vectors for each class";
        return Err(unsupported("vectors_per_class", format!("{counts:?}"), supported));
    }
    let total = counts.iter().fold(0_usize, |sum, count| sum.saturating_add(*count));
    let points = vectors(call, total, features)?;
    let (coefficients, rho) = (call.floats("coefficients")?, call.floats("rho")?);
    let pairs = classes.len() * (classes.len() - 1) / 2;
    let (a, b) = (call.floats("prob_a")?, call.floats("prob_b")?);
    let expected = total.saturating_mul(classes.len() - 1);
    let has_sigmoids = !a.is_empty();
    if rho.len() != pairs || coefficients.len() != expected || a.len() != b.len() {
        return Err(mismatch(&format!("{pairs} machines and {expected} coefficients"), "other numbers"));
    }
    let mut terms = Vec::new();
    let starts: Vec<usize> =
        counts.iter().scan(0, |start, count| Some(std::mem::replace(start, *start + count))).collect();
    for first in 0..classes.len() {
        for second in first + 1..classes.len() {
            let output = terms.len() / 2;
            // The coefficients of a class against another stand in the row of the other, its own left out.
            for (class, row) in [(first, second - 1), (second, first)] {
                let start = row * total + starts[class];
                let coefficients = coefficients[start..start + counts[class]].to_vec();
                terms.push(KernelTerm { output, first: starts[class], coefficients });
            }
        }
    }
    let sum = KernelSum { features, function: kernel(call)?, points, terms, intercept: rho };
    let steps = [predict(Estimator::KernelSum(sum), pairs)].into_iter().chain(rounding(Element::Single));
    let decisions = call.program.emit(columns, steps.collect(), pairs)?;
    let sigmoids = has_sigmoids.then(|| a.into_iter().zip(b).collect());
    let decision = Some(PairDecision::PerPair);
    let head = Head::Pairwise(Pairwise { classes, decision, break_ties: false, sigmoids });
    let mut outputs = classify::outputs(call, decisions.clone(), head)?;
    if !has_sigmoids {
        let mut scores = decisions;
        if pairs == 1 {
            let negative = vec![Step::Elementwise(vec![Function::Negative])];
            scores = [call.program.emit(scores.clone(), negative, 1)?, scores].concat();
        }
        outputs.push(Value::Rows(Rows::matrix(Element::Single, scores)));
    }
    Ok(outputs)
}
