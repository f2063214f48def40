//! Reading what waits, in batches, and letting go of it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::error::{JournalError, ReadError};
use crate::journal::Shared;
use crate::record::{self, Found, MAX_PAYLOAD, OVERHEAD, UNDECIDED};
use crate::segment::{Segment, SegmentId};
use crate::slot::Slot;

/// Bytes of the largest record.
const LARGEST: usize = MAX_PAYLOAD + OVERHEAD;

/// Consecutive records of one segment. Memory is kept from batch to batch.
#[derive(Debug, Default)]
pub struct Batch {
    segment: Option<Arc<Segment>>,
    start: u64,
    end: u64,
    bytes: Vec<u8>,
    /// The payload of each record in `bytes`.
    payloads: Vec<Range<usize>>,
    damaged: u64,
}

impl Batch {
    /// Where its records are; `None` before something was read.
    pub fn segment(&self) -> Option<&SegmentId> {
        self.segment.as_ref().map(|segment| &segment.id)
    }

    /// Where it begins in its segment, in bytes.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Where it ends in its segment, in bytes.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Its records in order: where each ends in the segment, and its payload. None, when all of them were damaged.
    pub fn records(&self) -> impl ExactSizeIterator<Item = (u64, &[u8])> {
        self.payloads.iter().map(|payload| (self.start + payload.end as u64, &self.bytes[payload.clone()]))
    }

    /// Finds the records in `bytes`, at most `most`. `rest` is how many bytes of the segment follow them.
    /// Gives the number of bytes used; or fails with the number of bytes that are needed to tell what stands at their beginning.
    fn split(&mut self, most: usize, rest: u64) -> Result<usize, usize> {
        self.payloads.clear();
        self.damaged = 0;
        let mut at = 0;
        let mut whole = true;
        while at < self.bytes.len() && self.payloads.len() < most {
            let bytes = &self.bytes[at..];
            let mut found = record::find(bytes);
            if matches!(found, Found::Part(size) if size as u64 > bytes.len() as u64 + rest) {
                found = Found::Damage;
            }
            match found {
                Found::Record(payload) => {
                    self.payloads.push(at + payload.start..at + payload.end);
                    at += payload.end;
                    whole = true;
                }
                Found::Part(size) if at == 0 => return Err(size),
                Found::Part(_) => break,
                Found::Damage => {
                    let next = match record::next_mark(bytes) {
                        Some(next) => next,
                        None if rest == 0 => bytes.len(),
                        // Whether it is the torn end of the segment shows with all of it.
                        None if at > 0 => break,
                        None if bytes.len() < LARGEST => {
                            return Err((bytes.len() * 2).min(LARGEST).min(bytes.len() + rest as usize));
                        }
                        None => bytes.len() - UNDECIDED,
                    };
                    // What follows a damaged record and is none either belongs to the same damage.
                    self.damaged += u64::from(std::mem::replace(&mut whole, false));
                    at += next;
                }
            }
        }
        Ok(at)
    }
}

/// The one reader of a journal.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    folder: PathBuf,
    /// Places of dead processes, for as long as they hold segments.
    adopted: Vec<Slot>,
    /// The file read last.
    open: Option<(Arc<Segment>, File)>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, folder: PathBuf) -> Self {
        Self { shared, folder, adopted: Vec::new(), open: None }
    }

    /// Fills `batch` with the next records that are not [done](Self::done): at most `most` of them, in about `bytes` bytes,
    /// or a single one that is larger. `false` when none wait. Without a `done` between, the next call may give the same
    /// records again.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(&mut self, batch: &mut Batch, most: usize, bytes: usize) -> Result<bool, ReadError> {
        let Some(segment) = self.next() else {
            return Ok(false);
        };
        let path = segment.path.clone();
        self.fill(segment, batch, most, bytes).map(|()| true).map_err(|source| ReadError { path, source })
    }

    /// The segment to read from: one that is over, or else the one after the last read, so that none is left behind.
    fn next(&self) -> Option<Arc<Segment>> {
        let segments = self.shared.segments();
        let waits = |segment: &&Arc<Segment>| segment.waiting() > 0;
        if let Some(over) = segments.iter().filter(waits).find(|segment| segment.sealed()) {
            return Some(Arc::clone(over));
        }
        let last = self.open.as_ref().map(|(segment, _)| segment);
        let after = last.and_then(|last| segments.iter().position(|segment| Arc::ptr_eq(segment, last)));
        let (before, behind) = segments.split_at(after.map_or(0, |position| position + 1));
        behind.iter().chain(before).find(waits).cloned()
    }

    fn fill(
        &mut self,
        segment: Arc<Segment>,
        batch: &mut Batch,
        most: usize,
        bytes: usize,
    ) -> io::Result<()> {
        let mut file = match self.open.take() {
            Some((open, file)) if Arc::ptr_eq(&open, &segment) => file,
            Some(_) | None => File::open(&segment.path)?,
        };
        let start = segment.done();
        let waiting = segment.written().saturating_sub(start);
        let mut size = waiting.min(bytes.clamp(OVERHEAD, LARGEST) as u64);
        let used = loop {
            file.seek(SeekFrom::Start(start))?;
            batch.bytes.clear();
            let got = Read::by_ref(&mut file).take(size).read_to_end(&mut batch.bytes)?;
            if (got as u64) < size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match batch.split(most.max(1), waiting - size) {
                Ok(used) => break used as u64,
                Err(larger) => size = larger as u64,
            }
        };
        batch.start = start;
        batch.end = start + used;
        self.report(&segment, batch, used == waiting);
        batch.segment = Some(Arc::clone(&segment));
        self.open = Some((segment, file));
        Ok(())
    }

    /// Says and counts what was damaged. `last` tells that the batch ends with its segment.
    fn report(&self, segment: &Segment, batch: &mut Batch, last: bool) {
        let read = batch.payloads.last().map_or(0, |payload| payload.end);
        let tail = &batch.bytes[read..];
        if last && segment.left && is_torn(tail) {
            batch.damaged = batch.damaged.saturating_sub(1);
        }
        if batch.damaged > 0 {
            tracing::error!(
                path = %segment.path.display(),
                from = batch.start,
                to = batch.end,
                places = batch.damaged,
                "records were damaged and are lost"
            );
        }
    }

    /// Lets go of what was read: it was handed on for good.
    pub fn done(&mut self, batch: &Batch) {
        let Some(segment) = &batch.segment else {
            return;
        };
        if segment.done() != batch.start {
            return;
        }
        segment.set_done(batch.end);
        self.shared.waiting.fetch_sub(batch.end - batch.start, Relaxed);
        self.shared.damaged.fetch_add(batch.damaged, Relaxed);
        if !segment.left {
            let records = batch.payloads.len() as u64 + batch.damaged;
            // A damaged place may have been several records.
            let less = |count: u64| Some(count.saturating_sub(records));
            let _ = self.shared.records.fetch_update(Relaxed, Relaxed, less);
        }
    }

    /// Deletes the segments that are over and done, and gives their names: they will never be seen again.
    ///
    /// # Errors
    /// A file cannot be deleted; it stays, and the next sweep tries again.
    pub fn sweep(&mut self) -> Result<Vec<SegmentId>, ReadError> {
        let finished: Vec<_> =
            self.shared.segments().iter().filter(|segment| segment.finished()).cloned().collect();
        let mut gone = Vec::with_capacity(finished.len());
        for segment in finished {
            self.open.take_if(|(open, _)| Arc::ptr_eq(open, &segment));
            match fs::remove_file(&segment.path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(ReadError { path: segment.path.clone(), source });
                }
                Ok(()) | Err(_) => {}
            }
            self.shared.segments().retain(|other| !Arc::ptr_eq(other, &segment));
            gone.push(segment.id.clone());
        }
        if !gone.is_empty() {
            let segments = self.shared.segments();
            self.adopted.retain(|slot| segments.iter().any(|segment| segment.path.starts_with(&slot.path)));
        }
        Ok(gone)
    }

    /// Takes over what other processes left in the folder and nobody reads any more; the number of segments.
    ///
    /// # Errors
    /// The folder cannot be listed, or a segment in it cannot be read.
    pub fn adopt(&mut self) -> Result<usize, JournalError> {
        let mut adopted = 0;
        for slot in Slot::orphans(&self.folder)? {
            let left = slot.left()?;
            adopted += left.len();
            if !left.is_empty() {
                self.shared.add(left);
                self.adopted.push(slot);
            }
        }
        Ok(adopted)
    }
}

/// Whether bytes behind the last record are what a dead process leaves: the beginning of a record, or the zeros that a
/// power cut leaves of it.
fn is_torn(tail: &[u8]) -> bool {
    match record::find(tail) {
        Found::Part(_) => !tail.is_empty(),
        Found::Damage => tail.iter().all(|byte| *byte == 0),
        Found::Record(_) => false,
    }
}
