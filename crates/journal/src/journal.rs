//! The journal itself: what its appenders and its reader share.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ulid::Ulid;

use crate::appender::Appender;
use crate::error::JournalError;
use crate::reader::Reader;
use crate::segment::{Segment, SegmentId};
use crate::slot::Slot;
use crate::sync::{Sync, Syncer};

/// No segment is larger than this part of what may wait, so that the files of a full journal are freed bit by bit.
const SEGMENTS_OF_ALL: u64 = 8;

/// How large a journal may become, and what it survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a segment file; an appender then begins another. Default 64 MiB.
    pub segment_bytes: u64,
    /// Bytes of records that may wait, those that dead processes left included. The files take a little more: what was
    /// read of a segment is freed with the whole of it. Default 4 GiB.
    pub max_bytes: u64,
    /// When files are forced to the disk. Default never.
    pub sync: Sync,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, max_bytes: 4 << 30, sync: Sync::Never }
    }
}

/// What waits in a journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of records that wait to be read.
    pub bytes: u64,
    /// Records that wait to be read, as far as they were appended since the journal was opened.
    pub records: u64,
    /// Segment files.
    pub segments: usize,
    /// Places where records were damaged and skipped.
    pub damaged: u64,
}

/// A journal that this process writes. See the crate's page for what it promises.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    /// Held for as long as files are to be forced to the disk.
    _syncer: Option<Syncer>,
}

/// What appenders and the reader share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) slot: Slot,
    /// The name of this opening.
    journal: String,
    pub(crate) segment_bytes: u64,
    pub(crate) max_bytes: u64,
    pub(crate) sync: Sync,
    next: AtomicU64,
    /// Bytes that wait in all segments.
    pub(crate) waiting: AtomicU64,
    /// Records appended here that wait.
    pub(crate) records: AtomicU64,
    pub(crate) damaged: AtomicU64,
    /// All segments in the order in which they are to be read. Locked when a segment begins or ends, and by the reader.
    segments: Mutex<Vec<Arc<Segment>>>,
}

impl Journal {
    /// Takes a place in `folder`, which is made if need be, with whatever a dead process left there. The reader is the only
    /// one there will be.
    ///
    /// # Errors
    /// The folder cannot be used, or too many processes use it.
    pub fn open(folder: &Path, options: Options) -> Result<(Self, Reader), JournalError> {
        let slot = Slot::take(folder)?;
        let left = slot.left()?;
        let shared = Arc::new(Shared {
            slot,
            journal: Ulid::generate().to_string(),
            segment_bytes: options.segment_bytes.min(options.max_bytes / SEGMENTS_OF_ALL),
            max_bytes: options.max_bytes,
            sync: options.sync,
            next: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            records: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            segments: Mutex::default(),
        });
        shared.add(left);
        let syncer = Syncer::start(&shared)?;
        let reader = Reader::new(Arc::clone(&shared), folder.to_owned());
        Ok((Self { shared, _syncer: syncer }, reader))
    }

    /// An appender for one more thread.
    pub fn appender(&self) -> Appender {
        Appender::new(Arc::clone(&self.shared))
    }

    /// What waits.
    pub fn stats(&self) -> Stats {
        Stats {
            bytes: self.shared.waiting.load(Relaxed),
            records: self.shared.records.load(Relaxed),
            segments: self.shared.segments().len(),
            damaged: self.shared.damaged.load(Relaxed),
        }
    }
}

impl Shared {
    pub(crate) fn segments(&self) -> MutexGuard<'_, Vec<Arc<Segment>>> {
        // No code panics while it holds the lock.
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A segment with a name of its own; in the list once its file is there.
    pub(crate) fn new_segment(&self) -> Segment {
        let number = self.next.fetch_add(1, Relaxed);
        Segment::new(SegmentId { journal: self.journal.clone(), number }, &self.slot.path)
    }

    /// Lists segments that are there.
    pub(crate) fn add(&self, segments: Vec<Segment>) {
        let mut list = self.segments();
        for segment in segments {
            self.waiting.fetch_add(segment.waiting(), Relaxed);
            list.push(Arc::new(segment));
        }
    }
}
