//! Rows as combinations of components, found by the iterations of the library that learnt the components.
//!
//! The library iterates over all rows of a request at once and stops when they have settled together; here every row is
//! alone, as it is in a request of one row.

mod least_angle;
mod non_negative;
mod sparse;
mod topics;

use foretell_frame::Kind;

pub use non_negative::{NonNegative, Solver};
pub use sparse::{Sparse, SparseRule};
pub use topics::Topics;

use super::Accepts;
use crate::error::{ModelError, Problem, Refusal, expect_count};
use crate::infer::{Column, Facts};
use crate::kernel::dot;
use crate::plan::{Block, Layout, Op, Pool, Rows};

/// The weights of components in each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Representation {
    /// Number of columns.
    pub features: usize,
    /// `components x features`, row-major.
    pub components: Vec<f64>,
    /// What the weights are.
    pub rule: RepresentationRule,
}

/// What weights of components are.
#[derive(Debug, Clone, PartialEq)]
pub enum RepresentationRule {
    /// None is negative, and their sum is close to the row.
    NonNegative(NonNegative),
    /// Shares of topics in a document of counted words.
    Topics(Topics),
    /// Few are other than 0, and their sum is close to the row.
    Sparse(Sparse),
}

impl Representation {
    fn count(&self) -> usize {
        self.components.len() / self.features.max(1)
    }

    fn width(&self) -> usize {
        match &self.rule {
            RepresentationRule::Sparse(sparse) if sparse.split_sign => 2 * self.count(),
            RepresentationRule::NonNegative(_)
            | RepresentationRule::Topics(_)
            | RepresentationRule::Sparse(_) => self.count(),
        }
    }

    /// Whether numbers below 0 are refused.
    fn refuses_negative(&self) -> bool {
        match self.rule {
            RepresentationRule::NonNegative(_) | RepresentationRule::Topics(_) => true,
            RepresentationRule::Sparse(_) => false,
        }
    }

    pub(crate) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        if self.features == 0 || self.components.is_empty() {
            return Err(ModelError::mismatch("at least one component of one column", "none"));
        }
        expect_count("columns", self.features, columns.len())?;
        expect_count("numbers of components", self.count() * self.features, self.components.len())?;
        let finite = self.components.iter().all(|x| x.is_finite());
        if !finite {
            return Err(ModelError::mismatch("finite components", "others"));
        }
        match &self.rule {
            RepresentationRule::NonNegative(rule) => rule.check()?,
            RepresentationRule::Topics(rule) => rule.check()?,
            RepresentationRule::Sparse(rule) => rule.check(self.count())?,
        }
        facts.numbers(columns, Accepts::FINITE)?;
        columns.iter().try_for_each(|column| facts.demand(column, Kind::Number))?;
        Ok(vec![Column::COMPUTED; self.width()])
    }

    pub(crate) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let (positions, after) = layout.gather(&(0..layout.columns.len()).collect::<Vec<_>>());
        let count = self.count();
        let row = |at: usize| &self.components[at * self.features..(at + 1) * self.features];
        let pairs = if matches!(self.rule, RepresentationRule::Topics(_)) { 0 } else { count * count };
        let gram = (0..pairs).map(|at| dot(row(at / count), row(at % count))).collect();
        let plan = RepresentationPlan {
            representation: self.clone(),
            gram,
            inputs: after.columns.iter().map(|column| column.feature).collect(),
        };
        let computed = Layout::computed((0..self.width()).map(|_| None));
        (vec![layout.guard(Accepts::FINITE), Op::Gather(positions), Op::Represent(Box::new(plan))], computed)
    }
}

/// A compiled [`Representation`].
#[derive(Debug)]
pub(crate) struct RepresentationPlan {
    representation: Representation,
    /// Products of all pairs of components.
    gram: Vec<f64>,
    /// The feature behind each column.
    inputs: Vec<Option<usize>>,
}

/// What the solvers of one row see.
pub(super) struct Problems<'a> {
    pub(super) features: usize,
    pub(super) count: usize,
    pub(super) components: &'a [f64],
    pub(super) gram: &'a [f64],
}

impl Problems<'_> {
    pub(super) fn component(&self, at: usize) -> &[f64] {
        &self.components[at * self.features..(at + 1) * self.features]
    }
}

impl RepresentationPlan {
    pub(crate) fn apply(
        &self,
        block: &Block<'_>,
        rows: &Rows<'_>,
        pool: &mut Pool,
    ) -> Result<Block<'static>, Refusal> {
        let Representation { features, components, rule } = &self.representation;
        let count = self.representation.count();
        let problems = Problems { features: *features, count, components, gram: &self.gram };
        let width = self.representation.width();
        let (mut weights, mut memory) = (pool.take(), pool.take());
        for row in 0..rows.count {
            let x = block.row(row);
            let negative = x.iter().position(|x| *x < 0.0).filter(|_| self.representation.refuses_negative());
            if let Some(column) = negative {
                let problem = Problem::Undefined(x[column]);
                return Err(Refusal { row: rows.start + row, column, feature: self.inputs[column], problem });
            }
            let start = weights.len();
            weights.resize(start + width, 0.0);
            let made = &mut weights[start..];
            match rule {
                RepresentationRule::NonNegative(rule) => rule.solve(&problems, x, made, &mut memory),
                RepresentationRule::Topics(rule) => rule.solve(&problems, x, made, &mut memory),
                RepresentationRule::Sparse(rule) => rule.solve(&problems, x, made, &mut memory),
            }
        }
        pool.give(memory);
        Ok(Block::owned(width, weights))
    }
}
