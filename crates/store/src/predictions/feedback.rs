//! Writing what really happened.

use std::collections::HashMap;

use crate::database::{Transaction, values};
use crate::error::StoreError;
use crate::store::Store;

use super::{FeedbackRow, Subject, storable};

/// Rows of one statement on PostgreSQL.
const BLOCK: usize = 2000;

/// A later answer takes the place of an earlier one, in whichever order they arrive.
const UPSERT: &str = "INSERT INTO feedback (id, by_caller, row_index, model, actual, given_at)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (id, by_caller, row_index, model) DO UPDATE SET actual = excluded.actual, given_at = excluded.given_at
     WHERE excluded.given_at >= feedback.given_at";
const UPSERT_MANY: &str = "INSERT INTO feedback (id, by_caller, row_index, model, actual, given_at)
     SELECT * FROM UNNEST($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::TEXT[], $5::TEXT[], $6::BIGINT[])
     ON CONFLICT (id, by_caller, row_index, model) DO UPDATE SET actual = excluded.actual, given_at = excluded.given_at
     WHERE excluded.given_at >= feedback.given_at";

impl Store {
    /// Writes known answers, all or none. Whether there are such predictions is not looked at: their records may be on
    /// their way.
    ///
    /// # Errors
    /// The database is gone or refuses.
    pub async fn add_feedback(&self, rows: &[FeedbackRow<'_>]) -> Result<(), StoreError> {
        let mut transaction = self.database().write().await?;
        write(&mut transaction, rows.iter()).await?;
        transaction.commit().await
    }
}

/// Writes known answers within a transaction.
pub(super) async fn write<'a>(
    transaction: &mut Transaction,
    rows: impl Iterator<Item = &'a FeedbackRow<'a>>,
) -> Result<(), StoreError> {
    match transaction {
        Transaction::Sqlite(_) => {
            for row in rows {
                let (id, by_caller) = key(&row.subject);
                let values = values![
                    storable(id).as_ref(),
                    by_caller,
                    row.row,
                    storable(model(row)).as_ref(),
                    row.actual.as_ref(),
                    row.at
                ];
                transaction.execute(UPSERT, values).await?;
            }
        }
        Transaction::Postgres(inner) => {
            for block in latest(rows).chunks(BLOCK) {
                let keys = || block.iter().map(|row| key(&row.subject));
                let ids: Vec<_> = keys().map(|(id, _)| storable(id).into_owned()).collect();
                let by_caller: Vec<_> = keys().map(|(_, by_caller)| by_caller).collect();
                let rows: Vec<_> = block.iter().map(|row| i64::from(row.row)).collect();
                let models: Vec<_> = block.iter().map(|row| storable(model(row)).into_owned()).collect();
                let actual: Vec<_> = block.iter().map(|row| row.actual.as_ref()).collect();
                let at: Vec<_> = block.iter().map(|row| row.at).collect();
                let query = sqlx::query(UPSERT_MANY).bind(ids).bind(by_caller).bind(rows).bind(models);
                query.bind(actual).bind(at).execute(&mut **inner).await?;
            }
        }
    }
    Ok(())
}

/// An id, and 1 where it is the caller's.
fn key<'a>(subject: &'a Subject<'_>) -> (&'a str, i64) {
    match subject {
        Subject::Request(id) => (id, 0),
        Subject::Caller(id) => (id, 1),
    }
}

/// The model it is about, as it is stored.
fn model<'a>(row: &'a FeedbackRow<'_>) -> &'a str {
    row.model.as_deref().unwrap_or_default()
}

/// The latest answer about each row: one statement of PostgreSQL may not change a row twice.
fn latest<'a>(rows: impl Iterator<Item = &'a FeedbackRow<'a>>) -> Vec<&'a FeedbackRow<'a>> {
    let mut kept: Vec<&FeedbackRow<'_>> = Vec::new();
    let mut positions: HashMap<(&Subject<'_>, u32, &str), usize> = HashMap::new();
    for row in rows {
        let position = *positions.entry((&row.subject, row.row, model(row))).or_insert(kept.len());
        match kept.get_mut(position) {
            Some(earlier) if earlier.at <= row.at => *earlier = row,
            Some(_) => {}
            None => kept.push(row),
        }
    }
    kept
}
