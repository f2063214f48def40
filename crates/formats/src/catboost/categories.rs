//! Categories: to positions in lists, and to target statistics (`static_ctr_provider.cpp` and `ctr_provider.h` of
//! the library).

use std::collections::HashMap;

use foretell_model::Step;
use foretell_model::step::{Part, Positions, Statistic, Table, TargetStatistics};

use crate::{FormatError, Problem};

use super::content::{Content, Ctr, CtrBase, CtrPart, CtrTable, CtrType, CtrValues};

/// The columns that trees test: the numbers, and where the others stand.
pub(super) struct Columns {
    pub(super) count: usize,
    pub(super) of_one_hots: Vec<usize>,
    pub(super) of_ctrs: Vec<usize>,
}

/// The steps that make the columns trees test of the features, and these columns.
pub(super) fn steps(content: &Content<'_>) -> Result<(Vec<Step>, Columns), FormatError> {
    let numbers: Vec<usize> = content.numbers.iter().map(|number| number.feature.position).collect();
    if content.categories.is_empty() {
        let columns = Columns { count: numbers.len(), of_one_hots: Vec::new(), of_ctrs: Vec::new() };
        if let (None, None) = (content.one_hots.first(), content.ctrs.first()) {
            let all = numbers.iter().copied().eq(0..features(content));
            return Ok((if all { Vec::new() } else { vec![Step::Select(numbers)] }, columns));
        }
    }
    let found = Found::new(content);
    let mut positions = Vec::with_capacity(content.one_hots.len());
    for (place, one_hot) in content.one_hots.iter().enumerate() {
        let category = found.category(one_hot.category as i64);
        let category = category.ok_or_else(|| found.no_feature(format!("OneHotFeatures[{place}]")))?;
        positions
            .push(Positions { category, hashes: one_hot.hashes.iter().map(|hash| *hash as u32).collect() });
    }
    let first_statistic = numbers.len() + positions.len();
    let of_one_hots = (numbers.len()..first_statistic).collect();
    let (tables, places) = tables(&found)?;
    let starts: Vec<usize> = tables
        .iter()
        .scan(first_statistic, |end, table| {
            *end += table.columns.len();
            Some(*end - table.columns.len())
        })
        .collect();
    let columns = Columns {
        count: first_statistic + content.ctrs.len(),
        of_one_hots,
        of_ctrs: places.into_iter().map(|(table, column)| starts[table] + column).collect(),
    };
    let categories = content.categories.iter().map(|category| category.position).collect();
    let statistics = TargetStatistics { numbers, categories, positions, tables };
    Ok((vec![Step::TargetStatistics(statistics)], columns))
}

/// Number of features: what is at no position is of no use.
pub(super) fn features(content: &Content<'_>) -> usize {
    content.features().map(|feature| feature.position + 1).max().unwrap_or(0)
}

/// A content whose features are found by their index.
struct Found<'c> {
    content: &'c Content<'c>,
    numbers: HashMap<usize, usize>,
    categories: HashMap<usize, usize>,
}

impl<'c> Found<'c> {
    fn new(content: &'c Content<'_>) -> Self {
        let numbers = content.numbers.iter().enumerate();
        let categories = content.categories.iter().enumerate();
        Self {
            numbers: numbers.map(|(place, number)| (number.feature.index, place)).collect(),
            categories: categories.map(|(place, category)| (category.index, place)).collect(),
            content,
        }
    }

    fn category(&self, index: i64) -> Option<usize> {
        self.categories.get(&usize::try_from(index).ok()?).copied()
    }

    fn no_feature(&self, place: impl Into<String>) -> FormatError {
        self.content.invalid(place, "it is about a feature that does not exist")
    }

    fn part(&self, part: CtrPart) -> Option<Part> {
        Some(match part {
            CtrPart::Category(index) => Part::Category(self.category(index.into())?),
            CtrPart::Is(index, hash) => {
                Part::Is { category: self.category(index.into())?, hash: hash as u32 }
            }
            CtrPart::Above(index, border) => {
                let number = *self.numbers.get(&usize::try_from(index).ok()?)?;
                let missing = self.content.numbers[number].missing_above;
                Part::Above { number, threshold: f32::from_bits(border), missing }
            }
        })
    }
}

/// A table, and a column in it.
type Place = (usize, usize);

/// The tables of all statistics, each once, and for each statistic its table and column.
fn tables(found: &Found<'_>) -> Result<(Vec<Table>, Vec<Place>), FormatError> {
    let content = found.content;
    let mut tables: Vec<Table> = Vec::new();
    let mut table_of: HashMap<&CtrBase, usize> = HashMap::new();
    let mut places = Vec::with_capacity(content.ctrs.len());
    for (number, ctr) in content.ctrs.iter().enumerate() {
        let place = || format!("CtrFeatures[{number}]");
        let counts = content.tables.get(&ctr.base);
        let counts = counts.ok_or_else(|| content.invalid(place(), "its statistics are not in the file"))?;
        let table = match table_of.get(&ctr.base) {
            Some(table) => *table,
            None => {
                let parts: Option<Vec<Part>> = ctr.base.parts.iter().map(|part| found.part(*part)).collect();
                let parts = parts.ok_or_else(|| found.no_feature(place()))?;
                content.budget.take(content.kind, counts.hashes.len(), size_of::<u64>())?;
                tables.push(Table { parts, hashes: counts.hashes.clone(), columns: Vec::new() });
                table_of.insert(&ctr.base, tables.len() - 1);
                tables.len() - 1
            }
        };
        content.budget.take(content.kind, counts.hashes.len(), size_of::<f32>())?;
        let statistic = statistic(ctr, counts).ok_or_else(|| {
            content.error(Problem::Invalid { detail: "its statistics are cut short".into() }).at(place())
        })?;
        places.push((table, tables[table].columns.len()));
        tables[table].columns.push(statistic);
    }
    Ok((tables, places))
}

/// The numbers of a statistic; `None` where a row is not in the table.
fn statistic(ctr: &Ctr, table: &CtrTable) -> Option<Statistic> {
    let value = |good: f32, total: f32| {
        let share = (good + ctr.prior_numerator) / (total + ctr.prior_denominator);
        (share + ctr.shift) * ctr.scale
    };
    let denominator = table.denominator as f32;
    let of_row = |row: u32| -> Option<f32> {
        let (row, border) = (row as usize, ctr.target_border);
        match &table.values {
            CtrValues::Means(means) => {
                let (sum, count) = *means.get(row)?;
                Some(value(sum, count as f32))
            }
            CtrValues::Counts(counts, width) => {
                let start = row.checked_mul(*width)?;
                let counts = counts.get(start..start.checked_add(*width)?)?;
                let total = counts.iter().fold(0i32, |sum, count| sum.wrapping_add(*count));
                match (ctr.base.kind, counts) {
                    (CtrType::Counter | CtrType::FeatureFreq, _) => {
                        Some(value(*counts.first()? as f32, denominator))
                    }
                    (CtrType::Buckets, _) => Some(value(*counts.get(border)? as f32, total as f32)),
                    (_, [_, second]) => Some(value(*second as f32, total as f32)),
                    (_, _) => {
                        let above = counts.get(border + 1..)?;
                        let good = above.iter().fold(0i32, |sum, count| sum.wrapping_add(*count));
                        Some(value(good as f32, total as f32))
                    }
                }
            }
        }
    };
    let unknown = match ctr.base.kind {
        CtrType::Counter | CtrType::FeatureFreq => value(0.0, denominator),
        CtrType::Borders
        | CtrType::Buckets
        | CtrType::BinarizedTargetMeanValue
        | CtrType::FloatTargetMeanValue => value(0.0, 0.0),
    };
    let known = table.rows.iter().map(|row| of_row(*row)).collect::<Option<_>>()?;
    Some(Statistic { known, unknown })
}
