//! Opcodes that carry a number or a text.

use super::{Machine, Result};
use crate::pickle::node::{FALSE, Node, Span, TRUE};
use crate::pickle::text;

impl<'a> Machine<'a> {
    /// The span of bytes that were just taken from the input.
    pub(in crate::pickle) fn span_of(&self, bytes: &'a [u8]) -> Span {
        Span { start: self.input.at - bytes.len(), len: bytes.len(), decoded: false }
    }

    pub(in crate::pickle) fn span(&self, span: Span) -> &[u8] {
        let from = if span.decoded { &self.decoded } else { self.input.data };
        &from[span.start..span.start + span.len]
    }

    /// Keeps bytes that are not in the file as they are. Their sum is bounded by the size of the file: each decoded text is written once.
    pub(in crate::pickle) fn keep(&mut self, bytes: &[u8]) -> Result<Span> {
        const FREE: usize = 1 << 20;
        if self.decoded.len() + bytes.len() > self.input.data.len().saturating_mul(2).saturating_add(FREE) {
            return Err(self.input.corrupt("the same text is decoded again and again"));
        }
        let span = Span { start: self.decoded.len(), len: bytes.len(), decoded: true };
        self.decoded.extend_from_slice(bytes);
        Ok(span)
    }

    pub(super) fn long(&mut self, len: usize) -> Result<()> {
        let bytes = self.input.take(len, "an integer")?;
        let node = if len <= 8 {
            let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
            let mut wide = [if negative { 0xff } else { 0 }; 8];
            wide[..len].copy_from_slice(bytes);
            Node::Int(i64::from_le_bytes(wide))
        } else {
            Node::BigInt
        };
        self.push_new(node)
    }

    pub(super) fn int_line(&mut self) -> Result<()> {
        match self.input.line()? {
            b"00" => self.push(FALSE),
            b"01" => self.push(TRUE),
            line => self.integer_text(line),
        }
    }

    pub(super) fn long_line(&mut self) -> Result<()> {
        let line = self.input.line()?;
        self.integer_text(line.strip_suffix(b"L").unwrap_or(line))
    }

    pub(super) fn integer_text(&mut self, line: &[u8]) -> Result<()> {
        let digits = line.strip_prefix(b"-").unwrap_or(line);
        let text = std::str::from_utf8(line)
            .ok()
            .filter(|_| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
        let Some(text) = text else {
            return Err(self.input.corrupt("an integer that is no number"));
        };
        match text.parse() {
            Ok(int) => self.push_new(Node::Int(int)),
            Err(_) => self.push_new(Node::BigInt),
        }
    }

    pub(super) fn float_line(&mut self) -> Result<()> {
        let line = self.input.line()?;
        let float = std::str::from_utf8(line).ok().and_then(|text| text.trim().parse().ok());
        let float = float.ok_or_else(|| self.input.corrupt("a float that is no number"))?;
        self.push_new(Node::Float(float))
    }

    pub(super) fn unicode(&mut self, len: usize) -> Result<()> {
        let bytes = self.input.take(len, "a text")?;
        if std::str::from_utf8(bytes).is_err() {
            return Err(self.input.corrupt("a text that is not UTF-8"));
        }
        self.push_new(Node::Text(self.span_of(bytes)))
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<()> {
        let bytes = self.input.take(len, "bytes")?;
        self.push_new(Node::Bytes(self.span_of(bytes)))
    }

    /// A Python 2 `str`: Python 3 reads it as ASCII text by default. Other bytes stay bytes.
    pub(super) fn string(&mut self, len: usize) -> Result<()> {
        let bytes = self.input.take(len, "a string")?;
        let span = self.span_of(bytes);
        self.push_new(if bytes.is_ascii() { Node::Text(span) } else { Node::Bytes(span) })
    }

    pub(super) fn unicode_line(&mut self) -> Result<()> {
        let line = self.input.line()?;
        let decoded =
            text::raw_unicode_escape(line).ok_or_else(|| self.input.corrupt("a text with a bad escape"))?;
        let span = self.keep(decoded.as_bytes())?;
        self.push_new(Node::Text(span))
    }

    pub(super) fn string_line(&mut self) -> Result<()> {
        let line = self.input.line()?;
        let decoded =
            text::quoted(line).ok_or_else(|| self.input.corrupt("a string that is not quoted well"))?;
        let span = self.keep(&decoded)?;
        self.push_new(if decoded.is_ascii() { Node::Text(span) } else { Node::Bytes(span) })
    }
}
