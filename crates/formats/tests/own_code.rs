//! Files of cloudpickle, dill and pickle that hold classes and functions of the user's own, made by `tests/python/own_code.py`.

use std::path::Path;

use foretell_formats::{Limits, open};

/// The message of the refusal of a file; `None` when it opens.
fn refusal(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/own_code").join(name);
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    open(&bytes, &Limits::default()).err().map(|error| error.to_string())
}

#[test]
fn a_class_of_the_user_is_refused_with_its_name_its_place_and_what_to_do() {
    let instead = "is code of your own, and no Python runs here; replace it by a supported class and fit again, or \
                   export the whole to ONNX (written by scikit-learn 1.9.1)";
    for writer in ["pickle", "cloudpickle", "dill"] {
        assert_eq!(
            refusal(&format!("floor-{writer}.pkl")).unwrap(),
            format!("Pipeline.steps[0]: class `__main__.Floor`, step `floor` of `Pipeline`, {instead}")
        );
    }
    assert_eq!(
        refusal("columns-dill.pkl").unwrap(),
        format!(
            "Pipeline.steps[0].transformers_[1]: class `__main__.Floor`, transformer `floor` of \
             `ColumnTransformer`, {instead}"
        )
    );
    assert_eq!(
        refusal("bag-cloudpickle.pkl").unwrap(),
        format!(
            "Pipeline.steps[1].estimators_[0]: class `__main__.Shifted`, within step `bag` of `Pipeline`, {instead}"
        )
    );
    for name in ["shifted-cloudpickle.pkl", "shifted-dill.pkl"] {
        let message = refusal(name).unwrap();
        assert!(message.starts_with("dict.model: class `__main__.Shifted` is code of your own"), "{message}");
    }
}

#[test]
fn a_function_of_the_user_is_refused_by_name() {
    for (name, function) in [
        ("lambda-cloudpickle.pkl", "<lambda>"),
        ("lambda-dill.pkl", "<lambda>"),
        ("function-pickle.pkl", "doubled"),
        ("function-cloudpickle.pkl", "doubled"),
    ] {
        let message = refusal(name).unwrap();
        let begin = format!("Pipeline.steps[0]: `func` = __main__.{function} is not supported");
        assert!(message.starts_with(&begin), "{message}");
    }
}

#[test]
fn code_that_no_prediction_needs_does_no_harm() {
    for name in ["noted-cloudpickle.pkl", "noted-dill.pkl", "plain-dill.pkl"] {
        assert_eq!(refusal(name), None, "{name}");
    }
}
