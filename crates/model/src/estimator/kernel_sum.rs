//! Weighted sums of kernel functions: support vector machines, kernel ridge, and other kernel expansions.

use super::KernelFunction;
use super::kernel_plan::{BLOCK, KernelPlan};
use crate::error::{ModelError, expect_count, expect_index};
use crate::kernel::dot;
use crate::plan::Pool;

/// `raw[o] = intercept[o] + sum over the terms of output o, over their points p, of coefficient[p] k(x, p)`.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelSum {
    /// Number of features.
    pub features: usize,
    /// The kernel `k`.
    pub function: KernelFunction,
    /// `points x features`, row-major.
    pub points: Vec<f64>,
    /// What is summed, in order.
    pub terms: Vec<KernelTerm>,
    /// One per output.
    pub intercept: Vec<f64>,
}

/// Coefficients of points that stand one after another, in one output. The machines of pairs of classes have few
/// points each, which is why not all outputs have coefficients of all points.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelTerm {
    /// The output that it is a term of.
    pub output: usize,
    /// The first point.
    pub first: usize,
    /// One of each point from there on.
    pub coefficients: Vec<f64>,
}

impl KernelSum {
    /// Fails unless all sizes fit; the number of outputs.
    pub(crate) fn check(&self) -> Result<usize, ModelError> {
        if self.features == 0 {
            return Err(ModelError::mismatch("at least one feature", 0));
        }
        self.function.check(self.features)?;
        let points = self.points.len() / self.features;
        expect_count("numbers of points", points * self.features, self.points.len())?;
        for (number, term) in self.terms.iter().enumerate() {
            let check = || {
                expect_index("an output", term.output, self.intercept.len())?;
                expect_index("a first point", term.first, points + 1)?;
                expect_index("a number of coefficients", term.coefficients.len(), points - term.first + 1)
            };
            check().map_err(|error| error.within(format_args!("term {}", number + 1)))?;
        }
        Ok(self.intercept.len())
    }

    pub(super) fn compile(&self) -> KernelSumPlan {
        let points = self.points.len() / self.features.max(1);
        KernelSumPlan {
            features: self.features,
            kernel: KernelPlan::new(&self.function, self.features, points, &self.points),
            terms: self.terms.clone(),
            intercept: self.intercept.clone(),
        }
    }
}

/// A compiled [`KernelSum`].
#[derive(Debug)]
pub(crate) struct KernelSumPlan {
    features: usize,
    kernel: KernelPlan,
    terms: Vec<KernelTerm>,
    intercept: Vec<f64>,
}

impl KernelSumPlan {
    /// Appends the outputs of `rows` rows.
    pub(super) fn scores(&self, numbers: &[f64], rows: usize, pool: &mut Pool, raw: &mut Vec<f64>) {
        let mut values = pool.take();
        let points = self.kernel.count();
        for first in (0..rows).step_by(BLOCK) {
            let block = BLOCK.min(rows - first);
            let numbers = &numbers[first * self.features..(first + block) * self.features];
            self.kernel.values(numbers, block, pool, &mut values);
            for row in 0..block {
                let values = &values[row * points..(row + 1) * points];
                let start = raw.len();
                raw.resize(start + self.intercept.len(), 0.0);
                for term in &self.terms {
                    let values = &values[term.first..term.first + term.coefficients.len()];
                    raw[start + term.output] += dot(&term.coefficients, values);
                }
                raw[start..].iter_mut().zip(&self.intercept).for_each(|(sum, intercept)| *sum += intercept);
            }
        }
        pool.give(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> KernelSum {
        let term = |output, first, coefficients: &[f64]| KernelTerm {
            output,
            first,
            coefficients: coefficients.to_vec(),
        };
        KernelSum {
            features: 2,
            function: KernelFunction::Linear,
            points: vec![1.0, 0.0, 0.0, 1.0, 2.0, 2.0],
            terms: vec![term(0, 0, &[1.0, -1.0]), term(1, 1, &[3.0, 0.5]), term(0, 2, &[0.25])],
            intercept: vec![10.0, -10.0],
        }
    }

    #[test]
    fn terms_add_up_in_their_outputs() {
        let mut raw = Vec::new();
        machine().compile().scores(&[1.0, 2.0, 0.0, 0.0], 2, &mut Pool::default(), &mut raw);
        assert_eq!(raw, [10.0 + 1.0 - 2.0 + 1.5, -10.0 + 6.0 + 3.0, 10.0, -10.0]);
    }

    #[test]
    fn terms_outside_the_points_and_outputs_are_refused() {
        assert_eq!(machine().check(), Ok(2));
        let mut wrong = machine();
        wrong.terms[2].output = 2;
        assert_eq!(wrong.check().unwrap_err().to_string(), "term 3: expected an output below 2, got 2");
        let mut wrong = machine();
        wrong.terms[1].first = 2;
        let error = wrong.check().unwrap_err();
        assert_eq!(error.to_string(), "term 2: expected a number of coefficients below 2, got 2");
        let mut wrong = machine();
        wrong.points.pop();
        assert_eq!(wrong.check().unwrap_err().to_string(), ": expected 4 numbers of points, got 5");
    }
}
