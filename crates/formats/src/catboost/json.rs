//! The JSON format (`catboost/libs/model/json_model_helpers.cpp` of the library).

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};
use serde_json::Value as Json;

use crate::{FileKind, FormatError, Problem};

use super::content::{
    Content, Ctr, CtrBase, CtrPart, CtrTable, CtrType, CtrValues, DEEPEST, Feature, Forest, Info, Node,
    NumberFeature, OneHot,
};
use super::flatbuffer::Budget;

const KIND: FileKind = FileKind::CatboostJson;
/// The hash of a bucket that is empty.
const NO_HASH: u64 = u64::MAX;

/// Decodes a file.
///
/// # Errors
/// Text that is no JSON or not of this format, text or embedding features, trees that contradict each other.
pub(super) fn decode<'b>(bytes: &[u8], budget: &'b Budget) -> Result<Content<'b>, FormatError> {
    let document: Document = serde_json::from_slice(bytes).map_err(|problem| {
        if problem.is_eof() {
            return error(Problem::Truncated { reading: "a JSON document".into() });
        }
        error(Problem::Corrupt { detail: problem.to_string() })
    })?;
    let Document { model_info, features_info, oblivious_trees, trees, scale_and_bias, ctr_data } = document;
    let mut info = Info::default();
    model_info.into_iter().for_each(|(key, value)| info.insert(&key, value));
    let (outputs, forest) = match (oblivious_trees, trees) {
        (Some(trees), None) => oblivious(trees)?,
        (None, Some(trees)) => of_nodes(trees)?,
        (Some(_), Some(_)) | (None, None) => {
            let problem = Problem::Mismatch {
                expected: "either `oblivious_trees` or `trees`".into(),
                got: "both or none".into(),
            };
            return Err(error(problem));
        }
    };
    let (scale, bias) = match scale_and_bias {
        None => (1.0, Vec::new()),
        Some((scale, Bias::One(bias))) => (scale, vec![bias]),
        Some((scale, Bias::Each(bias))) => (scale, bias),
    };
    // Where there are no trees, only the bias tells the number of raw scores.
    let outputs = outputs.unwrap_or(bias.len().max(1));
    let bias = if bias.is_empty() { vec![0.0; outputs] } else { bias };
    let FeaturesInfo { float_features, categorical_features, ctrs, text_features, embedding_features } =
        features_info;
    if !text_features.is_empty() || !embedding_features.is_empty() {
        let supported = "number and category features; save the model as `.cbm` if no tree tests the others";
        return Err(unsupported("feature", "of texts or embeddings", supported));
    }
    let one_hot = |category: &CategoryInfo| {
        let hashes = category.values.clone();
        (!hashes.is_empty()).then_some(OneHot { category: category.feature.feature_index, hashes })
    };
    Ok(Content {
        kind: KIND,
        budget,
        outputs,
        one_hots: categorical_features.iter().filter_map(one_hot).collect(),
        categories: categorical_features.into_iter().map(|category| category.feature.into()).collect(),
        numbers: float_features.into_iter().map(NumberFeature::from).collect(),
        unused: Vec::new(),
        ctrs: ctrs.into_iter().map(CtrInfo::lower).collect::<Result<_, _>>()?,
        tables: ctr_data.into_iter().map(|(key, table)| table.lower(&key)).collect::<Result<_, _>>()?,
        forest,
        scale,
        bias,
        info,
    })
}

fn error(problem: Problem) -> FormatError {
    FormatError::new(KIND, problem)
}

fn unsupported(option: &str, value: &str, supported: &str) -> FormatError {
    let value = format!("`{}`", value.chars().take(60).collect::<String>());
    error(Problem::UnsupportedOption { option: option.into(), value, supported: supported.into() })
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    model_info: HashMap<String, Json>,
    features_info: FeaturesInfo,
    oblivious_trees: Option<Vec<ObliviousTree>>,
    trees: Option<Vec<Branch>>,
    scale_and_bias: Option<(f64, Bias)>,
    #[serde(default)]
    ctr_data: HashMap<String, TableInfo>,
}

/// One number in releases before 0.25.
#[derive(Deserialize)]
#[serde(untagged)]
enum Bias {
    One(f64),
    Each(Vec<f64>),
}

#[derive(Deserialize)]
struct FeaturesInfo {
    #[serde(default)]
    float_features: Vec<NumberInfo>,
    #[serde(default)]
    categorical_features: Vec<CategoryInfo>,
    #[serde(default)]
    ctrs: Vec<CtrInfo>,
    #[serde(default)]
    text_features: Vec<Json>,
    #[serde(default)]
    embedding_features: Vec<Json>,
}

#[derive(Deserialize)]
struct FeatureInfo {
    feature_index: usize,
    flat_feature_index: usize,
    feature_id: Option<String>,
    feature_name: Option<String>,
}

impl From<FeatureInfo> for Feature {
    fn from(info: FeatureInfo) -> Self {
        Self {
            index: info.feature_index,
            position: info.flat_feature_index,
            name: info.feature_id.or(info.feature_name).unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct NumberInfo {
    #[serde(flatten)]
    feature: FeatureInfo,
    has_nans: bool,
    /// `null` where no tree tests the feature.
    borders: Option<Vec<f32>>,
    nan_value_treatment: MissingValues,
}

#[derive(Deserialize, PartialEq)]
enum MissingValues {
    #[serde(rename = "AsIs", alias = "AsFalse")]
    Below,
    #[serde(rename = "AsTrue")]
    Above,
}

impl From<NumberInfo> for NumberFeature {
    fn from(info: NumberInfo) -> Self {
        Self {
            feature: info.feature.into(),
            borders: info.borders.unwrap_or_default(),
            missing_above: info.has_nans && info.nan_value_treatment == MissingValues::Above,
        }
    }
}

#[derive(Deserialize)]
struct CategoryInfo {
    #[serde(flatten)]
    feature: FeatureInfo,
    #[serde(default)]
    values: Vec<i32>,
}

#[derive(Deserialize)]
struct CtrInfo {
    elements: Vec<Element>,
    ctr_type: String,
    target_border_idx: usize,
    prior_numerator: f32,
    /// The library's own spelling.
    prior_denomerator: f32,
    shift: f32,
    scale: f32,
    borders: Vec<f32>,
}

#[derive(Deserialize)]
#[serde(tag = "combination_element", rename_all = "snake_case")]
enum Element {
    CatFeatureValue { cat_feature_index: i32 },
    FloatFeature { float_feature_index: i32, border: f32 },
    CatFeatureExactValue { cat_feature_index: i32, value: i32 },
}

impl CtrInfo {
    fn lower(self) -> Result<Ctr, FormatError> {
        Ok(Ctr {
            base: base(self.elements, &self.ctr_type)?,
            target_border: self.target_border_idx,
            prior_numerator: self.prior_numerator,
            prior_denominator: self.prior_denomerator,
            shift: self.shift,
            scale: self.scale,
            borders: self.borders,
        })
    }
}

fn base(elements: Vec<Element>, kind: &str) -> Result<CtrBase, FormatError> {
    let kind = match kind {
        "Borders" => CtrType::Borders,
        "Buckets" => CtrType::Buckets,
        "BinarizedTargetMeanValue" => CtrType::BinarizedTargetMeanValue,
        "FloatTargetMeanValue" => CtrType::FloatTargetMeanValue,
        "Counter" => CtrType::Counter,
        "FeatureFreq" => CtrType::FeatureFreq,
        other => return Err(unsupported("ctr_type", other, "a type of CatBoost 1")),
    };
    let part = |element| match element {
        Element::CatFeatureValue { cat_feature_index } => CtrPart::Category(cat_feature_index),
        Element::FloatFeature { float_feature_index, border } => {
            CtrPart::Above(float_feature_index, border.to_bits())
        }
        Element::CatFeatureExactValue { cat_feature_index, value } => CtrPart::Is(cat_feature_index, value),
    };
    Ok(CtrBase { parts: elements.into_iter().map(part).collect(), kind, target_classifier: 0 })
}

#[derive(Deserialize)]
struct TableInfo {
    hash_map: Vec<Item>,
    hash_stride: usize,
    counter_denominator: i32,
}

/// A hash, as text, or a number.
#[derive(Clone, Copy)]
enum Item {
    Hash(u64),
    Number(f64),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl Visitor<'_> for Items {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a hash as text, or a number")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Item, E> {
                text.parse().map(Item::Hash).map_err(|_| E::custom("expected a hash"))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Item, E> {
                Ok(Item::Number(number as f64))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Item, E> {
                Ok(Item::Number(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Item, E> {
                Ok(Item::Number(number))
            }
        }
        deserializer.deserialize_any(Items)
    }
}

/// The key of a table: JSON in a text.
#[derive(Deserialize)]
struct TableKey {
    identifier: Vec<Element>,
    #[serde(rename = "type")]
    kind: String,
}

impl TableInfo {
    fn lower(self, key: &str) -> Result<(CtrBase, CtrTable), FormatError> {
        let place = || format!("ctr_data.{}", key.chars().take(80).collect::<String>());
        let key: TableKey = serde_json::from_str(key)
            .map_err(|problem| error(Problem::Corrupt { detail: problem.to_string() }).at(place()))?;
        let base = base(key.identifier, &key.kind)?;
        let wrong = || {
            let detail =
                format!("it is not made of hashes, each with {} numbers", self.hash_stride.wrapping_sub(1));
            error(Problem::Invalid { detail }).at(place())
        };
        let width = self.hash_stride.checked_sub(1).filter(|width| *width > 0).ok_or_else(wrong)?;
        let (mut hashes, mut means, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        let mean = matches!(base.kind, CtrType::BinarizedTargetMeanValue | CtrType::FloatTargetMeanValue);
        for entry in self.hash_map.chunks(self.hash_stride) {
            let Some((Item::Hash(hash), numbers)) =
                entry.split_first().filter(|_| entry.len() == self.hash_stride)
            else {
                return Err(wrong());
            };
            if *hash == NO_HASH {
                continue;
            }
            hashes.push(*hash);
            let numbers = numbers.iter().map(|item| match item {
                Item::Number(number) => Ok(*number),
                Item::Hash(_) => Err(wrong()),
            });
            let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
            match (mean, numbers.as_slice()) {
                (true, [sum, count]) => means.push((*sum as f32, *count as i32)),
                (true, _) => return Err(wrong()),
                (false, numbers) => counts.extend(numbers.iter().map(|count| *count as i32)),
            }
        }
        let values = if mean { CtrValues::Means(means) } else { CtrValues::Counts(counts, width) };
        let rows = (0..hashes.len() as u32).collect();
        Ok((base, CtrTable { hashes, rows, values, denominator: self.counter_denominator }))
    }
}

#[derive(Deserialize)]
struct SplitInfo {
    split_index: u32,
}

#[derive(Deserialize)]
struct ObliviousTree {
    /// `null` where there are none.
    splits: Option<Vec<SplitInfo>>,
    leaf_values: Vec<f64>,
}

/// The number of raw scores, where there are trees, and these.
fn oblivious(trees: Vec<ObliviousTree>) -> Result<(Option<usize>, Forest), FormatError> {
    let (mut outputs, mut depths, mut tests, mut leaves) = (None, Vec::new(), Vec::new(), Vec::new());
    for (number, tree) in trees.into_iter().enumerate() {
        let splits = tree.splits.unwrap_or_default();
        let values = tree.leaf_values.len();
        let of_tree = (splits.len() <= DEEPEST).then(|| values >> splits.len());
        if of_tree
            .is_none_or(|count| count << splits.len() != values || *outputs.get_or_insert(count) != count)
        {
            let detail = format!("{values} leaf values for {} conditions", splits.len());
            return Err(error(Problem::Invalid { detail }).at(format!("oblivious_trees[{number}]")));
        }
        depths.push(splits.len() as u32);
        tests.extend(splits.into_iter().map(|split| split.split_index));
        leaves.extend(tree.leaf_values);
    }
    Ok((outputs, Forest::Oblivious { depths, tests, leaves }))
}

/// A node of a tree of nodes.
struct Branch(BranchKind);

enum BranchKind {
    Leaf(Vec<f64>),
    Split(SplitInfo, Box<[Branch; 2]>),
}

impl<'de> Deserialize<'de> for Branch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            value: Option<Bias>,
            split: Option<SplitInfo>,
            left: Option<Box<Branch>>,
            right: Option<Box<Branch>>,
        }
        let Fields { value, split, left, right } = Fields::deserialize(deserializer)?;
        match (value, split, left, right) {
            (Some(Bias::One(value)), None, None, None) => Ok(Self(BranchKind::Leaf(vec![value]))),
            (Some(Bias::Each(values)), None, None, None) => Ok(Self(BranchKind::Leaf(values))),
            (None, Some(split), Some(left), Some(right)) => {
                Ok(Self(BranchKind::Split(split, Box::new([*left, *right]))))
            }
            _ => Err(D::Error::custom("expected a node with a `value`, or with `split`, `left` and `right`")),
        }
    }
}

/// The number of raw scores, where there are trees, and these.
fn of_nodes(trees: Vec<Branch>) -> Result<(Option<usize>, Forest), FormatError> {
    let (mut outputs, mut roots, mut nodes, mut leaves) = (None, Vec::new(), Vec::new(), Vec::new());
    let mut count = 0;
    for (number, tree) in trees.into_iter().enumerate() {
        roots.push(nodes.len() as u32);
        nodes.push(Node::Leaf(0));
        let mut open = vec![(nodes.len() - 1, tree)];
        while let Some((at, Branch(branch))) = open.pop() {
            match branch {
                BranchKind::Leaf(values) if *outputs.get_or_insert(values.len()) == values.len() => {
                    nodes[at] = Node::Leaf(count);
                    count += 1;
                    leaves.extend(values);
                }
                BranchKind::Leaf(values) => {
                    let detail = format!("a leaf with {} values, unlike others", values.len());
                    return Err(error(Problem::Invalid { detail }).at(format!("trees[{number}]")));
                }
                BranchKind::Split(split, children) => {
                    let first = nodes.len();
                    nodes[at] = Node::Split(split.split_index, [first as u32, first as u32 + 1]);
                    nodes.extend([Node::Leaf(0); 2]);
                    let [left, right] = *children;
                    open.extend([(first + 1, right), (first, left)]);
                }
            }
        }
    }
    Ok((outputs, Forest::Nodes { roots, nodes, leaves }))
}
