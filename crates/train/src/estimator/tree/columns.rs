//! Columns as ranks: a node then sorts small integers in place of numbers.

use rayon::prelude::*;

/// The rank of missing values.
pub(super) const MISSING: u32 = u32::MAX;

/// A table by columns; numbers are float32, as scikit-learn's trees compare them.
#[derive(Debug)]
pub(super) struct Columns {
    /// For each column and row the position of its value in `values`, or [`MISSING`].
    pub(super) ranks: Vec<Vec<u32>>,
    /// For each column its distinct values, ascending.
    pub(super) values: Vec<Vec<f32>>,
}

impl Columns {
    /// Of a row-major table.
    pub(super) fn new(table: &[f64], width: usize) -> Self {
        let column = |column: usize| {
            let numbers: Vec<f32> =
                table[column..].iter().step_by(width).map(|value| *value as f32 + 0.0).collect();
            let mut distinct: Vec<f32> = numbers.iter().copied().filter(|value| !value.is_nan()).collect();
            distinct.sort_unstable_by(f32::total_cmp);
            distinct.dedup();
            let rank = |value: &f32| {
                if value.is_nan() { MISSING } else { distinct.partition_point(|other| other < value) as u32 }
            };
            (numbers.iter().map(rank).collect(), distinct)
        };
        let (ranks, values) = (0..width).into_par_iter().map(column).unzip();
        Self { ranks, values }
    }

    /// Number of columns.
    pub(super) fn width(&self) -> usize {
        self.ranks.len()
    }
}
