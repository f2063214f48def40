//! Every pickle of the golden corpus is read; every hostile one is refused or inert.
//!
//! The corpus is not part of the project: tests say so and pass when it is not there.

#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use foretell_formats::container;
use foretell_formats::pickle::{Pickle, Value};
use foretell_formats::{FileKind, FormatError, Limits, Problem};

/// Opens and reads one file, and hands its root to `check`.
fn with_root<T>(path: &Path, check: impl FnOnce(&Value<'_>) -> T) -> Result<T, FormatError> {
    let bytes = std::fs::read(path).expect("a listed file is readable");
    let limits = Limits::default();
    let content = container::inflate(bytes, &limits)?;
    let pickle = Pickle::read(content, &limits)?;
    Ok(check(&pickle.root()))
}

fn golden() -> Option<PathBuf> {
    let shared = std::env::var_os("FORETELL_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let golden = shared.join("golden");
    if golden.is_dir() {
        return Some(golden);
    }
    eprintln!("skipped: no corpus at {}", golden.display());
    None
}

/// The model files of pickle kind below a folder of cases.
fn pickles(cases: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(cases).expect("the corpus is readable").flatten();
    let files = folders.filter_map(|case| std::fs::read_dir(case.path()).ok()).flatten().flatten();
    let is_pickle = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("model.pkl") || name.starts_with("model.joblib")
    };
    let mut paths: Vec<_> = files.map(|file| file.path()).filter(is_pickle).collect();
    paths.sort();
    paths
}

fn case(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    folder.to_string_lossy().into_owned()
}

/// The class that `expected.json` names first, such as `Pipeline` of `Pipeline(StandardScaler, Ridge)`.
fn expected_class(path: &Path) -> String {
    let text = std::fs::read(path.with_file_name("expected.json")).expect("every case has expected values");
    let json: serde_json::Value = serde_json::from_slice(&text).expect("expected.json is JSON");
    json["estimator"].as_str().expect("every case names its estimator").to_owned()
}

/// Reads every array below a value by every reader that may fit, so that a wrong length would show.
fn read_everything(value: &Value<'_>, depth: usize) -> Result<usize, FormatError> {
    if depth == 0 {
        return Ok(1);
    }
    let mut count = 1;
    if let Ok(array) = value.array() {
        let numbers = [
            array.f64s().map(|all| all.len()),
            array.i64s().map(|all| all.len()),
            array.bools().map(|all| all.len()),
        ];
        for len in numbers.into_iter().flatten().chain(array.texts().map(|all| all.len())) {
            assert_eq!(len, array.len(), "{value:?}");
        }
    }
    for name in value.field_names() {
        count += read_everything(&value.field(name)?, depth - 1)?;
    }
    for items in [value.items(), value.args().and_then(|args| args.items())] {
        match items {
            Ok(items) => {
                for item in items {
                    count += read_everything(&item, depth - 1)?;
                }
            }
            Err(error) if matches!(error.problem(), Problem::Mismatch { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

#[test]
fn every_golden_pickle_is_read() {
    let Some(golden) = golden() else { return };
    let paths = pickles(&golden);
    assert!(paths.len() > 1700, "found only {} pickles", paths.len());
    let mut wrong = Vec::new();
    for path in paths {
        let class = with_root(&path, |root| {
            let values = read_everything(root, 12);
            (root.class().map(|class| class.name().to_owned()), values)
        });
        match class {
            Err(error) => wrong.push(format!("{}: {error}", case(&path))),
            Ok((_, Err(error))) => wrong.push(format!("{}: {error}", case(&path))),
            Ok((class, Ok(values))) => {
                let is_container = case(&path).contains("-layout-dict-container");
                let as_expected = is_container || class.as_deref() == Some(&expected_class(&path));
                if !as_expected || values < 5 {
                    wrong.push(format!("{}: {class:?} with {values} values", case(&path)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Hostile files that are well-formed pickles: what they hold is inert, and a loader of models refuses it.
const INERT: [&str; 28] = [
    "bomb-laughs",
    "bomb-nested-dicts",
    "bomb-nested-lists",
    "bomb-nested-tuples",
    "bomb-self-reference",
    "custom-lambda-cloudpickle",
    "custom-unknown-class",
    "custom-unknown-library",
    "exec-after-stop",
    "exec-functools-partial",
    "exec-newobj",
    "exec-newobj-ex",
    "flipped-pickle-183",
    "not-a-model-array",
    "not-a-model-dict",
    "sk-unfitted",
    "sklinear-classes-count",
    "sklinear-coef-shape",
    "sklinear-intercept-count",
    "sklinear-missing-coef",
    "sklinear-object-coef",
    "skscaler-shape",
    "sktree-back-edge",
    "sktree-child-negative",
    "sktree-child-out-of-range",
    "sktree-cycle",
    "sktree-feature-out-of-range",
    "sktree-nan-threshold",
];

#[test]
fn hostile_pickles_are_refused_or_inert() {
    let Some(golden) = golden() else { return };
    let paths = pickles(&golden.join("hostile"));
    assert!(paths.len() > 90, "found only {} files", paths.len());
    let mut read = Vec::new();
    for path in paths {
        let start = Instant::now();
        // The walk may be refused for its depth or its size; what matters is that it ends and that no array lies about its length.
        let outcome = with_root(&path, |root| read_everything(root, 300).map(drop));
        // Each takes well under a second of a processor's time; the rest is for machines that do other things too.
        assert!(start.elapsed() < Duration::from_secs(60), "{} took {:?}", case(&path), start.elapsed());
        match outcome {
            Ok(_) => read.push(case(&path)),
            Err(error) => assert!(
                error.place().is_some() || error.kind() != FileKind::Pickle,
                "{}: {error}",
                case(&path)
            ),
        }
    }
    assert_eq!(read, INERT);
}

#[test]
fn a_bomb_is_refused_when_it_is_read_not_when_it_is_full() {
    let Some(golden) = golden() else { return };
    let refusal = |name: &str| {
        let path = pickles(&golden.join("hostile"))
            .into_iter()
            .find(|path| case(path) == name)
            .expect("the case exists");
        let limits = Limits { max_inflated_bytes: 1 << 20, ..Limits::default() };
        let bytes = std::fs::read(path).expect("a listed file is readable");
        container::inflate(bytes, &limits).expect_err("it is a bomb").to_string()
    };
    assert!(refusal("bomb-gzip").contains("`max_inflated_bytes` = 1048576"));
    assert!(refusal("bomb-zlib").contains("`max_inflated_bytes` = 1048576"));
}
