//! Scores of oblivious trees: all nodes of a level test the same condition, so a row's leaf is the number whose bits are the answers.
//!
//! Rows are taken in blocks. A feature's thresholds are ranked once per row, to a byte; each condition is then one
//! comparison of bytes, the same for all rows of the block, which compilers turn into vector instructions. Several trees'
//! conditions on one feature share its rank.

use crate::estimator::{ObliviousTrees, Test};

/// Rows that go through all trees together: few enough that their ranks stay in the first cache.
const BLOCK: usize = 128;
/// Most thresholds or codes that one byte ranks.
const LANE: usize = 255;

/// Buffers of [`Oblivious::scores`].
#[derive(Debug, Default)]
pub(crate) struct ObliviousBuffers {
    /// The ranks of a block, lane by lane.
    ranks: Vec<u8>,
    /// The leaf of each row, for trees of at most eight levels and for deeper ones.
    narrow: Vec<u8>,
    wide: Vec<u32>,
}

/// A byte of each row: how many of some thresholds its feature is above, or which of some codes it is.
#[derive(Debug)]
struct Lane {
    feature: usize,
    ranking: Ranking,
}

#[derive(Debug)]
enum Ranking {
    /// Ascending thresholds, and whether a missing value is above them all (else below).
    Thresholds(Vec<f32>, bool),
    /// Ascending codes, whose ranks count from 1; all else has 0.
    Codes(Vec<f64>),
}

/// A condition on a lane: `rank ^ mask >= least`.
#[derive(Debug, Clone, Copy)]
struct Level {
    lane: u32,
    mask: u8,
    least: u8,
}

/// Oblivious trees packed for scoring.
#[derive(Debug)]
pub(crate) struct Oblivious {
    features: usize,
    outputs: usize,
    lanes: Vec<Lane>,
    /// The levels of all trees, the lowest bit first.
    levels: Vec<Level>,
    depths: Vec<u32>,
    leaves: Vec<f64>,
    scale: f64,
    bias: Vec<f64>,
}

impl Oblivious {
    /// Packs checked trees.
    pub(crate) fn new(trees: &ObliviousTrees) -> Self {
        let mut lanes = Vec::new();
        let mut level_of = vec![Level { lane: 0, mask: 0, least: 0 }; trees.conditions.len()];
        let feature = |number: &u32| trees.conditions[*number as usize].feature;
        let mut order: Vec<u32> = (0..trees.conditions.len() as u32).collect();
        order.sort_by_key(feature);
        for conditions in order.chunk_by(|a, b| feature(a) == feature(b)) {
            pack_feature(trees, conditions, &mut lanes, &mut level_of);
        }
        Self {
            features: trees.features,
            outputs: trees.outputs,
            lanes,
            levels: trees.tests.iter().map(|condition| level_of[*condition as usize]).collect(),
            depths: trees.depths.clone(),
            leaves: trees.leaves.clone(),
            scale: trees.scale,
            bias: trees.bias.clone(),
        }
    }

    /// Appends the raw scores of `rows` rows of `numbers` to `raw`.
    pub(crate) fn scores(
        &self,
        numbers: &[f64],
        rows: usize,
        buffers: &mut ObliviousBuffers,
        raw: &mut Vec<f64>,
    ) {
        let mut start = 0;
        while start < rows {
            let count = BLOCK.min(rows - start);
            let block = &numbers[start * self.features..(start + count) * self.features];
            let first = raw.len();
            raw.resize(first + count * self.outputs, 0.0);
            self.block(block, count, buffers, &mut raw[first..]);
            start += count;
        }
    }

    /// The raw scores of one block, whose `sums` are 0.
    fn block(&self, numbers: &[f64], rows: usize, buffers: &mut ObliviousBuffers, sums: &mut [f64]) {
        let ObliviousBuffers { ranks, narrow, wide } = buffers;
        ranks.clear();
        for lane in &self.lanes {
            ranks.extend((0..rows).map(|row| lane.rank(numbers[row * self.features + lane.feature])));
        }
        let (mut levels, mut leaves) = (self.levels.as_slice(), self.leaves.as_slice());
        for depth in &self.depths {
            let (of_tree, other_levels) = levels.split_at(*depth as usize);
            let (values, other_leaves) = leaves.split_at(self.outputs << depth);
            (levels, leaves) = (other_levels, other_leaves);
            if *depth <= u8::BITS {
                narrow.clear();
                narrow.resize(rows, 0);
                find_leaves(of_tree, ranks, narrow, |leaf, answer, bit| *leaf |= u8::from(answer) << bit);
                self.add(values, narrow.iter().map(|leaf| usize::from(*leaf)), sums);
            } else {
                wide.clear();
                wide.resize(rows, 0);
                find_leaves(of_tree, ranks, wide, |leaf, answer, bit| *leaf |= u32::from(answer) << bit);
                self.add(values, wide.iter().map(|leaf| *leaf as usize), sums);
            }
        }
        for sums in sums.chunks_exact_mut(self.outputs) {
            sums.iter_mut().zip(&self.bias).for_each(|(sum, bias)| *sum = self.scale * *sum + bias);
        }
    }

    /// Adds the values of each row's leaf to its sums.
    #[inline(always)]
    fn add(&self, values: &[f64], leaves: impl Iterator<Item = usize>, sums: &mut [f64]) {
        if self.outputs == 1 {
            sums.iter_mut().zip(leaves).for_each(|(sum, leaf)| *sum += values[leaf]);
            return;
        }
        for (sums, leaf) in sums.chunks_exact_mut(self.outputs).zip(leaves) {
            let values = &values[leaf * self.outputs..(leaf + 1) * self.outputs];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
    }
}

/// Sets the bits of each row's leaf.
#[inline(always)]
fn find_leaves<T>(levels: &[Level], ranks: &[u8], leaves: &mut [T], set: impl Fn(&mut T, bool, u32)) {
    for (bit, level) in (0..).zip(levels) {
        let lane = &ranks[level.lane as usize * leaves.len()..][..leaves.len()];
        for (leaf, rank) in leaves.iter_mut().zip(lane) {
            set(leaf, rank ^ level.mask >= level.least, bit);
        }
    }
}

impl Lane {
    fn rank(&self, x: f64) -> u8 {
        match &self.ranking {
            Ranking::Thresholds(thresholds, missing_above) => {
                let x = match (x.is_nan(), missing_above) {
                    (false, _) => x as f32,
                    (true, true) => f32::INFINITY,
                    (true, false) => f32::NEG_INFINITY,
                };
                thresholds.partition_point(|threshold| *threshold < x) as u8
            }
            Ranking::Codes(codes) => {
                let rank = codes.partition_point(|code| *code < x);
                if codes.get(rank) == Some(&x) { rank as u8 + 1 } else { 0 }
            }
        }
    }
}

/// Makes the lanes of one feature, and for each condition on it its level.
fn pack_feature(trees: &ObliviousTrees, conditions: &[u32], lanes: &mut Vec<Lane>, level_of: &mut [Level]) {
    let (mut thresholds, mut codes, mut feature) = (Vec::new(), Vec::new(), 0);
    for number in conditions {
        let condition = trees.conditions[*number as usize];
        feature = condition.feature as usize;
        match condition.test {
            Test::Above(threshold) => thresholds.push(threshold),
            Test::Is(code) => codes.push(f64::from(code)),
        }
    }
    thresholds.sort_unstable_by(f32::total_cmp);
    thresholds.dedup();
    codes.sort_unstable_by(f64::total_cmp);
    codes.dedup();
    let first_threshold = lanes.len();
    for thresholds in thresholds.chunks(LANE) {
        let ranking = Ranking::Thresholds(thresholds.to_vec(), trees.missing_above[feature]);
        lanes.push(Lane { feature, ranking });
    }
    let first_code = lanes.len();
    for codes in codes.chunks(LANE) {
        lanes.push(Lane { feature, ranking: Ranking::Codes(codes.to_vec()) });
    }
    for number in conditions {
        let (lane, rank, exact) = match trees.conditions[*number as usize].test {
            Test::Above(threshold) => {
                (first_threshold, thresholds.partition_point(|other| *other < threshold), false)
            }
            Test::Is(code) => (first_code, codes.partition_point(|other| *other < f64::from(code)), true),
        };
        let (lane, rank) = ((lane + rank / LANE) as u32, (rank % LANE + 1) as u8);
        level_of[*number as usize] = match exact {
            false => Level { lane, mask: 0, least: rank },
            // Of all bytes only the rank itself has no bit in common with its complement.
            true => Level { lane, mask: !rank, least: u8::MAX },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimator::Condition;

    /// Trees over a number (300 thresholds) and a code (of 600), one tree per condition, whose leaves are 0 and a power of two
    /// modulo a prime: sums tell the conditions that hold.
    fn trees(missing_above: bool) -> ObliviousTrees {
        let above = (0..300).map(|threshold| Condition { feature: 0, test: Test::Above(threshold as f32) });
        let is = [0, 254, 255, 599].map(|code| Condition { feature: 1, test: Test::Is(code) });
        let conditions: Vec<Condition> = above.chain(is).collect();
        let leaves = (0..conditions.len())
            .flat_map(|tree| [0.0, if tree < 300 { 1.0 } else { 1000.0 * (tree - 299) as f64 }]);
        ObliviousTrees {
            features: 2,
            outputs: 1,
            missing_above: vec![missing_above, false],
            depths: vec![1; conditions.len()],
            tests: (0..conditions.len() as u32).collect(),
            leaves: leaves.collect(),
            conditions,
            scale: 1.0,
            bias: vec![0.5],
        }
    }

    fn score(trees: &ObliviousTrees, row: [f64; 2]) -> f64 {
        let mut raw = Vec::new();
        Oblivious::new(trees).scores(&row, 1, &mut ObliviousBuffers::default(), &mut raw);
        raw[0]
    }

    #[test]
    fn thresholds_and_codes_beyond_a_byte_are_told_apart() {
        let trees = trees(false);
        for (row, expected) in [
            ([-1.0, f64::NAN], 0.5),
            ([0.0, 0.0], 1000.5),
            ([254.5, 254.0], 2255.5),
            ([255.0, 255.0], 3255.5),
            ([255.5, 599.0], 4256.5),
            ([1e300, 600.0], 300.5),
            ([f64::NAN, -1.0], 0.5),
        ] {
            assert_eq!(score(&trees, row), expected, "{row:?}");
        }
    }

    #[test]
    fn a_missing_value_is_below_or_above_all() {
        assert_eq!(score(&trees(true), [f64::NAN, 1.0]), 300.5);
        assert_eq!(score(&trees(true), [f64::NEG_INFINITY, 1.0]), 0.5);
    }

    #[test]
    fn deep_trees_have_many_leaves() {
        let depth = 10;
        let trees = ObliviousTrees {
            features: depth,
            outputs: 2,
            missing_above: vec![false; depth],
            conditions: (0..depth as u32)
                .map(|feature| Condition { feature, test: Test::Above(0.0) })
                .collect(),
            depths: vec![depth as u32],
            tests: (0..depth as u32).collect(),
            leaves: (0..2 << depth).map(f64::from).collect(),
            scale: 2.0,
            bias: vec![0.0, 1.0],
        };
        let rows: Vec<f64> =
            (0..300 * depth).map(|cell| if cell * cell % 7 < 3 { 1.0 } else { -1.0 }).collect();
        let mut raw = Vec::new();
        Oblivious::new(&trees).scores(&rows, 300, &mut ObliviousBuffers::default(), &mut raw);
        for (row, raw) in rows.chunks(depth).zip(raw.chunks(2)) {
            let leaf: i32 = row.iter().enumerate().map(|(bit, x)| i32::from(*x > 0.0) << bit).sum();
            assert_eq!(raw, [f64::from(4 * leaf), f64::from(4 * leaf + 3)]);
        }
    }
}
