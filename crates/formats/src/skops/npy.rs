//! NumPy's `.npy` files: a header, which is a Python dict written as text, and the bytes of the elements (NEP 1).

use std::iter::Peekable;
use std::str::Chars;

/// Levels of brackets in a header; those of a structured dtype are three.
const MOST_DEPTH: usize = 8;
/// Bytes of a header: NumPy's own bound.
const MOST_HEADER: usize = 10_000;

/// An array as its file describes it.
#[derive(Debug, PartialEq)]
pub(super) struct Npy<'b> {
    pub(super) dtype: Descr,
    pub(super) fortran: bool,
    pub(super) shape: Vec<i64>,
    pub(super) data: &'b [u8],
}

/// The type of the elements.
#[derive(Debug, PartialEq)]
pub(super) enum Descr {
    /// A code such as `<f8`.
    Code(String),
    /// Names and codes of the fields of a record, one after the other; padding has no name.
    Fields(Vec<(String, String)>),
}

impl<'b> Npy<'b> {
    /// Reads a file; `None` where it is none that NumPy writes.
    pub(super) fn read(bytes: &'b [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"\x93NUMPY")?;
        let (length, rest) = match rest {
            [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
            [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
            _ => return None,
        };
        let header = std::str::from_utf8(rest.get(..length.min(MOST_HEADER))?).ok()?;
        let mut parser = Parser { chars: header.chars().peekable() };
        let Literal::Dict(entries) = parser.literal(0)? else { return None };
        let entry = |name: &str| {
            let is_named = |(key, _): &&(Literal, Literal)| matches!(key, Literal::Text(key) if key == name);
            entries.iter().find(is_named).map(|(_, value)| value)
        };
        let dtype = match entry("descr")? {
            Literal::Text(code) => Descr::Code(code.clone()),
            Literal::Sequence(fields) => Descr::Fields(fields.iter().map(field).collect::<Option<_>>()?),
            Literal::Int(_) | Literal::Bool(_) | Literal::Dict(_) => return None,
        };
        let &Literal::Bool(fortran) = entry("fortran_order")? else { return None };
        let Literal::Sequence(shape) = entry("shape")? else { return None };
        let length_of = |item: &Literal| if let Literal::Int(length) = item { Some(*length) } else { None };
        let shape = shape.iter().map(length_of).collect::<Option<_>>()?;
        Some(Self { dtype, fortran, shape, data: rest.get(length..)? })
    }
}

/// `('name', '<f8')`. A field that is an array itself is not read.
fn field(literal: &Literal) -> Option<(String, String)> {
    let Literal::Sequence(parts) = literal else { return None };
    let [Literal::Text(name), Literal::Text(code)] = parts.as_slice() else { return None };
    Some((name.clone(), code.clone()))
}

/// What of Python's literals stands in headers.
#[derive(Debug, PartialEq)]
enum Literal {
    Text(String),
    Int(i64),
    Bool(bool),
    /// A tuple or list.
    Sequence(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
}

struct Parser<'h> {
    chars: Peekable<Chars<'h>>,
}

impl Parser<'_> {
    /// The next character that is no blank, not consumed.
    fn peek(&mut self) -> Option<char> {
        while self.chars.next_if(|char| char.is_ascii_whitespace()).is_some() {}
        self.chars.peek().copied()
    }

    fn take(&mut self, wanted: char) -> Option<()> {
        if self.peek()? == wanted { self.chars.next().map(drop) } else { None }
    }

    fn literal(&mut self, depth: usize) -> Option<Literal> {
        if depth > MOST_DEPTH {
            return None;
        }
        match self.peek()? {
            '{' => self.dict(depth),
            '(' => self.sequence('(', ')', depth),
            '[' => self.sequence('[', ']', depth),
            quote @ ('\'' | '"') => self.text(quote),
            'T' | 'F' => match self.word().as_str() {
                "True" => Some(Literal::Bool(true)),
                "False" => Some(Literal::Bool(false)),
                _ => None,
            },
            // Python 2 wrote lengths as `3L`.
            _ => self.word().trim_end_matches('L').parse().ok().map(Literal::Int),
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(char) = self.chars.next_if(|char| char.is_ascii_alphanumeric() || *char == '-') {
            word.push(char);
        }
        word
    }

    /// A text without escapes: codes and names of fields have none.
    fn text(&mut self, quote: char) -> Option<Literal> {
        self.take(quote)?;
        let mut text = String::new();
        loop {
            match self.chars.next()? {
                '\\' => return None,
                char if char == quote => return Some(Literal::Text(text)),
                char => text.push(char),
            }
        }
    }

    fn sequence(&mut self, open: char, close: char, depth: usize) -> Option<Literal> {
        self.take(open)?;
        let mut items = Vec::new();
        while self.peek()? != close {
            items.push(self.literal(depth + 1)?);
            if self.peek()? != close {
                self.take(',')?;
            }
        }
        self.take(close)?;
        Some(Literal::Sequence(items))
    }

    fn dict(&mut self, depth: usize) -> Option<Literal> {
        self.take('{')?;
        let mut entries = Vec::new();
        while self.peek()? != '}' {
            let key = self.literal(depth + 1)?;
            self.take(':')?;
            entries.push((key, self.literal(depth + 1)?));
            if self.peek()? != '}' {
                self.take(',')?;
            }
        }
        self.take('}')?;
        Some(Literal::Dict(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend_from_slice(&u16::try_from(header.len()).unwrap().to_le_bytes());
        file.extend_from_slice(header.as_bytes());
        file.extend_from_slice(data);
        file
    }

    #[test]
    fn headers_are_read() {
        let bytes =
            file("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2), }  \n", b"12345678abcdefgh");
        let npy = Npy::read(&bytes).unwrap();
        assert_eq!(npy.dtype, Descr::Code("<f8".into()));
        assert_eq!((npy.fortran, npy.shape, npy.data), (true, vec![1, 2], &b"12345678abcdefgh"[..]));

        let bytes = file("{'descr': [('a', '<i8'), ('', '|V7')], 'fortran_order': False, 'shape': ()}", b"");
        let npy = Npy::read(&bytes).unwrap();
        let fields = vec![("a".to_owned(), "<i8".to_owned()), (String::new(), "|V7".to_owned())];
        assert_eq!((npy.dtype, npy.shape), (Descr::Fields(fields), vec![]));
    }

    #[test]
    fn other_headers_are_not() {
        for header in [
            "",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)",
            "{'descr': '<f8', 'shape': (1,)}",
            "{'descr': '<f8', 'fortran_order': no, 'shape': (1,)}",
            "{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,)}",
            "[[[[[[[[[[[[[[[[",
        ] {
            assert_eq!(Npy::read(&file(header, b"")), None, "{header}");
        }
        assert_eq!(Npy::read(b"\x93NUMPY\x01\x00\xff\xff{}"), None);
        assert_eq!(Npy::read(b"\x93NUMPY\x09\x00\x00\x00"), None);
    }
}
