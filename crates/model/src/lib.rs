//! Fitted models as plain data, and the predictor that evaluates them.
//!
//! A [`Model`] is what a loader or a trainer makes: a [`Schema`](foretell_frame::Schema), a [`Pipeline`] of
//! [`Step`]s and an [`Estimator`] with its [`Head`], and where it came from. Every semantic choice (precision,
//! comparison, link, order of sums) stands in the data; nothing is assumed at prediction time.
//!
//! A [`Predictor`] is a model compiled for serving.

pub mod estimator;
pub mod head;
mod model;
pub mod step;

pub use estimator::Estimator;
pub use head::Head;
pub use model::{Description, Fitted, Model, ModelError, ModelParts, Part, Pipeline, Provenance, Task};
pub use step::Step;
