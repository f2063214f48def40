//! The legacy binary format (written up to 3.0, the only one before 1.0): C structs in the byte order of the
//! writer's machine, which is little-endian wherever XGBoost is built.
//!
//! Layouts: `LearnerModelParamLegacy`, `GBTreeModelParam`, `TreeParam`, `RegTree::Node` and `RTreeNodeStat` of the
//! library.

use std::collections::BTreeMap;

use crate::{FileKind, FormatError, Limits, Problem};

use super::super::learner::{Booster, Forest, Learner, Tree, Version};
use super::schema::even_rounds;

/// Bytes of the learner's parameters.
const LEARNER_PARAM: usize = 136;
/// Bytes of the parameters of a set of trees.
const FOREST_PARAM: usize = 160;
/// Bytes of the parameters of a tree.
const TREE_PARAM: usize = 148;
/// Bytes of the parameters of a linear booster.
const LINEAR_PARAM: usize = 136;
/// Bytes of a node, and of its statistics, which do not matter for prediction.
const NODE: usize = 20;
const NODE_STATISTICS: usize = 16;
/// Longest name of an objective or booster, known or not.
const LONGEST_NAME: u64 = 64;
/// What a pickle of 1.0 holds: the length of the model, the model, and its configuration.
const SERIALIZATION: &[u8] = b"CONFIG-offset:";

/// Whether these bytes begin like the format.
pub(super) fn detect(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"binf") {
        return true;
    }
    // There is no magic number in most files: the name of the objective stands at a known place.
    let mut reader = Reader { bytes, position: 0 };
    reader.take(LEARNER_PARAM, "").is_ok()
        && reader
            .name()
            .is_ok_and(|name| name.contains(':') && name.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// The model inside the serialization that pickles of early releases hold; other bytes as they are.
pub(super) fn model_of_serialization(bytes: &[u8]) -> &[u8] {
    let model = || {
        let (length, rest) = bytes.strip_prefix(SERIALIZATION)?.split_first_chunk::<8>()?;
        rest.get(..usize::try_from(i64::from_le_bytes(*length)).ok()?)
    };
    model().unwrap_or(bytes)
}

/// Reads a model.
pub(super) fn learner(bytes: &[u8], limits: &Limits) -> Result<Learner, FormatError> {
    if bytes.len() > limits.max_model_bytes {
        let allowed = limits.max_model_bytes as u64;
        let problem = Problem::LimitExceeded { limit: "max_model_bytes", allowed };
        return Err(FormatError::new(FileKind::XgboostBinary, problem));
    }
    let mut reader = Reader { bytes: bytes.strip_prefix(b"binf").unwrap_or(bytes), position: 0 };
    let param = Fields(reader.take(LEARNER_PARAM, "the learner's parameters")?);
    let (major, minor) = (param.u32(5), param.u32(6));
    let has_version = (1..=3).contains(&major);
    let mut learner = Learner {
        kind: FileKind::XgboostBinary,
        version: has_version.then_some(Version(major, minor, 0)),
        base_score: vec![param.f32(0)],
        base_is_margin: !has_version,
        features: param.u32(1) as usize,
        classes: param.u32(2) as usize,
        targets: if has_version { param.u32(7).max(1) as usize } else { 1 },
        objective: reader.name()?.into(),
        attributes: BTreeMap::new(),
        feature_names: Vec::new(),
        booster: Booster::Linear(Vec::new()),
    };
    if !param.f32(0).is_finite() {
        return Err(reader.corrupt("the base score is not finite"));
    }
    learner.booster = reader.booster(learner.outputs())?;
    if param.u32(3) != 0 {
        learner.attributes = reader.attributes()?;
    }
    Ok(learner)
}

/// A struct of 32-bit fields; its length was checked where it was taken.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u32(&self, index: usize) -> u32 {
        self.0[index * 4..][..4].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
    }

    fn i32(&self, index: usize) -> i32 {
        self.u32(index) as i32
    }

    fn f32(&self, index: usize) -> f32 {
        f32::from_bits(self.u32(index))
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn corrupt(&self, detail: &str) -> FormatError {
        let detail = format!("byte {}: {detail}", self.position);
        FormatError::new(FileKind::XgboostBinary, Problem::Corrupt { detail })
    }

    fn take(&mut self, length: usize, reading: &str) -> Result<&'a [u8], FormatError> {
        let Some(taken) = self.bytes[self.position..].get(..length) else {
            let problem = Problem::Truncated { reading: format!("{reading} at byte {}", self.position) };
            return Err(FormatError::new(FileKind::XgboostBinary, problem));
        };
        self.position += length;
        Ok(taken)
    }

    /// A number of elements of `size` bytes or more, which the rest of the file must have room for.
    fn count(&mut self, size: usize, reading: &str) -> Result<usize, FormatError> {
        let bytes = self.take(8, reading)?;
        let count = bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let room = (self.bytes.len() - self.position) / size;
        usize::try_from(count).ok().filter(|count| *count <= room).ok_or_else(|| {
            self.corrupt(&format!("{count} elements ({reading}) do not fit into the rest of the file"))
        })
    }

    fn text(&mut self) -> Result<&'a str, FormatError> {
        let length = self.count(1, "a string")?;
        let bytes = self.take(length, "a string")?;
        std::str::from_utf8(bytes).map_err(|_| self.corrupt("a string that is not UTF-8"))
    }

    /// The name of an objective or booster.
    fn name(&mut self) -> Result<&'a str, FormatError> {
        let name = self.text()?;
        if name.len() as u64 > LONGEST_NAME || name.is_empty() {
            return Err(self.corrupt(&format!("a name of {} bytes", name.len())));
        }
        Ok(name)
    }

    fn floats(&mut self) -> Result<Vec<f32>, FormatError> {
        let count = self.count(4, "weights")?;
        let fields = Fields(self.take(count * 4, "weights")?);
        Ok((0..count).map(|index| fields.f32(index)).collect())
    }

    fn booster(&mut self, outputs: usize) -> Result<Booster, FormatError> {
        match self.name()? {
            "gbtree" => Ok(Booster::Forest(self.forest(outputs)?)),
            "dart" => {
                let mut forest = self.forest(outputs)?;
                // A booster without trees has no weights.
                let weights = if forest.trees.is_empty() { Vec::new() } else { self.floats()? };
                if weights.len() != forest.trees.len() {
                    let got = weights.len();
                    return Err(self.corrupt(&format!("{got} weights of {} trees", forest.trees.len())));
                }
                forest.weight_drop = Some(weights);
                Ok(Booster::Forest(forest))
            }
            "gblinear" => {
                self.take(LINEAR_PARAM, "the booster's parameters")?;
                Ok(Booster::Linear(self.floats()?))
            }
            other => {
                let problem = Problem::UnsupportedOption {
                    option: "booster".into(),
                    value: format!("`{other}`"),
                    supported: "`gbtree`, `dart` or `gblinear`".into(),
                };
                Err(FormatError::new(FileKind::XgboostBinary, problem))
            }
        }
    }

    fn forest(&mut self, outputs: usize) -> Result<Forest, FormatError> {
        let param = Fields(self.take(FOREST_PARAM, "the booster's parameters")?);
        let count = param.u32(0) as usize;
        // Once the number of roots, which was always 1.
        let parallel = param.u32(1).max(1) as usize;
        if count > self.bytes.len() / TREE_PARAM {
            return Err(self.corrupt(&format!("{count} trees do not fit into the file")));
        }
        let trees = (0..count).map(|_| self.tree()).collect::<Result<Vec<_>, _>>()?;
        let info = Fields(self.take(count * 4, "the outputs of the trees")?);
        Ok(Forest {
            place: "gbtree",
            output_of_tree: (0..count).map(|tree| info.u32(tree)).collect(),
            round_ends: even_rounds(count, parallel.saturating_mul(outputs)),
            trees,
            weight_drop: None,
            categories: Vec::new(),
        })
    }

    fn tree(&mut self) -> Result<Tree, FormatError> {
        let param = Fields(self.take(TREE_PARAM, "the parameters of a tree")?);
        let (nodes, deleted, leaf_vector) = (param.u32(1) as usize, param.u32(2), param.u32(5));
        if leaf_vector > 1 {
            return Err(self.corrupt("vector leaves, which this format never had"));
        }
        let fields = Fields(self.take(nodes.saturating_mul(NODE), "the nodes of a tree")?);
        self.take(nodes.saturating_mul(NODE_STATISTICS), "the statistics of a tree")?;
        let column = |field: usize| (0..nodes).map(move |node| node * (NODE / 4) + field);
        Ok(Tree {
            left: column(1).map(|index| fields.i32(index)).collect(),
            right: column(2).map(|index| fields.i32(index)).collect(),
            // The upper bit says where a missing value goes.
            feature: column(3).map(|index| fields.u32(index) & (u32::MAX >> 1)).collect(),
            default_left: column(3).map(|index| fields.u32(index) >> 31 == 1).collect(),
            condition: column(4).map(|index| fields.f32(index)).collect(),
            categories: Vec::new(),
            vectors: None,
            deleted: deleted as usize,
        })
    }

    fn attributes(&mut self) -> Result<BTreeMap<String, String>, FormatError> {
        let count = self.count(16, "attributes")?;
        let attribute = |_| Ok((self.text()?.into(), self.text()?.into()));
        (0..count).map(attribute).collect()
    }
}
