//! Universal Binary JSON (draft 12), big-endian, as XGBoost writes and reads it: `i U I l L` integers, `d D`
//! floats, arrays optimised with a type (`$`) and a count (`#`).

use std::borrow::Cow;

use crate::{FileKind, FormatError, Limits, Problem};

use super::document::{ArrayBuilder, Budget, Value};

/// Parses one document.
pub(super) fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Value<'a>, FormatError> {
    let mut parser = Parser { bytes, position: 0, budget: Budget::new(FileKind::XgboostUbjson, limits) };
    let value = parser.value()?;
    if parser.position < bytes.len() {
        return Err(parser.corrupt("more bytes after the end of the UBJSON document"));
    }
    Ok(value)
}

struct Parser<'a> {
    bytes: &'a [u8],
    position: usize,
    budget: Budget,
}

impl<'a> Parser<'a> {
    fn corrupt(&self, detail: &str) -> FormatError {
        let detail = format!("byte {}: {detail}", self.position);
        FormatError::new(FileKind::XgboostUbjson, Problem::Corrupt { detail })
    }

    fn take(&mut self, length: usize, reading: &str) -> Result<&'a [u8], FormatError> {
        let rest = &self.bytes[self.position..];
        let Some(taken) = rest.get(..length) else {
            let problem = Problem::Truncated { reading: format!("{reading} at byte {}", self.position) };
            return Err(FormatError::new(FileKind::XgboostUbjson, problem));
        };
        self.position += length;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, FormatError> {
        Ok(self.take(1, "a UBJSON value")?[0])
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn value(&mut self) -> Result<Value<'a>, FormatError> {
        let marker = self.byte()?;
        if let Some(number) = NumberType::of(marker) {
            return Ok(Value::Number(number.decode(self.take(number.size(), "a number")?)));
        }
        match marker {
            b'[' => self.array(),
            b'{' => self.object(),
            b'S' => {
                self.budget.node()?;
                Ok(Value::Text(self.text()?))
            }
            b'C' => {
                self.budget.node()?;
                let character = self.take(1, "a character")?;
                Ok(Value::Text(Cow::Borrowed(self.utf8(character)?)))
            }
            b'Z' => self.constant(Value::Null),
            b'T' => self.constant(Value::Bool(true)),
            b'F' => self.constant(Value::Bool(false)),
            other => Err(self.corrupt(&format!("`{}` marks no UBJSON type", other.escape_ascii()))),
        }
    }

    fn constant(&mut self, value: Value<'a>) -> Result<Value<'a>, FormatError> {
        self.budget.node()?;
        Ok(value)
    }

    /// A length or count: an integer of any type, not negative.
    fn length(&mut self) -> Result<usize, FormatError> {
        let marker = self.byte()?;
        let number = NumberType::of(marker).filter(|number| number.is_integer());
        let number = number.ok_or_else(|| {
            self.corrupt(&format!("expected the type of a length, got `{}`", marker.escape_ascii()))
        })?;
        let length = number.integer(self.take(number.size(), "a length")?);
        usize::try_from(length).map_err(|_| self.corrupt(&format!("{length} is not a length")))
    }

    /// The optional `#` count of a container whose elements take a byte at least.
    fn count(&mut self) -> Result<Option<usize>, FormatError> {
        if self.peek() != Some(b'#') {
            return Ok(None);
        }
        self.position += 1;
        let count = self.length()?;
        if count > self.bytes.len() - self.position {
            return Err(self.corrupt(&format!("{count} elements do not fit into the rest of the file")));
        }
        Ok(Some(count))
    }

    /// Whether a container has another element; consumes its end.
    fn more(&mut self, count: Option<usize>, done: usize, end: u8) -> bool {
        match count {
            Some(count) => done < count,
            None if self.peek() == Some(end) => {
                self.position += 1;
                false
            }
            None => true,
        }
    }

    fn array(&mut self) -> Result<Value<'a>, FormatError> {
        self.budget.enter()?;
        let value = if self.peek() == Some(b'$') {
            self.position += 1;
            self.typed_array()?
        } else {
            let count = self.count()?;
            let mut array = ArrayBuilder::default();
            let mut done = 0;
            while self.more(count, done, b']') {
                array.push(self.value()?, &mut self.budget)?;
                done += 1;
            }
            array.finish()
        };
        self.budget.leave();
        Ok(value)
    }

    fn typed_array(&mut self) -> Result<Value<'a>, FormatError> {
        let marker = self.byte()?;
        let number = NumberType::of(marker).ok_or_else(|| {
            self.corrupt(&format!("expected an array of numbers, got type `{}`", marker.escape_ascii()))
        })?;
        let count = self.count()?.ok_or_else(|| self.corrupt("a typed array without a count"))?;
        self.budget.array(count)?;
        let length = count.saturating_mul(number.size());
        let bytes = self.take(length, "an array")?;
        Ok(Value::Numbers(bytes.chunks_exact(number.size()).map(|chunk| number.decode(chunk)).collect()))
    }

    fn object(&mut self) -> Result<Value<'a>, FormatError> {
        self.budget.enter()?;
        if self.peek() == Some(b'$') {
            return Err(self.corrupt("objects of one type are not what XGBoost writes"));
        }
        let count = self.count()?;
        let mut members = Vec::new();
        while self.more(count, members.len(), b'}') {
            self.budget.node()?;
            let key = self.text()?;
            members.push((key, self.value()?));
        }
        self.budget.leave();
        Ok(Value::Object(members))
    }

    fn text(&mut self) -> Result<Cow<'a, str>, FormatError> {
        let length = self.length()?;
        let bytes = self.take(length, "a string")?;
        Ok(Cow::Borrowed(self.utf8(bytes)?))
    }

    fn utf8(&self, bytes: &'a [u8]) -> Result<&'a str, FormatError> {
        std::str::from_utf8(bytes).map_err(|_| self.corrupt("a string that is not UTF-8"))
    }
}

/// The numeric types of UBJSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberType {
    Int8,
    Uint8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
}

impl NumberType {
    fn of(marker: u8) -> Option<Self> {
        Some(match marker {
            b'i' => Self::Int8,
            b'U' => Self::Uint8,
            b'I' => Self::Int16,
            b'l' => Self::Int32,
            b'L' => Self::Int64,
            b'd' => Self::Float32,
            b'D' => Self::Float64,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 => 1,
            Self::Int16 => 2,
            Self::Int32 | Self::Float32 => 4,
            Self::Int64 | Self::Float64 => 8,
        }
    }

    fn is_integer(self) -> bool {
        match self {
            Self::Int8 | Self::Uint8 | Self::Int16 | Self::Int32 | Self::Int64 => true,
            Self::Float32 | Self::Float64 => false,
        }
    }

    /// The big-endian integer in as many bytes as the type has.
    fn integer(self, bytes: &[u8]) -> i64 {
        let unsigned = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        match self {
            Self::Uint8 => unsigned as i64,
            Self::Int8 => i64::from(unsigned as i8),
            Self::Int16 => i64::from(unsigned as i16),
            Self::Int32 | Self::Float32 => i64::from(unsigned as i32),
            Self::Int64 | Self::Float64 => unsigned as i64,
        }
    }

    fn decode(self, bytes: &[u8]) -> f64 {
        let integer = self.integer(bytes);
        match self {
            Self::Float32 => f64::from(f32::from_bits(integer as u32)),
            Self::Float64 => f64::from_bits(integer as u64),
            Self::Int8 | Self::Uint8 | Self::Int16 | Self::Int32 | Self::Int64 => integer as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Value<'_>, String> {
        parse(bytes, &Limits::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn typed_arrays_are_big_endian() {
        assert_eq!(read(b"[$d#i\x02\x3f\x80\0\0\xc0\0\0\0"), Ok(Value::Numbers(vec![1.0, -2.0])));
        assert_eq!(read(b"[$l#U\x01\xff\xff\xff\xfe"), Ok(Value::Numbers(vec![-2.0])));
        assert_eq!(read(b"[$L#L\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x01\0"), Ok(Value::Numbers(vec![256.0])));
        assert_eq!(read(b"[$U#i\x02\x80\x01"), Ok(Value::Numbers(vec![128.0, 1.0])));
    }

    #[test]
    fn objects_and_plain_arrays() {
        let list = Value::List(vec![Value::Text("b".into()), Value::Bool(true), Value::Null]);
        assert_eq!(read(b"{i\x01a[Si\x01bTZ]}"), Ok(Value::Object(vec![("a".into(), list)])));
        assert_eq!(read(b"[]"), Ok(Value::Numbers(vec![])));
    }

    #[test]
    fn counts_are_not_believed() {
        let mut huge = b"[$d#L".to_vec();
        huge.extend((1_u64 << 60).to_be_bytes());
        assert!(read(&huge).unwrap_err().contains("do not fit"));
        assert!(read(b"[$d#i\xfc").unwrap_err().contains("-4 is not a length"));
        assert!(read(b"[#i\x7f").unwrap_err().contains("do not fit"));
        assert!(read(b"[$Z#i\x7f").unwrap_err().contains("expected an array of numbers"));
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(read(&[b'['; 100_000]).unwrap_err().contains("max_depth"));
    }

    #[test]
    fn truncation_is_named() {
        assert!(read(b"{i\x05ab").unwrap_err().contains("a string at byte 3"));
    }
}
