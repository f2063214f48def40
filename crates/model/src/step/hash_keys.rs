//! Records with keys of their own as columns that their keys are hashed to: scikit-learn's `FeatureHasher`.
//!
//! Source: Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (ICML 2009).

use foretell_frame::{Cell, Kind};

use super::Accepts;
use super::terms::HashedColumns;
use crate::error::{ModelError, Refusal};
use crate::infer::{Column, Facts, MOST_COLUMNS, one_each};
use crate::plan::{Block, Layout, Op, Place, Rows, TextSource};
use crate::predictor::Scratch;

/// Adds up, at the column that each key is hashed to, the numbers of a row; a text counts 1 at the column of its key, `=`
/// and itself. A missing value is a key that the record does not have.
#[derive(Debug, Clone, PartialEq)]
pub struct HashKeys {
    /// The keys, one per input column. The file does not know them: without any the step takes no column yet.
    pub keys: Vec<HashedKey>,
    /// Number of columns that they are hashed to.
    pub columns: u32,
    /// Whether keys with a negative hash count negatively.
    pub signed: bool,
}

/// A key of the records.
#[derive(Debug, Clone, PartialEq)]
pub struct HashedKey {
    /// Its name.
    pub name: String,
    /// Known texts, where its values are texts: others are taken as well. `None` for numbers.
    pub texts: Option<Vec<String>>,
}

impl HashedKey {
    /// A key whose values are numbers.
    pub fn number(name: &str) -> Self {
        Self { name: name.to_owned(), texts: None }
    }
}

impl HashKeys {
    pub(super) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        one_each("keys", &self.keys, columns)?;
        for (key, column) in self.keys.iter().zip(columns) {
            match &key.texts {
                None => {
                    facts.demand(column, Kind::Number)?;
                    facts.accept(*column, Accepts { missing: true, infinite: false });
                }
                Some(texts) => {
                    facts.demand(column, Kind::Text)?;
                    let known: Vec<Cell> = texts.iter().cloned().map(Cell::Text).collect();
                    if !known.is_empty() {
                        facts.categories(column, &known, false);
                    }
                }
            }
        }
        match self.columns as usize {
            0 => Err(ModelError::mismatch("at least one column", 0)),
            more if more > MOST_COLUMNS => {
                Err(ModelError::mismatch(format_args!("at most {MOST_COLUMNS} columns"), more))
            }
            width => Ok(vec![Column::COMPUTED; width]),
        }
    }

    pub(super) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let index = HashedColumns { columns: self.columns, signed: self.signed };
        let located = self.keys.iter().zip(&layout.columns);
        let sources = located.filter_map(|(key, located)| match &located.place {
            Place::Number(position) => {
                let (column, sign) = index.find(&key.name);
                Some(KeySource::Number { position: *position, column, sign })
            }
            Place::Text(source) => {
                Some(KeySource::Text { source: source.clone(), prefix: format!("{}=", key.name) })
            }
            Place::Unused => None,
        });
        let plan = HashKeysPlan { sources: sources.collect(), index };
        let guard = layout.guard(Accepts { missing: true, infinite: false });
        (vec![guard, Op::HashKeys(plan)], Layout::computed(vec![None; self.columns as usize]))
    }
}

#[derive(Debug)]
enum KeySource {
    /// The number at a position of the block counts at a column, with a sign.
    Number { position: usize, column: u32, sign: f64 },
    /// A text behind its key and `=`.
    Text { source: TextSource, prefix: String },
}

/// A compiled [`HashKeys`].
#[derive(Debug)]
pub(crate) struct HashKeysPlan {
    sources: Vec<KeySource>,
    index: HashedColumns,
}

impl HashKeysPlan {
    /// The sums of a block of rows.
    pub(crate) fn apply(
        &self,
        block: &Block<'_>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
    ) -> Result<Block<'static>, Refusal> {
        let mut sums = scratch.pool.take_sparse();
        let mut found = std::mem::take(&mut scratch.terms);
        let mut term = std::mem::take(&mut scratch.term);
        for row in 0..rows.count {
            found.clear();
            for source in &self.sources {
                match source {
                    KeySource::Number { position, column, sign } => {
                        let value = block.row(row)[*position];
                        // What is 0 is not stored, as it is not in the library.
                        if !value.is_nan() && value != 0.0 {
                            found.push((*column, sign * value));
                        }
                    }
                    KeySource::Text { source, prefix } => {
                        if let Some(text) = source.get(rows.frame, rows.start + row) {
                            term.clear();
                            term.extend([prefix.as_str(), text]);
                            found.push(self.index.find(&term));
                        }
                    }
                }
            }
            // Stable, so that what shares a column is added up in the order of the keys.
            found.sort_by_key(|(column, _)| *column);
            for same in found.chunk_by(|a, b| a.0 == b.0) {
                sums.push(same[0].0, same.iter().map(|(_, value)| value).sum());
            }
            sums.end_row();
        }
        (scratch.terms, scratch.term) = (found, term);
        Ok(Block::sparse(self.index.columns as usize, sums))
    }
}
