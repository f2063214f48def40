//! The record of predictions: what its rows mean.

mod document;

pub use document::{Document, DocumentFeature};
