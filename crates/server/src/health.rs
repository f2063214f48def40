//! `GET /health`, `/health/live` and `/health/ready`: whether the service lives, and whether it takes requests.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use foretell_engine::control::Control;
use foretell_engine::fleet::{Failure, FleetHandle, FleetStatus};
use foretell_engine::log::LogStatus;
use foretell_engine::{Catalog, LiveModel};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

use crate::config::Mode;
use crate::reply::Reply;
use crate::state::State;
use crate::tls::Tls;

/// Seconds that a prediction may wait for the database before the record counts as behind.
const BEHIND: u64 = 10;

/// The answer of `/health` and `/health/ready`: 200 when requests are taken, or else 503.
pub(crate) fn answer(state: &State) -> Reply {
    let (ready, draining, mode) = (state.ready(), state.draining(), state.config.server.mode);
    let updates = state.fleet.as_ref().map(FleetHandle::status);
    let database = state.control.as_ref().map(Control::is_reachable);
    let record = state.log.as_ref().map(|log| log.status());
    let certificate = state.tls.as_ref().map(Tls::problem);
    let catalog = &state.catalog.snapshot();
    let health = Health { ready, draining, mode, catalog, updates, database, record, certificate };
    let document = health.document();
    let mut reply =
        Reply::json(document.to_string()).with(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !ready {
        reply.status = StatusCode::SERVICE_UNAVAILABLE;
        reply = reply.with(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    reply
}

/// What a health answer is made from.
#[derive(Debug, Clone)]
pub(crate) struct Health<'a> {
    /// Whether predictions can be asked for.
    pub ready: bool,
    /// Whether the service is about to stop.
    pub draining: bool,
    /// Whether versions are shown.
    pub mode: Mode,
    /// The models that are loaded and warmed.
    pub catalog: &'a Catalog,
    /// How updates went.
    pub updates: Option<&'a FleetStatus>,
    /// Whether the database answers; `None` for a service without one.
    pub database: Option<bool>,
    /// What waits to be written of the record of predictions, where there is one.
    pub record: Option<LogStatus>,
    /// Where the service speaks TLS: why a changed certificate is not served, if that is so.
    pub certificate: Option<Option<Arc<String>>>,
}

impl Health<'_> {
    /// The status of the service and of each model. Versions are hidden in production.
    pub(crate) fn document(&self) -> Value {
        let status = match (self.ready, self.draining) {
            (_, true) => "stopping",
            (true, false) => "ready",
            (false, false) => "starting",
        };
        let failures = self.updates.map(FleetStatus::failures).unwrap_or_default();
        let mut models: Vec<_> = self.catalog.models().iter().map(|model| self.model(model)).collect();
        for (name, failure) in &failures {
            let known = models.iter().position(|model| model["name"] == name.as_str());
            let position = known.unwrap_or_else(|| {
                models.push(json!({"name": name, "status": "missing"}));
                models.len() - 1
            });
            models[position]["update"] = self.failure(failure);
        }
        let mut document = json!({"status": status, "service": "foretell", "models": models});
        if let Some(reachable) = self.database {
            document["database"] = json!({"status": if reachable { "connected" } else { "unreachable" }});
        }
        if let Some(record) = &self.record {
            document["prediction_log"] = self.record(record);
        }
        if let Some(failure) = self.updates.and_then(FleetStatus::registry_failure) {
            document["registry"] = self.failure(&failure);
        }
        if let Some(problem) = &self.certificate {
            document["certificate"] = match (problem, self.mode) {
                (None, _) => json!({"status": "current"}),
                // The problem names files, which is nobody's business.
                (Some(_), Mode::Production) => json!({"status": "outdated"}),
                (Some(problem), Mode::Development) => json!({"status": "outdated", "error": **problem}),
            };
        }
        if self.mode == Mode::Development {
            document["version"] = json!(env!("CARGO_PKG_VERSION"));
        }
        document
    }

    fn model(&self, model: &LiveModel) -> Value {
        match self.mode {
            // A model is in the catalog only once it is loaded and warmed.
            Mode::Development => json!({"name": model.name(), "version": model.version(), "status": "ready"}),
            Mode::Production => json!({"name": model.name(), "status": "ready"}),
        }
    }

    /// How the record of predictions fares. How much is in it is nobody's business in production.
    fn record(&self, record: &LogStatus) -> Value {
        let status = match record.oldest_seconds {
            _ if record.failing => "failing",
            BEHIND.. => "behind",
            _ => "current",
        };
        match self.mode {
            Mode::Production => json!({"status": status}),
            Mode::Development => json!({
                "status": status,
                "waiting_records": record.waiting_records,
                "waiting_bytes": record.waiting_bytes,
                "oldest_seconds": record.oldest_seconds,
                "refused": record.refused,
                "dropped": record.dropped,
            }),
        }
    }

    /// An update that was not made. What exactly is wrong is told in development, and in the log.
    fn failure(&self, failure: &Failure) -> Value {
        let since = failure.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut shown = json!({"status": "failed", "since": since});
        if self.mode == Mode::Development {
            shown["error"] = json!(failure.error);
            if !failure.version.is_empty() {
                shown["version"] = json!(failure.version);
            }
        }
        shown
    }
}
