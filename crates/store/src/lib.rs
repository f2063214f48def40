//! What outlives a process: the registry of models, their files, keys, and the record of who did what.
//!
//! * [`Store`] is a database (SQLite or PostgreSQL, the same behaviour) and a place for files.
//! * The registry: [`Version`]s that never change, [`Alias`]es that move, their history; [`Deployment`] is all a
//!   server needs of it.
//! * [`Artifacts`] are bytes under the name of their digest, checked whenever they are read.
//! * [`Run`]s are what schedules have done; [`Claim`] makes one of several servers do it.
//! * [`Changes`] tells when anything of it has moved.
//!
//! Names, hashes, bytes and JSON only: nothing here knows what a model is. Times are microseconds since 1970, UTC.

mod artifacts;
mod audit;
mod changes;
mod copy;
mod database;
mod digest;
mod error;
mod keys;
mod migrate;
mod options;
mod predictions;
mod query;
mod registry;
mod runs;
mod store;
mod url;

pub use artifacts::Artifacts;
pub use audit::{Act, Actor, AuditRecord};
pub use changes::Changes;
pub use copy::{CopiedDeployment, LocalCopy};
pub use digest::{Digest, NotADigest};
pub use error::{ArtifactProblem, StoreError, Thing};
pub use keys::{KeyRecord, NewKey, Scopes, split_key};
pub use options::StoreOptions;
pub use predictions::{
    Export, FeedbackRow, Joined, JoinedPages, LogBatch, LogFilter, LoggedPrediction, PredictionRow,
    PredictionSchema, Removed, Retention, SegmentSpan, ServedAs, StoredSchema, Subject,
};
pub use query::{QueryCell, TakeRow, query};
pub use registry::{
    Alias, AliasAction, AliasMove, Deployment, ModelRecord, NewVersion, NotSticky, Role, Source, Sticky,
    Version, is_alias, is_name,
};
pub use runs::{Claim, NewRun, Run, RunFilter, RunOutcome, RunResult};
pub use store::Store;
pub use url::{ArtifactsUrl, DatabaseUrl, SecretText};

/// Now, in microseconds since 1970, UTC.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
