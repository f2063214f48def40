//! `GET /health`, `/health/live` and `/health/ready`: whether the service lives, and whether it takes requests.

use foretell_engine::Catalog;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

use crate::config::Mode;
use crate::reply::Reply;
use crate::state::State;

/// The answer of `/health` and `/health/ready`: 200 when requests are taken, or else 503.
pub(crate) fn answer(state: &State) -> Reply {
    let (ready, draining, mode) = (state.ready(), state.draining(), state.config.server.mode);
    let document = Health { ready, draining, mode, catalog: &state.catalog.snapshot() }.document();
    let mut reply =
        Reply::json(document.to_string()).with(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !ready {
        reply.status = StatusCode::SERVICE_UNAVAILABLE;
        reply = reply.with(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    reply
}

/// What a health answer is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Health<'a> {
    /// Whether predictions can be asked for.
    pub ready: bool,
    /// Whether the service is about to stop.
    pub draining: bool,
    /// Whether versions are shown.
    pub mode: Mode,
    /// The models that are loaded and warmed.
    pub catalog: &'a Catalog,
}

impl Health<'_> {
    /// The status of the service and of each model. Versions are hidden in production.
    pub(crate) fn document(&self) -> Value {
        let status = match (self.ready, self.draining) {
            (_, true) => "stopping",
            (true, false) => "ready",
            (false, false) => "starting",
        };
        let models = self.catalog.models().iter().map(|model| match self.mode {
            // A model is in the catalog only once it is loaded and warmed.
            Mode::Development => json!({"name": model.name(), "version": model.version(), "status": "ready"}),
            Mode::Production => json!({"name": model.name(), "status": "ready"}),
        });
        let models: Vec<_> = models.collect();
        match self.mode {
            Mode::Development => json!({
                "status": status, "service": "foretell", "version": env!("CARGO_PKG_VERSION"), "models": models
            }),
            Mode::Production => json!({"status": status, "service": "foretell", "models": models}),
        }
    }
}
