//! Why a pipeline is not a model, and why rows cannot be predicted.

use foretell_frame::{Cell, Method, SchemaError, Violation, ViolationKind};

/// Why a pipeline is not a valid model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// A part holds something else than its neighbours imply.
    #[error("{place}: expected {expected}, got {got}")]
    Mismatch {
        /// The part, such as `step 2 (one-hot)`.
        place: String,
        /// What the rest of the model implies.
        expected: String,
        /// What it holds.
        got: String,
    },
    /// A tree is not one: a child out of range, or a node with two parents.
    #[error("{place}: tree {tree}, node {node}: {problem}")]
    BrokenTree {
        /// The part, such as `estimator`.
        place: String,
        /// Number of the tree, from 0.
        tree: usize,
        /// Number of the node.
        node: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// Something was given for a feature that is not there.
    #[error("the model has no feature `{name}`")]
    NoSuchFeature {
        /// The name.
        name: String,
    },
    /// The names of the features are not usable.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

impl ModelError {
    /// A mismatch whose place is filled in by [`ModelError::within`] on the way up.
    pub(crate) fn mismatch(expected: impl ToString, got: impl ToString) -> Self {
        Self::Mismatch { place: String::new(), expected: expected.to_string(), got: got.to_string() }
    }

    /// The same error, inside `outer`.
    pub(crate) fn within(mut self, outer: impl std::fmt::Display) -> Self {
        match &mut self {
            Self::Mismatch { place, .. } | Self::BrokenTree { place, .. } => {
                *place = if place.is_empty() { outer.to_string() } else { format!("{outer}, {place}") };
            }
            Self::NoSuchFeature { .. } | Self::Schema(_) => {}
        }
        self
    }
}

/// Fails unless two counts are equal; `what` names what is counted.
pub(crate) fn expect_count(what: &str, expected: usize, got: usize) -> Result<(), ModelError> {
    if expected == got {
        return Ok(());
    }
    Err(ModelError::mismatch(format_args!("{expected} {what}"), got))
}

/// Fails unless `index < count`; `what` names what is indexed.
pub(crate) fn expect_index(what: &str, index: usize, count: usize) -> Result<(), ModelError> {
    if index < count {
        return Ok(());
    }
    Err(ModelError::mismatch(format_args!("{what} below {count}"), index))
}

/// What a part of the pipeline refuses.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// The value is missing (NaN).
    Missing,
    /// The value is infinite, or too large for the precision the estimator works in.
    Infinite,
    /// The value is none of the categories that the encoder was fitted on.
    UnknownCategory(Cell),
    /// A transformer is not defined for the value: a Box-Cox transform of a number that is not positive, splines
    /// outside of their knots.
    Undefined(f64),
    /// The text is no date.
    NotADate(String),
    /// The row has no neighbours within the radius of the model.
    Alone,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("expected a number, got a missing value or the result of one"),
            Self::Infinite => f.write_str("expected a finite number, got one that is infinite or too large"),
            Self::Undefined(value) => {
                write!(f, "expected a number for which the transformer is defined, got {value}")
            }
            Self::NotADate(text) => write!(f, "expected a date such as `2024-05-01T10:11:12`, got `{text}`"),
            Self::Alone => {
                f.write_str("expected a row with neighbours within the model's radius, got one without")
            }
            Self::UnknownCategory(Cell::Number(value)) => {
                write!(f, "expected a category that the model knows, got {value}")
            }
            Self::UnknownCategory(Cell::Text(value)) => {
                write!(f, "expected a category that the model knows, got `{value}`")
            }
            Self::UnknownCategory(Cell::Missing) => {
                f.write_str("expected a category that the model knows, got a missing value")
            }
        }
    }
}

/// A value that a part of the pipeline refuses: what [`PredictError::Refused`] says, before names are known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) feature: Option<usize>,
    pub(crate) problem: Problem,
}

/// Why rows cannot be predicted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PredictError {
    /// The frame does not have the layout of the model's schema.
    #[error(
        "expected a frame of {numbers} numeric and {texts} text columns, \
         got {got_numbers} and {got_texts}"
    )]
    Layout {
        /// Numeric features of the model.
        numbers: usize,
        /// Text features of the model.
        texts: usize,
        /// Numeric columns of the frame.
        got_numbers: usize,
        /// Text columns of the frame.
        got_texts: usize,
    },
    /// The model does not have a method that was asked for.
    #[error("the model has no `{}`", .0.as_str())]
    NoSuchMethod(Method),
    /// A part of the pipeline does not take a value.
    #[error("row {row}, {column}: {problem}")]
    Refused {
        /// Row of the frame, from 0.
        row: usize,
        /// The feature's position in the schema, where the value is that of one feature.
        feature: Option<usize>,
        /// The feature's name in backticks, or the column inside the pipeline.
        column: String,
        /// What is wrong with the value.
        problem: Problem,
    },
}

impl PredictError {
    /// The refused value as a violation of the schema, for listing beside those of
    /// [`validate`](foretell_frame::validate).
    pub fn violation(&self) -> Option<Violation> {
        let Self::Refused { row, feature, problem, .. } = self else { return None };
        let kind = match problem {
            Problem::Missing => ViolationKind::Missing,
            Problem::Infinite => ViolationKind::Infinite,
            Problem::UnknownCategory(got) => ViolationKind::UnknownCategory { got: got.clone() },
            Problem::Undefined(got) => ViolationKind::Undefined { got: *got },
            Problem::NotADate(got) => ViolationKind::NotADate { got: got.clone() },
            Problem::Alone => ViolationKind::Alone,
        };
        Some(Violation { row: *row, feature: *feature, kind })
    }
}
