//! What a processor has beyond the least of its kind.

/// Instructions that code is compiled for. The results are the same with all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instructions {
    /// What every processor of this kind has.
    Least,
    /// AVX2, and counts of bits.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 for floats and bytes, and counts of bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Instructions {
    /// All that this processor has, the best last.
    pub(super) fn available() -> impl Iterator<Item = Self> {
        let all = [
            Some(Self::Least),
            #[cfg(target_arch = "x86_64")]
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")).then_some(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("popcnt"))
            .then_some(Self::Avx512),
        ];
        all.into_iter().flatten()
    }
}

impl Default for Instructions {
    /// The best that this processor has.
    fn default() -> Self {
        Self::available().last().unwrap_or(Self::Least)
    }
}
