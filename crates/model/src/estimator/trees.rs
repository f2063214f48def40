//! Ensembles of binary decision trees.

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
}

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
/// [`Trees::input`]; a categorical split when the value is not negative and, truncated to an integer, in its
/// category set.
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
