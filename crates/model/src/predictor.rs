//! A model compiled for serving.

use std::sync::Arc;

use foretell_frame::{Frame, Kind, Method, MethodSet, Predictions};

use crate::error::{PredictError, Refusal};
use crate::estimator::NeuralBuffers;
use crate::head::Wanted;
use crate::kernel::{Forest, ForestBuffers, Kernel, ObliviousBuffers};
use crate::pipeline::PipelinePlan;
use crate::plan::{Block, Layout, Located, Place, Pool, Rows};
use crate::step::TextBuffers;
use crate::{Estimator, Model};

/// Rows that go through the pipeline together: few enough that what lies between two steps stays in the cache.
const CHUNK: usize = 256;
/// Numbers in a block of them, which bounds memory where there are a million columns.
const CELLS: usize = 1 << 22;
/// Transformed rows alone.
const TRANSFORM: MethodSet = MethodSet::EMPTY.with(Method::Transform);

/// Memory that a prediction needs besides its input and its answer. Reusing it makes predictions free of
/// allocation; any predictor can use any scratch.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) pool: Pool,
    pub(crate) forest: ForestBuffers,
    /// The leaf each row ends in, per tree.
    pub(crate) leaves: Vec<f64>,
    pub(crate) oblivious: ObliviousBuffers,
    pub(crate) neural: NeuralBuffers,
    pub(crate) text: TextBuffers,
    /// The terms of one text by their columns, and what they count.
    pub(crate) terms: Vec<(u32, f64)>,
    /// A term that is put together.
    pub(crate) term: String,
}

/// Which kernels evaluate trees: the choice changes how long a prediction takes, and not one bit of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernels {
    /// For a frame of one row.
    pub one_row: Kernel,
    /// For larger frames.
    pub batch: Kernel,
}

impl Kernels {
    /// The same for all frames.
    pub fn all(kernel: Kernel) -> Self {
        Self { one_row: kernel, batch: kernel }
    }
}

/// A model compiled for serving: columns resolved, categories hashed, trees packed. It can be used by any number
/// of threads at once, each with its own [`Scratch`].
///
/// A row's answer does not depend on the rows beside it, bit for bit.
#[derive(Debug)]
pub struct Predictor {
    model: Arc<Model>,
    plan: PipelinePlan,
    /// The model's methods.
    methods: MethodSet,
    /// Whether a transformer's output has text columns.
    has_texts: bool,
    /// Rows that go through the pipeline together.
    chunk: usize,
    kernels: Kernels,
}

impl Predictor {
    /// Compiles a model.
    pub fn new(model: Arc<Model>) -> Self {
        let plan = PipelinePlan::new(model.pipeline(), Layout::of_schema(model.schema()));
        let columns = plan.transformed().map_or(&[][..], |layout| &layout.columns);
        let has_texts = columns.iter().any(|column| column.kind() == Kind::Text);
        let methods = model.methods();
        let chunk = (CELLS / model.widest().max(1)).clamp(1, CHUNK);
        Self { model, plan, methods, has_texts, chunk, kernels: Kernels::all(Kernel::Ranked) }
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The kernels that the estimator has on this processor, none where there is nothing to choose.
    pub fn choices(&self) -> Vec<Kernel> {
        let kernels: Vec<Kernel> = self.plan.forest().into_iter().flat_map(Forest::kernels).collect();
        if kernels.len() > 1 { kernels } else { Vec::new() }
    }

    /// Measures all kernels on rows made of the model's own thresholds and uses the fastest, one row and batches apart.
    pub fn choose_kernels(&mut self) {
        let trees = self.model.pipeline().estimator.as_ref().map(|fitted| &fitted.estimator);
        if let (Some(Estimator::Trees(trees)), Some(forest)) = (trees, self.plan.forest()) {
            let [one_row, batch] = forest.fastest(trees);
            self.kernels = Kernels { one_row, batch };
        }
    }

    /// The kernels it uses, where it has several.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// Chooses the kernels.
    pub fn set_kernels(&mut self, kernels: Kernels) {
        self.kernels = kernels;
    }

    /// The kinds of the columns of a transformer's output, in order. Where there are texts, numbers and texts
    /// stand in [`Predictions::table`], each in the order of the columns of their kind.
    pub fn output_kinds(&self) -> impl Iterator<Item = Kind> {
        self.transformed_columns().iter().map(|column| column.kind())
    }

    fn transformed_columns(&self) -> &[Located] {
        self.plan.transformed().map_or(&[], |layout| &layout.columns)
    }

    /// Predicts the rows of `frame`, which has the layout of the model's schema, and puts the output of each of
    /// `methods` into `out`. A transformer with text columns puts its rows into [`Predictions::table`]
    /// instead.
    ///
    /// # Errors
    /// The frame's layout, a method that the model does not have, or the first value that a part of the pipeline
    /// refuses. `out` holds nothing of use then.
    pub fn predict_into(
        &self,
        frame: &Frame,
        methods: MethodSet,
        scratch: &mut Scratch,
        out: &mut Predictions,
    ) -> Result<(), PredictError> {
        self.check(frame, methods)?;
        scratch.forest.kernel = if frame.rows() == 1 { self.kernels.one_row } else { self.kernels.batch };
        out.reset(frame.rows(), methods);
        if self.has_texts {
            self.reset_table(out);
        }
        let mut start = 0;
        while start < frame.rows() {
            let count = self.chunk.min(frame.rows() - start);
            let rows = Rows { frame, start, count };
            self.predict_rows(&rows, methods, scratch, out).map_err(|refusal| self.refused(refusal))?;
            start += count;
        }
        Ok(())
    }

    fn check(&self, frame: &Frame, methods: MethodSet) -> Result<(), PredictError> {
        let schema = self.model.schema();
        if (frame.width(), frame.texts().len()) != (schema.numbers(), schema.texts()) {
            return Err(PredictError::Layout {
                numbers: schema.numbers(),
                texts: schema.texts(),
                got_numbers: frame.width(),
                got_texts: frame.texts().len(),
            });
        }
        match methods.iter().find(|method| !self.methods.contains(*method)) {
            Some(method) => Err(PredictError::NoSuchMethod(method)),
            None => Ok(()),
        }
    }

    fn predict_rows(
        &self,
        rows: &Rows<'_>,
        methods: MethodSet,
        scratch: &mut Scratch,
        out: &mut Predictions,
    ) -> Result<(), Refusal> {
        let width = rows.frame.width();
        let numbers = &rows.frame.numbers()[rows.start * width..(rows.start + rows.count) * width];
        if methods.contains(Method::Transform) {
            let block = self.plan.transform(Block::borrowed(width, numbers), rows, scratch)?;
            let block = block.dense(&mut scratch.pool);
            self.transformed(&block, rows, out);
            block.release(&mut scratch.pool);
        }
        let Some(head) = self.plan.head().filter(|_| methods != TRANSFORM) else { return Ok(()) };
        let mut raw = scratch.pool.take();
        self.plan.scores(Block::borrowed(width, numbers), rows, scratch, &mut raw)?;
        let mut probabilities = scratch.pool.take();
        let wanted = Wanted { raw: &raw, rows: rows.count, methods };
        head.answer(wanted, &mut probabilities, out);
        scratch.pool.give(probabilities);
        scratch.pool.give(raw);
        Ok(())
    }

    fn reset_table(&self, out: &mut Predictions) {
        let count = |kind| self.transformed_columns().iter().filter(|column| column.kind() == kind).count();
        out.table_mut().reset(count(Kind::Number), count(Kind::Text));
    }

    /// Appends transformed rows: to the output, or to the table where there are texts.
    fn transformed(&self, block: &Block<'_>, rows: &Rows<'_>, out: &mut Predictions) {
        // The last step may have left its columns in another order than they stand in the block.
        let columns = self.transformed_columns();
        if !self.has_texts {
            let values = out.output_mut(Method::Transform).values_mut();
            for row in 0..rows.count {
                let row = block.row(row);
                values.extend(columns.iter().filter_map(|column| match &column.place {
                    Place::Number(position) => Some(row[*position]),
                    Place::Text(_) | Place::Unused => None,
                }));
            }
            return;
        }
        let table = out.table_mut();
        for row in 0..rows.count {
            let mut text = 0;
            for column in columns {
                if let Place::Text(source) = &column.place {
                    table.text_mut(text).push(source.get(rows.frame, rows.start + row));
                    text += 1;
                }
            }
        }
        let width = table.width();
        table.set_rows(rows.start + rows.count);
        for row in 0..rows.count {
            let target = &mut table.numbers_mut()[(rows.start + row) * width..][..width];
            let numbers = columns.iter().filter_map(|column| match &column.place {
                Place::Number(position) => Some(block.row(row)[*position]),
                Place::Text(_) | Place::Unused => None,
            });
            target.iter_mut().zip(numbers).for_each(|(target, value)| *target = value);
        }
    }

    fn refused(&self, Refusal { row, column, feature, problem }: Refusal) -> PredictError {
        let name = |feature: usize| format!("`{}`", self.model.schema().features()[feature].name);
        let column = feature.map_or_else(|| format!("column {column} inside the pipeline"), name);
        PredictError::Refused { row, feature, column, problem }
    }
}
