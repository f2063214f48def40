//! Class labels and the heads of classifiers and regressors.

use foretell_frame::{Labels, Shape};
use foretell_model::Head;
use foretell_model::head::{
    ClassPredict, Classification, LabelRule, Link, LogProbability, Probability, Regression,
};

use super::Result;
use crate::pickle::{Kind, Value};

/// The labels of one target, in the type the library gave them.
pub(crate) fn labels(value: &Value<'_>) -> Result<Labels> {
    let array = value.array()?;
    array.expect_shape(&[None])?;
    match array.dtype().kind() {
        Kind::Int | Kind::Uint => array.i64s().map(Labels::Int),
        Kind::Float => array.f64s().map(Labels::Float),
        Kind::Bool => array.bools().map(Labels::Bool),
        Kind::Text => array.texts().map(Labels::Text),
        Kind::Object => array
            .texts()
            .map(Labels::Text)
            .or_else(|_| array.i64s().map(Labels::Int))
            .or_else(|_| array.bools().map(Labels::Bool))
            .or_else(|_| array.f64s().map(Labels::Float))
            .map_err(|_| {
                value.mismatch("labels of one type (text, integers, floats or bools)", "several types")
            }),
        Kind::Bytes | Kind::Structured(_) | Kind::Other(_) => {
            Err(value.mismatch("labels (text, integers, floats or bools)", value.describe()))
        }
    }
}

/// The labels of every target: `classes_` is an array, or a list of arrays where there are several targets.
pub(super) fn labels_of_targets(value: &Value<'_>, targets: usize) -> Result<Vec<Labels>> {
    if targets == 1 && value.is_array() {
        return Ok(vec![labels(value)?]);
    }
    let items = value.items()?;
    if items.len() != targets {
        return Err(value.mismatch(format_args!("the classes of {targets} targets"), items.len()));
    }
    items.iter().map(labels).collect()
}

/// A classifier of one target, as scikit-learn's own classifiers are.
pub(super) struct Classifier {
    pub(super) classes: Labels,
    pub(super) label: LabelRule,
    pub(super) probability: Option<Probability>,
    pub(super) log_probability: Option<LogProbability>,
    pub(super) decision: Option<Shape>,
}

impl Classifier {
    pub(super) fn head(self) -> Head {
        Head::Classification(Classification {
            classes: vec![self.classes],
            multi_target: false,
            label: self.label,
            probability: self.probability,
            log_probability: self.log_probability,
            decision: self.decision,
            margin: None,
            predict: ClassPredict::Label,
            rounds: 1.0,
        })
    }
}

/// The head of estimators whose raw scores are the proportions of each target's classes: trees and dummies.
pub(super) fn proportions(classes: Vec<Labels>) -> Head {
    Head::Classification(Classification {
        multi_target: classes.len() > 1,
        classes,
        label: LabelRule::LargestScore,
        probability: Some(Probability::Scores),
        log_probability: Some(LogProbability::OfProbability),
        decision: None,
        margin: None,
        predict: ClassPredict::Label,
        rounds: 1.0,
    })
}

/// A classifier of several labels at once: each is a target of its own with the classes 0 and 1.
pub(super) struct MultiLabel {
    pub(super) count: usize,
    pub(super) label: LabelRule,
    pub(super) probability: Option<Probability>,
    pub(super) log_probability: Option<LogProbability>,
    pub(super) decision: Option<Shape>,
}

impl MultiLabel {
    pub(super) fn head(self) -> Head {
        Head::Classification(Classification {
            classes: vec![Labels::range(2); self.count],
            multi_target: true,
            label: self.label,
            probability: self.probability,
            log_probability: self.log_probability,
            decision: self.decision,
            margin: None,
            predict: ClassPredict::Label,
            rounds: 1.0,
        })
    }
}

/// A regressor whose raw scores are its predictions.
pub(super) fn regressor(shape: Shape) -> Head {
    Head::Regression(Regression { shape, link: Link::Identity, margin: false, rounds: 1.0 })
}
