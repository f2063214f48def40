//! The answer of a database to a query.

use std::ops::ControlFlow;

use foretell_store::{DatabaseUrl, QueryCell, StoreError, TakeRow, query};
use sha2::{Digest, Sha256};

use super::piece::{Cell, Layout, Piece};
use super::{LoadOptions, Names, Reader, TableError};

/// Rows that the types of columns are guessed from.
const GUESSED_ROWS: usize = 1000;

/// A query, and what its first rows say of its columns.
pub(super) struct Query<'a> {
    database: &'a DatabaseUrl,
    sql: &'a str,
    names: Names,
    numbers: Vec<bool>,
    missing: &'a [String],
}

impl<'a> Query<'a> {
    pub(super) fn open(
        database: &'a DatabaseUrl,
        sql: &'a str,
        options: &'a LoadOptions,
    ) -> Result<Self, TableError> {
        let (mut names, mut numbers, mut rows) = (Vec::new(), Vec::new(), 0);
        ask(database, sql, &mut |columns, cells| {
            if rows == 0 {
                names = columns.to_vec();
                numbers = vec![true; columns.len()];
            }
            for (number, cell) in numbers.iter_mut().zip(cells) {
                let is_text = |text: &str| {
                    let known = options.missing.iter().any(|missing| missing == text) || text.is_empty();
                    !known && crate::table::cells::parse_number(text) == crate::table::cells::Number::Not
                };
                *number &= !matches!(cell, QueryCell::Text(text) if is_text(text));
            }
            rows += 1;
            if rows < GUESSED_ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if rows == 0 {
            return Err(TableError::Empty);
        }
        let names = Names { names, named: true };
        Ok(Self { database, sql, names, numbers, missing: &options.missing })
    }

    fn add(
        &self,
        piece: &mut Piece,
        layout: &Layout,
        number: u64,
        cells: &[QueryCell<'_>],
    ) -> Result<(), TableError> {
        piece.begin(0, number);
        for (column, cell) in cells.iter().enumerate() {
            let text;
            let cell = match *cell {
                QueryCell::Missing => Cell::Missing,
                QueryCell::Number(value) if value.is_nan() => Cell::Missing,
                QueryCell::Number(value) => Cell::Number(value),
                QueryCell::Integer(value) if value as f64 as i128 == i128::from(value) => {
                    Cell::Number(value as f64)
                }
                QueryCell::Integer(value) => {
                    text = value.to_string();
                    Cell::Text(&text)
                }
                QueryCell::Text(text) => Cell::Text(text),
                QueryCell::Bytes => {
                    return Err(TableError::ColumnType {
                        name: self.names.names[column].clone(),
                        got: "bytes".to_owned(),
                    });
                }
            };
            piece.cell(layout, column, cell, self.missing)?;
        }
        Ok(())
    }
}

impl Reader for Query<'_> {
    fn names(&self) -> &Names {
        &self.names
    }

    fn guess(&self) -> Result<Vec<bool>, TableError> {
        Ok(self.numbers.clone())
    }

    fn read(&self, layout: &Layout, mut seen: Option<&mut Sha256>) -> Result<Piece, TableError> {
        let mut piece = Piece::new(layout);
        let (mut number, mut outcome) = (0, Ok(()));
        ask(self.database, self.sql, &mut |_, cells| {
            number += 1;
            if let Some(seen) = &mut seen {
                seen.update(format!("{cells:?}\n"));
            }
            outcome = self.add(&mut piece, layout, number, cells);
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome.map(|()| piece)
    }

    fn unit(&self) -> &'static str {
        "row"
    }
}

/// Asks the database and waits for all of the answer.
fn ask(database: &DatabaseUrl, sql: &str, take: &mut TakeRow<'_>) -> Result<(), TableError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| TableError::Io { source })?;
    runtime.block_on(query(database, sql, take)).map_err(refused)
}

fn refused(error: StoreError) -> TableError {
    TableError::Database { source: Box::new(error) }
}
