//! One tree, depth first, with the rules of scikit-learn's `_tree.pyx` and `_splitter.pyx`.

use super::columns::{Columns, MISSING};
use super::criterion::Criterion;
use super::sort::Sorter;
use crate::random::Stream;

/// Values of a feature that are nearer than this are not parted.
const LEAST_DISTANCE: f32 = 1e-7;

/// When nodes are split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) criterion: Criterion,
    pub(super) max_depth: usize,
    pub(super) min_samples_split: usize,
    pub(super) min_samples_leaf: usize,
    /// Least weight of a leaf.
    pub(super) min_weight_leaf: f64,
    pub(super) min_impurity_decrease: f64,
    /// Features that are looked at for a split.
    pub(super) max_features: usize,
    /// Whether a feature's threshold is drawn at random; else it is the best.
    pub(super) random: bool,
}

/// What is learnt from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lesson<'a> {
    pub(super) columns: &'a Columns,
    /// Values, or numbers of classes.
    pub(super) targets: &'a [f64],
    /// Number of classes, or 1.
    pub(super) width: usize,
}

/// A node of a grown tree.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Its split; none in leaves.
    pub(super) split: Option<Split>,
    /// The shares of classes, or the mean.
    pub(super) value: Vec<f64>,
    /// Its impurity.
    pub(super) impurity: f64,
    /// The weight of its rows.
    pub(super) weight: f64,
}

/// A split of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    pub(super) feature: usize,
    pub(super) threshold: f64,
    pub(super) missing_left: bool,
    /// Positions of the children.
    pub(super) children: [usize; 2],
}

/// Where a split parts a feature.
#[derive(Debug, Clone, Copy)]
struct Found {
    proxy: f64,
    feature: usize,
    /// The last rank on the left, and the first on the right.
    ranks: [u32; 2],
    /// The threshold, where it was drawn.
    threshold: Option<f64>,
    missing_left: bool,
}

/// A node that waits.
struct Waiting {
    span: std::ops::Range<usize>,
    depth: usize,
    /// The parent, and which child it is.
    parent: Option<(usize, usize)>,
}

/// Grows a tree.
pub(super) struct Grower<'a> {
    lesson: Lesson<'a>,
    rules: Rules,
    /// Weight of each row of the table.
    weights: &'a [f64],
    random: Stream,
    rows: Vec<u32>,
    scratch: Vec<u32>,
    /// Weight and target of the rows of the node that is looked at, side by side.
    members: Vec<(f64, f64)>,
    /// The rank of each of them and its place among them, in one number.
    keys: Vec<u64>,
    sorter: Sorter,
    features: Vec<u32>,
    left: Vec<f64>,
    right: Vec<f64>,
}

impl<'a> Grower<'a> {
    /// Over the rows whose weight is above 0.
    pub(super) fn new(lesson: Lesson<'a>, rules: Rules, weights: &'a [f64], seed: u64) -> Self {
        let rows = (0..weights.len() as u32).filter(|row| weights[*row as usize] > 0.0).collect();
        Self {
            lesson,
            rules,
            weights,
            random: Stream::new(seed),
            rows,
            scratch: Vec::new(),
            members: Vec::new(),
            keys: Vec::new(),
            sorter: Sorter::default(),
            features: (0..lesson.columns.width() as u32).collect(),
            left: vec![0.0; lesson.width],
            right: vec![0.0; lesson.width],
        }
    }

    /// The nodes, parents before their children.
    pub(super) fn grow(mut self) -> Vec<Node> {
        let mut nodes: Vec<Node> = Vec::new();
        let mut waiting = vec![Waiting { span: 0..self.rows.len(), depth: 0, parent: None }];
        while let Some(Waiting { span, depth, parent }) = waiting.pop() {
            let at = nodes.len();
            if let Some((parent, side)) = parent
                && let Some(split) = &mut nodes[parent].split
            {
                split.children[side] = at;
            }
            let (mut node, sums) = self.node(span.clone());
            let whole = nodes.first().map_or(node.weight, |root| root.weight);
            if let Some(found) = self.find(&node, &sums, span.clone(), depth, whole) {
                let (left, any_missing) = self.part(found, span.clone());
                let mut split = self.split(found);
                if !any_missing {
                    // What may be missing later goes to the side with more rows.
                    split.missing_left = left > span.len() - left;
                }
                node.split = Some(split);
                let middle = span.start + left;
                waiting.push(Waiting { span: middle..span.end, depth: depth + 1, parent: Some((at, 1)) });
                waiting.push(Waiting { span: span.start..middle, depth: depth + 1, parent: Some((at, 0)) });
            }
            nodes.push(node);
        }
        nodes
    }

    /// A leaf for now, and its sums.
    fn node(&mut self, span: std::ops::Range<usize>) -> (Node, Vec<f64>) {
        let criterion = self.rules.criterion;
        self.members.clear();
        let mut sums = vec![0.0; self.lesson.width];
        let (mut weight, mut constant) = (0.0, 0.0);
        for &row in &self.rows[span] {
            let (w, y) = (self.weights[row as usize], self.lesson.targets[row as usize]);
            self.members.push((w, y));
            weight += w;
            constant += w * criterion.constant(y);
            if criterion.of_classes() {
                sums[y as usize] += w;
            } else {
                sums[0] += w * y;
            }
        }
        let impurity = match criterion.proxy(&sums, weight) {
            // Counts of 0 only: nothing is left to explain.
            proxy if proxy.is_infinite() => 0.0,
            proxy => (constant - proxy) / weight,
        };
        let value = sums.iter().map(|sum| sum / weight).collect();
        (Node { split: None, value, impurity, weight }, sums)
    }

    /// The best split of a node, unless a rule makes it a leaf.
    fn find(
        &mut self,
        node: &Node,
        sums: &[f64],
        span: std::ops::Range<usize>,
        depth: usize,
        whole: f64,
    ) -> Option<Found> {
        let rules = self.rules;
        let leaf = depth >= rules.max_depth
            || span.len() < rules.min_samples_split
            || span.len() < 2 * rules.min_samples_leaf
            || node.weight < 2.0 * rules.min_weight_leaf
            || node.impurity <= f64::EPSILON;
        if leaf {
            return None;
        }
        let mut best: Option<Found> = None;
        let mut looked_at = 0;
        for drawn in 0..self.features.len() {
            if looked_at >= rules.max_features {
                break;
            }
            let swap = drawn + self.random.below(self.features.len() - drawn);
            self.features.swap(drawn, swap);
            let feature = self.features[drawn] as usize;
            if !self.fill(feature, span.clone()) {
                continue;
            }
            looked_at += 1;
            let found = if rules.random {
                self.draw(feature, sums, node.weight)
            } else {
                self.sorter.sort(&mut self.keys, self.lesson.columns.values[feature].len());
                self.scan(feature, sums, node.weight)
            };
            if let Some(found) = found
                && best.is_none_or(|best| found.proxy > best.proxy)
            {
                best = Some(found);
            }
        }
        let best = best?;
        let decrease = (best.proxy - rules.criterion.proxy(sums, node.weight)) / whole;
        (decrease + f64::EPSILON >= rules.min_impurity_decrease).then_some(best)
    }

    /// Collects the ranks of a node's rows; whether they differ.
    fn fill(&mut self, feature: usize, span: std::ops::Range<usize>) -> bool {
        let ranks = &self.lesson.columns.ranks[feature];
        self.keys.clear();
        let (mut least, mut most, mut missing) = (MISSING, 0, false);
        for (&row, place) in self.rows[span].iter().zip(0_u64..) {
            let rank = ranks[row as usize];
            if rank == MISSING {
                missing = true;
            } else {
                (least, most) = (least.min(rank), most.max(rank));
            }
            self.keys.push(u64::from(rank) << 32 | place);
        }
        if least == MISSING {
            return false;
        }
        let values = &self.lesson.columns.values[feature];
        missing || values[most as usize] > values[least as usize] + LEAST_DISTANCE
    }

    /// Whether both sides have the least rows and weight, and the worth of the split.
    fn judge(&self, counts: [usize; 2], weights: [f64; 2]) -> Option<f64> {
        let Rules { criterion, min_samples_leaf, min_weight_leaf, .. } = self.rules;
        let enough = counts.iter().all(|count| *count >= min_samples_leaf.max(1))
            && weights.iter().all(|weight| *weight >= min_weight_leaf && *weight > 0.0);
        let worth = || criterion.proxy(&self.left, weights[0]) + criterion.proxy(&self.right, weights[1]);
        enough.then(worth).filter(|worth| worth.is_finite())
    }

    /// Moves a row to the left; its weight.
    fn take(&mut self, key: u64) -> f64 {
        let (w, y) = self.members[(key & 0xffff_ffff) as usize];
        let (at, moved) = if self.rules.criterion.of_classes() { (y as usize, w) } else { (0, w * y) };
        self.left[at] += moved;
        self.right[at] -= moved;
        w
    }

    /// The best split of a feature whose keys are sorted: missing values last.
    fn scan(&mut self, feature: usize, sums: &[f64], weight: f64) -> Option<Found> {
        let present = self.keys.partition_point(|key| key >> 32 < u64::from(MISSING));
        let (count, columns) = (self.keys.len(), self.lesson.columns);
        let values = &columns.values[feature];
        let mut best: Option<Found> = None;
        for missing_left in [false, true] {
            if missing_left && present == count {
                break;
            }
            self.left.fill(0.0);
            self.right.copy_from_slice(sums);
            let (mut on_left, mut left_weight) = (0, 0.0);
            if missing_left {
                for at in present..count {
                    left_weight += self.take(self.keys[at]);
                }
                on_left = count - present;
            }
            for at in 0..present {
                left_weight += self.take(self.keys[at]);
                on_left += 1;
                let rank = (self.keys[at] >> 32) as u32;
                let next = self.keys.get(at + 1).map_or(MISSING, |key| (key >> 32) as u32);
                // At the end all that is present is on the left, and only what is missing on the right.
                let is_end = at + 1 == present;
                if is_end && (missing_left || present == count) {
                    break;
                }
                if !is_end && values[next as usize] <= values[rank as usize] + LEAST_DISTANCE {
                    continue;
                }
                let worth = self.judge([on_left, count - on_left], [left_weight, weight - left_weight]);
                if let Some(proxy) = worth.filter(|worth| best.is_none_or(|best| *worth > best.proxy)) {
                    let ranks = [rank, next];
                    best = Some(Found { proxy, feature, ranks, threshold: None, missing_left });
                }
            }
        }
        best
    }

    /// A split of a feature at random.
    fn draw(&mut self, feature: usize, sums: &[f64], weight: f64) -> Option<Found> {
        let values = &self.lesson.columns.values[feature];
        let present = || self.keys.iter().map(|key| (key >> 32) as u32).filter(|rank| *rank != MISSING);
        let (least, most) = (present().min()?, present().max()?);
        let any_missing = present().count() < self.keys.len();
        let (low, high) = (values[least as usize], values[most as usize]);
        let missing_left = any_missing && self.random.next() & 1 == 1;
        let drawn = f64::from(low) + self.random.unit() * (f64::from(high) - f64::from(low));
        // Where all that is present is equal, missing values are parted from it.
        let (threshold, missing_left) = if low == high {
            (f64::INFINITY, false)
        } else {
            (if drawn as f32 >= high { f64::from(low) } else { drawn }, missing_left)
        };
        let last = values.partition_point(|value| f64::from(*value) <= threshold) as u32;
        let last = last.saturating_sub(1).min(most);
        self.left.fill(0.0);
        self.right.copy_from_slice(sums);
        let (mut on_left, mut left_weight) = (0, 0.0);
        for at in 0..self.keys.len() {
            let key = self.keys[at];
            let rank = (key >> 32) as u32;
            if if rank == MISSING { missing_left } else { rank <= last } {
                left_weight += self.take(key);
                on_left += 1;
            }
        }
        let proxy = self.judge([on_left, self.keys.len() - on_left], [left_weight, weight - left_weight])?;
        Some(Found { proxy, feature, ranks: [last, last + 1], threshold: Some(threshold), missing_left })
    }

    fn split(&self, found: Found) -> Split {
        let values = &self.lesson.columns.values[found.feature];
        let threshold = found.threshold.unwrap_or_else(|| {
            let [last, next] = found.ranks;
            if next == MISSING {
                return f64::INFINITY;
            }
            let (low, high) = (f64::from(values[last as usize]), f64::from(values[next as usize]));
            let middle = low / 2.0 + high / 2.0;
            if middle == high || middle.is_infinite() { low } else { middle }
        });
        Split { feature: found.feature, threshold, missing_left: found.missing_left, children: [0; 2] }
    }

    /// Puts rows of the left child first; their number, and whether any value was missing.
    fn part(&mut self, found: Found, span: std::ops::Range<usize>) -> (usize, bool) {
        let ranks = &self.lesson.columns.ranks[found.feature];
        let rows = &mut self.rows[span];
        self.scratch.clear();
        let (mut left, mut any_missing) = (0, false);
        for at in 0..rows.len() {
            let row = rows[at];
            let rank = ranks[row as usize];
            any_missing |= rank == MISSING;
            if if rank == MISSING { found.missing_left } else { rank <= found.ranks[0] } {
                rows[left] = row;
                left += 1;
            } else {
                self.scratch.push(row);
            }
        }
        rows[left..].copy_from_slice(&self.scratch);
        (left, any_missing)
    }
}
