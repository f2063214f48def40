//! Tree ensembles (`tree_ensemble_common.h` and `tree_ensemble_aggregator.h` of ONNX Runtime).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foretell_model::estimator::{Average, Leaves, Nodes, NumberFormat, Trees};
use foretell_model::head::{LabelRule, Probability};
use foretell_model::step::Function;
use foretell_model::{Estimator, Step};

use super::call::Call;
use super::program::{predict, rounding};
use super::tensor::Element;
use super::value::{Rows, Value};
use super::{Result, classify, invalid, linear, mismatch, unsupported};

/// Largest category that a split for equality tests, and number of bits of all sets of them.
const MOST_CATEGORIES: usize = 1 << 27;
const LARGEST_CATEGORY: f64 = (1 << 20) as f64;

/// A node as all versions of the operators tell it.
pub(super) enum Node {
    Split(Split),
    /// Targets and weights.
    Leaf(Vec<(usize, f64)>),
}

pub(super) struct Split {
    pub(super) feature: usize,
    pub(super) value: f64,
    pub(super) mode: Mode,
    /// Node where a row goes that passes the test, and where others go.
    pub(super) children: [usize; 2],
    /// Whether a missing value passes.
    pub(super) missing_passes: bool,
}

/// The test of a split.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mode {
    AtMost,
    Below,
    AtLeast,
    Above,
    Equal,
    NotEqual,
    /// Of the set at this position.
    Member(usize),
}

impl Mode {
    fn of(name: &str) -> Option<Self> {
        match name {
            "BRANCH_LEQ" => Some(Self::AtMost),
            "BRANCH_LT" => Some(Self::Below),
            "BRANCH_GTE" => Some(Self::AtLeast),
            "BRANCH_GT" => Some(Self::Above),
            "BRANCH_EQ" => Some(Self::Equal),
            "BRANCH_NEQ" => Some(Self::NotEqual),
            _ => None,
        }
    }

    /// Whether it compares with whole numbers, or a set of them, for equality.
    fn tests_sets(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual | Self::Member(_))
    }

    /// Whether it is a comparison that is false, or true, for the threshold itself on the lower side.
    fn strict(self) -> bool {
        matches!(self, Self::Below | Self::AtLeast)
    }
}

/// An ensemble before it is known what its targets mean.
pub(super) struct Ensemble {
    pub(super) nodes: Vec<Node>,
    pub(super) roots: Vec<usize>,
    pub(super) targets: usize,
    /// Sets that splits test membership in.
    pub(super) members: Vec<Vec<f64>>,
}

/// A list with one entry per node.
pub(super) fn same_length<T>(name: &str, list: &[T], count: usize) -> Result<()> {
    if list.len() == count {
        return Ok(());
    }
    Err(mismatch(&format!("{count} entries in `{name}`"), &list.len().to_string()))
}

pub(super) fn index(name: &str, value: i64) -> Result<usize> {
    usize::try_from(value).map_err(|_| invalid(format!("`{name}` holds {value}")))
}

/// Reads the attributes of versions 1 and 3, whose weights are those of `kind` (`class` or `target`).
fn read(call: &Call<'_, '_>, kind: &str, targets: usize) -> Result<Ensemble> {
    call.ignore(&["nodes_hitrates", "nodes_hitrates_as_tensor"]);
    let (trees, ids) = (call.integers("nodes_treeids")?, call.integers("nodes_nodeids")?);
    let count = trees.len();
    same_length("nodes_nodeids", &ids, count)?;
    let mut numbers = HashMap::new();
    for (number, key) in trees.iter().copied().zip(ids.iter().copied()).enumerate() {
        if numbers.insert(key, number).is_some() {
            return Err(invalid(format!("tree {} has two nodes {}", key.0, key.1)));
        }
    }
    let mut weights = weights(call, kind, targets, &numbers)?;
    let (features, modes) = (call.integers("nodes_featureids")?, call.texts("nodes_modes")?);
    let either = |name: &str, tensor: &str| {
        let list = call.floats(name)?;
        let other = call.floats(tensor)?;
        Ok(if list.is_empty() { other } else { list })
    };
    let values: Vec<f64> = either("nodes_values", "nodes_values_as_tensor")?;
    let (yes, no) = (call.integers("nodes_truenodeids")?, call.integers("nodes_falsenodeids")?);
    let mut missing = call.integers("nodes_missing_value_tracks_true")?;
    if missing.is_empty() {
        missing = vec![0; count];
    }
    same_length("nodes_featureids", &features, count)?;
    same_length("nodes_modes", &modes, count)?;
    same_length("nodes_values", &values, count)?;
    same_length("nodes_truenodeids", &yes, count)?;
    same_length("nodes_falsenodeids", &no, count)?;
    same_length("nodes_missing_value_tracks_true", &missing, count)?;
    let mut nodes = Vec::with_capacity(count);
    let mut is_root = vec![true; count];
    for number in 0..count {
        if modes[number] == "LEAF" {
            nodes.push(Node::Leaf(std::mem::take(&mut weights[number])));
            continue;
        }
        let mode = Mode::of(&modes[number])
            .ok_or_else(|| unsupported("nodes_modes", &modes[number], "LEAF or BRANCH_ and a comparison"))?;
        let child = |id: i64| {
            let key = (trees[number], id);
            let missing = || invalid(format!("tree {} has no node {id}, a child of {}", key.0, ids[number]));
            numbers.get(&key).copied().ok_or_else(missing)
        };
        let children = [child(yes[number])?, child(no[number])?];
        for child in children {
            if !std::mem::replace(&mut is_root[child], false) {
                let (tree, node) = (trees[child], ids[child]);
                return Err(invalid(format!("node {node} of tree {tree} has two parents")));
            }
        }
        nodes.push(Node::Split(Split {
            feature: index("nodes_featureids", features[number])?,
            value: values[number],
            mode,
            children,
            missing_passes: missing[number] != 0,
        }));
    }
    let roots: Vec<usize> = (0..count).filter(|node| is_root[*node]).collect();
    let mut distinct = trees.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if roots.len() != distinct.len() {
        return Err(invalid(format!("{} trees have {} roots", distinct.len(), roots.len())));
    }
    Ok(Ensemble { nodes, roots, targets, members: Vec::new() })
}

/// Targets and weights of each node.
fn weights(
    call: &Call<'_, '_>,
    kind: &str,
    targets: usize,
    numbers: &HashMap<(i64, i64), usize>,
) -> Result<Vec<Vec<(usize, f64)>>> {
    let list = |what: &str| call.integers(&format!("{kind}_{what}"));
    let (trees, ids, to) = (list("treeids")?, list("nodeids")?, list("ids")?);
    let mut values = call.floats(&format!("{kind}_weights"))?;
    let tensor = call.floats(&format!("{kind}_weights_as_tensor"))?;
    if values.is_empty() {
        values = tensor;
    }
    same_length("weights", &values, trees.len())?;
    same_length("node ids", &ids, trees.len())?;
    same_length("targets", &to, trees.len())?;
    let mut weights = vec![Vec::new(); numbers.len()];
    for entry in 0..trees.len() {
        let key = (trees[entry], ids[entry]);
        let missing =
            || invalid(format!("a weight is of node {} of tree {}, which is not there", key.1, key.0));
        let node = *numbers.get(&key).ok_or_else(missing)?;
        let target = index("ids", to[entry])?;
        if target >= targets {
            return Err(invalid(format!("a weight is of target {target} of {targets}")));
        }
        weights[node].push((target, values[entry]));
    }
    Ok(weights)
}

impl Ensemble {
    fn leaves(&self) -> impl Iterator<Item = &Vec<(usize, f64)>> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Leaf(weights) => Some(weights),
            Node::Split(_) => None,
        })
    }

    fn splits(&self) -> impl Iterator<Item = &Split> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Split(split) => Some(split),
            Node::Leaf(_) => None,
        })
    }

    /// The target that all leaves of each tree have a weight for, if no leaf has another; `None` for trees that
    /// have several.
    fn target_of_trees(&self) -> Option<Vec<u32>> {
        let mut targets = Vec::new();
        for &root in &self.roots {
            let (mut target, mut open) = (None, vec![root]);
            // The nodes of a tree are fewer than all, which ends the walk where they form a circle.
            let mut left = self.nodes.len();
            while let Some(node) = open.pop() {
                left = left.checked_sub(1)?;
                match &self.nodes[node] {
                    Node::Split(split) => open.extend(split.children),
                    Node::Leaf(weights) => match weights[..] {
                        [] => {}
                        [(one, _)] if target.is_none_or(|target| target == one) => target = Some(one),
                        _ => return None,
                    },
                }
            }
            targets.push(target.unwrap_or(0) as u32);
        }
        Some(targets)
    }

    /// Appends the trees to the program; the columns of their sums, which are of the type `into`.
    pub(super) fn emit(
        self,
        call: &mut Call<'_, '_>,
        rows: &Rows,
        base: Vec<f64>,
        mean: bool,
        into: Element,
    ) -> Result<Vec<usize>> {
        let targets = self.targets;
        let base = if base.is_empty() { vec![0.0; targets] } else { base };
        same_length("base_values", &base, targets)?;
        let (mut columns, mut twins) = (rows.columns.clone(), HashMap::new());
        for split in self.splits().filter(|split| split.mode.tests_sets()) {
            let Some(column) = rows.columns.get(split.feature) else { continue };
            if let Entry::Vacant(entry) = twins.entry(split.feature) {
                // A test for equality is one for a set of categories, of which a number between them is none.
                let whole = vec![Step::Elementwise(vec![Function::Whole])];
                entry.insert(columns.len() as u32);
                columns.extend(call.program.emit(vec![*column], whole, 1)?);
            }
        }
        let double = rows.element == Element::Double;
        let mut trees = self.trees(columns.len(), double, &twins)?;
        trees.base = base;
        if mean {
            let count = trees.roots.len().max(1) as f64;
            trees.leaves.values.iter_mut().for_each(|value| *value /= count);
        }
        let round = if double { rounding(into) } else { None };
        let steps = [predict(Estimator::Trees(trees), targets)].into_iter().chain(round).collect();
        call.program.emit(columns, steps, targets)
    }

    fn trees(self, features: usize, double: bool, twins: &HashMap<usize, u32>) -> Result<Trees> {
        let output_of_tree = self.target_of_trees();
        let width = if output_of_tree.is_some() { 1 } else { self.targets };
        let (leaves, weights) = (self.leaves().count(), self.leaves().map(Vec::len).sum::<usize>());
        if leaves.saturating_mul(width) > (1 << 20) + weights.saturating_mul(64) {
            return Err(mismatch("weights for most targets of each leaf", &format!("{weights}")));
        }
        let equal_left = !self.splits().all(|split| split.mode.strict());
        let format = if double { NumberFormat::Double } else { NumberFormat::Single };
        let mut trees = Trees {
            features,
            outputs: self.targets,
            roots: self.roots.iter().map(|root| *root as u32).collect(),
            output_of_tree: output_of_tree.unwrap_or_else(|| vec![0; self.roots.len()]),
            nodes: Nodes::default(),
            leaves: Leaves { width, values: Vec::new() },
            category_sets: Vec::new(),
            truncate_negative: false,
            input: format,
            equal_left,
            sum: format,
            average: Average::SumThenBase,
            base: Vec::new(),
            missing: true,
            infinite: true,
            missing_value: None,
        };
        let (mut sets, mut bits) = (HashMap::new(), 0_usize);
        for node in &self.nodes {
            let split = match node {
                Node::Leaf(weights) => {
                    let leaf = (trees.leaves.values.len() / width) as u32;
                    let start = trees.leaves.values.len();
                    trees.leaves.values.resize(start + width, 0.0);
                    for (target, weight) in weights {
                        trees.leaves.values[start + if width == 1 { 0 } else { *target }] += weight;
                    }
                    push(&mut trees.nodes, 0, 0.0, [leaf; 2], false, false);
                    continue;
                }
                Node::Split(split) => split,
            };
            let (feature, threshold, categorical) = match split.mode {
                Mode::Equal | Mode::NotEqual | Mode::Member(_) => {
                    let values = if let Mode::Member(set) = split.mode {
                        &self.members[set][..]
                    } else {
                        std::slice::from_ref(&split.value)
                    };
                    let mut categories =
                        values.iter().map(|value| category(*value)).collect::<Result<Vec<_>>>()?;
                    categories.sort_unstable();
                    categories.dedup();
                    let next = sets.len();
                    let set = match sets.entry(categories) {
                        Entry::Occupied(known) => *known.get(),
                        Entry::Vacant(new) => {
                            bits += new.key().last().map_or(0, |last| *last as usize + 1);
                            if bits > MOST_CATEGORIES {
                                let got = format!("{} in a set", new.key().len());
                                return Err(mismatch("fewer or smaller categories", &got));
                            }
                            trees.category_sets.push(new.key().clone());
                            *new.insert(next)
                        }
                    };
                    let twin = twins.get(&split.feature).copied();
                    (twin.unwrap_or(split.feature as u32), set as f64, true)
                }
                mode @ (Mode::AtMost | Mode::Below | Mode::AtLeast | Mode::Above) => {
                    (split.feature as u32, threshold(split.value, mode, equal_left, double)?, false)
                }
            };
            // The left child is for what is in the set or not above the threshold.
            let passes_left =
                matches!(split.mode, Mode::AtMost | Mode::Below | Mode::Equal | Mode::Member(_));
            let [yes, no] = split.children.map(|child| child as u32);
            let children = if passes_left { [yes, no] } else { [no, yes] };
            let missing_passes = split.missing_passes || split.mode == Mode::NotEqual;
            push(&mut trees.nodes, feature, threshold, children, missing_passes == passes_left, categorical);
        }
        Ok(trees)
    }
}

/// A number that a split for equality tests.
fn category(value: f64) -> Result<u32> {
    if value >= 0.0 && value.fract() == 0.0 && value <= LARGEST_CATEGORY {
        return Ok(value as u32);
    }
    let supported = format!("whole numbers from 0 to {LARGEST_CATEGORY} to be equal to");
    Err(unsupported("nodes_values", value, &supported))
}

fn push(
    nodes: &mut Nodes,
    feature: u32,
    threshold: f64,
    [left, right]: [u32; 2],
    missing_left: bool,
    categorical: bool,
) {
    nodes.feature.push(feature);
    nodes.threshold.push(threshold);
    nodes.left.push(left);
    nodes.right.push(right);
    nodes.missing_left.push(missing_left);
    nodes.categorical.push(categorical);
}

/// The threshold of a comparison where those of the ensemble are `<=` (`equal_left`) or `<`.
fn threshold(value: f64, mode: Mode, equal_left: bool, double: bool) -> Result<f64> {
    if mode.strict() != equal_left {
        return Ok(value);
    }
    // Among strict and other comparisons: below a number is at most the one before it.
    if value == f64::NEG_INFINITY {
        return Err(unsupported("nodes_values", value, "numbers above it in comparisons with `<`"));
    }
    Ok(if double { value.next_down() } else { f64::from((value as f32).next_down()) })
}

/// `TreeEnsembleRegressor`.
pub(super) fn regressor(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    linear::no_transform(call)?;
    let targets = usize::try_from(call.integer("n_targets", 1)?).unwrap_or(0).max(1);
    let base = base_values(call)?;
    let mean = match call.text("aggregate_function", "SUM")? {
        "SUM" => false,
        "AVERAGE" => true,
        other => return Err(unsupported("aggregate_function", other, "SUM or AVERAGE")),
    };
    let ensemble = read(call, "target", targets)?;
    let rows = call.matrix(0)?;
    let columns = ensemble.emit(call, &rows, base, mean, Element::Single)?;
    Ok(vec![Value::Rows(Rows::matrix(Element::Single, columns))])
}

fn base_values(call: &Call<'_, '_>) -> Result<Vec<f64>> {
    let (base, tensor) = (call.floats("base_values")?, call.floats("base_values_as_tensor")?);
    Ok(if base.is_empty() { tensor } else { base })
}

/// `TreeEnsembleClassifier`.
pub(super) fn classifier(call: &mut Call<'_, '_>) -> Result<Vec<Value>> {
    let classes = classify::classes(call, "classlabels_int64s")?;
    let transform = call.text("post_transform", "NONE")?;
    let mut base = base_values(call)?;
    let mut ensemble = read(call, "class", classes.len())?;
    let positive = ensemble.leaves().flatten().all(|(_, weight)| *weight >= 0.0);
    let unsupported_transform = |supported| Err(unsupported("post_transform", transform, supported));
    // ONNX Runtime then takes the second class where its sum is above 0, which is where it is the larger one.
    let opposite =
        classes.len() == 2 && base.is_empty() && ensemble.leaves().all(|weights| is_opposite(weights));
    let (label, probability) = if classes.len() == 2 && !opposite {
        let one = base.len() <= 1 && ensemble.leaves().flatten().all(|(class, _)| *class == 0);
        if !one {
            let supported = "one score for two classes, in weights of class 0, or opposite weights for both";
            return Err(unsupported("class_ids", "of both classes", supported));
        }
        ensemble.targets = 1;
        match (transform, positive) {
            ("NONE" | "SOFTMAX" | "SOFTMAX_ZERO", true) => (LabelRule::AboveHalf, Probability::SecondScore),
            ("LOGISTIC", false) => (LabelRule::Positive, Probability::SigmoidSingle),
            ("NONE", false) => (LabelRule::LargestScore, Probability::Scores),
            _ => return unsupported_transform("LOGISTIC for weights of both signs, NONE for positive ones"),
        }
    } else {
        ensemble.check_scores(&base, positive)?;
        let probability = match transform {
            "NONE" => Probability::Scores,
            "LOGISTIC" => Probability::SigmoidEach { scale: 1.0 },
            "SOFTMAX" => Probability::SoftmaxSingle,
            _ => return unsupported_transform("NONE, LOGISTIC or SOFTMAX"),
        };
        (LabelRule::LargestScore, probability)
    };
    if ensemble.targets == 1 && base.is_empty() {
        base = vec![0.0];
    }
    let rows = call.matrix(0)?;
    let mut scores = ensemble.emit(call, &rows, base, false, Element::Single)?;
    if classes.len() == 2 && !opposite && label == LabelRule::LargestScore {
        let negative = vec![Step::Elementwise(vec![Function::Negative])];
        scores = [call.program.emit(scores.clone(), negative, 1)?, scores].concat();
    }
    classify::outputs(call, scores, classify::head(classes, label, Some(probability)))
}

/// Whether a leaf has a weight for the second of two classes, and the same with the other sign for the first.
fn is_opposite(weights: &[(usize, f64)]) -> bool {
    match *weights {
        [(0, first), (1, second)] | [(1, second), (0, first)] => first == -second,
        _ => false,
    }
}

impl Ensemble {
    /// Fails where the class with the largest score may be one that ONNX Runtime leaves out, because no leaf that a
    /// row ends in has a weight for it.
    fn check_scores(&self, base: &[f64], positive: bool) -> Result<()> {
        let everywhere = |class: usize| match self.target_of_trees() {
            Some(targets) => targets.contains(&(class as u32)),
            None => self.leaves().all(|weights| weights.iter().any(|(own, _)| *own == class)),
        };
        if !base.is_empty() || positive || (0..self.targets).all(everywhere) {
            return Ok(());
        }
        Err(unsupported(
            "class_ids",
            "that leave classes out",
            "weights for every class in each row's leaves",
        ))
    }
}
