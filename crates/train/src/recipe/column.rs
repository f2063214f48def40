//! The values of one column, as a transformer learns from them.

use std::collections::BTreeMap;

use foretell_frame::{Cell, Frame, Slot};
use rayon::prelude::*;

use crate::FitError;

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RawColumn {
    /// Numbers; NaN is missing.
    Numbers(Vec<f64>),
    /// Texts.
    Texts(Vec<Option<String>>),
}

impl RawColumn {
    /// Those of features.
    pub(super) fn of(frame: &Frame, slots: &[Slot]) -> Vec<Self> {
        let numbers: Vec<usize> = slots
            .iter()
            .filter_map(|slot| if let Slot::Number(slot) = slot { Some(*slot) } else { None })
            .collect();
        let mut numbers = columns(frame.numbers(), frame.width(), &numbers).into_iter();
        let column = |slot: &Slot| match slot {
            Slot::Number(_) => Self::Numbers(numbers.next().unwrap_or_default()),
            Slot::Text(slot) => {
                let texts = frame.texts()[*slot].iter();
                Self::Texts(texts.map(|text| text.map(str::to_owned)).collect())
            }
            Slot::Unused => Self::Numbers(vec![f64::NAN; frame.rows()]),
        };
        slots.iter().map(column).collect()
    }

    /// Those of a block of so many columns, row by row.
    pub(super) fn of_block(values: &[f64], width: usize) -> Vec<Self> {
        let all: Vec<usize> = (0..width).collect();
        columns(values, width, &all).into_iter().map(Self::Numbers).collect()
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    pub(super) fn numbers(&self) -> Option<&[f64]> {
        match self {
            Self::Numbers(values) => Some(values),
            Self::Texts(_) => None,
        }
    }

    pub(super) fn has_missing(&self) -> bool {
        match self {
            Self::Numbers(values) => values.iter().any(|value| value.is_nan()),
            Self::Texts(texts) => texts.contains(&None),
        }
    }

    /// Puts a value in the place of missing ones.
    pub(super) fn replace(&mut self, fill: &Cell) {
        match (self, fill) {
            (Self::Numbers(values), Cell::Number(fill)) => {
                values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = *fill);
            }
            (Self::Texts(texts), Cell::Text(fill)) => {
                texts.iter_mut().for_each(|text| _ = text.get_or_insert_with(|| fill.clone()));
            }
            (Self::Numbers(_) | Self::Texts(_), _) => {}
        }
    }

    /// The values and how many rows have each, ascending, a missing one last.
    pub(super) fn categories(&self) -> Vec<(Cell, usize)> {
        let mut missing = 0;
        let mut values: Vec<(Cell, usize)> = match self {
            Self::Numbers(values) => {
                let mut known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
                missing += values.len() - known.len();
                // Both zeros are one category.
                known.iter_mut().for_each(|value| *value += 0.0);
                known.sort_unstable_by(f64::total_cmp);
                let groups = known.chunk_by(|a, b| a == b);
                groups.map(|group| (Cell::Number(group[0]), group.len())).collect()
            }
            Self::Texts(texts) => {
                let known = texts.iter().flatten();
                missing += texts.len() - known.clone().count();
                counted(known).into_iter().map(|(text, count)| (Cell::Text(text.clone()), count)).collect()
            }
        };
        values.extend((missing > 0).then_some((Cell::Missing, missing)));
        values
    }

    /// The most frequent value that is there, the least of them.
    pub(super) fn most_frequent(&self) -> Option<Cell> {
        let known = self.categories().into_iter().rev().filter(|(value, _)| *value != Cell::Missing);
        known.max_by_key(|(_, count)| *count).map(|(value, _)| value)
    }
}

/// The values of columns counted, in their order.
fn counted<K: Ord>(values: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_insert(0) += 1);
    counts
}

/// Rows that are read for all columns before the next ones: they fit into a processor's cache.
const TILE: usize = 256;

/// Some columns of a block of so many columns, row by row.
fn columns(values: &[f64], width: usize, wanted: &[usize]) -> Vec<Vec<f64>> {
    let rows = values.len() / width.max(1);
    let share = wanted.len().div_ceil(rayon::current_num_threads()).max(1);
    let of_some = |wanted: &[usize]| {
        let mut columns = vec![Vec::with_capacity(rows); wanted.len()];
        for tile in values.chunks(TILE * width.max(1)) {
            for (column, at) in columns.iter_mut().zip(wanted) {
                column.extend(tile.iter().skip(*at).step_by(width.max(1)));
            }
        }
        columns
    };
    wanted.par_chunks(share).flat_map_iter(of_some).collect()
}

/// Rows that medians are taken from, evenly spread over all: they are shown, and nothing is computed with them.
const SAMPLED: usize = 50_000;
/// Rows that a thread looks at before the next ones.
const RUN: usize = 4096;

/// What can be told of a column of numbers in one look at all rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// The least and the greatest number.
    pub(super) range: (f64, f64),
    /// Whether some are missing.
    pub(super) missing: bool,
    /// The median, of some rows where there are very many.
    pub(super) median: f64,
}

impl Facts {
    /// Those of columns of a block of so many, row by row; fails where one has no number, or an infinite one.
    pub(super) fn of(
        values: &[f64],
        width: usize,
        wanted: &[usize],
        names: &[&str],
    ) -> Result<Vec<Self>, FitError> {
        let nothing = || vec![(f64::INFINITY, f64::NEG_INFINITY, false); wanted.len()];
        let of_run = |rows: &[f64]| {
            let mut found = nothing();
            for row in rows.chunks_exact(width) {
                for ((low, high, missing), column) in found.iter_mut().zip(wanted) {
                    let value = row[*column];
                    // Comparisons with NaN are false.
                    *low = if value < *low { value } else { *low };
                    *high = if value > *high { value } else { *high };
                    *missing |= value.is_nan();
                }
            }
            found
        };
        let join = |mut found: Vec<(f64, f64, bool)>, more: Vec<(f64, f64, bool)>| {
            for ((low, high, missing), (more_low, more_high, more_missing)) in found.iter_mut().zip(more) {
                (*low, *high) = (low.min(more_low), high.max(more_high));
                *missing |= more_missing;
            }
            found
        };
        let width = width.max(1);
        let found = values.par_chunks(RUN * width).map(of_run).reduce(nothing, join);
        let step = (values.len() / width).div_ceil(SAMPLED).max(1);
        let finish = |(((low, high, missing), column), name): (((f64, f64, bool), &usize), &&str)| {
            if low > high {
                let got = "none in the rows to learn from";
                return Err(FitError::data(format!("values in `{name}`"), got));
            }
            if let Some(bad) = [low, high].into_iter().find(|value| value.is_infinite()) {
                return Err(FitError::data(format!("finite numbers in `{name}`"), format!("`{bad}`")));
            }
            let sample: Vec<f64> = values.iter().skip(*column).step_by(step * width).copied().collect();
            // Where none of these rows has a value, any value stands for all.
            let median = Known::new(&sample, name).map_or(low, |known| known.quantile(0.5));
            Ok(Self { range: (low, high), missing, median })
        };
        found.into_par_iter().zip(wanted).zip(names).map(finish).collect()
    }
}

/// The numbers of a column that are there.
#[derive(Debug)]
pub(super) struct Known {
    values: Vec<f64>,
    mean: f64,
}

impl Known {
    pub(super) fn new(values: &[f64], name: &str) -> Result<Self, FitError> {
        let values: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        if let Some(bad) = values.iter().find(|value| value.is_infinite()) {
            return Err(FitError::data(format!("finite numbers in `{name}`"), format!("`{bad}`")));
        }
        if values.is_empty() {
            return Err(FitError::data(format!("values in `{name}`"), "none in the rows to learn from"));
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Ok(Self { values, mean })
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    pub(super) fn range(&self) -> (f64, f64) {
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        self.values.iter().fold(ends, |(low, high), value| (low.min(*value), high.max(*value)))
    }

    pub(super) fn deviation(&self) -> f64 {
        let squares: f64 = self.values.iter().map(|value| (value - self.mean).powi(2)).sum();
        (squares / self.values.len() as f64).sqrt()
    }

    /// Between two values by their distance, as NumPy's default. Without sorting all of them.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let mut values = self.values.clone();
        let (low, part) = place(share, values.len());
        let (_, at, above) = values.select_nth_unstable_by(low, f64::total_cmp);
        let next = above.iter().copied().fold(f64::INFINITY, f64::min);
        if part > 0.0 { *at + part * (next - *at) } else { *at }
    }

    /// So many quantiles, from the least to the greatest number, and the shares that they belong to.
    pub(super) fn quantiles(&self, most: usize) -> (Vec<f64>, Vec<f64>) {
        let mut values = self.values.clone();
        values.sort_unstable_by(f64::total_cmp);
        let count = most.min(values.len()).max(2);
        let shares: Vec<f64> = (0..count).map(|at| at as f64 / (count - 1) as f64).collect();
        let of = |share: &f64| {
            let (low, part) = place(*share, values.len());
            let next = values[(low + 1).min(values.len() - 1)];
            values[low] + part * (next - values[low])
        };
        (shares.iter().map(of).collect(), shares)
    }
}

/// The position of a quantile among so many ascending values, and how far it is to the next.
fn place(share: f64, count: usize) -> (usize, f64) {
    let at = share * (count - 1) as f64;
    (at.floor() as usize, at.fract())
}

/// scikit-learn's rule for columns that are all the same.
pub(super) fn one_for_none(scale: f64) -> f64 {
    if scale.abs() < 10.0 * f64::EPSILON { 1.0 } else { scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        let known = Known::new(&[3.0, f64::NAN, 1.0, 2.0, 10.0], "x").unwrap();
        assert_eq!(
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| known.quantile(share)),
            [1.0, 1.75, 2.5, 4.75, 10.0]
        );
        assert_eq!(known.quantiles(3), (vec![1.0, 2.5, 10.0], vec![0.0, 0.5, 1.0]));
        assert_eq!((known.range(), known.mean()), ((1.0, 10.0), 4.0));
    }
}
