//! Checks a pipeline while it follows every column from the input to the estimator, and so learns what each
//! feature has to be.
//!
//! Every step takes the [`Column`]s it receives, fails when it does not fit them, notes in [`Facts`] what it
//! demands of the features behind them, and returns the columns it makes.

use foretell_frame::{Cell, Feature, Kind, Schema};

use crate::error::{ModelError, expect_count};
use crate::step::Accepts;

/// Largest number of features: bounds the memory of a schema before it is built.
const MOST_FEATURES: usize = 1 << 20;
/// Largest number of columns inside a pipeline.
pub(crate) const MOST_COLUMNS: usize = 1 << 24;
/// How deep branches and sums may nest.
const DEEPEST: usize = 32;

/// One column on its way through the pipeline: which feature (by position) stands behind it, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    /// The feature whose kind it has; `None` is a computed number.
    pub(crate) kind: Option<usize>,
    /// The feature whose values it holds as they came, missing ones perhaps replaced.
    pub(crate) raw: Option<usize>,
    /// The feature whose missing values make it missing.
    pub(crate) missing: Option<usize>,
    /// The feature whose infinite values make it infinite.
    pub(crate) infinite: Option<usize>,
}

impl Column {
    /// A computed number that is always finite.
    pub(crate) const COMPUTED: Self = Self { kind: None, raw: None, missing: None, infinite: None };

    fn feature(position: usize) -> Self {
        let position = Some(position);
        Self { kind: position, raw: position, missing: position, infinite: position }
    }

    /// A number computed from this column alone, missing and infinite where it is.
    pub(crate) fn computed(self) -> Self {
        Self { kind: None, raw: None, ..self }
    }
}

/// What is known of one feature.
#[derive(Debug, Clone)]
struct Known {
    kind: Option<Kind>,
    used: bool,
    document: bool,
    digits: bool,
    date: bool,
    nullable: bool,
    infinite: bool,
    categories: Option<Vec<Cell>>,
    closed: bool,
    range: Option<(f64, f64)>,
    example: Option<Cell>,
}

/// What the steps seen so far demand and tell of the features.
#[derive(Debug)]
pub(crate) struct Facts {
    features: Vec<Known>,
    depth: usize,
    widest: usize,
}

impl Facts {
    /// Nothing is known of `features` features.
    pub(crate) fn new(features: usize) -> Result<Self, ModelError> {
        if features > MOST_FEATURES {
            return Err(ModelError::mismatch(format_args!("at most {MOST_FEATURES} features"), features));
        }
        let known = Known {
            kind: None,
            used: false,
            document: false,
            digits: false,
            date: false,
            nullable: true,
            infinite: true,
            categories: None,
            closed: false,
            range: None,
            example: None,
        };
        Ok(Self { features: vec![known; features], depth: 0, widest: features })
    }

    /// The columns that enter the pipeline.
    pub(crate) fn columns(&self) -> Vec<Column> {
        (0..self.features.len()).map(Column::feature).collect()
    }

    /// Runs `inner` one level deeper, and fails when that is too deep.
    pub(crate) fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, ModelError>,
    ) -> Result<T, ModelError> {
        if self.depth == DEEPEST {
            return Err(ModelError::mismatch(format_args!("at most {DEEPEST} nested levels"), "more"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// The columns are looked at.
    pub(crate) fn look(&mut self, columns: &[Column]) {
        for feature in columns.iter().filter_map(|column| column.kind) {
            self.features[feature].used = true;
        }
    }

    /// So many columns stand side by side somewhere.
    pub(crate) fn wide(&mut self, columns: usize) {
        self.widest = self.widest.max(columns);
    }

    /// The largest number of columns that stand side by side.
    pub(crate) fn widest(&self) -> usize {
        self.widest
    }

    /// The column holds categories whose digits are theirs as whole numbers.
    pub(crate) fn digits(&mut self, column: &Column) {
        if let Some(feature) = column.raw {
            self.features[feature].digits = true;
        }
    }

    /// The column is read as a text in which terms are looked for.
    pub(crate) fn document(&mut self, column: &Column) {
        if let Some(feature) = column.raw {
            self.features[feature].document = true;
        }
    }

    /// The column has to be of this kind.
    pub(crate) fn demand(&mut self, column: &Column, kind: Kind) -> Result<(), ModelError> {
        let known = match column.kind {
            Some(feature) => self.features[feature].kind.get_or_insert(kind),
            None => &mut Kind::Number,
        };
        if *known == kind {
            return Ok(());
        }
        let got = match column.kind {
            Some(feature) => format!("feature {feature}, which is a {} elsewhere", known.as_str()),
            None => "a computed number".to_owned(),
        };
        Err(ModelError::mismatch(format_args!("a column of kind {}", kind.as_str()), got))
    }

    /// The columns have to be numbers, and only some special values are accepted; the columns after that.
    pub(crate) fn numbers(
        &mut self,
        columns: &[Column],
        accepts: Accepts,
    ) -> Result<Vec<Column>, ModelError> {
        columns
            .iter()
            .map(|column| {
                self.demand(column, Kind::Number)?;
                Ok(self.accept(*column, accepts))
            })
            .collect()
    }

    /// Notes which special values of the column are refused; the column after that.
    pub(crate) fn accept(&mut self, mut column: Column, accepts: Accepts) -> Column {
        if !accepts.missing
            && let Some(feature) = column.missing.take()
        {
            self.features[feature].nullable = false;
        }
        if !accepts.infinite
            && let Some(feature) = column.infinite.take()
        {
            self.features[feature].infinite = false;
        }
        column
    }

    /// Notes the categories of a column, if it holds a feature's own values.
    pub(crate) fn categories(&mut self, column: &Column, values: &[Cell], closed: bool) {
        let Some(feature) = column.raw else { return };
        let known = &mut self.features[feature];
        if known.categories.is_none() || (closed && !known.closed) {
            known.categories = Some(values.to_vec());
            known.closed = closed;
        }
        if let Some(first) = values.iter().find(|value| **value != Cell::Missing) {
            known.example.get_or_insert_with(|| first.clone());
        }
    }

    /// Notes the range in training of a column that holds a feature's own values.
    pub(crate) fn range(&mut self, column: &Column, (low, high): (f64, f64)) {
        let Some(feature) = column.raw else { return };
        if low.is_finite() && high.is_finite() && low <= high {
            self.features[feature].range.get_or_insert((low, high));
            self.example(column, low + (high - low) / 2.0);
        }
    }

    /// Notes a typical value of a column that holds a feature's own values.
    pub(crate) fn example(&mut self, column: &Column, value: f64) {
        let Some(feature) = column.raw else { return };
        if value.is_finite() {
            self.features[feature].example.get_or_insert(Cell::Number(legible(value)));
        }
    }

    /// The column is read as texts of dates, such as this one.
    pub(crate) fn date(&mut self, column: &Column, text: &str) {
        let Some(feature) = column.raw else { return };
        self.features[feature].date = true;
        self.features[feature].example.get_or_insert_with(|| Cell::Text(text.to_owned()));
    }

    /// Whether an example is still wanted for a column that holds a feature's own values.
    pub(crate) fn wants_example(&self, column: &Column) -> bool {
        column.raw.is_some_and(|feature| self.features[feature].example.is_none())
    }

    /// The schema that follows, with names that are the model's own or merely stood beside it, or made up ones.
    pub(crate) fn schema(self, named: bool, names: Option<Vec<String>>) -> Result<Schema, ModelError> {
        let mut names = names.map(Vec::into_iter);
        let features: Vec<Feature> = self
            .features
            .into_iter()
            .enumerate()
            .map(|(position, known)| {
                let name = names.as_mut().and_then(Iterator::next);
                known.feature(name.unwrap_or_else(|| Feature::made_up_name(position)))
            })
            .collect();
        Ok(Schema::new(features, named)?)
    }
}

impl Known {
    fn feature(self, name: String) -> Feature {
        let kind = if self.used { self.kind.unwrap_or(Kind::Number) } else { Kind::Unused };
        let unused = kind == Kind::Unused;
        let (fallback, fits) = match kind {
            Kind::Text => (Cell::Text("text".into()), matches!(self.example, Some(Cell::Text(_)))),
            Kind::Number | Kind::Unused => (Cell::Number(0.0), matches!(self.example, Some(Cell::Number(_)))),
        };
        Feature {
            name,
            kind,
            document: self.document,
            digits: self.digits,
            date: self.date,
            nullable: self.nullable || unused,
            infinite: (self.infinite && kind == Kind::Number) || unused,
            categories: self.categories,
            closed: self.closed,
            range: self.range,
            example: self.example.filter(|_| fits).unwrap_or(fallback),
        }
    }
}

/// The value with four significant digits: examples are for people.
fn legible(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// Fails unless a vector has one entry per column.
pub(crate) fn one_each<T>(what: &str, values: &[T], columns: &[Column]) -> Result<(), ModelError> {
    expect_count(what, columns.len(), values.len())
}
