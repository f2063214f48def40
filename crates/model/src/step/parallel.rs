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

impl BranchPlan {
    /// Whether its output may be sparse although its input is not.
    fn makes_sparse(&self) -> bool {
        self.ops.iter().any(|op| {
            let inside = matches!(op, Op::Parallel(branches) if branches.iter().any(Self::makes_sparse));
            inside || matches!(op, Op::Terms(_) | Op::HashKeys(_))
        })
    }

    /// Its numbers, not yet weighted.
    fn apply<'a>(
        &self,
        block: &'a Block<'_>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
    ) -> Result<Block<'a>, Refusal> {
        let gather = self.gather.as_deref();
        let seen = match (block.sparse_rows(), gather) {
            (Some(sparse), _) => match block.gather_sparse(gather, &mut scratch.pool) {
                Some(seen) => seen,
                None => {
                    let mut numbers = scratch.pool.take();
                    sparse.densify(block.width, &mut numbers);
                    let whole = Block::owned(block.width, numbers);
                    let seen = whole.gather(gather.unwrap_or_default(), rows, &mut scratch.pool);
                    whole.release(&mut scratch.pool);
                    seen
                }
            },
            (None, Some(positions)) => block.gather(positions, rows, &mut scratch.pool),
            (None, None) => Block::borrowed(block.width, block.numbers()),
        };
        run(&self.ops, seen, rows, scratch)
    }
}

/// Runs every branch and lays their numbers side by side.
pub(crate) fn apply(
    branches: &[BranchPlan],
    block: &Block<'_>,
    rows: &Rows<'_>,
    scratch: &mut Scratch,
) -> Result<Block<'static>, Refusal> {
    let width = branches.iter().map(|branch| branch.width).sum();
    if block.sparse_rows().is_some() || branches.iter().any(BranchPlan::makes_sparse) {
        return apply_sparse(branches, width, block, rows, scratch);
    }
    let mut output = scratch.pool.take();
    output.resize(rows.count * width, 0.0);
    let mut offset = 0;
    for branch in branches {
        let after = branch.apply(block, rows, scratch)?;
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

/// The same where some branches see or make sparse rows: each branch in turn appends to the rows of those before it.
fn apply_sparse(
    branches: &[BranchPlan],
    width: usize,
    block: &Block<'_>,
    rows: &Rows<'_>,
    scratch: &mut Scratch,
) -> Result<Block<'static>, Refusal> {
    let mut whole = scratch.pool.take_sparse();
    (0..rows.count).for_each(|_| whole.end_row());
    let mut offset = 0;
    for branch in branches {
        let after = branch.apply(block, rows, scratch)?;
        let weight = branch.weight.unwrap_or(1.0);
        let mut wider = scratch.pool.take_sparse();
        for row in 0..rows.count {
            let (columns, values) = whole.row(row);
            columns.iter().zip(values).for_each(|(column, value)| wider.push(*column, *value));
            match after.sparse_rows() {
                Some(sparse) => {
                    let (columns, values) = sparse.row(row);
                    let cells = columns.iter().zip(values);
                    cells.for_each(|(column, value)| wider.push(offset + *column, value * weight));
                }
                None => {
                    let cells = (offset..).zip(after.row(row));
                    let cells = cells.filter(|(_, value)| value.to_bits() != 0);
                    cells.for_each(|(column, value)| wider.push(column, value * weight));
                }
            }
            wider.end_row();
        }
        after.release(&mut scratch.pool);
        Block::sparse(width, std::mem::replace(&mut whole, wider)).release(&mut scratch.pool);
        offset += branch.width as u32;
    }
    Ok(Block::sparse(width, whole))
}
