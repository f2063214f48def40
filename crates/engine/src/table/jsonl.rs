//! JSON Lines: one object (by name) or one array (by position) a line.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use foretell_frame::{Kind, RowBuilder, Schema, TextColumn};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::cells::{Number, parse_number};
use super::{Chunk, Note, ReadOptions, TableError, Target};

/// How many ignored names are remembered for the note.
const IGNORED_KEPT: usize = 20;

/// Rows of a JSON Lines text for a schema.
pub(super) struct JsonRows<R> {
    reader: BufReader<R>,
    line: u64,
    text: Vec<u8>,
    limit: usize,
    target: Option<Target>,
    ignored: Vec<String>,
}

impl<R: Read> JsonRows<R> {
    pub(super) fn open(inner: R, options: &ReadOptions) -> Self {
        Self {
            reader: BufReader::new(inner),
            line: 0,
            text: Vec::new(),
            limit: options.max_row_bytes,
            target: options.target.clone(),
            ignored: Vec::new(),
        }
    }

    /// What was ignored so far.
    pub(super) fn notes(&self) -> Option<Note> {
        (!self.ignored.is_empty()).then(|| Note::IgnoredColumns(self.ignored.clone()))
    }

    /// Fills a chunk with up to `rows` rows.
    pub(super) fn read(
        &mut self,
        schema: &Schema,
        rows: usize,
        limit: usize,
        chunk: &mut Chunk,
    ) -> Result<(), TableError> {
        let mut builder = RowBuilder::new(schema, &mut chunk.frame, limit);
        while builder.rows() < rows && !builder.full() && self.next_line()? {
            let row = Row {
                builder: &mut builder,
                answers: &mut chunk.target,
                target: self.target.as_ref(),
                ignored: &mut self.ignored,
            };
            let mut json = serde_json::Deserializer::from_slice(&self.text);
            row.deserialize(&mut json).and_then(|()| json.end()).map_err(|source| {
                let end = self.text.trim_ascii_end().len();
                let column = if source.is_eof() { end } else { source.column().max(1) };
                TableError::Json { line: self.line, column, source }
            })?;
            chunk.lines.push(self.line);
        }
        chunk.violations = builder.finish();
        Ok(())
    }

    /// Reads the next line that is not blank; `false` at the end.
    fn next_line(&mut self) -> Result<bool, TableError> {
        loop {
            self.text.clear();
            self.line += 1;
            let limit = self.limit as u64 + 1;
            let count = (&mut self.reader).take(limit).read_until(b'\n', &mut self.text).map_err(io_error)?;
            if count > self.limit {
                return Err(TableError::RowTooLarge { line: self.line, limit: self.limit });
            }
            if count == 0 {
                return Ok(false);
            }
            if !self.text.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }
}

fn io_error(source: io::Error) -> TableError {
    TableError::Io { source }
}

/// Decodes one line straight into the row being built.
struct Row<'r, 's> {
    builder: &'r mut RowBuilder<'s>,
    answers: &'r mut TextColumn,
    target: Option<&'r Target>,
    ignored: &'r mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.builder.begin_row();
        let mut answer = None;
        while let Some(name) = map.next_key::<String>()? {
            let raw: &RawValue = map.next_value()?;
            if self.target.is_some_and(|target| target.is_named(&name)) {
                answer = plain(raw);
            } else if let Some(feature) = self.builder.schema().position(&name) {
                set_json(self.builder, feature, raw);
            } else if self.ignored.len() < IGNORED_KEPT && !self.ignored.contains(&name) {
                self.ignored.push(name);
            }
        }
        if self.target.is_some() {
            self.answers.push(answer.as_deref());
        }
        self.builder.end_row();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        self.builder.begin_row();
        let (mut column, mut feature, mut answer) = (0, 0, None);
        while let Some(raw) = sequence.next_element::<&RawValue>()? {
            if self.target.is_some_and(|target| target.is_at(column)) {
                answer = plain(raw);
            } else {
                if feature < self.builder.schema().len() {
                    set_json(self.builder, feature, raw);
                }
                feature += 1;
            }
            column += 1;
        }
        if self.target.is_some() {
            self.answers.push(answer.as_deref());
        }
        self.builder.end_positional_row(feature);
        Ok(())
    }
}

/// A JSON string without its quotes and escapes, any other value as it is written; `None` for `null`.
fn plain(raw: &RawValue) -> Option<String> {
    match raw.get() {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok(),
        text => Some(text.to_owned()),
    }
}

/// Sets a feature from a JSON value: a missing value is `null`, or `"NaN"` for a number, which our own output has
/// for it. A string is never read as any other number than infinity.
pub fn set_json(builder: &mut RowBuilder<'_>, feature: usize, raw: &RawValue) {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<String>(text) {
            Ok(value) => set_string(builder, feature, &value),
            Err(_) => builder.wrong(feature, "a string that is not Unicode"),
        },
        Some(b'n') => builder.missing(feature),
        Some(b't') => builder.boolean(feature, true),
        Some(b'f') => builder.boolean(feature, false),
        Some(b'[') => builder.wrong(feature, "an array"),
        Some(b'{') => builder.wrong(feature, "an object"),
        Some(_) | None => match parse_number(text) {
            Number::Value(value) => builder.number(feature, value),
            Number::NotExact => builder.not_exact(feature, text),
            Number::Not => builder.wrong(feature, text),
        },
    }
}

/// A string: for a number feature only the words that our own output has for what JSON cannot write.
fn set_string(builder: &mut RowBuilder<'_>, feature: usize, text: &str) {
    let number = builder.schema().features()[feature].kind == Kind::Number;
    match text {
        "NaN" if number => builder.missing(feature),
        "Infinity" if number => builder.number(feature, f64::INFINITY),
        "-Infinity" if number => builder.number(feature, f64::NEG_INFINITY),
        _ => builder.text(feature, text),
    }
}
