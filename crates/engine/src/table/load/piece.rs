//! Some rows of a table, sorted into numbers, texts and what is kept aside.

use foretell_frame::{Frame, TextColumn};

use super::{Column, Loaded, Names, Place, Places, Take};
use crate::table::TableError;
use crate::table::cells::{Number, parse_number};

/// Where the cells of a column go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    Nowhere,
    /// The slot among the numbers, and whether it was told that they are numbers.
    Number(usize, bool),
    Text(usize),
    Aside(usize),
}

/// Where the cells of all columns go.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) columns: Vec<Into>,
    pub(super) names: Vec<String>,
    takes: Vec<Take>,
    guesses: Vec<bool>,
    /// What the numbers of rows count.
    unit: &'static str,
    numbers: usize,
    texts: usize,
    asides: usize,
}

impl Layout {
    /// The layout for what is wanted, where `guesses` tells which columns seem to hold numbers only.
    pub(super) fn new(names: &Names, takes: &[Take], guesses: &[bool], unit: &'static str) -> Self {
        let names = names.names.clone();
        let (takes, guesses) = (takes.to_vec(), guesses.to_vec());
        let columns = Vec::new();
        let mut layout = Self { columns, names, takes, guesses, unit, numbers: 0, texts: 0, asides: 0 };
        layout.assign();
        layout
    }

    fn assign(&mut self) {
        (self.numbers, self.texts, self.asides) = (0, 0, 0);
        let next = |slots: &mut usize| {
            *slots += 1;
            *slots - 1
        };
        let into = |(take, number): (&Take, &bool)| match (take, number) {
            (Take::Skip, _) => Into::Nowhere,
            (Take::Number, _) => Into::Number(next(&mut self.numbers), true),
            (Take::Guess, true) => Into::Number(next(&mut self.numbers), false),
            (Take::Text, _) | (Take::Guess, false) => Into::Text(next(&mut self.texts)),
            (Take::Aside, _) => Into::Aside(next(&mut self.asides)),
        };
        self.columns = self.takes.iter().zip(&self.guesses).map(into).collect();
    }

    /// Takes columns that were guessed to be numbers for texts where they are not; whether there were any.
    pub(super) fn correct(&mut self, texts: &[bool]) -> bool {
        let is_wrong = |(column, text): (&Into, &bool)| *text && matches!(column, Into::Number(_, false));
        let wrong: Vec<bool> = self.columns.iter().zip(texts).map(is_wrong).collect();
        self.guesses.iter_mut().zip(&wrong).for_each(|(guess, wrong)| *guess &= !wrong);
        self.assign();
        wrong.contains(&true)
    }
}

/// What the cells of a column are.
#[derive(Debug, Clone, Default)]
pub(super) struct Count {
    pub(super) numbers: u64,
    pub(super) texts: u64,
    /// The row of the first text, and the text.
    pub(super) first_text: Option<(usize, String)>,
}

/// The values of some rows.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) rows: usize,
    width: usize,
    pub(super) numbers: Vec<f64>,
    texts: Vec<TextColumn>,
    asides: Vec<TextColumn>,
}

/// Some rows of a table.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) parts: Parts,
    pub(super) counts: Vec<Count>,
    pub(super) places: Places,
}

/// The value of a cell.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Missing,
    Number(f64),
    Text(&'a str),
}

impl Piece {
    pub(super) fn new(layout: &Layout) -> Self {
        Self::in_memory(layout, Vec::new())
    }

    /// The same with the memory of another's numbers.
    pub(super) fn in_memory(layout: &Layout, mut numbers: Vec<f64>) -> Self {
        numbers.clear();
        let columns = |count| vec![TextColumn::default(); count];
        let parts = Parts {
            rows: 0,
            width: layout.numbers,
            numbers,
            texts: columns(layout.texts),
            asides: columns(layout.asides),
        };
        Self { parts, counts: vec![Count::default(); layout.columns.len()], places: Places::new(layout.unit) }
    }

    /// Room for so many more rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.parts.numbers.reserve_exact(rows * self.parts.width);
    }

    /// Begins a row.
    pub(super) fn begin(&mut self, file: usize, number: u64) {
        self.places.push(file, number);
        self.parts.rows += 1;
        self.parts.numbers.resize(self.parts.rows * self.parts.width, f64::NAN);
    }

    /// Adds a cell that is a text to the row that was begun.
    #[inline]
    pub(super) fn text(
        &mut self,
        layout: &Layout,
        column: usize,
        text: &str,
        missing: &[String],
    ) -> Result<(), TableError> {
        let is_missing = text.is_empty() || missing.iter().any(|other| other == text);
        match layout.columns[column] {
            Into::Nowhere => {}
            Into::Number(slot, told) if !is_missing => match parse_number(text.trim_matches([' ', '\t'])) {
                Number::Value(value) => self.number(column, slot, value),
                Number::NotExact => return Err(self.not_exact(layout, column, text)),
                Number::Not if told => return Err(self.wrong(layout, column, "a number", text)),
                Number::Not => self.count_text(column, text),
            },
            Into::Number(..) => {}
            Into::Text(slot) => {
                self.parts.texts[slot].push((!is_missing).then_some(text));
                if !is_missing {
                    match parse_number(text) {
                        Number::Value(_) | Number::NotExact => self.counts[column].numbers += 1,
                        Number::Not => self.count_text(column, text),
                    }
                }
            }
            Into::Aside(slot) => self.parts.asides[slot].push((!is_missing).then_some(text)),
        }
        Ok(())
    }

    /// Adds a cell of a table whose cells have types.
    pub(super) fn cell(
        &mut self,
        layout: &Layout,
        column: usize,
        cell: Cell<'_>,
        missing: &[String],
    ) -> Result<(), TableError> {
        match (cell, layout.columns[column]) {
            (Cell::Missing, _) => self.text(layout, column, "", &[]),
            (Cell::Text(text), _) => self.text(layout, column, text, missing),
            (Cell::Number(_), Into::Nowhere) => Ok(()),
            (Cell::Number(value), Into::Number(slot, _)) => {
                self.number(column, slot, value);
                Ok(())
            }
            (Cell::Number(value), Into::Text(_) | Into::Aside(_)) => {
                self.text(layout, column, &value.to_string(), &[])
            }
        }
    }

    fn number(&mut self, column: usize, slot: usize, value: f64) {
        let start = (self.parts.rows - 1) * self.parts.width;
        self.parts.numbers[start + slot] = value;
        self.counts[column].numbers += 1;
    }

    fn count_text(&mut self, column: usize, text: &str) {
        let (count, row) = (&mut self.counts[column], self.parts.rows - 1);
        count.texts += 1;
        count.first_text.get_or_insert_with(|| (row, text.to_owned()));
    }

    /// The last row is wrong.
    pub(super) fn row_error(&self, message: String) -> TableError {
        let Place { unit, number, .. } = self.places.of(self.parts.rows - 1);
        TableError::Row { unit, number, message }
    }

    fn wrong(&self, layout: &Layout, column: usize, expected: &str, got: &str) -> TableError {
        self.row_error(format!("expected {expected} for `{}`, got `{got}`", layout.names[column]))
    }

    fn not_exact(&self, layout: &Layout, column: usize, got: &str) -> TableError {
        self.wrong(layout, column, "a number that a float64 holds exactly", got)
    }

    /// Appends the rows of another piece, which come after these.
    pub(super) fn append(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            count.numbers += more.numbers;
            count.texts += more.texts;
            if let (None, Some((row, text))) = (&count.first_text, &more.first_text) {
                count.first_text = Some((self.parts.rows + row, text.clone()));
            }
        }
        self.places.append(&other.places);
        self.parts.rows += other.parts.rows;
        self.parts.numbers.extend_from_slice(&other.parts.numbers);
        let texts = self.parts.texts.iter_mut().chain(&mut self.parts.asides);
        texts.zip(other.parts.texts.iter().chain(&other.parts.asides)).for_each(|(to, from)| to.append(from));
    }
}

impl Parts {
    pub(super) fn into_loaded(
        self,
        names: &Names,
        layout: &Layout,
        counts: Vec<Count>,
        places: Places,
        digest: String,
    ) -> Loaded {
        let place = |row: usize| -> Place { places.of(row) };
        let column = |((name, into), count): ((&String, &Into), Count)| Column {
            name: name.clone(),
            taken: match into {
                Into::Nowhere => Take::Skip,
                Into::Number(..) => Take::Number,
                Into::Text(_) => Take::Text,
                Into::Aside(_) => Take::Aside,
            },
            numbers: count.numbers,
            texts: count.texts,
            first_text: count.first_text.map(|(row, text)| (place(row), text)),
        };
        let columns = names.names.iter().zip(&layout.columns).zip(counts).map(column).collect();
        let frame = Frame::of_parts(self.rows, self.width, self.numbers, self.texts);
        Loaded { columns, named: names.named, frame, asides: self.asides, places, digest }
    }
}
