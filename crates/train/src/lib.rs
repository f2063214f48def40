//! Estimators that learn from a table of numbers and become plain data that a [`foretell_model::Model`] is made of.
//!
//! Fitting is a function of the [`Sample`], the [`Target`], the parameters and the seed of the [`Context`]: the same
//! on any number of threads, bit for bit.

mod context;
mod error;
pub mod estimator;
mod linalg;
pub mod parameter;
mod random;
pub mod recipe;
mod sample;

pub use context::{Context, Progress, Silent};
pub use error::FitError;
pub use recipe::{Group, Holds, Product, Recipe, Transformer, usual_groups};
pub use sample::{Column, Sample, Target};
