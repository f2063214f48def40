//! Piecewise linear functions of single columns: isotonic regression.

use super::Accepts;
use crate::error::{ModelError, expect_count};
use crate::infer::{Column, Facts, one_each};
use crate::plan::{Layout, Op};

/// A function that is linear between knots, and outside them constant or missing.
#[derive(Debug, Clone, PartialEq)]
pub struct PiecewiseLinear {
    /// Where the knots are, ascending, at least one.
    pub x: Vec<f64>,
    /// The value at each knot.
    pub y: Vec<f64>,
    /// Whether there are no values outside the knots.
    pub missing_outside: bool,
}

impl PiecewiseLinear {
    fn check(&self) -> Result<(), ModelError> {
        expect_count("values of knots", self.x.len(), self.y.len())?;
        if self.x.is_empty() || !self.x.is_sorted_by(|a, b| a < b) {
            return Err(ModelError::mismatch("ascending knots", format_args!("{:?}", self.x)));
        }
        Ok(())
    }

    /// The value at `x`, by the formula of `numpy.interp`; NaN stays NaN.
    fn of(&self, x: f64) -> f64 {
        let above = self.x.partition_point(|knot| *knot <= x);
        let last = self.x.len() - 1;
        if x.is_nan() || (self.missing_outside && (x < self.x[0] || x > self.x[last])) {
            f64::NAN
        } else if above == 0 {
            self.y[0]
        } else if above == self.x.len() {
            self.y[above - 1]
        } else {
            let slope = (self.y[above] - self.y[above - 1]) / (self.x[above] - self.x[above - 1]);
            slope * (x - self.x[above - 1]) + self.y[above - 1]
        }
    }
}

pub(super) fn infer(
    functions: &[PiecewiseLinear],
    columns: &[Column],
    facts: &mut Facts,
) -> Result<Vec<Column>, ModelError> {
    one_each("functions", functions, columns)?;
    functions.iter().try_for_each(PiecewiseLinear::check)?;
    facts.numbers(columns, Accepts::FINITE)?;
    Ok(vec![Column::COMPUTED; columns.len()])
}

pub(super) fn compile(functions: &[PiecewiseLinear], layout: &Layout) -> (Vec<Op>, Layout) {
    let (positions, after) = layout.gather(&(0..functions.len()).collect::<Vec<_>>());
    let ops = vec![layout.guard(Accepts::FINITE), Op::Gather(positions), Op::Interpolate(functions.to_vec())];
    (ops, after)
}

/// The functions of rows of one number per function, in place.
pub(crate) fn apply(functions: &[PiecewiseLinear], numbers: &mut [f64]) {
    for row in numbers.chunks_exact_mut(functions.len().max(1)) {
        row.iter_mut().zip(functions).for_each(|(x, function)| *x = function.of(*x));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piecewise(x: &[f64], y: &[f64]) -> PiecewiseLinear {
        PiecewiseLinear { x: x.to_vec(), y: y.to_vec(), missing_outside: false }
    }

    #[test]
    fn values_between_and_beyond_knots_are_those_of_numpy() {
        let function = piecewise(&[1.0, 2.0, 4.0], &[0.0, 1.0, 0.5]);
        let mut numbers = [0.0, 1.0, 1.25, 2.0, 3.0, 9.0];
        apply(&[function], &mut numbers);
        assert_eq!(numbers, [0.0, 0.0, 0.25, 1.0, 0.75, 0.5]);
        let mut numbers = [-1.0, 5.0];
        apply(&[piecewise(&[1.0], &[0.5])], &mut numbers);
        assert_eq!(numbers, [0.5, 0.5]);
        let inside = PiecewiseLinear { missing_outside: true, ..piecewise(&[1.0, 2.0], &[0.0, 1.0]) };
        assert_eq!([1.0, 1.5, 2.0].map(|x| inside.of(x)), [0.0, 0.5, 1.0]);
        assert!([0.9, 2.1, f64::NAN].iter().all(|x| inside.of(*x).is_nan()));
    }

    #[test]
    fn knots_ascend_and_have_a_value_each() {
        let check = |x: &[f64], y: &[f64]| piecewise(x, y).check();
        check(&[1.0, 2.0], &[0.0, 0.0]).unwrap();
        check(&[1.0, 1.0], &[0.0, 0.0]).unwrap_err();
        check(&[], &[]).unwrap_err();
        check(&[1.0], &[]).unwrap_err();
    }
}
