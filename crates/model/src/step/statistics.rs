//! Categories as CatBoost's trees see them: positions in a list, and statistics of the target (CTRs).

use std::collections::HashMap;

use foretell_frame::Kind;

use super::Accepts;
use super::city_hash::city_hash_64;
use crate::error::{ModelError, Problem, Refusal, expect_count, expect_index};
use crate::infer::{Column, Facts};
use crate::plan::{Block, Layout, Op, Place, Pool, Rows, TextSource};

/// Replaces text columns by numbers that depend on the categories' hashes: the low 32 bits of their CityHash64.
///
/// The columns that come out are [`TargetStatistics::numbers`], then one for each of [`TargetStatistics::positions`], then those of
/// [`TargetStatistics::tables`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetStatistics {
    /// Number columns that are kept, in this order.
    pub numbers: Vec<usize>,
    /// Text columns.
    pub categories: Vec<usize>,
    /// Positions of categories in lists.
    pub positions: Vec<Positions>,
    /// Statistics of combinations.
    pub tables: Vec<Table>,
}

/// The position of a category's hash in a list; missing where it is not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Positions {
    /// Index in [`TargetStatistics::categories`].
    pub category: usize,
    /// The hashes in their order; of equal ones the first counts.
    pub hashes: Vec<u32>,
}

/// Numbers known for combinations of categories (and of conditions), which are found by their hash.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What is combined, in the order of hashing.
    pub parts: Vec<Part>,
    /// The hashes of the combinations that are known; of equal ones the first counts.
    pub hashes: Vec<u64>,
    /// The columns of the table.
    pub columns: Vec<Statistic>,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, PartialEq)]
pub struct Statistic {
    /// The number of each known combination.
    pub known: Vec<f32>,
    /// The number of all others.
    pub unknown: f32,
}

/// A part of a combination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// The category of a column: its index in [`TargetStatistics::categories`].
    Category(usize),
    /// Whether the category of a column has this hash.
    Is {
        /// Index in [`TargetStatistics::categories`].
        category: usize,
        /// The hash.
        hash: u32,
    },
    /// Whether a number, rounded to float32, is above a threshold.
    Above {
        /// Index in [`TargetStatistics::numbers`].
        number: usize,
        /// The threshold.
        threshold: f32,
        /// Whether a missing value is above it.
        missing: bool,
    },
}

/// `CalcHash` of `catboost/libs/model/hash.h`.
fn combine(hash: u64, part: u64) -> u64 {
    const FACTOR: u64 = 0x4906_ba49_4954_cb65;
    FACTOR.wrapping_mul(hash.wrapping_add(FACTOR.wrapping_mul(part)))
}

impl Part {
    /// What is hashed of a row, given its kept numbers and its categories' hashes.
    fn value(self, numbers: &[f64], hashes: &[f64]) -> u64 {
        match self {
            // The library takes the hash for a number with a sign.
            Self::Category(category) => i64::from(hashes[category] as u32 as i32) as u64,
            Self::Is { category, hash } => u64::from(hashes[category] as u32 == hash),
            Self::Above { number, threshold, missing } => {
                let x = numbers[number];
                u64::from(if x.is_nan() { missing } else { x as f32 > threshold })
            }
        }
    }
}

impl TargetStatistics {
    fn check(&self, columns: usize) -> Result<(), ModelError> {
        for column in self.numbers.iter().chain(&self.categories) {
            expect_index("a column", *column, columns)?;
        }
        let categories = self.categories.len();
        for positions in &self.positions {
            expect_index("a category column", positions.category, categories)?;
        }
        for table in &self.tables {
            for part in &table.parts {
                match part {
                    Part::Category(category) | Part::Is { category, .. } => {
                        expect_index("a category column", *category, categories)?;
                    }
                    Part::Above { number, .. } => {
                        expect_index("a number column", *number, self.numbers.len())?;
                    }
                }
            }
            for statistic in &table.columns {
                expect_count("numbers of known combinations", table.hashes.len(), statistic.known.len())?;
            }
        }
        Ok(())
    }

    pub(super) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        self.check(columns.len())?;
        for category in &self.categories {
            facts.demand(&columns[*category], Kind::Text)?;
            facts.digits(&columns[*category]);
            facts.accept(columns[*category], Accepts { missing: false, infinite: true });
        }
        let numbers: Vec<Column> = self.numbers.iter().map(|number| columns[*number]).collect();
        let mut made = facts.numbers(&numbers, Accepts::ALL)?;
        let computed =
            self.positions.len() + self.tables.iter().map(|table| table.columns.len()).sum::<usize>();
        made.resize(made.len() + computed, Column::COMPUTED);
        Ok(made)
    }

    pub(super) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let located = |column: &usize| &layout.columns[*column];
        let number = |column: &usize| match located(column).place {
            Place::Number(position) => Some(position),
            Place::Text(_) | Place::Unused => None,
        };
        let text = |column: &usize| match &located(column).place {
            Place::Text(source) => {
                Some(Text { column: *column, feature: located(column).feature, source: source.clone() })
            }
            Place::Number(_) | Place::Unused => None,
        };
        let positions = |positions: &Positions| (positions.category, index(&positions.hashes));
        let table = |table: &Table| TablePlan {
            parts: table.parts.clone(),
            rows: index(&table.hashes),
            columns: table.columns.clone(),
        };
        let plan = StatisticsPlan {
            numbers: self.numbers.iter().filter_map(number).collect(),
            texts: self.categories.iter().filter_map(text).collect(),
            positions: self.positions.iter().map(positions).collect(),
            tables: self.tables.iter().map(table).collect(),
        };
        let computed = plan.width() - self.numbers.len();
        let features = self.numbers.iter().map(|column| located(column).feature);
        let after = Layout::computed(features.chain(std::iter::repeat_n(None, computed)));
        (vec![Op::Statistics(plan)], after)
    }
}

/// The first place of each value.
fn index<T: Copy + Eq + std::hash::Hash>(values: &[T]) -> HashMap<T, u32> {
    let mut index = HashMap::with_capacity(values.len());
    for (position, value) in (0..).zip(values) {
        index.entry(*value).or_insert(position);
    }
    index
}

/// A compiled [`TargetStatistics`].
#[derive(Debug)]
pub(crate) struct StatisticsPlan {
    /// Where the kept numbers stand in the block.
    numbers: Vec<usize>,
    texts: Vec<Text>,
    positions: Vec<(usize, HashMap<u32, u32>)>,
    tables: Vec<TablePlan>,
}

#[derive(Debug)]
struct Text {
    column: usize,
    feature: Option<usize>,
    source: TextSource,
}

#[derive(Debug)]
struct TablePlan {
    parts: Vec<Part>,
    rows: HashMap<u64, u32>,
    columns: Vec<Statistic>,
}

impl StatisticsPlan {
    fn width(&self) -> usize {
        let statistics: usize = self.tables.iter().map(|table| table.columns.len()).sum();
        self.numbers.len() + self.positions.len() + statistics
    }

    /// Makes the columns of all rows.
    pub(crate) fn apply(
        &self,
        block: &Block<'_>,
        rows: &Rows<'_>,
        pool: &mut Pool,
    ) -> Result<Block<'static>, Refusal> {
        let (mut output, mut hashes) = (pool.take(), pool.take());
        output.reserve(rows.count * self.width());
        for row in 0..rows.count {
            hashes.clear();
            for text in &self.texts {
                hashes.push(text.hash(rows, row)?);
            }
            let start = output.len();
            let numbers = block.row(row);
            output.extend(self.numbers.iter().map(|position| numbers[*position]));
            let positions = self.positions.iter().map(|(category, positions)| {
                positions.get(&(hashes[*category] as u32)).map_or(f64::NAN, |position| f64::from(*position))
            });
            output.extend(positions);
            for table in &self.tables {
                let numbers = &output[start..];
                let value = |part: &Part| part.value(numbers, &hashes);
                let hash = table.parts.iter().fold(0, |hash, part| combine(hash, value(part)));
                let known = table.rows.get(&hash).map(|known| *known as usize);
                let number = |column: &Statistic| known.map_or(column.unknown, |known| column.known[known]);
                output.extend(table.columns.iter().map(|column| f64::from(number(column))));
            }
        }
        pool.give(hashes);
        Ok(Block::owned(self.width(), output))
    }
}

impl Text {
    /// The hash of a row's category, which a double holds exactly.
    fn hash(&self, rows: &Rows<'_>, row: usize) -> Result<f64, Refusal> {
        match self.source.get(rows.frame, rows.start + row) {
            Some(text) => Ok(f64::from(city_hash_64(text.as_bytes()) as u32)),
            None => {
                let (column, feature) = (self.column, self.feature);
                Err(Refusal { row: rows.start + row, column, feature, problem: Problem::Missing })
            }
        }
    }
}
