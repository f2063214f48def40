//! The golden corpus: `foretell predict` must give the library's own answers for real model files, and refuse the
//! hostile ones. `make golden` prints the table.
//!
//! Two corpora are read: the small one committed under `tests/golden`, and, where it is present, the full one of
//! `../shared/golden` (or `$FORETELL_SHARED/golden`).

#![expect(clippy::print_stdout, reason = "the report of the corpus is what this test is run for")]

mod compare;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The least number of cases that pass, per library: it can only rise.
const FLOORS: &str = include_str!("floors.tsv");

/// Memory and time within which a hostile file must be refused.
const HOSTILE_KIBIBYTES: u64 = 1 << 20;
const HOSTILE_TIME: Duration = Duration::from_secs(5);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn committed() -> PathBuf {
    root().join("tests/golden")
}

/// The full corpus, where it is present.
fn shared() -> Option<PathBuf> {
    let shared = std::env::var_os("FORETELL_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let corpus = shared.join("golden");
    if corpus.join("cases.tsv").is_file() {
        return Some(corpus);
    }
    println!("skipped: no full corpus at {}", corpus.display());
    None
}

enum Outcome {
    Pass { absent: Vec<&'static str> },
    Wrong(Vec<String>),
    Refused(String),
}

fn foretell() -> Command {
    Command::new(env!("CARGO_BIN_EXE_foretell"))
}

fn read_json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn run_case(case: &Path) -> (String, Outcome) {
    let expected = read_json(&case.join("expected.json"));
    let library = expected["library"].as_str().expect("a case names its library").to_owned();
    let model = case.join(expected["model_file"].as_str().expect("a case names its model file"));
    let mut command = foretell();
    command.arg("predict").arg(model).arg(case.join("input.csv"));
    let categories = categories(case, &expected);
    if let Some(file) = &categories {
        command.arg("--categories").arg(file.path());
    }
    let output = command.args(["--format", "json", "--outputs", "all"]).output().expect("foretell runs");
    (library, judge(&expected, &output))
}

/// The release from which on XGBoost's files hold the categories of the training data.
const HOLDS_CATEGORIES: (u32, u32) = (3, 1);

/// The categories that a user has to give with a file: what the case says, and those of a file of XGBoost that was trained on categories and holds their codes only: those
/// that the file of the case with the same name of release 3.1, which was trained on the same table, holds.
fn categories(case: &Path, expected: &Value) -> Option<tempfile::NamedTempFile> {
    if expected["given_categories"].is_object() {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        serde_json::to_writer(&file, &expected["given_categories"]).expect("the file is writable");
        return Some(file);
    }
    let version = expected["versions"]["xgboost"].as_str().filter(|_| expected["library"] == "xgboost")?;
    let mut numbers = version.split('.').map(|number| number.parse().expect("a version has numbers"));
    let release = (numbers.next()?, numbers.next()?);
    let types = expected["feature_types"].as_array()?;
    if release >= HOLDS_CATEGORIES || types.iter().all(|kind| kind != "category") {
        return None;
    }
    let case_name = name(case);
    let (_, what) = case_name.split_once('-')?;
    let sibling = case.with_file_name(format!("xgb3.1-{what}"));
    let model = sibling.join(expected["model_file"].as_str()?);
    let output = foretell().args(["inspect", "--json"]).arg(model).output().expect("foretell runs");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("the case of release 3.1 opens");
    let mut categories = serde_json::Map::new();
    for feature in summary["features"].as_array()? {
        if let Some(values) = feature["categories"].as_array() {
            let values = values.iter().filter(|value| !value.is_null()).cloned().collect();
            categories.insert(feature["name"].as_str()?.to_owned(), Value::Array(values));
        }
    }
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    serde_json::to_writer(&file, &categories).expect("the file is writable");
    Some(file)
}

fn judge(expected: &Value, output: &Output) -> Outcome {
    let stderr = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {}
        Some(1) if output.stdout.is_empty() && stderr.contains("error: ") => {
            return Outcome::Refused(stderr.into_owned());
        }
        _ => return Outcome::Wrong(vec![format!("{}: {stderr}", output.status)]),
    }
    let got: Value = match serde_json::from_slice(&output.stdout) {
        Ok(got) => got,
        Err(error) => return Outcome::Wrong(vec![format!("not JSON: {error}")]),
    };
    match compare::differences(expected, &got) {
        differences if differences.is_empty() => Outcome::Pass { absent: compare::absent(expected, &got) },
        differences => Outcome::Wrong(differences),
    }
}

/// Runs `job` over all folders of a corpus that hold an `expected.json`, on all processors.
fn for_each_case<T: Send>(corpus: &Path, job: impl Fn(&Path) -> T + Sync) -> BTreeMap<String, T> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(corpus)
        .expect("the corpus is readable")
        .map(|entry| entry.expect("the corpus is readable").path())
        .filter(|path| path.join("expected.json").is_file())
        .collect();
    cases.sort();
    let only = std::env::var_os("GOLDEN_ONLY").unwrap_or_default().to_string_lossy().into_owned();
    cases.retain(|case| name(case).contains(&only));
    let (next, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = job(case);
                    results.lock().expect("no job panicked").insert(name(case), result);
                }
            });
        }
    });
    results.into_inner().expect("no job panicked")
}

fn name(path: &Path) -> String {
    path.file_name().expect("a case has a name").to_string_lossy().into_owned()
}

#[derive(Default)]
struct Tally {
    pass: usize,
    wrong: usize,
    refused: usize,
}

/// Prints every case that does not pass and a table per library.
fn report(outcomes: &BTreeMap<String, (String, Outcome)>) -> BTreeMap<String, Tally> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for (case, (library, outcome)) in outcomes {
        let tally = tallies.entry(library.clone()).or_default();
        match outcome {
            Outcome::Pass { absent } => {
                tally.pass += 1;
                if !absent.is_empty() {
                    println!("incomplete {case}: no {}", absent.join(", "));
                }
            }
            Outcome::Wrong(differences) => {
                tally.wrong += 1;
                println!("WRONG {case}: {}", differences.join("; "));
            }
            Outcome::Refused(error) => {
                tally.refused += 1;
                println!("refused {case}: {}", error.trim_end().replace('\n', " | "));
            }
        }
    }
    println!("{:<14} {:>6} {:>6} {:>8}", "library", "pass", "wrong", "refused");
    for (library, tally) in &tallies {
        println!("{library:<14} {:>6} {:>6} {:>8}", tally.pass, tally.wrong, tally.refused);
    }
    tallies
}

#[test]
fn committed_cases_all_pass() {
    let tallies = report(&for_each_case(&committed(), run_case));
    assert!(!tallies.is_empty() || std::env::var_os("GOLDEN_ONLY").is_some(), "tests/golden holds no case");
    for (library, tally) in tallies {
        assert_eq!((tally.wrong, tally.refused), (0, 0), "{library}: a committed case does not pass");
    }
}

#[test]
fn the_full_corpus_has_no_wrong_answer_and_passes_only_rise() {
    let Some(corpus) = shared() else { return };
    let tallies = report(&for_each_case(&corpus, run_case));
    let wrong: usize = tallies.values().map(|tally| tally.wrong).sum();
    assert_eq!(wrong, 0, "an answer differs from the library's own");
    if std::env::var_os("GOLDEN_ONLY").is_some() {
        return;
    }
    for line in FLOORS.lines() {
        let (library, floor) = line.split_once('\t').expect("a line is a library and a number");
        let (passed, floor) =
            (tallies.get(library).map_or(0, |tally| tally.pass), floor.parse().expect("a number"));
        assert!(passed >= floor, "{library}: {passed} cases pass, {floor} did before");
        if passed > floor {
            println!("{library}: {passed} cases pass, raise the floor of {floor} in floors.tsv");
        }
    }
}

/// Why a hostile file was not refused as it must be, if so.
fn run_hostile(case: &Path) -> Option<String> {
    let expected = read_json(&case.join("expected.json"));
    let model = case.join(expected["model_file"].as_str().expect("a case names its model file"));
    let model = model.canonicalize().expect("the model file is there");
    let cwd = tempfile::tempdir().expect("a folder can be made");
    let started = Instant::now();
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -v {HOSTILE_KIBIBYTES}; exec \"$0\" inspect --json \"$1\"")])
        .arg(env!("CARGO_BIN_EXE_foretell"))
        .arg(&model)
        .current_dir(cwd.path())
        .output()
        .expect("foretell runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    if started.elapsed() > HOSTILE_TIME {
        return Some(format!("took {:?}", started.elapsed()));
    }
    if std::fs::read_dir(cwd.path()).expect("the folder is readable").next().is_some() {
        return Some("code ran: a file was made".into());
    }
    match output.status.code() {
        Some(1) if stderr.starts_with("error: ") => None,
        Some(0) if expected["expect_alternative"] == "load" => None,
        _ => Some(format!("{}: {}", output.status, stderr.trim_end())),
    }
}

#[test]
fn hostile_files_are_refused_quickly_in_little_memory() {
    let corpora = [Some(committed()), shared()];
    let mut seen = 0;
    let mut failures = Vec::new();
    for corpus in corpora.into_iter().flatten().map(|corpus| corpus.join("hostile")) {
        for (case, failure) in for_each_case(&corpus, run_hostile) {
            seen += 1;
            failures.extend(failure.map(|failure| format!("{case}: {failure}")));
        }
    }
    println!("{seen} hostile files, {} not refused", failures.len());
    assert!(seen > 0 && failures.is_empty(), "{}", failures.join("\n"));
}
