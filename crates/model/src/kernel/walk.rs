//! Walks of packed binary trees.
//!
//! A node tests `x <= threshold`; its children stand side by side, the right one after the left. A leaf leads back
//! to itself, so that walks of several trees, or of several rows, can advance in step without asking which has
//! arrived: they are done when a step moves none of them. Several walks in flight hide the latency of memory.
#![allow(unsafe_code)]

use super::Real;
use super::forest::Lanes;
use crate::estimator::NEAR_ZERO;

/// The 15 bits of a [`Narrow`] node that hold the feature.
const NARROW_FEATURE: u16 = (1 << 15) - 1;
/// The bit of a [`Narrow`] node that says that a missing value goes right.
const NARROW_MISSING_RIGHT: u16 = 1 << 15;
/// The bits of a [`Wide`] node that hold the feature.
const WIDE_FEATURE: u32 = (1 << 29) - 1;
/// The bit of a [`Wide`] node that says that a missing value goes right.
const WIDE_MISSING_RIGHT: u32 = 1 << 31;
/// The bit of a [`Wide`] node that says that the threshold is the bits of the index of a category set.
const WIDE_CATEGORICAL: u32 = 1 << 30;
/// The bit of a [`Wide`] node that says that zero counts as missing.
const WIDE_ZERO_MISSING: u32 = 1 << 29;

/// What the packer knows of a split or leaf before it is a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    /// Number that `x <= threshold` compares with.
    pub(super) threshold: f64,
    /// Category set in place of a threshold.
    pub(super) set: Option<u32>,
    pub(super) feature: u32,
    pub(super) missing_left: bool,
    /// Whether zero counts as missing.
    pub(super) zero_missing: bool,
    /// Position of the left child in the tree; the right one is the next.
    pub(super) left: u32,
}

impl Split {
    /// A leaf at this position: everything goes left, to itself.
    pub(super) fn leaf(position: u32) -> Self {
        Self {
            threshold: f64::INFINITY,
            set: None,
            feature: 0,
            missing_left: true,
            zero_missing: false,
            left: position,
        }
    }
}

/// A packed node.
pub(super) trait Node: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// What the input is rounded to before a test.
    type Number: Lanes;
    /// Largest feature index that fits.
    const MOST_FEATURES: usize;
    /// Largest number of nodes of one tree that fits.
    const MOST_NODES: usize;
    fn pack(split: Split) -> Self;
    fn feature(self) -> usize;
    /// Position of the left child in the tree.
    fn left(self) -> usize;
    /// Whether every value goes left, as in a leaf.
    fn stays(self) -> bool;
    /// The position in the tree after this node. `sets` tells membership in a category set. Without `SPECIAL` no node
    /// tests a category set or takes zero for missing.
    fn next<const MISSING: bool, const SPECIAL: bool>(self, x: Self::Number, sets: &Sets) -> u32;
}

/// 8 bytes: for thresholds that are float32, 32768 features and trees of 65536 nodes.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Narrow {
    threshold: f32,
    /// Feature, and [`NARROW_MISSING_RIGHT`].
    feature: u16,
    left: u16,
}

/// 16 bytes: for everything else.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Wide {
    threshold: f64,
    /// Feature, and the flags above.
    feature: u32,
    left: u32,
}

impl Node for Narrow {
    type Number = f32;
    const MOST_FEATURES: usize = 1 << 15;
    const MOST_NODES: usize = 1 << 16;

    fn pack(split: Split) -> Self {
        debug_assert!(split.set.is_none() && !split.zero_missing, "special splits are packed in wide nodes");
        let missing = if split.missing_left { 0 } else { NARROW_MISSING_RIGHT };
        Self {
            threshold: f32::rounded_down(split.threshold),
            feature: split.feature as u16 | missing,
            left: split.left as u16,
        }
    }

    #[inline(always)]
    fn feature(self) -> usize {
        usize::from(self.feature & NARROW_FEATURE)
    }

    fn left(self) -> usize {
        usize::from(self.left)
    }

    fn stays(self) -> bool {
        self.threshold == f32::INFINITY && self.feature & NARROW_MISSING_RIGHT == 0
    }

    #[inline(always)]
    fn next<const MISSING: bool, const SPECIAL: bool>(self, x: f32, _: &Sets) -> u32 {
        let right = if MISSING && x.is_nan() {
            u32::from(self.feature >> 15)
        } else {
            above::<_, MISSING>(x, self.threshold)
        };
        u32::from(self.left) + right
    }
}

impl Node for Wide {
    type Number = f64;
    const MOST_FEATURES: usize = 1 << 29;
    const MOST_NODES: usize = 1 << 32;

    fn pack(split: Split) -> Self {
        let missing = if split.missing_left { 0 } else { WIDE_MISSING_RIGHT };
        let (threshold, categorical) = match split.set {
            Some(set) => (f64::from_bits(u64::from(set)), WIDE_CATEGORICAL),
            None => (split.threshold, 0),
        };
        let zero = if split.zero_missing { WIDE_ZERO_MISSING } else { 0 };
        Self { threshold, feature: split.feature | missing | categorical | zero, left: split.left }
    }

    #[inline(always)]
    fn feature(self) -> usize {
        (self.feature & WIDE_FEATURE) as usize
    }

    fn left(self) -> usize {
        self.left as usize
    }

    fn stays(self) -> bool {
        let flags = WIDE_MISSING_RIGHT | WIDE_CATEGORICAL | WIDE_ZERO_MISSING;
        self.threshold == f64::INFINITY && self.feature & flags == 0
    }

    #[inline(always)]
    fn next<const MISSING: bool, const SPECIAL: bool>(self, x: f64, sets: &Sets) -> u32 {
        let zero = SPECIAL && self.feature & WIDE_ZERO_MISSING != 0 && x.abs() <= NEAR_ZERO;
        let right = if (MISSING && x.is_nan()) || zero {
            self.feature >> 31
        } else if SPECIAL && self.feature & WIDE_CATEGORICAL != 0 {
            u32::from(!sets.contains(self.threshold.to_bits() as u32, x))
        } else {
            above::<_, MISSING>(x, self.threshold)
        };
        self.left + right
    }
}

/// 1 when `x` is above the threshold. Where missing values are handled, a threshold of NaN has everything above it;
/// elsewhere there is none, and a comparison that is false for NaN keeps every walk in its tree.
#[inline(always)]
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "false for NaN is what is meant")]
fn above<T: PartialOrd, const MISSING: bool>(x: T, threshold: T) -> u32 {
    u32::from(if MISSING { !(x <= threshold) } else { x > threshold })
}

/// Category sets as bits.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// Words of all sets.
    words: Vec<u64>,
    /// For each set where its words start; one more entry ends the last.
    starts: Vec<usize>,
    /// Numbers up to this one are in no set.
    lowest: f64,
}

impl Sets {
    /// The sets of sorted categories; whether negative numbers above -1 are category 0.
    pub(super) fn new(sets: &[Vec<u32>], truncate_negative: bool) -> Self {
        let (mut words, mut starts) = (Vec::new(), vec![0]);
        for set in sets {
            let start = words.len();
            let size = set.last().map_or(0, |last| *last as usize / 64 + 1);
            words.resize(start + size, 0u64);
            for category in set {
                words[start + *category as usize / 64] |= 1 << (category % 64);
            }
            starts.push(words.len());
        }
        let lowest = if truncate_negative { -1.0 } else { 0f64.next_down() };
        Self { words, starts, lowest }
    }

    /// Whether a value, truncated to an integer, is in a set.
    fn contains(&self, set: u32, value: f64) -> bool {
        // A cast saturates, and no set reaches as far as the words of u64::MAX.
        let category = value as u64;
        let words = &self.words[self.starts[set as usize]..self.starts[set as usize + 1]];
        let word = usize::try_from(category / 64).ok().and_then(|word| words.get(word));
        value > self.lowest && word.is_some_and(|word| word >> (category % 64) & 1 == 1)
    }
}

/// Packed trees. Every child position and every feature was in range when they were packed.
#[derive(Debug)]
pub(super) struct Packed<N> {
    /// Nodes of all trees, tree by tree. Positions in a tree count from its start.
    nodes: Vec<N>,
    /// Where each tree starts in `nodes`.
    starts: Vec<usize>,
    /// Number of features every row has, at least 1.
    features: usize,
    sets: Sets,
}

impl<N: Node> Packed<N> {
    /// Checks once what the walks rely on: children inside their tree, features inside the row.
    pub(super) fn new(nodes: Vec<N>, starts: Vec<usize>, features: usize, sets: Sets) -> Self {
        for (tree, &start) in starts.iter().enumerate() {
            let size = starts.get(tree + 1).map_or(nodes.len(), |next| *next) - start;
            assert!(size > 0, "a tree has a root");
            for (position, node) in nodes[start..start + size].iter().enumerate() {
                let leaf = node.left() == position && node.stays();
                assert!(node.left() + usize::from(!leaf) < size, "children stand inside their tree");
                assert!(node.feature() < features, "features stand inside the row");
            }
        }
        Self { nodes, starts, features, sets }
    }

    /// The positions in `nodes` of the leaves that `L` walks end in: walk `i` takes the row `rows[i]` down the
    /// tree number `trees[i]`.
    #[inline(always)]
    pub(super) fn walk<const L: usize, const MISSING: bool, const SPECIAL: bool>(
        &self,
        trees: [usize; L],
        rows: [&[N::Number]; L],
    ) -> [usize; L] {
        let starts = trees.map(|tree| self.starts[tree]);
        for row in rows {
            assert!(row.len() >= self.features, "rows have all features");
        }
        let mut at = [0u32; L];
        loop {
            let mut moved = 0;
            for lane in 0..L {
                // SAFETY: `starts[lane]` is the start of a tree and `at[lane]` a position in it: 0, or the child
                // of a node, which `Packed::new` checked to be inside the same tree; it also checked the feature
                // against `features`, which the row was just compared with. A leaf stays where it is: its threshold
                // is infinite, a missing value goes left, and NaN is not above
                // anything where missing values are not handled.
                let next = unsafe {
                    let node = *self.nodes.get_unchecked(starts[lane] + at[lane] as usize);
                    let x = *rows[lane].get_unchecked(node.feature());
                    node.next::<MISSING, SPECIAL>(x, &self.sets)
                };
                moved |= next ^ at[lane];
                at[lane] = next;
            }
            if moved == 0 {
                break;
            }
        }
        std::array::from_fn(|lane| starts[lane] + at[lane] as usize)
    }
}
