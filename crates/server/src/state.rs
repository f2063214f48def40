//! What all threads of a service share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use foretell_engine::{LiveCatalog, Pool, PoolOptions};
use tokio::sync::watch;

use crate::config::Config;
use crate::cors::CorsPolicy;
use crate::problem::Problem;

/// Where a service is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It takes requests.
    Serving,
    /// It finishes the requests under way and ends.
    Draining,
}

/// The configuration asks for what is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// An origin cannot be sent in a header.
    #[error("`{origin}` is no origin")]
    Origin {
        /// The origin.
        origin: String,
    },
}

/// What all threads of a service share.
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) catalog: Arc<LiveCatalog>,
    /// Where large batches are computed.
    pub(crate) pool: Pool,
    pub(crate) cors: CorsPolicy,
    /// Connections open.
    pub(crate) connections: AtomicUsize,
    requests: AtomicUsize,
    phases: watch::Receiver<Phase>,
}

/// A request under way; dropping it makes room for another.
pub(crate) struct Admitted<'a>(&'a AtomicUsize);

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl State {
    /// Checks a configuration against the models.
    ///
    /// # Errors
    /// The configuration asks for what is not there.
    pub(crate) fn new(
        config: Config,
        catalog: Arc<LiveCatalog>,
        phases: watch::Receiver<Phase>,
    ) -> Result<Self, StartError> {
        let cors = CorsPolicy::new(&config.server.cors)?;
        Ok(Self {
            config,
            catalog,
            pool: Pool::new(PoolOptions::default()),
            cors,
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            phases,
        })
    }

    /// Whether predictions can be asked for: the models are loaded, and the service is not about to stop.
    pub(crate) fn ready(&self) -> bool {
        *self.phases.borrow() == Phase::Serving && self.catalog.snapshot().default_model().is_some()
    }

    /// Counts a request as under way until the answer is dropped.
    ///
    /// # Errors
    /// [`Problem::Overloaded`] when there are as many as allowed.
    pub(crate) fn admit(&self) -> Result<Admitted<'_>, Problem> {
        let before = self.requests.fetch_add(1, Relaxed);
        let admitted = Admitted(&self.requests);
        if before >= self.config.server.max_requests { Err(Problem::Overloaded) } else { Ok(admitted) }
    }
}
