//! Writing: the records of a segment and how far it has come, in one transaction.

use std::fmt::Write as _;
use std::sync::LazyLock;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use crate::database::{Transaction, values};
use crate::digest::Digest;
use crate::error::StoreError;
use crate::store::Store;

use super::{LogBatch, PredictionRow, PredictionSchema, SegmentSpan, as_i64, feedback, partition, storable};

const COLUMNS: &str = "predicted_at, schema_id, request_id, row_index, features, outputs, latency_us, key_id, \
                       caller_id, role";
const COLUMN_COUNT: i16 = 10;
/// Rows of one statement on SQLite: enough to hide the cost of a statement.
const BLOCK: usize = 64;
/// Bytes that are gathered before they are sent to PostgreSQL.
const CHUNK: usize = 256 << 10;

/// One statement for a block of rows, and one for a single row.
static INSERT_BLOCK: LazyLock<String> = LazyLock::new(|| insert(BLOCK));
static INSERT_ONE: LazyLock<String> = LazyLock::new(|| insert(1));

fn insert(rows: usize) -> String {
    let mut sql = format!("INSERT INTO predictions ({COLUMNS}) VALUES ");
    for row in 0..rows {
        let comma = if row == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(sql, "{comma}(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    }
    sql
}

impl Store {
    /// Writes the records of a segment that are not there yet, and how far the segment has come; all of it or
    /// nothing. Gives the number of predicted rows that were written.
    ///
    /// # Errors
    /// The database is gone or refuses; the batch can be tried again as it is.
    pub async fn append_log(&self, batch: &LogBatch<'_>, span: &SegmentSpan) -> Result<u64, StoreError> {
        let schemas = self.schema_ids(&batch.schemas).await?;
        partition::make(self.database(), batch.predictions.iter().map(|row| row.at)).await?;
        let mut transaction = self.database().write().await?;
        let position = lock_position(&mut transaction, span).await?;
        let end = as_i64(span.end);
        if position >= end {
            return Ok(0);
        }
        let new = |offset: u64| as_i64(offset) >= position;
        let predictions: Vec<_> = batch.predictions.iter().filter(|row| new(row.offset)).collect();
        match &mut transaction {
            Transaction::Sqlite(inner) => insert_rows(inner, &predictions, &schemas).await?,
            Transaction::Postgres(inner) => copy_rows(inner, &predictions, &schemas).await?,
        }
        feedback::write(&mut transaction, batch.feedback.iter().filter(|row| new(row.offset))).await?;
        let update = "UPDATE journal_positions SET position = $3 WHERE journal = $1 AND segment = $2";
        transaction.execute(update, values![span.journal.as_str(), as_i64(span.segment), end]).await?;
        transaction.commit().await?;
        Ok(predictions.len() as u64)
    }

    /// Forgets how far a segment has come, once its file is gone and cannot be read again.
    ///
    /// # Errors
    /// The database is gone or refuses.
    pub async fn forget_segment(&self, journal: &str, segment: u64) -> Result<(), StoreError> {
        let mut transaction = self.database().write().await?;
        let delete = "DELETE FROM journal_positions WHERE journal = $1 AND segment = $2";
        transaction.execute(delete, values![journal, as_i64(segment)]).await?;
        transaction.commit().await
    }

    /// The numbers of schemas, which are stored if they are new.
    async fn schema_ids(&self, schemas: &[PredictionSchema]) -> Result<Vec<i64>, StoreError> {
        const SELECT: &str = "SELECT id FROM prediction_schemas WHERE digest = $1";
        let digests: Vec<String> = schemas.iter().map(digest).collect();
        let mut ids = Vec::with_capacity(schemas.len());
        let mut transaction = self.database().read().await?;
        for digest in &digests {
            let row = transaction.row(SELECT, values![digest.as_str()]).await?;
            ids.push(row.map(|row| row.get::<i64>("id")).transpose()?);
        }
        drop(transaction);
        if ids.contains(&None) {
            let mut transaction = self.database().write().await?;
            for ((schema, digest), id) in schemas.iter().zip(&digests).zip(&mut ids) {
                let insert = "INSERT INTO prediction_schemas (digest, model, version, document)
                     VALUES ($1, $2, $3, $4) ON CONFLICT (digest) DO NOTHING";
                let PredictionSchema { model, version, document } = schema;
                let values = values![digest.as_str(), model.as_str(), version.as_str(), document.as_str()];
                transaction.execute(insert, values).await?;
                let row = transaction.row(SELECT, values![digest.as_str()]).await?;
                *id = row.map(|row| row.get::<i64>("id")).transpose()?;
            }
            transaction.commit().await?;
        }
        Ok(ids.into_iter().map(Option::unwrap_or_default).collect())
    }
}

/// A digest of all that a schema has; its parts are told apart by their lengths.
fn digest(schema: &PredictionSchema) -> String {
    let PredictionSchema { model, version, document } = schema;
    let text = format!("{} {} {model}{version}{document}", model.len(), version.len());
    Digest::of(text.as_bytes()).to_string()
}

/// How far a segment has come. Until the transaction ends, nobody else moves it.
async fn lock_position(transaction: &mut Transaction, span: &SegmentSpan) -> Result<i64, StoreError> {
    let key = || values![span.journal.as_str(), as_i64(span.segment)];
    let insert = "INSERT INTO journal_positions (journal, segment, position) VALUES ($1, $2, 0)
         ON CONFLICT (journal, segment) DO NOTHING";
    transaction.execute(insert, key()).await?;
    let select = match transaction {
        Transaction::Sqlite(_) => {
            "SELECT position FROM journal_positions WHERE journal = $1 AND segment = $2"
        }
        Transaction::Postgres(_) => {
            "SELECT position FROM journal_positions WHERE journal = $1 AND segment = $2 FOR UPDATE"
        }
    };
    let row = transaction.row(select, key()).await?;
    row.map_or(Ok(0), |row| row.get("position"))
}

async fn insert_rows(
    connection: &mut SqliteConnection,
    rows: &[&PredictionRow<'_>],
    schemas: &[i64],
) -> Result<(), StoreError> {
    let blocks = rows.chunks_exact(BLOCK);
    let single = blocks.remainder().chunks(1);
    for (sql, rows) in blocks.map(|rows| (&INSERT_BLOCK, rows)).chain(single.map(|rows| (&INSERT_ONE, rows)))
    {
        let mut query = sqlx::query(sql.as_str());
        for row in rows {
            query = query
                .bind(row.at)
                .bind(schemas[row.schema])
                .bind(storable(&row.request_id))
                .bind(i64::from(row.row))
                .bind(&*row.features)
                .bind(&*row.outputs)
                .bind(i64::from(row.latency_us))
                .bind(row.key_id.as_deref().map(storable))
                .bind(row.caller_id.as_deref().map(storable))
                .bind(row.role.as_str());
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Loads rows in the binary form of COPY.
///
/// Source: PostgreSQL's manual, COPY, "Binary Format": a signature of 11 bytes, flags, the length of an extension;
/// then rows, each the number of its fields and for each field its length (-1 for NULL) and its bytes; then -1.
async fn copy_rows(
    connection: &mut PgConnection,
    rows: &[&PredictionRow<'_>],
    schemas: &[i64],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = format!("COPY predictions ({COLUMNS}) FROM STDIN (FORMAT binary)");
    let mut copy = connection.copy_in_raw(&statement).await?;
    let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for row in rows {
        bytes.extend(COLUMN_COUNT.to_be_bytes());
        put_number(&mut bytes, row.at);
        put_number(&mut bytes, schemas[row.schema]);
        put_text(&mut bytes, Some(&storable(&row.request_id)));
        put_number(&mut bytes, row.row.into());
        put_text(&mut bytes, Some(&row.features));
        put_text(&mut bytes, Some(&row.outputs));
        put_number(&mut bytes, row.latency_us.into());
        put_text(&mut bytes, row.key_id.as_deref().map(storable).as_deref());
        put_text(&mut bytes, row.caller_id.as_deref().map(storable).as_deref());
        put_text(&mut bytes, Some(row.role.as_str()));
        if bytes.len() >= CHUNK {
            copy.send(bytes.as_slice()).await?;
            bytes.clear();
        }
    }
    bytes.extend((-1_i16).to_be_bytes());
    copy.send(bytes).await?;
    copy.finish().await?;
    Ok(())
}

fn put_number(bytes: &mut Vec<u8>, value: i64) {
    bytes.extend(8_i32.to_be_bytes());
    bytes.extend(value.to_be_bytes());
}

/// Appends a text. It is part of a record, whose length is bounded far below 2 GiB.
fn put_text(bytes: &mut Vec<u8>, text: Option<&str>) {
    let length = text.map_or(-1, |text| i32::try_from(text.len()).unwrap_or(-1));
    bytes.extend(length.to_be_bytes());
    if length > 0 {
        bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
    }
}
