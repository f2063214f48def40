//! Predicting a batch: validation once, then the predictor, with memory that is reused.

use foretell_frame::{Frame, MethodSet, Predictions, Schema, Violation, validate};
use foretell_model::Scratch;

use crate::live::LiveModel;
use crate::pool::Overloaded;

/// How many things that are wrong with a batch are listed.
pub const MAX_VIOLATIONS: usize = 50;

/// Why a batch was not predicted.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// Rows are not what the model takes.
    #[error("{} values are not what the model takes", violations.len())]
    Invalid {
        /// What is wrong, up to a bound, in order of rows; never empty.
        violations: Vec<Violation>,
    },
    /// A part of the pipeline refuses a value that it computed from a row, or the call does not fit the model.
    #[error("the model refused the rows")]
    Refused(#[source] foretell_model::PredictError),
    /// Too many batches are being computed.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
}

impl PredictError {
    /// The same error for rows that are counted from `start` rows earlier.
    #[must_use]
    pub(crate) fn shifted(mut self, start: usize) -> Self {
        match &mut self {
            Self::Invalid { violations } => {
                violations.iter_mut().for_each(|violation| violation.row += start);
            }
            Self::Refused(foretell_model::PredictError::Refused { row, .. }) => *row += start,
            Self::Refused(_) | Self::Overloaded(_) => {}
        }
        self
    }
}

/// Lists what else is wrong with rows that could not be decoded without violations: those of the schema, for
/// cells that `violations` does not name already. In order of rows, up to `limit`.
pub fn complete_violations(schema: &Schema, frame: &Frame, limit: usize, violations: &mut Vec<Violation>) {
    let decoded = violations.len();
    validate(schema, frame, decoded + limit, violations);
    let (known, found) = violations.split_at(decoded);
    let named = |violation: &&Violation| {
        known.iter().any(|known| {
            known.row == violation.row && (known.feature == violation.feature || known.feature.is_none())
        })
    };
    let new: Vec<_> = found.iter().filter(|violation| !named(violation)).cloned().collect();
    violations.truncate(decoded);
    violations.extend(new);
    violations.sort_by_key(|violation| violation.row);
    violations.truncate(limit);
}

/// What one thread predicts with: scratch memory and an answer, reused from batch to batch, so that predicting
/// allocates nothing once they have grown.
#[derive(Debug, Default)]
pub struct Worker {
    scratch: Scratch,
    answer: Predictions,
}

impl Worker {
    /// A worker without memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Validates a batch and predicts it on this thread.
    ///
    /// # Errors
    /// Rows that the model does not take, or a method that it does not have.
    pub fn predict(
        &mut self,
        model: &LiveModel,
        frame: &Frame,
        methods: MethodSet,
    ) -> Result<&Predictions, PredictError> {
        model.check(frame)?;
        self.compute(model, frame, methods)
    }

    /// Predicts a batch that is known to be valid.
    pub(crate) fn compute(
        &mut self,
        model: &LiveModel,
        frame: &Frame,
        methods: MethodSet,
    ) -> Result<&Predictions, PredictError> {
        model
            .predictor()
            .predict_into(frame, methods, &mut self.scratch, &mut self.answer)
            .map_err(refused)?;
        Ok(&self.answer)
    }

    /// Predicts a batch that is known to be valid, and gives the answer away.
    pub(crate) fn compute_owned(
        &mut self,
        model: &LiveModel,
        frame: &Frame,
        methods: MethodSet,
    ) -> Result<Predictions, PredictError> {
        self.compute(model, frame, methods)?;
        Ok(std::mem::take(&mut self.answer))
    }
}

/// A refusal that is about one feature of one row is a violation like those of validation.
fn refused(error: foretell_model::PredictError) -> PredictError {
    match error.violation() {
        Some(violation) if violation.feature.is_some() => {
            PredictError::Invalid { violations: vec![violation] }
        }
        Some(_) | None => PredictError::Refused(error),
    }
}
