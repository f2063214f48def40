//! What a thread knows of the models: prepared once for each catalog, and shared without counting across threads.

use std::rc::Rc;
use std::sync::Arc;

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
    /// How the requests for its name are divided, where it is the version under the bare name.
    pub(super) rollout: Option<Arc<Rollout>>,
}

/// The models of a catalog, in its order.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// The catalog that was prepared; held, so that no other one has its address.
    catalog: Option<Arc<Catalog>>,
    models: Vec<Rc<Served>>,
}

impl Shelf {
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
                    rollout,
                })
            });
            self.models = prepared.collect();
            self.catalog = Some(Arc::clone(catalog));
        }
        &self.models
    }
}
