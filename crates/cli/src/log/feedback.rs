//! `foretell log import-feedback`: what really happened, from a table.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use foretell_engine::store::{FeedbackRow, Store, Subject, now};
use serde::Deserialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::args::FeedbackArguments;
use crate::failure::{Failure, io_text, note};

use super::{open, unavailable};

/// Rows that are written together.
const BATCH: usize = 5000;
/// Bytes that a row may have.
const MAX_ROW: u64 = 1 << 20;

/// A row of the table.
#[derive(Debug, Deserialize)]
struct Row {
    /// Id of the request that was answered.
    request_id: Option<String>,
    /// The caller's own id of it.
    id: Option<String>,
    /// Position in the request, from 0.
    #[serde(default)]
    row: Option<u32>,
    /// Name of the model whose predictions it is about; all without.
    #[serde(default)]
    model: Option<String>,
    /// What really happened.
    #[serde(default)]
    actual: Value,
}

pub(crate) fn run(arguments: &FeedbackArguments) -> Result<(), Failure> {
    let shown = match arguments.file.as_os_str() == "-" {
        true => "stdin".to_owned(),
        false => format!("`{}`", arguments.file.display()),
    };
    let unreadable = |error: &io::Error| Failure::new(format!("cannot read {shown}")).detail(io_text(error));
    let input: Box<dyn Read> = if arguments.file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(&arguments.file).map_err(|error| unreadable(&error))?)
    };
    let mut input = BufReader::new(input);
    let start = input.fill_buf().map_err(|error| unreadable(&error))?;
    let json = start.trim_ascii_start().first() == Some(&b'{');
    let (runtime, store) = open(&arguments.store)?;
    let mut import = Import { runtime, store, at: now(), rows: Vec::new(), count: 0, shown: &shown };
    if json { import.json_lines(input) } else { import.csv(input) }?;
    import.flush()?;
    let count = import.count;
    if count == 0 {
        return Err(Failure::new(format!("table {shown} has no rows")));
    }
    note(&format!("{count} known answers were written"));
    Ok(())
}

/// Known answers on their way to the store.
struct Import<'a> {
    runtime: Runtime,
    store: Store,
    at: i64,
    rows: Vec<FeedbackRow<'static>>,
    count: usize,
    shown: &'a str,
}

impl Import<'_> {
    fn csv(&mut self, input: impl Read) -> Result<(), Failure> {
        let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(input);
        let headers = csv.headers().map_err(|error| self.bad(&error))?.clone();
        let column = |name: &str| headers.iter().position(|header| header.trim() == name);
        let (request, id, row, actual) =
            (column("request_id"), column("id"), column("row"), column("actual"));
        let model = column("model");
        if actual.is_none() || (request.is_none() && id.is_none()) {
            let names = headers.iter().collect::<Vec<_>>().join(", ");
            return Err(Failure::new(format!("table {} has the columns {names}", self.shown)).hint(
                "expected `actual`, and `request_id` or `id`, and `row` where requests had several rows"
                    .to_owned(),
            ));
        }
        let mut record = csv::StringRecord::new();
        while csv.read_record(&mut record).map_err(|error| self.bad(&error))? {
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |column: Option<usize>| {
                column.and_then(|column| record.get(column)).map(str::trim).filter(|cell| !cell.is_empty())
            };
            let position = cell(row).map(|text| {
                text.parse().map_err(|_| {
                    self.wrong(line, &format!("expected the position of a row from 0, got `{text}`"))
                })
            });
            let row = Row {
                request_id: cell(request).map(str::to_owned),
                id: cell(id).map(str::to_owned),
                row: position.transpose()?,
                model: cell(model).map(str::to_owned),
                actual: cell(actual).map_or(Value::Null, value),
            };
            self.add(line, row)?;
        }
        Ok(())
    }

    fn json_lines(&mut self, mut input: impl BufRead) -> Result<(), Failure> {
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let read = input
                .by_ref()
                .take(MAX_ROW)
                .read_until(b'\n', &mut text)
                .map_err(|error| self.bad(&error))?;
            if read == 0 {
                break;
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let row = serde_json::from_slice(&text).map_err(|error| {
                let reason = error.to_string();
                self.wrong(line, reason.split(" at line ").next().unwrap_or_default())
            })?;
            self.add(line, row)?;
        }
        Ok(())
    }

    fn add(&mut self, line: u64, row: Row) -> Result<(), Failure> {
        let subject = match (row.request_id, row.id) {
            (Some(id), None) => Subject::Request(id.into()),
            (None, Some(id)) => Subject::Caller(id.into()),
            (None, None) => return Err(self.wrong(line, "expected `request_id` or `id`")),
            (Some(_), Some(_)) => {
                return Err(self.wrong(line, "expected one of `request_id` and `id`, got both"));
            }
        };
        if row.actual.is_null() {
            return Err(self.wrong(line, "`actual` is missing"));
        }
        let actual = row.actual.to_string().into();
        let (model, row) = (row.model.map(Into::into), row.row.unwrap_or(0));
        self.rows.push(FeedbackRow { offset: 0, subject, model, row, actual, at: self.at });
        if self.rows.len() == BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.runtime.block_on(self.store.add_feedback(&self.rows)).map_err(|error| unavailable(&error))?;
        self.count += self.rows.len();
        self.rows.clear();
        Ok(())
    }

    fn bad(&self, error: &(dyn std::error::Error + 'static)) -> Failure {
        Failure::new(format!("cannot read table {}", self.shown)).because(error)
    }

    fn wrong(&self, line: u64, what: &str) -> Failure {
        let failure =
            Failure::new(format!("cannot use table {}", self.shown)).detail(format!("line {line}: {what}"));
        match self.count {
            0 => failure,
            count => failure.hint(format!(
                "the first {count} known answers were written; writing them again does no harm"
            )),
        }
    }
}

/// A cell as JSON: a number where it is one, else a text.
fn value(cell: &str) -> Value {
    let number = serde_json::from_str(cell).ok().filter(Value::is_number);
    number.unwrap_or_else(|| cell.into())
}
