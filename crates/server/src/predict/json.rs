//! JSON bodies of every form, decoded with all their errors.
//!
//! The text is checked as a whole first, so that whatever is wrong afterwards is about its meaning. Then it is
//! walked level by level over raw slices of the text: no tree of values is built.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use foretell_engine::complete_violations;
use foretell_engine::table::{nearest, set_json};
use foretell_frame::{Frame, Kind, RowBuilder, Schema};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::problem::{Fault, MAX_ERRORS, Place, Problem};
use crate::router::shown;

use super::csv;
use super::layout::{Decoded, Layout};

/// The key under which rows stand.
const DATA: &str = "data";
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Decodes a JSON body into a frame with the schema's layout.
///
/// # Errors
/// It is not JSON, or not what the schema says.
pub(super) fn decode(
    body: &[u8],
    schema: &Schema,
    max_rows: usize,
    frame: &mut Frame,
) -> Result<Decoded, Problem> {
    let text = utf8(body.strip_prefix(BOM).unwrap_or(body))?;
    if text.trim_ascii().is_empty() {
        let reason = "expected a JSON object or array, got an empty body".into();
        return Err(Problem::NotJson { line: 1, column: 1, reason });
    }
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    let decoder = Decoder { schema, max_rows };
    match Shape::of(raw) {
        Shape::Array => decoder.rows(raw, Layout::Rows, frame),
        Shape::Object => decoder.object(raw, frame),
        Shape::Text | Shape::Scalar => {
            let msg = format!("expected an object or an array, got {}", name(raw));
            Err(Problem::invalid(Vec::new(), "wrong_type", msg))
        }
    }
}

fn utf8(body: &[u8]) -> Result<&str, Problem> {
    str::from_utf8(body).map_err(|error| {
        let before = &body[..error.valid_up_to()];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        Problem::NotJson {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: before.len() - line_start + 1,
            reason: "the text is not UTF-8".into(),
        }
    })
}

fn not_json(error: &serde_json::Error) -> Problem {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    let reason = text.strip_suffix(&place).unwrap_or(&text).replacen("EOF", "the end of the text", 1);
    Problem::NotJson { line: error.line().max(1), column: error.column().max(1), reason }
}

/// What a raw value is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Object,
    Array,
    Text,
    Scalar,
}

impl Shape {
    fn of(raw: &RawValue) -> Self {
        match raw.get().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::Text,
            Some(_) | None => Self::Scalar,
        }
    }

    fn nested(self) -> bool {
        matches!(self, Self::Object | Self::Array)
    }
}

/// A value in the words of an error.
fn name(raw: &RawValue) -> Cow<'_, str> {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object".into(),
        Some(b'[') => "an array".into(),
        Some(b'"') => "a string".into(),
        Some(b'n') => "null".into(),
        Some(b't' | b'f') => "a boolean".into(),
        Some(_) | None => format!("number {}", shown(raw.get())).into(),
    }
}

/// An entry of an object.
type Entry<'a> = (Cow<'a, str>, &'a RawValue);

struct Decoder<'s> {
    schema: &'s Schema,
    max_rows: usize,
}

impl Decoder<'_> {
    /// Rows, one by one: arrays in the order of the features, or records.
    fn rows(&self, raw: &RawValue, layout: Layout, frame: &mut Frame) -> Result<Decoded, Problem> {
        let mut builder = RowBuilder::new(self.schema, frame, MAX_ERRORS);
        let mut too_many = false;
        each_item(raw, |item| {
            too_many = builder.rows() >= self.max_rows;
            if too_many || builder.full() {
                return false;
            }
            match Shape::of(item) {
                Shape::Array => positional_row(&mut builder, item),
                Shape::Object => self.record_row(&mut builder, item),
                Shape::Text | Shape::Scalar => {
                    builder.begin_row();
                    builder.end_unreadable_row(&name(item));
                }
            }
            true
        });
        if too_many {
            return Err(Problem::TooManyRows { limit: self.max_rows });
        }
        if builder.rows() == 0 {
            let place = if layout == Layout::Data { vec![DATA.into()] } else { Vec::new() };
            return Err(Problem::invalid(place, "empty", "expected at least one row, got none"));
        }
        self.finish(builder.finish(), layout, false, frame)
    }

    fn object(&self, raw: &RawValue, frame: &mut Frame) -> Result<Decoded, Problem> {
        let entries = self.entries(raw)?;
        if self.schema.position(DATA).is_none()
            && let Some((_, data)) = entries.iter().find(|(key, _)| key == DATA)
        {
            return self.data(&entries, data, frame);
        }
        if entries.is_empty() {
            let msg = "expected `data`, a record or columns, got an empty object";
            return Err(Problem::invalid(Vec::new(), "empty", msg));
        }
        // What stands under an unused feature says nothing: it may be anything.
        let used = |(key, _): &&Entry<'_>| {
            let feature = self.schema.position(key).map(|position| &self.schema.features()[position]);
            feature.is_some_and(|feature| feature.kind != Kind::Unused)
        };
        let (_, telling) = entries.iter().find(used).unwrap_or(&entries[0]);
        if Shape::of(telling).nested() {
            return self.columns(&entries, frame);
        }
        let mut builder = RowBuilder::new(self.schema, frame, MAX_ERRORS);
        builder.begin_row();
        entries.iter().for_each(|(key, value)| self.set(&mut builder, key, value));
        builder.end_row();
        self.finish(builder.finish(), Layout::Record, true, frame)
    }

    /// The entries of an object that is a record, columns, or has rows under `data`. There are few: more than
    /// that are more errors than are listed.
    fn entries<'a>(&self, raw: &'a RawValue) -> Result<Vec<Entry<'a>>, Problem> {
        let most = self.schema.len() + MAX_ERRORS;
        let mut entries = Vec::new();
        each_entry(raw, &[], |key, value| {
            entries.push((key, value));
            entries.len() <= most
        })?;
        Ok(entries)
    }

    /// Rows, or CSV text, under `data`.
    fn data(&self, entries: &[Entry<'_>], data: &RawValue, frame: &mut Frame) -> Result<Decoded, Problem> {
        let mut seen = false;
        let mut faults = Vec::new();
        for (key, _) in entries {
            let again = key == DATA && std::mem::replace(&mut seen, true);
            if again || key != DATA {
                let loc = vec![key.as_ref().into()];
                let (kind, msg) = match again {
                    true => ("duplicate_key", "expected `data` once, got it twice".to_owned()),
                    false => {
                        ("unexpected_key", format!("expected nothing beside `data`, got `{}`", shown(key)))
                    }
                };
                faults.push(Fault { loc, msg, kind });
            }
        }
        if !faults.is_empty() {
            faults.truncate(MAX_ERRORS);
            return Err(Problem::Invalid { faults });
        }
        match Shape::of(data) {
            Shape::Array => self.rows(data, Layout::Data, frame),
            Shape::Text => {
                let text = text(data).map_err(|reason| at(reason, &[DATA.into()]))?;
                csv::decode_text(&text, self.schema, self.max_rows, frame)
            }
            Shape::Object | Shape::Scalar => {
                let msg = format!("expected an array of rows or CSV text, got {}", name(data));
                Err(Problem::invalid(vec![DATA.into()], "wrong_type", msg))
            }
        }
    }

    fn record_row(&self, builder: &mut RowBuilder<'_>, raw: &RawValue) {
        builder.begin_row();
        let read = each_entry(raw, &[], |key, value| {
            self.set(builder, &key, value);
            !builder.full()
        });
        match read {
            Ok(()) => builder.end_row(),
            Err(_) => builder.end_unreadable_row("a key that is not Unicode"),
        }
    }

    fn set(&self, builder: &mut RowBuilder<'_>, key: &str, value: &RawValue) {
        match self.schema.position(key) {
            Some(feature) => set_json(builder, feature, value),
            None if builder.full() => {}
            None => {
                let names = self.schema.features().iter().map(|feature| feature.name.as_str());
                builder.unknown_feature(key, nearest(key, names));
            }
        }
    }

    /// Columns, each with the same rows: by name, or in order.
    fn columns(&self, entries: &[Entry<'_>], frame: &mut Frame) -> Result<Decoded, Problem> {
        let mut columns = Columns::new(self.schema);
        for (key, value) in entries {
            columns.add(key, value, self.max_rows)?;
        }
        let Columns { cells, rows, mut faults, .. } = columns;
        let absent = self.schema.features().iter().zip(&cells);
        let absent = absent.filter(|(feature, cells)| cells.is_none() && feature.kind != Kind::Unused);
        faults.extend(absent.map(|(feature, _)| Fault {
            loc: vec![feature.name.as_str().into()],
            msg: format!("expected a column `{}`, got none", feature.name),
            kind: "missing_feature",
        }));
        if !faults.is_empty() {
            faults.truncate(MAX_ERRORS);
            return Err(Problem::Invalid { faults });
        }
        let rows = rows.unwrap_or_default();
        if rows.count == 0 {
            return Err(Problem::invalid(Vec::new(), "empty", "expected at least one row, got none"));
        }
        let mut builder = RowBuilder::new(self.schema, frame, MAX_ERRORS);
        for row in 0..rows.count {
            builder.begin_row();
            for (feature, cells) in cells.iter().enumerate() {
                match cells.as_ref().and_then(|cells| cells[row]) {
                    Some(cell) => set_json(&mut builder, feature, cell),
                    None => builder.missing(feature),
                }
            }
            builder.end_row();
        }
        self.finish(builder.finish(), Layout::Columns(rows.names), false, frame)
    }

    fn finish(
        &self,
        mut violations: Vec<foretell_frame::Violation>,
        layout: Layout,
        one: bool,
        frame: &Frame,
    ) -> Result<Decoded, Problem> {
        if violations.is_empty() {
            return Ok(Decoded { layout, one });
        }
        complete_violations(self.schema, frame, MAX_ERRORS, &mut violations);
        Err(Problem::Invalid { faults: layout.faults(&violations, self.schema) })
    }
}

fn positional_row(builder: &mut RowBuilder<'_>, raw: &RawValue) {
    let expected = builder.schema().len();
    builder.begin_row();
    let mut got = 0;
    each_item(raw, |cell| {
        if got < expected {
            set_json(builder, got, cell);
        }
        got += 1;
        true
    });
    builder.end_positional_row(got);
}

/// The rows of all columns.
#[derive(Debug, Default)]
struct RowNames {
    count: usize,
    /// Names in order of their first appearance; none where the columns are arrays.
    names: Vec<String>,
    positions: HashMap<String, usize>,
}

/// Columns as they are read.
struct Columns<'s, 'a> {
    schema: &'s Schema,
    /// The cells of each feature's column, by row.
    cells: Vec<Option<Vec<Option<&'a RawValue>>>>,
    /// As the first column has them.
    rows: Option<RowNames>,
    faults: Vec<Fault>,
}

impl<'s, 'a> Columns<'s, 'a> {
    fn new(schema: &'s Schema) -> Self {
        Self { schema, cells: vec![None; schema.len()], rows: None, faults: Vec::new() }
    }

    fn fault(&mut self, loc: &[&str], kind: &'static str, msg: String) {
        if self.faults.len() < MAX_ERRORS {
            let loc = loc.iter().map(|key| Place::from(*key)).collect();
            self.faults.push(Fault { loc, msg, kind });
        }
    }

    fn add(&mut self, key: &str, value: &'a RawValue, max_rows: usize) -> Result<(), Problem> {
        let Some(feature) = self.schema.position(key) else {
            let names = self.schema.features().iter().map(|feature| feature.name.as_str());
            let meant = nearest(key, names).map_or(String::new(), |name| format!(", did you mean `{name}`"));
            self.fault(
                &[key],
                "unknown_feature",
                format!("the model has no feature `{}`{meant}", shown(key)),
            );
            return Ok(());
        };
        let cells = match Shape::of(value) {
            Shape::Array => self.list(key, value, max_rows)?,
            Shape::Object => self.named(key, value, max_rows)?,
            Shape::Text | Shape::Scalar => {
                let msg = format!("expected a column (an object or an array) as before, got {}", name(value));
                self.fault(&[key], "wrong_type", msg);
                // The column is there, though it is none: it must not be called missing too.
                Vec::new()
            }
        };
        if self.cells[feature].replace(cells).is_some() {
            self.fault(&[key], "duplicate_feature", format!("expected one column `{key}`, got two"));
        }
        Ok(())
    }

    /// A column whose rows are in order.
    fn list(
        &mut self,
        key: &str,
        value: &'a RawValue,
        max_rows: usize,
    ) -> Result<Vec<Option<&'a RawValue>>, Problem> {
        let mut cells = Vec::new();
        each_item(value, |cell| {
            cells.push(Some(cell));
            cells.len() <= max_rows
        });
        if cells.len() > max_rows {
            return Err(Problem::TooManyRows { limit: max_rows });
        }
        let got = cells.len();
        match &self.rows {
            None => self.rows = Some(RowNames { count: got, ..RowNames::default() }),
            Some(rows) if !rows.names.is_empty() => {
                self.fault(&[key], "wrong_type", "expected an object as before, got an array".into());
            }
            Some(rows) if rows.count != got => {
                let msg = format!("expected {} values as in the first column, got {got}", rows.count);
                self.fault(&[key], "wrong_length", msg);
            }
            Some(_) => {}
        }
        Ok(cells)
    }

    /// A column whose rows have names, which the first column defines.
    fn named(
        &mut self,
        key: &str,
        value: &'a RawValue,
        max_rows: usize,
    ) -> Result<Vec<Option<&'a RawValue>>, Problem> {
        let first = self.rows.is_none();
        let mut rows = self.rows.take().unwrap_or_default();
        if !first && rows.names.is_empty() && rows.count > 0 {
            self.fault(&[key], "wrong_type", "expected an array as before, got an object".into());
            self.rows = Some(rows);
            return Ok(Vec::new());
        }
        let mut cells = vec![None; rows.count];
        each_entry(value, &[key.into()], |row, cell| {
            let position = match rows.positions.get(row.as_ref()) {
                Some(position) => *position,
                None if first => {
                    rows.names.push(row.clone().into_owned());
                    rows.positions.insert(row.clone().into_owned(), rows.count);
                    rows.count += 1;
                    cells.push(None);
                    rows.count - 1
                }
                None => {
                    let msg =
                        format!("expected the rows of the first column, which has no `{}`", shown(&row));
                    self.fault(&[key, &row], "unknown_row", msg);
                    return self.faults.len() < MAX_ERRORS;
                }
            };
            if cells[position].replace(cell).is_some() {
                self.fault(
                    &[key, &row],
                    "duplicate_row",
                    format!("expected one value for `{}`, got two", shown(&row)),
                );
            }
            rows.count <= max_rows
        })?;
        if rows.count > max_rows {
            return Err(Problem::TooManyRows { limit: max_rows });
        }
        for (name, _) in rows.names.iter().zip(&cells).filter(|(_, cell)| cell.is_none()) {
            self.fault(
                &[key, name],
                "missing_row",
                format!("expected a value for row `{}`, got none", shown(name)),
            );
        }
        self.rows = Some(rows);
        Ok(cells)
    }
}

/// Calls `visit` with the items of an array until it returns `false`.
fn each_item<'a>(raw: &'a RawValue, visit: impl FnMut(&'a RawValue) -> bool) {
    struct Items<F>(F);

    impl<'a, F: FnMut(&'a RawValue) -> bool> Visitor<'a> for Items<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'a>>(mut self, mut items: A) -> Result<(), A::Error> {
            while let Some(item) = items.next_element()? {
                if !(self.0)(item) {
                    break;
                }
            }
            Ok(())
        }
    }

    // The text is known to be an array; the only error is that `visit` ended the walk before its end.
    let _ = serde_json::Deserializer::from_str(raw.get()).deserialize_seq(Items(visit));
}

/// Calls `visit` with the entries of an object until it returns `false`. `place` is where the object stands.
///
/// # Errors
/// A key has half of a surrogate pair.
fn each_entry<'a>(
    raw: &'a RawValue,
    place: &[Place],
    mut visit: impl FnMut(Cow<'a, str>, &'a RawValue) -> bool,
) -> Result<(), Problem> {
    struct Entries<F>(F);

    impl<'a, F: FnMut(&'a RawValue, &'a RawValue) -> bool> Visitor<'a> for Entries<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'a>>(mut self, mut entries: A) -> Result<(), A::Error> {
            while let Some((key, value)) = entries.next_entry()? {
                if !(self.0)(key, value) {
                    break;
                }
            }
            Ok(())
        }
    }

    let mut bad = None;
    let walk = Entries(|key: &'a RawValue, value| match text(key) {
        Ok(key) => visit(key, value),
        Err(reason) => {
            bad = Some(reason);
            false
        }
    });
    // The text is known to be an object; the only error is that the walk was ended before its end.
    let _ = serde_json::Deserializer::from_str(raw.get()).deserialize_map(walk);
    bad.map_or(Ok(()), |reason| Err(at(reason, place)))
}

/// The text of a string, borrowed where it has no escapes.
fn text(raw: &RawValue) -> Result<Cow<'_, str>, &'static str> {
    let quoted = raw.get();
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inside {
        Some(inside) if !inside.contains('\\') => Ok(inside.into()),
        Some(_) => serde_json::from_str::<String>(quoted)
            .map(Cow::from)
            .map_err(|_| "expected Unicode text, got half of a surrogate pair"),
        None => Err("expected a string"),
    }
}

fn at(reason: &str, place: &[Place]) -> Problem {
    Problem::invalid(place.to_vec(), "not_unicode", reason)
}
