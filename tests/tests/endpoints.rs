//! Everything that a service answers beside predictions, asked of the real binary: health, models, metrics, pages, routes,
//! datasets, and what stops its start.

use foretell_tests::places::{root, venv};
use foretell_tests::service::{Answer, Request, Service, binary};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const ROWS: &str = "\
sepal_length,sepal_width,petal_length,petal_width,kind
4.8,3,1.4,0.3,0
5.9,3.0,4.2,1.5,1
6.3,3.3,6.0,2.5,0
6.5,3.0,5.8,,2
";

/// A folder with the iris model, a table of four rows and this configuration, to which the model is added.
fn folder(configuration: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let model = root().join("examples/iris/model.joblib");
    std::fs::copy(model, folder.path().join("model.joblib")).expect("the example's model");
    std::fs::write(folder.path().join("rows.csv"), ROWS).expect("a table");
    let models = "[[model]]\nname = 'iris'\npath = 'model.joblib'\nversion = '1.0.0'\n";
    std::fs::write(folder.path().join("foretell.toml"), format!("{configuration}\n{models}"))
        .expect("a file");
    folder
}

fn start(folder: &Path) -> Service {
    Service::start(&["--config".as_ref(), folder.join("foretell.toml").as_os_str()])
}

/// What `foretell serve` says when it does not start with this configuration.
fn refusal(configuration: &str) -> String {
    let folder = folder(configuration);
    let output = Command::new(binary())
        .arg("serve")
        .arg("--config")
        .arg(folder.path().join("foretell.toml"))
        .args(["--port", "0"])
        .output()
        .expect("foretell starts");
    assert!(!output.status.success(), "it started with {configuration}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn assert_problem(answer: &Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["type"], format!("urn:foretell:problem:{kind}"));
}

#[test]
fn health_shows_versions_in_development_only() {
    let development = folder("");
    let service = start(development.path());
    let health = service.get("/health").ok();
    assert_eq!(health["status"], "ready");
    assert_eq!(health["models"], json!([{"name": "iris", "version": "1.0.0", "status": "ready"}]));
    assert_eq!(health["version"], service.get("/openapi.json").ok()["info"]["version"]);
    assert_eq!(service.get("/health/live").ok(), json!({"status": "alive"}));

    let production = folder("[server]\nmode = 'production'");
    let service = start(production.path());
    for path in ["/health", "/health/ready"] {
        let health = service.get(path);
        assert_eq!(health.ok()["models"], json!([{"name": "iris", "status": "ready"}]));
        assert!(!health.text.contains("version"), "{}", health.text);
    }
    for path in ["/", "/docs", "/docs/docs.js", "/docs/5.35.0/swagger-ui-bundle.js"] {
        assert_problem(&service.get(path), 404, "no-such-path");
    }
    assert_eq!(service.get("/openapi.json").status, 200);
}

#[test]
fn models_are_listed_with_what_they_take() {
    let folder = folder("");
    let service = start(folder.path());
    let models = service.get("/models").ok();
    assert_eq!(models["models"][0]["name"], "iris");
    assert_eq!(models["models"][0]["default"], true);
    let model = service.get("/models/iris").ok();
    assert_eq!(model["versions"], json!(["1.0.0"]));
    assert_eq!(model["classes"], json!([0, 1, 2]));
    assert_eq!(model["estimator"], "DecisionTreeClassifier");
    assert_eq!(model["steps"][0]["class"], "MinMaxScaler");
    assert_eq!(model["features"][0]["name"], "sepal_length");
    assert_eq!(model["features"][0]["range"], json!([4.3, 7.9]));
    assert_problem(&service.get("/models/iri"), 404, "no-such-model");
    let wrong = service.send(&Request::new("DELETE", "/models/iris"));
    assert_problem(&wrong, 405, "wrong-method");
    assert_eq!(wrong.header("allow"), Some("GET, HEAD, OPTIONS"));
}

#[test]
fn pages_are_cached_and_load_nothing_from_elsewhere() {
    let folder = folder("");
    let service = start(folder.path());
    let landing = service.get("/");
    assert_eq!(landing.status, 200);
    assert!(landing.text.contains(&format!("curl {}/predict", service.url())), "{}", landing.text);
    for path in ["/", "/docs"] {
        let page = service.get(path);
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    }
    let script = service.get("/docs/5.35.0/swagger-ui-bundle.js");
    assert_eq!(script.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let etag = script.header("etag").expect("a tag");
    let again =
        service.send(&Request::new("GET", "/docs/5.35.0/swagger-ui-bundle.js").header("If-None-Match", etag));
    assert_eq!((again.status, again.text.len()), (304, 0));
}

#[test]
fn metrics_count_what_happened_and_name_nothing_that_a_caller_made_up() {
    let folder = folder("");
    let service = start(folder.path());
    for _ in 0..3 {
        service.post("/predict", &json!({"data": [[4.8, 3, 1.4, 0.3], [2, 1, 3.2, 1.1]]})).ok();
    }
    service.post("/predict", &json!({"data": [[1]]}));
    for number in 0..5 {
        service.post(&format!("/models/made-up-{number}/predict"), &json!({}));
        service.get(&format!("/made-up-{number}"));
    }
    let metrics = service.get("/metrics");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = &metrics.text;
    let labels = r#"route="/predict",model="iris",version="1.0.0""#;
    for line in [
        format!("foretell_requests_total{{{labels},status=\"2xx\"}} 3"),
        format!("foretell_requests_total{{{labels},status=\"4xx\"}} 1"),
        format!("foretell_request_duration_seconds_count{{{labels}}} 4"),
        format!("foretell_rows_total{{{labels}}} 6"),
        "foretell_requests_total{route=\"/models/{name}/predict\",status=\"4xx\"} 5".into(),
        "foretell_requests_total{route=\"unknown\",status=\"4xx\"} 5".into(),
        "foretell_rejected_total{reason=\"overloaded\"} 0".into(),
        "foretell_requests_in_flight 0".into(),
        "foretell_ready 1".into(),
    ] {
        assert!(text.lines().any(|known| known == line), "no {line} in\n{text}");
    }
    assert!(!text.contains("made-up"), "{text}");
    assert!(
        text.contains("foretell_model_info{model=\"iris\",version=\"1.0.0\",library=\"scikit-learn 1.7.2\"")
    );
    prometheus_reads(text);
}

/// The Prometheus client's own parser takes the text.
fn prometheus_reads(metrics: &str) {
    let Some(python) = venv("python") else { return };
    let mut parser = Command::new(python)
        .arg(root().join("tests/python/metrics.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let mut input = parser.stdin.take().expect("stdin is piped");
    input.write_all(metrics.as_bytes()).expect("python reads");
    drop(input);
    let output = parser.wait_with_output().expect("python ends");
    assert!(output.status.success());
    let families: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(families["foretell_request_duration_seconds"], "histogram");
    assert_eq!(families["foretell_requests"], "counter");
}

#[test]
fn a_route_answers_alike_whatever_the_form_of_the_body() {
    let folder = folder(
        "[[route]]\npath = '/v2/kind'\nmodel = 'iris'\nversion = '1.0.0'\n\
         response = '{kind: prediction[0], sure: log_probability[0][1]}'\n\
         [[route]]\npath = '/plain'\nmodel = 'iris'\noutputs = ['probability']",
    );
    let service = start(folder.path());
    let record = json!({"sepal_length": 2, "sepal_width": 1, "petal_length": 3.2, "petal_width": 1.1});
    let columns =
        json!({"sepal_length": [2], "sepal_width": [1], "petal_length": [3.2], "petal_width": [1.1]});
    for body in
        [json!({"data": [[2, 1, 3.2, 1.1]]}), json!([record]), columns, json!({"data": "2,1,3.2,1.1"})]
    {
        assert_eq!(service.post("/v2/kind", &body).ok(), json!({"kind": 1, "sure": 0.0}), "{body}");
    }
    assert_eq!(service.post("/v2/kind", &record).ok(), json!({"kind": 1, "sure": 0.0}));

    // A row of missing values is as short as a row can be.
    assert_eq!(service.post("/plain", &json!({"data": ",,,"})).status, 200);

    let answer = service.post("/plain", &record).ok();
    assert_eq!((&answer["prediction"], &answer["probability"]), (&Value::Null, &json!([0.0, 1.0, 0.0])));
    assert_eq!(service.post("/plain?outputs=prediction", &record).ok()["prediction"], 1);

    let refused = service.post("/v2/kind", &json!({"data": [[2, 1, 3.2]]}));
    assert_problem(&refused, 422, "invalid");
    assert_eq!(refused.json()["errors"][0]["loc"], json!(["data", 0]));
    assert_problem(&service.get("/v2/kind"), 405, "wrong-method");
}

#[test]
fn a_dataset_serves_rows_predictions_and_scores() {
    let folder = folder(
        "[[dataset]]\nname = 'test set'\npath = 'rows.csv'\ntarget = 'kind'\nmodels = ['iris']\n\
         [[route]]\npath = '/eeg/{n}/line'\ndataset = 'test set'\nanswer = 'line'\nresponse = 'row'\n\
         [[route]]\npath = '/eeg/score'\ndataset = 'test set'\nanswer = 'score'\nresponse = '{\"Score Tree\": score.iris}'",
    );
    let service = start(folder.path());
    let about = service.get("/datasets/test%20set").ok();
    assert_eq!((&about["rows"], &about["models"]), (&json!(4), &json!(["iris"])));
    let row =
        json!({"sepal_length": 6.5, "sepal_width": 3, "petal_length": 5.8, "petal_width": null, "kind": 2});
    for method in ["GET", "POST"] {
        let ok = |path: &str| service.send(&Request::new(method, path)).ok();
        assert_eq!(ok("/datasets/test%20set/rows/3"), json!({"line": 3, "row": row}));
        assert_eq!(ok("/eeg/3/line"), row);
        let prediction = json!({"line": 1, "prediction": {"iris": 1}});
        assert_eq!(ok("/datasets/test%20set/predictions/1"), prediction);
        // Row 2 has the wrong kind on purpose; the tree takes the missing width of row 3.
        assert_eq!(ok("/datasets/test%20set/score"), json!({"score": {"iris": 0.75}}));
        assert_eq!(ok("/eeg/score"), json!({"Score Tree": 0.75}));
    }
    for number in ["4", "-1", "one", "1.0", "18446744073709551616", "%31x"] {
        for path in [format!("/datasets/test%20set/rows/{number}"), format!("/eeg/{number}/line")] {
            assert_problem(&service.get(&path), 404, "not-there");
        }
    }
    assert_problem(&service.get("/datasets/other/score"), 404, "not-there");
    let wrong = service.send(&Request::new("DELETE", "/eeg/score"));
    assert_problem(&wrong, 405, "wrong-method");
    assert_eq!(wrong.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
}

#[test]
fn what_cannot_be_served_stops_the_start() {
    let route = |keys: &str| refusal(&format!("[[route]]\n{keys}"));
    let model = |path: &str, keys: &str| route(&format!("path = '{path}'\nmodel = 'iris'\n{keys}"));
    for (said, expected) in [
        (model("/x", "response = '{a: b[0}'"), "not a JMESPath expression"),
        (model("/x", "response = '{a: probabilty[0]}'"), "gives null as `a`"),
        (model("/x", "response = 'abs(model)'"), "cannot be evaluated"),
        (model("/x", "outputs = ['decision']"), "expected some of prediction"),
        (model("/x", "answer = 'line'"), "takes no `answer`"),
        (model("/x", "version = '2'"), "not configured"),
        (model("/x/{n}", ""), "`{n}` cannot stand in its path"),
        (model("x", ""), "does not begin with `/`"),
        (model("/models/x", ""), "choose another path"),
        (model("/", ""), "choose another path"),
        (model("/x", "[[route]]\npath = '/x'\nmodel = 'iris'"), "configured twice"),
        (route("path = '/x'\nmodel = 'irsi'"), "there is `iris`"),
        (route("path = '/x'"), "needs either `model` or `dataset`"),
        (route("path = '/x'\ndataset = 'rows'\nanswer = 'score'"), "there is none"),
    ] {
        assert!(said.contains(expected), "expected `{expected}` in {said}");
    }
    let dataset = |keys: &str| refusal(&format!("[[dataset]]\nname = 'd'\n{keys}"));
    for (said, expected) in [
        (dataset("path = 'none.csv'\ntarget = 'kind'\nmodels = ['iris']"), "none.csv"),
        (dataset("path = 'rows.csv'\ntarget = 'kin'\nmodels = ['iris']"), "kin"),
        (dataset("path = 'rows.csv'\ntarget = 'kind'\nmodels = ['rose']"), "`rose`, which is not configured"),
        (dataset("path = 'rows.csv'\ntarget = 'petal_width'\nmodels = ['iris']"), "does not fit"),
    ] {
        assert!(said.contains(expected), "expected `{expected}` in {said}");
    }
}
