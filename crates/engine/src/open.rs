//! Opening a model file: bounded reading, the loader that fits its content, and the facts of the file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use foretell_formats::Limits;
use foretell_formats::{FileKind, FormatError, Member, Problem, only_model, open_member};
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
    /// What an artifact says about its model, as JSON: how it was trained, or converted.
    pub metadata: Option<String>,
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

/// Opens a model file, or a folder that holds exactly one, such as MLflow's: the facts are then those of that file, and its
/// size and digest say nothing of the files beside it.
///
/// # Errors
/// It cannot be read, is larger than allowed, or its loader refuses it.
pub fn open(path: &Path, limits: &OpenLimits) -> Result<Opened, OpenError> {
    if path.is_dir() {
        return open_folder(path, limits);
    }
    let bytes = read(path, limits.max_file_bytes)?;
    let mut opened = open_bytes(&bytes, limits)?;
    opened.facts.path = Some(path.to_owned());
    Ok(opened)
}

/// Opens a model file that is in memory.
///
/// # Errors
/// It is larger than allowed, or its loader refuses it.
pub fn open_bytes(bytes: &[u8], limits: &OpenLimits) -> Result<Opened, OpenError> {
    let limit = limits.max_file_bytes;
    if bytes.len() as u64 > limit {
        return Err(OpenError::TooLarge { limit });
    }
    let facts = FileFacts { path: None, bytes: bytes.len() as u64, sha256: sha256(bytes) };
    let model =
        foretell_formats::open(bytes, &limits.loader).map_err(|source| OpenError::Refused { source })?;
    Ok(Opened { model, facts, metadata: metadata(bytes)? })
}

fn metadata(bytes: &[u8]) -> Result<Option<String>, OpenError> {
    let metadata = foretell_formats::metadata(bytes).map_err(|source| OpenError::Refused { source })?;
    Ok(metadata.filter(|metadata| !metadata.is_empty()).map(str::to_owned))
}

/// Folders inside one another that are looked into.
const DEEPEST_FOLDER: usize = 8;

fn open_folder(path: &Path, limits: &OpenLimits) -> Result<Opened, OpenError> {
    let refused = |source| OpenError::Refused { source };
    let (mut members, mut left) = (Vec::new(), limits.max_file_bytes);
    read_folder(path, "", limits, &mut left, &mut members)?;
    let only = only_model(&members).map_err(refused)?;
    let model = open_member(&members, only, &limits.loader).map_err(refused)?;
    let Member { name, bytes } = &members[only];
    let path = Some(path.join(name));
    let facts = FileFacts { path, bytes: bytes.len() as u64, sha256: sha256(bytes) };
    Ok(Opened { model, facts, metadata: metadata(bytes)? })
}

/// Reads the files of a folder and of those in it, in the order of their names. Hidden files and links to folders are left out.
fn read_folder(
    path: &Path,
    within: &str,
    limits: &OpenLimits,
    left: &mut u64,
    members: &mut Vec<Member<'static>>,
) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { source };
    let entries = std::fs::read_dir(path).map_err(io)?.take(limits.loader.max_members + 1);
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(io)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (kind, path) = (entry.file_type().map_err(io)?, entry.path());
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let name = format!("{within}{name}");
        if kind.is_dir() {
            if name.matches('/').count() < DEEPEST_FOLDER {
                read_folder(&path, &format!("{name}/"), limits, left, members)?;
            }
        } else if path.is_file() {
            let bytes = read(&path, *left).map_err(|error| match error {
                OpenError::TooLarge { .. } => OpenError::TooLarge { limit: limits.max_file_bytes },
                OpenError::Io { .. } | OpenError::Refused { .. } => error,
            })?;
            *left -= bytes.len() as u64;
            members.push(Member { name, bytes: bytes.into() });
            if members.len() > limits.loader.max_members {
                let allowed = limits.loader.max_members as u64;
                let problem = Problem::LimitExceeded { limit: "max_members", allowed };
                let source = FormatError::new(FileKind::Unknown, problem);
                return Err(OpenError::Refused { source });
            }
        }
    }
    Ok(())
}

/// Reads a whole file of at most `limit` bytes. The size that the file system tells is not trusted: the file
/// may be a pipe, or grow.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, OpenError> {
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
    hex(&Sha256::digest(bytes))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
