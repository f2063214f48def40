//! Ensembles of binary decision trees.

use crate::error::{ModelError, expect_count, expect_index};
use crate::infer::{Column, Facts};

/// The precision of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFormat {
    /// float32.
    Single,
    /// float64.
    Double,
}

/// The nodes of all trees, struct of arrays. A node is a split when `left != right`, else a leaf whose value is
/// number `left` of [`Leaves`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Nodes {
    /// Feature a split tests; 0 in leaves.
    pub feature: Vec<u32>,
    /// Threshold of a split; 0 in leaves. Categorical splits have the index of their set in
    /// [`Trees::category_sets`].
    pub threshold: Vec<f64>,
    /// Node where a row that passes the test goes; in leaves the number of the leaf.
    pub left: Vec<u32>,
    /// Node where the others go; in leaves the same as `left`.
    pub right: Vec<u32>,
    /// Whether a missing value goes left.
    pub missing_left: Vec<bool>,
    /// Whether the split tests membership in a category set.
    pub categorical: Vec<bool>,
    /// Whether a number that is [almost zero](NEAR_ZERO) counts as missing in the split; empty when it does in none.
    pub zero_missing: Vec<bool>,
}

impl Nodes {
    /// Whether zero counts as missing in a split.
    pub(crate) fn zero_is_missing(&self, node: usize) -> bool {
        self.zero_missing.get(node) == Some(&true)
    }
}

/// The largest magnitude that counts as zero where zero counts as missing: LightGBM's `kZeroThreshold`.
pub const NEAR_ZERO: f64 = 1e-35f32 as f64;

/// The leaf values: leaf `i` holds `values[i * width..][..width]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Leaves {
    /// Values in one leaf: 1, or the number of outputs for vector leaves.
    pub width: usize,
    /// All values.
    pub values: Vec<f64>,
}

/// How the trees' values become raw scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Average {
    /// `base + v1 + v2 + ...`: the base comes first.
    SumFromBase,
    /// `(v1 + v2 + ...) + base`: the base comes last.
    SumThenBase,
    /// `(v1 + v2 + ...) / trees`; no base.
    Mean,
}

/// An ensemble of binary decision trees.
///
/// A split sends a row left when `narrow(x) <= threshold` (or `<`), where `narrow` rounds to
/// [`Trees::input`]; a categorical split when the value is not negative (see [`Trees::truncate_negative`]) and,
/// truncated to an integer, in its category set.
#[derive(Debug, Clone, PartialEq)]
pub struct Trees {
    /// Number of features.
    pub features: usize,
    /// Number of raw scores a row.
    pub outputs: usize,
    /// Node index of each tree's root, in the order of summation.
    pub roots: Vec<u32>,
    /// The raw score each tree adds to; 0 for vector leaves.
    pub output_of_tree: Vec<u32>,
    /// All nodes.
    pub nodes: Nodes,
    /// All leaf values.
    pub leaves: Leaves,
    /// Sets of categories, each sorted.
    pub category_sets: Vec<Vec<u32>>,
    /// Whether negative values above -1 are truncated too, so that they are category 0; else they are none.
    pub truncate_negative: bool,
    /// Precision that inputs are rounded to before a test.
    pub input: NumberFormat,
    /// Whether equality goes left: `<=` (true) or `<` (false).
    pub equal_left: bool,
    /// Precision of the sums.
    pub sum: NumberFormat,
    /// Order of the sums.
    pub average: Average,
    /// Starting value of each raw score.
    pub base: Vec<f64>,
    /// Whether missing values are accepted (and go where [`Nodes::missing_left`] says) or refused.
    pub missing: bool,
    /// Whether infinite values are accepted, and finite values that are infinite once narrowed, or refused.
    pub infinite: bool,
    /// Value that counts as missing besides NaN.
    pub missing_value: Option<f64>,
}

impl Trees {
    /// Checks everything that walks rely on; the number of raw scores.
    pub(crate) fn check(&self) -> Result<usize, ModelError> {
        self.check_counts()?;
        if self.descends() {
            return Ok(self.outputs);
        }
        let mut seen = vec![false; self.nodes.left.len()];
        for (tree, &root) in self.roots.iter().enumerate() {
            self.check_tree(root, &mut seen).map_err(|(node, problem)| ModelError::BrokenTree {
                place: String::new(),
                tree,
                node: node as usize,
                problem,
            })?;
        }
        Ok(self.outputs)
    }

    /// Whether all nodes are sound and every child stands behind its one parent, as nearly all libraries write trees: then there
    /// is no circle, and one pass in the order of memory tells. `false` says nothing.
    fn descends(&self) -> bool {
        let nodes = &self.nodes;
        let (count, leaves) = (nodes.left.len(), self.leaves.values.len() / self.leaves.width);
        // The children of leaves, and those that do not exist, are noted at the end.
        let mut has_parent = vec![false; count + 1];
        let mut sound = true;
        // Without branches: which nodes are leaves cannot be predicted.
        let tests = nodes.feature.iter().zip(&nodes.threshold).zip(&nodes.categorical);
        for (at, (((&feature, threshold), &categorical), (&left, &right))) in
            tests.zip(nodes.left.iter().zip(&nodes.right)).enumerate()
        {
            let is_leaf = left == right;
            let (near, far) = (left.min(right) as usize, left.max(right) as usize);
            let is_split =
                (near > at) & (far < count) & ((feature as usize) < self.features) & !threshold.is_nan();
            sound &= if is_leaf { near < leaves } else { is_split };
            for child in [left, right] {
                let child = if is_leaf { count } else { (child as usize).min(count) };
                sound &= !has_parent[child] | (child == count);
                has_parent[child] = true;
            }
            if categorical && !is_leaf && !self.tests_a_set(at) {
                return false;
            }
        }
        let mut is_root = |root: &u32| {
            has_parent[..count].get_mut(*root as usize).is_some_and(|has| !std::mem::replace(has, true))
        };
        sound && self.roots.iter().all(&mut is_root)
    }

    /// Whether the threshold of a categorical node is the number of a set.
    fn tests_a_set(&self, node: usize) -> bool {
        let threshold = self.nodes.threshold[node];
        threshold >= 0.0 && threshold.fract() == 0.0 && threshold < self.category_sets.len() as f64
    }

    fn check_counts(&self) -> Result<(), ModelError> {
        let Nodes { feature, threshold, left, right, missing_left, categorical, zero_missing } = &self.nodes;
        let count = left.len();
        let lengths = [feature.len(), threshold.len(), right.len(), missing_left.len(), categorical.len()];
        for length in lengths {
            expect_count("entries in every array of nodes", count, length)?;
        }
        if !zero_missing.is_empty() {
            expect_count("entries in every array of nodes", count, zero_missing.len())?;
        }
        if self.outputs == 0 {
            return Err(ModelError::mismatch("at least one raw score", 0));
        }
        let width = self.leaves.width;
        if width != 1 && width != self.outputs {
            return Err(ModelError::mismatch(format_args!("1 or {} values a leaf", self.outputs), width));
        }
        if !self.leaves.values.len().is_multiple_of(width) {
            let got = format!("{} values", self.leaves.values.len());
            return Err(ModelError::mismatch(format_args!("a multiple of {width} leaf values"), got));
        }
        expect_count("outputs of trees", self.roots.len(), self.output_of_tree.len())?;
        for output in &self.output_of_tree {
            expect_index("an output", *output as usize, self.outputs)?;
        }
        match self.average {
            Average::SumFromBase | Average::SumThenBase => {
                expect_count("base scores", self.outputs, self.base.len())?;
            }
            Average::Mean if self.roots.is_empty() => {
                return Err(ModelError::mismatch("at least one tree to average", "none"));
            }
            Average::Mean => {}
        }
        match self.category_sets.iter().find(|set| !set.is_sorted_by(|a, b| a < b)) {
            Some(set) => Err(ModelError::mismatch("ascending categories", format_args!("{set:?}"))),
            None => Ok(()),
        }
    }

    /// Walks a tree from its root, each node once; the node that is wrong and how.
    fn check_tree(&self, root: u32, seen: &mut [bool]) -> Result<(), (u32, &'static str)> {
        let leaves = self.leaves.values.len() / self.leaves.width;
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            match seen.get_mut(node as usize) {
                None => return Err((node, "there is no such node")),
                Some(true) => return Err((node, "it is reached twice")),
                Some(seen) => *seen = true,
            }
            let at = node as usize;
            let (left, right) = (self.nodes.left[at], self.nodes.right[at]);
            if left == right {
                if left as usize >= leaves {
                    return Err((node, "its leaf has no value"));
                }
                continue;
            }
            if self.nodes.feature[at] as usize >= self.features {
                return Err((node, "it tests a feature that does not exist"));
            }
            let threshold = self.nodes.threshold[at];
            if threshold.is_nan() {
                return Err((node, "its threshold is not a number"));
            }
            if self.nodes.categorical[at] && !self.tests_a_set(at) {
                return Err((node, "its category set does not exist"));
            }
            open.extend([right, left]);
        }
        Ok(())
    }

    /// Gives features without an example the middle one of the thresholds they are tested against, of the first so many.
    pub(super) fn examples(&self, columns: &[Column], facts: &mut Facts) {
        /// More thresholds cost time and tell no better what a feature is like.
        const MOST: usize = 1024;
        let wanted: Vec<bool> = columns.iter().map(|column| facts.wants_example(column)).collect();
        let mut thresholds = vec![Vec::new(); columns.len()];
        let mut lacking = wanted.iter().filter(|wanted| **wanted).count();
        for node in 0..self.nodes.left.len() {
            if lacking == 0 {
                break;
            }
            let feature = self.nodes.feature[node] as usize;
            let split = self.nodes.left[node] != self.nodes.right[node] && !self.nodes.categorical[node];
            if split && wanted.get(feature) == Some(&true) && thresholds[feature].len() < MOST {
                thresholds[feature].push(self.nodes.threshold[node]);
                lacking -= usize::from(thresholds[feature].len() == MOST);
            }
        }
        for (column, mut thresholds) in columns.iter().zip(thresholds) {
            let middle = thresholds.len() / 2;
            if !thresholds.is_empty() {
                let example = *thresholds.select_nth_unstable_by(middle, f64::total_cmp).1;
                facts.example(column, if example.abs() < 2.0 * NEAR_ZERO { 0.0 } else { example });
            }
        }
    }
}
