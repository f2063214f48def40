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
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Instructions {
    /// The widest.
    #[inline]
    pub(super) fn widest() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Self(Level::Avx512);
            }
            if is_x86_feature_detected!("avx2") {
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
            all.extend(is_x86_feature_detected!("avx2").then_some(Self(Level::Avx2)));
            all.extend(is_x86_feature_detected!("avx512f").then_some(Self(Level::Avx512)));
        }
        all
    }

    #[inline]
    pub(super) fn level(self) -> Level {
        self.0
    }
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
            #[target_feature(enable = "avx2")]
            fn avx2 $(<$($generic: $bound),+>)? ($($argument: $type),+) {
                $avx2
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
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
