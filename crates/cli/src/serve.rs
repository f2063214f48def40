//! `foretell serve`: models behind an HTTP API.

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use foretell_engine::{Catalog, LiveCatalog, LiveModel, Naming, OpenLimits, open};
use foretell_server::config::{LimitsConfig, ModelConfig};
use foretell_server::log::Log;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::args::{LimitArguments, ServeArguments};
use crate::failure::{Failure, io_text};
use crate::{config, model};

/// Exit status after a second signal, which does not wait for requests under way.
const INTERRUPTED: i32 = 130;

pub(crate) fn run(arguments: &ServeArguments) -> Result<(), Failure> {
    let mut config = config::load(arguments)?;
    for argument in &arguments.models {
        config.model.push(named(argument)?);
    }
    name_all(&mut config.model)?;
    let _log = Log::start(&config.log, io::stderr().is_terminal(), io::stderr())
        .map_err(|error| Failure::new("cannot start the log").because(&error))?;
    let listeners = foretell_server::bind(&config.server).map_err(|error| {
        let hint = (error.source.kind() == io::ErrorKind::AddrInUse)
            .then(|| "stop what listens there, or choose another port with `--port`".to_owned());
        Failure::new(error.to_string()).detail(io_text(&error.source)).hint(hint)
    })?;
    let LimitsConfig { max_file_bytes, max_inflated_bytes, max_model_bytes } = config.limits;
    let limits = model::limits(&LimitArguments { max_file_bytes, max_inflated_bytes, max_model_bytes });
    let models = config.model.iter().map(|model| load(model, &limits)).collect::<Result<_, _>>()?;
    let catalog = Catalog::new(models).map_err(|error| Failure::new(error.to_string()))?;
    let shutdown = signals()?;
    foretell_server::run(config, Arc::new(LiveCatalog::new(catalog)), listeners, shutdown)
        .map_err(|error| Failure::new("cannot serve").because(&error))
}

/// A model of the command line: `PATH`, or `NAME=PATH`.
fn named(argument: &str) -> Result<ModelConfig, Failure> {
    let (name, path) = match argument.split_once('=') {
        Some((name, path)) if !Path::new(argument).exists() => (Some(name.to_owned()), path),
        Some(_) | None => (None, argument),
    };
    if path.is_empty() {
        return Err(Failure::usage(format!("expected `NAME=PATH`, got `{argument}`")));
    }
    Ok(ModelConfig { name, path: path.into(), features: None, version: None })
}

/// Gives every model a name that can stand in a URL: its own, or that of its file.
fn name_all(models: &mut [ModelConfig]) -> Result<(), Failure> {
    if models.is_empty() {
        return Err(Failure::new("the configuration names no model").hint(
            "add a table `[[model]]` with `path`, or name a model file on the command line".to_owned(),
        ));
    }
    let mut derived: HashMap<String, String> = HashMap::new();
    for model in models {
        let path = model.path.display().to_string();
        let name = match &model.name {
            Some(name) if is_name(name) => continue,
            Some(name) => {
                return Err(Failure::new(format!("`{name}` cannot be the name of a model")).hint(
                    "a name has letters, digits, `.`, `_` and `-` only, and begins with a letter or digit"
                        .to_owned(),
                ));
            }
            None => name_of(&model.path),
        };
        if let Some(other) = derived.insert(name.clone(), path.clone()) {
            return Err(Failure::new(format!("models `{other}` and `{path}` would both be named `{name}`"))
                .hint(format!("give one another name: `other={path}`")));
        }
        model.name = Some(name);
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let good = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    name.starts_with(|letter: char| letter.is_ascii_alphanumeric()) && name.chars().all(good)
}

/// The name of a file without its extensions, `-` in place of what cannot stand in a URL.
fn name_of(path: &Path) -> String {
    let stem = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = stem.split('.').find(|part| !part.is_empty()).unwrap_or("model");
    let name: String =
        stem.chars().map(|letter| if is_name(&format!("a{letter}")) { letter } else { '-' }).collect();
    if is_name(&name) { name } else { format!("model{name}") }
}

/// Opens, warms and measures one model.
fn load(config: &ModelConfig, limits: &OpenLimits) -> Result<Arc<LiveModel>, Failure> {
    let started = Instant::now();
    let opened = open::open(&config.path, limits).map_err(|error| model::refused(&config.path, &error))?;
    let naming = Naming {
        name: config.name.clone().unwrap_or_default(),
        version: config.version.clone(),
        features: config.features.clone(),
    };
    let live = LiveModel::new(opened, naming).map_err(|error| model::not_loaded(&config.path, &error))?;
    tracing::info!(
        model = live.name(),
        version = live.version(),
        path = %config.path.display(),
        milliseconds = started.elapsed().as_millis() as u64,
        "model loaded"
    );
    Ok(Arc::new(live))
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
        assert!(name_all(&mut models).is_err());
        let mut models = [named("x=a/model.pkl").unwrap(), named("b/model.pkl").unwrap()];
        name_all(&mut models).unwrap();
        assert_eq!(models[0].name.as_deref(), Some("x"));
        assert_eq!(models[1].name.as_deref(), Some("model"));
        assert!(name_all(&mut [named("a/b=x.pkl").unwrap()]).is_err());
    }
}
