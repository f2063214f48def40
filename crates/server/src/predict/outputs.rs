//! Which outputs an answer has: the API's own names over scikit-learn's methods.

use foretell_engine::LiveModel;
use foretell_frame::{Method, MethodSet};

use crate::problem::Problem;
use crate::router::shown;

/// An output by the name it has in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Output {
    /// Its name in answers and in `?outputs=`.
    pub(crate) name: &'static str,
    /// The method that computes it.
    pub(crate) method: Method,
}

/// Names of outputs other than `prediction`, in the order in which answers have them.
const NAMES: [(&str, Method); 6] = [
    ("probability", Method::PredictProba),
    ("log_probability", Method::PredictLogProba),
    ("decision", Method::DecisionFunction),
    ("score", Method::ScoreSamples),
    ("margin", Method::Margin),
    ("transform", Method::Transform),
];

/// Some outputs of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outputs {
    chosen: Vec<Output>,
    methods: MethodSet,
}

impl Outputs {
    /// All that a model has. `prediction` is the class of a classifier, whatever its library's own `predict`
    /// answers, the value of a regression, the transformed row of a transformer, and of a density its score.
    pub(crate) fn available(model: &LiveModel) -> impl Iterator<Item = Output> {
        let methods = model.methods();
        let prediction = [Method::Label, Method::Predict, Method::Transform, Method::ScoreSamples];
        let prediction = prediction.into_iter().find(|method| methods.contains(*method));
        let others = NAMES.into_iter().filter(move |(_, method)| methods.contains(*method));
        prediction
            .map(|method| Output { name: "prediction", method })
            .into_iter()
            .chain(others.map(|(name, method)| Output { name, method }))
    }

    /// What a model answers unless told otherwise: the prediction, and a classifier's probabilities.
    pub(crate) fn of(model: &LiveModel) -> Self {
        Self::new(
            Self::available(model).filter(|output| ["prediction", "probability"].contains(&output.name)),
        )
    }

    /// The outputs that a list of names with commas between them asks for.
    ///
    /// # Errors
    /// A name that the model does not have, or none at all.
    pub(crate) fn parse(names: &str, model: &LiveModel) -> Result<Self, Problem> {
        let mut chosen: Vec<Output> = Vec::new();
        for name in names.split(',').map(str::trim) {
            let Some(output) = Self::available(model).find(|output| output.name == name) else {
                let known: Vec<_> = Self::available(model).map(|output| output.name).collect();
                let got = if name.is_empty() { "nothing".into() } else { format!("`{}`", shown(name)) };
                let msg = format!("expected some of {}, got {got}", known.join(", "));
                return Err(Problem::invalid(vec!["outputs".into()], "unknown_output", msg));
            };
            if !chosen.contains(&output) {
                chosen.push(output);
            }
        }
        Ok(Self::new(chosen))
    }

    /// These outputs, each once.
    pub(crate) fn new(outputs: impl IntoIterator<Item = Output>) -> Self {
        let mut chosen: Vec<Output> = Vec::new();
        for output in outputs {
            if !chosen.contains(&output) {
                chosen.push(output);
            }
        }
        let methods = chosen.iter().map(|output| output.method).collect();
        Self { chosen, methods }
    }

    /// The methods that compute them.
    pub(crate) fn methods(&self) -> MethodSet {
        self.methods
    }

    /// The outputs in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Output> {
        self.chosen.iter().copied()
    }
}
