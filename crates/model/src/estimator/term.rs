//! Sums of pipelines: a booster that starts from another estimator's prediction.

use foretell_frame::Method;

use crate::Pipeline;
use crate::error::{ModelError, Refusal, expect_count};
use crate::head::Head;
use crate::infer::{Column, Facts};
use crate::pipeline::PipelinePlan;
use crate::plan::{Block, Layout, Rows};
use crate::predictor::Scratch;

/// One term of a [`Estimator::Sum`](super::Estimator::Sum).
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// Steps, estimator and head; it must have an estimator.
    pub pipeline: Pipeline,
    /// What of its answer is added.
    pub scores: TermScores,
}

/// What a term contributes, computed from the answer of its pipeline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TermScores {
    /// Its raw scores; the head is not used.
    Raw,
    /// What its head gives for `predict` of a regression.
    Predict,
    /// Of two classes: `factor * ln(p / (1 - p))` of the second class's probability `p`, clipped to
    /// `epsilon..1 - epsilon`.
    LogOdds {
        /// Factor of the log-odds: 1/2 under exponential loss.
        factor: f64,
        /// Clipping margin.
        epsilon: f64,
    },
    /// `ln(p_k)` of each class's probability, clipped to `epsilon..1 - epsilon`.
    LogProbability {
        /// Clipping margin.
        epsilon: f64,
        /// Whether the mean over the classes is subtracted.
        centred: bool,
    },
}

impl Term {
    /// Checks the term; the number of scores it contributes.
    fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<usize, ModelError> {
        let outputs = self.pipeline.infer(columns.to_vec(), facts)?.scores;
        let (Some(fitted), Some(outputs)) = (&self.pipeline.estimator, outputs) else {
            return Err(ModelError::mismatch("an estimator", "none"));
        };
        if let TermScores::LogOdds { epsilon, .. } | TermScores::LogProbability { epsilon, .. } = self.scores
            && !(epsilon > 0.0 && epsilon < 0.5)
        {
            return Err(ModelError::mismatch("a clipping margin between 0 and 1/2", epsilon));
        }
        let probabilities = match &fitted.head {
            Head::Classification(head) if head.probability.is_some() && head.classes.len() == 1 => {
                head.classes.first().map(|classes| classes.len())
            }
            Head::Classification(_) | Head::Regression(_) => None,
        };
        match (self.scores, &fitted.head, probabilities) {
            (TermScores::Raw, _, _) => Ok(outputs),
            (TermScores::Predict, Head::Regression(_), _) => Ok(outputs),
            (TermScores::LogOdds { .. }, _, Some(2)) => Ok(1),
            (TermScores::LogProbability { .. }, _, Some(classes)) => Ok(classes),
            (TermScores::Predict | TermScores::LogOdds { .. } | TermScores::LogProbability { .. }, _, _) => {
                let expected = format!("a head that gives what {:?} starts from", self.scores);
                Err(ModelError::mismatch(expected, "another one"))
            }
        }
    }
}

pub(super) fn infer(terms: &[Term], columns: &[Column], facts: &mut Facts) -> Result<usize, ModelError> {
    let mut outputs = None;
    for (number, term) in terms.iter().enumerate() {
        facts
            .deeper(|facts| {
                let of_term = term.infer(columns, facts)?;
                expect_count("scores", *outputs.get_or_insert(of_term), of_term)
            })
            .map_err(|error| error.within(format_args!("term {}", number + 1)))?;
    }
    outputs.ok_or_else(|| ModelError::mismatch("at least one term", "none"))
}

/// A compiled [`Term`].
#[derive(Debug)]
pub(crate) struct TermPlan {
    pipeline: PipelinePlan,
    scores: TermScores,
}

impl TermPlan {
    pub(super) fn new(term: &Term, layout: &Layout) -> Self {
        Self { pipeline: PipelinePlan::new(&term.pipeline, layout.clone()), scores: term.scores }
    }

    /// Appends what the term contributes to `scores`.
    fn contribute(&self, raw: &[f64], rows: usize, scores: &mut Vec<f64>, scratch: &mut Scratch) {
        match self.scores {
            TermScores::Raw => scores.extend_from_slice(raw),
            TermScores::Predict => self.pipeline.answer(Method::Predict, raw, rows, scores),
            TermScores::LogOdds { factor, epsilon } => {
                let mut probability = scratch.pool.take();
                self.pipeline.answer(Method::PredictProba, raw, rows, &mut probability);
                scores.extend(probability.chunks_exact(2).map(|of_row| {
                    let p = of_row[1].clamp(epsilon, 1.0 - epsilon);
                    factor * (p / (1.0 - p)).ln()
                }));
                scratch.pool.give(probability);
            }
            TermScores::LogProbability { epsilon, centred } => {
                let start = scores.len();
                self.pipeline.answer(Method::PredictProba, raw, rows, scores);
                let classes = (scores.len() - start) / rows.max(1);
                for of_row in scores[start..].chunks_exact_mut(classes.max(1)) {
                    of_row.iter_mut().for_each(|p| *p = p.clamp(epsilon, 1.0 - epsilon).ln());
                    if centred {
                        let mean = of_row.iter().sum::<f64>() / classes as f64;
                        of_row.iter_mut().for_each(|p| *p -= mean);
                    }
                }
            }
        }
    }
}

/// Appends the sums of the terms' contributions to `raw`.
pub(super) fn scores(
    terms: &[TermPlan],
    block: &Block<'_>,
    rows: &Rows<'_>,
    scratch: &mut Scratch,
    raw: &mut Vec<f64>,
) -> Result<(), Refusal> {
    let start = raw.len();
    for (number, term) in terms.iter().enumerate() {
        let input = Block::borrowed(block.width, block.numbers());
        let mut own = scratch.pool.take();
        term.pipeline.scores(input, rows, scratch, &mut own)?;
        if number == 0 {
            term.contribute(&own, rows.count, raw, scratch);
        } else {
            let mut contribution = scratch.pool.take();
            term.contribute(&own, rows.count, &mut contribution, scratch);
            raw[start..].iter_mut().zip(&contribution).for_each(|(sum, score)| *sum += score);
            scratch.pool.give(contribution);
        }
        scratch.pool.give(own);
    }
    Ok(())
}
