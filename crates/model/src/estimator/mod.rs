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
    /// The raw scores of several estimators over the same columns, added in order: a booster that starts from
    /// another estimator's prediction.
    Sum(Vec<Pipeline>),
}
