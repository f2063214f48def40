//! How updates went: what health answers and metrics tell of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// An update that was not made; what served before serves on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The version that was to serve; empty for a file, or when not even the version is known.
    pub version: String,
    /// What went wrong, with its causes.
    pub error: String,
    /// When it was tried first.
    pub since: SystemTime,
}

/// How updates went, readable from any thread.
#[derive(Debug, Default)]
pub struct FleetStatus {
    /// By the model's name; an entry goes away with the first update that succeeds.
    failures: Mutex<BTreeMap<String, Failure>>,
    /// What keeps the registry from being read; `None` while it is read.
    registry: Mutex<Option<Failure>>,
    loads: AtomicU64,
    failed: AtomicU64,
    revision: AtomicI64,
}

impl FleetStatus {
    /// The updates that failed, by the name of the model.
    pub fn failures(&self) -> BTreeMap<String, Failure> {
        lock(&self.failures).clone()
    }

    /// What keeps the registry from being read.
    pub fn registry_failure(&self) -> Option<Failure> {
        lock(&self.registry).clone()
    }

    /// Versions that were loaded.
    pub fn loads(&self) -> u64 {
        self.loads.load(Relaxed)
    }

    /// Attempts to load a version that failed.
    pub fn failed_loads(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// The revision of the registry that is served; 0 without a registry.
    pub fn revision(&self) -> i64 {
        self.revision.load(Relaxed)
    }

    pub(super) fn loaded(&self) {
        self.loads.fetch_add(1, Relaxed);
    }

    pub(super) fn serving(&self, revision: i64) {
        self.revision.store(revision, Relaxed);
        *lock(&self.registry) = None;
    }

    pub(super) fn unreachable(&self, error: String) {
        let mut registry = lock(&self.registry);
        let since = registry.as_ref().map_or_else(SystemTime::now, |known| known.since);
        *registry = Some(Failure { version: String::new(), error, since });
    }

    pub(super) fn failed(&self, model: &str, version: &str, error: String) {
        self.failed.fetch_add(1, Relaxed);
        let mut failures = lock(&self.failures);
        let since = match failures.get(model) {
            Some(known) if known.version == version => known.since,
            Some(_) | None => SystemTime::now(),
        };
        failures.insert(model.to_owned(), Failure { version: version.to_owned(), error, since });
    }

    pub(super) fn succeeded(&self, model: &str) {
        lock(&self.failures).remove(model);
    }

    /// Forgets the failures of models that are not served any more.
    pub(super) fn keep(&self, mut served: impl FnMut(&str) -> bool) {
        lock(&self.failures).retain(|model, _| served(model));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is a single insertion or removal.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
