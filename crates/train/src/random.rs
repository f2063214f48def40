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

/// Random numbers one after another.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    seed: u64,
    position: u64,
}

impl Stream {
    /// From the first one on.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, position: 0 }
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.position += 1;
        hash(self.seed, self.position)
    }

    /// From 0 up to, but not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// Puts things into an order that looks random.
    ///
    /// Source: Knuth, "The Art of Computer Programming", volume 2, algorithm P.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, self.below(at + 1));
        }
    }
}
