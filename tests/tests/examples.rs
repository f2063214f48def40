//! The five services of `examples/`, started as their READMEs say and asked what their clients ask.
//!
//! The numbers of iris, boston and breast-cancer are those of scikit-learn 1.7.2 for the committed model files. Diabetes
//! and eeg are fitted here, by their own `train.py`, and their numbers come from the libraries at the same time.

use foretell_tests::places::{root, run, shared, venv};
use foretell_tests::readme;
use foretell_tests::service::{Request, Service, binary};
use foretell_tests::trained::trained;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

fn example(name: &str) -> std::path::PathBuf {
    root().join("examples").join(name)
}

fn start(folder: &Path) -> Service {
    Service::start(&["--config".as_ref(), folder.join("foretell.toml").as_os_str()])
}

/// What the library answers for the rows of a table.
fn library(model: &Path, table: &Path, dropped: &[&str]) -> Value {
    let python = venv("python").expect("it trained the model");
    let script = root().join("tests/python/answers.py");
    let json = run(Command::new(python).arg(script).arg(model).arg(table).args(dropped));
    serde_json::from_str(&json).expect("JSON")
}

fn assert_near(got: &Value, expected: f64, tolerance: f64) {
    let got = got.as_f64().unwrap_or_else(|| panic!("expected about {expected}, got {got}"));
    assert!((got - expected).abs() <= tolerance, "expected {expected} within {tolerance}, got {got}");
}

/// The bare model file serves too: the first command of the README.
#[test]
fn iris_without_configuration() {
    let service = Service::start(&[example("iris").join("model.joblib")]);
    let answer = service.post("/predict", &json!({"data": [[4.8, 3, 1.4, 0.3], [2, 1, 3.2, 1.1]]})).ok();
    assert_eq!(answer["prediction"], json!([0, 1]));
    assert_eq!(answer["probability"], json!([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]));
    assert_eq!(answer["classes"], json!([0, 1, 2]));
    readme::check(&root().join("README.md"), &service, 2);
}

#[test]
fn iris() {
    let service = start(&example("iris"));
    for path in ["/predict", "/v1/iris/predict"] {
        let answer = service.post(path, &json!({"data": [[4.8, 3, 1.4, 0.3], [2, 1, 3.2, 1.1]]})).ok();
        assert_eq!(answer["prediction"], json!([0, 1]), "{path}");
        assert_eq!(answer["probability"], json!([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), "{path}");
        let never = "-Infinity";
        assert_eq!(answer["log_probability"], json!([[0.0, never, never], [never, 0.0, never]]), "{path}");

        let refused = service.post(path, &json!({"data": [[4.8, 3, 1.4]]}));
        assert_eq!(refused.status, 422, "{path}: {}", refused.text);
        assert_eq!(refused.header("content-type"), Some("application/problem+json"), "{path}");
        let error = &refused.json()["errors"][0];
        assert_eq!(error["loc"], json!(["data", 0]), "{path}");
        assert_eq!(error["type"], "wrong_length", "{path}");
    }
    readme::check(&example("iris").join("README.md"), &service, 2);
}

#[test]
fn diabetes() {
    let Some(folder) = trained("diabetes", "data/pima-indians-diabetes.csv") else { return };
    let table = folder.path().join("one.csv");
    std::fs::write(&table, "a,b,c,d,e,f,g,h\n1,106,70,28,135,34.2,0.142,22\n").expect("a table");
    let expected = library(&folder.path().join("diabetes.pkl"), &table, &[])["probability"][0][1].as_f64();
    let expected = expected.expect("a probability");

    let service = start(folder.path());
    let path = "/katana-ml/api/v1.0/diabetes";
    let body = json!({"data": "1, 106, 70, 28, 135, 34.2, 0.142, 22"});
    let answer = service.post(path, &body).ok();
    assert_near(&answer["prediction"], expected, 1e-6);
    assert_eq!(answer.as_object().expect("an object").len(), 1, "{answer}");

    let origin = "https://clinic.example";
    let preflight = Request::new("OPTIONS", path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "content-type");
    let preflight = service.send(&preflight);
    assert!(matches!(preflight.status, 200 | 204), "{}", preflight.status);
    let allowed = |name| preflight.header(name).unwrap_or_default().to_ascii_lowercase();
    assert!(["*", origin].contains(&allowed("access-control-allow-origin").as_str()));
    assert!(allowed("access-control-allow-methods").contains("post"));
    assert!(allowed("access-control-allow-headers").contains("content-type"));

    let call = Request::new("POST", path).header("Origin", origin).header("Content-Type", "application/json");
    let call = service.send(&call.body(&body.to_string()));
    assert_eq!(call.status, 200, "{}", call.text);
    assert!(["*", origin].contains(&call.header("access-control-allow-origin").unwrap_or_default()));
    readme::check(&example("diabetes").join("README.md"), &service, 1);
}

const BOSTON: &str = r#"{"CRIM": 0.00632, "ZN": 18.0, "INDUS": 2.31, "CHAS": 0, "NOX": 0.538, "RM": 6.575, "AGE": 65.2,
    "DIS": 4.09, "RAD": 1, "TAX": 296.0, "PTRATIO": 15.3, "B": 396.9, "LSTAT": 4.98}"#;

#[test]
fn boston() {
    let service = start(&example("boston"));
    let mut record: Value = serde_json::from_str(BOSTON).expect("JSON");
    let answer = service.post("/predict", &record).ok();
    assert_near(&answer["prediction"], 30.020518769703234, 1e-12);
    assert_eq!(answer.as_object().expect("an object").len(), 1, "{answer}");

    // The encoder was fitted to ignore what it does not know.
    record["RAD"] = json!(99);
    assert_near(&service.post("/predict", &record).ok()["prediction"], 30.858816728444484, 1e-12);

    let health = service.get("/health").ok().to_string();
    assert!(health.contains(env!("CARGO_PKG_VERSION")) && health.contains("1.0.0"), "{health}");
    readme::check(&example("boston").join("README.md"), &service, 2);
}

#[test]
fn boston_in_production_hides_versions() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let configuration =
        std::fs::read_to_string(example("boston").join("foretell.toml")).expect("the configuration");
    let configuration = format!("[server]\nmode = \"production\"\nauth = \"none\"\n{configuration}");
    std::fs::write(folder.path().join("foretell.toml"), configuration).expect("a configuration");
    std::fs::copy(example("boston").join("model.joblib"), folder.path().join("model.joblib"))
        .expect("a copy");

    let service = start(folder.path());
    let health = service.get("/health").ok().to_string();
    assert!(!health.contains(env!("CARGO_PKG_VERSION")) && !health.contains("1.0.0"), "{health}");
    assert_eq!(service.get("/docs").status, 404);
    assert_near(
        &service
            .send(&Request::new("POST", "/predict").header("Content-Type", "application/json").body(BOSTON))
            .ok()["prediction"],
        30.020518769703234,
        1e-12,
    );
}

#[test]
fn breast_cancer() {
    let service = start(&example("breast-cancer"));
    let body = std::fs::read_to_string(example("breast-cancer").join("patient.json")).expect("the request");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(service.post("/predict", &body).ok(), json!({"Prediction": 1}));

    let native = service.post("/models/breast-cancer/predict", &body).ok();
    assert_eq!(native["prediction"], json!([1]));
    assert_eq!(native["probability"], json!([[0.12, 0.88]]));
    readme::check(&example("breast-cancer").join("README.md"), &service, 1);
}

#[test]
fn eeg() {
    let Some(folder) = trained("eeg", "data/eeg.csv") else { return };
    let table = folder.path().join("eeg-test.csv");
    let [lda, mlp] = ["lda", "mlp"].map(|name| {
        library(&folder.path().join(format!("{name}.joblib")), &table, &["Line", "# Letter"])["prediction"].clone()
    });
    let content = std::fs::read_to_string(&table).expect("the table");
    let header: Vec<_> = content.lines().next().expect("a header").split(',').collect();
    let rows: Vec<Vec<&str>> = content.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let number = |cell: &str| cell.parse::<f64>().expect("a number");

    let service = start(folder.path());
    for n in [0, 16, rows.len() - 1] {
        for method in ["GET", "POST"] {
            let line = service.send(&Request::new(method, &format!("/line/{n}"))).ok();
            assert_eq!(line.as_object().expect("an object").len(), header.len());
            for (name, cell) in header.iter().zip(&rows[n]) {
                assert_eq!(line[*name].as_f64(), Some(number(cell)), "{method} row {n}, `{name}`");
            }
            let prediction = service.send(&Request::new(method, &format!("/prediction/{n}"))).ok();
            assert_eq!(prediction, json!({"prediction LDA": lda[n], "prediction Neural Network": mlp[n]}));
        }
    }
    for method in ["GET", "POST"] {
        let score = service.send(&Request::new(method, "/score")).ok();
        for (key, predictions) in [("Score LDA", &lda), ("Score Neural Network", &mlp)] {
            let predictions = predictions.as_array().expect("predictions");
            let right = rows
                .iter()
                .zip(predictions)
                .filter(|(row, got)| got.as_f64() == Some(number(row[1])))
                .count();
            assert_near(&score[key], right as f64 / rows.len() as f64, 1e-12);
        }
    }
    for path in ["/line/99999", "/prediction/99999", "/prediction/one", "/line/-1"] {
        let status = service.get(path).status;
        assert!(matches!(status, 404 | 422), "{path}: {status}");
    }
    readme::check(&example("eeg").join("README.md"), &service, 3);
}

/// The committed model files are what their scripts make: same predictions, up to the rounding of the processor's
/// linear algebra.
#[test]
fn committed_models_come_from_their_scripts() {
    let Some(python) = venv("python") else { return };
    let patient =
        std::fs::read_to_string(example("breast-cancer").join("patient.json")).expect("the request");
    let mut patient: Value = serde_json::from_str(&patient).expect("JSON");
    for column in patient.as_object_mut().expect("an object").values_mut() {
        *column = column["0"].take();
    }
    let flower = json!({"sepal_length": 6.1, "sepal_width": 2.8, "petal_length": 4.9, "petal_width": 1.7});
    let district: Value = serde_json::from_str(BOSTON).expect("JSON");
    let boston = shared("data/boston-housing.data");
    let cases = [
        ("iris", flower, Some(None)),
        ("breast-cancer", patient, Some(None)),
        ("boston", district, boston.map(Some)),
    ];
    for (name, record, table) in cases {
        let Some(table) = table else { continue };
        let folder = tempfile::tempdir().expect("a scratch folder");
        let rows = folder.path().join("rows.jsonl");
        std::fs::write(&rows, format!("{record}\n")).expect("the rows");
        let made = folder.path().join("model.joblib");
        run(Command::new(&python).arg(example(name).join("train.py")).args(table).arg(&made));
        let predict = |model: &Path| {
            run(Command::new(binary()).arg("predict").args([model, &rows]).args(["--outputs", "all"]))
        };
        let answer = |model: &Path| -> Value { serde_json::from_str(&predict(model)).expect("JSON") };
        let (made, committed) = (answer(&made), answer(&example(name).join("model.joblib")));
        assert!(alike(&made, &committed), "{name}: {made} and {committed}");
    }
}

/// Whether two answers are the same but for the last digits of their numbers.
fn alike(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| alike(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| alike(value, other)))
        }
        _ => match (left.as_f64(), right.as_f64()) {
            (Some(left), Some(right)) => (left - right).abs() <= 1e-12 * right.abs().max(1.0),
            _ => left == right,
        },
    }
}
