//! The services of `examples/`, on models that `foretell train` makes of their `train.toml`.

use std::fs;
use std::path::Path;
use std::process::Command;

use foretell_tests::places::{root, run, shared, venv};
use foretell_tests::service::{Request, Service, binary};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with an example's files, its table, and the models trained from it; the configuration names those. `None`,
/// with a message, when Python or the table is missing.
fn trained(name: &str, table: Option<&str>) -> Option<TempDir> {
    let python = venv("python")?;
    let source = match table {
        Some(table) => Some(shared(table)?),
        None => None,
    };
    let example = root().join("examples").join(name);
    let folder = tempfile::tempdir().expect("a scratch folder");
    let script = root().join("examples/tables.py");
    run(Command::new(python).arg(script).arg(name).args(source).arg(folder.path()));
    let mut specs = 0;
    for entry in fs::read_dir(&example).expect("an example") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        if file.starts_with("train") && file.ends_with(".toml") {
            let copy = folder.path().join(&file);
            fs::copy(&path, &copy).expect("a copy");
            run(Command::new(binary()).arg("train").arg(copy));
            specs += 1;
        }
    }
    assert!(specs > 0, "`{name}` says how it is trained");
    let configuration = fs::read_to_string(example.join("foretell.toml")).expect("a configuration");
    let mut configuration = configuration.replace("eeg-test.csv", "eeg.csv");
    for extension in ["joblib", "pkl"] {
        configuration = configuration.replace(&format!(".{extension}\""), ".foretell\"");
    }
    fs::write(folder.path().join("foretell.toml"), configuration).expect("a configuration");
    Some(folder)
}

fn start(folder: &Path) -> Service {
    Service::start(&["--config".as_ref(), folder.join("foretell.toml").as_os_str()])
}

#[test]
fn iris() {
    let Some(folder) = trained("iris", None) else { return };
    let service = start(folder.path());
    for path in ["/predict", "/v1/iris/predict"] {
        let answer = service.post(path, &json!({"data": [[4.8, 3, 1.4, 0.3], [6.5, 3.0, 5.8, 2.2]]})).ok();
        assert_eq!(answer["prediction"], json!([0, 2]), "{path}");
        assert_eq!(answer["probability"], json!([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), "{path}");
        assert_eq!(service.post(path, &json!({"data": [[4.8, 3, 1.4]]})).status, 422, "{path}");
    }
}

#[test]
fn breast_cancer() {
    let Some(folder) = trained("breast-cancer", None) else { return };
    let service = start(folder.path());
    let body = fs::read_to_string(root().join("examples/breast-cancer/patient.json")).expect("the request");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    // All thirty columns, five of which the model does not look at.
    assert_eq!(service.post("/predict", &body).ok(), json!({"Prediction": 1}));
}

#[test]
fn boston() {
    let Some(folder) = trained("boston", Some("data/boston-housing.data")) else { return };
    let service = start(folder.path());
    let mut house = json!({"CRIM": 0.00632, "ZN": 18.0, "INDUS": 2.31, "CHAS": 0, "NOX": 0.538, "RM": 6.575, "AGE": 65.2,
        "DIS": 4.09, "RAD": 1, "TAX": 296.0, "PTRATIO": 15.3, "B": 396.9, "LSTAT": 4.98});
    let price = service.post("/predict", &house).ok()["prediction"].as_f64().expect("a price");
    // Of a fifth fewer rows than scikit-learn's model learnt from, which says 30.02.
    assert!((price - 30.0).abs() < 2.0, "{price}");
    house["RAD"] = json!(99);
    service.post("/predict", &house).ok();
}

#[test]
fn diabetes() {
    let Some(folder) = trained("diabetes", Some("data/pima-indians-diabetes.csv")) else { return };
    let service = start(folder.path());
    let body = json!({"data": "1, 106, 70, 28, 135, 34.2, 0.142, 22"});
    let answer = service.post("/katana-ml/api/v1.0/diabetes", &body).ok();
    let probability = answer["prediction"].as_f64().expect("a probability");
    assert!(probability > 0.0 && probability < 0.5, "{probability}");
    let named = json!({"times_pregnant": 1, "glucose": 106, "blood_pressure": 70, "skin_fold_thick": 28, "serum_insuling": 135,
        "mass_index": 34.2, "diabetes_pedigree": 0.142, "age": 22});
    let answer = service.post("/models/diabetes/predict", &named).ok();
    assert_eq!(answer["prediction"], 0);
}

#[test]
fn eeg() {
    let Some(folder) = trained("eeg", Some("data/eeg.csv")) else { return };
    let service = start(folder.path());
    let score = service.send(&Request::new("GET", "/score")).ok();
    for key in ["Score LDA", "Score Neural Network"] {
        assert!(score[key].as_f64() > Some(0.95), "{score}");
    }
    let prediction = service.send(&Request::new("GET", "/prediction/16")).ok();
    assert_eq!(prediction.as_object().map(serde_json::Map::len), Some(2));
}
