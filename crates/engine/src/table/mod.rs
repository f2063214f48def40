//! Tables: CSV, JSON Lines, Parquet and Arrow IPC, told apart by content and read in chunks of rows that fit a schema.
//!
//! Columns are matched by name where the model knows its features' names, by position otherwise. An empty CSV
//! cell and a JSON `null` are missing values, and nothing else is: `nan` and `NA` are ordinary texts.

pub(crate) mod cells;
mod columnar;
pub(crate) mod csv;
mod error;
mod jsonl;
pub mod load;
pub(crate) mod plan;
mod source;

use std::fmt;
use std::io::{self, Cursor, Read};

use foretell_frame::{Frame, Schema, TextColumn, Violation};

use self::error::listed;
pub use self::error::{MissingColumn, TableError};
pub use self::jsonl::set_json;
pub use self::source::Source;

use self::columnar::ColumnarRows;
use self::csv::CsvRows;
use self::jsonl::JsonRows;

/// Rows a chunk holds unless told otherwise.
pub const CHUNK_ROWS: usize = 8192;
/// Bytes one row may have unless told otherwise.
pub const MAX_ROW_BYTES: usize = 16 << 20;
/// Violations collected in a chunk unless told otherwise.
pub const MAX_VIOLATIONS: usize = 20;
/// How much of a table is looked at to tell its format.
const SNIFFED_BYTES: usize = 4096;
/// How similar (Jaro-Winkler) a name must be to be suggested.
const SIMILAR: f64 = 0.8;

/// How many names are looked at for the most similar one, and how long they may be.
const COMPARED_NAMES: usize = 1000;
const COMPARED_BYTES: usize = 200;

/// Whether the first row of a CSV text names its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Header {
    /// It does when a cell is a feature's name, or when no cell is empty or a number: right for files.
    #[default]
    Auto,
    /// It does when a cell is a feature's name: right for requests, which may be a bare row.
    Names,
    /// It does.
    Present,
    /// It does not.
    Absent,
}

/// A column that holds the known answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The column with this name, or else at this position when the name is a number.
    Name(String),
    /// The column at this position, from 0.
    Position(usize),
}

impl Target {
    fn is_named(&self, column: &str) -> bool {
        matches!(self, Self::Name(name) if name == column)
    }

    fn is_at(&self, column: usize) -> bool {
        match self {
            Self::Name(name) => name.parse() == Ok(column),
            Self::Position(position) => *position == column,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Position(position) => write!(f, "{position}"),
        }
    }
}

/// How a table is read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Whether there is a header row.
    pub header: Header,
    /// The column of known answers, which is then no feature.
    pub target: Option<Target>,
    /// Rows a chunk holds.
    pub chunk_rows: usize,
    /// Bytes one row may have.
    pub max_row_bytes: usize,
    /// Violations collected before reading a chunk stops.
    pub max_violations: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            header: Header::Auto,
            target: None,
            chunk_rows: CHUNK_ROWS,
            max_row_bytes: MAX_ROW_BYTES,
            max_violations: MAX_VIOLATIONS,
        }
    }
}

/// A format of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma-separated values.
    Csv,
    /// One JSON object or array a line.
    JsonLines,
    /// Parquet.
    Parquet,
    /// Arrow IPC, as a file (Feather).
    ArrowFile,
    /// Arrow IPC, as a stream.
    ArrowStream,
}

impl TableFormat {
    /// Whether its columns have types, and it is no text.
    pub fn is_columnar(self) -> bool {
        match self {
            Self::Csv | Self::JsonLines => false,
            Self::Parquet | Self::ArrowFile | Self::ArrowStream => true,
        }
    }

    /// The format of a table that begins with these bytes.
    ///
    /// # Errors
    /// There are none; a format that is not supported.
    pub fn of(start: &[u8]) -> Result<Self, TableError> {
        let unsupported = |name: &str| Err(TableError::UnsupportedFormat { name: name.to_owned() });
        match start {
            [] => return Err(TableError::Empty),
            [b'P', b'A', b'R', b'1', ..] => return Ok(Self::Parquet),
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] => return Ok(Self::ArrowFile),
            [0xff, 0xff, 0xff, 0xff, ..] => return Ok(Self::ArrowStream),
            [0x1f, 0x8b, ..] => return unsupported("gzip"),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return unsupported("UTF-16"),
            _ => {}
        }
        let text = start.strip_prefix(BOM).unwrap_or(start).trim_ascii_start();
        let json = match text {
            [] => return Err(TableError::Empty),
            [b'{', rest @ ..] => {
                rest.trim_ascii_start().first().is_none_or(|byte| matches!(byte, b'"' | b'}'))
            }
            [b'[', rest @ ..] => {
                rest.trim_ascii_start().first().is_none_or(|byte| b"\"-0123456789ntf{[]".contains(byte))
            }
            _ => false,
        };
        Ok(if json { Self::JsonLines } else { Self::Csv })
    }
}

impl fmt::Display for TableFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::JsonLines => "JSON Lines",
            Self::Parquet => "Parquet",
            Self::ArrowFile => "Arrow IPC",
            Self::ArrowStream => "Arrow IPC stream",
        })
    }
}

/// Something the user should know about a table that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Columns that the model does not take.
    IgnoredColumns(Vec<String>),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IgnoredColumns(names) => {
                let columns = if names.len() == 1 { "a column" } else { "columns" };
                write!(f, "ignored {columns} the model does not take: {}", listed(names))
            }
        }
    }
}

/// Some rows of a table, in the layout of the schema. Reused from one call to the next.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The rows.
    pub frame: Frame,
    /// The known answers, one a row, when a target was asked for.
    pub target: TextColumn,
    /// What is wrong with the rows, as far as decoding can tell.
    pub violations: Vec<Violation>,
    lines: Vec<u64>,
}

impl Chunk {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.frame.rows()
    }

    /// The line of the table, from 1, on which a row starts.
    pub fn line(&self, row: usize) -> u64 {
        self.lines[row]
    }
}

enum Rows<'a> {
    Csv(Box<CsvRows<Box<dyn Read + 'a>>>),
    Json(JsonRows<Box<dyn Read + 'a>>),
    Columnar(Box<ColumnarRows>, TableFormat),
}

/// Reads a table chunk by chunk for one schema.
///
/// ```
/// use foretell_engine::table::{Chunk, ReadOptions, TableReader};
/// use foretell_frame::{Feature, Schema};
///
/// let schema = Schema::new(vec![Feature::number("age"), Feature::text("city")], true)?;
/// let table = "city,age,id\n\"Oslo, Norway\",41,7\n,39,8\n";
/// let mut reader = TableReader::open(table.as_bytes(), &schema, &ReadOptions::default())?;
/// let mut chunk = Chunk::default();
/// assert!(reader.read(&mut chunk)?);
/// assert_eq!(chunk.frame.numbers(), [41.0, 39.0]);
/// assert_eq!(chunk.frame.texts()[0].iter().collect::<Vec<_>>(), [Some("Oslo, Norway"), None]);
/// assert_eq!(reader.notes()[0].to_string(), "ignored a column the model does not take: `id`");
/// assert!(!reader.read(&mut chunk)?);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct TableReader<'a> {
    schema: &'a Schema,
    rows: Rows<'a>,
    notes: Vec<Note>,
    chunk_rows: usize,
    max_violations: usize,
}

impl<'a> TableReader<'a> {
    /// Looks at the beginning of a text, tells its format, and matches a CSV header with the schema.
    ///
    /// # Errors
    /// An empty or unreadable table, a format that is not supported, columns that do not fit.
    pub fn open(
        mut input: impl Read + 'a,
        schema: &'a Schema,
        options: &ReadOptions,
    ) -> Result<Self, TableError> {
        let start = sniff(&mut input)?;
        let mut notes = Vec::new();
        let format = TableFormat::of(&start)?;
        let bom = if start.starts_with(BOM) { BOM.len() } else { 0 };
        let mut start = Cursor::new(start);
        start.set_position(bom as u64);
        let whole: Box<dyn Read + 'a> = Box::new(start.chain(input));
        let rows = match format {
            TableFormat::Csv => Rows::Csv(Box::new(CsvRows::open(whole, schema, options, &mut notes)?)),
            TableFormat::JsonLines => Rows::Json(JsonRows::open(whole, options)),
            // Such a table can expand to any size, so it is not read where any text is.
            TableFormat::Parquet | TableFormat::ArrowFile | TableFormat::ArrowStream => {
                return Err(TableError::UnsupportedFormat { name: format.to_string() });
            }
        };
        Ok(Self::new(schema, rows, notes, options))
    }

    /// The same for a table of any format, columns with types among them.
    ///
    /// # Errors
    /// As with [`open`](Self::open).
    pub fn open_any(
        source: &'a Source,
        schema: &'a Schema,
        options: &ReadOptions,
    ) -> Result<Self, TableError> {
        match source.format()? {
            TableFormat::Csv | TableFormat::JsonLines => {
                Self::open(source.open().map_err(|source| TableError::Io { source })?, schema, options)
            }
            format @ (TableFormat::Parquet | TableFormat::ArrowFile | TableFormat::ArrowStream) => {
                let mut notes = Vec::new();
                let rows = ColumnarRows::open(source, format, schema, options, &mut notes)?;
                Ok(Self::new(schema, Rows::Columnar(Box::new(rows), format), notes, options))
            }
        }
    }

    fn new(schema: &'a Schema, rows: Rows<'a>, notes: Vec<Note>, options: &ReadOptions) -> Self {
        let (chunk_rows, max_violations) = (options.chunk_rows, options.max_violations);
        Self { schema, rows, notes, chunk_rows, max_violations }
    }

    /// Fills `chunk` with the next rows; `false` when there were none left.
    ///
    /// # Errors
    /// The table cannot be read further. Values that do not fit are no error but `chunk.violations`.
    pub fn read(&mut self, chunk: &mut Chunk) -> Result<bool, TableError> {
        chunk.lines.clear();
        chunk.target.clear();
        match &mut self.rows {
            Rows::Csv(rows) => rows.read(self.schema, self.chunk_rows, self.max_violations, chunk)?,
            Rows::Json(rows) => rows.read(self.schema, self.chunk_rows, self.max_violations, chunk)?,
            Rows::Columnar(rows, _) => rows.read(self.schema, self.chunk_rows, self.max_violations, chunk)?,
        }
        Ok(chunk.rows() > 0)
    }

    /// What the user should know; complete once all rows are read.
    pub fn notes(&self) -> Vec<Note> {
        match &self.rows {
            Rows::Csv(_) | Rows::Columnar(..) => self.notes.clone(),
            Rows::Json(rows) => rows.notes().into_iter().collect(),
        }
    }

    /// The format of the table.
    pub fn format(&self) -> TableFormat {
        match self.rows {
            Rows::Csv(_) => TableFormat::Csv,
            Rows::Json(_) => TableFormat::JsonLines,
            Rows::Columnar(_, format) => format,
        }
    }
}

/// The names that a table gives to its columns; `None` when the first row of CSV is one of values, and for JSON Lines.
///
/// # Errors
/// An empty or unreadable table, a format that is not supported.
pub fn column_names(source: &Source, options: &ReadOptions) -> Result<Option<Vec<String>>, TableError> {
    let mut input = source.open().map_err(|source| TableError::Io { source })?;
    let start = sniff(&mut input)?;
    match TableFormat::of(&start)? {
        TableFormat::Csv => {
            let start = start.strip_prefix(BOM).unwrap_or(&start);
            csv::column_names(start.chain(input), options)
        }
        TableFormat::JsonLines => Ok(None),
        format @ (TableFormat::Parquet | TableFormat::ArrowFile | TableFormat::ArrowStream) => {
            columnar::column_names(source, format).map(Some)
        }
    }
}

pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads the first bytes of a table.
fn sniff(input: &mut impl Read) -> Result<Vec<u8>, TableError> {
    let mut start = Vec::new();
    input
        .take(SNIFFED_BYTES as u64)
        .read_to_end(&mut start)
        .map_err(|source: io::Error| TableError::Io { source })?;
    Ok(start)
}

/// The most similar of some names, when one is similar enough to be meant. Very long names, and those after very
/// many, are not looked at, because callers hand in what strangers send.
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    if name.len() > COMPARED_BYTES {
        return None;
    }
    let lower = name.to_lowercase();
    names
        .take(COMPARED_NAMES)
        .filter(|other| other.len() <= COMPARED_BYTES)
        .map(|other| (strsim::jaro_winkler(&lower, &other.to_lowercase()), other))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, other)| other.to_owned())
}

#[cfg(test)]
mod tests;
