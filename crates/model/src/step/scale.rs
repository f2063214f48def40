//! Scalers: arithmetic with one constant per column.

use super::Accepts;
use crate::error::ModelError;
use crate::infer::{Column, Facts, one_each};
use crate::kernel::{add_all, divide_all, multiply_all, subtract_all};
use crate::plan::{Layout, Op};
use crate::sparse::SparseRows;

/// About how many constants of an operation stand side by side.
const CONSTANTS: usize = 512;
const ACCEPTS: Accepts = Accepts { missing: true, infinite: false };

/// A fitted scaler: arithmetic, and what the file tells of the values it was fitted on.
///
/// Missing values pass through; infinite values are refused, as every scaler of scikit-learn does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scale {
    /// The operations, in order.
    pub operations: Vec<Arithmetic>,
    /// Smallest and largest value of each column in training, where the file tells.
    pub range: Option<Vec<(f64, f64)>>,
    /// Centre (mean or median) of each column in training, where the file tells.
    pub centre: Option<Vec<f64>>,
}

/// One arithmetic operation over the columns of a numeric block; each vector holds one constant per column.
#[derive(Debug, Clone, PartialEq)]
pub enum Arithmetic {
    /// `x - c`.
    Subtract(Vec<f64>),
    /// `x / c`.
    Divide(Vec<f64>),
    /// `x * c`.
    Multiply(Vec<f64>),
    /// `x + c`.
    Add(Vec<f64>),
    /// `min(max(x, low), high)`, NaN stays NaN.
    Clip {
        /// Lower bound of all columns.
        low: f64,
        /// Upper bound of all columns.
        high: f64,
    },
}

impl Scale {
    pub(crate) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        for operation in &self.operations {
            match operation {
                Arithmetic::Subtract(c)
                | Arithmetic::Divide(c)
                | Arithmetic::Multiply(c)
                | Arithmetic::Add(c) => one_each("constants", c, columns)?,
                Arithmetic::Clip { low, high } => {
                    if low.is_nan() || high.is_nan() {
                        return Err(ModelError::mismatch("numbers as bounds", "NaN"));
                    }
                }
            }
        }
        if let Some(centre) = &self.centre {
            one_each("centres", centre, columns)?;
            columns.iter().zip(centre).for_each(|(column, value)| facts.example(column, *value));
        }
        if let Some(range) = &self.range {
            one_each("ranges", range, columns)?;
            columns.iter().zip(range).for_each(|(column, range)| facts.range(column, *range));
        }
        let accepted = facts.numbers(columns, ACCEPTS)?;
        Ok(accepted.into_iter().map(Column::computed).collect())
    }

    pub(crate) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let operations = self.operations.iter().map(Arithmetic::repeated).collect();
        (vec![layout.guard(ACCEPTS), Op::Scale(operations)], layout.clone())
    }
}

impl Arithmetic {
    /// Whether 0 stays 0 in every column.
    pub(crate) fn keeps_zero(&self) -> bool {
        match self {
            Self::Multiply(c) => c.iter().all(|c| c.is_finite()),
            Self::Divide(c) => c.iter().all(|c| *c != 0.0 && !c.is_nan()),
            Self::Clip { low, high } => *low <= 0.0 && *high >= 0.0,
            Self::Subtract(_) | Self::Add(_) => false,
        }
    }

    /// Applies an operation that [keeps zeros](Self::keeps_zero), in place.
    pub(crate) fn apply_sparse(&self, rows: &mut SparseRows) {
        match self {
            Self::Multiply(c) => rows.cells_mut().for_each(|(column, x)| *x *= c[column]),
            Self::Divide(c) => rows.cells_mut().for_each(|(column, x)| *x /= c[column]),
            Self::Clip { .. } => rows.each_row(|row| self.apply(row)),
            Self::Subtract(_) | Self::Add(_) => {}
        }
    }

    /// The same with the constants of several rows, one after another, so that rows need not be told apart.
    fn repeated(&self) -> Self {
        let rows = |c: &[f64]| c.repeat((CONSTANTS / c.len().max(1)).max(1));
        match self {
            Self::Subtract(c) => Self::Subtract(rows(c)),
            Self::Divide(c) => Self::Divide(rows(c)),
            Self::Multiply(c) => Self::Multiply(rows(c)),
            Self::Add(c) => Self::Add(rows(c)),
            Self::Clip { low, high } => Self::Clip { low: *low, high: *high },
        }
    }

    /// Applies the operation to rows of numbers, in place.
    pub(crate) fn apply(&self, numbers: &mut [f64]) {
        match self {
            Self::Subtract(c) => subtract_all(numbers, c),
            Self::Divide(c) => divide_all(numbers, c),
            Self::Multiply(c) => multiply_all(numbers, c),
            Self::Add(c) => add_all(numbers, c),
            Self::Clip { low, high } => {
                for x in numbers {
                    if *x < *low {
                        *x = *low;
                    }
                    if *x > *high {
                        *x = *high;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_run_column_by_column() {
        let mut block = [1.0, 2.0, 3.0, f64::NAN];
        Arithmetic::Subtract(vec![1.0, 0.5]).apply(&mut block);
        Arithmetic::Divide(vec![2.0, 3.0]).apply(&mut block);
        assert_eq!(block[..3], [0.0, 0.5, 1.0]);
        assert!(block[3].is_nan());
        let mut block = [-1.0, 0.5, 7.0, f64::NAN];
        Arithmetic::Clip { low: 0.0, high: 1.0 }.apply(&mut block);
        assert_eq!(block[..3], [0.0, 0.5, 1.0]);
        assert!(block[3].is_nan());
    }
}
