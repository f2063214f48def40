//! What the scikit-learn wrappers (`XGBClassifier`, `XGBRegressor`, `XGBRanker`, `XGBRFClassifier`,
//! `XGBRFRegressor`) add to a booster: classes, a missing value, early stopping.

use crate::pickle::Value;
use crate::sklearn::{Input, Lowered, labels, present};
use crate::{FormatError, Limits, Problem};

use super::decode;
use super::learner::{Booster, Learner, Version};
use super::lower::{Interface, Use, lower};

/// From this release on wrappers predict with `best_iteration`, and before with `best_ntree_limit`.
const BEST_ITERATION: Version = Version(1, 4, 0);
/// From this release on files tell the number of parallel trees, so that rounds can be counted; before they have an
/// attribute `best_ntree_limit` beside `best_iteration`, which counts trees.
const PARALLEL_TREES: Version = Version(1, 6, 0);

/// A native file: answers as `Booster.predict` does, or as the wrapper that saved it.
pub(super) fn native(learner: &Learner, limits: &Limits) -> Result<Lowered, FormatError> {
    let booster = Use { interface: Interface::Booster, class: "Booster".into(), trees: None, missing: None };
    let Some(metadata) = learner.attributes.get("scikit_learn") else { return lower(learner, &booster) };
    let metadata = decode::Metadata::parse(metadata, limits)
        .map_err(|error| error.within("learner.attributes.scikit_learn"))?;
    let (class, interface) = match metadata.estimator_type.as_deref() {
        Some("classifier") => ("XGBClassifier", Interface::Classifier(metadata.classes)),
        Some("ranker") => ("XGBRanker", Interface::Regressor),
        Some("regressor") => ("XGBRegressor", Interface::Regressor),
        Some(_) | None => return lower(learner, &booster),
    };
    let usage = Use {
        interface,
        class: class.into(),
        trees: best_trees(learner, metadata.best_ntree_limit)?,
        missing: metadata.missing,
    };
    lower(learner, &usage)
}

/// Number of trees a wrapper predicts with, when training was stopped early; `ntree_limit` is the wrapper's own
/// `best_ntree_limit`.
fn best_trees(learner: &Learner, ntree_limit: Option<usize>) -> Result<Option<usize>, FormatError> {
    let Booster::Forest(forest) = &learner.booster else { return Ok(None) };
    let trees_of = |limit: usize| Some(limit.saturating_mul(learner.outputs()));
    let end_of_round = |best: usize| forest.round_ends.get(best).copied();
    let (name, number_of_trees): (_, &dyn Fn(usize) -> Option<usize>) = match learner.version {
        Some(version) if version >= PARALLEL_TREES => ("best_iteration", &end_of_round),
        Some(version) if version >= BEST_ITERATION => ("best_ntree_limit", &trees_of),
        Some(_) | None => {
            // The library takes a limit of 0, or one that is too large, for all trees.
            let trees = ntree_limit.and_then(trees_of);
            return Ok(trees.filter(|trees| (1..=forest.trees.len()).contains(trees)));
        }
    };
    let Some(text) = learner.attributes.get(name) else { return Ok(None) };
    let trees = text.parse().ok().and_then(number_of_trees).filter(|trees| *trees <= forest.trees.len());
    trees.map(Some).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        let detail = format!("`{shown}` does not fit {} trees", forest.trees.len());
        FormatError::new(learner.kind, Problem::Invalid { detail }).at(format!("learner.attributes.{name}"))
    })
}

/// A pickled wrapper, or a pickled `Booster`.
pub(crate) fn estimator(value: &Value<'_>, input: Input) -> Result<Lowered, FormatError> {
    let class = value.class().map_or_else(String::new, |class| class.name().to_owned());
    if class == "Booster" {
        let (learner, names) = booster(value)?;
        let usage = Use { interface: Interface::Booster, class, trees: None, missing: None };
        return finish(value, lower(&learner, &usage), names);
    }
    if let Some(objective) = present(value, "objective")?
        && !objective.is_text()
    {
        return Err(value.unsupported_option("objective", objective.describe(), "an objective of XGBoost"));
    }
    let held = value.field("_Booster")?;
    if held.is_none() {
        return Err(value.missing("_Booster"));
    }
    let (learner, names) = booster(&held)?;
    let interface = if class.ends_with("Classifier") {
        Interface::Classifier(match present(value, "classes_")? {
            Some(classes) => Some(labels(&classes)?),
            None => None,
        })
    } else {
        Interface::Regressor
    };
    let ntree_limit = present(value, "best_ntree_limit")?.map(|limit| limit.size()).transpose()?;
    let trees = best_trees(&learner, ntree_limit).map_err(|error| error.within(&held.path()))?;
    let usage = Use { interface, class, trees, missing: missing_value(value, input)? };
    finish(value, lower(&learner, &usage), names)
}

/// The learner in the `handle` of a `Booster`, and the feature names that releases before 1.4 keep beside it.
fn booster(value: &Value<'_>) -> Result<(Learner, Option<Vec<String>>), FormatError> {
    let handle = value.field("handle")?;
    let learner =
        decode::learner(handle.bytes()?, value.limits()).map_err(|error| error.within(&handle.path()))?;
    let names = present(value, "feature_names")?.map(|names| names.text_vector(None)).transpose()?;
    Ok((learner, names))
}

fn finish(
    value: &Value<'_>,
    lowered: Result<Lowered, FormatError>,
    names: Option<Vec<String>>,
) -> Result<Lowered, FormatError> {
    let mut lowered = lowered.map_err(|error| error.within(&value.path()))?;
    if lowered.names.is_none() {
        lowered.names = names;
    }
    Ok(lowered)
}

/// The value that counts as missing besides NaN: the parameter `missing`, and zero after a step that makes sparse
/// matrices, which do not store zeros.
fn missing_value(value: &Value<'_>, input: Input) -> Result<Option<f64>, FormatError> {
    let missing = match present(value, "missing")? {
        Some(missing) => Some(missing.float()?).filter(|missing| !missing.is_nan()),
        None => None,
    };
    match missing {
        Some(missing) if missing.is_infinite() => {
            Err(value.unsupported_option("missing", missing, "NaN or a finite number"))
        }
        Some(missing) if input.sparse && missing != 0.0 => Err(value.unsupported_option(
            "missing",
            missing,
            "NaN or 0 after a step that makes sparse matrices",
        )),
        Some(missing) => Ok(Some(missing)),
        None if input.sparse => Ok(Some(0.0)),
        None => Ok(None),
    }
}
