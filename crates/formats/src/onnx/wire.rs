//! The wire format of Protocol Buffers: fields of messages, within a budget of memory.

use std::cell::Cell;

use crate::{FileKind, FormatError, Limits, Problem};

use super::Result;

/// What is left of [`Limits`] while a file is read.
#[derive(Debug)]
pub(super) struct Budget {
    /// Bytes of memory that values may still take.
    left: Cell<usize>,
    max_tree_bytes: usize,
    max_depth: usize,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        let left = Cell::new(limits.max_tree_bytes);
        Self { left, max_tree_bytes: limits.max_tree_bytes, max_depth: limits.max_depth }
    }

    /// Takes memory for `count` values of a type.
    pub(super) fn take<T>(&self, count: usize) -> Result<()> {
        let bytes = count.saturating_mul(size_of::<T>());
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(limit("max_tree_bytes", self.max_tree_bytes)),
        }
    }
}

fn limit(limit: &'static str, allowed: usize) -> FormatError {
    FormatError::new(FileKind::Onnx, Problem::LimitExceeded { limit, allowed: allowed as u64 })
}

/// A message: its fields in the order of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    /// Where `bytes` begin in the file.
    at: usize,
    depth: usize,
    budget: &'a Budget,
}

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    value: Wire<'a>,
    /// Where the value begins in the file.
    at: usize,
}

/// A value on the wire.
#[derive(Debug, Clone, Copy)]
enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Delimited(Message<'a>),
    Fixed32([u8; 4]),
}

impl<'a> Message<'a> {
    /// The message that a whole file is.
    pub(super) fn new(bytes: &'a [u8], budget: &'a Budget) -> Self {
        Self { bytes, at: 0, depth: 0, budget }
    }

    pub(super) fn budget(&self) -> &'a Budget {
        self.budget
    }

    fn corrupt(&self, detail: impl Into<String>) -> FormatError {
        let problem = Problem::Corrupt { detail: detail.into() };
        FormatError::new(FileKind::Onnx, problem).at(format!("byte {}", self.at))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.bytes.split_at_checked(length) else {
            let problem = Problem::Truncated { reading: format!("{length} bytes at byte {}", self.at) };
            return Err(FormatError::new(FileKind::Onnx, problem));
        };
        self.bytes = rest;
        self.at += length;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.fixed()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return if shift == 63 && byte > 1 { break } else { Ok(number) };
            }
        }
        Err(self.corrupt("a number of more than 64 bits"))
    }

    /// The next field.
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let mut at = self.at;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.fixed()?),
            2 => {
                let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                at = self.at;
                let depth = self.depth + 1;
                Wire::Delimited(Message { bytes: self.take(length)?, at, depth, budget: self.budget })
            }
            5 => Wire::Fixed32(self.fixed()?),
            other => return Err(self.corrupt(format!("a field of wire type {other}"))),
        };
        Ok(Some(Field { number: tag >> 3, value, at }))
    }
}

impl<'a> Field<'a> {
    fn wrong(&self) -> FormatError {
        let detail = format!("field {} is of another type than ONNX says", self.number);
        FormatError::new(FileKind::Onnx, Problem::Corrupt { detail }).at(format!("byte {}", self.at))
    }

    pub(super) fn integer(&self) -> Result<i64> {
        match self.value {
            Wire::Varint(number) => Ok(number as i64),
            Wire::Fixed64(_) | Wire::Delimited(_) | Wire::Fixed32(_) => Err(self.wrong()),
        }
    }

    pub(super) fn single(&self) -> Result<f32> {
        match self.value {
            Wire::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            Wire::Varint(_) | Wire::Fixed64(_) | Wire::Delimited(_) => Err(self.wrong()),
        }
    }

    /// The message that the field holds, which must not be too deep inside others.
    pub(super) fn message(&self) -> Result<Message<'a>> {
        let Wire::Delimited(message) = self.value else { return Err(self.wrong()) };
        let deepest = message.budget.max_depth;
        if message.depth > deepest {
            return Err(limit("max_depth", deepest));
        }
        Ok(message)
    }

    pub(super) fn bytes(&self) -> Result<&'a [u8]> {
        Ok(self.message()?.bytes)
    }

    pub(super) fn text(&self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| {
            let detail = "a string that is not UTF-8".to_owned();
            FormatError::new(FileKind::Onnx, Problem::Corrupt { detail }).at(format!("byte {}", self.at))
        })
    }

    /// Appends the integers of a repeated field, packed or not.
    pub(super) fn integers(&self, budget: &Budget, to: &mut Vec<i64>) -> Result<()> {
        match self.value {
            Wire::Varint(number) => {
                budget.take::<i64>(1)?;
                to.push(number as i64);
            }
            Wire::Delimited(mut message) => {
                while !message.bytes.is_empty() {
                    budget.take::<i64>(1)?;
                    to.push(message.varint()? as i64);
                }
            }
            Wire::Fixed64(_) | Wire::Fixed32(_) => return Err(self.wrong()),
        }
        Ok(())
    }

    /// Appends the float32 of a repeated field, packed or not.
    pub(super) fn singles(&self, budget: &Budget, to: &mut Vec<f32>) -> Result<()> {
        match self.value {
            Wire::Fixed32(bytes) => {
                budget.take::<f32>(1)?;
                to.push(f32::from_le_bytes(bytes));
            }
            Wire::Delimited(Message { bytes, .. }) => {
                let (numbers, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err(self.wrong());
                }
                budget.take::<f32>(numbers.len())?;
                to.extend(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            }
            Wire::Varint(_) | Wire::Fixed64(_) => return Err(self.wrong()),
        }
        Ok(())
    }

    /// Appends the float64 of a repeated field, packed or not.
    pub(super) fn doubles(&self, budget: &Budget, to: &mut Vec<f64>) -> Result<()> {
        match self.value {
            Wire::Fixed64(bytes) => {
                budget.take::<f64>(1)?;
                to.push(f64::from_le_bytes(bytes));
            }
            Wire::Delimited(Message { bytes, .. }) => {
                let (numbers, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(self.wrong());
                }
                budget.take::<f64>(numbers.len())?;
                to.extend(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)));
            }
            Wire::Varint(_) | Wire::Fixed32(_) => return Err(self.wrong()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths_are_bounded() {
        let budget = Budget::new(&Limits { max_tree_bytes: 16, ..Limits::default() });
        let first = |bytes: &'static [u8]| Message::new(bytes, &budget).next();
        assert_eq!(first(b"\x08\x96\x01").unwrap().unwrap().integer(), Ok(150));
        let mut most = vec![8];
        most.extend([0xff; 9]);
        let minus_one = [&most[..], &[1]].concat().leak();
        assert_eq!(first(minus_one).unwrap().unwrap().integer(), Ok(-1));
        let too_long = [&most[..], &[2]].concat().leak();
        assert!(first(too_long).unwrap_err().to_string().contains("more than 64 bits"));
        assert!(first(b"\x0a\x05abc").unwrap_err().to_string().contains("5 bytes at byte 2"));
        assert!(first(b"\x0b").unwrap_err().to_string().contains("wire type 3"));
        let packed = first(b"\x0a\x03\x01\x02\x03").unwrap().unwrap();
        let error = packed.integers(&budget, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("max_tree_bytes"), "{error}");
    }
}
