//! Columns filled in by estimators over the others, round after round.

use foretell_frame::Kind;

use super::{Accepts, Step};
use crate::error::{ModelError, Refusal, expect_count, expect_index};
use crate::infer::{Column, Facts};
use crate::plan::{Block, Layout, Op, Rows, run};
use crate::predictor::Scratch;

/// Replaces the numbers of one column, in the rows where another column is not 0, by what steps make of some columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Refinement {
    /// The column that is replaced.
    pub column: usize,
    /// The column that tells where.
    pub mask: usize,
    /// The columns that the steps see, in this order.
    pub inputs: Vec<usize>,
    /// From these columns to one.
    pub steps: Vec<Step>,
    /// The least number.
    pub low: f64,
    /// The largest number.
    pub high: f64,
}

impl Refinement {
    fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<(), ModelError> {
        expect_index("a column", self.column, columns.len())?;
        expect_index("a column", self.mask, columns.len())?;
        let mut seen = Vec::with_capacity(self.inputs.len());
        for &input in &self.inputs {
            expect_index("a column", input, columns.len())?;
            seen.push(columns[input].computed());
        }
        if self.low.is_nan() || self.high.is_nan() {
            return Err(ModelError::mismatch("numbers as bounds", "NaN"));
        }
        let made = super::infer_all(&self.steps, seen, facts)?;
        expect_count("column", 1, made.len())?;
        facts.demand(&made[0], Kind::Number)
    }
}

/// Checks refinements, one after another.
pub(super) fn infer(
    refinements: &[Refinement],
    columns: &[Column],
    facts: &mut Facts,
) -> Result<Vec<Column>, ModelError> {
    let columns = facts.numbers(columns, Accepts::FINITE)?;
    for (number, refinement) in refinements.iter().enumerate() {
        refinement
            .infer(&columns, facts)
            .map_err(|error| error.within(format_args!("refinement {}", number + 1)))?;
    }
    Ok(columns.into_iter().map(Column::computed).collect())
}

/// A compiled [`Refinement`].
#[derive(Debug)]
pub(crate) struct RefinementPlan {
    column: usize,
    mask: usize,
    gather: Vec<usize>,
    ops: Vec<Op>,
    low: f64,
    high: f64,
}

pub(super) fn compile(refinements: &[Refinement], layout: &Layout) -> (Vec<Op>, Layout) {
    let guard = layout.guard(Accepts::FINITE);
    let (positions, after) = layout.gather(&(0..layout.columns.len()).collect::<Vec<_>>());
    let plan = |refinement: &Refinement| {
        let (gather, seen) = after.gather(&refinement.inputs);
        let (ops, _) = super::compile_all(&refinement.steps, seen);
        let Refinement { column, mask, low, high, .. } = *refinement;
        RefinementPlan { column, mask, gather, ops, low, high }
    };
    let plans = refinements.iter().map(plan).collect();
    (vec![guard, Op::Gather(positions), Op::Refine(plans)], after)
}

/// Refines the columns of a block in place, in order.
pub(crate) fn apply(
    refinements: &[RefinementPlan],
    width: usize,
    mut numbers: Vec<f64>,
    rows: &Rows<'_>,
    scratch: &mut Scratch,
) -> Result<Block<'static>, Refusal> {
    for refinement in refinements {
        let masked = |row: &[f64]| row[refinement.mask] != 0.0;
        if !numbers.chunks_exact(width.max(1)).any(masked) {
            continue;
        }
        let block = Block::borrowed(width, &numbers);
        let seen = block.gather(&refinement.gather, rows, &mut scratch.pool);
        let made = run(&refinement.ops, seen, rows, scratch)?;
        for (row, made) in numbers.chunks_exact_mut(width.max(1)).zip(made.numbers()) {
            if masked(row) {
                row[refinement.column] = made.max(refinement.low).min(refinement.high);
            }
        }
        made.release(&mut scratch.pool);
    }
    Ok(Block::owned(width, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refinements_need_columns_that_exist_and_make_one() {
        let refinement = |inputs: &[usize]| Refinement {
            column: 0,
            mask: 2,
            inputs: inputs.to_vec(),
            steps: Vec::new(),
            low: 0.0,
            high: 1.0,
        };
        let refusal = |refinement| {
            let mut facts = Facts::new(3).unwrap();
            let columns = facts.columns();
            infer(&[refinement], &columns, &mut facts).unwrap_err().to_string()
        };
        assert_eq!(refusal(refinement(&[3])), "refinement 1: expected a column below 3, got 3");
        assert_eq!(refusal(refinement(&[1, 2])), "refinement 1: expected 1 column, got 2");
        let unbounded = Refinement { low: f64::NAN, ..refinement(&[1]) };
        assert_eq!(refusal(unbounded), "refinement 1: expected numbers as bounds, got NaN");
    }
}
