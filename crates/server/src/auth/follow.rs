//! The keys of the service follow those of the store.

use std::sync::Arc;
use std::time::Duration;

use foretell_engine::control::Control;
use foretell_engine::store::{self, Changes, LocalCopy, StoreError};
use tokio::time::sleep;

use super::{Access, Scope};
use crate::state::State;

/// How long the store is left alone after it failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Keeps the keys as they are in the store, for ever. While the store does not answer, they stay as they were, also
/// over a start of the service. To be run
/// on the control runtime.
pub(crate) async fn follow(state: Arc<State>, control: Control) {
    let copy = control.copy();
    let mut changes = None;
    let mut failed = false;
    loop {
        match read(&state, &control, copy.as_ref(), &mut changes).await {
            Ok(()) => failed = false,
            Err(error) => {
                // What changed in the meantime is read with everything else.
                changes = None;
                if !std::mem::replace(&mut failed, true) {
                    let copied = copy.as_ref().filter(|_| !state.gate.ready()).and_then(LocalCopy::keys);
                    copied.into_iter().for_each(|keys| state.gate.replace(keys));
                    tracing::warn!(%error, "the API keys cannot be read; those read before stay");
                }
                sleep(PAUSE).await;
            }
        }
    }
}

/// Reads the keys: at once the first time, then when something has changed.
async fn read(
    state: &State,
    control: &Control,
    copy: Option<&LocalCopy>,
    changes: &mut Option<Changes>,
) -> Result<(), StoreError> {
    let store = control.store().await?;
    let first = changes.is_none();
    let changes = changes.get_or_insert_with(|| store.changes());
    changes.next().await?;
    let keys = store.keys().await?;
    if let Some(copy) = copy
        && let Err(error) = copy.keep_keys(&keys)
    {
        tracing::warn!(%error, "the API keys cannot be copied to the data folder");
    }
    state.gate.replace(keys);
    if first && state.gate.needs_key(Access::Key(Scope::Predict)) && !state.gate.has_keys(store::now()) {
        tracing::warn!(
            "every prediction needs an API key, and there is none: \
             make one with `foretell keys create NAME --scope predict`, or set `server.auth = \"none\"`"
        );
    }
    Ok(())
}
