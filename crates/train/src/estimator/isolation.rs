//! Outliers by how few random splits isolate them.
//!
//! Source: Liu, Ting and Zhou, "Isolation Forest" (2008).

use std::collections::BTreeSet;

use foretell_model::estimator::{Average, Leaves, Nodes, NumberFormat, Trees};
use foretell_model::head::Outlier;
use foretell_model::step::{Answer, Arithmetic, Function, Predict, Scale};
use foretell_model::{Estimator, Fitted, Head, Step};
use rayon::prelude::*;

use super::{Learnt, head};
use crate::context::Context;
use crate::error::FitError;
use crate::parameter::{Amount, Auto, Range, parameters};
use crate::random::{Stream, hash};
use crate::sample::Sample;

parameters! {
    /// Outliers by how few random splits isolate them.
    pub struct IsolationForest {
        /// Number of trees.
        n_estimators: usize = 100, Range::AtLeast(1.0);
        /// Rows of a tree: `auto` is 256, or all if they are fewer.
        max_samples: Auto<Amount> = Auto(None), Range::AboveUpTo(0.0, 1.0);
        /// The share of the rows that are outliers; `auto` is those whose score is below -1/2.
        contamination: Auto<f64> = Auto(None), Range::AboveUpTo(0.0, 0.5);
        /// Columns of a tree.
        max_features: Amount = Amount::Share(1.0), Range::AboveUpTo(0.0, 1.0);
        /// Whether the rows of a tree are drawn with replacement.
        bootstrap: bool = false, Range::Any;
    }
}

/// Rows of a tree where nobody says it.
const USUAL_ROWS: usize = 256;
/// The score at which rows begin to be inliers where nobody says how many are not.
const USUAL_OFFSET: f64 = -0.5;

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit(
    parameters: &IsolationForest,
    sample: Sample<'_>,
    context: &Context<'_>,
) -> Result<Learnt, FitError> {
    sample.check_alone()?;
    sample.check_unweighted()?;
    let (rows, width) = (sample.rows(), sample.columns.len());
    if let Some(bad) = sample.values.iter().find(|value| (**value as f32).is_infinite()) {
        return Err(FitError::data("numbers that are finite in float32", bad));
    }
    let rows_of_tree = match parameters.max_samples {
        Auto(None) => USUAL_ROWS.min(rows),
        Auto(Some(amount)) => amount.of(rows),
    };
    if rows_of_tree < 2 {
        return Err(FitError::data("at least 2 rows for every tree", rows_of_tree));
    }
    let columns_of_tree = parameters.max_features.of(width);
    let depth = (rows_of_tree as f64).log2().ceil() as usize;
    let mut forest: Vec<Vec<Node>> = Vec::with_capacity(parameters.n_estimators);
    // As many at once as are sure to keep all threads busy; progress is told in between.
    let at_once = 4 * rayon::current_num_threads();
    while forest.len() < parameters.n_estimators {
        let numbers = forest.len()..parameters.n_estimators.min(forest.len() + at_once);
        let grow = |number: usize| {
            let mut random = Stream::new(hash(context.seed, number as u64));
            // What is drawn again is there already.
            let mut drawn: Vec<usize> = if parameters.bootstrap {
                let drawn: BTreeSet<usize> = (0..rows_of_tree).map(|_| random.below(rows)).collect();
                drawn.into_iter().collect()
            } else {
                chosen(rows, rows_of_tree, &mut random)
            };
            let columns = chosen(width, columns_of_tree, &mut random);
            let mut grower = Grower { sample: &sample, columns, random, depth, nodes: Vec::new() };
            grower.grow(&mut drawn, 0);
            grower.nodes
        };
        let grown: Vec<Vec<Node>> = numbers.into_par_iter().map(grow).collect();
        forest.extend(grown);
        if !context.progress.step(forest.len(), parameters.n_estimators, None) {
            return Err(FitError::Stopped);
        }
    }
    let whole = forest.len() as f64 * average_path(rows_of_tree);
    let offset = match parameters.contamination {
        Auto(None) => USUAL_OFFSET,
        Auto(Some(share)) => {
            let score = |row: usize| {
                let paths: f64 = forest.iter().map(|tree| path(tree, sample.row(row))).sum();
                -(-(paths / whole)).exp2()
            };
            let mut scores: Vec<f64> = (0..rows).into_par_iter().map(score).collect();
            scores.sort_unstable_by(f64::total_cmp);
            let at = share * (rows - 1) as f64;
            let (low, part) = (at.floor() as usize, at.fract());
            scores[low] + part * (scores[(low + 1).min(rows - 1)] - scores[low])
        }
    };
    Ok(Learnt {
        steps: vec![
            Step::Predict(Box::new(Predict { fitted: paths(width, &forest), answer: Answer::Value })),
            Step::Scale(Scale { operations: vec![Arithmetic::Divide(vec![whole])], ..Scale::default() }),
            Step::Elementwise(vec![Function::Negative, Function::Exp2, Function::Negative]),
        ],
        ..Learnt::from(Fitted {
            estimator: Estimator::Columns,
            head: Head::Outlier(Outlier { offset, equal_inlier: true, column: false }),
        })
    })
}

/// So many different numbers below `all`, ascending.
///
/// Source: Bentley and Floyd, "Programming Pearls: A Sample of Brilliance" (1987).
fn chosen(all: usize, count: usize, random: &mut Stream) -> Vec<usize> {
    let mut chosen = BTreeSet::new();
    for last in all - count..all {
        let one = random.below(last + 1);
        if !chosen.insert(one) {
            chosen.insert(last);
        }
    }
    chosen.into_iter().collect()
}

/// The average number of splits that isolate one of so many rows: that of an unsuccessful search in a binary search tree.
fn average_path(rows: usize) -> f64 {
    /// The constant of Euler and Mascheroni.
    const GAMMA: f64 = 0.577_215_664_901_532_9;
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let others = rows as f64 - 1.0;
            2.0 * (others.ln() + GAMMA) - 2.0 * others / rows as f64
        }
    }
}

/// A node of a tree.
#[derive(Debug, Clone, Copy)]
enum Node {
    Split {
        column: usize,
        threshold: f64,
        left: usize,
        right: usize,
    },
    /// The splits on the way, and the expected number of those that would part the rows that are left.
    Leaf(f64),
}

/// The length of the path of a row.
fn path(tree: &[Node], row: &[f64]) -> f64 {
    let mut at = 0;
    loop {
        match tree[at] {
            Node::Leaf(path) => return path,
            Node::Split { column, threshold, left, right } => {
                at = if narrow(row[column]) <= threshold { left } else { right };
            }
        }
    }
}

/// As trees compare it.
fn narrow(x: f64) -> f64 {
    f64::from(x as f32)
}

struct Grower<'a> {
    sample: &'a Sample<'a>,
    columns: Vec<usize>,
    random: Stream,
    /// Most splits of a path.
    depth: usize,
    nodes: Vec<Node>,
}

impl Grower<'_> {
    /// Grows the node of some rows, and all below it.
    fn grow(&mut self, rows: &mut [usize], depth: usize) {
        let here = self.nodes.len();
        self.nodes.push(Node::Leaf(depth as f64 + average_path(rows.len())));
        if depth == self.depth || rows.len() < 2 {
            return;
        }
        // The first that varies of all columns in any order.
        self.random.shuffle(&mut self.columns);
        let sample = self.sample;
        let value = |row: usize, column: usize| narrow(sample.row(row)[column]);
        let ends = |column: usize| {
            let ends = (f64::INFINITY, f64::NEG_INFINITY);
            rows.iter().fold(ends, |(low, high), row| {
                let x = value(*row, column);
                (low.min(x), high.max(x))
            })
        };
        let varies = |column: &usize| Some((*column, ends(*column))).filter(|(_, (low, high))| low < high);
        let Some((column, (low, high))) = self.columns.iter().find_map(varies) else { return };
        let drawn = low + self.random.unit() * (high - low);
        let threshold = if drawn < high { drawn } else { low };
        let mut first_right = 0;
        for at in 0..rows.len() {
            if value(rows[at], column) <= threshold {
                rows.swap(at, first_right);
                first_right += 1;
            }
        }
        let (of_left, of_right) = rows.split_at_mut(first_right);
        let left = self.nodes.len();
        self.grow(of_left, depth + 1);
        let right = self.nodes.len();
        self.grow(of_right, depth + 1);
        self.nodes[here] = Node::Split { column, threshold, left, right };
    }
}

/// The sums of the paths.
fn paths(width: usize, forest: &[Vec<Node>]) -> Fitted {
    let mut nodes = Nodes::default();
    let mut leaves = Leaves { width: 1, values: Vec::new() };
    let mut roots = Vec::with_capacity(forest.len());
    for tree in forest {
        let first = nodes.left.len();
        roots.push(first as u32);
        for node in tree {
            let (feature, threshold, left, right) = match *node {
                Node::Split { column, threshold, left, right } => {
                    (column as u32, threshold, (first + left) as u32, (first + right) as u32)
                }
                Node::Leaf(path) => {
                    let leaf = leaves.values.len() as u32;
                    leaves.values.push(path);
                    (0, 0.0, leaf, leaf)
                }
            };
            nodes.feature.push(feature);
            nodes.threshold.push(threshold);
            nodes.left.push(left);
            nodes.right.push(right);
            nodes.missing_left.push(false);
            nodes.categorical.push(false);
        }
    }
    let trees = Trees {
        features: width,
        outputs: 1,
        output_of_tree: vec![0; roots.len()],
        roots,
        nodes,
        leaves,
        category_sets: Vec::new(),
        truncate_negative: false,
        input: NumberFormat::Single,
        equal_left: true,
        sum: NumberFormat::Double,
        average: Average::SumThenBase,
        base: vec![0.0],
        missing: false,
        infinite: false,
        missing_value: None,
    };
    Fitted { estimator: Estimator::Trees(trees), head: head::values() }
}
