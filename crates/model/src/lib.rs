//! Fitted models as plain data, and the predictor that evaluates them.
//!
//! A [`Model`] is what a loader or a trainer makes: a [`Schema`](foretell_frame::Schema), a [`Pipeline`] of
//! [`Step`]s and an [`Estimator`] with its [`Head`], and where it came from. Every semantic choice (precision,
//! comparison, link, order of sums) stands in the data; nothing is assumed at prediction time.
//!
//! A [`Predictor`] is a model compiled for serving.

pub mod artifact;
mod error;
pub mod estimator;
pub mod head;
mod infer;
mod kernel;
mod model;
mod pipeline;
mod plan;
mod predictor;
mod sparse;
pub mod step;

pub use artifact::ArtifactError;
pub use error::{ModelError, PredictError, Problem};
pub use estimator::Estimator;
pub use head::Head;
pub use kernel::Kernel;
pub use model::{Description, Model, ModelParts, Part, Provenance, Task};
pub use pipeline::{Fitted, Pipeline};
pub use predictor::{Kernels, Predictor, Scratch};
pub use step::Step;
