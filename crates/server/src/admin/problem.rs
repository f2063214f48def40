//! How what the engine and the store refuse is answered.

use foretell_engine::control::ControlError;
use foretell_engine::registry::RegistryError;
use foretell_engine::schedule::NotStarted;
use foretell_engine::store::StoreError;
use foretell_engine::with_causes;

use crate::problem::Problem;

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Store(error) => error.into(),
            ControlError::Unfinished => Self::Internal,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::NotThere { detail: format!("there is {error}") },
            StoreError::Conflict { reason } => Self::Conflict { detail: reason },
            StoreError::Invalid { .. } => Self::invalid(Vec::new(), "invalid_value", error.to_string()),
            StoreError::Unavailable { .. } => {
                tracing::warn!(error = with_causes(&error), "the database is not available");
                Self::NoDatabase
            }
            // What is wrong with the database is for whoever runs the service.
            StoreError::Database { .. }
            | StoreError::Url { .. }
            | StoreError::Folder { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::Malformed { .. }
            | StoreError::Artifact { .. }
            | StoreError::Storage { .. }
            | StoreError::Random { .. } => {
                tracing::error!(error = with_causes(&error), "the store failed");
                Self::Internal
            }
        }
    }
}

impl From<NotStarted> for Problem {
    fn from(error: NotStarted) -> Self {
        let detail = error.to_string();
        match error {
            NotStarted::Unknown(_) => Self::NotThere { detail },
            NotStarted::Busy(_) => Self::Conflict { detail },
            NotStarted::Store(error) => error.into(),
        }
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        let mut detail = with_causes(&error);
        if let Some(hint) = error.hint() {
            detail = format!("{detail}; {hint}");
        }
        match error {
            RegistryError::Store(error) => error.into(),
            RegistryError::Unfinished(_) => Self::Internal,
            RegistryError::Open(_) | RegistryError::Load(_) | RegistryError::Check(_) => {
                Self::invalid(Vec::new(), "refused", detail)
            }
            RegistryError::Version(_)
            | RegistryError::Verify(_)
            | RegistryError::Breaks { .. }
            | RegistryError::Changes { .. }
            | RegistryError::NothingToReplay { .. } => Self::Conflict { detail },
        }
    }
}
