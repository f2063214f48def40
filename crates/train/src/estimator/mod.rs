//! Estimators: parameters, and how each learns.

pub mod boosting;
pub mod mlp;
pub mod tree;
