//! `foretell serve`: models behind an HTTP API.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use foretell_engine::control::{Control, ControlRuntime};
use foretell_engine::fleet::{FileSource, Fleet, FleetError, PRODUCTION, Source, Which};
use foretell_engine::log::{Drain, Log as RecordLog};
use foretell_engine::store::is_name;
use foretell_engine::{Given, Naming};
use foretell_server::Parts;
use foretell_server::config::{Config, ModelConfig, StoreConfig};
use foretell_server::log::Log;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::args::ServeArguments;
use crate::failure::{Failure, io_text};
use crate::{config, model, schedule, store};

/// Exit status after a second signal, which does not wait for requests under way.
const INTERRUPTED: i32 = 130;
/// Folder of the journal in the data folder.
const JOURNAL: &str = "journal";
/// Bytes that a key of digests has at least.
const LEAST_KEY: usize = 16;
/// How long a service that ends goes on writing its record to the database; the rest is left for the next start.
const LAST_WRITES: Duration = Duration::from_secs(10);
/// How long a service that ends waits until a run of a schedule is written down as lost.
const LAST_RUNS: Duration = Duration::from_secs(5);

pub(crate) fn run(arguments: &ServeArguments) -> Result<(), Failure> {
    let mut config = config::load(arguments)?;
    for argument in &arguments.models {
        config.model.push(named(argument)?);
    }
    let given = model::given(&arguments.given)?;
    if !given.is_empty() {
        let ([_], Some(model)) = (arguments.models.as_slice(), config.model.last_mut()) else {
            return Err(Failure::usage("`--features` and `--categories` are for a single MODEL")
                .hint("give every `[[model]]` of the configuration its own".to_owned()));
        };
        if model.path.is_none() {
            return Err(model::not_of_registry());
        }
        (model.features, model.categories) = (given.features, given.categories);
    }
    let sources = sources(&mut config.model)?;
    let schedules = schedule::schedules(&config)?;
    let _log = Log::start(&config.log, io::stderr().is_terminal(), io::stderr())
        .map_err(|error| Failure::new("cannot start the log").because(&error))?;
    let listeners = foretell_server::bind(&config.server).map_err(|error| {
        let hint = (error.source.kind() == io::ErrorKind::AddrInUse)
            .then(|| "stop what listens there, or choose another port with `--port`".to_owned());
        Failure::new(error.to_string()).detail(io_text(&error.source)).hint(hint)
    })?;
    let limits = config.limits.open_limits();
    let runtime = ControlRuntime::start()
        .map_err(|error| Failure::new("cannot start the control thread").because(&error))?;
    let control = if needs_store(&config, &sources, listeners.address().ip()) {
        Some(Control::new(runtime.handle().clone(), store::options(&config.store)?))
    } else {
        None
    };
    let scheduler = match &control {
        Some(control) if !schedules.is_empty() => {
            Some(schedule::scheduler(&config, schedules, control.clone())?)
        }
        Some(_) | None => None,
    };
    let recorder = record(&config)?;
    let started = runtime.handle().block_on(Fleet::start(sources, limits, control.clone()));
    let (fleet, handle) = started.map_err(not_started)?;
    let catalog = Arc::clone(fleet.catalog());
    if catalog.snapshot().default_model().is_none() {
        let registry = control.as_ref().and_then(Control::opened).map_or("", |store| store.shown());
        tracing::warn!(
            "no model of the registry `{registry}` has the alias `{PRODUCTION}`: waiting for one; register it with \
             `foretell models register model.joblib --name NAME --alias {PRODUCTION}`, or stop and name a file, as in \
             `foretell serve model.joblib`"
        );
    }
    runtime.handle().spawn(fleet.follow());
    if let Some(scheduler) = &scheduler {
        runtime.handle().spawn(scheduler.clone().follow());
    }
    let shutdown = signals()?;
    let (log, drain) = recorder.unzip();
    let parts = Parts { config, catalog, fleet: Some(handle), control, log, scheduler: scheduler.clone() };
    let served = foretell_server::run(parts, listeners, shutdown);
    if let Some(scheduler) = scheduler {
        runtime.handle().block_on(scheduler.stop(LAST_RUNS));
    }
    if let Some(drain) = drain {
        drain.stop(LAST_WRITES);
    }
    served.map_err(|error| Failure::new("cannot serve").because(&error))
}

/// Opens the record of predictions and starts what moves it into the database, where anything is recorded.
fn record(config: &Config) -> Result<Option<(Arc<RecordLog>, Drain)>, Failure> {
    let recording = &config.prediction_log;
    if !recording.is_on() {
        return Ok(None);
    }
    let cannot = || Failure::new("cannot record predictions");
    let key = match &recording.hash_key_file {
        Some(file) => std::fs::read(file).map_err(|error| {
            Failure::new(format!("cannot read the key in `{}`", file.display())).detail(io_text(&error))
        })?,
        None => Vec::new(),
    };
    let key = key.trim_ascii().to_vec();
    if recording.hashes() && key.len() < LEAST_KEY {
        return Err(Failure::new("`prediction_log.hash` needs a key of at least 16 characters").hint(
            "make one with `openssl rand -hex 32 > hash.key` and name it as `prediction_log.hash_key_file`"
                .to_owned(),
        ));
    }
    let folder = store::data_folder(&config.store)?.join(JOURNAL);
    let options = recording
        .options(folder, key)
        .map_err(|problem| Failure::new("cannot use `[prediction_log]`").detail(problem))?;
    let (log, reader) = RecordLog::open(options).map_err(|error| cannot().because(&error))?;
    let drain = Drain::start(Arc::clone(&log), reader, store::options(&config.store)?)
        .map_err(|error| cannot().detail(io_text(&error)))?;
    Ok(Some((log, drain)))
}

/// Whether anything that is asked for needs the registry, keys or the record of predictions. Without, nothing of the
/// kind is made or opened.
fn needs_store(config: &Config, sources: &[Source], address: IpAddr) -> bool {
    let registered = |source: &Source| !matches!(source, Source::File(_));
    let keys = config.server.needs_keys(address);
    keys || config.prediction_log.is_on()
        || !config.schedule.is_empty()
        || sources.iter().any(registered)
        || config.store != StoreConfig::default()
}

/// A model of the command line: `PATH`, or `NAME=PATH`. What is no file may be `name@alias` of the registry.
fn named(argument: &str) -> Result<ModelConfig, Failure> {
    let (name, place) = match argument.split_once('=') {
        Some((name, place)) if !Path::new(argument).exists() => (Some(name.to_owned()), place),
        Some(_) | None => (None, argument),
    };
    if place.is_empty() {
        return Err(Failure::usage(format!("expected `NAME=PATH`, got `{argument}`")));
    }
    let registered = place.contains('@') && !place.contains('/') && !Path::new(place).exists();
    let (path, registry) =
        if registered { (None, Some(place.to_owned())) } else { (Some(PathBuf::from(place)), None) };
    Ok(ModelConfig {
        name,
        path,
        registry,
        features: None,
        categories: BTreeMap::new(),
        version: None,
        kernel: None,
    })
}

/// Where the models come from, each under a name that can stand in a URL: its own, that of its file, or that of the
/// registry. Without any, those of the registry that are in production.
fn sources(models: &mut [ModelConfig]) -> Result<Vec<Source>, Failure> {
    if models.is_empty() {
        return Ok(vec![Source::Production]);
    }
    let mut derived: HashMap<String, String> = HashMap::new();
    models.iter_mut().map(|model| source(model, &mut derived)).collect()
}

fn source(model: &mut ModelConfig, derived: &mut HashMap<String, String>) -> Result<Source, Failure> {
    let (place, default, registered) = match (&model.path, &model.registry) {
        (Some(path), None) => (path.display().to_string(), name_of(path), None),
        (None, Some(reference)) => {
            let (name, which) = reference.split_once('@').unwrap_or((reference, PRODUCTION));
            (reference.clone(), name.to_owned(), Some((name.to_owned(), Which::parse(which))))
        }
        (Some(_), Some(_)) | (None, None) => {
            let name = model.name.clone().unwrap_or_default();
            return Err(Failure::new(format!("the model `{name}` needs one of `path` and `registry`"))
                .hint("`path` names a file, `registry` a `name@alias` of the registry".to_owned()));
        }
    };
    let name = match &model.name {
        Some(name) => name.clone(),
        None => {
            if let Some(other) = derived.insert(default.clone(), place.clone()) {
                return Err(Failure::new(format!(
                    "models `{other}` and `{place}` would both be named `{default}`"
                ))
                .hint(format!("give one another name: `other={place}`")));
            }
            default
        }
    };
    if !is_name(&name) {
        return Err(Failure::new(format!("`{name}` cannot be the name of a model")).hint(
            "a name has letters, digits, `.`, `_` and `-` only, and begins with a letter or digit".to_owned(),
        ));
    }
    if registered.is_some() && model.kernel.is_some() {
        return Err(Failure::new(format!("the model `{name}` of the registry names a `kernel`"))
            .hint("only a model with a `path` can; the fastest is chosen for others".to_owned()));
    }
    model.name = Some(name.clone());
    Ok(match registered {
        Some((model, which)) => Source::Registered { model, which, name },
        None => {
            let (features, categories) = (model.features.clone(), model.categories.clone());
            let naming = Naming {
                name,
                version: model.version.clone(),
                given: Given { features, categories },
                kernel: model.kernel,
            };
            Source::File(FileSource { path: model.path.clone().unwrap_or_default(), naming })
        }
    })
}

/// Why the models cannot be served, in the words of the command line.
fn not_started(error: FleetError) -> Failure {
    match &error {
        FleetError::Open { path, source } => model::refused(path, source),
        FleetError::Load { path: Some(path), source, .. } => model::not_loaded(path, source),
        FleetError::Load { path: None, .. }
        | FleetError::OpenVersion { .. }
        | FleetError::Store(_)
        | FleetError::NoAlias { .. }
        | FleetError::NotLoaded { .. }
        | FleetError::Duplicate(_)
        | FleetError::Verify(_)
        | FleetError::Unfinished(_) => Failure::new("cannot serve").because(&error),
    }
}

/// The name of a file without its extensions, `-` in place of what cannot stand in a URL.
fn name_of(path: &Path) -> String {
    let stem = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.split('.').find(|part| !part.is_empty()).unwrap_or("model");
    let name: String =
        stem.chars().map(|letter| if is_name(&format!("a{letter}")) { letter } else { '-' }).collect();
    if is_name(&name) { name } else { format!("model{name}") }
}

/// Done at the first SIGINT or SIGTERM. A second one ends the process at once.
fn signals() -> Result<impl Future<Output = ()>, Failure> {
    let failed = |error: io::Error| Failure::new("cannot wait for signals").because(&error);
    let (first, done) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?)
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            tracing::info!("stopping: requests under way are finished, a second signal ends them");
            // The service may have ended on its own.
            let _ = first.send(());
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            end();
        });
    };
    thread::Builder::new().name("signals".into()).spawn(wait).map_err(failed)?;
    Ok(async {
        // The thread ends only with the process.
        let _ = done.await;
    })
}

#[expect(clippy::exit, reason = "a second signal asks for exactly this")]
fn end() {
    std::process::exit(INTERRUPTED);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_files() {
        assert_eq!(name_of(Path::new("models/iris.joblib")), "iris");
        assert_eq!(name_of(Path::new("my model (1).pkl.gz")), "my-model--1-");
        assert_eq!(name_of(Path::new(".hidden")), "hidden");
        assert_eq!(name_of(Path::new("_x.pkl")), "model_x");
    }

    #[test]
    fn two_files_of_one_name_need_names() {
        let mut models = [named("a/model.pkl").unwrap(), named("b/model.pkl").unwrap()];
        assert!(sources(&mut models).is_err());
        let mut models = [named("x=a/model.pkl").unwrap(), named("b/model.pkl").unwrap()];
        sources(&mut models).unwrap();
        assert_eq!(models[0].name.as_deref(), Some("x"));
        assert_eq!(models[1].name.as_deref(), Some("model"));
        assert!(sources(&mut [named("a/b=x.pkl").unwrap()]).is_err());
    }

    #[test]
    fn what_is_no_file_may_be_in_the_registry() {
        let mut models = [named("iris@candidate").unwrap(), named("other=iris@3").unwrap()];
        let registered =
            |which, name: &str| Source::Registered { model: "iris".to_owned(), which, name: name.to_owned() };
        let expected =
            [registered(Which::Alias("candidate".to_owned()), "iris"), registered(Which::Number(3), "other")];
        assert_eq!(sources(&mut models).unwrap(), expected);
        assert_eq!(sources(&mut []).unwrap(), [Source::Production]);
    }
}
