//! Operators of weighted sums.

use foretell_model::Step;
use foretell_model::estimator::Linear;
use foretell_model::head::{LabelRule, Probability};
use foretell_model::step::{Function, Pairing};

use super::call::Call;
use super::tensor::{Element, Tensor};
use super::value::{Dim, Rows, Value};
use super::{Result, arithmetic, classify, invalid, mismatch, unsupported};

/// Weighted sums of some columns, rounded to a type.
fn sums(call: &mut Call<'_, '_>, columns: &[usize], linear: Linear, element: Element) -> Result<Vec<usize>> {
    let width = linear.intercept.len();
    if linear.features != columns.len() || linear.coefficients.len() != columns.len().saturating_mul(width) {
        let expected = format!("{width} weights for each of {} columns", columns.len());
        return Err(mismatch(&expected, &format!("{} weights", linear.coefficients.len())));
    }
    let step = if element == Element::Single { Step::MultiplyAdd(linear) } else { Step::Project(linear) };
    call.program.emit(columns.to_vec(), vec![step], width)
}

/// A matrix of weights, `inputs x outputs`, as `outputs x inputs`.
fn transposed(weights: &Tensor, factor: f64) -> Result<(usize, usize, Vec<f64>)> {
    let [inputs, outputs] = weights.dims[..] else {
        return Err(mismatch("a matrix of weights", &format!("a tensor of shape {:?}", weights.dims)));
    };
    let mut coefficients = vec![0.0; weights.numbers.len()];
    for input in 0..inputs {
        for output in 0..outputs {
            coefficients[output * inputs + input] = factor * weights.numbers[input * outputs + output];
        }
    }
    Ok((inputs, outputs, coefficients))
}

/// `MatMul` of rows with a constant.
pub(super) fn product(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let (rows, weights) = (call.rows(0)?, call.input(1)?);
    let weights = weights.constant()?;
    let vector = weights.dims.len() == 1;
    let dims = if vector { vec![weights.numbers.len(), 1] } else { weights.dims.clone() };
    let (inputs, outputs, coefficients) = transposed(&Tensor { dims, ..weights.as_ref().clone() }, 1.0)?;
    let Some((Dim::Fixed(size), outer)) = rows.dims.split_last() else {
        return Err(mismatch("a matrix of rows", "a vector"));
    };
    if *size != inputs || inputs == 0 {
        return Err(invalid(format!("a matrix with {size} columns times one with {inputs} rows")));
    }
    let mut columns = Vec::new();
    for own in rows.columns.chunks_exact(inputs) {
        let linear =
            Linear { features: inputs, coefficients: coefficients.clone(), intercept: vec![0.0; outputs] };
        columns.extend(sums(call, own, linear, rows.element)?);
    }
    let mut dims = outer.to_vec();
    if !vector {
        dims.push(Dim::Fixed(outputs));
    }
    Ok(vec![Value::Rows(Rows::new(rows.element, dims, columns))])
}

/// `Gemm`.
pub(super) fn general_product(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.ignore(&["broadcast"]);
    let rows = call.matrix(0)?;
    if call.flag("transA", false)? {
        return Err(unsupported("transA", 1, "0"));
    }
    let (alpha, beta) = (call.float("alpha", 1.0)?, call.float("beta", 1.0)?);
    let mut weights = call.input(1)?;
    if call.flag("transB", false)? {
        weights = super::reshape::permuted(&weights, &[1, 0])?;
    }
    let (features, outputs, coefficients) = transposed(weights.constant()?, alpha)?;
    let mut intercept = vec![0.0; outputs];
    let added = call.optional(2);
    if let Some(Value::Constant(bias)) = &added {
        let fits = bias.dims.iter().rev().skip(1).all(|size| *size == 1);
        let (count, fits) = (bias.numbers.len(), fits && bias.element != Element::Text);
        if !fits || (count != 1 && count != outputs) {
            return Err(mismatch(&format!("{outputs} numbers to add"), &format!("shape {:?}", bias.dims)));
        }
        for (output, intercept) in intercept.iter_mut().enumerate() {
            *intercept = beta * bias.numbers[if count == 1 { 0 } else { output }];
        }
    }
    let linear = Linear { features, coefficients, intercept };
    let columns = sums(call, &rows.columns, linear, rows.element)?;
    let mut result = Value::Rows(Rows::matrix(rows.element, columns));
    if let Some(added @ Value::Rows(_)) = added {
        let beta = Tensor::list(rows.element, vec![beta]);
        let added = arithmetic::pair(call, Pairing::Multiply, &added, &Value::constant_of(beta))?;
        result = arithmetic::pair(call, Pairing::Add, &result, &added)?;
    }
    Ok(vec![result])
}

/// `BatchNormalization` with the statistics of training: `(x - mean) / sqrt(var + epsilon) * scale + bias`.
pub(super) fn batch_normalization(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.ignore(&["momentum", "consumed_inputs"]);
    if call.flag("training_mode", false)? || !call.flag("spatial", true)? {
        return Err(unsupported("training_mode", 1, "0, with statistics of each column"));
    }
    let rows = call.matrix(0)?;
    let epsilon = call.float("epsilon", 1e-5)?;
    let list = |number: usize| call.input(number).and_then(|list| Ok(list.constant()?.numbers.clone()));
    let [scale, bias, mean, variance] = [list(1)?, list(2)?, list(3)?, list(4)?];
    let factor: Vec<f64> =
        scale.iter().zip(&variance).map(|(scale, variance)| scale / (variance + epsilon).sqrt()).collect();
    let mut result = Value::Rows(rows.clone());
    let steps = [(Pairing::Subtract, mean), (Pairing::Multiply, factor), (Pairing::Add, bias)];
    for (function, constants) in steps {
        let constants = Value::constant_of(Tensor::list(rows.element, constants));
        result = arithmetic::pair(call, function, &result, &constants)?;
    }
    Ok(vec![result])
}

/// Coefficients and intercepts of a linear model with this many outputs.
fn linear_model(call: &Call<'_, '_>, outputs: usize) -> Result<Linear> {
    let (coefficients, intercept) = (call.floats("coefficients")?, call.floats("intercepts")?);
    let features = coefficients.len() / outputs.max(1);
    let intercept = if intercept.is_empty() { vec![0.0; outputs] } else { intercept };
    if intercept.len() != outputs {
        return Err(mismatch(&format!("{outputs} intercepts"), &intercept.len().to_string()));
    }
    Ok(Linear { features, coefficients, intercept })
}

/// The numbers of a matrix as float32, as kernels that know nothing else take them.
pub(super) fn as_single(call: &mut Call<'_, '_>, rows: &Rows) -> Result<Vec<usize>> {
    if rows.element == Element::Single {
        return Ok(rows.columns.clone());
    }
    call.program.map(&rows.columns, vec![Step::Elementwise(vec![Function::Float32])], Element::Double)
}

/// `LinearRegressor`.
pub(super) fn regressor(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    no_transform(call)?;
    let targets = usize::try_from(call.integer("targets", 1)?).unwrap_or(0);
    let (rows, linear) = (call.matrix(0)?, linear_model(call, targets)?);
    let columns = as_single(call, &rows)?;
    let columns = sums(call, &columns, linear, Element::Single)?;
    Ok(vec![Value::Rows(Rows::matrix(Element::Single, columns))])
}

/// Refuses everything but `NONE` as `post_transform`.
pub(super) fn no_transform(call: &Call<'_, '_>) -> Result<()> {
    match call.text("post_transform", "NONE")? {
        "NONE" => Ok(()),
        other => Err(unsupported("post_transform", other, "NONE")),
    }
}

/// `LinearClassifier`.
pub(super) fn classifier(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    call.ignore(&["multi_class"]);
    let classes = classify::classes(call, "classlabels_ints")?;
    let outputs = call.floats("intercepts")?.len();
    let (rows, linear) = (call.matrix(0)?, linear_model(call, outputs)?);
    let transform = call.text("post_transform", "NONE")?;
    let (label, probability) = match (outputs, classes.len()) {
        (1, 2) => match transform {
            "NONE" => (LabelRule::Positive, Probability::SecondScore),
            "LOGISTIC" => (LabelRule::Positive, Probability::SigmoidSingle),
            other => return Err(unsupported("post_transform", other, "NONE or LOGISTIC for one score")),
        },
        (outputs, classes) if outputs == classes && outputs > 1 => match transform {
            "NONE" => (LabelRule::LargestScore, Probability::Scores),
            "LOGISTIC" => (LabelRule::LargestScore, Probability::SigmoidEach { scale: 1.0 }),
            "SOFTMAX" => (LabelRule::LargestScore, Probability::SoftmaxSingle),
            other => return Err(unsupported("post_transform", other, "NONE, LOGISTIC or SOFTMAX")),
        },
        (outputs, classes) => {
            let expected = format!("{classes} intercepts, or 1 for 2 classes");
            return Err(mismatch(&expected, &outputs.to_string()));
        }
    };
    let columns = as_single(call, &rows)?;
    let scores = sums(call, &columns, linear, Element::Single)?;
    classify::outputs(call, scores, classify::head(classes, label, Some(probability)))
}
