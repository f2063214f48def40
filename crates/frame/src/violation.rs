//! What can be wrong with a caller's rows: one type for all decoders and for validation.

use crate::{Cell, Kind, Schema};

/// What is wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum ViolationKind {
    /// The value is missing and the pipeline does not accept that.
    Missing,
    /// The value is infinite and the pipeline does not accept that.
    Infinite,
    /// The value is none of the categories that the encoder was fitted on, and the encoder refuses others.
    UnknownCategory {
        /// The value as it came.
        got: Cell,
    },
    /// A transformer is not defined for the number.
    Undefined {
        /// The number.
        got: f64,
    },
    /// The text is no date.
    NotADate {
        /// The text as it came.
        got: String,
    },
    /// The row has no neighbours within the radius of the model.
    Alone,
    /// The value is of another kind than the feature.
    WrongType {
        /// What came, shortened, such as `string "abc"`.
        got: String,
    },
    /// The integer has no exact float64: it lies beyond 2^53.
    NotExact {
        /// The digits as they came.
        got: String,
    },
    /// The row has no value for the feature.
    Absent,
    /// The row has two values for the feature.
    Duplicate,
    /// The row has a value for a feature that the model does not have.
    UnknownName {
        /// The name as it came.
        name: String,
        /// The model's feature with the most similar name.
        nearest: Option<String>,
    },
    /// There is something else where a row should be.
    NotARow {
        /// What came, such as `number 3`.
        got: String,
    },
    /// The row has another number of values than the model has features.
    WrongLength {
        /// Number of features.
        expected: usize,
        /// Number of values.
        got: usize,
    },
}

/// One thing that is wrong with a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Row, from 0.
    pub row: usize,
    /// Position of the feature in the schema; `None` when it is about the row or an unknown name.
    pub feature: Option<usize>,
    /// What is wrong.
    pub kind: ViolationKind,
}

impl Violation {
    /// What was expected and what came, for people.
    pub fn message(&self, schema: &Schema) -> String {
        let feature = self.feature.map(|position| &schema.features()[position]);
        let name = feature.map_or("", |feature| &feature.name);
        let kind = match feature.map_or(Kind::Unused, |feature| feature.kind) {
            Kind::Number => "a number",
            Kind::Text => "a string",
            Kind::Unused => "a value",
        };
        match &self.kind {
            ViolationKind::Missing => {
                format!("expected {kind} for `{name}`, got a missing value (the model has no imputer for it)")
            }
            ViolationKind::Infinite => format!("expected a finite number for `{name}`, got infinity"),
            ViolationKind::UnknownCategory { got } => {
                format!("expected a category of `{name}` that the model knows, got {}", show(got))
            }
            ViolationKind::Undefined { got } => {
                format!("expected a number for `{name}` for which the model is defined, got {got}")
            }
            ViolationKind::NotADate { got } => {
                format!("expected a date such as `2024-05-01T10:11:12` for `{name}`, got `{got}`")
            }
            ViolationKind::Alone => {
                "expected a row with neighbours within the model's radius, got one without".to_owned()
            }
            ViolationKind::WrongType { got } => format!("expected {kind} for `{name}`, got {got}"),
            ViolationKind::NotExact { got } => {
                format!("expected a number for `{name}` that a float64 holds exactly, got {got}")
            }
            ViolationKind::Absent => format!("expected a value for `{name}`, got none"),
            ViolationKind::Duplicate => format!("expected one value for `{name}`, got two"),
            ViolationKind::UnknownName { name, nearest: Some(nearest) } => {
                format!("the model has no feature `{name}`, did you mean `{nearest}`")
            }
            ViolationKind::UnknownName { name, nearest: None } => {
                format!("the model has no feature `{name}`")
            }
            ViolationKind::NotARow { got } => {
                format!("expected a row (an array or an object of values), got {got}")
            }
            ViolationKind::WrongLength { expected, got } => format!("expected {expected} values, got {got}"),
        }
    }

    /// A stable name of the kind of violation, for programs.
    pub fn code(&self) -> &'static str {
        match self.kind {
            ViolationKind::Missing => "missing_value",
            ViolationKind::Infinite => "not_finite",
            ViolationKind::UnknownCategory { .. } => "unknown_category",
            ViolationKind::Undefined { .. } => "undefined",
            ViolationKind::NotADate { .. } => "not_a_date",
            ViolationKind::Alone => "no_neighbours",
            ViolationKind::WrongType { .. } | ViolationKind::NotARow { .. } => "wrong_type",
            ViolationKind::NotExact { .. } => "not_exact",
            ViolationKind::Absent => "missing_feature",
            ViolationKind::Duplicate => "duplicate_feature",
            ViolationKind::UnknownName { .. } => "unknown_feature",
            ViolationKind::WrongLength { .. } => "wrong_length",
        }
    }
}

fn show(cell: &Cell) -> String {
    match cell {
        Cell::Number(value) => format!("{value}"),
        Cell::Text(value) => format!("`{value}`"),
        Cell::Missing => "a missing value".into(),
    }
}
