//! Paths of endpoints: patterns from the configuration, and names inside a path.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a segment of a path may hold unescaped: the unreserved characters of RFC 3986.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name as a segment of a path.
pub(crate) fn percent_encode(name: &str) -> Cow<'_, str> {
    utf8_percent_encode(name, &ESCAPED).into()
}

/// The path of a configured endpoint, in which one segment may be `{n}`: a row's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    numbered: bool,
}

/// Why a text is no path of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It does not begin with a slash.
    #[error("it does not begin with `/`")]
    Relative,
    /// A character that a URL writes with an escape, or not at all.
    #[error("`{0}` cannot stand in a path")]
    Character(char),
    /// Something in braces other than `{n}`, or more than one of it.
    #[error("only one segment may be in braces, and it is `{{n}}`, the number of a row")]
    Braces,
}

impl Pattern {
    /// Reads a pattern such as `/prediction/{n}`.
    ///
    /// # Errors
    /// It is no path.
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        if !text.starts_with('/') {
            return Err(PatternError::Relative);
        }
        let numbers = text.split('/').filter(|segment| *segment == "{n}").count();
        let braces = text.matches(['{', '}']).count();
        if numbers > 1 || braces != 2 * numbers {
            return Err(PatternError::Braces);
        }
        let stands = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@%{}".contains(c);
        match text.chars().find(|c| !stands(*c)) {
            Some(c) => Err(PatternError::Character(c)),
            None => Ok(Self { text: text.to_owned(), numbered: numbers == 1 }),
        }
    }

    /// The pattern as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a segment is `{n}`.
    pub(crate) fn numbered(&self) -> bool {
        self.numbered
    }

    /// What stands for `{n}` in a path of this pattern, or an empty text where the pattern has none; `None` when the
    /// path is of another pattern.
    pub(crate) fn matches<'p>(&self, path: &'p str) -> Option<&'p str> {
        if !self.numbered {
            return (self.text == path).then_some("");
        }
        let (before, after) = self.text.split_once("{n}")?;
        let number = path.strip_prefix(before)?.strip_suffix(after)?;
        (!number.is_empty() && !number.contains('/')).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_finds_the_number_in_its_place() {
        let pattern = Pattern::parse("/eeg/{n}/line").unwrap();
        assert_eq!(pattern.matches("/eeg/12/line"), Some("12"));
        assert_eq!(pattern.matches("/eeg/x/line"), Some("x"));
        for other in ["/eeg//line", "/eeg/line", "/eeg/1/2/line", "/eeg/1/line/", "/egg/1/line"] {
            assert_eq!(pattern.matches(other), None, "{other}");
        }
        let plain = Pattern::parse("/score").unwrap();
        assert_eq!((plain.matches("/score"), plain.matches("/score/1")), (Some(""), None));
    }

    #[test]
    fn what_is_no_path_is_refused_with_the_reason() {
        assert_eq!(Pattern::parse("predict"), Err(PatternError::Relative));
        assert_eq!(Pattern::parse("/a b"), Err(PatternError::Character(' ')));
        assert_eq!(Pattern::parse("/a?b"), Err(PatternError::Character('?')));
        for braces in ["/{m}", "/x{n}", "/{n}/{n}", "/{n", "/n}"] {
            assert_eq!(Pattern::parse(braces), Err(PatternError::Braces), "{braces}");
        }
    }

    #[test]
    fn names_become_segments() {
        assert_eq!(percent_encode("iris-1.0_a~"), "iris-1.0_a~");
        assert_eq!(percent_encode("a b/ä"), "a%20b%2F%C3%A4");
    }
}
