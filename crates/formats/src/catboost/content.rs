//! What a CatBoost file holds, whichever format it is in.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::{FileKind, FormatError, Problem};

use super::flatbuffer::Budget;

/// Largest number of features: bounds what is made of a position that a file merely states.
const MOST_FEATURES: usize = 1 << 20;
/// Largest number of positions without a feature: the library lists also those that no tree uses, so a small file may not
/// state a far position and have all before it made.
const MOST_LEFT_OUT: usize = 1 << 14;
/// Largest number of raw scores.
const MOST_OUTPUTS: usize = 1 << 16;
/// Largest depth of a tree with the same condition on each level: the library has at most 16.
pub(super) const DEEPEST: usize = 24;

/// A decoded model.
#[derive(Debug)]
pub(super) struct Content<'b> {
    pub(super) kind: FileKind,
    /// What may still be made of the file.
    pub(super) budget: &'b Budget,
    /// Number of raw scores.
    pub(super) outputs: usize,
    pub(super) numbers: Vec<NumberFeature>,
    pub(super) categories: Vec<Feature>,
    /// Features of other types, which no tree tests.
    pub(super) unused: Vec<Feature>,
    pub(super) one_hots: Vec<OneHot>,
    pub(super) ctrs: Vec<Ctr>,
    pub(super) tables: HashMap<CtrBase, CtrTable>,
    pub(super) forest: Forest,
    pub(super) scale: f64,
    pub(super) bias: Vec<f64>,
    pub(super) info: Info,
}

/// Where a feature stands and how it is called.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Feature {
    /// Position among the features of its type.
    pub(super) index: usize,
    /// Position among all features.
    pub(super) position: usize,
    /// Its name, empty where there is none.
    pub(super) name: String,
}

/// A number feature.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NumberFeature {
    pub(super) feature: Feature,
    pub(super) borders: Vec<f32>,
    /// Whether a missing value is above all borders, and else below.
    pub(super) missing_above: bool,
}

/// A category feature whose categories are tested one by one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OneHot {
    /// Index of the category feature.
    pub(super) category: usize,
    /// Hashes of categories, which the library takes for numbers with a sign.
    pub(super) hashes: Vec<i32>,
}

/// Types of target statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum CtrType {
    /// Share of the targets above a border.
    Borders,
    /// Share of the targets in a bucket.
    Buckets,
    /// Mean of the binarized target.
    BinarizedTargetMeanValue,
    /// Mean of the target.
    FloatTargetMeanValue,
    /// How often the combination occurs.
    Counter,
    /// The same, counted otherwise in training.
    FeatureFreq,
}

/// Part of a combination, by indices of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum CtrPart {
    /// The category of a feature.
    Category(i32),
    /// Whether a number is above a border (the bits of a float32).
    Above(i32, u32),
    /// Whether a category has a hash.
    Is(i32, i32),
}

/// What a table of statistics is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CtrBase {
    pub(super) parts: Vec<CtrPart>,
    pub(super) kind: CtrType,
    pub(super) target_classifier: i32,
}

/// A statistic with the borders it is tested against.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ctr {
    pub(super) base: CtrBase,
    pub(super) target_border: usize,
    pub(super) prior_numerator: f32,
    pub(super) prior_denominator: f32,
    pub(super) shift: f32,
    pub(super) scale: f32,
    pub(super) borders: Vec<f32>,
}

/// What was counted in training.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CtrTable {
    /// Hash of each combination.
    pub(super) hashes: Vec<u64>,
    /// Its row in `values`.
    pub(super) rows: Vec<u32>,
    pub(super) values: CtrValues,
    pub(super) denominator: i32,
}

/// The rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum CtrValues {
    /// Sum and count.
    Means(Vec<(f32, i32)>),
    /// Counts of each target class, or one count: this many in a row.
    Counts(Vec<i32>, usize),
}

/// The trees.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Forest {
    /// Trees that test one condition a level.
    Oblivious {
        depths: Vec<u32>,
        /// Conditions of all levels, by their number.
        tests: Vec<u32>,
        /// Leaf values, tree by tree.
        leaves: Vec<f64>,
    },
    /// Trees of nodes.
    Nodes {
        roots: Vec<u32>,
        nodes: Vec<Node>,
        /// Leaf values, as many a leaf as there are raw scores.
        leaves: Vec<f64>,
    },
}

/// A node: positions count over all trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    /// A row goes to the second node where the condition holds, else to the first.
    Split(u32, [u32; 2]),
    /// The number of a leaf.
    Leaf(u32),
}

impl Content<'_> {
    pub(super) fn error(&self, problem: Problem) -> FormatError {
        FormatError::new(self.kind, problem)
    }

    pub(super) fn invalid(&self, place: impl Into<String>, detail: impl Into<String>) -> FormatError {
        self.error(Problem::Invalid { detail: detail.into() }).at(place)
    }

    /// All features.
    pub(super) fn features(&self) -> impl Iterator<Item = &Feature> {
        let numbers = self.numbers.iter().map(|number| &number.feature);
        numbers.chain(&self.categories).chain(&self.unused)
    }

    /// Checks counts and positions that everything else relies on.
    pub(super) fn check(&self) -> Result<(), FormatError> {
        let most = MOST_FEATURES.min(self.features().count().saturating_add(MOST_LEFT_OUT));
        if let Some(feature) = self.features().find(|feature| feature.position >= most) {
            let detail = format!("feature {} of at most {most}", feature.position);
            return Err(self.invalid("features", detail));
        }
        if !(1..=MOST_OUTPUTS).contains(&self.outputs) {
            let detail = format!("{} raw scores, expected 1 to {MOST_OUTPUTS}", self.outputs);
            return Err(self.invalid("trees", detail));
        }
        let mut positions: Vec<usize> = self.features().map(|feature| feature.position).collect();
        positions.sort_unstable();
        if let Some(twice) = positions.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(self.invalid("features", format!("two features at position {}", twice[0])));
        }
        let finite = self.scale.is_finite() && self.bias.iter().all(|bias| bias.is_finite());
        if self.bias.len() != self.outputs || !finite {
            let expected = format!("a finite scale and {} finite biases", self.outputs);
            let got = format!("{} and {:?}", self.scale, &self.bias[..self.bias.len().min(8)]);
            return Err(self.error(Problem::Mismatch { expected, got }).at("scale_and_bias"));
        }
        let leaves = match &self.forest {
            Forest::Oblivious { leaves, .. } | Forest::Nodes { leaves, .. } => leaves,
        };
        match leaves.iter().position(|value| !value.is_finite()) {
            Some(leaf) => Err(self.invalid(format!("leaf_values[{leaf}]"), "it is not finite")),
            None => Ok(()),
        }
    }
}

/// What a file tells of its training.
#[derive(Debug, Default)]
pub(super) struct Info {
    entries: HashMap<&'static str, Json>,
}

impl Info {
    /// Entries that matter, most of which are JSON.
    const KEYS: [&'static str; 6] = [
        "params",
        "class_params",
        "multiclass_params",
        "loss_function",
        "binclass_probability_threshold",
        "catboost_version_info",
    ];

    /// Keeps an entry if it matters. In the binary format values are texts, of JSON or not.
    pub(super) fn insert(&mut self, key: &str, value: Json) {
        let Some(key) = Self::KEYS.into_iter().find(|known| *known == key) else { return };
        let parsed = match (&value, key) {
            (_, "catboost_version_info") => None,
            (Json::String(text), _) => serde_json::from_str(text).ok(),
            _ => None,
        };
        self.entries.insert(key, parsed.unwrap_or(value));
    }

    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        self.entries.get(key)
    }

    /// The release that wrote the file: `v1.2.10` in `Branch: tags/v1.2.10`.
    pub(super) fn version(&self) -> Option<String> {
        let text = self.get("catboost_version_info")?.as_str()?;
        let mut words = text.split_ascii_whitespace();
        let release = words.find_map(|word| word.strip_prefix("tags/v"))?;
        let is_version = release.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        is_version.then(|| release.to_owned())
    }
}
