//! Tables in Parquet: columns with types, written in groups of rows, so that memory does not grow with their number.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use foretell_engine::log::{Column, ColumnKind};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde_json::Value;

/// Rows that are gathered before they are encoded.
const BATCH: usize = 4096;
/// Rows of a group, which is held in memory, encoded, until it is complete.
const GROUP: usize = 1 << 17;

/// Writes rows as a table.
pub(crate) struct TableWriter<W: Write + Send> {
    schema: SchemaRef,
    columns: Vec<Builder>,
    rows: usize,
    writer: ArrowWriter<W>,
}

/// The values of a column that are not encoded yet.
enum Builder {
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
    Time(TimestampMicrosecondBuilder),
}

impl<W: Write + Send> TableWriter<W> {
    /// A table with these columns, all of which may lack values.
    pub(crate) fn new(output: W, columns: &[Column]) -> io::Result<Self> {
        let field = |column: &Column| Field::new(&column.name, data_type(column.kind), true);
        let schema: SchemaRef = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(GROUP))
            .build();
        let writer = ArrowWriter::try_new(output, Arc::clone(&schema), Some(properties)).map_err(failed)?;
        let columns = columns.iter().map(|column| Builder::new(column.kind)).collect();
        Ok(Self { schema, columns, rows: 0, writer })
    }

    /// Appends a row: a value for each column. What a column cannot hold is missing there.
    pub(crate) fn write(&mut self, cells: &[Value]) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        self.rows += 1;
        if self.rows == BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let arrays = self.columns.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(refused)?;
        self.rows = 0;
        self.writer.write(&batch).map_err(failed)
    }

    /// Writes what is left and the description of the table, and gives the output back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if self.rows > 0 {
            self.flush()?;
        }
        self.writer.into_inner().map_err(failed)
    }
}

impl Builder {
    fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Int => Self::Int(Int64Builder::new()),
            ColumnKind::Float => Self::Float(Float64Builder::new()),
            ColumnKind::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnKind::Text => Self::Text(StringBuilder::new()),
            ColumnKind::Time => Self::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
        }
    }

    fn push(&mut self, cell: &Value) {
        match self {
            Self::Int(values) => values.append_option(cell.as_i64()),
            Self::Float(values) => values.append_option(number(cell)),
            Self::Bool(values) => values.append_option(cell.as_bool()),
            Self::Text(values) => match cell {
                Value::Null => values.append_null(),
                Value::String(text) => values.append_value(text),
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    values.append_value(cell.to_string());
                }
            },
            Self::Time(values) => values.append_option(cell.as_i64()),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Int(values) => ArrayBuilder::finish(values),
            Self::Float(values) => ArrayBuilder::finish(values),
            Self::Bool(values) => ArrayBuilder::finish(values),
            Self::Text(values) => ArrayBuilder::finish(values),
            Self::Time(values) => ArrayBuilder::finish(values),
        }
    }
}

fn data_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Int => DataType::Int64,
        ColumnKind::Float => DataType::Float64,
        ColumnKind::Bool => DataType::Boolean,
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

/// A number, also one of those that JSON has only texts for.
fn number(cell: &Value) -> Option<f64> {
    match cell.as_str() {
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => cell.as_f64(),
    }
}

/// The errors of writing are mostly those of the output.
fn failed(error: ParquetError) -> io::Error {
    let ParquetError::External(source) = error else { return io::Error::other(error) };
    source.downcast::<io::Error>().map_or_else(io::Error::other, |error| *error)
}

fn refused(error: ArrowError) -> io::Error {
    io::Error::other(error)
}
