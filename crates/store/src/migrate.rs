//! The tables of every release, reached from those of any release before it.
//!
//! A migration is a script per database. All that are missing run in one transaction under a lock, so that of several
//! processes that start at once one migrates and the others find it done. There is no way back: a database that a
//! later release has changed is refused.

use crate::database::{Database, Transaction, values};
use crate::error::StoreError;

/// A step from one schema to the next. Once released it never changes.
struct Migration {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// All steps; the schema a step leads to has its position, counted from 1, as number.
const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "registry",
        sqlite: include_str!("../migrations/sqlite/0001_registry.sql"),
        postgres: include_str!("../migrations/postgres/0001_registry.sql"),
    },
    Migration {
        name: "predictions",
        sqlite: include_str!("../migrations/sqlite/0002_predictions.sql"),
        postgres: include_str!("../migrations/postgres/0002_predictions.sql"),
    },
    Migration {
        name: "feedback of a model",
        sqlite: include_str!("../migrations/sqlite/0003_feedback_of_model.sql"),
        postgres: include_str!("../migrations/postgres/0003_feedback_of_model.sql"),
    },
    Migration {
        name: "runs",
        sqlite: include_str!("../migrations/sqlite/0004_runs.sql"),
        postgres: include_str!("../migrations/postgres/0004_runs.sql"),
    },
];

/// Any number that no other program locks in the same database: the bytes of `foretell`.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7381241354022251628)";
/// The number of the schema, in a table that exists from the first migration on.
const CURRENT: &str = "SELECT COALESCE(MAX(number), 0) AS number FROM schema_migrations";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    number BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    migrated_at BIGINT NOT NULL
)";

/// The number of the schema that this release works with.
pub(crate) fn latest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Brings the tables to the schema of this release.
///
/// # Errors
/// The schema is of a later release, or the database refuses or is gone.
pub(crate) async fn migrate(database: &Database) -> Result<(), StoreError> {
    // The usual case changes nothing, takes no lock, and needs no right to make tables.
    let mut transaction = database.read().await?;
    if exists(&mut transaction).await? && refuse_newer(current(&mut transaction).await?)? == latest() {
        return Ok(());
    }
    drop(transaction);

    let mut transaction = match database {
        Database::Sqlite { writer, .. } => Transaction::Sqlite(writer.begin_with("BEGIN EXCLUSIVE").await?),
        Database::Postgres { .. } => {
            let mut transaction = database.write().await?;
            transaction.script(LOCK).await?;
            transaction
        }
    };
    transaction.script(TABLE).await?;
    let current = refuse_newer(current(&mut transaction).await?)?;
    for (number, migration) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > current) {
        let script = match &transaction {
            Transaction::Sqlite(_) => migration.sqlite,
            Transaction::Postgres(_) => migration.postgres,
        };
        transaction.script(script).await?;
        let insert = "INSERT INTO schema_migrations (number, name, migrated_at) VALUES ($1, $2, $3)";
        transaction.execute(insert, values![number, migration.name, crate::now()]).await?;
    }
    transaction.commit().await
}

async fn exists(transaction: &mut Transaction) -> Result<bool, StoreError> {
    let tables = match transaction {
        Transaction::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE name = 'schema_migrations'",
        Transaction::Postgres(_) => "SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL",
    };
    Ok(transaction.row(tables, []).await?.is_some())
}

async fn current(transaction: &mut Transaction) -> Result<i64, StoreError> {
    let row = transaction.row(CURRENT, []).await?;
    row.map_or(Ok(0), |row| row.get("number"))
}

fn refuse_newer(current: i64) -> Result<i64, StoreError> {
    if current > latest() {
        return Err(StoreError::NewerSchema { database: current, known: latest() });
    }
    Ok(current)
}
