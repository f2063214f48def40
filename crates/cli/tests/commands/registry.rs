//! The registry and the keys, as users of the command line see them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{Session, corpus};

/// A folder with two trees of irises (one with numbers as classes, one with names) and a model of something else.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (model, name) in [
        ("sk1.5-seed-iris-dt", "numbers.joblib"),
        ("sk1.7-seed-iris-dt-strings", "names.joblib"),
        ("sk1.5-seed-iris-dt", "rows.csv"),
    ] {
        let file = if name == "rows.csv" { "input.csv" } else { "model.joblib" };
        fs::copy(corpus().join(model).join(file), folder.path().join(name)).expect("a file of the corpus");
    }
    folder
}

fn foretell(folder: &Path, arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_foretell"))
        .args(arguments.split_whitespace())
        .args(["--data", "data"])
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("foretell runs")
}

/// What a command that must succeed prints.
fn stdout(folder: &Path, arguments: &str) -> String {
    let output = foretell(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(folder: &Path, arguments: &str) -> Value {
    serde_json::from_str(&stdout(folder, arguments)).expect("JSON")
}

#[test]
fn models_are_registered_promoted_and_rolled_back() {
    let folder = folder();
    let mut session = Session::in_folder(folder.path().to_owned());
    for arguments in [
        "models list",
        "models register numbers.joblib --name iris --alias production --metric accuracy=0.97 --note first",
        "models register numbers.joblib --name iris",
        "models promote iris 2 --note better",
        "models list",
        "models show iris",
        "models show iris@production",
        "models rollback iris --note worse",
        "models rollback iris",
        "models promote iris 2 --alias candidate --canary 10% --sticky header:X-User",
        "models promote iris 2 --alias candidate --shadow",
        "models list",
        "models delete iris 2",
        "models archive iris 1",
        "models unalias iris candidate",
        "models archive iris 2",
        "models promote iris 2",
        "models delete iris 2",
        "models delete iris --all",
        "models show iris",
        "models show wine",
        "models promote iris 9",
        "models rollback iris --alias nothing",
    ] {
        session = session.run(&format!("{arguments} --data data"));
    }
    session.check("models");
}

#[test]
fn what_would_break_callers_is_refused() {
    let folder = folder();
    let mut session = Session::in_folder(folder.path().to_owned());
    for arguments in [
        "models register numbers.joblib --name iris --alias production",
        "models register names.joblib --name iris --alias production",
        "models promote iris 2 --alias candidate --canary 50%",
        "models promote iris 2 --force",
        "models register rows.csv --name iris",
        "models register numbers.joblib --name a/b",
        "models register numbers.joblib --name iris --alias 7",
    ] {
        session = session.run(&format!("{arguments} --data data"));
    }
    session.check("promotion_refused");
}

#[test]
fn rows_with_known_predictions_are_checked() {
    let folder = folder();
    let known = stdout(folder.path(), "predict numbers.joblib rows.csv");
    fs::write(folder.path().join("known.json"), &known).expect("a file");
    let wrong = known.replacen("[1,", "[2,", 1);
    assert_ne!(known, wrong);
    fs::write(folder.path().join("wrong.json"), wrong).expect("a file");
    fs::write(folder.path().join("odd.json"), "{\"predict_prba\": []}").expect("a file");
    let register = "models register numbers.joblib --name iris --check rows.csv --data data --expected";
    Session::in_folder(folder.path().to_owned())
        .run(&format!("{register} known.json"))
        .run(&format!("{register} wrong.json"))
        .run(&format!("{register} odd.json"))
        .run("models register numbers.joblib --name iris --check rows.csv --data data")
        .check("registration_checked");
}

#[test]
fn a_model_of_the_registry_is_named_where_a_file_is() {
    let folder = folder();
    stdout(folder.path(), "models register numbers.joblib --name iris --alias production");
    for reference in ["iris@production", "iris@1"] {
        let by_file = stdout(folder.path(), "predict numbers.joblib rows.csv");
        assert_eq!(stdout(folder.path(), &format!("predict {reference} rows.csv")), by_file);
        let inspected = json(folder.path(), &format!("inspect {reference} --json"));
        assert_eq!((inspected["file"].as_str(), inspected["bytes"].as_u64()), (Some("iris@1"), Some(3560)));
    }
    let missing = foretell(folder.path(), "inspect iris@2");
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no version `iris@2`"));
    // The file in the storage is not what was registered any more.
    let artifacts = fs::read_dir(folder.path().join("data/artifacts/sha256")).expect("artifacts");
    for artifact in artifacts {
        fs::write(artifact.expect("an artifact").path(), b"something else").expect("a file");
    }
    let damaged = foretell(folder.path(), "predict iris@1 rows.csv");
    assert_eq!(damaged.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&damaged.stderr).contains("the 14 bytes in the storage have digest"));
}

#[test]
fn programs_read_the_registry_as_json() {
    let folder = folder();
    let registered =
        json(folder.path(), "models register numbers.joblib --name iris --alias production --json");
    assert_eq!(registered["version"]["version"], 1);
    assert_eq!(registered["alias"]["alias"], "production");
    assert_eq!(registered["version"]["artifact"], registered["version"]["source"]["sha256"]);
    let shown = json(folder.path(), "models show iris --json");
    assert_eq!(shown["versions"][0], registered["version"]);
    assert_eq!(shown["history"][0]["by"], "cli:unknown");
    assert_eq!(json(folder.path(), "models list --json")[0]["aliases"], shown["aliases"]);
    let promoted = json(folder.path(), "models promote iris 1 --alias candidate --canary 0.25 --json");
    let role = &promoted["alias"]["role"];
    assert_eq!((role["kind"].as_str(), role["share"].as_f64()), (Some("canary"), Some(0.25)));
}

#[test]
fn keys_are_shown_once() {
    let folder = folder();
    let created = json(folder.path(), "keys create shop --models iris --expires-in 90d --json");
    let text = created["key"].as_str().expect("a key");
    let id = created["record"]["id"].as_str().expect("an id");
    assert!(text.starts_with(&format!("fk_{id}_")), "{created}");
    let life = created["record"]["expires_at"].as_i64().expect("a time")
        - created["record"]["created_at"].as_i64().expect("a time");
    assert!((life - 90 * 86_400 * 1_000_000).abs() < 60_000_000, "{life}");
    let secret = text.rsplit('_').next().expect("a secret");
    let everything = fs::read(folder.path().join("data/foretell.db")).expect("a database");
    assert!(!everything.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    assert!(!stdout(folder.path(), "keys list --json").contains(secret));
    stdout(folder.path(), &format!("keys revoke {id}"));
    let mut session = Session::in_folder(folder.path().to_owned());
    for arguments in
        ["keys create deploy --scope admin", "keys list", "keys create x --expires-in 0d", "keys revoke none"]
    {
        session = session.run(&format!("{arguments} --data data"));
    }
    session.check("keys");
}

#[test]
fn several_processes_may_start_at_once() {
    let folder = folder();
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_foretell"))
            .args(["models", "list", "--json", "--data", "data"])
            .current_dir(folder.path())
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("foretell runs")
    };
    let processes: Vec<_> = (0..8).map(|_| start()).collect();
    for process in processes {
        let output = process.wait_with_output().expect("foretell ends");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(output.stdout, b"[]\n");
    }
}
