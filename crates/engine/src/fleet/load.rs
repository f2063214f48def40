//! From a file, or a version of the registry, to a model that is ready to serve: opened, checked, warmed.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use foretell_store::{ArtifactProblem, Digest, LocalCopy, Store, StoreError, Version};
use tokio::task::{JoinError, spawn_blocking};

use super::files::FileSource;
use crate::causes::with_causes;
use crate::live::{LiveModel, LoadError, Naming};
use crate::open::{self, OpenError, OpenLimits};
use crate::registry::{VerifyError, verify};

/// Why a model is not ready to serve.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The file cannot be opened.
    #[error("model file `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
    /// The file of a version cannot be opened.
    #[error("version `{version}` of model `{model}`")]
    OpenVersion {
        /// The model.
        model: String,
        /// The version.
        version: u32,
        /// Why.
        source: OpenError,
    },
    /// The model that was opened cannot serve.
    #[error("model `{model}`")]
    Load {
        /// The model.
        model: String,
        /// Its file; `None` for one of the registry.
        path: Option<PathBuf>,
        /// Why.
        source: LoadError,
    },
    /// The registry or the storage of the files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was loaded is not what was registered.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// No version has this alias.
    #[error(
        "there is no `{reference}` in the registry; give a version the alias with `foretell models promote`"
    )]
    NoAlias {
        /// What was asked for, as `name@alias`.
        reference: String,
    },
    /// The version that was asked for cannot be loaded.
    #[error("`{reference}` of the registry cannot be loaded: {reason}")]
    NotLoaded {
        /// What was asked for, as `name@alias` or `name@number`.
        reference: String,
        /// Why.
        reason: String,
    },
    /// Two models have the same name and version.
    #[error(transparent)]
    Duplicate(#[from] crate::catalog::DuplicateModel),
    /// Loading panicked or was cut short.
    #[error("loading a model was not finished")]
    Unfinished(#[from] JoinError),
}

/// Opens, warms and measures a file.
pub(super) async fn file(source: &FileSource, limits: &OpenLimits) -> Result<Arc<LiveModel>, FleetError> {
    let (source, limits) = (source.clone(), limits.clone());
    spawn_blocking(move || {
        let opened = open::open(&source.path, &limits)
            .map_err(|error| FleetError::Open { path: source.path.clone(), source: error })?;
        let (model, path) = (source.naming.name.clone(), Some(source.path));
        let live = LiveModel::new(opened, source.naming);
        live.map(Arc::new).map_err(|source| FleetError::Load { model, path, source })
    })
    .await?
}

/// Fetches a version's file, compares its digest, opens, checks, warms and measures it, under its own name.
///
/// # Errors
/// Any of these fails.
pub async fn load_version(
    store: &Store,
    wanted: &Version,
    limits: &OpenLimits,
) -> Result<Arc<LiveModel>, FleetError> {
    version(&Shelf { store: Some(store), copy: None }, wanted, &wanted.model, limits).await
}

/// Where the files of versions come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shelf<'a> {
    /// The store; `None` while it cannot be reached.
    pub(super) store: Option<&'a Store>,
    /// What is kept here.
    pub(super) copy: Option<&'a LocalCopy>,
}

impl Shelf<'_> {
    async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        if let Some(copy) = self.copy
            && let Some(bytes) = copy.artifact(digest).await
        {
            return Ok(bytes);
        }
        let Some(store) = self.store else {
            return Err(StoreError::Artifact { digest: *digest, problem: ArtifactProblem::Missing });
        };
        let bytes = store.artifacts().get(digest).await?;
        if let Some(copy) = self.copy
            && let Err(error) = copy.keep_artifact(bytes.clone()).await
        {
            tracing::warn!(error = with_causes(&error), "a version cannot be copied to the data folder");
        }
        Ok(bytes)
    }
}

/// The same from a shelf, under another name.
pub(super) async fn version(
    shelf: &Shelf<'_>,
    wanted: &Version,
    name: &str,
    limits: &OpenLimits,
) -> Result<Arc<LiveModel>, FleetError> {
    let bytes = shelf.get(&wanted.artifact).await?;
    let (wanted, name, limits) = (wanted.clone(), name.to_owned(), limits.clone());
    spawn_blocking(move || {
        let (model, version) = (wanted.model.clone(), wanted.version);
        let opened = open::open_bytes(&bytes, &limits).map_err(|source| FleetError::OpenVersion {
            model: model.clone(),
            version,
            source,
        })?;
        let refused = |source| FleetError::Load { model: model.clone(), path: None, source };
        let given = wanted.naming.clone().map(serde_json::from_value).transpose();
        let given = given.map_err(|source| refused(LoadError::Given { source }))?.unwrap_or_default();
        let naming = Naming { name, version: Some(version.to_string()), given, kernel: None };
        let live = LiveModel::new(opened, naming).map_err(refused)?;
        verify(&live, &wanted)?;
        Ok(Arc::new(live))
    })
    .await?
}
