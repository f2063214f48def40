//! Transformers: from a batch of columns to a batch of columns.
//!
//! Each step is plain data. Columns are counted from 0 in the order the step receives them, numeric and text
//! columns together, as scikit-learn counts them.

use foretell_frame::Cell;

/// A fitted transformer.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Arithmetic with one constant per column: scalers.
    Scale(Scale),
    /// Divides each row by its norm.
    Normalize(Norm),
    /// The same function of every cell, in order. Missing and infinite values are computed with, as numpy does;
    /// a [`Step::Require`] before it refuses them.
    Elementwise(Vec<Function>),
    /// Changes nothing and refuses numbers that are not accepted.
    Require(Accepts),
    /// Replaces missing values by constants, optionally drops columns and appends missing indicators.
    Impute(Impute),
    /// One indicator column per category.
    OneHot(OneHot),
    /// The position of the category.
    Ordinal(Ordinal),
    /// Branches that each see some of the columns, side by side: `ColumnTransformer` and `FeatureUnion`.
    Parallel(Vec<Branch>),
    /// Keeps some columns, in this order.
    Select(Vec<usize>),
}

/// A fitted scaler: arithmetic, and what the file tells of the values it was fitted on.
///
/// Missing values pass through; infinite values are refused, as every scaler of scikit-learn does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scale {
    /// The operations, in order.
    pub operations: Vec<Arithmetic>,
    /// Smallest and largest value of each column in training, where the file tells.
    pub range: Option<Vec<(f64, f64)>>,
    /// Centre (mean or median) of each column in training, where the file tells.
    pub centre: Option<Vec<f64>>,
}

/// What a part of a pipeline accepts in its numeric input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepts {
    /// Missing values (NaN).
    pub missing: bool,
    /// Positive and negative infinity.
    pub infinite: bool,
}

/// One arithmetic operation over the columns of a numeric block; each vector holds one constant per column.
#[derive(Debug, Clone, PartialEq)]
pub enum Arithmetic {
    /// `x - c`.
    Subtract(Vec<f64>),
    /// `x / c`.
    Divide(Vec<f64>),
    /// `x * c`.
    Multiply(Vec<f64>),
    /// `x + c`.
    Add(Vec<f64>),
    /// `min(max(x, low), high)`, NaN stays NaN.
    Clip {
        /// Lower bound of all columns.
        low: f64,
        /// Upper bound of all columns.
        high: f64,
    },
}

/// The norm that a row is divided by; a row of zeros stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Sum of absolute values.
    L1,
    /// Euclidean norm.
    L2,
    /// Largest absolute value.
    Max,
}

/// A function of one number, as numpy defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is numpy's function of the same name")]
pub enum Function {
    Absolute,
    Cbrt,
    Exp,
    Exp2,
    Expm1,
    Log,
    Log10,
    Log1p,
    Log2,
    Negative,
    Reciprocal,
    Sign,
    Sin,
    Cos,
    Tan,
    Tanh,
    Sqrt,
    Square,
    Floor,
    Ceil,
    Rint,
    /// Rounds to float32 and back.
    Float32,
}

/// Replaces missing values.
#[derive(Debug, Clone, PartialEq)]
pub struct Impute {
    /// What is replaced: [`Cell::Missing`], or a value that stands for it, in which case a really missing value
    /// is refused, as scikit-learn does.
    pub marker: Cell,
    /// The replacement per input column; `None` drops the column (it was empty in training).
    pub fill: Vec<Option<Cell>>,
    /// Input columns that get an indicator (0 or 1) appended, in this order.
    pub indicators: Vec<usize>,
    /// Input columns that may be missing only if they were in training: a missing value elsewhere in an
    /// indicator that was fitted with `error_on_new` is refused. Empty when nothing is refused.
    pub refuse_missing: Vec<usize>,
}

/// How an encoder treats a category that it was not fitted on.
#[derive(Debug, Clone, PartialEq)]
pub enum Unknown {
    /// The row is refused.
    Error,
    /// One-hot: all indicators are 0.
    Ignore,
    /// One-hot: counts as an infrequent category, where the column has some, else all 0.
    Infrequent,
    /// Ordinal: this code.
    Code(f64),
}

/// The categories of one encoded column.
#[derive(Debug, Clone, PartialEq)]
pub struct Categories {
    /// The categories in fitted order; a missing value may be one of them.
    pub values: Vec<Cell>,
    /// For each category, the code it gets: an output column of a one-hot, a number of an ordinal encoder.
    /// `None` is a dropped category: all indicators 0.
    pub codes: Vec<Option<u32>>,
    /// The code of infrequent categories, where there are any.
    pub infrequent: Option<u32>,
    /// Number of output columns (one-hot).
    pub width: usize,
}

/// One-hot encoding, column by column.
#[derive(Debug, Clone, PartialEq)]
pub struct OneHot {
    /// Categories per input column.
    pub columns: Vec<Categories>,
    /// What happens to other categories.
    pub unknown: Unknown,
}

/// Ordinal encoding, column by column.
#[derive(Debug, Clone, PartialEq)]
pub struct Ordinal {
    /// Categories per input column.
    pub columns: Vec<Categories>,
    /// What happens to other categories.
    pub unknown: Unknown,
    /// The code of a missing value where it is one of the categories; NaN keeps it missing.
    pub missing: f64,
}

/// One branch of a [`Step::Parallel`].
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The input columns the branch sees, in this order.
    pub columns: Vec<usize>,
    /// What it does to them; nothing is `passthrough`.
    pub steps: Vec<Step>,
    /// Every output of the branch is multiplied by this (`transformer_weights`).
    pub weight: Option<f64>,
}
