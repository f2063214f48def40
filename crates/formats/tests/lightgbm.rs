//! LightGBM models: every damaged text is refused or read, never a panic; contradictions are named with their place; the
//! semantics that no file of the corpus reaches are those of the library's source.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use foretell_formats::{FileKind, Limits, Problem, detect, open};
use foretell_frame::{Cell, Frame, Kind, Labels, Method, MethodSet, Predictions};
use foretell_model::{Model, Predictor, Scratch, Task};
use proptest::prelude::*;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// The model file of a case of the corpus.
fn file(case: &str) -> Vec<u8> {
    let files = std::fs::read_dir(golden().join(case)).unwrap().map(|file| file.unwrap().path());
    let is_model = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == "model");
    std::fs::read(files.into_iter().find(is_model).expect("a case has a model file")).unwrap()
}

fn model(case: &str) -> Model {
    open(&file(case), &Limits::default()).unwrap_or_else(|error| panic!("{case}: {error}"))
}

fn read(text: &str) -> Model {
    open(text.as_bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn refusal(text: &str) -> String {
    open(text.as_bytes(), &Limits::default()).expect_err("this is no valid model").to_string()
}

fn answer(model: &Model, row: &[f64], method: Method) -> Vec<f64> {
    let mut frame = Frame::new(model.schema());
    frame.push_numbers(row);
    let mut answers = Predictions::default();
    let predictor = Predictor::new(model.clone().into());
    let methods = MethodSet::EMPTY.with(method);
    predictor.predict_into(&frame, methods, &mut Scratch::default(), &mut answers).unwrap();
    answers.get(method).unwrap().values().to_vec()
}

/// A text with one tree: a split of feature 0 into the leaves 1 and 2.
#[derive(Clone)]
struct Stump {
    head: &'static str,
    threshold: &'static str,
    decision: u8,
    more: &'static str,
    tail: &'static str,
}

const STUMP: Stump =
    Stump { head: "objective=regression", threshold: "0.5", decision: 2, more: "num_cat=0", tail: "" };

impl Stump {
    fn text(&self) -> String {
        let Self { head, threshold, decision, more, tail } = self;
        format!(
            "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n{head}\n\
             feature_names=a b\nfeature_infos=[0:1] [0:1]\n\nTree=0\nnum_leaves=2\n{more}\nsplit_feature=0\n\
             threshold={threshold}\ndecision_type={decision}\nleft_child=-1\nright_child=-2\nleaf_value=1 2\n\n\n\
             end of trees\n{tail}"
        )
    }

    /// What it predicts when feature 0 is this number.
    fn predict(&self, x: f64) -> f64 {
        answer(&read(&self.text()), &[x, f64::NAN], Method::Predict)[0]
    }
}

#[test]
fn a_text_says_who_wrote_it_and_what_it_takes() {
    assert_eq!(detect(&file("lgb4.7-multiclass")), FileKind::LightgbmText);
    let model = model("lgb4.7-multiclass");
    let provenance = model.provenance();
    assert_eq!((provenance.library.as_str(), provenance.format.as_str()), ("LightGBM", "LightGBM text"));
    assert_eq!((model.task(), model.classes()), (Task::Classification, &[Labels::range(3)][..]));
    assert!(model.methods().contains(Method::Label), "the class is there beside the probabilities");
    let feature = &model.schema().features()[1];
    assert_eq!((feature.name.as_str(), feature.nullable, feature.infinite), ("x1", true, true));
}

#[test]
fn lines_may_end_as_on_windows() {
    let text = String::from_utf8(file("lgb4.7-categorical-regression-many")).unwrap();
    assert_eq!(read(&text.replace('\n', "\r\n")), read(&text));
}

#[test]
fn categories_of_a_data_frame_become_part_of_the_schema() {
    for case in ["lgb3.3-categorical-binary", "lgb4.7-clf-categorical-pickle"] {
        let model = model(case);
        let [city, _, code, age, _] = model.schema().features() else { panic!("{case} has 5 features") };
        assert_eq!((city.kind, city.nullable, city.closed), (Kind::Text, true, false), "{case}");
        assert!(city.categories.as_ref().unwrap().contains(&Cell::Text("Oslo".into())), "{case}");
        assert_eq!((code.kind, age.kind), (Kind::Number, Kind::Number), "{case}");
        assert!(code.categories.as_ref().unwrap().contains(&Cell::Number(77.0)), "{case}");
    }
}

#[test]
fn missing_values_go_as_the_type_of_the_split_says() {
    let goes = |decision, threshold, x| Stump { decision, threshold, ..STUMP }.predict(x);
    let nan = f64::NAN;
    // None: a missing value is 0, whatever the default.
    assert_eq!([goes(0, "0.5", nan), goes(2, "-0.5", nan), goes(0, "0", nan)], [1.0, 2.0, 1.0]);
    // Zero: 0 is missing, and what is missing is 0.
    assert_eq!([goes(4, "0.5", nan), goes(4, "0.5", 0.0), goes(4, "0.5", 1e-36)], [2.0, 2.0, 2.0]);
    assert_eq!([goes(6, "-0.5", nan), goes(6, "-0.5", -0.0), goes(6, "-0.5", 1e-30)], [1.0, 1.0, 2.0]);
    // NaN.
    assert_eq!([goes(8, "0.5", nan), goes(10, "-0.5", nan), goes(8, "0.5", 0.0)], [2.0, 1.0, 1.0]);
}

#[test]
fn numbers_that_are_almost_zero_are_compared_as_zero() {
    let goes = |threshold, x| Stump { threshold, ..STUMP }.predict(x);
    let edge = f64::from(1e-35f32);
    assert_eq!([goes("-1.0000000180025095e-35", -edge), goes("-2e-35", -edge)], [2.0, 2.0]);
    assert_eq!([goes("0", edge), goes("0", edge.next_up()), goes("1e-300", 1e-36)], [1.0, 2.0, 1.0]);
    assert_eq!([goes("0.5", f64::NEG_INFINITY), goes("1e300", f64::INFINITY)], [1.0, 2.0]);
}

#[test]
fn categories_are_truncated_and_all_others_go_right() {
    let more = "num_cat=1\ncat_boundaries=0 2\ncat_threshold=1 2";
    let sets = Stump { threshold: "0", decision: 1, more, ..STUMP };
    for (x, leaf) in [
        (0.0, 1.0),
        (0.9, 1.0),
        (-0.9, 1.0),
        (33.0, 1.0),
        (1.0, 2.0),
        (-1.0, 2.0),
        (64.0, 2.0),
        (1e20, 2.0),
        (f64::INFINITY, 2.0),
        (f64::NAN, 2.0),
    ] {
        assert_eq!(sets.predict(x), leaf, "{x}");
    }
}

#[test]
fn a_model_without_objective_predicts_raw_scores() {
    for head in ["objective=custom", "label_index=0"] {
        assert_eq!(Stump { head, ..STUMP }.predict(0.0), 1.0);
    }
}

#[test]
fn objectives_have_settings_that_are_known() {
    let refused = |head| refusal(&Stump { head, ..STUMP }.text());
    assert_eq!(Stump { head: "objective=huber sqrt", ..STUMP }.predict(1.0), 2.0);
    assert_eq!(Stump { head: "objective=fair sqrt", ..STUMP }.predict(1.0), 4.0);
    assert!(refused("objective=mine").contains("`objective` = `mine` is not supported"));
    for head in ["objective=binary sigmoid:0", "objective=binary sigmoid:x", "objective=regression cubed"] {
        assert!(refused(head).contains("expected settings `sqrt`, `sigmoid` above 0"), "{head}");
    }
    let error = refused("objective=multiclass num_class:1");
    assert!(error.contains("head"), "{error}");
}

#[test]
fn wrappers_that_predict_in_another_way_or_not_at_all_are_refused() {
    let pickled = |state: &str| {
        refusal(&format!("ccopy_reg\n__newobj__\n(clightgbm.sklearn\nLGBMRegressor\ntR(d{state}b."))
    };
    let error = pickled("S'_other_params'\n(dS'pred_early_stop'\nI01\nss");
    assert!(error.starts_with("LGBMRegressor: `pred_early_stop` = True is not supported"), "{error}");
    let error = pickled("S'_Booster'\nNs");
    assert!(error.starts_with("LGBMRegressor: `_Booster` is missing; was the model fitted"), "{error}");
    let error =
        pickled("S'_Booster'\nccopy_reg\n__newobj__\n(clightgbm.basic\nBooster\ntR(dS'handle'\nS'tree'\nsbs");
    assert!(error.starts_with("LGBMRegressor._Booster.handle: the file ends"), "{error}");
}

#[test]
fn contradictions_are_named_with_their_place() {
    let text = String::from_utf8(file("lgb4.7-regression-sqrt")).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "`{from}` is in the file");
        // Sizes of trees change with their text; the library itself does without them.
        refusal(&text.replacen(from, to, 1).replacen("\ntree_sizes=", "\nsizes=", 1))
    };
    for (from, to, expected) in [
        ("max_feature_idx=5", "max_feature_idx=4", "feature_names: expected 5 names, got 6"),
        ("num_class=1", "num_class=2", "num_class: expected as many classes as trees in a round"),
        ("\nnum_leaves=8", "\nnum_leaves=9", "Tree=0.leaf_value: expected 9 numbers, got 8"),
        ("\nleft_child=", "\nleft_child=x ", "Tree=0.left_child: expected a number, got `x`"),
        ("\nleft_child=", "\nleft=", "Tree=0: `left_child` is missing"),
        ("\nversion=v4", "\nversion=v9", "`version` = `v9` is not supported, expected `v2` to `v4`"),
    ] {
        let error = changed(from, to);
        assert!(error.starts_with(expected), "{error}");
    }
    let stump = |from: &str, to: &str| refusal(&STUMP.text().replacen(from, to, 1));
    for (from, to, expected) in [
        (
            "right_child=-2",
            "right_child=-1",
            "Tree=0.right_child[0]: node -1 already has a parent or is the root",
        ),
        ("left_child=-1", "left_child=0", "Tree=0.left_child[0]: node 0 already has a parent or is the root"),
        (
            "left_child=-1",
            "left_child=-2147483648",
            "Tree=0.left_child[0]: there is no node or leaf -2147483648",
        ),
        ("decision_type=2", "decision_type=14", "Tree=0.decision_type[0]: 14 is not a type of decision"),
        ("decision_type=2", "decision_type=1", "Tree=0.threshold[0]: there is no category set 0.5 of 0"),
        ("leaf_value=1 2", "leaf_value=1 inf", "Tree=0.leaf_value[1]: inf is not finite"),
        ("split_feature=0", "split_feature=2", "Tree=0.split_feature[0]: feature 2 of 2"),
        ("num_leaves=2", "num_leaves=0", "Tree=0.num_leaves: expected at least one leaf, got 0"),
    ] {
        let error = stump(from, to);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn sizes_of_trees_have_to_agree() {
    let sized = |size| {
        let head = format!("tree_sizes={size}\nfeature_names=");
        let text = STUMP.text().replacen("feature_names=", &head, 1);
        open(text.as_bytes(), &Limits::default())
    };
    let start = STUMP.text().find("Tree=0").unwrap();
    let size = STUMP.text().find("end of trees").unwrap() - start;
    assert!(sized(size.to_string()).is_ok());
    let error = sized((size - 1).to_string()).unwrap_err();
    assert!(matches!(error.problem(), Problem::Mismatch { .. }), "{error}");
    assert_eq!(error.place(), Some("tree_sizes"));
    assert!(sized(format!("{size} {size}")).is_err());
}

#[test]
fn columns_of_categories_that_cannot_be_told_are_refused() {
    let with = |tail| refusal(&Stump { tail, ..STUMP }.text());
    let unclear =
        "parameters:\n[categorical_feature: 0,1]\nend of parameters\npandas_categorical:[[\"x\"]]\n";
    assert!(with(unclear).contains("1 columns, while 2 features are categorical"), "{}", with(unclear));
    // The head says that feature 0 had values up to 1 in training, of which one category has no code.
    let other = "parameters:\n[categorical_feature: 0]\nend of parameters\npandas_categorical:[[\"x\"]]\n";
    assert!(with(other).starts_with("pandas_categorical: "), "{}", with(other));
    assert!(with("pandas_categorical:[[\n").contains("bad JSON"), "{}", with("pandas_categorical:[[\n"));
    assert!(with("parameters:\n[x: 1]\n").contains("the file ends in the middle of its parameters"));
}

#[test]
fn columns_of_categories_are_told_by_their_codes() {
    // Feature 0 is categorical for the trees, but has values that are no codes of two categories.
    let tail =
        "parameters:\n[categorical_feature: 0]\nend of parameters\npandas_categorical:[[\"x\", \"y\"]]\n";
    let text = Stump { tail, ..STUMP }.text().replacen("[0:1] [0:1]", "3:0:2 [0:1]", 1);
    let kinds: Vec<_> = read(&text).schema().features().iter().map(|feature| feature.kind).collect();
    assert_eq!(kinds, [Kind::Number, Kind::Text]);
}

#[test]
fn limits_are_kept() {
    let limits = Limits { max_model_bytes: 1000, ..Limits::default() };
    let error = open(&file("lgb4.7-multiclass"), &limits).unwrap_err();
    let expected = Problem::LimitExceeded { limit: "max_model_bytes", allowed: 1000 };
    assert_eq!(error.problem(), &expected);
}

const ENCODINGS: [&str; 5] = [
    "lgb3.3-categorical-binary",
    "lgb3.3-clf-earlystop",
    "lgb4.7-linear-tree-missing",
    "lgb4.7-rf-multi",
    "lgb4.7-stump",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage of any kind is an error or a model that predicts, never a panic.
    #[test]
    fn damaged_files_never_panic(
        case in prop::sample::select(&ENCODINGS[..]),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        sizes in any::<bool>(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), b'0'..=b'9', Just(b' '), Just(b'-')]), 0..6),
    ) {
        let mut bytes = file(case);
        let key = b"tree_sizes";
        if sizes && let Some(place) = bytes.windows(key.len()).position(|window| window == key) {
            bytes[place] = b'x';
        }
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
            answer(&model, &row, Method::Predict);
        }
    }
}
