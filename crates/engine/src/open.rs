//! Opening a model file: bounded reading, the loader that fits its content, and the facts of the file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use foretell_formats::FormatError;
pub use foretell_formats::Limits;
use foretell_model::Model;
use sha2::{Digest, Sha256};

/// What may be spent on one model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLimits {
    /// Bytes of the file as it is stored.
    pub max_file_bytes: u64,
    /// What its loader may spend.
    pub loader: Limits,
}

impl Default for OpenLimits {
    fn default() -> Self {
        Self { max_file_bytes: 2 << 30, loader: Limits::default() }
    }
}

/// What is known of a file before anything in it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// Where it was read from; `None` for bytes.
    pub path: Option<PathBuf>,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, lower-case hexadecimal.
    pub sha256: String,
}

/// A model and the file it came from.
#[derive(Debug)]
pub struct Opened {
    /// The model.
    pub model: Model,
    /// The file.
    pub facts: FileFacts,
}

/// Why a model file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("cannot read the model file")]
    Io {
        /// Why.
        source: io::Error,
    },
    /// The file is larger than allowed.
    #[error("the model file has more than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// The content was refused.
    #[error("the model file was refused")]
    Refused {
        /// Why.
        source: FormatError,
    },
}

/// Opens a model file.
///
/// # Errors
/// It cannot be read, is larger than allowed, or its loader refuses it.
pub fn open(path: &Path, limits: &OpenLimits) -> Result<Opened, OpenError> {
    let bytes = read(path, limits.max_file_bytes)?;
    let mut opened = open_bytes(bytes, limits)?;
    opened.facts.path = Some(path.to_owned());
    Ok(opened)
}

/// Opens a model file that is in memory.
///
/// # Errors
/// It is larger than allowed, or its loader refuses it.
pub fn open_bytes(bytes: Vec<u8>, limits: &OpenLimits) -> Result<Opened, OpenError> {
    let limit = limits.max_file_bytes;
    if bytes.len() as u64 > limit {
        return Err(OpenError::TooLarge { limit });
    }
    let facts = FileFacts { path: None, bytes: bytes.len() as u64, sha256: sha256(&bytes) };
    let model =
        foretell_formats::open(&bytes, &limits.loader).map_err(|source| OpenError::Refused { source })?;
    Ok(Opened { model, facts })
}

/// Reads a whole file of at most `limit` bytes. The size that the file system tells is not trusted: the file
/// may be a pipe, or grow.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, OpenError> {
    let io = |source| OpenError::Io { source };
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit {
        return Err(OpenError::TooLarge { limit });
    }
    Ok(bytes)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
