//! The store as a whole: opening it, and the number that every change raises.

use std::sync::Arc;

use crate::artifacts::Artifacts;
use crate::changes::Changes;
use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::migrate::migrate;
use crate::options::StoreOptions;

/// A database and a place for files. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    artifacts: Artifacts,
    shown: String,
}

impl Store {
    /// Connects, and brings the tables to this release's schema.
    ///
    /// # Errors
    /// The database or the place for files cannot be had, or the schema is of a later release.
    pub async fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let artifacts = Artifacts::open(&options.artifacts, &options.bucket_settings)?;
        let database = Database::connect(options).await?;
        migrate(&database).await?;
        Ok(Self(Arc::new(Inner { database, artifacts, shown: options.database.to_string() })))
    }

    /// The number of the schema that this release works with.
    pub fn schema() -> i64 {
        crate::migrate::latest()
    }

    /// The bytes of the models.
    pub fn artifacts(&self) -> &Artifacts {
        &self.0.artifacts
    }

    /// The URL of the database without its password.
    pub fn shown(&self) -> &str {
        &self.0.shown
    }

    /// Fails when the database does not answer now.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.revision().await.map(drop)
    }

    /// The number that every change of the registry or the keys raises.
    ///
    /// # Errors
    /// The database is gone.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        let mut transaction = self.database().read().await?;
        let row = transaction.row("SELECT number FROM revision", []).await?;
        row.map_or(Ok(0), |row| row.get("number"))
    }

    /// Tells of every later change.
    pub fn changes(&self) -> Changes {
        Changes::new(self.clone())
    }

    /// Gives the connections back; the store cannot be used after it.
    pub async fn close(&self) {
        self.database().close().await;
    }

    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }

    /// A transaction of an act that everyone must hear of. It raises the revision first: that row is the lock that
    /// puts all such acts into an order, so what one of them reads stays true until it commits.
    pub(crate) async fn act(&self) -> Result<Transaction, StoreError> {
        let mut transaction = self.database().write().await?;
        transaction.execute("UPDATE revision SET number = number + 1", []).await?;
        if matches!(transaction, Transaction::Postgres(_)) {
            transaction.script("NOTIFY foretell").await?;
        }
        Ok(transaction)
    }
}
