//! What the columns of a table hold.

use std::collections::HashMap;

const BARS: usize = 12;
const SHOWN_TEXTS: usize = 3;

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Profile {
    /// Numbers.
    Number(NumberProfile),
    /// Texts.
    Text(TextProfile),
}

/// What a column of numbers holds.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberProfile {
    /// Name of the column.
    pub name: String,
    /// Share of rows without a value.
    pub missing: f64,
    /// Smallest, mean and largest value; `None` without any finite one.
    pub summary: Option<(f64, f64, f64)>,
    /// Number of values in parts of equal width between the smallest and the largest.
    pub histogram: Vec<usize>,
}

/// What a column of texts holds.
#[derive(Debug, Clone, PartialEq)]
pub struct TextProfile {
    /// Name of the column.
    pub name: String,
    /// Share of rows without a value.
    pub missing: f64,
    /// Number of different texts.
    pub distinct: usize,
    /// The most frequent texts and the share of rows that have them.
    pub frequent: Vec<(String, f64)>,
}

impl NumberProfile {
    /// Of the values, NaN being a missing one.
    pub fn new(name: String, values: &[f64]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let count = finite().count();
        let low = finite().fold(f64::INFINITY, f64::min);
        let high = finite().fold(f64::NEG_INFINITY, f64::max);
        let mut histogram = vec![0; BARS];
        for value in finite() {
            let share = (value - low) / (high - low);
            // All values are one: the share is NaN, and the first part has them.
            histogram[((share * BARS as f64) as usize).min(BARS - 1)] += 1;
        }
        let missing =
            values.iter().filter(|value| value.is_nan()).count() as f64 / values.len().max(1) as f64;
        let mean = || finite().map(|value| value / count as f64).sum();
        Self { name, missing, summary: (count > 0).then(|| (low, mean(), high)), histogram }
    }
}

impl TextProfile {
    /// Of the values, `None` being a missing one.
    pub fn new<'a>(name: String, values: impl Iterator<Item = Option<&'a str>>) -> Self {
        let (mut rows, mut missing) = (0usize, 0usize);
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for value in values {
            rows += 1;
            match value {
                Some(text) => *counts.entry(text).or_default() += 1,
                None => missing += 1,
            }
        }
        let mut frequent: Vec<(&str, usize)> = counts.iter().map(|(text, count)| (*text, *count)).collect();
        frequent.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let share = |count: usize| count as f64 / rows.max(1) as f64;
        let shown =
            frequent.into_iter().take(SHOWN_TEXTS).map(|(text, count)| (text.to_owned(), share(count)));
        Self { name, missing: share(missing), distinct: counts.len(), frequent: shown.collect() }
    }
}
