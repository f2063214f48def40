//! Branches side by side.

use foretell_frame::Kind;

use super::Step;
use crate::error::{ModelError, Refusal, expect_index};
use crate::infer::{Column, Facts};
use crate::plan::{Block, Layout, Located, Op, Place, Rows, run};
use crate::predictor::Scratch;

/// One branch of a [`Step::Parallel`].
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The input columns the branch sees, in this order.
    pub columns: Vec<usize>,
    /// What it does to them; nothing is `passthrough`.
    pub steps: Vec<Step>,
    /// Every output of the branch is multiplied by this (`transformer_weights`).
    pub weight: Option<f64>,
}

pub(super) fn infer(
    branches: &[Branch],
    columns: &[Column],
    facts: &mut Facts,
) -> Result<Vec<Column>, ModelError> {
    let mut output = Vec::new();
    for (number, branch) in branches.iter().enumerate() {
        let after = branch
            .infer(columns, facts)
            .map_err(|error| error.within(format_args!("branch {}", number + 1)))?;
        output.extend(after);
    }
    Ok(output)
}

impl Branch {
    pub(super) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        let mut seen = Vec::with_capacity(self.columns.len());
        for &column in &self.columns {
            expect_index("a column", column, columns.len())?;
            seen.push(columns[column]);
        }
        facts.look(&seen);
        let after = super::infer_all(&self.steps, seen, facts)?;
        if self.weight.is_some() {
            for column in &after {
                facts.demand(column, Kind::Number)?;
            }
            return Ok(after.into_iter().map(Column::computed).collect());
        }
        Ok(after)
    }
}

/// A compiled [`Branch`].
#[derive(Debug)]
pub(crate) struct BranchPlan {
    /// Positions of its numbers in the block of the whole; `None` when it sees the whole as it is.
    pub(super) gather: Option<Vec<usize>>,
    pub(super) ops: Vec<Op>,
    /// Number of its numeric outputs.
    pub(super) width: usize,
    pub(super) weight: Option<f64>,
}

pub(super) fn compile(branches: &[Branch], layout: &Layout) -> (Vec<Op>, Layout) {
    let (mut plans, mut columns, mut offset) = (Vec::new(), Vec::new(), 0);
    for branch in branches {
        let (gather, seen) = layout.gather(&branch.columns);
        let whole = gather.len() == layout.width() && gather.iter().enumerate().all(|(to, from)| to == *from);
        let gather = (!whole).then_some(gather);
        let (ops, after) = super::compile_all(&branch.steps, seen);
        let width = after.width();
        columns.extend(after.columns.into_iter().map(|Located { place, feature }| match place {
            Place::Number(position) => Located { place: Place::Number(offset + position), feature },
            Place::Text(_) | Place::Unused => Located { place, feature },
        }));
        plans.push(BranchPlan { gather, ops, width, weight: branch.weight });
        offset += width;
    }
    (vec![Op::Parallel(plans)], Layout { columns })
}

/// Runs every branch and lays their numbers side by side.
pub(crate) fn apply(
    branches: &[BranchPlan],
    block: &Block<'_>,
    rows: &Rows<'_>,
    scratch: &mut Scratch,
) -> Result<Block<'static>, Refusal> {
    let width = branches.iter().map(|branch| branch.width).sum();
    let mut output = scratch.pool.take();
    output.resize(rows.count * width, 0.0);
    let mut offset = 0;
    for branch in branches {
        let seen = match &branch.gather {
            Some(positions) => block.gather(positions, rows, &mut scratch.pool),
            None => Block::borrowed(block.width, block.numbers()),
        };
        let after = run(&branch.ops, seen, rows, scratch)?;
        let weight = branch.weight.unwrap_or(1.0);
        for row in 0..rows.count {
            let target = &mut output[row * width + offset..][..branch.width];
            for (target, value) in target.iter_mut().zip(after.row(row)) {
                *target = value * weight;
            }
        }
        after.release(&mut scratch.pool);
        offset += branch.width;
    }
    Ok(Block::owned(width, output))
}
