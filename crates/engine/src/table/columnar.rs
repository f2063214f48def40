//! Tables of typed columns: Parquet files, and Arrow IPC as files (Feather) and streams.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, SchemaRef, TimeUnit};
use foretell_frame::{RowBuilder, Schema, TextColumn};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;

use super::plan::{Plan, Role};
use super::{Chunk, Note, ReadOptions, Source, TableError, TableFormat};

/// Rows that are decoded together.
const BATCH_ROWS: usize = 8192;

trait Input: Read + Seek + Send {}

impl<T: Read + Seek + Send> Input for T {}

enum Decoder {
    Parquet(ParquetRecordBatchReader),
    File(FileReader<Box<dyn Input>>),
    Stream(Box<StreamReader<Box<dyn Input>>>),
}

/// The rows of a table, some at a time.
pub(super) struct Batches {
    decoder: Decoder,
    format: TableFormat,
    /// The position in a batch of each column that is read.
    positions: Vec<Option<usize>>,
}

impl Batches {
    /// The columns of a table.
    pub(super) fn schema(source: &Source, format: TableFormat) -> Result<SchemaRef, TableError> {
        let damaged = |error: &dyn Display| damaged(format, error);
        Ok(match format {
            TableFormat::Parquet => match source {
                Source::File(path) => parquet_schema(open_file(path)?)?,
                Source::Bytes(bytes) => parquet_schema(bytes.clone())?,
            },
            TableFormat::ArrowFile => {
                FileReader::try_new(seekable(source)?, None).map_err(|error| damaged(&error))?.schema()
            }
            TableFormat::ArrowStream | TableFormat::Csv | TableFormat::JsonLines => {
                StreamReader::try_new(seekable(source)?, None).map_err(|error| damaged(&error))?.schema()
            }
        })
    }

    /// Those of the columns that are wanted.
    pub(super) fn open(source: &Source, format: TableFormat, wanted: &[bool]) -> Result<Self, TableError> {
        let projection: Vec<usize> = (0..wanted.len()).filter(|column| wanted[*column]).collect();
        let positions =
            (0..wanted.len()).map(|column| projection.iter().position(|other| *other == column)).collect();
        let damaged = |error: &dyn Display| damaged(format, error);
        let decoder = match format {
            TableFormat::Parquet => Decoder::Parquet(match source {
                Source::File(path) => parquet_rows(open_file(path)?, &projection)?,
                Source::Bytes(bytes) => parquet_rows(bytes.clone(), &projection)?,
            }),
            TableFormat::ArrowFile => Decoder::File(
                FileReader::try_new(seekable(source)?, Some(projection)).map_err(|error| damaged(&error))?,
            ),
            TableFormat::ArrowStream | TableFormat::Csv | TableFormat::JsonLines => {
                Decoder::Stream(Box::new(
                    StreamReader::try_new(seekable(source)?, Some(projection))
                        .map_err(|error| damaged(&error))?,
                ))
            }
        };
        Ok(Self { decoder, format, positions })
    }

    /// The next rows; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, TableError> {
        let next: Option<Result<RecordBatch, ArrowError>> = match &mut self.decoder {
            Decoder::Parquet(rows) => rows.next(),
            Decoder::File(rows) => rows.next(),
            Decoder::Stream(rows) => rows.next(),
        };
        next.transpose().map_err(|error| damaged(self.format, &error))
    }

    /// The values of a column of the table in a batch; none where it is not wanted.
    pub(super) fn values(&self, batch: &RecordBatch, column: usize) -> Result<Option<Values>, TableError> {
        let Some(position) = self.positions[column] else { return Ok(None) };
        let kind = || batch.schema().field(position).clone();
        values(batch.column(position).as_ref()).map(Some).ok_or_else(|| TableError::ColumnType {
            name: kind().name().clone(),
            got: kind().data_type().to_string(),
        })
    }
}

fn open_file(path: &std::path::Path) -> Result<File, TableError> {
    File::open(path).map_err(|source| TableError::Io { source })
}

fn seekable(source: &Source) -> Result<Box<dyn Input>, TableError> {
    Ok(match source {
        Source::File(path) => Box::new(BufReader::new(open_file(path)?)),
        Source::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
    })
}

fn parquet_schema(input: impl ChunkReader + 'static) -> Result<SchemaRef, TableError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(input);
    builder.map(|builder| builder.schema().clone()).map_err(|error| damaged(TableFormat::Parquet, &error))
}

fn parquet_rows(
    input: impl ChunkReader + 'static,
    projection: &[usize],
) -> Result<ParquetRecordBatchReader, TableError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(input);
    let rows = builder.and_then(|builder| {
        let mask = ProjectionMask::roots(builder.parquet_schema(), projection.iter().copied());
        builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()
    });
    rows.map_err(|error| damaged(TableFormat::Parquet, &error))
}

fn damaged(format: TableFormat, error: &dyn Display) -> TableError {
    TableError::Damaged { format, reason: error.to_string() }
}

/// Whether a column of this type is one of numbers.
pub(super) fn is_number(kind: &DataType) -> bool {
    if let DataType::Dictionary(_, values) = kind {
        return is_number(values);
    }
    kind.is_numeric() || matches!(kind, DataType::Boolean | DataType::Null)
}

/// The values of a column in some rows.
pub(super) enum Values {
    /// NaN where one is missing.
    Numbers(Vec<f64>),
    /// Integers, not all of which a float64 holds exactly.
    Integers(Vec<Option<i128>>),
    Booleans(Vec<Option<bool>>),
    Texts(TextColumn),
}

/// A value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Missing,
    Number(f64),
    /// An integer without an exact float64.
    Integer(i128),
    Boolean(bool),
    Text(&'a str),
}

impl Values {
    pub(super) fn get(&self, row: usize) -> Value<'_> {
        match self {
            Self::Numbers(values) if values[row].is_nan() => Value::Missing,
            Self::Numbers(values) => Value::Number(values[row]),
            Self::Integers(values) => match values[row] {
                None => Value::Missing,
                Some(value) if value as f64 as i128 == value => Value::Number(value as f64),
                Some(value) => Value::Integer(value),
            },
            Self::Booleans(values) => values[row].map_or(Value::Missing, Value::Boolean),
            Self::Texts(values) => values.get(row).map_or(Value::Missing, Value::Text),
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is no value of a table is refused, whatever is added"
)]
fn values(array: &dyn Array) -> Option<Values> {
    let text = |texts: &mut dyn Iterator<Item = Option<String>>| {
        let mut column = TextColumn::default();
        texts.for_each(|text| column.push(text.as_deref()));
        Some(Values::Texts(column))
    };
    /// The texts of an array, each by a method that takes its position.
    macro_rules! texts {
        ($type:ty, $of:expr) => {{
            let array = array.as_primitive::<$type>();
            text(&mut (0..array.len()).map(|row| array.is_valid(row).then(|| $of(array, row)).flatten()))
        }};
    }
    /// Decimals are numbers, by their digits.
    macro_rules! decimals {
        ($type:ty) => {{
            let array = array.as_primitive::<$type>();
            let number = |row| match array.is_valid(row) {
                true => array.value_as_string(row).parse().unwrap_or(f64::NAN),
                false => f64::NAN,
            };
            Some(Values::Numbers((0..array.len()).map(number).collect()))
        }};
    }
    let zone = if matches!(array.data_type(), DataType::Timestamp(_, Some(_))) { "Z" } else { "" };
    match array.data_type() {
        DataType::Null => Some(Values::Numbers(vec![f64::NAN; array.len()])),
        DataType::Boolean => Some(Values::Booleans(array.as_boolean().iter().collect())),
        DataType::Utf8 => Some(Values::Texts(gather(array.as_string::<i32>().iter()))),
        DataType::LargeUtf8 => Some(Values::Texts(gather(array.as_string::<i64>().iter()))),
        DataType::Utf8View => Some(Values::Texts(gather(array.as_string_view().iter()))),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let (keys, known) = (dictionary.normalized_keys(), values(dictionary.values().as_ref())?);
            let row = |(row, key): (usize, &usize)| array.is_valid(row).then_some(*key);
            Some(known.take(&keys.iter().enumerate().map(row).collect::<Vec<_>>()))
        }
        DataType::Decimal32(..) => decimals!(Decimal32Type),
        DataType::Decimal64(..) => decimals!(Decimal64Type),
        DataType::Decimal128(..) => decimals!(Decimal128Type),
        DataType::Decimal256(..) => decimals!(Decimal256Type),
        DataType::Date32 => texts!(Date32Type, |array: &arrow_array::Date32Array, row| {
            array.value_as_date(row).map(|date| date.to_string())
        }),
        DataType::Date64 => texts!(Date64Type, |array: &arrow_array::Date64Array, row| {
            array.value_as_date(row).map(|date| date.to_string())
        }),
        DataType::Timestamp(TimeUnit::Second, _) => {
            texts!(TimestampSecondType, |array: &arrow_array::TimestampSecondArray, row| {
                array.value_as_datetime(row).map(|time| format!("{time:?}{zone}"))
            })
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            texts!(TimestampMillisecondType, |array: &arrow_array::TimestampMillisecondArray, row| {
                array.value_as_datetime(row).map(|time| format!("{time:?}{zone}"))
            })
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            texts!(TimestampMicrosecondType, |array: &arrow_array::TimestampMicrosecondArray, row| {
                array.value_as_datetime(row).map(|time| format!("{time:?}{zone}"))
            })
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            texts!(TimestampNanosecondType, |array: &arrow_array::TimestampNanosecondArray, row| {
                array.value_as_datetime(row).map(|time| format!("{time:?}{zone}"))
            })
        }
        DataType::Int8 => Some(floats(array.as_primitive::<Int8Type>().iter())),
        DataType::Int16 => Some(floats(array.as_primitive::<Int16Type>().iter())),
        DataType::Int32 => Some(floats(array.as_primitive::<Int32Type>().iter())),
        DataType::UInt8 => Some(floats(array.as_primitive::<UInt8Type>().iter())),
        DataType::UInt16 => Some(floats(array.as_primitive::<UInt16Type>().iter())),
        DataType::UInt32 => Some(floats(array.as_primitive::<UInt32Type>().iter())),
        DataType::Float16 => Some(floats(array.as_primitive::<Float16Type>().iter())),
        DataType::Float32 => Some(floats(array.as_primitive::<Float32Type>().iter())),
        DataType::Float64 => Some(floats(array.as_primitive::<Float64Type>().iter())),
        DataType::Int64 => Some(integers(array.as_primitive::<Int64Type>().iter())),
        DataType::UInt64 => Some(integers(array.as_primitive::<UInt64Type>().iter())),
        _ => None,
    }
}

fn floats<T: Into<f64>>(values: impl Iterator<Item = Option<T>>) -> Values {
    Values::Numbers(values.map(|value| value.map_or(f64::NAN, Into::into)).collect())
}

fn integers<T: Into<i128>>(values: impl Iterator<Item = Option<T>>) -> Values {
    Values::Integers(values.map(|value| value.map(Into::into)).collect())
}

fn gather<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> TextColumn {
    let mut column = TextColumn::default();
    texts.for_each(|text| column.push(text));
    column
}

impl Values {
    /// The values at some positions, missing where there is none.
    fn take(&self, keys: &[Option<usize>]) -> Self {
        match self {
            Self::Numbers(values) => {
                Self::Numbers(keys.iter().map(|key| key.map_or(f64::NAN, |key| values[key])).collect())
            }
            Self::Integers(values) => {
                Self::Integers(keys.iter().map(|key| key.and_then(|key| values[key])).collect())
            }
            Self::Booleans(values) => {
                Self::Booleans(keys.iter().map(|key| key.and_then(|key| values[key])).collect())
            }
            Self::Texts(values) => {
                Self::Texts(gather(keys.iter().map(|key| key.and_then(|key| values.get(key)))))
            }
        }
    }
}

/// The rows of a table for a schema.
pub(super) struct ColumnarRows {
    batches: Batches,
    plan: Plan,
    /// The rows that are being handed out: each column that is wanted, how many rows, and how many were.
    columns: Vec<Option<Values>>,
    rows: usize,
    done: usize,
    /// The number of the last row handed out, from 1.
    row: u64,
}

impl ColumnarRows {
    pub(super) fn open(
        source: &Source,
        format: TableFormat,
        schema: &Schema,
        options: &ReadOptions,
        notes: &mut Vec<Note>,
    ) -> Result<Self, TableError> {
        let names = column_names(source, format)?;
        let plan = Plan::with_header(&names, schema, options.target.as_ref(), notes)?;
        let wanted: Vec<bool> = plan.roles.iter().map(|role| *role != Role::Ignored).collect();
        let batches = Batches::open(source, format, &wanted)?;
        Ok(Self { batches, plan, columns: Vec::new(), rows: 0, done: 0, row: 0 })
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
        while builder.rows() < rows && !builder.full() {
            if self.done == self.rows {
                let Some(batch) = self.batches.next()? else { break };
                let values = |column| self.batches.values(&batch, column);
                self.columns = (0..self.plan.roles.len()).map(values).collect::<Result<_, _>>()?;
                (self.rows, self.done) = (batch.num_rows(), 0);
                continue;
            }
            self.row += 1;
            builder.begin_row();
            for (role, column) in self.plan.roles.iter().zip(&self.columns) {
                let value = column.as_ref().map_or(Value::Missing, |column| column.get(self.done));
                match *role {
                    Role::Feature(feature) => set(&mut builder, feature, value),
                    Role::Target => chunk.target.push(as_text(value).as_deref()),
                    Role::Ignored => {}
                }
            }
            builder.end_row();
            chunk.lines.push(self.row);
            self.done += 1;
        }
        chunk.violations = builder.finish();
        Ok(())
    }
}

/// The names of a table's columns.
pub(super) fn column_names(source: &Source, format: TableFormat) -> Result<Vec<String>, TableError> {
    let schema = Batches::schema(source, format)?;
    Ok(schema.fields().iter().map(|field| field.name().clone()).collect())
}

fn set(builder: &mut RowBuilder<'_>, feature: usize, value: Value<'_>) {
    match value {
        Value::Missing => builder.missing(feature),
        Value::Number(value) => builder.number(feature, value),
        Value::Integer(value) => builder.not_exact(feature, &value.to_string()),
        Value::Boolean(value) => builder.boolean(feature, value),
        Value::Text(text) => builder.text(feature, text),
    }
}

/// A value as a cell of CSV would have it.
pub(super) fn as_text(value: Value<'_>) -> Option<String> {
    Some(match value {
        Value::Missing => return None,
        Value::Number(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Text(text) => text.to_owned(),
    })
}
