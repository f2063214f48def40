//! Functions compiled for several instruction sets, of which one is chosen when they run.
//!
//! Rust neither reorders floating-point operations nor fuses them, so that one function gives the same bits with every
//! instruction set.

/// An instruction set that this processor has: there is no other way to get one than to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instructions(Level);

/// How wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// What every processor of the target has.
    Portable,
    /// AVX2, and counts of bits.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 for numbers of all widths, also in shorter registers, and counts of bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Instructions {
    /// The widest.
    #[inline]
    pub(super) fn widest() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if has_avx512() {
                return Self(Level::Avx512);
            }
            if has_avx2() {
                return Self(Level::Avx2);
            }
        }
        Self(Level::Portable)
    }

    /// All of them, narrowest first.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![Self(Level::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(has_avx2().then_some(Self(Level::Avx2)));
            all.extend(has_avx512().then_some(Self(Level::Avx512)));
        }
        all
    }

    #[inline]
    pub(super) fn level(self) -> Level {
        self.0
    }
}

impl Default for Instructions {
    fn default() -> Self {
        Self::widest()
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("popcnt")
}

/// Defines a function whose first argument is [`Instructions`], with an expression for each level. What the expressions
/// call has to be `#[inline(always)]`: only then is it compiled for the level.
macro_rules! for_each_instruction_set {
    (
        $(#[$attribute:meta])*
        fn $name:ident $([$($generic:ident: $bound:ident),+])? ($($argument:ident: $type:ty),+ $(,)?) {
            portable: $portable:expr,
            avx2: $avx2:expr,
            avx512: $avx512:expr $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[allow(unsafe_code)]
        pub(super) fn $name $(<$($generic: $bound),+>)? (
            instructions: $crate::kernel::instructions::Instructions,
            $($argument: $type),+
        ) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,popcnt")]
            fn avx2 $(<$($generic: $bound),+>)? ($($argument: $type),+) {
                $avx2
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
            fn avx512 $(<$($generic: $bound),+>)? ($($argument: $type),+) {
                $avx512
            }

            match instructions.level() {
                $crate::kernel::instructions::Level::Portable => $portable,
                // SAFETY: `Instructions` of this level exist only on processors that have it.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::instructions::Level::Avx2 => unsafe {
                    avx2 $(::<$($generic),+>)? ($($argument),+)
                },
                // SAFETY: the same.
                #[cfg(target_arch = "x86_64")]
                $crate::kernel::instructions::Level::Avx512 => unsafe {
                    avx512 $(::<$($generic),+>)? ($($argument),+)
                },
            }
        }
    };
}

pub(super) use for_each_instruction_set;
