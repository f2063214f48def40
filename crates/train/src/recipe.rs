//! From a table of numbers and texts to a model: steps for each kind of column, then an estimator.
//!
//! The estimator learns from what the steps make of the rows as they will be served, so that nothing can differ.

use std::collections::BTreeSet;
use std::sync::Arc;

use foretell_frame::{Cell, Frame, Method, MethodSet, Predictions, Schema, Slot};
use foretell_model::step::{Arithmetic, Branch, Categories, Impute, OneHot, Ordinal, Scale, Unknown};
use foretell_model::{
    Description, Model, ModelParts, Part, Pipeline, Predictor, Provenance, Scratch, Step, Task,
};

use crate::estimator::{Kind, Learner, Needs};
use crate::parameter::choices;
use crate::{Column, Context, FitError, Sample, Target};

/// Most categories of a column.
const MOST_CATEGORIES: usize = 1000;

/// What becomes of numbers before the estimator sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// Mean 0, standard deviation 1.
    Standard,
    /// From 0 to 1.
    MinMax,
    /// Median 0, distance of the quartiles 1.
    Robust,
    /// Nothing.
    None,
}

choices!(Scaling {
    "standard" => Self::Standard,
    "min-max" => Self::MinMax,
    "robust" => Self::Robust,
    "none" => Self::None,
});

/// What is to be fitted.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The estimator by name.
    pub kind: Kind,
    /// The estimator and its parameters.
    pub learner: Learner,
    /// What becomes of numbers.
    pub scaling: Scaling,
    /// For each feature whether it is a category; texts always are.
    pub categorical: Vec<bool>,
    /// For each feature whether it may be missing, also where it never is in the rows that are learnt from.
    pub nullable: Vec<bool>,
}

impl Recipe {
    /// Fits steps and estimator on all rows of a frame, which has the layout of the schema.
    ///
    /// # Errors
    /// Columns that cannot be learnt from; anything that the estimator refuses.
    pub fn fit(
        &self,
        schema: &Schema,
        frame: &Frame,
        target: Target<'_>,
        context: &Context<'_>,
    ) -> Result<Model, FitError> {
        let needs = self.learner.needs();
        let (mut branches, mut columns) = (Vec::new(), Vec::new());
        let (mut scalers, mut encoders) = (Vec::new(), Vec::new());
        for (features, category) in self.runs(schema) {
            let steps = if category {
                let encoded = encode(schema, frame, &features, needs)?;
                let width = if needs.indicators { encoded.width } else { features.len() };
                let kind = if needs.indicators { Column::Number } else { Column::Category };
                columns.resize(columns.len() + width, kind);
                encoders.push(if needs.indicators { "OneHotEncoder" } else { "OrdinalEncoder" });
                vec![encoded.step]
            } else {
                columns.resize(columns.len() + features.len(), Column::Number);
                let (steps, names) = self.numbers(schema, frame, &features, needs)?;
                scalers.extend(names);
                steps
            };
            branches.push(Branch { columns: features, steps, weight: None });
        }
        let steps = vec![Step::Parallel(branches)];
        let mut classes: Vec<&str> = Vec::new();
        for class in scalers.into_iter().chain(encoders) {
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
        let names: Vec<String> = schema.features().iter().map(|feature| feature.name.clone()).collect();
        let parts = |pipeline, task| ModelParts {
            pipeline,
            features: schema.len(),
            names: schema.named().then(|| names.clone()),
            task,
            output_names: None,
            description: self.description(&target, &classes),
            provenance: Provenance {
                format: "a table".to_owned(),
                library: "foretell".to_owned(),
                library_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            },
        };
        let pipeline = Pipeline { steps: steps.clone(), ..Pipeline::default() };
        let transformer = Model::new(parts(pipeline, Task::Transform)).map_err(internal)?;
        let predictor = Predictor::new(Arc::new(transformer));
        let (mut scratch, mut rows) = (Scratch::default(), Predictions::default());
        let transform = MethodSet::EMPTY.with(Method::Transform);
        predictor.predict_into(frame, transform, &mut scratch, &mut rows).map_err(internal)?;
        let values = rows.get(Method::Transform).map_or(&[][..], |output| output.values());
        let sample = Sample { values, columns: &columns, weights: None };
        let fitted = self.learner.fit(sample, target, context)?;
        let task = match target {
            Target::Values(_) => Task::Regression,
            Target::Classes { .. } => Task::Classification,
        };
        let pipeline = Pipeline { steps, estimator: Some(fitted), ..Pipeline::default() };
        Model::new(parts(pipeline, task)).map_err(internal)
    }

    /// Neighbouring features that are treated alike, and whether they are categories.
    fn runs(&self, schema: &Schema) -> Vec<(Vec<usize>, bool)> {
        let mut runs: Vec<(Vec<usize>, bool)> = Vec::new();
        for (feature, slot) in schema.slots().iter().enumerate() {
            let category = self.categorical.get(feature) == Some(&true) || matches!(slot, Slot::Text(_));
            match runs.last_mut() {
                Some((features, same)) if *same == category => features.push(feature),
                Some(_) | None => runs.push((vec![feature], category)),
            }
        }
        runs
    }

    fn description(&self, target: &Target<'_>, used: &[&str]) -> Description {
        let classes = matches!(target, Target::Classes { .. });
        let steps = used.iter().map(|class| Part { class: (*class).to_owned(), ..Part::default() });
        Description { estimator: self.kind.class(classes).to_owned(), steps: steps.collect() }
    }

    /// The steps of numbers, and the classes that scikit-learn has for them.
    fn numbers(
        &self,
        schema: &Schema,
        frame: &Frame,
        features: &[usize],
        needs: Needs,
    ) -> Result<(Vec<Step>, Vec<&'static str>), FitError> {
        let columns: Vec<Numbers> =
            features.iter().map(|feature| Numbers::new(schema, frame, *feature)).collect::<Result<_, _>>()?;
        let (mut steps, mut names) = (Vec::new(), Vec::new());
        let may_be = |column: usize| {
            columns[column].missing || self.nullable.get(features[column]).is_some_and(|nullable| *nullable)
        };
        let complete = (0..columns.len()).filter(|column| !may_be(*column)).collect::<Vec<_>>();
        let some_missing = complete.len() < columns.len();
        // Boosting sends what is missing where it was best to send it, or, where nothing was missing, anywhere.
        let accepts = matches!(self.learner, Learner::Boosting(_));
        if !accepts && (some_missing || !needs.no_missing) {
            let replaced = |column: &Numbers| match needs.no_missing {
                true => Some(Cell::Number(column.mean)),
                false => Some(Cell::Missing),
            };
            let fill = columns.iter().map(replaced).collect();
            let refuse_missing = complete;
            steps.push(Step::Impute(Impute {
                marker: Cell::Missing,
                fill,
                indicators: Vec::new(),
                refuse_missing,
            }));
            if some_missing && needs.no_missing {
                names.push("SimpleImputer");
            }
        }
        let columns: Vec<Numbers> = match needs.no_missing {
            true => columns.into_iter().map(Numbers::replaced).collect(),
            false => columns,
        };
        let each = |value: &dyn Fn(&Numbers) -> f64| columns.iter().map(value).collect::<Vec<_>>();
        let operations = match self.scaling {
            Scaling::None => Vec::new(),
            Scaling::Standard => {
                names.push("StandardScaler");
                vec![
                    Arithmetic::Subtract(each(&|column| column.mean)),
                    Arithmetic::Divide(each(&|column| one_for_none(column.deviation()))),
                ]
            }
            Scaling::MinMax => {
                names.push("MinMaxScaler");
                let scale = |column: &Numbers| 1.0 / one_for_none(column.range().1 - column.range().0);
                vec![
                    Arithmetic::Multiply(each(&scale)),
                    Arithmetic::Add(each(&|column| -column.range().0 * scale(column))),
                ]
            }
            Scaling::Robust => {
                names.push("RobustScaler");
                vec![
                    Arithmetic::Subtract(each(&|column| column.quantile(0.5))),
                    Arithmetic::Divide(each(&|column| {
                        one_for_none(column.quantile(0.75) - column.quantile(0.25))
                    })),
                ]
            }
        };
        // Also without arithmetic: what the values were in training becomes a part of what the model says of itself.
        let range = Some(columns.iter().map(Numbers::range).collect());
        let centre = Some(each(&|column| column.quantile(0.5)));
        steps.push(Step::Scale(Scale { operations, range, centre }));
        Ok((steps, names))
    }
}

fn internal(error: impl std::fmt::Display) -> FitError {
    FitError::data("columns that its steps take", error)
}

/// scikit-learn's rule for columns that are all the same.
fn one_for_none(scale: f64) -> f64 {
    if scale.abs() < 10.0 * f64::EPSILON { 1.0 } else { scale }
}

/// The numbers of a column that are there, ascending.
struct Numbers {
    sorted: Vec<f64>,
    rows: usize,
    missing: bool,
    mean: f64,
}

impl Numbers {
    fn new(schema: &Schema, frame: &Frame, feature: usize) -> Result<Self, FitError> {
        let name = &schema.features()[feature].name;
        let Slot::Number(slot) = schema.slots()[feature] else {
            return Err(FitError::data(format!("numbers in `{name}`"), "texts"));
        };
        let all = frame.numbers().iter().skip(slot).step_by(frame.width().max(1));
        let mut sorted: Vec<f64> = all.copied().filter(|value| !value.is_nan()).collect();
        if let Some(bad) = sorted.iter().find(|value| value.is_infinite()) {
            return Err(FitError::data(format!("finite numbers in `{name}`"), format!("`{bad}`")));
        }
        if sorted.is_empty() {
            return Err(FitError::data(format!("values in `{name}`"), "none in the rows to learn from"));
        }
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        sorted.sort_unstable_by(f64::total_cmp);
        Ok(Self { missing: sorted.len() < frame.rows(), rows: frame.rows(), sorted, mean })
    }

    /// With the mean in the place of what is missing.
    fn replaced(mut self) -> Self {
        let at = self.sorted.partition_point(|value| *value < self.mean);
        let count = self.rows - self.sorted.len();
        self.sorted.splice(at..at, std::iter::repeat_n(self.mean, count));
        self
    }

    fn range(&self) -> (f64, f64) {
        (self.sorted[0], self.sorted[self.sorted.len() - 1])
    }

    fn deviation(&self) -> f64 {
        let squares: f64 = self.sorted.iter().map(|value| (value - self.mean).powi(2)).sum();
        (squares / self.sorted.len() as f64).sqrt()
    }

    /// Between two values by their distance, as NumPy's default.
    fn quantile(&self, share: f64) -> f64 {
        let at = share * (self.sorted.len() - 1) as f64;
        let (low, part) = (at.floor() as usize, at.fract());
        let next = self.sorted[(low + 1).min(self.sorted.len() - 1)];
        self.sorted[low] + part * (next - self.sorted[low])
    }
}

/// Encoded categories.
struct Encoded {
    step: Step,
    /// Number of indicators.
    width: usize,
}

/// The categories of columns, as indicators, or as codes where those are enough.
fn encode(schema: &Schema, frame: &Frame, features: &[usize], needs: Needs) -> Result<Encoded, FitError> {
    let columns = features
        .iter()
        .map(|feature| {
            let values = categories(schema, frame, *feature);
            let name = &schema.features()[*feature].name;
            if values.len() > MOST_CATEGORIES {
                let got = format!("{} in {} rows; leave the column out", values.len(), frame.rows());
                return Err(FitError::data(format!("at most {MOST_CATEGORIES} categories in `{name}`"), got));
            }
            let code = |(number, value): (usize, &Cell)| {
                (needs.indicators || *value != Cell::Missing).then_some(number as u32)
            };
            let codes = values.iter().enumerate().map(code).collect();
            let width = values.len();
            Ok(Categories { values, codes, infrequent: None, width })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let width = columns.iter().map(|column| column.width).sum();
    let step = if needs.indicators {
        Step::OneHot(OneHot { columns, unknown: Unknown::Ignore })
    } else {
        Step::Ordinal(Ordinal { columns, unknown: Unknown::Code(f64::NAN), missing: f64::NAN })
    };
    Ok(Encoded { step, width })
}

/// The values of a column, ascending, a missing one last.
fn categories(schema: &Schema, frame: &Frame, feature: usize) -> Vec<Cell> {
    let (mut values, missing) = match schema.slots()[feature] {
        Slot::Text(slot) => {
            let texts: BTreeSet<Option<&str>> = frame.texts()[slot].iter().collect();
            let known = texts.iter().flatten().map(|text| Cell::Text((*text).to_owned()));
            (known.collect::<Vec<_>>(), texts.contains(&None))
        }
        Slot::Number(slot) => {
            let mut numbers: Vec<f64> =
                frame.numbers().iter().skip(slot).step_by(frame.width().max(1)).copied().collect();
            let rows = numbers.len();
            numbers.retain(|value| !value.is_nan());
            let missing = numbers.len() < rows;
            numbers.sort_unstable_by(f64::total_cmp);
            numbers.dedup();
            (numbers.into_iter().map(Cell::Number).collect(), missing)
        }
        Slot::Unused => (Vec::new(), false),
    };
    values.extend(missing.then_some(Cell::Missing));
    values
}
