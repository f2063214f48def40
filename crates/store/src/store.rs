//! The store as a whole: opening it, and the number that every change raises.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::artifacts::Artifacts;
use crate::changes::Changes;
use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::migrate::migrate;
use crate::url::{ArtifactsUrl, DatabaseUrl, SecretText};

/// Where everything is, and how much may be used to reach it.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The database.
    pub database: DatabaseUrl,
    /// The bytes of the models.
    pub artifacts: ArtifactsUrl,
    /// Settings of the client of a bucket under their usual names, such as `AWS_REGION`, `AWS_ENDPOINT_URL` or
    /// `AWS_SECRET_ACCESS_KEY`. A folder needs none.
    pub bucket_settings: Vec<(String, SecretText)>,
    /// Connections to the database held at most, beside one that writes (SQLite) or listens (PostgreSQL).
    pub max_connections: u32,
    /// Folder of a copy of what servers need of it, so that they start while the database is away. Default: none.
    pub copy: Option<PathBuf>,
    /// How long to wait for a connection before the database counts as not available.
    pub patience: Duration,
}

impl StoreOptions {
    /// The usual options for a database and a place for files.
    pub fn new(database: DatabaseUrl, artifacts: ArtifactsUrl) -> Self {
        Self {
            database,
            artifacts,
            bucket_settings: Vec::new(),
            max_connections: 4,
            copy: None,
            patience: Duration::from_secs(5),
        }
    }
}

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
        let database =
            Database::connect(&options.database, options.max_connections, options.patience).await?;
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
