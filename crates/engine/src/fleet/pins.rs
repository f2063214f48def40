//! Versions that requests name by their number: loaded when they are asked for, and let go of when nobody has for a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foretell_store::Store;
use tokio::sync::{mpsc, oneshot};

use super::load::{self, Shelf};
use super::{Fleet, FleetStatus, Key, Loaded};
use crate::causes::with_causes;
use crate::control::Control;

/// How long a version stays in memory after the last use that is known, so that going back to it is instant.
const LINGER: Duration = Duration::from_secs(60);
/// How long a version that was asked for by its number stays.
const PINNED: Duration = Duration::from_secs(600);
/// Versions that may be in memory because they were asked for by their number.
const MAX_PINNED: usize = 16;
/// Requests for versions by their number that may wait.
const PINS_WAITING: usize = 64;

/// A request that names a version which is not in memory.
#[derive(Debug)]
pub(super) struct Pin {
    name: String,
    version: u32,
    done: oneshot::Sender<bool>,
}

/// What the threads that serve know of a [`Fleet`].
#[derive(Debug, Clone)]
pub struct FleetHandle {
    pins: mpsc::Sender<Pin>,
    status: Arc<FleetStatus>,
    grows: bool,
}

impl FleetHandle {
    /// The second is where requests for versions arrive.
    pub(super) fn new(status: Arc<FleetStatus>, grows: bool) -> (Self, mpsc::Receiver<Pin>) {
        let (pins, asked) = mpsc::channel(PINS_WAITING);
        (Self { pins, status, grows }, asked)
    }

    /// Whether models may come that were not named at the start.
    pub fn grows(&self) -> bool {
        self.grows
    }

    /// How updates went.
    pub fn status(&self) -> &FleetStatus {
        &self.status
    }

    /// Has a version of a model of the registry loaded, and waits for that. `false` when there is none, it cannot be
    /// loaded, or too many wait.
    pub async fn pin(&self, name: &str, version: &str) -> bool {
        let Ok(version) = version.parse() else { return false };
        let (done, loaded) = oneshot::channel();
        let pin = Pin { name: name.to_owned(), version, done };
        self.pins.try_send(pin).is_ok() && loaded.await.unwrap_or(false)
    }
}

impl Fleet {
    /// Loads a version that a request names.
    pub(super) async fn load_pinned(&mut self, pin: Pin) {
        let model = self.wanted(&self.deployment).into_iter().find(|wanted| wanted.name == pin.name);
        let model = model.map(|wanted| wanted.front.model.clone());
        let store = self.control.as_ref().and_then(Control::opened).cloned();
        let (Some(model), Some(store)) = (model, store) else {
            // The request has been answered otherwise if nobody waits.
            let _ = pin.done.send(false);
            return;
        };
        let key = Key { name: pin.name, model, version: pin.version };
        let loaded = self.loaded.contains_key(&key) || self.load_by_number(&store, &key).await;
        if loaded {
            if self.pinned.len() >= MAX_PINNED {
                let oldest = self.pinned.iter().min_by_key(|(_, since)| **since).map(|(key, _)| key.clone());
                oldest.map(|oldest| self.pinned.remove(&oldest));
            }
            self.pinned.insert(key, Instant::now());
            self.swap();
        }
        let _ = pin.done.send(loaded);
    }

    async fn load_by_number(&mut self, store: &Store, key: &Key) -> bool {
        let Ok(version) = store.version(&key.model, key.version).await else { return false };
        if version.archived_at.is_some() {
            return false;
        }
        let shelf = Shelf { store: Some(store), copy: None };
        match load::version(&shelf, &version, &key.name, &self.limits).await {
            Ok(live) => {
                self.status.loaded();
                self.loaded.insert(key.clone(), Loaded { live, used: Instant::now() });
                true
            }
            Err(error) => {
                tracing::warn!(
                    model = key.name,
                    version = key.version,
                    error = with_causes(&error),
                    "version not loaded"
                );
                false
            }
        }
    }

    /// Lets go of versions that nothing has wanted for a while.
    pub(super) fn forget(&mut self) {
        let now = Instant::now();
        let pinned_before = self.pinned.len();
        self.pinned.retain(|_, since| now.duration_since(*since) < PINNED);
        let served = Arc::clone(&self.catalog.snapshot());
        let pinned = &self.pinned;
        self.loaded.retain(|key, loaded| {
            let serves = served.models().iter().any(|live| Arc::ptr_eq(live, &loaded.live));
            serves || pinned.contains_key(key) || now.duration_since(loaded.used) < LINGER
        });
        if self.pinned.len() != pinned_before {
            self.swap();
        }
    }
}
