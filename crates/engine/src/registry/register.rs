//! From the bytes of a file to a numbered version.

use bytes::Bytes;
use foretell_store::{Actor, NewVersion, Source, Store, Version};
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use super::checks::Checks;
use super::error::RegistryError;
use super::interface::Interface;
use super::record_refusal;
use crate::given::Given;
use crate::live::{LiveModel, Naming};
use crate::open::{OpenLimits, open_bytes};

/// A file to be registered.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The name of the model; a new name makes a new model.
    pub name: String,
    /// The whole file.
    pub bytes: Bytes,
    /// What the file is called.
    pub file_name: Option<String>,
    /// What the file does not tell.
    pub given: Given,
    /// Rows whose predictions are known.
    pub checks: Option<Checks>,
    /// Metrics, parameters, notes: anything worth knowing of it.
    pub metadata: Map<String, Value>,
    /// Who registers it.
    pub actor: Actor,
}

/// Opens a file, runs its check rows, stores its bytes, and gives it the next number of its model. No alias moves.
///
/// # Errors
/// The file is refused, its check rows do not have the expected predictions, or the store does not take it.
pub async fn register(
    store: &Store,
    registration: Registration,
    limits: &OpenLimits,
) -> Result<Version, RegistryError> {
    let (actor, name) = (registration.actor.clone(), registration.name.clone());
    let details = json!({ "file": registration.file_name });
    let result = try_register(store, registration, limits).await;
    if let Err(error) = &result {
        record_refusal(store, &actor, "version.add", name, details, error).await;
    }
    result
}

async fn try_register(
    store: &Store,
    registration: Registration,
    limits: &OpenLimits,
) -> Result<Version, RegistryError> {
    let (limits, size) = (limits.clone(), registration.bytes.len() as u64);
    let opened = spawn_blocking(move || {
        let Registration { name, bytes, given, checks, .. } = &registration;
        // Artifacts are named by the digest of the file itself, so that anybody can compare the two.
        let opened = open_bytes(bytes, &limits).map_err(RegistryError::Open)?;
        let naming = Naming { name: name.clone(), given: given.clone(), ..Naming::default() };
        let model = LiveModel::new(opened, naming).map_err(RegistryError::Load)?;
        if let Some(checks) = checks {
            checks.run(&model)?;
        }
        Ok::<_, RegistryError>((model, registration))
    });
    let (model, registration) = opened.await??;
    let provenance = model.provenance();
    let mut metadata = registration.metadata;
    metadata.insert("estimator".into(), model.estimator().into());
    metadata.insert("steps".into(), model.steps().iter().map(|step| step.class.as_str()).collect());
    let source = Source {
        format: provenance.format.clone(),
        library: provenance.library.clone(),
        library_version: provenance.library_version.clone(),
        sha256: model.facts().sha256.clone(),
        file_name: registration.file_name,
    };
    let schema = json!(Interface::of(&model));
    let artifact = store.artifacts().put(registration.bytes).await?;
    let version = store.add_version(NewVersion {
        model: registration.name,
        created_by: registration.actor,
        artifact,
        bytes: size,
        source,
        metadata: Value::Object(metadata),
        schema,
        naming: (!registration.given.is_empty()).then(|| json!(registration.given)),
        checks: registration.checks.map(|checks| json!(checks)),
    });
    Ok(version.await?)
}
