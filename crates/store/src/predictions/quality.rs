//! Known answers beside what was predicted, page by page, as quality is measured from them.

use std::collections::HashMap;

use crate::database::{Row, Transaction, values};
use crate::error::StoreError;
use crate::store::Store;

use super::{ServedAs, StoredSchema, role};

/// Known answers of a page. The work of a measurement grows with them and not with the predictions.
const PAGE: i64 = 1000;

/// A known answer and the prediction it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    /// Number of the prediction's schema.
    pub schema: i64,
    /// When it was predicted, in microseconds since 1970, UTC.
    pub at: i64,
    /// In which role the model answered.
    pub role: ServedAs,
    /// What the model answered: JSON.
    pub outputs: String,
    /// The known answer: JSON.
    pub actual: String,
}

/// The key of a known answer in the order in which they were given.
#[derive(Debug, Clone)]
struct Key {
    given_at: i64,
    id: String,
    by_caller: i64,
    row: i64,
    model: String,
}

/// Known answers with their predictions, in the order in which the answers were given.
#[derive(Debug)]
pub struct JoinedPages {
    store: Store,
    model: Option<String>,
    since: i64,
    after: Option<Key>,
    schemas: HashMap<i64, StoredSchema>,
}

impl Store {
    /// Reads the known answers about predictions made since a time (microseconds since 1970, UTC), of one model or of
    /// all.
    pub fn joined(&self, model: Option<&str>, since: i64) -> JoinedPages {
        let after = Key { given_at: since, id: String::new(), by_caller: -1, row: -1, model: String::new() };
        let model = model.map(str::to_owned);
        JoinedPages { store: self.clone(), model, since, after: Some(after), schemas: HashMap::new() }
    }

    /// When the last known answer was given; `None` without any.
    ///
    /// # Errors
    /// The database is gone or refuses.
    pub async fn last_feedback(&self) -> Result<Option<i64>, StoreError> {
        let mut transaction = self.database().read().await?;
        let row = transaction.row("SELECT MAX(given_at) AS last FROM feedback", []).await?;
        row.map_or(Ok(None), |row| row.get("last"))
    }
}

impl JoinedPages {
    /// The next answers; `None` when all have been read. A page may be empty: answers about what nobody predicted.
    ///
    /// # Errors
    /// The database is gone or refuses; the same page can be asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<Joined>>, StoreError> {
        let Some(after) = &self.after else { return Ok(None) };
        let mut transaction = self.store.database().read().await?;
        let last = last_of_page(&mut transaction, after).await?;
        let end = last.clone().unwrap_or_else(Key::end);
        let rows = self.rows(&mut transaction, after, &end).await?;
        self.after = last;
        Ok(Some(rows))
    }

    /// A schema that a row refers to.
    ///
    /// # Errors
    /// The database is gone or refuses.
    pub async fn schema(&mut self, id: i64) -> Result<Option<&StoredSchema>, StoreError> {
        if !self.schemas.contains_key(&id) {
            let select = "SELECT id, model, version, document FROM prediction_schemas WHERE id = $1";
            let mut transaction = self.store.database().read().await?;
            if let Some(row) = transaction.row(select, values![id]).await? {
                self.schemas.insert(id, StoredSchema::read(&row)?);
            }
        }
        Ok(self.schemas.get(&id))
    }

    /// An answer by the caller's own id counts only where none was given by the id of the request, and one about all models
    /// only where none was given about this one.
    async fn rows(
        &self,
        transaction: &mut Transaction,
        after: &Key,
        end: &Key,
    ) -> Result<Vec<Joined>, StoreError> {
        const SELECT: &str = "WITH page AS (
                 SELECT id, by_caller, row_index, model, actual FROM feedback
                 WHERE (given_at, id, by_caller, row_index, model) > ($1, $2, $3, $4, $11)
                     AND (given_at, id, by_caller, row_index, model) <= ($5, $6, $7, $8, $12)
             ), found AS (
                 SELECT p.schema_id, p.predicted_at, p.role, p.outputs, p.request_id, p.caller_id, p.row_index,
                     f.actual, f.by_caller, f.model
                 FROM page f JOIN predictions p ON p.request_id = f.id AND p.row_index = f.row_index
                 WHERE f.by_caller = 0
                 UNION ALL
                 SELECT p.schema_id, p.predicted_at, p.role, p.outputs, p.request_id, p.caller_id, p.row_index,
                     f.actual, f.by_caller, f.model
                 FROM page f JOIN predictions p ON p.caller_id = f.id AND p.row_index = f.row_index
                 WHERE f.by_caller = 1
             )
             SELECT schema_id, predicted_at, role, outputs, actual FROM found
             JOIN prediction_schemas s ON s.id = schema_id
             WHERE predicted_at >= $9 AND ($10 = '' OR s.model = $10) AND found.model IN ('', s.model)
                 AND NOT EXISTS (
                     SELECT 1 FROM feedback r
                     WHERE r.id = found.request_id AND r.by_caller = 0 AND r.row_index = found.row_index
                         AND r.model IN ('', s.model)
                         AND (found.by_caller = 1 OR found.model = '' AND r.model <> '')
                 )
                 AND NOT EXISTS (
                     SELECT 1 FROM feedback r
                     WHERE r.id = found.caller_id AND r.by_caller = 1 AND r.row_index = found.row_index
                         AND r.model = s.model AND found.by_caller = 1 AND found.model = ''
                 )";
        let model = self.model.as_deref().unwrap_or_default();
        let values = values![
            after.given_at,
            after.id.as_str(),
            after.by_caller,
            after.row,
            end.given_at,
            end.id.as_str(),
            end.by_caller,
            end.row,
            self.since,
            model,
            after.model.as_str(),
            end.model.as_str()
        ];
        transaction.rows(SELECT, values).await?.iter().map(Joined::read).collect()
    }
}

/// The last answer of a whole page; `None` when what is left is no whole page.
async fn last_of_page(transaction: &mut Transaction, after: &Key) -> Result<Option<Key>, StoreError> {
    let select = "SELECT given_at, id, by_caller, row_index, model FROM feedback
         WHERE (given_at, id, by_caller, row_index, model) > ($1, $2, $3, $4, $5)
         ORDER BY given_at, id, by_caller, row_index, model LIMIT 1 OFFSET $6";
    let values = values![
        after.given_at,
        after.id.as_str(),
        after.by_caller,
        after.row,
        after.model.as_str(),
        PAGE - 1
    ];
    let row = transaction.row(select, values).await?;
    row.map(|row| Key::read(&row)).transpose()
}

impl Key {
    /// After all answers that can be given.
    fn end() -> Self {
        Self { given_at: i64::MAX, id: String::new(), by_caller: 0, row: 0, model: String::new() }
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            given_at: row.get("given_at")?,
            id: row.get("id")?,
            by_caller: row.get("by_caller")?,
            row: row.get("row_index")?,
            model: row.get("model")?,
        })
    }
}

impl Joined {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            schema: row.get("schema_id")?,
            at: row.get("predicted_at")?,
            role: role(row)?,
            outputs: row.get("outputs")?,
            actual: row.get("actual")?,
        })
    }
}
