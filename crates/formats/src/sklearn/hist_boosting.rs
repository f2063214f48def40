//! Histogram gradient boosting: trees over float64 inputs, with categories.

use foretell_frame::Shape;
use foretell_model::estimator::{Average, NumberFormat, Trees};
use foretell_model::head::{LabelRule, Link, Probability, Regression};
use foretell_model::step::{Branch, Codes, Step};
use foretell_model::{Estimator, Head};

use super::classes::{Classifier, labels};
use super::trees::{no_trees, node_table};
use super::{Input, Lowered, Result, Version, lower, present};
use crate::pickle::Value;

/// `HistGradientBoostingClassifier`.
pub(super) fn classifier(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let (binary, probability) = match loss(value)? {
        "BinaryCrossEntropy" | "HalfBinomialLoss" => (true, Probability::Sigmoid { scale: 1.0 }),
        "CategoricalCrossEntropy" => (false, Probability::ExpNormalized),
        "HalfMultinomialLoss" => (false, Probability::Softmax),
        other => return Err(value.unsupported_option("loss", other, "`log_loss`")),
    };
    let outputs = if binary { 1 } else { classes.len() };
    let label = match binary {
        _ if Version::of(value)? < Version(1, 4) => LabelRule::LargestProbability,
        true => LabelRule::Positive,
        false => LabelRule::LargestScore,
    };
    let head = Classifier {
        classes,
        label,
        probability: Some(probability),
        log_probability: None,
        decision: Some(if binary { Shape::Vector } else { Shape::Matrix(outputs) }),
    };
    boosted(value, input, outputs, head.head())
}

/// `HistGradientBoostingRegressor`.
pub(super) fn regression(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let link = match loss(value)? {
        "LeastSquares" | "LeastAbsoluteDeviation" => Link::Identity,
        "HalfSquaredError" | "AbsoluteError" | "PinballLoss" => Link::Identity,
        "Poisson" | "HalfPoissonLoss" | "HalfGammaLoss" => Link::Exp,
        other => {
            let supported = "`squared_error`, `absolute_error`, `quantile`, `poisson` or `gamma`";
            return Err(value.unsupported_option("loss", other, supported));
        }
    };
    let head = Head::Regression(Regression { shape: Shape::Vector, link, margin: false, rounds: 1.0 });
    boosted(value, input, 1, head)
}

/// The class of the loss. Up to 1.0 they have classes of their own.
fn loss<'p>(value: &Value<'p>) -> Result<&'p str> {
    // `loss_` in 0.23.
    let loss = match present(value, "_loss")? {
        Some(loss) => loss,
        None => value.field("loss_")?,
    };
    match loss.class().filter(|class| class.package() == "sklearn") {
        Some(class) => Ok(class.name()),
        None => Err(value.unsupported_option("loss", loss.describe(), "a loss of scikit-learn's own")),
    }
}

fn boosted(value: &Value<'_>, input: Input, outputs: usize, head: Head) -> Result<Lowered> {
    let features = match present(value, "n_features_in_")? {
        Some(count) => count.size()?,
        None => match present(value, "_n_features")? {
            Some(count) => count.size()?,
            // Before 0.24.
            None => value.field("n_features_")?.size()?,
        },
    };
    // Before 0.24, when there were no categories, it had another name.
    let known = match present(value, "_bin_mapper")? {
        Some(mapper) => known_codes(&mapper, features)?,
        None if Version::of(value)?.is_before(0, 24) => vec![None; features],
        None => return Err(value.missing("_bin_mapper")),
    };
    let mut trees = no_trees(features, outputs);
    trees.input = NumberFormat::Double;
    trees.average = Average::SumFromBase;
    // Before 0.22 rows had to be complete.
    let any = !Version::of(value)?.is_before(0, 22);
    (trees.missing, trees.infinite) = (any, any);
    trees.base = baseline(&value.field("_baseline_prediction")?, outputs)?;
    for iteration in value.field("_predictors")?.items()? {
        let predictors = iteration.items()?;
        if predictors.len() != outputs {
            return Err(iteration.mismatch(format_args!("{outputs} trees"), predictors.len()));
        }
        for (output, predictor) in predictors.iter().enumerate() {
            append(&mut trees, predictor, &known)?;
            trees.output_of_tree.push(output as u32);
        }
    }
    let mut steps = Vec::new();
    if let Some(preprocessor) = present(value, "_preprocessor")? {
        steps.push(preprocessing(value, &preprocessor, features, input)?);
    }
    if known.iter().any(Option::is_some) {
        steps.push(Step::Codes(Codes { known }));
    }
    let mut lowered = Lowered::estimator(features, Estimator::Trees(trees), head);
    lowered.pipeline.steps = steps;
    Ok(lowered)
}

/// The first guess: a number, or an array of one per output in any shape.
fn baseline(value: &Value<'_>, outputs: usize) -> Result<Vec<f64>> {
    if let Ok(number) = value.float()
        && outputs == 1
    {
        return Ok(vec![number]);
    }
    let array = value.array()?;
    if array.len() != outputs {
        return Err(value.mismatch(format_args!("{outputs} first guesses"), value.describe()));
    }
    array.f64s()
}

/// What recodes categories since 1.4: an encoder of the categorical columns, which come first, and then the others.
fn preprocessing(value: &Value<'_>, preprocessor: &Value<'_>, features: usize, input: Input) -> Result<Step> {
    let categorical = value.field("is_categorical_")?.bool_vector(features)?;
    let columns = |of_kind: bool| (0..features).filter(|&i| categorical[i] == of_kind).collect::<Vec<_>>();
    let mut branches = Vec::new();
    for entry in preprocessor.field("transformers_")?.items()? {
        let (name, transformer) = (entry.at(0)?.text()?, entry.part(1)?);
        match name {
            "encoder" if categorical.contains(&true) => {
                let steps = lower(&transformer, input)?.into_steps(&transformer)?;
                branches.push(Branch { columns: columns(true), steps, weight: None });
            }
            // It only checks that they are numbers.
            "numerical" => {
                branches.push(Branch { columns: columns(false), steps: Vec::new(), weight: None });
            }
            "encoder" | "remainder" => {}
            other => {
                return Err(preprocessor.unsupported_option(
                    "transformers",
                    other,
                    "`encoder` and `numerical`",
                ));
            }
        }
    }
    Ok(Step::Parallel(branches))
}

/// For each column the category codes that the trees know, `None` where they test numbers.
fn known_codes(mapper: &Value<'_>, features: usize) -> Result<Vec<Option<Vec<u8>>>> {
    // Categories are known since 0.24.
    let Some(categorical) = present(mapper, "is_categorical_")? else { return Ok(vec![None; features]) };
    let (categorical, all) = (flags(&categorical, features)?, mapper.field("bin_thresholds_")?);
    let codes = |(column, categorical): (usize, bool)| {
        if !categorical {
            return Ok(None);
        }
        let values = all.at(column)?;
        let byte = |code: f64| (0.0..256.0).contains(&code).then_some(code as u8);
        let codes: Option<Vec<u8>> = values.f64_vector(None)?.into_iter().map(byte).collect();
        let mut codes = codes.ok_or_else(|| values.mismatch("category codes from 0 to 255", "others"))?;
        codes.sort_unstable();
        codes.dedup();
        Ok(Some(codes))
    };
    categorical.into_iter().enumerate().map(codes).collect()
}

/// One flag per feature, as bools or bytes.
fn flags(value: &Value<'_>, features: usize) -> Result<Vec<bool>> {
    match value.bool_vector(features) {
        Ok(flags) => Ok(flags),
        Err(_) => Ok(value.i64_vector(features)?.into_iter().map(|flag| flag != 0).collect()),
    }
}

/// Fields of a node that predictions depend on, and others that are known not to matter. A field that is in neither
/// list may change what a node means.
const NODE_FIELDS: [&str; 14] = [
    "value",
    "count",
    "feature_idx",
    "num_threshold",
    "threshold",
    "missing_go_to_left",
    "left",
    "right",
    "gain",
    "depth",
    "is_leaf",
    "bin_threshold",
    "is_categorical",
    "bitset_idx",
];

/// The node table, column by column.
struct NodeColumns {
    value: Vec<f64>,
    feature: Vec<i64>,
    threshold: Vec<f64>,
    missing_left: Vec<bool>,
    left: Vec<i64>,
    right: Vec<i64>,
    leaf: Vec<bool>,
    /// Since 0.24: whether the node tests membership in a set, and in which.
    sets: Option<(Vec<bool>, Vec<i64>)>,
}

impl NodeColumns {
    fn read(value: &Value<'_>) -> Result<Self> {
        let table = node_table(value, &NODE_FIELDS)?;
        let threshold = if table.column("num_threshold").is_some() { "num_threshold" } else { "threshold" };
        let sets = match table.column("is_categorical") {
            Some(_) => Some((table.column_bool("is_categorical")?, table.column_i64("bitset_idx")?)),
            None => None,
        };
        Ok(Self {
            value: table.column_f64("value")?,
            feature: table.column_i64("feature_idx")?,
            threshold: table.column_f64(threshold)?,
            // Before 0.22 there were no missing values.
            missing_left: match table.column("missing_go_to_left") {
                Some(_) => table.column_bool("missing_go_to_left")?,
                None => vec![false; table.column_bool("is_leaf")?.len()],
            },
            left: table.column_i64("left")?,
            right: table.column_i64("right")?,
            leaf: table.column_bool("is_leaf")?,
            sets,
        })
    }

    /// The category set a node tests membership in.
    fn set(&self, node: usize) -> Option<i64> {
        self.sets.as_ref().and_then(|(categorical, sets)| categorical[node].then_some(sets[node]))
    }
}

/// Appends a `TreePredictor` to an ensemble whose features are set.
fn append(trees: &mut Trees, predictor: &Value<'_>, known: &[Option<Vec<u8>>]) -> Result<()> {
    let table = predictor.field("nodes")?;
    let nodes = NodeColumns::read(&table)?;
    let (count, first) = (nodes.leaf.len(), trees.nodes.feature.len());
    if u32::try_from(first + count).is_err() {
        return Err(table.invalid("the ensemble has more than 2^32 nodes"));
    }
    let first_set = trees.category_sets.len();
    trees.category_sets.extend(category_sets(predictor)?);
    let sets = trees.category_sets.len() - first_set;
    trees.roots.push(first as u32);
    for node in 0..count {
        if nodes.leaf[node] {
            push_leaf(trees, nodes.value[node]);
            continue;
        }
        let (left, right) = (nodes.left[node], nodes.right[node]);
        if left == right || !(0..count as i64).contains(&left) || !(0..count as i64).contains(&right) {
            let detail = format_args!("node {node} of {count} has the children {left} and {right}");
            return Err(table.invalid(detail));
        }
        let feature = nodes.feature[node];
        let of_feature = usize::try_from(feature).ok().and_then(|feature| known.get(feature));
        let Some(codes) = of_feature else {
            let detail = format_args!("node {node} tests feature {feature} of {}", trees.features);
            return Err(table.invalid(detail));
        };
        let threshold = match nodes.set(node) {
            Some(set) if codes.is_some() && (0..sets as i64).contains(&set) => {
                (first_set as i64 + set) as f64
            }
            Some(set) => {
                return Err(table.invalid(format_args!("node {node} tests category set {set} of {sets}")));
            }
            None => nodes.threshold[node],
        };
        trees.nodes.feature.push(feature as u32);
        trees.nodes.threshold.push(threshold);
        trees.nodes.left.push((first as i64 + left) as u32);
        trees.nodes.right.push((first as i64 + right) as u32);
        trees.nodes.missing_left.push(nodes.missing_left[node]);
        trees.nodes.categorical.push(nodes.set(node).is_some());
    }
    Ok(())
}

fn push_leaf(trees: &mut Trees, value: f64) {
    let leaf = trees.leaves.values.len() as u32;
    trees.leaves.values.push(value);
    trees.nodes.feature.push(0);
    trees.nodes.threshold.push(0.0);
    trees.nodes.left.push(leaf);
    trees.nodes.right.push(leaf);
    trees.nodes.missing_left.push(false);
    trees.nodes.categorical.push(false);
}

/// The sets of categories that go left: 256 bits each, in words of 32.
fn category_sets(predictor: &Value<'_>) -> Result<Vec<Vec<u32>>> {
    let Some(bits) = present(predictor, "raw_left_cat_bitsets")? else { return Ok(Vec::new()) };
    let array = bits.array()?;
    array.expect_shape(&[None, Some(8)])?;
    let words = array.i64s()?;
    let set = |words: &[i64]| {
        (0..256u32).filter(|bit| words[*bit as usize / 32] >> (bit % 32) & 1 == 1).collect::<Vec<_>>()
    };
    Ok(words.chunks_exact(8).map(set).collect())
}
