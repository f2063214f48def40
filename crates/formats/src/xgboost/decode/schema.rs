//! The fields of XGBoost's JSON and UBJSON models (`doc/model.schema` of the library and its `SaveModel` functions).
//!
//! Fields that no known release writes are refused: they may change what the model computes.

use std::collections::BTreeMap;

use crate::{FormatError, Problem};

use super::super::learner::{Booster, Categories, Forest, LeafVectors, Learner, Tree, Version};
use super::document::Cursor;

const MODEL: &[&str] = &["learner", "version"];
const LEARNER: &[&str] = &[
    "attributes",
    "feature_names",
    "feature_types",
    "gradient_booster",
    "learner_model_param",
    "objective",
    "metrics",
];
const LEARNER_PARAM: &[&str] =
    &["base_score", "boost_from_average", "num_class", "num_feature", "num_target"];
const TREE_MODEL: &[&str] =
    &["cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees", "weight_drop"];
const TREE: &[&str] = &[
    "base_weights",
    "categories",
    "categories_nodes",
    "categories_segments",
    "categories_sizes",
    "default_left",
    "id",
    "leaf_child_counts",
    "leaf_weights",
    "left_children",
    "loss_changes",
    "parents",
    "right_children",
    "split_conditions",
    "split_indices",
    "split_type",
    "sum_hessian",
    "tree_param",
];
/// The newest release line whose files are known.
const NEWEST: Version = Version(3, 4, 0);

/// Reads a model document, or the `Model` member of a serialized booster.
pub(super) fn learner(document: Cursor<'_>) -> Result<Learner, FormatError> {
    let model = document.find("Model")?.unwrap_or(document);
    model.only(MODEL)?;
    let version = version(&model.get("version")?)?;
    content(&model.get("learner")?, version).map_err(|error| error.written_by(format!("XGBoost {version}")))
}

fn version(field: &Cursor<'_>) -> Result<Version, FormatError> {
    let numbers = field.indices()?;
    let [major, minor, patch] = numbers[..] else {
        field.expect_len(numbers.len(), 3)?;
        return Err(field.invalid("expected a version".into()));
    };
    if (major, minor) > (NEWEST.0, NEWEST.1) {
        return Err(field.error(Problem::UnsupportedOption {
            option: "version".into(),
            value: format!("{major}.{minor}.{patch}"),
            supported: format!("XGBoost up to {}.{}", NEWEST.0, NEWEST.1),
        }));
    }
    Ok(Version(major, minor, patch))
}

fn content(learner: &Cursor<'_>, version: Version) -> Result<Learner, FormatError> {
    learner.only(LEARNER)?;
    let param = learner.get("learner_model_param")?;
    param.only(LEARNER_PARAM)?;
    let targets = match param.find("num_target")? {
        Some(field) => field.count()?.max(1),
        None => 1,
    };
    let classes = param.get("num_class")?.count()?;
    let mut result = Learner {
        kind: learner.kind(),
        version: Some(version),
        base_score: base_score(&param.get("base_score")?)?,
        base_is_margin: false,
        features: param.get("num_feature")?.count()?,
        classes,
        targets,
        objective: learner.get("objective")?.get("name")?.text()?.into(),
        attributes: attributes(learner)?,
        feature_names: texts(learner, "feature_names")?,
        booster: Booster::Linear(Vec::new()),
    };
    result.booster = booster(&learner.get("gradient_booster")?, result.outputs())?;
    Ok(result)
}

/// `5E-1` up to 3.0, `[5E-1]` or one number per output later.
fn base_score(field: &Cursor<'_>) -> Result<Vec<f32>, FormatError> {
    let text = field.text()?;
    let list = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let number = |part: &str| {
        part.trim().parse::<f32>().ok().filter(|score| score.is_finite()).ok_or_else(|| {
            field.error(Problem::Mismatch {
                expected: "finite numbers as text".into(),
                got: format!("`{}`", text.chars().take(40).collect::<String>()),
            })
        })
    };
    list.split(',').map(number).collect()
}

fn attributes(learner: &Cursor<'_>) -> Result<BTreeMap<String, String>, FormatError> {
    let Some(attributes) = learner.find("attributes")? else { return Ok(BTreeMap::new()) };
    attributes.entries()?.map(|(key, value)| Ok((key.into(), value.text()?.into()))).collect()
}

fn texts(learner: &Cursor<'_>, key: &str) -> Result<Vec<String>, FormatError> {
    let Some(list) = learner.find(key)? else { return Ok(Vec::new()) };
    list.elements()?.map(|element| element.text().map(str::to_owned)).collect()
}

fn booster(booster: &Cursor<'_>, outputs: usize) -> Result<Booster, FormatError> {
    let name = booster.get("name")?;
    match name.text()? {
        "gbtree" => {
            booster.only(&["model", "name"])?;
            Ok(Booster::Forest(forest(&booster.get("model")?, outputs)?))
        }
        "dart" => {
            booster.only(&["gbtree", "name", "weight_drop"])?;
            let mut forest = forest(&booster.get("gbtree")?.get("model")?, outputs)?;
            forest.weight_drop = Some(column(booster, "weight_drop", forest.trees.len(), Cursor::floats)?);
            forest.place = "learner.gradient_booster.gbtree.model";
            Ok(Booster::Forest(forest))
        }
        "gblinear" => {
            booster.only(&["model", "name"])?;
            let model = booster.get("model")?;
            model.only(&["boosted_rounds", "param", "weights"])?;
            Ok(Booster::Linear(model.get("weights")?.floats()?))
        }
        other => Err(name.error(Problem::UnsupportedOption {
            option: "booster".into(),
            value: format!("`{}`", other.chars().take(40).collect::<String>()),
            supported: "`gbtree`, `dart` or `gblinear`".into(),
        })),
    }
}

fn forest(model: &Cursor<'_>, outputs: usize) -> Result<Forest, FormatError> {
    model.only(TREE_MODEL)?;
    let param = model.get("gbtree_model_param")?;
    let trees_field = model.get("trees")?;
    let trees = trees_field.elements()?.map(|element| tree(&element)).collect::<Result<Vec<_>, _>>()?;
    trees_field.expect_len(trees.len(), param.get("num_trees")?.count()?)?;
    let output_of_tree = column(model, "tree_info", trees.len(), Cursor::indices)?;
    let round_ends = match model.find("iteration_indptr")? {
        Some(field) => round_ends(&field, trees.len())?,
        None => {
            let parallel = param.find("num_parallel_tree")?.map_or(Ok(1), |field| field.count())?;
            even_rounds(trees.len(), parallel.saturating_mul(outputs))
        }
    };
    // From 3.4 on boosters of `dart` have no model around their trees.
    let weight_drop = match model.find("weight_drop")? {
        Some(_) => Some(column(model, "weight_drop", trees.len(), Cursor::floats)?),
        None => None,
    };
    Ok(Forest {
        place: "learner.gradient_booster.model",
        trees,
        output_of_tree,
        round_ends,
        weight_drop,
        categories: categories(model)?,
    })
}

/// The ends of rounds, of which `iteration_indptr` holds the starts and the last end.
fn round_ends(field: &Cursor<'_>, trees: usize) -> Result<Vec<usize>, FormatError> {
    let bounds: Vec<usize> = field.indices()?.into_iter().map(|bound| bound as usize).collect();
    match bounds.split_first() {
        Some((0, ends)) if bounds.is_sorted() && ends.last().copied().unwrap_or(0) == trees => {
            Ok(ends.to_vec())
        }
        Some(_) | None => Err(field.invalid(format!("not ascending from 0 to {trees}, the number of trees"))),
    }
}

/// The ends of rounds of equal size: releases before 2.0 do not store them.
pub(super) fn even_rounds(trees: usize, trees_of_round: usize) -> Vec<usize> {
    (1..=trees).filter(|end| end % trees_of_round.max(1) == 0 || *end == trees).collect()
}

/// A member that is an array of this length.
fn column<'d, T>(
    object: &Cursor<'d>,
    key: &str,
    length: usize,
    read: impl Fn(&Cursor<'d>) -> Result<Vec<T>, FormatError>,
) -> Result<Vec<T>, FormatError> {
    let field = object.get(key)?;
    let values = read(&field)?;
    field.expect_len(values.len(), length)?;
    Ok(values)
}

fn tree(tree: &Cursor<'_>) -> Result<Tree, FormatError> {
    tree.only(TREE)?;
    let param = tree.get("tree_param")?;
    let nodes = param.get("num_nodes")?.count()?;
    let left = column(tree, "left_children", nodes, Cursor::integers)?;
    let right = column(tree, "right_children", nodes, Cursor::integers)?;
    let width = param.find("size_leaf_vector")?.map_or(Ok(1), |field| field.count())?;
    Ok(Tree {
        feature: column(tree, "split_indices", nodes, Cursor::indices)?,
        default_left: column(tree, "default_left", nodes, Cursor::flags)?,
        condition: column(tree, "split_conditions", nodes, Cursor::floats)?,
        categories: category_sets(tree, nodes)?,
        vectors: if width > 1 { Some(leaf_vectors(tree, &left, &right, width)?) } else { None },
        deleted: param.find("num_deleted")?.map_or(Ok(0), |field| field.count())?,
        left,
        right,
    })
}

/// Vector leaves: up to 3.1 in `base_weights`, a vector per node; from 3.2 on in `leaf_weights`, a vector per leaf,
/// whose number stands in the place of the right child.
fn leaf_vectors(
    tree: &Cursor<'_>,
    left: &[i32],
    right: &[i32],
    width: usize,
) -> Result<LeafVectors, FormatError> {
    let Some(field) = tree.find("leaf_weights")? else {
        let values = column(tree, "base_weights", left.len().saturating_mul(width), Cursor::floats)?;
        return Ok(LeafVectors { width, values, of_node: (0..left.len() as u32).collect() });
    };
    let leaves = left.iter().filter(|left| **left == -1).count();
    let values = column(tree, "leaf_weights", leaves.saturating_mul(width), Cursor::floats)?;
    let vector = |(left, right): (&i32, &i32)| match usize::try_from(*right) {
        Ok(vector) if *left == -1 && vector < leaves => Ok(vector as u32),
        Ok(_) | Err(_) if *left == -1 => Err(field.invalid(format!("no vector {right} of {leaves}"))),
        Ok(_) | Err(_) => Ok(0),
    };
    Ok(LeafVectors { width, values, of_node: left.iter().zip(right).map(vector).collect::<Result<_, _>>()? })
}

/// The categories that go right, by node.
fn category_sets(tree: &Cursor<'_>, nodes: usize) -> Result<Vec<(u32, Vec<u32>)>, FormatError> {
    if tree.find("split_type")?.is_none() {
        return Ok(Vec::new());
    }
    let categorical = column(tree, "split_type", nodes, Cursor::flags)?;
    let all = tree.get("categories")?.indices()?;
    let nodes_field = tree.get("categories_nodes")?;
    let set_nodes = nodes_field.indices()?;
    let starts = column(tree, "categories_segments", set_nodes.len(), Cursor::indices)?;
    let sizes = column(tree, "categories_sizes", set_nodes.len(), Cursor::indices)?;
    let expected = categorical.iter().enumerate().filter(|(_, is)| **is).map(|(node, _)| node as u32);
    if !expected.eq(set_nodes.iter().copied()) {
        return Err(nodes_field.invalid("not the nodes that `split_type` calls categorical, in order".into()));
    }
    let mut rest = &all[..];
    let mut set = |((node, start), size): ((u32, u32), u32)| {
        // Sets stand side by side, so that they cannot be larger than what the file holds of them.
        let Some((categories, after)) =
            rest.split_at_checked(size as usize).filter(|_| start as usize + rest.len() == all.len())
        else {
            let detail = format!("node {node} has {size} categories from {start} on, of {}", all.len());
            return Err(nodes_field.invalid(detail));
        };
        rest = after;
        let mut set = categories.to_vec();
        set.sort_unstable();
        set.dedup();
        Ok((node, set))
    };
    set_nodes.iter().copied().zip(starts).zip(sizes).map(&mut set).collect()
}

/// The categories of the training data frame, which releases from 3.1 on store: per feature none, texts as UTF-8
/// bytes end to end with their offsets, or numbers.
fn categories(model: &Cursor<'_>) -> Result<Vec<Option<Categories>>, FormatError> {
    let Some(cats) = model.find("cats")? else { return Ok(Vec::new()) };
    cats.only(&["enc", "feature_segments", "sorted_idx"])?;
    cats.get("enc")?.elements()?.map(|feature| feature_categories(&feature)).collect()
}

fn feature_categories(feature: &Cursor<'_>) -> Result<Option<Categories>, FormatError> {
    feature.only(&["offsets", "type", "values"])?;
    let values = feature.get("values")?;
    let Some(offsets_field) = feature.find("offsets")? else {
        let numbers = values.doubles()?;
        return Ok((!numbers.is_empty()).then_some(Categories::Number(numbers)));
    };
    let offsets = offsets_field.indices()?;
    if offsets.len() < 2 {
        return Ok(None);
    }
    let bytes = values.array_of_bytes()?;
    let text = |pair: &[u32]| {
        let bytes = bytes.get(pair[0] as usize..pair[1] as usize);
        bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()).ok_or_else(|| {
            // XGBoost cuts categories that are not ASCII, when their offsets count characters.
            offsets_field.invalid(format!(
                "bytes {} to {} of the categories are no text; use categories in ASCII and train again",
                pair[0], pair[1]
            ))
        })
    };
    Ok(Some(Categories::Text(offsets.windows(2).map(text).collect::<Result<_, _>>()?)))
}
