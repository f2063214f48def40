//! Rows of the record as CSV and JSON Lines, and in Parquet.

use std::io::{self, Write};

use foretell_engine::log::{Column, ColumnKind, written};
use serde_json::Value;

use crate::args::TableForm;
use crate::output::Output;
use crate::parquet::TableWriter;

/// Writes rows in one of the forms.
pub(super) struct RecordWriter {
    columns: Vec<Column>,
    form: Form,
}

enum Form {
    Csv(Box<csv::Writer<Output>>),
    Jsonl(Output),
    Parquet(Box<TableWriter<Output>>),
}

impl RecordWriter {
    pub(super) fn new(form: TableForm, columns: &[Column], output: Output) -> io::Result<Self> {
        let form = match form {
            TableForm::Csv => {
                let mut csv = csv::Writer::from_writer(output);
                csv.write_record(columns.iter().map(|column| column.name.as_str()))?;
                Form::Csv(Box::new(csv))
            }
            TableForm::Jsonl => Form::Jsonl(output),
            TableForm::Parquet => Form::Parquet(Box::new(TableWriter::new(output, columns)?)),
        };
        Ok(Self { columns: columns.to_vec(), form })
    }

    /// Writes a row, whose values may be taken.
    pub(super) fn write(&mut self, cells: &mut [Value]) -> io::Result<()> {
        if let Form::Parquet(table) = &mut self.form {
            return table.write(cells);
        }
        for (cell, column) in cells.iter_mut().zip(&self.columns) {
            if let (ColumnKind::Time, Some(time)) = (column.kind, cell.as_i64()) {
                *cell = written(time).into();
            }
        }
        match &mut self.form {
            Form::Csv(csv) => {
                for (cell, column) in cells.iter().zip(&self.columns) {
                    write_cell(csv, cell, column.kind)?;
                }
                Ok(csv.write_record(None::<&[u8]>)?)
            }
            Form::Jsonl(output) => {
                output.write_all(b"{")?;
                for (position, (cell, column)) in cells.iter().zip(&self.columns).enumerate() {
                    output.write_all(if position == 0 { b"" } else { b"," })?;
                    serde_json::to_writer(&mut *output, &column.name)?;
                    output.write_all(b":")?;
                    serde_json::to_writer(&mut *output, cell)?;
                }
                output.write_all(b"}\n")
            }
            Form::Parquet(_) => Ok(()),
        }
    }

    /// Writes what is left, and gives the output back.
    pub(super) fn finish(self) -> io::Result<Output> {
        match self.form {
            Form::Csv(csv) => csv.into_inner().map_err(csv::IntoInnerError::into_error),
            Form::Jsonl(output) => Ok(output),
            Form::Parquet(table) => table.finish(),
        }
    }
}

/// Writes a cell as our own reader of CSV takes it: empty where the value is missing.
fn write_cell<W: Write>(csv: &mut csv::Writer<W>, cell: &Value, kind: ColumnKind) -> io::Result<()> {
    let written = match cell {
        Value::Null => csv.write_field(b""),
        Value::String(text) if text == "NaN" && kind == ColumnKind::Float => csv.write_field(b""),
        Value::String(text) => csv.write_field(text),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            csv.write_field(cell.to_string())
        }
    };
    Ok(written?)
}
