//! The operations of administrators.

use foretell_engine::registry::MOST_REQUESTS;
use serde_json::{Map, Value, json};

/// All paths below `/admin`.
pub(super) fn paths() -> Map<String, Value> {
    let name = path_parameter("name", "The name of the model.", json!({"type": "string"}));
    let number = json!({"type": "integer", "minimum": 1});
    let version = path_parameter("version", "The number of the version.", number.clone());
    let id = path_parameter("id", "The part of the key after `fk_`.", json!({"type": "string"}));
    let alias = json!({"type": "string", "default": "production"});
    let note = json!({"type": ["string", "null"], "description": "Why, for the history."});
    let query = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema});
    let text = || json!({"type": "string"});
    let replay = object(
        &[
            (
                "requests",
                json!({"type": "integer", "minimum": 1, "maximum": MOST_REQUESTS, "description": "How many of the last recorded requests are predicted first."}),
            ),
            (
                "max_changed",
                json!({"type": "number", "minimum": 0, "maximum": 1, "description": "The share of their rows that may change."}),
            ),
            (
                "tolerance",
                json!({"type": "number", "minimum": 0, "default": 0, "description": "A number has changed when it moves by more than this."}),
            ),
        ],
        &["requests"],
    );
    let promotion = object(
        &[
            ("version", number.clone()),
            ("alias", alias.clone()),
            ("role", role()),
            (
                "force",
                json!({"type": "boolean", "default": false, "description": "Whether callers may be broken, and more may change than is allowed."}),
            ),
            ("replay", replay),
            ("note", note.clone()),
        ],
        &["version"],
    );
    let back = object(&[("alias", alias), ("note", note)], &[]);
    let key = object(
        &[
            ("name", json!({"type": "string", "minLength": 1, "maxLength": 200})),
            ("scopes", json!({"type": "array", "items": {"enum": ["predict", "feedback", "admin"]}})),
            (
                "models",
                json!({"type": ["array", "null"], "items": {"type": "string"}, "description": "For which models; all without."}),
            ),
            (
                "expires_in",
                json!({"type": ["string", "null"], "description": "Such as `90d`; never without.", "examples": ["90d"]}),
            ),
        ],
        &["name", "scopes"],
    );
    let upload = [
        name.clone(),
        query("alias", "An alias that is to point to the new version.", text()),
        query("notes", "What is worth knowing of it.", text()),
        query("file_name", "What the file is called.", text()),
        query("features", "Names of the features, separated by commas, where the file knows none.", text()),
        query(
            "categories",
            "Categories of features that the file knows by their codes only: a JSON object of lists, in the order of the codes.",
            text(),
        ),
    ];
    let acts = [
        query("limit", "How many; 100 without.", json!({"type": "integer", "minimum": 1, "maximum": 1000})),
        query("before", "Only acts before the one with this id.", json!({"type": "integer"})),
    ];
    let run = path_parameter("id", "The number of the run.", json!({"type": "integer", "minimum": 1}));
    let schedule = path_parameter("name", "The name of the schedule.", json!({"type": "string"}));
    let runs = [
        query("name", "Only those of this schedule, or of this model.", text()),
        query("limit", "How many; 100 without.", json!({"type": "integer", "minimum": 1, "maximum": 1000})),
        query("before", "Only runs before the one with this number.", json!({"type": "integer"})),
    ];
    let (one, of_version) = ([name.clone()], [name, version]);
    let file = json!({"required": true, "content": {"application/octet-stream": {"schema": {}}}});
    let json_body =
        |schema: &Value| json!({"required": true, "content": {"application/json": {"schema": schema}}});
    let operation = |id: &str, summary: &str, parameters: &[Value], status: &str| {
        let mut responses = Map::new();
        let answer = json!({"description": "The answer.", "content": {"application/json": {"schema": {"type": "object"}}}});
        responses.insert(status.to_owned(), answer);
        for status in ["400", "404", "408", "409", "413", "415", "422", "500", "503", "504"] {
            responses.insert(status.into(), json!({"$ref": format!("#/components/responses/{status}")}));
        }
        json!({"operationId": id, "tags": ["admin"], "summary": summary, "parameters": parameters, "responses": responses})
    };
    let with_body = |mut operation: Value, body: Value| {
        operation["requestBody"] = body;
        operation
    };
    let paths = [
        ("models", json!({"get": operation("admin_models", "The models of the registry", &[], "200")})),
        (
            "models/{name}",
            json!({
                "get": operation("admin_model", "A model, its versions, its aliases and their history", &one, "200"),
                "delete": operation("admin_delete_model", "Delete a model that has no alias", &one, "200")
            }),
        ),
        (
            "models/{name}/versions",
            json!({
                "post": with_body(operation("admin_register", "Add a model file as a new version", &upload, "201"), file)
            }),
        ),
        (
            "models/{name}/versions/{version}",
            json!({
                "get": operation("admin_version", "A version", &of_version, "200"),
                "delete": operation("admin_delete_version", "Delete a version that has no alias", &of_version, "200")
            }),
        ),
        (
            "models/{name}/versions/{version}/archive",
            json!({
                "post": operation("admin_archive", "Keep a version, and refuse it to every alias", &of_version, "200")
            }),
        ),
        (
            "models/{name}/versions/{version}/unarchive",
            json!({
                "post": operation("admin_unarchive", "Make an archived version usable again", &of_version, "200")
            }),
        ),
        (
            "models/{name}/promote",
            json!({
                "post": with_body(operation("admin_promote", "Let an alias point to a version", &one, "200"), json_body(&promotion))
            }),
        ),
        (
            "models/{name}/rollback",
            json!({
                "post": with_body(operation("admin_rollback", "Let an alias point to the version before", &one, "200"), json_body(&back))
            }),
        ),
        (
            "keys",
            json!({
                "get": operation("admin_keys", "The API keys, without their secrets", &[], "200"),
                "post": with_body(operation("admin_create_key", "Make an API key; only this answer has its text", &[], "201"), json_body(&key))
            }),
        ),
        ("keys/{id}", json!({"delete": operation("admin_revoke_key", "Revoke an API key", &[id], "200")})),
        ("audit", json!({"get": operation("admin_audit", "Who did what, latest first", &acts, "200")})),
        (
            "runs",
            json!({"get": operation("admin_runs", "What schedules have done, latest first", &runs, "200")}),
        ),
        (
            "runs/{id}",
            json!({"get": operation("admin_run", "A run of a schedule, with its log", &[run], "200")}),
        ),
        (
            "schedules",
            json!({"get": operation("admin_schedules", "What this service trains again and again", &[], "200")}),
        ),
        (
            "schedules/{name}/run",
            json!({"post": operation("admin_start_run", "Train now", &[schedule], "202")}),
        ),
    ];
    paths.into_iter().map(|(path, operations)| (format!("/admin/{path}"), operations)).collect()
}

fn path_parameter(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
}

fn object(properties: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<_, _> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// What servers do with an alias.
fn role() -> Value {
    let kind = |kind: &str| json!({"const": kind});
    let canary = object(
        &[
            ("kind", kind("canary")),
            ("share", json!({"type": "number", "minimum": 0, "maximum": 1})),
            (
                "sticky",
                json!({"type": "string", "description": "`request`, `key` or `header:NAME`.", "examples": ["request"]}),
            ),
        ],
        &["kind", "share", "sticky"],
    );
    let plain = ["none", "shadow"].map(|name| object(&[("kind", kind(name))], &["kind"]));
    json!({
        "description": "A canary answers a share of the requests to `production`; a shadow is asked and never answers.",
        "oneOf": [plain[0], plain[1], canary]
    })
}
