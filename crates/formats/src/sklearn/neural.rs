//! Multi-layer perceptrons.

use foretell_frame::{Labels, Shape};
use foretell_model::estimator::{Activation, Layer, Neural};
use foretell_model::head::{LabelRule, LogProbability, Probability};
use foretell_model::{Estimator, Head};

use super::classes::{Classifier, MultiLabel, labels, regressor};
use super::{Input, Lowered, Result, count, present};
use crate::pickle::Value;

/// `MLPClassifier` of two classes, several classes, or several labels at once.
pub(super) fn classifier(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let network = network(value)?;
    let outputs = network.layers.last().map_or(0, |layer| layer.outputs);
    let binarizer = value.field("_label_binarizer")?;
    let classes = labels(&value.field("classes_")?)?;
    let expected = |outputs: usize| {
        let detail = format_args!("{} classes need {outputs} outputs of the network", classes.len());
        Err(value.invalid(detail))
    };
    let head = match binarizer.field("y_type_")?.text()? {
        "binary" if outputs != 1 || classes.len() != 2 => return expected(1),
        "binary" => single(classes, LabelRule::AboveHalf, Probability::SecondScore),
        "multiclass" if outputs != classes.len() => return expected(classes.len()),
        "multiclass" => single(classes, LabelRule::LargestScore, Probability::Scores),
        "multilabel-indicator" if outputs != classes.len() => return expected(classes.len()),
        "multilabel-indicator" => labels_at_once(outputs),
        other => return Err(binarizer.unsupported_option("y_type_", other, "classes or labels")),
    };
    let features = network.layers.first().map_or(0, |layer| layer.inputs);
    Ok(Lowered::estimator(features, Estimator::Neural(network), head))
}

/// `MLPRegressor`.
pub(super) fn regression(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let network = network(value)?;
    let outputs = network.layers.last().map_or(0, |layer| layer.outputs);
    let features = network.layers.first().map_or(0, |layer| layer.inputs);
    let shape = if outputs == 1 { Shape::Vector } else { Shape::Matrix(outputs) };
    Ok(Lowered::estimator(features, Estimator::Neural(network), regressor(shape)))
}

fn single(classes: Labels, label: LabelRule, probability: Probability) -> Head {
    let log_probability = Some(LogProbability::OfProbability);
    Classifier { classes, label, probability: Some(probability), log_probability, decision: None }.head()
}

/// The output of each label is its probability.
fn labels_at_once(count: usize) -> Head {
    MultiLabel {
        count,
        label: LabelRule::EachAboveHalf,
        probability: Some(Probability::LabelScores),
        log_probability: Some(LogProbability::OfProbability),
        decision: None,
    }
    .head()
}

fn network(value: &Value<'_>) -> Result<Neural> {
    let hidden = activation(value, "activation")?;
    let output = activation(value, "out_activation_")?;
    let (weights, biases) = (value.field("coefs_")?.items()?, value.field("intercepts_")?);
    if weights.is_empty() {
        return Err(value.field("coefs_")?.mismatch("at least 1 layer", 0));
    }
    if biases.len()? != weights.len() {
        return Err(biases.mismatch(format_args!("{} layers", weights.len()), biases.len()?));
    }
    let mut inputs = match present(value, "n_features_in_")? {
        Some(stated) => count(&stated)?,
        None => weights[0].array()?.shape().first().copied().unwrap_or(0),
    };
    let mut layers = Vec::new();
    let mut single = true;
    for (position, weight) in weights.iter().enumerate() {
        single &= weight.array()?.dtype().is_float32();
        let matrix = weight.f64_matrix(inputs, None)?;
        let bias = biases.at(position)?.f64_vector(matrix.cols)?;
        let activation = if position + 1 == weights.len() { output } else { hidden };
        layers.push(Layer { inputs, outputs: matrix.cols, weights: matrix.data, bias, activation });
        inputs = matrix.cols;
    }
    Ok(Neural { layers, single })
}

fn activation(value: &Value<'_>, name: &'static str) -> Result<Activation> {
    Ok(match value.field(name)?.text()? {
        "identity" => Activation::Identity,
        "logistic" => Activation::Logistic,
        "tanh" => Activation::Tanh,
        "relu" => Activation::Relu,
        "softmax" => Activation::Softmax,
        "exp" => Activation::Exp,
        other => {
            let supported = "`identity`, `logistic`, `tanh`, `relu`, `softmax` or `exp`";
            return Err(value.unsupported_option(name, other, supported));
        }
    })
}
