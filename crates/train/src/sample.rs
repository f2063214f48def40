//! The rows that are learnt from.

use foretell_frame::Labels;

use crate::FitError;

/// What the numbers of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Numbers.
    Number,
    /// Codes of categories: whole numbers from 0.
    Category,
}

/// A table of numbers.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// `rows x columns`, row-major; NaN is missing.
    pub values: &'a [f64],
    /// What the columns are.
    pub columns: &'a [Column],
    /// What each row weighs, 0 or more; all the same where it is not told.
    pub weights: Option<&'a [f64]>,
}

impl<'a> Sample<'a> {
    /// The numbers of a row.
    pub(crate) fn row(&self, row: usize) -> &'a [f64] {
        &self.values[row * self.columns.len()..][..self.columns.len()]
    }

    /// The weight of a row.
    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    /// The sum of all weights.
    pub(crate) fn total_weight(&self) -> f64 {
        self.weights.map_or(self.rows() as f64, |weights| weights.iter().sum())
    }

    /// Fails unless everything fits this target, and no value is missing or infinite.
    pub(crate) fn check_complete(&self, target: &Target<'_>) -> Result<(), FitError> {
        self.check(target.rows())?;
        target.check()?;
        self.check_finite()
    }

    /// Fails unless everything fits where there is no target, and no value is missing or infinite.
    pub(crate) fn check_alone(&self) -> Result<(), FitError> {
        self.check(self.rows())?;
        self.check_finite()
    }

    /// Fails where rows weigh differently, for estimators that do not know weights.
    pub(crate) fn check_unweighted(&self) -> Result<(), FitError> {
        match self.weights {
            None => Ok(()),
            Some(_) => Err(FitError::data("rows that weigh the same", "weights, which it does not know")),
        }
    }

    /// Fails on missing and infinite values, and tells the first.
    fn check_finite(&self) -> Result<(), FitError> {
        let Some(at) = self.values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
        let (row, column) = (at / self.columns.len() + 1, at % self.columns.len() + 1);
        let got = self.values[at];
        Err(FitError::data("finite numbers", format!("`{got}` in row {row}, column {column}")))
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.len().max(1)
    }

    /// Fails unless all sizes fit, weights are weights, and codes are codes.
    pub(crate) fn check(&self, targets: usize) -> Result<(), FitError> {
        let rows = self.rows();
        if rows == 0 || self.columns.is_empty() {
            return Err(FitError::data("at least one row and one column", "none"));
        }
        if rows * self.columns.len() != self.values.len() || rows != targets {
            let expected = format!("{rows} rows of {} columns and as many targets", self.columns.len());
            return Err(FitError::data(expected, format!("{} values, {targets} targets", self.values.len())));
        }
        if u32::try_from(rows).is_err() {
            return Err(FitError::data("fewer than 2^32 rows", rows));
        }
        if let Some(weights) = self.weights {
            if weights.len() != rows {
                return Err(FitError::data(format!("{rows} weights"), weights.len()));
            }
            if let Some(bad) = weights.iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
                return Err(FitError::data("weights of 0 or more", bad));
            }
            if weights.iter().all(|weight| *weight == 0.0) {
                return Err(FitError::data("a weight above 0", "none"));
            }
        }
        for (number, _) in self.columns.iter().enumerate().filter(|(_, kind)| **kind == Column::Category) {
            /// Most distinct codes: tables of them have so many entries.
            const MOST: f64 = (1 << 24) as f64;
            let codes = self.values[number..].iter().step_by(self.columns.len());
            let is_code = |code: &&f64| code.is_nan() || (code.fract() == 0.0 && (0.0..MOST).contains(*code));
            if let Some(bad) = codes.clone().find(|code| !is_code(code)) {
                return Err(FitError::data(format!("codes of categories in column {number}"), bad));
            }
        }
        Ok(())
    }
}

/// What is learnt.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// A number per row.
    Values(&'a [f64]),
    /// A class per row.
    Classes {
        /// The class of each row, as a position in `labels`.
        codes: &'a [u32],
        /// The classes.
        labels: &'a Labels,
    },
}

impl<'a> Target<'a> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Classes { codes, .. } => codes.len(),
        }
    }

    /// The numbers.
    pub(crate) fn values(&self) -> Result<&'a [f64], FitError> {
        match self {
            Self::Values(values) => Ok(values),
            Self::Classes { .. } => Err(FitError::data("a target of numbers", "classes")),
        }
    }

    /// The classes of the rows, and all of them.
    pub(crate) fn classes(&self) -> Result<(&'a [u32], &'a Labels), FitError> {
        match self {
            Self::Classes { codes, labels } => Ok((codes, labels)),
            Self::Values(_) => Err(FitError::data("a target of classes", "numbers")),
        }
    }

    /// Fails unless values are finite and codes are classes.
    pub(crate) fn check(&self) -> Result<(), FitError> {
        match self {
            Self::Values(values) => match values.iter().find(|value| !value.is_finite()) {
                Some(bad) => Err(FitError::data("finite targets", bad)),
                None => Ok(()),
            },
            Self::Classes { codes, labels } => {
                if labels.len() < 2 {
                    return Err(FitError::data("at least 2 classes", labels.len()));
                }
                match codes.iter().find(|code| **code as usize >= labels.len()) {
                    Some(bad) => Err(FitError::data(format!("numbers of {} classes", labels.len()), bad)),
                    None => Ok(()),
                }
            }
        }
    }
}
