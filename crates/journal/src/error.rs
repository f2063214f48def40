//! What can go wrong with a journal.

use std::io;
use std::path::PathBuf;

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A folder or file cannot be made, listed or locked.
    #[error("cannot use `{}` for the journal", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Other processes hold all places.
    #[error("all {slots} places in `{}` are taken by other processes; choose another folder", folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// Number of places.
        slots: usize,
    },
    /// The thread that forces files to the disk cannot be started.
    #[error("cannot start the journal's thread")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

/// Why a record was not appended. Nothing of it will be read.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// As many bytes wait to be read as may.
    #[error("the journal is full: {waiting} of {limit} bytes wait to be read")]
    Full {
        /// Bytes that wait.
        waiting: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The record is too large.
    #[error("a record has at most {limit} bytes, got {got}")]
    TooLarge {
        /// Bytes of the payload.
        got: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The file cannot be made or written; a full disk comes here too. Where the file was written and only could not be
    /// forced to the disk, the record may be read all the same.
    #[error("cannot write `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Why waiting records cannot be read now. They stay.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`", path.display())]
pub struct ReadError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}
