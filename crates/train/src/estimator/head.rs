//! What raw scores mean, as scikit-learn's estimators say it.

use foretell_frame::{Labels, Shape};
use foretell_model::Head;
use foretell_model::head::{
    ClassPredict, Classification, LabelRule, Link, LogProbability, Probability, Regression,
};

/// A number.
pub(super) fn values() -> Head {
    Head::Regression(Regression { shape: Shape::Vector, link: Link::Identity, margin: false, rounds: 1.0 })
}

/// Shares of classes.
pub(super) fn class_shares(labels: &Labels, logarithms: bool) -> Head {
    Head::Classification(Classification {
        classes: vec![labels.clone()],
        multi_target: false,
        label: LabelRule::LargestScore,
        probability: Some(Probability::Scores),
        log_probability: logarithms.then_some(LogProbability::OfProbability),
        decision: None,
        margin: None,
        predict: ClassPredict::Label,
        rounds: 1.0,
    })
}

/// Logarithms of how likely a row and each class are together.
pub(super) fn joint(labels: &Labels) -> Head {
    Head::Classification(Classification {
        classes: vec![labels.clone()],
        multi_target: false,
        label: LabelRule::LargestScore,
        probability: Some(Probability::ExpNormalized),
        log_probability: Some(LogProbability::OfJoint),
        decision: None,
        margin: None,
        predict: ClassPredict::Label,
        rounds: 1.0,
    })
}

/// Scores of classes: one for two classes, which says how much speaks for the second; else one each.
pub(super) fn scored_classes(labels: &Labels) -> Head {
    let binary = labels.len() == 2;
    Head::Classification(Classification {
        classes: vec![labels.clone()],
        multi_target: false,
        label: if binary { LabelRule::Positive } else { LabelRule::LargestScore },
        probability: Some(if binary { Probability::Sigmoid { scale: 1.0 } } else { Probability::Softmax }),
        log_probability: Some(LogProbability::OfProbability),
        decision: Some(if binary { Shape::Vector } else { Shape::Matrix(labels.len()) }),
        margin: None,
        predict: ClassPredict::Label,
        rounds: 1.0,
    })
}
