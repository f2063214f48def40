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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pipeline {
    /// The transformers, first one first.
    pub steps: Vec<Step>,
    /// The estimator at the end.
    pub estimator: Option<Fitted>,
    /// What the estimator does to the columns after `steps` where the library also calls it a transformer, as it
    /// does linear discriminants.
    pub transform: Option<Vec<Step>>,
}

/// A fitted estimator and the meaning of its raw scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Computes raw scores.
    pub estimator: Estimator,
    /// Turns raw scores into classes, probabilities or values.
    pub head: Head,
}

/// What comes out of a pipeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outputs {
    /// Number of raw scores, where there is an estimator.
    pub(crate) scores: Option<usize>,
    /// Number of columns, where it is a transformer.
    pub(crate) columns: Option<usize>,
}

impl Pipeline {
    /// Checks everything; what comes out.
    pub(crate) fn infer(&self, columns: Vec<Column>, facts: &mut Facts) -> Result<Outputs, ModelError> {
        let columns = step::infer_all(&self.steps, columns, facts)?;
        let scores = match &self.estimator {
            None => None,
            Some(Fitted { estimator, head }) => {
                let scores = estimator.infer(&columns, facts).map_err(|error| error.within("estimator"))?;
                head.check(scores)?;
                Some(scores)
            }
        };
        let transformed = match self.transform_steps() {
            None => None,
            Some(steps) => {
                let transformed = step::infer_all(steps, columns, facts);
                let transformed = transformed.map_err(|error| error.within("transform"))?;
                facts.look(&transformed);
                Some(transformed.len())
            }
        };
        Ok(Outputs { scores, columns: transformed })
    }

    /// The steps that follow `steps` in a transformation, where there is one.
    fn transform_steps(&self) -> Option<&[Step]> {
        match (&self.transform, &self.estimator) {
            (Some(steps), _) => Some(steps),
            (None, None) => Some(&[]),
            (None, Some(_)) => None,
        }
    }
}

/// A compiled [`Pipeline`].
#[derive(Debug)]
pub(crate) struct PipelinePlan {
    ops: Vec<Op>,
    estimator: Option<(Scorer, Head)>,
    /// The rest of a transformation, and its columns.
    transform: Option<(Vec<Op>, Layout)>,
}

impl PipelinePlan {
    pub(crate) fn new(pipeline: &Pipeline, layout: Layout) -> Self {
        let (ops, layout) = step::compile_all(&pipeline.steps, layout);
        let estimator = pipeline.estimator.as_ref();
        let estimator = estimator.map(|fitted| (fitted.estimator.compile(&layout), fitted.head.clone()));
        let transform = pipeline.transform_steps().map(|steps| step::compile_all(steps, layout));
        Self { ops, estimator, transform }
    }

    /// The columns of a transformation, where there is one.
    pub(crate) fn transformed(&self) -> Option<&Layout> {
        self.transform.as_ref().map(|(_, layout)| layout)
    }

    /// The head, where there is an estimator.
    pub(crate) fn head(&self) -> Option<&Head> {
        self.estimator.as_ref().map(|(_, head)| head)
    }

    /// Runs the whole transformation.
    pub(crate) fn transform<'a>(
        &self,
        block: Block<'a>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
    ) -> Result<Block<'a>, Refusal> {
        let block = run(&self.ops, block, rows, &mut scratch.pool)?;
        match &self.transform {
            Some((ops, _)) => run(ops, block, rows, &mut scratch.pool),
            None => Ok(block),
        }
    }

    /// Runs the steps and the estimator; `raw`, which is empty, gets the raw scores.
    pub(crate) fn scores(
        &self,
        block: Block<'_>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
        raw: &mut Vec<f64>,
    ) -> Result<(), Refusal> {
        let block = run(&self.ops, block, rows, &mut scratch.pool)?;
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
