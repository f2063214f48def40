//! Forests whose trees are drawn at random: `IsolationForest` and `RandomTreesEmbedding`.

use foretell_frame::Shape;
use foretell_model::estimator::{Average, Trees};
use foretell_model::head::Outlier;
use foretell_model::step::{Answer, Arithmetic, Function, Predict, Scale};
use foretell_model::{Estimator, Fitted, Head, Step};

use super::classes::regressor;
use super::naming::Naming;
use super::trees::{LeafValues, append, average_path_length, no_trees};
use super::{Input, Lowered, Result, Version, count, lower, present};
use crate::pickle::Value;

/// `IsolationForest`: the shorter the paths that isolate a row, the lower its score.
pub(super) fn isolation_forest(value: &Value<'_>, input: Input) -> Result<Lowered> {
    Version::expect_from(value, 0, 21, "measured paths otherwise")?;
    if !present(value, "behaviour")?.is_some_and(|setting| setting.text() == Ok("new")) {
        Version::expect_from(value, 0, 22, "decided by a threshold of its own unless `behaviour` was `new`")?;
    }
    let features = features(value)?;
    let members = value.field("estimators_")?.items()?;
    let selections = value.field("estimators_features_")?;
    let all = selections.items()?;
    if all.len() != members.len() {
        return Err(selections.mismatch(format_args!("{} selections", members.len()), all.len()));
    }
    let mut trees = no_trees(features, 1);
    trees.average = Average::SumThenBase;
    // Since 1.6 nothing is refused; the trees know where a missing value goes.
    let any_number = Version::of(value)? >= Version(1, 6) && !input.sparse;
    trees.missing = any_number;
    trees.infinite = any_number;
    for (member, selection) in members.iter().zip(&all) {
        let column = |column: i64| usize::try_from(column).ok().filter(|&column| column < features);
        let columns = selection.i64_vector(None)?.into_iter().map(column).collect::<Option<Vec<_>>>();
        let columns =
            columns.ok_or_else(|| selection.mismatch(format_args!("columns of {features}"), "others"))?;
        let first = trees.nodes.feature.len();
        trees.features = columns.len();
        append(&mut trees, &member.field("tree_")?, &LeafValues::PathLengths)?;
        trees.output_of_tree.push(0);
        if !columns.is_empty() {
            trees.nodes.feature[first..].iter_mut().for_each(|at| *at = columns[*at as usize] as u32);
        }
    }
    trees.features = features;

    // Before 1.8 the bag itself knows it under another name.
    let samples = match present(value, "_max_samples")? {
        Some(samples) => samples,
        None => value.field("max_samples_")?,
    };
    let whole = members.len() as f64 * average_path_length(samples.int()?);
    let head = Head::Outlier(Outlier {
        offset: value.field("offset_")?.float()?,
        equal_inlier: true,
        column: false,
    });
    if whole == 0.0 {
        // Trees of one training row have no paths to compare; before 1.1 that was a division by zero.
        if Version::of(value)? < Version(1, 1) {
            return Err(samples.mismatch("at least 2 rows in each tree", samples.describe()));
        }
        return Ok(Lowered::estimator(features, Estimator::Constant(vec![-0.5]), head));
    }
    let share = Scale { operations: vec![Arithmetic::Divide(vec![whole])], ..Scale::default() };
    let mut lowered = Lowered::estimator(features, Estimator::Columns, head);
    lowered.pipeline.steps = vec![
        answers(trees),
        Step::Scale(share),
        Step::Elementwise(vec![Function::Negative, Function::Exp2, Function::Negative]),
    ];
    Ok(lowered)
}

/// `RandomTreesEmbedding`: one indicator per leaf of each tree.
pub(super) fn random_trees_embedding(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let features = features(value)?;
    let members = value.field("estimators_")?.items()?;
    let mut trees = no_trees(features, members.len());
    trees.average = Average::SumThenBase;
    for (position, member) in members.iter().enumerate() {
        append(&mut trees, &member.field("tree_")?, &LeafValues::Numbers)?;
        trees.output_of_tree.push(position as u32);
    }
    let encoder = value.field("one_hot_encoder_")?;
    let encoded = lower(&encoder, Input::default())?;
    if encoded.features != Some(members.len()) {
        return Err(encoder.mismatch(format_args!("{} columns", members.len()), encoder.describe()));
    }
    let (naming, sparse) = (encoded.naming.clone(), encoded.sparse);
    let mut steps = vec![answers(trees)];
    steps.extend(encoded.into_steps(&encoder)?);
    let prefix = |tree| format!("randomtreesembedding_{tree}");
    let names = naming.names(&(0..members.len()).map(prefix).collect::<Vec<_>>());
    Ok(Lowered::transformer(features, steps, sparse).naming(names.map_or(Naming::Unknown, Naming::Listed)))
}

/// The raw scores of trees in place of the columns.
fn answers(trees: Trees) -> Step {
    let shape = Shape::Matrix(trees.outputs);
    let fitted = Fitted { estimator: Estimator::Trees(trees), head: regressor(shape) };
    Step::Predict(Box::new(Predict { fitted, answer: Answer::Value }))
}

/// Number of features; before 1.0 forests wrote it under another name.
fn features(value: &Value<'_>) -> Result<usize> {
    match present(value, "n_features_in_")? {
        Some(features) => count(&features),
        None => count(&value.field("n_features_")?),
    }
}
