//! Compositions: `Pipeline`, `FeatureUnion` and the searches around them.

use foretell_model::step::{Branch, Step};
use foretell_model::{Part, Pipeline};

use super::{Input, Lowered, Naming, Result, count, lower, naming, present};
use crate::pickle::Value;

/// `Pipeline`: steps one after another, the last may be an estimator.
pub(super) fn pipeline(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let entries = value.field("steps")?.items()?;
    let mut whole = Lowered::transformer(None, Vec::new(), input.sparse);
    let mut namings = Vec::new();
    for (position, entry) in entries.iter().enumerate() {
        let (name, step) = (entry.at(0)?.text()?, entry.part(1)?);
        if step.is_none() || is_word(&step, "passthrough") {
            whole.part.parts.push(word_part(name, "passthrough"));
            continue;
        }
        let lowered = lower(&step, Input { sparse: whole.sparse, ..input })?;
        if whole.features.is_none() {
            // Steps before the first that counts its columns keep columns and names as they are.
            whole.features = lowered.features;
            whole.names.clone_from(&lowered.names);
        }
        whole.task = lowered.task;
        whole.sparse = lowered.sparse;
        whole.part.parts.push(lowered.part_named(name));
        namings.push(lowered.naming.clone());
        if position + 1 == entries.len() {
            whole.pipeline.scoring = lowered.pipeline.scoring;
            whole.pipeline.estimator = lowered.pipeline.estimator;
            whole.pipeline.transform = lowered.pipeline.transform;
            whole.pipeline.steps.extend(lowered.pipeline.steps);
        } else {
            whole.pipeline.steps.extend(lowered.into_steps(&step)?);
        }
    }
    Ok(whole.naming(Naming::Chain(namings)))
}

/// `GridSearchCV` and its relatives: they answer as the best pipeline, fitted again on all data, does.
pub(super) fn search(value: &Value<'_>, input: Input) -> Result<Lowered> {
    lower(&value.field("best_estimator_")?, input)
}

/// `RANSACRegressor`: it answers as the estimator that was fitted on the inliers does.
pub(super) fn ransac(value: &Value<'_>, input: Input) -> Result<Lowered> {
    lower(&value.field("estimator_")?, input)
}

/// `FrozenEstimator`: it answers as the estimator it holds does.
pub(super) fn frozen(value: &Value<'_>, input: Input) -> Result<Lowered> {
    lower(&value.field("estimator")?, input)
}

/// `SelfTrainingClassifier`: it answers as the estimator that was fitted last does.
pub(super) fn self_training(value: &Value<'_>, input: Input) -> Result<Lowered> {
    match present(value, "estimator_")? {
        Some(estimator) => lower(&estimator, input),
        // Before 1.6.
        None => lower(&value.field("base_estimator_")?, input),
    }
}

/// `RFE` and `RFECV`: a selection of columns, and the estimator that was fitted on them.
pub(super) fn recursive_elimination(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let support = value.field("support_")?.bool_vector(None)?;
    let selected: Vec<usize> = (0..support.len()).filter(|&column| support[column]).collect();
    let stored = value.field("estimator_")?;
    let mut lowered = lower(&stored, input)?;
    if lowered.features.is_some_and(|features| features != selected.len()) {
        return Err(stored.mismatch(format_args!("{} columns", selected.len()), stored.describe()));
    }
    lowered.features = Some(support.len());
    lowered.names = None;
    lowered.sparse = input.sparse;
    let Pipeline { steps, scoring, estimator, .. } = lowered.pipeline;
    lowered.pipeline = Pipeline {
        steps: vec![Step::Select(selected)],
        scoring: [steps, scoring].concat(),
        estimator,
        transform: Some(Vec::new()),
        flat: false,
    };
    let inner = std::mem::take(&mut lowered.part);
    lowered.part.class = value.class().map_or_else(String::new, |class| class.name().to_owned());
    lowered.part.parts = vec![inner];
    Ok(lowered)
}

/// `FeatureUnion`: transformers that each see all columns, side by side.
pub(super) fn feature_union(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let mut parts = Vec::new();
    let mut branches = Vec::new();
    let mut namings = Vec::new();
    let prefixed =
        present(value, "verbose_feature_names_out")?.map_or(Ok(true), |prefixed| prefixed.bool())?;
    let (mut features, mut names) = (None, None);
    let mut sparse = false;
    for entry in value.field("transformer_list")?.items()? {
        let (name, transformer) = (entry.at(0)?.text()?, entry.part(1)?);
        if transformer.is_none() || is_word(&transformer, "drop") {
            parts.push(word_part(name, "drop"));
            continue;
        }
        let mut steps = Vec::new();
        let mut naming = Naming::Same;
        if is_word(&transformer, "passthrough") {
            parts.push(word_part(name, "passthrough"));
            sparse |= input.sparse;
        } else {
            let lowered = lower(&transformer, input)?;
            parts.push(lowered.part_named(name));
            sparse |= lowered.sparse;
            features = features.or(lowered.features);
            names = names.or_else(|| lowered.names.clone());
            naming = lowered.naming.clone();
            steps = lowered.into_steps(&transformer)?;
        }
        branches.push(Branch { columns: Vec::new(), steps, weight: weight(value, name)? });
        let prefix = if prefixed { format!("{name}__") } else { String::new() };
        namings.push(naming::Branch { prefix, columns: None, naming });
    }
    let features = match features {
        Some(features) => features,
        None => count(&value.field("n_features_in_")?)?,
    };
    for branch in &mut branches {
        branch.columns = (0..features).collect();
    }
    let mut union = Lowered::transformer(features, vec![Step::Parallel(branches)], sparse);
    union.names = names;
    union.part.parts = parts;
    Ok(union.naming(Naming::Parallel(namings)))
}

/// The entry of `transformer_weights` for a transformer.
pub(super) fn weight(value: &Value<'_>, name: &str) -> Result<Option<f64>> {
    let Some(weights) = present(value, "transformer_weights")? else { return Ok(None) };
    for (key, weight) in weights.pairs()? {
        if key.text()? == name {
            return weight.float().map(Some);
        }
    }
    Ok(None)
}

/// Is this text, and this word?
pub(super) fn is_word(value: &Value<'_>, word: &str) -> bool {
    value.is_text() && value.text().is_ok_and(|text| text == word)
}

/// A part that is a word in place of a transformer.
pub(super) fn word_part(name: &str, word: &str) -> Part {
    Part { name: name.to_owned(), class: word.to_owned(), parts: Vec::new() }
}
