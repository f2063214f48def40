//! The use cases as plain functions over plain types: read a table, open a model, predict, score, measure.
//!
//! Nothing here knows a protocol, prints, or reads arguments.

pub mod table;
