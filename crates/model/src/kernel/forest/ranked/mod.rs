//! Ensembles whose inputs are ranked once: a value becomes the number of the feature's thresholds that are below it, a byte or
//! 16 bits, and every test of every tree is then a comparison of ranks, exact whatever the precision of the thresholds.
//!
//! One row: the ranks of all its features stay in registers and sixteen trees are walked at once, with one gather a level.
//! Many rows: all tests of a tree are made for 64 rows with one instruction each; a leaf's rows are those that passed
//! the tests on its path (the bit vectors of RapidScorer, Ye et al., KDD 2018, turned on their side: one per test, over rows).
#![allow(unsafe_code)]

mod avx512;

use std::collections::VecDeque;

use super::{LeafValues, Trees, bound, has_special};
use crate::kernel::{Floats, Real};
use avx512::{Line, Quad};

pub(in crate::kernel) use avx512::Lanes;

/// Most thresholds of a feature whose ranks are bytes.
const MOST_THRESHOLDS: usize = 255;
/// Features whose byte ranks fit in the registers of one row.
const MOST_FEATURES: usize = 128;
/// Features whose ranks of 16 bits fit there, beside the constant 1.
const MOST_WORD_FEATURES: usize = 63;
/// Leaves of a tree whose number is a byte.
const MOST_LEAVES: usize = 256;
/// Rows of a block.
const BLOCK: usize = 256;
/// Fewer rows are walked one by one.
const FEWEST_ROWS: usize = 16;
/// Trees that are walked together.
const GROUP: usize = 16;
/// Numbers in a [`Scale`]: every sixteenth threshold, then all, filled up with infinity.
const SCALE: usize = 16 + 256;

/// The thresholds of a feature.
type Scale<T> = [T; SCALE];

/// Buffers of [`Ranked`].
#[derive(Debug, Default)]
pub(super) struct RankedBuffers {
    /// Ranks of a block: per feature [`BLOCK`] bytes.
    ranks: Vec<Line>,
    /// Per test the rows that go right.
    masks: Vec<Quad>,
    /// The rows that reach each leaf, then those that reach each test.
    reach: Vec<Quad>,
    /// Ranks of the rows of a walk: for each two lines.
    rows: Vec<[Line; 2]>,
    /// The leaf where each tree's walk ends, row by row.
    ends: Vec<u32>,
    /// Sums of a block, output by output.
    local: Floats,
}

/// A test of a tree, in breadth-first order.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Test {
    /// The largest rank that goes left, four times.
    bound: u32,
    /// Offset of the feature's ranks in a block, in lines.
    line: u32,
    /// Where the rows that go left and right are noted: a leaf's number, or [`MOST_LEAVES`] and the child's number.
    left: u16,
    right: u16,
}

/// The tests and leaves of a tree.
#[derive(Debug, Clone, Copy)]
struct TreeTests {
    first_test: usize,
    tests: usize,
    first_leaf: usize,
    leaves: usize,
}

/// What large batches are scored with: all trees have at most [`MOST_LEAVES`] leaves.
#[derive(Debug)]
struct Block<S> {
    trees: Vec<TreeTests>,
    tests: Vec<Test>,
    /// Values of all leaves, `width` each.
    values: Vec<S>,
    width: usize,
    output_of_tree: Vec<u32>,
    most_tests: usize,
}

/// What ranks are, and how nodes hold them beside the position of the children.
#[derive(Debug)]
enum Coding<T> {
    /// A node is its feature (8 bits), the largest rank that goes left (8 bits), and the even position of its left child; the
    /// right one is the next. A leaf leads to itself: no rank is above 255.
    Bytes(Vec<Scale<T>>),
    /// The same with as many bits as are needed, and half the position of the left child. A leaf at an odd position
    /// leads to itself by a constant 1 that stands after the features.
    Words { thresholds: Vec<Vec<T>>, feature_bits: u32, rank_bits: u32 },
}

/// An ensemble over ranks. Every index was checked when it was made.
#[derive(Debug)]
pub(super) struct Ranked<T, S> {
    features: usize,
    coding: Coding<T>,
    nodes: Vec<u32>,
    /// Where each tree starts in `nodes`, in the order of walking: by depth, filled up to whole groups.
    starts: Vec<u32>,
    /// The number of each of those trees.
    order: Vec<u32>,
    /// Levels of the deepest tree of each group.
    levels: Vec<u32>,
    trees: usize,
    leaves: LeafValues<S>,
    block: Option<Block<S>>,
}

impl<T: Lanes, S: Lanes> Ranked<T, S> {
    /// Ranks checked trees; `None` where that is impossible or this processor lacks the instructions.
    pub(super) fn new(trees: &Trees) -> Option<Self> {
        let strict_lowest = !trees.equal_left && trees.nodes.threshold.contains(&f64::NEG_INFINITY);
        let fits = (1..=MOST_FEATURES).contains(&trees.features) && !trees.roots.is_empty();
        if !avx512::available() || has_special(trees) || strict_lowest || !fits {
            return None;
        }
        let thresholds = thresholds::<T>(trees);
        let mut ranked = Self {
            features: trees.features,
            coding: Coding::new(&thresholds)?,
            nodes: Vec::new(),
            starts: Vec::new(),
            order: Vec::new(),
            levels: Vec::new(),
            trees: trees.roots.len(),
            leaves: LeafValues::Scalar { values: Vec::new(), output_of_tree: Vec::new() },
            block: None,
        };
        ranked.pack_walks(trees, &thresholds)?;
        ranked.block = match ranked.coding {
            Coding::Bytes(_) => Block::new(trees, &thresholds),
            Coding::Words { .. } => None,
        };
        Some(ranked)
    }

    /// Adds the leaf values of rows without missing values.
    pub(super) fn sum(&self, input: &[T], outputs: usize, buffers: &mut RankedBuffers, sums: &mut [S]) {
        match &self.block {
            Some(block) if sums.len() / outputs >= FEWEST_ROWS => {
                self.sum_blocks(block, input, outputs, buffers, sums);
            }
            Some(_) | None => {
                let blocks = input.chunks(self.features * BLOCK).zip(sums.chunks_mut(outputs * BLOCK));
                blocks.for_each(|(input, sums)| self.sum_walks(input, outputs, buffers, sums));
            }
        }
    }

    fn pack_walks(&mut self, trees: &Trees, thresholds: &[Vec<T>]) -> Option<()> {
        let (mut starts, mut depths, mut leaf_at) = (Vec::new(), Vec::new(), Vec::new());
        for &root in &trees.roots {
            starts.push(u32::try_from(self.nodes.len()).ok().filter(|start| *start < 1 << 30)?);
            depths.push(self.pack_walk(trees, root, thresholds, &mut leaf_at)?);
        }
        let value =
            |leaf: Option<u32>| leaf.map_or(S::default(), |leaf| S::of(trees.leaves.values[leaf as usize]));
        self.leaves = if trees.leaves.width == 1 {
            let values = leaf_at.into_iter().map(value).collect();
            LeafValues::Scalar { values, output_of_tree: trees.output_of_tree.clone() }
        } else {
            LeafValues::Vector {
                leaf: leaf_at.into_iter().map(|leaf| leaf.unwrap_or(0)).collect(),
                values: trees.leaves.values.iter().map(|value| S::of(*value)).collect(),
            }
        };
        self.order = (0..trees.roots.len() as u32).collect();
        self.order.sort_by_key(|tree| depths[*tree as usize]);
        while !self.order.len().is_multiple_of(GROUP) {
            self.order.extend(self.order.last().copied());
        }
        self.starts = self.order.iter().map(|tree| starts[*tree as usize]).collect();
        let deepest = |group: &[u32]| group.iter().map(|tree| depths[*tree as usize]).max().unwrap_or(0);
        self.levels = self.order.chunks(GROUP).map(deepest).collect();
        Some(())
    }

    /// Appends the nodes of one tree, breadth first; its depth.
    fn pack_walk(
        &mut self,
        trees: &Trees,
        root: u32,
        thresholds: &[Vec<T>],
        leaf_at: &mut Vec<Option<u32>>,
    ) -> Option<u32> {
        let start = self.nodes.len();
        // The place beside the root stays empty, so that pairs of children begin at even positions.
        let mut next = 2;
        let mut open = VecDeque::from([(root, 0, 0)]);
        let mut depth = 0;
        self.nodes.extend([0; 2]);
        leaf_at.extend([None; 2]);
        while let Some((node, position, level)) = open.pop_front() {
            depth = level;
            let node = node as usize;
            let (left, right) = (trees.nodes.left[node], trees.nodes.right[node]);
            if left == right {
                self.nodes[start + position] = self.coding.leaf(position as u32, self.features);
                leaf_at[start + position] = Some(left);
                continue;
            }
            if next >= self.coding.positions() {
                return None;
            }
            let feature = trees.nodes.feature[node];
            let rank = rank_of(trees, node, &thresholds[feature as usize]);
            self.nodes[start + position] = self.coding.split(next as u32, rank, feature);
            self.nodes.extend([0; 2]);
            leaf_at.extend([None; 2]);
            open.extend([(left, next, level + 1), (right, next + 1, level + 1)]);
            next += 2;
        }
        Some(depth)
    }

    /// Rows one by one: each group of trees takes all of them before the next, so that it stays in the cache.
    fn sum_walks(&self, input: &[T], outputs: usize, buffers: &mut RankedBuffers, sums: &mut [S]) {
        let count = sums.len() / outputs;
        buffers.rows.clear();
        buffers.rows.resize(count, [Line::ZERO; 2]);
        buffers.ends.resize(count * self.trees, 0);
        // SAFETY: `new` saw the features of this processor that the kernels need.
        unsafe {
            self.rank_rows(input, &mut buffers.rows);
            self.walk(&buffers.rows, &mut buffers.ends);
        }
        let ends = buffers.ends.chunks_exact(self.trees);
        for (ends, sums) in ends.zip(sums.chunks_exact_mut(outputs)) {
            match (&self.leaves, sums) {
                (LeafValues::Scalar { values, .. }, [sum]) => {
                    *sum = ends.iter().fold(*sum, |sum, end| sum + values[*end as usize]);
                }
                (leaves, sums) => {
                    let ends = ends.iter().enumerate();
                    ends.for_each(|(tree, end)| leaves.add(tree, *end as usize, sums));
                }
            }
        }
    }

    fn sum_blocks(
        &self,
        block: &Block<S>,
        input: &[T],
        outputs: usize,
        buffers: &mut RankedBuffers,
        sums: &mut [S],
    ) {
        let blocks = input.chunks(self.features * BLOCK).zip(sums.chunks_mut(outputs * BLOCK));
        for (input, sums) in blocks {
            // SAFETY: `new` saw the features of this processor that the kernel needs.
            unsafe {
                match (sums.len() / outputs).div_ceil(64) {
                    0 | 1 => self.sum_block::<1>(block, input, outputs, buffers, sums),
                    2 => self.sum_block::<2>(block, input, outputs, buffers, sums),
                    3 => self.sum_block::<3>(block, input, outputs, buffers, sums),
                    _ => self.sum_block::<4>(block, input, outputs, buffers, sums),
                }
            }
        }
    }
}

/// Bits of numbers up to `most`.
fn bits(most: usize) -> u32 {
    usize::BITS - most.leading_zeros()
}

impl<T: Real> Coding<T> {
    /// `None` where neither fits.
    fn new(thresholds: &[Vec<T>]) -> Option<Self> {
        let (features, most) = (thresholds.len(), thresholds.iter().map(Vec::len).max()?);
        if most <= MOST_THRESHOLDS {
            return Some(Self::Bytes(thresholds.iter().map(|sorted| scale(sorted)).collect()));
        }
        (features <= MOST_WORD_FEATURES && most <= usize::from(u16::MAX)).then(|| Self::Words {
            thresholds: thresholds.to_vec(),
            feature_bits: bits(features),
            rank_bits: bits(most),
        })
    }

    /// Positions that a node can lead to.
    fn positions(&self) -> usize {
        match self {
            Self::Bytes(_) => 1 << 16,
            Self::Words { feature_bits, rank_bits, .. } => 2 << (32 - feature_bits - rank_bits),
        }
    }

    fn split(&self, left: u32, rank: u32, feature: u32) -> u32 {
        match self {
            Self::Bytes(_) => left << 16 | rank << 8 | feature,
            Self::Words { feature_bits, rank_bits, .. } => {
                (left / 2) << (feature_bits + rank_bits) | rank << feature_bits | feature
            }
        }
    }

    fn leaf(&self, position: u32, features: usize) -> u32 {
        match self {
            Self::Bytes(_) => position << 16 | 0xff00,
            Self::Words { .. } if position % 2 == 1 => self.split(position - 1, 0, features as u32),
            Self::Words { rank_bits, .. } => self.split(position, (1 << rank_bits) - 1, 0),
        }
    }
}

impl<S: Real> Block<S> {
    fn new<T: Real>(trees: &Trees, thresholds: &[Vec<T>]) -> Option<Self> {
        let mut block = Self {
            trees: Vec::new(),
            tests: Vec::new(),
            values: Vec::new(),
            width: trees.leaves.width,
            output_of_tree: trees.output_of_tree.clone(),
            most_tests: 0,
        };
        for &root in &trees.roots {
            block.pack(trees, root, thresholds)?;
        }
        Some(block)
    }

    fn pack<T: Real>(&mut self, trees: &Trees, root: u32, thresholds: &[Vec<T>]) -> Option<()> {
        let first_test = self.tests.len();
        let first_leaf = self.values.len() / self.width;
        let (mut tests, mut leaves) = (0, 0);
        let mut take = |node: u32, values: &mut Vec<S>, open: &mut VecDeque<u32>| {
            let (left, right) = (trees.nodes.left[node as usize], trees.nodes.right[node as usize]);
            if left != right {
                open.push_back(node);
                tests += 1;
                return (MOST_LEAVES + tests - 1) as u16;
            }
            let start = left as usize * trees.leaves.width;
            let of_leaf = &trees.leaves.values[start..start + trees.leaves.width];
            values.extend(of_leaf.iter().map(|value| S::of(*value)));
            leaves += 1;
            (leaves - 1) as u16
        };
        let mut open = VecDeque::new();
        take(root, &mut self.values, &mut open);
        while let Some(node) = open.pop_front() {
            if self.tests.len() - first_test >= MOST_LEAVES - 1 {
                return None;
            }
            let at = node as usize;
            let feature = trees.nodes.feature[at];
            let rank = rank_of(trees, at, &thresholds[feature as usize]);
            let left = take(trees.nodes.left[at], &mut self.values, &mut open);
            let right = take(trees.nodes.right[at], &mut self.values, &mut open);
            let line = feature * (BLOCK / 64) as u32;
            self.tests.push(Test { bound: rank * 0x0101_0101, line, left, right });
        }
        // A tree of `n` tests has `n + 1` leaves.
        self.trees.push(TreeTests { first_test, tests, first_leaf, leaves });
        self.most_tests = self.most_tests.max(tests);
        Some(())
    }
}

/// The number that a split compares with, in the precision of the input.
fn threshold_of<T: Real>(trees: &Trees, node: usize) -> T {
    T::rounded_down(bound(trees.nodes.threshold[node], trees.equal_left))
}

/// Sorted thresholds of each feature, each once.
fn thresholds<T: Real>(trees: &Trees) -> Vec<Vec<T>> {
    let mut thresholds = vec![Vec::new(); trees.features];
    for node in 0..trees.nodes.left.len() {
        // Nodes that no root leads to were not checked.
        let of_feature = thresholds.get_mut(trees.nodes.feature[node] as usize);
        if let Some(of_feature) = of_feature.filter(|_| trees.nodes.left[node] != trees.nodes.right[node]) {
            of_feature.push(threshold_of::<T>(trees, node));
        }
    }
    for sorted in &mut thresholds {
        sorted.retain(|threshold| !threshold.is_nan());
        sorted.sort_unstable_by(|a, b| a.to_f64().total_cmp(&b.to_f64()));
        sorted.dedup();
    }
    thresholds
}

/// The largest rank that goes left: `x <= thresholds[r]` is the same as `rank(x) <= r`.
fn rank_of<T: Real>(trees: &Trees, node: usize, thresholds: &[T]) -> u32 {
    let threshold = threshold_of::<T>(trees, node);
    thresholds.partition_point(|other| *other < threshold) as u32
}

fn scale<T: Real>(sorted: &[T]) -> Scale<T> {
    let all: [T; 256] = std::array::from_fn(|i| sorted.get(i).copied().unwrap_or(T::of(f64::INFINITY)));
    std::array::from_fn(|i| if i < 16 { all[16 * i + 15] } else { all[i - 16] })
}
