//! Values as ranks: how many of their feature's thresholds they are above.
//!
//! A test `x <= threshold` is then a comparison of two small integers, exact whatever the precision of the thresholds. What a
//! missing value does costs no test anything: a feature whose missing values go both ways has a slot for each of the two, where
//! a missing value is below or above all thresholds.

use super::{Trees, bound};
use crate::estimator::NEAR_ZERO;
use crate::kernel::Real;

/// A slot that no node has.
const NONE: u32 = u32::MAX;

/// Where the rank of a feature stands in a row of ranks, and what that rank is when the value is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) feature: u32,
    /// Whether a missing value is below all thresholds; else it is above them.
    pub(super) missing_left: bool,
    /// Whether zero counts as missing.
    zero_missing: bool,
}

impl Slot {
    /// Whether a value counts as missing here.
    #[inline(always)]
    pub(super) fn misses<T: Real>(self, x: T) -> bool {
        x.is_nan() || (self.zero_missing && x.to_f64().abs() <= NEAR_ZERO)
    }

    /// A rank below or above all others.
    #[inline(always)]
    pub(super) fn missing(self) -> u32 {
        if self.missing_left { 0 } else { u32::MAX }
    }

    /// Whether a value that is not missing has the same rank here as in another slot.
    #[inline(always)]
    pub(super) fn shares(self, other: Self) -> bool {
        (self.feature, self.zero_missing) == (other.feature, other.zero_missing)
    }
}

/// The thresholds of an ensemble, sorted, and where each of its splits stands among them.
#[derive(Debug)]
pub(super) struct Ranks<T> {
    /// Sorted thresholds of each feature, each once.
    pub(super) thresholds: Vec<Vec<T>>,
    /// For each split the largest rank that goes left: `x <= thresholds[r]` says the same as `rank(x) <= r`.
    pub(super) bounds: Vec<u32>,
    /// Slots in the order of features.
    pub(super) slots: Vec<Slot>,
    /// Number of the slot of each feature, direction of missing values and treatment of zero.
    numbers: Vec<u32>,
    /// Whether missing values are accepted at all.
    missing: bool,
}

impl<T: Real> Ranks<T> {
    /// `None` where ranks do not say all: sets of categories, and strict comparisons with minus infinity, which a missing
    /// value passes though no number does.
    pub(super) fn new(trees: &Trees) -> Option<Self> {
        let strict_lowest = !trees.equal_left && trees.nodes.threshold.contains(&f64::NEG_INFINITY);
        if !trees.category_sets.is_empty() || strict_lowest || trees.features == 0 {
            return None;
        }
        let count = trees.nodes.left.len();
        let mut splits: Vec<Vec<(u64, u32)>> = vec![Vec::new(); trees.features];
        let mut ranks = Self {
            thresholds: Vec::with_capacity(trees.features),
            bounds: vec![0; count],
            slots: Vec::new(),
            numbers: vec![NONE; 4 * trees.features],
            missing: trees.missing,
        };
        for node in 0..count {
            if trees.nodes.left[node] == trees.nodes.right[node] {
                continue;
            }
            // Nodes that no root leads to were not checked.
            let threshold = T::rounded_down(bound(trees.nodes.threshold[node], trees.equal_left));
            let of_feature = splits.get_mut(trees.nodes.feature[node] as usize);
            if let Some(splits) = of_feature.filter(|_| !threshold.is_nan()) {
                splits.push((ordered(threshold.to_f64()), node as u32));
                let key = ranks.key(trees, node);
                ranks.numbers[key] = 0;
            }
        }
        for splits in &mut splits {
            splits.sort_unstable_by_key(|(order, _)| *order);
            let mut thresholds = Vec::new();
            for same in splits.chunk_by(|(a, _), (b, _)| a == b) {
                same.iter().for_each(|(_, node)| ranks.bounds[*node as usize] = thresholds.len() as u32);
                thresholds.push(T::of(of_ordered(same[0].0)));
            }
            ranks.thresholds.push(thresholds);
        }
        let used = (0..ranks.numbers.len()).filter(|key| ranks.numbers[*key] != NONE);
        let used: Vec<usize> = used.collect();
        for key in used {
            ranks.numbers[key] = ranks.slots.len() as u32;
            let (feature, missing_left, zero_missing) = ((key / 4) as u32, key & 2 != 0, key & 1 != 0);
            ranks.slots.push(Slot { feature, missing_left, zero_missing });
        }
        Some(ranks)
    }

    fn key(&self, trees: &Trees, node: usize) -> usize {
        let missing_left = self.missing && trees.nodes.missing_left[node];
        4 * trees.nodes.feature[node] as usize
            + 2 * usize::from(missing_left)
            + usize::from(trees.nodes.zero_is_missing(node))
    }

    /// The number of the slot that a split tests.
    pub(super) fn slot(&self, trees: &Trees, node: usize) -> u32 {
        self.numbers[self.key(trees, node)]
    }

    /// Most thresholds of a feature.
    pub(super) fn most(&self) -> usize {
        self.thresholds.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// An integer that has the order of the number; both zeros are one.
fn ordered(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// What [`ordered`] made an integer of.
fn of_ordered(order: u64) -> f64 {
    f64::from_bits(if order >> 63 == 1 { order & !(1 << 63) } else { !order })
}

/// Thresholds of a block.
pub(super) const WIDTH: usize = 16;

/// Thresholds compared in one step; those of float32 are a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Block<T>([T; WIDTH]);

/// Sorted thresholds as a tree of blocks: each level holds the last number of every block of the level below.
#[derive(Debug)]
pub(super) struct Search<T> {
    blocks: Vec<Block<T>>,
    /// Where each level starts in `blocks`, the top first.
    levels: Vec<u32>,
}

impl<T: Real> Search<T> {
    /// Of sorted thresholds.
    pub(super) fn new(sorted: &[T]) -> Self {
        let infinity = T::of(f64::INFINITY);
        // The last number is infinite, and no number is above it.
        let mut level: Vec<T> = sorted.iter().copied().chain([infinity]).collect();
        let mut levels = Vec::new();
        loop {
            level.resize(level.len().next_multiple_of(WIDTH), infinity);
            let (blocks, _) = level.as_chunks::<WIDTH>();
            levels.push(blocks.to_vec());
            if blocks.len() == 1 {
                break;
            }
            level = blocks.iter().map(|block| block[WIDTH - 1]).collect();
        }
        let mut search = Self { blocks: Vec::new(), levels: Vec::new() };
        for level in levels.iter().rev() {
            search.levels.push(search.blocks.len() as u32);
            search.blocks.extend(level.iter().map(|block| Block(*block)));
        }
        search
    }

    /// Levels of the search.
    pub(super) fn levels(&self) -> usize {
        self.levels.len()
    }

    /// One level of a search: the block of the next level, or after the last the rank. `below` counts the numbers of a block
    /// that are below `x`.
    #[inline(always)]
    pub(super) fn descend(&self, level: u32, at: u32, x: T, below: impl Fn(&[T; WIDTH], T) -> u32) -> u32 {
        WIDTH as u32 * at + below(&self.blocks[(level + at) as usize].0, x)
    }

    /// Where a level starts.
    #[inline(always)]
    pub(super) fn level(&self, level: usize) -> Option<u32> {
        self.levels.get(level).copied()
    }

    /// How many thresholds are below `x`; 0 for NaN.
    #[inline(always)]
    pub(super) fn rank(&self, x: T, below: impl Fn(&[T; WIDTH], T) -> u32) -> u32 {
        self.levels.iter().fold(0, |at, level| self.descend(*level, at, x, &below))
    }
}

/// How many of some numbers are below `x`.
#[inline(always)]
pub(super) fn below<T: Real>(block: &[T; WIDTH], x: T) -> u32 {
    let mut count = 0;
    for number in block {
        count += u32::from(*number < x);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_counts_the_thresholds_below() {
        for count in [0usize, 1, 15, 16, 17, 255, 256, 257, 5000] {
            let sorted: Vec<f32> = (0..count).map(|threshold| threshold as f32).collect();
            let search = Search::new(&sorted);
            for x in [f32::NEG_INFINITY, -1.0, 0.0, 0.5, 14.5, 15.0, 15.5, 16.0, 255.5, 256.0, 4999.5, 1e9] {
                let expected = sorted.iter().filter(|threshold| **threshold < x).count();
                assert_eq!(search.rank(x, below), expected as u32, "{x} among {count}");
            }
            assert_eq!((search.rank(f32::INFINITY, below), search.rank(f32::NAN, below)), (count as u32, 0));
        }
    }
}
