//! A journal: local files that hold opaque records until something else has them for good.
//!
//! Threads append, each to a segment file of its own and without a lock; one reader hands the records on in
//! batches and deletes a segment once all of it is [done](Reader::done). [`Appender::append`] returns after the
//! `write` of the whole record, so that killing the process loses none; what a power cut may take is
//! [`Sync`]'s choice.
//!
//! ```text
//! FOLDER/0/lock                                    held by the process that owns slot 0
//! FOLDER/0/01KAJ3V4T6Q0ZXH0M2N8R5W7YC-0.segment    16 bytes of head, then records
//! FOLDER/1/...                                     another process that shares the folder
//!
//! record = mark (4 bytes) | length u32 | CRC-32 u32 of length and payload | payload      little endian
//! ```
//!
//! Each process takes the first slot whose lock is free, so several may share a folder. Whatever a dead process left
//! is read by the next one in its slot, or [adopted](Reader::adopt) by any other. A segment is named after the opening of
//! the journal that wrote it and a number, and no name comes back: a reader's target can remember by name how far it got,
//! which is how every record gets there exactly once.
//!
//! A record cut short by the end of a dead process is no record. One that is damaged is skipped, reported and counted;
//! the reader finds the next by its mark.

mod appender;
mod error;
mod journal;
mod reader;
mod record;
mod segment;
mod slot;
mod sync;

pub use appender::Appender;
pub use error::{AppendError, JournalError, ReadError};
pub use journal::{Journal, Options, Stats};
pub use reader::{Batch, Reader};
pub use record::{MAX_PAYLOAD, OVERHEAD};
pub use segment::SegmentId;
pub use sync::Sync;
