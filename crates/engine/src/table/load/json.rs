//! JSON Lines: objects of plain values, by name.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::piece::{Cell, Layout, Piece};
use super::{LoadOptions, MAX_ROW_BYTES, Names, Reader, Source, TableError, within};
use crate::table::BOM;

/// One or several texts of JSON Lines.
pub(super) struct JsonLines<'a> {
    sources: &'a [Source],
    names: Names,
    positions: HashMap<String, usize>,
    /// For each column whether all its values are numbers.
    numbers: Vec<bool>,
    missing: &'a [String],
}

impl<'a> JsonLines<'a> {
    pub(super) fn open(sources: &'a [Source], options: &'a LoadOptions) -> Result<Self, TableError> {
        let (mut names, mut numbers) = (Vec::new(), Vec::new());
        let mut positions = HashMap::new();
        let mut add = |_: usize, _: u64, row: Map<String, Value>| {
            for (name, value) in row {
                let position = *positions.entry(name).or_insert_with_key(|name: &String| {
                    names.push(name.clone());
                    numbers.push(true);
                    names.len() - 1
                });
                let is_text = |text: &String| !text.is_empty() && !options.missing.contains(text);
                numbers[position] &= !matches!(&value, Value::String(text) if is_text(text));
            }
            Ok(())
        };
        for_each_row(sources, None, &mut add)?;
        let names = Names { names, named: true };
        Ok(Self { sources, names, positions, numbers, missing: &options.missing })
    }
}

impl Reader for JsonLines<'_> {
    fn names(&self) -> &Names {
        &self.names
    }

    fn guess(&self) -> Result<Vec<bool>, TableError> {
        Ok(self.numbers.clone())
    }

    fn read(&self, layout: &Layout, seen: Option<&mut Sha256>) -> Result<Piece, TableError> {
        let mut piece = Piece::new(layout);
        let mut set = vec![false; self.names.names.len()];
        for_each_row(self.sources, seen, &mut |file, line, row| {
            piece.begin(file, line);
            set.fill(false);
            for (name, value) in row {
                let column = self.positions[&name];
                set[column] = true;
                let number;
                let cell = match &value {
                    Value::Null => Cell::Missing,
                    Value::Bool(value) => Cell::Number(f64::from(u8::from(*value))),
                    Value::String(text) => Cell::Text(text),
                    Value::Number(value) => match value.as_f64().filter(|_| is_exact(value)) {
                        Some(exact) => Cell::Number(exact),
                        None => {
                            number = value.to_string();
                            Cell::Text(&number)
                        }
                    },
                    Value::Array(_) | Value::Object(_) => {
                        let expected = "expected a number, a text, `true`, `false` or `null`";
                        return Err(piece.row_error(format!("{expected} for `{name}`, got `{value}`")));
                    }
                };
                piece.cell(layout, column, cell, self.missing)?;
            }
            let left = set.iter().enumerate().filter(|(_, set)| !**set);
            left.map(|(column, _)| column)
                .try_for_each(|column| piece.cell(layout, column, Cell::Missing, &[]))
        })?;
        Ok(piece)
    }

    fn unit(&self) -> &'static str {
        "line"
    }
}

fn is_exact(number: &serde_json::Number) -> bool {
    match (number.as_u64(), number.as_i64()) {
        (Some(value), _) => value as f64 as u128 == u128::from(value),
        (None, Some(value)) => value as f64 as i128 == i128::from(value),
        (None, None) => true,
    }
}

/// Hands each row to `take`, with the number of its file and of its line, and all bytes to `seen`.
fn for_each_row(
    sources: &[Source],
    mut seen: Option<&mut Sha256>,
    take: &mut impl FnMut(usize, u64, Map<String, Value>) -> Result<(), TableError>,
) -> Result<(), TableError> {
    for (file, source) in sources.iter().enumerate() {
        let mut take = |line, row| take(file, line, row);
        rows_of(source, seen.as_deref_mut(), &mut take).map_err(|error| within(error, source, sources))?;
    }
    Ok(())
}

fn rows_of(
    source: &Source,
    mut seen: Option<&mut Sha256>,
    take: &mut impl FnMut(u64, Map<String, Value>) -> Result<(), TableError>,
) -> Result<(), TableError> {
    let mut input = BufReader::new(source.open().map_err(|source| TableError::Io { source })?);
    let (mut bytes, mut line) = (Vec::new(), 0);
    loop {
        bytes.clear();
        let limit = MAX_ROW_BYTES as u64 + 1;
        let got = input.by_ref().take(limit).read_until(b'\n', &mut bytes);
        if got.map_err(|source| TableError::Io { source })? == 0 {
            return Ok(());
        }
        line += 1;
        if let Some(seen) = &mut seen {
            seen.update(&bytes);
        }
        if bytes.len() > MAX_ROW_BYTES {
            return Err(TableError::RowTooLarge { line, limit: MAX_ROW_BYTES });
        }
        let text = if line == 1 { bytes.strip_prefix(BOM).unwrap_or(&bytes) } else { &bytes };
        if text.trim_ascii().is_empty() {
            continue;
        }
        let row = serde_json::from_slice(text).map_err(|source| TableError::Json {
            line,
            column: source.column(),
            source,
        })?;
        take(line, row)?;
    }
}
