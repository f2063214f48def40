//! Rows written as CSV, with or without a header.

use foretell_engine::complete_violations;
use foretell_engine::table::{Chunk, Header, ReadOptions, TableError, TableFormat, TableReader};
use foretell_frame::{Frame, Schema};

use crate::problem::{Fault, MAX_ERRORS, Place, Problem};

use super::layout::{Decoded, Layout};

/// What the reader counts for a cell beside its text: a row of empty cells is no longer than its commas.
const BYTES_OF_A_CELL: usize = 8;
/// Room for a row that has more cells than the model has features, so that the error says how many.
const LEAST_ROW_BYTES: usize = 1024;

/// Decodes a `text/csv` body.
///
/// # Errors
/// It is not CSV, or its rows are not what the schema says.
pub(super) fn decode(
    body: &[u8],
    schema: &Schema,
    max_rows: usize,
    frame: &mut Frame,
) -> Result<Decoded, Problem> {
    decode_as(Layout::Rows, &[], body, schema, max_rows, frame)
}

/// Decodes a CSV text that stands under `data` in a JSON body.
///
/// # Errors
/// It is not CSV, or its rows are not what the schema says.
pub(super) fn decode_text(
    text: &str,
    schema: &Schema,
    max_rows: usize,
    frame: &mut Frame,
) -> Result<Decoded, Problem> {
    decode_as(Layout::Data, &["data".into()], text.as_bytes(), schema, max_rows, frame)
}

fn decode_as(
    layout: Layout,
    place: &[Place],
    text: &[u8],
    schema: &Schema,
    max_rows: usize,
    frame: &mut Frame,
) -> Result<Decoded, Problem> {
    let options = ReadOptions {
        header: Header::Names,
        target: None,
        chunk_rows: max_rows.saturating_add(1),
        max_row_bytes: text.len() + schema.len() * BYTES_OF_A_CELL + LEAST_ROW_BYTES,
        max_violations: MAX_ERRORS,
    };
    let unreadable = |error| unreadable(&error, place);
    let mut reader = TableReader::open(text, schema, &options).map_err(unreadable)?;
    if reader.format() != TableFormat::Csv {
        let msg = "expected CSV text, got JSON; send JSON rows as JSON, not as a text";
        return Err(Problem::invalid(place.to_vec(), "wrong_type", msg));
    }
    let mut chunk = Chunk::default();
    std::mem::swap(frame, &mut chunk.frame);
    let read = reader.read(&mut chunk);
    std::mem::swap(frame, &mut chunk.frame);
    read.map_err(unreadable)?;
    if frame.rows() > max_rows {
        return Err(Problem::TooManyRows { limit: max_rows });
    }
    let mut violations = chunk.violations;
    if !violations.is_empty() {
        complete_violations(schema, frame, MAX_ERRORS, &mut violations);
        return Err(Problem::Invalid { faults: layout.faults(&violations, schema) });
    }
    if frame.rows() == 0 {
        return Err(Problem::invalid(place.to_vec(), "empty", "expected at least one row, got none"));
    }
    Ok(Decoded { layout, one: false })
}

fn unreadable(error: &TableError, place: &[Place]) -> Problem {
    let kind = match error {
        TableError::Empty => "empty",
        TableError::MissingColumns { missing } => {
            let fault = |name: &String| {
                let mut loc = place.to_vec();
                loc.push(name.as_str().into());
                Fault { loc, msg: format!("expected a column `{name}`, got none"), kind: "missing_feature" }
            };
            let faults = missing.iter().take(MAX_ERRORS).map(|column| fault(&column.name)).collect();
            return Problem::Invalid { faults };
        }
        TableError::DuplicateColumn { .. } => "duplicate_feature",
        TableError::WrongColumnCount { .. } => "wrong_length",
        TableError::RowTooLarge { .. }
        | TableError::OpenQuotes { .. }
        | TableError::NotUtf8 { .. }
        | TableError::UnsupportedFormat { .. }
        | TableError::Separator { .. }
        | TableError::Json { .. }
        | TableError::NoTarget { .. }
        | TableError::TargetByName { .. }
        | TableError::Damaged { .. }
        | TableError::ColumnType { .. }
        | TableError::Database { .. }
        | TableError::Row { .. }
        | TableError::InFile { .. }
        | TableError::OtherFormat { .. }
        | TableError::OtherColumns { .. }
        | TableError::NameCount { .. }
        | TableError::Io { .. } => "not_csv",
    };
    Problem::invalid(place.to_vec(), kind, error.to_string())
}
