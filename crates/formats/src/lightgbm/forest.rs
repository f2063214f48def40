//! Trees of LightGBM to [`Trees`] (`src/io/tree.cpp` and `include/LightGBM/tree.h` of the library).

use foretell_model::Estimator;
use foretell_model::estimator::{Average, Leaves, LinearTrees, NEAR_ZERO, Nodes, NumberFormat, Trees};

use crate::{FormatError, Problem};

use super::fields::Fields;
use super::invalid;
use super::text::Text;

/// Bits of a decision type.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

/// The first trees of a text, as many as are used.
pub(super) fn estimator(text: &Text<'_>, used: usize) -> Result<Estimator, FormatError> {
    let linear_trees = text.trees[..used].iter().any(is_linear);
    let mut forest = Forest { trees: no_trees(text), models: linear_trees.then(Models::default) };
    for (number, fields) in text.trees[..used].iter().enumerate() {
        forest.plant(fields)?;
        forest.trees.output_of_tree.push((number % text.per_round) as u32);
    }
    let Forest { trees, models } = forest;
    Ok(match models {
        None => Estimator::Trees(trees),
        Some(Models { constants, mut starts, features, coefficients }) => {
            starts.push(features.len());
            Estimator::LinearTrees(LinearTrees { trees, constants, starts, features, coefficients })
        }
    })
}

fn is_linear(fields: &Fields<'_>) -> bool {
    fields.find("is_linear").is_some_and(|flag| flag.trim() != "0")
}

fn no_trees(text: &Text<'_>) -> Trees {
    Trees {
        features: text.features,
        outputs: text.per_round,
        roots: Vec::new(),
        output_of_tree: Vec::new(),
        nodes: Nodes::default(),
        leaves: Leaves { width: 1, values: Vec::new() },
        category_sets: Vec::new(),
        truncate_negative: true,
        input: NumberFormat::Double,
        equal_left: true,
        sum: NumberFormat::Double,
        average: Average::SumFromBase,
        base: vec![0.0; text.per_round],
        missing: true,
        infinite: true,
        missing_value: None,
    }
}

/// The trees so far, and the linear models of their leaves where any tree has such.
struct Forest {
    trees: Trees,
    models: Option<Models>,
}

/// The linear models of leaves, as in [`LinearTrees`] but for the end of the last.
#[derive(Default)]
struct Models {
    constants: Vec<f64>,
    starts: Vec<usize>,
    features: Vec<u32>,
    coefficients: Vec<f64>,
}

/// The splits of one tree.
struct Splits {
    feature: Vec<u32>,
    threshold: Vec<f64>,
    decision: Vec<u8>,
    left: Vec<i32>,
    right: Vec<i32>,
}

impl Splits {
    fn read(fields: &Fields<'_>, count: usize) -> Result<Self, FormatError> {
        let decision = match fields.find("decision_type") {
            Some(_) => fields.numbers("decision_type", count)?,
            None => vec![0; count],
        };
        Ok(Self {
            feature: fields.numbers("split_feature", count)?,
            threshold: fields.numbers("threshold", count)?,
            decision,
            left: fields.numbers("left_child", count)?,
            right: fields.numbers("right_child", count)?,
        })
    }
}

impl Forest {
    /// Appends a tree: its splits, then its leaves.
    fn plant(&mut self, fields: &Fields<'_>) -> Result<(), FormatError> {
        let leaves: usize = fields.number("num_leaves")?;
        let Some(count) = leaves.checked_sub(1) else {
            let problem = Problem::Mismatch { expected: "at least one leaf".into(), got: "0".into() };
            return Err(fields.wrong("num_leaves", problem));
        };
        let values: Vec<f64> = fields.numbers("leaf_value", leaves)?;
        finite(fields, "leaf_value", &values)?;
        let first = self.trees.nodes.left.len();
        let end = first + count + leaves;
        if u32::try_from(end).is_err() {
            return Err(invalid(format!("{end} nodes in all trees, more than can be numbered")));
        }
        self.trees.roots.push(first as u32);
        let first_leaf = self.trees.leaves.values.len();
        if count > 0 {
            self.splits(fields, &Splits::read(fields, count)?, first)?;
        }
        for leaf in first_leaf..first_leaf + leaves {
            self.push_node(0, 0.0, [leaf as u32; 2]);
        }
        if self.models.is_some() {
            self.linear(fields, &values)?;
        }
        self.trees.leaves.values.extend(values);
        Ok(())
    }

    /// A numeric split that keeps missing values right, or a leaf.
    fn push_node(&mut self, feature: u32, threshold: f64, [left, right]: [u32; 2]) {
        let nodes = &mut self.trees.nodes;
        nodes.feature.push(feature);
        nodes.threshold.push(threshold);
        nodes.left.push(left);
        nodes.right.push(right);
        nodes.missing_left.push(false);
        nodes.categorical.push(false);
        nodes.zero_missing.push(false);
    }

    fn splits(&mut self, fields: &Fields<'_>, splits: &Splits, first: usize) -> Result<(), FormatError> {
        let count = splits.left.len();
        let first_set = self.trees.category_sets.len();
        let sets = category_sets(fields)?;
        let mut has_parent = vec![false; 2 * count + 1];
        has_parent[0] = true;
        for split in 0..count {
            let mut child = |key: &str, child: i32| {
                let node = node_of(child, count)
                    .ok_or_else(|| fields.invalid(key, split, format!("there is no node or leaf {child}")))?;
                if std::mem::replace(&mut has_parent[node], true) {
                    let detail = format!("node {child} already has a parent or is the root");
                    return Err(fields.invalid(key, split, detail));
                }
                Ok((first + node) as u32)
            };
            let children =
                [child("left_child", splits.left[split])?, child("right_child", splits.right[split])?];
            let feature = splits.feature[split];
            if feature as usize >= self.trees.features {
                let detail = format!("feature {feature} of {}", self.trees.features);
                return Err(fields.invalid("split_feature", split, detail));
            }
            let decision = Decision::new(splits.decision[split], splits.threshold[split], sets.len())
                .map_err(|(key, detail)| fields.invalid(key, split, detail))?;
            let offset = if decision.categorical { first_set as f64 } else { 0.0 };
            self.push_node(feature, decision.threshold + offset, children);
            let (node, nodes) = (first + split, &mut self.trees.nodes);
            nodes.missing_left[node] = decision.missing_left;
            nodes.categorical[node] = decision.categorical;
            nodes.zero_missing[node] = decision.zero_missing;
        }
        self.trees.category_sets.extend(sets);
        Ok(())
    }

    /// Appends the linear models of a tree's leaves; leaves of a tree without them are constants.
    fn linear(&mut self, fields: &Fields<'_>, values: &[f64]) -> Result<(), FormatError> {
        let features = self.trees.features;
        let Some(models) = &mut self.models else { return Ok(()) };
        if !is_linear(fields) {
            models.starts.extend(values.iter().map(|_| models.features.len()));
            models.constants.extend_from_slice(values);
            return Ok(());
        }
        let leaves = values.len();
        let constants: Vec<f64> = fields.numbers("leaf_const", leaves)?;
        let counts: Vec<usize> = fields.numbers("num_features", leaves)?;
        let total = counts.iter().fold(0, |total: usize, count| total.saturating_add(*count));
        let tested: Vec<u32> = fields.numbers("leaf_features", total)?;
        let coefficients: Vec<f64> = fields.numbers("leaf_coeff", total)?;
        finite(fields, "leaf_const", &constants)?;
        finite(fields, "leaf_coeff", &coefficients)?;
        if let Some(entry) = tested.iter().position(|feature| *feature as usize >= features) {
            let detail = format!("feature {} of {features}", tested[entry]);
            return Err(fields.invalid("leaf_features", entry, detail));
        }
        let mut start = models.features.len();
        for count in counts {
            models.starts.push(start);
            start += count;
        }
        models.constants.extend(constants);
        models.features.extend(tested);
        models.coefficients.extend(coefficients);
        Ok(())
    }
}

/// The position in a tree of `count` splits, followed by their leaves, of what a child index means: a split, or the leaf of
/// which it is the complement.
fn node_of(child: i32, count: usize) -> Option<usize> {
    match usize::try_from(child) {
        Ok(split) => (split < count).then_some(split),
        Err(_) => usize::try_from(!child).ok().filter(|leaf| *leaf <= count).map(|leaf| count + leaf),
    }
}

fn finite(fields: &Fields<'_>, key: &str, numbers: &[f64]) -> Result<(), FormatError> {
    match numbers.iter().position(|number| !number.is_finite()) {
        Some(position) => Err(fields.invalid(key, position, format!("{} is not finite", numbers[position]))),
        None => Ok(()),
    }
}

/// The category sets of a tree, from their bits.
fn category_sets(fields: &Fields<'_>) -> Result<Vec<Vec<u32>>, FormatError> {
    let count: usize = fields.number("num_cat")?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let bounds: Vec<usize> = fields.numbers("cat_boundaries", count.saturating_add(1))?;
    if bounds[0] != 0 || !bounds.is_sorted() {
        return Err(fields.invalid("cat_boundaries", 0, "they do not ascend from 0"));
    }
    let words: Vec<u32> = fields.numbers("cat_threshold", bounds[count])?;
    let categories = |words: &[u32]| {
        // The library tests values as 32-bit integers with a sign, and larger ones are in no set.
        let bits = words.iter().zip((0..1 << 31).step_by(32));
        bits.flat_map(|(word, low)| (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| low + bit))
            .collect()
    };
    Ok(bounds.windows(2).map(|bounds| categories(&words[bounds[0]..bounds[1]])).collect())
}

/// What a split does with a value.
struct Decision {
    /// Threshold, or index of a category set of the tree.
    threshold: f64,
    categorical: bool,
    missing_left: bool,
    zero_missing: bool,
}

impl Decision {
    /// The meaning of a decision type; the field that is wrong and how.
    fn new(decision: u8, threshold: f64, sets: usize) -> Result<Self, (&'static str, String)> {
        let default_left = decision & DEFAULT_LEFT != 0;
        if threshold.is_nan() {
            return Err(("threshold", "NaN is not a threshold".into()));
        }
        if decision & CATEGORICAL != 0 {
            if !(threshold >= 0.0 && threshold.fract() == 0.0 && threshold < sets as f64) {
                return Err(("threshold", format!("there is no category set {threshold} of {sets}")));
            }
            return Ok(Self { threshold, categorical: true, missing_left: false, zero_missing: false });
        }
        let (missing_left, zero_missing) = match decision >> 2 {
            // A missing value is taken for 0.
            0 => (0.0 <= threshold, false),
            // Zero is missing, and what is missing is taken for 0.
            1 => (default_left, true),
            2 => (default_left, false),
            _ => return Err(("decision_type", format!("{decision} is not a type of decision"))),
        };
        Ok(Self { threshold: beside_zero(threshold), categorical: false, missing_left, zero_missing })
    }
}

/// The library takes numbers that are almost zero for 0 before it compares them: a threshold among them has all of them on
/// one side, the side of 0.
fn beside_zero(threshold: f64) -> f64 {
    if (0.0..NEAR_ZERO).contains(&threshold) {
        NEAR_ZERO
    } else if (-NEAR_ZERO..0.0).contains(&threshold) {
        (-NEAR_ZERO).next_down()
    } else {
        threshold
    }
}
