//! From a table to a model that has been measured on rows it has not seen.

mod answers;
mod columns;
mod compare;
mod data;
mod error;
mod parse;
mod profile;
mod search;
mod spec;

use std::time::{Duration, Instant};

use foretell_evaluate::{Fold, Method, Observed, Split, SplitError};
use foretell_frame::{Frame, Labels, Method as Output, MethodSet, Slot, TextColumn};
use foretell_model::{Model, Task, artifact};
pub use foretell_train::estimator::Kind;
use foretell_train::estimator::Learner;
pub use foretell_train::parameter::Value;
use foretell_train::recipe::StandardScaler;
use foretell_train::{Context, Group, Holds, Product, Recipe, usual_groups};
pub use foretell_train::{Progress, Silent, Transformer};
use serde_json::Map;

use self::answers::Answered;
pub use self::data::{ColumnType, Data, DataOptions};
pub use self::error::TrainError;
pub use self::parse::{parse_choice, parse_evaluation, parse_kind, parse_metric, parse_parameter};
pub use self::search::{COMPARED_BY, Choice, Comparison, Search, Tried};
pub use self::spec::{Spec, SpecError, TablePlace};
use crate::live::{LiveModel, Naming};
use crate::open::{OpenLimits, open_bytes};
use crate::predict::Worker;
use crate::score::ScoreError;

/// What is to be trained.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// The estimator; the best of some where none is told.
    pub kind: Option<Kind>,
    /// Whether it is to learn classes; told by the answers where nobody says it.
    pub classes: Option<bool>,
    /// Parameters that are not as they are by default.
    pub parameters: Vec<(String, Value)>,
    /// Parameters that are to be found.
    pub search: Option<Search>,
    /// What becomes of numbers that `groups` do not name; by default they are standardised for estimators that learn
    /// little otherwise, and left as they are for others.
    pub scaling: Option<Vec<Transformer>>,
    /// What becomes of some columns. The first that names a column holds.
    pub groups: Vec<ColumnSteps>,
    /// What becomes of all columns together, after that.
    pub steps: Vec<Transformer>,
    /// On which rows it is measured.
    pub evaluation: Evaluation,
    /// Where everything random comes from.
    pub seed: u64,
}

/// On which rows a model is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evaluation {
    /// On none.
    None,
    /// On this share of them, which it does not learn from.
    Holdout(f64),
    /// On all, in so many parts: each by a model that learns from the others. The model itself learns from all.
    Folds(usize),
}

/// Columns that are treated alike.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnSteps {
    /// Which.
    pub columns: Columns,
    /// What becomes of them, in order.
    pub steps: Vec<Transformer>,
}

/// Some columns of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    /// Those with these names.
    Named(Vec<String>),
    /// Those of numbers that are no categories.
    Numbers,
    /// Those of texts that are categories, and of numbers that are.
    Categories,
    /// Those of texts that are read, and no categories.
    Texts,
    /// All.
    All,
}

/// A model and how it did.
#[derive(Debug)]
pub struct Trained {
    live: LiveModel,
    /// What it answers to the rows that it is measured on, where there are any.
    pub observed: Option<Observed>,
    /// The answers that it has learnt from, where there are any.
    pub seen: Option<Observed>,
    /// What can be said of a model without a target, by name, on the rows that were held out.
    pub measures: Vec<(&'static str, f64)>,
    /// The rows that were held out; none where parts of all rows were.
    pub held_out: (Frame, TextColumn),
    /// The rows that it was measured on, in the order of `observed`.
    measured_on: Vec<usize>,
    /// Its parameters, all of them.
    pub parameters: Vec<(&'static str, Value)>,
    /// What it was chosen from, where nobody told the estimator or all of its parameters.
    pub comparison: Option<Comparison>,
    /// What the rows look like that it has learnt from, and what it answers to those it is measured on.
    pub profile: serde_json::Value,
    /// Losses or scores after each round or pass: of which rows, and their values.
    pub curves: Vec<(&'static str, Vec<f64>)>,
    /// For each feature its share of what all splits have gained; empty where there are no splits.
    pub gain: Vec<f64>,
    /// How long the model took to learn. It is no part of the artifact, which is the same every time.
    pub took: Duration,
}

impl Trained {
    /// The model as it will be served.
    pub fn model(&self) -> &LiveModel {
        &self.live
    }

    /// The artifact, which says this about itself: from now on [`model`](Self::model) is the one of these bytes. The same
    /// for the same data, options, and what is said.
    ///
    /// # Errors
    /// It cannot be read back.
    pub fn seal(self, metadata: &Map<String, serde_json::Value>) -> Result<(Self, Vec<u8>), TrainError> {
        let metadata = serde_json::Value::Object(metadata.clone()).to_string();
        let bytes = artifact::encode(self.live.model(), &metadata);
        // A large model is not held twice.
        drop(self.live);
        Ok((Self { live: live(&bytes)?, ..self }, bytes))
    }
}

/// Trains, and measures on rows that the model has not learnt from: the same share of every class, whole groups, or the
/// latest.
///
/// # Errors
/// Options and data that do not fit each other, and a progress that ends it.
pub fn train(data: &Data, options: &TrainOptions, progress: &dyn Progress) -> Result<Trained, TrainError> {
    let answered = data.lesson(options.kind, options.classes)?;
    let in_folds = matches!(options.evaluation, Evaluation::Folds(_)) || options.search.is_some();
    if let (Answered::Nothing, true, Some(kind)) = (&answered, in_folds, options.kind) {
        return Err(TrainError::NoFolds { name: kind.name });
    }
    let workshop = Workshop { data, options, answered, progress };
    let all: Vec<usize> = (0..data.rows()).collect();
    let (learns, held_out) = match options.evaluation {
        Evaluation::Holdout(share) => {
            let folds = workshop.split(&all, Method::Holdout(share))?;
            folds.into_iter().next().map(|fold| (fold.train, fold.test)).unwrap_or_default()
        }
        Evaluation::None | Evaluation::Folds(_) => (all, Vec::new()),
    };
    let (kind, learner, comparison) = workshop.choose(&learns)?;
    let started = Instant::now();
    let Product { model, curves, gain } = workshop.product(kind, &learner, &learns)?;
    let live = reread(model)?;
    let took = started.elapsed();
    let alone = !kind.has_target();
    let mut measured_on = held_out.clone();
    let observed = match options.evaluation {
        Evaluation::None => None,
        Evaluation::Holdout(_) if alone => None,
        Evaluation::Holdout(_) => Some(workshop.ask(&live, &held_out)?),
        Evaluation::Folds(folds) => {
            let (observed, rows) = workshop.cross_validate(kind, &learner, &learns, folds)?;
            measured_on = rows;
            Some(observed)
        }
    };
    let profile = serde_json::json!({
        "features": profile::features(&data.schema, &data.frame_of(&learns)),
        "predictions": observed.as_ref().map(profile::predictions),
    });
    let mut seen = workshop.answered.select(&learns).seen();
    if let Some(seen) = &mut seen {
        seen.set_weights(data.weights_of(&learns).unwrap_or_default());
    }
    let held_out = data.select(&held_out);
    let measures = if alone { measures(&live, &held_out.0)? } else { Vec::new() };
    Ok(Trained {
        live,
        observed,
        seen,
        measures,
        held_out,
        measured_on,
        parameters: learner.parameters(),
        comparison,
        profile,
        curves,
        gain,
        took,
    })
}

/// Everything that models are made of.
struct Workshop<'a> {
    data: &'a Data,
    options: &'a TrainOptions,
    answered: Answered,
    progress: &'a dyn Progress,
}

impl Workshop<'_> {
    fn classes(&self) -> bool {
        matches!(self.answered, Answered::Classes { .. })
    }

    /// The estimator with the parameters that are told, and those that were found.
    fn learner(&self, kind: Kind, found: &[(String, Value)]) -> Result<Learner, TrainError> {
        let mut learner = kind.learner(self.classes());
        for (name, value) in self.options.parameters.iter().chain(found) {
            learner.set(name, value)?;
        }
        Ok(learner)
    }

    /// A model that has learnt from some rows, read back from its artifact: what is measured is what will be served.
    fn fit(&self, kind: Kind, learner: &Learner, rows: &[usize]) -> Result<LiveModel, TrainError> {
        reread(self.product(kind, learner, rows)?.model)
    }

    fn product(&self, kind: Kind, learner: &Learner, rows: &[usize]) -> Result<Product, TrainError> {
        let recipe = Recipe {
            kind,
            learner: learner.clone(),
            groups: groups(self.data, self.options, learner)?,
            steps: self.options.steps.clone(),
            nullable: self.data.nullable(),
        };
        let (lesson, weights) = (self.answered.select(rows), self.data.weights_of(rows));
        let context = Context { seed: self.options.seed, progress: self.progress };
        let frame = self.data.frame_of(rows);
        Ok(recipe.fit(&self.data.schema, &frame, lesson.target(), weights.as_deref(), &context)?)
    }

    /// What a model answers to some rows.
    fn ask(&self, live: &LiveModel, rows: &[usize]) -> Result<Observed, TrainError> {
        let (frame, target) = self.data.select(rows);
        self.data.ask(live, &frame, &target, rows)
    }

    /// The answers to all of some rows, each by a model that has learnt from other parts of them, and these rows in the
    /// order of the answers.
    fn cross_validate(
        &self,
        kind: Kind,
        learner: &Learner,
        rows: &[usize],
        folds: usize,
    ) -> Result<(Observed, Vec<usize>), TrainError> {
        let (mut all, mut asked) = (None::<Observed>, Vec::new());
        for fold in self.split(rows, Method::Folds(folds))? {
            let observed = self.ask(&self.fit(kind, learner, &fold.train)?, &fold.test)?;
            match &mut all {
                Some(all) => all.append(observed),
                None => all = Some(observed),
            }
            asked.extend(fold.test);
        }
        all.map(|all| (all, asked)).ok_or(TrainError::Nothing { what: "rows to measure on" })
    }

    /// Divides some rows into those to learn from and those to measure on, once or several times.
    fn split(&self, rows: &[usize], method: Method) -> Result<Vec<Fold>, TrainError> {
        let of = |values: &Vec<usize>| rows.iter().map(|row| values[*row]).collect::<Vec<_>>();
        let groups = self.data.groups.as_ref().map(of);
        let order = self.data.order.as_ref().map(|order| {
            let mut place = vec![usize::MAX; self.data.rows()];
            rows.iter().enumerate().for_each(|(at, row)| place[*row] = at);
            order.iter().map(|row| place[*row]).filter(|at| *at != usize::MAX).collect::<Vec<_>>()
        });
        let codes = match &self.answered {
            Answered::Classes { codes, .. } if groups.is_none() && order.is_none() => {
                Some(rows.iter().map(|row| codes[*row] as usize).collect::<Vec<_>>())
            }
            Answered::Classes { .. } | Answered::Values(_) | Answered::Nothing => None,
        };
        let split = Split {
            method,
            stratify: codes.as_deref(),
            groups: groups.as_deref(),
            order: order.as_deref(),
            gap: 0,
            seed: self.options.seed,
        };
        let folds = split.folds(rows.len()).map_err(|source| {
            let class = match (&source, &self.answered) {
                (SplitError::RareClass { class }, Answered::Classes { labels, .. }) => label(labels, *class),
                (_, Answered::Classes { .. } | Answered::Values(_) | Answered::Nothing) => None,
            };
            TrainError::Split { source, class }
        })?;
        let named = |part: Vec<usize>| part.into_iter().map(|at| rows[at]).collect::<Vec<_>>();
        let named = |fold: Fold| Fold { train: named(fold.train), test: named(fold.test) };
        Ok(folds.into_iter().map(named).collect())
    }
}

/// What can be said of a model without a target on some rows: how many are outliers; or how far they are from the nearest
/// centre, and how much nearer that is than the next (Hruschka, de Castro and Campello, "Evolutionary Algorithms for
/// Clustering Gene-Expression Data", 2004: the silhouette of rows by centres, and not by all pairs of rows).
fn measures(live: &LiveModel, rows: &Frame) -> Result<Vec<(&'static str, f64)>, TrainError> {
    if rows.rows() == 0 {
        return Ok(Vec::new());
    }
    let outliers = live.task() == Task::Outlier;
    let method = if outliers { Output::Predict } else { Output::Transform };
    let mut worker = Worker::new();
    let answers = worker.predict(live, rows, MethodSet::EMPTY.with(method)).map_err(ScoreError::from)?;
    let values = answers.get(method).map_or(&[][..], |output| output.values());
    let mean = |sum: f64| sum / rows.rows() as f64;
    if outliers {
        let found = values.iter().filter(|answer| **answer < 0.0).count();
        return Ok(vec![("share_of_outliers", mean(found as f64))]);
    }
    let (mut squares, mut silhouette) = (0.0, 0.0);
    let clusters = values.len() / rows.rows();
    for distances in values.chunks_exact(clusters.max(1)) {
        let (mut nearest, mut next) = (f64::INFINITY, f64::INFINITY);
        for distance in distances {
            next = next.min(distance.max(nearest));
            nearest = nearest.min(*distance);
        }
        squares += nearest * nearest;
        silhouette += if next > 0.0 && next.is_finite() { 1.0 - nearest / next } else { 0.0 };
    }
    Ok(vec![("mean_squared_distance", mean(squares)), ("simplified_silhouette", mean(silhouette))])
}

/// What becomes of each column.
fn groups(data: &Data, options: &TrainOptions, learner: &Learner) -> Result<Vec<Group>, TrainError> {
    let slots = data.schema.slots().iter().enumerate();
    let mut left: Vec<usize> =
        slots.filter(|(_, slot)| **slot != Slot::Unused).map(|(feature, _)| feature).collect();
    let holding = |left: &[usize], held| -> Vec<usize> {
        left.iter().copied().filter(|feature| data.holds[*feature] == held).collect()
    };
    let mut groups = Vec::new();
    for told in &options.groups {
        let features: Vec<usize> = match &told.columns {
            Columns::Named(names) => {
                let find = |name: &String| data.schema.position(name).ok_or_else(|| data.no_feature(name));
                names.iter().map(find).collect::<Result<_, _>>()?
            }
            Columns::All => left.clone(),
            Columns::Numbers => holding(&left, Holds::Numbers),
            Columns::Categories => holding(&left, Holds::Categories),
            Columns::Texts => holding(&left, Holds::Texts),
        };
        let features: Vec<usize> = features.into_iter().filter(|feature| left.contains(feature)).collect();
        left.retain(|feature| !features.contains(feature));
        if told.steps.iter().any(Transformer::takes_one) {
            let alone = |feature| Group { features: vec![feature], steps: told.steps.clone() };
            groups.extend(features.into_iter().map(alone));
        } else if !features.is_empty() {
            groups.push(Group { features, steps: told.steps.clone() });
        }
    }
    let standard = || vec![Transformer::Standard(StandardScaler::default())];
    // Among those that are compared, the linear ones are to have their chance.
    let linear = options.kind.is_none() && matches!(learner, Learner::Logistic(_) | Learner::Ridge(_));
    let usual = || if linear || learner.needs().scaled { standard() } else { Vec::new() };
    let scaling = options.scaling.clone().unwrap_or_else(usual);
    let nullable = data.nullable();
    groups.extend(usual_groups(&left, &data.holds, &nullable, &scaling, learner.needs()));
    Ok(groups)
}

/// A model as it comes back from its artifact.
fn reread(model: Model) -> Result<LiveModel, TrainError> {
    let bytes = artifact::encode(&model, "{}");
    drop(model);
    live(&bytes)
}

/// The model of an artifact.
fn live(artifact: &[u8]) -> Result<LiveModel, TrainError> {
    let opened = open_bytes(artifact, &OpenLimits::default())?;
    let naming = Naming { name: "model".to_owned(), ..Naming::default() };
    Ok(LiveModel::new(opened, naming)?)
}

fn label(labels: &Labels, class: usize) -> Option<String> {
    match labels {
        Labels::Int(labels) => labels.get(class).map(ToString::to_string),
        Labels::Float(labels) => labels.get(class).map(ToString::to_string),
        Labels::Bool(labels) => labels.get(class).map(ToString::to_string),
        Labels::Text(labels) => labels.get(class).cloned(),
    }
}
