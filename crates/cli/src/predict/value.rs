//! One value of an answer as text.

use std::io::{self, Write};

use foretell_frame::Labels;

/// Writes the shortest number that reads back to the same float64; what JSON cannot write is a string.
pub(super) fn json_number(out: &mut impl Write, value: f64) -> io::Result<()> {
    match value {
        _ if value.is_finite() => Ok(serde_json::to_writer(out, &value)?),
        _ if value.is_nan() => out.write_all(b"\"NaN\""),
        _ if value > 0.0 => out.write_all(b"\"Infinity\""),
        _ => out.write_all(b"\"-Infinity\""),
    }
}

/// Writes a text, `null` when it is missing.
pub(super) fn json_text(out: &mut impl Write, text: Option<&str>) -> io::Result<()> {
    Ok(serde_json::to_writer(out, &text)?)
}

/// Writes a label in its own type.
pub(super) fn json_label(out: &mut impl Write, labels: &Labels, class: usize) -> io::Result<()> {
    match labels {
        Labels::Int(labels) => write!(out, "{}", labels[class]),
        Labels::Float(labels) => json_number(out, labels[class]),
        Labels::Bool(labels) => write!(out, "{}", labels[class]),
        Labels::Text(labels) => json_text(out, Some(&labels[class])),
    }
}

/// Writes a number as a CSV cell: a missing one is empty, as in tables that are read.
pub(super) fn csv_number(out: &mut Vec<u8>, value: f64) -> io::Result<()> {
    match value {
        _ if value.is_finite() => Ok(serde_json::to_writer(out, &value)?),
        _ if value.is_nan() => Ok(()),
        _ if value > 0.0 => out.write_all(b"Infinity"),
        _ => out.write_all(b"-Infinity"),
    }
}

/// Writes a label as a CSV cell.
pub(super) fn csv_label(out: &mut Vec<u8>, labels: &Labels, class: usize) -> io::Result<()> {
    match labels {
        Labels::Int(labels) => write!(out, "{}", labels[class]),
        Labels::Float(labels) => csv_number(out, labels[class]),
        Labels::Bool(labels) => write!(out, "{}", labels[class]),
        Labels::Text(labels) => out.write_all(labels[class].as_bytes()),
    }
}
