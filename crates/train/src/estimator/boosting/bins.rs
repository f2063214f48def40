//! Numbers and categories as bytes: what histograms are made over.
//!
//! Bounds between bins are quantiles, as Ke et al. choose them ("LightGBM: A Highly Efficient Gradient Boosting
//! Decision Tree", 2017, and `BinMapper` of its source): values that fill a bin alone get one, the rest is shared
//! evenly.

use rayon::prelude::*;

use crate::random::hash;

/// Most bins of a feature beside the one of missing values.
pub(super) const MOST_BINS: usize = 255;

/// The bin of missing values.
pub(super) const MISSING: u8 = 255;

/// Rows of a [`Shard`].
const SHARD_ROWS: usize = 1 << 16;

/// Rows that bounds are found from.
const SAMPLED_ROWS: usize = 200_000;

/// What the bins of a feature stand for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Feature {
    /// Bin `i` holds the numbers above bound `i - 1` up to bound `i`; the last one all above.
    Number {
        /// Ascending.
        bounds: Vec<f64>,
    },
    /// Bin `i` holds the category with code `codes[i]`.
    Category {
        /// The codes of the bins.
        codes: Vec<u32>,
        /// Whether one more bin holds all other categories.
        rest: bool,
    },
}

impl Feature {
    /// Number of bins beside the one of missing values.
    pub(super) fn bins(&self) -> usize {
        match self {
            Self::Number { bounds } => bounds.len() + 1,
            Self::Category { codes, rest } => codes.len() + usize::from(*rest),
        }
    }
}

/// A run of rows in bins, in both layouts: whole rows are read to make histograms, single columns to part rows.
#[derive(Debug)]
pub(super) struct Shard {
    /// The first row.
    pub(super) start: usize,
    /// Number of rows.
    pub(super) rows: usize,
    /// `rows x features`.
    pub(super) by_row: Vec<u8>,
    /// `features x rows`.
    by_column: Vec<u8>,
}

impl Shard {
    /// The bins of one feature.
    pub(super) fn column(&self, feature: usize) -> &[u8] {
        &self.by_column[feature * self.rows..(feature + 1) * self.rows]
    }
}

/// A table in bins.
#[derive(Debug)]
pub(super) struct Binned {
    /// What the bins of each feature stand for.
    pub(super) features: Vec<Feature>,
    /// The rows in order.
    pub(super) shards: Vec<Shard>,
}

/// A table of numbers that is to be binned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    /// `rows x width`, row-major; NaN is missing.
    pub(super) values: &'a [f64],
    /// Number of columns.
    pub(super) width: usize,
    /// For each column whether it holds codes of categories.
    pub(super) categorical: &'a [bool],
}

impl Table<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.width.max(1)
    }
}

/// How rows weigh when bounds are found, and which take part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voters<'a> {
    /// One weight per row, or all the same.
    pub(super) weights: Option<&'a [f64]>,
    /// Rows that take no part.
    pub(super) held_out: Option<&'a [bool]>,
}

impl Binned {
    /// Puts a table into at most `most` bins a feature.
    pub(super) fn new(table: Table<'_>, voters: Voters<'_>, most: usize, seed: u64) -> Self {
        let sample = sample(table.rows(), voters, seed);
        let features: Vec<Feature> = (0..table.width)
            .into_par_iter()
            .map(|column| Feature::find(table, column, &sample, voters.weights, most.min(MOST_BINS)))
            .collect();
        let coders: Vec<Coder> = features.iter().map(Coder::new).collect();
        let rows = table.rows();
        let shards = (0..rows.div_ceil(SHARD_ROWS))
            .into_par_iter()
            .map(|number| {
                let start = number * SHARD_ROWS;
                Shard::new(table, &coders, start..rows.min(start + SHARD_ROWS))
            })
            .collect();
        Self { features, shards }
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.shards.last().map_or(0, |shard| shard.start + shard.rows)
    }
}

/// Rows to find bounds from: all that vote, or one of each equal run of them.
fn sample(rows: usize, voters: Voters<'_>, seed: u64) -> Vec<u32> {
    let voting = (0..rows).filter(|&row| voters.held_out.is_none_or(|held_out| !held_out[row]));
    let voting: Vec<u32> = voting.map(|row| row as u32).collect();
    if voting.len() <= SAMPLED_ROWS {
        return voting;
    }
    let run = voting.len() as f64 / SAMPLED_ROWS as f64;
    let within = |at: usize| (hash(seed, at as u64) >> 11) as f64 / (1u64 << 53) as f64;
    (0..SAMPLED_ROWS)
        .map(|at| voting[(((at as f64 + within(at)) * run) as usize).min(voting.len() - 1)])
        .collect()
}

impl Feature {
    fn find(table: Table<'_>, column: usize, sample: &[u32], weights: Option<&[f64]>, most: usize) -> Self {
        if table.categorical[column] {
            return Self::categories(table, column, weights, most);
        }
        let present = sample.iter().map(|&row| row as usize).filter_map(|row| {
            let value = table.values[row * table.width + column];
            let weight = weights.map_or(1.0, |weights| weights[row]);
            (!value.is_nan() && weight > 0.0).then_some((value, weight))
        });
        let mut distinct: Vec<(f64, f64)> = Vec::new();
        let mut push = |value: f64, weight: f64| match distinct.last_mut() {
            Some((last, total)) if *last == value => *total += weight,
            _ => distinct.push((value, weight)),
        };
        if weights.is_some() {
            let mut pairs: Vec<(f64, f64)> = present.collect();
            pairs.sort_by(|a, b| f64::total_cmp(&a.0, &b.0));
            pairs.into_iter().for_each(|(value, weight)| push(value, weight));
        } else {
            let mut values: Vec<f64> = present.map(|(value, _)| value).collect();
            values.sort_unstable_by(f64::total_cmp);
            values.into_iter().for_each(|value| push(value, 1.0));
        }
        Self::Number { bounds: bounds(&distinct, most) }
    }

    /// The most frequent categories get a bin each.
    fn categories(table: Table<'_>, column: usize, weights: Option<&[f64]>, most: usize) -> Self {
        let mut totals: Vec<(u32, f64)> = Vec::new();
        for row in 0..table.rows() {
            let value = table.values[row * table.width + column];
            if !value.is_nan() {
                let code = value as u32 as usize;
                if code >= totals.len() {
                    totals.extend((totals.len()..=code).map(|code| (code as u32, 0.0)));
                }
                totals[code].1 += weights.map_or(1.0, |weights| weights[row]);
            }
        }
        totals.retain(|(_, total)| *total > 0.0);
        totals.sort_by(|a, b| f64::total_cmp(&b.1, &a.1));
        let rest = totals.len() > most;
        totals.truncate(if rest { most - 1 } else { most });
        Self::Category { codes: totals.into_iter().map(|(code, _)| code).collect(), rest }
    }
}

/// Bounds between distinct values with weights.
fn bounds(distinct: &[(f64, f64)], most: usize) -> Vec<f64> {
    let between = |at: usize| midpoint(distinct[at].0, distinct[at + 1].0);
    let gaps = distinct.len().saturating_sub(1);
    if distinct.len() <= most {
        return (0..gaps).map(between).collect();
    }
    let total: f64 = distinct.iter().map(|(_, weight)| weight).sum();
    let is_big = |at: usize| distinct[at].1 >= total / most as f64;
    let (mut bins_left, mut rest) = (most, total);
    for at in (0..distinct.len()).filter(|at| is_big(*at)) {
        bins_left -= 1;
        rest -= distinct[at].1;
    }
    let mut share = rest / bins_left.max(1) as f64;
    let mut bounds = Vec::with_capacity(most - 1);
    let mut filled = 0.0;
    for (at, (_, weight)) in distinct[..gaps].iter().enumerate() {
        if !is_big(at) {
            rest -= weight;
        }
        filled += weight;
        let full = filled >= share || is_big(at) || (is_big(at + 1) && filled >= 0.5 * share);
        if full && bounds.len() + 1 < most {
            bounds.push(between(at));
            filled = 0.0;
            if !is_big(at) {
                bins_left = bins_left.saturating_sub(1);
                share = rest / bins_left.max(1) as f64;
            }
        }
    }
    bounds
}

/// A number from `low` up to, but not including, `high`; half-way between where there is one.
pub(crate) fn midpoint(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle >= low && middle < high && middle.is_finite() { middle } else { low }
}

/// Tells the bins of a feature's values.
enum Coder {
    /// The bounds, and infinity after them: 255 are enough for the search, 256 need no check of indices.
    Number(Box<[f64; 256]>),
    /// The bin of each code, and of all others.
    Category(Vec<u8>, u8),
}

impl Coder {
    fn new(feature: &Feature) -> Self {
        match feature {
            Feature::Number { bounds } => {
                let mut padded = Box::new([f64::INFINITY; 256]);
                padded[..bounds.len()].copy_from_slice(bounds);
                Self::Number(padded)
            }
            Feature::Category { codes, rest } => {
                let other = if *rest { codes.len() as u8 } else { MISSING };
                let width = codes.iter().map(|code| *code as usize + 1).max().unwrap_or(0);
                let mut bins = vec![other; width];
                codes.iter().enumerate().for_each(|(bin, code)| bins[*code as usize] = bin as u8);
                Self::Category(bins, other)
            }
        }
    }

    fn code(&self, value: f64) -> u8 {
        match self {
            Self::Number(bounds) => {
                let mut below = 0;
                for step in [128, 64, 32, 16, 8, 4, 2, 1] {
                    below += if bounds[(below + step - 1) & 255] < value { step } else { 0 };
                }
                if value.is_nan() { MISSING } else { below as u8 }
            }
            Self::Category(..) if value.is_nan() => MISSING,
            Self::Category(bins, other) => bins.get(value as usize).copied().unwrap_or(*other),
        }
    }
}

impl Shard {
    fn new(table: Table<'_>, coders: &[Coder], rows: std::ops::Range<usize>) -> Self {
        let (width, count) = (table.width, rows.len());
        let values = &table.values[rows.start * width..rows.end * width];
        let mut by_row = vec![0; count * width];
        let mut by_column = vec![0; count * width];
        // Blocks of rows that stay in the cache while each column is coded.
        const BLOCK: usize = 256;
        for (block, numbers) in values.chunks(BLOCK * width.max(1)).enumerate() {
            let start = block * BLOCK;
            for (column, coder) in coders.iter().enumerate() {
                let height = numbers.len() / width;
                let codes = &mut by_column[column * count + start..][..height];
                for (code, value) in codes.iter_mut().zip(numbers[column..].iter().step_by(width)) {
                    *code = coder.code(*value);
                }
                let of_rows = by_row[start * width + column..].iter_mut().step_by(width);
                of_rows.zip(codes).for_each(|(of_row, code)| *of_row = *code);
            }
        }
        Self { start: rows.start, rows: count, by_row, by_column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_get_a_bin_each_and_bounds_lie_between() {
        let distinct = [(1.0, 1.0), (2.0, 5.0), (4.0, 1.0)];
        assert_eq!(bounds(&distinct, 3), [1.5, 3.0]);
        assert!(bounds(&distinct[..1], 3).is_empty());
        assert!(bounds(&[], 3).is_empty());
    }

    #[test]
    fn a_frequent_value_gets_a_bin_of_its_own() {
        let distinct: Vec<(f64, f64)> =
            (0..100).map(|x| (f64::from(x), if x == 50 { 1000.0 } else { 1.0 })).collect();
        let bounds = bounds(&distinct, 8);
        assert!(bounds.len() < 8);
        assert!(bounds.contains(&49.5) && bounds.contains(&50.5), "{bounds:?}");
    }

    #[test]
    fn values_fall_into_the_bins_whose_bounds_enclose_them() {
        let bounds = vec![-1.0, 0.5, 7.0];
        let coder = Coder::new(&Feature::Number { bounds });
        let codes = [-3.0, -1.0, -0.5, 0.5, 0.6, 7.0, 7.1, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        let codes = codes.map(|value| coder.code(value));
        assert_eq!(codes, [0, 0, 1, 1, 2, 2, 3, 3, 0, MISSING]);
    }

    #[test]
    fn midpoints_part_neighbouring_and_infinite_numbers() {
        let next = f64::from_bits(1.0f64.to_bits() + 1);
        for (low, high) in
            [(1.0, next), (f64::NEG_INFINITY, 3.0), (3.0, f64::INFINITY), (-f64::MAX, f64::MAX)]
        {
            let middle = midpoint(low, high);
            assert!(low <= middle && middle < high, "{low} {middle} {high}");
        }
    }
}
