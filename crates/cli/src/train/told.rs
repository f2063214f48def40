//! What is told of a model that was trained: to people, and by the model itself.

use foretell_engine::train::{Comparison, Data, Evaluation, Spec, Trained, Tried, Value};
use serde_json::{Map, json};

use crate::score::Assessment;

/// What was learnt, and how good it is.
pub(crate) fn summary(spec: &Spec, trained: &Trained, data: &Data, assessment: &Assessment<'_>) -> String {
    let model = trained.model();
    let features = model.schema().len();
    let (learnt, measured) = match spec.training.evaluation {
        Evaluation::Folds(folds) => (data.rows(), format!("measured on the same in {folds} parts")),
        Evaluation::None | Evaluation::Holdout(_) => {
            (data.rows() - assessment.observed.rows(), "measured on others".to_owned())
        }
    };
    let head =
        format!("{} learnt from {learnt} rows of {features} features, {measured}\n", model.estimator());
    tried(trained) + &head + &assessment.text(model)
}

/// How many candidates are told.
const SHOWN: usize = 10;

/// The same of a model that has no target.
pub(super) fn summary_of_measures(trained: &Trained, data: &Data) -> String {
    let (model, held_out) = (trained.model(), trained.held_out.0.rows());
    let (learnt, features) = (data.rows() - held_out, model.schema().len());
    let estimator = model.estimator();
    let mut text =
        format!("{estimator} learnt from {learnt} rows of {features} features, measured on others\n");
    text += &format!("rows: {held_out}\n");
    for (name, value) in &trained.measures {
        text += &format!("{}: {value:.6}\n", name.replace('_', " "));
    }
    text
}

/// What is measured of a model that has no target.
pub(super) fn measures(trained: &Trained) -> impl Iterator<Item = (String, serde_json::Value)> {
    trained.measures.iter().map(|(name, value)| ((*name).to_owned(), json!(value)))
}

/// What the estimator was chosen from, and why.
fn tried(trained: &Trained) -> String {
    let Some(Comparison { metric, tried }) = &trained.comparison else { return String::new() };
    let most = tried.first().map_or(0, |best| best.rows);
    let line = |tried: &Tried| {
        let parameters: Vec<_> =
            tried.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let candidate = match parameters.as_slice() {
            [] => tried.kind.name.to_owned(),
            parameters => parameters.join(", "),
        };
        let rows = if tried.rows < most { format!(" on {} rows", tried.rows) } else { String::new() };
        match &tried.outcome {
            Ok(value) => {
                format!("tried {candidate}: {} {value:.6} by cross-validation{rows}\n", metric.title())
            }
            Err(reason) => format!("tried {candidate}: {reason}\n"),
        }
    };
    let mut text: String = tried.iter().take(SHOWN).map(line).collect();
    if let Some(more) = tried.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text += &format!("tried {more} more\n");
    }
    let best = if metric.larger_is_better() { "the largest" } else { "the least" };
    match tried.first() {
        Some(first) if first.parameters.is_empty() => {
            text + &format!("chose {}: its {} is {best}\n", first.kind.name, metric.title())
        }
        Some(_) | None => text + &format!("chose the first: its {} is {best}\n", metric.title()),
    }
}

/// What the model says of how it came about: the same whenever it is trained in the same way.
pub(crate) fn metadata(
    spec: &Spec,
    data: &Data,
    trained: &Trained,
    assessment: Option<&Assessment<'_>>,
) -> Map<String, serde_json::Value> {
    let parameters: Map<_, _> =
        trained.parameters.iter().map(|(name, value)| ((*name).to_owned(), as_json(value))).collect();
    let compared = trained.comparison.as_ref().map(|comparison| {
        let candidate = |tried: &Tried| {
            let parameters = tried.parameters.iter().map(|(name, value)| (name.clone(), as_json(value)));
            json!({
                "estimator": tried.kind.name,
                "parameters": parameters.collect::<Map<_, _>>(),
                "rows": tried.rows,
                "value": tried.outcome.as_ref().ok(),
            })
        };
        let tried = comparison.tried.iter().take(SHOWN).map(candidate).collect::<Vec<_>>();
        json!({"metric": comparison.metric.name(), "comparisons": comparison.tried.len(), "best": tried})
    });
    let metrics = assessment.map(|assessment| {
        let metrics = assessment.metrics.iter();
        metrics.map(|known| (known.metric.name().to_owned(), json!(known.value))).collect::<Map<_, _>>()
    });
    let metrics = metrics.or_else(|| (!trained.measures.is_empty()).then(|| measures(trained).collect()));
    let known = json!({
        "foretell_version": env!("CARGO_PKG_VERSION"),
        "estimator": trained.model().estimator(),
        "parameters": parameters,
        "compared": compared,
        "steps": trained.model().steps().iter().map(|step| step.class.as_str()).collect::<Vec<_>>(),
        "target": spec.data.target,
        "data_digest": data.digest(),
        "rows": data.rows(),
        "rows_held_out": trained.held_out.0.rows(),
        "folds": match spec.training.evaluation {
            Evaluation::Folds(folds) => Some(folds),
            Evaluation::None | Evaluation::Holdout(_) => None,
        },
        "seed": spec.training.seed,
        "metrics": metrics,
        "profile": trained.profile,
    });
    known.as_object().cloned().unwrap_or_default()
}

fn as_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(text) => json!(text),
        Value::List(values) => values.iter().map(as_json).collect(),
        Value::None => serde_json::Value::Null,
    }
}
