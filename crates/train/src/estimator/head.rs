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
