//! Functions of two numbers, column by column.

use super::Accepts;
use crate::error::{ModelError, expect_count};
use crate::infer::{Column, Facts};
use crate::plan::{Layout, Op};

/// A function of pairs of numbers. Missing and infinite values are computed with, as numpy does.
#[derive(Debug, Clone, PartialEq)]
pub struct Zip {
    /// The function.
    pub function: Pairing,
    /// Where its two numbers come from.
    pub operands: Operands,
}

/// Where the two numbers of a [`Zip`] come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Operands {
    /// The first half of the columns, and the second half.
    Columns,
    /// Constants, one per column, and the columns.
    ConstantFirst(Vec<f64>),
    /// The columns, and constants, one per column.
    ConstantSecond(Vec<f64>),
}

/// A function of two numbers. Comparisons and logic give 1 for true and 0 for false, and take every number but 0
/// for true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Pairing {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `a / b` without what comes after the point.
    Quotient,
    /// What is left of `a` after its quotient times `b`, with the sign of `a`.
    Remainder,
    /// What is left of `a / b`, with the sign of `b`.
    Modulo,
    Power,
    /// The smaller; missing where any is.
    Minimum,
    /// The larger; missing where any is.
    Maximum,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
    And,
    Or,
    Xor,
}

impl Zip {
    pub(super) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        facts.numbers(columns, Accepts::ALL)?;
        let width = self.width(columns.len());
        match &self.operands {
            Operands::Columns => expect_count("columns", 2 * width, columns.len())?,
            Operands::ConstantFirst(c) | Operands::ConstantSecond(c) => {
                expect_count("constants", width, c.len())?;
            }
        }
        let computed = |column: usize| {
            let (a, b) = (columns[column], columns[columns.len() - width + column]);
            Column {
                missing: a.missing.or(b.missing),
                infinite: a.infinite.or(b.infinite),
                ..Column::COMPUTED
            }
        };
        Ok((0..width).map(computed).collect())
    }

    fn width(&self, columns: usize) -> usize {
        match &self.operands {
            Operands::Columns => columns / 2,
            Operands::ConstantFirst(_) | Operands::ConstantSecond(_) => columns,
        }
    }

    pub(super) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let (positions, after) = layout.gather(&(0..layout.columns.len()).collect::<Vec<_>>());
        let width = self.width(after.columns.len());
        let computed = Layout::computed((0..width).map(|_| None));
        (vec![Op::Gather(positions), Op::Zip(self.clone())], computed)
    }

    /// Number of columns it makes of `columns`, and their numbers for rows of that many, appended to `out`.
    pub(crate) fn apply(&self, numbers: &[f64], columns: usize, out: &mut Vec<f64>) -> usize {
        let (width, of) = (self.width(columns), |a: f64, b: f64| self.function.of(a, b));
        for row in numbers.chunks_exact(columns.max(1)) {
            match &self.operands {
                Operands::Columns => {
                    let (a, b) = row.split_at(width);
                    out.extend(a.iter().zip(b).map(|(a, b)| of(*a, *b)));
                }
                Operands::ConstantFirst(c) => out.extend(c.iter().zip(row).map(|(c, x)| of(*c, *x))),
                Operands::ConstantSecond(c) => out.extend(row.iter().zip(c).map(|(x, c)| of(*x, *c))),
            }
        }
        width
    }
}

impl Pairing {
    /// The function of two numbers.
    pub fn of(self, a: f64, b: f64) -> f64 {
        let truth = |truth: bool| f64::from(u8::from(truth));
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Quotient => (a / b).trunc(),
            Self::Remainder => a % b,
            Self::Modulo => a - (a / b).floor() * b,
            Self::Power => a.powf(b),
            Self::Minimum if a.is_nan() || b.is_nan() => f64::NAN,
            Self::Minimum => a.min(b),
            Self::Maximum if a.is_nan() || b.is_nan() => f64::NAN,
            Self::Maximum => a.max(b),
            Self::Greater => truth(a > b),
            Self::GreaterOrEqual => truth(a >= b),
            Self::Less => truth(a < b),
            Self::LessOrEqual => truth(a <= b),
            Self::Equal => truth(a == b),
            Self::And => truth(a != 0.0 && b != 0.0),
            Self::Or => truth(a != 0.0 || b != 0.0),
            Self::Xor => truth((a != 0.0) != (b != 0.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_columns_or_constants() {
        let apply = |operands, numbers: &[f64], columns| {
            let mut out = Vec::new();
            let width = Zip { function: Pairing::Subtract, operands }.apply(numbers, columns, &mut out);
            (width, out)
        };
        let numbers = [5.0, 7.0, 1.0, 2.0];
        assert_eq!(apply(Operands::Columns, &numbers, 4), (2, vec![4.0, 5.0]));
        let constants = vec![10.0, 20.0];
        let first = apply(Operands::ConstantFirst(constants.clone()), &numbers, 2);
        assert_eq!(first, (2, vec![5.0, 13.0, 9.0, 18.0]));
        let second = apply(Operands::ConstantSecond(constants), &numbers, 2);
        assert_eq!(second, (2, vec![-5.0, -13.0, -9.0, -18.0]));
    }

    #[test]
    fn functions_treat_signs_and_missing_values_as_onnx_does() {
        assert_eq!([Pairing::Remainder.of(-7.0, 3.0), Pairing::Modulo.of(-7.0, 3.0)], [-1.0, 2.0]);
        assert_eq!(Pairing::Quotient.of(-7.0, 2.0), -3.0);
        assert!(Pairing::Maximum.of(1.0, f64::NAN).is_nan());
        assert_eq!(Pairing::Less.of(f64::NAN, 1.0), 0.0);
        assert_eq!(Pairing::Xor.of(2.0, 1.0), 0.0);
    }
}
