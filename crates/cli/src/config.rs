//! The configuration of `serve`: a file, the environment and flags, each over the one before.

use std::path::{Path, PathBuf};

use figment::providers::Env;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use foretell_engine::table::nearest;
use foretell_server::Config;
use foretell_server::config::StoreConfig;
use serde::Serialize;
use serde_json::json;
use toml::de::{DeTable, DeValue};

use crate::args::ServeArguments;
use crate::failure::{Failure, io_text};
use crate::store::StoreArguments;

/// The file that is read when neither a model nor a file is named.
const DEFAULT_FILE: &str = "foretell.toml";
const PREFIX: &str = "FORETELL_";
/// The tables of a configuration.
const TABLES: [&str; 9] =
    ["server", "log", "limits", "store", "prediction_log", "model", "route", "dataset", "schedule"];
/// Those of them that are lists of tables, which no name with `__` can reach into.
const LISTS: [&str; 4] = ["model", "route", "dataset", "schedule"];

/// One layer of the configuration, under the name that errors give it.
struct Layer {
    name: &'static str,
    values: Dict,
}

const FILE: &str = "file";
const FLAGS: &str = "flags";

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// A configuration file that was read.
struct File {
    path: PathBuf,
    text: String,
}

/// Reads all layers. Paths in the file are made relative to where the command runs.
pub(crate) fn load(arguments: &ServeArguments) -> Result<Config, Failure> {
    let file = find(arguments.config.as_deref(), arguments.models.is_empty())?;
    layered(file, flags(arguments)?, &arguments.store)
}

/// The configuration of this file, or of the default one, for commands that do what a service does.
pub(crate) fn of_file(path: Option<&Path>, store: &StoreArguments) -> Result<Config, Failure> {
    layered(find(path, true)?, Dict::new(), store)
}

fn layered(file: Option<File>, flags: Dict, store: &StoreArguments) -> Result<Config, Failure> {
    refuse_single_underscores()?;
    let mut layers = Figment::new();
    if let Some(file) = &file {
        layers = layers.merge(Layer { name: FILE, values: parse(file)? });
    }
    layers = layers.merge(environment()).merge(Layer { name: FLAGS, values: flags });
    let mut config: Config = layers.extract().map_err(|error| explain(&error, file.as_ref()))?;
    if let Some(folder) = file.as_ref().and_then(|file| file.path.parent()) {
        let paths = config.model.iter_mut().filter_map(|model| model.path.as_mut());
        let paths = paths.chain(config.dataset.iter_mut().map(|dataset| &mut dataset.path));
        let paths = paths.chain(config.schedule.iter_mut().map(|schedule| &mut schedule.spec));
        let paths = paths.chain(&mut config.store.data).chain(&mut config.store.database_password_file);
        let paths = paths.chain(&mut config.prediction_log.hash_key_file);
        let files = config.server.tls.iter_mut().flat_map(|tls| {
            [Some(&mut tls.cert), Some(&mut tls.key), tls.client_ca.as_mut()].into_iter().flatten()
        });
        paths.chain(files).for_each(|path| *path = folder.join(&*path));
    }
    config.store = store.over(&config.store);
    Ok(config)
}

/// `[store]` of the environment, for commands that read no configuration file.
pub(crate) fn store() -> Result<StoreConfig, Failure> {
    refuse_single_underscores()?;
    let layers = Figment::new().merge(environment());
    if !layers.contains("store") {
        return Ok(StoreConfig::default());
    }
    layers.extract_inner("store").map_err(|error| explain(&error, None))
}

/// The file to read: the one named, or the default one where that is meant without a name.
fn find(named: Option<&Path>, default: bool) -> Result<Option<File>, Failure> {
    let path: PathBuf = match named {
        Some(path) => path.to_owned(),
        None if default && Path::new(DEFAULT_FILE).exists() => DEFAULT_FILE.into(),
        None => return Ok(None),
    };
    let unreadable = |error: std::io::Error| {
        Failure::new(format!("cannot read configuration `{}`", path.display())).detail(io_text(&error))
    };
    let text = std::fs::read_to_string(&path).map_err(unreadable)?;
    Ok(Some(File { path, text }))
}

fn parse(file: &File) -> Result<Dict, Failure> {
    let bad = |message: String| {
        Failure::new(format!("configuration `{}` is not TOML", file.path.display()))
            .detail(message.trim_end())
    };
    let table: toml::Table = file.text.parse().map_err(|error: toml::de::Error| bad(error.to_string()))?;
    values(&table).map_err(|error| bad(error.to_string()))
}

fn values(table: &impl Serialize) -> Result<Dict, Box<figment::Error>> {
    Ok(Value::serialize(table).map(|value| value.into_dict().unwrap_or_default())?)
}

/// `FORETELL_SERVER__PORT` is `server.port`; other variables that begin like ours are not configuration.
fn environment() -> Env {
    let ours = |name: &str| name.contains("__") || LISTS.iter().any(|table| name.eq_ignore_ascii_case(table));
    Env::prefixed(PREFIX).filter(move |name| ours(name.as_str())).split("__")
}

/// A variable such as `FORETELL_SERVER_PORT` would be left unread: nobody means that.
fn refuse_single_underscores() -> Result<(), Failure> {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let Some(key) = name.strip_prefix(PREFIX).filter(|key| !key.contains("__")) else { continue };
        for table in TABLES {
            let table = table.to_uppercase();
            if let Some(key) = key.strip_prefix(&table).and_then(|key| key.strip_prefix('_')) {
                return Err(Failure::usage(format!("unknown environment variable `{name}`")).hint(format!(
                    "a table and its key have two underscores between them: `{PREFIX}{table}__{key}`"
                )));
            }
        }
    }
    Ok(())
}

/// The flags that were given, as the tables and keys they stand for.
fn flags(arguments: &ServeArguments) -> Result<Dict, Failure> {
    let limits = &arguments.limits;
    let given = json!({
        "server": {
            "host": arguments.host,
            "port": arguments.port,
            "mode": arguments.mode,
            "cors": arguments.cors,
            "workers": arguments.workers,
        },
        "log": { "level": arguments.log_level },
        "limits": {
            "max_file_bytes": limits.max_file_bytes,
            "max_inflated_bytes": limits.max_inflated_bytes,
            "max_model_bytes": limits.max_model_bytes,
        },
    });
    values(&without_nulls(given)).map_err(|error| Failure::usage(error.to_string()))
}

/// Leaves out the flags that were not given.
fn without_nulls(value: serde_json::Value) -> serde_json::Value {
    let serde_json::Value::Object(entries) = value else { return value };
    let given = entries.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(key, value)| (key, without_nulls(value))).collect()
}

/// What is wrong with a value, where it stands, and what was meant.
fn explain(error: &figment::Error, file: Option<&File>) -> Failure {
    use figment::error::Kind;
    let mut path = error.path.clone();
    let (problem, hint) = match &error.kind {
        Kind::UnknownField(name, known) => {
            path.retain(|key| key != name);
            path.push(name.clone());
            let hint = match nearest(name, known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            (format!("unknown key `{}`", path.join(".")), Some(hint))
        }
        Kind::UnknownVariant(name, known) => {
            let hint = format!("expected one of: {}", known.join(", "));
            (format!("`{}` cannot be `{name}`", path.join(".")), Some(hint))
        }
        Kind::MissingField(name) => {
            path.push(name.to_string());
            (format!("`{}` is missing", path.join(".")), None)
        }
        Kind::InvalidType(got, expected) | Kind::InvalidValue(got, expected) => {
            (format!("`{}`: expected {expected}, got {got}", path.join(".")), None)
        }
        Kind::Message(message) => (format!("`{}`: {message}", path.join(".")), None),
        Kind::InvalidLength(..)
        | Kind::DuplicateField(_)
        | Kind::ISizeOutOfRange(_)
        | Kind::USizeOutOfRange(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(..) => (format!("`{}`: {}", path.join("."), error.kind), None),
    };
    let layer = error.metadata.as_ref().map_or("", |metadata| &metadata.name);
    let place = match (layer, file) {
        (FLAGS, _) => "on the command line".to_owned(),
        (FILE | "", Some(file)) => match line_of(&file.text, &path) {
            Some(line) => format!("`{}`, line {line}", file.path.display()),
            None => format!("`{}`", file.path.display()),
        },
        _ => format!("environment variable `{}`", variable(&path)),
    };
    let message = "cannot use the configuration";
    let failure = if layer == FLAGS { Failure::usage(message) } else { Failure::new(message) };
    failure.detail(format!("{place}: {problem}")).hint(hint)
}

/// The environment variable that sets a key: of an item of a list, the one that holds the whole list.
fn variable(path: &[String]) -> String {
    let list = path.get(1).is_some_and(|key| key.parse::<usize>().is_ok());
    let keys = if list { &path[..1] } else { path };
    format!("{PREFIX}{}", keys.join("__").to_uppercase())
}

/// The line, from 1, of a key, or of the innermost table around it that is there.
fn line_of(text: &str, path: &[String]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table: &DeTable<'_> = document.get_ref();
    let mut found = None;
    let mut keys = path.iter();
    while let Some(key) = keys.next() {
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == key) else { break };
        found = Some(name.span().start);
        let mut value = value;
        while let DeValue::Array(items) = value.get_ref() {
            let Some(item) = keys.next().and_then(|index| items.get(index.parse::<usize>().ok()?)) else {
                break;
            };
            found = Some(item.span().start);
            value = item;
        }
        let DeValue::Table(inner) = value.get_ref() else { break };
        table = inner;
    }
    found.map(|start| text[..start].lines().count().max(1) + usize::from(text[..start].ends_with('\n')))
}
