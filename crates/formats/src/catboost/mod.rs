//! CatBoost models: binary (`.cbm`) and JSON files, and pickled `CatBoostClassifier`, `CatBoostRegressor`, `CatBoostRanker` and
//! `CatBoost`, which hold the binary form.
//!
//! [`binary`] (over [`flatbuffer`]) and [`json`] decode to one [`content::Content`]; [`categories`] turns what was learnt of
//! categories, [`trees`] the trees and [`objective`] the meaning of their scores into plain data.

mod binary;
mod categories;
mod content;
mod flatbuffer;
mod json;
mod objective;
mod trees;

use foretell_model::{Fitted, ModelParts, Part, Pipeline, Provenance};

use crate::pickle::Value;
use crate::sklearn::{Input, Lowered, Naming};
use crate::{FileKind, FormatError, Limits};

use content::Content;
use flatbuffer::Budget;
use objective::Interface;

/// Reads a model file: JSON where `kind` says so, else binary.
///
/// # Errors
/// Bytes that do not follow the format, more than the limits allow, a loss function, type of feature or part that is not
/// supported, a model that contradicts itself: each with its place in the file.
pub(crate) fn read(bytes: &[u8], kind: FileKind, limits: &Limits) -> Result<ModelParts, FormatError> {
    let budget = Budget::new(bytes.len(), limits);
    let content = if kind == FileKind::CatboostJson {
        json::decode(bytes, &budget)?
    } else {
        binary::decode(bytes, &budget)?
    };
    let provenance = Provenance {
        format: content.kind.to_string(),
        library: "CatBoost".into(),
        library_version: content.info.version(),
    };
    Ok(lower(&content, Interface::OfLoss, None)?.into_parts(provenance))
}

/// A pickled estimator.
pub(crate) fn estimator(value: &Value<'_>, _: Input) -> Result<Lowered, FormatError> {
    let class = value.class().map_or_else(String::new, |class| class.name().to_owned());
    let model = value.field("__model")?;
    let bytes = model.bytes()?;
    let budget = Budget::new(bytes.len(), value.limits());
    let interface = if class == "CatBoost" { Interface::Raw } else { Interface::OfLoss };
    let lowered = binary::decode(bytes, &budget).and_then(|content| lower(&content, interface, Some(class)));
    lowered.map_err(|error| error.within(&model.path()))
}

/// Lowers a decoded model, which answers as a class of the library does; where none is named, as that which fits the
/// loss function.
fn lower(content: &Content<'_>, interface: Interface, class: Option<String>) -> Result<Lowered, FormatError> {
    content.check()?;
    let (steps, columns) = categories::steps(content)?;
    let estimator = trees::estimator(content, &columns)?;
    let (head, task, usual) = objective::head(content, interface)?;
    Ok(Lowered {
        pipeline: Pipeline { steps, estimator: Some(Fitted { estimator, head }), ..Pipeline::default() },
        features: Some(categories::features(content)),
        names: names(content),
        task,
        part: Part { class: class.unwrap_or_else(|| usual.to_owned()), ..Part::default() },
        sparse: false,
        library_version: content.info.version(),
        naming: Naming::Unknown,
    })
}

/// The names of the features, unless they are their positions, which the library makes up.
fn names(content: &Content<'_>) -> Option<Vec<String>> {
    let mut names: Vec<String> =
        (0..categories::features(content)).map(|position| position.to_string()).collect();
    let mut named = false;
    for feature in content.features() {
        if !feature.name.is_empty() && feature.name != names[feature.position] {
            named = true;
            names[feature.position].clone_from(&feature.name);
        }
    }
    named.then_some(names)
}
