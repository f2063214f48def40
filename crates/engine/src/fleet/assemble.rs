//! Which versions are wanted, and the catalog of those that are in memory.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use foretell_store::{Alias, Deployment, Role, Version};

use super::{Fleet, FleetError, Origin, PRODUCTION, Which, key};
use crate::catalog::Catalog;
use crate::causes::with_causes;
use crate::live::LiveModel;
use crate::rollout::{Canary, Rollout};

/// A name of the registry that is served, and the versions that are wanted for it.
#[derive(Debug)]
pub(super) struct Wanted<'d> {
    pub(super) name: String,
    pub(super) front: &'d Version,
    /// The other aliases of the same model.
    pub(super) others: Vec<(&'d Alias, &'d Version)>,
}

impl Fleet {
    /// The names of the registry that are to be served, each once, with what an alias of them stands for in
    /// `deployment`.
    pub(super) fn wanted<'d>(&'d self, deployment: &'d Deployment) -> Vec<Wanted<'d>> {
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
    pub(super) fn refuse_missing(&self) -> Result<(), FleetError> {
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
    pub(super) fn swap(&mut self) {
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
    pub(super) fn assemble(&mut self) -> Result<Catalog, FleetError> {
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
}
