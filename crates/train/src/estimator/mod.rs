//! Estimators: parameters, and how each learns.

pub mod boosting;
pub mod elastic_net;
mod head;
mod hold_out;
pub mod isolation;
pub mod k_means;
pub mod lda;
mod learner;
mod learnt;
pub mod linear;
pub mod logistic;
pub mod mlp;
pub mod naive_bayes;
pub mod neighbours;
pub mod qda;
pub mod ridge;
pub mod sgd;
pub mod svm;
pub mod tree;

pub use learner::{KINDS, Kind, Learner, Needs};
pub use learnt::{History, Learnt};
