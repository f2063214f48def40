//! JSON Schemas of what the service answers.

use foretell_engine::Values;
use foretell_frame::{Labels, Shape};
use serde_json::{Map, Value, json};

use crate::models;

/// More classes than this are described by their type alone.
const MOST_CLASSES: usize = 100;

/// One output of a model, as `?outputs=` names it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Output<'a> {
    /// Its name, such as `probability`.
    pub name: &'static str,
    /// Its shape for n rows.
    pub shape: Shape,
    /// What its values are.
    pub values: Values<'a>,
}

/// A number as answers write it: JSON has no NaN and no infinity.
pub(super) fn number() -> Value {
    json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
}

/// The schema of an answer with these outputs, all optional because `?outputs=` selects. `one` says whether it answers
/// one record, or else rows.
pub(super) fn answer(name: &str, outputs: &[Output<'_>], targets: &[Labels], one: bool) -> Value {
    let mut properties = Map::new();
    properties.insert("model".into(), json!({"const": name}));
    properties.insert("version".into(), json!({"type": "string"}));
    for output in outputs {
        properties.insert(output.name.into(), if one { of_one(output) } else { of_rows(output) });
    }
    if !targets.is_empty() {
        let classes = models::classes(targets);
        let description = "The classes, in the order of the columns of `probability`.";
        properties.insert("classes".into(), json!({"const": classes, "description": description}));
    }
    properties.insert("request_id".into(), json!({"type": "string"}));
    json!({
        "type": "object",
        "description": if one { "The answer to one record." } else { "The answer to rows, in their order." },
        "properties": properties,
        "required": ["model", "version", "request_id"],
        "additionalProperties": false
    })
}

fn of_one(output: &Output<'_>) -> Value {
    match &output.shape {
        Shape::Vector => scalar(output, 0),
        Shape::Matrix(width) => row(output, *width),
        Shape::PerTarget(widths) => tuple(widths.iter().map(|width| row(output, *width)).collect()),
    }
}

fn of_rows(output: &Output<'_>) -> Value {
    let rows = |item: Value| json!({"type": "array", "items": item, "minItems": 1});
    match &output.shape {
        Shape::Vector => rows(scalar(output, 0)),
        Shape::Matrix(width) => rows(row(output, *width)),
        Shape::PerTarget(widths) => tuple(widths.iter().map(|width| rows(row(output, *width))).collect()),
    }
}

/// The values of one row.
fn row(output: &Output<'_>, width: usize) -> Value {
    match output.values {
        Values::Classes(_) => tuple((0..width).map(|column| scalar(output, column)).collect()),
        Values::Numbers => {
            json!({"type": "array", "items": scalar(output, 0), "minItems": width, "maxItems": width})
        }
        Values::Table(kinds) => {
            let cell = json!({"type": ["number", "string", "null"]});
            json!({"type": "array", "items": cell, "minItems": kinds.len(), "maxItems": kinds.len()})
        }
    }
}

fn tuple(items: Vec<Value>) -> Value {
    let count = items.len();
    json!({"type": "array", "prefixItems": items, "items": false, "minItems": count, "maxItems": count})
}

fn scalar(output: &Output<'_>, column: usize) -> Value {
    let targets = match output.values {
        Values::Classes(targets) => targets,
        Values::Numbers | Values::Table(_) => &[],
    };
    match targets.get(column) {
        Some(labels) if labels.len() <= MOST_CLASSES => {
            json!({"enum": models::classes(std::slice::from_ref(labels))})
        }
        Some(Labels::Int(_)) => json!({"type": "integer"}),
        Some(Labels::Float(_)) => json!({"type": "number"}),
        Some(Labels::Bool(_)) => json!({"type": "boolean"}),
        Some(Labels::Text(_)) => json!({"type": "string"}),
        None => json!({"$ref": "#/components/schemas/Number"}),
    }
}

/// The schema of `application/problem+json`.
pub(super) fn problem() -> Value {
    json!({
        "type": "object",
        "description": "What is wrong, as RFC 9457 problem details.",
        "properties": {
            "type": {"type": "string", "description": "A stable name of the kind of problem.", "examples": ["urn:foretell:problem:invalid"]},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {
                "type": "array",
                "description": "Everything that is wrong with the request, up to a bound.",
                "items": {
                    "type": "object",
                    "properties": {
                        "loc": {"type": "array", "items": {"type": ["string", "integer"]}, "examples": [["data", 1]]},
                        "msg": {"type": "string", "examples": ["expected 4 values, got 3"]},
                        "type": {"type": "string", "examples": ["wrong_length"]}
                    },
                    "required": ["loc", "msg", "type"],
                    "additionalProperties": false
                }
            },
            "request_id": {"type": "string"}
        },
        "required": ["type", "title", "status", "detail", "request_id"],
        "additionalProperties": false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_output_is_scalar_for_a_record_and_a_list_for_rows() {
        let targets = [Labels::Int(vec![0, 1])];
        let outputs = [
            Output { name: "prediction", shape: Shape::Vector, values: Values::Classes(&targets) },
            Output { name: "probability", shape: Shape::Matrix(2), values: Values::Numbers },
        ];
        let one = answer("iris", &outputs, &targets, true);
        assert_eq!(one["properties"]["prediction"], json!({"enum": [0, 1]}));
        assert_eq!(one["properties"]["probability"]["minItems"], json!(2));
        let rows = answer("iris", &outputs, &targets, false);
        assert_eq!(rows["properties"]["prediction"]["items"], json!({"enum": [0, 1]}));
        assert_eq!(rows["properties"]["probability"]["items"]["type"], "array");
        assert_eq!(rows["properties"]["classes"]["const"], json!([0, 1]));
    }

    #[test]
    fn each_target_has_its_own_classes() {
        let targets = [Labels::Int(vec![0, 1]), Labels::Text(vec!["a".into()])];
        let output =
            Output { name: "prediction", shape: Shape::Matrix(2), values: Values::Classes(&targets) };
        let one = answer("m", std::slice::from_ref(&output), &targets, true);
        assert_eq!(
            one["properties"]["prediction"]["prefixItems"],
            json!([{"enum": [0, 1]}, {"enum": ["a"]}])
        );
    }
}
