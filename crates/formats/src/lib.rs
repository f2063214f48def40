//! Readers of model files: bytes to [`Model`](foretell_model::Model), without running anything.

mod artifact;
pub mod catboost;
pub mod container;
mod detect;
mod error;
pub mod lightgbm;
mod limits;
mod members;
pub mod onnx;
mod open;
pub mod pickle;
pub mod sklearn;
mod skops;
mod supported;
pub mod xgboost;

pub use artifact::metadata;
pub use detect::detect;
pub use error::{FileKind, FormatError, Problem, Why};
pub use limits::Limits;
pub use members::{Member, only_model};
pub use open::{open, open_member};
pub use supported::supported;
