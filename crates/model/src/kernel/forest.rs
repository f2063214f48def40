//! Scores of an ensemble: trees packed, walked, and their leaf values summed in the order of the trees.

#[cfg_attr(not(target_arch = "x86_64"), path = "forest/unranked.rs")]
mod ranked;

mod choice;
mod compact;
mod order;
mod ranks;

use self::compact::{Compact, CompactBuffers};
use self::order::{Order, Placed};
use self::ranked::{Ranked, RankedBuffers};
use self::ranks::Ranks;
use super::walk::{Narrow, Node, Packed, Sets, Split, Wide};
use super::{Floats, Real};
use crate::estimator::{Average, NumberFormat, Trees};

pub(super) use self::ranked::Lanes;

/// Walks in flight at once.
const LANES: usize = 8;

/// Buffers of [`Forest::scores`].
#[derive(Debug, Default)]
pub(crate) struct ForestBuffers {
    input: Floats,
    sums: Floats,
    compact: CompactBuffers,
    ranked: RankedBuffers,
    /// The kernel of the next prediction.
    pub(crate) kernel: Kernel,
}

/// An ensemble packed for walking.
#[derive(Debug)]
pub(crate) struct Forest(Box<dyn Scores>);

/// How trees are evaluated. All give the same results, bit for bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kernel {
    /// Node after node, several rows or trees in step; on every processor.
    #[default]
    Walk,
    /// The same over the ranks of values among the thresholds, with nodes of four bytes. Where a model does not allow it,
    /// [`Kernel::Walk`].
    Compact,
    /// Over ranks of one byte, with AVX-512. Where a model or processor does not allow it, [`Kernel::Compact`].
    Ranked,
}

impl Kernel {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Walk, Self::Compact, Self::Ranked];

    /// Its name in configurations and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Walk => "walk",
            Self::Compact => "compact",
            Self::Ranked => "ranked",
        }
    }
}

/// What [`Forest`] does, for each layout of nodes and precision of sums.
trait Scores: std::fmt::Debug + Send + Sync {
    fn scores(
        &self,
        numbers: &[f64],
        rows: usize,
        buffers: &mut ForestBuffers,
        raw: &mut Vec<f64>,
    ) -> Checked;
    /// Whether this kernel is there.
    fn has(&self, kernel: Kernel) -> bool;
}

/// Position in the block of the first number that is refused, once rounded to the precision of the tests.
type Checked = Result<(), usize>;

impl Forest {
    /// Packs checked trees.
    pub(crate) fn new(trees: &Trees) -> Self {
        let order = Order::new(trees);
        let narrow = trees.input == NumberFormat::Single
            && !has_special(trees)
            && trees.features <= Narrow::MOST_FEATURES
            && order.most_nodes() <= Narrow::MOST_NODES;
        Self(match (narrow, trees.sum) {
            (true, NumberFormat::Single) => Box::new(Ensemble::<Narrow, f32>::new(trees, &order)),
            (true, NumberFormat::Double) => Box::new(Ensemble::<Narrow, f64>::new(trees, &order)),
            (false, NumberFormat::Single) => Box::new(Ensemble::<Wide, f32>::new(trees, &order)),
            (false, NumberFormat::Double) => Box::new(Ensemble::<Wide, f64>::new(trees, &order)),
        })
    }

    /// The kernels that are there for these trees on this processor.
    pub(crate) fn kernels(&self) -> impl Iterator<Item = Kernel> {
        Kernel::ALL.into_iter().filter(|kernel| self.0.has(*kernel))
    }

    /// Appends the raw scores of `rows` rows of `numbers` to `raw`.
    ///
    /// # Errors
    /// The position in `numbers` of a value that the trees do not accept.
    pub(crate) fn scores(
        &self,
        numbers: &[f64],
        rows: usize,
        buffers: &mut ForestBuffers,
        raw: &mut Vec<f64>,
    ) -> Checked {
        self.0.scores(numbers, rows, buffers, raw)
    }
}

/// Leaf values, found by the position of the leaf among the packed nodes.
#[derive(Debug)]
enum LeafValues<S> {
    /// One value a leaf; the raw score each tree adds to.
    Scalar { values: Vec<S>, output_of_tree: Vec<u32> },
    /// One value per raw score a leaf.
    Vector { leaf: Vec<u32>, values: Vec<S> },
}

#[derive(Debug)]
struct Ensemble<N: Node, S> {
    packed: Packed<N>,
    compact: Option<Compact<N::Number, S>>,
    ranked: Option<Ranked<N::Number, S>>,
    leaves: LeafValues<S>,
    trees: usize,
    features: usize,
    outputs: usize,
    single_input: bool,
    missing_value: Option<f64>,
    accepts_missing: bool,
    accepts_infinite: bool,
    /// Whether any split tests a category set or takes zero for missing.
    special: bool,
    /// Whether every walk must take the path that knows missing values.
    always_missing: bool,
    average: Average,
    base: Vec<S>,
}

impl<N: Node, S: Lanes> Ensemble<N, S> {
    fn new(trees: &Trees, order: &Order) -> Self {
        let mut nodes = Vec::with_capacity(order.len());
        let mut starts = Vec::with_capacity(trees.roots.len());
        let mut leaf_at = Vec::with_capacity(order.len());
        for placed in order.trees() {
            starts.push(nodes.len());
            pack_tree(trees, placed, &mut nodes, &mut leaf_at);
        }
        let ranks = Ranks::new(trees);
        let value = |leaf: u32| S::of(trees.leaves.values[leaf as usize]);
        let leaves = if trees.leaves.width == 1 {
            LeafValues::Scalar {
                values: leaf_at.iter().map(|leaf| leaf.map_or(S::default(), value)).collect(),
                output_of_tree: trees.output_of_tree.clone(),
            }
        } else {
            LeafValues::Vector {
                leaf: leaf_at.iter().map(|leaf| leaf.unwrap_or(0)).collect(),
                values: trees.leaves.values.iter().map(|value| S::of(*value)).collect(),
            }
        };
        let features = trees.features.max(1);
        Self {
            packed: Packed::new(
                nodes,
                starts,
                features,
                Sets::new(&trees.category_sets, trees.truncate_negative),
            ),
            compact: ranks.as_ref().and_then(|ranks| Compact::new(trees, ranks, order)),
            ranked: ranks.as_ref().and_then(|ranks| Ranked::new(trees, ranks, order)),
            leaves,
            trees: trees.roots.len(),
            features: trees.features,
            outputs: trees.outputs,
            single_input: trees.input == NumberFormat::Single,
            missing_value: trees.missing_value,
            accepts_missing: trees.missing,
            accepts_infinite: trees.infinite,
            special: has_special(trees),
            always_missing: !trees.equal_left && trees.nodes.threshold.contains(&f64::NEG_INFINITY),
            average: trees.average,
            base: trees.base.iter().map(|base| S::of(*base)).collect(),
        }
    }

    /// Rounds rows to the precision of the tests; whether any value is missing.
    fn input(&self, numbers: &[f64], rows: usize, input: &mut Vec<N::Number>) -> Result<bool, usize> {
        input.clear();
        if self.features == 0 {
            // A tree without features is a leaf; its walk reads one number all the same.
            input.resize(rows, N::Number::default());
            return Ok(false);
        }
        let round = |x: f64| N::Number::of(if self.single_input { f64::from(x as f32) } else { x });
        match self.missing_value {
            None => input.extend(numbers.iter().map(|x| round(*x))),
            Some(missing) => {
                let mark = |x: &f64| if *x == missing { f64::NAN } else { *x };
                input.extend(numbers.iter().map(|x| round(mark(x))));
            }
        }
        if input.iter().fold(true, |finite, x| finite & x.is_finite()) {
            return Ok(false);
        }
        let refused = |x: &N::Number| {
            if x.is_nan() { !self.accepts_missing } else { !x.is_finite() && !self.accepts_infinite }
        };
        match input.iter().position(refused) {
            Some(position) => Err(position),
            None => Ok(true),
        }
    }

    fn sum<const MISSING: bool, const SPECIAL: bool>(
        &self,
        input: &[N::Number],
        rows: usize,
        sums: &mut [S],
    ) {
        let features = self.features.max(1);
        let whole = rows / LANES * LANES;
        let (many, rest) = input.split_at(whole * features);
        let (many_sums, rest_sums) = sums.split_at_mut(whole * self.outputs);
        self.sum_rows::<MISSING, SPECIAL>(many, many_sums);
        for (row, sums) in rest.chunks_exact(features).zip(rest_sums.chunks_exact_mut(self.outputs)) {
            self.sum_row::<MISSING, SPECIAL>(row, sums);
        }
    }

    /// Groups of rows, each tree over all of them before the next, so that it stays in the cache.
    fn sum_rows<const MISSING: bool, const SPECIAL: bool>(&self, input: &[N::Number], sums: &mut [S]) {
        let features = self.features.max(1);
        for tree in 0..self.trees {
            let groups = input.chunks_exact(features * LANES);
            for (group, sums) in groups.zip(sums.chunks_exact_mut(self.outputs * LANES)) {
                let row = |lane: usize| &group[lane * features..(lane + 1) * features];
                let rows: [_; LANES] = std::array::from_fn(row);
                let leaves = self.packed.walk::<LANES, MISSING, SPECIAL>([tree; LANES], rows);
                for (leaf, sums) in leaves.into_iter().zip(sums.chunks_exact_mut(self.outputs)) {
                    self.leaves.add(tree, leaf, sums);
                }
            }
        }
    }

    /// One row, several trees in flight.
    fn sum_row<const MISSING: bool, const SPECIAL: bool>(&self, row: &[N::Number], sums: &mut [S]) {
        if self.trees == 1 {
            let [leaf] = self.packed.walk::<1, MISSING, SPECIAL>([0], [row]);
            self.leaves.add(0, leaf, sums);
            return;
        }
        for first in (0..self.trees).step_by(LANES) {
            // Lanes beyond the last tree repeat it and are not added.
            let trees = std::array::from_fn(|lane| (first + lane).min(self.trees - 1));
            let leaves = self.packed.walk::<LANES, MISSING, SPECIAL>(trees, [row; LANES]);
            for (tree, leaf) in (first..self.trees).zip(leaves) {
                self.leaves.add(tree, leaf, sums);
            }
        }
    }

    fn start(&self, rows: usize, sums: &mut Vec<S>) {
        sums.clear();
        match self.average {
            Average::SumFromBase => (0..rows).for_each(|_| sums.extend_from_slice(&self.base)),
            Average::SumThenBase | Average::Mean => sums.resize(rows * self.outputs, S::default()),
        }
    }

    fn finish(&self, sums: &[S], raw: &mut Vec<f64>) {
        match self.average {
            Average::SumFromBase => raw.extend(sums.iter().map(|sum| sum.to_f64())),
            Average::SumThenBase => {
                for sums in sums.chunks_exact(self.outputs) {
                    raw.extend(sums.iter().zip(&self.base).map(|(sum, base)| (*sum + *base).to_f64()));
                }
            }
            Average::Mean => {
                let trees = S::of(self.trees as f64);
                raw.extend(sums.iter().map(|sum| (*sum / trees).to_f64()));
            }
        }
    }
}

impl<N: Node, S: Lanes> Scores for Ensemble<N, S> {
    fn has(&self, kernel: Kernel) -> bool {
        match kernel {
            Kernel::Walk => true,
            Kernel::Compact => self.compact.is_some(),
            Kernel::Ranked => self.ranked.is_some(),
        }
    }

    fn scores(
        &self,
        numbers: &[f64],
        rows: usize,
        buffers: &mut ForestBuffers,
        raw: &mut Vec<f64>,
    ) -> Checked {
        let input = N::Number::buffer(&mut buffers.input);
        let missing = self.input(numbers, rows, input)? || self.always_missing;
        let sums = S::buffer(&mut buffers.sums);
        self.start(rows, sums);
        if let (Kernel::Ranked, Some(ranked)) = (buffers.kernel, &self.ranked) {
            ranked.sum(input, self.outputs, &mut buffers.ranked, sums);
            self.finish(sums, raw);
            return Ok(());
        }
        if let (Kernel::Compact | Kernel::Ranked, Some(compact)) = (buffers.kernel, &self.compact) {
            compact.sum(input, self.outputs, &mut buffers.compact, sums);
            self.finish(sums, raw);
            return Ok(());
        }
        match (missing, self.special) {
            (false, false) => self.sum::<false, false>(input, rows, sums),
            (true, false) => self.sum::<true, false>(input, rows, sums),
            (false, true) => self.sum::<false, true>(input, rows, sums),
            (true, true) => self.sum::<true, true>(input, rows, sums),
        }
        self.finish(sums, raw);
        Ok(())
    }
}

impl<S: Real> LeafValues<S> {
    #[inline(always)]
    fn add(&self, tree: usize, leaf: usize, sums: &mut [S]) {
        match self {
            Self::Scalar { values, output_of_tree } => sums[output_of_tree[tree] as usize] += values[leaf],
            Self::Vector { leaf: leaves, values } => {
                let start = leaves[leaf] as usize * sums.len();
                let values = &values[start..start + sums.len()];
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += *value);
            }
        }
    }
}

/// Appends the nodes of one tree, and for each the number of its leaf if it is one.
fn pack_tree<N: Node>(trees: &Trees, placed: &[Placed], nodes: &mut Vec<N>, leaf_at: &mut Vec<Option<u32>>) {
    for &Placed { node, left: position } in placed {
        let node = node as usize;
        let leaf = trees.nodes.left[node];
        if leaf == trees.nodes.right[node] {
            leaf_at.push(Some(leaf));
            nodes.push(N::pack(Split::leaf(position)));
            continue;
        }
        leaf_at.push(None);
        let threshold = trees.nodes.threshold[node];
        nodes.push(N::pack(Split {
            threshold: bound(threshold, trees.equal_left),
            set: trees.nodes.categorical[node].then_some(threshold as u32),
            feature: trees.nodes.feature[node],
            missing_left: trees.nodes.missing_left[node],
            zero_missing: trees.nodes.zero_is_missing(node),
            left: position,
        }));
    }
}

/// Whether any split tests a category set or takes zero for missing.
fn has_special(trees: &Trees) -> bool {
    !trees.category_sets.is_empty() || trees.nodes.zero_missing.contains(&true)
}

/// The number `b` with which `x <= b` says the same as the comparison of the model; NaN when nothing passes.
fn bound(threshold: f64, equal_left: bool) -> f64 {
    if equal_left {
        threshold
    } else if threshold == f64::NEG_INFINITY {
        f64::NAN
    } else {
        threshold.next_down()
    }
}

#[cfg(test)]
mod tests;
