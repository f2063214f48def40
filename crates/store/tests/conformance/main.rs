//! What the store promises, on both databases: the same tests run on SQLite and on PostgreSQL.

mod artifacts;
mod days;
mod keys;
mod predictions;
mod query;
mod registry;
mod runs;
mod trouble;

use std::future::Future;
use std::sync::Arc;

use foretell_store::{Actor, ArtifactsUrl, DatabaseUrl, Digest, NewVersion, Source, Store, StoreOptions};
use foretell_tests::postgres::Postgres;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// A store of a test's own, and how to open it again.
#[derive(Clone)]
struct Place {
    options: StoreOptions,
    store: Store,
    /// Where its files are; deleted when the test is over.
    _folder: Arc<TempDir>,
}

/// Runs a test on SQLite, and on PostgreSQL where it is installed.
fn on_both<F: Future<Output = ()>>(test: impl Fn(Place) -> F) {
    runtime().block_on(async {
        let place = open(None).await;
        test(place.clone()).await;
        if let Some(server) = Postgres::shared() {
            let place = open(Some(server.create())).await;
            test(place.clone()).await;
        }
    });
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

async fn open(url: Option<String>) -> Place {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let database = match url {
        Some(url) => url.parse().expect("a URL"),
        None => DatabaseUrl::file(folder.path().join("foretell.db")),
    };
    let artifacts = ArtifactsUrl::Folder(folder.path().join("artifacts"));
    let options = StoreOptions::new(database, artifacts);
    let store = Store::open(&options).await.expect("a store");
    Place { options, store, _folder: Arc::new(folder) }
}

fn anna() -> Actor {
    Actor::cli("anna")
}

/// A version whose bytes are not stored.
fn version_of(model: &str) -> NewVersion {
    NewVersion {
        model: model.to_owned(),
        created_by: anna(),
        artifact: Digest::of(model.as_bytes()),
        bytes: model.len() as u64,
        source: Source {
            format: "pickle".into(),
            library: "scikit-learn".into(),
            library_version: Some("1.9.0".into()),
            sha256: Digest::of(model.as_bytes()).to_string(),
            file_name: Some("model.pkl".into()),
        },
        metadata: json!({ "metrics": { "accuracy": 0.97 }, "notes": "für Anna" }),
        schema: json!({ "features": [{ "name": "a", "type": "number" }] }),
        naming: Some(json!({"features": ["a"]})),
        checks: None,
    }
}
