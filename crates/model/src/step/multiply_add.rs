//! Weighted sums of the columns in float32, in the order of ONNX Runtime's matrix products.

use super::Accepts;
/// What comes out does not depend on the precision.
pub(super) use super::project::infer;
use crate::estimator::Linear;
use crate::plan::{Block, Layout, Op, Pool, Rows};

pub(super) fn compile(linear: &Linear, layout: &Layout) -> (Vec<Op>, Layout) {
    let after = Layout::computed(linear.intercept.iter().map(|_| None));
    (vec![layout.guard(Accepts::FINITE), Op::MultiplyAdd(MultiplyAddPlan::new(linear))], after)
}

/// A compiled [`Step::MultiplyAdd`](super::Step::MultiplyAdd).
#[derive(Debug)]
pub(crate) struct MultiplyAddPlan {
    /// `inputs x outputs`, row-major, float32 in double precision.
    weights: Vec<f64>,
    intercept: Vec<f64>,
}

impl MultiplyAddPlan {
    fn new(linear: &Linear) -> Self {
        let Linear { features, coefficients, intercept } = linear;
        let outputs = intercept.len();
        let mut weights = vec![0.0; coefficients.len()];
        for (output, of_output) in coefficients.chunks_exact((*features).max(1)).enumerate() {
            for (input, weight) in of_output.iter().enumerate() {
                weights[input * outputs + output] = single(*weight);
            }
        }
        Self { weights, intercept: intercept.iter().copied().map(single).collect() }
    }

    pub(crate) fn apply(&self, block: &Block<'_>, rows: &Rows<'_>, pool: &mut Pool) -> Block<'static> {
        let outputs = self.intercept.len();
        let mut all = pool.take();
        all.resize(rows.count * outputs, 0.0);
        for (row, sums) in all.chunks_exact_mut(outputs).enumerate() {
            for (x, weights) in block.row(row).iter().zip(self.weights.chunks_exact(outputs)) {
                let x = single(*x);
                // A product of two float32 is exact in double precision: each step rounds once, as a fused one does.
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum = single(x * weight + *sum));
            }
            sums.iter_mut().zip(&self.intercept).for_each(|(sum, intercept)| *sum = single(*sum + intercept));
        }
        Block::owned(outputs, all)
    }
}

/// The nearest float32.
fn single(x: f64) -> f64 {
    f64::from(x as f32)
}
