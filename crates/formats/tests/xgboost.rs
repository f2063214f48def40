//! XGBoost models: every damaged file is refused or read, never a panic; contradictions are named with their place;
//! the classes and names of the wrappers reach the model.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use foretell_formats::{FileKind, Limits, Problem, detect, open};
use foretell_frame::{Cell, Frame, Kind, Labels, Method, MethodSet, Predictions};
use foretell_model::estimator::{Estimator, Trees};
use foretell_model::{Fitted, Model, Predictor, Scratch, Task};
use proptest::prelude::*;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// The model file of a case of the corpus.
fn file(cases: &Path, case: &str) -> Vec<u8> {
    let files = std::fs::read_dir(cases.join(case)).unwrap().map(|file| file.unwrap().path());
    let is_model = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == "model");
    std::fs::read(files.into_iter().find(is_model).expect("a case has a model file")).unwrap()
}

fn model(case: &str) -> Model {
    open(&file(&golden(), case), &Limits::default()).unwrap_or_else(|error| panic!("{case}: {error}"))
}

fn refusal(bytes: &[u8]) -> String {
    open(bytes, &Limits::default()).expect_err("this is no valid model").to_string()
}

/// A small JSON model, with one place changed.
fn changed(from: &str, to: &str) -> String {
    changed_case("xgb3.2-depth0-stump-json", from, to)
}

/// The JSON model of a case, with one place changed.
fn changed_case(case: &str, from: &str, to: &str) -> String {
    let text = String::from_utf8(file(&golden(), case)).unwrap();
    assert!(text.contains(from), "`{from}` is in the file");
    refusal(text.replacen(from, to, 1).as_bytes())
}

fn trees(model: &Model) -> &Trees {
    let Some(Fitted { estimator: Estimator::Trees(trees), .. }) = &model.pipeline().estimator else {
        panic!("{:?}", model.pipeline());
    };
    trees
}

fn answer(model: Model, row: &[f64], method: Method) -> Vec<f64> {
    let mut frame = Frame::new(model.schema());
    frame.push_numbers(row);
    let mut answers = Predictions::default();
    let predictor = Predictor::new(model.into());
    let methods = MethodSet::EMPTY.with(method);
    predictor.predict_into(&frame, methods, &mut Scratch::default(), &mut answers).unwrap();
    answers.get(method).unwrap().values().to_vec()
}

#[test]
fn each_encoding_is_told_by_its_content() {
    for (case, kind) in [
        ("xgb3.2-depth0-stump-json", FileKind::XgboostJson),
        ("xgb3.2-multi-softprob-ubj", FileKind::XgboostUbjson),
        ("xgb0.90-dart-bin", FileKind::XgboostBinary),
    ] {
        assert_eq!(detect(&file(&golden(), case)), kind, "{case}");
    }
    assert_ne!(detect(b"{\"learners\": 1}"), FileKind::XgboostJson);
    assert_ne!(detect(&[0; 200]), FileKind::XgboostBinary);
}

#[test]
fn a_file_says_who_wrote_it_and_what_it_takes() {
    let model = model("xgb3.2-depth0-stump-json");
    let provenance = model.provenance();
    assert_eq!(
        (provenance.library.as_str(), provenance.library_version.as_deref()),
        ("XGBoost", Some("3.2.0"))
    );
    assert_eq!((provenance.format.as_str(), model.task()), ("XGBoost JSON", Task::Classification));
    let feature = &model.schema().features()[1];
    assert_eq!((feature.name.as_str(), feature.nullable, feature.infinite), ("x1", true, false));
    assert!(model.methods().contains(Method::Label), "the class is there beside the probability");
}

#[test]
fn text_categories_become_part_of_the_schema() {
    let model = model("xgb3.1-categorical-partition-json");
    let city = &model.schema().features()[0];
    assert_eq!((city.kind, city.nullable, city.closed), (Kind::Text, true, true));
    assert!(city.categories.as_ref().unwrap().contains(&Cell::Text("Lyon".into())));
}

#[test]
fn several_labels_have_classes_each() {
    assert_eq!(model("xgb3.2-clf-multilabel").classes(), [Labels::range(2), Labels::range(2)]);
}

#[test]
fn a_wrapper_stops_at_its_best_iteration_and_a_booster_does_not() {
    let trees = |case| trees(&model(case)).roots.len();
    assert_eq!(trees("xgb3.2-earlystop-booster-json"), 18, "best iteration 13 is only noted");
    assert_eq!(trees("xgb1.7-clf-earlystop-pickle"), 8, "best iteration 7");
}

#[test]
fn the_marker_of_a_wrapper_is_missing() {
    let row = |value| [value, 0.5, -1.0, 0.25, value, 1.5];
    let answer = |value| answer(model("xgb3.2-clf-missing-marker"), &row(value), Method::PredictProba);
    assert_eq!(answer(-999.0), answer(f64::NAN));
    assert_ne!(answer(-999.0), answer(-998.0), "it would go another way as a number");
}

#[test]
fn fields_of_another_release_are_refused() {
    assert_eq!(
        changed("\"left_children\"", "\"new_semantics\":[1],\"left_children\""),
        "learner.gradient_booster.model.trees[0]: field `new_semantics` is none that XGBoost 1.0 to 3.4 write and may \
         change what the model predicts; save the model with one of these releases (written by XGBoost 3.2.0)"
    );
    assert_eq!(
        changed("\"version\":[3,2,0]", "\"version\":[3,5,0]"),
        "version: `version` = 3.5.0 is not supported, expected XGBoost up to 3.4"
    );
}

#[test]
fn objectives_and_boosters_that_are_not_known_are_refused() {
    let error = changed("binary:logistic", "binary:custom");
    assert!(error.starts_with("`objective` = `binary:custom` is not supported"), "{error}");
    let error = changed("\"name\":\"gbtree\"", "\"name\":\"gbforest\"");
    assert!(error.contains("`booster` = `gbforest` is not supported"), "{error}");
}

#[test]
fn contradictions_are_named_with_their_place() {
    let error = changed("\"base_score\":\"[", "\"base_score\":\"[7,");
    assert!(error.starts_with("learner.learner_model_param.base_score: "), "{error}");
    let error = changed("\"num_feature\":\"6\",\"num_target\"", "\"num_feature\":\"5\",\"num_target\"");
    assert!(error.starts_with("learner.feature_names: expected 5 names, got 6"), "{error}");
    let error = changed("\"iteration_indptr\":[0,", "\"iteration_indptr\":[0,9,");
    assert!(error.starts_with("learner.gradient_booster.model.iteration_indptr: not ascending"), "{error}");
    let error = changed("\"num_class\":\"0\"", "\"num_class\":0");
    assert!(
        error.ends_with("num_class: expected a string, got a number (written by XGBoost 3.2.0)"),
        "{error}"
    );
}

#[test]
fn nothing_is_made_of_a_number_that_is_merely_stated() {
    for number in ["\"num_class\":\"4294967295\"", "\"num_class\":\"99999\""] {
        let error = changed("\"num_class\":\"0\"", number);
        assert!(error.contains("is not supported, expected at most 65536"), "{error}");
    }
    let error = changed("\"num_nodes\":\"3\"", "\"num_nodes\":\"4294967295\"");
    assert!(error.contains("left_children: expected 4294967295 elements, got 3"), "{error}");
}

#[test]
fn a_base_score_is_clipped_where_the_library_does() {
    let case = "xgb3.2-depth0-stump-json";
    let text = String::from_utf8(file(&golden(), case)).unwrap();
    let start = text.find("\"base_score\":\"").unwrap() + 14;
    let end = start + text[start..].find("]\"").unwrap() + 1;
    let with = |score: &str| format!("{}{score}{}", &text[..start], &text[end..]);
    let base = |text: String| {
        let model = open(text.as_bytes(), &Limits::default()).unwrap();
        trees(&model).base[0] as f32
    };
    assert_eq!(base(with("[0E0]")), -13.81551);
    assert_eq!(base(with("[1E0]")), 13.74516);
    let earlier = with("[0E0]").replace("\"version\":[3,2,0]", "\"version\":[3,1,0]");
    assert!(refusal(earlier.as_bytes()).contains("0 is not a probability between 0 and 1"));
}

#[test]
fn parts_of_a_file_are_used_once() {
    let case = "xgb3.1-categorical-partition-json";
    let error = changed_case(case, "\"categories_segments\":[0,2,", "\"categories_segments\":[0,0,");
    assert!(error.contains("trees[0].categories_nodes: node 2 has 2 categories from 0 on"), "{error}");
    let case = "xgb3.2-multioutput-vectorleaf-json";
    let error = changed_case(
        case,
        "\"right_children\":[2,4,6,8,10,12,14,16,18,20,22,0,",
        "\"right_children\":[2,4,6,8,10,12,14,16,18,20,22,15,",
    );
    assert!(error.contains("trees[0].leaf_weights: no vector 15 of 15"), "{error}");
}

#[test]
fn a_broken_handle_in_a_pickle_is_named_with_its_place() {
    let mut bytes = file(&golden(), "xgb2.0-rfclf-pickle");
    let key = b"split_conditions";
    let position = bytes.windows(key.len()).position(|window| window == key).unwrap();
    bytes[position + key.len() + 2] = b'!';
    let error = open(&bytes, &Limits::default()).unwrap_err();
    assert!(error.place().unwrap().starts_with("XGBRFClassifier._Booster.handle"), "{error}");
    assert!(matches!(error.problem(), Problem::Corrupt { .. }), "{error}");
}

#[test]
fn limits_are_kept() {
    let bytes = file(&golden(), "xgb3.2-depth0-stump-json");
    let refusal = |limits| open(&bytes, &limits).unwrap_err().problem().clone();
    for (limit, limits) in [
        ("max_nodes", Limits { max_nodes: 20, ..Limits::default() }),
        ("max_depth", Limits { max_depth: 4, ..Limits::default() }),
        ("max_array_bytes", Limits { max_array_bytes: 0, ..Limits::default() }),
    ] {
        let problem = refusal(limits);
        assert!(
            matches!(&problem, Problem::LimitExceeded { limit: found, .. } if *found == limit),
            "{problem:?}"
        );
    }
}

/// Hostile files of the whole corpus, where it lies beside the checkout.
#[test]
fn hostile_files_are_refused_quickly() {
    let shared = std::env::var_os("FORETELL_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let hostile = shared.join("golden/hostile");
    let Ok(cases) = std::fs::read_dir(&hostile) else {
        eprintln!("skipped: no corpus at {}", hostile.display());
        return;
    };
    let names = cases.map(|case| case.unwrap().file_name().into_string().unwrap());
    let names: Vec<_> = names.filter(|name| name.starts_with("xgb")).collect();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        let bytes = file(&hostile, &name);
        let start = Instant::now();
        let error = open(&bytes, &Limits::default()).expect_err(&name);
        assert!(start.elapsed() < Duration::from_secs(5), "{name}: {error}");
    }
}

const ENCODINGS: [&str; 7] = [
    "xgb0.90-dart-bin",
    "xgb0.90-gblinear-multi-bin",
    "xgb1.7-clf-earlystop-pickle",
    "xgb2.0-rfclf-pickle",
    "xgb3.1-categorical-partition-json",
    "xgb3.2-depth0-stump-json",
    "xgb3.2-multi-softprob-ubj",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage of any kind is an error or a model that predicts, never a panic.
    #[test]
    fn damaged_files_never_panic(
        case in prop::sample::select(&ENCODINGS[..]),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut bytes = file(&golden(), case);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(model) = open(&bytes, &Limits::default())
            && model.schema().texts() == 0
        {
            let row = vec![0.5; model.schema().numbers()];
            answer(model, &row, Method::Predict);
        }
    }
}
