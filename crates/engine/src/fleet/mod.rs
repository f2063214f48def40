//! What a server serves, kept equal to model files and to the registry while it runs.
//!
//! A change is fetched, compared with its digest, opened, checked against the rows registered with it, warmed, and only
//! then swapped in, as a whole new [`Catalog`]; requests under way keep the one they have. What fails any of these steps
//! changes nothing: the version before serves on, and [`FleetStatus`] says what failed.

mod assemble;
mod files;
mod load;
mod pins;
mod source;
mod status;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretell_store::{Changes, CopiedDeployment, Deployment, LocalCopy, Store, StoreError, Version};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use self::assemble::Wanted;
pub use self::files::FileSource;
use self::files::WatchedFile;
use self::load::Shelf;
pub use self::load::{FleetError, load_version};
pub use self::pins::FleetHandle;
use self::pins::Pin;
pub use self::source::{PRODUCTION, Source, Which};
pub use self::status::{Failure, FleetStatus};
use crate::catalog::LiveCatalog;
use crate::causes::with_causes;
use crate::control::Control;
use crate::live::LiveModel;
use crate::open::OpenLimits;

/// How often model files are looked at: a change is loaded after two equal looks.
const LOOK: Duration = Duration::from_millis(250);
/// How long to wait before the database is asked again, and before an update that failed is tried again for the first
/// time.
const RETRY: Duration = Duration::from_secs(1);
/// How long to wait at most before an update that failed is tried again.
const MAX_RETRY: Duration = Duration::from_secs(60);

/// The models of a server and where they come from.
#[derive(Debug)]
pub struct Fleet {
    limits: OpenLimits,
    sources: Vec<Origin>,
    catalog: Arc<LiveCatalog>,
    status: Arc<FleetStatus>,
    control: Option<Control>,
    /// What is kept of the registry for a start while it is away.
    copy: Option<LocalCopy>,
    /// What the registry said last.
    deployment: Deployment,
    /// The versions that are served by their number, under their names.
    fixed: Vec<(String, Version)>,
    loaded: HashMap<Key, Loaded>,
    pinned: HashMap<Key, Instant>,
    pins: mpsc::Receiver<Pin>,
}

#[derive(Debug)]
enum Origin {
    File(Box<WatchedFile>),
    Registered { model: String, which: Which, name: String },
    Production,
}

/// A version under the name it is served under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: String,
    model: String,
    version: u32,
}

/// A version in memory.
#[derive(Debug)]
struct Loaded {
    live: Arc<LiveModel>,
    used: Instant,
}

impl Fleet {
    /// Loads everything that is to be served. `control` is the way to the registry; without it there are files only.
    ///
    /// # Errors
    /// A file, or a model that is named, cannot be loaded. Of those that are served because of their alias alone, one
    /// that cannot be loaded is left out, and tried again.
    pub async fn start(
        sources: Vec<Source>,
        limits: OpenLimits,
        control: Option<Control>,
    ) -> Result<(Self, FleetHandle), FleetError> {
        let status = Arc::<FleetStatus>::default();
        let (handle, pins) = FleetHandle::new(Arc::clone(&status), sources.contains(&Source::Production));
        let mut fleet = Self {
            limits,
            sources: Vec::new(),
            catalog: Arc::default(),
            status,
            control,
            copy: None,
            deployment: Deployment { revision: 0, aliases: Vec::new() },
            fixed: Vec::new(),
            loaded: HashMap::new(),
            pinned: HashMap::new(),
            pins,
        };
        for source in sources {
            let origin = match source {
                Source::File(source) => {
                    let seen = WatchedFile::look(&source.path);
                    let live = load::file(&source, &fleet.limits).await?;
                    fleet.status.loaded();
                    Origin::File(Box::new(WatchedFile::new(source, live, seen)))
                }
                Source::Registered { model, which, name } => Origin::Registered { model, which, name },
                Source::Production => Origin::Production,
            };
            fleet.sources.push(origin);
        }
        if let Some(control) = fleet.registry().cloned() {
            fleet.copy = control.copy();
            match fleet.read_first(&control).await {
                Ok(()) => {}
                Err(error @ StoreError::Unavailable { .. }) => fleet.read_copy(error).await?,
                Err(error) => return Err(error.into()),
            }
            fleet.refuse_missing()?;
        }
        let catalog = fleet.assemble()?;
        fleet.catalog.replace(catalog);
        Ok((fleet, handle))
    }

    /// The catalog that is kept up to date.
    pub fn catalog(&self) -> &Arc<LiveCatalog> {
        &self.catalog
    }

    /// Follows files and registry for ever.
    pub async fn follow(mut self) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (announce, mut news) = mpsc::channel(1);
        if let Some(control) = self.registry().cloned() {
            tokio::spawn(listen(control, announce));
        }
        let (mut retry, mut pause) = (None, RETRY);
        loop {
            let mut tried = false;
            tokio::select! {
                _ = look.tick() => self.look_at_files().await,
                Some(heard) = news.recv() => {
                    (tried, pause) = (true, RETRY);
                    match heard {
                        Ok(store) => self.update(&store).await,
                        Err(error) => self.unreachable(&error),
                    }
                }
                () = at(retry) => {
                    tried = true;
                    if let Some(store) = self.control.as_ref().and_then(Control::opened).cloned() {
                        self.update(&store).await;
                    }
                }
                Some(pin) = self.pins.recv() => self.load_pinned(pin).await,
            }
            if tried {
                retry = self.is_behind().then(|| Instant::now() + pause);
                pause = (pause * 2).min(MAX_RETRY);
            }
            self.forget();
        }
    }

    /// Whether a version of the registry that is wanted is not in memory.
    fn is_behind(&self) -> bool {
        let loaded = |name: &str, version: &Version| self.loaded.contains_key(&key(name, version));
        let wanted = self.wanted(&self.deployment);
        let whole = |wanted: &Wanted<'_>| {
            loaded(&wanted.name, wanted.front)
                && wanted.others.iter().all(|(_, version)| loaded(&wanted.name, version))
        };
        self.status.registry_failure().is_some() || !wanted.iter().all(whole)
    }

    fn unreachable(&self, error: &StoreError) {
        self.status.unreachable(with_causes(error));
        tracing::warn!(error = with_causes(error), "the registry cannot be read; what serves, serves on");
    }

    /// The way to the registry, when any of it is served.
    fn registry(&self) -> Option<&Control> {
        let registered = |origin: &Origin| matches!(origin, Origin::Registered { .. } | Origin::Production);
        self.control.as_ref().filter(|_| self.sources.iter().any(registered))
    }

    /// Follows a change of the registry.
    async fn update(&mut self, store: &Store) {
        match self.read(store).await {
            Ok(()) => self.swap(),
            Err(error) => self.unreachable(&error),
        }
    }

    /// Loads the files that have changed.
    async fn look_at_files(&mut self) {
        let mut swap = false;
        for origin in &mut self.sources {
            let Origin::File(file) = origin else { continue };
            if !file.has_changed() {
                continue;
            }
            let name = file.source.naming.name.as_str();
            match load::file(&file.source, &self.limits).await {
                Ok(live) => {
                    tracing::info!(model = name, version = live.version(), "model file loaded again");
                    file.live = live;
                    self.status.loaded();
                    self.status.succeeded(name);
                    swap = true;
                }
                Err(error) => refused(&self.status, name, "", &error),
            }
        }
        if swap {
            self.swap();
        }
    }

    /// Reads the registry for the first time.
    async fn read_first(&mut self, control: &Control) -> Result<(), StoreError> {
        let store = control.store().await?;
        for origin in &self.sources {
            if let Origin::Registered { model, which: Which::Number(number), name } = origin {
                self.fixed.push((name.clone(), store.version(model, *number).await?));
            }
        }
        self.read(store).await
    }

    /// Loads what was served when the registry could be read last, because it cannot be now.
    async fn read_copy(&mut self, error: StoreError) -> Result<(), StoreError> {
        let Some(copied) = self.copy.as_ref().and_then(LocalCopy::deployment) else {
            return Err(error);
        };
        self.fixed = copied.fixed;
        self.load(None, copied.deployment).await;
        self.unreachable(&error);
        Ok(())
    }

    /// Reads the registry, loads what is wanted and not in memory, and keeps a copy of what can be served.
    async fn read(&mut self, store: &Store) -> Result<(), StoreError> {
        let deployment = store.deployment().await?;
        let whole = self.load(Some(store), deployment).await;
        if let Some(copy) = self.copy.as_ref().filter(|_| whole) {
            let copied = CopiedDeployment { deployment: self.deployment.clone(), fixed: self.fixed.clone() };
            if let Err(error) = copy.keep_deployment(&copied).await {
                tracing::warn!(%error, "what is served cannot be copied to the data folder");
            }
        }
        Ok(())
    }

    /// Loads what is wanted of a state of the registry and not in memory. Whether all of it is there now.
    async fn load(&mut self, store: Option<&Store>, deployment: Deployment) -> bool {
        let copy = self.copy.clone();
        let shelf = Shelf { store, copy: copy.as_ref() };
        let (mut names, mut missing) = (Vec::new(), Vec::new());
        for wanted in self.wanted(&deployment) {
            let others = wanted.others.iter().map(|(_, version)| *version);
            for version in std::iter::once(wanted.front).chain(others) {
                let key = key(&wanted.name, version);
                if !self.loaded.contains_key(&key) && !missing.iter().any(|(known, _)| *known == key) {
                    missing.push((key, version.clone()));
                }
            }
            names.push(wanted.name);
        }
        let mut refused_names = HashSet::new();
        for (key, version) in missing {
            match load::version(&shelf, &version, &key.name, &self.limits).await {
                Ok(live) => {
                    tracing::info!(model = key.name, version = key.version, "version loaded");
                    self.status.loaded();
                    self.loaded.insert(key, Loaded { live, used: Instant::now() });
                }
                Err(error) => {
                    refused(&self.status, &key.name, &key.version.to_string(), &error);
                    refused_names.insert(key.name);
                }
            }
        }
        for name in names.iter().filter(|name| !refused_names.contains(*name)) {
            self.status.succeeded(name);
        }
        self.status.serving(deployment.revision);
        self.deployment = deployment;
        refused_names.is_empty()
    }
}

fn key(name: &str, version: &Version) -> Key {
    Key { name: name.to_owned(), model: version.model.clone(), version: version.version }
}

/// Tells of every change of the registry, for as long as anyone listens.
async fn listen(control: Control, announce: mpsc::Sender<Result<Store, StoreError>>) {
    let mut changes = None;
    loop {
        let heard = next(&control, &mut changes).await;
        let failed = heard.is_err();
        if announce.send(heard).await.is_err() {
            return;
        }
        if failed {
            sleep(RETRY).await;
        }
    }
}

async fn next(control: &Control, changes: &mut Option<Changes>) -> Result<Store, StoreError> {
    let store = control.store().await?;
    changes.get_or_insert_with(|| store.changes()).next().await?;
    Ok(store.clone())
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

fn refused(status: &FleetStatus, model: &str, version: &str, error: &FleetError) {
    tracing::error!(
        model,
        version,
        error = with_causes(error),
        "an update was refused; what serves, serves on"
    );
    status.failed(model, version, with_causes(error));
}
