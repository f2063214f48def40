//! Steps, estimator and head in order: the data, its check, its compiled form.

use crate::error::{ModelError, Refusal, expect_count};
use crate::estimator::Scorer;
use crate::infer::{Column, Facts};
use crate::kernel::Forest;
use crate::plan::{Block, Layout, Op, Rows, run};
use crate::predictor::Scratch;
use crate::{Estimator, Head, Step, step};

/// Largest number of columns that a transformation answers: every row of an answer holds all of them.
const MOST_TRANSFORMED: usize = 1 << 17;

/// Transformers in order, then, unless the whole is a transformer, an estimator and the head that turns its raw
/// scores into outputs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pipeline {
    /// The transformers, first one first.
    pub steps: Vec<Step>,
    /// Transformers that only the estimator's input goes through, and a transformation does not.
    pub scoring: Vec<Step>,
    /// The estimator at the end.
    pub estimator: Option<Fitted>,
    /// What the estimator does to the columns after `steps` where the library also calls it a transformer, as it
    /// does linear discriminants.
    pub transform: Option<Vec<Step>>,
    /// Whether a transformation is a vector, as that of labels is; it has one column then.
    pub flat: bool,
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
    /// Checks everything; the number of columns that come out where it is a transformer.
    pub(crate) fn infer(&self, columns: Vec<Column>, facts: &mut Facts) -> Result<Option<usize>, ModelError> {
        let columns = step::infer_all(&self.steps, columns, facts)?;
        if let Some(Fitted { estimator, head }) = &self.estimator {
            let columns = step::infer_all(&self.scoring, columns.clone(), facts)
                .map_err(|error| error.within("scoring"))?;
            let scores = estimator.infer(&columns, facts).map_err(|error| error.within("estimator"))?;
            head.check(scores)?;
        }
        let Some(steps) = self.transform_steps() else { return Ok(None) };
        let transformed = step::infer_all(steps, columns, facts);
        let transformed = transformed.map_err(|error| error.within("transform"))?;
        facts.look(&transformed);
        if transformed.len() > MOST_TRANSFORMED {
            let most = format!("at most {MOST_TRANSFORMED} columns, or an estimator behind them");
            return Err(ModelError::mismatch(most, transformed.len()).within("transform"));
        }
        if self.flat {
            expect_count("column of a vector", 1, transformed.len())
                .map_err(|error| error.within("transform"))?;
        }
        Ok(Some(transformed.len()))
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
    /// What only the estimator's input goes through, the estimator, and its head.
    estimator: Option<(Vec<Op>, Scorer, Head)>,
    /// The rest of a transformation, and its columns.
    transform: Option<(Vec<Op>, Layout)>,
}

impl PipelinePlan {
    pub(crate) fn new(pipeline: &Pipeline, layout: Layout) -> Self {
        let (ops, layout) = step::compile_all(&pipeline.steps, layout);
        let estimator = pipeline.estimator.as_ref();
        let estimator = estimator.map(|fitted| {
            let (ops, layout) = step::compile_all(&pipeline.scoring, layout.clone());
            (ops, fitted.estimator.compile(&layout), fitted.head.clone())
        });
        let transform = pipeline.transform_steps().map(|steps| step::compile_all(steps, layout));
        Self { ops, estimator, transform }
    }

    /// The columns of a transformation, where there is one.
    pub(crate) fn transformed(&self) -> Option<&Layout> {
        self.transform.as_ref().map(|(_, layout)| layout)
    }

    /// The trees of the estimator, for which there is a choice of kernels.
    pub(crate) fn forest(&self) -> Option<&Forest> {
        self.estimator.as_ref().and_then(|(_, scorer, _)| scorer.forest())
    }

    /// The head, where there is an estimator.
    pub(crate) fn head(&self) -> Option<&Head> {
        self.estimator.as_ref().map(|(_, _, head)| head)
    }

    /// Runs the whole transformation.
    pub(crate) fn transform<'a>(
        &self,
        block: Block<'a>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
    ) -> Result<Block<'a>, Refusal> {
        let block = run(&self.ops, block, rows, scratch)?;
        match &self.transform {
            Some((ops, _)) => run(ops, block, rows, scratch),
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
        let block = run(&self.ops, block, rows, scratch)?;
        if let Some((ops, scorer, _)) = &self.estimator {
            let block = run(ops, block, rows, scratch)?;
            scorer.scores(&block, rows, scratch, raw)?;
            block.release(&mut scratch.pool);
        } else {
            block.release(&mut scratch.pool);
        }
        Ok(())
    }
}
