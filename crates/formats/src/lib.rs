//! Readers of model files: bytes to [`Model`](foretell_model::Model), without running anything.

pub mod container;
mod error;
mod limits;
mod open;
pub mod pickle;
pub mod sklearn;
pub mod xgboost;

pub use error::{FileKind, FormatError, Problem};
pub use limits::Limits;
pub use open::{detect, open};
