//! What the columns of a table hold, where no schema says it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Cursor, Read};

use serde_json::Value;

use super::cells::{Number, parse_number};
use super::csv::{Record, Records, utf8};
use super::plan::looks_like_names;
use super::{BOM, Header, ReadOptions, TableError, TableFormat, format_of, sniff};

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// All that are there are numbers.
    Numbers,
    /// Texts, numbers among them perhaps.
    Texts,
    /// None is there.
    Nothing,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, or its position where the table names none.
    pub name: String,
    /// Number of cells that are numbers.
    pub numbers: u64,
    /// Number of other cells that are not empty.
    pub texts: u64,
    /// The first of those, and its line.
    pub first_text: Option<(u64, String)>,
}

impl Column {
    fn new(name: String) -> Self {
        Self { name, numbers: 0, texts: 0, first_text: None }
    }

    /// What its values are.
    pub fn values(&self) -> Values {
        match (self.numbers, self.texts) {
            (0, 0) => Values::Nothing,
            (_, 0) => Values::Numbers,
            (_, _) => Values::Texts,
        }
    }

    fn add(&mut self, text: &str, line: u64) {
        if text.is_empty() {
            return;
        }
        match parse_number(text.trim_matches([' ', '\t'])) {
            Number::Value(_) | Number::NotExact => self.numbers += 1,
            Number::Not => self.add_text(text, line),
        }
    }

    fn add_text(&mut self, text: &str, line: u64) {
        self.texts += 1;
        self.first_text.get_or_insert_with(|| (line, text.to_owned()));
    }
}

/// The columns of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred {
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// Whether the table names them.
    pub named: bool,
}

/// Reads a whole table and tells what its columns hold.
///
/// # Errors
/// A table that cannot be read; rows of JSON Lines that are no objects of plain values.
pub fn infer(mut input: impl Read, options: &ReadOptions) -> Result<Inferred, TableError> {
    let start = sniff(&mut input)?;
    let format = format_of(&start)?;
    let bom = if start.starts_with(BOM) { BOM.len() } else { 0 };
    let mut start = Cursor::new(start);
    start.set_position(bom as u64);
    match format {
        TableFormat::Csv => infer_csv(start.chain(input), options),
        TableFormat::JsonLines => infer_json(start.chain(input), options),
    }
}

fn infer_csv(input: impl Read, options: &ReadOptions) -> Result<Inferred, TableError> {
    let mut records = Records::new(input, options.max_row_bytes);
    let mut record = Record::default();
    if !records.read(&mut record)? {
        return Err(TableError::Empty);
    }
    let first = record.texts()?;
    let named = match options.header {
        Header::Present => true,
        Header::Absent => false,
        Header::Auto | Header::Names => looks_like_names(&first),
    };
    let name = |(position, text): (usize, &String)| if named { text.clone() } else { position.to_string() };
    let mut columns: Vec<Column> = first.iter().enumerate().map(name).map(Column::new).collect();
    let mut pending = !named;
    while std::mem::take(&mut pending) || records.read(&mut record)? {
        // Rows of another length are told when they are read for good.
        for (position, (column, cell)) in columns.iter_mut().zip(record.iter()).enumerate() {
            column.add(utf8(cell, record.line, position)?, record.line);
        }
    }
    Ok(Inferred { columns, named })
}

fn infer_json(input: impl Read, options: &ReadOptions) -> Result<Inferred, TableError> {
    let mut input = BufReader::new(input);
    let (mut columns, mut positions) = (Vec::<Column>::new(), HashMap::<String, usize>::new());
    let (mut bytes, mut line) = (Vec::new(), 0);
    loop {
        bytes.clear();
        let limit = options.max_row_bytes as u64 + 1;
        let got = input.by_ref().take(limit).read_until(b'\n', &mut bytes);
        if got.map_err(|source| TableError::Io { source })? == 0 {
            return Ok(Inferred { columns, named: true });
        }
        line += 1;
        if bytes.len() > options.max_row_bytes {
            return Err(TableError::RowTooLarge { line, limit: options.max_row_bytes });
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let row: serde_json::Map<String, Value> = serde_json::from_slice(&bytes)
            .map_err(|source| TableError::Json { line, column: source.column(), source })?;
        for (name, value) in row {
            let position = *positions.entry(name).or_insert_with_key(|name| {
                columns.push(Column::new(name.clone()));
                columns.len() - 1
            });
            let column = &mut columns[position];
            match value {
                Value::Null => {}
                Value::Bool(_) | Value::Number(_) => column.numbers += 1,
                Value::String(text) => column.add_text(&text, line),
                Value::Array(_) | Value::Object(_) => {
                    let plain = "expected a number, a text, `true`, `false` or `null`";
                    let source = serde::de::Error::custom(format!("column `{}`: {plain}", column.name));
                    return Err(TableError::Json { line, column: 1, source });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(table: &str) -> Vec<(String, Values)> {
        let inferred = infer(table.as_bytes(), &ReadOptions::default()).unwrap();
        inferred.columns.iter().map(|column| (column.name.clone(), column.values())).collect()
    }

    #[test]
    fn columns_of_both_formats() {
        let expected = [("age", Values::Numbers), ("city", Values::Texts), ("note", Values::Nothing)];
        let expected = expected.map(|(name, values)| (name.to_owned(), values));
        assert_eq!(kinds("age,city,note\n41,Oslo,\n,,\n3.5,7,\n"), expected);
        let lines = "{\"age\": 41, \"city\": \"Oslo\", \"note\": null}\n\n{\"age\": null, \"city\": \"7\"}\n";
        assert_eq!(kinds(lines), expected);
        assert_eq!(kinds("1,x\n2,y\n"), [("0".into(), Values::Numbers), ("1".into(), Values::Texts)]);
    }

    #[test]
    fn the_first_text_is_told_with_its_line() {
        let inferred = infer("age,x\n1,2\nNA,3\nNA,4\n".as_bytes(), &ReadOptions::default()).unwrap();
        assert_eq!(inferred.columns[0].first_text, Some((3, "NA".into())));
        assert_eq!((inferred.columns[0].numbers, inferred.columns[0].texts), (1, 2));
    }
}
