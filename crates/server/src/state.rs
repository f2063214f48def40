//! What all threads of a service share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use foretell_engine::control::Control;
use foretell_engine::fleet::{FleetHandle, FleetStatus};
use foretell_engine::log::{Log, UnknownName};
use foretell_engine::quality::Quality;
use foretell_engine::schedule::Scheduler;
use foretell_engine::{Catalog, LiveCatalog, Pool, PoolOptions};
use tokio::sync::watch;

use crate::auth::{Access, Gate, Scope};
use crate::body::Budget;
use crate::config::{Config, RateLimitConfig};
use crate::cors::CorsPolicy;
use crate::custom::{CustomRoutes, RouteError, Sources};
use crate::datasets::{DatasetStartError, ServedDataset};
use crate::describe::{OpenApi, Service};
use crate::metrics::{Gauges, Metrics, ModelInfo, Updates};
use crate::models;
use crate::openapi::Security;
use crate::predict::Shadows;
use crate::problem::Problem;
use crate::rate::AddressLimit;
use crate::serve::Parts;
use crate::tls::{Tls, TlsError};

/// Where a service is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It takes requests.
    Serving,
    /// It finishes the requests under way and ends.
    Draining,
}

/// The configuration asks for what is not there.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An origin cannot be sent in a header.
    #[error("`{origin}` is no origin")]
    Origin {
        /// The origin.
        origin: String,
    },
    /// There is no certificate to serve with.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A `[[route]]` cannot be served.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A `[[dataset]]` cannot be served.
    #[error(transparent)]
    Dataset(#[from] DatasetStartError),
    /// What is to be kept from the record is not there.
    #[error(transparent)]
    Record(#[from] UnknownName),
}

/// What all threads of a service share.
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) catalog: Arc<LiveCatalog>,
    /// Who replaces the catalog.
    pub(crate) fleet: Option<FleetHandle>,
    /// The way to the database.
    pub(crate) control: Option<Control>,
    /// Where large batches are computed.
    pub(crate) pool: Pool,
    pub(crate) cors: CorsPolicy,
    /// Who may do what.
    pub(crate) gate: Gate,
    /// `[server.tls]`
    pub(crate) tls: Option<Tls>,
    /// `[server.rate_limit]`, of addresses.
    pub(crate) address_limit: Option<AddressLimit>,
    /// `[[dataset]]`, in order.
    pub(crate) datasets: Vec<ServedDataset>,
    /// `[[route]]`
    pub(crate) custom: CustomRoutes,
    pub(crate) openapi: OpenApi,
    pub(crate) metrics: Metrics,
    /// The record of predictions, where there is one.
    pub(crate) log: Option<Arc<Log>>,
    /// What is trained again and again.
    pub(crate) scheduler: Option<Scheduler>,
    /// How good the models are, once it was measured.
    pub(crate) quality: ArcSwapOption<Quality>,
    /// The thread that asks shadows.
    pub(crate) shadows: Shadows,
    /// The memory for bodies that arrive in pieces.
    pub(crate) bodies: Budget,
    /// Connections open.
    pub(crate) connections: AtomicUsize,
    /// One counter per thread.
    requests: Mutex<Vec<Arc<UnderWay>>>,
    /// Number of threads.
    threads: usize,
    phases: watch::Receiver<Phase>,
}

/// The requests of one thread that are under way: on a cache line of its own, because all threads look at it and one
/// changes it all the time.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct UnderWay(AtomicUsize);

/// A request under way; dropping it makes room for another.
pub(crate) struct Admitted<'a>(&'a UnderWay);

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

impl State {
    /// Checks a configuration of a service at an address against the models.
    ///
    /// # Errors
    /// The configuration asks for what is not there.
    pub(crate) fn new(
        parts: Parts,
        address: SocketAddr,
        phases: watch::Receiver<Phase>,
    ) -> Result<Self, StartError> {
        let Parts { config, catalog, fleet, control, log, scheduler } = parts;
        let threads = config.server.worker_count().max(1);
        let cors = CorsPolicy::new(&config.server.cors)?;
        let tls = config.server.tls.as_ref().map(Tls::new).transpose()?;
        let models = catalog.snapshot();
        let grows = fleet.as_ref().is_some_and(FleetHandle::grows);
        log.as_ref().map_or(Ok(()), |log| log.options().check(&models, grows))?;
        let datasets = config.dataset.iter().map(|dataset| ServedDataset::load(dataset, &models));
        let datasets: Vec<_> = datasets.collect::<Result<_, _>>()?;
        let custom = CustomRoutes::new(&config.route, Sources { catalog: &models, datasets: &datasets })?;
        drop(models);
        Ok(Self {
            bodies: Budget::new(config.server.max_buffered_bytes),
            gate: Gate::new(&config.server, address.ip()),
            tls,
            address_limit: AddressLimit::new(&config.server.rate_limit),
            pool: Pool::new(PoolOptions { max_wait: config.server.max_wait, ..PoolOptions::default() }),
            config,
            catalog,
            fleet,
            control,
            cors,
            datasets,
            custom,
            openapi: OpenApi::default(),
            metrics: Metrics::new(),
            shadows: Shadows::new(log.clone()),
            log,
            scheduler,
            quality: ArcSwapOption::empty(),
            connections: AtomicUsize::new(0),
            requests: Mutex::default(),
            threads,
            phases,
        })
    }

    /// Whether predictions can be asked for: the models are loaded, also the keys where they are needed, and the service
    /// is not about to stop.
    pub(crate) fn ready(&self) -> bool {
        !self.draining() && self.gate.ready() && self.catalog.snapshot().default_model().is_some()
    }

    /// Whether the service is about to stop.
    pub(crate) fn draining(&self) -> bool {
        *self.phases.borrow() == Phase::Draining
    }

    /// The OpenAPI document.
    pub(crate) fn openapi(&self) -> Bytes {
        let catalog = self.catalog.snapshot();
        self.openapi.document(self.described(&catalog))
    }

    /// The service as it describes itself, with these models.
    pub(crate) fn described<'a>(&'a self, catalog: &'a Arc<Catalog>) -> Service<'a> {
        let security = Security {
            predictions: self.gate.needs_key(Access::Key(Scope::Predict)),
            metrics: self.gate.needs_key(Access::AnyKey),
            admin: self.control.is_some(),
            log: self.log.is_some(),
            limited: self.config.server.rate_limit != RateLimitConfig::default(),
        };
        Service { catalog, custom: &self.custom, datasets: &self.datasets, security }
    }

    /// The metrics as text.
    pub(crate) fn metrics(&self) -> String {
        let catalog = self.catalog.snapshot();
        let models = catalog.models().iter().map(|model| ModelInfo {
            name: model.name().to_owned(),
            version: model.version().to_owned(),
            library: models::library(model),
            sha256: model.facts().sha256.clone(),
        });
        self.metrics.render(&Gauges {
            version: env!("CARGO_PKG_VERSION"),
            ready: self.ready(),
            in_flight: self.under_way(),
            models: models.collect(),
            shadows: self.shadows.agreements(),
            updates: self.fleet.as_ref().map(|fleet| updates(fleet.status())),
            log: self.log.as_ref().map(|log| log.status()),
            quality: self.quality.load_full(),
            runs: self.scheduler.as_ref().map(Scheduler::counts),
            tls: self.tls.as_ref().map(Tls::counts),
        })
    }

    /// A counter for one more thread.
    pub(crate) fn new_counter(&self) -> Arc<UnderWay> {
        let counter = Arc::<UnderWay>::default();
        self.lock_requests().push(Arc::clone(&counter));
        counter
    }

    /// Requests under way.
    pub(crate) fn under_way(&self) -> usize {
        self.lock_requests().iter().map(|counter| counter.0.load(Relaxed)).sum()
    }

    fn lock_requests(&self) -> MutexGuard<'_, Vec<Arc<UnderWay>>> {
        // A panic while holding the lock cannot leave a half-made counter behind.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request as under way on the thread of `counter` until the answer is dropped.
    ///
    /// # Errors
    /// [`Problem::Overloaded`] when there are as many as allowed.
    pub(crate) fn admit<'c>(&self, counter: &'c UnderWay) -> Result<Admitted<'c>, Problem> {
        let limit = self.config.server.max_requests;
        let before = counter.0.fetch_add(1, Relaxed);
        let admitted = Admitted(counter);
        // While a thread keeps to its share, it need not know what the others do.
        if before < limit / self.threads || self.under_way() <= limit {
            Ok(admitted)
        } else {
            Err(Problem::Overloaded)
        }
    }
}

fn updates(status: &FleetStatus) -> Updates {
    Updates {
        loads: status.loads(),
        failed: status.failed_loads(),
        failing: status.failures().into_keys().collect(),
        revision: status.revision(),
        reachable: status.registry_failure().is_none(),
    }
}
