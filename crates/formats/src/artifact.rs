//! foretell's own files, which `foretell convert` and `foretell train` write.

use foretell_model::ModelParts;
use foretell_model::artifact::{self, ArtifactError};

use crate::{FileKind, FormatError, Limits, Problem};

/// Bytes of a model's memory that are allowed whatever the size of its file.
const ALWAYS: usize = 64 << 20;

/// Reads an artifact. Its format tells what the model was converted from.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<ModelParts, FormatError> {
    let ratio = bytes.len().saturating_mul(limits.max_model_ratio).saturating_add(ALWAYS);
    let mut parts = artifact::decode_parts(bytes, ratio.min(limits.max_model_bytes))
        .map_err(|error| refusal(error, limits))?;
    let format = &mut parts.provenance.format;
    if !format.starts_with(artifact::FORMAT) {
        let before = std::mem::replace(format, artifact::FORMAT.to_owned());
        if !before.is_empty() {
            *format += &format!(" (from {before})");
        }
    }
    Ok(parts)
}

/// The metadata of a file that is an artifact.
///
/// # Errors
/// Damage.
pub fn metadata(bytes: &[u8]) -> Result<Option<&str>, FormatError> {
    if !artifact::detect(bytes) {
        return Ok(None);
    }
    artifact::metadata(bytes).map(Some).map_err(|error| refusal(error, &Limits::default()))
}

fn refusal(error: ArtifactError, limits: &Limits) -> FormatError {
    let problem = match error {
        ArtifactError::TooLarge { .. } => {
            Problem::LimitExceeded { limit: "max_model_bytes", allowed: limits.max_model_bytes as u64 }
        }
        ArtifactError::Model(error) => Problem::Model(error),
        ArtifactError::NotAnArtifact
        | ArtifactError::NewerLayout { .. }
        | ArtifactError::Damaged { .. }
        | ArtifactError::Unknown { .. }
        | ArtifactError::Invalid { .. } => Problem::Invalid { detail: error.to_string() },
    };
    FormatError::new(FileKind::Artifact, problem)
}
