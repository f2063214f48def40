//! Outliers and inliers from one score.

use foretell_frame::{Method, Shape};

use crate::error::{ModelError, expect_count};

/// Outputs of an outlier detector. Its one raw score is `score_samples`, `score - offset` is
/// `decision_function`, and `predict` is 1 for inliers and -1 for outliers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlier {
    /// The score at which rows begin to be inliers.
    pub offset: f64,
    /// Whether a row exactly there is an inlier.
    pub equal_inlier: bool,
    /// Whether the decision is a column, `(n, 1)`, and all there is beside labels: scikit-learn before 0.20.
    pub column: bool,
}

impl Outlier {
    pub(super) fn check(self, outputs: usize) -> Result<(), ModelError> {
        expect_count("raw score", 1, outputs)
    }

    pub(super) fn shape(self, method: Method) -> Option<Shape> {
        match method {
            Method::DecisionFunction if self.column => Some(Shape::Matrix(1)),
            Method::ScoreSamples if self.column => None,
            Method::Predict | Method::DecisionFunction | Method::ScoreSamples => Some(Shape::Vector),
            Method::PredictProba
            | Method::PredictLogProba
            | Method::Transform
            | Method::Margin
            | Method::Label => None,
        }
    }

    /// Appends the output of one method.
    pub(super) fn append(self, method: Method, raw: &[f64], values: &mut Vec<f64>) {
        let decisions = raw.iter().map(|score| score - self.offset);
        match method {
            Method::Predict => values.extend(decisions.map(|decision| {
                let inlier = decision > 0.0 || (self.equal_inlier && decision == 0.0);
                if inlier { 1.0 } else { -1.0 }
            })),
            Method::DecisionFunction => values.extend(decisions),
            Method::ScoreSamples => values.extend_from_slice(raw),
            Method::PredictProba
            | Method::PredictLogProba
            | Method::Transform
            | Method::Margin
            | Method::Label => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_at_the_offset_is_what_the_rule_says() {
        for (equal_inlier, at_offset) in [(true, 1.0), (false, -1.0)] {
            let head = Outlier { offset: 0.5, equal_inlier, column: !equal_inlier };
            let shape = if equal_inlier { Shape::Vector } else { Shape::Matrix(1) };
            assert_eq!(head.shape(Method::DecisionFunction), Some(shape));
            let (mut labels, mut decisions) = (Vec::new(), Vec::new());
            head.append(Method::Predict, &[0.25, 0.5, 1.0], &mut labels);
            head.append(Method::DecisionFunction, &[0.25, 0.5, 1.0], &mut decisions);
            assert_eq!(labels, [-1.0, at_offset, 1.0]);
            assert_eq!(decisions, [-0.25, 0.0, 0.5]);
        }
        assert!(Outlier { offset: 0.0, equal_inlier: true, column: false }.check(2).is_err());
    }
}
