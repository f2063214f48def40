//! From a table to a model that has been measured on rows it has not seen.

mod data;
mod error;
mod spec;

use foretell_evaluate::{Method, Observed, Split, SplitError};
use foretell_frame::{Frame, Labels, Slot, TextColumn};
use foretell_model::artifact;
pub use foretell_train::estimator::{KINDS, Kind, Learner};
pub use foretell_train::parameter::{Parameter, Range, Value};
pub use foretell_train::recipe::TRANSFORMERS;
pub use foretell_train::{Context, FitError, Progress, Silent, Transformer};
use foretell_train::{Group, Recipe, usual_groups};
use serde_json::Map;

use self::data::Answered;
pub use self::data::{Data, DataOptions, Input};
pub use self::error::TrainError;
pub use self::spec::{Spec, SpecError, TEST_SIZE};
use crate::live::{LiveModel, Naming};
use crate::open::{OpenLimits, open_bytes};
use crate::score::Answers;

/// What is to be trained.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// The estimator.
    pub kind: Kind,
    /// Whether it is to learn classes; told by the answers where nobody says it.
    pub classes: Option<bool>,
    /// Parameters that are not as they are by default.
    pub parameters: Vec<(String, Value)>,
    /// What becomes of numbers that `groups` do not name; by default they are standardised for networks, which learn
    /// little otherwise, and left as they are for others.
    pub scaling: Option<Vec<Transformer>>,
    /// What becomes of some columns. The first that names a column holds.
    pub groups: Vec<ColumnSteps>,
    /// What becomes of all columns together, after that.
    pub steps: Vec<Transformer>,
    /// The share of rows that are held out to measure the model on; 0 for none.
    pub test_size: f64,
    /// Where everything random comes from.
    pub seed: u64,
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
    /// Those of texts, and of numbers that are categories.
    Categories,
    /// All.
    All,
}

/// A model and how it did.
#[derive(Debug)]
pub struct Trained {
    live: LiveModel,
    /// What it answers to the rows that were held out, where there are any.
    pub observed: Option<Observed>,
    /// The answers that it has learnt from.
    pub seen: Observed,
    /// The rows that were held out.
    pub held_out: (Frame, TextColumn),
    /// Its parameters, all of them.
    pub parameters: Vec<(&'static str, Value)>,
}

impl Trained {
    /// The model as it will be served.
    pub fn model(&self) -> &LiveModel {
        &self.live
    }

    /// The artifact, which says this about itself. The same for the same data, options, and what is said.
    pub fn artifact(&self, metadata: &Map<String, serde_json::Value>) -> Vec<u8> {
        artifact::encode(self.live.model(), &serde_json::Value::Object(metadata.clone()).to_string())
    }
}

/// Trains, and measures on rows that were held out: the same share of every class.
///
/// # Errors
/// Options and data that do not fit each other, and a progress that ends it.
pub fn train(data: &Data, options: &TrainOptions, progress: &dyn Progress) -> Result<Trained, TrainError> {
    let answered = data.lesson(options.kind, options.classes)?;
    let classes = matches!(answered, Answered::Classes { .. });
    let mut learner = options.kind.learner(classes);
    for (name, value) in &options.parameters {
        learner.set(name, value)?;
    }
    let (learns, held_out) = hold_out(data.rows(), &answered, options)?;
    let recipe = Recipe {
        kind: options.kind,
        learner: learner.clone(),
        groups: groups(data, options, &learner)?,
        steps: options.steps.clone(),
        nullable: data.nullable(),
    };
    let lesson = answered.select(&learns);
    let context = Context { seed: options.seed, progress };
    let model = recipe.fit(&data.schema, &data.select(&learns).0, lesson.target(), &context)?;
    // What is measured is what the artifact says, and not what has just been made in memory.
    let opened = open_bytes(artifact::encode(&model, "{}"), &OpenLimits::default())?;
    let naming = Naming { name: "model".to_owned(), version: None, given: crate::Given::default() };
    let live = LiveModel::new(opened, naming)?;
    let (frame, target) = data.select(&held_out);
    let observed = match held_out.is_empty() {
        true => None,
        false => {
            let mut answers = Answers::new(&live)?;
            answers.add(&live, &frame, &target, |row| data.line(held_out[row]))?;
            Some(answers.finish()?)
        }
    };
    let parameters = learner.parameters();
    Ok(Trained { live, observed, seen: lesson.seen(), held_out: (frame, target), parameters })
}

/// What becomes of each column.
fn groups(data: &Data, options: &TrainOptions, learner: &Learner) -> Result<Vec<Group>, TrainError> {
    let slots = data.schema.slots().iter().enumerate();
    let mut left: Vec<usize> =
        slots.filter(|(_, slot)| **slot != Slot::Unused).map(|(feature, _)| feature).collect();
    let mut groups = Vec::new();
    for told in &options.groups {
        let features: Vec<usize> = match &told.columns {
            Columns::Named(names) => {
                let find = |name: &String| data.schema.position(name).ok_or_else(|| data.no_feature(name));
                names.iter().map(find).collect::<Result<_, _>>()?
            }
            Columns::All => left.clone(),
            Columns::Numbers => left.iter().copied().filter(|feature| !data.categorical[*feature]).collect(),
            Columns::Categories => {
                left.iter().copied().filter(|feature| data.categorical[*feature]).collect()
            }
        };
        let features: Vec<usize> = features.into_iter().filter(|feature| left.contains(feature)).collect();
        left.retain(|feature| !features.contains(feature));
        if !features.is_empty() {
            groups.push(Group { features, steps: told.steps.clone() });
        }
    }
    let standard = || Transformer::named("standard").into_iter().collect();
    let usual = || if matches!(learner, Learner::Mlp(_)) { standard() } else { Vec::new() };
    let scaling = options.scaling.clone().unwrap_or_else(usual);
    let nullable = data.nullable();
    groups.extend(usual_groups(&data.schema, &left, &data.categorical, &nullable, &scaling, learner.needs()));
    Ok(groups)
}

/// The rows to learn from, and those to measure on.
fn hold_out(
    rows: usize,
    answered: &Answered,
    options: &TrainOptions,
) -> Result<(Vec<usize>, Vec<usize>), TrainError> {
    if options.test_size == 0.0 {
        return Ok(((0..rows).collect(), Vec::new()));
    }
    let classes: Option<(Vec<usize>, &Labels)> = match answered {
        Answered::Values(_) => None,
        Answered::Classes { codes, labels } => {
            Some((codes.iter().map(|code| *code as usize).collect(), labels))
        }
    };
    let split = Split {
        method: Method::Holdout(options.test_size),
        stratify: classes.as_ref().map(|(codes, _)| codes.as_slice()),
        groups: None,
        order: None,
        gap: 0,
        seed: options.seed,
    };
    let folds = split.folds(rows).map_err(|source| {
        let class = match (&source, &classes) {
            (SplitError::RareClass { class }, Some((_, labels))) => label(labels, *class),
            (_, Some(_) | None) => None,
        };
        TrainError::Split { source, class }
    })?;
    Ok(folds.into_iter().next().map(|fold| (fold.train, fold.test)).unwrap_or_default())
}

fn label(labels: &Labels, class: usize) -> Option<String> {
    match labels {
        Labels::Int(labels) => labels.get(class).map(ToString::to_string),
        Labels::Float(labels) => labels.get(class).map(ToString::to_string),
        Labels::Bool(labels) => labels.get(class).map(ToString::to_string),
        Labels::Text(labels) => labels.get(class).cloned(),
    }
}
