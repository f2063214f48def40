//! JSON as XGBoost writes it: with the literals `NaN`, `Infinity` and `-Infinity`, which strict JSON has not, and
//! with floats that are read as float32 at once, so that nothing is rounded twice.

use std::borrow::Cow;

use crate::{FileKind, FormatError, Limits, Problem};

use super::document::{ArrayBuilder, Budget, Value};

/// Parses one document.
pub(super) fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Value<'a>, FormatError> {
    let mut parser = Parser { bytes, position: 0, budget: Budget::new(FileKind::XgboostJson, limits) };
    let value = parser.value()?;
    match parser.token() {
        None => Ok(value),
        Some(_) => Err(parser.corrupt("more text after the end of the JSON document")),
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    position: usize,
    budget: Budget,
}

impl<'a> Parser<'a> {
    fn corrupt(&self, detail: &str) -> FormatError {
        let detail = format!("byte {}: {detail}", self.position);
        FormatError::new(FileKind::XgboostJson, Problem::Corrupt { detail })
    }

    fn truncated(&self) -> FormatError {
        FormatError::new(FileKind::XgboostJson, Problem::Truncated { reading: "a JSON document".into() })
    }

    /// The next byte after white space, not consumed.
    fn token(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.position) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.position += 1;
        }
        None
    }

    fn expect(&mut self, expected: u8) -> Result<(), FormatError> {
        match self.token() {
            Some(byte) if byte == expected => {
                self.position += 1;
                Ok(())
            }
            Some(byte) => Err(self.corrupt(&format!(
                "expected `{}`, got `{}`",
                char::from(expected),
                byte.escape_ascii()
            ))),
            None => Err(self.truncated()),
        }
    }

    fn value(&mut self) -> Result<Value<'a>, FormatError> {
        match self.token().ok_or_else(|| self.truncated())? {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => {
                self.budget.node()?;
                Ok(Value::Text(self.text()?))
            }
            b'-' | b'0'..=b'9' | b'N' | b'I' => Ok(Value::Number(self.number()?)),
            b't' => self.literal("true", Value::Bool(true)),
            b'f' => self.literal("false", Value::Bool(false)),
            b'n' => self.literal("null", Value::Null),
            byte => Err(self.corrupt(&format!("`{}` begins no JSON value", byte.escape_ascii()))),
        }
    }

    fn literal(&mut self, literal: &str, value: Value<'a>) -> Result<Value<'a>, FormatError> {
        self.budget.node()?;
        self.keyword(literal).then_some(value).ok_or_else(|| self.corrupt(&format!("expected `{literal}`")))
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.bytes[self.position..].starts_with(keyword.as_bytes());
        if found {
            self.position += keyword.len();
        }
        found
    }

    fn number(&mut self) -> Result<f64, FormatError> {
        if self.keyword("NaN") {
            return Ok(f64::NAN);
        }
        if self.keyword("Infinity") {
            return Ok(f64::INFINITY);
        }
        if self.keyword("-Infinity") {
            return Ok(f64::NEG_INFINITY);
        }
        let rest = &self.bytes[self.position..];
        let is_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let length = rest.iter().position(|byte| !is_number(byte)).unwrap_or(rest.len());
        let token = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        let number = if token.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
            token.parse::<f32>().ok().map(f64::from)
        } else {
            token.parse::<i64>().ok().map(|integer| integer as f64)
        };
        let number = number.ok_or_else(|| {
            let token: String = token.chars().take(40).collect();
            self.corrupt(&format!("`{token}` is not a number"))
        })?;
        self.position += length;
        Ok(number)
    }

    fn array(&mut self) -> Result<Value<'a>, FormatError> {
        self.budget.enter()?;
        self.expect(b'[')?;
        let mut array = ArrayBuilder::default();
        if self.token() == Some(b']') {
            self.position += 1;
            self.budget.leave();
            return Ok(array.finish());
        }
        loop {
            array.push(self.value()?, &mut self.budget)?;
            if self.token() == Some(b',') {
                self.position += 1;
                continue;
            }
            self.expect(b']')?;
            self.budget.leave();
            return Ok(array.finish());
        }
    }

    fn object(&mut self) -> Result<Value<'a>, FormatError> {
        self.budget.enter()?;
        self.expect(b'{')?;
        let mut members = Vec::new();
        if self.token() == Some(b'}') {
            self.position += 1;
            self.budget.leave();
            return Ok(Value::Object(members));
        }
        loop {
            self.token();
            let key = self.text()?;
            self.expect(b':')?;
            members.push((key, self.value()?));
            self.budget.node()?;
            if self.token() == Some(b',') {
                self.position += 1;
                continue;
            }
            self.expect(b'}')?;
            self.budget.leave();
            return Ok(Value::Object(members));
        }
    }

    fn text(&mut self) -> Result<Cow<'a, str>, FormatError> {
        self.expect(b'"')?;
        let start = self.position;
        let rest = &self.bytes[start..];
        let end =
            rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).ok_or_else(|| self.truncated())?;
        let plain = self.utf8(&rest[..end])?;
        self.position += end;
        if rest[end] == b'"' {
            self.position += 1;
            return Ok(Cow::Borrowed(plain));
        }
        self.escaped(plain.into()).map(Cow::Owned)
    }

    /// The rest of a string from its first backslash on.
    fn escaped(&mut self, mut text: String) -> Result<String, FormatError> {
        loop {
            let rest = &self.bytes[self.position..];
            let end =
                rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).ok_or_else(|| self.truncated())?;
            text.push_str(self.utf8(&rest[..end])?);
            self.position += end + 1;
            if rest[end] == b'"' {
                return Ok(text);
            }
            text.push(self.escape()?);
        }
    }

    /// The character of an escape sequence, after its backslash.
    fn escape(&mut self) -> Result<char, FormatError> {
        let byte = *self.bytes.get(self.position).ok_or_else(|| self.truncated())?;
        self.position += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.corrupt("unknown escape sequence")),
        })
    }

    fn unicode(&mut self) -> Result<char, FormatError> {
        let first = self.hex()?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.keyword("\\u") {
            units.push(self.hex()?);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => Ok(character),
            Some(Err(_)) | None => Err(self.corrupt("a surrogate without its partner")),
        }
    }

    fn hex(&mut self) -> Result<u16, FormatError> {
        let digits = self.bytes.get(self.position..self.position + 4).ok_or_else(|| self.truncated())?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(self.corrupt("expected four hexadecimal digits"));
        }
        self.position += 4;
        let digit =
            |unit: u16, byte: &u8| unit << 4 | char::from(*byte).to_digit(16).unwrap_or_default() as u16;
        Ok(digits.iter().fold(0, digit))
    }

    fn utf8(&self, bytes: &'a [u8]) -> Result<&'a str, FormatError> {
        std::str::from_utf8(bytes).map_err(|_| self.corrupt("a string that is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value<'_>, String> {
        parse(text.as_bytes(), &Limits::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_are_integers_or_float32() {
        let value = read("[16777217, 0.1, -1.5E-3, NaN, -Infinity]").unwrap();
        let Value::Numbers(numbers) = value else { panic!("not packed: {value:?}") };
        assert_eq!(numbers[..3], [16_777_217.0, f64::from(0.1f32), f64::from(-1.5e-3f32)]);
        assert!(numbers[3].is_nan() && numbers[4] == f64::NEG_INFINITY);
    }

    #[test]
    fn an_array_of_several_kinds_keeps_their_order() {
        let expected = vec![Value::Number(1.0), Value::Text("a".into()), Value::Number(2.0)];
        assert_eq!(read("[1, \"a\", 2]"), Ok(Value::List(expected)));
    }

    #[test]
    fn strings_are_unescaped() {
        let expected = Value::Text("a\"\n\u{e9}\u{1f600}z".into());
        assert_eq!(read(r#""a\"\n\u00e9\ud83d\ude00z""#), Ok(expected));
        assert!(read(r#""\ud83d""#).unwrap_err().contains("surrogate"));
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(read(&"[".repeat(100_000)).unwrap_err().contains("max_depth"));
    }

    #[test]
    fn damage_is_named_with_its_place() {
        assert!(read("{\"a\": tru}").unwrap_err().starts_with("byte 6: expected `true`"));
        assert!(read("[1, 2").unwrap_err().contains("ends in the middle"));
        assert!(read("[1-2]").unwrap_err().contains("`1-2` is not a number"));
        assert!(read("{} x").unwrap_err().contains("more text"));
    }
}
