//! Objectives: the space of the base score, and what raw scores mean (`src/objective` of the library).

use foretell_frame::Labels;
use foretell_model::Head;
use foretell_model::head::{ClassPredict, Classification, LabelRule, Link, Probability, Regression};

use crate::{FormatError, Problem};

use super::super::learner::{Learner, Version};
use super::{Interface, shape};

/// Largest number of raw scores: bounds what is made of a number that a file merely states.
const MOST_OUTPUTS: usize = 1 << 16;
/// From this release on the base score of `binary:logitraw` is a raw score, before it was a probability.
const RAW_BASE: Version = Version(1, 3, 0);

/// From this release on a base score that is a probability is clipped, before 0 and 1 could not be trained from.
const CLIPPED_BASE: Version = Version(3, 2, 0);
const SMALLEST_PROBABILITY: f32 = 1e-6;

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
            // Of several expectiles each is above the one before, which is not reproduced.
            "reg:expectileerror" if learner.outputs() == 1 => Self::Regression { link: Link::Identity },
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
            score if logistic && learner.version.is_some_and(|version| version >= CLIPPED_BASE) => {
                Ok(logit(score.clamp(SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)))
            }
            score if logistic && 0.0 < *score && *score < 1.0 => Ok(logit(*score)),
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
        let outputs = learner.outputs();
        match interface {
            Interface::Booster | Interface::Regressor => {
                let predict = match self {
                    Self::Regression { link } => return Ok(Head::Regression(regression(outputs, link))),
                    Self::Ranking => return Ok(Head::Regression(regression(outputs, Link::Identity))),
                    Self::Logistic | Self::Softprob => ClassPredict::Probability,
                    Self::LogisticRaw => ClassPredict::Margin,
                    Self::Hinge | Self::Softmax => ClassPredict::Index,
                };
                let classes = Labels::range(learner.classes.max(2));
                Ok(Head::Classification(self.classification(learner, classes, predict)))
            }
            Interface::Classifier(classes) => self.classifier_head(learner, classes.as_ref()),
        }
    }

    /// The head of `XGBClassifier`, which takes what the objective predicts for probabilities.
    fn classifier_head(self, learner: &Learner, classes: Option<&Labels>) -> Result<Head, FormatError> {
        let objective = match self {
            Self::Logistic | Self::Hinge | Self::Softmax | Self::Softprob => self,
            Self::Regression { link: Link::SigmoidSingle } => Self::Logistic,
            Self::Regression { .. } | Self::Ranking | Self::LogisticRaw => {
                let supported = "`binary:logistic` or another objective for classes in a classifier";
                return Err(unsupported(learner, "objective", &learner.objective, supported));
            }
        };
        let count = learner.classes.max(2);
        let classes = classes.cloned().unwrap_or_else(|| Labels::range(count));
        if classes.len() != count {
            let expected = format!("{count} classes, as the booster has");
            let problem = Problem::Mismatch { expected, got: classes.len().to_string() };
            return Err(FormatError::new(learner.kind, problem).at(".classes_"));
        }
        Ok(Head::Classification(objective.classification(learner, classes, ClassPredict::Label)))
    }

    fn classification(self, learner: &Learner, classes: Labels, predict: ClassPredict) -> Classification {
        let targets = learner.targets;
        let (label, probability) = match self {
            Self::Logistic if targets > 1 => {
                (LabelRule::EachAboveHalf, Some(Probability::LabelSigmoidSingle))
            }
            Self::LogisticRaw => (LabelRule::Positive, Some(Probability::SigmoidSingle)),
            Self::Hinge => (LabelRule::Positive, None),
            Self::Softmax => (LabelRule::LargestScore, Some(Probability::SoftmaxSingle)),
            Self::Softprob => (LabelRule::LargestProbability, Some(Probability::SoftmaxSingle)),
            Self::Logistic | Self::Regression { .. } | Self::Ranking => {
                (LabelRule::AboveHalf, Some(Probability::SigmoidSingle))
            }
        };
        Classification {
            classes: vec![classes; targets],
            multi_target: targets > 1,
            label,
            probability,
            log_probability: None,
            decision: None,
            margin: Some(shape(learner.outputs())),
            predict,
            rounds: 1.0,
        }
    }
}

fn logit(probability: f32) -> f32 {
    -(1.0 / probability - 1.0).ln()
}

fn regression(outputs: usize, link: Link) -> Regression {
    Regression { shape: shape(outputs), link, margin: true, rounds: 1.0 }
}

fn unsupported(learner: &Learner, option: &str, value: &str, supported: &str) -> FormatError {
    let problem = Problem::UnsupportedOption {
        option: option.into(),
        value: format!("`{}`", value.chars().take(80).collect::<String>()),
        supported: supported.into(),
    };
    FormatError::new(learner.kind, problem)
}
