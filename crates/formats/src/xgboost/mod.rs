//! XGBoost models: native JSON, UBJSON and legacy binary files, and the pickled scikit-learn wrappers.
//!
//! [`decode`] turns the bytes of each format into one neutral [`learner::Learner`]; [`lower`] turns that into
//! plain data; [`wrapper`] knows what the scikit-learn classes add: classes, missing values, early stopping.

mod decode;
mod learner;
mod lower;
mod wrapper;

use foretell_model::{ModelParts, Provenance};

use crate::{FileKind, FormatError, Limits};

use learner::Learner;

pub(crate) use wrapper::estimator;

/// The kind of XGBoost file these bytes begin like, if they do.
pub fn detect(bytes: &[u8]) -> Option<FileKind> {
    decode::detect(bytes)
}

/// Reads a native model file.
///
/// # Errors
/// Bytes that do not follow the format, more than the limits allow, an objective or feature that is not supported, a
/// model that contradicts itself: each with its place in the file.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<ModelParts, FormatError> {
    let learner = decode::learner(bytes, limits)?;
    let provenance = provenance(&learner);
    Ok(wrapper::native(&learner, limits)?.into_parts(provenance))
}

fn provenance(learner: &Learner) -> Provenance {
    Provenance {
        format: learner.kind.to_string(),
        library: "XGBoost".into(),
        library_version: learner.version.map(|version| version.to_string()),
    }
}
