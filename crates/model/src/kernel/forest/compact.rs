//! Walks over ranks, with nodes of four bytes, on every processor.
//!
//! A node holds, from its highest bits down, the largest rank that goes left, how far ahead its left child stands, and the slot
//! of its feature. A row holds its ranks in those highest bits and nothing below, so that one comparison of two words is the
//! test, and its carry is all that is added to the way to the left child. Eight rows or eight trees advance in step.
//!
//! A leaf holds the number of its values where splits hold the rank; it leads nowhere, by a slot that is never above anything.
//! Ensembles with few different leaves, as forests of pure ones, have each of them once, and each pair of them once a tree.
#![allow(unsafe_code)]

use super::Trees;
use super::order::{Order, Placed};
use super::ranked::Lanes;
use super::ranks::{Ranks, Search, Slot, WIDTH, below};
use crate::kernel::Real;
use crate::kernel::instructions::{Instructions, for_each_instruction_set};

/// Walks in flight at once.
const LANES: usize = 8;
/// Rows that take a tree before the next tree does.
const BLOCK: usize = 256;
/// Nodes of a cache line.
const LINE: usize = 16;
/// Different leaves up to which all trees share them.
const MOST_SHARED: usize = 16;
/// Bits of a slot's number that kernels are compiled for.
const SLOT_BITS: [u32; 4] = [5, 6, 8, 10];

/// A cache line of nodes.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; LINE]);

/// Buffers of [`Compact`].
#[derive(Debug, Default)]
pub(super) struct CompactBuffers {
    /// Ranks of the rows of a block.
    rows: Vec<u32>,
    /// The leaf that each tree, or each row, ends in.
    ends: Vec<u32>,
    /// What ranks are made with.
    pub(super) instructions: Instructions,
}

/// The thresholds of a feature, and the slots that they rank it for: a value is missing in all of them or in none.
#[derive(Debug)]
struct Searched<T> {
    search: Search<T>,
    feature: usize,
    slots: std::ops::Range<usize>,
}

/// An ensemble over ranks.
#[derive(Debug)]
pub(super) struct Compact<T, S> {
    features: usize,
    slots: Vec<Slot>,
    /// In the order of slots.
    searches: Vec<Searched<T>>,
    /// Levels of the deepest of them.
    search_levels: usize,
    steps: Steps,
    /// For each tree where its leaves start in `values`.
    first_leaf: Vec<u32>,
    values: Vec<S>,
    width: usize,
    output_of_tree: Vec<u32>,
}

/// Packed trees; every way from node to node was checked when they were packed, and no row has a rank above 0 in the slot
/// `never`.
#[derive(Debug)]
struct Steps {
    lines: Vec<Line>,
    /// Where each tree starts.
    starts: Vec<u32>,
    /// The trees by depth, filled up to whole groups of [`LANES`].
    order: Vec<u32>,
    /// Where each of those starts.
    starts_in_order: Vec<u32>,
    layout: Layout,
}

/// What the bits of a node are.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Lowest bits: the slot.
    slot_bits: u32,
    /// Highest bits: the rank, or the number of the leaf.
    rank_bits: u32,
    /// The slot whose rank is always 0.
    never: u32,
}

impl Layout {
    fn ahead_bits(self) -> u32 {
        32 - self.slot_bits - self.rank_bits
    }

    fn leaf(self, number: u32) -> u32 {
        number << (32 - self.rank_bits) | self.never
    }

    /// `None` when the children are too far ahead.
    fn split(self, bound: u32, ahead: usize, slot: u32) -> Option<u32> {
        let ahead = u32::try_from(ahead).ok().filter(|ahead| *ahead >> self.ahead_bits() == 0)?;
        Some(bound << (32 - self.rank_bits) | ahead << self.slot_bits | slot)
    }

    /// How far ahead the left child of a node stands.
    fn ahead(self, node: u32) -> usize {
        (node >> self.slot_bits & ((1 << self.ahead_bits()) - 1)) as usize
    }
}

impl<T: Lanes, S: Real> Compact<T, S> {
    /// `None` where a node of four bytes cannot hold what it must.
    pub(super) fn new(trees: &Trees, ranks: &Ranks<T>, order: &Order) -> Option<Self> {
        let (width, shared) = (trees.leaves.width, shared_leaves(trees));
        let most_leaves = if shared.is_some() { MOST_SHARED } else { order.most_nodes() / 2 + 1 };
        let layout = Layout {
            slot_bits: *SLOT_BITS.iter().find(|bits| ranks.slots.len() < 1 << **bits)?,
            rank_bits: bits(ranks.most()).max(bits(most_leaves - 1)),
            never: ranks.slots.len() as u32,
        };
        if layout.slot_bits + layout.rank_bits >= u32::BITS {
            return None;
        }
        let mut packer =
            Packer { trees, ranks, layout, shared: shared.as_deref(), nodes: Vec::new(), leaves: Vec::new() };
        let (mut starts, mut first_leaf) = (Vec::new(), Vec::new());
        for nodes in order.trees() {
            first_leaf.push(u32::try_from(packer.leaves.len()).ok()?);
            starts.push(packer.pack(nodes)?);
        }
        if let Some(numbers) = &shared {
            let most = numbers.iter().max().map_or(0, |most| usize::from(*most) + 1);
            packer.leaves = vec![0; most];
            (0..).zip(numbers).for_each(|(leaf, number)| packer.leaves[usize::from(*number)] = leaf);
            first_leaf.fill(0);
        }
        let values =
            packer.leaves.iter().flat_map(|leaf| &trees.leaves.values[*leaf as usize * width..][..width]);
        let mut searches: Vec<Searched<T>> = Vec::new();
        for slots in ranks.slots.chunk_by(|a, b| a.shares(*b)) {
            let start = searches.last().map_or(0, |last| last.slots.end);
            let feature = slots[0].feature as usize;
            let search = Search::new(&ranks.thresholds[feature]);
            searches.push(Searched { search, feature, slots: start..start + slots.len() });
        }
        Some(Self {
            features: trees.features,
            slots: ranks.slots.clone(),
            search_levels: searches.iter().map(|searched| searched.search.levels()).max().unwrap_or(0),
            searches,
            first_leaf,
            values: values.map(|value| S::of(*value)).collect(),
            width,
            output_of_tree: trees.output_of_tree.clone(),
            steps: Steps::new(layout, &packer.nodes, starts, &order.depths),
        })
    }

    /// Adds the leaf values of rows.
    pub(super) fn sum(&self, input: &[T], outputs: usize, buffers: &mut CompactBuffers, sums: &mut [S]) {
        let stride = self.steps.stride();
        for (input, sums) in input.chunks(self.features * BLOCK).zip(sums.chunks_mut(outputs * BLOCK)) {
            let rows = sums.len() / outputs;
            let padded = rows.next_multiple_of(LANES);
            buffers.rows.resize(buffers.rows.len().max(padded * stride), 0);
            let ranks = &mut buffers.rows[..padded * stride];
            rank(buffers.instructions, self, input, ranks);
            if rows < LANES {
                buffers.ends.resize(buffers.ends.len().max(self.first_leaf.len()), 0);
                for (ranks, sums) in buffers.rows.chunks_exact(stride).zip(sums.chunks_exact_mut(outputs)) {
                    self.steps.walk_trees(ranks, &mut buffers.ends);
                    self.add_trees(&buffers.ends, sums);
                }
            } else {
                buffers.ends.resize(buffers.ends.len().max(BLOCK), 0);
                for tree in 0..self.first_leaf.len() {
                    self.steps.walk_rows(tree, &buffers.rows[..padded * stride], &mut buffers.ends[..padded]);
                    self.add_rows(tree, &buffers.ends[..rows], outputs, sums);
                }
            }
        }
    }

    /// Writes the ranks of rows, of which those beyond `input` only fill up the last lanes.
    #[inline(always)]
    fn rank(&self, input: &[T], rows: &mut [u32], below: impl Fn(&[T; WIDTH], T) -> u32) {
        if input.len() / self.features < LANES {
            let rows = rows.chunks_exact_mut(self.steps.stride());
            input.chunks_exact(self.features).zip(rows).for_each(|(x, row)| self.rank_row(x, row, &below));
        } else {
            self.rank_rows(input, rows, below);
        }
    }

    /// Ranks of one row, all features level by level: their loads do not wait for each other.
    #[inline(always)]
    fn rank_row(&self, input: &[T], row: &mut [u32], below: impl Fn(&[T; WIDTH], T) -> u32) {
        row[..=self.slots.len()].fill(0);
        for level in 0..self.search_levels {
            for Searched { search, feature, slots } in &self.searches {
                if let Some(start) = search.level(level) {
                    let at = &mut row[slots.start];
                    *at = search.descend(start, *at, input[*feature], &below);
                }
            }
        }
        for Searched { feature, slots, .. } in &self.searches {
            let rank = row[slots.start];
            self.fill(&mut row[slots.clone()], &self.slots[slots.clone()], input[*feature], || rank);
        }
    }

    /// Writes the ranks of rows, feature after feature so that its thresholds stay in the cache. Rows beyond those of `input`
    /// are walked too, and have any ranks but in the slot `never`.
    #[inline(always)]
    fn rank_rows(&self, input: &[T], rows: &mut [u32], below: impl Fn(&[T; WIDTH], T) -> u32) {
        let stride = self.steps.stride();
        for Searched { search, feature, slots } in &self.searches {
            let column = input[*feature..].iter().step_by(self.features);
            for (row, x) in rows.chunks_exact_mut(stride).zip(column) {
                let (row, of_feature) = (&mut row[slots.clone()], &self.slots[slots.clone()]);
                self.fill(row, of_feature, *x, || search.rank(*x, &below));
            }
        }
        rows.chunks_exact_mut(stride).for_each(|row| row[self.slots.len()] = 0);
    }

    /// Writes the rank of a value into the slots of its feature.
    #[inline(always)]
    fn fill(&self, row: &mut [u32], slots: &[Slot], x: T, rank: impl FnOnce() -> u32) {
        if slots[0].misses(x) {
            row.iter_mut().zip(slots).for_each(|(word, slot)| *word = slot.missing());
        } else {
            row.fill(rank() << (32 - self.steps.layout.rank_bits));
        }
    }

    /// Adds the values of the leaf that each tree ends in.
    fn add_trees(&self, ends: &[u32], sums: &mut [S]) {
        let leaves = self.first_leaf.iter().zip(ends).map(|(first, end)| (first + end) as usize);
        match sums {
            [sum] => *sum = leaves.fold(*sum, |sum, leaf| sum + self.values[leaf]),
            sums if self.width == 1 => {
                for (leaf, output) in leaves.zip(&self.output_of_tree) {
                    sums[*output as usize] += self.values[leaf];
                }
            }
            [low, high] => {
                for leaf in leaves {
                    let values = &self.values[2 * leaf..2 * leaf + 2];
                    (*low, *high) = (*low + values[0], *high + values[1]);
                }
            }
            sums => {
                for leaf in leaves {
                    let values = &self.values[leaf * self.width..][..self.width];
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += *value);
                }
            }
        }
    }

    /// Adds the values of the leaf of one tree that each row ends in.
    fn add_rows(&self, tree: usize, ends: &[u32], outputs: usize, sums: &mut [S]) {
        let values = &self.values[self.first_leaf[tree] as usize * self.width..];
        if self.width == 1 {
            let of_output = sums[self.output_of_tree[tree] as usize..].iter_mut().step_by(outputs);
            of_output.zip(ends).for_each(|(sum, end)| *sum += values[*end as usize]);
        } else if outputs == 2 {
            let (sums, _) = sums.as_chunks_mut::<2>();
            let (values, _) = values.as_chunks::<2>();
            for ([low, high], end) in sums.iter_mut().zip(ends) {
                let value = values[*end as usize];
                *low += value[0];
                *high += value[1];
            }
        } else {
            for (sums, end) in sums.chunks_exact_mut(outputs).zip(ends) {
                let values = &values[*end as usize * outputs..][..outputs];
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += *value);
            }
        }
    }
}

impl Steps {
    /// Checks once what the walks rely on.
    fn new(layout: Layout, nodes: &[u32], starts: Vec<u32>, depths: &[u32]) -> Self {
        for (at, node) in nodes.iter().enumerate() {
            let (ahead, slot) = (layout.ahead(*node), node & ((1 << layout.slot_bits) - 1));
            assert!(slot <= layout.never && (ahead == 0) == (slot == layout.never), "leaves lead nowhere");
            assert!(ahead == 0 || at + ahead + 1 < nodes.len(), "children stand among the nodes");
        }
        assert!(starts.iter().all(|start| (*start as usize) < nodes.len()), "trees have roots");
        let mut order: Vec<u32> = (0..starts.len() as u32).collect();
        order.sort_by_key(|tree| depths[*tree as usize]);
        while !order.len().is_multiple_of(LANES) {
            order.extend(order.last().copied());
        }
        let mut lines = vec![Line([layout.leaf(0); LINE]); nodes.len().div_ceil(LINE)];
        for (line, nodes) in lines.iter_mut().zip(nodes.chunks(LINE)) {
            line.0[..nodes.len()].copy_from_slice(nodes);
        }
        let starts_in_order = order.iter().map(|tree| starts[*tree as usize]).collect();
        Self { lines, starts, order, starts_in_order, layout }
    }

    /// Words of a row of ranks.
    fn stride(&self) -> usize {
        1 << self.layout.slot_bits
    }

    /// The number of the leaf that one row ends in, for each tree.
    fn walk_trees(&self, row: &[u32], ends: &mut [u32]) {
        match self.layout.slot_bits {
            5 => self.walk_trees_of::<5>(row, ends),
            6 => self.walk_trees_of::<6>(row, ends),
            8 => self.walk_trees_of::<8>(row, ends),
            _ => self.walk_trees_of::<10>(row, ends),
        }
    }

    fn walk_trees_of<const SLOT: u32>(&self, row: &[u32], ends: &mut [u32]) {
        assert!(row.len() >= 1 << SLOT, "a word for every slot");
        for (trees, starts) in
            self.order.as_chunks::<LANES>().0.iter().zip(self.starts_in_order.as_chunks::<LANES>().0)
        {
            let found = self.walk::<SLOT, 0>(starts, row);
            for (tree, end) in trees.iter().zip(found) {
                ends[*tree as usize] = end;
            }
        }
    }

    /// The number of the leaf that one tree ends in, for each row of a multiple of [`LANES`] rows.
    fn walk_rows(&self, tree: usize, rows: &[u32], ends: &mut [u32]) {
        match self.layout.slot_bits {
            5 => self.walk_rows_of::<5, 32>(tree, rows, ends),
            6 => self.walk_rows_of::<6, 64>(tree, rows, ends),
            8 => self.walk_rows_of::<8, 256>(tree, rows, ends),
            _ => self.walk_rows_of::<10, 1024>(tree, rows, ends),
        }
    }

    fn walk_rows_of<const SLOT: u32, const STRIDE: usize>(
        &self,
        tree: usize,
        rows: &[u32],
        ends: &mut [u32],
    ) {
        let start = [self.starts[tree]; LANES];
        for (rows, ends) in rows.chunks_exact(LANES * STRIDE).zip(ends.as_chunks_mut::<LANES>().0) {
            *ends = self.walk::<SLOT, STRIDE>(&start, rows);
        }
    }

    /// The leaves that [`LANES`] walks end in: walk `i` begins at `starts[i]` and takes the row at `i * STRIDE` of `rows`.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "lanes of several arrays, which iterators keep in memory")]
    fn walk<const SLOT: u32, const STRIDE: usize>(
        &self,
        starts: &[u32; LANES],
        rows: &[u32],
    ) -> [u32; LANES] {
        let mut at = [0; LANES];
        for lane in 0..LANES {
            at[lane] = starts[lane] as usize;
        }
        debug_assert!(SLOT == self.layout.slot_bits && rows.len() >= (LANES - 1) * STRIDE + (1 << SLOT));
        let (nodes, rows) = (self.lines.as_ptr().cast::<u32>(), rows.as_ptr());
        let ahead = (1u32 << self.layout.ahead_bits()) - 1;
        loop {
            let mut ways = 0;
            for lane in 0..LANES {
                // SAFETY: `at` is the root of a tree or was reached from one, and `Steps::new` checked that no node leads out
                // of `lines`; every lane has a row.
                (at[lane], _) = unsafe { step::<SLOT>(nodes, at[lane], rows.add(lane * STRIDE), ahead) };
            }
            for lane in 0..LANES {
                // SAFETY: as above.
                let (next, way) = unsafe { step::<SLOT>(nodes, at[lane], rows.add(lane * STRIDE), ahead) };
                at[lane] = next;
                // A sum, so that there is one branch for all lanes.
                ways += way;
            }
            // Leaves lead nowhere.
            if ways == 0 {
                break;
            }
        }
        let mut ends = [0; LANES];
        for lane in 0..LANES {
            // SAFETY: as above.
            ends[lane] = unsafe { *nodes.add(at[lane]) } >> (32 - self.layout.rank_bits);
        }
        ends
    }
}

for_each_instruction_set! {
    /// Writes the ranks of rows.
    fn rank[T: Lanes, S: Real](ensemble: &Compact<T, S>, input: &[T], rows: &mut [u32]) {
        portable: ensemble.rank(input, rows, below),
        avx2: ensemble.rank(input, rows, below),
        // SAFETY: only where there is AVX-512.
        avx512: ensemble.rank(input, rows, |block, x| unsafe { T::below(block, x) }),
    }
}

/// The position after `at`, and how far ahead of it the left child stands.
///
/// # Safety
/// A node at `at`, and a row with as many ranks as slots have numbers.
#[inline(always)]
unsafe fn step<const SLOT: u32>(nodes: *const u32, at: usize, row: *const u32, ahead: u32) -> (usize, usize) {
    // SAFETY: as this function's.
    let (node, rank) = unsafe {
        let node = *nodes.add(at);
        (node, *row.add((node & ((1 << SLOT) - 1)) as usize))
    };
    let way = (node >> SLOT & ahead) as usize;
    (at.wrapping_add(way).wrapping_add(usize::from(node < rank)), way)
}

/// For each leaf the number of its values among all different ones, when they are few.
fn shared_leaves(trees: &Trees) -> Option<Vec<u8>> {
    let mut different: Vec<&[f64]> = Vec::with_capacity(MOST_SHARED);
    let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
    let number = |values| {
        let known = different.iter().position(|other| same(other, values));
        if known.is_none() {
            different.push(values);
        }
        let number = known.unwrap_or(different.len() - 1);
        (number < MOST_SHARED).then_some(number as u8)
    };
    trees.leaves.values.chunks_exact(trees.leaves.width).map(number).collect()
}

/// What packs trees one after another.
struct Packer<'a, T> {
    trees: &'a Trees,
    ranks: &'a Ranks<T>,
    layout: Layout,
    shared: Option<&'a [u8]>,
    nodes: Vec<u32>,
    /// The leaves of the trees so far.
    leaves: Vec<u32>,
}

impl<T: Real> Packer<'_, T> {
    /// Appends a tree; where it starts.
    fn pack(&mut self, nodes: &[Placed]) -> Option<u32> {
        // Pairs of children begin a line.
        let start = (self.nodes.len() + 1).next_multiple_of(LINE) - 1;
        self.nodes.resize(start, self.layout.leaf(0));
        let (_, pairs) = nodes.split_first()?;
        let (pairs, _) = pairs.as_chunks::<2>();
        // A pair of shared leaves stands once, behind all others.
        let both = |pair: &[Placed; 2]| {
            let [left, right] = pair.map(|placed| self.shared_leaf(placed.node));
            Some(usize::from(left?) * MOST_SHARED + usize::from(right?))
        };
        let mut next = 1;
        let mut places: Vec<usize> = Vec::with_capacity(pairs.len());
        let mut place_of_both = [0; MOST_SHARED * MOST_SHARED];
        for pair in pairs {
            let alone = both(pair).is_none();
            places.push(next);
            next += if alone { 2 } else { 0 };
        }
        for (pair, place) in pairs.iter().zip(&mut places) {
            if let Some(both) = both(pair) {
                if place_of_both[both] == 0 {
                    place_of_both[both] = next;
                    next += 2;
                }
                *place = place_of_both[both];
            }
        }
        self.nodes.resize(start + next, self.layout.leaf(0));
        let first_leaf = self.leaves.len();
        for (position, placed) in nodes.iter().enumerate() {
            let place = if position == 0 { 0 } else { places[(position - 1) / 2] + (position - 1) % 2 };
            let node = placed.node as usize;
            self.nodes[start + place] = if placed.left as usize == position {
                let leaf = self.trees.nodes.left[node];
                let number = match self.shared {
                    Some(shared) => u32::from(shared[leaf as usize]),
                    None => {
                        self.leaves.push(leaf);
                        (self.leaves.len() - 1 - first_leaf) as u32
                    }
                };
                self.layout.leaf(number)
            } else {
                let ahead = places[(placed.left as usize - 1) / 2] - place;
                self.layout.split(self.ranks.bounds[node], ahead, self.ranks.slot(self.trees, node))?
            };
        }
        u32::try_from(start).ok()
    }

    /// The number of a leaf that all trees share; `None` for others and for splits.
    fn shared_leaf(&self, node: u32) -> Option<u8> {
        let (left, right) = (self.trees.nodes.left[node as usize], self.trees.nodes.right[node as usize]);
        self.shared.filter(|_| left == right).map(|shared| shared[left as usize])
    }
}

/// Bits of numbers up to `most`.
fn bits(most: usize) -> u32 {
    usize::BITS - most.leading_zeros()
}
