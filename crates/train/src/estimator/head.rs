//! What raw scores mean, as scikit-learn's estimators say it.

use foretell_frame::{Labels, Shape};
use foretell_model::Head;
use foretell_model::head::{
    ClassPredict, Classification, LabelRule, Link, LogProbability, Probability, Regression,
};

/// A number.
pub(super) fn values() -> Head {
    values_of(Shape::Vector)
}

/// Numbers as they are.
pub(super) fn values_of(shape: Shape) -> Head {
    Head::Regression(Regression { shape, link: Link::Identity, margin: false, rounds: 1.0 })
}

/// Classes of one target by this rule, with these probabilities and their logarithms.
pub(super) fn classification(labels: &Labels, label: LabelRule, probability: Probability) -> Classification {
    Classification {
        classes: vec![labels.clone()],
        multi_target: false,
        label,
        probability: Some(probability),
        log_probability: Some(LogProbability::OfProbability),
        decision: None,
        margin: None,
        predict: ClassPredict::Label,
        rounds: 1.0,
    }
}

/// Shares of classes.
pub(super) fn class_shares(labels: &Labels) -> Classification {
    classification(labels, LabelRule::LargestScore, Probability::Scores)
}

/// Logarithms of how likely a row and each class are together.
pub(super) fn joint(labels: &Labels) -> Head {
    let log_probability = Some(LogProbability::OfJoint);
    let shares = classification(labels, LabelRule::LargestScore, Probability::ExpNormalized);
    Head::Classification(Classification { log_probability, ..shares })
}

/// Scores of classes: one which says how much speaks for the second of two; or one each.
pub(super) fn scores(labels: &Labels, one: bool) -> Classification {
    match one {
        true => classification(labels, LabelRule::Positive, Probability::Sigmoid { scale: 1.0 }),
        false => classification(labels, LabelRule::LargestScore, Probability::Softmax),
    }
}

/// The same as the decision function of a linear model.
pub(super) fn scored_classes(labels: &Labels) -> Head {
    let binary = labels.len() == 2;
    let decision = Some(if binary { Shape::Vector } else { Shape::Matrix(labels.len()) });
    Head::Classification(Classification { decision, ..scores(labels, binary) })
}

/// The same without probabilities.
pub(super) fn decided_classes(labels: &Labels) -> Head {
    scored_by(labels, None)
}

/// Scores of classes of which each is learnt against all others, with probabilities made of them in this way.
pub(super) fn scored_by(labels: &Labels, probability: Option<Probability>) -> Head {
    let binary = labels.len() == 2;
    Head::Classification(Classification {
        probability,
        log_probability: probability.map(|_| LogProbability::OfProbability),
        decision: Some(if binary { Shape::Vector } else { Shape::Matrix(labels.len()) }),
        ..scores(labels, binary)
    })
}
