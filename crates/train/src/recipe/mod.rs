//! From a table of numbers and texts to a model: transformers for groups of columns, then an estimator.
//!
//! Everything learns from what the steps before it make of the rows by the code that serves them, so that nothing can
//! differ.

mod category;
mod column;
mod combine;
mod parameters;
mod transformer;

use std::borrow::Cow;
use std::sync::Arc;

use foretell_frame::{Cell, Frame, Method, MethodSet, Predictions, Schema, Slot};
use foretell_model::step::{Branch, Impute, Scale};
use foretell_model::{
    Description, Model, ModelParts, Part, Pipeline, Predictor, Provenance, Scratch, Step, Task,
};
use rayon::prelude::*;

use self::column::{Known, RawColumn};
pub use self::parameters::{
    Distribution, Fill, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, Pca, PolynomialFeatures,
    QuantileTransformer, RobustScaler, SimpleImputer, StandardScaler, Strategy, VarianceThreshold,
};
pub use self::transformer::{TRANSFORMERS, Transformer};
use crate::estimator::{Kind, Learner, Learnt, Needs};
use crate::{Column, Context, FitError, Sample, Target};

/// Columns and what becomes of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The features.
    pub features: Vec<usize>,
    /// What becomes of them, in order.
    pub steps: Vec<Transformer>,
}

/// What is to be fitted.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The estimator by name.
    pub kind: Kind,
    /// The estimator and its parameters.
    pub learner: Learner,
    /// What becomes of columns that an estimator cannot take as they are; of others nothing. Each feature is in one.
    pub groups: Vec<Group>,
    /// What becomes of the columns that the groups have made, together.
    pub steps: Vec<Transformer>,
    /// For each feature whether it may be missing, also where it never is in the rows that are learnt from.
    pub nullable: Vec<bool>,
}

/// Groups for features that nobody has said anything of: texts and categories become what the estimator needs,
/// numbers go through `scaling`, after the mean has taken the place of missing ones where the estimator takes none.
pub fn usual_groups(
    schema: &Schema,
    features: &[usize],
    categorical: &[bool],
    nullable: &[bool],
    scaling: &[Transformer],
    needs: Needs,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for feature in features {
        let is = |flags: &[bool]| flags.get(*feature).is_some_and(|flag| *flag);
        let steps = if is(categorical) || matches!(schema.slots()[*feature], Slot::Text(_)) {
            vec![if needs.indicators {
                Transformer::OneHot(OneHotEncoder::default())
            } else {
                Transformer::Codes
            }]
        } else {
            let impute =
                (needs.no_missing && is(nullable)).then(|| Transformer::Impute(SimpleImputer::default()));
            impute.into_iter().chain(scaling.iter().cloned()).collect()
        };
        match groups.last_mut() {
            Some(group) if group.steps == steps => group.features.push(*feature),
            Some(_) | None => groups.push(Group { features: vec![*feature], steps }),
        }
    }
    groups
}

/// Rows that are transformed together.
const BLOCK: usize = 8192;

/// The frame that is learnt from, and what makes models of it.
struct Kitchen<'a> {
    schema: Cow<'a, Schema>,
    frame: Cow<'a, Frame>,
    names: Vec<String>,
}

impl<'a> Kitchen<'a> {
    fn new(schema: Cow<'a, Schema>, frame: Cow<'a, Frame>) -> Self {
        let names = schema.features().iter().map(|feature| feature.name.clone()).collect();
        Self { schema, frame, names }
    }

    /// The same with some of the features only.
    fn with(&self, features: &[usize]) -> Result<Kitchen<'static>, FitError> {
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for feature in features {
            match self.schema.slots()[*feature] {
                Slot::Number(slot) => numbers.push(slot),
                Slot::Text(slot) => texts.push(slot),
                Slot::Unused => {}
            }
        }
        let kept = features.iter().map(|feature| self.schema.features()[*feature].clone()).collect();
        let schema = Schema::new(kept, self.schema.named()).map_err(internal)?;
        Ok(Kitchen::new(Cow::Owned(schema), Cow::Owned(self.frame.select_columns(&numbers, &texts))))
    }

    fn parts(&self, pipeline: Pipeline, task: Task, description: Description) -> ModelParts {
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

    /// What steps make of all rows: the numbers and how many columns they have.
    fn transform(&self, steps: Vec<Step>) -> Result<(Vec<f64>, usize), FitError> {
        let pipeline = Pipeline { steps, ..Pipeline::default() };
        let transformer =
            Model::new(self.parts(pipeline, Task::Transform, Description::default())).map_err(internal)?;
        let width = transformer.shape(Method::Transform).map_or(0, |shape| shape.width());
        let predictor = Predictor::new(Arc::new(transformer));
        let transform = MethodSet::EMPTY.with(Method::Transform);
        let rows = self.frame.rows();
        let mut values = vec![0.0; rows * width];
        let of_block = |(block, into): (usize, &mut [f64])| {
            let mut frame = Frame::default();
            frame.copy_rows(&self.frame, block * BLOCK, rows.min((block + 1) * BLOCK));
            let (mut scratch, mut made) = (Scratch::default(), Predictions::default());
            predictor.predict_into(&frame, transform, &mut scratch, &mut made).map_err(internal)?;
            into.copy_from_slice(made.output_mut(Method::Transform).values());
            Ok(())
        };
        values.par_chunks_mut(BLOCK * width.max(1)).enumerate().try_for_each(of_block)?;
        Ok((values, width))
    }

    fn raw(&self, features: &[usize]) -> Vec<RawColumn> {
        let slots: Vec<Slot> = features.iter().map(|feature| self.schema.slots()[*feature]).collect();
        RawColumn::of(&self.frame, &slots)
    }
}

impl Recipe {
    /// Fits steps and estimator on all rows of a frame, which has the layout of the schema. The estimator knows what rows
    /// weigh, the steps do not, as in scikit-learn.
    ///
    /// # Errors
    /// Columns that cannot be learnt from; anything that the estimator refuses.
    pub fn fit(
        &self,
        schema: &Schema,
        frame: &Frame,
        target: Target<'_>,
        weights: Option<&[f64]>,
        context: &Context<'_>,
    ) -> Result<Model, FitError> {
        let kitchen = Kitchen::new(Cow::Borrowed(schema), Cow::Borrowed(frame));
        let (mut branches, mut columns) = (Vec::new(), Vec::new());
        for group in &self.groups {
            let (branch, made) = self.branch(&kitchen, group)?;
            branches.push(branch);
            columns.extend(made);
        }
        let mut steps = vec![Step::Parallel(branches)];
        for transformer in &self.steps {
            let (values, width) = kitchen.transform(steps.clone())?;
            steps.push(transformer.fit(&RawColumn::of_block(&values, width), &[])?);
        }
        let (values, width) = kitchen.transform(steps.clone())?;
        if !self.steps.is_empty() {
            columns = vec![Column::Number; width];
        }
        let sample = Sample { values: &values, columns: &columns, weights };
        let Learnt { steps: scoring, fitted } = self.learner.fit(sample, target, context)?;
        let task = match target {
            Target::Values(_) => Task::Regression,
            Target::Classes { .. } => Task::Classification,
        };
        let pipeline = Pipeline { steps, scoring, estimator: Some(fitted), ..Pipeline::default() };
        Model::new(kitchen.parts(pipeline, task, self.description(&target))).map_err(internal)
    }

    /// The fitted steps of a group, and what the columns are that they make.
    fn branch(&self, kitchen: &Kitchen<'_>, group: &Group) -> Result<(Branch, Vec<Column>), FitError> {
        let names: Vec<&str> =
            group.features.iter().map(|feature| kitchen.names[*feature].as_str()).collect();
        let mut raw = kitchen.raw(&group.features);
        let mut corner = None;
        let mut steps = self.given(group, &raw, &names)?;
        // As long as there are texts, the values themselves are followed; from then on what the steps make of the rows.
        let mut followed = true;
        for (at, transformer) in group.steps.iter().enumerate() {
            if transformer.encodes() && !followed {
                let expected = format!("`{}` before other steps than `impute`", transformer.class());
                return Err(FitError::data(expected, "it behind them"));
            }
            let step = transformer.fit(&raw, if followed { &names } else { &[] })?;
            if let Step::Impute(Impute { fill, indicators, .. }) = &step
                && followed
                && indicators.is_empty()
            {
                let fills = raw.iter_mut().zip(fill.iter().flatten());
                fills.for_each(|(column, fill)| column.replace(fill));
                steps.push(step);
                continue;
            }
            followed = false;
            let last = at + 1 == group.steps.len();
            if last && matches!(step, Step::Scale(_)) {
                // As many columns, and what is missing stays so: nobody looks at the numbers any more.
                steps.push(step);
                continue;
            }
            steps.push(step);
            let corner = match &mut corner {
                Some(corner) => corner,
                none => none.insert(kitchen.with(&group.features)?),
            };
            let (values, width) = corner.transform(steps.clone())?;
            raw = RawColumn::of_block(&values, width);
        }
        if let Some(column) = raw.iter().position(|column| column.numbers().is_none()) {
            let name = names.get(column).copied().unwrap_or_default();
            return Err(FitError::data(format!("numbers in `{name}`"), "texts; give it the step `one-hot`"));
        }
        if self.learner.needs().no_missing && raw.iter().any(RawColumn::has_missing) {
            let got = format!("missing values in {}; give them the step `impute`", listed(&names));
            return Err(FitError::data("values everywhere", got));
        }
        let codes = group.steps.last() == Some(&Transformer::Codes);
        let columns = vec![if codes { Column::Category } else { Column::Number }; raw.len()];
        Ok((Branch { columns: group.features.clone(), steps, weight: None }, columns))
    }

    /// What is known of the columns of a group before its steps: what they held, and which are never missing.
    fn given(&self, group: &Group, raw: &[RawColumn], names: &[&str]) -> Result<Vec<Step>, FitError> {
        let categories = group.steps.iter().any(Transformer::encodes);
        if categories || raw.iter().any(|column| column.numbers().is_none()) {
            return Ok(Vec::new());
        }
        let mut steps = Vec::new();
        // Boosting sends what is missing where it was best to send it, or, where nothing was missing, anywhere.
        let accepts = matches!(self.learner, Learner::Boosting(_))
            || group.steps.iter().any(|step| matches!(step, Transformer::Impute(_)));
        if !accepts {
            let nullable = |at: usize| {
                raw[at].has_missing()
                    || self.nullable.get(group.features[at]).is_some_and(|nullable| *nullable)
            };
            let refuse_missing = (0..raw.len()).filter(|at| !nullable(*at)).collect();
            let fill = vec![Some(Cell::Missing); raw.len()];
            steps.push(Step::Impute(Impute {
                marker: Cell::Missing,
                fill,
                indicators: Vec::new(),
                refuse_missing,
            }));
        }
        let of_column = |(column, name): (&RawColumn, &&str)| {
            let known = Known::new(column.numbers().unwrap_or_default(), name)?;
            Ok((known.range(), known.quantile(0.5)))
        };
        let facts: Vec<((f64, f64), f64)> =
            raw.par_iter().zip(names).map(of_column).collect::<Result<_, FitError>>()?;
        // Changes nothing: it becomes a part of what the model says of itself.
        steps.push(Step::Scale(Scale {
            operations: Vec::new(),
            range: Some(facts.iter().map(|(range, _)| *range).collect()),
            centre: Some(facts.iter().map(|(_, centre)| *centre).collect()),
        }));
        Ok(steps)
    }

    fn description(&self, target: &Target<'_>) -> Description {
        let mut classes: Vec<&str> = Vec::new();
        for transformer in self.groups.iter().flat_map(|group| &group.steps).chain(&self.steps) {
            if !classes.contains(&transformer.class()) {
                classes.push(transformer.class());
            }
        }
        let steps = classes.into_iter().map(|class| Part { class: class.to_owned(), ..Part::default() });
        let of_classes = matches!(target, Target::Classes { .. });
        Description { estimator: self.kind.class(of_classes).to_owned(), steps: steps.collect() }
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn internal(error: impl std::fmt::Display) -> FitError {
    FitError::data("columns that its steps take", error)
}
