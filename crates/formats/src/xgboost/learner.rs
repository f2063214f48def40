//! What every XGBoost file says, whatever its format: the neutral tree between `decode` and `lower`.

use std::collections::BTreeMap;
use std::fmt;

use crate::FileKind;

/// A trained booster with its objective.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Learner {
    /// The format it was read from.
    pub kind: FileKind,
    /// The release that wrote it; legacy binary files do not tell.
    pub version: Option<Version>,
    /// The starting score, one or one per output.
    pub base_score: Vec<f32>,
    /// Whether the starting score was stored as a raw score (before 1.0) and not in the objective's own space.
    pub base_is_margin: bool,
    /// Number of features.
    pub features: usize,
    /// Number of classes; 0 unless the objective is a multi-class one.
    pub classes: usize,
    /// Number of targets, at least 1.
    pub targets: usize,
    /// Name of the objective, such as `binary:logistic`.
    pub objective: String,
    /// Free attributes, such as `best_iteration`.
    pub attributes: BTreeMap<String, String>,
    /// Names of the features, empty where the file has none.
    pub feature_names: Vec<String>,
    /// The weights.
    pub booster: Booster,
}

impl Learner {
    /// Number of raw scores of a row.
    pub(crate) fn outputs(&self) -> usize {
        self.classes.max(self.targets).max(1)
    }

    /// `XGBoost` and the version, for errors and provenance.
    pub(crate) fn library(&self) -> String {
        match self.version {
            Some(version) => format!("XGBoost {version}"),
            None => "XGBoost before 3.1".into(),
        }
    }
}

/// A release of XGBoost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub u32, pub u32, pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The kinds of boosters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Booster {
    /// `gbtree` and `dart`.
    Forest(Forest),
    /// `gblinear`: `(features + 1) x outputs` weights, the biases last.
    Linear(Vec<f32>),
}

/// Boosted trees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Forest {
    /// Where its fields stand in the file, for errors.
    pub place: &'static str,
    /// The trees in the order of training.
    pub trees: Vec<Tree>,
    /// The output that each tree adds to.
    pub output_of_tree: Vec<u32>,
    /// Number of trees after each boosting round.
    pub round_ends: Vec<usize>,
    /// `dart`: the factor of each tree.
    pub weight_drop: Option<Vec<f32>>,
    /// Categories of the training data, by feature (releases from 3.1 on, when trained from a data frame).
    pub categories: Vec<Option<Categories>>,
}

/// The categories of one feature; the code of a category is its position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Categories {
    /// Text categories.
    Text(Vec<String>),
    /// Numeric categories.
    Number(Vec<f64>),
}

/// One tree: a struct of arrays of equal length, node 0 is the root.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Tree {
    /// Left child, -1 in leaves.
    pub left: Vec<i32>,
    /// Right child, -1 in leaves.
    pub right: Vec<i32>,
    /// Feature tested by a split.
    pub feature: Vec<u32>,
    /// Whether a missing value goes left.
    pub default_left: Vec<bool>,
    /// Threshold of a numeric split, value of a leaf.
    pub condition: Vec<f32>,
    /// The categories that go right at a categorical split, by node, in the order of nodes.
    pub categories: Vec<(u32, Vec<u32>)>,
    /// Vector leaves.
    pub vectors: Option<LeafVectors>,
    /// Number of nodes that were pruned and are still in the arrays.
    pub deleted: usize,
}

/// Leaves with one value per output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LeafVectors {
    /// Values of one vector.
    pub width: usize,
    /// All vectors, end to end.
    pub values: Vec<f32>,
    /// For each node the number of its vector.
    pub of_node: Vec<u32>,
}
