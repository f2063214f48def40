//! Steps compiled for execution: where every column stands is resolved, and what runs is a list of operations
//! on a block of numbers, dense and row-major or, behind the terms of texts, sparse. Text columns are never copied: a [`TextSource`] says which column of
//! the frame stands behind one, and what replaces its values.

use std::ops::ControlFlow;

use foretell_frame::{Frame, Kind, Schema, Slot};

use crate::error::{Problem, Refusal};
use crate::kernel::Dense;
use crate::predictor::Scratch;
use crate::sparse::SparseRows;
use crate::step::{
    Accepts, Arithmetic, BranchPlan, CodesPlan, CombinePlan, CurvesPlan, DataflowPlan, DatesPlan, EncodePlan,
    Function, HashKeysPlan, ImputeNearest, ImputePlan, MultiplyAddPlan, Normalize, PiecewiseLinear,
    PredictPlan, Products, Reduce, RefinementPlan, RepresentationPlan, Rowwise, SplinesPlan, StatisticsPlan,
    TermsPlan, Zip, apply_choice, apply_convolution, apply_parallel, apply_piecewise, apply_refinements,
    apply_table,
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
    Terms(Box<TermsPlan>),
    Impute(ImputePlan),
    ImputeNearest(ImputeNearest),
    Represent(Box<RepresentationPlan>),
    Convolve(usize),
    Encode(EncodePlan),
    Codes(CodesPlan),
    Dates(DatesPlan),
    HashKeys(HashKeysPlan),
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
    Refine(Vec<RefinementPlan>),
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
        Op::Guard(Guard::new(accepts, self))
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
    accepts: Accepts,
    /// Width of the block.
    width: usize,
    /// Feature behind each column of the block; none where all are computed of several.
    features: Vec<Option<usize>>,
}

impl Guard {
    pub(crate) fn new(accepts: Accepts, layout: &Layout) -> Self {
        let width = layout.width();
        let computed = layout.columns.iter().all(|column| column.feature.is_none());
        Self { accepts, width, features: if computed { Vec::new() } else { layout.features() } }
    }

    /// Fails on the first row with a number that is not accepted. `first_row` is the number of the block's first
    /// row, for the message.
    pub(crate) fn check(&self, numbers: &[f64], first_row: usize) -> Result<(), Refusal> {
        let all_finite = numbers.iter().fold(true, |finite, x| finite & x.is_finite());
        if all_finite {
            return Ok(());
        }
        match numbers.iter().position(|x| self.refuses(*x)) {
            Some(position) => Err(self.refusal(numbers[position], position, first_row)),
            None => Ok(()),
        }
    }

    /// The same for rows that hold only some of their columns.
    pub(crate) fn check_sparse(&self, sparse: &SparseRows, first_row: usize) -> Result<(), Refusal> {
        for (row, (columns, values)) in sparse.rows().enumerate() {
            if let Some(at) = values.iter().position(|x| self.refuses(*x)) {
                let position = row * self.width + columns[at] as usize;
                return Err(self.refusal(values[at], position, first_row));
            }
        }
        Ok(())
    }

    fn refuses(&self, x: f64) -> bool {
        let Accepts { missing, infinite } = self.accepts;
        (x.is_nan() && !missing) || (x.is_infinite() && !infinite)
    }

    /// The refusal of a number at a position of the block.
    pub(crate) fn refusal(&self, number: f64, position: usize, first_row: usize) -> Refusal {
        let (row, column) = (position / self.width, position % self.width);
        let problem = if number.is_nan() { Problem::Missing } else { Problem::Infinite };
        let feature = self.features.get(column).copied().flatten();
        Refusal { row: first_row + row, column, feature, problem }
    }
}

/// Buffers that are not in use, kept so that their memory is reused.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    dense: Vec<Vec<f64>>,
    sparse: Vec<SparseRows>,
}

impl Pool {
    /// An empty buffer.
    pub(crate) fn take(&mut self) -> Vec<f64> {
        let mut buffer = self.dense.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// Takes a buffer back.
    pub(crate) fn give(&mut self, buffer: Vec<f64>) {
        self.dense.push(buffer);
    }

    /// No rows yet.
    pub(crate) fn take_sparse(&mut self) -> SparseRows {
        let mut rows = self.sparse.pop().unwrap_or_default();
        rows.clear();
        rows
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
    Sparse(SparseRows),
}

/// A block of numbers: dense and row-major, or rows that hold only what is not 0.
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

    pub(crate) fn sparse(width: usize, rows: SparseRows) -> Self {
        Self { width, numbers: Numbers::Sparse(rows) }
    }

    /// The numbers of a dense block; a sparse one has none here.
    pub(crate) fn numbers(&self) -> &[f64] {
        match &self.numbers {
            Numbers::Borrowed(numbers) => numbers,
            Numbers::Owned(numbers) => numbers,
            Numbers::Sparse(_) => &[],
        }
    }

    /// The rows of a sparse block.
    pub(crate) fn sparse_rows(&self) -> Option<&SparseRows> {
        match &self.numbers {
            Numbers::Sparse(rows) => Some(rows),
            Numbers::Borrowed(_) | Numbers::Owned(_) => None,
        }
    }

    /// The same block with all its numbers.
    pub(crate) fn dense(self, pool: &mut Pool) -> Self {
        let Numbers::Sparse(rows) = &self.numbers else { return self };
        let mut numbers = pool.take();
        rows.densify(self.width, &mut numbers);
        let width = self.width;
        self.release(pool);
        Self::owned(width, numbers)
    }

    /// The numbers of one row of a dense block.
    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.numbers()[row * self.width..(row + 1) * self.width]
    }

    /// Gives the buffer back to the pool.
    pub(crate) fn release(self, pool: &mut Pool) {
        match self.numbers {
            Numbers::Owned(buffer) => pool.give(buffer),
            Numbers::Sparse(rows) => pool.sparse.push(rows),
            Numbers::Borrowed(_) => {}
        }
    }

    /// The numbers for changing in place, copied first if they belong to the frame.
    fn in_place(self, pool: &mut Pool) -> (usize, Vec<f64>) {
        let width = self.width;
        match self.numbers {
            Numbers::Owned(buffer) => (width, buffer),
            Numbers::Borrowed(numbers) => {
                let mut buffer = pool.take();
                buffer.extend_from_slice(numbers);
                (width, buffer)
            }
            Numbers::Sparse(rows) => {
                let mut buffer = pool.take();
                rows.densify(width, &mut buffer);
                pool.sparse.push(rows);
                (width, buffer)
            }
        }
    }

    /// A copy of a sparse block, of all columns or of some in ascending order; `None` where that cannot stay sparse.
    pub(crate) fn gather_sparse(
        &self,
        positions: Option<&[usize]>,
        pool: &mut Pool,
    ) -> Option<Block<'static>> {
        let rows = self.sparse_rows()?;
        if positions.is_some_and(|positions| !positions.is_sorted_by(|a, b| a < b)) {
            return None;
        }
        let mut kept = pool.take_sparse();
        match positions {
            Some(positions) => rows.select(positions, &mut kept),
            None => kept.copy_from(rows),
        }
        Some(Block::sparse(positions.map_or(self.width, <[usize]>::len), kept))
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
        let block = match self.apply_sparse(block, rows, scratch)? {
            ControlFlow::Break(done) => return Ok(done),
            ControlFlow::Continue(block) => block.dense(&mut scratch.pool),
        };
        let pool = &mut scratch.pool;
        let replaced = match self {
            Self::Guard(guard) => {
                guard.check(block.numbers(), rows.start)?;
                return Ok(block);
            }
            Self::Scale(operations) => {
                let (width, mut numbers) = block.in_place(pool);
                operations.iter().for_each(|operation| operation.apply(&mut numbers));
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
            Self::Refine(refinements) => {
                let (width, numbers) = block.in_place(pool);
                return apply_refinements(refinements, width, numbers, rows, scratch);
            }
            Self::Gather(positions) => block.gather(positions, rows, pool),
            Self::Terms(terms) => terms.apply(rows, scratch)?,
            Self::Impute(impute) => impute.apply(&block, rows, pool)?,
            Self::ImputeNearest(impute) => impute.apply(&block, rows, pool),
            Self::Represent(representation) => representation.apply(&block, rows, pool)?,
            Self::Convolve(parts) => {
                let (mut memory, mut convolved) = (pool.take(), pool.take());
                let width =
                    apply_convolution(*parts, block.numbers(), block.width, &mut memory, &mut convolved);
                pool.give(memory);
                Block::owned(width, convolved)
            }
            Self::Products(products) => products.apply(&block, rows, pool),
            Self::Splines(splines) => splines.apply(&block, rows, pool)?,
            Self::Encode(encode) => encode.apply(&block, rows, pool)?,
            Self::Dates(dates) => dates.apply(rows, pool)?,
            Self::HashKeys(hash) => hash.apply(&block, rows, scratch)?,
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
    /// Works on a sparse block where that gives the numbers of the dense one; a block that has to be dense comes back.
    fn apply_sparse<'a>(
        &self,
        mut block: Block<'a>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
    ) -> Result<ControlFlow<Block<'a>, Block<'a>>, Refusal> {
        let Numbers::Sparse(sparse) = &mut block.numbers else { return Ok(ControlFlow::Continue(block)) };
        let replaced = match self {
            Self::Guard(guard) => {
                guard.check_sparse(sparse, rows.start)?;
                return Ok(ControlFlow::Break(block));
            }
            Self::Scale(operations) if operations.iter().all(Arithmetic::keeps_zero) => {
                operations.iter().for_each(|operation| operation.apply_sparse(sparse));
                return Ok(ControlFlow::Break(block));
            }
            Self::Normalize(normalize) => {
                sparse.each_row(|row| normalize.apply(row, row.len()));
                return Ok(ControlFlow::Break(block));
            }
            Self::Elementwise(functions) if functions.iter().all(|function| function.keeps_zero()) => {
                sparse.each_row(|row| functions.iter().for_each(|function| function.apply(row)));
                return Ok(ControlFlow::Break(block));
            }
            Self::Gather(positions) => match block.gather_sparse(Some(positions), &mut scratch.pool) {
                Some(gathered) => gathered,
                None => return Ok(ControlFlow::Continue(block)),
            },
            Self::Parallel(branches) => apply_parallel(branches, &block, rows, scratch)?,
            Self::Predict(predict) => predict.apply(&block, rows, scratch)?,
            Self::Project(dense) => {
                let mut sums = scratch.pool.take();
                dense.apply_sparse(sparse, &mut sums);
                Block::owned(dense.outputs(), sums)
            }
            Self::Scale(_)
            | Self::Elementwise(_)
            | Self::Curves(_)
            | Self::Products(_)
            | Self::Splines(_)
            | Self::Terms(_)
            | Self::Impute(_)
            | Self::ImputeNearest(_)
            | Self::Represent(_)
            | Self::Convolve(_)
            | Self::Encode(_)
            | Self::Codes(_)
            | Self::Dates(_)
            | Self::HashKeys(_)
            | Self::Rowwise(_)
            | Self::Interpolate(_)
            | Self::Refine(_)
            | Self::MultiplyAdd(_)
            | Self::Dataflow(_)
            | Self::Zip(_)
            | Self::Reduce(_)
            | Self::Table(_)
            | Self::Choose
            | Self::Statistics(_)
            | Self::Combine(_) => return Ok(ControlFlow::Continue(block)),
        };
        block.release(&mut scratch.pool);
        Ok(ControlFlow::Break(replaced))
    }
}
