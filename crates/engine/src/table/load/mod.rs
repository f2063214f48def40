//! A whole table in memory, with columns of types that the table itself tells: what a model learns from.
//!
//! A column is one of numbers until a cell of it is none. Which columns are numbers is guessed from the first rows, so
//! that a table is read once; where a later row proves the guess wrong, it is read again.

mod columnar;
mod csv;
mod json;
mod piece;
mod places;
mod query;

use foretell_frame::{Frame, TextColumn};
use foretell_store::DatabaseUrl;
use sha2::{Digest, Sha256};

use self::piece::{Layout, Piece};
pub use self::places::Place;
pub(crate) use self::places::Places;
use super::{Header, MAX_ROW_BYTES, Source, TableError, TableFormat};
use crate::open::hex;

/// Where a table is.
#[derive(Debug, Clone)]
pub enum Input {
    /// One or several files of one format and the same columns.
    Files(Vec<Source>),
    /// What a database answers.
    Query {
        /// The database.
        database: DatabaseUrl,
        /// The query.
        sql: String,
    },
}

/// How a table is loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Whether a CSV table names its columns.
    pub header: Header,
    /// Names of all columns, for a CSV table that names none.
    pub names: Option<Vec<String>>,
    /// Texts that stand for a missing value, beside the empty cell.
    pub missing: Vec<String>,
}

/// What is wanted of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Nothing.
    Skip,
    /// Numbers, if it holds nothing else; else texts.
    Guess,
    /// Numbers; anything else is an error.
    Number,
    /// Texts.
    Text,
    /// The text of each cell, apart from the frame.
    Aside,
}

/// A column of a table that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, or its position where the table names none.
    pub name: String,
    /// What was taken of it: never [`Take::Guess`].
    pub taken: Take,
    /// Number of cells that are numbers.
    pub numbers: u64,
    /// Number of other cells that are not missing.
    pub texts: u64,
    /// The first of those, and where it stands.
    pub first_text: Option<(Place, String)>,
}

/// A table in memory.
#[derive(Debug)]
pub struct Loaded {
    /// All columns of the table, in order.
    pub columns: Vec<Column>,
    /// Whether the table names them.
    pub named: bool,
    /// Those that were taken as numbers and as texts, each kind in the order of the table.
    pub frame: Frame,
    /// Those that were taken aside, in the order of the table.
    pub asides: Vec<TextColumn>,
    /// Where each row stands.
    pub(crate) places: Places,
    /// Digest of the table's bytes, as `sha256:` and hexadecimal digits.
    pub digest: String,
}

/// The names of a table's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// In order; positions from 0 where the table names none.
    pub names: Vec<String>,
    /// Whether the table names them.
    pub named: bool,
}

/// Reads a table. `choose` is told the names of the columns and says what is wanted of each.
///
/// # Errors
/// Files that cannot be read or do not go together; cells that are not what is wanted; whatever `choose` returns.
pub fn load<E: From<TableError>>(
    input: &Input,
    options: &LoadOptions,
    choose: impl FnOnce(&Names) -> Result<Vec<Take>, E>,
) -> Result<Loaded, E> {
    let sources = match input {
        Input::Files(sources) => sources,
        Input::Query { database, sql } => {
            return load_with(&query::Query::open(database, sql, options)?, &[], choose);
        }
    };
    let Some(first) = sources.first() else { return Err(TableError::Empty.into()) };
    let format = first.format()?;
    for source in sources {
        let got = source.format().map_err(|error| within(error, source, sources))?;
        if got != format {
            return Err(within(TableError::OtherFormat { expected: format, got }, source, sources).into());
        }
    }
    match format {
        TableFormat::Csv => load_with(&csv::Csv::open(sources, options)?, sources, choose),
        TableFormat::JsonLines => load_with(&json::JsonLines::open(sources, options)?, sources, choose),
        TableFormat::Parquet | TableFormat::ArrowFile | TableFormat::ArrowStream => {
            load_with(&columnar::Columnar::open(sources, options)?, sources, choose)
        }
    }
}

/// A way of reading tables whose columns are known.
trait Reader {
    /// The names of the columns.
    fn names(&self) -> &Names;

    /// For each column whether it seems to hold numbers only.
    ///
    /// # Errors
    /// The beginning of the table cannot be read.
    fn guess(&self) -> Result<Vec<bool>, TableError>;

    /// Reads all rows, giving bytes that make the digest to `seen` where there is one.
    ///
    /// # Errors
    /// The table cannot be read, or has cells that the layout does not allow.
    fn read(&self, layout: &Layout, seen: Option<&mut Sha256>) -> Result<Piece, TableError>;

    /// What a row's number counts.
    fn unit(&self) -> &'static str;
}

fn load_with<E: From<TableError>>(
    reader: &impl Reader,
    sources: &[Source],
    choose: impl FnOnce(&Names) -> Result<Vec<Take>, E>,
) -> Result<Loaded, E> {
    let names = reader.names();
    let takes = choose(names)?;
    let mut layout = Layout::new(names, &takes, &reader.guess()?, reader.unit());
    let mut digest = Sha256::new();
    let mut all = reader.read(&layout, Some(&mut digest))?;
    let wrong: Vec<bool> = all.counts.iter().map(|count| count.texts > 0).collect();
    if layout.correct(&wrong) {
        all = reader.read(&layout, None)?;
    }
    let files = if sources.len() > 1 { sources.iter().map(Source::name).collect() } else { Vec::new() };
    let places = all.places.named(files);
    Ok(all.parts.into_loaded(
        names,
        &layout,
        all.counts,
        places,
        format!("sha256:{}", hex(&digest.finalize())),
    ))
}

/// An error in one of several files says in which.
fn within(error: TableError, source: &Source, sources: &[Source]) -> TableError {
    if sources.len() == 1 {
        error
    } else {
        TableError::InFile { file: source.name(), error: Box::new(error) }
    }
}

/// The positions in `expected` of the columns of one of several files.
fn arrange(names: &[String], expected: &[String]) -> Result<Vec<usize>, TableError> {
    let position = |name: &String| expected.iter().position(|other| other == name);
    let order = names
        .iter()
        .map(|name| position(name).ok_or_else(|| TableError::OtherColumns { has: true, name: name.clone() }));
    let order: Vec<usize> = order.collect::<Result<_, _>>()?;
    match (0..expected.len()).find(|column| !order.contains(column)) {
        Some(column) => Err(TableError::OtherColumns { has: false, name: expected[column].clone() }),
        None => Ok(order),
    }
}

#[cfg(test)]
mod tests;
