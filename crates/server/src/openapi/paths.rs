//! The operations: one for each method of each path.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    Api, DatasetApi, DatasetRouteApi, Described, ModelApi, RouteApi, Security, admin, feedback, output,
};
use crate::auth::KeyFault;
use crate::config::DatasetAnswer;
use crate::path::percent_encode;
use crate::predict::{EXAMPLE_ID, PREDICTABLE};
use crate::problem::Problem;

/// What can go wrong where rows are predicted, beside 422.
const BODY_PROBLEMS: [&str; 6] = ["400", "408", "413", "415", "422", "504"];
/// What can go wrong everywhere.
const COMMON_PROBLEMS: [&str; 2] = ["500", "503"];

/// The problems, as responses that operations refer to by status.
pub(super) fn problems() -> Value {
    let limit = Duration::from_secs(30);
    let fault = Problem::invalid(vec!["data".into(), 1.into()], "wrong_length", "expected 4 values, got 3");
    let number = "the dataset `test` has rows 0 to 9, got `10`".into();
    let not_json = Problem::NotJson { line: 1, column: 14, reason: "expected value".into() };
    let examples = [
        ("The body is not JSON, or the request is malformed.", not_json),
        ("There is no API key, or not a valid one.", Problem::Unauthorized { fault: KeyFault::Missing }),
        (
            "The API key is not for this.",
            Problem::Forbidden { detail: "the API key does not have the scope `predict`".into() },
        ),
        (
            "The caller asks more often than it may.",
            Problem::TooManyRequests { whose: "this address", wait: Duration::from_secs(1) },
        ),
        ("There is no such row.", Problem::NotThere { detail: number }),
        (
            "It stands against something that is there.",
            Problem::Conflict { detail: "version 1 of `iris` has the alias `production`".into() },
        ),
        ("The body did not arrive in time.", Problem::SlowBody { waited: limit }),
        ("The body is too large, or has too many rows.", Problem::TooManyRows { limit: 100_000 }),
        (
            "The content type or the content encoding is not supported.",
            Problem::WrongContentType { got: "text/xml".into(), expected: PREDICTABLE },
        ),
        ("The rows are not what the model takes, or `outputs` names what it does not give.", fault),
        ("The service failed on this request.", Problem::Internal),
        ("Overloaded, not ready yet, or about to stop: try again later.", Problem::Overloaded),
        ("The answer was not ready in time.", Problem::Deadline { limit }),
    ];
    let responses = examples.map(|(description, problem)| {
        let document = problem.document(EXAMPLE_ID);
        let example: Value = serde_json::from_slice(&document).unwrap_or_default();
        let mut response = json!({
            "description": description,
            "content": {"application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"}, "example": example
            }}
        });
        if problem.kind().retry_after.is_some() {
            let seconds =
                json!({"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}});
            response["headers"] = json!({"Retry-After": seconds});
        }
        (problem.kind().status.as_str().to_owned(), response)
    });
    Value::Object(responses.into_iter().collect())
}

/// All paths.
pub(super) fn paths(api: &Api<'_>, models: &[Described]) -> Value {
    let mut paths = Map::new();
    if let (Some(model), Some(described)) = (api.models.first(), models.first()) {
        // A configured route may stand in its place.
        paths.insert(
            "/predict".into(),
            json!({"post": predict(model, described, "predict", "Predict with the default model")}),
        );
    }
    for (route, model) in api.routes.iter().map(|route| (route, &api.models[route.model])) {
        paths.insert(route.path.into(), json!({"post": route_operation(route, model, &models[route.model])}));
    }
    for route in &api.dataset_routes {
        paths.insert(route.path.into(), dataset_route(api, route));
    }
    for (model, described) in api.models.iter().zip(models) {
        model_paths(&mut paths, model, described);
    }
    for dataset in &api.datasets {
        dataset_paths(&mut paths, api, dataset);
    }
    service_paths(&mut paths);
    if api.security.log {
        paths.extend(feedback::paths(api));
    }
    if api.security.admin {
        paths.extend(admin::paths());
    }
    secure(&mut paths, api.security);
    make_ids_unique(&mut paths);
    Value::Object(paths)
}

/// Adds to each operation the key that it needs, and what happens without.
fn secure(paths: &mut Map<String, Value>, security: Security) {
    for (path, operations) in paths {
        let operations = operations.as_object_mut().into_iter().flat_map(Map::values_mut);
        for operation in operations {
            let keyed = match operation["tags"][0].as_str() {
                Some("service") => security.metrics && path == "/metrics",
                Some("admin") => true,
                Some(_) | None => security.predictions,
            };
            if keyed {
                operation["security"] = json!([{"bearer": []}, {"key": []}]);
            }
            let limited = security.limited && !path.starts_with("/health");
            for status in ["401", "403", "429"] {
                let may_happen = if status == "429" { limited } else { keyed };
                if may_happen {
                    operation["responses"][status] =
                        json!({"$ref": format!("#/components/responses/{status}")});
                }
            }
        }
    }
}

fn model_paths(paths: &mut Map<String, Value>, model: &ModelApi<'_>, described: &Described) {
    let (name, prefix) = (percent_encode(model.name), &described.prefix);
    let summary = format!("Predict with {}", model.name);
    let version = percent_encode(model.version);
    // Versions of one name share all but their own path, which the first of them describes.
    paths.entry(format!("/models/{name}/predict")).or_insert_with(
        || json!({"post": predict(model, described, &format!("predict_{prefix}"), &summary)}),
    );
    let summary = format!("Predict with version {} of {}", model.version, model.name);
    let operation = predict(model, described, &format!("predict_{prefix}_version"), &summary);
    paths.insert(format!("/models/{name}/versions/{version}/predict"), json!({"post": operation}));
    let description = json!({"type": "object", "required": ["name", "version", "features", "outputs"]});
    let get =
        get(&format!("get_{prefix}"), "models", &format!("What {} takes and gives", model.name), description);
    paths.entry(format!("/models/{name}")).or_insert_with(|| json!({"get": get}));
}

fn service_paths(paths: &mut Map<String, Value>) {
    let model = json!({"type": "object", "required": ["name"]});
    let models = json!({
        "type": "object",
        "properties": {"models": {"type": "array", "items": model}},
        "required": ["models"],
        "additionalProperties": false
    });
    paths.insert(
        "/models".into(),
        json!({"get": get("list_models", "models", "The models that are served", models)}),
    );
    let health = json!({
        "type": "object",
        "properties": {"status": {"enum": ["ready", "starting", "stopping"]}},
        "required": ["status", "models"]
    });
    let alive =
        json!({"type": "object", "properties": {"status": {"const": "alive"}}, "required": ["status"]});
    for (path, id, summary, schema) in [
        ("/health", "health", "Status of the service and of each model", &health),
        ("/health/live", "health_live", "Whether the process lives", &alive),
        ("/health/ready", "health_ready", "Whether requests are taken", &health),
    ] {
        let mut operation = get(id, "service", summary, schema.clone());
        if schema == &health {
            let mut unready = operation["responses"]["200"].clone();
            unready["description"] = json!("Not ready yet, or about to stop.");
            operation["responses"]["503"] = unready;
        }
        paths.insert(path.into(), json!({"get": operation}));
    }
    let mut metrics = get("metrics", "service", "Counters in Prometheus' text format", json!({}));
    metrics["responses"]["200"]["content"] = json!({"text/plain": {"schema": {"type": "string"}}});
    paths.insert("/metrics".into(), json!({"get": metrics}));
    let document = json!({"type": "object", "required": ["openapi", "info", "paths"]});
    paths
        .insert("/openapi.json".into(), json!({"get": get("openapi", "service", "This document", document)}));
}

/// An operation without parameters that answers JSON.
fn get(id: &str, tag: &str, summary: &str, schema: Value) -> Value {
    json!({
        "operationId": id,
        "tags": [tag],
        "summary": summary,
        "responses": responses(json!({"application/json": {"schema": schema}}), &[])
    })
}

pub(super) fn responses(content: Value, statuses: &[&str]) -> Value {
    let mut responses = Map::new();
    responses.insert("200".into(), json!({"description": "The answer.", "content": content}));
    for status in statuses.iter().chain(&COMMON_PROBLEMS) {
        responses.insert((*status).into(), json!({"$ref": format!("#/components/responses/{status}")}));
    }
    Value::Object(responses)
}

/// An operation that predicts and answers in the native form.
fn predict(model: &ModelApi<'_>, described: &Described, id: &str, summary: &str) -> Value {
    let names: Vec<_> = model.outputs.iter().map(|output| output.name).collect();
    let content = json!({"application/json": {
        "schema": {"anyOf": [described.reference("Answers"), described.reference("Answer")]},
        "examples": {
            "rows": {"summary": "to rows", "value": model.answers[0]},
            "record": {"summary": "to one record", "value": model.answers[1]}
        }
    }});
    json!({
        "operationId": id,
        "tags": ["predict"],
        "summary": summary,
        "description": format!("{}. Rows in give lists out, one record in gives scalars out.", model.summary),
        "parameters": [{
            "name": "outputs",
            "in": "query",
            "description": "The outputs to compute, separated by commas.",
            "style": "form",
            "explode": false,
            "schema": {"type": "array", "items": {"enum": names}, "minItems": 1, "default": model.defaults}
        }],
        "requestBody": request_body(model, described),
        "responses": responses(content, &BODY_PROBLEMS)
    })
}

fn route_operation(route: &RouteApi<'_>, model: &ModelApi<'_>, described: &Described) -> Value {
    let id = operation_id("post", route.path);
    let mut operation = predict(model, described, &id, &format!("Predict with {}", model.name));
    match route.expression {
        // What an expression reads is computed, whatever the query says.
        Some(_) => operation["parameters"] = json!([]),
        None => operation["parameters"][0]["schema"]["default"] = json!(route.defaults),
    }
    let content = &mut operation["responses"]["200"]["content"]["application/json"];
    match route.expression {
        Some(expression) => {
            let native = output::answer(model.name, &model.outputs, model.classes, false);
            *content = json!({"schema": expression.schema(&native), "example": route.answers[0]});
            let shape = format!(
                "{}. The answer is `{}` of the native answer to rows.",
                model.summary,
                expression.as_str()
            );
            operation["description"] = json!(shape);
        }
        None => {
            content["examples"]["rows"]["value"] = route.answers[0].clone();
            content["examples"]["record"]["value"] = route.answers[1].clone();
        }
    }
    operation
}

fn request_body(model: &ModelApi<'_>, described: &Described) -> Value {
    let forms = model.forms();
    let (row, record, csv) = (forms.example_row(), forms.example_record(), forms.example_csv());
    json!({"required": true, "content": {
        "application/json": {
            "schema": described.reference("Body"),
            "examples": {
                "rows": {"summary": "rows, in feature order", "value": {"data": [row, row]}},
                "record": {"summary": "one record", "value": record},
                "records": {"summary": "records", "value": [record, record]},
                "columns": {"summary": "columns, as pandas writes them", "value": forms.example_columns()},
                "csv": {"summary": "CSV text", "value": {"data": csv}}
            }
        },
        "text/csv": {"schema": described.reference("Csv"), "example": csv}
    }})
}

fn dataset_paths(paths: &mut Map<String, Value>, api: &Api<'_>, dataset: &DatasetApi<'_>) {
    let name = percent_encode(dataset.name);
    let id = operation_id("get_dataset", dataset.name);
    let about = json!({
        "type": "object",
        "properties": {
            "name": {"const": dataset.name}, "rows": {"const": dataset.rows}, "columns": {"const": dataset.columns},
            "models": {"type": "array", "items": {"type": "string"}}
        },
        "required": ["name", "rows", "columns", "models"],
        "additionalProperties": false
    });
    let summary = format!("What the dataset {} is", dataset.name);
    paths.insert(format!("/datasets/{name}"), json!({"get": get(&id, "datasets", &summary, about)}));
    for (answer, path) in [
        (DatasetAnswer::Line, "rows/{n}"),
        (DatasetAnswer::Prediction, "predictions/{n}"),
        (DatasetAnswer::Score, "score"),
    ] {
        let path = format!("/datasets/{name}/{path}");
        let schema = dataset_answer(api, dataset, answer);
        paths.insert(path.clone(), dataset_operations(dataset, answer, &path, schema));
    }
}

fn dataset_route(api: &Api<'_>, route: &DatasetRouteApi<'_>) -> Value {
    let dataset = &api.datasets[route.dataset];
    let native = dataset_answer(api, dataset, route.answer);
    let schema = route.expression.map_or_else(|| native.clone(), |expression| expression.schema(&native));
    dataset_operations(dataset, route.answer, route.path, schema)
}

/// `GET` and `POST` of one answer of a dataset.
fn dataset_operations(dataset: &DatasetApi<'_>, answer: DatasetAnswer, path: &str, schema: Value) -> Value {
    let summary = match answer {
        DatasetAnswer::Line => format!("A row of {}", dataset.name),
        DatasetAnswer::Prediction => format!("What the models predict for a row of {}", dataset.name),
        DatasetAnswer::Score => format!("How good the models are on {}", dataset.name),
    };
    let numbered = path.contains("{n}");
    let content = json!({"application/json": {"schema": schema}});
    let statuses: &[&str] = if numbered { &["404", "422", "504"] } else { &["422", "504"] };
    let operation = |method: &str| {
        let mut operation = json!({
            "operationId": operation_id(method, path),
            "tags": ["datasets"],
            "summary": summary,
            "responses": responses(content.clone(), statuses)
        });
        if numbered {
            operation["parameters"] = json!([{
                "name": "n", "in": "path", "required": true, "description": "The row, from 0.", "example": 0,
                "schema": {"type": "integer", "minimum": 0, "maximum": dataset.rows.saturating_sub(1)}
            }]);
        }
        operation
    };
    json!({"get": operation("get"), "post": operation("post")})
}

/// The schema of a dataset's native answer.
fn dataset_answer(api: &Api<'_>, dataset: &DatasetApi<'_>, answer: DatasetAnswer) -> Value {
    let line = json!({"type": "integer"});
    let object = |properties: Map<String, Value>| {
        let required: Vec<_> = properties.keys().cloned().collect();
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    };
    let models = dataset.models.iter().map(|position| &api.models[*position]);
    let properties = match answer {
        DatasetAnswer::Line => {
            let cell = json!({"type": ["number", "string", "null"]});
            let row = dataset.columns.iter().map(|column| (column.clone(), cell.clone())).collect();
            vec![("line", line), ("row", object(row))]
        }
        DatasetAnswer::Prediction => {
            let prediction = |model: &ModelApi<'_>| {
                let one = output::answer(model.name, &model.outputs, model.classes, true);
                (model.name.to_owned(), one["properties"]["prediction"].clone())
            };
            vec![("line", line), ("prediction", object(models.map(prediction).collect()))]
        }
        DatasetAnswer::Score => {
            let score = |model: &ModelApi<'_>| (model.name.to_owned(), output::number());
            vec![("score", object(models.map(score).collect()))]
        }
    };
    object(properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect())
}

/// The name of an operation: the words of its path, joined by underscores.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |id, word| id + "_" + word)
}

/// Numbers operations of one name: two paths may differ only in characters that a name does not have.
fn make_ids_unique(paths: &mut Map<String, Value>) {
    let mut seen = HashSet::new();
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let numbered = (2..).map(|number| format!("{id}_{number}"));
        let unique = std::iter::once(id.clone()).chain(numbered).find(|id| seen.insert(id.clone()));
        operation["operationId"] = json!(unique);
    }
}
