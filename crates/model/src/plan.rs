//! Steps compiled for execution: where every column stands is resolved, and what runs is a list of operations
//! on a dense row-major block of numbers. Text columns are never copied: a [`TextSource`] says which column of
//! the frame stands behind one, and what replaces its values.

use foretell_frame::{Frame, Kind, Schema, Slot};

use crate::error::{Problem, Refusal};
use crate::kernel::Dense;
use crate::predictor::Scratch;
use crate::step::{
    Accepts, Arithmetic, BranchPlan, CodesPlan, CombinePlan, CurvesPlan, DataflowPlan, EncodePlan, Function,
    ImputePlan, MultiplyAddPlan, Normalize, PiecewiseLinear, PredictPlan, Products, Reduce, Rowwise,
    SplinesPlan, StatisticsPlan, Zip, apply_choice, apply_parallel, apply_piecewise, apply_table,
};

/// One operation on the block of numbers.
#[derive(Debug)]
pub(crate) enum Op {
    Scale(Vec<Arithmetic>),
    Normalize(Normalize),
    Elementwise(Vec<Function>),
    Curves(CurvesPlan),
    Products(Products),
    Splines(SplinesPlan),
    Guard(Guard),
    Gather(Vec<usize>),
    Impute(ImputePlan),
    Encode(EncodePlan),
    Codes(CodesPlan),
    Statistics(StatisticsPlan),
    Parallel(Vec<BranchPlan>),
    Project(Dense<f64>),
    Predict(Box<PredictPlan>),
    Rowwise(Rowwise),
    Interpolate(Vec<PiecewiseLinear>),
    Combine(CombinePlan),
    MultiplyAdd(MultiplyAddPlan),
    Dataflow(DataflowPlan),
    Zip(Zip),
    Reduce(Reduce),
    Table(Vec<f64>),
    Choose,
}

/// Replaces a text: of a missing value, or of one that equals a marker.
#[derive(Debug, Clone)]
pub(crate) struct Replace {
    /// What is replaced: a text, or the missing value.
    pub(crate) marker: Option<String>,
    /// What it becomes: a text, or missing.
    pub(crate) fill: Option<String>,
}

/// A text column: one of the frame, and replacements in order.
#[derive(Debug, Clone)]
pub(crate) struct TextSource {
    pub(crate) column: usize,
    pub(crate) replace: Vec<Replace>,
}

impl TextSource {
    /// The text of a row, `None` when it is missing.
    pub(crate) fn get<'a>(&'a self, frame: &'a Frame, row: usize) -> Option<&'a str> {
        let mut text = frame.texts()[self.column].get(row);
        for replace in &self.replace {
            if text == replace.marker.as_deref() {
                text = replace.fill.as_deref();
            }
        }
        text
    }
}

/// Where one column of a step's input stands.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// At this position of the block.
    Number(usize),
    /// In the frame.
    Text(TextSource),
    /// Nowhere: the pipeline never looks at it.
    Unused,
}

/// One column of a step's input: where it stands, and the feature whose values it holds, computed with or not.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    pub(crate) place: Place,
    pub(crate) feature: Option<usize>,
}

/// Where the columns of a step's input stand.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) columns: Vec<Located>,
}

impl Layout {
    /// The columns of a frame with this schema.
    pub(crate) fn of_schema(schema: &Schema) -> Self {
        let place = |slot: &Slot| match slot {
            Slot::Number(position) => Place::Number(*position),
            Slot::Text(column) => Place::Text(TextSource { column: *column, replace: Vec::new() }),
            Slot::Unused => Place::Unused,
        };
        let located = |(position, slot)| Located { place: place(slot), feature: Some(position) };
        Self { columns: schema.slots().iter().enumerate().map(located).collect() }
    }

    /// `count` computed columns, all of a feature or of none.
    pub(crate) fn computed(features: impl IntoIterator<Item = Option<usize>>) -> Self {
        let located = |(position, feature)| Located { place: Place::Number(position), feature };
        Self { columns: features.into_iter().enumerate().map(located).collect() }
    }

    /// Number of numeric columns: the width of the block.
    pub(crate) fn width(&self) -> usize {
        self.columns.iter().filter(|column| column.kind() == Kind::Number).count()
    }

    /// The features behind the numeric columns, in the order of the block.
    pub(crate) fn features(&self) -> Vec<Option<usize>> {
        let mut features = vec![None; self.width()];
        for column in &self.columns {
            if let Place::Number(position) = column.place {
                features[position] = column.feature;
            }
        }
        features
    }

    /// Some of the columns in this order: the positions to copy from this layout's block, and the new layout.
    pub(crate) fn gather(&self, columns: &[usize]) -> (Vec<usize>, Self) {
        let mut positions = Vec::new();
        let gathered = columns
            .iter()
            .map(|&column| {
                let Located { place, feature } = &self.columns[column];
                let place = match place {
                    Place::Number(position) => {
                        positions.push(*position);
                        Place::Number(positions.len() - 1)
                    }
                    Place::Text(_) | Place::Unused => place.clone(),
                };
                Located { place, feature: *feature }
            })
            .collect();
        (positions, Self { columns: gathered })
    }

    /// An operation that refuses what is not accepted.
    pub(crate) fn guard(&self, accepts: Accepts) -> Op {
        Op::Guard(Guard { accepts, features: self.features() })
    }
}

impl Located {
    pub(crate) fn kind(&self) -> Kind {
        match self.place {
            Place::Number(_) => Kind::Number,
            Place::Text(_) => Kind::Text,
            Place::Unused => Kind::Unused,
        }
    }
}

/// Refuses numbers that the next operation does not accept.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) accepts: Accepts,
    /// Feature behind each column of the block.
    pub(crate) features: Vec<Option<usize>>,
}

impl Guard {
    /// Fails on the first row with a number that is not accepted. `first_row` is the number of the block's first
    /// row, for the message.
    pub(crate) fn check(&self, numbers: &[f64], first_row: usize) -> Result<(), Refusal> {
        let all_finite = numbers.iter().fold(true, |finite, x| finite & x.is_finite());
        if all_finite {
            return Ok(());
        }
        let Accepts { missing, infinite } = self.accepts;
        let refused = |x: &f64| (x.is_nan() && !missing) || (x.is_infinite() && !infinite);
        match numbers.iter().position(refused) {
            Some(position) => Err(self.refusal(numbers[position], position, first_row)),
            None => Ok(()),
        }
    }

    /// The refusal of a number at a position of the block.
    pub(crate) fn refusal(&self, number: f64, position: usize, first_row: usize) -> Refusal {
        let (row, column) = (position / self.features.len(), position % self.features.len());
        let problem = if number.is_nan() { Problem::Missing } else { Problem::Infinite };
        Refusal { row: first_row + row, column, feature: self.features[column], problem }
    }
}

/// Buffers that are not in use, kept so that their memory is reused.
#[derive(Debug, Default)]
pub(crate) struct Pool(Vec<Vec<f64>>);

impl Pool {
    /// An empty buffer.
    pub(crate) fn take(&mut self) -> Vec<f64> {
        let mut buffer = self.0.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// Takes a buffer back.
    pub(crate) fn give(&mut self, buffer: Vec<f64>) {
        self.0.push(buffer);
    }
}

/// The rows that are being worked on.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) frame: &'a Frame,
    /// Number of the first row in the frame.
    pub(crate) start: usize,
    /// How many rows.
    pub(crate) count: usize,
}

/// Numbers that belong to the frame or to a buffer of the pool.
#[derive(Debug)]
pub(crate) enum Numbers<'a> {
    Borrowed(&'a [f64]),
    Owned(Vec<f64>),
}

/// A dense row-major block of numbers.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) width: usize,
    pub(crate) numbers: Numbers<'a>,
}

impl<'a> Block<'a> {
    pub(crate) fn borrowed(width: usize, numbers: &'a [f64]) -> Self {
        Self { width, numbers: Numbers::Borrowed(numbers) }
    }

    pub(crate) fn owned(width: usize, numbers: Vec<f64>) -> Self {
        Self { width, numbers: Numbers::Owned(numbers) }
    }

    pub(crate) fn numbers(&self) -> &[f64] {
        match &self.numbers {
            Numbers::Borrowed(numbers) => numbers,
            Numbers::Owned(numbers) => numbers,
        }
    }

    /// The numbers of one row.
    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.numbers()[row * self.width..(row + 1) * self.width]
    }

    /// Gives the buffer back to the pool.
    pub(crate) fn release(self, pool: &mut Pool) {
        if let Numbers::Owned(buffer) = self.numbers {
            pool.give(buffer);
        }
    }

    /// The numbers for changing in place, copied first if they belong to the frame.
    fn in_place(self, pool: &mut Pool) -> (usize, Vec<f64>) {
        match self.numbers {
            Numbers::Owned(buffer) => (self.width, buffer),
            Numbers::Borrowed(numbers) => {
                let mut buffer = pool.take();
                buffer.extend_from_slice(numbers);
                (self.width, buffer)
            }
        }
    }

    /// Some columns of the rows, in this order.
    pub(crate) fn gather(&self, positions: &[usize], rows: &Rows<'_>, pool: &mut Pool) -> Block<'static> {
        let mut buffer = pool.take();
        for row in 0..rows.count {
            let row = self.row(row);
            buffer.extend(positions.iter().map(|&position| row[position]));
        }
        Block::owned(positions.len(), buffer)
    }
}

/// Runs the operations in order on a block.
pub(crate) fn run<'a>(
    ops: &[Op],
    mut block: Block<'a>,
    rows: &Rows<'_>,
    scratch: &mut Scratch,
) -> Result<Block<'a>, Refusal> {
    for op in ops {
        block = op.apply(block, rows, scratch)?;
    }
    Ok(block)
}

impl Op {
    fn apply<'a>(
        &self,
        block: Block<'a>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
    ) -> Result<Block<'a>, Refusal> {
        let pool = &mut scratch.pool;
        let replaced = match self {
            Self::Guard(guard) => {
                guard.check(block.numbers(), rows.start)?;
                return Ok(block);
            }
            Self::Scale(operations) => {
                let (width, mut numbers) = block.in_place(pool);
                operations.iter().for_each(|operation| operation.apply(&mut numbers, width));
                return Ok(Block::owned(width, numbers));
            }
            Self::Normalize(normalize) => {
                let (width, mut numbers) = block.in_place(pool);
                normalize.apply(&mut numbers, width);
                return Ok(Block::owned(width, numbers));
            }
            Self::Elementwise(functions) => {
                let (width, mut numbers) = block.in_place(pool);
                functions.iter().for_each(|function| function.apply(&mut numbers));
                return Ok(Block::owned(width, numbers));
            }
            Self::Curves(curves) => {
                let (width, mut numbers) = block.in_place(pool);
                curves.apply(&mut numbers, rows.start)?;
                return Ok(Block::owned(width, numbers));
            }
            Self::Codes(codes) => {
                let (width, mut numbers) = block.in_place(pool);
                codes.apply(&mut numbers, width);
                return Ok(Block::owned(width, numbers));
            }
            Self::Rowwise(function) => {
                let (width, mut numbers) = block.in_place(pool);
                function.apply(&mut numbers, width);
                return Ok(Block::owned(width, numbers));
            }
            Self::Interpolate(functions) => {
                let (width, mut numbers) = block.in_place(pool);
                apply_piecewise(functions, &mut numbers);
                return Ok(Block::owned(width, numbers));
            }
            Self::Table(table) => {
                let (width, mut numbers) = block.in_place(pool);
                apply_table(table, &mut numbers, width, rows)?;
                return Ok(Block::owned(width, numbers));
            }
            Self::Gather(positions) => block.gather(positions, rows, pool),
            Self::Impute(impute) => impute.apply(&block, rows, pool)?,
            Self::Products(products) => products.apply(&block, rows, pool),
            Self::Splines(splines) => splines.apply(&block, rows, pool)?,
            Self::Encode(encode) => encode.apply(&block, rows, pool)?,
            Self::Statistics(statistics) => statistics.apply(&block, rows, pool)?,
            Self::Parallel(branches) => apply_parallel(branches, &block, rows, scratch)?,
            Self::Predict(predict) => predict.apply(&block, rows, scratch)?,
            Self::Combine(combine) => {
                let (mut order, mut combined) = (pool.take(), pool.take());
                combine.apply(block.numbers(), block.width, &mut order, &mut combined);
                pool.give(order);
                Block::owned(combine.width(), combined)
            }
            Self::MultiplyAdd(product) => product.apply(&block, rows, pool),
            Self::Dataflow(dataflow) => dataflow.apply(&block, rows, scratch)?,
            Self::Zip(zip) => {
                let mut zipped = pool.take();
                let width = zip.apply(block.numbers(), block.width, &mut zipped);
                Block::owned(width, zipped)
            }
            Self::Reduce(reduce) => {
                let mut reduced = pool.take();
                let width = reduce.apply(block.numbers(), block.width, &mut reduced);
                Block::owned(width, reduced)
            }
            Self::Choose => {
                let mut chosen = pool.take();
                let width = apply_choice(&block, rows, &mut chosen);
                Block::owned(width, chosen)
            }
            Self::Project(dense) => {
                let mut sums = pool.take();
                dense.apply(rows.count, block.numbers(), &mut sums);
                Block::owned(dense.outputs(), sums)
            }
        };
        block.release(&mut scratch.pool);
        Ok(replaced)
    }
}
