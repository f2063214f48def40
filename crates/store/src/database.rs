//! The two databases behind one small interface: transactions, values to bind, and rows.
//!
//! A statement is one text for both: SQLite understands `$1`, `RETURNING` and `ON CONFLICT` as PostgreSQL does. What
//! differs (the migrations, bulk loading, notifications) matches on the enums here.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Postgres, Row as _, Sqlite};
use tokio::time::sleep;

use crate::error::StoreError;
use crate::options::StoreOptions;
use crate::url::DatabasePlace;

/// How long a writer of SQLite waits for another process to finish its transaction.
const BUSY: Duration = Duration::from_secs(10);
/// How long to wait before opening a file that others are opening is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// How long a connection may stay unused before it is closed.
const IDLE: Duration = Duration::from_secs(300);

/// The connections to the database.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A file. Its readers see the last committed state while its one writer writes.
    Sqlite {
        /// Read only.
        readers: SqlitePool,
        /// One connection: SQLite has one writer at a time, and waiting in a queue is fairer than on its lock.
        writer: SqlitePool,
    },
    /// A server.
    Postgres {
        /// For everything but listening.
        pool: PgPool,
    },
}

impl Database {
    /// Connects, so that a database that cannot be had is told now, with its reason.
    pub(crate) async fn connect(options: &StoreOptions) -> Result<Self, StoreError> {
        match options.database.place() {
            DatabasePlace::File(path) => connect_file(path, options).await,
            DatabasePlace::Server(url) => {
                connect_server(url, options.max_connections, options.patience).await
            }
        }
    }

    /// A transaction that sees one state of everything and changes nothing.
    pub(crate) async fn read(&self) -> Result<Transaction, StoreError> {
        Ok(match self {
            Database::Sqlite { readers, .. } => Transaction::Sqlite(readers.begin().await?),
            Database::Postgres { pool } => Transaction::Postgres(
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
            ),
        })
    }

    /// A transaction that may write. Dropped without a commit it leaves no trace.
    pub(crate) async fn write(&self) -> Result<Transaction, StoreError> {
        Ok(match self {
            Database::Sqlite { writer, .. } => {
                Transaction::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Database::Postgres { pool } => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// Gives the connections back.
    pub(crate) async fn close(&self) {
        match self {
            Database::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Database::Postgres { pool } => pool.close().await,
        }
    }
}

async fn connect_file(path: &Path, wanted: &StoreOptions) -> Result<Database, StoreError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let failed = |source| StoreError::Folder { folder: folder.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .disable_statement_logging();
    let pool = |most| {
        SqlitePoolOptions::new()
            .max_connections(most)
            .acquire_timeout(wanted.patience + BUSY)
            .idle_timeout(IDLE)
    };
    let writing = options
        .clone()
        .create_if_missing(true)
        // So that a file can shrink when old predictions are forgotten.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(if wanted.durable { SqliteSynchronous::Full } else { SqliteSynchronous::Normal });
    let writer = connect_patiently(&pool(1), &writing).await?;
    let readers = connect_patiently(&pool(wanted.max_connections.max(1)), &options.read_only(true)).await?;
    Ok(Database::Sqlite { readers, writer })
}

/// Connects to a file that others may be opening too. Whoever sets the mode of its journal makes the rest fail at once,
/// without the time they would wait for each other's transactions.
async fn connect_patiently(
    pool: &SqlitePoolOptions,
    options: &SqliteConnectOptions,
) -> Result<SqlitePool, sqlx::Error> {
    let started = Instant::now();
    loop {
        match pool.clone().connect_with(options.clone()).await {
            Err(error) if is_busy(&error) && started.elapsed() < BUSY => sleep(BUSY_PAUSE).await,
            result => return result,
        }
    }
}

/// Whether SQLite says `SQLITE_BUSY`, in any of its kinds.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

async fn connect_server(
    url: &url::Url,
    max_connections: u32,
    patience: Duration,
) -> Result<Database, StoreError> {
    let options = PgConnectOptions::from_url(url)?.application_name("foretell").disable_statement_logging();
    // The pool would only tell that it waited in vain.
    let first = tokio::time::timeout(patience, PgConnection::connect_with(&options)).await;
    first.map_err(|_| sqlx::Error::PoolTimedOut)??.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(max_connections.max(1))
        .acquire_timeout(patience)
        .idle_timeout(IDLE)
        .connect_lazy_with(options);
    Ok(Database::Postgres { pool })
}

/// Statements that happen together or not at all.
#[derive(Debug)]
pub(crate) enum Transaction {
    /// Of SQLite.
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// Of PostgreSQL.
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// A value that is bound to a statement.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Whole number, or NULL.
    Int(Option<i64>),
    /// Text, or NULL.
    Text(Option<String>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(Some(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Value::Int(Some(value.into()))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Value::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(Some(value.to_owned()))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Text(Some(value))
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Value::Text(value)
    }
}

/// Values to bind, each made by `Into`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::database::Value::from($value)),*] };
}
pub(crate) use values;

/// A query of one of the two databases with its values bound.
macro_rules! bound {
    ($sql:expr, $values:expr) => {
        $values.into_iter().fold(sqlx::query($sql), |query, value| match value {
            Value::Int(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
        })
    };
}

impl Transaction {
    /// Runs a statement and tells how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<u64, StoreError> {
        Ok(match self {
            Transaction::Sqlite(inner) => bound!(sql, values).execute(&mut **inner).await?.rows_affected(),
            Transaction::Postgres(inner) => bound!(sql, values).execute(&mut **inner).await?.rows_affected(),
        })
    }

    /// Runs several statements without values, which may be separated by semicolons.
    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        match self {
            Transaction::Sqlite(inner) => sqlx::raw_sql(sql).execute(&mut **inner).await.map(drop)?,
            Transaction::Postgres(inner) => sqlx::raw_sql(sql).execute(&mut **inner).await.map(drop)?,
        }
        Ok(())
    }

    /// All rows of a query.
    pub(crate) async fn rows(
        &mut self,
        sql: &'static str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<Row>, StoreError> {
        Ok(match self {
            Transaction::Sqlite(inner) => {
                let rows = bound!(sql, values).fetch_all(&mut **inner).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Transaction::Postgres(inner) => {
                let rows = bound!(sql, values).fetch_all(&mut **inner).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The first row of a query.
    pub(crate) async fn row(
        &mut self,
        sql: &'static str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Makes it all true.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Transaction::Sqlite(inner) => inner.commit().await?,
            Transaction::Postgres(inner) => inner.commit().await?,
        }
        Ok(())
    }
}

/// A row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The value of a column: `i64`, `String`, or an `Option` of them.
    pub(crate) fn get<T>(&self, column: &str) -> Result<T, StoreError>
    where
        T: for<'r> sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
        T: for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
    {
        Ok(match self {
            Row::Sqlite(row) => row.try_get(column)?,
            Row::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A whole number that is never negative and fits a `u32`, such as that of a version.
    pub(crate) fn number(&self, column: &'static str) -> Result<u32, StoreError> {
        let value: i64 = self.get(column)?;
        value.try_into().map_err(|_| StoreError::Malformed { what: column, value: value.to_string() })
    }

    /// A text column that holds JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        read_json(column, text)
    }

    /// A text column that holds JSON or NULL.
    pub(crate) fn optional_json<T: serde::de::DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| read_json(column, text)).transpose()
    }
}

fn read_json<T: serde::de::DeserializeOwned>(what: &'static str, value: String) -> Result<T, StoreError> {
    serde_json::from_str(&value).map_err(|_| StoreError::Malformed { what, value })
}

/// A value as the JSON text of a column. Our own types have text keys only, so it cannot fail.
pub(crate) fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
