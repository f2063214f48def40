//! The use cases as plain functions over plain types: open a model, read a table, predict, score, measure.
//!
//! * [`open`](open::open) reads a file; [`LiveModel`] makes it serve: warmed, measured, under its users' names.
//! * [`Catalog`] is the immutable table of live models, [`LiveCatalog`] the one served now.
//! * [`Worker`] predicts on the calling thread with reused memory; [`Pool`] takes large batches, splits them over
//!   processors, and refuses more than it may hold.
//! * [`table`] reads CSV and JSON Lines; [`dataset`] serves a table beside models; [`score`] says how good a model
//!   is on one, [`bench`] how fast; [`quality`] how good those in service are, as truth arrives.
//!
//! * [`train`](train::train) makes a model from a table, and measures it on rows that it has not seen; [`schedule`] has
//!   that done again and again.
//!
//! Nothing here knows a protocol, prints, or reads arguments.

pub mod bench;
mod catalog;
mod causes;
pub mod control;
pub mod dataset;
pub mod fleet;
mod given;
pub mod importance;
pub mod json;
mod live;
pub mod log;
pub mod open;
mod pool;
mod predict;
mod priority;
pub mod quality;
pub mod registry;
mod rollout;
pub mod schedule;
pub mod score;
mod shedding;
pub mod table;
pub mod train;

pub use catalog::{Catalog, DuplicateModel, LiveCatalog};
pub use causes::with_causes;
/// Metrics, their intervals, and requirements on them.
pub use foretell_evaluate as evaluate;
pub use foretell_model::{Kernel, Part, Provenance, Task};
/// The registry, keys and the record of predictions.
pub use foretell_store as store;
pub use given::{Category, Given};
pub use live::{Cost, LiveModel, LoadError, Naming, Values};
pub use open::{FileFacts, Limits, OpenError, OpenLimits, Opened};
pub use pool::{Done, INLINE_BUDGET, Job, Overloaded, Pool, PoolOptions};
pub use predict::{MAX_VIOLATIONS, PredictError, Worker, complete_violations};
pub use priority::step_back;
pub use rollout::{Canary, Rollout, Sticky};
pub use shedding::Shedding;
