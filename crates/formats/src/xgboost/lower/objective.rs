//! Objectives: the space of the base score, and what raw scores mean (`src/objective` of the library).

use foretell_frame::{Labels, Shape};
use foretell_model::Head;
use foretell_model::head::{ClassPredict, Classification, LabelRule, Link, Probability, Regression};

use crate::{FormatError, Problem};

use super::super::learner::{Learner, Version};
use super::{Interface, shape};

/// Largest number of raw scores: bounds what is made of a number that a file merely states.
const MOST_OUTPUTS: usize = 1 << 16;
/// From this release on the base score of `binary:logitraw` is a raw score, before it was a probability.
const RAW_BASE: Version = Version(1, 3, 0);

/// An objective, as far as prediction depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Objective {
    /// A value under a link.
    Regression { link: Link },
    /// A score to sort by.
    Ranking,
    /// `binary:logistic`.
    Logistic,
    /// `binary:logitraw`: the same, but the library's prediction is the raw score.
    LogisticRaw,
    /// `binary:hinge`.
    Hinge,
    /// `multi:softmax`: the library's prediction is the class.
    Softmax,
    /// `multi:softprob`: the library's prediction is the probability of each class.
    Softprob,
}

impl Objective {
    /// The objective of a learner.
    pub(super) fn of(learner: &Learner) -> Result<Self, FormatError> {
        let objective = match learner.objective.as_str() {
            "reg:squarederror"
            | "reg:linear"
            | "reg:squaredlogerror"
            | "reg:pseudohubererror"
            | "reg:absoluteerror"
            | "reg:quantileerror" => Self::Regression { link: Link::Identity },
            "reg:logistic" => Self::Regression { link: Link::SigmoidSingle },
            "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
                Self::Regression { link: Link::ExpSingle }
            }
            "rank:pairwise" | "rank:ndcg" | "rank:map" => Self::Ranking,
            "binary:logistic" => Self::Logistic,
            "binary:logitraw" => Self::LogisticRaw,
            "binary:hinge" => Self::Hinge,
            "multi:softmax" => Self::Softmax,
            "multi:softprob" => Self::Softprob,
            other => {
                return Err(unsupported(
                    learner,
                    "objective",
                    other,
                    "XGBoost's own `reg:`, `binary:`, `multi:`, `count:`, `survival:` and `rank:` objectives",
                ));
            }
        };
        objective.check_outputs(learner)?;
        Ok(objective)
    }

    fn check_outputs(self, learner: &Learner) -> Result<(), FormatError> {
        let (classes, targets) = (learner.classes, learner.targets);
        if learner.outputs() > MOST_OUTPUTS {
            let (option, value) =
                if classes > targets { ("num_class", classes) } else { ("num_target", targets) };
            let supported = format!("at most {MOST_OUTPUTS}");
            return Err(unsupported(learner, option, &value.to_string(), &supported));
        }
        let problem = match self {
            Self::Softmax | Self::Softprob if classes < 2 => "at least 2 classes",
            Self::Softmax | Self::Softprob if targets > 1 => "one target for a multi-class objective",
            Self::Softmax | Self::Softprob => return Ok(()),
            Self::LogisticRaw | Self::Hinge if targets > 1 => {
                let supported = "one target, or `binary:logistic`";
                return Err(unsupported(learner, "num_target", &targets.to_string(), supported));
            }
            Self::Logistic | Self::LogisticRaw | Self::Hinge | Self::Regression { .. } | Self::Ranking
                if classes > 1 =>
            {
                "no `num_class` for this objective"
            }
            Self::Logistic | Self::LogisticRaw | Self::Hinge | Self::Regression { .. } | Self::Ranking => {
                return Ok(());
            }
        };
        let got = format!("{classes} classes and {targets} targets");
        let problem = Problem::Mismatch { expected: problem.into(), got };
        Err(FormatError::new(learner.kind, problem).at("learner.learner_model_param"))
    }

    /// The starting raw score of each output. Stored in the space of the objective, since 1.0; `boost_from_average`
    /// of 2.0 and later is already in the stored value.
    pub(super) fn base(self, learner: &Learner) -> Result<Vec<f32>, FormatError> {
        let invalid = |detail: String| {
            let problem = Problem::Invalid { detail };
            FormatError::new(learner.kind, problem).at("learner.learner_model_param.base_score")
        };
        let logistic = match self {
            Self::Logistic => true,
            Self::LogisticRaw => learner.version.is_some_and(|version| version < RAW_BASE),
            Self::Regression { link } => link == Link::SigmoidSingle,
            Self::Ranking | Self::Hinge | Self::Softmax | Self::Softprob => false,
        };
        let logarithm = self == Self::Regression { link: Link::ExpSingle };
        let raw = |score: &f32| match score {
            score if learner.base_is_margin => Ok(*score),
            score if logistic && 0.0 < *score && *score < 1.0 => Ok(-(1.0 / score - 1.0).ln()),
            score if logistic => Err(invalid(format!("{score} is not a probability between 0 and 1"))),
            score if logarithm && *score > 0.0 => Ok(score.ln()),
            score if logarithm => Err(invalid(format!("{score} has no logarithm"))),
            score => Ok(*score),
        };
        let scores = learner.base_score.iter().map(raw).collect::<Result<Vec<_>, _>>()?;
        let outputs = learner.outputs();
        match scores[..] {
            [score] => Ok(vec![score; outputs]),
            _ if scores.len() == outputs => Ok(scores),
            _ => Err(invalid(format!("{} scores for {outputs} outputs", scores.len()))),
        }
    }

    /// What raw scores mean to users.
    pub(super) fn head(self, learner: &Learner, interface: &Interface) -> Result<Head, FormatError> {
        let classes = match interface {
            Interface::Booster | Interface::Regressor | Interface::Classifier(None) => None,
            Interface::Classifier(Some(classes)) => Some(classes),
        };
        let count = learner.classes.max(2);
        let classes = classes.cloned().unwrap_or_else(|| Labels::range(count));
        let native = match interface {
            Interface::Booster | Interface::Regressor => true,
            Interface::Classifier(_) => false,
        };
        if classes.len() != count {
            let problem = Problem::Mismatch {
                expected: format!("{} classes, as `classes_` says", classes.len()),
                got: count.to_string(),
            };
            return Err(FormatError::new(learner.kind, problem));
        }
        let binary = |label, probability, predict| Classification {
            classes: vec![classes.clone()],
            multi_target: false,
            label,
            probability,
            log_probability: None,
            decision: None,
            margin: Some(Shape::Vector),
            predict: if native { predict } else { ClassPredict::Label },
        };
        let several = |predict| Classification {
            margin: Some(Shape::Matrix(count)),
            ..binary(LabelRule::LargestScore, Some(Probability::SoftmaxSingle), predict)
        };
        let refused = |supported| {
            let class = "through the scikit-learn classifier";
            unsupported(learner, "objective", &format!("{} {class}", learner.objective), supported)
        };
        Ok(Head::Classification(match self {
            Self::Regression { link } if native => {
                return Ok(Head::Regression(regression(learner.outputs(), link)));
            }
            Self::Ranking if native => {
                return Ok(Head::Regression(regression(learner.outputs(), Link::Identity)));
            }
            Self::Regression { .. } | Self::Ranking => {
                return Err(refused("an objective for classes"));
            }
            // The wrapper compares raw scores, or labels, with 1/2 as if they were probabilities.
            Self::LogisticRaw | Self::Hinge if !native => return Err(refused("`binary:logistic`")),
            Self::Logistic if learner.targets > 1 => Classification {
                classes: vec![classes.clone(); learner.targets],
                multi_target: true,
                label: LabelRule::EachAboveHalf,
                probability: Some(Probability::LabelSigmoidSingle),
                log_probability: None,
                decision: None,
                margin: Some(Shape::Matrix(learner.targets)),
                predict: if native { ClassPredict::Probability } else { ClassPredict::Label },
            },
            Self::Logistic => {
                binary(LabelRule::AboveHalf, Some(Probability::SigmoidSingle), ClassPredict::Probability)
            }
            Self::LogisticRaw => {
                binary(LabelRule::Positive, Some(Probability::SigmoidSingle), ClassPredict::Margin)
            }
            Self::Hinge => binary(LabelRule::Positive, None, ClassPredict::Index),
            Self::Softmax => several(ClassPredict::Index),
            Self::Softprob => several(ClassPredict::Probability),
        }))
    }
}

fn regression(outputs: usize, link: Link) -> Regression {
    Regression { shape: shape(outputs), link, margin: true }
}

fn unsupported(learner: &Learner, option: &str, value: &str, supported: &str) -> FormatError {
    let problem = Problem::UnsupportedOption {
        option: option.into(),
        value: format!("`{}`", value.chars().take(80).collect::<String>()),
        supported: supported.into(),
    };
    FormatError::new(learner.kind, problem)
}
