//! The rows that are learnt from, and what steps make of them by the code that serves them.

use std::borrow::Cow;
use std::sync::Arc;

use foretell_frame::{Cell, Feature, Frame, Method, MethodSet, Predictions, Schema, Slot};
use foretell_model::{
    Description, Model, ModelParts, Pipeline, PredictError, Predictor, Provenance, Scratch, Step, Task,
};
use rayon::prelude::*;

use super::column::{Facts, RawColumn};
use crate::FitError;

/// Rows that are transformed together.
const BLOCK: usize = 8192;

/// Most numbers that steps may make of all rows, where the table itself has no more: 2 GiB of them.
const MOST_NUMBERS: usize = 1 << 28;

/// A frame, and what makes models of it.
#[derive(Debug, Clone)]
pub(super) struct Kitchen<'a> {
    schema: Cow<'a, Schema>,
    frame: Cow<'a, Frame>,
    /// The names of the features.
    pub(super) names: Vec<String>,
}

impl<'a> Kitchen<'a> {
    pub(super) fn new(schema: Cow<'a, Schema>, frame: Cow<'a, Frame>) -> Self {
        let names = schema.features().iter().map(|feature| feature.name.clone()).collect();
        Self { schema, frame, names }
    }

    /// Some of the features, and behind them the columns of blocks of numbers, each of so many columns, row by row.
    pub(super) fn with(
        &self,
        features: &[usize],
        blocks: &[(&[f64], usize)],
    ) -> Result<Kitchen<'static>, FitError> {
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for feature in features {
            match self.schema.slots()[*feature] {
                Slot::Number(slot) => numbers.push(slot),
                Slot::Text(slot) => texts.push(slot),
                Slot::Unused => {}
            }
        }
        let mut kept: Vec<Feature> =
            features.iter().map(|feature| self.schema.features()[*feature].clone()).collect();
        let mut frame = self.frame.select_columns(&numbers, &texts);
        if blocks.is_empty() {
            let schema = Schema::new(kept, self.schema.named()).map_err(internal)?;
            return Ok(Kitchen::new(Cow::Owned(schema), Cow::Owned(frame)));
        }
        let made: usize = blocks.iter().map(|(_, width)| width).sum();
        kept.extend((0..made).map(|_| Feature::number(String::new())));
        // Nobody but the steps that come sees the names: they only have to differ.
        kept.iter_mut().zip(0..).for_each(|(feature, at)| feature.name = format!("{at}"));
        let (rows, width) = (frame.rows(), frame.width());
        let mut wider = Frame::default();
        wider.reset(width + made, texts.len());
        wider.set_rows(rows);
        for (at, row) in wider.numbers_mut().chunks_exact_mut((width + made).max(1)).enumerate() {
            row[..width].copy_from_slice(frame.row(at));
            let mut rest = &mut row[width..];
            for (values, width) in blocks {
                let (to, behind) = rest.split_at_mut(*width);
                to.copy_from_slice(&values[at * width..][..*width]);
                rest = behind;
            }
        }
        for text in 0..texts.len() {
            std::mem::swap(wider.text_mut(text), frame.text_mut(text));
        }
        let schema = Schema::new(kept, false).map_err(internal)?;
        Ok(Kitchen::new(Cow::Owned(schema), Cow::Owned(wider)))
    }

    /// What is said of a model that takes these features.
    pub(super) fn parts(&self, pipeline: Pipeline, task: Task, description: Description) -> ModelParts {
        ModelParts {
            pipeline,
            features: self.schema.len(),
            names: self.schema.named().then(|| self.names.clone()),
            hints: None,
            task,
            output_names: None,
            description,
            provenance: Provenance {
                format: "a table".to_owned(),
                library: "foretell".to_owned(),
                library_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            },
        }
    }

    fn model(&self, steps: &[Step]) -> Result<Model, FitError> {
        let pipeline = Pipeline { steps: steps.to_vec(), ..Pipeline::default() };
        Model::new(self.parts(pipeline, Task::Transform, Description::default())).map_err(internal)
    }

    /// What steps make of all rows: the numbers and how many columns they have.
    fn transform(&self, steps: &[Step]) -> Result<(Cow<'_, [f64]>, usize), FitError> {
        if self.is_left_alone_by(steps) && self.frame.texts().is_empty() {
            return Ok((Cow::Borrowed(self.frame.numbers()), self.frame.width()));
        }
        let transformer = self.model(steps)?;
        let width = width_of(&transformer);
        let rows = self.frame.rows();
        let most = MOST_NUMBERS.max(rows * self.schema.len());
        if rows.saturating_mul(width) > most {
            let expected = format!("at most {most} numbers after the steps");
            let got = format!("{rows} rows of {width} columns; take fewer, such as with `max_features`");
            return Err(FitError::data(expected, got));
        }
        let predictor = Predictor::new(Arc::new(transformer));
        let transform = MethodSet::EMPTY.with(Method::Transform);
        let mut values = vec![0.0; rows * width];
        let of_block = |(block, into): (usize, &mut [f64])| {
            let mut frame = Frame::default();
            frame.copy_rows(&self.frame, block * BLOCK, rows.min((block + 1) * BLOCK));
            let (mut scratch, mut made) = (Scratch::default(), Predictions::default());
            let first = block * BLOCK;
            predictor
                .predict_into(&frame, transform, &mut scratch, &mut made)
                .map_err(|error| refused(error, first))?;
            into.copy_from_slice(made.output_mut(Method::Transform).values());
            Ok(())
        };
        values.par_chunks_mut(BLOCK * width.max(1)).enumerate().try_for_each(of_block)?;
        Ok((Cow::Owned(values), width))
    }

    /// What can be told of features that are numbers; none where one is not.
    pub(super) fn facts(&self, features: &[usize]) -> Result<Option<Vec<Facts>>, FitError> {
        let number = |feature: &usize| match self.schema.slots()[*feature] {
            Slot::Number(slot) => Some(slot),
            Slot::Text(_) | Slot::Unused => None,
        };
        let Some(slots) = features.iter().map(number).collect::<Option<Vec<usize>>>() else {
            return Ok(None);
        };
        let names: Vec<&str> = features.iter().map(|feature| self.names[*feature].as_str()).collect();
        Facts::of(self.frame.numbers(), self.frame.width(), &slots, &names).map(Some)
    }

    /// Whether these steps leave all numbers as they are, in their order, and nothing else is there.
    fn is_left_alone_by(&self, steps: &[Step]) -> bool {
        let [Step::Parallel(branches)] = steps else { return false };
        let columns = branches.iter().flat_map(|branch| branch.columns.iter().copied());
        self.frame.width() == self.schema.len()
            && columns.eq(0..self.schema.len())
            && branches.iter().all(|branch| branch.weight.is_none() && branch.steps.iter().all(does_nothing))
    }

    /// The values of features.
    pub(super) fn raw(&self, features: &[usize]) -> Vec<RawColumn> {
        let slots: Vec<Slot> = features.iter().map(|feature| self.schema.slots()[*feature]).collect();
        RawColumn::of(&self.frame, &slots)
    }
}

/// What a transformer has learnt.
#[derive(Debug)]
pub(super) struct Learnt {
    /// What becomes of rows that are served.
    pub(super) steps: Vec<Step>,
    /// What becomes of the rows that were learnt from where that is something else, row by row. A step that has learnt of
    /// the target would tell its answer to what comes after, so here each row is told what others have taught.
    pub(super) crossed: Option<Vec<f64>>,
}

impl From<Step> for Learnt {
    fn from(step: Step) -> Self {
        vec![step].into()
    }
}

impl From<Vec<Step>> for Learnt {
    fn from(steps: Vec<Step>) -> Self {
        Self { steps, crossed: None }
    }
}

/// The rows that are learnt from, on their way: where they are, and the steps from there on.
#[derive(Debug)]
pub(super) struct Course<'a> {
    kitchen: Kitchen<'a>,
    /// The steps that are still to be gone.
    pub(super) steps: Vec<Step>,
    /// Whether the kitchen holds no longer the table, but numbers that the rows have become otherwise than by the steps
    /// that are served.
    pub(super) crossed: bool,
}

impl<'a> Course<'a> {
    pub(super) fn new(kitchen: Kitchen<'a>, steps: Vec<Step>) -> Self {
        Self { kitchen, steps, crossed: false }
    }

    /// Goes on with what a transformer has learnt.
    pub(super) fn follow(&mut self, learnt: &Learnt) -> Result<(), FitError> {
        match &learnt.crossed {
            None => self.steps.extend(learnt.steps.iter().cloned()),
            Some(values) => {
                let width = values.len() / self.kitchen.frame.rows().max(1);
                self.kitchen = self.kitchen.with(&[], &[(values, width)])?;
                self.steps.clear();
                self.crossed = true;
            }
        }
        Ok(())
    }

    /// What the rows have become: the numbers and how many columns they have.
    pub(super) fn values(&self) -> Result<(Cow<'_, [f64]>, usize), FitError> {
        self.kitchen.transform(&self.steps)
    }

    /// How many columns the rows have now.
    pub(super) fn width(&self) -> Result<usize, FitError> {
        self.kitchen.model(&self.steps).map(|model| width_of(&model))
    }

    /// The numbers of the kitchen, row by row, and in how many columns.
    pub(super) fn block(&self) -> (&[f64], usize) {
        (self.kitchen.frame.numbers(), self.kitchen.frame.width())
    }
}

/// Whether a step only says something of its columns.
fn does_nothing(step: &Step) -> bool {
    if let Step::Scale(scale) = step {
        return scale.operations.is_empty();
    }
    let Step::Impute(impute) = step else { return false };
    impute.indicators.is_empty() && impute.fill.iter().all(|fill| *fill == Some(Cell::Missing))
}

fn width_of(transformer: &Model) -> usize {
    transformer.shape(Method::Transform).map_or(0, |shape| shape.width())
}

/// A value that a step refuses, with its row in the whole table.
fn refused(mut error: PredictError, first: usize) -> FitError {
    if let PredictError::Refused { row, .. } = &mut error {
        *row += first;
    }
    internal(error)
}

pub(super) fn internal(error: impl std::fmt::Display) -> FitError {
    FitError::data("columns that its steps take", error)
}
