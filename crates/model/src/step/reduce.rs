//! One number in place of several columns.

use super::Accepts;
use crate::error::{ModelError, expect_count};
use crate::infer::{Column, Facts};
use crate::plan::{Layout, Op};

/// Reduces every `size` columns to one number, or keeps the best of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reduce {
    /// What becomes of them.
    pub function: Reduction,
    /// How many columns stand together, at least 1.
    pub size: usize,
}

/// A function of several numbers, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Reduction {
    Sum,
    Mean,
    Product,
    Minimum,
    Maximum,
    /// Sum of the absolute values.
    AbsoluteSum,
    /// Square root of the sum of the squares.
    Norm,
    SquareSum,
    /// Logarithm of the sum.
    LogSum,
    /// Logarithm of the sum of the exponentials, the largest taken out first.
    LogSumExp,
    /// Position of the smallest number, the first of several or the last.
    SmallestAt {
        last: bool,
    },
    /// Position of the largest number, the first of several or the last.
    LargestAt {
        last: bool,
    },
    /// The smallest or largest `count` numbers, the best first and the first of equal ones first, and then their
    /// positions.
    Best {
        count: usize,
        largest: bool,
    },
}

impl Reduce {
    pub(super) fn infer(self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        facts.numbers(columns, Accepts::ALL)?;
        if self.size == 0 {
            return Err(ModelError::mismatch("at least one column to reduce", 0));
        }
        expect_count("columns", columns.len() / self.size * self.size, columns.len())?;
        if let Reduction::Best { count, .. } = self.function
            && count > self.size
        {
            return Err(ModelError::mismatch(format_args!("at most {} best columns", self.size), count));
        }
        Ok(vec![Column::COMPUTED; self.width(columns.len())])
    }

    fn width(self, columns: usize) -> usize {
        let groups = columns / self.size.max(1);
        if let Reduction::Best { count, .. } = self.function { groups * 2 * count } else { groups }
    }

    pub(super) fn compile(self, layout: &Layout) -> (Vec<Op>, Layout) {
        let (positions, after) = layout.gather(&(0..layout.columns.len()).collect::<Vec<_>>());
        let computed = Layout::computed((0..self.width(after.columns.len())).map(|_| None));
        (vec![Op::Gather(positions), Op::Reduce(self)], computed)
    }

    /// Number of columns it makes of `columns`, and their numbers for rows of that many, appended to `out`.
    pub(crate) fn apply(self, numbers: &[f64], columns: usize, out: &mut Vec<f64>) -> usize {
        for group in numbers.chunks_exact(self.size.max(1)) {
            self.function.append(group, out);
        }
        self.width(columns)
    }
}

impl Reduction {
    /// Appends the function of several numbers.
    fn append(self, x: &[f64], out: &mut Vec<f64>) {
        let sum = |of: fn(f64) -> f64| x.iter().map(|x| of(*x)).sum::<f64>();
        let fold = |best: fn(f64, f64) -> f64| x.iter().copied().reduce(best).unwrap_or(f64::NAN);
        out.push(match self {
            Self::Sum => sum(|x| x),
            Self::Mean => sum(|x| x) / x.len() as f64,
            Self::Product => x.iter().product(),
            Self::Minimum => fold(|a, b| if b < a || b.is_nan() { b } else { a }),
            Self::Maximum => fold(|a, b| if b > a || b.is_nan() { b } else { a }),
            Self::AbsoluteSum => sum(f64::abs),
            Self::Norm => sum(|x| x * x).sqrt(),
            Self::SquareSum => sum(|x| x * x),
            Self::LogSum => sum(|x| x).ln(),
            Self::LogSumExp => {
                let largest = fold(f64::max);
                if largest.is_finite() {
                    x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln() + largest
                } else {
                    largest
                }
            }
            Self::SmallestAt { last } => at(x, |x, best| x < best || (last && x == best)),
            Self::LargestAt { last } => at(x, |x, best| x > best || (last && x == best)),
            Self::Best { count, largest } => return best(x, count, largest, out),
        });
    }
}

/// The position of the last number that is better than all before it.
fn at(x: &[f64], better: impl Fn(f64, f64) -> bool) -> f64 {
    (0..x.len()).fold(0, |best, position| if better(x[position], x[best]) { position } else { best }) as f64
}

/// Appends the best numbers and their positions.
fn best(x: &[f64], count: usize, largest: bool, out: &mut Vec<f64>) {
    let start = out.len();
    out.resize(start + 2 * count, 0.0);
    let (values, positions) = out[start..].split_at_mut(count);
    let mut found = 0;
    for (position, value) in x.iter().enumerate() {
        let before = |kept: &f64| if largest { *kept < *value } else { *kept > *value };
        let place = values[..found].iter().position(before).unwrap_or(found);
        if place == count {
            continue;
        }
        found = (found + 1).min(count);
        values[place..found].rotate_right(1);
        positions[place..found].rotate_right(1);
        (values[place], positions[place]) = (*value, position as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(function: Reduction, x: &[f64]) -> Vec<f64> {
        let mut out = Vec::new();
        function.append(x, &mut out);
        out
    }

    #[test]
    fn ties_go_to_the_first_or_the_last() {
        let x = [2.0, 3.0, 3.0, 1.0, 1.0];
        assert_eq!(reduced(Reduction::LargestAt { last: false }, &x), [1.0]);
        assert_eq!(reduced(Reduction::LargestAt { last: true }, &x), [2.0]);
        assert_eq!(reduced(Reduction::SmallestAt { last: false }, &x), [3.0]);
        let best = Reduction::Best { count: 3, largest: false };
        assert_eq!(reduced(best, &x), [1.0, 1.0, 2.0, 3.0, 4.0, 0.0]);
        let best = Reduction::Best { count: 5, largest: true };
        assert_eq!(reduced(best, &x), [3.0, 3.0, 2.0, 1.0, 1.0, 1.0, 2.0, 0.0, 3.0, 4.0]);
    }

    #[test]
    fn logarithms_of_sums_do_not_overflow() {
        let got = reduced(Reduction::LogSumExp, &[1000.0, 1000.0])[0];
        assert!((got - (1000.0 + 2f64.ln())).abs() < 1e-12);
        let nothing = reduced(Reduction::LogSumExp, &[f64::NEG_INFINITY; 2]);
        assert_eq!(nothing, [f64::NEG_INFINITY]);
        assert!(reduced(Reduction::Maximum, &[1.0, f64::NAN, 2.0])[0].is_nan());
    }
}
