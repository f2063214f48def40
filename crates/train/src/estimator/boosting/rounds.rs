//! Round after round of trees, each against the derivatives of the loss at what those before it say.

use rayon::prelude::*;

use super::bins::{Binned, MISSING, Shard};
use super::grow::{Grower, Grown, Growth, Members, TreeNode};
use super::histogram::Scale;
use super::loss::{Loss, Rows, quantile};
use super::split::Objective;
use crate::random::hash;

/// What is boosted, and how.
pub(super) struct Plan<'a> {
    pub(super) binned: &'a Binned,
    pub(super) loss: Loss,
    pub(super) outputs: usize,
    /// Values, or numbers of classes.
    pub(super) targets: &'a [f64],
    pub(super) weights: &'a [f64],
    /// Rows that are only watched.
    pub(super) held_out: Option<&'a [bool]>,
    pub(super) rounds: usize,
    pub(super) learning_rate: f64,
    pub(super) subsample: f64,
    pub(super) growth: Growth,
    pub(super) objective: Objective,
    pub(super) monotone: &'a [i8],
    /// Rounds without a better loss of the watched rows after which it stops.
    pub(super) patience: Option<usize>,
    pub(super) seed: u64,
}

/// What came of it.
pub(super) struct Boosted {
    /// The scores before the first tree, one per output.
    pub(super) base: Vec<f64>,
    /// The trees that count, `rounds x outputs`.
    pub(super) trees: Vec<Vec<TreeNode>>,
    /// The loss after each round, of a sample of the training rows and of the watched ones.
    pub(super) curve: Vec<(f64, Option<f64>)>,
    /// Whether it was asked to stop.
    pub(super) cancelled: bool,
}

/// Most training rows that the learning curve is measured on.
const MOST_WATCHED: usize = 1 << 14;

/// State of a shard's rows.
struct State {
    /// `outputs x rows`.
    scores: Vec<f64>,
    /// `outputs x rows`: first and second derivatives.
    derivatives: Vec<[f32; 2]>,
    /// Rows whose derivatives count.
    trains: Vec<bool>,
    /// Rows of the present round's trees.
    drawn: Vec<bool>,
    probabilities: Vec<f32>,
}

impl Plan<'_> {
    /// Boosts. `report` hears of each round, and answers whether to go on.
    pub(super) fn run(&self, mut report: impl FnMut(usize, f64, Option<f64>) -> bool) -> Boosted {
        let kept = |row: usize| self.held_out.is_none_or(|held_out| !held_out[row]);
        let voting: Vec<f64> = self
            .weights
            .iter()
            .enumerate()
            .map(|(row, weight)| if kept(row) { *weight } else { 0.0 })
            .collect();
        let base = self.loss.base(self.targets, &voting, self.outputs);
        let mut states = self.start(&base, &voting);
        let mut members: Vec<Members> = self.binned.shards.iter().map(|_| Members::default()).collect();
        let watches = (self.watch(&voting, true), self.held_out.map(|_| self.watch(&voting, false)));
        let mut boosted = Boosted { base, trees: Vec::new(), curve: Vec::new(), cancelled: false };
        let mut best = (f64::INFINITY, 0);
        for round in 0..self.rounds {
            let largest = self.derive(&mut states);
            let seed = hash(self.seed, round as u64);
            for (output, largest) in largest.into_iter().enumerate() {
                let grown = self.tree(
                    output,
                    hash(seed, output as u64),
                    seed,
                    &mut Parts { states: &mut states, members: &mut members, largest },
                );
                boosted.trees.push(grown);
            }
            let train = watches.0.loss(self, &states);
            let valid = watches.1.as_ref().map(|watch| watch.loss(self, &states));
            boosted.curve.push((train, valid));
            if let Some(valid) = valid
                && valid < best.0
            {
                best = (valid, round);
            }
            boosted.cancelled = !report(round, train, valid);
            let patience = self.patience.filter(|_| valid.is_some());
            if boosted.cancelled || patience.is_some_and(|patience| round - best.1 >= patience) {
                break;
            }
        }
        if self.patience.is_some() && watches.1.is_some() {
            boosted.trees.truncate((best.1 + 1) * self.outputs);
        }
        boosted
    }

    fn start(&self, base: &[f64], voting: &[f64]) -> Vec<State> {
        let of_shard = |shard: &Shard| State {
            scores: base.iter().flat_map(|score| std::iter::repeat_n(*score, shard.rows)).collect(),
            derivatives: vec![[0.0; 2]; base.len() * shard.rows],
            trains: voting[shard.start..shard.start + shard.rows].iter().map(|w| *w > 0.0).collect(),
            drawn: vec![false; shard.rows],
            probabilities: Vec::new(),
        };
        self.binned.shards.iter().map(of_shard).collect()
    }

    fn rows(&self, shard: &Shard) -> Rows<'_> {
        let span = shard.start..shard.start + shard.rows;
        Rows { targets: &self.targets[span.clone()], weights: &self.weights[span] }
    }

    /// Makes the derivatives of all rows; the largest of the training rows by output.
    fn derive(&self, states: &mut [State]) -> Vec<[f32; 2]> {
        let shards = self.binned.shards.par_iter().zip(states);
        let largest = shards.map(|(shard, state)| {
            let step =
                if self.objective.max_delta_step.is_finite() { self.objective.max_delta_step } else { 0.0 };
            let State { scores, derivatives, probabilities, trains, .. } = state;
            self.loss.derive(self.rows(shard), scores, step, derivatives, probabilities);
            let of_output = |derivatives: &[[f32; 2]]| {
                let larger = |largest: [f32; 2], (d, trains): (&[f32; 2], &bool)| {
                    let counts = if *trains { 1.0 } else { 0.0 };
                    [largest[0].max(d[0].abs() * counts), largest[1].max(d[1] * counts)]
                };
                derivatives.iter().zip(&*trains).fold([0.0f32; 2], larger)
            };
            derivatives.chunks_exact(shard.rows).map(of_output).collect::<Vec<_>>()
        });
        let none = || vec![[0.0f32; 2]; self.outputs];
        largest.reduce(none, |mut a, b| {
            for (a, b) in a.iter_mut().zip(b) {
                *a = [a[0].max(b[0]), a[1].max(b[1])];
            }
            a
        })
    }

    /// Grows one tree and adds its values to the scores.
    fn tree(&self, output: usize, seed: u64, rows_seed: u64, parts: &mut Parts<'_>) -> Vec<TreeNode> {
        let scale = Scale::new(parts.largest[0], parts.largest[1]);
        let shards = &self.binned.shards;
        let least = (self.subsample * 2f64.powi(53)) as u64;
        shards.par_iter().zip(&mut *parts.states).zip(&mut *parts.members).for_each(
            |((shard, state), members)| {
                let derivatives = &state.derivatives[output * shard.rows..][..shard.rows];
                members.entries.clear();
                for (row, [first, second]) in derivatives.iter().enumerate() {
                    let global = shard.start + row;
                    let drawn = state.trains[row]
                        && (self.subsample >= 1.0 || hash(rows_seed, global as u64) >> 11 < least);
                    state.drawn[row] = drawn;
                    if drawn {
                        let random = Scale::random(seed, global);
                        members.entries.push(scale.quantise(row as u32, *first, *second, random));
                    }
                }
            },
        );
        let grower = Grower {
            binned: self.binned,
            growth: self.growth,
            objective: Objective { scale, ..self.objective },
            monotone: self.monotone,
            seed: hash(seed, u64::MAX),
        };
        let Grown { mut nodes, leaves } = grower.grow(parts.members);
        if let Some(at) = self.loss.quantile() {
            self.renew(&mut nodes, &leaves, at, parts);
        }
        for node in &mut nodes {
            if let TreeNode::Leaf(value) = node {
                *value *= self.learning_rate;
            }
        }
        let all = shards.par_iter().zip(&mut *parts.states).zip(&*parts.members).enumerate();
        all.for_each(|(number, ((shard, state), members))| {
            let scores = &mut state.scores[output * shard.rows..][..shard.rows];
            for (leaf, spans) in &leaves {
                let TreeNode::Leaf(value) = nodes[*leaf] else { continue };
                let entries = &members.entries[spans[number].clone()];
                entries.iter().for_each(|entry| scores[entry.row as usize] += value);
            }
            if members.entries.len() < shard.rows {
                for (row, score) in scores.iter_mut().enumerate().filter(|(row, _)| !state.drawn[*row]) {
                    *score += walk(&nodes, shard, row);
                }
            }
        });
        nodes
    }

    /// Gives leaves the quantile of their residuals.
    fn renew(
        &self,
        nodes: &mut [TreeNode],
        leaves: &[(usize, Vec<std::ops::Range<usize>>)],
        at: f64,
        parts: &Parts<'_>,
    ) {
        let value = |(_, spans): &(usize, Vec<std::ops::Range<usize>>)| {
            let mut residuals = Vec::new();
            for (number, span) in spans.iter().enumerate() {
                let (shard, state) = (&self.binned.shards[number], &parts.states[number]);
                let rows = self.rows(shard);
                residuals.extend(parts.members[number].entries[span.clone()].iter().map(|entry| {
                    let row = entry.row as usize;
                    (rows.targets[row] - state.scores[row], rows.weights[row])
                }));
            }
            // Entries are in the order of rows, so that equal residuals are too.
            quantile(residuals.iter().map(|(y, w)| (y, w)), at)
        };
        let values: Vec<f64> = leaves.par_iter().map(value).collect();
        leaves.iter().zip(values).for_each(|((leaf, _), value)| nodes[*leaf] = TreeNode::Leaf(value));
    }

    /// Rows whose loss is watched: a sample of the training rows, or all that are held out.
    fn watch(&self, voting: &[f64], trains: bool) -> Watch {
        let counts = |row: &usize| {
            if trains { voting[*row] > 0.0 } else { self.held_out.is_some_and(|held| held[*row]) }
        };
        let total = (0..self.binned.rows()).filter(counts).count();
        let every = if trains { total.div_ceil(MOST_WATCHED).max(1) } else { 1 };
        let rows: Vec<usize> = (0..self.binned.rows()).filter(counts).step_by(every).collect();
        let mut shards = Vec::new();
        for shard in &self.binned.shards {
            let of_shard = rows.iter().filter(|row| (shard.start..shard.start + shard.rows).contains(row));
            let of_shard: Vec<usize> = of_shard.copied().collect();
            shards.push(Watched {
                targets: of_shard.iter().map(|row| self.targets[*row]).collect(),
                weights: of_shard.iter().map(|row| self.weights[*row]).collect(),
                rows: of_shard.iter().map(|row| (row - shard.start) as u32).collect(),
            });
        }
        let weight = shards.iter().flat_map(|shard| &shard.weights).sum();
        Watch { shards, weight }
    }
}

/// What a tree changes.
struct Parts<'a> {
    states: &'a mut [State],
    members: &'a mut [Members],
    largest: [f32; 2],
}

/// Rows of a shard whose loss is watched.
struct Watched {
    rows: Vec<u32>,
    targets: Vec<f64>,
    weights: Vec<f64>,
}

/// Rows whose loss is watched.
struct Watch {
    shards: Vec<Watched>,
    weight: f64,
}

impl Watch {
    fn loss(&self, plan: &Plan<'_>, states: &[State]) -> f64 {
        let of_shard = |(watched, state): (&Watched, &State)| {
            let count = state.trains.len();
            let of_output =
                |scores: &'_ [f64]| watched.rows.iter().map(|row| scores[*row as usize]).collect::<Vec<_>>();
            let scores: Vec<f64> = state.scores.chunks_exact(count).flat_map(of_output).collect();
            plan.loss.total(Rows { targets: &watched.targets, weights: &watched.weights }, &scores)
        };
        let totals: Vec<f64> = self.shards.par_iter().zip(states).map(of_shard).collect();
        plan.loss.report(totals.iter().sum::<f64>() / self.weight)
    }
}

/// What a tree says of a row in bins.
fn walk(nodes: &[TreeNode], shard: &Shard, row: usize) -> f64 {
    let width = shard.by_row.len() / shard.rows;
    let bins = &shard.by_row[row * width..(row + 1) * width];
    let mut at = 0;
    loop {
        match &nodes[at] {
            TreeNode::Leaf(value) => return *value,
            TreeNode::Split(split, children) => {
                let bin = bins[split.feature];
                let left = if bin == MISSING { split.missing_left } else { split.test.passes(bin) };
                at = children[usize::from(!left)];
            }
        }
    }
}
