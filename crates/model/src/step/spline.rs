//! Columns expanded into B-splines.

use super::Accepts;
use crate::error::{ModelError, Problem, Refusal, expect_count};
use crate::infer::{Column, Facts, one_each};
use crate::plan::{Block, Layout, Op, Pool, Rows};

/// Expands each column into the values of its splines.
#[derive(Debug, Clone, PartialEq)]
pub struct Splines {
    /// The splines of each column.
    pub columns: Vec<Spline>,
    /// What becomes of numbers outside of the base interval.
    pub extrapolation: Extrapolation,
    /// A missing value gives zeros; else it is refused.
    pub missing: bool,
}

/// Splines of one column: combinations of the B-splines over a vector of knots.
#[derive(Debug, Clone, PartialEq)]
pub struct Spline {
    /// Degree of the polynomials.
    pub degree: usize,
    /// Ascending knots.
    pub knots: Vec<f64>,
    /// Coefficients of the B-splines, `knots - degree - 1` rows of `splines` columns.
    pub coefficients: Vec<f64>,
    /// Number of splines.
    pub splines: usize,
    /// How many of them, from the first, are wanted.
    pub outputs: usize,
}

/// What becomes of numbers outside of the base interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extrapolation {
    /// They are refused.
    Refuse,
    /// They get the values at its end.
    Constant,
    /// The tangents at its end go on.
    Linear,
    /// The polynomials of the outermost pieces go on.
    Continue,
    /// The interval repeats.
    Periodic,
}

/// Highest degree: bounds what is kept on the stack.
const HIGHEST: usize = 31;

impl Splines {
    fn accepts(&self) -> Accepts {
        Accepts { missing: self.missing, infinite: false }
    }

    pub(crate) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        one_each("splines", &self.columns, columns)?;
        self.columns.iter().try_for_each(Spline::check)?;
        facts.numbers(columns, self.accepts())?;
        Ok(vec![Column::COMPUTED; self.width()])
    }

    pub(crate) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let after = Layout::computed((0..self.width()).map(|_| None));
        let plan = SplinesPlan { splines: self.clone(), features: layout.features() };
        (vec![layout.guard(self.accepts()), Op::Splines(plan)], after)
    }

    fn width(&self) -> usize {
        self.columns.iter().map(|spline| spline.outputs).sum()
    }
}

impl Spline {
    fn check(&self) -> Result<(), ModelError> {
        if self.degree > HIGHEST {
            return Err(ModelError::mismatch(format_args!("a degree of at most {HIGHEST}"), self.degree));
        }
        if self.knots.len() < 2 * self.degree + 2 {
            let expected = format!("at least {} knots", 2 * self.degree + 2);
            return Err(ModelError::mismatch(expected, self.knots.len()));
        }
        let (low, high) = (self.knots[self.degree], self.knots[self.basis()]);
        if low.partial_cmp(&high).is_none_or(|order| order.is_gt()) {
            return Err(ModelError::mismatch("knots that ascend", format_args!("{low} before {high}")));
        }
        if self.outputs > self.splines {
            return Err(ModelError::mismatch(format_args!("at most {} outputs", self.splines), self.outputs));
        }
        let expected = self.basis().saturating_mul(self.splines);
        expect_count("coefficients", expected, self.coefficients.len())
    }

    /// Number of B-splines.
    fn basis(&self) -> usize {
        self.knots.len() - self.degree - 1
    }

    /// Writes the outputs at a number; `false` where they are not defined.
    fn apply(&self, x: f64, extrapolation: Extrapolation, outputs: &mut [f64]) -> bool {
        outputs.fill(0.0);
        if x.is_nan() {
            return true;
        }
        let (low, high) = (self.knots[self.degree], self.knots[self.basis()]);
        let inside = (low..=high).contains(&x);
        match extrapolation {
            Extrapolation::Refuse if !inside => return false,
            // A constant piece has nothing to go on with.
            Extrapolation::Constant if !inside && self.degree == 0 => {}
            Extrapolation::Linear if !inside => {
                let end = x.clamp(low, high);
                self.add(end, false, 1.0, outputs);
                self.add(end, true, x - end, outputs);
            }
            Extrapolation::Periodic => {
                let period = high - low;
                let x = if period > 0.0 { low + (x - low).rem_euclid(period) } else { 0.0 };
                self.add(x, false, 1.0, outputs);
            }
            Extrapolation::Constant => self.add(x.clamp(low, high), false, 1.0, outputs),
            Extrapolation::Refuse | Extrapolation::Linear | Extrapolation::Continue => {
                self.add(x, false, 1.0, outputs);
            }
        }
        true
    }

    /// Adds the values at `x`, or the slopes, times `weight`.
    fn add(&self, x: f64, slope: bool, weight: f64, outputs: &mut [f64]) {
        let (degree, last) = (self.degree, self.basis() - 1);
        let ascending = &self.knots[degree + 1..=last];
        let piece = degree + ascending.partition_point(|knot| *knot <= x);
        let values = self.local(x, piece, slope);
        for (number, value) in values[..=degree].iter().enumerate() {
            let row = (piece - degree + number) * self.splines;
            let coefficients = &self.coefficients[row..][..outputs.len()];
            for (output, coefficient) in outputs.iter_mut().zip(coefficients) {
                *output += weight * (coefficient * value);
            }
        }
    }

    /// Values or slopes at `x` of the B-splines that are not 0 on a piece, by the recursion of de Boor as in
    /// `_deBoor_D` of scipy.
    fn local(&self, x: f64, piece: usize, slope: bool) -> [f64; HIGHEST + 1] {
        let mut values = [0.0; HIGHEST + 1];
        values[0] = 1.0;
        if slope && self.degree == 0 {
            values[0] = 0.0;
        }
        for degree in 1..=self.degree {
            let lower = values;
            values[0] = 0.0;
            for n in 1..=degree {
                let (after, before) = (self.knots[piece + n], self.knots[piece + n - degree]);
                if after == before {
                    values[n] = 0.0;
                } else if slope && degree == self.degree {
                    let share = degree as f64 * lower[n - 1] / (after - before);
                    values[n - 1] -= share;
                    values[n] = share;
                } else {
                    let share = lower[n - 1] / (after - before);
                    values[n - 1] += share * (after - x);
                    values[n] = share * (x - before);
                }
            }
        }
        values
    }
}

/// The splines, and the features behind the columns for refusals.
#[derive(Debug)]
pub(crate) struct SplinesPlan {
    splines: Splines,
    features: Vec<Option<usize>>,
}

impl SplinesPlan {
    pub(crate) fn apply(
        &self,
        block: &Block<'_>,
        rows: &Rows<'_>,
        pool: &mut Pool,
    ) -> Result<Block<'static>, Refusal> {
        let width = self.splines.width();
        let mut output = pool.take();
        output.resize(rows.count * width, 0.0);
        let mut left = output.as_mut_slice();
        for row in 0..rows.count {
            for (column, (x, spline)) in block.row(row).iter().zip(&self.splines.columns).enumerate() {
                let (outputs, after) = left.split_at_mut(spline.outputs);
                left = after;
                if !spline.apply(*x, self.splines.extrapolation, outputs) {
                    let (feature, problem) = (self.features[column], Problem::Undefined(*x));
                    return Err(Refusal { row: rows.start + row, column, feature, problem });
                }
            }
        }
        Ok(Block::owned(width, output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The quadratic B-splines over the knots -2, -1, ..., 4: the base interval is 0 to 2.
    fn quadratic() -> Spline {
        let mut coefficients = vec![0.0; 16];
        (0..4).for_each(|i| coefficients[i * 5] = 1.0);
        Spline { degree: 2, knots: (-2..=4).map(f64::from).collect(), coefficients, splines: 4, outputs: 4 }
    }

    fn at(x: f64, extrapolation: Extrapolation) -> Option<Vec<f64>> {
        let mut outputs = vec![9.0; 4];
        quadratic().apply(x, extrapolation, &mut outputs).then_some(outputs)
    }

    #[test]
    fn values_are_those_of_uniform_b_splines() {
        assert_eq!(at(0.5, Extrapolation::Refuse).unwrap(), [0.125, 0.75, 0.125, 0.0]);
        assert_eq!(at(2.0, Extrapolation::Refuse).unwrap(), [0.0, 0.0, 0.5, 0.5]);
        assert_eq!(at(f64::NAN, Extrapolation::Refuse).unwrap(), [0.0; 4]);
    }

    #[test]
    fn outside_follows_the_rule() {
        assert_eq!(at(-1.0, Extrapolation::Refuse), None);
        assert_eq!(at(-1.0, Extrapolation::Constant).unwrap(), [0.5, 0.5, 0.0, 0.0]);
        assert_eq!(at(-1.0, Extrapolation::Linear).unwrap(), [1.5, -0.5, 0.0, 0.0]);
        assert_eq!(at(-1.0, Extrapolation::Continue).unwrap(), [2.0, -1.5, 0.5, 0.0]);
        assert_eq!(at(-1.5, Extrapolation::Periodic), at(0.5, Extrapolation::Periodic));
        assert_eq!(at(3.0, Extrapolation::Linear).unwrap(), [0.0, 0.0, -0.5, 1.5]);
    }

    #[test]
    fn shapes_are_checked() {
        assert!(quadratic().check().is_ok());
        assert!(Spline { outputs: 5, ..quadratic() }.check().is_err());
        assert!(Spline { degree: 3, ..quadratic() }.check().is_err());
        assert!(Spline { degree: 40, ..quadratic() }.check().is_err());
    }
}
