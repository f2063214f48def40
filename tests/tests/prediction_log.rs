//! The record of predictions, with real processes: every acknowledged prediction is in it once, whatever ends meanwhile.
//!
//! `FORETELL_SOAK=1` (`make soak`) kills more often and lets databases be away for longer.

use foretell_tests::load::Load;
use foretell_tests::places::{root, run};
use foretell_tests::postgres::Postgres;
use foretell_tests::record::{await_written, configured, export, iris};
use foretell_tests::registry::Registry;
use foretell_tests::service::{Request, Service};
use foretell_tests::wait::until;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const ROW: &str = r#"{"data": [[4.8, 3, 1.4, 0.3]]}"#;

fn soak() -> bool {
    std::env::var_os("FORETELL_SOAK").is_some()
}

/// Starts the iris model with this `[prediction_log]`.
fn start(registry: &Registry, settings: &str) -> Service {
    Service::start(&iris(registry, &format!("[prediction_log]\n{settings}")))
}

fn predict(service: &Service, id: &str) -> Value {
    let request = Request::new("POST", "/predict").header("Content-Type", "application/json").body(ROW);
    service.send(&request.header("X-Inference-Id", id)).ok()
}

/// How often each request is in the record.
fn counts(registry: &Registry) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for row in export(registry, "iris", &[]) {
        *counts.entry(row["request_id"].as_str().expect("an id").to_owned()).or_insert(0) += 1;
    }
    counts
}

fn ids(outcomes: &[foretell_tests::load::Outcome]) -> Vec<String> {
    let answers = outcomes.iter().filter_map(|outcome| outcome.answer());
    answers.map(|answer| answer["request_id"].as_str().expect("an id").to_owned()).collect()
}

/// Fails unless each acknowledged request is in the record once, and none is there twice.
fn check(registry: &Registry, acknowledged: &[String]) {
    let counts = counts(registry);
    let lost: Vec<_> = acknowledged.iter().filter(|id| !counts.contains_key(*id)).collect();
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    let (lost, first) = (lost.len(), lost.first().map(ToString::to_string));
    assert_eq!((lost, twice.len()), (0, 0), "lost and twice of {}; {first:?}", acknowledged.len());
}

/// A registry in SQLite, and one in PostgreSQL where that is there.
fn both() -> Vec<(Registry, Option<Arc<Postgres>>)> {
    let mut all = vec![(Registry::new(), None)];
    if let Some(server) = Postgres::shared() {
        all.push((Registry::in_database(server.create()), Some(server)));
    }
    all
}

#[test]
fn predictions_are_recorded_exported_and_judged() {
    for (registry, _server) in both() {
        let service = start(&registry, "mode = 'full'\nmask = ['petal_length']");
        let first = predict(&service, "mine-1");
        let id = first["request_id"].as_str().expect("an id");
        let rows = json!({"data": [[4.8, 3, 1.4, 0.3], [6.3, 3.3, 6.0, 2.5]]});
        let two = service.post("/models/iris/predict?outputs=probability", &rows).ok();
        let csv =
            Request::new("POST", "/predict").header("Content-Type", "text/csv").body("6.3,3.3,6.0,2.5\n");
        service.send(&csv).ok();
        let bad = Request::new("POST", "/predict").header("X-Inference-Id", "a b").body(ROW);
        assert_eq!(service.send(&bad).status, 400);
        let predicted = &first["prediction"][0];
        let told = service.post("/feedback", &json!({"id": "mine-1", "actual": predicted}));
        assert_eq!(told.status, 202, "{}", told.text);
        let two_id = &two["request_id"];
        let told =
            service.post("/feedback", &json!([{"request_id": two_id, "actual": [predicted, predicted]}]));
        assert_eq!(told.json()["accepted"], 2);
        assert_eq!(service.post("/feedback", &json!({"id": "x"})).status, 422);
        let table =
            Request::new("POST", "/feedback").header("Content-Type", "text/csv").body("id,actual\nx,1\n");
        assert_eq!(service.send(&table).status, 415);
        await_written(&service);
        let record = export(&registry, "iris", &[]);
        assert_eq!(record.len(), 4);
        let row = record.iter().find(|row| row["request_id"] == id).expect("the first request");
        assert_eq!(row["sepal_length"], 4.8);
        assert!(row["petal_length"].is_null(), "{row}");
        assert_eq!(
            (&row["prediction"], &row["actual"], &row["caller_id"]),
            (predicted, predicted, &json!("mine-1"))
        );
        assert_eq!(row["role"], "primary");
        let labelled = export(&registry, "iris", &["--only-labelled"]);
        assert_eq!(labelled.len(), 3);
        let started = Instant::now();
        loop {
            let quality = service.get("/models/iris/quality").ok();
            let all = &quality["windows"]["all"][0];
            if all["rows"] == 3 {
                let accuracy = all["accuracy"].as_f64().expect("a share");
                assert!((accuracy - 2.0 / 3.0).abs() < 1e-12, "{quality}");
                break;
            }
            assert!(started.elapsed() < PATIENCE, "{quality}");
            std::thread::sleep(Duration::from_millis(50));
        }
        let parquet = registry.folder().join("record.parquet");
        let output = parquet.display().to_string();
        registry.run(["log", "export", "--model", "iris", "-o", &output]);
        assert!(fs::read(&parquet).expect("a file").starts_with(b"PAR1"));
    }
}

#[test]
fn a_key_for_one_model_says_nothing_of_another() {
    let registry = Registry::new();
    let model = root().join("examples/iris/model.joblib").display().to_string();
    let config = format!(
        "[server]\nauth = 'keys'\n[[model]]\nname = 'iris'\npath = '{model}'\n\
         [[model]]\nname = 'other'\npath = '{model}'\n[prediction_log]\nmode = 'full'\n"
    );
    let key = |words: &[&str]| {
        let printed = registry.run(["keys", "create"].iter().chain(words));
        printed.split_whitespace().find(|word| word.starts_with("fk_")).expect("a key").to_owned()
    };
    let predicts = key(&["p", "--scope", "predict"]);
    let tells = key(&["f", "--scope", "feedback", "--models", "other"]);
    let service = Service::start(&configured(&registry, &config));
    let send = |path: &str, key: &str, body: &str| {
        let request = Request::new("POST", path).header("Content-Type", "application/json");
        service.send(&request.header("X-API-Key", key).header("X-Inference-Id", "same").body(body))
    };
    for model in ["iris", "other"] {
        send(&format!("/models/{model}/predict"), &predicts, ROW).ok();
    }
    assert_eq!(send("/feedback", &predicts, r#"{"id": "same", "actual": 1}"#).status, 403);
    assert_eq!(send("/feedback", &tells, r#"{"id": "same", "model": "iris", "actual": 1}"#).status, 403);
    assert_eq!(send("/feedback", &tells, r#"{"id": "same", "actual": 1}"#).status, 202);
    await_written(&service);
    let started = Instant::now();
    loop {
        let text = registry.run(["log", "export", "--model", "other", "--format", "jsonl"]);
        if text.contains(r#""actual":1"#) {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{text}");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(export(&registry, "iris", &[])[0]["actual"].is_null());
}

#[test]
fn what_is_acknowledged_survives_being_killed() {
    for (registry, _server) in both() {
        let rounds = if soak() { 100 } else { 4 };
        let mut acknowledged = Vec::new();
        for round in 0..rounds {
            let service = start(&registry, "mode = 'full'");
            let load = Load::start(&[format!("{}/predict", service.url())], 4, ROW);
            // Each time in another moment of writing and moving.
            std::thread::sleep(Duration::from_millis(150 + round * 37 % 300));
            service.kill();
            acknowledged.extend(ids(&load.stop()));
        }
        assert!(acknowledged.len() > 50, "{}", acknowledged.len());
        let mut service = start(&registry, "mode = 'full'");
        acknowledged.push(predict(&service, "last")["request_id"].as_str().expect("an id").to_owned());
        await_written(&service);
        service.ask_to_stop();
        assert!(service.await_end().success());
        check(&registry, &acknowledged);
        report(&format!("{} predictions acknowledged over {rounds} kills: each once", acknowledged.len()));
    }
}

#[test]
fn a_service_that_stops_leaves_nothing_behind() {
    let registry = Registry::new();
    let mut service = start(&registry, "mode = 'full'");
    let acknowledged: Vec<_> = (0..20)
        .map(|n| predict(&service, &n.to_string())["request_id"].as_str().expect("an id").to_owned())
        .collect();
    service.ask_to_stop();
    assert!(service.await_end().success());
    check(&registry, &acknowledged);
}

#[test]
fn several_servers_share_a_folder_and_adopt_what_a_dead_one_left() {
    let registry = Registry::new();
    let services = [start(&registry, "mode = 'full'"), start(&registry, "mode = 'full'")];
    let urls = services.each_ref().map(|service| format!("{}/predict", service.url()));
    let load = Load::start(&urls, 2, ROW);
    std::thread::sleep(Duration::from_millis(500));
    let [dies, lives] = services;
    dies.kill();
    let acknowledged = ids(&load.stop());
    let started = Instant::now();
    loop {
        let counts = counts(&registry);
        if acknowledged.iter().all(|id| counts.contains_key(id)) {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{}", lives.log());
        std::thread::sleep(Duration::from_millis(500));
    }
    check(&registry, &acknowledged);
}

#[test]
fn a_database_that_is_away_fails_no_prediction() {
    let Some(mut server) = Postgres::start_with("max_connections = 12") else { return };
    let registry = Registry::in_database(server.url());
    let service = start(&registry, "mode = 'full'");
    let load = Load::start(&[format!("{}/predict", service.url())], 3, ROW);
    std::thread::sleep(Duration::from_millis(500));
    server.stop();
    std::thread::sleep(Duration::from_secs(if soak() { 60 } else { 3 }));
    let waiting = service.metric("foretell_log_waiting_bytes");
    assert!(waiting > 0.0);
    until("the outage shows", || {
        let health = service.get("/health").ok();
        health["database"]["status"] == "unreachable" && health["prediction_log"]["status"] == "failing"
    });
    let health = service.get("/health").ok();
    assert!(health["prediction_log"]["waiting_bytes"].as_u64() > Some(0), "{health}");
    assert!(health["prediction_log"]["oldest_seconds"].as_u64() > Some(0), "{health}");
    server.restart();
    std::thread::sleep(Duration::from_millis(500));
    let outcomes = load.stop();
    let failed = outcomes.iter().filter(|outcome| outcome.answer().is_none()).count();
    assert_eq!(failed, 0, "of {}", outcomes.len());
    let back = Instant::now();
    await_written(&service);
    check(&registry, &ids(&outcomes));
    let (took, all) = (back.elapsed(), outcomes.len());
    until("the outage is over", || {
        let health = service.get("/health").ok();
        health["database"]["status"] == "connected" && health["prediction_log"]["status"] == "current"
    });
    report(&format!(
        "{all} predictions while the database was away: none failed; {waiting} bytes waited, caught up in {took:?}"
    ));
}

#[test]
fn a_database_that_is_slow_or_without_connections_fails_no_prediction() {
    let Some(server) = Postgres::start_with("max_connections = 12\nsuperuser_reserved_connections = 0")
    else {
        return;
    };
    let url = server.create();
    let registry = Registry::in_database(url.clone());
    let service = start(&registry, "mode = 'full'");
    predict(&service, "first");
    await_written(&service);
    // Whoever holds the table lets nobody write to it.
    let slow = {
        let (url, query) =
            (url.clone(), "BEGIN; LOCK TABLE predictions IN EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT");
        std::thread::spawn(move || {
            server.query_in(&url, query);
            server
        })
    };
    let load = Load::start(&[format!("{}/predict", service.url())], 3, ROW);
    let server = slow.join().expect("the lock was held");
    server.query_in(&url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()");
    std::thread::sleep(Duration::from_millis(500));
    let outcomes = load.stop();
    assert!(outcomes.iter().all(|outcome| outcome.answer().is_some()));
    await_written(&service);
    check(&registry, &ids(&outcomes));
}

#[test]
fn a_full_spool_refuses_or_drops_as_told() {
    let Some(mut server) = Postgres::start() else { return };
    for choice in ["refuse", "drop"] {
        let registry = Registry::in_database(server.url());
        let service =
            start(&registry, &format!("mode = 'full'\nmax_spool_bytes = 20000\nwhen_full = '{choice}'"));
        predict(&service, "first");
        await_written(&service);
        server.stop();
        let sent: Vec<_> = (0..200)
            .map(|_| {
                service.send(
                    &Request::new("POST", "/predict").header("Content-Type", "application/json").body(ROW),
                )
            })
            .collect();
        let refused = sent.iter().filter(|answer| answer.status == 503).count();
        let dropped = service.metric("foretell_log_dropped_total");
        match choice {
            "refuse" => {
                assert!(refused > 0 && refused < 200, "{refused}");
                let problem = sent.iter().find(|answer| answer.status == 503).expect("one is refused");
                assert!(problem.text.contains("not-recorded"), "{}", problem.text);
                assert_eq!(problem.header("retry-after"), Some("1"));
                assert_eq!(dropped, 0.0);
            }
            _ => {
                assert_eq!(refused, 0);
                assert!(dropped > 0.0);
            }
        }
        server.restart();
        await_written(&service);
        // There is room again.
        let last = predict(&service, "last");
        await_written(&service);
        let mut acknowledged = vec![last["request_id"].as_str().expect("an id").to_owned()];
        if choice == "refuse" {
            let answered = sent.iter().filter(|answer| answer.status == 200);
            acknowledged.extend(
                answered.map(|answer| answer.json()["request_id"].as_str().expect("an id").to_owned()),
            );
        }
        check(&registry, &acknowledged);
        server.query("DROP TABLE IF EXISTS nothing");
    }
}

#[test]
fn a_full_disk_refuses_or_drops_as_told() {
    let Some(mut server) = Postgres::start() else { return };
    for choice in ["refuse", "drop"] {
        let registry = Registry::in_database(server.url());
        let Some(disk) = Disk::mount(&registry.folder().join("journal")) else { return };
        let service = start(&registry, &format!("mode = 'full'\nwhen_full = '{choice}'"));
        predict(&service, "first");
        await_written(&service);
        server.stop();
        disk.fill();
        let sent: Vec<_> = (0..100)
            .map(|_| {
                service.send(
                    &Request::new("POST", "/predict").header("Content-Type", "application/json").body(ROW),
                )
            })
            .collect();
        let refused = sent.iter().filter(|answer| answer.status == 503).count();
        assert_eq!(refused > 0, choice == "refuse", "{refused}: {}", service.log());
        if choice == "drop" {
            assert!(service.metric("foretell_log_dropped_total") > 0.0);
        }
        disk.empty();
        server.restart();
        let answered =
            sent.iter().filter(|answer| answer.status == 200).map(foretell_tests::service::Answer::json);
        let mut acknowledged: Vec<_> =
            answered.map(|answer| answer["request_id"].as_str().expect("an id").to_owned()).collect();
        if choice == "drop" {
            acknowledged.clear();
        }
        acknowledged.push(predict(&service, "last")["request_id"].as_str().expect("an id").to_owned());
        await_written(&service);
        check(&registry, &acknowledged);
        drop(service);
    }
}

/// A small file system of a test's own.
struct Disk(PathBuf);

impl Disk {
    /// Mounts it at a folder; `None` where the test may not.
    fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(folder.to_owned())),
            Ok(_) | Err(_) => {
                report("skipped: a small file system cannot be mounted here");
                None
            }
        }
    }

    fn fill(&self) {
        let mut size = 1 << 20;
        for number in 0.. {
            while fs::write(self.0.join(format!("filler-{number}")), vec![0; size]).is_err() && size > 0 {
                size /= 2;
            }
            if size == 0 {
                break;
            }
        }
    }

    fn empty(&self) {
        for entry in fs::read_dir(&self.0).expect("the disk") {
            let path = entry.expect("a file").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("filler")) {
                fs::remove_file(path).expect("a file of ours");
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

#[expect(clippy::print_stdout, reason = "the test runner shows what a test prints")]
fn report(line: &str) {
    println!("{line}");
}
