//! A batch of rows in the layout that predictors read.

use crate::Schema;

/// One text column of a batch: texts laid end to end, so that refilling it allocates nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextColumn {
    bytes: String,
    /// End of each text in `bytes`.
    ends: Vec<usize>,
    present: Vec<bool>,
}

impl TextColumn {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.present.clear();
    }

    /// Appends one row; `None` is a missing value.
    pub fn push(&mut self, value: Option<&str>) {
        self.bytes.push_str(value.unwrap_or(""));
        self.ends.push(self.bytes.len());
        self.present.push(value.is_some());
    }

    /// The value of a row, `None` when it is missing. Panics beyond the last row.
    pub fn get(&self, row: usize) -> Option<&str> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        self.present[row].then(|| &self.bytes[start..self.ends[row]])
    }

    /// All values in order of rows.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Appends all rows of another column.
    pub fn append(&mut self, other: &Self) {
        let start = self.bytes.len();
        self.bytes.push_str(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| start + end));
        self.present.extend_from_slice(&other.present);
    }

    fn truncate(&mut self, rows: usize) {
        if rows < self.len() {
            self.bytes.truncate(if rows == 0 { 0 } else { self.ends[rows - 1] });
            self.ends.truncate(rows);
            self.present.truncate(rows);
        }
    }
}

/// A batch of rows: a dense row-major block (`rows` x `width`) of numbers, in which NaN is a missing value,
/// and text columns of `rows` values each.
///
/// A frame is built for reuse: [`Frame::reset`] keeps all memory, so decoding the next request into it
/// allocates nothing once it has grown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frame {
    rows: usize,
    width: usize,
    numbers: Vec<f64>,
    texts: Vec<TextColumn>,
}

impl Frame {
    /// An empty frame with the layout of a schema.
    pub fn new(schema: &Schema) -> Self {
        let mut frame = Self::default();
        frame.reset(schema.numbers(), schema.texts());
        frame
    }

    /// The frame of a row-major block of `rows` times `width` numbers and text columns of `rows` values each.
    ///
    /// # Panics
    /// If a length is another.
    pub fn of_parts(rows: usize, width: usize, numbers: Vec<f64>, texts: Vec<TextColumn>) -> Self {
        assert_eq!(numbers.len(), rows * width, "a row has as many numbers as the frame has numeric columns");
        assert!(texts.iter().all(|column| column.len() == rows), "every column has a value in each row");
        Self { rows, width, numbers, texts }
    }

    /// Removes all rows and sets the layout: `width` numeric columns and `texts` text columns.
    pub fn reset(&mut self, width: usize, texts: usize) {
        self.rows = 0;
        self.width = width;
        self.numbers.clear();
        self.texts.truncate(texts);
        for column in &mut self.texts {
            column.clear();
        }
        self.texts.resize_with(texts, TextColumn::default);
    }

    /// Number of complete rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of numeric columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Some of the rows, in this order.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut selected = Self::default();
        selected.reset(self.width, self.texts.len());
        for row in rows {
            selected.numbers.extend_from_slice(self.row(*row));
            for (to, from) in selected.texts.iter_mut().zip(&self.texts) {
                to.push(from.get(*row));
            }
        }
        selected.rows = rows.len();
        selected
    }

    /// Some of the columns of numbers and of texts, in these orders.
    ///
    /// # Panics
    /// If there is no such column.
    #[must_use]
    pub fn select_columns(&self, numbers: &[usize], texts: &[usize]) -> Self {
        let rows = 0..self.rows;
        let of_row = |row| numbers.iter().map(move |column| self.row(row)[*column]);
        Self {
            rows: self.rows,
            width: numbers.len(),
            numbers: rows.flat_map(of_row).collect(),
            texts: texts.iter().map(|column| self.texts[*column].clone()).collect(),
        }
    }

    /// The numeric block, row-major, `rows * width` values.
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// The numeric block for writing in place.
    pub fn numbers_mut(&mut self) -> &mut [f64] {
        &mut self.numbers
    }

    /// The numeric values of one row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.numbers[row * self.width..(row + 1) * self.width]
    }

    /// The text columns.
    pub fn texts(&self) -> &[TextColumn] {
        &self.texts
    }

    /// A text column for appending; rows appended count once [`Frame::set_rows`] is called.
    pub fn text_mut(&mut self, column: usize) -> &mut TextColumn {
        &mut self.texts[column]
    }

    /// Sets the number of rows and sizes the numeric block, new cells being missing (NaN). Text columns must
    /// have been filled with `rows` values, or are filled with missing values here.
    pub fn set_rows(&mut self, rows: usize) {
        self.rows = rows;
        self.numbers.resize(rows * self.width, f64::NAN);
        for column in &mut self.texts {
            column.truncate(rows);
            while column.len() < rows {
                column.push(None);
            }
        }
    }

    /// Appends one row of numbers to a frame without text columns. Panics when the length is not the width.
    pub fn push_numbers(&mut self, row: &[f64]) {
        assert_eq!(row.len(), self.width, "a row has as many numbers as the frame has numeric columns");
        self.numbers.extend_from_slice(row);
        self.rows += 1;
    }

    /// Appends an empty row: its numbers are missing (NaN); its texts are appended by the caller.
    pub(crate) fn open_row(&mut self) {
        self.numbers.resize((self.rows + 1) * self.width, f64::NAN);
    }

    /// Appends all rows of a frame of the same layout; an empty frame takes the layout first.
    pub fn append(&mut self, other: &Self) {
        if self.rows == 0 {
            self.reset(other.width, other.texts.len());
        }
        self.numbers.extend_from_slice(&other.numbers);
        for (to, from) in self.texts.iter_mut().zip(&other.texts) {
            to.append(from);
        }
        self.rows += other.rows;
    }

    /// Copies the rows `start..end` of another frame into this one, which takes its layout.
    pub fn copy_rows(&mut self, other: &Self, start: usize, end: usize) {
        self.reset(other.width, other.texts.len());
        self.numbers.extend_from_slice(&other.numbers[start * other.width..end * other.width]);
        for (to, from) in self.texts.iter_mut().zip(&other.texts) {
            (start..end).for_each(|row| to.push(from.get(row)));
        }
        self.rows = end - start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Feature, Schema};

    #[test]
    fn text_columns_tell_empty_from_missing() {
        let mut column = TextColumn::default();
        for value in [Some("a"), None, Some(""), Some("bc")] {
            column.push(value);
        }
        assert_eq!(column.iter().collect::<Vec<_>>(), [Some("a"), None, Some(""), Some("bc")]);
        column.truncate(2);
        assert_eq!(column.iter().collect::<Vec<_>>(), [Some("a"), None]);
    }

    #[test]
    fn rows_are_copied_with_their_texts() {
        let schema = Schema::new(vec![Feature::number("x"), Feature::text("t")], true).unwrap();
        let mut frame = Frame::new(&schema);
        for text in ["p", "q", "r"] {
            frame.text_mut(0).push(Some(text));
        }
        frame.set_rows(3);
        frame.numbers_mut().copy_from_slice(&[1.0, 2.0, 3.0]);
        let mut part = Frame::default();
        part.copy_rows(&frame, 1, 3);
        assert_eq!(part.numbers(), [2.0, 3.0]);
        assert_eq!(part.texts()[0].get(0), Some("q"));
        assert_eq!(part.rows(), 2);
        part.append(&frame);
        assert_eq!(part.numbers(), [2.0, 3.0, 1.0, 2.0, 3.0]);
        assert_eq!(part.texts()[0].get(4), Some("r"));
    }
}
