//! The record of predictions as a table to learn from: the features of a model, what really happened, and when.

use foretell_engine::log::{RecordTable, Time};
use foretell_engine::store::{LogFilter, StoredSchema, now};

use super::export::unreadable;
use super::writer::RecordWriter;
use super::{open, unavailable};
use crate::args::TableForm;
use crate::failure::{Failure, io_text};
use crate::output::Output;
use crate::store::StoreArguments;

/// A table that is nowhere but in memory: what people were told must not be left behind by a process that is killed.
#[derive(Debug)]
pub(crate) struct Lessons {
    pub(crate) csv: Vec<u8>,
    /// The column of what really happened.
    pub(crate) actual: String,
    /// The column of the time of the prediction.
    pub(crate) at: String,
}

/// Reads the predictions of a model, since a time, of which the truth is known.
pub(crate) fn lessons(
    model: &str,
    since: Option<Time>,
    arguments: &StoreArguments,
) -> Result<Lessons, Failure> {
    let (runtime, store) = open(arguments)?;
    let filter = LogFilter {
        only_labelled: true,
        since: since.map(|time| time.microseconds(now())),
        ..LogFilter::new(model)
    };
    let mut export = runtime.block_on(store.export(filter)).map_err(|error| unavailable(&error))?;
    let schemas: Vec<StoredSchema> = export.schemas().cloned().collect();
    if schemas.is_empty() {
        return Err(Failure::new(format!("no prediction of model `{model}` is recorded")));
    }
    let table = RecordTable::new(&schemas).map_err(|error| unreadable(&error))?;
    let wanted: Vec<usize> = table.features().chain([table.actual(), table.at()]).collect();
    let columns: Vec<_> = wanted.iter().map(|column| table.columns()[*column].clone()).collect();
    let cannot = |error: &std::io::Error| {
        Failure::new("cannot make a table of the record of predictions").detail(io_text(error))
    };
    let memory = Output::Memory(Vec::new());
    let mut writer = RecordWriter::new(TableForm::Csv, &columns, memory).map_err(|error| cannot(&error))?;
    let (mut cells, mut chosen) = (Vec::new(), Vec::new());
    while let Some((stored, page)) = runtime.block_on(export.next()).map_err(|error| unavailable(&error))? {
        for row in &page {
            table.row(stored.id, row, &mut cells).map_err(|error| unreadable(&error))?;
            chosen.clear();
            chosen.extend(wanted.iter().map(|column| cells[*column].take()));
            writer.write(&mut chosen).map_err(|error| cannot(&error))?;
        }
    }
    let csv = match writer.finish().map_err(|error| cannot(&error))? {
        Output::Memory(bytes) => bytes,
        Output::Stdout(_) | Output::Replace { .. } | Output::Direct { .. } => Vec::new(),
    };
    let name = |column: usize| table.columns()[column].name.clone();
    Ok(Lessons { csv, actual: name(table.actual()), at: name(table.at()) })
}
