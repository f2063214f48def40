//! The text escapes of protocol 0.

/// Python's `raw-unicode-escape`: Latin-1 with `\uXXXX` and `\UXXXXXXXX`.
pub(super) fn raw_unicode_escape(line: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = match (byte, tail.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                out.push(char::from(byte));
                rest = tail;
                continue;
            }
        };
        let code = hex(tail.get(1..=digits)?)?;
        out.push(char::from_u32(code)?);
        rest = &tail[1 + digits..];
    }
    Some(out)
}

/// A quoted Python 2 string literal.
pub(super) fn quoted(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii_end();
    let (&quote, rest) = line.split_first()?;
    let mut rest = match quote {
        b'\'' | b'"' => rest.strip_suffix(&[quote])?,
        _ => return None,
    };
    let mut out = Vec::with_capacity(rest.len());
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&escape, tail) = rest.split_first()?;
        rest = tail;
        match escape {
            b'\\' | b'\'' | b'"' => out.push(escape),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b't' => out.push(9),
            b'n' => out.push(10),
            b'v' => out.push(11),
            b'f' => out.push(12),
            b'r' => out.push(13),
            b'x' => {
                out.push(u8::try_from(hex(rest.get(..2)?)?).ok()?);
                rest = &rest[2..];
            }
            b'0'..=b'7' => {
                let more = rest.iter().take(2).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
                let digits = [&[escape], &rest[..more]].concat();
                let value = digits.iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
                out.push((value & 0xff) as u8);
                rest = &rest[more..];
            }
            _ => out.extend([b'\\', escape]),
        }
    }
    Some(out)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

/// Text whose characters are bytes, as those bytes: what `_codecs.encode(text, 'latin1')` gives.
pub(super) fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_unicode_escapes_are_decoded() {
        assert_eq!(raw_unicode_escape(b"a\xe9\\u6f22\\U0001f600\\n").unwrap(), "aé漢😀\\n");
        for bad in [&b"\\u12"[..], b"\\uzzzz", b"\\ud800", b"\\U00110000"] {
            assert_eq!(raw_unicode_escape(bad), None);
        }
    }

    #[test]
    fn quoted_strings_are_decoded() {
        assert_eq!(quoted(br#"'a\n\x41\101\0\'\q'"#).unwrap(), b"a\nAA\0'\\q");
        assert_eq!(quoted(br#""it's""#).unwrap(), b"it's");
        for bad in [&b"abc"[..], b"'abc", b"'", b"", b"'\\'", b"'\\x4'"] {
            assert_eq!(quoted(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn latin1_is_one_byte_a_character() {
        assert_eq!(latin1("aÿ\0").unwrap(), [0x61, 0xff, 0]);
        assert_eq!(latin1("漢"), None);
    }
}
