//! Numbers side by side, on which one operation is done at once.
//!
//! The compiler finds such operations in plain loops by itself, but not reliably where sums have to stay in registers.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::real::Real;

/// How many numbers.
pub(crate) const LANES: usize = 16;

/// [`LANES`] numbers.
pub(crate) trait Lanes<T>: Copy {
    fn splat(x: T) -> Self;
    fn load(numbers: &[T; LANES]) -> Self;
    fn store(self, numbers: &mut [T; LANES]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
}

impl<T: Real> Lanes<T> for [T; LANES] {
    #[inline(always)]
    fn splat(x: T) -> Self {
        [x; LANES]
    }

    #[inline(always)]
    fn load(numbers: &[T; LANES]) -> Self {
        *numbers
    }

    #[inline(always)]
    fn store(self, numbers: &mut [T; LANES]) {
        *numbers = self;
    }

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        self.iter_mut().zip(other).for_each(|(x, y)| *x += y);
        self
    }

    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        self.iter_mut().zip(other).for_each(|(x, y)| *x -= y);
        self
    }

    #[inline(always)]
    fn mul(mut self, other: Self) -> Self {
        self.iter_mut().zip(other).for_each(|(x, y)| *x *= y);
        self
    }
}

/// Registers of an instruction set. They are made and used in functions that are compiled for it alone, which run where
/// the processor has it: that is what all `unsafe` here rests on.
#[cfg(target_arch = "x86_64")]
macro_rules! registers {
    ($name:ident: $count:literal x $register:ty, $float:ty, $splat:ident $load:ident $store:ident $add:ident $sub:ident $mul:ident) => {
        #[derive(Clone, Copy)]
        pub(crate) struct $name([$register; $count]);

        impl $name {
            #[inline(always)]
            fn both(
                mut self,
                other: Self,
                operation: impl Fn(usize, $register, $register) -> $register,
            ) -> Self {
                for at in 0..$count {
                    self.0[at] = operation(at, self.0[at], other.0[at]);
                }
                self
            }
        }

        impl Lanes<$float> for $name {
            #[inline(always)]
            fn splat(x: $float) -> Self {
                // SAFETY: the instruction set is there, as for all registers.
                Self([unsafe { $splat(x) }; $count])
            }

            #[inline(always)]
            fn load(numbers: &[$float; LANES]) -> Self {
                let (parts, _) = numbers.as_chunks::<{ LANES / $count }>();
                let mut registers = Self::splat(0.0);
                for at in 0..$count {
                    // SAFETY: the instruction set is there, and as many numbers as the register holds.
                    registers.0[at] = unsafe { $load(parts[at].as_ptr()) };
                }
                registers
            }

            #[inline(always)]
            fn store(self, numbers: &mut [$float; LANES]) {
                let (parts, _) = numbers.as_chunks_mut::<{ LANES / $count }>();
                for at in 0..$count {
                    // SAFETY: the instruction set is there, and as many numbers as the register holds.
                    unsafe { $store(parts[at].as_mut_ptr(), self.0[at]) };
                }
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: the instruction set is there.
                self.both(other, |_, x, y| unsafe { $add(x, y) })
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: the instruction set is there.
                self.both(other, |at, x, y| unsafe { $sub(at, x, y) })
            }

            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                // SAFETY: the instruction set is there.
                self.both(other, |_, x, y| unsafe { $mul(x, y) })
            }
        }
    };
}

/// `x - y`, in every second register as `1 x - y`, which is the same: where adders are apart from multipliers, both are
/// busy then.
#[cfg(target_arch = "x86_64")]
macro_rules! subtraction {
    ($name:ident, $set:literal, $register:ty, $sub:ident) => {
        #[target_feature(enable = $set)]
        #[inline]
        fn $name(_: usize, x: $register, y: $register) -> $register {
            $sub(x, y)
        }
    };
    ($name:ident, $set:literal, $register:ty, $sub:ident or $fused:ident $splat:ident) => {
        #[target_feature(enable = $set)]
        #[inline]
        fn $name(at: usize, x: $register, y: $register) -> $register {
            if at.is_multiple_of(2) { $sub(x, y) } else { $fused($splat(1.0), x, y) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
subtraction!(sub_avx2_singles, "avx2", __m256, _mm256_sub_ps);
#[cfg(target_arch = "x86_64")]
subtraction!(sub_avx2_doubles, "avx2", __m256d, _mm256_sub_pd);
#[cfg(target_arch = "x86_64")]
subtraction!(sub_avx512_singles, "avx512f", __m512, _mm512_sub_ps);
#[cfg(target_arch = "x86_64")]
subtraction!(sub_avx512_doubles, "avx512f", __m512d, _mm512_sub_pd or _mm512_fmsub_pd _mm512_set1_pd);

#[cfg(target_arch = "x86_64")]
registers!(Avx2Singles: 2 x __m256, f32, _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps sub_avx2_singles _mm256_mul_ps);
#[cfg(target_arch = "x86_64")]
registers!(Avx2Doubles: 4 x __m256d, f64, _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_add_pd sub_avx2_doubles _mm256_mul_pd);
#[cfg(target_arch = "x86_64")]
registers!(Avx512Singles: 1 x __m512, f32, _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps sub_avx512_singles _mm512_mul_ps);
#[cfg(target_arch = "x86_64")]
registers!(Avx512Doubles: 2 x __m512d, f64, _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_add_pd sub_avx512_doubles _mm512_mul_pd);
