//! Functions of one number, as numpy defines them.

use super::Accepts;
use crate::error::ModelError;
use crate::infer::{Column, Facts};

/// A function of one number, as numpy defines it.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    Trunc,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `ln(x / (1 - x))`.
    Logit,
    /// Rounds to float32 and back.
    Float32,
    /// The error function.
    Erf,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `max(x, 0)`.
    Relu,
    /// Without what comes after the point.
    Truncate,
    /// 1 where the number is missing, else 0.
    IsMissing,
    /// 0 where the number is not 0, else 1.
    Not,
    /// The number where it is a whole one, else -1; what is missing stays missing.
    Whole,
    /// 1 above the threshold, else 0.
    Above(f64),
    /// `1 + ln(x)`, and 0 for 0: the sublinear scaling of term frequencies.
    LogFrequency,
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

    /// Whether 0 stays 0.
    pub(crate) fn keeps_zero(self) -> bool {
        self.of(0.0) == 0.0
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
            Self::Trunc => x.trunc(),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Logit => (x / (1.0 - x)).ln(),
            Self::Float32 => f64::from(x as f32),
            Self::Erf => erf(x),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Relu if x < 0.0 => 0.0,
            Self::Relu => x,
            Self::Truncate => x.trunc(),
            Self::Above(threshold) => f64::from(u8::from(x > threshold)),
            Self::IsMissing => f64::from(u8::from(x.is_nan())),
            Self::Not => f64::from(u8::from(x == 0.0)),
            Self::Whole if x.is_nan() || x.fract() == 0.0 => x,
            Self::Whole => -1.0,
            Self::LogFrequency if x == 0.0 => 0.0,
            Self::LogFrequency => x.ln() + 1.0,
        }
    }
}

/// The error function: near 0 its series `2 / sqrt(pi) exp(-x^2) sum 2^n x^(2n + 1) / (2n + 1)!!`, further out the
/// continued fraction of its complement (Abramowitz and Stegun 7.1.6 and 7.1.14).
pub(super) fn erf(x: f64) -> f64 {
    const TERMS: usize = 60;
    let factor = std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp();
    if x.abs() < 3.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..=TERMS {
            term *= 2.0 * x * x / (2 * n + 1) as f64;
            sum += term;
        }
        return factor * sum;
    }
    let distance = x.abs();
    let fraction = (1..=TERMS).rev().fold(distance, |rest, n| distance + n as f64 / 2.0 / rest);
    (1.0 - factor / 2.0 / fraction).copysign(x)
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
        assert_eq!([Function::Whole.of(2.5), Function::Whole.of(-3.0)], [-1.0, -3.0]);
        assert_eq!([Function::Not.of(2.0), Function::IsMissing.of(f64::NAN)], [0.0, 1.0]);
    }

    #[test]
    fn the_error_function_agrees_with_tables() {
        let table = [
            (0.0, 0.0),
            (0.5, 0.520_499_877_813_046_5),
            (-1.0, -0.842_700_792_949_714_9),
            (2.9, 0.999_958_902_121_900_5),
            (3.1, 0.999_988_351_342_632_8),
            (30.0, 1.0),
        ];
        for (x, expected) in table {
            let got = Function::Erf.of(x);
            assert!((got - expected).abs() < 1e-14, "erf({x}) = {got}");
        }
        assert!(Function::Erf.of(f64::NAN).is_nan());
        assert!((Function::Softplus.of(1.0) - 1.313_261_687_518_222_8).abs() < 1e-15);
    }
}
