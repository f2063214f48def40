//! Branches that see the columns of branches before them: graphs of operators, such as those of ONNX.

use super::Branch;
use super::parallel::BranchPlan;
use crate::error::{ModelError, Refusal, expect_index};
use crate::infer::{Column, Facts};
use crate::plan::{Block, Layout, Located, Op, Place, Rows, run};
use crate::predictor::Scratch;

/// A graph of branches. The columns it receives and those that its branches make, one branch after the other, are
/// numbered in this order, and each branch sees some of the columns before its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataflow {
    /// The branches, each before all that see its columns.
    pub branches: Vec<Branch>,
    /// The columns that come out, in this order.
    pub outputs: Vec<usize>,
}

impl Dataflow {
    pub(super) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        let mut columns = columns.to_vec();
        for (number, branch) in self.branches.iter().enumerate() {
            let after = branch
                .infer(&columns, facts)
                .map_err(|error| error.within(format_args!("branch {}", number + 1)))?;
            columns.extend(after);
            let most = crate::infer::MOST_COLUMNS;
            if columns.len() > most {
                return Err(ModelError::mismatch(format_args!("at most {most} columns"), columns.len()));
            }
        }
        for &column in &self.outputs {
            expect_index("a column", column, columns.len())?;
        }
        Ok(self.outputs.iter().map(|&column| columns[column]).collect())
    }

    pub(super) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let inputs = layout.width();
        let (mut plans, mut width, mut all) = (Vec::new(), inputs, layout.clone());
        for branch in &self.branches {
            let (gather, seen) = all.gather(&branch.columns);
            let (ops, after) = super::compile_all(&branch.steps, seen);
            let columns = after.columns.iter().map(|Located { place, feature }| {
                let place = match place {
                    Place::Number(position) => Place::Number(width + position),
                    Place::Text(_) | Place::Unused => place.clone(),
                };
                Located { place, feature: *feature }
            });
            all.columns.extend(columns);
            let plan = BranchPlan { gather: Some(gather), ops, width: after.width(), weight: branch.weight };
            width += plan.width;
            plans.push(plan);
        }
        let (outputs, after) = all.gather(&self.outputs);
        (vec![Op::Dataflow(DataflowPlan { branches: plans, inputs, width, outputs })], after)
    }
}

/// A compiled [`Dataflow`].
#[derive(Debug)]
pub(crate) struct DataflowPlan {
    branches: Vec<BranchPlan>,
    /// Number of numeric columns that it receives.
    inputs: usize,
    /// Number of these and of those that the branches make.
    width: usize,
    /// Positions of the outputs among them.
    outputs: Vec<usize>,
}

impl DataflowPlan {
    /// Runs every branch; the outputs.
    pub(crate) fn apply(
        &self,
        block: &Block<'_>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
    ) -> Result<Block<'static>, Refusal> {
        let mut all = scratch.pool.take();
        all.resize(rows.count * self.width, 0.0);
        if self.inputs > 0 {
            for (target, row) in
                all.chunks_exact_mut(self.width).zip(block.numbers().chunks_exact(self.inputs))
            {
                target[..self.inputs].copy_from_slice(row);
            }
        }
        let mut offset = self.inputs;
        for branch in &self.branches {
            let positions = branch.gather.as_deref().unwrap_or_default();
            let seen = Block::borrowed(self.width, &all).gather(positions, rows, &mut scratch.pool);
            let after = run(&branch.ops, seen, rows, scratch)?;
            let weight = branch.weight.unwrap_or(1.0);
            for row in 0..rows.count {
                let target = &mut all[row * self.width + offset..][..branch.width];
                target.iter_mut().zip(after.row(row)).for_each(|(target, value)| *target = value * weight);
            }
            after.release(&mut scratch.pool);
            offset += branch.width;
        }
        let all = Block::owned(self.width, all);
        let outputs = all.gather(&self.outputs, rows, &mut scratch.pool);
        all.release(&mut scratch.pool);
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Step;

    #[test]
    fn a_branch_sees_only_columns_before_its_own() {
        let branch =
            |columns: &[usize]| Branch { columns: columns.to_vec(), steps: Vec::new(), weight: None };
        let infer = |branches: Vec<Branch>, outputs: Vec<usize>| {
            let mut facts = Facts::new(2).unwrap();
            let columns = facts.columns();
            crate::step::infer_all(&[Step::Dataflow(Dataflow { branches, outputs })], columns, &mut facts)
        };
        assert_eq!(infer(vec![branch(&[1]), branch(&[2, 0])], vec![4, 3]).unwrap().len(), 2);
        assert!(infer(vec![branch(&[2])], vec![0]).is_err());
        assert!(infer(vec![branch(&[1])], vec![3]).is_err());
    }
}
