//! Appending records: one write each, no lock.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::error::AppendError;
use crate::journal::Shared;
use crate::record::{self, MAX_PAYLOAD, OVERHEAD};
use crate::segment::{FIRST, HEAD, Segment};
use crate::sync::{Sync, sync_folder};

/// Memory that is kept for the next record.
const KEPT: usize = 1 << 20;

/// Appends records, for one thread. Dropping it ends its segment.
#[derive(Debug)]
pub struct Appender {
    shared: Arc<Shared>,
    current: Option<Current>,
    /// Memory for a record.
    buffer: Vec<u8>,
}

/// The segment that is being written.
#[derive(Debug)]
struct Current {
    segment: Arc<Segment>,
    file: File,
    /// The end of its last whole record.
    end: u64,
    /// Up to where room was promised, even if the segment becomes too large by it.
    reserved: u64,
}

impl Drop for Current {
    fn drop(&mut self) {
        self.segment.seal();
    }
}

impl Appender {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, current: None, buffer: Vec::new() }
    }

    /// Makes sure that the records appended next, with `bytes` of payload in `records` of them, come into one segment, and
    /// gives its number. An [append](Self::append) that fails ends this promise.
    ///
    /// # Errors
    /// There is no room for them, or no segment can be begun.
    pub fn prepare(&mut self, records: usize, bytes: usize) -> Result<u64, AppendError> {
        let size = (records * OVERHEAD + bytes) as u64;
        let current = room(&self.shared, &mut self.current, size)?;
        current.reserved = current.end + size;
        Ok(current.segment.id.number)
    }

    /// Appends a record of any bytes. When this returns, the record is in the file and survives the end of the process.
    ///
    /// # Errors
    /// The journal or the disk is full, the file cannot be written, or the payload has more than [`MAX_PAYLOAD`] bytes.
    pub fn append(&mut self, payload: &[u8]) -> Result<(), AppendError> {
        if payload.len() > MAX_PAYLOAD {
            return Err(AppendError::TooLarge { got: payload.len(), limit: MAX_PAYLOAD });
        }
        record::encode(payload, &mut self.buffer);
        let size = self.buffer.len() as u64;
        let current = room(&self.shared, &mut self.current, size)?;
        let written = current.write(&self.buffer, self.shared.sync);
        self.buffer.shrink_to(KEPT);
        let Err(source) = written else {
            current.end += size;
            // Counted before it can be read, so that the counts never go below nothing.
            self.shared.waiting.fetch_add(size, Relaxed);
            self.shared.records.fetch_add(1, Relaxed);
            current.segment.publish(current.end);
            return Ok(());
        };
        let path = current.segment.path.clone();
        // A part of a record must not stand before the next one; and a file that was read to its end is freed only when it
        // is over, which helps on a full disk.
        if current.file.set_len(current.end).is_err() || current.segment.waiting() == 0 {
            self.current = None;
        }
        Err(AppendError::Io { path, source })
    }
}

/// A segment with room for a record of this size: the current one, or else a new one.
fn room<'c>(
    shared: &Shared,
    current: &'c mut Option<Current>,
    size: u64,
) -> Result<&'c mut Current, AppendError> {
    let (waiting, limit) = (shared.waiting.load(Relaxed), shared.max_bytes);
    if waiting.saturating_add(size) > limit {
        return Err(AppendError::Full { waiting, limit });
    }
    let takes = |current: &Current| {
        let end = current.end + size;
        current.end == FIRST || end <= shared.segment_bytes || end <= current.reserved
    };
    let segment = match current.take() {
        Some(segment) if takes(&segment) => segment,
        Some(_) | None => Current::begin(shared)?,
    };
    Ok(current.insert(segment))
}

impl Current {
    /// Begins a segment.
    fn begin(shared: &Shared) -> Result<Self, AppendError> {
        let segment = shared.new_segment();
        let path = &segment.path;
        let begin = || {
            let mut file = File::options().append(true).create_new(true).open(path)?;
            let whole = file.write_all(HEAD).and_then(|()| match shared.sync {
                Sync::Always => file.sync_data().and_then(|()| sync_folder(&shared.slot.path)),
                Sync::Never | Sync::Every(_) => Ok(()),
            });
            if whole.is_err() {
                // What is left of it is no segment, and whoever comes next removes it.
                let _ = std::fs::remove_file(path);
            }
            whole.map(|()| file)
        };
        match begin() {
            Ok(file) => {
                let segment = Arc::new(segment);
                shared.segments().push(Arc::clone(&segment));
                Ok(Self { segment, file, end: FIRST, reserved: FIRST })
            }
            Err(source) => Err(AppendError::Io { path: path.clone(), source }),
        }
    }

    fn write(&mut self, record: &[u8], sync: Sync) -> io::Result<()> {
        self.file.write_all(record)?;
        match sync {
            Sync::Always => self.file.sync_data(),
            Sync::Never | Sync::Every(_) => Ok(()),
        }
    }
}
