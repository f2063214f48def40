//! Where in its files each row of a table stands.

use std::fmt;

/// Where a row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, where there are several.
    pub file: Option<String>,
    /// What the number counts: lines, or rows.
    pub unit: &'static str,
    /// The number, from 1.
    pub number: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        write!(f, "{} {}", self.unit, self.number)
    }
}

/// Rows that follow each other, line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    row: usize,
    file: usize,
    number: u64,
}

/// Where all rows of a table stand. Takes memory for breaks only: blank lines, rows of several lines, new files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    rows: usize,
    runs: Vec<Run>,
    files: Vec<String>,
    unit: &'static str,
}

impl Places {
    /// Appends a row.
    pub(super) fn push(&mut self, file: usize, number: u64) {
        let follows = |run: &Run| run.file == file && run.number + (self.rows - run.row) as u64 == number;
        if !self.runs.last().is_some_and(follows) {
            self.runs.push(Run { row: self.rows, file, number });
        }
        self.rows += 1;
    }

    /// Appends all rows of others.
    pub(super) fn append(&mut self, other: &Self) {
        for (at, run) in other.runs.iter().enumerate() {
            let end = other.runs.get(at + 1).map_or(other.rows, |next| next.row);
            self.push(run.file, run.number);
            self.rows += end - run.row - 1;
        }
    }

    /// None, whose numbers will count this.
    pub(super) fn new(unit: &'static str) -> Self {
        Self { unit, ..Self::default() }
    }

    /// The same with names of files, where there are several.
    pub(super) fn named(self, files: Vec<String>) -> Self {
        Self { files, ..self }
    }

    /// Where a row stands.
    ///
    /// # Panics
    /// If there is no such row.
    pub(crate) fn of(&self, row: usize) -> Place {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        let run = self.runs[self.runs.partition_point(|run| run.row <= row) - 1];
        let number = run.number + (row - run.row) as u64;
        Place { file: self.files.get(run.file).cloned(), unit: self.unit, number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_and_break() {
        let (mut all, mut more) = (Places::new("line"), Places::new("line"));
        [2, 3, 5, 6].into_iter().for_each(|line| all.push(0, line));
        [7, 8].into_iter().for_each(|line| more.push(0, line));
        more.push(1, 9);
        all.append(&more);
        let all = all.named(vec!["`a`".to_owned(), "`b`".to_owned()]);
        assert_eq!(all.runs.len(), 3);
        let numbers: Vec<u64> = (0..7).map(|row| all.of(row).number).collect();
        assert_eq!(numbers, [2, 3, 5, 6, 7, 8, 9]);
        assert_eq!(all.of(6).to_string(), "`b`, line 9");
    }
}
