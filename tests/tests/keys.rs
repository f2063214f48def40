//! API keys of the real binary: made on the command line, needed beyond this machine, and never shown.

use foretell_tests::places::root;
use foretell_tests::service::{Answer, Request, Service, binary};
use foretell_tests::wait::until;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn data() -> TempDir {
    tempfile::tempdir().expect("a scratch folder")
}

/// Starts the iris model with a data folder and the flags `more`.
fn start(data: &Path, more: &[&str]) -> Service {
    let model = root().join("examples/iris/model.joblib");
    let model = format!("iris={}", model.display());
    let mut arguments = vec![model.as_str(), "--data"];
    let data = data.display().to_string();
    arguments.push(&data);
    arguments.extend(more);
    Service::start(&arguments)
}

/// Runs `foretell keys ...` and gives what it prints.
fn keys(data: &Path, arguments: &[&str]) -> String {
    let output = Command::new(binary()).arg("keys").args(arguments).arg("--data").arg(data).output();
    let output = output.expect("foretell runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Makes a key with a scope.
fn create(data: &Path, scope: &str) -> String {
    let printed = keys(data, &["create", scope, "--scope", scope]);
    let key = printed.split_whitespace().find(|word| word.starts_with("fk_"));
    key.unwrap_or_else(|| panic!("no key in {printed}")).to_owned()
}

fn predict(service: &Service, key: Option<&str>) -> Answer {
    let body = json!({"data": [[4.8, 3, 1.4, 0.3]]}).to_string();
    let request = Request::new("POST", "/predict").header("Content-Type", "application/json").body(&body);
    service.send(&match key {
        Some(key) => request.header("Authorization", &format!("Bearer {key}")),
        None => request,
    })
}

fn admin(service: &Service, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    let request = Request::new(method, path).header("X-API-Key", key);
    service.send(&if body.is_null() {
        request
    } else {
        request.header("Content-Type", "application/json").body(&body.to_string())
    })
}

fn await_status(service: &Service, key: &str, status: u16) -> Duration {
    let started = Instant::now();
    while predict(service, Some(key)).status != status {
        assert!(started.elapsed() < Duration::from_secs(30), "no {status}");
        std::thread::sleep(Duration::from_millis(10));
    }
    started.elapsed()
}

#[test]
fn beyond_this_machine_everyone_needs_a_key() {
    let data = data();
    let service = start(data.path(), &["--host", "0.0.0.0"]);
    assert_eq!(predict(&service, None).status, 401);
    assert_eq!(service.get("/metrics").status, 401);
    assert_eq!(service.get("/health").status, 200);
    // The keys are read, and their absence is told, shortly after the start.
    until("the absence is told", || service.log().contains("foretell keys create NAME --scope predict"));
    let key = create(data.path(), "predict");
    await_status(&service, &key, 200);
    assert_eq!(service.send(&Request::new("GET", "/metrics").header("X-API-Key", &key)).status, 200);
    let id = key.split('_').nth(1).expect("an id");
    keys(data.path(), &["revoke", id]);
    await_status(&service, &key, 401);
}

#[test]
fn administrators_do_everything_over_http() {
    let data = data();
    let key = create(data.path(), "admin");
    let service = start(data.path(), &[]);
    let call = |method: &str, path: &str, body: Value| admin(&service, &key, method, path, &body);
    // The table is read shortly after the start where nobody else needs a key.
    let started = Instant::now();
    while call("GET", "/admin/models", Value::Null).status == 503 && started.elapsed().as_secs() < 30 {}
    assert_eq!(call("GET", "/admin/models", Value::Null).ok(), json!({"models": []}));
    assert_eq!(service.get("/admin/models").status, 401);
    let predict_only = create(data.path(), "predict");
    let started = Instant::now();
    while admin(&service, &predict_only, "GET", "/admin/keys", &Value::Null).status != 403 {
        assert!(started.elapsed().as_secs() < 30);
    }
    let made = call("POST", "/admin/keys", json!({"name": "ci", "scopes": ["predict"], "expires_in": "90d"}));
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert!(made["key"].as_str().is_some_and(|text| text.starts_with("fk_")));
    let listed = call("GET", "/admin/keys", Value::Null);
    assert_eq!(listed.ok()["keys"].as_array().map(Vec::len), Some(3));
    let secret = made["key"].as_str().and_then(|text| text.rsplit('_').next()).expect("a secret");
    assert!(!listed.text.contains(secret) && !listed.text.contains("hash"));
    let path = format!("/admin/keys/{}", made["id"].as_str().expect("an id"));
    assert!(call("DELETE", &path, Value::Null).ok()["revoked_at"].is_i64());
    assert_eq!(call("DELETE", "/admin/keys/0000000000000000", Value::Null).status, 404);
    for (body, status) in [(json!({"name": "x"}), 422), (json!({"name": "", "scopes": []}), 422)] {
        assert_eq!(call("POST", "/admin/keys", body).status, status);
    }
    let acts = call("GET", "/admin/audit?limit=2", Value::Null).ok();
    assert_eq!(acts["acts"][0]["action"], "key.revoke");
    let id = key.split('_').nth(1).expect("an id");
    assert_eq!(acts["acts"][0]["actor"], format!("key:{id}"));
    assert_eq!(call("GET", "/admin/audit?limit=x", Value::Null).status, 422);
}

#[test]
fn a_model_is_registered_promoted_and_rolled_back_over_http() {
    let data = data();
    let key = create(data.path(), "admin");
    let service = start(data.path(), &[]);
    let call = |method: &str, path: &str, body: Value| admin(&service, &key, method, path, &body);
    let started = Instant::now();
    while call("GET", "/admin/models", Value::Null).status != 200 {
        assert!(started.elapsed().as_secs() < 30);
    }
    let file = std::fs::read(root().join("examples/iris/model.joblib")).expect("the example's model");
    let upload = |query: &str| {
        let request = Request::new("POST", &format!("/admin/models/iris/versions{query}"));
        service.send(&request.header("X-API-Key", &key).bytes(file.clone()))
    };
    let first = upload("?alias=production&notes=first");
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!(first.header("location"), Some("/admin/models/iris/versions/1"));
    assert_eq!(first.json()["alias"]["version"], 1);
    assert_eq!(upload("").json()["version"], 2);
    let promoted = call("POST", "/admin/models/iris/promote", json!({"version": 2})).ok();
    assert_eq!((&promoted["before"], &promoted["alias"]["version"]), (&json!(1), &json!(2)));
    assert_eq!(call("POST", "/admin/models/iris/promote", json!({"version": 3})).status, 404);
    let back = call("POST", "/admin/models/iris/rollback", json!({"note": "worse"})).ok();
    assert_eq!(back["alias"]["version"], 1);
    assert_eq!(call("DELETE", "/admin/models/iris/versions/1", Value::Null).status, 409);
    assert!(call("POST", "/admin/models/iris/versions/2/archive", Value::Null).ok()["archived_at"].is_i64());
    assert_eq!(call("POST", "/admin/models/iris/promote", json!({"version": 2})).status, 409);
    assert!(
        call("POST", "/admin/models/iris/versions/2/unarchive", Value::Null).ok()["archived_at"].is_null()
    );
    assert_eq!(call("DELETE", "/admin/models/iris/versions/2", Value::Null).status, 200);
    let model = call("GET", "/admin/models/iris", Value::Null).ok();
    assert_eq!(model["versions"].as_array().map(Vec::len), Some(1));
    assert_eq!(model["history"].as_array().map(Vec::len), Some(3), "{model}");
    let garbage = Request::new("POST", "/admin/models/x/versions").header("X-API-Key", &key).body("no model");
    assert_eq!(service.send(&garbage).status, 422);
    let refused = call("GET", "/admin/audit?limit=1", Value::Null).ok();
    assert_ne!(refused["acts"][0]["outcome"], "done");
}

#[test]
fn no_secret_is_ever_shown() {
    let data = data();
    let key = create(data.path(), "admin");
    let secret = key.rsplit('_').next().expect("a secret");
    let service = start(data.path(), &["--mode", "production", "--log-level", "debug"]);
    await_status(&service, &key, 403);
    let mut seen = String::new();
    for path in [
        "/admin/keys",
        "/admin/audit",
        "/admin/models",
        "/admin/nothing",
        "/metrics",
        "/health",
        "/openapi.json",
    ] {
        seen += &admin(&service, &key, "GET", path, &Value::Null).text;
    }
    seen += &predict(&service, Some(&format!("{key}0"))).text;
    seen += &predict(&service, Some(&key)).text;
    seen += &service.get(&format!("/models/{}", "x")).text;
    seen += &service.log();
    assert!(!seen.contains(secret), "{seen}");
    assert!(seen.contains(key.split('_').nth(1).expect("an id")), "the id is in the log");
}
