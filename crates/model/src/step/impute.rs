//! Constants in place of missing values, and indicators of what was missing.

use foretell_frame::{Cell, Kind};

use super::Accepts;
use crate::error::{ModelError, Problem, Refusal, expect_index};
use crate::infer::{Column, Facts, one_each};
use crate::plan::{Block, Layout, Located, Op, Place, Pool, Replace, Rows, TextSource};

/// Replaces missing values. Infinite values are refused, as scikit-learn does.
#[derive(Debug, Clone, PartialEq)]
pub struct Impute {
    /// What is replaced: [`Cell::Missing`], or a value that stands for it, in which case a really missing value
    /// is refused, as scikit-learn does.
    pub marker: Cell,
    /// The replacement per input column; `None` drops the column (it was empty in training), and
    /// [`Cell::Missing`] leaves it missing.
    pub fill: Vec<Option<Cell>>,
    /// Input columns that get an indicator (0 or 1) appended, in this order.
    pub indicators: Vec<usize>,
    /// Input columns that must not be missing, because they never were in training and an indicator was fitted
    /// with `error_on_new`.
    pub refuse_missing: Vec<usize>,
}

impl Impute {
    pub(crate) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        one_each("replacements", &self.fill, columns)?;
        for &column in self.indicators.iter().chain(&self.refuse_missing) {
            expect_index("a column", column, columns.len())?;
        }
        let natural = self.marker == Cell::Missing;
        let mut output = Vec::new();
        for (position, (column, fill)) in columns.iter().zip(&self.fill).enumerate() {
            for cell in [Some(&self.marker), fill.as_ref()].into_iter().flatten() {
                match cell {
                    Cell::Number(_) => facts.demand(column, Kind::Number)?,
                    Cell::Text(_) => facts.demand(column, Kind::Text)?,
                    Cell::Missing => {}
                }
            }
            if let Some(Cell::Number(value)) = fill {
                facts.example(column, *value);
            }
            let refused = !natural || self.refuse_missing.contains(&position);
            let mut after = facts.accept(*column, Accepts { missing: !refused, infinite: false });
            match fill {
                Some(Cell::Missing) => output.push(after),
                Some(Cell::Number(_) | Cell::Text(_)) => {
                    after.missing = None;
                    // Behind a marker the column holds other values than its feature.
                    after.raw = after.raw.filter(|_| natural);
                    output.push(after);
                }
                None => {}
            }
        }
        output.extend(self.indicators.iter().map(|_| Column::COMPUTED));
        Ok(output)
    }

    pub(crate) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let mut columns = Vec::new();
        let mut plan = ImputePlan { numbers: Vec::new(), indicators: Vec::new(), refused: Vec::new() };
        for (located, fill) in layout.columns.iter().zip(&self.fill) {
            let Some(fill) = fill else { continue };
            let place = match &located.place {
                Place::Number(position) => {
                    let fill = match fill {
                        Cell::Number(fill) => *fill,
                        Cell::Text(_) | Cell::Missing => f64::NAN,
                    };
                    plan.numbers.push((*position, self.number_marker(), fill));
                    Place::Number(plan.numbers.len() - 1)
                }
                Place::Text(source) => {
                    let mut source = source.clone();
                    source.replace.push(Replace { marker: text(&self.marker), fill: text(fill) });
                    Place::Text(source)
                }
                Place::Unused => Place::Unused,
            };
            columns.push(Located { place, feature: located.feature });
        }
        for &column in &self.indicators {
            plan.indicators.push(self.probe(column, layout));
            let position = plan.numbers.len() + plan.indicators.len() - 1;
            columns.push(Located { place: Place::Number(position), feature: None });
        }
        plan.refused = self.refused(layout);
        let guard = layout.guard(Accepts { missing: true, infinite: false });
        (vec![guard, Op::Impute(plan)], Layout { columns })
    }

    /// What is refused: missing values everywhere behind a marker, and what was never missing in training.
    fn refused(&self, layout: &Layout) -> Vec<Refuse> {
        let natural = self.marker == Cell::Missing;
        let all = (0..layout.columns.len()).filter(|_| !natural);
        let missing = all.map(|column| (column, Probe::missing(&layout.columns[column])));
        let new = self.refuse_missing.iter().map(|&column| (column, self.probe(column, layout)));
        missing
            .chain(new)
            .map(|(column, probe)| Refuse { column, feature: layout.columns[column].feature, probe })
            .collect()
    }

    fn probe(&self, column: usize, layout: &Layout) -> Probe {
        match &layout.columns[column].place {
            Place::Number(position) => Probe::Number(*position, self.number_marker()),
            Place::Text(source) => Probe::Text(source.clone(), text(&self.marker)),
            Place::Unused => Probe::Never,
        }
    }

    fn number_marker(&self) -> f64 {
        match self.marker {
            Cell::Number(marker) => marker,
            Cell::Text(_) | Cell::Missing => f64::NAN,
        }
    }
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.clone()),
        Cell::Number(_) | Cell::Missing => None,
    }
}

fn is(value: f64, marker: f64) -> bool {
    value == marker || (value.is_nan() && marker.is_nan())
}

/// Tells whether a column of a row is missing.
#[derive(Debug)]
enum Probe {
    /// A position of the block and its marker; NaN stands for missing.
    Number(usize, f64),
    /// A text column and its marker; `None` stands for missing.
    Text(TextSource, Option<String>),
    /// Nothing looks at the column.
    Never,
}

impl Probe {
    fn missing(located: &Located) -> Self {
        match &located.place {
            Place::Number(position) => Self::Number(*position, f64::NAN),
            Place::Text(source) => Self::Text(source.clone(), None),
            Place::Unused => Self::Never,
        }
    }

    fn holds(&self, block: &Block<'_>, rows: &Rows<'_>, row: usize) -> bool {
        match self {
            Self::Number(position, marker) => is(block.row(row)[*position], *marker),
            Self::Text(source, marker) => source.get(rows.frame, rows.start + row) == marker.as_deref(),
            Self::Never => false,
        }
    }
}

#[derive(Debug)]
struct Refuse {
    column: usize,
    feature: Option<usize>,
    probe: Probe,
}

/// A compiled [`Impute`].
#[derive(Debug)]
pub(crate) struct ImputePlan {
    /// Per numeric output: position in the input block, marker, replacement.
    numbers: Vec<(usize, f64, f64)>,
    indicators: Vec<Probe>,
    refused: Vec<Refuse>,
}

impl ImputePlan {
    pub(crate) fn apply(
        &self,
        block: &Block<'_>,
        rows: &Rows<'_>,
        pool: &mut Pool,
    ) -> Result<Block<'static>, Refusal> {
        let mut output = pool.take();
        for row in 0..rows.count {
            for Refuse { column, feature, probe } in &self.refused {
                if probe.holds(block, rows, row) {
                    let (row, column, feature) = (rows.start + row, *column, *feature);
                    return Err(Refusal { row, column, feature, problem: Problem::Missing });
                }
            }
            let numbers = block.row(row);
            output.extend(self.numbers.iter().map(|&(position, marker, fill)| {
                let value = numbers[position];
                if is(value, marker) { fill } else { value }
            }));
            let indicator = |probe: &Probe| f64::from(u8::from(probe.holds(block, rows, row)));
            output.extend(self.indicators.iter().map(indicator));
        }
        Ok(Block::owned(self.numbers.len() + self.indicators.len(), output))
    }
}
