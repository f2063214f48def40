//! scikit-learn estimators and pipelines: from the inert records of a pickle to a [`Pipeline`] of plain data.
//!
//! [`lower`] looks a class up in one table ([`table`]) and calls the function that knows its attributes; pipelines,
//! column transformers and searches call [`lower`] again for what they hold. Classes of other libraries that stand
//! inside a scikit-learn pipeline (`xgboost.XGBClassifier`) are in the same table.
//!
//! # Adding a class
//!
//! Write `fn name(value: &Value<'_>, input: Input) -> Result<Lowered>` in the file of its kind and add its line to
//! [`table`]. Read attributes with [`Value::field`] and its relatives, which give errors with the path, and refuse
//! every parameter value whose effect on predictions is not reproduced ([`Value::unsupported_option`]). Number of
//! features, feature names and class name are filled in by [`lower`].

mod boosting;
mod calibration;
mod classes;
mod cluster;
mod columns;
mod compose;
mod decompose;
mod density;
mod dummy;
mod encode;
mod expand;
mod file;
mod gaussian_process;
mod hist_boosting;
mod importance;
mod impute;
mod isolation;
mod kernels;
mod linear;
mod manifold;
mod matrices;
mod members;
mod multiclass;
mod naive_bayes;
mod naming;
mod neighbours;
mod neural;
mod partial_least_squares;
mod quadratic;
mod records;
mod represent;
mod scale;
mod select;
mod semi_supervised;
mod special;
mod svm;
mod table;
mod targets;
mod text;
mod trees;

#[cfg(test)]
mod python;
#[cfg(test)]
mod tests;

use foretell_model::step::{Answer, Predict};
use foretell_model::{
    Description, Estimator, Fitted, Head, ModelParts, Part, Pipeline, Provenance, Step, Task,
};

pub(crate) use self::classes::labels;

pub use self::file::find_estimator;
pub(crate) use self::file::names_beside;
pub use self::naming::Naming;
use self::table::{lowering, not_opened};
pub(crate) use self::table::{refused_classes, supported_classes};
use crate::FormatError;
use crate::pickle::Value;

/// The result of reading a file.
pub(crate) type Result<T> = std::result::Result<T, FormatError>;

/// A fitted estimator, transformer or pipeline as plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// What it computes.
    pub pipeline: Pipeline,
    /// Number of columns it takes; `None` for steps that take any number and keep it, and for estimators that do not
    /// look at their input.
    pub features: Option<usize>,
    /// Names of these columns, where the file knows them.
    pub names: Option<Vec<String>>,
    /// What it is for.
    pub task: Task,
    /// Its class and parts in the words of its library.
    pub part: Part,
    /// Version of the library that made it, where it tells that otherwise than by `_sklearn_version`.
    pub library_version: Option<String>,
    /// Whether a transformer's output is a sparse matrix in the library; values do not depend on it, except that some
    /// later steps (XGBoost) take what is not stored as missing.
    pub sparse: bool,
    /// How the columns of its transformation are named.
    pub naming: Naming,
}

impl Lowered {
    /// A transformer of `features` columns.
    pub fn transformer(features: impl Into<Option<usize>>, steps: Vec<Step>, sparse: bool) -> Self {
        Self {
            pipeline: Pipeline { steps, ..Pipeline::default() },
            features: features.into(),
            names: None,
            task: Task::Transform,
            part: Part::default(),
            library_version: None,
            sparse,
            naming: Naming::Unknown,
        }
    }

    /// The same with names for the columns of its transformation.
    #[must_use]
    pub fn naming(self, naming: Naming) -> Self {
        Self { naming, ..self }
    }

    /// An estimator of `features` columns.
    pub fn estimator(features: impl Into<Option<usize>>, estimator: Estimator, head: Head) -> Self {
        let task = match head {
            Head::Regression(_) => Task::Regression,
            Head::Classification(_) | Head::Pairwise(_) => Task::Classification,
            Head::Outlier(_) => Task::Outlier,
            Head::Mixture(_) => Task::Clustering,
        };
        Self {
            pipeline: Pipeline { estimator: Some(Fitted { estimator, head }), ..Pipeline::default() },
            features: features.into(),
            names: None,
            task,
            part: Part::default(),
            library_version: None,
            sparse: false,
            naming: Naming::Unknown,
        }
    }

    /// How the user knows the model: the steps of its pipelines, and the class at their end.
    pub fn description(&self) -> Description {
        let mut steps = Vec::new();
        let mut last = &self.part;
        while let ("Pipeline", Some((end, before))) = (last.class.as_str(), last.parts.split_last()) {
            steps.extend_from_slice(before);
            last = end;
        }
        Description { estimator: last.class.clone(), steps }
    }

    /// What a model is made of, given where it came from.
    pub fn into_parts(self, provenance: Provenance) -> ModelParts {
        let description = self.description();
        let output_names = self.output_names();
        ModelParts {
            pipeline: self.pipeline,
            // Where the file does not tell: an estimator that does not look at its input takes rows of any columns
            // and uses none of them, a transformer's columns are named by its user.
            names: if self.features.is_none() { Some(Vec::new()) } else { self.names },
            hints: None,
            features: self.features.unwrap_or(0),
            task: self.task,
            output_names,
            description,
            provenance,
        }
    }

    /// Names of the columns of the transformation, where there is one.
    fn output_names(&self) -> Option<Vec<String>> {
        if self.pipeline.estimator.is_some() && self.pipeline.transform.is_none() {
            return None;
        }
        match &self.names {
            Some(names) => self.naming.names(names),
            None => self
                .naming
                .names(&(0..self.features?).map(|position| format!("x{position}")).collect::<Vec<_>>()),
        }
    }

    /// The steps of a transformer, or of an estimator that also transforms.
    fn into_steps(self, value: &Value<'_>) -> Result<Vec<Step>> {
        let Pipeline { mut steps, estimator, transform, .. } = self.pipeline;
        match (estimator, transform) {
            (_, Some(rest)) => steps.extend(rest),
            (None, None) => {}
            (Some(_), None) => {
                let got = format_args!("`{}`, which predicts", self.part.class);
                return Err(value.mismatch("a transformer", got));
            }
        }
        Ok(steps)
    }

    /// The steps that end in the answer of an estimator.
    fn answering(self, value: &Value<'_>, answer: Answer) -> Result<Vec<Step>> {
        let Pipeline { mut steps, scoring, estimator, .. } = self.pipeline;
        let Some(fitted) = estimator else {
            let got = format_args!("`{}`, which transforms", self.part.class);
            return Err(value.mismatch("an estimator that predicts", got));
        };
        steps.extend(scoring);
        steps.push(Step::Predict(Box::new(Predict { fitted, answer })));
        Ok(steps)
    }

    /// Its part under the name it has in what holds it.
    fn part_named(&self, name: &str) -> Part {
        Part { name: name.to_owned(), ..self.part.clone() }
    }
}

/// What an estimator receives from the steps before it, as far as its arithmetic depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Input {
    /// Whether it is a sparse matrix in the library: scalers then multiply by reciprocals, and XGBoost takes zeros as
    /// missing.
    pub sparse: bool,
    /// Whether its numbers are float32 in the library; estimators that were fitted on float32 then compute in it.
    pub single: bool,
}

/// The function that understands a class.
pub(crate) type Lowering = fn(&Value<'_>, Input) -> Result<Lowered>;

/// Lowers the estimator that `value` is. `input` says what the steps before it hand over; [`Input::default`] where
/// there are none.
///
/// # Errors
/// A class that is not in the table, a missing or misshapen attribute, a parameter that is not supported: each with
/// the path, and the version that wrote it where the file tells.
pub fn lower(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let class = value.class().ok_or_else(|| value.mismatch("a fitted estimator", value.describe()))?;
    let lowering = lowering(class).ok_or_else(|| not_opened(value))?;
    let mut lowered = lowering(value, input)?;
    if lowered.part.class.is_empty() {
        lowered.part.class = class.name().to_owned();
    }
    if let Some(stated) = present(value, "n_features_in_")? {
        let features = *lowered.features.get_or_insert(count(&stated)?);
        if count(&stated)? != features {
            return Err(stated.mismatch(features, stated.describe()));
        }
    }
    if lowered.names.is_none()
        && let Some(names) = present(value, "feature_names_in_")?
    {
        lowered.names = Some(names.text_vector(lowered.features)?);
    }
    Ok(lowered)
}

/// `pca0`, `pca1`, ...: how transformers name columns that come of no column alone.
fn numbered(value: &Value<'_>, count: usize) -> Naming {
    let class = value.class().map_or("", |class| class.name());
    Naming::Numbered { word: class.to_lowercase(), count }
}

/// An attribute that is there and not `None`.
pub(crate) fn present<'p>(value: &Value<'p>, name: &'p str) -> Result<Option<Value<'p>>> {
    Ok(value.optional(name)?.filter(|field| !field.is_none()))
}

/// Largest number of columns or outputs: arrays without bytes may claim any number, and memory is taken for it.
const MOST: usize = 1 << 20;

/// A number of columns or outputs.
fn count(value: &Value<'_>) -> Result<usize> {
    bounded(value, value.size()?)
}

/// The number of columns that an estimator says it takes. Before scikit-learn 0.24 many do not: then it is the first of these
/// attributes that is there, or its last dimension.
fn features(value: &Value<'_>, attributes: &[&'static str]) -> Result<usize> {
    if let Some(stated) = present(value, "n_features_in_")? {
        return count(&stated);
    }
    for name in attributes {
        if let Some(attribute) = present(value, name)? {
            return match attribute.array() {
                Ok(array) => bounded(&attribute, array.shape().last().copied().unwrap_or(1)),
                Err(_) => count(&attribute),
            };
        }
    }
    Err(value.missing("n_features_in_"))
}

/// A number of columns or outputs that was read at `value`.
fn bounded(value: &Value<'_>, count: usize) -> Result<usize> {
    if count > MOST { Err(value.mismatch(format_args!("at most {MOST}"), count)) } else { Ok(count) }
}

/// Major and minor version of the scikit-learn that wrote an estimator; 0.0 where the file does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl Version {
    /// Whether it is known and older.
    fn is_before(self, major: u32, minor: u32) -> bool {
        self != Self(0, 0) && self < Self(major, minor)
    }

    /// Refuses estimators of versions before this one, which computed otherwise.
    fn expect_from(value: &Value<'_>, major: u32, minor: u32, otherwise: &str) -> Result<()> {
        let version = Self::of(value)?;
        if !version.is_before(major, minor) {
            return Ok(());
        }
        let Self(old, older) = version;
        let detail = format_args!(
            "scikit-learn before {major}.{minor} {otherwise}, which is not reproduced: fit it again with a newer version than {old}.{older}"
        );
        Err(value.invalid(detail))
    }

    fn of(value: &Value<'_>) -> Result<Self> {
        let Some(version) = present(value, "_sklearn_version")? else { return Ok(Self(0, 0)) };
        let mut numbers = version.text()?.split('.').map(|number| number.parse().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(major), Some(minor)) => Ok(Self(major, minor)),
            _ => Err(version.mismatch("a version such as `1.5.2`", version.describe())),
        }
    }
}
