//! Schema of a model's input, batches of rows, and predictions: the plain data every other crate speaks.
//!
//! * [`Schema`] says which features a model takes, in which order and of which kind.
//! * [`Frame`] holds a batch of rows that fits a schema: one dense row-major block of `f64` for the numeric
//!   features and one [`TextColumn`] per text feature.
//! * [`Predictions`] holds what an estimator answered for a frame, one [`Output`] per [`Method`].
//!
//! Nothing here does I/O, reads a clock or logs.

mod batch;
mod builder;
mod label;
mod predictions;
mod schema;
mod validate;
mod violation;

pub use batch::{Frame, TextColumn};
pub use builder::RowBuilder;
pub use label::Labels;
pub use predictions::{Method, MethodSet, Output, Predictions, Shape};
pub use schema::{Cell, Feature, Kind, Schema, SchemaError, Slot};
pub use validate::validate;
pub use violation::{Violation, ViolationKind};
