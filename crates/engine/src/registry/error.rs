//! Why the registry did not do what was asked.

use foretell_store::StoreError;

use super::checks::CheckError;
use super::replay::Replay;
use crate::fleet::FleetError;
use crate::live::LoadError;
use crate::open::OpenError;

/// Why a model that was loaded is not the version that was registered.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// What was stored with a version cannot be read.
    #[error("the description of `{reference}` cannot be read; it was changed by hand or is damaged")]
    Stored {
        /// The version.
        reference: String,
        /// Why.
        source: serde_json::Error,
    },
    /// It takes or gives something else.
    #[error("`{reference}` is not what was registered: {}", breaks.join("; "))]
    OtherInterface {
        /// The version.
        reference: String,
        /// How it differs.
        breaks: Vec<String>,
    },
    /// Its check rows have other predictions.
    #[error("`{reference}` does not give the predictions it was registered with")]
    Check {
        /// The version.
        reference: String,
        /// Which.
        source: CheckError,
    },
}

/// Why a version was not registered or not promoted.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file cannot be opened.
    #[error("the file cannot be registered")]
    Open(#[source] OpenError),
    /// The model that was opened cannot serve.
    #[error("the model cannot be served")]
    Load(#[source] LoadError),
    /// A version of the registry cannot be loaded.
    #[error(transparent)]
    Version(#[from] FleetError),
    /// The check rows do not have the predictions they should have.
    #[error("the check rows do not have the expected predictions")]
    Check(#[from] CheckError),
    /// What was stored with a version is not what it should be.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Callers of the version that serves now would be broken.
    #[error("`{new}` would break callers of `{old}`: {}", breaks.join("; "))]
    Breaks {
        /// The version that serves now.
        old: String,
        /// The version that was to take its place.
        new: String,
        /// What callers would miss.
        breaks: Vec<String>,
    },
    /// More predictions would change than may.
    #[error(
        "`{}` would change {:.1} % of {} predictions of `{}`, at most {:.1} % may change",
        replay.new, 100.0 * replay.share(), replay.rows, replay.old, 100.0 * most
    )]
    Changes {
        /// How they would change.
        replay: Box<Replay>,
        /// The share that may.
        most: f64,
    },
    /// There is nothing to compare a version with.
    #[error(
        "there is nothing to replay: no version of `{model}` serves under the alias, or none of its requests are \
         recorded whole ({unusable} rows are not)"
    )]
    NothingToReplay {
        /// The model.
        model: String,
        /// Recorded rows that cannot be asked again.
        unusable: u64,
    },
    /// The registry or the storage of the files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The work panicked or was cut short.
    #[error("the work was not finished")]
    Unfinished(#[from] tokio::task::JoinError),
}

impl RegistryError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Breaks { .. } => Some("promote with force if all callers have changed"),
            Self::Changes { .. } | Self::NothingToReplay { .. } => {
                Some("promote with force, or without a replay")
            }
            Self::Open(_)
            | Self::Load(_)
            | Self::Version(_)
            | Self::Check(_)
            | Self::Verify(_)
            | Self::Store(_)
            | Self::Unfinished(_) => None,
        }
    }
}
