//! Every form of body, and what is answered.

use serde_json::{Value, json};

use crate::client::{Service, example};

const ROWS: &str = r#"{"data": [[4.8, 3, 1.4, 0.3], [2, 1, 3.2, 1.1]]}"#;

fn boston() -> Service {
    Service::start("", vec![example("boston")])
}

const NAMES: [&str; 13] =
    ["CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT"];
const VALUES: [f64; 13] = [0.00632, 18.0, 2.31, 0.0, 0.538, 6.575, 65.2, 4.09, 1.0, 296.0, 15.3, 396.9, 4.98];

fn record() -> Value {
    Value::Object(NAMES.iter().zip(VALUES).map(|(name, value)| ((*name).to_owned(), json!(value))).collect())
}

#[test]
fn rows_are_answered_in_order() {
    let service = Service::iris();
    let answer = service.predict(ROWS).ok();
    let id = answer["request_id"].as_str().unwrap();
    assert_eq!(id.len(), 26);
    assert_eq!(
        answer,
        json!({
            "model": "iris", "version": "3", "prediction": [0, 1],
            "probability": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            "classes": [0, 1, 2], "request_id": id,
        })
    );
}

#[test]
fn all_forms_of_the_same_row_have_the_same_answer() {
    let service = boston();
    let expected = service.predict(&record().to_string()).ok()["prediction"].clone();
    assert!(expected.is_f64(), "one record is answered with one value, not {expected}");
    assert!((expected.as_f64().unwrap() - 30.0).abs() < 1.0);
    let keyed: Value =
        NAMES.iter().zip(VALUES).map(|(name, value)| ((*name).to_owned(), json!({"0": value}))).collect();
    let listed: Value =
        NAMES.iter().zip(VALUES).map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    let csv = VALUES.map(|value| value.to_string()).join(", ");
    let with_header = format!("{}\n{csv}\n", NAMES.join(","));
    for body in [
        json!({"data": [VALUES]}),
        json!({"data": [record()]}),
        json!([record()]),
        json!([VALUES]),
        keyed,
        listed,
        json!({"data": csv}),
        json!({"data": with_header}),
    ] {
        let answer = service.predict(&body.to_string()).ok();
        assert_eq!(answer["prediction"], json!([expected]), "{body}");
        assert!(answer.get("probability").is_none() && answer.get("classes").is_none());
    }
    for (kind, body) in [("text/csv", &csv), ("Text/CSV; charset=utf-8", &with_header)] {
        let answer =
            service.client().call(&format!("POST /predict HTTP/1.1\r\ncontent-type: {kind}"), body).ok();
        assert_eq!(answer["prediction"], json!([expected]), "{kind}");
    }
    let marked = format!("\u{feff}{}", record());
    assert_eq!(service.predict(&marked).ok()["prediction"], expected);
}

#[test]
fn columns_may_come_in_any_order_and_rows_have_the_order_of_the_first_column() {
    let service = Service::iris();
    let columns = service.predict(r#"{"data":[[1,2,3,4]]}"#).ok();
    assert_eq!(columns["prediction"].as_array().unwrap().len(), 1);
    let schema = example("iris");
    let names: Vec<_> = schema.schema().features().iter().map(|feature| feature.name.clone()).collect();
    let body = format!(
        r#"{{"{}": {{"b": 0.3, "a": 1.1}}, "{}": {{"a": 2, "b": 4.8}}, "{}": {{"a": 1, "b": 3}}, "{}": {{"a": 3.2, "b": 1.4}}}}"#,
        names[3], names[0], names[1], names[2]
    );
    assert_eq!(service.predict(&body).ok()["prediction"], json!([0, 1]));
}

#[test]
fn outputs_are_chosen_by_name() {
    let service = Service::iris();
    let mut client = service.client();
    let body = r#"[{"data": 1}]"#;
    assert_eq!(client.post("/predict?outputs=prediction", body).status, 422);
    let answer = client.post("/predict?outputs=log_probability%2Cprediction", ROWS).ok();
    let keys: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["model", "version", "log_probability", "prediction", "classes", "request_id"]);
    assert_eq!(
        answer["log_probability"],
        json!([[0.0, "-Infinity", "-Infinity"], ["-Infinity", 0.0, "-Infinity"]])
    );
    let refused = client.post("/predict?outputs=prediction,shap", ROWS);
    assert_eq!(refused.faults(), [(r#"["outputs"]"#.to_owned(), "unknown_output".to_owned())]);
    assert!(
        refused.text().contains("prediction, probability, log_probability, got `shap`"),
        "{}",
        refused.text()
    );
}

#[test]
fn models_are_found_by_name_and_version() {
    let service = Service::start("", vec![example("iris"), example("boston")]);
    let mut client = service.client();
    assert_eq!(client.post("/models/iris/predict", ROWS).ok()["model"], "iris");
    assert_eq!(client.post("/models/iris/versions/3/predict", ROWS).ok()["version"], "3");
    assert_eq!(client.post("/models/boston/predict", record().to_string()).ok()["model"], "boston");
    let unknown = client.post("/models/irs/predict", ROWS).problem(404, "no-such-model");
    assert_eq!(unknown, "there is no model `irs`; there is `iris`, `boston`");
    client.post("/models/iris/versions/4/predict", ROWS).problem(404, "no-such-version");
    client.post("/models/iris/predict/", ROWS).problem(404, "no-such-path");
    Service::start("", Vec::new()).predict(ROWS).problem(503, "not-ready");
}

#[test]
fn a_callers_id_comes_back() {
    let service = Service::iris();
    let mut client = service.client();
    let head = "POST /predict HTTP/1.1\r\nx-request-id: trace-17";
    let answer = client.call(head, ROWS);
    assert_eq!(answer.header("x-request-id"), Some("trace-17"));
    assert_eq!(answer.ok()["request_id"], "trace-17");
    let replaced = client.call("POST /predict HTTP/1.1\r\nx-request-id: a\"b", ROWS);
    assert_eq!(replaced.ok()["request_id"], replaced.header("x-request-id").unwrap());
    assert_eq!(replaced.header("x-request-id").unwrap().len(), 26);
}

#[test]
fn large_batches_are_answered_like_small_ones() {
    let service = Service::iris();
    let rows: Vec<_> = (0..50_000)
        .map(|row| json!([4.8, 3, f64::from(row % 70) / 10.0, f64::from(row % 25) / 10.0]))
        .collect();
    let answer = service.predict(&json!({"data": rows}).to_string()).ok();
    let predictions = answer["prediction"].as_array().unwrap();
    assert_eq!(predictions.len(), rows.len());
    for row in [0, 1, 69, 12_345, 49_999] {
        let one = service.predict(&json!({"data": [rows[row]]}).to_string()).ok();
        assert_eq!(one["prediction"][0], predictions[row], "row {row}");
        assert_eq!(one["probability"][0], answer["probability"][row], "row {row}");
    }
}
