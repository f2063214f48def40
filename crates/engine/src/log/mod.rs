//! The record of predictions: what its rows mean, and the table they make.

mod document;
mod export;

pub use document::{Document, DocumentFeature};
pub use export::{Column, ColumnKind, RecordError, RecordTable};
