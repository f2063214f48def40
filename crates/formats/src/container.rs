//! Compressed files: told by their first bytes, inflated within [`Limits`].
//!
//! A model may be saved as gzip, zlib (what `joblib.dump(…, compress=3)` writes), bz2, xz, lzma or an lz4 frame. File names prove nothing.

use std::borrow::Cow;
use std::io::{self, Read};

use crate::{FileKind, FormatError, Limits, Problem};

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// RFC 1952, one or more members.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// bzip2, one or more streams.
    Bzip2,
    /// The xz container of LZMA2.
    Xz,
    /// The older `.lzma` container.
    Lzma,
    /// LZ4's frame format.
    Lz4,
}

/// Content that is always allowed, however well it was compressed.
pub(crate) const FREE_BYTES: usize = 16 << 20;

impl Container {
    /// Tells the container from the first bytes; `None` for anything else.
    pub fn detect(bytes: &[u8]) -> Option<Container> {
        match *bytes {
            [0x1f, 0x8b, ..] => Some(Container::Gzip),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some(Container::Zlib),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Container::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Container::Xz),
            [0x5d, 0, 0, ..] => Some(Container::Lzma),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Container::Lz4),
            _ => None,
        }
    }

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Container::Gzip => "gzip",
            Container::Zlib => "zlib",
            Container::Bzip2 => "bz2",
            Container::Xz => "xz",
            Container::Lzma => "lzma",
            Container::Lz4 => "lz4",
        }
    }

    fn inflate(self, bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, FormatError> {
        let by_ratio = bytes.len().saturating_mul(limits.max_inflation_ratio).saturating_add(FREE_BYTES);
        let allowed = by_ratio.min(limits.max_inflated_bytes);
        let window_kib = u32::try_from(limits.max_window_bytes / 1024).unwrap_or(u32::MAX);
        let content = match self {
            Container::Gzip => read(flate2::bufread::MultiGzDecoder::new(bytes), allowed),
            Container::Zlib => read(flate2::bufread::ZlibDecoder::new(bytes), allowed),
            Container::Bzip2 => read(bzip2::bufread::MultiBzDecoder::new(bytes), allowed),
            Container::Xz => read(lzma_rust2::XzReader::new_mem_limit(bytes, true, window_kib), allowed),
            Container::Lzma => lzma_rust2::LzmaReader::new_mem_limit(bytes, window_kib, None)
                .and_then(|reader| read(reader, allowed)),
            Container::Lz4 => read(lz4_flex::frame::FrameDecoder::new(bytes), allowed),
        };
        let content = content.map_err(|error| self.problem(&error, limits))?;
        if content.len() <= allowed {
            return Ok(content);
        }
        let (limit, allowed) = match by_ratio < limits.max_inflated_bytes {
            true => ("max_inflation_ratio", limits.max_inflation_ratio),
            false => ("max_inflated_bytes", limits.max_inflated_bytes),
        };
        Err(FormatError::new(FileKind::Compressed, Problem::LimitExceeded { limit, allowed: allowed as u64 }))
    }

    fn problem(self, error: &io::Error, limits: &Limits) -> FormatError {
        let name = self.name();
        let problem = if error.kind() == io::ErrorKind::UnexpectedEof {
            Problem::Truncated { reading: format!("its {name} stream") }
        } else if error.kind() == io::ErrorKind::OutOfMemory {
            Problem::LimitExceeded { limit: "max_window_bytes", allowed: limits.max_window_bytes as u64 }
        } else {
            Problem::Corrupt { detail: format!("bad {name} stream ({error})") }
        };
        FormatError::new(FileKind::Compressed, problem)
    }
}

/// Reads everything, but stops one byte beyond what is allowed.
fn read(reader: impl Read, allowed: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    reader.take(allowed as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// The content of a file: itself when it is not compressed, else what is in its container, and the container in that.
///
/// # Errors
/// `Truncated`, `Corrupt`, `LimitExceeded`.
pub fn inflate<'b>(bytes: impl Into<Cow<'b, [u8]>>, limits: &Limits) -> Result<Cow<'b, [u8]>, FormatError> {
    let mut content = bytes.into();
    for _ in 0..limits.max_containers {
        match Container::detect(&content) {
            Some(container) => content = Cow::Owned(container.inflate(&content, limits)?),
            None => return Ok(content),
        }
    }
    match Container::detect(&content) {
        Some(_) => {
            let problem =
                Problem::LimitExceeded { limit: "max_containers", allowed: limits.max_containers as u64 };
            Err(FormatError::new(FileKind::Compressed, problem))
        }
        None => Ok(content),
    }
}
