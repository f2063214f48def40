//! What can go wrong with the store, and whether trying again can help.

use std::fmt;

use crate::digest::Digest;

/// Why the store did not do what was asked.
///
/// `Display` is one level only; [`source`](std::error::Error::source) has the rest. None of them shows a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, is full, or has no connection to spare.
    #[error("the database is not available")]
    Unavailable {
        /// Why.
        source: sqlx::Error,
    },
    /// The database answers, and refuses.
    #[error("the database refuses")]
    Database {
        /// Why.
        source: sqlx::Error,
    },
    /// A URL that names no database or no place for files.
    #[error("`{shown}` is not {expected}")]
    Url {
        /// What was given, without its password.
        shown: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The folder of the database cannot be made.
    #[error("cannot make the folder `{folder}`")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// A later release of foretell has changed the tables.
    #[error(
        "the database has schema {database}, and this release knows schemas up to {known}; use the release that wrote it, or a later one"
    )]
    NewerSchema {
        /// Number of the database's schema.
        database: i64,
        /// Number of the latest schema of this release.
        known: i64,
    },
    /// What is asked for is not there.
    #[error("no {what} `{name}`")]
    NotFound {
        /// What kind of thing.
        what: Thing,
        /// How it was named.
        name: String,
    },
    /// The state of the registry forbids it.
    #[error("{reason}")]
    Conflict {
        /// What stands against it, and what to do first.
        reason: String,
    },
    /// A value that cannot be stored.
    #[error("`{value}` cannot be {what}: expected {expected}")]
    Invalid {
        /// What it was to be, such as `the name of a model`.
        what: &'static str,
        /// The value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A row holds what no release writes.
    #[error("the database holds `{value}` as {what}; it was changed by hand or is damaged")]
    Malformed {
        /// What it should be.
        what: &'static str,
        /// What it is.
        value: String,
    },
    /// The bytes of a model cannot be stored or had.
    #[error("artifact {digest}: {problem}")]
    Artifact {
        /// Which.
        digest: Digest,
        /// What is wrong with it.
        problem: ArtifactProblem,
    },
    /// The place of the files cannot be used.
    #[error("the storage of artifacts cannot be used")]
    Storage {
        /// Why.
        source: object_store::Error,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {reason}")]
    Random {
        /// Why.
        reason: String,
    },
}

/// What is wrong with the bytes of a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactProblem {
    /// There is no such file.
    #[error("it is not in the storage; restore it from a copy, or register the model again")]
    Missing,
    /// The content does not have the digest it was stored under.
    #[error(
        "the {bytes} bytes in the storage have digest {got}; restore it from a copy, or register the model again"
    )]
    Corrupt {
        /// How many bytes are there.
        bytes: u64,
        /// The digest of what is there.
        got: Digest,
    },
}

/// What can be named and not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A model.
    Model,
    /// A version of a model.
    Version,
    /// An alias of a model.
    Alias,
    /// An API key.
    Key,
    /// A run of a schedule.
    Run,
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Thing::Model => "model",
            Thing::Version => "version",
            Thing::Alias => "alias",
            Thing::Key => "key",
            Thing::Run => "run",
        })
    }
}

impl StoreError {
    /// Whether the same call can succeed later, with nobody changing anything but the database or the network
    /// coming back.
    pub fn is_transient(&self) -> bool {
        match self {
            StoreError::Unavailable { .. } => true,
            StoreError::Storage { source } => !is_permanent(source),
            StoreError::Database { .. }
            | StoreError::Url { .. }
            | StoreError::Folder { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::NotFound { .. }
            | StoreError::Conflict { .. }
            | StoreError::Invalid { .. }
            | StoreError::Malformed { .. }
            | StoreError::Artifact { .. }
            | StoreError::Random { .. } => false,
        }
    }

    /// Whether a lock was held by others for longer than the statement wanted to wait.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        let StoreError::Unavailable { source } = self else { return false };
        source
            .as_database_error()
            .and_then(|error| error.code())
            .is_some_and(|code| code == LOCK_NOT_AVAILABLE)
    }

    pub(crate) fn conflict(reason: impl Into<String>) -> Self {
        StoreError::Conflict { reason: reason.into() }
    }

    pub(crate) fn not_found(what: Thing, name: impl Into<String>) -> Self {
        StoreError::NotFound { what, name: name.into() }
    }
}

/// Whether an answer of the storage stays the same however often it is asked.
fn is_permanent(error: &object_store::Error) -> bool {
    matches!(
        error,
        object_store::Error::NotFound { .. }
            | object_store::Error::InvalidPath { .. }
            | object_store::Error::NotSupported { .. }
            | object_store::Error::NotImplemented { .. }
            | object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. }
            | object_store::Error::UnknownConfigurationKey { .. }
    )
}

impl From<sqlx::Error> for StoreError {
    fn from(source: sqlx::Error) -> Self {
        if may_pass(&source) { StoreError::Unavailable { source } } else { StoreError::Database { source } }
    }
}

/// Whether an error tells of the way to the database, or of its state at this moment, and not of the question.
fn may_pass(error: &sqlx::Error) -> bool {
    if let Some(error) = error.as_database_error() {
        return error.code().is_some_and(|code| passes(&code));
    }
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed
    )
}

/// PostgreSQL's `lock_not_available`.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Whether a code of a database is of those that pass: PostgreSQL's have five characters, of which the first two
/// are the class; SQLite's are numbers whose low byte is the kind.
fn passes(code: &str) -> bool {
    /// Connection exceptions, rollbacks of transactions, lack of resources, interventions of the operator.
    const CLASSES: [&str; 4] = ["08", "40", "53", "57"];
    /// And `read_only_sql_transaction`, as a standby answers before it takes over.
    const OTHERS: [&str; 2] = [LOCK_NOT_AVAILABLE, "25006"];
    /// `SQLITE_BUSY`, `SQLITE_LOCKED`, `SQLITE_IOERR`, `SQLITE_FULL`, `SQLITE_CANTOPEN`.
    const KINDS: [u32; 5] = [5, 6, 10, 13, 14];
    if code.len() == 5 {
        CLASSES.iter().any(|class| code.starts_with(class)) || OTHERS.contains(&code)
    } else {
        code.parse().is_ok_and(|code: u32| KINDS.contains(&(code & 0xff)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_refusals_pass() {
        for code in ["08006", "40001", "53300", "57P03", "55P03", "5", "261", "522", "13", "14"] {
            assert!(passes(code), "{code}");
        }
        for code in ["23505", "42P01", "28P01", "1", "2067", "11", "26", ""] {
            assert!(!passes(code), "{code}");
        }
    }
}
