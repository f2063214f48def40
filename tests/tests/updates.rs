//! Model files that are replaced while they serve.

use foretell_tests::constant::{constant, text};
use foretell_tests::load::Load;
use foretell_tests::service::Service;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const ROW: &str = r#"{"data": [[1.0]]}"#;
/// Far longer than an update takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    started.elapsed()
}

fn predict(service: &Service) -> Value {
    service.post("/predict", &json!({"data": [[1.0]]})).ok()
}

/// What the service says of itself has this in it.
fn metric(service: &Service, name: &str) -> f64 {
    let text = service.get("/metrics").text;
    let line =
        text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

/// Puts content in the place of a file at once, as every careful tool does.
fn replace(path: &Path, content: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, content).expect("a draft");
    fs::rename(draft, path).expect("the draft takes the place");
}

#[test]
fn a_model_file_is_replaced_under_load() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = constant(folder.path(), "m.txt", 1.0);
    let service = Service::start(&[&path]);
    let load = Load::start(&[format!("{}/predict", service.url())], 4, ROW);
    for value in 2..6 {
        replace(&path, &text(f64::from(value)));
        until("the file is loaded", || predict(&service)["prediction"] == json!([f64::from(value)]));
    }
    replace(&path, "not a model");
    until("the refusal is counted", || metric(&service, "foretell_model_load_failures_total") == 1.0);
    let health = service.get("/health").ok();
    assert_eq!(health["models"][0]["update"]["status"], "failed", "{health}");
    assert!(
        health["models"][0]["update"]["error"].as_str().is_some_and(|error| error.contains("m.txt")),
        "{health}"
    );
    assert_eq!(predict(&service)["prediction"], json!([5.0]), "the model before serves on");
    replace(&path, &text(6.0));
    until("the next good file is loaded", || predict(&service)["prediction"] == json!([6.0]));
    assert_eq!(service.get("/health").ok()["models"][0].get("update"), None);
    let outcomes = load.stop();
    assert!(outcomes.iter().all(|outcome| outcome.answer().is_some()));
}
