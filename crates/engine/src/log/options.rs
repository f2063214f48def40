//! What is recorded of which model, and the counts of a process.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::time::Duration;

use foretell_frame::Method;
use foretell_journal::{Journal, JournalError, Options, Reader};
use foretell_store::{Retention, now};

use super::plan::Plan;
use super::recorder::Recorder;
use crate::catalog::Catalog;
use crate::live::LiveModel;

/// Features or models that an error names.
const MOST_KNOWN: usize = 20;

/// What is recorded of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelLog {
    /// The share of its requests: 0 for none, 1 for all.
    pub share: f64,
    /// Features whose values are left out.
    pub mask: Vec<String>,
    /// Features of which a keyed digest is kept in the place of the value.
    pub hash: Vec<String>,
}

/// What becomes of a request that cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It is refused.
    #[default]
    Refuse,
    /// It is answered, not recorded, and counted.
    Drop,
}

/// How predictions are recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct LogOptions {
    /// Folder of the journal.
    pub folder: PathBuf,
    /// How large the journal may become, and what it survives.
    pub spool: Options,
    /// What becomes of a request that cannot be recorded.
    pub when_full: WhenFull,
    /// What is recorded of models that are not named in `models`.
    pub default: ModelLog,
    /// What is recorded of models by their names.
    pub models: HashMap<String, ModelLog>,
    /// The key of digests; empty where nothing is hashed.
    pub hash_key: Vec<u8>,
    /// How much of the record is kept.
    pub retention: Retention,
    /// How often the record is looked through for what is to be forgotten.
    pub retain_every: Duration,
}

/// What is said of the record names what is not there: what was to be kept from the record would be in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownName {
    /// A feature that is masked or hashed.
    #[error(
        "`{name}` is to be {how} in the record of predictions, and {whose} has that feature; known: {known}"
    )]
    Feature {
        /// Its name.
        name: String,
        /// Whether masked or hashed.
        how: &'static str,
        /// The models that were asked.
        whose: String,
        /// Their features.
        known: String,
    },
    /// A model that has options of its own.
    #[error("`prediction_log.models` names `{name}`, and no such model is served; served: {served}")]
    Model {
        /// Its name.
        name: String,
        /// The models that are served.
        served: String,
    },
}

impl LogOptions {
    /// Checks the names of models and features against what is served at the start. Where the catalog `grows`, a model
    /// may come later; one that lacks a feature is served, with a warning: another may have it.
    ///
    /// # Errors
    /// A model that is not served, a name that the model it is said of does not have, or no model of those without
    /// options of their own.
    pub fn check(&self, catalog: &Catalog, grows: bool) -> Result<(), UnknownName> {
        let served = catalog.models();
        for (name, log) in &self.models {
            let own: Vec<_> = served.iter().filter(|model| model.name() == name).collect();
            if own.is_empty() && !grows {
                let served = listed(served.iter().map(|model| model.name()));
                return Err(UnknownName::Model { name: name.clone(), served });
            }
            log.check(&own, || format!("no version of model `{name}`"))?;
        }
        let others: Vec<_> = served.iter().filter(|model| !self.models.contains_key(model.name())).collect();
        self.default.check(&others, || "no model".to_owned())
    }
}

/// The first of these names, each once.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut listed: Vec<_> = names.map(|name| format!("`{name}`")).take(MOST_KNOWN).collect();
    listed.dedup();
    listed.join(", ")
}

impl ModelLog {
    fn check(&self, models: &[&Arc<LiveModel>], whose: impl Fn() -> String) -> Result<(), UnknownName> {
        if models.is_empty() || self.share <= 0.0 {
            return Ok(());
        }
        let masked = self.mask.iter().map(|name| (name, "masked"));
        for (name, how) in masked.chain(self.hash.iter().map(|name| (name, "hashed"))) {
            if models.iter().all(|model| model.schema().position(name).is_none()) {
                let features = models.iter().flat_map(|model| model.schema().features());
                let known = listed(features.map(|feature| &*feature.name));
                return Err(UnknownName::Feature { name: name.clone(), how, whose: whose(), known });
            }
        }
        Ok(())
    }
}

/// The record of predictions as the threads of a process share it.
#[derive(Debug)]
pub struct Log {
    options: LogOptions,
    pub(super) journal: Journal,
    pub(super) counts: Counts,
}

/// What became of records.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) dropped: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) written: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) unreadable: AtomicU64,
    pub(super) failing: AtomicBool,
    /// When the first record that waits was made, in microseconds since 1970; 0 while none waits.
    oldest: AtomicI64,
}

/// What waits to be written, and what became of what was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogStatus {
    /// Bytes that wait to be moved into the store.
    pub waiting_bytes: u64,
    /// Records of this process that wait.
    pub waiting_records: u64,
    /// Segment files.
    pub segments: usize,
    /// Places where records were damaged and are lost.
    pub damaged: u64,
    /// Requests and shadows' answers that were not recorded for want of room.
    pub dropped: u64,
    /// Requests that were refused for want of room.
    pub refused: u64,
    /// Predicted rows that were written to the store.
    pub written: u64,
    /// Attempts to write to the store that failed.
    pub failures: u64,
    /// Whether the last attempt failed.
    pub failing: bool,
    /// How long the first record that waits has waited, in seconds.
    pub oldest_seconds: u64,
}

impl Log {
    /// Opens the journal. The reader is for [`Drain::start`](super::Drain::start).
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(options: LogOptions) -> Result<(Arc<Self>, Reader), JournalError> {
        let (journal, reader) = Journal::open(&options.folder, options.spool)?;
        Ok((Arc::new(Self { options, journal, counts: Counts::default() }), reader))
    }

    /// How predictions are recorded.
    pub fn options(&self) -> &LogOptions {
        &self.options
    }

    /// How the answers of a model are recorded, with these outputs under these names; `None` when they are not.
    pub fn plan(&self, model: &LiveModel, outputs: Vec<(&'static str, Method)>) -> Option<Plan> {
        let log = self.options.models.get(model.name()).unwrap_or(&self.options.default);
        (log.share > 0.0).then(|| Plan::new(model, log, &self.options.hash_key, outputs))
    }

    /// What one more thread records with.
    pub fn recorder(self: &Arc<Self>) -> Recorder {
        Recorder::new(Arc::clone(self), self.journal.appender())
    }

    /// What waits, and what became of what was recorded.
    pub fn status(&self) -> LogStatus {
        let (stats, counts) = (self.journal.stats(), &self.counts);
        LogStatus {
            waiting_bytes: stats.bytes,
            waiting_records: stats.records,
            segments: stats.segments,
            damaged: stats.damaged + counts.unreadable.load(Relaxed),
            dropped: counts.dropped.load(Relaxed),
            refused: counts.refused.load(Relaxed),
            written: counts.written.load(Relaxed),
            failures: counts.failures.load(Relaxed),
            failing: counts.failing.load(Acquire),
            oldest_seconds: counts.oldest_seconds(),
        }
    }
}

impl Counts {
    pub(super) fn succeeded(&self, rows: u64) {
        self.written.fetch_add(rows, Relaxed);
        self.failing.store(false, Release);
    }

    /// The time of the first record that waits, where one does.
    pub(super) fn waits_since(&self, time: Option<i64>) {
        self.oldest.store(time.unwrap_or(0), Relaxed);
    }

    fn oldest_seconds(&self) -> u64 {
        match self.oldest.load(Relaxed) {
            0 => 0,
            oldest => u64::try_from(now().saturating_sub(oldest) / 1_000_000).unwrap_or(0),
        }
    }

    /// Whether it is the first of a series of failures.
    pub(super) fn failed(&self) -> bool {
        self.failures.fetch_add(1, Relaxed);
        !self.failing.swap(true, Release)
    }
}
