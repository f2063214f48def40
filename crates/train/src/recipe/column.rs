//! The values of one column, as a transformer learns from them.

use foretell_frame::{Cell, Frame, Slot};

use super::transformer::counted;
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
    /// That of a feature.
    pub(super) fn of(frame: &Frame, slot: Slot) -> Self {
        match slot {
            Slot::Number(slot) => {
                let values = frame.numbers().iter().skip(slot).step_by(frame.width().max(1));
                Self::Numbers(values.copied().collect())
            }
            Slot::Text(slot) => {
                let texts = frame.texts()[slot].iter();
                Self::Texts(texts.map(|text| text.map(str::to_owned)).collect())
            }
            Slot::Unused => Self::Numbers(vec![f64::NAN; frame.rows()]),
        }
    }

    /// Those of a block of so many columns, row by row.
    pub(super) fn of_block(values: &[f64], width: usize) -> Vec<Self> {
        let column = |at| Self::Numbers(values.iter().skip(at).step_by(width.max(1)).copied().collect());
        (0..width).map(column).collect()
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

/// The numbers of a column that are there, ascending.
#[derive(Debug)]
pub(super) struct Sorted {
    values: Vec<f64>,
    mean: f64,
}

impl Sorted {
    pub(super) fn new(values: &[f64], name: &str) -> Result<Self, FitError> {
        let mut known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        if let Some(bad) = known.iter().find(|value| value.is_infinite()) {
            return Err(FitError::data(format!("finite numbers in `{name}`"), format!("`{bad}`")));
        }
        if known.is_empty() {
            return Err(FitError::data(format!("values in `{name}`"), "none in the rows to learn from"));
        }
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        known.sort_unstable_by(f64::total_cmp);
        Ok(Self { values: known, mean })
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    pub(super) fn range(&self) -> (f64, f64) {
        (self.values[0], self.values[self.values.len() - 1])
    }

    pub(super) fn deviation(&self) -> f64 {
        let squares: f64 = self.values.iter().map(|value| (value - self.mean).powi(2)).sum();
        (squares / self.values.len() as f64).sqrt()
    }

    /// Between two values by their distance, as NumPy's default.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let at = share * (self.values.len() - 1) as f64;
        let (low, part) = (at.floor() as usize, at.fract());
        let next = self.values[(low + 1).min(self.values.len() - 1)];
        self.values[low] + part * (next - self.values[low])
    }
}
