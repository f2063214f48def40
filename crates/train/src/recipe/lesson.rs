//! What a transformer learns from.

use super::column::{Known, RawColumn};
use crate::{FitError, Target};

/// Columns, and what there is beside them.
pub(super) struct Lesson<'a> {
    pub(super) columns: &'a [RawColumn],
    /// Names of the columns for messages; none for those that were computed.
    pub(super) names: &'a [&'a str],
    /// What is to be predicted, where there is a target.
    pub(super) target: Option<&'a Target<'a>>,
    /// Where everything random comes from.
    pub(super) seed: u64,
}

impl<'a> Lesson<'a> {
    /// The name of a column.
    pub(super) fn name(&self, at: usize) -> &'a str {
        self.names.get(at).copied().unwrap_or("a computed column")
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.target.map_or_else(|| self.columns.first().map_or(0, RawColumn::len), Target::rows)
    }

    /// The target, which a class needs.
    pub(super) fn target(&self, class: &str) -> Result<&'a Target<'a>, FitError> {
        self.target.ok_or_else(|| FitError::data(format!("a target for `{class}`"), "none"))
    }

    /// The numbers of columns, for a class; fails on texts, infinities, and columns without a number.
    pub(super) fn known(&self, class: &str) -> Result<Vec<Known>, FitError> {
        let each = |(at, column): (usize, &RawColumn)| match column {
            RawColumn::Numbers(values) => Known::new(values, self.name(at)),
            RawColumn::Texts(_) => {
                let expected = format!("numbers in `{}` for `{class}`", self.name(at));
                Err(FitError::data(expected, "texts; encode them first"))
            }
        };
        self.columns.iter().enumerate().map(each).collect()
    }

    /// The numbers of columns, none of them missing.
    pub(super) fn complete(&self, class: &str) -> Result<Vec<&'a [f64]>, FitError> {
        self.known(class)?;
        let each = |(at, column): (usize, &'a RawColumn)| {
            let values = column.numbers().filter(|values| !values.iter().any(|value| value.is_nan()));
            values.ok_or_else(|| {
                let expected = format!("numbers in `{}` for `{class}`", self.name(at));
                FitError::data(expected, "missing values; impute them first")
            })
        };
        self.columns.iter().enumerate().map(each).collect()
    }
}
