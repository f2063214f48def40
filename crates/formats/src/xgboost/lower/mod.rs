//! [`Learner`] to [`Lowered`]: an estimator and a head with every choice of the library made explicit.

mod categories;
mod forest;
mod objective;

use foretell_frame::{Labels, Shape};
use foretell_model::estimator::LinearBooster;
use foretell_model::{Estimator, Fitted, Part, Pipeline, Task};

use crate::sklearn::{Lowered, Naming};
use crate::{FormatError, Problem};

use super::learner::{Booster, Learner};
use objective::Objective;

/// Who answers: the same trees give other answers through another interface of the library.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Interface {
    /// `Booster.predict`: all trees, and probabilities for classes.
    Booster,
    /// `XGBRegressor.predict` and `XGBRanker.predict`.
    Regressor,
    /// `XGBClassifier.predict` and `predict_proba`, with the classes where the file knows them.
    Classifier(Option<Labels>),
}

/// How the trees of a learner are used.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Use {
    /// Who answers.
    pub interface: Interface,
    /// The class and step name that users see.
    pub class: String,
    /// How many trees from the first on; `None` for all.
    pub trees: Option<usize>,
    /// A value that is missing besides NaN.
    pub missing: Option<f64>,
}

/// Lowers a learner.
///
/// # Errors
/// An objective or booster that is not supported, or trees that contradict themselves.
pub(super) fn lower(learner: &Learner, usage: &Use) -> Result<Lowered, FormatError> {
    lower_parts(learner, usage).map_err(|error| error.written_by(learner.library()))
}

fn lower_parts(learner: &Learner, usage: &Use) -> Result<Lowered, FormatError> {
    let objective = Objective::of(learner)?;
    let base = objective.base(learner)?;
    let (steps, estimator) = match &learner.booster {
        Booster::Forest(forest) => {
            let trees = forest::trees(learner, forest, usage, &base)?;
            (categories::recode(learner, forest)?, Estimator::Trees(trees))
        }
        Booster::Linear(weights) => {
            (Vec::new(), Estimator::LinearBooster(linear(learner, weights, usage, &base)?))
        }
    };
    let head = objective.head(learner, &usage.interface)?;
    Ok(Lowered {
        pipeline: Pipeline { steps, estimator: Some(Fitted { estimator, head }), ..Pipeline::default() },
        features: Some(learner.features),
        names: feature_names(learner)?,
        task: objective.task(),
        part: Part { class: usage.class.clone(), ..Part::default() },
        sparse: false,
        naming: Naming::Unknown,
        library_version: learner.version.map(|version| version.to_string()),
    })
}

/// `gblinear`. Of several base scores the library adds the first to every output.
fn linear(
    learner: &Learner,
    weights: &[f32],
    usage: &Use,
    base: &[f32],
) -> Result<LinearBooster, FormatError> {
    let (features, outputs) = (learner.features, learner.outputs());
    if weights.len() != features.saturating_add(1).saturating_mul(outputs) {
        let problem = Problem::Mismatch {
            expected: format!("weights of {features} features and a bias for {outputs} outputs"),
            got: weights.len().to_string(),
        };
        return Err(FormatError::new(learner.kind, problem).at("learner.gradient_booster.model.weights"));
    }
    let (slopes, biases) = weights.split_at(features * outputs);
    Ok(LinearBooster {
        features,
        weights: slopes.to_vec(),
        intercept: biases.iter().map(|bias| bias + base[0]).collect(),
        missing_value: usage.missing.map(|missing| missing as f32),
    })
}

fn feature_names(learner: &Learner) -> Result<Option<Vec<String>>, FormatError> {
    let names = &learner.feature_names;
    if names.is_empty() {
        return Ok(None);
    }
    if names.len() != learner.features {
        let problem = Problem::Mismatch {
            expected: format!("{} names", learner.features),
            got: names.len().to_string(),
        };
        return Err(FormatError::new(learner.kind, problem).at("learner.feature_names"));
    }
    Ok(Some(names.clone()))
}

impl Objective {
    fn task(&self) -> Task {
        match self {
            Self::Regression { .. } => Task::Regression,
            Self::Ranking => Task::Ranking,
            Self::Logistic | Self::LogisticRaw | Self::Hinge | Self::Softmax | Self::Softprob => {
                Task::Classification
            }
        }
    }
}

/// The shape of one value per output.
fn shape(outputs: usize) -> Shape {
    if outputs == 1 { Shape::Vector } else { Shape::Matrix(outputs) }
}
