//! Functions of one number, as numpy defines them.

use super::Accepts;
use crate::error::ModelError;
use crate::infer::{Column, Facts};

/// A function of one number, as numpy defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is numpy's function of the same name")]
pub enum Function {
    Absolute,
    Cbrt,
    Exp,
    Exp2,
    Expm1,
    Log,
    Log10,
    Log1p,
    Log2,
    Negative,
    Reciprocal,
    Sign,
    Sin,
    Cos,
    Tan,
    Tanh,
    Sqrt,
    Square,
    Floor,
    Ceil,
    Rint,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `ln(x / (1 - x))`.
    Logit,
    /// Rounds to float32 and back.
    Float32,
}

impl Function {
    pub(crate) fn infer(columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        let accepted = facts.numbers(columns, Accepts::ALL)?;
        Ok(accepted.into_iter().map(Column::computed).collect())
    }

    /// The function of every number, in place.
    pub(crate) fn apply(self, numbers: &mut [f64]) {
        for x in numbers {
            *x = self.of(*x);
        }
    }

    fn of(self, x: f64) -> f64 {
        match self {
            Self::Absolute => x.abs(),
            Self::Cbrt => x.cbrt(),
            Self::Exp => x.exp(),
            Self::Exp2 => x.exp2(),
            Self::Expm1 => x.exp_m1(),
            Self::Log => x.ln(),
            Self::Log10 => x.log10(),
            Self::Log1p => x.ln_1p(),
            Self::Log2 => x.log2(),
            Self::Negative => -x,
            Self::Reciprocal => 1.0 / x,
            // Rust's signum gives 1 for 0.
            Self::Sign if x == 0.0 => 0.0,
            Self::Sign => x.signum(),
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Tan => x.tan(),
            Self::Tanh => x.tanh(),
            Self::Sqrt => x.sqrt(),
            Self::Square => x * x,
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Rint => x.round_ties_even(),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Logit => (x / (1.0 - x)).ln(),
            Self::Float32 => f64::from(x as f32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_agree_with_numpy_where_languages_differ() {
        assert_eq!([Function::Sign.of(0.0), Function::Sign.of(-3.0)], [0.0, -1.0]);
        assert!(Function::Sign.of(f64::NAN).is_nan());
        assert_eq!([Function::Rint.of(0.5), Function::Rint.of(1.5)], [0.0, 2.0]);
        assert_eq!(Function::Log.of(0.0), f64::NEG_INFINITY);
        assert!(Function::Log1p.of(-2.0).is_nan());
        assert_eq!(Function::Float32.of(0.1), 0.100_000_001_490_116_12);
    }
}
