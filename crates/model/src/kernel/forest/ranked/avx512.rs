//! The instructions of [`Ranked`](super::Ranked).

use std::arch::x86_64::*;

use super::{BLOCK, Block, Condition, GROUP, MOST_LEAVES, Ranked, RankedBuffers, Scale, Slot, Test};
use crate::kernel::Real;

/// 64 ranks.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line([u8; 64]);

/// A bit for each row of a block.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(32))]
pub(super) struct Quad([u64; 4]);

impl Line {
    /// No ranks.
    pub(super) const ZERO: Self = Self([0; 64]);
}

/// Groups of trees in flight at once for one row.
const FLIGHT: usize = 4;

/// Whether this processor has what the kernels here need.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
}

/// A float type with its vectors.
pub(in crate::kernel) trait Lanes: Real {
    /// How many of the thresholds are below `x`, which is a number.
    ///
    /// # Safety
    /// Needs [`available`]. The scale's last pivot is infinite.
    unsafe fn rank(scale: &[Self; super::SCALE], x: Self) -> u8;

    /// How many of some numbers are below `x`.
    ///
    /// # Safety
    /// Needs AVX-512 and counts of bits.
    unsafe fn below(block: &[Self; 16], x: Self) -> u32;

    /// Adds to each of 64 sums `values[leaf * width]`.
    ///
    /// # Safety
    /// Needs [`available`], `values` valid at every leaf's number times `width`, and 64 `sums`.
    unsafe fn add_leaves(leaf: __m512i, values: *const Self, width: usize, sums: *mut Self);
}

impl Lanes for f32 {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
    unsafe fn rank(scale: &Scale<f32>, x: f32) -> u8 {
        let x = _mm512_set1_ps(x);
        // SAFETY: 16 pivots; at most 15 of them are below `x`, as the last is infinite, so 16 thresholds follow.
        unsafe {
            let pivots = _mm512_loadu_ps(scale.as_ptr());
            let block = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(pivots, x).count_ones() as usize;
            let thresholds = _mm512_loadu_ps(scale.as_ptr().add(16 + 16 * block));
            let below = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(thresholds, x).count_ones() as usize;
            (16 * block + below) as u8
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    unsafe fn below(block: &[Self; 16], x: Self) -> u32 {
        // SAFETY: sixteen numbers.
        let block = unsafe { _mm512_loadu_ps(block.as_ptr()) };
        _mm512_cmp_ps_mask::<_CMP_LT_OQ>(block, _mm512_set1_ps(x)).count_ones()
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
    unsafe fn add_leaves(leaf: __m512i, values: *const f32, width: usize, sums: *mut f32) {
        let parts = [
            _mm512_castsi512_si128(leaf),
            _mm512_extracti32x4_epi32::<1>(leaf),
            _mm512_extracti32x4_epi32::<2>(leaf),
            _mm512_extracti32x4_epi32::<3>(leaf),
        ];
        for (part, leaf) in parts.into_iter().enumerate() {
            let mut at = _mm512_cvtepu8_epi32(leaf);
            if width != 1 {
                at = _mm512_mullo_epi32(at, _mm512_set1_epi32(width as i32));
            }
            // SAFETY: the caller vouches for every leaf's value and for 64 sums.
            unsafe {
                let value = _mm512_i32gather_ps::<4>(at, values);
                let sums = sums.add(16 * part);
                _mm512_storeu_ps(sums, _mm512_add_ps(_mm512_loadu_ps(sums), value));
            }
        }
    }
}

impl Lanes for f64 {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
    unsafe fn rank(scale: &Scale<f64>, x: f64) -> u8 {
        let x = _mm512_set1_pd(x);
        // SAFETY: `at` is 0 or the start of one of 16 blocks of 16 thresholds: at most 15 pivots are below `x`, as the
        // last is infinite.
        let below = |at: usize| unsafe {
            let (low, high) =
                (_mm512_loadu_pd(scale.as_ptr().add(at)), _mm512_loadu_pd(scale.as_ptr().add(at + 8)));
            let low = u32::from(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(low, x));
            let high = u32::from(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(high, x));
            (low | high << 8).count_ones() as usize
        };
        let block = below(0);
        (16 * block + below(16 + 16 * block)) as u8
    }

    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    unsafe fn below(block: &[Self; 16], x: Self) -> u32 {
        // SAFETY: twice eight numbers.
        let [low, high] = [0, 8].map(|at| unsafe { _mm512_loadu_pd(block.as_ptr().add(at)) });
        let below = |part| u32::from(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(part, _mm512_set1_pd(x)));
        (below(low) | below(high) << 8).count_ones()
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
    unsafe fn add_leaves(leaf: __m512i, values: *const f64, width: usize, sums: *mut f64) {
        let parts = [
            _mm512_castsi512_si128(leaf),
            _mm512_extracti32x4_epi32::<1>(leaf),
            _mm512_extracti32x4_epi32::<2>(leaf),
            _mm512_extracti32x4_epi32::<3>(leaf),
        ];
        for (part, leaf) in parts.into_iter().enumerate() {
            for (half, leaf) in [leaf, _mm_unpackhi_epi64(leaf, leaf)].into_iter().enumerate() {
                let mut at = _mm256_cvtepu8_epi32(leaf);
                if width != 1 {
                    at = _mm256_mullo_epi32(at, _mm256_set1_epi32(width as i32));
                }
                // SAFETY: the caller vouches for every leaf's value and for 64 sums.
                unsafe {
                    let value = _mm512_i32gather_pd::<8>(at, values);
                    let sums = sums.add(16 * part + 8 * half);
                    _mm512_storeu_pd(sums, _mm512_add_pd(_mm512_loadu_pd(sums), value));
                }
            }
        }
    }
}

impl<T: Lanes, S: Lanes> Ranked<T, S> {
    /// Ranks rows, for [`Ranked::walk`].
    ///
    /// # Safety
    /// Needs [`available`].
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
    pub(super) unsafe fn rank_rows(&self, input: &[T], rows: &mut [[Line; 2]]) {
        for (row, lines) in input.chunks_exact(self.features).zip(rows) {
            let ranks = lines.as_flattened_mut_bytes();
            for ((slot, scale), rank) in self.slots.iter().zip(&self.scales).zip(ranks) {
                // SAFETY: every scale ends in an infinite pivot.
                *rank = unsafe { rank_in(*slot, scale, row[slot.feature as usize]) };
            }
        }
    }

    /// Writes for each row and tree the position in `nodes` of the leaf where the row ends.
    ///
    /// # Safety
    /// Needs [`available`].
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
    pub(super) unsafe fn walk(&self, rows: &[[Line; 2]], ends: &mut [u32]) {
        assert!(ends.len() == rows.len() * self.trees, "an end for each row and tree");
        // SAFETY: as this function's; the second line has ranks where there are so many slots.
        unsafe {
            if self.slots.len() <= 64 {
                self.walk_lines::<false>(rows, ends);
            } else {
                self.walk_lines::<true>(rows, ends);
            }
        }
    }

    /// # Safety
    /// Needs [`available`], `MANY` for more than 64 slots, and an end for each row and tree.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
    unsafe fn walk_lines<const MANY: bool>(&self, rows: &[[Line; 2]], ends: &mut [u32]) {
        let (groups, mut group) = (self.levels.len(), 0);
        while group < groups {
            let flight = if group + FLIGHT <= groups { FLIGHT } else { 1 };
            for (lines, ends) in rows.iter().zip(ends.chunks_exact_mut(self.trees)) {
                // SAFETY: aligned lines of 64 bytes.
                let [low, high] =
                    [0, 1].map(|line| unsafe { _mm512_load_si512((&raw const lines[line]).cast()) });
                // SAFETY: groups below `groups`.
                unsafe {
                    if flight == FLIGHT {
                        self.walk_groups::<FLIGHT, MANY>(group, low, high, ends);
                    } else {
                        self.walk_groups::<1, MANY>(group, low, high, ends);
                    }
                }
            }
            group += flight;
        }
    }

    /// # Safety
    /// Needs [`available`], `MANY` for more than 64 slots, and groups `first..first + G`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
    unsafe fn walk_groups<const G: usize, const MANY: bool>(
        &self,
        first: usize,
        low: __m512i,
        high: __m512i,
        ends: &mut [u32],
    ) {
        let nodes = self.nodes.as_ptr().cast::<i32>();
        // SAFETY: every group has sixteen starts.
        let starts: [__m512i; G] = std::array::from_fn(|lane| unsafe {
            _mm512_loadu_si512(self.starts.as_ptr().add((first + lane) * GROUP).cast())
        });
        let mut at = starts;
        let one = _mm512_set1_epi32(1);
        // Groups are sorted by depth: the last is the deepest.
        for _ in 0..self.levels[first + G - 1] {
            for lane in 0..G {
                // SAFETY: positions are those of roots, or of children inside the same tree; there are fewer than 2^31.
                let node = unsafe { _mm512_i32gather_epi32::<4>(at[lane], nodes) };
                let rank = if MANY {
                    _mm512_permutex2var_epi8(low, node, high)
                } else {
                    _mm512_permutexvar_epi8(node, low)
                };
                // The lowest byte of each node is the slot and takes its rank; the next is the bound.
                let right = _mm512_mask_cmpgt_epu8_mask(LOWEST, rank, _mm512_srli_epi32::<8>(node));
                let child = _mm512_srli_epi32::<16>(node);
                at[lane] = _mm512_add_epi32(starts[lane], _mm512_mask_add_epi8(child, right, child, one));
            }
        }
        for (lane, at) in at.into_iter().enumerate() {
            let mut found = [0u32; GROUP];
            // SAFETY: sixteen numbers.
            unsafe { _mm512_storeu_si512(found.as_mut_ptr().cast(), at) };
            for (tree, end) in self.order[(first + lane) * GROUP..][..GROUP].iter().zip(found) {
                ends[*tree as usize] = end;
            }
        }
    }

    /// Adds the leaf values of up to `64 B` rows.
    ///
    /// # Safety
    /// Needs [`available`]; `sums` has at most `64 B` rows of `outputs`, `input` a number for each feature of each.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
    pub(super) unsafe fn sum_block<const B: usize>(
        &self,
        block: &Block<S>,
        input: &[T],
        outputs: usize,
        buffers: &mut RankedBuffers,
        sums: &mut [S],
    ) {
        let rows = sums.len() / outputs;
        assert!(rows <= 64 * B && B * 64 <= BLOCK && input.len() == rows * self.features, "a block of rows");
        // SAFETY: as this function's.
        unsafe { self.rank_block(input, rows, &mut buffers.ranks) };
        buffers.masks.resize(block.conditions.len(), Quad::default());
        // SAFETY: `ranks` has lines for all slots, and `masks` room for all conditions.
        unsafe { masks::<B>(&block.conditions, &buffers.ranks, &mut buffers.masks) };
        buffers.reach.resize(MOST_LEAVES + block.most_tests.max(1), Quad::default());
        let local = S::buffer(&mut buffers.local);
        local.clear();
        local.resize(outputs * BLOCK, S::default());
        for (row, sums) in sums.chunks_exact(outputs).enumerate() {
            for (output, sum) in sums.iter().enumerate() {
                local[output * BLOCK + row] = *sum;
            }
        }
        for (number, tree) in block.trees.iter().enumerate() {
            let tests = &block.tests[tree.first_test..tree.first_test + tree.tests];
            let values = &block.values[tree.first_leaf * block.width..][..tree.leaves * block.width];
            // SAFETY: `reach` has room for all tests and leaves, and what a test refers to was in range when the tree was
            // packed.
            let planes = unsafe {
                reach(tests, tree.leaves, &buffers.masks, &mut buffers.reach);
                planes(tree.leaves, &buffers.reach)
            };
            let bits = tree.leaves.next_power_of_two().trailing_zeros() as usize;
            for b in 0..B {
                let mut leaf = _mm512_setzero_si512();
                for (bit, plane) in planes.iter().enumerate().take(bits) {
                    leaf = _mm512_mask_add_epi8(leaf, plane.0[b], leaf, _mm512_set1_epi8((1u8 << bit) as i8));
                }
                // SAFETY: each row reaches exactly one leaf, whose number is below `tree.leaves`; `local` has 64 sums
                // for each output and each `b`.
                unsafe {
                    if block.width == 1 {
                        let output = block.output_of_tree[number] as usize;
                        S::add_leaves(
                            leaf,
                            values.as_ptr(),
                            1,
                            local[output * BLOCK + 64 * b..][..64].as_mut_ptr(),
                        );
                    } else {
                        for output in 0..outputs {
                            let sums = local[output * BLOCK + 64 * b..][..64].as_mut_ptr();
                            S::add_leaves(leaf, values[output..].as_ptr(), block.width, sums);
                        }
                    }
                }
            }
        }
        for (row, sums) in sums.chunks_exact_mut(outputs).enumerate() {
            for (output, sum) in sums.iter_mut().enumerate() {
                *sum = local[output * BLOCK + row];
            }
        }
    }

    /// # Safety
    /// Needs [`available`] and a number for each feature of each row, at most [`BLOCK`] of them.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
    unsafe fn rank_block(&self, input: &[T], rows: usize, ranks: &mut Vec<Line>) {
        ranks.resize(self.slots.len() * BLOCK / 64, Line([0; 64]));
        let columns = ranks.chunks_exact_mut(BLOCK / 64);
        for ((slot, scale), lines) in self.slots.iter().zip(&self.scales).zip(columns) {
            let lines = lines.as_flattened_mut_bytes();
            let column = input[slot.feature as usize..].iter().step_by(self.features);
            for (rank, x) in lines[..rows].iter_mut().zip(column) {
                // SAFETY: every scale ends in an infinite pivot.
                *rank = unsafe { rank_in(*slot, scale, *x) };
            }
        }
    }
}

/// The rank of a value in a slot.
///
/// # Safety
/// Needs [`available`]. The scale's last pivot is infinite.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
unsafe fn rank_in<T: Lanes>(slot: Slot, scale: &Scale<T>, x: T) -> u8 {
    if slot.misses(x) {
        return if slot.missing_left { 0 } else { u8::MAX };
    }
    // SAFETY: as this function's.
    unsafe { T::rank(scale, x) }
}

/// The lowest byte of every four.
const LOWEST: u64 = 0x1111_1111_1111_1111;

/// Bytes of lines.
trait Bytes {
    fn as_flattened_mut_bytes(&mut self) -> &mut [u8];
}

impl Bytes for [Line] {
    fn as_flattened_mut_bytes(&mut self) -> &mut [u8] {
        // SAFETY: a line is 64 bytes without padding.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), 64 * self.len()) }
    }
}

/// Which rows each condition sends right.
///
/// # Safety
/// Needs [`available`](self::available), and lines for the slots of all conditions.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
unsafe fn masks<const B: usize>(conditions: &[Condition], ranks: &[Line], masks: &mut [Quad]) {
    for (test, mask) in conditions.iter().zip(masks) {
        let bound = _mm512_set1_epi32(test.bound as i32);
        for b in 0..B {
            // SAFETY: the block has BLOCK / 64 lines for each feature.
            let ranks = unsafe { _mm512_load_si512(ranks.as_ptr().add(test.line as usize + b).cast()) };
            mask.0[b] = _mm512_cmpgt_epu8_mask(ranks, bound);
        }
    }
}

/// Which rows reach each leaf, and zeros up to a multiple of eight leaves.
///
/// # Safety
/// Needs [`available`], a mask for the condition of each test and a place in `reach` for every leaf and test.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
unsafe fn reach(tests: &[Test], leaves: usize, masks: &[Quad], reach: &mut [Quad]) {
    for pad in &mut reach[leaves..leaves.next_multiple_of(8)] {
        *pad = Quad([0; 4]);
    }
    reach[if tests.is_empty() { 0 } else { MOST_LEAVES }] = Quad([u64::MAX; 4]);
    let all = reach.as_mut_ptr();
    for (number, test) in tests.iter().enumerate() {
        // SAFETY: a mask for every condition, places of leaves and tests of this tree.
        unsafe {
            let here = _mm256_load_si256(all.add(MOST_LEAVES + number).cast());
            let right = _mm256_load_si256(masks.as_ptr().add(test.condition as usize).cast());
            _mm256_store_si256(all.add(test.left as usize).cast(), _mm256_andnot_si256(right, here));
            _mm256_store_si256(all.add(test.right as usize).cast(), _mm256_and_si256(right, here));
        }
    }
}

/// For each bit of a leaf's number the rows whose leaf has it.
///
/// # Safety
/// Needs [`available`] and `leaves` places, filled up to a multiple of eight.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,bmi1,bmi2,popcnt")]
unsafe fn planes(leaves: usize, reach: &[Quad]) -> [Quad; 8] {
    let or = |a, b| _mm256_or_si256(a, b);
    let mut planes = [_mm256_setzero_si256(); 8];
    for (eight, reach) in reach[..leaves.next_multiple_of(8)].chunks_exact(8).enumerate() {
        let r: [__m256i; 8] = std::array::from_fn(|i| {
            // SAFETY: an aligned quad.
            unsafe { _mm256_load_si256((&raw const reach[i]).cast()) }
        });
        let (two, six, four) = (or(r[2], r[3]), or(r[6], r[7]), or(r[4], r[5]));
        let upper = or(four, six);
        let all = or(or(or(r[0], r[1]), two), upper);
        planes[0] = or(planes[0], or(or(r[1], r[3]), or(r[5], r[7])));
        planes[1] = or(planes[1], or(two, six));
        planes[2] = or(planes[2], upper);
        for (bit, plane) in planes[3..].iter_mut().enumerate() {
            if eight >> bit & 1 == 1 {
                *plane = or(*plane, all);
            }
        }
    }
    planes.map(|plane| {
        let mut quad = Quad::default();
        // SAFETY: an aligned quad.
        unsafe { _mm256_store_si256((&raw mut quad).cast(), plane) };
        quad
    })
}
