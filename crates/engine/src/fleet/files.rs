//! Model files that are watched: a file that has changed, and has stopped changing, is loaded again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::live::{LiveModel, Naming};

/// A model file to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSource {
    /// The file.
    pub path: PathBuf,
    /// What its users call it.
    pub naming: Naming,
}

/// What tells one state of a file from another without reading it. A link is followed, so that a folder which is
/// switched as a whole (as Kubernetes does) is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    bytes: u64,
    modified: Option<SystemTime>,
    file: u64,
}

impl Fingerprint {
    fn of(path: &Path) -> Option<Self> {
        let facts = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(&facts);
        #[cfg(not(unix))]
        let file = 0;
        Some(Self { bytes: facts.len(), modified: facts.modified().ok(), file })
    }
}

/// A file, and the model that was made of it.
#[derive(Debug)]
pub(super) struct WatchedFile {
    pub(super) source: FileSource,
    pub(super) live: Arc<LiveModel>,
    /// The state that was loaded or refused last.
    known: Option<Fingerprint>,
    /// Another state, seen once: the file may still be being written.
    changing: Option<Fingerprint>,
}

impl WatchedFile {
    /// A file that `live` was just made of. `seen` is its state before it was read.
    pub(super) fn new(source: FileSource, live: Arc<LiveModel>, seen: Option<Fingerprint>) -> Self {
        Self { source, live, known: seen, changing: None }
    }

    /// The state of a file that is about to be read.
    pub(super) fn look(path: &Path) -> Option<Fingerprint> {
        Fingerprint::of(path)
    }

    /// Whether the file is another than before, and was so at the last look too. A file that is gone is no update.
    pub(super) fn has_changed(&mut self) -> bool {
        let now = Fingerprint::of(&self.source.path);
        if now.is_none() || now == self.known {
            self.changing = None;
            return false;
        }
        if self.changing != now {
            self.changing = now;
            return false;
        }
        self.known = self.changing.take();
        true
    }
}
