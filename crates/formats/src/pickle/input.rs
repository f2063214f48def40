//! The bytes of a pickle: opcodes and their operands.

use crate::{FileKind, FormatError, Problem};

/// A position in the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) data: &'a [u8],
    pub(super) at: usize,
}

type Result<T> = std::result::Result<T, FormatError>;

impl<'a> Input<'a> {
    pub(super) fn problem(&self, problem: Problem) -> FormatError {
        FormatError::new(FileKind::Pickle, problem).at(format!("byte {}", self.at))
    }

    pub(super) fn corrupt(&self, detail: impl Into<String>) -> FormatError {
        self.problem(Problem::Corrupt { detail: detail.into() })
    }

    pub(super) fn left(&self) -> usize {
        self.data.len() - self.at
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize, reading: &str) -> Result<&'a [u8]> {
        if len > self.left() {
            return Err(self.problem(Problem::Truncated { reading: reading.to_owned() }));
        }
        let bytes = &self.data[self.at..self.at + len];
        self.at += len;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N, "an operand")?;
        Ok(bytes.try_into().expect("N bytes were taken"))
    }

    /// A little-endian length of `N` bytes that must fit into the rest of the file.
    pub(super) fn length<const N: usize>(&mut self) -> Result<usize> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.array::<N>()?);
        let length = u64::from_le_bytes(wide);
        match usize::try_from(length) {
            Ok(length) if length <= self.left() => Ok(length),
            _ => Err(self.problem(Problem::Truncated { reading: format!("a value of {length} bytes") })),
        }
    }

    /// Text up to a line feed, which is skipped.
    pub(super) fn line(&mut self) -> Result<&'a [u8]> {
        let rest = &self.data[self.at..];
        match rest.iter().position(|&byte| byte == b'\n') {
            Some(len) => {
                self.at += len + 1;
                Ok(&rest[..len])
            }
            None => Err(self.problem(Problem::Truncated { reading: "a line".to_owned() })),
        }
    }

    /// A decimal number on a line of its own.
    pub(super) fn decimal(&mut self) -> Result<usize> {
        let line = self.line()?;
        let number = std::str::from_utf8(line).ok().and_then(|text| text.trim_end_matches('\r').parse().ok());
        number.ok_or_else(|| self.corrupt("a memo index that is no number"))
    }
}
