//! Texts as counts of their terms: scikit-learn's vectorizers.
//!
//! One text column becomes many columns, nearly all of them 0, so what comes out is sparse and stays so through the
//! steps that can work on it.

mod analysis;
mod hash;
mod pattern;
mod search;

use std::collections::HashMap;

use foretell_frame::Kind;

pub use analysis::{Accents, Analysis, Analyzer, Units};
pub use pattern::{PatternError, TokenPattern};

pub(crate) use analysis::TextBuffers;

use crate::error::{ModelError, Problem, Refusal, expect_count};
use crate::infer::{Column, Facts, MOST_COLUMNS};
use crate::plan::{Block, Layout, Op, Place, Rows, TextSource};
use crate::predictor::Scratch;

/// Common words of English, which scikit-learn leaves out for `stop_words="english"`, the same in all its versions
/// (`ENGLISH_STOP_WORDS`); white space stands between them.
pub const ENGLISH_STOP_WORDS: &str = include_str!("stop_words.txt");

/// Counts the terms of the text in one column. Terms that are not indexed are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// From a text to its terms.
    pub analysis: Analysis,
    /// From a term to its column.
    pub index: TermIndex,
    /// Whether every term that occurs counts 1.
    pub binary: bool,
}

/// The columns of terms.
#[derive(Debug, Clone, PartialEq)]
pub enum TermIndex {
    /// Each stands at its column.
    Vocabulary(Vec<String>),
    /// By their hash.
    Hashed {
        /// Number of columns.
        columns: u32,
        /// Whether terms with a negative hash count -1.
        signed: bool,
    },
}

impl Terms {
    fn width(&self) -> usize {
        match &self.index {
            TermIndex::Vocabulary(terms) => terms.len(),
            TermIndex::Hashed { columns, .. } => *columns as usize,
        }
    }

    pub(super) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        expect_count("column of text", 1, columns.len())?;
        facts.demand(&columns[0], Kind::Text)?;
        facts.document(&columns[0]);
        facts.accept(columns[0], super::Accepts::FINITE);
        let (shortest, longest) = (self.analysis.shortest, self.analysis.longest);
        if shortest == 0 || shortest > longest {
            let got = format_args!("{shortest} to {longest}").to_string();
            return Err(ModelError::mismatch("an ascending range of lengths from 1", got));
        }
        match self.width() {
            0 => Err(ModelError::mismatch("at least one term", 0)),
            more if more > MOST_COLUMNS => {
                Err(ModelError::mismatch(format_args!("at most {MOST_COLUMNS} terms"), more))
            }
            width => Ok(vec![Column::COMPUTED; width]),
        }
    }

    pub(super) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let located = layout.columns.first();
        let source = match located.map(|located| &located.place) {
            Some(Place::Text(source)) => source.clone(),
            Some(Place::Number(_) | Place::Unused) | None => TextSource { column: 0, replace: Vec::new() },
        };
        let index = match &self.index {
            TermIndex::Vocabulary(terms) => Index::Known(
                terms.iter().zip(0..).map(|(term, column)| (term.as_str().into(), column)).collect(),
            ),
            TermIndex::Hashed { columns, signed } => {
                Index::Hashed(HashedColumns { columns: *columns, signed: *signed })
            }
        };
        let plan = TermsPlan {
            source,
            feature: located.and_then(|located| located.feature),
            analysis: analysis::AnalysisPlan::new(&self.analysis),
            index,
            binary: self.binary,
            width: self.width(),
        };
        (vec![Op::Terms(Box::new(plan))], Layout::computed(vec![None; self.width()]))
    }
}

#[derive(Debug)]
enum Index {
    Known(HashMap<Box<str>, u32>),
    Hashed(HashedColumns),
}

/// Columns that terms are hashed to.
#[derive(Debug, Clone, Copy)]
pub(super) struct HashedColumns {
    /// Their number.
    pub(super) columns: u32,
    /// Whether terms with a negative hash count -1.
    pub(super) signed: bool,
}

impl HashedColumns {
    /// The column of a term, and what it counts.
    pub(super) fn find(&self, term: &str) -> (u32, f64) {
        let hash = hash::murmur3(term.as_bytes());
        (hash.unsigned_abs() % self.columns, if self.signed && hash < 0 { -1.0 } else { 1.0 })
    }
}

impl Index {
    /// The column of a term, and what it counts.
    fn find(&self, term: &str) -> Option<(u32, f64)> {
        match self {
            Self::Known(columns) => columns.get(term).map(|column| (*column, 1.0)),
            Self::Hashed(columns) => Some(columns.find(term)),
        }
    }
}

/// A compiled [`Terms`].
#[derive(Debug)]
pub(crate) struct TermsPlan {
    source: TextSource,
    feature: Option<usize>,
    analysis: analysis::AnalysisPlan,
    index: Index,
    binary: bool,
    width: usize,
}

impl TermsPlan {
    /// The counts of a block of rows.
    pub(crate) fn apply(&self, rows: &Rows<'_>, scratch: &mut Scratch) -> Result<Block<'static>, Refusal> {
        let mut counts = scratch.pool.take_sparse();
        let mut found = std::mem::take(&mut scratch.terms);
        for row in rows.start..rows.start + rows.count {
            let Some(text) = self.source.get(rows.frame, row) else {
                return Err(Refusal { row, column: 0, feature: self.feature, problem: Problem::Missing });
            };
            found.clear();
            self.analysis.terms(text, &mut scratch.text, |term| found.extend(self.index.find(term)));
            // What one column counts is added up exactly, in any order.
            found.sort_unstable_by_key(|(column, _)| *column);
            for same in found.chunk_by(|a, b| a.0 == b.0) {
                let sum = if self.binary { 1.0 } else { same.iter().map(|(_, count)| count).sum() };
                counts.push(same[0].0, sum);
            }
            counts.end_row();
        }
        scratch.terms = found;
        Ok(Block::sparse(self.width, counts))
    }
}
