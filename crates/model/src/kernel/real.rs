//! The two float types, for code that is the same in both.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

use super::elementary;
#[cfg(target_arch = "x86_64")]
use super::lanes::{self, Lanes};

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
    + SubAssign
    + MulAssign
    + Sum
    + 'static
{
    /// Numbers side by side in registers of AVX2.
    #[cfg(target_arch = "x86_64")]
    type Avx2: Lanes<Self>;
    /// Numbers side by side in registers of AVX-512.
    #[cfg(target_arch = "x86_64")]
    type Avx512: Lanes<Self>;
    const ONE: Self;
    const NEGATIVE_INFINITY: Self;
    /// Rounds to the nearest.
    fn of(value: f64) -> Self;
    /// The largest number of this type that is not above `value`.
    fn rounded_down(value: f64) -> Self;
    fn to_f64(self) -> f64;
    fn is_finite(self) -> bool;
    fn is_nan(self) -> bool;
    /// Replaces numbers `x` by `exp(factor x)`.
    fn exp_all(factor: f64, numbers: &mut [Self]);
    /// Replaces numbers by their hyperbolic tangents.
    fn tanh_all(numbers: &mut [Self]);
    /// The buffer of this type.
    fn buffer(floats: &mut Floats) -> &mut Vec<Self>;
    /// The larger of two numbers, NaN only if `self` is.
    #[inline]
    fn larger(self, other: Self) -> Self {
        if self < other { other } else { self }
    }
}

macro_rules! real {
    ($float:ty, $buffer:ident, $avx2:ident, $avx512:ident, $in_doubles:expr) => {
        impl Real for $float {
            #[cfg(target_arch = "x86_64")]
            type Avx2 = lanes::$avx2;
            #[cfg(target_arch = "x86_64")]
            type Avx512 = lanes::$avx512;
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

            fn exp_all(factor: f64, numbers: &mut [Self]) {
                $in_doubles(numbers, |numbers: &mut [f64]| elementary::exp_all(factor, numbers));
            }

            fn tanh_all(numbers: &mut [Self]) {
                $in_doubles(numbers, elementary::tanh_all);
            }

            #[inline]
            fn buffer(floats: &mut Floats) -> &mut Vec<Self> {
                &mut floats.$buffer
            }
        }
    };
}

real!(f32, singles, Avx2Singles, Avx512Singles, in_doubles);
real!(f64, doubles, Avx2Doubles, Avx512Doubles, as_they_are);

/// Applies a function of float64 to float64.
fn as_they_are(numbers: &mut [f64], function: impl Fn(&mut [f64])) {
    function(numbers);
}

/// Applies a function of float64 to float32.
fn in_doubles(numbers: &mut [f32], function: impl Fn(&mut [f64])) {
    let mut doubles = [0.0; 64];
    for numbers in numbers.chunks_mut(doubles.len()) {
        let doubles = &mut doubles[..numbers.len()];
        doubles.iter_mut().zip(&*numbers).for_each(|(double, x)| *double = f64::from(*x));
        function(doubles);
        numbers.iter_mut().zip(doubles).for_each(|(x, double)| *x = *double as f32);
    }
}
