//! Functions of whole rows.

use super::Accepts;
use crate::error::ModelError;
use crate::infer::{Column, Facts};

/// A function of the numbers of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rowwise {
    /// The mean of the row is subtracted from its numbers.
    Centre,
    /// The numbers are divided by their sum; where that is 0 all become equal, with the sum 1.
    Proportions,
    /// `exp(x_k) / sum exp(x)`, the largest subtracted first.
    Softmax,
    /// The logarithm of that.
    LogSoftmax,
}

impl Rowwise {
    pub(crate) fn infer(self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        let accepted = facts.numbers(columns, Accepts::ALL)?;
        Ok(accepted.into_iter().map(Column::computed).collect())
    }

    /// The function of every row of `width` numbers, in place.
    pub(crate) fn apply(self, numbers: &mut [f64], width: usize) {
        for row in numbers.chunks_exact_mut(width.max(1)) {
            let sum: f64 = row.iter().sum();
            let largest = || row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            match self {
                Self::Centre => row.iter_mut().for_each(|x| *x -= sum / width as f64),
                Self::Proportions if sum == 0.0 => row.fill(1.0 / width as f64),
                Self::Proportions => row.iter_mut().for_each(|x| *x /= sum),
                Self::Softmax => {
                    let largest = largest();
                    row.iter_mut().for_each(|x| *x = (*x - largest).exp());
                    let sum: f64 = row.iter().sum();
                    row.iter_mut().for_each(|x| *x /= sum);
                }
                Self::LogSoftmax => {
                    let largest = largest();
                    let total = row.iter().map(|x| (x - largest).exp()).sum::<f64>().ln() + largest;
                    row.iter_mut().for_each(|x| *x -= total);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_computed_one_by_one() {
        let mut block = [1.0, 3.0, 0.0, 0.0];
        Rowwise::Centre.apply(&mut block, 2);
        assert_eq!(block, [-1.0, 1.0, 0.0, 0.0]);
        let mut block = [1.0, 3.0, 0.0, 0.0];
        Rowwise::Proportions.apply(&mut block, 2);
        assert_eq!(block, [0.25, 0.75, 0.5, 0.5]);
        let mut block = [1000.0, 1000.0];
        Rowwise::Softmax.apply(&mut block, 2);
        assert_eq!(block, [0.5, 0.5]);
        Rowwise::LogSoftmax.apply(&mut block, 2);
        assert!((block[0] + 2f64.ln()).abs() < 1e-15);
    }
}
