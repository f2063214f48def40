//! What the corpus has no file of: settings that are told apart by version, and refusals.

use foretell_frame::{Cell, Kind, Labels, Shape};
use foretell_model::head::{Head, LabelRule, Probability};
use foretell_model::step::{Arithmetic, Combine, Function, Rule, Scale, Step};
use foretell_model::{Estimator, Task, artifact};

use super::python::{Py, floats, lowered, lowered_after, refusal, sk, texts};
use super::{Input, Lowered, find_estimator};
use crate::Limits;
use crate::pickle::Pickle;

fn standard_scaler(mean: &[f64], scale: &[f64]) -> Py {
    sk(
        "StandardScaler",
        &[
            ("n_features_in_", Py::Int(mean.len() as i32)),
            ("with_mean", Py::Bool(true)),
            ("with_std", Py::Bool(true)),
            ("mean_", floats(mean)),
            ("scale_", floats(scale)),
        ],
    )
}

fn ridge(coefficients: &[f64]) -> Py {
    sk("Ridge", &[("coef_", floats(coefficients)), ("intercept_", Py::Float(1.0))])
}

fn steps(steps: &[(&'static str, Py)]) -> Py {
    Py::List(steps.iter().map(|(name, step)| Py::Tuple(vec![Py::Text(name), step.clone()])).collect())
}

fn one_hot(categories: Vec<Py>, extra: &[(&'static str, Py)]) -> Py {
    let mut state = vec![
        ("categories_", Py::List(categories)),
        ("handle_unknown", Py::Text("error")),
        ("sparse_output", Py::Bool(true)),
    ];
    state.extend_from_slice(extra);
    sk("OneHotEncoder", &state)
}

fn only_step(lowered: Lowered) -> Step {
    let [step] = <[Step; 1]>::try_from(lowered.pipeline.steps).unwrap();
    step
}

#[test]
fn a_pipeline_skips_its_passthrough_steps_and_names_its_parts() {
    let pipeline = sk(
        "Pipeline",
        &[(
            "steps",
            steps(&[
                ("nothing", Py::Text("passthrough")),
                ("none", Py::None),
                ("scale", standard_scaler(&[1.0, 2.0], &[3.0, 4.0])),
                ("model", ridge(&[5.0, 6.0])),
            ]),
        )],
    );
    let lowered = lowered(&pipeline).unwrap();
    assert_eq!((lowered.features, lowered.task), (Some(2), Task::Regression));
    assert_eq!(lowered.pipeline.steps.len(), 1);
    let description = lowered.description();
    assert_eq!(description.estimator, "Ridge");
    let names: Vec<&str> = description.steps.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["nothing", "none", "scale"]);
}

#[test]
fn an_estimator_in_the_middle_of_a_pipeline_is_refused() {
    let pipeline = sk("Pipeline", &[("steps", steps(&[("a", ridge(&[1.0])), ("b", ridge(&[1.0]))]))]);
    assert_eq!(
        refusal(&pipeline),
        "Pipeline.steps[0]: expected a transformer, got `Ridge`, which predicts (written by scikit-learn 1.9.1)"
    );
}

#[test]
fn a_pipeline_that_contains_itself_ends() {
    // The steps refer to the pipeline itself through the memo.
    let file = b"\x80\x03csklearn.pipeline\nPipeline\n)\x81q\0}X\x05\0\0\0steps]X\x01\0\0\0ah\0\x86asb.";
    let limits = Limits::default();
    let pickle = Pickle::read(&file[..], &limits).unwrap();
    let error = super::lower(&pickle.root(), Input::default()).unwrap_err();
    assert!(error.to_string().contains("`max_depth`"), "{error}");
}

#[test]
fn scalers_multiply_by_reciprocals_after_a_sparse_step() {
    let scaler = sk(
        "MaxAbsScaler",
        &[("n_features_in_", Py::Int(1)), ("scale_", floats(&[4.0])), ("clip", Py::Bool(false))],
    );
    let operations = |lowered: Lowered| {
        let Step::Scale(scale) = only_step(lowered) else { panic!("a scaler") };
        scale.operations
    };
    assert_eq!(operations(lowered(&scaler).unwrap()), [Arithmetic::Divide(vec![4.0])]);
    let sparse = lowered_after(&scaler, Input { sparse: true, single: false }).unwrap();
    assert!(sparse.sparse);
    assert_eq!(operations(sparse), [Arithmetic::Multiply(vec![0.25])]);
}

#[test]
fn a_scaler_of_another_width_than_its_constants_is_refused() {
    let mut scaler = standard_scaler(&[1.0, 2.0], &[3.0]);
    assert_eq!(
        refusal(&scaler),
        "StandardScaler.scale_: expected float64 (2,), got float64 (1,) (written by scikit-learn 1.9.1)"
    );
    if let Py::Object(_, _, state) = &mut scaler {
        state.retain(|(name, _)| *name != "scale_");
    }
    assert!(refusal(&scaler).contains("`scale_` is missing"));
}

#[test]
fn function_transformers_take_numpy_functions_and_nothing_else() {
    let transformer = |func: Py, arguments: Py| {
        sk("FunctionTransformer", &[("validate", Py::Bool(false)), ("func", func), ("kw_args", arguments)])
    };
    let log1p = transformer(Py::Name("numpy", "log1p"), Py::None);
    assert_eq!(only_step(lowered(&log1p).unwrap()), Step::Elementwise(vec![Function::Log1p]));
    let identity = transformer(Py::None, Py::None);
    assert!(lowered(&identity).unwrap().pipeline.steps.is_empty());
    assert_eq!(
        refusal(&transformer(Py::Name("numpy", "cumsum"), Py::None)),
        "FunctionTransformer: `func` = numpy.cumsum is not supported, expected None or a function of one number of \
         numpy, such as `numpy.log1p` (written by scikit-learn 1.9.1)"
    );
    let with_arguments = transformer(Py::Name("numpy", "log1p"), Py::Dict(vec![("where", Py::Bool(true))]));
    assert!(refusal(&with_arguments).contains("`kw_args`"));
}

#[test]
fn one_hot_codes_follow_dropped_and_infrequent_categories() {
    let grouped = one_hot(
        vec![texts(&["a", "b", "c", "d"])],
        &[
            ("handle_unknown", Py::Text("infrequent_if_exist")),
            ("_infrequent_enabled", Py::Bool(true)),
            ("_default_to_infrequent_mappings", Py::List(vec![Py::Ints(vec![2, 0, 1, 2])])),
            ("_drop_idx_after_grouping", Py::Objects(vec![Py::Int(0)])),
            ("_n_features_outs", Py::List(vec![Py::Int(2)])),
        ],
    );
    let Step::OneHot(encoder) = only_step(lowered(&grouped).unwrap()) else { panic!("a one-hot encoder") };
    let column = &encoder.columns[0];
    assert_eq!(column.codes, [Some(1), None, Some(0), Some(1)]);
    assert_eq!((column.infrequent, column.width), (Some(1), 2));
}

#[test]
fn one_hot_encoders_of_impossible_widths_are_refused() {
    let widths = [("_n_features_outs", Py::List(vec![Py::Int(7)]))];
    let error = refusal(&one_hot(vec![texts(&["a", "b"])], &widths));
    assert!(error.starts_with("OneHotEncoder._n_features_outs: expected [2]"), "{error}");
    let dropped = [("drop_idx_", Py::Objects(vec![Py::Int(2)]))];
    assert!(refusal(&one_hot(vec![texts(&["a", "b"])], &dropped)).contains("is dropped"));
    let both = one_hot(vec![Py::Objects(vec![Py::Text("a"), Py::None, Py::Float(f64::NAN)])], &[]);
    assert!(refusal(&both).contains("None and NaN"));
}

#[test]
fn columns_are_selected_by_name_position_slice_and_mask() {
    let slice = |start: Py, stop: Py| Py::Call("builtins", "slice", vec![start, stop, Py::None]);
    let positions = |selection: Py| {
        let names = ["a", "b", "c"];
        let selected = Py::Tuple(vec![Py::Text("part"), Py::Text("passthrough"), selection]);
        let transformer = sk(
            "ColumnTransformer",
            &[
                ("n_features_in_", Py::Int(3)),
                ("feature_names_in_", texts(&names)),
                ("transformers_", Py::List(vec![selected])),
                ("sparse_output_", Py::Bool(false)),
            ],
        );
        lowered(&transformer).map(|lowered| {
            let Step::Parallel(branches) = only_step(lowered) else { panic!("branches") };
            branches.into_iter().flat_map(|branch| branch.columns).collect::<Vec<_>>()
        })
    };
    assert_eq!(positions(texts(&["c", "a"])).unwrap(), [2, 0]);
    assert_eq!(positions(Py::Text("b")).unwrap(), [1]);
    assert_eq!(positions(Py::List(vec![Py::Int(-1), Py::Int(0)])).unwrap(), [2, 0]);
    assert_eq!(positions(Py::List([true, false, true].map(Py::Bool).to_vec())).unwrap(), [0, 2]);
    assert_eq!(positions(slice(Py::Int(1), Py::None)).unwrap(), [1, 2]);
    assert_eq!(positions(slice(Py::None, Py::Int(-1))).unwrap(), [0, 1]);
    assert_eq!(positions(slice(Py::Text("a"), Py::Text("b"))).unwrap(), [0, 1]);
    assert!(positions(Py::List(Vec::new())).unwrap().is_empty());
    assert!(
        positions(Py::List(vec![Py::Int(3)]))
            .unwrap_err()
            .to_string()
            .contains("a column from -3 to 2, got 3")
    );
    assert!(positions(texts(&["z"])).unwrap_err().to_string().contains("column `z` is not among"));
}

#[test]
fn a_branch_of_another_width_than_its_columns_is_refused() {
    let columns = Py::List(vec![Py::Int(0)]);
    let branch = Py::Tuple(vec![Py::Text("scale"), standard_scaler(&[1.0, 2.0], &[1.0, 1.0]), columns]);
    let transformer = sk(
        "ColumnTransformer",
        &[
            ("n_features_in_", Py::Int(3)),
            ("transformers_", Py::List(vec![branch])),
            ("sparse_output_", Py::Bool(false)),
        ],
    );
    assert_eq!(
        refusal(&transformer),
        "ColumnTransformer.transformers_[0]: expected 2 columns, got 1 selected (written by scikit-learn 1.9.1)"
    );
}

#[test]
fn logistic_regression_picks_sigmoid_or_softmax_by_setting_solver_and_version() {
    let sigmoid = Probability::Sigmoid { scale: 1.0 };
    let cases = [
        (Some("auto"), "lbfgs", 2, sigmoid),
        (Some("auto"), "lbfgs", 3, Probability::Softmax),
        (Some("auto"), "liblinear", 3, Probability::SigmoidNormalized),
        (Some("deprecated"), "liblinear", 3, Probability::SigmoidNormalized),
        (Some("ovr"), "lbfgs", 3, Probability::SigmoidNormalized),
        (Some("multinomial"), "lbfgs", 2, Probability::SoftmaxOfBoth),
        (Some("multinomial"), "lbfgs", 3, Probability::Softmax),
        (None, "lbfgs", 2, sigmoid),
        (None, "lbfgs", 3, Probability::Softmax),
    ];
    for (multi_class, solver, classes, expected) in cases {
        let outputs = if classes == 2 { 1 } else { classes };
        let mut state = vec![
            ("classes_", Py::Ints((0..i64::from(classes)).collect())),
            ("coef_", Py::Floats(vec![outputs, 2], vec![0.5; 2 * outputs as usize])),
            ("intercept_", floats(&vec![0.0; outputs as usize])),
            ("solver", Py::Text(solver)),
        ];
        state.extend(multi_class.map(|setting| ("multi_class", Py::Text(setting))));
        let lowered = lowered(&sk("LogisticRegression", &state)).unwrap();
        let Head::Classification(head) = lowered.pipeline.estimator.unwrap().head else {
            panic!("a classifier")
        };
        assert_eq!(head.probability, Some(expected), "{multi_class:?} {solver} {classes}");
    }
}

#[test]
fn linear_classifiers_need_as_many_rows_as_classes() {
    let classifier = |classes: Py| {
        let state = [
            ("classes_", classes),
            ("coef_", Py::Floats(vec![3, 2], vec![0.0; 6])),
            ("intercept_", Py::Float(0.0)),
        ];
        sk("LinearSVC", &state)
    };
    assert!(lowered(&classifier(Py::Ints(vec![1, 2, 3]))).is_ok());
    let error = refusal(&classifier(texts(&["a", "b"])));
    assert!(error.starts_with("LinearSVC.coef_: expected float64 (1, _), got float64 (3, 2)"), "{error}");
    assert!(refusal(&classifier(Py::Ints(vec![1]))).contains("expected at least 2 classes, got 1"));
    let mixed = Py::Objects(vec![Py::Int(1), Py::Text("b"), Py::Float(0.5)]);
    assert!(refusal(&classifier(mixed)).contains("labels of one type"));
}

#[test]
fn labels_keep_their_type() {
    let classes = Py::Objects(vec![Py::Bool(false), Py::Bool(true)]);
    let state =
        [("classes_", classes), ("coef_", Py::Floats(vec![1, 1], vec![1.0])), ("intercept_", Py::Float(0.0))];
    let lowered = lowered(&sk("LinearSVC", &state)).unwrap();
    let Head::Classification(head) = lowered.pipeline.estimator.unwrap().head else { panic!("a classifier") };
    assert_eq!(head.classes, [Labels::Bool(vec![false, true])]);
    assert_eq!(
        (head.label, head.decision, head.probability),
        (LabelRule::Positive, Some(Shape::Vector), None)
    );
}

#[test]
fn dummies_that_draw_at_random_are_refused() {
    let dummy = |strategy: &'static str| {
        sk(
            "DummyClassifier",
            &[
                ("strategy", Py::Text(strategy)),
                ("n_outputs_", Py::Int(1)),
                ("classes_", texts(&["no", "yes"])),
                ("class_prior_", floats(&[0.25, 0.75])),
                ("constant", Py::Text("no")),
            ],
        )
    };
    let scores = |strategy| lowered(&dummy(strategy)).unwrap().pipeline.estimator.unwrap().estimator;
    assert_eq!(scores("prior"), Estimator::Constant(vec![0.25, 0.75]));
    assert_eq!(scores("most_frequent"), Estimator::Constant(vec![0.0, 1.0]));
    assert_eq!(scores("constant"), Estimator::Constant(vec![1.0, 0.0]));
    assert!(refusal(&dummy("stratified")).contains("`strategy` = stratified is not supported"));
    assert!(refusal(&dummy("uniform")).contains("`strategy` = uniform is not supported"));
}

#[test]
fn an_imputer_drops_the_columns_that_were_empty_in_training() {
    let imputer = sk(
        "SimpleImputer",
        &[
            ("statistics_", floats(&[1.5, f64::NAN])),
            ("missing_values", Py::Int(-1)),
            ("add_indicator", Py::Bool(true)),
            ("indicator_", sk("MissingIndicator", &[("features_", Py::Ints(vec![1]))])),
        ],
    );
    let Step::Impute(step) = only_step(lowered(&imputer).unwrap()) else { panic!("an imputer") };
    assert_eq!(step.fill, [Some(Cell::Number(1.5)), None]);
    assert_eq!((step.marker, step.indicators), (Cell::Number(-1.0), vec![1]));
}

#[test]
fn unknown_classes_are_refused_with_class_place_and_version() {
    let pipeline =
        sk("Pipeline", &[("steps", steps(&[("odd", sk("OddScaler", &[])), ("model", ridge(&[1.0]))]))]);
    assert_eq!(
        refusal(&pipeline),
        "Pipeline.steps[0]: class `sklearn.any.OddScaler`, step `odd` of `Pipeline`, is not supported; \
         replace it by a supported class and fit again, or export the whole to ONNX (written by scikit-learn 1.9.1)"
    );
}

#[test]
fn a_model_is_found_in_a_dict_when_it_is_the_only_one() {
    let found = |value: Py| {
        let file = value.pickled();
        let limits = Limits::default();
        let pickle = Pickle::read(&file[..], &limits).unwrap();
        find_estimator(&pickle.root()).map(|value| value.path()).map_err(|error| error.to_string())
    };
    let one = Py::Dict(vec![("columns", texts(&["a"])), ("model", ridge(&[1.0]))]);
    assert_eq!(found(one).unwrap(), "dict.model");
    let two = Py::Dict(vec![("first", ridge(&[1.0])), ("second", ridge(&[2.0]))]);
    assert!(found(two).unwrap_err().contains("several models (`dict.first`, `dict.second`)"));
    assert!(found(Py::Dict(vec![("n", Py::Int(1))])).unwrap_err().contains("not a model"));
    assert!(found(Py::Ints(vec![1])).unwrap_err().contains("not a model"));
}

#[test]
fn names_beside_a_model_that_has_none_are_kept() {
    let opened = |value: Py| crate::open(&value.pickled(), &Limits::default()).unwrap();
    let names = |model: &foretell_model::Model| {
        model.schema().features().iter().map(|feature| feature.name.clone()).collect::<Vec<_>>()
    };
    let index = Py::Call(
        "pandas.core.indexes.base",
        "_new_Index",
        vec![
            Py::Name("pandas.core.indexes.base", "Index"),
            Py::Dict(vec![("data", texts(&["a", "b"])), ("name", Py::None)]),
        ],
    );
    let list = Py::List(vec![Py::Text("a"), Py::Text("b")]);
    let inside = Py::Dict(vec![("model", ridge(&[1.0, 2.0]))]);
    for beside in [
        vec![("model", ridge(&[1.0, 2.0])), ("columns", list.clone())],
        vec![("features", texts(&["a", "b"])), ("model", ridge(&[1.0, 2.0]))],
        vec![("model", ridge(&[1.0, 2.0])), ("feature_names", index)],
        vec![("inside", inside), ("columns", Py::Int(2)), ("feature_columns", list.clone())],
    ] {
        let model = opened(Py::Dict(beside));
        assert_eq!(names(&model), ["a", "b"]);
        // The model itself takes rows by position, and so may a table.
        assert!(!model.schema().named());
        let read = artifact::decode(&artifact::encode(&model, "{}"), 1 << 20).unwrap();
        assert_eq!(read.model, model);
    }
    for other in [texts(&["a"]), texts(&["a", "a"]), Py::Ints(vec![1, 2])] {
        let model = opened(Py::Dict(vec![("model", ridge(&[1.0, 2.0])), ("columns", other)]));
        assert_eq!(names(&model), ["f0", "f1"]);
    }
    let own = sk(
        "Ridge",
        &[
            ("coef_", floats(&[1.0, 2.0])),
            ("intercept_", Py::Float(1.0)),
            ("n_features_in_", Py::Int(2)),
            ("feature_names_in_", texts(&["x", "y"])),
        ],
    );
    let model = opened(Py::Dict(vec![("model", own), ("columns", list)]));
    assert_eq!((names(&model), model.schema().named()), (vec!["x".into(), "y".into()], true));
}

#[test]
fn a_feature_union_shows_every_transformer_all_columns() {
    let union = sk(
        "FeatureUnion",
        &[
            (
                "transformer_list",
                steps(&[
                    ("scale", standard_scaler(&[1.0, 2.0], &[3.0, 4.0])),
                    ("same", Py::Text("passthrough")),
                    ("gone", Py::Text("drop")),
                ]),
            ),
            ("transformer_weights", Py::Dict(vec![("scale", Py::Float(0.5))])),
        ],
    );
    let Step::Parallel(branches) = only_step(lowered(&union).unwrap()) else { panic!("branches") };
    let seen: Vec<_> = branches.iter().map(|b| (b.columns.as_slice(), b.steps.len(), b.weight)).collect();
    assert_eq!(seen, [(&[0, 1][..], 1, Some(0.5)), (&[0, 1][..], 0, None)]);
}

/// A decision tree of one split over two features, as `__reduce__` gives it, with these columns of its nodes.
fn tree(nodes: Vec<(&'static str, Vec<i64>)>) -> Py {
    let sizes = vec![Py::Int(2), Py::Ints(vec![1]), Py::Int(1)];
    let state = vec![
        ("max_depth", Py::Int(1)),
        ("node_count", Py::Int(3)),
        ("nodes", Py::Records(nodes)),
        ("values", Py::Floats(vec![3, 1, 1], vec![0.0, 1.0, 2.0])),
    ];
    let tree = Py::Reduced("sklearn.tree._tree", "Tree", sizes, state);
    sk(
        "DecisionTreeRegressor",
        &[
            ("n_features_in_", Py::Int(2)),
            ("n_outputs_", Py::Int(1)),
            ("splitter", Py::Text("best")),
            ("criterion", Py::Text("squared_error")),
            ("tree_", tree),
        ],
    )
}

#[test]
fn a_tree_whose_nodes_have_an_unknown_field_is_refused() {
    let children = |left: i64| {
        vec![
            ("left_child", vec![left, -1, -1]),
            ("right_child", vec![2, -1, -1]),
            ("feature", vec![1, -2, -2]),
        ]
    };
    let error = refusal(&tree(children(1)));
    assert!(error.contains("tree_.nodes: `threshold` is missing"), "{error}");
    let mut unknown = children(1);
    unknown.push(("category_set", vec![0, 0, 0]));
    let error = refusal(&tree(unknown));
    assert!(error.contains("tree_.nodes: `nodes` = category_set is not supported"), "{error}");
}

#[test]
fn a_ridge_classifier_of_several_labels_answers_each_label() {
    let labels = |kind: &'static str| {
        let binarizer =
            sk("LabelBinarizer", &[("y_type_", Py::Text(kind)), ("classes_", Py::Ints(vec![0, 1]))]);
        let coefficients = ("coef_", Py::Floats(vec![2, 1], vec![1.0, 2.0]));
        sk(
            "RidgeClassifier",
            &[("_label_binarizer", binarizer), coefficients, ("intercept_", Py::Float(0.0))],
        )
    };
    let lowered = lowered(&labels("multilabel-indicator")).unwrap();
    let Head::Classification(head) = lowered.pipeline.estimator.unwrap().head else { panic!("a classifier") };
    assert_eq!((head.label, head.decision), (LabelRule::EachPositive, Some(Shape::Matrix(2))));
    assert!(head.multi_target);
    assert!(refusal(&labels("multiclass-multioutput")).contains("`y_type_` = multiclass-multioutput"));
}

#[test]
fn boosting_of_an_unknown_loss_is_refused() {
    let boosting = sk(
        "GradientBoostingClassifier",
        &[
            ("classes_", Py::Ints(vec![0, 1])),
            ("_loss", sk("NewLoss", &[])),
            ("learning_rate", Py::Float(0.1)),
        ],
    );
    let error = refusal(&boosting);
    assert!(error.starts_with("GradientBoostingClassifier: `loss` = "), "{error}");
}

#[test]
fn counts_that_nothing_stands_behind_are_refused_before_memory_is_taken() {
    const HUGE: i32 = i32::MAX;
    let empty = || Py::Floats(vec![HUGE, 0], Vec::new());
    let normalizer = sk("Normalizer", &[("norm", Py::Text("l2")), ("n_features_in_", Py::Int(HUGE))]);
    let union = sk("FeatureUnion", &[("transformer_list", steps(&[("a", normalizer)]))]);
    let indicator = sk("MissingIndicator", &[("_n_features", Py::Int(HUGE))]);
    let ridge = sk("Ridge", &[("coef_", empty()), ("intercept_", Py::Float(0.0))]);
    let svd = sk("TruncatedSVD", &[("components_", empty())]);
    let forest = sk(
        "DecisionTreeRegressor",
        &[("splitter", Py::Text("best")), ("criterion", Py::Text("poisson")), ("n_outputs_", Py::Int(HUGE))],
    );
    for value in [union, indicator, ridge, svd, forest] {
        let error = refusal(&value);
        assert!(error.contains("expected at most 1048576, got 2147483647"), "{error}");
    }
}

#[test]
fn a_tree_without_outputs_is_refused() {
    let mut without = tree(vec![("left_child", vec![-1])]);
    if let Py::Object(_, _, state) = &mut without {
        state.retain(|(name, _)| *name != "n_outputs_");
        state.push(("n_outputs_", Py::Int(0)));
    }
    assert!(refusal(&without).contains("the outputs have [] values each"));
}

fn logistic(classes: i64) -> Py {
    let outputs = if classes == 2 { 1 } else { classes as i32 };
    sk(
        "LogisticRegression",
        &[
            ("classes_", Py::Ints((0..classes).collect())),
            ("coef_", Py::Floats(vec![outputs, 2], vec![0.5; 2 * outputs as usize])),
            ("intercept_", floats(&vec![0.25; outputs as usize])),
        ],
    )
}

fn voting(kind: &'static str, members: Vec<Py>, weights: Py) -> Py {
    let named = members.iter().map(|member| Py::Tuple(vec![Py::Text("m"), member.clone()])).collect();
    sk(
        "VotingClassifier",
        &[
            ("estimators", Py::List(named)),
            ("estimators_", Py::List(members)),
            ("classes_", texts(&["no", "yes"])),
            ("voting", Py::Text(kind)),
            ("weights", weights),
        ],
    )
}

#[test]
fn votes_and_weights_are_counted() {
    let members = || vec![logistic(2), logistic(2)];
    let whole = lowered(&voting("hard", members(), floats(&[1.0, 3.0]))).unwrap();
    assert_eq!((whole.features, whole.task), (Some(2), Task::Classification));
    let Some(Step::Combine(combine)) = whole.pipeline.scoring.first() else { panic!("{whole:?}") };
    let votes = Rule::Votes { classes: 2, weights: vec![1.0, 3.0], against: 0.0 };
    assert_eq!(combine, &Combine { members: 2, rule: votes });

    let refused = refusal(&voting("soft", members(), floats(&[1.0])));
    assert!(refused.contains("weights: expected 2 weights"), "{refused}");
    let refused = refusal(&voting("soft", vec![logistic(3)], Py::None));
    assert!(refused.contains("expected 2 classes"), "{refused}");
    let refused = refusal(&voting("soft", Vec::new(), Py::None));
    assert!(refused.contains("expected at least 1 estimator"), "{refused}");
    let refused = refusal(&voting("loud", members(), Py::None));
    assert!(refused.contains("`soft` or `hard`"), "{refused}");
    let refused = refusal(&voting("soft", vec![standard_scaler(&[0.0], &[1.0])], Py::None));
    assert!(refused.contains("expected a classifier"), "{refused}");
}

#[test]
fn an_elimination_selects_columns_and_predicts_from_them() {
    let support = |kept: [bool; 3]| Py::Objects(kept.map(Py::Bool).to_vec());
    let state = |kept| [("support_", support(kept)), ("estimator_", ridge(&[5.0, 6.0]))];
    let whole = lowered(&sk("RFE", &state([true, false, true]))).unwrap();
    assert_eq!(whole.features, Some(3));
    assert_eq!(whole.pipeline.steps, [Step::Select(vec![0, 2])]);
    assert_eq!(whole.pipeline.transform, Some(Vec::new()));
    assert!(whole.pipeline.estimator.is_some());
    let refused = refusal(&sk("RFE", &state([true; 3])));
    assert!(refused.contains("estimator_: expected 3 columns"), "{refused}");
}

#[test]
fn a_target_that_cannot_be_transformed_back_is_refused() {
    let transformed = |transformer| {
        sk(
            "TransformedTargetRegressor",
            &[("regressor_", ridge(&[1.0])), ("_training_dim", Py::Int(1)), ("transformer_", transformer)],
        )
    };
    let whole = lowered(&transformed(standard_scaler(&[3.0], &[2.0]))).unwrap();
    let undone = vec![Arithmetic::Multiply(vec![2.0]), Arithmetic::Add(vec![3.0])];
    assert_eq!(whole.pipeline.steps[1], Step::Scale(Scale { operations: undone, ..Scale::default() }));
    let normalizer = sk("Normalizer", &[("norm", Py::Text("l2"))]);
    let refused = refusal(&transformed(normalizer));
    assert!(refused.contains("a power or quantile transform"), "{refused}");
}

#[test]
fn a_hasher_takes_the_columns_that_its_user_names() {
    let hasher = |kind| {
        let state = [
            ("dtype", Py::Name("numpy", "float64")),
            ("input_type", Py::Text(kind)),
            ("n_features", Py::Int(8)),
            ("alternate_sign", Py::Bool(true)),
        ];
        sk("FeatureHasher", &state)
    };
    let model = crate::open(&hasher("dict").pickled(), &Limits::default()).unwrap();
    assert!(model.takes_any_columns());
    let named = model.with_names(&["rooms".to_owned(), "city".to_owned()]).unwrap();
    assert!(!named.takes_any_columns());
    let numbers = named.schema().features().iter().all(|feature| feature.kind == Kind::Number);
    assert!(numbers);
    let wrong = named.clone().with_categories(&[("city", vec![Cell::Number(1.0)])]).unwrap_err();
    assert!(wrong.to_string().contains("city"), "{wrong}");
    let texts = named.with_categories(&[("city", Vec::new())]).unwrap();
    assert_eq!(texts.schema().features()[1].kind, Kind::Text);
    assert_eq!(texts.schema().features()[1].categories, None);
    let read = artifact::decode(&artifact::encode(&texts, "{}"), 1 << 20).unwrap();
    assert_eq!(read.model, texts);
    let refused = crate::open(&hasher("string").pickled(), &Limits::default()).unwrap_err();
    assert!(refused.to_string().contains("`dict` or `pair`"), "{refused}");
}
