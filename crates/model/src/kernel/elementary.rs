//! Functions of many numbers at once: `exp` and `tanh` without tables, branches or calls, so that they are computed side by side.
//!
//! The argument is reduced to `x = k ln 2 + r` with `|r| <= ln 2 / 2`, where a polynomial gives `exp(r) - 1`, as in
//! fdlibm's `e_exp.c` and `s_expm1.c`. Results are within one unit in the last place of the exact ones, for `tanh` within
//! two, and the same on every processor.

use super::instructions::{Instructions, for_each_instruction_set};
use super::real::Real;

const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// `ln 2` in two parts, the first with so few digits that its products with exponents are exact.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Added to a number below 2^51, leaves no digits after the point, and the number's integer in the lowest bits.
const TO_INTEGER: f64 = 6_755_399_441_055_744.0;
/// `(exp(r) - 1 - r) / r^2` for `|r| <= ln 2 / 2`, by interpolation at Chebyshev's nodes: within 2^-61.
const TERMS: [f64; 11] = [
    0.5,
    0.166_666_666_666_666_7,
    0.041_666_666_666_666_67,
    0.008_333_333_333_326_136,
    0.001_388_888_888_888_374_8,
    0.000_198_412_698_748_206_27,
    2.480_158_732_554_774_3e-5,
    2.755_725_540_020_642_2e-6,
    2.755_727_364_311_03e-7,
    2.510_521_700_472_074_5e-8,
    2.091_468_696_808_689e-9,
];

/// Numbers that are looked at together: they stay in the first cache.
const STRETCH: usize = 256;

for_each_instruction_set! {
    /// Replaces numbers `x` by `exp(factor x)`.
    fn exponentials(factor: f64, numbers: &mut [f64]) {
        portable: exp_each(factor, numbers),
        avx2: exp_each(factor, numbers),
        avx512: exp_each(factor, numbers),
    }
}

for_each_instruction_set! {
    /// Replaces numbers by their hyperbolic tangents.
    fn hyperbolic_tangents(numbers: &mut [f64]) {
        portable: each(numbers, tanh),
        avx2: each(numbers, tanh),
        avx512: each(numbers, tanh),
    }
}

for_each_instruction_set! {
    /// Replaces negative numbers by 0.
    fn rectified[T: Real](numbers: &mut [T]) {
        portable: each(numbers, rectify),
        avx2: each(numbers, rectify),
        avx512: each(numbers, rectify),
    }
}

/// An operation with constants.
macro_rules! with_constants {
    ($name:ident, $all:ident, $operation:expr) => {
        for_each_instruction_set! {
            /// The operation of numbers with constants, which are repeated as often as needed.
            fn $name(numbers: &mut [f64], constants: &[f64]) {
                portable: each_with(numbers, constants, $operation),
                avx2: each_with(numbers, constants, $operation),
                avx512: each_with(numbers, constants, $operation),
            }
        }

        /// The operation of numbers with constants, which are repeated as often as needed.
        pub(crate) fn $all(numbers: &mut [f64], constants: &[f64]) {
            $name(Instructions::widest(), numbers, constants);
        }
    };
}

with_constants!(sums, add_all, |x, c| x + c);
with_constants!(differences, subtract_all, |x, c| x - c);
with_constants!(products, multiply_all, |x, c| x * c);
with_constants!(quotients, divide_all, |x, c| x / c);

/// Replaces numbers `x` by `exp(factor x)`.
pub(crate) fn exp_all(factor: f64, numbers: &mut [f64]) {
    exponentials(Instructions::widest(), factor, numbers);
}

/// Replaces numbers by their hyperbolic tangents.
pub(crate) fn tanh_all(numbers: &mut [f64]) {
    hyperbolic_tangents(Instructions::widest(), numbers);
}

/// Replaces negative numbers by 0; NaN stays.
pub(crate) fn rectify_all<T: Real>(numbers: &mut [T]) {
    rectified(Instructions::widest(), numbers);
}

#[inline(always)]
fn rectify<T: Real>(x: T) -> T {
    x.larger(T::default())
}

#[inline(always)]
fn each<T: Copy>(numbers: &mut [T], function: impl Fn(T) -> T) {
    for x in numbers {
        *x = function(*x);
    }
}

#[inline(always)]
fn each_with(numbers: &mut [f64], constants: &[f64], operation: impl Fn(f64, f64) -> f64) {
    for numbers in numbers.chunks_mut(constants.len().max(1)) {
        for (x, c) in numbers.iter_mut().zip(constants) {
            *x = operation(*x, *c);
        }
    }
}

#[inline(always)]
fn exp_each(factor: f64, numbers: &mut [f64]) {
    for numbers in numbers.chunks_mut(STRETCH) {
        let mut ordinary = true;
        for x in &mut *numbers {
            *x *= factor;
            ordinary &= x.abs() < 708.0;
        }
        if ordinary {
            each(numbers, ordinary_exp);
        } else {
            each(numbers, exp);
        }
    }
}

/// `k` with [`TO_INTEGER`] added, and `exp(r) - 1`, for a number of which `k` has at most 11 bits.
#[inline(always)]
fn reduced(x: f64) -> (f64, f64) {
    let shifted = x * LOG2_E + TO_INTEGER;
    let k = shifted - TO_INTEGER;
    let (high, low) = (x - k * LN_2_HIGH, k * LN_2_LOW);
    let r = high - low;
    let lost = (high - r) - low;
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10] = TERMS;
    let (r2, r4) = (r * r, (r * r) * (r * r));
    let first = (c0 + c1 * r) + (c2 + c3 * r) * r2;
    let second = (c4 + c5 * r) + (c6 + c7 * r) * r2;
    let third = (c8 + c9 * r) + c10 * r2;
    let terms = first + (second + third * r4) * r4;
    (shifted, r + (r2 * terms + lost))
}

/// `2^k` of a `k` with [`TO_INTEGER`] added.
#[inline(always)]
fn power_of_two(shifted: f64) -> f64 {
    f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

/// `exp(x)` of an `x` between -708 and 708, the same as [`exp`] gives.
#[inline(always)]
fn ordinary_exp(x: f64) -> f64 {
    let (shifted, rest) = reduced(x);
    (1.0 + rest) * power_of_two(shifted)
}

#[inline(always)]
fn exp(x: f64) -> f64 {
    // Beyond these bounds nothing but 0 and infinity follows; NaN is beyond neither.
    let x = if x < -746.0 { -746.0 } else { x };
    let x = if x > 710.0 { 710.0 } else { x };
    let (shifted, rest) = reduced(x);
    // In two factors: the power itself may be out of range where the result is not.
    let k = shifted - TO_INTEGER;
    let half = k * 0.5 + TO_INTEGER;
    let other = (k - (half - TO_INTEGER)) + TO_INTEGER;
    ((1.0 + rest) * power_of_two(half)) * power_of_two(other)
}

#[inline(always)]
fn tanh(x: f64) -> f64 {
    let size = x.abs();
    // From here on it is 1.
    let size = if size > 22.0 { 22.0 } else { size };
    let (shifted, rest) = reduced(2.0 * size);
    let power = power_of_two(shifted);
    // exp(2 |x|) - 1.
    let above_one = power * rest + (power - 1.0);
    let large = size > 0.5;
    let quotient = (if large { 2.0 } else { above_one }) / (above_one + 2.0);
    (if large { 1.0 - quotient } else { quotient }).copysign(x)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How many numbers lie between two, and one more; 0 for equal ones.
    fn apart(a: f64, b: f64) -> u64 {
        if a.is_nan() && b.is_nan() {
            return 0;
        }
        let place = |x: f64| if x.is_sign_negative() { !x.to_bits() } else { x.to_bits() | 1 << 63 };
        if a == b { 0 } else { place(a).abs_diff(place(b)) }
    }

    fn number() -> impl Strategy<Value = f64> {
        let special =
            [0.0, -0.0, 1.0, -745.2, -708.5, 709.79, 1e-300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        prop_oneof![
            -1.0..1.0,
            -30.0..30.0,
            -760.0..720.0,
            any::<f64>(),
            proptest::sample::select(special.to_vec()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

        #[test]
        fn ordinary_numbers_have_the_same_exponentials(x in -708.0..708.0) {
            prop_assert_eq!(ordinary_exp(x).to_bits(), exp(x).to_bits());
        }

        #[test]
        fn functions_are_exact_to_the_last_place_with_every_instruction_set(
            numbers in proptest::collection::vec(number(), 1..20),
        ) {
            let mut all = Vec::new();
            for instructions in Instructions::all() {
                let (mut exps, mut tanhs) = (numbers.clone(), numbers.clone());
                exponentials(instructions, 1.0, &mut exps);
                hyperbolic_tangents(instructions, &mut tanhs);
                for ((x, exp), tanh) in numbers.iter().zip(&exps).zip(&tanhs) {
                    prop_assert!(apart(*exp, x.exp()) <= 1, "exp({x:e}) is not {exp:e}");
                    // The library's own is up to two places from the exact one.
                    prop_assert!(apart(*tanh, x.tanh()) <= 3, "tanh({x:e}) is not {tanh:e}");
                    prop_assert!(tanh.is_nan() || tanh.is_sign_negative() == x.is_sign_negative());
                }
                let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                all.push((bits(&exps), bits(&tanhs)));
            }
            prop_assert!(all.iter().all(|bits| *bits == all[0]));
        }
    }
}
