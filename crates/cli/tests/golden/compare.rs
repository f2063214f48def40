//! Comparing an answer with the library's own, by the rules of the corpus (`tests/golden/README.md`).

use serde_json::Value;

/// Outputs that are compared where both sides have them.
pub(crate) const KEYS: [&str; 7] = [
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "transform",
    "margin",
];

/// The tolerance of the corpus for float32 models in ONNX.
const ONNX: f64 = 1e-5;

/// `|a - b| <= abs + rel * |b|`.
#[derive(Debug, Clone, Copy)]
struct Tolerance {
    rel: f64,
    abs: f64,
}

impl Tolerance {
    fn holds(self, got: f64, want: f64) -> bool {
        got == want
            || (got.is_nan() && want.is_nan())
            || (got - want).abs() <= self.abs + self.rel * want.abs()
    }
}

/// What differs between `got` (one object of outputs) and `expected` (a case's `expected.json`).
pub(crate) fn differences(expected: &Value, got: &Value) -> Vec<String> {
    let mut tolerance = Tolerance {
        rel: expected["tolerance"]["rel"].as_f64().expect("a case has a relative tolerance"),
        abs: expected["tolerance"]["abs"].as_f64().expect("a case has an absolute tolerance"),
    };
    // A library that exports a model to ONNX rounds its weights to float32; what is expected are its own numbers.
    if expected["serialization"] == "native onnx" && expected["library"] != "onnxruntime" {
        tolerance = Tolerance { rel: tolerance.rel.max(ONNX), abs: tolerance.abs.max(ONNX) };
    }
    let mut differences = Vec::new();
    let needed = ["predict", "transform", "score_samples"].into_iter().find(|key| !expected[*key].is_null());
    let needed = needed.expect("a case expects something");
    if got[needed].is_null() {
        differences.push(format!("`{needed}` is missing"));
    }
    for key in KEYS {
        if !expected[key].is_null() && !got[key].is_null() {
            differences
                .extend(compare(expected, key, &got[key], tolerance).map(|text| format!("{key}: {text}")));
        }
    }
    differences
}

/// Outputs that the library gives and `got` does not.
pub(crate) fn absent<'a>(expected: &Value, got: &Value) -> Vec<&'a str> {
    KEYS.into_iter().filter(|key| !expected[*key].is_null() && got[*key].is_null()).collect()
}

fn compare(expected: &Value, key: &str, got: &Value, tolerance: Tolerance) -> Option<String> {
    let want = &expected[key];
    if shape(want) != shape(got) {
        return Some(format!("got shape {:?}, expected {:?}", shape(got), shape(want)));
    }
    let task = expected["task"].as_str().unwrap_or("");
    let labels = key == "predict"
        && ["classification", "clustering", "outlier"].contains(&task)
        && expected["estimator"] != "Booster";
    let (mut want_cells, mut got_cells) = (Vec::new(), Vec::new());
    flatten(want, &mut Vec::new(), &mut want_cells);
    flatten(got, &mut Vec::new(), &mut got_cells);
    let mut wrong = want_cells.iter().zip(&got_cells).filter(|((path, want), (got_path, got))| {
        path != got_path
            || !(equal(got, want, labels, tolerance) || labels && near_tie(expected, path, tolerance))
    });
    let ((path, want), (_, got)) = wrong.next()?;
    Some(format!("{} wrong, first at {path:?}: got {got}, expected {want}", 1 + wrong.count()))
}

fn equal(got: &Value, want: &Value, labels: bool, tolerance: Tolerance) -> bool {
    match (number(got), number(want)) {
        (Some(got), Some(want)) if labels => got == want,
        (Some(got), Some(want)) => tolerance.holds(got, want),
        _ => got == want,
    }
}

/// A label may differ only where the two best expected scores of the row tie.
fn near_tie(expected: &Value, path: &[usize], tolerance: Tolerance) -> bool {
    let Some(row) = path.first() else { return false };
    for key in ["predict_proba", "decision_function"] {
        let scores = &expected[key][*row];
        if let Some(scores) = scores.as_array() {
            let mut scores: Vec<f64> = scores.iter().filter_map(number).collect();
            scores.sort_by(|a, b| b.total_cmp(a));
            if let [best, second, ..] = scores[..] {
                return best - second <= 2.0 * (tolerance.abs + tolerance.rel * best.abs());
            }
        } else if let Some(score) = number(scores) {
            return score.abs() <= tolerance.abs;
        }
    }
    false
}

fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => value.as_f64().or_else(|| value.as_bool().map(|value| f64::from(u8::from(value)))),
    }
}

fn shape(value: &Value) -> Vec<usize> {
    let mut shape = Vec::new();
    let mut next = Some(value);
    while let Some(Value::Array(items)) = next {
        shape.push(items.len());
        next = items.first();
    }
    shape
}

fn flatten<'a>(value: &'a Value, path: &mut Vec<usize>, cells: &mut Vec<(Vec<usize>, &'a Value)>) {
    if let Value::Array(items) = value {
        for (index, item) in items.iter().enumerate() {
            path.push(index);
            flatten(item, path, cells);
            path.pop();
        }
    } else {
        cells.push((path.clone(), value));
    }
}

mod tests {
    use super::differences;
    use serde_json::json;

    #[test]
    fn a_difference_beyond_the_tolerance_is_found() {
        let expected = json!({
            "task": "regression", "estimator": "Ridge", "predict": [1.0, "NaN"], "tolerance": {"rel": 1e-6, "abs": 0.0}
        });
        assert_eq!(differences(&expected, &json!({"predict": [1.0 + 1e-7, "NaN"]})), Vec::<String>::new());
        let found = differences(&expected, &json!({"predict": [1.001, "NaN"]}));
        assert_eq!(found, ["predict: 1 wrong, first at [0]: got 1.001, expected 1.0"]);
        assert_eq!(differences(&expected, &json!({"predict": [[1.0, 1.0]]})).len(), 1);
        assert_eq!(differences(&expected, &json!({})), ["`predict` is missing"]);
    }

    #[test]
    fn a_label_may_differ_only_on_a_tie() {
        let expected = json!({
            "task": "classification", "estimator": "SVC", "predict": [0, 0],
            "predict_proba": [[0.5, 0.5], [0.9, 0.1]], "tolerance": {"rel": 1e-9, "abs": 1e-9}
        });
        assert!(differences(&expected, &json!({"predict": [1, 0]})).is_empty());
        assert_eq!(differences(&expected, &json!({"predict": [1, 1]})).len(), 1);
    }
}
