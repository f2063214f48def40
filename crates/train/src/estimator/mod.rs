//! Estimators: parameters, and how each learns.

pub mod boosting;
pub mod logistic;
pub mod mlp;
pub mod ridge;
pub mod tree;
