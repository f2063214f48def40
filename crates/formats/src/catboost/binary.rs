//! The binary format (`.cbm`): a FlatBuffers table of everything but the target statistics, and these behind it
//! (`catboost/libs/model/flatbuffers` and `TFullModel::Load` of the library).

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::{FileKind, FormatError, Problem};

use super::content::{
    Content, Ctr, CtrBase, CtrPart, CtrTable, CtrType, CtrValues, Feature, Forest, Info, Node, NumberFeature,
    OneHot,
};
use super::flatbuffer::{Budget, Buffer, Scalar, Table};

const KIND: FileKind = FileKind::CatboostBinary;
/// The hash of a bucket that is empty.
const NO_HASH: u64 = u64::MAX;

/// Decodes a file.
///
/// # Errors
/// A file that is cut short or damaged, that has text or embedding features or parts that are not known, or that needs more
/// memory than allowed.
pub(super) fn decode<'b>(bytes: &'b [u8], budget: &'b Budget) -> Result<Content<'b>, FormatError> {
    let mut stream = Stream { rest: bytes.strip_prefix(b"CBM1").unwrap_or_default() };
    let core = Buffer::new(stream.sized("its trees")?, budget).root()?;
    match core.text(0)? {
        Some("FlabuffersModel_v1") => {}
        other => {
            let got = format!("`{}`", other.unwrap_or("none"));
            return Err(error(Problem::Mismatch { expected: "`FlabuffersModel_v1`".into(), got })
                .at("format version"));
        }
    }
    let trees = core.table(1)?.ok_or_else(|| error(Problem::Missing { field: "trees".into() }))?;
    let mut info = Info::default();
    for entry in core.tables(2)? {
        if let (Some(key), Some(value)) = (entry.text(0)?, entry.text(1)?) {
            info.insert(key, Json::String(value.to_owned()));
        }
    }
    let mut tables = HashMap::new();
    for part in core.texts(3)? {
        if part != "static_provider_v1" {
            return Err(unsupported("model part", part, "target statistics (text and embeddings are not)"));
        }
        for _ in 0..stream.size("the number of its statistics")? {
            let buffer = Buffer::new(stream.sized("its statistics")?, budget);
            let (base, table) = ctr_table(buffer.root()?, budget)?;
            tables.insert(base, table);
        }
    }
    content(trees, budget, tables, info)
}

fn error(problem: Problem) -> FormatError {
    FormatError::new(KIND, problem)
}

fn unsupported(option: &str, value: &str, supported: &str) -> FormatError {
    let value = format!("`{}`", value.chars().take(60).collect::<String>());
    error(Problem::UnsupportedOption { option: option.into(), value, supported: supported.into() })
}

/// Pieces that begin with their size.
struct Stream<'b> {
    rest: &'b [u8],
}

impl<'b> Stream<'b> {
    fn take(&mut self, length: usize, reading: &str) -> Result<&'b [u8], FormatError> {
        let taken = self.rest.split_at_checked(length);
        let (taken, rest) = taken.ok_or_else(|| error(Problem::Truncated { reading: reading.to_owned() }))?;
        self.rest = rest;
        Ok(taken)
    }

    /// A size: 32 bits, or 64 after the largest number of 32.
    fn size(&mut self, reading: &str) -> Result<usize, FormatError> {
        let size = match u32::read(self.take(4, reading)?) {
            u32::MAX => u64::read(self.take(8, reading)?),
            size => u64::from(size),
        };
        Ok(usize::try_from(size).unwrap_or(usize::MAX))
    }

    fn sized(&mut self, reading: &str) -> Result<&'b [u8], FormatError> {
        let size = self.size(reading)?;
        self.take(size, reading)
    }
}

/// A number that may not be negative.
fn natural(value: i32, place: &str) -> Result<usize, FormatError> {
    usize::try_from(value).map_err(|_| {
        error(Problem::Mismatch { expected: "0 or more".into(), got: value.to_string() }).at(place)
    })
}

fn naturals(values: Vec<i32>, place: &str) -> Result<Vec<u32>, FormatError> {
    values.into_iter().map(|value| natural(value, place).map(|value| value as u32)).collect()
}

fn content<'b>(
    trees: Table<'b>,
    budget: &'b Budget,
    tables: HashMap<CtrBase, CtrTable>,
    info: Info,
) -> Result<Content<'b>, FormatError> {
    let outputs = natural(trees.scalar(0, 0)?, "ApproxDimension")?;
    let numbers = trees.tables(5)?.into_iter().map(number).collect::<Result<_, _>>()?;
    let categories =
        trees.tables(4)?.into_iter().map(|table| feature(table, [0, 1, 2])).collect::<Result<_, _>>()?;
    let one_hot = |table: Table<'_>| {
        Ok(OneHot { category: natural(table.scalar(0, -1)?, "OneHotFeatures")?, hashes: table.scalars(1)? })
    };
    let mut bias = trees.scalars::<f64>(16)?;
    if bias.is_empty() {
        budget.take(KIND, outputs, size_of::<f64>())?;
        bias = vec![trees.scalar(15, 0.0)?; outputs];
    }
    Ok(Content {
        kind: KIND,
        budget,
        outputs,
        numbers,
        categories,
        unused: untested(&trees)?,
        one_hots: trees.tables(6)?.into_iter().map(one_hot).collect::<Result<_, FormatError>>()?,
        ctrs: trees.tables(7)?.into_iter().map(ctr).collect::<Result<_, _>>()?,
        tables,
        forest: forest(&trees, outputs)?,
        scale: trees.scalar(14, 1.0)?,
        bias,
        info,
    })
}

/// Index, position and name of a feature, which are these fields of its table.
fn feature(table: Table<'_>, [index, position, name]: [usize; 3]) -> Result<Feature, FormatError> {
    Ok(Feature {
        index: natural(table.scalar(index, -1)?, "Index")?,
        position: natural(table.scalar(position, -1)?, "FlatIndex")?,
        name: table.text(name)?.unwrap_or_default().to_owned(),
    })
}

fn number(table: Table<'_>) -> Result<NumberFeature, FormatError> {
    let has_missing = table.scalar(0, 0u8)? != 0;
    let above = match table.scalar(5, 0i8)? {
        0 | 1 => false,
        2 => true,
        other => return Err(unsupported("NanValueTreatment", &other.to_string(), "0 to 2")),
    };
    let feature = feature(table, [1, 2, 4])?;
    Ok(NumberFeature { feature, borders: table.scalars(3)?, missing_above: has_missing && above })
}

/// Text and embedding features, which are known as long as no tree tests them.
fn untested(trees: &Table<'_>) -> Result<Vec<Feature>, FormatError> {
    let mut unused = Vec::new();
    for (field, kind, used) in [(12, "text", 3), (18, "embedding", 4)] {
        for table in trees.tables(field)? {
            let feature = feature(table, [0, 1, 2])?;
            if table.scalar(used, 1u8)? != 0 {
                let name = format!("{} (`{}`)", feature.position, feature.name);
                return Err(unsupported(&format!("{kind} feature"), &name, "number and category features"));
            }
            unused.push(feature);
        }
    }
    if !trees.tables(13)?.is_empty() {
        return Err(unsupported(
            "feature",
            "computed of texts or embeddings",
            "number and category features",
        ));
    }
    Ok(unused)
}

fn ctr_base(table: Option<Table<'_>>) -> Result<CtrBase, FormatError> {
    let table = table.ok_or_else(|| error(Problem::Missing { field: "ModelCtrBase".into() }))?;
    let mut parts = Vec::new();
    if let Some(combination) = table.table(0)? {
        parts.extend(combination.scalars(0)?.into_iter().map(CtrPart::Category));
        let above = |(index, border): (i32, f32)| CtrPart::Above(index, border.to_bits());
        parts.extend(combination.scalars(1)?.into_iter().map(above));
        parts.extend(combination.scalars(2)?.into_iter().map(|(index, hash)| CtrPart::Is(index, hash)));
    }
    let kind = match table.scalar(1, 0i8)? {
        0 => CtrType::Borders,
        1 => CtrType::Buckets,
        2 => CtrType::BinarizedTargetMeanValue,
        3 => CtrType::FloatTargetMeanValue,
        4 => CtrType::Counter,
        5 => CtrType::FeatureFreq,
        other => return Err(unsupported("CtrType", &other.to_string(), "0 to 5")),
    };
    Ok(CtrBase { parts, kind, target_classifier: table.scalar(2, 0)? })
}

fn ctr(table: Table<'_>) -> Result<Ctr, FormatError> {
    let ctr = table.table(0)?.ok_or_else(|| error(Problem::Missing { field: "Ctr".into() }))?;
    Ok(Ctr {
        base: ctr_base(ctr.table(0)?)?,
        target_border: natural(ctr.scalar(1, 0)?, "TargetBorderIdx")?,
        prior_numerator: ctr.scalar(2, 0.0)?,
        prior_denominator: ctr.scalar(3, 1.0)?,
        shift: ctr.scalar(4, 0.0)?,
        scale: ctr.scalar(5, 1.0)?,
        borders: table.scalars(1)?,
    })
}

/// A table: buckets of hashes and rows, and the rows.
fn ctr_table(table: Table<'_>, budget: &Budget) -> Result<(CtrBase, CtrTable), FormatError> {
    let base = ctr_base(table.table(0)?)?;
    let (buckets, blob) = (table.bytes(1)?, table.bytes(2)?);
    let (mut hashes, mut rows) = (Vec::new(), Vec::new());
    budget.take(KIND, buckets.len(), 1)?;
    for bucket in buckets.chunks_exact(12) {
        let (hash, row) = <(u64, u32)>::read(bucket);
        if hash != NO_HASH {
            hashes.push(hash);
            rows.push(row);
        }
    }
    budget.take(KIND, blob.len(), 1)?;
    let counts = || blob.chunks_exact(4).map(i32::read).collect();
    let values = match base.kind {
        CtrType::BinarizedTargetMeanValue | CtrType::FloatTargetMeanValue => {
            CtrValues::Means(blob.chunks_exact(8).map(<(f32, i32)>::read).collect())
        }
        CtrType::Counter | CtrType::FeatureFreq => CtrValues::Counts(counts(), 1),
        CtrType::Borders | CtrType::Buckets => {
            CtrValues::Counts(counts(), natural(table.scalar(4, 0)?, "TargetClassesCount")?)
        }
    };
    Ok((base, CtrTable { hashes, rows, values, denominator: table.scalar(3, 0)? }))
}

fn forest(trees: &Table<'_>, outputs: usize) -> Result<Forest, FormatError> {
    let tests = naturals(trees.scalars(1)?, "TreeSplits")?;
    let sizes = naturals(trees.scalars(2)?, "TreeSizes")?;
    let starts = naturals(trees.scalars(3)?, "TreeStartOffsets")?;
    let mut end = 0u64;
    for (tree, size) in sizes.iter().enumerate() {
        if starts.get(tree).is_none_or(|start| u64::from(*start) != end) {
            let expected = format!("a tree that starts at {end}");
            let got = format!("{:?}", starts.get(tree));
            return Err(error(Problem::Mismatch { expected, got }).at(format!("TreeStartOffsets[{tree}]")));
        }
        end += u64::from(*size);
    }
    if end != tests.len() as u64 {
        let expected = format!("{end} conditions");
        return Err(error(Problem::Mismatch { expected, got: tests.len().to_string() }).at("TreeSplits"));
    }
    let leaves = trees.scalars(8)?;
    let (steps, leaf_of_node) = (trees.scalars::<(u16, u16)>(10)?, trees.scalars::<u32>(11)?);
    if steps.is_empty() && leaf_of_node.is_empty() {
        return Ok(Forest::Oblivious { depths: sizes, tests, leaves });
    }
    for length in [steps.len(), leaf_of_node.len()] {
        if length != tests.len() {
            let expected = format!("{} nodes in every list", tests.len());
            return Err(error(Problem::Mismatch { expected, got: length.to_string() }));
        }
    }
    let mut nodes = Vec::with_capacity(tests.len());
    let mut roots = Vec::with_capacity(sizes.len());
    for (start, size) in starts.into_iter().zip(sizes) {
        roots.push(start);
        let tree =
            Walk { steps: &steps, leaf_of_node: &leaf_of_node, tests: &tests, outputs, end: start + size };
        nodes.extend((start..start + size).map(|node| tree.node(node)).collect::<Result<Vec<_>, _>>()?);
    }
    let leaf_nodes = side_leaves(&steps, &leaf_of_node, outputs, &mut nodes);
    nodes.extend(leaf_nodes);
    Ok(Forest::Nodes { roots, nodes, leaves })
}

/// The nodes of one tree as they are stored: how far on the next node is when a condition fails and when it holds. A distance
/// of 0 is an end, with the leaf of the node.
struct Walk<'t> {
    steps: &'t [(u16, u16)],
    leaf_of_node: &'t [u32],
    tests: &'t [u32],
    outputs: usize,
    end: u32,
}

impl Walk<'_> {
    fn node(&self, node: u32) -> Result<Node, FormatError> {
        let at = node as usize;
        let (left, right) = self.steps[at];
        if left == 0 || right == 0 {
            let leaf = self.leaf_of_node[at] as usize;
            if !leaf.is_multiple_of(self.outputs.max(1)) {
                let detail = format!("leaf value {leaf} is not the first of {}", self.outputs);
                return Err(
                    error(Problem::Invalid { detail }).at(format!("NonSymmetricNodeIdToLeafId[{at}]"))
                );
            }
        }
        if (left, right) == (0, 0) {
            return Ok(Node::Leaf(self.leaf_of_node[at] / self.outputs.max(1) as u32));
        }
        for distance in [left, right] {
            if node + u32::from(distance) >= self.end {
                let detail = format!("node {node} leads to one {distance} further, beyond its tree");
                return Err(error(Problem::Invalid { detail }).at(format!("NonSymmetricStepNodes[{at}]")));
            }
        }
        Ok(Node::Split(self.tests[at], [node + u32::from(left), node + u32::from(right)]))
    }
}

/// Splits that end on one side lead to themselves there: gives each such side a leaf of its own, behind all nodes.
fn side_leaves(steps: &[(u16, u16)], leaf_of_node: &[u32], outputs: usize, nodes: &mut [Node]) -> Vec<Node> {
    let mut leaves = Vec::new();
    let first = nodes.len() as u32;
    for (node, (left, right)) in steps.iter().enumerate() {
        if let Node::Split(_, children) = &mut nodes[node] {
            for (child, distance) in children.iter_mut().zip([left, right]) {
                if *distance == 0 {
                    *child = first + leaves.len() as u32;
                    leaves.push(Node::Leaf(leaf_of_node[node] / outputs.max(1) as u32));
                }
            }
        }
    }
    leaves
}
