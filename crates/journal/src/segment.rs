//! A segment: one file of records, written by one appender from its first to its last byte.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use ulid::Ulid;

/// What every segment file begins with: what it is, and the version of its form.
pub(crate) const HEAD: &[u8; 16] = b"foretell log 1\n\0";
/// Where the first record stands.
pub(crate) const FIRST: u64 = HEAD.len() as u64;
const EXTENSION: &str = ".segment";

/// The name of a segment; never given twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId {
    /// The opening of a journal that wrote it: a ULID.
    pub journal: String,
    /// Its number under that, from 0.
    pub number: u64,
}

impl SegmentId {
    pub(crate) fn file_name(&self) -> String {
        format!("{self}{EXTENSION}")
    }

    /// The segment in a file, if its name is that of one.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        let (journal, number) = path.file_name()?.to_str()?.strip_suffix(EXTENSION)?.split_once('-')?;
        Ulid::from_string(journal).ok()?;
        Some(Self { journal: journal.to_owned(), number: number.parse().ok()? })
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.journal, self.number)
    }
}

/// What the appender and the reader of a segment know of it. Offsets are bytes from the beginning of the file.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) id: SegmentId,
    pub(crate) path: PathBuf,
    /// The end of the last whole record.
    written: AtomicU64,
    /// The end of the last record that was handed on for good.
    done: AtomicU64,
    /// Whether nothing more will be written.
    sealed: AtomicBool,
    /// Whether a dead process wrote it: then its end may be torn.
    pub(crate) left: bool,
    /// Up to where it was forced to the disk.
    pub(crate) synced: AtomicU64,
}

impl Segment {
    /// One that is about to be written.
    pub(crate) fn new(id: SegmentId, folder: &Path) -> Self {
        let path = folder.join(id.file_name());
        Self {
            id,
            path,
            written: AtomicU64::new(FIRST),
            done: AtomicU64::new(FIRST),
            sealed: AtomicBool::new(false),
            left: false,
            synced: AtomicU64::new(0),
        }
    }

    /// One that a dead process left. `None` when nothing can be read from it: then it is removed if it is no more than a
    /// beginning, and kept untouched if it was written in a form that is not known here.
    pub(crate) fn left_in(path: PathBuf, id: SegmentId) -> io::Result<Option<Self>> {
        let file = File::open(&path)?;
        let length = file.metadata()?.len();
        let mut head = Vec::new();
        file.take(FIRST).read_to_end(&mut head)?;
        if length <= FIRST && HEAD.starts_with(&head) {
            std::fs::remove_file(&path)?;
            return Ok(None);
        }
        if head != HEAD {
            tracing::error!(path = %path.display(), "a segment is not of a form that is known; it is left as it is");
            return Ok(None);
        }
        Ok(Some(Self {
            id,
            path,
            written: AtomicU64::new(length),
            done: AtomicU64::new(FIRST),
            sealed: AtomicBool::new(true),
            left: true,
            synced: AtomicU64::new(length),
        }))
    }

    /// Says that there are whole records up to here.
    pub(crate) fn publish(&self, written: u64) {
        self.written.store(written, Release);
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Acquire)
    }

    pub(crate) fn seal(&self) {
        self.sealed.store(true, Release);
    }

    pub(crate) fn sealed(&self) -> bool {
        self.sealed.load(Acquire)
    }

    pub(crate) fn done(&self) -> u64 {
        self.done.load(Relaxed)
    }

    pub(crate) fn set_done(&self, end: u64) {
        self.done.store(end, Relaxed);
    }

    /// Bytes of records that wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.written().saturating_sub(self.done())
    }

    /// Whether all that will ever be in it was handed on.
    pub(crate) fn finished(&self) -> bool {
        self.sealed() && self.waiting() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_segments_are_read_as_such() {
        let id = SegmentId { journal: "01KAJ3V4T6Q0ZXH0M2N8R5W7YC".into(), number: 12 };
        assert_eq!(SegmentId::of_file(Path::new("x").join(id.file_name()).as_path()), Some(id));
        for other in
            ["lock", "a-1.segment", "01KAJ3V4T6Q0ZXH0M2N8R5W7YC-1", "01KAJ3V4T6Q0ZXH0M2N8R5W7YC-x.segment"]
        {
            assert_eq!(SegmentId::of_file(Path::new(other)), None, "{other}");
        }
    }
}
