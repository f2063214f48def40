//! `foretell log export`: recorded predictions as a table that a model can be trained on.

use std::io::{self, IsTerminal};
use std::time::Duration;

use foretell_engine::log::{RecordError, RecordTable};
use foretell_engine::store::{Export, LogFilter, Store, StoredSchema, now};
use foretell_engine::table::nearest;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use tokio::runtime::Runtime;

use crate::args::{ExportArguments, TableForm};
use crate::failure::Failure;
use crate::output::Output;

use super::writer::RecordWriter;
use super::{open, unavailable};

pub(crate) fn run(arguments: &ExportArguments) -> Result<(), Failure> {
    let (runtime, store) = open(&arguments.store)?;
    let now = now();
    let filter = LogFilter {
        version: arguments.version.clone(),
        since: arguments.since.map(|time| time.microseconds(now)),
        until: arguments.until.map(|time| time.microseconds(now)),
        only_labelled: arguments.only_labelled,
        shadow: arguments.shadow,
        ..LogFilter::new(arguments.model.as_str())
    };
    let export = runtime.block_on(store.export(filter)).map_err(|error| unavailable(&error))?;
    let schemas: Vec<StoredSchema> = export.schemas().cloned().collect();
    if schemas.is_empty() {
        return Err(nothing(&runtime, &store, arguments));
    }
    let table = RecordTable::new(&schemas).map_err(|error| unreadable(&error))?;
    let output = Output::open(arguments.output.as_deref())?;
    let mut writer = RecordWriter::new(form(arguments), table.columns(), output)
        .map_err(|error| Failure::output(&error))?;
    copy(&runtime, export, &table, &mut writer)?;
    writer.finish().map_err(|error| Failure::output(&error))?.finish()
}

/// Reads page by page and writes row by row.
fn copy(
    runtime: &Runtime,
    mut export: Export,
    table: &RecordTable,
    writer: &mut RecordWriter,
) -> Result<(), Failure> {
    let progress = progress();
    let mut cells = Vec::new();
    while let Some((stored, page)) = runtime.block_on(export.next()).map_err(|error| unavailable(&error))? {
        for row in &page {
            table.row(stored.id, row, &mut cells).map_err(|error| unreadable(&error))?;
            writer.write(&mut cells).map_err(|error| Failure::output(&error))?;
        }
        progress.inc(page.len() as u64);
    }
    Ok(())
}

/// The form asked for, else what the name of the output file says, else CSV.
fn form(arguments: &ExportArguments) -> TableForm {
    let ending = || arguments.output.as_ref()?.extension()?.to_str();
    arguments.format.unwrap_or_else(|| match ending() {
        Some("parquet") => TableForm::Parquet,
        Some("jsonl" | "ndjson") => TableForm::Jsonl,
        Some(_) | None => TableForm::Csv,
    })
}

pub(super) fn unreadable(error: &RecordError) -> Failure {
    Failure::new("cannot read the record of predictions").because(error)
}

/// No prediction was ever recorded of what is asked for: perhaps another name was meant.
fn nothing(runtime: &Runtime, store: &Store, arguments: &ExportArguments) -> Failure {
    let ExportArguments { model, version, .. } = arguments;
    let failure = match version {
        Some(version) => format!("no prediction of version `{version}` of model `{model}` is recorded"),
        None => format!("no prediction of model `{model}` is recorded"),
    };
    let known = runtime.block_on(store.logged_models()).unwrap_or_default();
    let hint = if known.contains(model) {
        None
    } else if let Some(nearest) = nearest(model, known.iter().map(String::as_str)) {
        Some(format!("did you mean `{nearest}`?"))
    } else if known.is_empty() {
        Some("predictions are recorded by a service with `[prediction_log]` and `mode = \"full\"` in its configuration".to_owned())
    } else {
        Some(format!("there are predictions of {}", known.join(", ")))
    };
    Failure::new(failure).hint(hint)
}

/// Counts rows on a terminal.
fn progress() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_finish(ProgressFinish::AndClear);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.with_style(
        ProgressStyle::with_template("{spinner} {human_pos} rows, {per_sec}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    )
}
