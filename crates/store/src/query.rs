//! The answer of a query that somebody else wrote, row by row: what training learns from.

use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::{TryStream, TryStreamExt};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgValueRef};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, Decode, Row, Sqlite, TypeInfo, ValueRef};

use crate::error::StoreError;
use crate::url::{DatabasePlace, DatabaseUrl};

/// How long a database may take to answer that it is there.
const PATIENCE: Duration = Duration::from_secs(10);

/// A value of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum QueryCell<'a> {
    /// NULL.
    Missing,
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A text, or the text of a number that is none of these, of a time, of true and false.
    Text(&'a str),
    /// Bytes.
    Bytes,
}

/// Takes the rows of an answer: the names of all columns, and a value for each.
pub type TakeRow<'a> = dyn FnMut(&[String], &[QueryCell<'_>]) -> ControlFlow<()> + Send + 'a;

/// Hands the rows that a query gives to `take` until it breaks. The transaction is one that changes nothing.
///
/// # Errors
/// The database is not there, or refuses the query.
pub async fn query(database: &DatabaseUrl, sql: &str, take: &mut TakeRow<'_>) -> Result<(), StoreError> {
    match database.place() {
        DatabasePlace::File(path) => {
            let options =
                SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
            let mut connection = SqliteConnection::connect_with(&options).await?;
            let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch(&mut connection);
            hand_out(rows, of_sqlite, take).await?;
        }
        DatabasePlace::Server(url) => {
            let options = PgConnectOptions::from_url(url)?
                .application_name("foretell")
                .disable_statement_logging()
                .options([("default_transaction_read_only", "on")]);
            let connection = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await;
            let mut connection = connection.map_err(|_| sqlx::Error::PoolTimedOut)??;
            // Such a query is answered in texts, whatever the types.
            let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch(&mut connection);
            hand_out(rows, of_postgres, take).await?;
        }
    }
    Ok(())
}

async fn hand_out<R: Row>(
    mut rows: impl TryStream<Ok = R, Error = sqlx::Error> + Unpin,
    cell: for<'r> fn(&'r R, usize) -> Result<QueryCell<'r>, sqlx::Error>,
    take: &mut TakeRow<'_>,
) -> Result<(), sqlx::Error> {
    let mut names = Vec::new();
    while let Some(row) = rows.try_next().await? {
        if names.is_empty() {
            names = row.columns().iter().map(|column| column.name().to_owned()).collect();
        }
        let cells = (0..names.len()).map(|column| cell(&row, column));
        if take(&names, &cells.collect::<Result<Vec<_>, _>>()?).is_break() {
            break;
        }
    }
    Ok(())
}

fn of_sqlite(row: &SqliteRow, column: usize) -> Result<QueryCell<'_>, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(QueryCell::Missing);
    }
    let info = value.type_info();
    let kind = info.name().to_owned();
    let decoded = match kind.as_str() {
        "BLOB" => Ok(QueryCell::Bytes),
        "REAL" => <f64 as Decode<'_, Sqlite>>::decode(value).map(QueryCell::Number),
        "INTEGER" | "BOOLEAN" | "INT4" | "INT8" => {
            <i64 as Decode<'_, Sqlite>>::decode(value).map(QueryCell::Integer)
        }
        _ => <&str as Decode<'_, Sqlite>>::decode(value).map(QueryCell::Text),
    };
    decoded.map_err(|source| sqlx::Error::ColumnDecode { index: column.to_string(), source })
}

fn of_postgres(row: &PgRow, column: usize) -> Result<QueryCell<'_>, sqlx::Error> {
    let value: PgValueRef<'_> = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(QueryCell::Missing);
    }
    let kind = value.type_info();
    let kind = kind.name().to_owned();
    let text =
        value.as_str().map_err(|source| sqlx::Error::ColumnDecode { index: column.to_string(), source })?;
    Ok(match (kind.as_str(), text) {
        ("BYTEA", _) => QueryCell::Bytes,
        ("FLOAT4" | "FLOAT8" | "NUMERIC", "NaN") => QueryCell::Missing,
        ("BOOL", "t") => QueryCell::Text("true"),
        ("BOOL", _) => QueryCell::Text("false"),
        (_, text) => QueryCell::Text(text),
    })
}
