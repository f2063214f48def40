//! API keys: who needs one, what each is good for, and how soon a change counts.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use foretell_engine::control::{Control, ControlRuntime};
use foretell_engine::store::{
    self, Actor, ArtifactsUrl, DatabaseUrl, KeyRecord, NewKey, Scopes, Store, StoreError, StoreOptions,
};
use foretell_engine::{Catalog, LiveCatalog};
use tempfile::TempDir;

use crate::client::{Answer, Service, load};

const BODY: &str = r#"{"data":[[4.8,3,1.4,0.3]]}"#;
const PREDICT: Scopes = Scopes { predict: true, feedback: false, admin: false };
const NONE: Scopes = Scopes { predict: false, feedback: false, admin: false };

/// A store in a scratch folder, and what runs it.
pub(crate) struct Scratch {
    pub(crate) control: Control,
    runtime: ControlRuntime,
    _folder: TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a test has what it needs");
        let database = DatabaseUrl::file(folder.path().join("foretell.db"));
        let artifacts = ArtifactsUrl::Folder(folder.path().join("artifacts"));
        let runtime = ControlRuntime::start().expect("a test has what it needs");
        let control = Control::new(runtime.handle().clone(), StoreOptions::new(database, artifacts));
        Self { control, runtime, _folder: folder }
    }

    /// Does something with the store.
    pub(crate) fn with<T>(&self, work: impl AsyncFnOnce(&Store) -> Result<T, StoreError>) -> T {
        self.runtime
            .handle()
            .block_on(async { work(self.control.store().await?).await })
            .expect("a test has what it needs")
    }

    /// Serves two models, `iris` and `other`.
    pub(crate) fn serve(&self, config: &str) -> Service {
        let models = ["iris", "other"].map(|name| load("examples/iris/model.joblib", name, "1"));
        let catalog =
            Arc::new(LiveCatalog::new(Catalog::new(models.into()).expect("a test has what it needs")));
        let service = Service::with(config, catalog, Some(self.control.clone()));
        while service.client().call("GET /health/ready HTTP/1.1", "").status != 200 {
            thread::sleep(Duration::from_millis(10));
        }
        service
    }

    /// A key, and its text.
    pub(crate) fn key(
        &self,
        scopes: Scopes,
        models: Option<&[&str]>,
        expires_at: Option<i64>,
    ) -> (KeyRecord, String) {
        let models = models.map(|models| models.iter().map(|&name| name.to_owned()).collect());
        let new = NewKey { name: "test".into(), scopes, models, expires_at, created_by: Actor::cli("test") };
        let (record, text) = self.with(async |store| store.create_key(new).await);
        (record, text.reveal().to_owned())
    }
}

fn ask(service: &Service, path: &str, header: &str) -> Answer {
    let body = if path.ends_with("predict") { BODY } else { "" };
    let method = if body.is_empty() { "GET" } else { "POST" };
    service.client().call(&format!("{method} {path} HTTP/1.1{header}"), body)
}

fn bearer(key: &str) -> String {
    format!("\r\nauthorization: Bearer {key}")
}

#[test]
fn predictions_need_a_key_where_keys_are_needed() {
    let scratch = Scratch::new();
    let (_, key) = scratch.key(PREDICT, None, None);
    let (_, useless) = scratch.key(NONE, None, None);
    let service = scratch.serve("[server]\nauth = 'keys'");
    for path in ["/predict", "/models/iris/predict", "/models", "/models/iris"] {
        let without = ask(&service, path, "");
        assert!(
            without.problem(401, "unauthorized").contains("foretell keys create NAME --scope predict"),
            "{path}"
        );
        assert_eq!(without.header("www-authenticate"), Some("Bearer realm=\"foretell\""));
        let wrong = ask(&service, path, &bearer(&useless.replace('_', "-")));
        assert_eq!(wrong.problem(401, "unauthorized"), "the API key is not one of this service");
        assert!(wrong.header("www-authenticate").is_some_and(|header| header.contains("invalid_token")));
        let refused = ask(&service, path, &bearer(&useless));
        assert_eq!(refused.problem(403, "forbidden"), "the API key does not have the scope `predict`");
        assert!(
            refused.header("www-authenticate").is_some_and(|header| header.contains("insufficient_scope"))
        );
        assert_eq!(ask(&service, path, &bearer(&key)).status, 200, "{path}");
        assert_eq!(ask(&service, path, &format!("\r\nx-api-key: {key}")).status, 200, "{path}");
    }
    for open in ["/health", "/health/live", "/health/ready", "/docs", "/openapi.json", "/metrics"] {
        assert_eq!(ask(&service, open, "").status, 200, "{open}");
    }
}

#[test]
fn without_need_a_key_only_tells_who_asks() {
    let scratch = Scratch::new();
    let (_, useless) = scratch.key(NONE, Some(&["other"]), None);
    let service = scratch.serve("");
    for header in [String::new(), bearer("nonsense"), bearer(&useless)] {
        assert_eq!(ask(&service, "/models/iris/predict", &header).status, 200, "{header}");
    }
}

#[test]
fn a_key_for_some_models_sees_no_others() {
    let scratch = Scratch::new();
    let (_, key) = scratch.key(PREDICT, Some(&["other"]), None);
    let service = scratch.serve("[server]\nauth = 'keys'");
    let ask = |path| ask(&service, path, &bearer(&key));
    assert_eq!(ask("/models/other/predict").status, 200);
    for path in ["/predict", "/models/iris/predict", "/models/iris/versions/1/predict", "/models/iris"] {
        assert_eq!(ask(path).problem(403, "forbidden"), "the API key is not for the model `iris`");
    }
    assert_eq!(ask("/models").ok()["models"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        ask("/models/none/predict").problem(404, "no-such-model"),
        "there is no model `none`; there is `other`"
    );
}

#[test]
fn changes_of_keys_count_within_a_second() {
    let scratch = Scratch::new();
    let service = scratch.serve("[server]\nauth = 'keys'");
    let until = |key: &str, status: u16| {
        let started = Instant::now();
        while ask(&service, "/predict", &bearer(key)).status != status {
            assert!(started.elapsed() < Duration::from_secs(20), "no {status}");
            thread::sleep(Duration::from_millis(10));
        }
    };
    let (record, key) = scratch.key(PREDICT, None, None);
    until(&key, 200);
    scratch.with(async |store| store.revoke_key(&record.id, &Actor::cli("test")).await);
    until(&key, 401);
    assert_eq!(
        ask(&service, "/predict", &bearer(&key)).problem(401, "unauthorized"),
        "the API key has been revoked"
    );
    let soon = store::now() + 1_500_000;
    let (_, short) = scratch.key(PREDICT, None, Some(soon));
    until(&short, 200);
    until(&short, 401);
    assert!(store::now() >= soon);
}

#[test]
fn each_key_may_ask_so_often() {
    let scratch = Scratch::new();
    let [(_, one), (_, other)] = [(); 2].map(|()| scratch.key(PREDICT, None, None));
    let service = scratch.serve("[server]\nauth = 'keys'\nrate_limit = { per_key = '2/h' }");
    let statuses = [&one, &one, &one, &other].map(|key| ask(&service, "/predict", &bearer(key)).status);
    assert_eq!(statuses, [200, 200, 429, 200]);
    assert!(
        ask(&service, "/predict", &bearer(&one))
            .problem(429, "too-many-requests")
            .starts_with("this API key has")
    );
    assert!(ask(&service, "/metrics", "").text().len() > 100);
}
