//! The record of predictions, and of what really happened.
//!
//! Rows come from the segments of journals: [`Store::append_log`] writes them and how far the segment has come in one
//! transaction, so that each arrives once however often it is tried. Features, outputs and known answers are JSON
//! whose meaning is that of whoever writes them; a [`PredictionSchema`] is the key to it.
//!
//! On PostgreSQL predictions are in a partition per day (UTC), loaded with COPY and forgotten by dropping days; on
//! SQLite they are in one table.

mod append;
mod export;
mod feedback;
mod partition;
mod quality;
mod retain;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::database::Row;
use crate::error::StoreError;

pub use export::{Export, LogFilter};
pub use quality::{Joined, JoinedPages};
pub use retain::{Removed, Retention};

/// What the rows of predictions of one version of a model mean.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PredictionSchema {
    /// Name of the model.
    pub model: String,
    /// Its version.
    pub version: String,
    /// JSON, to be read with the features and outputs of the rows.
    pub document: String,
}

/// In which role a model answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServedAs {
    /// It gave the answer.
    Primary,
    /// It gave the answer to its share of the requests.
    Canary,
    /// Its answer was recorded and not given.
    Shadow,
}

impl ServedAs {
    /// As it is written in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Canary => "canary",
            Self::Shadow => "shadow",
        }
    }
}

/// One predicted row, to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionRow<'a> {
    /// Where the record that holds it begins in the segment.
    pub offset: u64,
    /// Position of its schema in [`LogBatch::schemas`].
    pub schema: usize,
    /// Id of the request.
    pub request_id: Cow<'a, str>,
    /// Position of the row in the request, from 0.
    pub row: u32,
    /// When it was predicted, in microseconds since 1970, UTC.
    pub at: i64,
    /// The row's features: JSON.
    pub features: Cow<'a, str>,
    /// What the model answered: JSON.
    pub outputs: Cow<'a, str>,
    /// Microseconds from the request to its answer.
    pub latency_us: u32,
    /// Id of the key that asked.
    pub key_id: Option<Cow<'a, str>>,
    /// The caller's own id of the request.
    pub caller_id: Option<Cow<'a, str>>,
    /// In which role the model answered.
    pub role: ServedAs,
}

/// Which predicted row something is said about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject<'a> {
    /// One of the request with this id.
    Request(Cow<'a, str>),
    /// One of every request to which the caller gave this id.
    Caller(Cow<'a, str>),
}

/// What really happened, to be written. A later one about the same row takes the place of an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedbackRow<'a> {
    /// Where the record that holds it begins in the segment; 0 for what comes from elsewhere.
    pub offset: u64,
    /// The request.
    pub subject: Subject<'a>,
    /// Name of the model whose predictions it is about; `None` for all. One of a model counts before one of all.
    pub model: Option<Cow<'a, str>>,
    /// Position of the row in the request, from 0.
    pub row: u32,
    /// The known answer: JSON.
    pub actual: Cow<'a, str>,
    /// When it was told, in microseconds since 1970, UTC.
    pub at: i64,
}

/// Records of one segment, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogBatch<'a> {
    /// The schemas that the predictions refer to.
    pub schemas: Vec<PredictionSchema>,
    /// Predicted rows.
    pub predictions: Vec<PredictionRow<'a>>,
    /// Known answers.
    pub feedback: Vec<FeedbackRow<'a>>,
}

/// The piece of a segment that a batch was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSpan {
    /// Id of the journal.
    pub journal: String,
    /// Number of the segment.
    pub segment: u64,
    /// Where the batch begins.
    pub start: u64,
    /// Where the next one begins.
    pub end: u64,
}

/// A prediction as it was recorded, with what really happened where it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedPrediction {
    /// When it was predicted, in microseconds since 1970, UTC.
    pub at: i64,
    /// Id of the request.
    pub request_id: String,
    /// Position of the row in the request, from 0.
    pub row: u32,
    /// The row's features: JSON.
    pub features: String,
    /// What the model answered: JSON.
    pub outputs: String,
    /// Microseconds from the request to its answer.
    pub latency_us: u32,
    /// Id of the key that asked.
    pub key_id: Option<String>,
    /// The caller's own id of the request.
    pub caller_id: Option<String>,
    /// In which role the model answered.
    pub role: ServedAs,
    /// The known answer: JSON.
    pub actual: Option<String>,
}

/// A schema in the database, under the number that rows refer to it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchema {
    /// The number.
    pub id: i64,
    /// The schema.
    pub schema: PredictionSchema,
}

impl StoredSchema {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let schema = PredictionSchema {
            model: row.get("model")?,
            version: row.get("version")?,
            document: row.get("document")?,
        };
        Ok(Self { id: row.get("id")?, schema })
    }
}

fn role(row: &Row) -> Result<ServedAs, StoreError> {
    let text: String = row.get("role")?;
    [ServedAs::Primary, ServedAs::Canary, ServedAs::Shadow]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or(StoreError::Malformed { what: "the role of a prediction", value: text })
}

/// A text as both databases can hold it: PostgreSQL has no character 0. A record that could not be written would
/// stand in the way of all that follow it.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A position or number of a journal as both databases hold it.
fn as_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
