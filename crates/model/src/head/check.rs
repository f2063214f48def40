//! Whether a head fits the raw scores it is given.

use foretell_frame::{Labels, Shape};

use super::{ClassPredict, Classification, Head, LabelRule, Link, LogProbability, Probability, Regression};
use crate::error::{ModelError, expect_count, expect_index};

impl Head {
    /// Checks the head against the number of raw scores.
    pub(crate) fn check(&self, outputs: usize) -> Result<(), ModelError> {
        match self {
            Self::Regression(head) => head.check(outputs),
            Self::Classification(head) => head.check(outputs),
            Self::Pairwise(head) => head.check(outputs),
            Self::Outlier(head) => head.check(outputs),
            Self::Mixture(head) => head.check(outputs),
        }
        .map_err(|error| error.within("head"))
    }
}

impl Regression {
    fn check(&self, outputs: usize) -> Result<(), ModelError> {
        check_rounds(self.rounds)?;
        if self.link == Link::MeanAndVariance {
            expect_count("raw scores, a mean and a variance", 2, outputs)?;
        }
        check_shape(&self.shape, outputs)
    }
}

fn check_rounds(rounds: f64) -> Result<(), ModelError> {
    if rounds.is_finite() && rounds >= 1.0 {
        return Ok(());
    }
    Err(ModelError::mismatch("at least one round to average", rounds))
}

/// Raw scores are one matrix or vector.
fn check_shape(shape: &Shape, outputs: usize) -> Result<(), ModelError> {
    match shape {
        Shape::Vector | Shape::Matrix(_) => expect_count("raw scores", shape.width(), outputs),
        Shape::PerTarget(_) => Err(ModelError::mismatch("a vector or a matrix", "one matrix per target")),
    }
}

impl Classification {
    fn check(&self, outputs: usize) -> Result<(), ModelError> {
        check_rounds(self.rounds)?;
        if self.classes.is_empty() || self.classes.iter().any(Labels::is_empty) {
            return Err(ModelError::mismatch("at least one class of each target", "none"));
        }
        if !self.multi_target && self.classes.len() > 1 {
            let got = format!("{} targets", self.classes.len());
            return Err(ModelError::mismatch("one target", got));
        }
        let after = self.probabilities_after();
        let Some(scores) = outputs.checked_sub(after).filter(|scores| *scores > 0) else {
            let expected = format!("raw scores before {after} probabilities");
            return Err(ModelError::mismatch(expected, outputs));
        };
        let difference = self.is_difference(scores);
        for shape in self.decision.iter().filter(|_| !difference).chain(&self.margin) {
            check_shape(shape, scores)?;
        }
        self.check_probability(outputs)?;
        self.check_label(scores)?;
        self.check_predict()
    }

    fn check_probability(&self, outputs: usize) -> Result<(), ModelError> {
        let one_target = self.classes.len() == 1;
        let scores = match self.probability {
            None => return self.log_probability.map_or(Ok(()), |_| needs_probability("log-probabilities")),
            Some(Probability::Scores) => self.total_classes(),
            Some(Probability::AfterScores | Probability::LabelsAfterScores) => outputs,
            Some(
                Probability::SecondScore
                | Probability::LabelScores
                | Probability::LabelSigmoid
                | Probability::LabelSigmoidSingle,
            ) => self.two_classes_each()?,
            Some(Probability::Sigmoid { .. } | Probability::SigmoidSingle | Probability::SoftmaxOfBoth) => {
                self.two_classes_each()?;
                1
            }
            Some(Probability::SigmoidNormalized | Probability::ModifiedHuber) if outputs == 1 => {
                self.two_classes_each()?;
                1
            }
            Some(
                Probability::SigmoidNormalized
                | Probability::ModifiedHuber
                | Probability::Proportions { .. }
                | Probability::SigmoidEach { .. }
                | Probability::Softmax
                | Probability::ExpNormalized
                | Probability::SoftmaxSingle,
            ) => self.total_classes(),
        };
        let any_targets = self.probability.is_some_and(|probability| {
            let side_by_side = matches!(
                probability,
                Probability::Scores | Probability::AfterScores | Probability::SecondScore
            );
            probability.of_labels() || side_by_side
        });
        if !any_targets && !one_target {
            return Err(ModelError::mismatch("one target", format_args!("{} targets", self.classes.len())));
        }
        if self.log_probability == Some(LogProbability::OfJoint) {
            expect_count("raw scores", self.total_classes(), outputs)?;
        }
        expect_count("raw scores", scores, outputs)
    }

    fn check_label(&self, outputs: usize) -> Result<(), ModelError> {
        match self.label {
            LabelRule::LargestScore | LabelRule::LastLargestScore => {
                expect_count("raw scores", self.total_classes(), outputs)
            }
            LabelRule::Positive | LabelRule::Above(_) | LabelRule::NotNegative => {
                expect_count("target", 1, self.two_classes_each()?)?;
                expect_count("raw score", 1, outputs)
            }
            LabelRule::Index => expect_count("raw score", 1, outputs),
            LabelRule::EachPositive => expect_count("raw scores", self.two_classes_each()?, outputs),
            LabelRule::LargestProbability if self.probability.is_none_or(Probability::of_labels) => {
                needs_probability("the class of the largest probability")
            }
            LabelRule::LargestProbability => Ok(()),
            LabelRule::AboveHalf | LabelRule::EachAboveHalf if self.probability.is_none() => {
                needs_probability("the class above 1/2")
            }
            LabelRule::ProbabilityAtLeast { .. } if self.probability.is_none_or(Probability::of_labels) => {
                needs_probability("the class above a threshold")
            }
            LabelRule::ProbabilityAtLeast { class, .. } => {
                expect_index("a class", class, 2)?;
                expect_count("target", 1, self.two_classes_each()?)
            }
            LabelRule::ScoreAtLeast { class, .. } => {
                expect_index("a class", class, 2)?;
                expect_count("target", 1, self.two_classes_each()?)?;
                expect_count("raw score", 1, outputs)
            }
            LabelRule::AboveHalf => expect_count("target", 1, self.two_classes_each()?),
            LabelRule::EachAboveHalf => self.two_classes_each().map(|_| ()),
        }
    }

    fn check_predict(&self) -> Result<(), ModelError> {
        match self.predict {
            ClassPredict::LabelColumn if self.multi_target => {
                Err(ModelError::mismatch("one target for a column of classes", "several"))
            }
            ClassPredict::Label | ClassPredict::LabelColumn | ClassPredict::Index => Ok(()),
            ClassPredict::Probability if self.probability.is_none() => needs_probability("predict"),
            ClassPredict::Probability => Ok(()),
            ClassPredict::Margin if self.margin.is_none() && self.decision.is_none() => {
                Err(ModelError::mismatch("a margin or a decision function for predict", "none"))
            }
            ClassPredict::Margin => Ok(()),
        }
    }

    /// The number of targets, which must all have two classes.
    fn two_classes_each(&self) -> Result<usize, ModelError> {
        for classes in &self.classes {
            expect_count("classes", 2, classes.len())?;
        }
        Ok(self.classes.len())
    }
}

fn needs_probability<T>(what: &str) -> Result<T, ModelError> {
    Err(ModelError::mismatch(format_args!("probabilities for {what}"), "none"))
}
