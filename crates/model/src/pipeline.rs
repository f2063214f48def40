//! Steps, estimator and head in order: the data, its check, its compiled form.

use foretell_frame::Method;

use crate::error::{ModelError, Refusal};
use crate::estimator::Scorer;
use crate::infer::{Column, Facts};
use crate::plan::{Block, Layout, Op, Rows, run};
use crate::predictor::Scratch;
use crate::{Estimator, Head, Step, step};

/// Transformers in order, then, unless the whole is a transformer, an estimator and the head that turns its raw
/// scores into outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// The transformers, first one first.
    pub steps: Vec<Step>,
    /// The estimator at the end.
    pub estimator: Option<Fitted>,
}

/// A fitted estimator and the meaning of its raw scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Computes raw scores.
    pub estimator: Estimator,
    /// Turns raw scores into classes, probabilities or values.
    pub head: Head,
}

impl Pipeline {
    /// Checks the steps; the columns that come out of them.
    fn infer_steps(&self, columns: Vec<Column>, facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        step::infer_all(&self.steps, columns, facts)
    }

    /// Checks everything; the number of raw scores, or of columns where there is no estimator.
    pub(crate) fn infer_outputs(&self, columns: Vec<Column>, facts: &mut Facts) -> Result<usize, ModelError> {
        let columns = self.infer_steps(columns, facts)?;
        let Some(Fitted { estimator, head }) = &self.estimator else {
            facts.look(&columns);
            return Ok(columns.len());
        };
        let outputs = estimator.infer(&columns, facts).map_err(|error| error.within("estimator"))?;
        head.check(outputs)?;
        Ok(outputs)
    }
}

/// A compiled [`Pipeline`].
#[derive(Debug)]
pub(crate) struct PipelinePlan {
    ops: Vec<Op>,
    /// The columns after the steps.
    pub(crate) layout: Layout,
    estimator: Option<(Scorer, Head)>,
}

impl PipelinePlan {
    pub(crate) fn new(pipeline: &Pipeline, layout: Layout) -> Self {
        let (ops, layout) = step::compile_all(&pipeline.steps, layout);
        let estimator = pipeline.estimator.as_ref();
        let estimator = estimator.map(|fitted| (fitted.estimator.compile(&layout), fitted.head.clone()));
        Self { ops, layout, estimator }
    }

    /// The head, where there is an estimator.
    pub(crate) fn head(&self) -> Option<&Head> {
        self.estimator.as_ref().map(|(_, head)| head)
    }

    /// Runs the steps.
    pub(crate) fn transform<'a>(
        &self,
        block: Block<'a>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
    ) -> Result<Block<'a>, Refusal> {
        run(&self.ops, block, rows, &mut scratch.pool)
    }

    /// Runs the steps and the estimator; `raw`, which is empty, gets the raw scores.
    pub(crate) fn scores(
        &self,
        block: Block<'_>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
        raw: &mut Vec<f64>,
    ) -> Result<(), Refusal> {
        let block = self.transform(block, rows, scratch)?;
        if let Some((scorer, _)) = &self.estimator {
            scorer.scores(&block, rows, scratch, raw)?;
        }
        block.release(&mut scratch.pool);
        Ok(())
    }

    /// Appends what the head gives for a method, from raw scores.
    pub(crate) fn answer(&self, method: Method, raw: &[f64], rows: usize, values: &mut Vec<f64>) {
        if let Some(head) = self.head() {
            head.append(method, raw, rows, values);
        }
    }
}
