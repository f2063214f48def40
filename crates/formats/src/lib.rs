//! Readers of model files: bytes to [`Model`](foretell_model::Model), without running anything.

mod error;
mod limits;
pub mod pickle;

pub use error::{FileKind, FormatError, Problem};
pub use limits::Limits;
