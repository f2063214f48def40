//! From raw scores to what users read: values, classes, probabilities.

mod answer;
mod check;
mod mixture;
mod outlier;
mod pairwise;

pub(crate) use answer::Wanted;
pub use mixture::Mixture;
pub use outlier::Outlier;
pub use pairwise::{PairDecision, Pairwise};

use foretell_frame::{Labels, Method, MethodSet, Shape};

/// The meaning of an estimator's raw scores.
#[derive(Debug, Clone, PartialEq)]
pub enum Head {
    /// Raw scores are values under a link.
    Regression(Regression),
    /// Raw scores speak of classes.
    Classification(Classification),
    /// Raw scores are decisions between pairs of classes.
    Pairwise(Pairwise),
    /// The raw score tells outliers from inliers.
    Outlier(Outlier),
    /// Raw scores are logarithms of densities.
    Mixture(Mixture),
}

/// Outputs of a regression (and of a ranking).
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    /// Shape of `predict`.
    pub shape: Shape,
    /// Applied to each raw score.
    pub link: Link,
    /// Whether the raw score is given as `margin`.
    pub margin: bool,
    /// What raw scores are divided by before they are anything but a margin: 1, or the number of rounds of a forest whose
    /// margin is the sum of its trees and whose prediction is their mean.
    pub rounds: f64,
}

/// Inverse link functions: from raw score to predicted value. The `Single` ones round to float32 at each step,
/// as XGBoost does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Link {
    /// `x`.
    Identity,
    /// `exp(x)`.
    Exp,
    /// `exp(x)` in float32.
    ExpSingle,
    /// `1 / (1 + exp(-x))` in float32.
    SigmoidSingle,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x` squared, with the sign of `x`.
    SignedSquare,
    /// Of two raw scores, the first as it is (a mean) and `exp(2 x)` of the second (a variance).
    MeanAndVariance,
}

/// Outputs of a classification. Raw scores of several targets stand side by side, in the order of the targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// The classes of each target.
    pub classes: Vec<Labels>,
    /// Whether `predict` is `(n, targets)` (several targets or labels at once) and not `(n,)`.
    pub multi_target: bool,
    /// How the class is chosen.
    pub label: LabelRule,
    /// How raw scores become probabilities; `None` when the estimator gives none.
    pub probability: Option<Probability>,
    /// How `predict_log_proba` is made; `None` when the estimator gives none.
    pub log_probability: Option<LogProbability>,
    /// Whether raw scores are given as `decision_function`, and in which shape. As a vector the two scores of two
    /// classes are the second less the first.
    pub decision: Option<Shape>,
    /// Whether raw scores are given as `margin`, and in which shape.
    pub margin: Option<Shape>,
    /// What the library's `predict` answers.
    pub predict: ClassPredict,
    /// What raw scores are divided by before they become probabilities, as [`Regression::rounds`].
    pub rounds: f64,
}

/// What a library calls the prediction of a classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassPredict {
    /// The class.
    Label,
    /// The class of one target, as a column `(n, 1)`.
    LabelColumn,
    /// The probability: of class 1 `(n,)` where there are two classes, else `(n, classes)`.
    Probability,
    /// The index of the class as a number.
    Index,
    /// The raw score.
    Margin,
}

/// How the class is chosen. Ties go to the first class unless the rule says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LabelRule {
    /// The class of the largest raw score, per target.
    LargestScore,
    /// The same, but ties go to the last class.
    LastLargestScore,
    /// One raw score: the second class when it is above 0.
    Positive,
    /// One raw score: the second class when it is above this number.
    Above(f64),
    /// One raw score: the second class when it is 0 or above.
    NotNegative,
    /// The class of the largest probability, per target.
    LargestProbability,
    /// One probability: the second class when it is above 1/2.
    AboveHalf,
    /// Each target has two classes and one probability: the second when it is above 1/2.
    EachAboveHalf,
    /// Each target has two classes and one raw score: the second when it is above 0.
    EachPositive,
    /// The one raw score is the index of the class.
    Index,
    /// Two classes: this one when its probability is `least` or more, else the other.
    ProbabilityAtLeast {
        /// Index of the class.
        class: usize,
        /// The least probability.
        least: f64,
    },
    /// Two classes and one raw score: this class when the score, with its sign changed for the first class, is `least`
    /// or more, else the other.
    ScoreAtLeast {
        /// Index of the class.
        class: usize,
        /// The least score.
        least: f64,
    },
}

/// How raw scores become probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Probability {
    /// Raw scores are the probabilities of all classes, per target.
    Scores,
    /// The raw scores are those that decide and, after them, the probabilities of all classes, per target.
    AfterScores,
    /// The same with one probability per label of a multi-label classifier.
    LabelsAfterScores,
    /// Raw scores divided by their sum.
    Proportions {
        /// Whether rows of zeros stay as they are; else they become NaN.
        spare_zeros: bool,
    },
    /// The one raw score is the probability `p` of the second class: `[1 - p, p]`, per target.
    SecondScore,
    /// Each raw score is the probability of one label of a multi-label classifier, given as it is.
    LabelScores,
    /// The same after [`Link::Sigmoid`].
    LabelSigmoid,
    /// The same after [`Link::SigmoidSingle`].
    LabelSigmoidSingle,
    /// One raw score `x`: `[1 - s, s]` with `s = 1 / (1 + exp(-scale x))`.
    Sigmoid {
        /// Factor of the raw score.
        scale: f64,
    },
    /// `1 / (1 + exp(-scale x))` of each raw score: one versus rest, not normalised.
    SigmoidEach {
        /// Factor of the raw score.
        scale: f64,
    },
    /// The sigmoid of each raw score, divided by their sum (one versus rest); one raw score: `[1 - s, s]`.
    SigmoidNormalized,
    /// `exp(x_k) / sum exp(x)`, the largest subtracted first.
    Softmax,
    /// One raw score `x`: the softmax of `(-x, x)`.
    SoftmaxOfBoth,
    /// `exp(x_k - log sum exp(x))`: raw scores are joint log-likelihoods.
    ExpNormalized,
    /// `(clip(x, -1, 1) + 1) / 2`, normalised over classes (SGD's modified Huber loss).
    ModifiedHuber,
    /// [`Probability::Sigmoid`] in float32: `[1 - s, s]`.
    SigmoidSingle,
    /// [`Probability::Softmax`] in float32.
    SoftmaxSingle,
}

impl Probability {
    /// Whether it gives one probability per label, of a multi-label classifier.
    pub(super) fn of_labels(self) -> bool {
        matches!(
            self,
            Self::LabelScores | Self::LabelsAfterScores | Self::LabelSigmoid | Self::LabelSigmoidSingle
        )
    }
}

/// How logarithms of probabilities are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogProbability {
    /// `ln` of the probability; `-inf` for 0.
    OfProbability,
    /// `ln` of the probability, the smallest normal number in place of 0.
    OfPositiveProbability,
    /// `x_k - log sum exp(x)`.
    OfJoint,
}

impl Head {
    /// The classes of each target; none where it does not classify.
    pub fn classes(&self) -> &[Labels] {
        match self {
            Self::Classification(head) => &head.classes,
            Self::Pairwise(head) => std::slice::from_ref(&head.classes),
            Self::Mixture(head) => head.components.as_slice(),
            Self::Regression(_) | Self::Outlier(_) => &[],
        }
    }

    /// The methods that the head answers.
    pub(crate) fn methods(&self) -> MethodSet {
        Method::ALL.into_iter().filter(|method| self.shape(*method).is_some()).collect()
    }

    /// The shape of a method's output, `None` when the head does not answer it.
    pub(crate) fn shape(&self, method: Method) -> Option<Shape> {
        match self {
            Self::Regression(head) => match method {
                Method::Predict => Some(head.shape.clone()),
                Method::Margin => head.margin.then(|| head.shape.clone()),
                Method::PredictProba
                | Method::PredictLogProba
                | Method::DecisionFunction
                | Method::ScoreSamples
                | Method::Transform
                | Method::Label => None,
            },
            Self::Pairwise(head) => head.shape(method),
            Self::Outlier(head) => head.shape(method),
            Self::Mixture(head) => head.shape(method),
            Self::Classification(head) => match method {
                Method::Label => Some(head.label_shape()),
                Method::Predict => match head.predict {
                    ClassPredict::Label | ClassPredict::Index => Some(head.label_shape()),
                    ClassPredict::LabelColumn => Some(Shape::Matrix(1)),
                    ClassPredict::Probability if head.is_binary() => Some(Shape::Vector),
                    ClassPredict::Probability => head.probability_shape(),
                    ClassPredict::Margin => head.margin.clone().or_else(|| head.decision.clone()),
                },
                Method::PredictProba => head.probability_shape(),
                Method::PredictLogProba => head.log_probability.and_then(|_| head.probability_shape()),
                Method::DecisionFunction => head.decision.clone(),
                Method::Margin => head.margin.clone(),
                Method::ScoreSamples | Method::Transform => None,
            },
        }
    }
}

impl Classification {
    /// Number of classes of all targets together.
    pub(crate) fn total_classes(&self) -> usize {
        self.classes.iter().map(Labels::len).sum()
    }

    /// Number of raw scores that are probabilities behind those that decide.
    fn probabilities_after(&self) -> usize {
        match self.probability {
            Some(Probability::AfterScores) => self.total_classes(),
            Some(Probability::LabelsAfterScores) => self.classes.len(),
            Some(_) | None => 0,
        }
    }

    /// Whether the decision is the difference of two raw scores.
    fn is_difference(&self, scores: usize) -> bool {
        self.decision == Some(Shape::Vector) && scores == 2 && self.is_binary()
    }

    /// Whether there is one target with two classes.
    fn is_binary(&self) -> bool {
        matches!(self.classes.as_slice(), [classes] if classes.len() == 2)
    }

    fn label_shape(&self) -> Shape {
        if self.multi_target { Shape::Matrix(self.classes.len()) } else { Shape::Vector }
    }

    fn probability_shape(&self) -> Option<Shape> {
        let probability = self.probability?;
        Some(if probability.of_labels() {
            Shape::Matrix(self.classes.len())
        } else if self.multi_target {
            Shape::PerTarget(self.classes.iter().map(Labels::len).collect())
        } else {
            Shape::Matrix(self.total_classes())
        })
    }
}
