//! Lines `key=value`, and the numbers in them.

use std::str::FromStr;

use crate::{FormatError, Problem};

use super::{error, shown};

/// The lines `key=value` of one section of a text.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Fields<'t> {
    /// What errors call the section, such as `Tree=3`; empty for the head of the file.
    pub(super) place: &'t str,
    entries: Vec<(&'t str, &'t str)>,
}

impl<'t> Fields<'t> {
    /// A section without lines.
    pub(super) fn new(place: &'t str) -> Self {
        Self { place, entries: Vec::new() }
    }

    /// Adds a line; one without `=` is a flag.
    pub(super) fn push(&mut self, line: &'t str) {
        self.entries.push(line.split_once('=').unwrap_or((line, "")));
    }

    /// The value of a key. Of several lines the last one counts, as in the library.
    pub(super) fn find(&self, key: &str) -> Option<&'t str> {
        self.entries.iter().rev().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    /// The value of a key that has to be there.
    pub(super) fn get(&self, key: &str) -> Result<&'t str, FormatError> {
        self.find(key).ok_or_else(|| {
            let detail = format!("`{key}` is missing");
            self.at(error(Problem::Corrupt { detail }))
        })
    }

    /// The number of a key that has to be there.
    pub(super) fn number<T: FromStr>(&self, key: &str) -> Result<T, FormatError> {
        let text = self.get(key)?;
        text.trim().parse().map_err(|_| self.not_a_number(key, text))
    }

    /// The `count` numbers of a key that has to be there.
    pub(super) fn numbers<T: FromStr>(&self, key: &str, count: usize) -> Result<Vec<T>, FormatError> {
        let text = self.get(key)?;
        // Every number takes a character and a blank.
        let mut numbers = Vec::with_capacity(count.min(text.len() / 2 + 1));
        for number in text.split_ascii_whitespace() {
            numbers.push(number.parse().map_err(|_| self.not_a_number(key, number))?);
        }
        if numbers.len() == count {
            return Ok(numbers);
        }
        let expected = format!("{count} numbers");
        Err(self.wrong(key, Problem::Mismatch { expected, got: numbers.len().to_string() }))
    }

    fn not_a_number(&self, key: &str, text: &str) -> FormatError {
        let got = format!("`{}`", shown(text));
        self.wrong(key, Problem::Mismatch { expected: "a number".into(), got })
    }

    /// An error at a key.
    pub(super) fn wrong(&self, key: &str, problem: Problem) -> FormatError {
        self.at(error(problem).at(if self.place.is_empty() { key.to_owned() } else { format!(".{key}") }))
    }

    /// A contradiction at entry `index` of a key.
    pub(super) fn invalid(&self, key: &str, index: usize, detail: impl Into<String>) -> FormatError {
        self.at(error(Problem::Invalid { detail: detail.into() }).at(format!(".{key}[{index}]")))
    }

    fn at(&self, error: FormatError) -> FormatError {
        if self.place.is_empty() { error } else { error.within(self.place) }
    }
}
