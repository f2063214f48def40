//! Places in a folder that several processes share: each is a folder with a lock, which ends with its process.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::JournalError;
use crate::segment::{Segment, SegmentId};

/// Processes that may share a folder.
const SLOTS: usize = 1024;
const LOCK: &str = "lock";

/// A place that this process holds.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) path: PathBuf,
    /// Held for its lock.
    _lock: File,
}

impl Slot {
    /// Takes the first free place of a folder.
    pub(crate) fn take(folder: &Path) -> Result<Self, JournalError> {
        for number in 0..SLOTS {
            let path = folder.join(number.to_string());
            fs::create_dir_all(&path).map_err(|source| JournalError::Io { path: path.clone(), source })?;
            if let Some(slot) = Self::lock(path)? {
                return Ok(slot);
            }
        }
        Err(JournalError::Taken { folder: folder.to_owned(), slots: SLOTS })
    }

    /// Takes a place, if nobody holds it.
    fn lock(path: PathBuf) -> Result<Option<Self>, JournalError> {
        let name = path.join(LOCK);
        let locked =
            File::options().create(true).append(true).open(&name).and_then(|file| match file.try_lock() {
                Ok(()) => Ok(Some(file)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            });
        match locked {
            Ok(lock) => Ok(lock.map(|lock| Self { path, _lock: lock })),
            Err(source) => Err(JournalError::Io { path: name, source }),
        }
    }

    /// Takes all places of a folder that hold segments and that nobody holds.
    pub(crate) fn orphans(folder: &Path) -> Result<Vec<Self>, JournalError> {
        let mut found = Vec::new();
        for path in entries(folder)? {
            if path.is_dir() && segments(&path)?.next().is_some() {
                found.extend(Self::lock(path)?);
            }
        }
        Ok(found)
    }

    /// The segments that a dead process left here, oldest first.
    pub(crate) fn left(&self) -> Result<Vec<Segment>, JournalError> {
        let mut names: Vec<_> = segments(&self.path)?.collect();
        names.sort_by(|(_, one), (_, other)| one.cmp(other));
        let mut left = Vec::new();
        for (path, id) in names {
            let segment = Segment::left_in(path.clone(), id);
            left.extend(segment.map_err(|source| JournalError::Io { path, source })?);
        }
        Ok(left)
    }
}

fn segments(slot: &Path) -> Result<impl Iterator<Item = (PathBuf, SegmentId)>, JournalError> {
    Ok(entries(slot)?.into_iter().filter_map(|path| {
        let id = SegmentId::of_file(&path)?;
        Some((path, id))
    }))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let list =
        || -> io::Result<_> { fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect() };
    list().map_err(|source| JournalError::Io { path: folder.to_owned(), source })
}
