//! One tree, from a root that holds all rows to leaves.
//!
//! Rows are parted within their shards and their sums are integers, so nothing depends on the number of threads. Of
//! two siblings only the smaller is added up; the other is what remains of their parent. Sources: Chen and Guestrin
//! (2016) for growth by levels, Ke et al. (2017) for growth by leaves.

use std::ops::Range as Span;

use rayon::prelude::*;

use super::bins::{Binned, Shard};
use super::histogram::{Entry, MOST_ADDED, OfFeature, Partial, Sums, add_all, add_some, gather, share};
use super::split::{Candidate, Node, Objective, Range, Split};
use crate::random::hash;

/// Most nodes that are split at once: it bounds the histograms in memory.
const MOST_AT_ONCE: usize = 8;

/// How far trees grow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growth {
    /// Most levels of splits.
    pub(super) max_depth: usize,
    /// Most leaves.
    pub(super) max_leaves: usize,
    /// Whether the node of the greatest gain is split next; else all of a level.
    pub(super) by_leaf: bool,
    /// Shares of features that each tree, level and node may use.
    pub(super) features: [f64; 3],
}

/// A node of a grown tree.
#[derive(Debug, Clone)]
pub(super) enum TreeNode {
    /// The value of a leaf.
    Leaf(f64),
    /// A split, and the positions of its children.
    Split(Split, [usize; 2]),
}

/// A grown tree, and the entries in each leaf.
#[derive(Debug)]
pub(super) struct Grown {
    /// The nodes, the root first.
    pub(super) nodes: Vec<TreeNode>,
    /// For each leaf its node, and its run of entries in each shard.
    pub(super) leaves: Vec<(usize, Vec<Span<usize>>)>,
}

/// The rows of a tree: entries of each shard, and memory to part them.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// The entries.
    pub(super) entries: Vec<Entry>,
    scratch: Vec<Entry>,
}

/// Grows trees over a table in bins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grower<'a> {
    /// The table.
    pub(super) binned: &'a Binned,
    /// How far.
    pub(super) growth: Growth,
    /// What a split gains.
    pub(super) objective: Objective,
    /// The direction of each feature; empty where none is constrained.
    pub(super) monotone: &'a [i8],
    /// Where features are drawn from.
    pub(super) seed: u64,
}

/// A node whose entries are added up, and of which: shards and runs in them.
type Task = (usize, Vec<(usize, Span<usize>)>);

/// A node that may be split.
struct Open {
    at: usize,
    depth: usize,
    node: Node,
    spans: Vec<Span<usize>>,
    histogram: Vec<OfFeature>,
    split: Split,
}

/// A child before its split is known.
struct Child {
    at: usize,
    depth: usize,
    node: Node,
    spans: Vec<Span<usize>>,
    /// The features it may use, where those are not all of the tree's.
    drawn: Option<Vec<u32>>,
}

impl Child {
    fn count(&self) -> usize {
        self.spans.iter().map(Span::len).sum()
    }
}

impl Grower<'_> {
    /// A tree over the entries, which are put into the order of its leaves.
    pub(super) fn grow(&self, members: &mut [Members]) -> Grown {
        let columns = self.draw(self.growth.features[0], 0, &self.all_features());
        let sums = members.par_iter().map(|of_shard| Sums::of_entries(of_shard.entries.iter()));
        let sums = sums.reduce(Sums::default, |a, b| a + b);
        let node = Node { sums, range: Range::ALL };
        let spans = members.iter().map(|of_shard| 0..of_shard.entries.len()).collect();
        let mut tree = Growing { grower: self, columns, nodes: Vec::new(), leaves: Vec::new(), count: 1 };
        let root = tree.child(0, node, spans);
        let mut open = Vec::new();
        if tree.may_split(&root) && self.growth.max_leaves > 1 {
            let parts = tree.sum(members, &[&root]);
            let mut histogram = tree.empty();
            let splits: Vec<Option<Split>> = histogram
                .par_iter_mut()
                .enumerate()
                .map(|(position, sums)| {
                    let feature = tree.columns[position] as usize;
                    gather(&parts[0], position, self.binned.features[feature].bins(), sums);
                    tree.seek(&root, position, sums)
                })
                .collect();
            tree.settle(root, splits, histogram, &mut open);
        } else {
            tree.leaf(root);
        }
        while !open.is_empty() {
            let batch = tree.next(&mut open);
            if batch.is_empty() {
                break;
            }
            tree.expand(batch, members, &mut open);
        }
        for rest in open {
            tree.leaves.push((rest.at, rest.spans));
        }
        Grown { nodes: tree.nodes, leaves: tree.leaves }
    }

    fn all_features(&self) -> Vec<u32> {
        (0..self.binned.features.len() as u32).collect()
    }

    /// A share of features, ascending.
    fn draw(&self, share: f64, purpose: u64, features: &[u32]) -> Vec<u32> {
        if share >= 1.0 {
            return features.to_vec();
        }
        let seed = hash(self.seed, purpose);
        let mut drawn = features.to_vec();
        drawn.sort_by_key(|feature| (hash(seed, u64::from(*feature)), *feature));
        drawn.truncate(((share * features.len() as f64) as usize).max(1));
        drawn.sort_unstable();
        drawn
    }
}

/// A tree that grows.
struct Growing<'a> {
    grower: &'a Grower<'a>,
    /// The features of the tree: histograms are in their order.
    columns: Vec<u32>,
    nodes: Vec<TreeNode>,
    leaves: Vec<(usize, Vec<Span<usize>>)>,
    /// Number of leaves, if all open nodes were leaves.
    count: usize,
}

impl Growing<'_> {
    /// A new node, a leaf for now.
    fn child(&mut self, depth: usize, node: Node, spans: Vec<Span<usize>>) -> Child {
        self.nodes.push(TreeNode::Leaf(self.grower.objective.value(node.sums, node.range)));
        let at = self.nodes.len() - 1;
        let [_, of_level, of_node] = self.grower.growth.features;
        let drawn = (of_level < 1.0 || of_node < 1.0).then(|| {
            let level = self.grower.draw(of_level, 1 + depth as u64, &self.columns);
            self.grower.draw(of_node, (1 << 32) + at as u64, &level)
        });
        Child { at, depth, node, spans, drawn }
    }

    fn leaf(&mut self, child: Child) {
        self.leaves.push((child.at, child.spans));
    }

    fn may_split(&self, child: &Child) -> bool {
        let objective = &self.grower.objective;
        let weight = child.node.sums.second as f64 * objective.scale.second;
        child.depth < self.grower.growth.max_depth
            && child.count() > 1
            && weight >= 2.0 * objective.min_child_weight
    }

    fn empty(&self) -> Vec<OfFeature> {
        vec![[Sums::default(); 256]; self.columns.len()]
    }

    /// The open nodes that are split next: some of the first level, or the one with the greatest gain.
    fn next(&mut self, open: &mut Vec<Open>) -> Vec<Open> {
        let room = self.grower.growth.max_leaves - self.count;
        if room == 0 {
            return Vec::new();
        }
        if !self.grower.growth.by_leaf {
            let level = open[0].depth;
            let same = open.iter().take_while(|node| node.depth == level).count();
            return open.drain(..same.min(MOST_AT_ONCE).min(room)).collect();
        }
        let gains = open.iter().map(|node| node.split.gain);
        let better = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
        let (best, _) = gains.enumerate().fold((0, f64::NEG_INFINITY), better);
        vec![open.swap_remove(best)]
    }

    /// Splits nodes; their children become open, or leaves.
    fn expand(&mut self, batch: Vec<Open>, members: &mut [Members], open: &mut Vec<Open>) {
        self.count += batch.len();
        let middles = self.part(&batch, members);
        let mut pairs = Vec::with_capacity(batch.len());
        for (number, parent) in batch.into_iter().enumerate() {
            let [left, right] = self.children(&parent, |shard| middles[shard][number]);
            self.nodes[parent.at] = TreeNode::Split(parent.split, [left.at, right.at]);
            if !self.may_split(&left) && !self.may_split(&right) {
                self.leaf(left);
                self.leaf(right);
            } else if left.count() <= right.count() {
                pairs.push((left, right, parent.histogram));
            } else {
                pairs.push((right, left, parent.histogram));
            }
        }
        if self.count >= self.grower.growth.max_leaves {
            for (small, large, _) in pairs {
                self.leaf(small);
                self.leaf(large);
            }
            return;
        }
        let smaller: Vec<&Child> = pairs.iter().map(|(small, _, _)| small).collect();
        let parts = self.sum(members, &smaller);
        let sought: Vec<_> = pairs
            .par_iter_mut()
            .zip(&parts)
            .map(|((small, large, histogram), parts)| {
                let mut of_small = self.empty();
                let both = of_small.par_iter_mut().zip(histogram.par_iter_mut()).enumerate();
                let splits: (Vec<_>, Vec<_>) = both
                    .map(|(position, (of_small, of_large))| {
                        let feature = self.columns[position] as usize;
                        let bins = self.grower.binned.features[feature].bins();
                        share(parts, position, bins, of_small, of_large);
                        (self.seek(small, position, of_small), self.seek(large, position, of_large))
                    })
                    .unzip();
                (splits, of_small)
            })
            .collect();
        for ((small, large, of_large), ((small_splits, large_splits), of_small)) in
            pairs.into_iter().zip(sought)
        {
            // Left children first, so that the order of nodes does not depend on their sizes.
            if small.at < large.at {
                self.settle(small, small_splits, of_small, open);
                self.settle(large, large_splits, of_large, open);
            } else {
                self.settle(large, large_splits, of_large, open);
                self.settle(small, small_splits, of_small, open);
            }
        }
    }

    /// Puts the entries of nodes into the order left, right; for each shard and node the number that went left.
    fn part(&self, batch: &[Open], members: &mut [Members]) -> Vec<Vec<usize>> {
        let tables: Vec<_> = batch.iter().map(|node| node.split.table()).collect();
        let shards = self.grower.binned.shards.par_iter();
        shards
            .zip(members)
            .enumerate()
            .map(|(number, (shard, members))| {
                let of_node = |(node, table): (&Open, &[bool; 256])| {
                    let entries = &mut members.entries[node.spans[number].clone()];
                    part(shard.column(node.split.feature), table, entries, &mut members.scratch)
                };
                batch.iter().zip(&tables).map(of_node).collect()
            })
            .collect()
    }

    fn children(&mut self, parent: &Open, left_of: impl Fn(usize) -> usize) -> [Child; 2] {
        let Split { left, right, feature, .. } = parent.split;
        let range = parent.node.range;
        let mut ranges = [range; 2];
        let direction = self.grower.monotone.get(feature).copied().unwrap_or(0);
        if direction != 0 {
            let value = |sums| self.grower.objective.value(sums, range);
            let middle = (value(left) + value(right)) / 2.0;
            let [of_left, of_right] = &mut ranges;
            if direction > 0 {
                (of_left.high, of_right.low) = (middle, middle);
            } else {
                (of_left.low, of_right.high) = (middle, middle);
            }
        }
        let halves: (Vec<_>, Vec<_>) = parent
            .spans
            .iter()
            .enumerate()
            .map(|(shard, span)| {
                let middle = span.start + left_of(shard);
                (span.start..middle, middle..span.end)
            })
            .unzip();
        let depth = parent.depth + 1;
        [
            self.child(depth, Node { sums: left, range: ranges[0] }, halves.0),
            self.child(depth, Node { sums: right, range: ranges[1] }, halves.1),
        ]
    }

    /// The sums of nodes, in parts that together hold all their rows.
    fn sum(&self, members: &[Members], children: &[&Child]) -> Vec<Vec<Partial>> {
        let mut tasks: Vec<Task> = Vec::new();
        for (number, child) in children.iter().enumerate() {
            let (mut task, mut rows) = (Vec::new(), 0);
            for (shard, span) in child.spans.iter().enumerate() {
                let mut start = span.start;
                while start < span.end {
                    let end = span.end.min(start + MOST_ADDED - rows);
                    task.push((shard, start..end));
                    rows += end - start;
                    start = end;
                    if rows == MOST_ADDED {
                        tasks.push((number, std::mem::take(&mut task)));
                        rows = 0;
                    }
                }
            }
            if !task.is_empty() {
                tasks.push((number, task));
            }
        }
        let whole = self.columns.len() == self.grower.binned.features.len();
        let sums: Vec<Partial> = tasks
            .par_iter()
            .map(|(_, spans)| {
                let mut sums = vec![[0; 256]; self.columns.len()];
                let mut buffer = Vec::new();
                for (shard, span) in spans {
                    let entries = &members[*shard].entries[span.clone()];
                    let shard: &Shard = &self.grower.binned.shards[*shard];
                    if whole {
                        add_all(shard, entries, &mut buffer, &mut sums);
                    } else {
                        add_some(shard, entries, &self.columns, &mut sums);
                    }
                }
                sums
            })
            .collect();
        let mut of_children: Vec<Vec<Partial>> = children.iter().map(|_| Vec::new()).collect();
        tasks.iter().zip(sums).for_each(|((number, _), sums)| of_children[*number].push(sums));
        of_children
    }

    /// The best split of a node by one feature, where it may use it.
    fn seek(&self, child: &Child, position: usize, sums: &OfFeature) -> Option<Split> {
        let is_drawn = |drawn: &Vec<u32>| drawn.binary_search(&self.columns[position]).is_ok();
        if !self.may_split(child) || !child.drawn.as_ref().is_none_or(is_drawn) {
            return None;
        }
        let grower = self.grower;
        let number = self.columns[position] as usize;
        let monotone = grower.monotone.get(number).copied().unwrap_or(0);
        let candidate = Candidate { number, feature: &grower.binned.features[number], sums, monotone };
        grower.objective.best(child.node, candidate, !grower.monotone.is_empty())
    }

    /// Makes a node open if it has a split, else a leaf.
    fn settle(
        &mut self,
        child: Child,
        splits: Vec<Option<Split>>,
        histogram: Vec<OfFeature>,
        open: &mut Vec<Open>,
    ) {
        let better = |best: Split, next: Split| if next.gain > best.gain { next } else { best };
        match splits.into_iter().flatten().reduce(better) {
            Some(split) => {
                let Child { at, depth, node, spans, .. } = child;
                open.push(Open { at, depth, node, spans, histogram, split });
            }
            None => self.leaf(child),
        }
    }
}

/// Puts entries whose bin the table sends left first, both sides in their order; the number of those on the left.
fn part(column: &[u8], table: &[bool; 256], entries: &mut [Entry], scratch: &mut Vec<Entry>) -> usize {
    if scratch.len() < entries.len() {
        scratch.resize(entries.len(), Entry::default());
    }
    let (mut left, mut right) = (0, 0);
    for at in 0..entries.len() {
        let entry = entries[at];
        let goes_left = usize::from(table[usize::from(column[entry.row as usize])]);
        entries[left] = entry;
        scratch[right] = entry;
        left += goes_left;
        right += 1 - goes_left;
    }
    entries[left..].copy_from_slice(&scratch[..right]);
    left
}
