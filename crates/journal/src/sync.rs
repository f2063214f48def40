//! Forcing files to the disk, for those who want records to survive a power cut.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::JournalError;
use crate::journal::Shared;

/// When appended records are forced to the disk. Whatever is chosen, killing the process loses none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// When the system likes: a power cut may take the last half minute or so.
    Never,
    /// At this interval, by a thread of its own: a power cut may take as much.
    Every(Duration),
    /// Before an append returns: a power cut takes nothing, and each append waits for the disk.
    Always,
}

/// The thread of [`Sync::Every`]; dropping it syncs once more and ends it.
#[derive(Debug)]
pub(crate) struct Syncer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Starts the thread, if the journal needs one.
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<Option<Self>, JournalError> {
        let Sync::Every(interval) = shared.sync else {
            return Ok(None);
        };
        let (stop, stopped) = mpsc::channel();
        let shared = Arc::downgrade(shared);
        let thread = thread::Builder::new()
            .name("journal-sync".into())
            .spawn(move || {
                let mut reported = false;
                loop {
                    let last = !matches!(stopped.recv_timeout(interval), Err(RecvTimeoutError::Timeout));
                    reported = sync_all(&shared, reported);
                    if last {
                        return;
                    }
                }
            })
            .map_err(|source| JournalError::Thread { source })?;
        Ok(Some(Self { stop: Some(stop), thread: Some(thread) }))
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been reported by then.
            let _ = thread.join();
        }
    }
}

/// Forces what was written since the last time to the disk; whether something failed, which is reported once.
fn sync_all(shared: &Weak<Shared>, reported: bool) -> bool {
    let Some(shared) = shared.upgrade() else {
        return false;
    };
    let segments: Vec<_> = shared.segments().clone();
    let mut failed = false;
    let mut began = false;
    for segment in segments {
        let (written, synced) = (segment.written(), segment.synced.load(Relaxed));
        if written == synced {
            continue;
        }
        // Another descriptor of the file serves as well as the appender's own.
        match File::open(&segment.path).and_then(|file| file.sync_data()) {
            Ok(()) => segment.synced.store(written, Relaxed),
            // It was read to its end and deleted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                failed = true;
                if !reported {
                    tracing::error!(path = %segment.path.display(), %error, "cannot force a segment to the disk");
                }
            }
        }
        began |= synced == 0;
    }
    if began && sync_folder(&shared.slot.path).is_err() {
        failed = true;
    }
    failed
}

/// Forces the names in a folder to the disk, where the system has such a thing.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
