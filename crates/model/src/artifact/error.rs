//! Why an artifact cannot be read.

use crate::ModelError;

/// Why bytes are not a readable artifact.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArtifactError {
    /// They do not begin as an artifact does.
    #[error("expected a foretell artifact, got something else")]
    NotAnArtifact,
    /// They have a layout from the future.
    #[error("expected an artifact of version 1, got version {version}: update foretell to read it")]
    NewerLayout {
        /// The version.
        version: u32,
    },
    /// They are not what was written.
    #[error("{place} is damaged ({problem}): copy the file again, or convert or train the model again")]
    Damaged {
        /// The part of the file, such as `section F64_`.
        place: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The structure has a name that is not known.
    #[error("{place} has an unknown `{name}`: update foretell to read this artifact")]
    Unknown {
        /// The type or section.
        place: String,
        /// The name.
        name: String,
    },
    /// The structure is not one.
    #[error("the structure is invalid at byte {offset}: expected {expected}, got {got}")]
    Invalid {
        /// Where, from the beginning of the structure.
        offset: usize,
        /// What must be there.
        expected: String,
        /// What is there.
        got: String,
    },
    /// The model would take more memory than is allowed.
    #[error("the model takes more than {memory} bytes of memory, the most that is allowed")]
    TooLarge {
        /// The bytes that are allowed.
        memory: usize,
    },
    /// The model contradicts itself.
    #[error(transparent)]
    Model(#[from] ModelError),
}
