//! What estimators say of their columns: `coef_` and `feature_importances_`, which selections of columns depend on.

use super::{Result, count, present};
use crate::pickle::Value;

/// What `importance_getter` gives of a fitted estimator.
pub(super) enum Importance<'p> {
    /// The attribute of this value.
    Coefficients(Value<'p>),
    /// One number per column.
    OfColumns(Vec<f64>),
}

/// Reads the importances that `importance_getter` names; `None` stands for `auto`.
pub(super) fn importance<'p>(estimator: &Value<'p>, getter: Option<&Value<'p>>) -> Result<Importance<'p>> {
    let Some(getter) = getter else { return automatic(estimator) };
    if !getter.is_text() {
        let supported = "`auto` or a dotted name";
        return Err(estimator.unsupported_option("importance_getter", getter.describe(), supported));
    }
    let path = getter.text()?;
    if path == "auto" {
        return automatic(estimator);
    }
    let mut here = estimator.clone();
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        match name {
            "feature_importances_" if names.peek().is_none() => {
                return of_trees(&here).map(Importance::OfColumns);
            }
            "named_steps" | "steps" => {
                let wanted = names.next().unwrap_or_default();
                let steps = here.field("steps")?.items()?;
                let mut found = None;
                for entry in &steps {
                    if entry.at(0)?.text()? == wanted {
                        found = Some(entry.part(1)?);
                    }
                }
                here = found.ok_or_else(|| getter.mismatch("a step of the pipeline", wanted))?;
            }
            _ => here = here.field(name)?,
        }
    }
    Ok(Importance::Coefficients(here))
}

fn automatic<'p>(estimator: &Value<'p>) -> Result<Importance<'p>> {
    match present(estimator, "coef_")? {
        Some(coefficients) => Ok(Importance::Coefficients(coefficients)),
        None => of_trees(estimator).map(Importance::OfColumns),
    }
}

/// `feature_importances_` of trees and ensembles of them, which is no attribute but computed when it is asked for.
fn of_trees(estimator: &Value<'_>) -> Result<Vec<f64>> {
    let class = estimator.class().filter(|class| class.package() == "sklearn").map(|class| class.name());
    match class {
        Some(
            "DecisionTreeClassifier" | "DecisionTreeRegressor" | "ExtraTreeClassifier" | "ExtraTreeRegressor",
        ) => of_tree(estimator, true),
        Some(
            "RandomForestClassifier" | "RandomForestRegressor" | "ExtraTreesClassifier" | "ExtraTreesRegressor",
        ) => mean(estimator, true),
        Some("GradientBoostingClassifier" | "GradientBoostingRegressor") => mean(estimator, false),
        Some("AdaBoostClassifier" | "AdaBoostRegressor") => weighted(estimator),
        _ => Err(estimator.unsupported_option(
            "estimator",
            estimator.describe(),
            "an estimator with coefficients (`coef_`), trees of scikit-learn or an ensemble of them; or put the \
             columns that `get_support()` tells into a `ColumnTransformer`",
        )),
    }
}

/// The mean over the trees that have a split, divided by its sum.
fn mean(estimator: &Value<'_>, normalize: bool) -> Result<Vec<f64>> {
    let mut sums = vec![0.0; features(estimator)?];
    let mut trees = 0;
    for tree in estimator.field("estimators_")?.items()? {
        if tree.field("tree_")?.field("node_count")?.size()? > 1 {
            add(&mut sums, &of_tree(&tree, normalize)?, 1.0);
            trees += 1;
        }
    }
    if trees > 0 {
        sums.iter_mut().for_each(|sum| *sum /= f64::from(trees));
        let total = numpy_sum(&sums);
        sums.iter_mut().for_each(|sum| *sum /= total);
    }
    Ok(sums)
}

/// The weighted mean over the members.
fn weighted(estimator: &Value<'_>) -> Result<Vec<f64>> {
    let members = estimator.field("estimators_")?.items()?;
    let weights = estimator.field("estimator_weights_")?.f64_vector(None)?;
    let mut sums = vec![0.0; features(estimator)?];
    for (member, weight) in members.iter().zip(&weights) {
        add(&mut sums, &of_trees(member)?, *weight);
    }
    let total = numpy_sum(&weights);
    sums.iter_mut().for_each(|sum| *sum /= total);
    Ok(sums)
}

fn add(sums: &mut [f64], importances: &[f64], weight: f64) {
    sums.iter_mut().zip(importances).for_each(|(sum, importance)| *sum += weight * importance);
}

fn features(estimator: &Value<'_>) -> Result<usize> {
    match present(estimator, "n_features_in_")? {
        Some(features) => count(&features),
        None => count(&estimator.field("n_features_")?),
    }
}

/// What the splits on each column took from the impurity (`sklearn.tree._tree.Tree.compute_feature_importances`).
fn of_tree(estimator: &Value<'_>, normalize: bool) -> Result<Vec<f64>> {
    let stored = estimator.field("tree_")?.field("nodes")?;
    let nodes = stored.array()?;
    let (left, right) = (nodes.column_i64("left_child")?, nodes.column_i64("right_child")?);
    let feature = nodes.column_i64("feature")?;
    let (impurity, weight) = (nodes.column_f64("impurity")?, nodes.column_f64("weighted_n_node_samples")?);
    let mut importances = vec![0.0; features(estimator)?];
    let share = |node: i64| {
        let node = usize::try_from(node).ok()?;
        Some(weight.get(node)? * impurity.get(node)?)
    };
    for node in (0..left.len()).filter(|&node| left[node] != -1) {
        let column = usize::try_from(feature[node]).ok().and_then(|column| importances.get_mut(column));
        let (Some(column), Some(left), Some(right)) = (column, share(left[node]), share(right[node])) else {
            return Err(
                stored.invalid(format_args!("node {node} has children or a feature that do not exist"))
            );
        };
        *column += weight[node] * impurity[node] - left - right;
    }
    let whole = weight.first().copied().unwrap_or(1.0);
    importances.iter_mut().for_each(|importance| *importance /= whole);
    let total = numpy_sum(&importances);
    if normalize && total > 0.0 {
        importances.iter_mut().for_each(|importance| *importance /= total);
    }
    Ok(importances)
}

/// The sum in numpy's order (`pairwise_sum` of its loops), so that what lies exactly at a threshold stays there.
pub(super) fn numpy_sum(values: &[f64]) -> f64 {
    /// Numbers that are summed without halving.
    const BLOCK: usize = 128;
    if values.len() < 8 {
        return values.iter().sum();
    }
    if values.len() > BLOCK {
        let half = values.len() / 2;
        let (first, second) = values.split_at(half - half % 8);
        return numpy_sum(first) + numpy_sum(second);
    }
    let mut sums = [0.0; 8];
    let (whole, rest) = values.split_at(values.len() - values.len() % 8);
    for eight in whole.chunks_exact(8) {
        sums.iter_mut().zip(eight).for_each(|(sum, value)| *sum += value);
    }
    let [a, b, c, d, e, f, g, h] = sums;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_in_the_order_of_numpy() {
        let tenths: Vec<f64> = (0..300).map(|number| f64::from(number) * 0.1).collect();
        // numpy.sum(numpy.arange(n) * 0.1)
        for (count, sum) in [(5, 1.0), (13, 7.800000000000002), (200, 1990.0), (300, 4485.0)] {
            assert_eq!(numpy_sum(&tenths[..count]), sum, "{count}");
        }
    }
}
