//! The record of predictions: how each gets there, what its rows mean, and the table they make.
//!
//! Whoever answers a prediction appends it to a journal on the local disk with a [`Recorder`], one for each thread; the
//! [`Drain`] moves what is in the journal into the store. So an answer waits for one write to a file, and what was
//! answered survives the end of the process and a database that is down.

mod document;
mod drain;
mod export;
mod options;
mod plan;
mod record;
mod recorder;
mod time;

pub use document::{Document, DocumentFeature};
pub use drain::Drain;
pub use export::{Column, ColumnKind, RecordError, RecordTable};
pub use foretell_journal::{AppendError, JournalError, Options as SpoolOptions, Sync as SpoolSync};
pub use options::{Log, LogOptions, LogStatus, ModelLog, UnknownName, WhenFull};
pub use plan::Plan;
pub use record::{Entry, Payloads, Truth};
pub use recorder::{RecordFailure, Recorder};
pub use time::{Time, written};
