//! The table of live models: immutable, replaced as a whole, so that a request sees one state of it.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::live::LiveModel;
use crate::rollout::Rollout;

/// A model of this name and version is in the table already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("model `{name}` version `{version}` is listed twice")]
pub struct DuplicateModel {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
}

/// Live models, in the order they were listed. The first is the default, and the first version of a name is the
/// one served under the bare name.
#[derive(Debug, Default)]
pub struct Catalog {
    models: Vec<Arc<LiveModel>>,
    rollouts: Vec<Arc<Rollout>>,
}

impl Catalog {
    /// A table of these models.
    ///
    /// # Errors
    /// Two with one name and version.
    pub fn new(models: Vec<Arc<LiveModel>>) -> Result<Self, DuplicateModel> {
        for (position, model) in models.iter().enumerate() {
            let same =
                |other: &&Arc<LiveModel>| other.name() == model.name() && other.version() == model.version();
            if models[..position].iter().any(|other| same(&other)) {
                let (name, version) = (model.name().to_owned(), model.version().to_owned());
                return Err(DuplicateModel { name, version });
            }
        }
        Ok(Self { models, rollouts: Vec::new() })
    }

    /// The same table, with the requests of some models divided. The versions they are divided among are in the
    /// table themselves.
    #[must_use]
    pub fn with_rollouts(mut self, rollouts: Vec<Rollout>) -> Self {
        self.rollouts = rollouts.into_iter().map(Arc::new).collect();
        self
    }

    /// How the requests for a name are divided; `None` when one version answers them all and no other is asked.
    pub fn rollout(&self, name: &str) -> Option<&Arc<Rollout>> {
        self.rollouts.iter().find(|rollout| rollout.name == name)
    }

    /// All models in order.
    pub fn models(&self) -> &[Arc<LiveModel>] {
        &self.models
    }

    /// The only or the first model.
    pub fn default_model(&self) -> Option<&Arc<LiveModel>> {
        self.models.first()
    }

    /// The model served under a name.
    pub fn get(&self, name: &str) -> Option<&Arc<LiveModel>> {
        self.models.iter().find(|model| model.name() == name)
    }

    /// A version of a model.
    pub fn version(&self, name: &str, version: &str) -> Option<&Arc<LiveModel>> {
        self.models.iter().find(|model| model.name() == name && model.version() == version)
    }
}

/// The catalog that is served now.
#[derive(Debug, Default)]
pub struct LiveCatalog(ArcSwap<Catalog>);

impl LiveCatalog {
    /// Starts with this catalog.
    pub fn new(catalog: Catalog) -> Self {
        Self(ArcSwap::from_pointee(catalog))
    }

    /// The catalog as it is now, unchanged for as long as it is held.
    pub fn snapshot(&self) -> Guard<Arc<Catalog>> {
        self.0.load()
    }

    /// Replaces the whole catalog; requests under way keep the one they have.
    pub fn replace(&self, catalog: Catalog) {
        self.0.store(Arc::new(catalog));
    }
}
