//! Where the registry, the keys and the record of predictions are: flags, environment, configuration and defaults.

use std::error::Error;
use std::future::Future;
use std::path::{Path, PathBuf};

use clap::Args;
use foretell_engine::store::{Actor, ArtifactsUrl, DatabaseUrl, SecretText, Store, StoreError, StoreOptions};
use foretell_server::config::StoreConfig;
use tokio::runtime::{Builder, Runtime};

use crate::config;
use crate::failure::{Failure, io_text};

/// The file of the database in the data folder.
const DATABASE: &str = "foretell.db";
/// The folder of the models' files in the data folder.
const ARTIFACTS: &str = "artifacts";
/// The folder in the data folder of what a server needs to start while its database is away.
const COPY: &str = "copy";
/// What the client of a bucket reads from the environment.
const BUCKET_SETTINGS: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ALLOW_HTTP",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
];

/// Where the registry is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StoreArguments {
    /// Folder of the registry, the models' files and the record of predictions [default: the data folder of this user]
    #[arg(
        // `score` and `bench` call their table `data`.
        id = "data_folder",
        long = "data",
        value_name = "DIR",
        env = "FORETELL_DATA",
        hide_env_values = true,
        help_heading = "Registry"
    )]
    pub(crate) data: Option<PathBuf>,
    /// Database of the registry and the record of predictions, such as postgres://user@host/database [default: a file in DIR]
    #[arg(
        long,
        value_name = "URL",
        env = "FORETELL_DATABASE",
        hide_env_values = true,
        help_heading = "Registry"
    )]
    pub(crate) database: Option<String>,
}

impl StoreArguments {
    /// The configuration with what was given on the command line over it.
    pub(crate) fn over(&self, config: &StoreConfig) -> StoreConfig {
        StoreConfig {
            data: self.data.clone().or_else(|| config.data.clone()),
            database: self.database.clone().or_else(|| config.database.clone()),
            ..config.clone()
        }
    }
}

/// The store, opened for one command.
pub(crate) struct Session {
    runtime: Runtime,
    store: Store,
}

impl Session {
    /// Opens the store that arguments and environment name.
    pub(crate) fn open(arguments: &StoreArguments) -> Result<Self, Failure> {
        let options = options(&arguments.over(&config::store()?))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Failure::new("cannot start").because(&error))?;
        let store = runtime.block_on(Store::open(&options)).map_err(|error| {
            Failure::new(format!("cannot open the registry `{}`", options.database)).because(&error)
        })?;
        Ok(Self { runtime, store })
    }

    /// The store.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Waits for work with the store.
    pub(crate) fn run<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// Who acts: the user of the system.
    pub(crate) fn actor(&self) -> Actor {
        let user = ["USER", "LOGNAME"].iter().find_map(std::env::var_os);
        Actor::cli(&user.map_or_else(|| "unknown".into(), |user| user.to_string_lossy().into_owned()))
    }

    /// Why the store did not do it, in the words of the command line.
    pub(crate) fn failed(error: &StoreError) -> Failure {
        let failure = Failure::new(error.to_string());
        match error.source() {
            Some(source) => failure.because(source),
            None => failure,
        }
    }
}

/// The data folder: the one that was asked for, or this user's.
pub(crate) fn data_folder(config: &StoreConfig) -> Result<PathBuf, Failure> {
    if let Some(folder) = &config.data {
        return Ok(folder.clone());
    }
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let platform = if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    platform.map(|folder| folder.join("foretell")).ok_or_else(|| {
        Failure::new("there is no folder for the registry: neither `XDG_DATA_HOME` nor `HOME` is set")
            .hint("name one with `--data DIR`".to_owned())
    })
}

/// How the store is reached.
pub(crate) fn options(config: &StoreConfig) -> Result<StoreOptions, Failure> {
    let folder = data_folder(config)?;
    let unusable = |error: &(dyn Error + 'static)| Failure::usage("cannot use the registry").because(error);
    let mut database = match &config.database {
        Some(url) => url.parse().map_err(|error: StoreError| unusable(&error))?,
        None => DatabaseUrl::file(folder.join(DATABASE)),
    };
    if let Some(file) = &config.database_password_file {
        database = database.with_password(&secret(file)?);
    }
    let artifacts = match &config.artifacts {
        Some(place) => place.parse().map_err(|error: StoreError| unusable(&error))?,
        None => ArtifactsUrl::Folder(folder.join(ARTIFACTS)),
    };
    let copy = database.is_server().then(|| folder.join(COPY));
    let mut options = StoreOptions { copy, ..StoreOptions::new(database, artifacts) };
    options.bucket_settings = BUCKET_SETTINGS
        .iter()
        .filter_map(|name| {
            Some(((*name).to_owned(), SecretText::new(std::env::var_os(name)?.into_string().ok()?)))
        })
        .collect();
    Ok(options)
}

/// The secret in a file, without the end of its line.
fn secret(file: &Path) -> Result<SecretText, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(format!("cannot read the secret in `{}`", file.display())).detail(io_text(&error))
    })?;
    Ok(SecretText::new(text.trim_end_matches(['\n', '\r'])))
}
