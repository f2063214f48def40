//! The days of predictions on PostgreSQL: a partition each, made when it is needed and dropped when it is too old.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;

use crate::database::{Database, Transaction, values};
use crate::error::StoreError;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;
/// Days before today for which a partition is made. What is older (a spool that lay for long, a clock that is wrong)
/// goes to the partition for all other days, so that the number of partitions is bounded whatever clocks say.
const PAST: i64 = 35;
/// Days after today for which one is made.
const FUTURE: i64 = 1;
/// Any number that no other program locks in the same database: the bytes of `predicti`.
const LOCK: &str = "SELECT pg_advisory_xact_lock(8102936404018557033)";
/// Making or dropping a partition waits no longer than this for those who read predictions: whoever comes after it
/// waits as well.
const PATIENCE: &str = "SET LOCAL lock_timeout = '2s'";

/// A partition of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) name: String,
    /// The day it holds, in days since 1970; `None` for all other days.
    pub(super) day: Option<i64>,
    /// Bytes on disk, with indexes.
    pub(super) bytes: i64,
}

/// Makes the partitions that rows of these times need, and that of tomorrow, so that midnight finds it there. A
/// partition that cannot be made now because somebody reads the table is made with a later batch: its rows wait in the
/// partition for other days.
pub(super) async fn make(database: &Database, times: impl Iterator<Item = i64>) -> Result<(), StoreError> {
    if matches!(database, Database::Sqlite { .. }) {
        return Ok(());
    }
    let mut days: BTreeSet<i64> = times.map(|at| at.div_euclid(DAY)).collect();
    if days.is_empty() {
        return Ok(());
    }
    let mut transaction = database.read().await?;
    let today = today(&mut transaction).await?;
    days.insert(today + FUTURE);
    days.retain(|day| (today - PAST..=today + FUTURE).contains(day));
    let mut missing = Vec::new();
    for day in days {
        if !exists(&mut transaction, day).await? {
            missing.push(day);
        }
    }
    drop(transaction);
    for day in missing {
        match make_one(database, day).await {
            Err(error) if error.is_lock_timeout() => {}
            done => done?,
        }
    }
    Ok(())
}

/// The day of the database's clock, which is one for a whole fleet.
async fn today(transaction: &mut Transaction) -> Result<i64, StoreError> {
    let select = "SELECT FLOOR(EXTRACT(EPOCH FROM now()) / 86400)::BIGINT AS today";
    let row = transaction.row(select, []).await?;
    row.map_or(Ok(0), |row| row.get("today"))
}

async fn exists(transaction: &mut Transaction, day: i64) -> Result<bool, StoreError> {
    // `to_regclass` answers from a cache, which does not know yet what another transaction has just made.
    let select = "SELECT 1 FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
         WHERE inhparent = 'predictions'::REGCLASS AND relname = $1";
    Ok(transaction.row(select, values![name(day)]).await?.is_some())
}

/// Makes the partition of a day and moves what is there already into it.
///
/// It is attached and not created in place: that would shut out everybody who reads the table.
async fn make_one(database: &Database, day: i64) -> Result<(), StoreError> {
    let mut transaction = database.write().await?;
    transaction.script(PATIENCE).await?;
    transaction.script(LOCK).await?;
    if exists(&mut transaction, day).await? {
        return Ok(());
    }
    let (name, from, to) = (name(day), day * DAY, (day + 1) * DAY);
    script(
        &mut transaction,
        format!(
            "CREATE TABLE {name} (LIKE predictions INCLUDING DEFAULTS);
             WITH early AS (
                 DELETE FROM predictions_other WHERE predicted_at >= {from} AND predicted_at < {to} RETURNING *
             ) INSERT INTO {name} SELECT * FROM early;
             ALTER TABLE predictions ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to})"
        ),
    )
    .await?;
    transaction.commit().await
}

/// All partitions, the oldest day first, that of other days last.
pub(super) async fn all(transaction: &mut Transaction) -> Result<Vec<Partition>, StoreError> {
    let select = "SELECT relname::TEXT AS name, pg_total_relation_size(pg_class.oid) AS bytes
         FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
         WHERE inhparent = 'predictions'::REGCLASS ORDER BY relname";
    let mut partitions = Vec::new();
    for row in transaction.rows(select, []).await? {
        let name: String = row.get("name")?;
        partitions.push(Partition { day: day_of(&name), name, bytes: row.get("bytes")? });
    }
    Ok(partitions)
}

/// Drops the partition of a day; `false` when somebody reads it and it has to be tried again later.
pub(super) async fn drop_one(database: &Database, day: i64) -> Result<bool, StoreError> {
    let mut transaction = database.write().await?;
    transaction.script(PATIENCE).await?;
    match script(&mut transaction, format!("DROP TABLE IF EXISTS {}", name(day))).await {
        Err(error) if error.is_lock_timeout() => Ok(false),
        done => {
            done?;
            transaction.commit().await.map(|()| true)
        }
    }
}

/// Runs statements that are made of numbers and of names of [`name`] only.
async fn script(transaction: &mut Transaction, sql: String) -> Result<(), StoreError> {
    if let Transaction::Postgres(inner) = transaction {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **inner).await?;
    }
    Ok(())
}

/// The name of the partition of a day: `predictions_20261123`, in the order of days.
fn name(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("predictions_{year:04}{month:02}{day:02}")
}

/// The day that a name tells.
fn day_of(name: &str) -> Option<i64> {
    let digits = name.strip_prefix("predictions_")?;
    let number: i64 = digits.parse().ok().filter(|_| digits.len() == 8)?;
    Some(days(number / 10_000, number / 100 % 100, number % 100))
}

/// Year, month and day of a number of days since 1970.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970 of a date: `days_from_civil` of the same source.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_named_after_days() {
        assert_eq!(name(0), "predictions_19700101");
        assert_eq!(name(19_782), "predictions_20240229");
        assert_eq!(name(20_780), "predictions_20261123");
        for day in [0, 59, 60, 365, 11_016, 19_782, 20_780, 47_481] {
            assert_eq!(day_of(&name(day)), Some(day));
        }
        assert_eq!(day_of("predictions_other"), None);
    }
}
