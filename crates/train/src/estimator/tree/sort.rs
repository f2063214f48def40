//! Keys in the order of their ranks.

use super::columns::MISSING;

/// From so many keys on they are counted; fewer are compared.
const COUNTED: usize = 512;
/// Bits of a digit: its counts stay in a processor's first cache.
const DIGIT: u32 = 11;

/// Sorts keys, whose upper halves are ranks.
#[derive(Debug, Default)]
pub(super) struct Sorter {
    other: Vec<u64>,
    starts: Vec<u32>,
}

impl Sorter {
    /// Sorts keys by their ranks, which are below `ranks` or missing, those last. The order of equal ones is the same every
    /// time.
    ///
    /// Source: Knuth, "The Art of Computer Programming", volume 3, section 5.2.5 (radix sorting from the last digit on).
    pub(super) fn sort(&mut self, keys: &mut Vec<u64>, ranks: usize) {
        let bits = usize::BITS - ranks.leading_zeros();
        let passes = bits.div_ceil(DIGIT);
        if keys.len() < COUNTED << (2 * passes.saturating_sub(2)) {
            keys.sort_unstable();
            return;
        }
        let width = bits.div_ceil(passes.max(1));
        let mask = (1_u32 << width) - 1;
        self.other.resize(keys.len(), 0);
        for pass in 0..passes {
            let digit = |key: u64| {
                let rank = (key >> 32) as u32;
                let rank = if rank == MISSING { ranks as u32 } else { rank };
                (rank >> (pass * width) & mask) as usize
            };
            self.starts.clear();
            self.starts.resize(1 << width, 0);
            keys.iter().for_each(|key| self.starts[digit(*key)] += 1);
            let mut next = 0;
            for start in &mut self.starts {
                next += std::mem::replace(start, next);
            }
            for key in keys.iter() {
                let place = &mut self.starts[digit(*key)];
                self.other[*place as usize] = *key;
                *place += 1;
            }
            std::mem::swap(keys, &mut self.other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn ranks_ascend_and_nothing_is_lost() {
        let mut random = Stream::new(3);
        let mut sorter = Sorter::default();
        for (count, ranks) in
            [(10, 4), (600, 3), (600, 1), (5000, 2047), (5000, 2048), (100_000, 60_000), (70_000, 5_000_000)]
        {
            let rank = |random: &mut Stream| match random.below(20) {
                0 => MISSING,
                _ => random.below(ranks) as u32,
            };
            let mut keys: Vec<u64> =
                (0..count).map(|place| u64::from(rank(&mut random)) << 32 | place as u64).collect();
            let mut expected = keys.clone();
            expected.sort_unstable();
            sorter.sort(&mut keys, ranks);
            assert_eq!(keys, expected, "{count} keys of {ranks} ranks");
        }
    }
}
