//! What a thread knows of the models: prepared once for each catalog, and shared without counting across threads.

use std::rc::Rc;
use std::sync::Arc;

use foretell_engine::log::{Log, Plan};
use foretell_engine::{Catalog, LiveModel, Rollout};

use super::encode::Envelope;
use super::outputs::Outputs;

/// A model, and what all requests for it have in common.
#[derive(Debug)]
pub(crate) struct Served {
    /// The model.
    pub(crate) live: Arc<LiveModel>,
    /// What it answers unless told otherwise.
    pub(super) defaults: Outputs,
    pub(super) envelope: Envelope,
    /// How its answers are recorded, where they are.
    pub(crate) log: Option<Arc<Plan>>,
    /// How the requests for its name are divided, where it is the version under the bare name.
    pub(super) rollout: Option<Arc<Rollout>>,
}

/// The models of a catalog, in its order.
#[derive(Debug)]
pub(crate) struct Shelf {
    log: Option<Arc<Log>>,
    /// The catalog that was prepared; held, so that no other one has its address.
    catalog: Option<Arc<Catalog>>,
    models: Vec<Rc<Served>>,
}

impl Shelf {
    /// Without models yet, for a service that records predictions or not.
    pub(crate) fn new(log: Option<&Arc<Log>>) -> Self {
        Self { log: log.cloned(), catalog: None, models: Vec::new() }
    }

    /// The models of the catalog that is served now. Those of the one before are let go.
    pub(crate) fn of(&mut self, catalog: &Arc<Catalog>) -> &[Rc<Served>] {
        if !self.catalog.as_ref().is_some_and(|known| Arc::ptr_eq(known, catalog)) {
            let prepared = catalog.models().iter().map(|live| {
                let bare = catalog.get(live.name()).is_some_and(|first| Arc::ptr_eq(first, live));
                let rollout = bare.then(|| catalog.rollout(live.name()).cloned()).flatten();
                Rc::new(Served {
                    live: Arc::clone(live),
                    defaults: Outputs::of(live),
                    envelope: Envelope::new(live),
                    log: plan(self.log.as_deref(), live).map(Arc::new),
                    rollout,
                })
            });
            self.models = prepared.collect();
            self.catalog = Some(Arc::clone(catalog));
        }
        &self.models
    }
}

/// How the answers of a model are recorded, where they are.
pub(super) fn plan(log: Option<&Log>, model: &LiveModel) -> Option<Plan> {
    let outputs = Outputs::of(model).iter().map(|output| (output.name, output.method)).collect();
    log?.plan(model, outputs)
}
