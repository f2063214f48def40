//! Categories as indicators or as positions.

use std::collections::HashMap;

use foretell_frame::{Cell, Kind};

use super::Accepts;
use crate::error::{ModelError, Problem, Refusal, expect_count, expect_index};
use crate::infer::{Column, Facts, one_each};
use crate::plan::{Block, Layout, Op, Place, Pool, Rows, TextSource};

/// How an encoder treats a category that it was not fitted on. A missing value is such a category, unless the
/// encoder was fitted on it.
#[derive(Debug, Clone, PartialEq)]
pub enum Unknown {
    /// The row is refused.
    Error,
    /// One-hot: all indicators are 0.
    Ignore,
    /// One-hot: counts as an infrequent category, where the column has some, else all 0.
    Infrequent,
    /// Ordinal: this code.
    Code(f64),
}

/// The categories of one encoded column.
#[derive(Debug, Clone, PartialEq)]
pub struct Categories {
    /// The categories in fitted order, all numbers or all texts; a missing value may be one of them.
    pub values: Vec<Cell>,
    /// For each category, the code it gets: an output column of a one-hot, a number of an ordinal encoder.
    /// `None` is a dropped category: all indicators 0; in an ordinal encoder only the missing value has none.
    pub codes: Vec<Option<u32>>,
    /// The code of infrequent categories, where there are any.
    pub infrequent: Option<u32>,
    /// Number of output columns (one-hot).
    pub width: usize,
}

/// One-hot encoding, column by column.
#[derive(Debug, Clone, PartialEq)]
pub struct OneHot {
    /// Categories per input column.
    pub columns: Vec<Categories>,
    /// What happens to other categories.
    pub unknown: Unknown,
}

/// Ordinal encoding, column by column.
#[derive(Debug, Clone, PartialEq)]
pub struct Ordinal {
    /// Categories per input column.
    pub columns: Vec<Categories>,
    /// What happens to other categories.
    pub unknown: Unknown,
    /// The code of a missing value where it is one of the categories; NaN keeps it missing.
    pub missing: f64,
}

impl Categories {
    /// Checks the parts and notes what they say of the column; whether a missing value is a category.
    fn infer(&self, column: &Column, unknown: &Unknown, facts: &mut Facts) -> Result<bool, ModelError> {
        expect_count("codes", self.values.len(), self.codes.len())?;
        for value in &self.values {
            match value {
                Cell::Number(value) if value.is_nan() => {
                    return Err(ModelError::mismatch("a missing value", "the number NaN as a category"));
                }
                Cell::Number(_) => facts.demand(column, Kind::Number)?,
                Cell::Text(_) => facts.demand(column, Kind::Text)?,
                Cell::Missing => {}
            }
        }
        let closed = *unknown == Unknown::Error;
        facts.categories(column, &self.values, closed);
        let fitted = self.values.contains(&Cell::Missing);
        facts.accept(*column, Accepts { missing: fitted || !closed, infinite: false });
        Ok(fitted)
    }
}

impl OneHot {
    pub(crate) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        one_each("lists of categories", &self.columns, columns)?;
        if let Unknown::Code(code) = self.unknown {
            return Err(ModelError::mismatch("a rule for unknown categories of a one-hot", code));
        }
        let mut width = 0;
        for (categories, column) in self.columns.iter().zip(columns) {
            categories.infer(column, &self.unknown, facts)?;
            if categories.width > categories.values.len() + 1 {
                let expected = format!("at most {} indicators", categories.values.len() + 1);
                return Err(ModelError::mismatch(expected, categories.width));
            }
            for code in categories.codes.iter().flatten().chain(&categories.infrequent) {
                expect_index("an indicator", *code as usize, categories.width)?;
            }
            width += categories.width;
        }
        Ok(vec![Column::COMPUTED; width])
    }

    pub(crate) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let (mut plans, mut width) = (Vec::new(), 0);
        for (position, categories) in self.columns.iter().enumerate() {
            let code = |code: &Option<u32>| code.map(|code| (width + code as usize) as f64);
            let codes: Vec<_> = categories.codes.iter().map(code).collect();
            let unknown = match self.unknown {
                Unknown::Error => Other::Refuse,
                Unknown::Infrequent => Other::Code(code(&categories.infrequent)),
                Unknown::Ignore | Unknown::Code(_) => Other::Code(None),
            };
            plans.push(Lookup::new(position, categories, &codes, unknown, layout));
            width += categories.width;
        }
        let plan = EncodePlan { columns: plans, indicators: Some(width) };
        let guard = layout.guard(Accepts { missing: true, infinite: false });
        (vec![guard, Op::Encode(plan)], Layout::computed(vec![None; width]))
    }
}

impl Ordinal {
    pub(crate) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        one_each("lists of categories", &self.columns, columns)?;
        let unknown_code = match self.unknown {
            Unknown::Error => None,
            Unknown::Code(code) => Some(code),
            Unknown::Ignore | Unknown::Infrequent => {
                return Err(ModelError::mismatch(
                    "a rule for unknown categories of an ordinal encoder",
                    "one of a one-hot",
                ));
            }
        };
        let mut output = Vec::new();
        for (categories, column) in self.columns.iter().zip(columns) {
            let fitted = categories.infer(column, &self.unknown, facts)?;
            for (value, code) in categories.values.iter().zip(&categories.codes) {
                if *value != Cell::Missing && code.is_none() {
                    return Err(ModelError::mismatch("a code for every category", "a dropped category"));
                }
            }
            let missing_code = if fitted { Some(self.missing) } else { unknown_code };
            let stays = missing_code.is_some_and(f64::is_nan);
            output.push(Column { missing: column.missing.filter(|_| stays), ..Column::COMPUTED });
        }
        Ok(output)
    }

    pub(crate) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let unknown = match self.unknown {
            Unknown::Code(code) => Other::Code(Some(code)),
            Unknown::Error | Unknown::Ignore | Unknown::Infrequent => Other::Refuse,
        };
        let mut plans = Vec::new();
        for (position, categories) in self.columns.iter().enumerate() {
            let code = |(value, code): (&Cell, &Option<u32>)| match value {
                Cell::Missing => Some(self.missing),
                Cell::Number(_) | Cell::Text(_) => code.map(f64::from),
            };
            let codes: Vec<_> = categories.values.iter().zip(&categories.codes).map(code).collect();
            plans.push(Lookup::new(position, categories, &codes, unknown, layout));
        }
        let features = layout.columns.iter().map(|column| column.feature);
        let after = Layout::computed(features);
        let plan = EncodePlan { columns: plans, indicators: None };
        let guard = layout.guard(Accepts { missing: true, infinite: false });
        (vec![guard, Op::Encode(plan)], after)
    }
}

/// What becomes of a category that is not in the table.
#[derive(Debug, Clone, Copy)]
enum Other {
    Refuse,
    Code(Option<f64>),
}

/// Finds the code of a category.
#[derive(Debug)]
enum Table {
    /// Position in the block, and categories in ascending order.
    Numbers(usize, Vec<(f64, Option<f64>)>),
    Texts(TextSource, HashMap<Box<str>, Option<f64>>),
}

#[derive(Debug)]
struct Lookup {
    column: usize,
    feature: Option<usize>,
    table: Table,
    missing: Other,
    unknown: Other,
}

impl Lookup {
    fn new(
        column: usize,
        categories: &Categories,
        codes: &[Option<f64>],
        unknown: Other,
        layout: &Layout,
    ) -> Self {
        let entries = || categories.values.iter().zip(codes.iter().copied());
        let missing = entries().find(|(value, _)| **value == Cell::Missing);
        let located = &layout.columns[column];
        let table = match &located.place {
            Place::Text(source) => {
                let mut texts = HashMap::new();
                for (value, code) in entries() {
                    if let Cell::Text(text) = value {
                        texts.entry(text.as_str().into()).or_insert(code);
                    }
                }
                Table::Texts(source.clone(), texts)
            }
            Place::Number(position) => Table::Numbers(*position, numbers(entries())),
            Place::Unused => Table::Numbers(0, Vec::new()),
        };
        let missing = missing.map_or(unknown, |(_, code)| Other::Code(code));
        Self { column, feature: located.feature, table, missing, unknown }
    }

    fn code(&self, block: &Block<'_>, rows: &Rows<'_>, row: usize) -> Result<Option<f64>, Refusal> {
        let (other, got) = match &self.table {
            Table::Numbers(position, table) => {
                let value = block.row(row)[*position];
                if value.is_nan() {
                    (self.missing, None)
                } else {
                    let found = table.partition_point(|(category, _)| *category < value);
                    match table.get(found) {
                        Some((category, code)) if *category == value => return Ok(*code),
                        Some(_) | None => (self.unknown, Some(Got::Number(value))),
                    }
                }
            }
            Table::Texts(source, table) => match source.get(rows.frame, rows.start + row) {
                None => (self.missing, None),
                Some(text) => match table.get(text) {
                    Some(code) => return Ok(*code),
                    None => (self.unknown, Some(Got::Text(text))),
                },
            },
        };
        match other {
            Other::Code(code) => Ok(code),
            Other::Refuse => {
                let problem = got.map_or(Problem::Missing, |got| Problem::UnknownCategory(got.cell()));
                let (row, column, feature) = (rows.start + row, self.column, self.feature);
                Err(Refusal { row, column, feature, problem })
            }
        }
    }
}

/// A category as it came, not yet copied.
enum Got<'a> {
    Number(f64),
    Text(&'a str),
}

impl Got<'_> {
    fn cell(self) -> Cell {
        match self {
            Self::Number(value) => Cell::Number(value),
            Self::Text(text) => Cell::Text(text.to_owned()),
        }
    }
}

fn numbers<'a>(entries: impl Iterator<Item = (&'a Cell, Option<f64>)>) -> Vec<(f64, Option<f64>)> {
    let mut table: Vec<_> = entries
        .filter_map(|(value, code)| match value {
            Cell::Number(value) => Some((*value, code)),
            Cell::Text(_) | Cell::Missing => None,
        })
        .collect();
    // Stable, so that of equal categories the first counts.
    table.sort_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    table
}

/// A compiled encoder.
#[derive(Debug)]
pub(crate) struct EncodePlan {
    columns: Vec<Lookup>,
    /// Number of indicators of a one-hot, whose codes are their positions; `None` for an ordinal encoder, whose
    /// codes are the output.
    indicators: Option<usize>,
}

impl EncodePlan {
    pub(crate) fn apply(
        &self,
        block: &Block<'_>,
        rows: &Rows<'_>,
        pool: &mut Pool,
    ) -> Result<Block<'static>, Refusal> {
        let width = self.indicators.unwrap_or(self.columns.len());
        let mut output = pool.take();
        output.resize(rows.count * width, 0.0);
        for row in 0..rows.count {
            let target = &mut output[row * width..(row + 1) * width];
            for (position, lookup) in self.columns.iter().enumerate() {
                match (lookup.code(block, rows, row)?, self.indicators) {
                    (Some(code), Some(_)) => target[code as usize] = 1.0,
                    (Some(code), None) => target[position] = code,
                    (None, _) => {}
                }
            }
        }
        Ok(Block::owned(width, output))
    }
}
