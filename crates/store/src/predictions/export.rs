//! Reading the record back, page by page: any amount of it in bounded memory.

use std::collections::VecDeque;

use crate::database::{Value, values};
use crate::error::StoreError;
use crate::store::Store;

use super::{LoggedPrediction, StoredSchema, role};

/// Rows of a page. A page is one short statement, so no reader holds up who writes or drops a day.
const PAGE: usize = 1000;

/// Which predictions are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter {
    /// Name of the model.
    pub model: String,
    /// Of this version only.
    pub version: Option<String>,
    /// From this time on, in microseconds since 1970, UTC.
    pub since: Option<i64>,
    /// Before this time.
    pub until: Option<i64>,
    /// Only those of which it is known what really happened.
    pub only_labelled: bool,
    /// Also answers that were recorded and not given.
    pub shadow: bool,
}

impl LogFilter {
    /// All answers that a model gave.
    pub fn new(model: impl Into<String>) -> Self {
        let model = model.into();
        Self { model, version: None, since: None, until: None, only_labelled: false, shadow: false }
    }
}

/// Predictions, one version after the other, each from the oldest on.
#[derive(Debug)]
pub struct Export {
    store: Store,
    filter: LogFilter,
    schemas: VecDeque<StoredSchema>,
    /// Time, request and row of the last row that was read of the first of `schemas`.
    after: (i64, String, i64),
}

impl Store {
    /// The schemas of the predictions of a model, in the order in which they were first seen.
    ///
    /// # Errors
    /// The database is gone or refuses.
    pub async fn prediction_schemas(
        &self,
        model: &str,
        version: Option<&str>,
    ) -> Result<Vec<StoredSchema>, StoreError> {
        let select = "SELECT id, model, version, document FROM prediction_schemas
             WHERE model = $1 AND ($2 = '' OR version = $2) ORDER BY id";
        let mut transaction = self.database().read().await?;
        let rows = transaction.rows(select, values![model, version.unwrap_or_default()]).await?;
        rows.iter().map(StoredSchema::read).collect()
    }

    /// The names of all models of which there are predictions.
    ///
    /// # Errors
    /// The database is gone or refuses.
    pub async fn logged_models(&self) -> Result<Vec<String>, StoreError> {
        let mut transaction = self.database().read().await?;
        let select = "SELECT DISTINCT model FROM prediction_schemas ORDER BY model";
        let rows = transaction.rows(select, []).await?;
        rows.iter().map(|row| row.get("model")).collect()
    }

    /// Reads predictions.
    ///
    /// # Errors
    /// The database is gone or refuses.
    pub async fn export(&self, filter: LogFilter) -> Result<Export, StoreError> {
        let schemas = self.prediction_schemas(&filter.model, filter.version.as_deref()).await?;
        let after = start(&filter);
        Ok(Export { store: self.clone(), filter, schemas: schemas.into(), after })
    }

    /// The answers that a model gave to its last requests: those of the last `requests` ones of each version, since
    /// the earliest of the last `requests` of all.
    ///
    /// # Errors
    /// The database is gone or refuses.
    pub async fn last_requests(&self, model: &str, requests: u32) -> Result<Export, StoreError> {
        let select = "SELECT predicted_at FROM predictions
             WHERE schema_id = $1 AND row_index = 0 AND role <> 'shadow'
             ORDER BY predicted_at DESC LIMIT $2";
        let mut filter = LogFilter::new(model);
        let mut times: Vec<i64> = Vec::new();
        let mut transaction = self.database().read().await?;
        for schema in self.prediction_schemas(model, None).await? {
            for row in transaction.rows(select, values![schema.id, requests]).await? {
                times.push(row.get("predicted_at")?);
            }
        }
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.truncate(requests as usize);
        filter.since = times.last().copied().or(Some(i64::MAX));
        self.export(filter).await
    }
}

/// Before the first row that a filter lets through.
fn start(filter: &LogFilter) -> (i64, String, i64) {
    (filter.since.unwrap_or(i64::MIN), String::new(), -1)
}

impl Export {
    /// The versions that are still to be read, beginning with that of the next page.
    pub fn schemas(&self) -> impl Iterator<Item = &StoredSchema> {
        self.schemas.iter()
    }

    /// The next rows, all of one schema; `None` when all have been read.
    ///
    /// # Errors
    /// The database is gone or refuses; the same page can be asked for again.
    pub async fn next(&mut self) -> Result<Option<(StoredSchema, Vec<LoggedPrediction>)>, StoreError> {
        while let Some(schema) = self.schemas.front() {
            let page = self.page(schema.id).await?;
            match page.last() {
                Some(last) => {
                    self.after = (last.at, last.request_id.clone(), last.row.into());
                    return Ok(Some((schema.clone(), page)));
                }
                None => {
                    self.schemas.pop_front();
                    self.after = start(&self.filter);
                }
            }
        }
        Ok(None)
    }

    async fn page(&self, schema: i64) -> Result<Vec<LoggedPrediction>, StoreError> {
        const SELECT: &str = "SELECT p.predicted_at, p.request_id, p.row_index, p.features, p.outputs,
                 p.latency_us, p.key_id, p.caller_id, p.role, 
                 COALESCE(rm.actual, r.actual, cm.actual, c.actual) AS actual
             FROM predictions p
             LEFT JOIN feedback rm ON rm.id = p.request_id AND rm.by_caller = 0 AND rm.row_index = p.row_index
                 AND rm.model = $9
             LEFT JOIN feedback r ON r.id = p.request_id AND r.by_caller = 0 AND r.row_index = p.row_index
                 AND r.model = ''
             LEFT JOIN feedback cm ON cm.id = p.caller_id AND cm.by_caller = 1 AND cm.row_index = p.row_index
                 AND cm.model = $9
             LEFT JOIN feedback c ON c.id = p.caller_id AND c.by_caller = 1 AND c.row_index = p.row_index
                 AND c.model = ''
             WHERE p.schema_id = $1 AND p.predicted_at >= $2 AND p.predicted_at <= $3
                 AND (p.predicted_at, p.request_id, p.row_index) > ($2, $4, $5)
                 AND ($6 = 1 OR p.role <> 'shadow')
                 AND ($7 = 0 OR 
                     COALESCE(rm.actual, r.actual, cm.actual, c.actual) IS NOT NULL)
             ORDER BY p.predicted_at, p.request_id, p.row_index LIMIT $8";
        let (at, request, row) = &self.after;
        let filter = &self.filter;
        let page: i64 = PAGE as i64;
        let flag = |set: bool| Value::from(i64::from(set));
        let last = filter.until.map_or(i64::MAX, |until| until.saturating_sub(1));
        let values = values![
            schema,
            *at,
            last,
            request.as_str(),
            *row,
            flag(filter.shadow),
            flag(filter.only_labelled),
            page,
            filter.model.as_str()
        ];
        let mut transaction = self.store.database().read().await?;
        let rows = transaction.rows(SELECT, values).await?;
        rows.iter().map(LoggedPrediction::read).collect()
    }
}

impl LoggedPrediction {
    fn read(row: &crate::database::Row) -> Result<Self, StoreError> {
        Ok(Self {
            at: row.get("predicted_at")?,
            request_id: row.get("request_id")?,
            row: row.number("row_index")?,
            features: row.get("features")?,
            outputs: row.get("outputs")?,
            latency_us: row.number("latency_us")?,
            key_id: row.get("key_id")?,
            caller_id: row.get("caller_id")?,
            role: role(row)?,
            actual: row.get("actual")?,
        })
    }
}
