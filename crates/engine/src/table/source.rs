//! Where a table is, for those that read it more than once.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use bytes::Bytes;

use super::{TableError, TableFormat, sniff};

/// A table that can be opened again and again.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Bytes, such as those of stdin.
    Bytes(Bytes),
}

impl Source {
    /// Its bytes from the beginning.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(match self {
            Self::File(path) => Box::new(File::open(path)?),
            Self::Bytes(bytes) => Box::new(&bytes[..]),
        })
    }

    /// Its format, by its first bytes.
    ///
    /// # Errors
    /// It is empty, cannot be read, or is of a format that is not supported.
    pub fn format(&self) -> Result<TableFormat, TableError> {
        let mut input = self.open().map_err(|source| TableError::Io { source })?;
        TableFormat::of(&sniff(&mut input)?)
    }

    /// Number of its bytes, where that is known.
    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Self::File(path) => {
                std::fs::metadata(path).ok().filter(|data| data.is_file()).map(|data| data.len())
            }
            Self::Bytes(bytes) => Some(bytes.len() as u64),
        }
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => format!("`{}`", path.display()),
            Self::Bytes(_) => "stdin".to_owned(),
        }
    }
}
