//! Filling a frame cell by cell, from any format, with the same rules and the same errors.

use crate::{Frame, Kind, Schema, Slot, Violation, ViolationKind};

/// How many characters of a bad value are shown.
const SHOWN: usize = 40;

/// Fills a [`Frame`] row by row and cell by cell, in any order of features, and collects what is wrong.
///
/// The rules are the same for every format: a number feature takes numbers and booleans (0 and 1), a text
/// feature takes texts (and whole numbers where these are the same as their digits), an unused feature takes anything, and each feature is set exactly once a row. What a
/// format writes for a number (digits in quotes, an empty CSV cell) is the decoder's business.
#[derive(Debug)]
pub struct RowBuilder<'a> {
    schema: &'a Schema,
    frame: &'a mut Frame,
    violations: Vec<Violation>,
    limit: usize,
    /// For each feature, the number of the row (from 1) that last set it.
    set_in: Vec<usize>,
}

impl<'a> RowBuilder<'a> {
    /// A builder that empties `frame`, gives it the schema's layout and stops collecting after `limit`
    /// violations.
    pub fn new(schema: &'a Schema, frame: &'a mut Frame, limit: usize) -> Self {
        frame.reset(schema.numbers(), schema.texts());
        Self { schema, frame, violations: Vec::new(), limit, set_in: vec![0; schema.len()] }
    }

    /// The schema that rows are built for.
    pub fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// Number of complete rows.
    pub fn rows(&self) -> usize {
        self.frame.rows()
    }

    /// Whether no further violation will be kept, so that decoding may stop.
    pub fn full(&self) -> bool {
        self.violations.len() >= self.limit
    }

    /// Starts a row.
    pub fn begin_row(&mut self) {
        self.frame.open_row();
    }

    /// Sets a feature to a number.
    pub fn number(&mut self, feature: usize, value: f64) {
        match self.claim(feature) {
            Some(Slot::Number(column)) => self.put(column, value),
            Some(Slot::Text(column)) if self.schema.features()[feature].digits && is_exact(value) => {
                self.frame.text_mut(column).push(Some(&(value as i64).to_string()));
            }
            Some(Slot::Text(column)) => {
                self.frame.text_mut(column).push(None);
                self.wrong_type(feature, format!("number {value}"));
            }
            Some(Slot::Unused) | None => {}
        }
    }

    /// Sets a feature to a boolean: 0 or 1 for a number feature.
    pub fn boolean(&mut self, feature: usize, value: bool) {
        match self.claim(feature) {
            Some(Slot::Number(column)) => self.put(column, f64::from(u8::from(value))),
            Some(Slot::Text(column)) => {
                self.frame.text_mut(column).push(None);
                self.wrong_type(feature, value.to_string());
            }
            Some(Slot::Unused) | None => {}
        }
    }

    /// Sets a feature to a text.
    pub fn text(&mut self, feature: usize, value: &str) {
        match self.claim(feature) {
            Some(Slot::Text(column)) => self.frame.text_mut(column).push(Some(value)),
            Some(Slot::Number(_)) => self.wrong_type(feature, format!("string {:?}", shorten(value))),
            Some(Slot::Unused) | None => {}
        }
    }

    /// Sets a feature to a missing value; whether the model accepts one is for [`validate`](crate::validate).
    pub fn missing(&mut self, feature: usize) {
        if let Some(Slot::Text(column)) = self.claim(feature) {
            self.frame.text_mut(column).push(None);
        }
    }

    /// Sets a feature to what an empty cell of a table is: a missing value, or the empty text where texts are read.
    pub fn empty(&mut self, feature: usize) {
        match self.schema.features()[feature].document {
            true => self.text(feature, ""),
            false => self.missing(feature),
        }
    }

    /// Notes that a value cannot be what the feature takes, such as a nested array: `got` says what came.
    pub fn wrong(&mut self, feature: usize, got: &str) {
        match self.claim(feature) {
            Some(Slot::Unused) | None => {}
            Some(Slot::Number(_)) => self.wrong_type(feature, shorten(got)),
            Some(Slot::Text(column)) => {
                self.frame.text_mut(column).push(None);
                self.wrong_type(feature, shorten(got));
            }
        }
    }

    /// Notes an integer without an exact float64.
    pub fn not_exact(&mut self, feature: usize, digits: &str) {
        if self.schema.features()[feature].digits {
            return self.text(feature, digits);
        }
        self.number(feature, f64::NAN);
        if self.schema.features()[feature].kind == Kind::Number {
            self.note(Some(feature), ViolationKind::NotExact { got: shorten(digits) });
        }
    }

    /// Notes a value for a feature that the model does not have.
    pub fn unknown_feature(&mut self, name: &str, nearest: Option<String>) {
        self.note(None, ViolationKind::UnknownName { name: shorten(name), nearest });
    }

    /// Ends a row that was set by name: features without a value are noted.
    pub fn end_row(&mut self) {
        let row = self.frame.rows() + 1;
        for (position, feature) in self.schema.features().iter().enumerate() {
            if self.set_in[position] != row && feature.kind != Kind::Unused {
                self.note(Some(position), ViolationKind::Absent);
            }
        }
        self.frame.set_rows(row);
    }

    /// Ends a row that was set by position and had `got` values.
    pub fn end_positional_row(&mut self, got: usize) {
        let expected = self.schema.len();
        if got != expected {
            return self.end_ragged_row(expected, got);
        }
        self.frame.set_rows(self.frame.rows() + 1);
    }

    /// Ends a row that has another number of cells than its table has columns.
    pub fn end_ragged_row(&mut self, expected: usize, got: usize) {
        self.note(None, ViolationKind::WrongLength { expected, got });
        self.frame.set_rows(self.frame.rows() + 1);
    }

    /// Ends a row that is none: `got` says what stands in its place.
    pub fn end_unreadable_row(&mut self, got: &str) {
        self.note(None, ViolationKind::NotARow { got: shorten(got) });
        self.frame.set_rows(self.frame.rows() + 1);
    }

    /// What is wrong with the rows so far; empty when all is well.
    pub fn finish(self) -> Vec<Violation> {
        self.violations
    }

    /// The slot of a feature, unless the row has set it already.
    fn claim(&mut self, feature: usize) -> Option<Slot> {
        let row = self.frame.rows() + 1;
        if self.set_in[feature] == row {
            self.note(Some(feature), ViolationKind::Duplicate);
            return None;
        }
        self.set_in[feature] = row;
        Some(self.schema.slots()[feature])
    }

    fn put(&mut self, column: usize, value: f64) {
        let cell = self.frame.rows() * self.frame.width() + column;
        self.frame.numbers_mut()[cell] = value;
    }

    fn wrong_type(&mut self, feature: usize, got: String) {
        self.note(Some(feature), ViolationKind::WrongType { got });
    }

    fn note(&mut self, feature: Option<usize>, kind: ViolationKind) {
        if self.violations.len() < self.limit {
            self.violations.push(Violation { row: self.frame.rows(), feature, kind });
        }
    }
}

/// Whether a number is a whole one that no other integer is rounded to.
fn is_exact(value: f64) -> bool {
    value.fract() == 0.0 && value.abs() < (1_u64 << 53) as f64
}

/// The beginning of a text that may be long.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Feature;

    fn schema() -> Schema {
        let unused = Feature { kind: Kind::Unused, ..Feature::number("id") };
        Schema::new(vec![Feature::number("x"), Feature::text("t"), unused], true).unwrap()
    }

    #[test]
    fn rows_may_be_set_in_any_order_and_unused_features_left_out() {
        let (schema, mut frame) = (schema(), Frame::default());
        let mut builder = RowBuilder::new(&schema, &mut frame, 10);
        builder.begin_row();
        builder.text(1, "a");
        builder.boolean(0, true);
        builder.end_row();
        builder.begin_row();
        builder.text(2, "ignored");
        builder.number(0, 2.5);
        builder.missing(1);
        builder.end_row();
        assert_eq!(builder.finish(), []);
        assert_eq!(frame.numbers(), [1.0, 2.5]);
        assert_eq!(frame.texts()[0].iter().collect::<Vec<_>>(), [Some("a"), None]);
    }

    #[test]
    fn whole_numbers_are_their_digits_where_the_model_says_so() {
        let category = Feature { digits: true, ..Feature::text("c") };
        let schema = Schema::new(vec![category], true).unwrap();
        let mut frame = Frame::default();
        let mut builder = RowBuilder::new(&schema, &mut frame, 10);
        let values: [fn(&mut RowBuilder<'_>); 5] = [
            |builder| builder.number(0, -5.0),
            |builder| builder.not_exact(0, "9007199254740993"),
            |builder| builder.text(0, "5"),
            |builder| builder.number(0, 5.5),
            |builder| builder.number(0, f64::NAN),
        ];
        for value in values {
            builder.begin_row();
            value(&mut builder);
            builder.end_row();
        }
        let wrong: Vec<_> =
            builder.finish().iter().map(|violation| (violation.row, violation.code())).collect();
        assert_eq!(wrong, [(3, "wrong_type"), (4, "wrong_type")]);
        let texts: Vec<_> = frame.texts()[0].iter().collect();
        assert_eq!(texts, [Some("-5"), Some("9007199254740993"), Some("5"), None, None]);
    }

    #[test]
    fn everything_wrong_is_noted_with_its_place() {
        let (schema, mut frame) = (schema(), Frame::default());
        let mut builder = RowBuilder::new(&schema, &mut frame, 10);
        builder.begin_row();
        builder.text(0, "1.5");
        builder.number(0, 1.5);
        builder.unknown_feature("xx", Some("x".into()));
        builder.end_row();
        builder.begin_row();
        builder.not_exact(0, "9007199254740993");
        builder.number(1, 3.0);
        builder.end_positional_row(2);
        let violations = builder.finish();
        let messages: Vec<_> = violations.iter().map(|v| (v.row, v.code(), v.message(&schema))).collect();
        assert_eq!(
            messages,
            [
                (0, "wrong_type", "expected a number for `x`, got string \"1.5\"".to_owned()),
                (0, "duplicate_feature", "expected one value for `x`, got two".into()),
                (0, "unknown_feature", "the model has no feature `xx`, did you mean `x`".into()),
                (0, "missing_feature", "expected a value for `t`, got none".into()),
                (
                    1,
                    "not_exact",
                    "expected a number for `x` that a float64 holds exactly, got 9007199254740993".into()
                ),
                (1, "wrong_type", "expected a string for `t`, got number 3".into()),
                (1, "wrong_length", "expected 3 values, got 2".into()),
            ]
        );
        assert_eq!(frame.rows(), 2);
    }
}
