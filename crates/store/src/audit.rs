//! Who did what: one row for every act of an administrator, written with the act itself.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::database::{Transaction, json_text, values};
use crate::error::StoreError;
use crate::store::Store;

/// What an act that succeeded has as outcome.
const DONE: &str = "done";
/// Characters kept of an outcome: a refusal can quote much.
const LONGEST_OUTCOME: usize = 2000;

/// Who acts: `key:<id>`, `cli:<user>`, or `schedule:<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    /// Whoever shows this API key.
    pub fn key(id: &str) -> Self {
        Self(format!("key:{id}"))
    }

    /// A user of the command line.
    pub fn cli(user: &str) -> Self {
        Self(format!("cli:{user}"))
    }

    /// A schedule.
    pub fn schedule(name: &str) -> Self {
        Self(format!("schedule:{name}"))
    }

    /// As it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An act that the store did not do itself, such as one that was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// Who.
    pub actor: Actor,
    /// What, in dotted words: `alias.set`.
    pub action: String,
    /// To what: `diabetes@production`.
    pub target: String,
    /// Anything more.
    pub details: Json,
    /// `done`, or why not.
    pub outcome: String,
}

/// A row of the audit table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditRecord {
    /// Rises by time.
    pub id: i64,
    /// When, in microseconds since 1970, UTC.
    pub at: i64,
    /// Who.
    pub actor: Actor,
    /// What, in dotted words.
    pub action: String,
    /// To what.
    pub target: String,
    /// Anything more.
    pub details: Json,
    /// `done`, or why not.
    pub outcome: String,
}

impl Store {
    /// Records an act. The acts of the store itself (registering, moving aliases, keys) record themselves when they
    /// succeed; this is for those that were refused before they reached it.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn audit(&self, act: &Act) -> Result<(), StoreError> {
        let mut transaction = self.database().write().await?;
        let outcome: String = act.outcome.chars().take(LONGEST_OUTCOME).collect();
        write(&mut transaction, &act.actor, &act.action, &act.target, &act.details, &outcome).await?;
        transaction.commit().await
    }

    /// The latest acts, newest first: at most `limit` of those with an id below `before`.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn audit_log(&self, limit: u32, before: Option<i64>) -> Result<Vec<AuditRecord>, StoreError> {
        let mut transaction = self.database().read().await?;
        let sql = "SELECT id, acted_at, actor, action, target, details, outcome FROM audit
            WHERE id < $1 ORDER BY id DESC LIMIT $2";
        let rows = transaction.rows(sql, values![before.unwrap_or(i64::MAX), limit]).await?;
        let record = |row: &crate::database::Row| {
            Ok(AuditRecord {
                id: row.get("id")?,
                at: row.get("acted_at")?,
                actor: Actor::stored(row.get("actor")?),
                action: row.get("action")?,
                target: row.get("target")?,
                details: row.json("details")?,
                outcome: row.get("outcome")?,
            })
        };
        rows.iter().map(record).collect()
    }
}

/// Records an act of the store in the transaction that does it.
pub(crate) async fn done(
    transaction: &mut Transaction,
    actor: &Actor,
    action: &str,
    target: &str,
    details: &Json,
) -> Result<(), StoreError> {
    write(transaction, actor, action, target, details, DONE).await
}

async fn write(
    transaction: &mut Transaction,
    actor: &Actor,
    action: &str,
    target: &str,
    details: &Json,
    outcome: &str,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit (acted_at, actor, action, target, details, outcome)
        VALUES ($1, $2, $3, $4, $5, $6)";
    let values = values![crate::now(), actor.as_str(), action, target, json_text(details), outcome];
    transaction.execute(sql, values).await.map(drop)
}
