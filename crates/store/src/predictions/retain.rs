//! Forgetting: what is older than it may be, and what is more than may be kept.

use std::time::Duration;

use crate::database::{Database, Transaction, Value, values};
use crate::error::StoreError;
use crate::store::Store;

use super::partition::{self, DAY};

/// Rows that one transaction deletes, so that whoever writes waits for little.
const BATCH: i64 = 5000;
/// Pages of SQLite that are given back to the file system at once.
const VACUUM: &str = "PRAGMA incremental_vacuum(1000)";
/// The lock of those who forget: of a fleet, one at a time. The bytes of `retentio`.
const LOCK: &str = "SELECT 1 WHERE pg_try_advisory_xact_lock(8243107340297889135)";
/// The oldest prediction, by the index of each schema.
const OLDEST: &str = "SELECT MIN(oldest) AS oldest FROM (
         SELECT (SELECT MIN(predicted_at) FROM predictions WHERE schema_id = s.id) AS oldest
         FROM prediction_schemas s
     ) oldest_of_schemas";

/// How much of the record is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// For how long. On PostgreSQL whole days (UTC) are forgotten, so a row may stay a day longer.
    pub max_age: Option<Duration>,
    /// How many predicted rows; the oldest are forgotten first. On PostgreSQL whole days before today are.
    pub max_rows: Option<u64>,
    /// How many bytes on disk: of the record with its indexes on PostgreSQL, of the database on SQLite.
    pub max_bytes: Option<u64>,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Predicted rows that were deleted one by one.
    pub rows: u64,
    /// Days that were dropped whole.
    pub days: u64,
    /// Known answers.
    pub feedback: u64,
}

impl Store {
    /// Forgets what is more than may be kept, `now` being in microseconds since 1970, UTC. `None` when another server
    /// is at it.
    ///
    /// # Errors
    /// The database is gone or refuses. What was forgotten before stays so.
    pub async fn retain(&self, retention: &Retention, now: i64) -> Result<Option<Removed>, StoreError> {
        let database = self.database();
        let mut removed = Removed::default();
        let oldest_kept = retention.max_age.map(|age| now.saturating_sub(microseconds(age)));
        match database {
            Database::Sqlite { .. } => {
                if let Some(time) = oldest_kept {
                    removed.rows += self.delete_older(time).await?;
                }
                removed.rows += self.delete_rows_beyond(retention).await?;
                vacuum(database).await?;
            }
            Database::Postgres { .. } => {
                let mut lock = database.write().await?;
                if lock.row(LOCK, []).await?.is_none() {
                    return Ok(None);
                }
                removed.days = drop_days(database, retention, oldest_kept, now).await?;
                if let Some(time) = oldest_kept {
                    let delete = "DELETE FROM predictions_other WHERE ctid = ANY (ARRAY (
                             SELECT ctid FROM predictions_other WHERE predicted_at < $1 LIMIT $2))";
                    removed.rows = delete_all(database, delete, &values![time, BATCH]).await?;
                }
                drop(lock);
            }
        }
        let oldest = self.oldest().await?;
        if let Some(time) = oldest.max(oldest_kept) {
            removed.feedback = self.delete_feedback(time).await?;
        }
        Ok(Some(removed))
    }

    async fn oldest(&self) -> Result<Option<i64>, StoreError> {
        let mut transaction = self.database().read().await?;
        let row = transaction.row(OLDEST, []).await?;
        row.map_or(Ok(None), |row| row.get("oldest"))
    }

    /// Deletes answers that are older than every prediction they could be about.
    async fn delete_feedback(&self, time: i64) -> Result<u64, StoreError> {
        let delete = "DELETE FROM feedback WHERE (id, by_caller, row_index, model) IN (
                 SELECT id, by_caller, row_index, model FROM feedback WHERE given_at < $1 LIMIT $2)";
        delete_all(self.database(), delete, &values![time, BATCH]).await
    }

    /// Deletes predictions of SQLite from before a time.
    async fn delete_older(&self, time: i64) -> Result<u64, StoreError> {
        let delete = "DELETE FROM predictions WHERE rowid IN (
                 SELECT rowid FROM predictions WHERE schema_id = $1 AND predicted_at < $2 LIMIT $3)";
        let mut transaction = self.database().read().await?;
        let schemas = transaction.rows("SELECT id FROM prediction_schemas", []).await?;
        drop(transaction);
        let mut rows = 0;
        for schema in schemas {
            let values = values![schema.get::<i64>("id")?, time, BATCH];
            rows += delete_all(self.database(), delete, &values).await?;
        }
        Ok(rows)
    }

    /// Deletes the predictions of SQLite that are too many or too large, in the order in which they were written.
    async fn delete_rows_beyond(&self, retention: &Retention) -> Result<u64, StoreError> {
        let delete = "DELETE FROM predictions WHERE rowid IN (
                 SELECT rowid FROM predictions ORDER BY rowid LIMIT $1)";
        let mut deleted = 0;
        if let Some(most) = retention.max_rows {
            let mut surplus = (self.count("SELECT COUNT(*) AS value FROM predictions").await?)
                .saturating_sub_unsigned(most);
            while surplus > 0 {
                let rows = execute(self.database(), delete, &values![surplus.min(BATCH)]).await?;
                deleted += rows;
                surplus = if rows == 0 { 0 } else { surplus.saturating_sub_unsigned(rows) };
            }
        }
        if let Some(most) = retention.max_bytes {
            let used = "SELECT (page_count - freelist_count) * page_size AS value
                 FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
            while self.count(used).await? > super::as_i64(most) {
                let rows = execute(self.database(), delete, &values![BATCH]).await?;
                deleted += rows;
                if rows == 0 {
                    break;
                }
            }
        }
        Ok(deleted)
    }

    async fn count(&self, select: &'static str) -> Result<i64, StoreError> {
        let mut transaction = self.database().read().await?;
        let row = transaction.row(select, []).await?;
        row.map_or(Ok(0), |row| row.get("value"))
    }
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Runs a statement in a transaction of its own.
async fn execute(database: &Database, sql: &'static str, values: &[Value]) -> Result<u64, StoreError> {
    let mut transaction = database.write().await?;
    let rows = transaction.execute(sql, values.iter().cloned()).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// Runs a statement that deletes a batch until there is nothing left to delete.
async fn delete_all(database: &Database, sql: &'static str, values: &[Value]) -> Result<u64, StoreError> {
    let mut deleted = 0;
    loop {
        let rows = execute(database, sql, values).await?;
        deleted += rows;
        if rows < BATCH.unsigned_abs() {
            return Ok(deleted);
        }
    }
}

/// Gives the pages of SQLite that hold nothing any more back to the file system.
async fn vacuum(database: &Database) -> Result<(), StoreError> {
    let Database::Sqlite { writer, .. } = database else { return Ok(()) };
    loop {
        let free: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(writer).await?;
        if free == 0 {
            return Ok(());
        }
        sqlx::raw_sql(VACUUM).execute(writer).await?;
        let left: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(writer).await?;
        if left >= free {
            return Ok(());
        }
    }
}

/// Drops days of PostgreSQL, the oldest first; gives their number. Today and what follows it always stays.
async fn drop_days(
    database: &Database,
    retention: &Retention,
    oldest_kept: Option<i64>,
    now: i64,
) -> Result<u64, StoreError> {
    let mut transaction = database.read().await?;
    let partitions = partition::all(&mut transaction).await?;
    let mut bytes: i64 = partitions.iter().map(|partition| partition.bytes).sum();
    let mut rows = match retention.max_rows {
        Some(_) => count(&mut transaction, i64::MIN, i64::MAX).await?,
        None => 0,
    };
    drop(transaction);
    let too_old = |day: i64| oldest_kept.is_some_and(|time| (day + 1).saturating_mul(DAY) <= time);
    let mut dropped = 0;
    for partition in &partitions {
        let Some(day) = partition.day.filter(|day| *day < now.div_euclid(DAY)) else { continue };
        let too_many = retention.max_rows.is_some_and(|most| rows > super::as_i64(most));
        let too_large = retention.max_bytes.is_some_and(|most| bytes > super::as_i64(most));
        if !(too_old(day) || too_many || too_large) {
            break;
        }
        if retention.max_rows.is_some() {
            let mut transaction = database.read().await?;
            rows -= count(&mut transaction, day * DAY, (day + 1) * DAY).await?;
        }
        if !partition::drop_one(database, day).await? {
            break;
        }
        bytes -= partition.bytes;
        dropped += 1;
    }
    Ok(dropped)
}

async fn count(transaction: &mut Transaction, from: i64, to: i64) -> Result<i64, StoreError> {
    let select = "SELECT COUNT(*) AS value FROM predictions WHERE predicted_at >= $1 AND predicted_at < $2";
    let row = transaction.row(select, values![from, to]).await?;
    row.map_or(Ok(0), |row| row.get("value"))
}
