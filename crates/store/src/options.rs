//! Where a store is, and how much may be used to reach it.

use std::path::PathBuf;
use std::time::Duration;

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
    /// Whether a commit to a file waits for the disk. Without, a power cut can undo the last commits, but neither damage the
    /// file nor leave a half; the end of the process undoes nothing. A server has settings of its own. Default: it does.
    pub durable: bool,
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
            durable: true,
        }
    }
}
