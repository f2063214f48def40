//! A table served beside models: its rows, and what models predict on a row.

use std::io::Read;

use foretell_frame::{Cell, Frame, RowBuilder, Schema, TextColumn};

use crate::live::LiveModel;
use crate::predict::{MAX_VIOLATIONS, PredictError};
use crate::score::{Answers, ScoreError, score};
use crate::table::cells::{Number, parse_number};
use crate::table::csv::{Record, Records, push_row};
use crate::table::plan::{Plan, looks_like_names};
use crate::table::{BOM, MAX_ROW_BYTES, TableError, Target};

/// A CSV table in memory.
#[derive(Debug)]
pub struct Dataset {
    /// The header; `0`, `1`, ... without one.
    columns: Vec<String>,
    header: bool,
    target: Option<Target>,
    records: Vec<Record>,
}

/// Why a dataset cannot be loaded or used with a model.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The table cannot be read, or lacks columns that the model needs.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The table has more bytes than allowed.
    #[error("the table has more than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// A row has another number of cells than the header.
    #[error("line {line}: expected {expected} cells, got {got}")]
    Ragged {
        /// Line, from 1.
        line: u64,
        /// Cells of the header.
        expected: usize,
        /// Cells of the row.
        got: usize,
    },
    /// There is no such row.
    #[error("expected a row below {rows}, got {row}")]
    NoSuchRow {
        /// The row asked for, from 0.
        row: usize,
        /// Number of rows.
        rows: usize,
    },
    /// The row is not what the model takes.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// The model cannot be scored on the table.
    #[error(transparent)]
    Score(#[from] ScoreError),
}

impl Dataset {
    /// Reads a whole CSV table of at most `max_bytes` bytes. Every row must have as many cells as the first.
    ///
    /// # Errors
    /// It cannot be read, is too large, is ragged, or has no such target column.
    pub fn load(input: impl Read, target: Option<Target>, max_bytes: u64) -> Result<Self, DatasetError> {
        let mut text = Vec::new();
        let io = |source| TableError::Io { source };
        input.take(max_bytes.saturating_add(1)).read_to_end(&mut text).map_err(io)?;
        if text.len() as u64 > max_bytes {
            return Err(DatasetError::TooLarge { limit: max_bytes });
        }
        let mut reader = Records::new(text.strip_prefix(BOM).unwrap_or(&text), MAX_ROW_BYTES);
        let mut first = Record::default();
        if !reader.read(&mut first)? {
            return Err(TableError::Empty.into());
        }
        let cells = first.texts()?;
        let header = looks_like_names(&cells);
        let columns =
            if header { cells } else { (0..cells.len()).map(|column| column.to_string()).collect() };
        let mut records = if header { Vec::new() } else { vec![first.compact()] };
        let mut record = Record::default();
        while reader.read(&mut record)? {
            let (expected, got) = (columns.len(), record.len());
            if got != expected {
                return Err(DatasetError::Ragged { line: record.line, expected, got });
            }
            records.push(record.compact());
        }
        let dataset = Self { columns, header, target, records };
        dataset.target_column()?;
        Ok(dataset)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.records.len()
    }

    /// The columns, in order; `0`, `1`, ... when the table has no header.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The cells of a row, from 0: numbers where they are, an empty cell as missing.
    ///
    /// # Errors
    /// No such row, or a cell that is not UTF-8.
    pub fn row(&self, row: usize) -> Result<Vec<(&str, Cell)>, DatasetError> {
        let cells = self.record(row)?.texts()?;
        let cell = |text: String| match parse_number(text.trim()) {
            _ if text.is_empty() => Cell::Missing,
            Number::Value(value) if value.is_finite() && !text.contains(['u', 'l', 'U', 'L']) => {
                Cell::Number(value)
            }
            Number::Value(_) | Number::NotExact | Number::Not => Cell::Text(text),
        };
        Ok(self.columns.iter().map(String::as_str).zip(cells.into_iter().map(cell)).collect())
    }

    /// One row as a batch for a model.
    ///
    /// # Errors
    /// No such row, columns that the model needs and the table lacks, or cells that it does not take.
    pub fn frame(&self, model: &LiveModel, row: usize) -> Result<Frame, DatasetError> {
        let record = self.record(row)?;
        let (mut frame, mut target) = (Frame::default(), TextColumn::default());
        self.fill(model.schema(), std::slice::from_ref(record), &mut frame, &mut target)?;
        Ok(frame)
    }

    /// How good a model is on the whole table.
    ///
    /// # Errors
    /// As for [`Dataset::frame`], and what [`ScoreError`] lists.
    pub fn score(&self, model: &LiveModel) -> Result<f64, DatasetError> {
        let mut answers = Answers::new(model)?;
        let (mut frame, mut target) = (Frame::default(), TextColumn::default());
        for records in self.records.chunks(crate::table::CHUNK_ROWS) {
            target.clear();
            self.fill(model.schema(), records, &mut frame, &mut target)?;
            answers.add(model, &frame, &target, |row| records[row].line)?;
        }
        Ok(score(&answers.finish()?))
    }

    fn record(&self, row: usize) -> Result<&Record, DatasetError> {
        self.records.get(row).ok_or(DatasetError::NoSuchRow { row, rows: self.records.len() })
    }

    /// The position of the target column.
    fn target_column(&self) -> Result<Option<usize>, TableError> {
        let find = |target| Plan::find_target(target, &self.columns);
        self.target.as_ref().map(find).transpose()
    }

    fn fill(
        &self,
        schema: &Schema,
        records: &[Record],
        frame: &mut Frame,
        target: &mut TextColumn,
    ) -> Result<(), DatasetError> {
        let plan = if self.header {
            Plan::with_header(&self.columns, schema, self.target.as_ref(), &mut Vec::new())?
        } else {
            Plan::by_count(self.columns.len(), schema, self.target_column()?)?
        };
        let mut builder = RowBuilder::new(schema, frame, MAX_VIOLATIONS);
        for record in records {
            push_row(&plan, &mut builder, target, record)?;
        }
        let violations = builder.finish();
        if violations.is_empty() { Ok(()) } else { Err(PredictError::Invalid { violations }.into()) }
    }
}
