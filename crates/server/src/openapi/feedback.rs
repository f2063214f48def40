//! The operations of known answers, and of the quality that they show.

use serde_json::{Map, Value, json};

use super::Api;
use super::paths::responses;
use crate::path::percent_encode;

/// The paths.
pub(super) fn paths(api: &Api<'_>) -> Map<String, Value> {
    let mut paths = Map::new();
    paths.insert("/feedback".into(), json!({"post": feedback()}));
    for model in &api.models {
        let path = format!("/models/{}/quality", percent_encode(model.name));
        paths.entry(path).or_insert_with(|| json!({"get": quality(model.name)}));
    }
    paths
}

fn feedback() -> Value {
    let id = |text: &str| json!({"type": "string", "description": text, "pattern": "^[!-~]{1,128}$"});
    let properties = json!({
        "request_id": id("The `request_id` of the answer."),
        "id": id("The caller's own id, as in the request's `X-Inference-Id`."),
        "model": {
            "type": "string",
            "description": "Only predictions of this model; without, those of all that the key is for.",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
        },
        "row": {"type": "integer", "minimum": 0, "maximum": u32::MAX, "description": "Position of the row in the request."},
        "actual": {
            "description": "What really happened. Without `row`, a list has the answers of the rows in their order.",
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1}
            ]
        }
    });
    let one = |subject: &str| {
        let mut properties = properties.clone();
        if let Some(properties) = properties.as_object_mut() {
            properties.remove(if subject == "id" { "request_id" } else { "id" });
        }
        json!({
            "type": "object",
            "properties": properties,
            "required": [subject, "actual"],
            "additionalProperties": false
        })
    };
    let item = json!({"anyOf": [one("request_id"), one("id")]});
    let answer = json!({
        "type": "object",
        "properties": {"accepted": {"type": "integer"}, "request_id": {"type": "string"}},
        "required": ["accepted", "request_id"],
        "additionalProperties": false
    });
    let mut responses = responses(
        json!({"application/json": {"schema": answer}}),
        &["400", "408", "413", "415", "422", "504"],
    );
    if let Some(all) = responses.as_object_mut()
        && let Some(accepted) = all.remove("200")
    {
        all.insert("202".into(), accepted);
    }
    json!({
        "operationId": "feedback",
        "tags": ["feedback"],
        "summary": "Tell what really happened",
        "description": "By the id of the request or the caller's own. A later answer about a row takes the place of an earlier one.",
        "requestBody": {"required": true, "content": {"application/json": {
            "schema": {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]},
            "example": {"request_id": crate::predict::EXAMPLE_ID, "actual": 1}
        }}},
        "responses": responses
    })
}

fn quality(model: &str) -> Value {
    let version = json!({
        "type": "object",
        "properties": {
            "version": {"type": "string"},
            "rows": {"type": "integer"},
            "unusable": {"type": "integer"}
        },
        "required": ["version", "rows", "unusable"]
    });
    let answer = json!({
        "type": "object",
        "properties": {
            "model": {"const": model},
            "measured_at": {"type": ["number", "null"], "description": "Seconds since 1970."},
            "windows": {"type": "object", "additionalProperties": {"type": "array", "items": version}}
        },
        "required": ["model", "measured_at", "windows"],
        "additionalProperties": false
    });
    json!({
        "operationId": format!("quality_{model}"),
        "tags": ["feedback"],
        "summary": format!("How good {model} is, by version and window, as far as answers are known"),
        "responses": responses(json!({"application/json": {"schema": answer}}), &[])
    })
}
