//! Ensembles over [ranks](super::ranks) of one byte, with AVX-512.
//!
//! One row: the ranks of all its features stay in registers and sixteen trees are walked at once, with one gather a level.
//! Many rows: all tests of a tree are made for 64 rows with one instruction each; a leaf's rows are those that passed
//! the tests on its path (the bit vectors of RapidScorer, Ye et al., KDD 2018, turned on their side: one per test, over rows). Tests
//! that several trees have in common, as with features cut into bins, are made once.
#![allow(unsafe_code)]

mod avx512;

use super::order::{Order, Placed};
use super::ranks::{Ranks, Slot};
use super::{LeafValues, Trees};
use crate::kernel::{Floats, Real};
use avx512::{Line, Quad};

pub(in crate::kernel) use avx512::Lanes;

/// Most thresholds of a feature whose ranks are bytes.
const MOST_THRESHOLDS: usize = 255;
/// Slots whose ranks fit in the registers of one row.
const MOST_SLOTS: usize = 128;
/// Positions of a tree that a node can lead to.
const MOST_POSITIONS: usize = 1 << 16;
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
    /// Ranks of a block: per slot [`BLOCK`] bytes.
    ranks: Vec<Line>,
    /// Per condition the rows that go right.
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

/// A comparison that one or more tests make.
#[derive(Debug, Clone, Copy)]
struct Condition {
    /// The largest rank that goes left, four times.
    bound: u32,
    /// Offset of the slot's ranks in a block, in lines.
    line: u32,
}

/// A test of a tree; it stands behind its parent.
#[derive(Debug, Clone, Copy)]
struct Test {
    condition: u32,
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
    conditions: Vec<Condition>,
    tests: Vec<Test>,
    /// Values of all leaves, `width` each.
    values: Vec<S>,
    width: usize,
    output_of_tree: Vec<u32>,
    most_tests: usize,
}

/// An ensemble over ranks. Every index was checked when it was made.
#[derive(Debug)]
pub(super) struct Ranked<T, S> {
    features: usize,
    slots: Vec<Slot>,
    /// For each slot the thresholds of its feature.
    scales: Vec<Scale<T>>,
    /// A node is its slot (8 bits), the largest rank that goes left (8 bits), and the even position of its left child (16
    /// bits); the right one is the next. A leaf leads to itself: no rank is above 255.
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
    /// `None` where bytes do not hold the ranks, the slots or the positions, or where this processor lacks the instructions.
    pub(super) fn new(trees: &Trees, ranks: &Ranks<T>, order: &Order) -> Option<Self> {
        let fits = ranks.slots.len() <= MOST_SLOTS
            && ranks.most() <= MOST_THRESHOLDS
            && order.most_nodes() < MOST_POSITIONS
            && !trees.roots.is_empty();
        if !avx512::available() || !fits {
            return None;
        }
        let scales = ranks.slots.iter().map(|slot| scale(&ranks.thresholds[slot.feature as usize]));
        let mut ranked = Self {
            features: trees.features,
            slots: ranks.slots.clone(),
            scales: scales.collect(),
            nodes: Vec::with_capacity(order.len() + trees.roots.len()),
            starts: Vec::new(),
            order: Vec::new(),
            levels: Vec::new(),
            trees: trees.roots.len(),
            leaves: LeafValues::Scalar { values: Vec::new(), output_of_tree: Vec::new() },
            block: (order.most_nodes() < 2 * MOST_LEAVES).then(|| Block::new(trees, ranks, order)),
        };
        ranked.pack_walks(trees, ranks, order)?;
        Some(ranked)
    }

    /// Adds the leaf values of rows.
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

    fn pack_walks(&mut self, trees: &Trees, ranks: &Ranks<T>, order: &Order) -> Option<()> {
        let mut starts = Vec::with_capacity(self.trees);
        let mut leaf_at = Vec::with_capacity(order.len() + self.trees);
        for nodes in order.trees() {
            starts.push(u32::try_from(self.nodes.len()).ok().filter(|start| *start < 1 << 30)?);
            self.pack_walk(trees, ranks, nodes, &mut leaf_at);
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
        let depths = &order.depths;
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

    /// Appends the nodes of one tree. The root stands twice, so that pairs of children begin at even positions.
    fn pack_walk(
        &mut self,
        trees: &Trees,
        ranks: &Ranks<T>,
        nodes: &[Placed],
        leaf_at: &mut Vec<Option<u32>>,
    ) {
        for (position, placed) in nodes.first().into_iter().chain(nodes).enumerate() {
            let node = placed.node as usize;
            let (left, right) = (trees.nodes.left[node], trees.nodes.right[node]);
            let leaf = left == right;
            leaf_at.push(leaf.then_some(left));
            self.nodes.push(if leaf {
                (position as u32) << 16 | 0xff00
            } else {
                (placed.left + 1) << 16 | ranks.bounds[node] << 8 | ranks.slot(trees, node)
            });
        }
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

impl<S: Real> Block<S> {
    /// Of trees of at most [`MOST_LEAVES`] leaves.
    fn new<T: Real>(trees: &Trees, ranks: &Ranks<T>, order: &Order) -> Self {
        let mut block = Self {
            trees: Vec::with_capacity(trees.roots.len()),
            conditions: Vec::new(),
            tests: Vec::new(),
            values: Vec::new(),
            width: trees.leaves.width,
            output_of_tree: trees.output_of_tree.clone(),
            most_tests: 0,
        };
        // Conditions in the order of slots, so that the ranks of one stay in the cache.
        let mut conditions = vec![None; ranks.slots.len() << 8];
        let key = |node: usize| (ranks.slot(trees, node) << 8 | ranks.bounds[node]) as usize;
        let is_leaf = |node: usize| trees.nodes.left[node] == trees.nodes.right[node];
        for placed in order.trees().flatten() {
            let node = placed.node as usize;
            if !is_leaf(node) {
                conditions[key(node)] = Some(0);
            }
        }
        for (key, condition) in conditions.iter_mut().enumerate().filter(|(_, condition)| condition.is_some())
        {
            *condition = Some(block.conditions.len() as u32);
            let (slot, bound) = (key as u32 >> 8, key as u32 & 0xff);
            block.conditions.push(Condition { bound: bound * 0x0101_0101, line: slot * (BLOCK / 64) as u32 });
        }
        let mut numbers = Vec::new();
        for nodes in order.trees() {
            let (first_test, first_leaf) = (block.tests.len(), block.values.len() / block.width);
            let (mut tests, mut leaves) = (0, 0);
            numbers.clear();
            for placed in nodes {
                let counter = if is_leaf(placed.node as usize) { &mut leaves } else { &mut tests };
                let first = if is_leaf(placed.node as usize) { 0 } else { MOST_LEAVES };
                numbers.push((first + *counter) as u16);
                *counter += 1;
            }
            for placed in nodes {
                let node = placed.node as usize;
                if is_leaf(node) {
                    let start = trees.nodes.left[node] as usize * block.width;
                    let of_leaf = &trees.leaves.values[start..start + block.width];
                    block.values.extend(of_leaf.iter().map(|value| S::of(*value)));
                } else {
                    let child = placed.left as usize;
                    let condition = conditions[key(node)].unwrap_or(0);
                    block.tests.push(Test { condition, left: numbers[child], right: numbers[child + 1] });
                }
            }
            block.trees.push(TreeTests { first_test, tests, first_leaf, leaves });
            block.most_tests = block.most_tests.max(tests);
        }
        block
    }
}

fn scale<T: Real>(sorted: &[T]) -> Scale<T> {
    let all: [T; 256] = std::array::from_fn(|i| sorted.get(i).copied().unwrap_or(T::of(f64::INFINITY)));
    std::array::from_fn(|i| if i < 16 { all[16 * i + 15] } else { all[i - 16] })
}
