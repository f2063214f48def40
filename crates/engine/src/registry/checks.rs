//! Rows whose predictions are known: a version that is loaded and does not give them is not the model that was
//! registered.

use foretell_frame::{Method, MethodSet, Shape};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::interface::label_values;
use crate::live::{LiveModel, Values};
use crate::predict::{PredictError, Worker};
use crate::table::{Chunk, ReadOptions, TableError, TableReader};

/// How far a number may be from the expected one, relative to it where it is above 1, unless told otherwise.
pub const TOLERANCE: f64 = 1e-9;
/// Differences that are listed.
const LISTED: usize = 5;

/// Rows and their predictions. It is kept with a version and run whenever it is loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checks {
    /// The rows: the text of a table, CSV or JSON Lines.
    pub rows: String,
    /// What the model must answer: an array per scikit-learn's method name, as `foretell predict` writes it.
    pub expected: Map<String, Value>,
    /// How far a number may be off.
    pub tolerance: f64,
}

/// Why rows of a check do not have the predictions they should have.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The expected predictions are not of the form they should be.
    #[error(
        "the expected predictions are {got}, expected an object such as `{{\"predict\": [0, 1]}}` or an array"
    )]
    Form {
        /// What they are.
        got: &'static str,
    },
    /// A method that is none, or that the model does not have.
    #[error("the model has no `{method}`")]
    NoSuchMethod {
        /// Its name.
        method: String,
    },
    /// The method's answers cannot be compared.
    #[error("`{method}` cannot be checked: it gives a table with texts")]
    Incomparable {
        /// Its name.
        method: String,
    },
    /// The tolerance is none.
    #[error("the tolerance is {got}, expected a number that is not negative")]
    Tolerance {
        /// What it is.
        got: f64,
    },
    /// The rows cannot be read.
    #[error("the rows of the check cannot be read")]
    Table(#[from] TableError),
    /// The model does not take the rows.
    #[error("the model does not take the rows of the check")]
    Predict(#[from] PredictError),
    /// Predictions differ.
    #[error("{count} of {values} checked values differ: {}", differences.join("; "))]
    Different {
        /// How many.
        count: usize,
        /// Of how many.
        values: usize,
        /// The first of them, in words.
        differences: Vec<String>,
    },
}

impl Checks {
    /// Rows and what is expected of them: an object as `foretell predict` writes it, or an array for `predict`.
    ///
    /// # Errors
    /// The expected predictions are neither, or the tolerance is negative or no number.
    pub fn new(rows: String, expected: Value, tolerance: f64) -> Result<Self, CheckError> {
        if tolerance.is_nan() || tolerance < 0.0 {
            return Err(CheckError::Tolerance { got: tolerance });
        }
        let form = |got| Err(CheckError::Form { got });
        let expected = match expected {
            Value::Object(expected) if !expected.is_empty() => expected,
            Value::Array(values) => Map::from_iter([("predict".to_owned(), Value::Array(values))]),
            Value::Object(_) => return form("an empty object"),
            Value::Null => return form("null"),
            Value::Bool(_) => return form("a boolean"),
            Value::Number(_) => return form("a number"),
            Value::String(_) => return form("a text"),
        };
        Ok(Self { rows, expected, tolerance })
    }

    /// Predicts the rows and compares.
    ///
    /// # Errors
    /// The rows do not have the expected predictions, or cannot be predicted.
    pub fn run(&self, model: &LiveModel) -> Result<(), CheckError> {
        let methods = self.methods(model)?;
        let mut reader = TableReader::open(self.rows.as_bytes(), model.schema(), &ReadOptions::default())?;
        let mut chunk = Chunk::default();
        let mut worker = Worker::new();
        let mut comparison = Comparison { tolerance: self.tolerance, ..Comparison::default() };
        let mut rows = 0;
        while reader.read(&mut chunk)? {
            if !chunk.violations.is_empty() {
                let violations = std::mem::take(&mut chunk.violations);
                return Err(PredictError::Invalid { violations }.into());
            }
            let answer = worker.predict(model, &chunk.frame, methods)?;
            for method in methods.iter() {
                let Some(output) = answer.get(method) else { continue };
                let expected = &self.expected[method.as_str()];
                for row in 0..chunk.rows() {
                    let got = row_of(model, method, output.values(), row);
                    let place = format!("{}[{}]", method.as_str(), rows + row);
                    comparison.compare(&place, &got, value_at(expected, model, method, rows + row));
                }
            }
            rows += chunk.rows();
        }
        for method in methods.iter() {
            let expected = self.expected[method.as_str()].as_array().map_or(0, Vec::len);
            if model.shape(method).is_some_and(|shape| !matches!(shape, Shape::PerTarget(_)))
                && expected != rows
            {
                comparison.differ(&format!("{} has {expected} rows, the table {rows}", method.as_str()));
            }
        }
        comparison.finish()
    }

    fn methods(&self, model: &LiveModel) -> Result<MethodSet, CheckError> {
        let method = |name: &String| {
            let known = Method::parse(name).filter(|method| model.methods().contains(*method));
            let method = known.ok_or_else(|| CheckError::NoSuchMethod { method: name.clone() })?;
            match model.values(method) {
                Values::Numbers | Values::Classes(_) => Ok(method),
                Values::Table(_) => Err(CheckError::Incomparable { method: name.clone() }),
            }
        };
        self.expected.keys().map(method).collect()
    }
}

/// The answer for a row as `foretell predict` writes it: one value, an array, or an array per target.
pub(super) fn row_of(model: &LiveModel, method: Method, values: &[f64], row: usize) -> Value {
    let Some(shape) = model.shape(method) else { return Value::Null };
    let width = shape.width();
    let cells = &values[row * width..(row + 1) * width];
    let labels = match model.values(method) {
        Values::Classes(targets) => targets.iter().map(label_values).collect(),
        Values::Numbers | Values::Table(_) => Vec::new(),
    };
    let cell = |column: usize, value: f64| match labels.get(column) {
        // A class is its position among the labels of its target.
        Some(labels) => labels.get(value as usize).cloned().unwrap_or(Value::Null),
        None => number(value),
    };
    match shape {
        Shape::Vector => cells.first().map_or(Value::Null, |value| cell(0, *value)),
        Shape::Matrix(_) => cells.iter().enumerate().map(|(column, value)| cell(column, *value)).collect(),
        Shape::PerTarget(widths) => {
            let mut rest = cells;
            let mut target = |width: usize| {
                let (first, later) = rest.split_at(width);
                rest = later;
                first.iter().map(|value| number(*value)).collect::<Value>()
            };
            widths.into_iter().map(&mut target).collect()
        }
    }
}

/// The expected answer for a row in the same form. Methods with several targets have an array of rows per target.
fn value_at(expected: &Value, model: &LiveModel, method: Method, row: usize) -> Value {
    match model.shape(method) {
        Some(Shape::PerTarget(_)) => {
            let targets = expected.as_array().map(Vec::as_slice).unwrap_or_default();
            targets.iter().map(|target| target.get(row).cloned().unwrap_or(Value::Null)).collect()
        }
        Some(Shape::Vector | Shape::Matrix(_)) | None => expected.get(row).cloned().unwrap_or(Value::Null),
    }
}

/// A number as JSON; what JSON cannot write is a text, as in all our answers.
fn number(value: f64) -> Value {
    if value.is_nan() {
        return json!("NaN");
    }
    if value.is_infinite() {
        return json!(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    json!(value)
}

/// Differences as they are found.
#[derive(Debug, Default)]
struct Comparison {
    tolerance: f64,
    values: usize,
    count: usize,
    differences: Vec<String>,
}

impl Comparison {
    fn compare(&mut self, place: &str, got: &Value, expected: Value) {
        if let (Value::Array(got), Value::Array(wanted)) = (got, &expected)
            && got.len() == wanted.len()
        {
            for (column, (got, wanted)) in got.iter().zip(wanted).enumerate() {
                self.compare(&format!("{place}[{column}]"), got, wanted.clone());
            }
            return;
        }
        self.values += 1;
        let same = match (got.as_f64(), expected.as_f64()) {
            (Some(got), Some(expected)) => (got - expected).abs() <= self.tolerance * expected.abs().max(1.0),
            _ => *got == expected,
        };
        if !same {
            self.differ(&format!("{place} is {got}, expected {expected}"));
        }
    }

    fn differ(&mut self, difference: &str) {
        self.count += 1;
        if self.differences.len() < LISTED {
            self.differences.push(difference.to_owned());
        }
    }

    fn finish(self) -> Result<(), CheckError> {
        let Self { values, count, differences, .. } = self;
        if count == 0 {
            Ok(())
        } else {
            Err(CheckError::Different { count, values: values.max(count), differences })
        }
    }
}
