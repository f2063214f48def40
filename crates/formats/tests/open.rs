//! Opening files of any kind: what they are told to be, and how those that are no model are refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::path::{Path, PathBuf};

use foretell_formats::{FileKind, FormatError, Limits, Problem, container, detect, open};

fn refusal(bytes: &[u8]) -> FormatError {
    open(bytes, &Limits::default()).expect_err("this is no model")
}

#[test]
fn what_is_no_model_is_named() {
    let found = |bytes: &[u8]| {
        let problem = refusal(bytes).problem().clone();
        let Problem::UnknownFormat { found } = problem else { panic!("{problem:?}") };
        found
    };
    assert_eq!(found(b""), "it is empty");
    assert_eq!(found(&[0; 40]), "it holds nothing but zeros");
    assert_eq!(found(b"<!DOCTYPE html><html>"), "it is an HTML or XML page");
    assert_eq!(found(b"<?xml version=\"1.0\"?><PMML version=\"4.4\">"), "it is PMML");
    assert_eq!(found(b"{\"a\": 1}"), "it is JSON, but not of a model");
    assert_eq!(found(b"hello\n"), "it begins with `hello\\n`");
    assert!(found(b"version https://git-lfs.github.com/spec/v1\n").contains("git lfs pull"));
}

#[test]
fn a_container_of_models_must_hold_one() {
    let object = |class: &str| format!("ccopy_reg\n__newobj__\n(c{class}\ntR}}b");
    let open = |items: &str| refusal(format!("({items}l.").as_bytes()).to_string();
    let ridge = object("sklearn.linear_model._ridge\nRidge");
    assert_eq!(
        open(&format!("{ridge}{ridge}")),
        "list: the file holds several models (`list[0]`, `list[1]`); save the one to serve in a file of its own, \
         and what prepares its rows with it in a `Pipeline`"
    );
    assert!(open(&ridge).starts_with("list[0]"), "the one model is found");
    assert!(open(&object("mycompany.models\nChurn")).contains("`mycompany.models.Churn` is not supported"));
    assert!(open("I1\n").contains("the file holds a list of 1, not a model"));
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

/// The model file of every case in a folder.
fn cases(folder: &Path) -> Vec<PathBuf> {
    let cases = std::fs::read_dir(folder).unwrap().flatten();
    let files = cases.filter_map(|case| std::fs::read_dir(case.path()).ok()).flatten().flatten();
    let is_model =
        |path: &PathBuf| path.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("model"));
    let mut paths: Vec<_> = files.map(|file| file.path()).filter(is_model).collect();
    paths.sort();
    paths
}

#[test]
fn every_kind_of_file_is_told_by_its_content() {
    let Some(golden) = golden() else { return };
    for path in cases(&golden) {
        let case = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let expected = match name.split('.').nth(1).unwrap() {
            "pkl" | "joblib" => FileKind::Pickle,
            "json" if case.starts_with("cb") => FileKind::CatboostJson,
            "json" => FileKind::XgboostJson,
            "ubj" => FileKind::XgboostUbjson,
            "bin" => FileKind::XgboostBinary,
            "txt" => FileKind::LightgbmText,
            "cbm" => FileKind::CatboostBinary,
            "onnx" => FileKind::Onnx,
            "skops" => FileKind::Skops,
            other => panic!("{case} has a file of kind {other}"),
        };
        let content = container::inflate(std::fs::read(&path).unwrap(), &Limits::default()).unwrap();
        assert_eq!(detect(&content), expected, "{case}");
    }
}

/// Hostile files where ignoring the damage is right as well.
const HARMLESS: [&str; 1] = ["exec-after-stop"];

#[test]
fn every_hostile_file_is_refused() {
    let Some(golden) = golden() else { return };
    let mut opened = Vec::new();
    for path in cases(&golden.join("hostile")) {
        let case = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        match open(&std::fs::read(&path).unwrap(), &Limits::default()) {
            Ok(_) => opened.push(case),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    assert_eq!(opened, HARMLESS);
}

#[test]
fn models_in_dicts_and_of_cloudpickle_are_opened() {
    let Some(golden) = golden() else { return };
    let wanted = |path: &&PathBuf| {
        let case = path.parent().unwrap().to_string_lossy();
        case.contains("-layout-dict-container") || case.contains("-ser-cloudpickle")
    };
    let paths = cases(&golden);
    let paths: Vec<_> = paths.iter().filter(wanted).collect();
    assert_eq!(paths.len(), 14);
    for path in paths {
        let model = open(&std::fs::read(path).unwrap(), &Limits::default()).unwrap();
        assert_eq!(model.provenance().library, "scikit-learn");
        assert!(model.provenance().library_version.as_ref().is_some_and(|version| version.contains('.')));
    }
}
