//! Random numbers that depend on nothing but a seed and a position.

/// A number that looks random, of a seed and a position: so that work can be divided among threads in any way.
///
/// Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (2014), the finaliser of SplitMix.
pub(crate) fn hash(seed: u64, position: u64) -> u64 {
    let mut x = seed.wrapping_add(position.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
