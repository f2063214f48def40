//! Answers as JSON, JSON Lines and CSV.

use std::io::{self, Write};

use foretell_engine::{LiveModel, Values};
use foretell_frame::{Frame, Kind, Method, MethodSet, Predictions, Shape};

use super::columns;
use super::value::{csv_label, csv_number, json_label, json_number, json_text};
use crate::args::Format;

/// What is known of one method's output.
struct Column<'m> {
    method: Method,
    shape: Shape,
    values: Values<'m>,
}

/// Writes answers batch by batch.
pub(super) struct Writer<'m> {
    model: &'m LiveModel,
    columns: Vec<Column<'m>>,
    state: State,
}

enum State {
    /// All answers so far: the object has an array per method, so none can be written before the last row.
    Json(Box<Predictions>),
    Jsonl,
    Csv {
        header: bool,
        cell: Vec<u8>,
    },
}

impl<'m> Writer<'m> {
    pub(super) fn new(format: Format, model: &'m LiveModel, methods: MethodSet) -> Self {
        let column =
            |method| model.shape(method).map(|shape| Column { method, shape, values: model.values(method) });
        let state = match format {
            Format::Json => {
                let mut all = Box::<Predictions>::default();
                all.reset(0, methods);
                State::Json(all)
            }
            Format::Jsonl => State::Jsonl,
            Format::Csv => State::Csv { header: false, cell: Vec::new() },
        };
        Self { model, columns: methods.iter().filter_map(column).collect(), state }
    }

    /// Takes the answers of a batch.
    pub(super) fn write(&mut self, out: &mut impl Write, answers: &Predictions) -> io::Result<()> {
        match &mut self.state {
            State::Json(all) => {
                all.append(answers);
                Ok(())
            }
            State::Jsonl => write_lines(out, &self.columns, answers),
            State::Csv { header, cell } => {
                let mut csv = csv::Writer::from_writer(out);
                if !std::mem::replace(header, true) {
                    csv.write_record(header_row(self.model, &self.columns))?;
                }
                for row in 0..answers.rows() {
                    for column in &self.columns {
                        column.csv(&mut csv, cell, answers, row)?;
                    }
                    csv.write_record(None::<&[u8]>)?;
                }
                csv.flush()
            }
        }
    }

    /// Writes what could not be written before the last row was known.
    pub(super) fn finish(self, out: &mut impl Write) -> io::Result<()> {
        let State::Json(all) = self.state else { return Ok(()) };
        out.write_all(b"{")?;
        for (position, column) in self.columns.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(out, "{comma}\n\"{}\":", column.method.as_str())?;
            match &column.shape {
                Shape::Vector | Shape::Matrix(_) => {
                    list(out, 0..all.rows(), |out, row| column.json(out, &all, row))?;
                }
                Shape::PerTarget(widths) => list(out, 0..widths.len(), |out, target| {
                    list(out, 0..all.rows(), |out, row| column.json_target(out, &all, row, target, widths))
                })?,
            }
        }
        out.write_all(b"\n}\n")
    }
}

fn write_lines(out: &mut impl Write, columns: &[Column<'_>], answers: &Predictions) -> io::Result<()> {
    for row in 0..answers.rows() {
        out.write_all(b"{")?;
        for (position, column) in columns.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(out, "{comma}\"{}\":", column.method.as_str())?;
            column.json(out, answers, row)?;
        }
        out.write_all(b"}\n")?;
    }
    Ok(())
}

fn header_row(model: &LiveModel, columns: &[Column<'_>]) -> Vec<String> {
    columns.iter().flat_map(|column| columns::names(model, column.method, &column.shape)).collect()
}

/// Writes a JSON array.
fn list<W: Write, T>(
    out: &mut W,
    items: impl Iterator<Item = T>,
    mut item: impl FnMut(&mut W, T) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(b"[")?;
    for (position, value) in items.enumerate() {
        if position > 0 {
            out.write_all(b",")?;
        }
        item(out, value)?;
    }
    out.write_all(b"]")
}

impl Column<'_> {
    /// The values of one row.
    fn row<'a>(&self, answers: &'a Predictions, row: usize) -> &'a [f64] {
        let width = self.shape.width();
        let values = answers.get(self.method).map_or(&[][..], |output| output.values());
        &values[row * width..(row + 1) * width]
    }

    /// Writes the answer for one row: a value, an array, or an array per target.
    fn json(&self, out: &mut impl Write, answers: &Predictions, row: usize) -> io::Result<()> {
        if let Values::Table(kinds) = self.values {
            let mut cells = Cells::new(answers.table(), row);
            return list(out, kinds.iter(), |out, kind| match cells.next(*kind) {
                CellValue::Number(value) => json_number(out, value),
                CellValue::Text(text) => json_text(out, text),
            });
        }
        let values = self.row(answers, row);
        match &self.shape {
            Shape::Vector => self.json_value(out, 0, values[0]),
            Shape::Matrix(_) => list(out, values.iter().enumerate(), |out, (target, value)| {
                self.json_value(out, target, *value)
            }),
            Shape::PerTarget(widths) => {
                list(out, 0..widths.len(), |out, target| self.json_target(out, answers, row, target, widths))
            }
        }
    }

    /// Writes the values of one row for one target.
    fn json_target(
        &self,
        out: &mut impl Write,
        answers: &Predictions,
        row: usize,
        target: usize,
        widths: &[usize],
    ) -> io::Result<()> {
        let start: usize = widths[..target].iter().sum();
        let values = &self.row(answers, row)[start..start + widths[target]];
        list(out, values.iter(), |out, value| json_number(out, *value))
    }

    fn json_value(&self, out: &mut impl Write, target: usize, value: f64) -> io::Result<()> {
        match self.values {
            Values::Classes(labels) => json_label(out, &labels[target], value as usize),
            Values::Numbers | Values::Table(_) => json_number(out, value),
        }
    }

    /// Writes the cells of one row.
    fn csv<W: Write>(
        &self,
        csv: &mut csv::Writer<W>,
        cell: &mut Vec<u8>,
        answers: &Predictions,
        row: usize,
    ) -> io::Result<()> {
        if let Values::Table(kinds) = self.values {
            let mut cells = Cells::new(answers.table(), row);
            for kind in kinds {
                cell.clear();
                match cells.next(*kind) {
                    CellValue::Number(value) => csv_number(cell, value)?,
                    CellValue::Text(text) => cell.extend_from_slice(text.unwrap_or_default().as_bytes()),
                }
                csv.write_field(&cell)?;
            }
            return Ok(());
        }
        for (target, value) in self.row(answers, row).iter().enumerate() {
            cell.clear();
            match self.values {
                Values::Classes(labels) => csv_label(cell, &labels[target], *value as usize)?,
                Values::Numbers | Values::Table(_) => csv_number(cell, *value)?,
            }
            csv.write_field(&cell)?;
        }
        Ok(())
    }
}

/// Walks the cells of a row with text columns, in the order of the columns.
struct Cells<'a> {
    table: &'a Frame,
    row: usize,
    number: usize,
    text: usize,
}

enum CellValue<'a> {
    Number(f64),
    Text(Option<&'a str>),
}

impl<'a> Cells<'a> {
    fn new(table: &'a Frame, row: usize) -> Self {
        Self { table, row, number: 0, text: 0 }
    }

    fn next(&mut self, kind: Kind) -> CellValue<'a> {
        match kind {
            Kind::Text => {
                self.text += 1;
                CellValue::Text(self.table.texts()[self.text - 1].get(self.row))
            }
            Kind::Number | Kind::Unused => {
                self.number += 1;
                CellValue::Number(self.table.row(self.row)[self.number - 1])
            }
        }
    }
}
