//! NumPy's descriptions of array elements.

use std::fmt;

/// The type of an array's elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dtype {
    pub(super) kind: Kind,
    /// Bytes of one element.
    pub(super) itemsize: usize,
    /// Most significant byte first.
    pub(super) big_endian: bool,
}

/// The kinds of elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One byte, zero or not.
    Bool,
    /// Signed integer of `itemsize` bytes.
    Int,
    /// Unsigned integer of `itemsize` bytes.
    Uint,
    /// IEEE float of 2, 4 or 8 bytes.
    Float,
    /// Text of `itemsize / 4` UTF-32 characters, filled with zeros.
    Text,
    /// Bytes, filled with zeros.
    Bytes,
    /// Any value.
    Object,
    /// A record with named fields.
    Structured(Vec<Field>),
    /// Something no model needs (complex numbers, dates, raw memory), as NumPy writes it.
    Other(char),
}

/// One field of a structured dtype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub dtype: Dtype,
    /// Bytes from the start of the element.
    pub offset: usize,
}

impl Dtype {
    /// The kind of element.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Bytes of one element.
    pub fn itemsize(&self) -> usize {
        self.itemsize
    }

    /// Is it a float of 4 bytes?
    pub fn is_float32(&self) -> bool {
        self.kind == Kind::Float && self.itemsize == 4
    }

    /// Is it a float of 8 bytes?
    pub fn is_float64(&self) -> bool {
        self.kind == Kind::Float && self.itemsize == 8
    }
}

impl Dtype {
    /// Parses a code such as `f8`, `<U4` or `O`; `None` when there is no such dtype.
    pub(crate) fn parse(code: &str) -> Option<Dtype> {
        let (big_endian, code) = match code.strip_prefix('>') {
            Some(code) => (true, code),
            None => (false, code.trim_start_matches(['<', '|', '='])),
        };
        let mut chars = code.chars();
        let letter = chars.next()?;
        let digits = chars.as_str();
        let size: usize = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        let (kind, itemsize) = match (letter, size) {
            ('b', 1) | ('?', 0) => (Kind::Bool, 1),
            ('i', 1 | 2 | 4 | 8) => (Kind::Int, size),
            ('u', 1 | 2 | 4 | 8) => (Kind::Uint, size),
            ('f', 2 | 4 | 8) => (Kind::Float, size),
            ('U', _) => (Kind::Text, size.checked_mul(4)?),
            ('S' | 'a', _) => (Kind::Bytes, size),
            ('O', _) => (Kind::Object, 8),
            ('f' | 'c', 8 | 12 | 16 | 24 | 32) | ('M' | 'm', 8) | ('V', _) => (Kind::Other(letter), size),
            _ => return None,
        };
        Some(Dtype { kind, itemsize, big_endian })
    }

    /// About how much memory it takes.
    pub(super) fn heap_bytes(&self) -> usize {
        let fields = match &self.kind {
            Kind::Structured(fields) => {
                fields.iter().map(|field| size_of::<Field>() + field.name.len()).sum()
            }
            Kind::Bool
            | Kind::Int
            | Kind::Uint
            | Kind::Float
            | Kind::Text
            | Kind::Bytes
            | Kind::Object
            | Kind::Other(_) => 0,
        };
        size_of::<Self>() + fields
    }

    /// Does an element hold Python values?
    pub(super) fn has_objects(&self) -> bool {
        match &self.kind {
            Kind::Object => true,
            Kind::Structured(fields) => fields.iter().any(|field| field.dtype.has_objects()),
            Kind::Bool | Kind::Int | Kind::Uint | Kind::Float | Kind::Text | Kind::Bytes | Kind::Other(_) => {
                false
            }
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.itemsize * 8;
        match &self.kind {
            Kind::Bool => f.write_str("bool"),
            Kind::Int => write!(f, "int{bits}"),
            Kind::Uint => write!(f, "uint{bits}"),
            Kind::Float => write!(f, "float{bits}"),
            Kind::Text => write!(f, "str{}", self.itemsize / 4),
            Kind::Bytes => write!(f, "bytes{}", self.itemsize),
            Kind::Object => f.write_str("object"),
            Kind::Structured(fields) => {
                f.write_str("[")?;
                for (i, field) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{} {}", field.name, field.dtype)?;
                }
                f.write_str("]")
            }
            Kind::Other(code) => write!(f, "dtype {code}{}", self.itemsize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_parsed_and_shown() {
        for (code, shown) in [
            ("f8", "float64"),
            ("<f4", "float32"),
            ("b1", "bool"),
            ("u1", "uint8"),
            ("U4", "str4"),
            ("S3", "bytes3"),
            ("O8", "object"),
            ("c16", "dtype c16"),
        ] {
            assert_eq!(Dtype::parse(code).unwrap().to_string(), shown);
        }
        assert!(Dtype::parse(">i2").unwrap().big_endian);
        for bad in ["", "z9", "f3", "i16", "U-1", "U99999999999999999999", "U9999999999999999999", ">"] {
            assert_eq!(Dtype::parse(bad), None, "{bad}");
        }
    }
}
