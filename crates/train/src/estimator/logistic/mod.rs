//! Logistic regression, of two classes or, by the softmax, of several, with penalties that shrink coefficients (L2), leave
//! some out (L1), or both.
//!
//! The optimum is found by Newton's method, or, where there are too many coefficients for a matrix of second derivatives, by a
//! quasi-Newton method, and both go on until nothing is left to gain: what is learnt is the optimum, and not where a
//! solver happened to stop.

mod newton;
mod objective;
mod quasi;

use foretell_model::estimator::Linear;
use foretell_model::{Estimator, Fitted};

use self::objective::Objective;
use super::head;
use crate::context::Context;
use crate::error::FitError;
use crate::parameter::{Range, choices, parameters};
use crate::sample::{Sample, Target};

/// What coefficients cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Penalty {
    /// Their magnitudes.
    L1,
    /// Half of their squares.
    L2,
    /// A mean of both.
    ElasticNet,
}

choices!(Penalty {
    "l1" => Self::L1,
    "l2" => Self::L2,
    "elasticnet" => Self::ElasticNet,
});

parameters! {
    /// Logistic regression.
    #[expect(non_snake_case, reason = "scikit-learn's name")]
    pub struct LogisticRegression {
        /// What coefficients cost; nothing where it is `none`.
        penalty: Option<Penalty> = Some(Penalty::L2), Range::Any;
        /// What the errors cost beside the coefficients: the inverse of the penalty.
        C: f64 = 1.0, Range::Above(0.0);
        /// The share of L1 in the penalty `elasticnet`.
        l1_ratio: Option<f64> = None, Range::Within(0.0, 1.0);
        /// Whether there is an intercept, which costs nothing.
        fit_intercept: bool = true, Range::Any;
        /// Most steps.
        max_iter: usize = 1000, Range::AtLeast(1.0);
        /// It stops when a step would change the scores of rows by about this.
        tol: f64 = 1e-8, Range::Above(0.0);
    }
}

impl LogisticRegression {
    /// Factors of magnitudes and of half of the squares.
    fn costs(&self) -> Result<(f64, f64), FitError> {
        let mixes = self.penalty == Some(Penalty::ElasticNet);
        let got = self.l1_ratio.map_or_else(|| "none".to_owned(), |ratio| ratio.to_string());
        let expected = if mixes { "a number from 0 to 1" } else { "none without the penalty `elasticnet`" };
        FitError::unless(mixes == self.l1_ratio.is_some(), "l1_ratio", expected, got)?;
        Ok(match (self.penalty, self.l1_ratio) {
            (Some(Penalty::L1), _) => (1.0, 0.0),
            (Some(Penalty::L2), _) => (0.0, 1.0),
            (Some(Penalty::ElasticNet), ratio) => {
                let ratio = ratio.unwrap_or_default();
                (ratio, 1.0 - ratio)
            }
            (None, _) => (0.0, 0.0),
        })
    }
}

/// Most coefficients for which the matrix of second derivatives is made, which has the square of it.
const NEWTONS: usize = 1500;

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit(
    parameters: &LogisticRegression,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    let (codes, labels) = target.classes()?;
    let (l1, l2) = parameters.costs()?;
    let outputs = if labels.len() == 2 { 1 } else { labels.len() };
    let (cost, intercept) = (parameters.C, parameters.fit_intercept);
    let objective = Objective { sample, codes, outputs, cost, intercept, l1, l2 };
    let weights = if objective.size() <= NEWTONS {
        newton::minimise(&objective, parameters, context)?
    } else {
        quasi::minimise(&objective, parameters, context)?
    };
    let columns = sample.columns.len();
    let lines = weights.chunks_exact(columns + 1);
    let coefficients = lines.clone().flat_map(|line| &line[..columns]).copied().collect();
    let mut intercept: Vec<f64> = lines.map(|line| line[columns]).collect();
    if outputs > 1 {
        // The same number added to all intercepts changes nothing.
        let mean = intercept.iter().sum::<f64>() / outputs as f64;
        intercept.iter_mut().for_each(|intercept| *intercept -= mean);
    }
    let linear = Linear { features: columns, coefficients, intercept };
    Ok(Fitted { estimator: Estimator::Linear(linear), head: head::scored_classes(labels) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use crate::sample::Column;

    /// Both ways find the same minimum, whatever coefficients cost.
    #[test]
    fn newton_and_quasi_newton_agree() {
        let mut random = Stream::new(1);
        let values: Vec<f64> =
            (0..600 * 4).map(|at| random.unit() * if at % 4 == 1 { 50.0 } else { 1.0 }).collect();
        let weights: Vec<f64> = (0..600).map(|_| random.unit()).collect();
        let codes: Vec<u32> = values
            .chunks_exact(4)
            .map(|x| (1.2 * x[0] + 0.02 * x[1] + 0.9 * random.unit()) as u32 % 3)
            .collect();
        let sample = Sample { values: &values, columns: &[Column::Number; 4], weights: Some(&weights) };
        let two: Vec<u32> = codes.iter().map(|code| (*code).min(1)).collect();
        for (codes, outputs) in [(&codes, 3), (&two, 1)] {
            for (l1, l2) in [(0.0, 1.0), (1.0, 0.0), (0.5, 0.5), (20.0, 0.0)] {
                let objective = Objective { sample, codes, outputs, cost: 2.0, intercept: true, l1, l2 };
                let parameters = LogisticRegression::default();
                let context = Context::seeded(0);
                let exact = newton::minimise(&objective, &parameters, &context).unwrap();
                let near = quasi::minimise(&objective, &parameters, &context).unwrap();
                let whole = |weights: &[f64]| objective.smooth(weights).value + objective.magnitudes(weights);
                assert!((whole(&exact) - whole(&near)).abs() < 1e-8, "{l1} {l2}: {exact:?} {near:?}");
                let left_out = |weights: &[f64]| weights.iter().map(|w| *w == 0.0).collect::<Vec<_>>();
                assert_eq!(left_out(&exact), left_out(&near), "{l1} {l2}: {exact:?} {near:?}");
                assert!(l1 < 20.0 || exact.contains(&0.0));
                let scores = |weights: &[f64]| {
                    let lines = weights.chunks_exact(5);
                    let scores: Vec<f64> = lines.map(|w| w[4] + w[0] * 0.5 + w[1] * 25.0).collect();
                    scores
                        .iter()
                        .map(|score| score - if outputs > 1 { scores[0] } else { 0.0 })
                        .collect::<Vec<_>>()
                };
                for (a, b) in scores(&exact).iter().zip(scores(&near)) {
                    assert!((a - b).abs() < 1e-6, "{l1} {l2}: {exact:?} {near:?}");
                }
            }
        }
    }

    /// Sums over rows one by one and by products of matrices are the same.
    #[test]
    fn both_ways_to_add_up_rows_agree() {
        let mut random = Stream::new(2);
        let values: Vec<f64> = (0..700 * 3).map(|_| random.unit()).collect();
        let codes: Vec<u32> = (0..700).map(|_| random.below(4) as u32).collect();
        let sample = Sample { values: &values, columns: &[Column::Number; 3], weights: None };
        let objective =
            Objective { sample, codes: &codes, outputs: 4, cost: 1.0, intercept: true, l1: 0.0, l2: 1.0 };
        let weights: Vec<f64> = (0..16).map(|_| random.unit()).collect();
        let (mut one, mut two) = ([vec![0.0; 16], vec![0.0; 16]], [vec![0.0; 16], vec![0.0; 16]]);
        let ([g, c], [h, d]) = (&mut one, &mut two);
        let values =
            [objective.add_rows(&weights, 0..700, g, c), objective.add_blocks(&weights, 0..700, h, d)];
        assert!((values[0] - values[1]).abs() < 1e-9, "{values:?}");
        for (a, b) in one.iter().flatten().zip(two.iter().flatten()) {
            assert!((a - b).abs() < 1e-10, "{one:?} {two:?}");
        }
    }
}
