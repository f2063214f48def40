//! Rows divided by their norm.

use super::Accepts;
use crate::error::ModelError;
use crate::infer::{Column, Facts};

/// Divides each row by its norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalize {
    /// Which norm.
    pub norm: Norm,
    /// Rows with a smaller norm than this stay as they are, and so do rows of zeros. scikit-learn from 1.0 on
    /// spares rows with a norm below ten float64 epsilons.
    pub smallest: f64,
}

/// The norm that a row is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Sum of absolute values.
    L1,
    /// Euclidean norm.
    L2,
    /// Largest absolute value.
    Max,
}

impl Normalize {
    pub(crate) fn infer(self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        let accepted = facts.numbers(columns, Accepts::FINITE)?;
        Ok(accepted.into_iter().map(Column::computed).collect())
    }

    /// Divides rows of `width` numbers by their norms, in place.
    pub(crate) fn apply(self, numbers: &mut [f64], width: usize) {
        for row in numbers.chunks_exact_mut(width.max(1)) {
            let norm = match self.norm {
                Norm::L1 => row.iter().map(|x| x.abs()).sum::<f64>(),
                Norm::L2 => row.iter().map(|x| x * x).sum::<f64>().sqrt(),
                Norm::Max => row.iter().fold(0.0, |most: f64, x| most.max(x.abs())),
            };
            if norm != 0.0 && norm >= self.smallest {
                row.iter_mut().for_each(|x| *x /= norm);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_those_of_scikit_learn() {
        for (norm, expected) in
            [(Norm::L1, [3.0 / 7.0, -4.0 / 7.0]), (Norm::L2, [0.6, -0.8]), (Norm::Max, [0.75, -1.0])]
        {
            let mut block = [3.0, -4.0, 0.0, 0.0];
            Normalize { norm, smallest: 0.0 }.apply(&mut block, 2);
            assert_eq!(block, [expected[0], expected[1], 0.0, 0.0]);
        }
        let mut block = [1e-16, 0.0];
        Normalize { norm: Norm::L2, smallest: 2.2e-15 }.apply(&mut block, 2);
        assert_eq!(block, [1e-16, 0.0]);
    }
}
