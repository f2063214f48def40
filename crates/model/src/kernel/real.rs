//! The two float types, for code that is the same in both.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// A buffer of each type.
#[derive(Debug, Default)]
pub(crate) struct Floats {
    singles: Vec<f32>,
    doubles: Vec<f64>,
}

/// `f32` or `f64`.
pub(crate) trait Real:
    Copy
    + Default
    + PartialOrd
    + Send
    + Sync
    + std::fmt::Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + Sum
    + 'static
{
    const ONE: Self;
    const NEGATIVE_INFINITY: Self;
    /// Rounds to the nearest.
    fn of(value: f64) -> Self;
    /// The largest number of this type that is not above `value`.
    fn rounded_down(value: f64) -> Self;
    fn to_f64(self) -> f64;
    fn is_finite(self) -> bool;
    fn is_nan(self) -> bool;
    fn exp(self) -> Self;
    fn tanh(self) -> Self;
    /// The buffer of this type.
    fn buffer(floats: &mut Floats) -> &mut Vec<Self>;
    /// The larger of two numbers, NaN only if `self` is.
    fn larger(self, other: Self) -> Self {
        if self < other { other } else { self }
    }
}

macro_rules! real {
    ($float:ty, $buffer:ident) => {
        impl Real for $float {
            const ONE: Self = 1.0;
            const NEGATIVE_INFINITY: Self = Self::NEG_INFINITY;

            #[inline]
            fn of(value: f64) -> Self {
                value as Self
            }

            #[inline]
            fn rounded_down(value: f64) -> Self {
                let nearest = value as Self;
                if f64::from(nearest) > value { nearest.next_down() } else { nearest }
            }

            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline]
            fn is_finite(self) -> bool {
                Self::is_finite(self)
            }

            #[inline]
            fn is_nan(self) -> bool {
                Self::is_nan(self)
            }

            #[inline]
            fn exp(self) -> Self {
                Self::exp(self)
            }

            #[inline]
            fn tanh(self) -> Self {
                Self::tanh(self)
            }

            #[inline]
            fn buffer(floats: &mut Floats) -> &mut Vec<Self> {
                &mut floats.$buffer
            }
        }
    };
}

real!(f32, singles);
real!(f64, doubles);
