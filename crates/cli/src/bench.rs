//! `foretell bench`: how fast a model predicts on this machine.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use foretell_engine::Kernel;
use foretell_engine::bench::{self, BenchOptions, BenchReport, Opening};
use foretell_frame::Frame;
use serde_json::json;

use crate::args::{BenchArguments, KernelName};
use crate::failure::Failure;
use crate::model;
use crate::output::Output;
use crate::table::Table;

/// Rows that are measured with; more tell nothing new.
const MOST_ROWS: usize = 100_000;
/// How often the file is opened.
const OPENINGS: usize = 5;

pub(crate) fn run(arguments: &BenchArguments) -> Result<(), Failure> {
    let mut model = model::load(&arguments.model)?;
    if let (Some(name), Some(model)) = (arguments.kernel, Arc::get_mut(&mut model)) {
        model.pin_kernel(match name {
            KernelName::Walk => Kernel::Walk,
            KernelName::Compact => Kernel::Compact,
            KernelName::Ranked => Kernel::Ranked,
        });
    }
    let table = Table::new(&arguments.data, &arguments.table, None);
    let mut rows = Frame::default();
    table.for_each_chunk(&model, |chunk| {
        model.check(&chunk.frame).map_err(|error| table.refused(&error, &model, chunk))?;
        if rows.rows() < MOST_ROWS {
            rows.append(&chunk.frame);
        }
        Ok(())
    })?;
    let (threads, batch_rows) = (usize::from(arguments.threads), arguments.batch as usize);
    let options = BenchOptions { threads, batch_rows, ..BenchOptions::default() };
    let report = bench::run(&model, &rows, options)
        .map_err(|error| Failure::new("cannot measure the model").because(&error))?;
    // A folder or a version of the registry is no file of its own.
    let path = &arguments.model.model;
    let opening = if path.is_file() {
        let limits = model::limits(&arguments.model.limits);
        Some(bench::opening(path, &limits, OPENINGS).map_err(|error| model::refused(path, &error))?)
    } else {
        None
    };
    let mut output = Output::open(None)?;
    let text = if arguments.json { as_json(&report, opening) } else { as_text(&report, opening) };
    output.write_all(text.as_bytes()).map_err(|error| Failure::output(&error))?;
    output.finish()
}

fn as_json(report: &BenchReport, opening: Option<Opening>) -> String {
    let mut object = json!({
        "kernel": report.kernel,
        "threads": report.threads,
        "one_row_us": report.one_row_us,
        "batch_rows": report.batch_rows,
        "batch_row_us": report.batch_row_us,
    });
    if let Some(Opening { file_bytes, model_ms, predictor_ms }) = opening {
        object["opening"] =
            json!({ "file_bytes": file_bytes, "model_ms": model_ms, "predictor_ms": predictor_ms });
    }
    format!("{object}\n")
}

fn as_text(report: &BenchReport, opening: Option<Opening>) -> String {
    let BenchReport { kernel, threads, one_row_us, batch_rows, batch_row_us } = report;
    let rate = |us: f64| 1e6 / us;
    let mut text = format!(
        "kernel {kernel}, {threads} thread{}\n\
         one row      {one_row_us:>10.3} us a call  {:>12.0} rows a second\n\
         {batch_rows} rows    {batch_row_us:>10.3} us a row   {:>12.0} rows a second\n",
        if *threads == 1 { "" } else { "s" },
        rate(*one_row_us),
        rate(*batch_row_us),
    );
    if let Some(Opening { file_bytes, model_ms, predictor_ms }) = opening {
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "opening      {model_ms:>10.3} ms from the {file_bytes} bytes of the file to the model, {predictor_ms:.3} ms from there to the predictor"
        );
    }
    text
}
