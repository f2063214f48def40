//! Estimators inside a pipeline: their answer is what the next step works on.

use foretell_frame::{Labels, Method};

use crate::Fitted;
use crate::error::{ModelError, Refusal, expect_count};
use crate::estimator::Scorer;
use crate::head::Head;
use crate::infer::{Column, Facts};
use crate::plan::{Block, Layout, Op, Rows};
use crate::predictor::Scratch;

/// Replaces the columns by the answer of an estimator.
///
/// With [`Step::Parallel`](super::Step::Parallel) this is every ensemble of models: each branch is one member with
/// its columns, its transformers and its estimator, and what follows combines their answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Predict {
    /// The estimator and its head.
    pub fitted: Fitted,
    /// What of its answer the columns are.
    pub answer: Answer,
}

/// What of an estimator's answer becomes columns.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What its head answers for `decision_function`.
    Decision,
    /// What its head gives for `predict` of a regression.
    Value,
    /// For each target the number that stands here for its class.
    Label(Vec<Vec<f64>>),
    /// The probabilities of all classes.
    Probability,
}

impl Predict {
    /// Checks it against the columns it receives; the columns it makes.
    pub(super) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        let Fitted { estimator, head } = &self.fitted;
        let scores = estimator.infer(columns, facts).map_err(|error| error.within("estimator"))?;
        let width = match (&self.answer, head) {
            (Answer::Label(numbers), Head::Classification(classification)) => {
                expect_count("targets", classification.classes.len(), numbers.len())?;
                for (numbers, classes) in numbers.iter().zip(&classification.classes) {
                    expect_count("numbers of classes", classes.len(), numbers.len())?;
                }
                Some(numbers.len())
            }
            (Answer::Label(numbers), Head::Pairwise(pairwise)) => {
                expect_count("targets", 1, numbers.len())?;
                expect_count("numbers of classes", pairwise.classes.len(), numbers[0].len())?;
                Some(1)
            }
            (Answer::Value, Head::Regression(_)) => head.shape(Method::Predict).map(|shape| shape.width()),
            (Answer::Probability, Head::Classification(_) | Head::Pairwise(_)) => {
                head.shape(Method::PredictProba).map(|shape| shape.width())
            }
            (Answer::Decision, Head::Classification(_) | Head::Pairwise(_)) => {
                head.shape(Method::DecisionFunction).map(|shape| shape.width())
            }
            (Answer::Value, Head::Classification(_) | Head::Pairwise(_))
            | (_, Head::Outlier(_) | Head::Mixture(_))
            | (Answer::Label(_) | Answer::Probability | Answer::Decision, Head::Regression(_)) => None,
        };
        head.check(scores)?;
        match width {
            Some(width) => Ok(vec![Column::COMPUTED; width]),
            None => {
                Err(ModelError::mismatch(format_args!("a head that answers {:?}", self.answer), "another"))
            }
        }
    }

    /// Number of columns it makes.
    fn width(&self) -> usize {
        let of_head = |method| self.fitted.head.shape(method).map_or(0, |shape| shape.width());
        match &self.answer {
            Answer::Value => of_head(Method::Predict),
            Answer::Label(numbers) => numbers.len(),
            Answer::Probability => of_head(Method::PredictProba),
            Answer::Decision => of_head(Method::DecisionFunction),
        }
    }

    pub(super) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let width = self.width();
        let Fitted { estimator, head } = &self.fitted;
        let plan = PredictPlan {
            scorer: estimator.compile(layout),
            head: head.clone(),
            answer: self.answer.clone(),
            width,
        };
        (vec![Op::Predict(Box::new(plan))], Layout::computed((0..width).map(|_| None)))
    }
}

/// A compiled [`Predict`].
#[derive(Debug)]
pub(crate) struct PredictPlan {
    scorer: Scorer,
    head: Head,
    answer: Answer,
    width: usize,
}

impl PredictPlan {
    /// The answer for a block of rows.
    pub(crate) fn apply(
        &self,
        block: &Block<'_>,
        rows: &Rows<'_>,
        scratch: &mut Scratch,
    ) -> Result<Block<'static>, Refusal> {
        let mut raw = scratch.pool.take();
        self.scorer.scores(block, rows, scratch, &mut raw)?;
        let method = match &self.answer {
            Answer::Value | Answer::Label(_) => Method::Predict,
            Answer::Probability => Method::PredictProba,
            Answer::Decision => Method::DecisionFunction,
        };
        let (mut buffer, mut values) = (scratch.pool.take(), scratch.pool.take());
        self.head.append(method, &raw, rows.count, &mut buffer, &mut values);
        if let Answer::Label(numbers) = &self.answer {
            for of_row in values.chunks_exact_mut(numbers.len().max(1)) {
                of_row.iter_mut().zip(numbers).for_each(|(class, numbers)| *class = numbers[*class as usize]);
            }
        }
        scratch.pool.give(buffer);
        scratch.pool.give(raw);
        Ok(Block::owned(self.width, values))
    }
}

impl Answer {
    /// The classes of each target by their indices.
    pub fn indices(classes: &[Labels]) -> Self {
        Self::Label(classes.iter().map(|classes| (0..classes.len()).map(|i| i as f64).collect()).collect())
    }
}
