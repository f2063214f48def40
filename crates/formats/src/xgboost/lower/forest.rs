//! Trees of XGBoost to [`Trees`]: checked, pruned nodes left out, categorical splits turned round.

use foretell_model::estimator::{Average, Leaves, Nodes, NumberFormat, Trees};

use crate::{FormatError, Problem};

use super::super::learner::{Forest, Learner, Tree, Version};
use super::Use;

/// The release from which on sums start from the base score; before it was added to them.
const BASE_FIRST: Version = Version(1, 3, 0);

/// What pruned nodes have for a feature. Release 1.0 does not tell their number in JSON.
const PRUNED: u32 = i32::MAX as u32;

/// The first trees of a forest, as many as are used.
pub(super) fn trees(
    learner: &Learner,
    forest: &Forest,
    usage: &Use,
    base: &[f32],
) -> Result<Trees, FormatError> {
    // What the library answers then depends on its release, and on whether the model was ever saved.
    if forest.trees.is_empty() {
        let detail = "the model has no trees; train it for one round at least".into();
        return Err(invalid(learner, detail).at(format!("{}.trees", forest.place)));
    }
    let outputs = learner.outputs();
    let used = usage.trees.unwrap_or(forest.trees.len()).min(forest.trees.len());
    let vectors = forest.trees[..used].iter().any(|tree| tree.vectors.is_some());
    let sums_first = learner.version.is_none_or(|version| version < BASE_FIRST);
    let mut trees = Trees {
        features: learner.features,
        outputs,
        roots: Vec::with_capacity(used),
        output_of_tree: forest.output_of_tree[..used].to_vec(),
        nodes: Nodes::default(),
        leaves: Leaves { width: if vectors { outputs } else { 1 }, values: Vec::new() },
        category_sets: Vec::new(),
        truncate_negative: false,
        input: NumberFormat::Single,
        equal_left: false,
        sum: NumberFormat::Single,
        average: if sums_first { Average::SumThenBase } else { Average::SumFromBase },
        base: base.iter().map(|score| f64::from(*score)).collect(),
        missing: true,
        infinite: false,
        missing_value: usage.missing,
    };
    for (number, tree) in forest.trees[..used].iter().enumerate() {
        let output = forest.output_of_tree[number] as usize;
        if output >= outputs {
            let detail = format!("the tree adds to output {output}, of {outputs}");
            return Err(invalid(learner, detail).at(format!("{}.tree_info[{number}]", forest.place)));
        }
        let weight = forest.weight_drop.as_ref().map_or(1.0, |weights| weights[number]);
        let planted = Planting { learner, tree, weight, trees: &mut trees }.run();
        planted.map_err(|error| error.within(&format!("{}.trees[{number}]", forest.place)))?;
    }
    Ok(trees)
}

fn invalid(learner: &Learner, detail: String) -> FormatError {
    FormatError::new(learner.kind, Problem::Invalid { detail })
}

/// One tree on its way into the arrays of all trees, breadth first, so that pruned nodes stay behind.
struct Planting<'a> {
    learner: &'a Learner,
    tree: &'a Tree,
    weight: f32,
    trees: &'a mut Trees,
}

impl Planting<'_> {
    fn run(mut self) -> Result<(), FormatError> {
        let count = self.tree.left.len();
        if count == 0 {
            return Err(invalid(self.learner, "a tree without nodes".into()).at(".left_children"));
        }
        let first = self.trees.nodes.left.len();
        self.trees.roots.push(first as u32);
        let mut seen = vec![false; count];
        seen[0] = true;
        let mut order = vec![0];
        let mut next = 0;
        while let Some(&node) = order.get(next) {
            next += 1;
            if self.tree.left[node] == -1 {
                self.leaf(node)?;
                continue;
            }
            let left = self.child(".left_children", &self.tree.left, node, &mut seen)?;
            let right = self.child(".right_children", &self.tree.right, node, &mut seen)?;
            self.split(node, (first + order.len()) as u32)?;
            order.extend([left, right]);
        }
        let pruned = |node: usize| self.tree.feature[node] == PRUNED;
        if order.len() + self.tree.deleted == count || (0..count).all(|node| seen[node] || pruned(node)) {
            return Ok(());
        }
        let detail = format!(
            "{count} nodes, of which {} are reached from the root and {} were pruned",
            order.len(),
            self.tree.deleted
        );
        Err(invalid(self.learner, detail).at(".tree_param.num_nodes"))
    }

    /// A child that is a node of the tree and has no other parent.
    fn child(
        &self,
        field: &str,
        children: &[i32],
        node: usize,
        seen: &mut [bool],
    ) -> Result<usize, FormatError> {
        let place = || format!("{field}[{node}]");
        let child = children[node];
        let Some(index) = usize::try_from(child).ok().filter(|index| *index < seen.len()) else {
            let detail = format!("{child} is not one of the {} nodes of the tree", seen.len());
            return Err(invalid(self.learner, detail).at(place()));
        };
        if std::mem::replace(&mut seen[index], true) {
            let detail = format!("node {child} already has a parent or is the root");
            return Err(invalid(self.learner, detail).at(place()));
        }
        Ok(index)
    }

    /// Appends a split whose children will be `children` and the node after it.
    fn split(&mut self, node: usize, children: u32) -> Result<(), FormatError> {
        let tree = self.tree;
        let (feature, threshold) = (tree.feature[node], tree.condition[node]);
        if feature as usize >= self.learner.features {
            let detail = format!("feature {feature} of {}", self.learner.features);
            return Err(invalid(self.learner, detail).at(format!(".split_indices[{node}]")));
        }
        let sets = &tree.categories;
        let set = sets.binary_search_by_key(&node, |(node, _)| *node as usize).ok();
        if set.is_none() && threshold.is_nan() {
            let detail = "NaN is not a threshold".into();
            return Err(invalid(self.learner, detail).at(format!(".split_conditions[{node}]")));
        }
        let nodes = &mut self.trees.nodes;
        nodes.feature.push(feature);
        nodes.categorical.push(set.is_some());
        // The categories of a set go right, all others and invalid ones left; ours is the other way round.
        let (left, right) = if set.is_some() { (children + 1, children) } else { (children, children + 1) };
        nodes.left.push(left);
        nodes.right.push(right);
        nodes.missing_left.push(tree.default_left[node] == set.is_none());
        match set {
            Some(set) => {
                nodes.threshold.push(self.trees.category_sets.len() as f64);
                self.trees.category_sets.push(sets[set].1.clone());
            }
            None => nodes.threshold.push(f64::from(threshold)),
        }
        Ok(())
    }

    fn leaf(&mut self, node: usize) -> Result<(), FormatError> {
        let width = self.trees.leaves.width;
        let values = match &self.tree.vectors {
            Some(vectors) if vectors.width == width => {
                let start = vectors.of_node[node] as usize * width;
                &vectors.values[start..start + width]
            }
            None if width == 1 => &self.tree.condition[node..=node],
            Some(_) | None => {
                let detail = format!("leaves of another length than {width}, the number of outputs");
                return Err(invalid(self.learner, detail).at(".tree_param.size_leaf_vector"));
            }
        };
        if values.iter().any(|value| !value.is_finite()) {
            let detail = "the value of a leaf is not finite".into();
            return Err(invalid(self.learner, detail).at(format!(".split_conditions[{node}]")));
        }
        let weighted = values.iter().map(|value| f64::from(value * self.weight));
        let leaf = (self.trees.leaves.values.len() / width) as u32;
        self.trees.leaves.values.extend(weighted);
        let nodes = &mut self.trees.nodes;
        nodes.feature.push(0);
        nodes.threshold.push(0.0);
        nodes.left.push(leaf);
        nodes.right.push(leaf);
        nodes.missing_left.push(false);
        nodes.categorical.push(false);
        Ok(())
    }
}
