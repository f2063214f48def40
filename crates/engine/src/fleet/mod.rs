//! What a server serves, kept equal to model files and to the registry while it runs.
//!
//! A change is fetched, compared with its digest, opened, checked against the rows registered with it, warmed, and only
//! then swapped in, as a whole new [`Catalog`]; requests under way keep the one they have. What fails any of these steps
//! changes nothing: the version before serves on, and [`FleetStatus`] says what failed.

mod files;
mod load;
mod status;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretell_store::{
    Alias, Changes, CopiedDeployment, Deployment, LocalCopy, Role, Store, StoreError, Version,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};

pub use self::files::FileSource;
use self::files::WatchedFile;
use self::load::Shelf;
pub use self::load::{FleetError, load_version};
pub use self::status::{Failure, FleetStatus};
use crate::catalog::{Catalog, LiveCatalog};
use crate::causes::with_causes;
use crate::control::Control;
use crate::live::LiveModel;
use crate::open::OpenLimits;
use crate::rollout::{Canary, Rollout};

/// How often model files are looked at: a change is loaded after two equal looks.
const LOOK: Duration = Duration::from_millis(250);
/// How long to wait before the database is asked again, and before an update that failed is tried again for the first
/// time.
const RETRY: Duration = Duration::from_secs(1);
/// How long to wait at most before an update that failed is tried again.
const MAX_RETRY: Duration = Duration::from_secs(60);
/// How long a version stays in memory after the last use that is known, so that going back to it is instant.
const LINGER: Duration = Duration::from_secs(60);
/// How long a version that was asked for by its number stays.
const PINNED: Duration = Duration::from_secs(600);
/// Versions that may be in memory because they were asked for by their number.
const MAX_PINNED: usize = 16;
/// Requests for versions by their number that may wait.
const PINS_WAITING: usize = 64;
/// The alias of the versions that a server without other orders serves.
pub const PRODUCTION: &str = "production";

/// A model that a server is told to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(FileSource),
    /// A model of the registry.
    Registered {
        /// Its name there.
        model: String,
        /// Which version of it.
        which: Which,
        /// The name it is served under.
        name: String,
    },
    /// Every model of the registry with the alias [`PRODUCTION`], under its own name.
    Production,
}

/// Which version of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The one that this alias points to.
    Alias(String),
    /// The one with this number.
    Number(u32),
}

impl Which {
    /// What stands behind the `@` of `name@alias` and `name@number`.
    pub fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Alias(text.to_owned()), Self::Number)
    }
}

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

/// A request that names a version which is not in memory.
#[derive(Debug)]
struct Pin {
    name: String,
    version: u32,
    done: oneshot::Sender<bool>,
}

/// What the threads that serve know of a [`Fleet`].
#[derive(Debug, Clone)]
pub struct FleetHandle {
    pins: mpsc::Sender<Pin>,
    status: Arc<FleetStatus>,
}

/// A name of the registry that is served, and the versions that are wanted for it.
#[derive(Debug)]
struct Wanted<'d> {
    name: String,
    front: &'d Version,
    /// The other aliases of the same model.
    others: Vec<(&'d Alias, &'d Version)>,
}

impl FleetHandle {
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
        let (sender, pins) = mpsc::channel(PINS_WAITING);
        let mut fleet = Self {
            limits,
            sources: Vec::new(),
            catalog: Arc::default(),
            status: Arc::default(),
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
        let handle = FleetHandle { pins: sender, status: Arc::clone(&fleet.status) };
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

    /// The names of the registry that are to be served, each once, with what an alias of them stands for in
    /// `deployment`.
    fn wanted<'d>(&'d self, deployment: &'d Deployment) -> Vec<Wanted<'d>> {
        let mut wanted: Vec<Wanted<'d>> = Vec::new();
        let mut serve = |name: &str, front: &'d Version, alias: Option<&str>| {
            if wanted.iter().any(|known| known.name == name) {
                return;
            }
            let others = deployment.aliases.iter().filter(|(other, _)| {
                alias.is_some_and(|alias| other.model == front.model && other.alias != alias)
            });
            let others = others.map(|(alias, version)| (alias, version)).collect();
            wanted.push(Wanted { name: name.to_owned(), front, others });
        };
        let pointed =
            |asked: &'d str| deployment.aliases.iter().filter(move |(alias, _)| alias.alias == asked);
        for origin in &self.sources {
            match origin {
                Origin::File(_) => {}
                Origin::Registered { model, which: Which::Alias(asked), name } => {
                    if let Some((_, front)) = pointed(asked).find(|(alias, _)| alias.model == *model) {
                        serve(name, front, Some(asked));
                    }
                }
                Origin::Registered { which: Which::Number(_), name, .. } => {
                    if let Some((_, front)) = self.fixed.iter().find(|(known, _)| known == name) {
                        serve(name, front, None);
                    }
                }
                Origin::Production => pointed(PRODUCTION)
                    .for_each(|(alias, front)| serve(&alias.model, front, Some(PRODUCTION))),
            }
        }
        wanted
    }

    /// Fails when a model that was named has no version, or one that cannot be loaded.
    fn refuse_missing(&self) -> Result<(), FleetError> {
        let wanted = self.wanted(&self.deployment);
        let failures = self.status.failures();
        for origin in &self.sources {
            let Origin::Registered { model, which, name } = origin else { continue };
            let reference = match which {
                Which::Alias(alias) => format!("{model}@{alias}"),
                Which::Number(number) => format!("{model}@{number}"),
            };
            let Some(wanted) = wanted.iter().find(|wanted| wanted.name == *name) else {
                return Err(FleetError::NoAlias { reference });
            };
            if !self.loaded.contains_key(&key(name, wanted.front)) {
                let reason = failures.get(name).map(|failure| failure.error.clone()).unwrap_or_default();
                return Err(FleetError::NotLoaded { reference, reason });
            }
        }
        Ok(())
    }

    /// Puts what is in memory into the catalog that is served.
    fn swap(&mut self) {
        match self.assemble() {
            Ok(catalog) => self.catalog.replace(catalog),
            Err(error) => {
                tracing::error!(error = with_causes(&error), "an update was refused; what serves, serves on")
            }
        }
        let names: HashSet<_> =
            self.catalog.snapshot().models().iter().map(|live| live.name().to_owned()).collect();
        let wanted: HashSet<_> =
            self.wanted(&self.deployment).into_iter().map(|wanted| wanted.name).collect();
        self.status.keep(|name| names.contains(name) || wanted.contains(name));
    }

    /// The catalog of what is in memory and wanted, in the order of the sources. A front that could not be loaded is
    /// the one that serves now.
    fn assemble(&mut self) -> Result<Catalog, FleetError> {
        let now = Instant::now();
        let before = Arc::clone(&self.catalog.snapshot());
        let (mut models, mut rollouts): (Vec<Arc<LiveModel>>, Vec<Rollout>) = Default::default();
        for origin in &self.sources {
            if let Origin::File(file) = origin {
                models.push(Arc::clone(&file.live));
            }
        }
        let mut used = Vec::new();
        for wanted in self.wanted(&self.deployment) {
            let mut get = |version: &Version| {
                let key = key(&wanted.name, version);
                let live = Arc::clone(&self.loaded.get(&key)?.live);
                used.push(key);
                Some(live)
            };
            let Some(front) = get(wanted.front).or_else(|| before.get(&wanted.name).cloned()) else {
                continue;
            };
            let mut rollout = Rollout { name: wanted.name.clone(), canary: None, shadows: Vec::new() };
            let mut listed = vec![front];
            for (alias, version) in &wanted.others {
                let Some(live) = get(version) else { continue };
                match &alias.role {
                    Role::None => {}
                    Role::Canary { share, sticky } => {
                        let (share, sticky) = (*share, sticky.clone());
                        rollout.canary = Some(Canary { model: Arc::clone(&live), share, sticky });
                    }
                    Role::Shadow => rollout.shadows.push(Arc::clone(&live)),
                }
                listed.push(live);
            }
            let pinned = self.pinned.keys().filter(|key| key.name == wanted.name);
            listed.extend(pinned.filter_map(|key| Some(Arc::clone(&self.loaded.get(key)?.live))));
            let mut seen = HashSet::new();
            listed.retain(|live| seen.insert(live.version().to_owned()));
            models.extend(listed);
            if rollout.canary.is_some() || !rollout.shadows.is_empty() {
                rollouts.push(rollout);
            }
        }
        for key in used {
            if let Some(loaded) = self.loaded.get_mut(&key) {
                loaded.used = now;
            }
        }
        Ok(Catalog::new(models)?.with_rollouts(rollouts))
    }

    /// Loads a version that a request names.
    async fn load_pinned(&mut self, pin: Pin) {
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
    fn forget(&mut self) {
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
