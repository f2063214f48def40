//! Models that are replaced while they serve: files, versions of the registry, canaries, shadows, a whole fleet.

use foretell_tests::constant::{constant, text};
use foretell_tests::load::{Load, Outcome};
use foretell_tests::places::system;
use foretell_tests::postgres::Postgres;
use foretell_tests::registry::Registry;
use foretell_tests::service::{Request, Service};
use foretell_tests::wait::until;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ROW: &str = r#"{"data": [[1.0]]}"#;

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

/// Every request was answered, and every answer is of one version: the version's number is what its model predicts.
fn assert_whole(outcomes: &[Outcome]) {
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        let answer = outcome.answer().unwrap_or_else(|| panic!("{outcome:?}"));
        let version: f64 = answer["version"].as_str().and_then(|text| text.parse().ok()).expect("a number");
        assert_eq!(answer["prediction"], json!([version]), "{answer}");
    }
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
    let failed = outcomes.iter().find(|outcome| outcome.answer().is_none());
    assert!(failed.is_none(), "{failed:?}");
}

/// Registers constant models, version `v` predicting `v`.
fn register(registry: &Registry, versions: u32) {
    for version in 1..=versions {
        let file = constant(registry.folder(), &format!("v{version}.txt"), f64::from(version));
        let file = file.to_str().expect("UTF-8");
        registry.run(["models", "register", file, "--name", "m"]);
    }
}

fn serve(registry: &Registry) -> Service {
    Service::start(&registry.flags())
}

fn await_version(service: &Service, version: &str) -> Duration {
    until(version, || predict(service)["version"] == version)
}

#[test]
fn versions_are_promoted_rolled_back_and_pinned() {
    let registry = Registry::new();
    register(&registry, 3);
    registry.run(["models", "promote", "m", "1"]);
    let service = serve(&registry);
    assert_eq!(predict(&service)["version"], "1");
    let load = Load::start(&[format!("{}/models/m/predict", service.url())], 4, ROW);
    registry.run(["models", "promote", "m", "2"]);
    await_version(&service, "2");
    registry.run(["models", "promote", "m", "3"]);
    await_version(&service, "3");
    registry.run(["models", "rollback", "m"]);
    await_version(&service, "2");
    let pinned = service.post("/models/m/versions/1/predict", &json!({"data": [[1.0]]})).ok();
    assert_eq!((&pinned["version"], &pinned["prediction"]), (&json!("1"), &json!([1.0])));
    assert_eq!(service.post("/models/m/versions/9/predict", &json!({"data": [[1.0]]})).status, 404);
    assert_whole(&load.stop());
}

#[test]
fn a_canary_and_a_shadow_are_set_while_serving() {
    let registry = Registry::new();
    register(&registry, 3);
    registry.run(["models", "promote", "m", "1"]);
    let service = serve(&registry);
    registry.run(["models", "promote", "m", "2", "--alias", "candidate", "--canary", "100%"]);
    await_version(&service, "2");
    registry.run(["models", "promote", "m", "2", "--alias", "candidate", "--canary", "0%"]);
    await_version(&service, "1");
    registry.run(["models", "promote", "m", "3", "--alias", "next", "--shadow"]);
    let shadowed = "foretell_shadow_rows_total{model=\"m\",version=\"3\",agrees=\"false\"}";
    until("the shadow is asked", || {
        assert_eq!(predict(&service)["version"], "1");
        service.get("/metrics").text.contains(shadowed)
    });
    until("the shadow's rows are counted", || metric(&service, shadowed) > 0.0);
}

#[test]
fn an_artifact_that_is_damaged_leaves_the_version_before_serving() {
    let registry = Registry::new();
    register(&registry, 2);
    registry.run(["models", "promote", "m", "1"]);
    let service = serve(&registry);
    for damage in [Damage::Cut, Damage::Changed, Damage::Gone] {
        let file = constant(registry.folder(), "next.txt", 10.0 + f64::from(damage as u8));
        registry.run(["models", "register", file.to_str().expect("UTF-8"), "--name", "m"]);
        let version = (3 + damage as u32).to_string();
        let path = artifact(&registry, &fs::read(&file).expect("the file"));
        match damage {
            Damage::Cut => {
                let bytes = fs::read(&path).expect("the artifact");
                overwrite(&path, &bytes[..bytes.len() / 2]);
            }
            Damage::Changed => {
                let mut bytes = fs::read(&path).expect("the artifact");
                bytes[100] ^= 1;
                overwrite(&path, &bytes);
            }
            Damage::Gone => fs::remove_file(&path).expect("the artifact goes"),
        }
        let promoted = registry.try_run(["models", "promote", "m", &version, "--force"]);
        if promoted.status.success() {
            until("the failure shows", || {
                let health = service.get("/health").ok();
                health["models"][0]["update"]["version"].as_str() == Some(version.as_str())
            });
        }
        assert_eq!(predict(&service)["version"], "1");
    }
    registry.run(["models", "promote", "m", "2"]);
    await_version(&service, "2");
    assert_eq!(service.get("/health").ok()["models"][0].get("update"), None);
}

#[derive(Clone, Copy)]
enum Damage {
    Cut,
    Changed,
    Gone,
}

/// The file of the store with this content.
fn artifact(registry: &Registry, content: &[u8]) -> std::path::PathBuf {
    let mut folders = vec![registry.folder().join("artifacts")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).is_ok_and(|bytes| bytes == content) {
                return path;
            }
        }
    }
    panic!("the content is not among the artifacts")
}

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).expect("it goes");
    fs::write(path, bytes).expect("it is written");
}

/// nginx in front of services, ended when dropped.
struct Nginx {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Nginx {
    fn start(services: &[Service]) -> Option<Self> {
        let program = system("nginx")?;
        let folder = tempfile::tempdir().expect("a scratch folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let upstreams: String = services
            .iter()
            .map(|service| {
                format!(
                    "server {} max_fails=1 fail_timeout=1s;\n",
                    service.url().trim_start_matches("http://")
                )
            })
            .collect();
        let at = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
            .collect();
        let configuration = format!(
            "daemon off; pid {at}/pid; error_log {at}/error.log; worker_processes 1;\n\
             events {{ worker_connections 512; }}\n\
             http {{ access_log off; {temporary} upstream fleet {{ {upstreams} keepalive 32; }}\n\
             server {{ listen 127.0.0.1:{port};\n\
             location / {{ proxy_pass http://fleet; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}\n"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).expect("a configuration");
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).arg("-p").arg(folder.path()).stdin(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("nginx starts");
        let nginx = Self { process, url: format!("http://127.0.0.1:{port}"), _folder: folder };
        until("nginx listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM ends its workers too.
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().ok();
        self.process.wait().ok();
    }
}

/// How often the fleet is promoted: many times in `make soak`.
fn promotions() -> usize {
    if std::env::var_os("FORETELL_SOAK").is_some() { 500 } else { 12 }
}

#[test]
fn a_fleet_follows_every_promotion_under_load() {
    let Some(postgres) = Postgres::shared() else { return };
    let registry = Registry::in_database(postgres.create());
    register(&registry, 3);
    registry.run(["models", "promote", "m", "1"]);
    let mut services: Vec<_> = (0..3).map(|_| serve(&registry)).collect();
    let Some(nginx) = Nginx::start(&services) else { return };
    let load = Load::start(&[format!("{}/predict", nginx.url)], 6, ROW);
    let mut delays = Vec::new();
    let mut production = 1;
    for number in 0..promotions() {
        if number % 5 == 4 {
            registry.run(["models", "rollback", "m"]);
            production = services_version(&registry);
        } else {
            production = production % 3 + 1;
            registry.run(["models", "promote", "m", &production.to_string()]);
        }
        let started = Instant::now();
        for service in &services {
            await_version(service, &production.to_string());
        }
        delays.push(started.elapsed());
    }
    let outcomes = load.stop();
    assert_whole(&outcomes);
    let mut versions: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in &outcomes {
        let version = outcome.answer().and_then(|answer| answer["version"].as_str()).unwrap_or_default();
        *versions.entry(version.to_owned()).or_default() += 1;
    }
    assert_eq!(versions.len(), 3, "{versions:?}");
    delays.sort();
    report(&format!(
        "{} promotions on 3 servers, {} requests, none failed; live after {:?} (median), {:?} (worst)",
        delays.len(),
        outcomes.len(),
        delays[delays.len() / 2],
        delays[delays.len() - 1],
    ));

    // One server of the three dies: only what it was answering is lost.
    let load = Load::start(&[format!("{}/predict", nginx.url)], 6, ROW);
    std::thread::sleep(Duration::from_millis(500));
    services.remove(0).kill();
    std::thread::sleep(Duration::from_millis(1500));
    let outcomes = load.stop();
    let lost = outcomes.iter().filter(|outcome| outcome.answer().is_none()).count();
    assert!(
        lost <= 6,
        "each of 6 clients had one request under way, and {lost} of {} were lost",
        outcomes.len()
    );
    report(&format!("one of 3 servers killed: {lost} of {} requests lost", outcomes.len()));
}

#[test]
fn a_server_starts_while_its_database_is_down() {
    let Some(mut postgres) = Postgres::start() else { return };
    let registry = Registry::in_database(postgres.create());
    register(&registry, 2);
    registry.run(["models", "promote", "m", "1"]);
    let printed = registry.run(["keys", "create", "shop"]);
    let key = printed.split_whitespace().find(|word| word.starts_with("fk_")).expect("a key").to_owned();
    let config = registry.folder().join("foretell.toml");
    fs::write(&config, "[server]\nauth = 'keys'\n").expect("a configuration");
    let mut arguments = registry.flags();
    arguments.extend(["--config".to_owned(), config.display().to_string()]);
    let ask = |service: &Service, key: &str| {
        let request = Request::new("POST", "/predict").header("Content-Type", "application/json").body(ROW);
        service.send(&request.header("X-API-Key", key))
    };
    let service = Service::start(&arguments);
    assert_eq!(ask(&service, &key).ok()["version"], "1");
    drop(service);

    postgres.stop();
    let (files, away) = (registry.folder().join("artifacts"), registry.folder().join("away"));
    fs::rename(&files, &away).expect("the folder is there");
    let service = Service::start(&arguments);
    assert_eq!(ask(&service, &key).ok()["version"], "1");
    assert_eq!(ask(&service, "fk_0123456789abcdef_00").status, 401);

    // The folder was made again, empty, when the store was to be opened.
    fs::rename(&away, &files).expect("an empty folder can be replaced");
    postgres.restart();
    registry.run(["models", "promote", "m", "2"]);
    until("the registry is followed again", || ask(&service, &key).ok()["version"] == "2");
}

#[test]
fn a_server_without_models_waits_for_the_first() {
    let registry = Registry::new();
    let service = Service::launch(&[], &registry.flags());
    let health = service.get("/health");
    assert_eq!((health.status, &health.json()["status"]), (503, &json!("starting")));
    assert_eq!(service.get("/health/live").status, 200);
    assert!(service.log().contains("has the alias `production`: waiting for one"), "{}", service.log());
    register(&registry, 1);
    registry.run(["models", "promote", "m", "1"]);
    until("the first version is served", || service.get("/health/ready").status == 200);
    assert_eq!(service.post("/predict", &json!({"data": [[1.0]]})).ok()["version"], "1");
}

/// The version that is in production, by the registry's own word.
fn services_version(registry: &Registry) -> u32 {
    let shown: Value = serde_json::from_str(&registry.run(["models", "show", "m", "--json"])).expect("JSON");
    let aliases = shown["aliases"].as_array().expect("a list");
    let production = aliases.iter().find(|alias| alias["alias"] == "production").expect("it has the alias");
    production["version"].as_u64().and_then(|version| u32::try_from(version).ok()).expect("a number")
}

/// For whoever reads the output of the tests: figures of `docs/reliability.md`.
#[expect(clippy::print_stdout, reason = "the test runner shows what a test prints")]
fn report(text: &str) {
    println!("measured: {text}");
}
