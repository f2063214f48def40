//! The version in production beside a model that was trained, on the rows that were held out.

use foretell_engine::evaluate::{Observed, Reference, Requirement};
use foretell_engine::fleet::{PRODUCTION, load_version};
use foretell_engine::schedule::{Measured, Rival};
use foretell_engine::store::StoreError;
use foretell_engine::train::{Data, Trained};
use foretell_engine::{OpenLimits, with_causes};

use crate::failure::{Failure, note};
use crate::store::{Session, StoreArguments};

/// The version in production, and what it answers.
pub(crate) struct Production {
    pub(crate) rival: Rival,
    /// None where it cannot be asked.
    pub(crate) observed: Option<Observed>,
}

/// Whether something is required that compares with production.
pub(crate) fn is_asked_for(required: &[Requirement]) -> bool {
    required.iter().any(|requirement| matches!(requirement.reference, Some((Reference::Production, _))))
}

/// Asks the version in production of a model, where there is one. One that cannot be asked for these rows is an error only
/// where something is required of it.
pub(crate) fn production(
    trained: &Trained,
    data: &Data,
    model: &str,
    required: &[Requirement],
    store: &StoreArguments,
) -> Result<Option<Production>, Failure> {
    let session = Session::open(store)?;
    let version = match session.run(session.store().resolve(&format!("{model}@{PRODUCTION}"))) {
        Ok(version) => version,
        Err(StoreError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(Session::failed(&error)),
    };
    let empty = Rival { version: version.version, metrics: Default::default() };
    if trained.observed.is_none() {
        return Ok(Some(Production { rival: empty, observed: None }));
    }
    let live = session.run(load_version(session.store(), &version, &OpenLimits::default()));
    let observed = match live {
        Ok(live) => trained.rival(data, &live).map_err(|error| with_causes(&error)),
        Err(error) => Err(with_causes(&error)),
    };
    match observed {
        Ok(observed) => {
            let rival = Rival { metrics: Measured::metrics(&observed), ..empty };
            Ok(Some(Production { rival, observed: Some(observed) }))
        }
        Err(reason) => {
            let what = format!("cannot compare with `{}`, which is in production", version.reference());
            if is_asked_for(required) {
                return Err(Failure::new(what).detail(reason));
            }
            note(&format!("{what}: {reason}"));
            Ok(Some(Production { rival: empty, observed: None }))
        }
    }
}
