//! Sums of gradients per bin, in integers: exact, so that they depend neither on order nor on threads.
//!
//! Source: Shi et al., "Quantized Training of Gradient Boosting Decision Trees" (2022), with 16 bits in place of the
//! few of the paper, so that nothing has to be renewed in the leaves. First and second derivative travel in one
//! word and are added at once.

use super::bins::{MISSING, Shard};
use crate::random::hash;

/// A row that takes part in a tree: its number in its shard, and its quantised derivatives.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    /// Number of the row within its shard.
    pub(super) row: u32,
    /// The first derivative in the upper half as `i16`, the second in the lower half as `u16`.
    derivatives: u32,
}

impl Entry {
    /// The derivatives, far enough apart to add 2^15 of them.
    fn spread(self) -> u64 {
        let first = i64::from((self.derivatives as i32) >> 16);
        ((first << 32) as u64).wrapping_add(u64::from(self.derivatives & 0xffff))
    }
}

/// Most rows whose spread derivatives may be added up.
pub(super) const MOST_ADDED: usize = 1 << 15;

/// What one unit of the quantised derivatives is worth. Powers of two, so that small integers stay exact.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// Of first derivatives.
    pub(super) first: f64,
    /// Of second derivatives.
    pub(super) second: f64,
}

impl Scale {
    /// For derivatives up to these magnitudes.
    pub(super) fn new(first: f32, second: f32) -> Self {
        let unit = |largest: f32, units: f64| {
            let least = f64::from(largest) / units;
            if least > 0.0 { least.log2().ceil().exp2() } else { 1.0 }
        };
        Self { first: unit(first, f64::from(i16::MAX)), second: unit(second, f64::from(u16::MAX)) }
    }

    /// Derivatives in units, rounded up or down at random so that sums are right on average.
    pub(super) fn quantise(self, row: u32, first: f32, second: f32, random: u64) -> Entry {
        const UNIT: f64 = 1.0 / 4_294_967_296.0;
        let (up, down) = (random >> 32, random & 0xffff_ffff);
        let first = (f64::from(first) / self.first + up as f64 * UNIT).floor() as i16;
        let second = (f64::from(second) / self.second + down as f64 * UNIT).floor() as u16;
        Entry { row, derivatives: (u32::from(first as u16) << 16) | u32::from(second) }
    }

    /// The random number of a row.
    pub(super) fn random(seed: u64, row: usize) -> u64 {
        hash(seed, row as u64)
    }
}

/// Sums of quantised derivatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sums {
    /// Of first derivatives.
    pub(super) first: i64,
    /// Of second derivatives.
    pub(super) second: i64,
}

impl Sums {
    /// Both sums of spread derivatives.
    fn of(spread: u64) -> Self {
        Self { first: (spread as i64) >> 32, second: (spread & 0xffff_ffff) as i64 }
    }

    /// Of these entries.
    pub(super) fn of_entries<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        entries.fold(Self::default(), |sums, entry| sums + Self::of(entry.spread()))
    }

    /// Whether nothing was added.
    pub(super) fn is_zero(self) -> bool {
        self == Self::default()
    }
}

impl std::ops::Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { first: self.first + other.first, second: self.second + other.second }
    }
}

impl std::ops::Sub for Sums {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { first: self.first - other.first, second: self.second - other.second }
    }
}

/// The sums of one feature's bins.
pub(super) type OfFeature = [Sums; 256];

/// The sums of spread derivatives of at most [`MOST_ADDED`] rows: `features x 256`.
pub(super) type Partial = Vec<[u64; 256]>;

/// Rows whose bins are fetched at once: the processor then waits for many of them at the same time.
const FETCHED: usize = 32;

/// Adds entries of a shard to a histogram of all features.
pub(super) fn add_all(shard: &Shard, entries: &[Entry], buffer: &mut Vec<u8>, sums: &mut [[u64; 256]]) {
    let width = sums.len();
    buffer.resize(FETCHED * width, 0);
    for entries in entries.chunks(FETCHED) {
        for (row, entry) in buffer.chunks_exact_mut(width).zip(entries) {
            row.copy_from_slice(&shard.by_row[entry.row as usize * width..][..width]);
        }
        for (row, entry) in buffer.chunks_exact(width).zip(entries) {
            let spread = entry.spread();
            for (of_feature, bin) in sums.iter_mut().zip(row) {
                let sum = &mut of_feature[usize::from(*bin)];
                *sum = sum.wrapping_add(spread);
            }
        }
    }
}

/// Adds entries of a shard to a histogram of some features.
pub(super) fn add_some(shard: &Shard, entries: &[Entry], features: &[u32], sums: &mut [[u64; 256]]) {
    let width = shard.by_row.len() / shard.rows.max(1);
    for entry in entries {
        let row = &shard.by_row[entry.row as usize * width..][..width];
        let spread = entry.spread();
        for (of_feature, feature) in sums.iter_mut().zip(features) {
            let sum = &mut of_feature[usize::from(row[*feature as usize])];
            *sum = sum.wrapping_add(spread);
        }
    }
}

/// Adds the sums of one feature from parts, and subtracts them from the parent's: `small` gets those of the child
/// that was added up, `parent` becomes those of its sibling.
pub(super) fn share(
    parts: &[Partial],
    position: usize,
    bins: usize,
    small: &mut OfFeature,
    parent: &mut OfFeature,
) {
    gather(parts, position, bins, small);
    for bin in (0..bins).chain([usize::from(MISSING)]) {
        parent[bin] = parent[bin] - small[bin];
    }
}

/// Adds the sums of one feature from parts.
pub(super) fn gather(parts: &[Partial], position: usize, bins: usize, sums: &mut OfFeature) {
    for (number, part) in parts.iter().enumerate() {
        let part = &part[position];
        for bin in (0..bins).chain([usize::from(MISSING)]) {
            let of_part = Sums::of(part[bin]);
            sums[bin] = if number == 0 { of_part } else { sums[bin] + of_part };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_sums_hold_both_derivatives_at_their_extremes() {
        let scale = Scale { first: 1.0, second: 1.0 };
        for (first, second) in [(32767.0, 65535.0), (-32767.0, 65535.0), (-32767.0, 0.0), (-1.0, 1.0)] {
            let entry = scale.quantise(0, first, second, 0);
            let sum = (0..MOST_ADDED).fold(0u64, |sum, _| sum.wrapping_add(entry.spread()));
            let expected =
                Sums { first: first as i64 * MOST_ADDED as i64, second: second as i64 * MOST_ADDED as i64 };
            assert_eq!(Sums::of(sum), expected);
        }
    }

    #[test]
    fn rounding_is_right_on_average_and_exact_for_small_integers() {
        let scale = Scale::new(1000.0, 3.0);
        let mut sums = Sums::default();
        let rows = 20_000;
        for row in 0..rows {
            let entry = scale.quantise(row, 0.01, 2.0, Scale::random(7, row as usize));
            sums = sums + Sums::of(entry.spread());
        }
        assert_eq!(sums.second as f64 * scale.second, 2.0 * f64::from(rows));
        let mean = sums.first as f64 * scale.first / f64::from(rows);
        assert!((mean - 0.01).abs() < 5e-4, "{mean}");
    }
}
