//! Estimators: from a numeric block to raw scores, `rows x outputs`.

mod density;
mod error_function;
mod kernel_function;
mod kernel_plan;
mod kernel_sum;
mod laplace_process;
mod linear;
mod linear_booster;
mod linear_trees;
mod metric;
mod naive_bayes;
mod neighbours;
mod neural;
mod oblivious;
mod search;
mod trees;

pub use density::{KernelDensity, Window};
pub use kernel_function::{KernelFunction, Stationary};
pub use kernel_sum::{KernelSum, KernelTerm};
pub use laplace_process::LaplaceProcess;
pub use linear::Linear;
pub use linear_booster::LinearBooster;
pub use linear_trees::LinearTrees;
pub use metric::{Boolean, Metric};
pub use naive_bayes::GaussianNaiveBayes;
pub use neighbours::{Neighbours, Reach, Targets};
pub(crate) use neural::NeuralBuffers;
pub use neural::{Activation, Layer, Neural};
pub use oblivious::{Condition, ObliviousTrees, Test};
pub use search::{NodeShape, Search, SearchNode, SearchTree};
pub use trees::{Average, Leaves, NEAR_ZERO, Nodes, NumberFormat, Trees};

use crate::error::{ModelError, Problem, Refusal, expect_count};
use crate::infer::{Column, Facts};
use crate::kernel::{Dense, Forest, Oblivious};
use crate::plan::{Block, Guard, Layout, Rows};
use crate::predictor::Scratch;
use crate::step::Accepts;

/// A fitted estimator: computes raw scores from numeric columns.
#[derive(Debug, Clone, PartialEq)]
pub enum Estimator {
    /// Weighted sums.
    Linear(Linear),
    /// Weighted sums of a boosted linear model.
    LinearBooster(LinearBooster),
    /// Sums or means over decision trees.
    Trees(Trees),
    /// Sums over decision trees with a linear model in each leaf.
    LinearTrees(LinearTrees),
    /// Sums over trees whose levels test one condition each.
    ObliviousTrees(ObliviousTrees),
    /// Layers of weighted sums and activations.
    Neural(Neural),
    /// Gaussian naive Bayes.
    GaussianNaiveBayes(GaussianNaiveBayes),
    /// Weighted sums of kernel functions.
    KernelSum(KernelSum),
    /// A Gaussian process of two classes.
    LaplaceProcess(LaplaceProcess),
    /// Logarithms of sums of windows around points.
    KernelDensity(KernelDensity),
    /// The nearest of some points.
    Neighbours(Neighbours),
    /// The same raw scores for every row: dummies, and boosters without a tree.
    Constant(Vec<f64>),
    /// The columns themselves: what the steps before computed is the raw scores.
    Columns,
}

impl Estimator {
    /// Its kind in a word, for reports.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::LinearBooster(_) => "linear-booster",
            Self::Trees(_) => "trees",
            Self::LinearTrees(_) => "linear-trees",
            Self::ObliviousTrees(_) => "oblivious-trees",
            Self::Neural(_) => "neural",
            Self::GaussianNaiveBayes(_) => "naive-bayes",
            Self::KernelSum(_) => "kernel-sum",
            Self::LaplaceProcess(_) => "gaussian-process",
            Self::KernelDensity(_) => "kernel-density",
            Self::Neighbours(_) => "neighbours",
            Self::Constant(_) => "constant",
            Self::Columns => "columns",
        }
    }

    /// What it accepts. Trees speak for themselves.
    fn accepts(&self) -> Accepts {
        match self {
            Self::Linear(_)
            | Self::Neural(_)
            | Self::GaussianNaiveBayes(_)
            | Self::KernelSum(_)
            | Self::LaplaceProcess(_)
            | Self::KernelDensity(_) => Accepts::FINITE,
            Self::Neighbours(neighbours) => {
                let missing = neighbours.search.metric == Metric::EuclideanOfPresent;
                Accepts { missing, infinite: false }
            }
            Self::LinearBooster(_) => Accepts { missing: true, infinite: false },
            Self::Trees(trees) | Self::LinearTrees(LinearTrees { trees, .. }) => {
                let marker = trees.missing_value;
                let infinite = trees.infinite || marker.is_some_and(f64::is_infinite);
                Accepts { missing: trees.missing, infinite }
            }
            Self::ObliviousTrees(_) | Self::Constant(_) | Self::Columns => Accepts::ALL,
        }
    }

    /// Checks it against the columns it receives; the number of raw scores.
    pub(crate) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<usize, ModelError> {
        facts.look(columns);
        let (inputs, outputs) = match self {
            Self::Linear(linear) => (linear.features, linear.check()?),
            Self::LinearBooster(booster) => (booster.features, booster.check()?),
            Self::Trees(trees) => (trees.features, trees.check()?),
            Self::LinearTrees(linear) => (linear.trees.features, linear.check()?),
            Self::ObliviousTrees(trees) => (trees.features, trees.check()?),
            Self::Neural(neural) => neural.check()?,
            Self::GaussianNaiveBayes(bayes) => (bayes.features, bayes.check()?),
            Self::KernelSum(sum) => (sum.features, sum.check()?),
            Self::LaplaceProcess(process) => (process.features, process.check()?),
            Self::KernelDensity(density) => (density.features, density.check()?),
            Self::Neighbours(neighbours) => (neighbours.search.features, neighbours.check()?),
            Self::Constant(scores) => return at_least_one(scores.len()),
            Self::Columns => (columns.len(), columns.len()),
        };
        expect_count("columns", inputs, columns.len())?;
        if let Self::Trees(trees) | Self::LinearTrees(LinearTrees { trees, .. }) = self {
            trees.examples(columns, facts);
        }
        if let Self::ObliviousTrees(trees) = self {
            trees.examples(columns, facts);
        }
        facts.numbers(columns, self.accepts())?;
        at_least_one(outputs)
    }

    /// The compiled form, for columns in this layout.
    pub(crate) fn compile(&self, layout: &Layout) -> Scorer {
        let accepts = self.accepts();
        let guard = Guard::new(accepts, layout);
        let kind = match self {
            Self::Linear(linear) => ScorerKind::Linear(linear.compile()),
            Self::LinearBooster(booster) => ScorerKind::LinearBooster(booster.clone()),
            Self::Trees(trees) => ScorerKind::Forest(Forest::new(trees)),
            Self::LinearTrees(linear) => ScorerKind::LinearTrees(Box::new(linear.compile())),
            Self::ObliviousTrees(trees) => ScorerKind::Oblivious(Oblivious::new(trees)),
            Self::Neural(neural) => ScorerKind::Neural(neural.compile()),
            Self::GaussianNaiveBayes(bayes) => ScorerKind::Gaussian(bayes.compile()),
            Self::KernelSum(sum) => ScorerKind::KernelSum(sum.compile()),
            Self::LaplaceProcess(process) => ScorerKind::LaplaceProcess(process.compile()),
            Self::KernelDensity(density) => ScorerKind::KernelDensity(density.clone()),
            Self::Neighbours(neighbours) => ScorerKind::Neighbours(neighbours.clone()),
            Self::Constant(scores) => ScorerKind::Constant(scores.clone()),
            Self::Columns => {
                ScorerKind::Columns(layout.gather(&(0..layout.columns.len()).collect::<Vec<_>>()).0)
            }
        };
        Scorer { guard, kind }
    }
}

fn at_least_one(outputs: usize) -> Result<usize, ModelError> {
    if outputs == 0 {
        return Err(ModelError::mismatch("at least one raw score", 0));
    }
    Ok(outputs)
}

/// A compiled [`Estimator`].
#[derive(Debug)]
pub(crate) struct Scorer {
    guard: Guard,
    kind: ScorerKind,
}

#[derive(Debug)]
enum ScorerKind {
    Linear(Dense<f64>),
    LinearBooster(LinearBooster),
    Forest(Forest),
    LinearTrees(Box<linear_trees::LinearTreesPlan>),
    Oblivious(Oblivious),
    Neural(neural::NeuralPlan),
    Gaussian(naive_bayes::GaussianPlan),
    KernelSum(kernel_sum::KernelSumPlan),
    LaplaceProcess(laplace_process::LaplacePlan),
    KernelDensity(KernelDensity),
    Neighbours(Neighbours),
    Constant(Vec<f64>),
    /// Where each column stands in the block.
    Columns(Vec<usize>),
}

impl Scorer {
    /// Its trees, for which there is a choice of kernels.
    pub(crate) fn forest(&self) -> Option<&Forest> {
        if let ScorerKind::Forest(forest) = &self.kind { Some(forest) } else { None }
    }

    /// Appends the raw scores of the rows to `raw`.
    pub(crate) fn scores(
        &self,
        block: &Block<'_>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
        raw: &mut Vec<f64>,
    ) -> Result<(), Refusal> {
        if let Some(sparse) = block.sparse_rows() {
            if let ScorerKind::Linear(dense) = &self.kind {
                self.guard.check_sparse(sparse, rows.start)?;
                dense.apply_sparse(sparse, raw);
                return Ok(());
            }
            let mut numbers = scratch.pool.take();
            sparse.densify(block.width, &mut numbers);
            let whole = Block::owned(block.width, numbers);
            let result = self.scores(&whole, rows, scratch, raw);
            whole.release(&mut scratch.pool);
            return result;
        }
        let numbers = block.numbers();
        match &self.kind {
            // Trees round to their own precision first, and what is refused is what comes of that.
            ScorerKind::Forest(forest) => {
                let refusal = |position| self.guard.refusal(numbers[position], position, rows.start);
                forest.scores(numbers, rows.count, &mut scratch.forest, raw).map_err(refusal)?;
            }
            ScorerKind::LinearTrees(linear) => {
                let refusal = |position| self.guard.refusal(numbers[position], position, rows.start);
                linear.scores(numbers, rows.count, scratch, raw).map_err(refusal)?;
            }
            ScorerKind::LinearBooster(booster) => {
                let refusal = |position| self.guard.refusal(numbers[position], position, rows.start);
                booster.scores(numbers, rows.count, raw).map_err(refusal)?;
            }
            ScorerKind::Linear(dense) => {
                self.guard.check(numbers, rows.start)?;
                dense.apply(rows.count, numbers, raw);
            }
            ScorerKind::Neural(neural) => {
                self.guard.check(numbers, rows.start)?;
                neural.scores(numbers, rows.count, &mut scratch.neural, raw);
            }
            ScorerKind::Gaussian(gaussian) => {
                self.guard.check(numbers, rows.start)?;
                gaussian.scores(numbers, rows.count, raw);
            }
            ScorerKind::KernelSum(sum) => {
                self.guard.check(numbers, rows.start)?;
                sum.scores(numbers, rows.count, &mut scratch.pool, raw);
            }
            ScorerKind::Oblivious(trees) => trees.scores(numbers, rows.count, &mut scratch.oblivious, raw),
            ScorerKind::LaplaceProcess(process) => {
                self.guard.check(numbers, rows.start)?;
                process.scores(numbers, rows.count, &mut scratch.pool, raw);
            }
            ScorerKind::KernelDensity(density) => {
                self.guard.check(numbers, rows.start)?;
                density.scores(numbers, rows.count, &mut scratch.pool, raw);
            }
            ScorerKind::Neighbours(neighbours) => {
                self.guard.check(numbers, rows.start)?;
                let scored = neighbours.scores(numbers, rows.count, &mut scratch.pool, raw);
                scored.map_err(|row| Refusal {
                    row: rows.start + row,
                    column: 0,
                    feature: None,
                    problem: Problem::Alone,
                })?;
            }
            ScorerKind::Constant(scores) => {
                (0..rows.count).for_each(|_| raw.extend_from_slice(scores));
            }
            ScorerKind::Columns(positions) => {
                for row in 0..rows.count {
                    let row = block.row(row);
                    raw.extend(positions.iter().map(|&position| row[position]));
                }
            }
        }
        Ok(())
    }
}
