//! Estimators: from a numeric block to raw scores, `rows x outputs`.

mod linear;
mod naive_bayes;
mod neural;
mod trees;

pub use linear::Linear;
pub use naive_bayes::GaussianNaiveBayes;
pub use neural::{Activation, Layer, Neural};
pub use trees::{Average, Leaves, Nodes, NumberFormat, Trees};

use crate::Pipeline;

/// A fitted estimator: computes raw scores from numeric columns.
#[derive(Debug, Clone, PartialEq)]
pub enum Estimator {
    /// Weighted sums.
    Linear(Linear),
    /// Sums or means over decision trees.
    Trees(Trees),
    /// Layers of weighted sums and activations.
    Neural(Neural),
    /// Gaussian naive Bayes.
    GaussianNaiveBayes(GaussianNaiveBayes),
    /// The same raw scores for every row: dummies, and boosters without a tree.
    Constant(Vec<f64>),
    /// The scores of several pipelines over the same columns, added in order: a booster that starts from
    /// another estimator's prediction.
    Sum(Vec<Term>),
}

/// One term of a [`Estimator::Sum`].
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// Steps, estimator and head; it must have an estimator.
    pub pipeline: Pipeline,
    /// What of its answer is added.
    pub scores: TermScores,
}

/// What a term contributes, computed from the answer of its pipeline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TermScores {
    /// Its raw scores; the head is not used.
    Raw,
    /// What its head gives for `predict` of a regression.
    Predict,
    /// Of two classes: `factor * ln(p / (1 - p))` of the second class's probability `p`, clipped to
    /// `epsilon..1 - epsilon`.
    LogOdds {
        /// Factor of the log-odds: 1/2 under exponential loss.
        factor: f64,
        /// Clipping margin.
        epsilon: f64,
    },
    /// `ln(p_k)` of each class's probability, clipped to `epsilon..1 - epsilon`.
    LogProbability {
        /// Clipping margin.
        epsilon: f64,
        /// Whether the mean over the classes is subtracted.
        centred: bool,
    },
}
