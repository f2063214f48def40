//! Why a table cannot be read.

use std::io;

use super::TableFormat;

/// A feature for which a table has no column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingColumn {
    /// The feature.
    pub name: String,
    /// A column with a similar name that the model does not take.
    pub nearest: Option<String>,
}

/// Why a table cannot be read. Lines are counted from 1, columns of the text too.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The source failed.
    #[error("cannot read the table")]
    Io {
        /// Why.
        source: io::Error,
    },
    /// There is not even a header.
    #[error("the table is empty")]
    Empty,
    /// The content is in a format that is not read.
    #[error("{name} tables are not supported, expected CSV or JSON Lines in UTF-8")]
    UnsupportedFormat {
        /// The format.
        name: String,
    },
    /// A file of typed columns cannot be decoded.
    #[error("the {format} table cannot be read: {reason}")]
    Damaged {
        /// Its format.
        format: TableFormat,
        /// What the decoder says.
        reason: String,
    },
    /// A column holds something that is no value of a table.
    #[error("column `{name}` is of type `{got}`, expected numbers, booleans, texts, dates or times")]
    ColumnType {
        /// The column.
        name: String,
        /// Its type.
        got: String,
    },
    /// A database does not answer a query.
    #[error("the query cannot be answered")]
    Database {
        /// Why.
        source: Box<foretell_store::StoreError>,
    },
    /// A row has a value that was not expected.
    #[error("{unit} {number}: {message}")]
    Row {
        /// What the number counts.
        unit: &'static str,
        /// The row, or its line.
        number: u64,
        /// What is wrong.
        message: String,
    },
    /// One of several files.
    #[error("{file}: {error}")]
    InFile {
        /// The file.
        file: String,
        /// What is wrong with it.
        error: Box<TableError>,
    },
    /// Files of one table are of different formats.
    #[error("expected {expected} like the first file, got {got}")]
    OtherFormat {
        /// The format of the first file.
        expected: TableFormat,
        /// The format of this one.
        got: TableFormat,
    },
    /// Files of one table have different columns.
    #[error("{} column `{name}`, which the first file has{}", if *has { "it has a" } else { "it has no" }, if *has { " not" } else { "" })]
    OtherColumns {
        /// Whether it has the column, or lacks it.
        has: bool,
        /// The column.
        name: String,
    },
    /// Another number of names than of columns.
    #[error("expected {expected} names, one for each column, got {got}")]
    NameCount {
        /// Number of columns.
        expected: usize,
        /// Number of names.
        got: usize,
    },
    /// A cell is not UTF-8.
    #[error("line {line}, column {column}: the text is not UTF-8")]
    NotUtf8 {
        /// Line.
        line: u64,
        /// Number of the column.
        column: usize,
    },
    /// A row has too many bytes.
    #[error("line {line}: the row has more than {limit} bytes")]
    RowTooLarge {
        /// Line on which the row starts.
        line: u64,
        /// Bytes allowed.
        limit: usize,
    },
    /// The table ends inside quotes.
    #[error("line {line}: the quotes that open in this row are never closed")]
    OpenQuotes {
        /// Line on which the row starts.
        line: u64,
    },
    /// A line is not JSON, or is neither an object nor an array.
    #[error("line {line}, column {column}: expected a JSON object or array")]
    Json {
        /// Line.
        line: u64,
        /// Byte of the line.
        column: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// The only cell of the first row has something else than commas between what look like cells.
    #[error("expected commas between cells, got {got:?}")]
    Separator {
        /// What stands there.
        got: char,
    },
    /// The header lacks features.
    #[error("{}", missing_columns(missing))]
    MissingColumns {
        /// The features without a column.
        missing: Vec<MissingColumn>,
    },
    /// The header names a feature twice.
    #[error("column `{name}` occurs twice, as columns {first} and {second}")]
    DuplicateColumn {
        /// Name.
        name: String,
        /// Number of the first column.
        first: usize,
        /// Number of the second column.
        second: usize,
    },
    /// The model knows no names and the table has another number of columns than the model has features.
    #[error("expected {expected} columns, got {got}")]
    WrongColumnCount {
        /// Number of features.
        expected: usize,
        /// Number of columns, the target not counted.
        got: usize,
    },
    /// The table has no such target column.
    #[error("the table has no target column `{name}`")]
    NoTarget {
        /// What was asked for.
        name: String,
        /// The column with the most similar name.
        nearest: Option<String>,
        /// The columns there are.
        columns: Vec<String>,
    },
    /// The target is given by name and the table has no header.
    #[error("the table has no header row, so it has no target column `{name}`")]
    TargetByName {
        /// What was asked for.
        name: String,
    },
}

impl TableError {
    /// The same in a text that begins so many lines later.
    pub(super) fn after(mut self, lines: u64) -> Self {
        if let Self::NotUtf8 { line, .. } | Self::RowTooLarge { line, .. } | Self::OpenQuotes { line } =
            &mut self
        {
            *line += lines;
        }
        self
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::MissingColumns { missing } => missing.iter().find_map(|column| {
                let nearest = column.nearest.as_ref()?;
                Some(format!("rename column `{nearest}` to `{}`", column.name))
            }),
            Self::WrongColumnCount { .. } => {
                Some("the model knows no feature names, so columns are matched by position".into())
            }
            Self::NoTarget { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            Self::NoTarget { columns, .. } => Some(format!("its columns are {}", listed(columns))),
            Self::TargetByName { .. } => Some("give the target by position, counted from 0".into()),
            Self::UnsupportedFormat { .. } => Some("convert the table to CSV first".into()),
            Self::Json { .. } => Some("JSON Lines has one complete object or array on each line".into()),
            Self::RowTooLarge { .. } => Some("is a closing quote missing?".into()),
            Self::Separator { .. } => {
                Some("write the table again with `,` between cells and `.` in numbers".into())
            }
            Self::InFile { error, .. } => error.hint(),
            Self::Io { .. }
            | Self::Damaged { .. }
            | Self::ColumnType { .. }
            | Self::Database { .. }
            | Self::Row { .. }
            | Self::OtherFormat { .. }
            | Self::OtherColumns { .. }
            | Self::NameCount { .. }
            | Self::Empty
            | Self::OpenQuotes { .. }
            | Self::NotUtf8 { .. }
            | Self::DuplicateColumn { .. } => None,
        }
    }
}

fn missing_columns(missing: &[MissingColumn]) -> String {
    let names: Vec<_> = missing.iter().map(|column| column.name.clone()).collect();
    let columns = if missing.len() == 1 { "column" } else { "columns" };
    format!("the table has no {columns} {}, which the model needs", listed(&names))
}

/// Some names, of many only the first.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
