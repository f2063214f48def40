//! Decision trees and forests of them.

use foretell_frame::{Labels, Shape};
use foretell_model::Estimator;
use foretell_model::estimator::{Average, Leaves, Nodes, NumberFormat, Trees};

use super::classes::{labels_of_targets, proportions, regressor};
use super::{Input, Lowered, Result, Version, count, present};
use crate::pickle::{Array, Kind, Value};

/// `DecisionTreeClassifier` and `ExtraTreeClassifier`.
pub(super) fn tree_classifier(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let missing = accepts_missing(value, input)?;
    classifier(value, std::slice::from_ref(value), missing)
}

/// `RandomForestClassifier` and `ExtraTreesClassifier`: the mean of the trees' probabilities.
pub(super) fn forest_classifier(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = value.field("estimators_")?.items()?;
    let missing = forest_accepts_missing(value, &members, input)?;
    classifier(value, &members, missing)
}

/// `DecisionTreeRegressor` and `ExtraTreeRegressor`.
pub(super) fn tree_regressor(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let missing = accepts_missing(value, input)?;
    regression(value, std::slice::from_ref(value), missing)
}

/// `RandomForestRegressor` and `ExtraTreesRegressor`: the mean of the trees' values.
pub(super) fn forest_regressor(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let members = value.field("estimators_")?.items()?;
    let missing = forest_accepts_missing(value, &members, input)?;
    regression(value, &members, missing)
}

fn classifier(value: &Value<'_>, members: &[Value<'_>], missing: bool) -> Result<Lowered> {
    let targets = count(&value.field("n_outputs_")?)?;
    let classes = labels_of_targets(&value.field("classes_")?, targets)?;
    let counts: Vec<usize> = classes.iter().map(Labels::len).collect();
    let leaves = LeafValues::Stored {
        widths: counts.clone(),
        // Up to 1.3 leaves hold weighted counts, from 1.4 fractions that are not divided again.
        normalize: Version::of(value)? < Version(1, 4),
        factor: 1.0,
    };
    let trees = mean(value, members, &leaves, missing)?;
    Ok(Lowered::estimator(trees.features, Estimator::Trees(trees), proportions(classes)))
}

fn regression(value: &Value<'_>, members: &[Value<'_>], missing: bool) -> Result<Lowered> {
    let targets = count(&value.field("n_outputs_")?)?;
    let leaves = LeafValues::Stored { widths: vec![1; targets], normalize: false, factor: 1.0 };
    let trees = mean(value, members, &leaves, missing)?;
    let shape = if targets == 1 { Shape::Vector } else { Shape::Matrix(targets) };
    Ok(Lowered::estimator(trees.features, Estimator::Trees(trees), regressor(shape)))
}

/// Does a tree accept missing values when it predicts? Since 1.3, by splitter and criterion.
fn accepts_missing(tree: &Value<'_>, input: Input) -> Result<bool> {
    let version = Version::of(tree)?;
    if input.sparse || version < Version(1, 3) {
        return Ok(false);
    }
    let splitter = match tree.field("splitter")?.text()? {
        "best" => true,
        "random" => version >= Version(1, 6),
        other => return Err(tree.unsupported_option("splitter", other, "`best` or `random`")),
    };
    let learned = version >= Version(1, 9)
        || present(tree, "monotonic_cst")?.is_none()
            && matches!(
                tree.field("criterion")?.text()?,
                "gini" | "entropy" | "log_loss" | "squared_error" | "friedman_mse" | "poisson"
            );
    Ok(splitter && learned)
}

/// Does a forest accept missing values when it predicts? Since 1.4, as its first tree does.
fn forest_accepts_missing(value: &Value<'_>, members: &[Value<'_>], input: Input) -> Result<bool> {
    match members.first() {
        Some(first) if Version::of(value)? >= Version(1, 4) => accepts_missing(first, input),
        Some(_) => Ok(false),
        None => Err(value.field("estimators_")?.mismatch("at least 1 tree", 0)),
    }
}

/// The mean of trees with one value per output in each leaf.
fn mean(value: &Value<'_>, members: &[Value<'_>], leaves: &LeafValues, missing: bool) -> Result<Trees> {
    let features = match present(value, "n_features_in_")? {
        Some(features) => count(&features)?,
        None => count(&value.field("n_features_")?)?,
    };
    let widths = leaves.widths();
    if widths.is_empty() || widths.contains(&0) {
        return Err(value.invalid(format_args!("the outputs have {widths:?} values each")));
    }
    let outputs = widths.iter().sum();
    let mut trees = no_trees(features, outputs);
    trees.leaves.width = outputs;
    trees.missing = missing;
    for member in members {
        append(&mut trees, &member.field("tree_")?, leaves)?;
        trees.output_of_tree.push(0);
    }
    Ok(trees)
}

/// An ensemble without trees that compares as scikit-learn does: inputs as float32, thresholds as float64.
pub(super) fn no_trees(features: usize, outputs: usize) -> Trees {
    Trees {
        features,
        outputs,
        roots: Vec::new(),
        output_of_tree: Vec::new(),
        nodes: Nodes::default(),
        leaves: Leaves { width: 1, values: Vec::new() },
        category_sets: Vec::new(),
        truncate_negative: false,
        input: NumberFormat::Single,
        equal_left: true,
        sum: NumberFormat::Double,
        average: Average::Mean,
        base: vec![0.0; outputs],
        missing: false,
        infinite: false,
        missing_value: None,
    }
}

/// What the leaves of an ensemble hold.
pub(super) enum LeafValues {
    /// The values of their nodes.
    Stored {
        /// Number of values of each target: its classes, or 1.
        widths: Vec<usize>,
        /// Whether the values of a target are divided by their sum.
        normalize: bool,
        /// What every value is multiplied by.
        factor: f64,
    },
    /// The numbers of their nodes in the tree.
    Numbers,
    /// The lengths of the paths that isolate a row: the splits on the way, and the expected number of those that would
    /// part the training rows that ended in the leaf.
    PathLengths,
}

impl LeafValues {
    /// Number of values of each target in the nodes.
    fn widths(&self) -> &[usize] {
        match self {
            Self::Stored { widths, .. } => widths,
            Self::Numbers | Self::PathLengths => &[1],
        }
    }

    /// Appends what the leaf at `node` holds; `values` are those of the node, `widest` numbers per target.
    fn push(&self, leaves: &mut Vec<f64>, nodes: &NodeColumns, node: usize, values: &[f64]) {
        match self {
            Self::Stored { widths, normalize, factor } => {
                let widest = values.len() / widths.len();
                for (target, &width) in widths.iter().enumerate() {
                    let values = &values[target * widest..][..width];
                    let total: f64 = if *normalize { values.iter().sum() } else { 1.0 };
                    let divisor = if total == 0.0 { 1.0 } else { total };
                    leaves.extend(values.iter().map(|value| value / divisor * factor));
                }
            }
            Self::Numbers => leaves.push(node as f64),
            Self::PathLengths => {
                leaves.push(nodes.depths[node] as f64 + average_path_length(nodes.samples[node]) - 1.0);
            }
        }
    }
}

/// The average number of splits that isolate one of `samples` rows (`sklearn.ensemble._iforest._average_path_length`).
pub(super) fn average_path_length(samples: i64) -> f64 {
    /// The Euler-Mascheroni constant, `numpy.euler_gamma`.
    const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;
    match samples {
        ..=1 => 0.0,
        2 => 1.0,
        _ => {
            let others = samples as f64 - 1.0;
            2.0 * (others.ln() + EULER_GAMMA) - 2.0 * others / samples as f64
        }
    }
}

/// Fields of a node that predictions depend on, and others that are known not to matter. A field that is in neither
/// list may change what a node means.
const NODE_FIELDS: [&str; 8] = [
    "left_child",
    "right_child",
    "feature",
    "threshold",
    "missing_go_to_left",
    "impurity",
    "n_node_samples",
    "weighted_n_node_samples",
];

/// Appends a `sklearn.tree._tree.Tree` to an ensemble whose features and leaf width are set.
pub(super) fn append(trees: &mut Trees, tree: &Value<'_>, leaf_values: &LeafValues) -> Result<()> {
    check_sizes(trees, tree, leaf_values)?;
    let table = tree.field("nodes")?;
    let nodes = NodeColumns::read(&table, matches!(leaf_values, LeafValues::PathLengths))?;
    let widest = leaf_values.widths().iter().copied().max().unwrap_or(0);
    let shape = [nodes.left.len(), leaf_values.widths().len(), widest];
    let values = tree.field("values")?.array()?;
    values.expect_shape(&shape.map(Some))?;
    let values = values.f64s()?;

    let first = trees.nodes.feature.len();
    let too_many = || tree.invalid("the ensemble has more than 2^32 nodes");
    u32::try_from(first + nodes.left.len()).map_err(|_| too_many())?;
    trees.roots.push(first as u32);
    for (node, values) in values.chunks_exact(shape[1] * shape[2]).enumerate() {
        match nodes.split(node, trees.features, &table)? {
            Some(split) => {
                trees.nodes.feature.push(split.feature);
                trees.nodes.threshold.push(split.threshold);
                trees.nodes.left.push(first as u32 + split.left);
                trees.nodes.right.push(first as u32 + split.right);
                trees.nodes.missing_left.push(split.missing_left);
            }
            None => {
                let leaf = (trees.leaves.values.len() / trees.leaves.width) as u32;
                leaf_values.push(&mut trees.leaves.values, &nodes, node, values);
                trees.nodes.feature.push(0);
                trees.nodes.threshold.push(0.0);
                trees.nodes.left.push(leaf);
                trees.nodes.right.push(leaf);
                trees.nodes.missing_left.push(false);
            }
        }
        trees.nodes.categorical.push(false);
    }
    Ok(())
}

/// Compares what a tree says of itself with its ensemble and its tables.
fn check_sizes(trees: &Trees, tree: &Value<'_>, leaf_values: &LeafValues) -> Result<()> {
    // Nothing depends on the depth, but every tree has it: without it the file is damaged.
    tree.field("max_depth")?.size()?;
    let (count, nodes) = (tree.field("node_count")?, tree.field("nodes")?.len()?);
    if count.size()? != nodes {
        return Err(count.mismatch(format_args!("{nodes} nodes"), count.describe()));
    }
    let sizes = tree.args()?;
    let (features, targets) = (sizes.at(0)?, sizes.at(2)?);
    if features.size()? != trees.features {
        return Err(features.mismatch(format_args!("{} features", trees.features), features.describe()));
    }
    let expected = leaf_values.widths();
    if targets.size()? != expected.len() {
        return Err(targets.mismatch(format_args!("{} outputs", expected.len()), targets.describe()));
    }
    let widths = sizes.at(1)?;
    if widths.i64_vector(expected.len())?.iter().zip(expected).all(|(&a, &b)| a == b as i64) {
        return Ok(());
    }
    Err(widths.mismatch(format_args!("the class counts {expected:?}"), widths.describe()))
}

/// The node table, column by column.
struct NodeColumns {
    left: Vec<i64>,
    right: Vec<i64>,
    feature: Vec<i64>,
    threshold: Vec<f64>,
    /// Since 1.3.
    missing_left: Option<Vec<bool>>,
    /// Number of nodes on the way from the root, where that is asked.
    depths: Vec<u32>,
    /// Number of training rows, where that is asked.
    samples: Vec<i64>,
}

/// A node that is not a leaf; children are counted within the tree.
struct Split {
    feature: u32,
    threshold: f64,
    left: u32,
    right: u32,
    missing_left: bool,
}

/// The nodes of a tree as a table with no other fields than these.
pub(super) fn node_table<'p>(value: &Value<'p>, known: &[&str]) -> Result<Array<'p>> {
    let table = value.array()?;
    if let Kind::Structured(fields) = table.dtype().kind()
        && let Some(unknown) = fields.iter().find(|field| !known.contains(&field.name.as_str()))
    {
        let supported = "the node fields of scikit-learn 0.23 to 1.9";
        return Err(value.unsupported_option("nodes", &unknown.name, supported));
    }
    table.expect_shape(&[None])?;
    Ok(table)
}

impl NodeColumns {
    fn read(value: &Value<'_>, paths: bool) -> Result<Self> {
        let table = node_table(value, &NODE_FIELDS)?;
        let missing_left =
            table.column("missing_go_to_left").map(|_| table.column_bool("missing_go_to_left"));
        let mut nodes = Self {
            left: table.column_i64("left_child")?,
            right: table.column_i64("right_child")?,
            feature: table.column_i64("feature")?,
            threshold: table.column_f64("threshold")?,
            missing_left: missing_left.transpose()?,
            depths: Vec::new(),
            samples: Vec::new(),
        };
        if paths {
            nodes.samples = table.column_i64("n_node_samples")?;
            nodes.depths = nodes.depths().ok_or_else(|| value.invalid("a node stands before its parent"))?;
        }
        Ok(nodes)
    }

    /// The number of nodes on the way from the root to each, where children stand behind their parents.
    fn depths(&self) -> Option<Vec<u32>> {
        let mut depths = vec![1; self.left.len()];
        for (node, children) in self.left.iter().zip(&self.right).enumerate() {
            for &child in [children.0, children.1].into_iter().filter(|child| **child != -1) {
                let child = usize::try_from(child).ok().filter(|&child| child > node)?;
                *depths.get_mut(child)? = depths[node] + 1;
            }
        }
        Some(depths)
    }

    /// The split at a node, `None` for a leaf. `value` is where the table stands, for errors.
    fn split(&self, node: usize, features: usize, value: &Value<'_>) -> Result<Option<Split>> {
        let (left, right) = (self.left[node], self.right[node]);
        if (left, right) == (-1, -1) {
            return Ok(None);
        }
        let count = self.left.len() as i64;
        if left == right || !(0..count).contains(&left) || !(0..count).contains(&right) {
            let detail =
                format_args!("node {node} has the children {left} and {right} in a tree of {count} nodes");
            return Err(value.invalid(detail));
        }
        let feature = self.feature[node];
        if !(0..features as i64).contains(&feature) {
            return Err(value.invalid(format_args!("node {node} tests feature {feature} of {features}")));
        }
        let threshold = self.threshold[node];
        if threshold.is_nan() {
            return Err(value.invalid(format_args!("node {node} has the threshold NaN")));
        }
        let missing_left = self.missing_left.as_ref().is_some_and(|missing_left| missing_left[node]);
        let (feature, left, right) = (feature as u32, left as u32, right as u32);
        Ok(Some(Split { feature, threshold, left, right, missing_left }))
    }
}
