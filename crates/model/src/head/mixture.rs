//! Components of a mixture, and densities.

use foretell_frame::{Labels, Method, Shape};

use super::answer::log_sum_exp;
use crate::error::{ModelError, expect_count};

/// Outputs of a density. The raw scores of a row are the logarithms of the weighted densities of the components it is
/// a sum of: `score_samples` is the logarithm of that sum, `predict` the first component of the greatest,
/// `predict_proba` their shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// The components, where rows are assigned to them. A density of which no components are known has one raw score
    /// and nothing but `score_samples`.
    pub components: Option<Labels>,
}

impl Mixture {
    fn width(&self) -> usize {
        self.components.as_ref().map_or(1, Labels::len)
    }

    pub(super) fn check(&self, outputs: usize) -> Result<(), ModelError> {
        if self.width() == 0 {
            return Err(ModelError::mismatch("at least one component", 0));
        }
        expect_count("raw scores", self.width(), outputs)
    }

    pub(super) fn shape(&self, method: Method) -> Option<Shape> {
        match method {
            Method::ScoreSamples => Some(Shape::Vector),
            Method::Predict | Method::Label => self.components.as_ref().map(|_| Shape::Vector),
            Method::PredictProba => {
                self.components.as_ref().map(|components| Shape::Matrix(components.len()))
            }
            Method::PredictLogProba | Method::DecisionFunction | Method::Transform | Method::Margin => None,
        }
    }

    /// Appends the output of one method.
    pub(super) fn append(&self, method: Method, raw: &[f64], values: &mut Vec<f64>) {
        let rows = raw.chunks_exact(self.width());
        match method {
            Method::ScoreSamples if self.components.is_none() => values.extend_from_slice(raw),
            Method::ScoreSamples => values.extend(rows.map(log_sum_exp)),
            Method::Predict | Method::Label => values.extend(rows.map(|row| {
                let greater = |best, next| if row[next] > row[best] { next } else { best };
                (0..row.len()).fold(0, greater) as f64
            })),
            Method::PredictProba => rows.for_each(|row| {
                let total = log_sum_exp(row);
                values.extend(row.iter().map(|x| (x - total).exp()));
            }),
            Method::PredictLogProba | Method::DecisionFunction | Method::Transform | Method::Margin => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_ties_go_to_the_first() {
        let head = Mixture { components: Some(Labels::range(2)) };
        assert_eq!(head.check(2), Ok(()));
        assert!(head.check(1).is_err() && Mixture { components: None }.check(2).is_err());
        let raw = [0.25_f64.ln(), 0.75_f64.ln(), -800.0, -800.0];
        let output = |method| {
            let mut values = Vec::new();
            head.append(method, &raw, &mut values);
            values
        };
        assert_eq!(output(Method::Predict), [1.0, 0.0]);
        let close = |got: Vec<f64>, expected: &[f64]| {
            assert_eq!(got.len(), expected.len());
            assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
        };
        close(output(Method::PredictProba), &[0.25, 0.75, 0.5, 0.5]);
        close(output(Method::ScoreSamples), &[0.0, 2.0_f64.ln() - 800.0]);
    }
}
