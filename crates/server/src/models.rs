//! `GET /models` and `GET /models/{name}`: what is served, what it takes and what it gives.

use foretell_engine::{Catalog, LiveModel, Part};
use foretell_frame::{Cell, Feature, Labels};
use serde_json::{Map, Value, json};

use crate::predict::Outputs;
use crate::request::Call;

/// The models that the caller may use, each with the facts by which one is chosen.
pub(crate) fn list(call: &Call<'_>) -> Value {
    let catalog = call.state().catalog.snapshot();
    let models = catalog.models().iter().enumerate();
    let models =
        models.filter(|(_, model)| call.check_model(model.name()).is_ok()).map(|(position, model)| {
            let mut facts = summary(model);
            facts.insert("default".into(), json!(position == 0));
            Value::Object(facts)
        });
    json!({"models": models.collect::<Vec<_>>()})
}

/// Everything about one model. `catalog` tells its other versions.
pub(crate) fn detail(model: &LiveModel, catalog: &Catalog) -> Value {
    let mut facts = summary(model);
    let same_name = catalog.models().iter().filter(|other| other.name() == model.name());
    let versions: Vec<_> = same_name.map(|other| other.version()).collect();
    let cost = model.cost();
    facts.extend([
        ("versions".to_owned(), json!(versions)),
        ("format".to_owned(), json!(model.provenance().format)),
        ("bytes".to_owned(), json!(model.facts().bytes)),
        ("sha256".to_owned(), json!(model.facts().sha256)),
        ("steps".to_owned(), model.steps().iter().map(part).collect()),
        ("features".to_owned(), model.schema().features().iter().map(feature).collect()),
        ("classes".to_owned(), classes(model.classes())),
        (
            "cost".to_owned(),
            json!({
                "one_row_us": cost.one_row.as_secs_f64() * 1e6,
                "batch_row_us": cost.batch_row.as_secs_f64() * 1e6
            }),
        ),
    ]);
    Value::Object(facts)
}

fn summary(model: &LiveModel) -> Map<String, Value> {
    let provenance = model.provenance();
    let outputs: Vec<_> = Outputs::available(model).map(|output| output.name).collect();
    let facts = json!({
        "name": model.name(),
        "version": model.version(),
        "task": model.task().as_str(),
        "estimator": model.estimator(),
        "library": provenance.library,
        "library_version": provenance.library_version,
        "feature_count": model.schema().len(),
        "outputs": outputs
    });
    match facts {
        Value::Object(facts) => facts,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// The pipeline in words, such as `MinMaxScaler → DecisionTreeClassifier`.
pub(crate) fn pipeline(model: &LiveModel) -> String {
    let mut words: Vec<_> = model.steps().iter().map(|step| step.class.as_str()).collect();
    words.push(model.estimator());
    words.join(" → ")
}

/// The library that wrote the model's file, with its version where the file tells it.
pub(crate) fn library(model: &LiveModel) -> String {
    let provenance = model.provenance();
    match &provenance.library_version {
        Some(version) => format!("{} {version}", provenance.library),
        None => provenance.library.clone(),
    }
}

fn part(part: &Part) -> Value {
    let mut value = json!({"name": part.name, "class": part.class});
    if !part.parts.is_empty() {
        value["parts"] = part.parts.iter().map(self::part).collect();
    }
    value
}

fn feature(feature: &Feature) -> Value {
    let mut value = json!({
        "name": feature.name,
        "type": feature.kind.as_str(),
        "nullable": feature.nullable,
        "example": cell(&feature.example)
    });
    if let Some((low, high)) = feature.range {
        value["range"] = json!([low, high]);
    }
    if let Some(categories) = &feature.categories {
        value["categories"] = categories.iter().map(cell).collect();
        value["other_categories"] = json!(!feature.closed);
    }
    value
}

/// A value of a feature as JSON; a whole number is written without a decimal point, as people do.
pub(crate) fn cell(cell: &Cell) -> Value {
    /// Below this, every whole float64 is one integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match cell {
        Cell::Number(number) if number.fract() == 0.0 && number.abs() < EXACT => json!(*number as i64),
        Cell::Number(number) => number_value(*number),
        Cell::Text(text) => json!(text),
        Cell::Missing => Value::Null,
    }
}

/// A number as answers write it: what JSON has no number for is a text.
pub(crate) fn number_value(number: f64) -> Value {
    match number {
        _ if number.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        _ => json!(number),
    }
}

/// The classes of a classifier, of each target where it has several; `null` for other models.
pub(crate) fn classes(targets: &[Labels]) -> Value {
    match targets {
        [] => Value::Null,
        [labels] => (0..labels.len()).map(|position| label(labels, position)).collect(),
        several => several.iter().map(|labels| classes(std::slice::from_ref(labels))).collect(),
    }
}

/// The class at a position.
pub(crate) fn label(labels: &Labels, position: usize) -> Value {
    match labels {
        Labels::Int(labels) => labels.get(position).map_or(Value::Null, |label| json!(label)),
        Labels::Float(labels) => labels.get(position).map_or(Value::Null, |label| number_value(*label)),
        Labels::Bool(labels) => labels.get(position).map_or(Value::Null, |label| json!(label)),
        Labels::Text(labels) => labels.get(position).map_or(Value::Null, |label| json!(label)),
    }
}
