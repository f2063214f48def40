//! The use cases of the registry: a file becomes a version, a version gets an alias when nothing stands against it.
//!
//! What needs no model (lists, archiving, deleting, keys) is done by the [`Store`](foretell_store::Store) itself. Every
//! act is recorded with who did it, those that were refused too.

mod checks;
mod error;
mod interface;
mod promote;
mod register;
mod replay;

use foretell_store::{Act, Actor, Store, Version};
use serde_json::Value;

pub use self::checks::{CheckError, Checks, TOLERANCE};
pub use self::error::{RegistryError, VerifyError};
pub use self::interface::{Interface, InterfaceFeature};
pub use self::promote::{Promoted, Promotion, promote, rollback};
pub use self::register::{Registration, register};
pub use self::replay::{Change, ClassChange, MOST_REQUESTS, Moves, Replay, ReplayOptions};
use crate::live::LiveModel;

/// Fails when a model that was loaded is not the version that was registered: it takes or gives something else, or its
/// check rows have other predictions.
///
/// # Errors
/// As said.
pub fn verify(model: &LiveModel, version: &Version) -> Result<(), VerifyError> {
    let reference = || version.reference();
    let breaks = stored_interface(version)?.breaks(&Interface::of(model));
    if !breaks.is_empty() {
        return Err(VerifyError::OtherInterface { reference: reference(), breaks });
    }
    if let Some(checks) = &version.checks {
        let checks: Checks = serde_json::from_value(checks.clone())
            .map_err(|source| VerifyError::Stored { reference: reference(), source })?;
        checks.run(model).map_err(|source| VerifyError::Check { reference: reference(), source })?;
    }
    Ok(())
}

/// What callers of a version rely on, as it was stored with it.
fn stored_interface(version: &Version) -> Result<Interface, VerifyError> {
    serde_json::from_value(version.schema.clone())
        .map_err(|source| VerifyError::Stored { reference: version.reference(), source })
}

/// Records that an act was refused; should even that fail, the refusal itself is what the caller needs to hear.
async fn record_refusal(
    store: &Store,
    actor: &Actor,
    action: &str,
    target: String,
    details: Value,
    error: &RegistryError,
) {
    let act =
        Act { actor: actor.clone(), action: action.to_owned(), target, details, outcome: error.to_string() };
    if let Err(error) = store.audit(&act).await {
        tracing::warn!(%error, action, "cannot record an act that was refused");
    }
}
