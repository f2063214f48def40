//! `foretell train` with the real binary: scikit-learn's answers for the same table, the same bytes on any number of
//! threads, and a model that is served as it was measured.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use foretell_tests::places::{root, run, venv};
use foretell_tests::registry::Registry;
use foretell_tests::service::{Service, binary};
use serde_json::{Value, json};

/// Numbers that look random, from 0 to 1.
fn noise(at: u64) -> f64 {
    let mut x = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// 300 rows of numbers, of which some are missing, and texts, with a number and a class to learn.
fn write_table(path: &Path, target: &str) {
    let mut table = format!("a,b,city,c,grade,{target}\n");
    for row in 0..300 {
        let [a, b, c] = [0, 1, 2].map(|column| noise(row * 7 + column));
        let city = ["Oslo", "Bergen", "Narvik"][(noise(row * 7 + 3) * 3.0) as usize];
        let grade = ["low", "high"][(noise(row * 7 + 4) * 2.0) as usize];
        let b_text = if row % 11 == 3 { String::new() } else { b.to_string() };
        let value = 3.0 * a - 2.0 * b * c + city.len() as f64 * 0.3 + noise(row * 7 + 5);
        let answer = match target {
            "class" => ["x", "y", "z"][(value as usize).min(2)].to_owned(),
            _ => value.to_string(),
        };
        writeln!(table, "{a},{b_text},{city},{c},{grade},{answer}").expect("memory");
    }
    fs::write(path, table).expect("a table");
}

/// 200 rows of a text, of which some are missing, and a number, with a class to learn.
fn write_notes(path: &Path) {
    const WORDS: [&str; 16] = [
        "the", "a", "Red", "dog", "and", "Éclair", "café", "runs", "far", "from", "home", "to", "see", "old",
        "friends", "x",
    ];
    let mut table = "note,a,class\n".to_owned();
    for row in 0..200 {
        // Words further back are rarer.
        let word = |at: u64| WORDS[(noise(row * 31 + at).powi(2) * 16.0) as usize];
        let count = (noise(row * 31 + 29) * 9.0) as u64;
        let note = (0..count).map(word).collect::<Vec<_>>().join([" ", ", "][(row % 2) as usize]);
        let class = ["no", "yes"][usize::from(note.contains("dog") != note.contains("far"))];
        writeln!(table, "\"{note}\",{},{class}", noise(row * 31 + 30)).expect("memory");
    }
    fs::write(path, table).expect("a table");
}

fn train(table: &Path, target: &str, out: &Path, more: &[&str]) {
    let mut command = Command::new(binary());
    command.arg("train").arg(table).args(["--target", target, "-o"]).arg(out).args(more);
    run(&mut command);
}

fn numbers(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(values) => values.iter().flat_map(numbers).collect(),
        None => vec![value.as_f64().expect("a number")],
    }
}

#[test]
fn pipelines_agree_with_scikit_learn() {
    let Some(python) = venv("python") else { return };
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (target, method) in [("value", "predict"), ("class", "predict_proba")] {
        let table = folder.path().join(format!("{target}.csv"));
        write_table(&table, target);
        let script = root().join("tests/python/pipelines.py");
        let said = run(Command::new(&python).arg(script).arg(&table).arg(target));
        let said: serde_json::Map<String, Value> = serde_json::from_str(&said).expect("JSON");
        assert!(said.len() >= 4);
        for (kind, said) in said {
            let model = folder.path().join(format!("{kind}.foretell"));
            let flags =
                said["flags"].as_array().expect("a list").iter().map(|flag| flag.as_str().expect("a text"));
            let more: Vec<&str> = ["--test-size", "0", "--model", &kind].into_iter().chain(flags).collect();
            train(&table, target, &model, &more);
            let answers =
                run(Command::new(binary()).arg("predict").args([&model, &table]).args(["--outputs", method]));
            let answers: Value = serde_json::from_str(&answers).expect("JSON");
            let (got, said) = (numbers(&answers[method]), numbers(&said["answer"]));
            assert_eq!(got.len(), said.len(), "{kind}");
            let worst = got.iter().zip(&said).map(|(got, said)| (got - said).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-6, "{kind} of `{target}`: {worst}");
        }
    }
}

#[test]
fn specifications_agree_with_scikit_learn() {
    let Some(python) = venv("python") else { return };
    let folder = tempfile::tempdir().expect("a scratch folder");
    // Numbers, two classes, three, and texts.
    let kinds = [("value", "value", 6), ("value", "grade", 3), ("class", "class", 3), ("notes", "class", 4)];
    for (table, target, cases) in kinds {
        let path = folder.path().join(format!("{table}.csv"));
        if table == "notes" {
            write_notes(&path)
        } else {
            write_table(&path, table)
        }
        let script = root().join("tests/python/steps.py");
        let said = run(Command::new(&python).arg(script).arg(&path).arg(target));
        let said: Vec<Value> = serde_json::from_str(&said).expect("JSON");
        assert_eq!(said.len(), cases);
        for case in said {
            specification_agrees(&path, target, &case);
        }
    }
}

fn specification_agrees(table: &Path, target: &str, case: &Value) {
    let folder = table.parent().expect("a folder");
    let [end, method] = ["spec", "method"].map(|key| case[key].as_str().expect("a text"));
    let name = table.file_name().and_then(|name| name.to_str()).expect("UTF-8");
    let spec = format!(
        "[data]\npath = '{name}'\ntarget = '{target}'\n[evaluation]\ntest_size = 0\n\
         [output]\npath = 'model.foretell'\n{end}"
    );
    let path = folder.join("train.toml");
    fs::write(&path, spec).expect("a specification");
    run(Command::new(binary()).arg("train").arg(&path));
    let model = folder.join("model.foretell");
    let answers =
        run(Command::new(binary()).arg("predict").args([&model, table]).args(["--outputs", method]));
    let answers: Value = serde_json::from_str(&answers).expect("JSON");
    let (got, said) = (numbers(&answers[method]), numbers(&case["answer"]));
    assert_eq!(got.len(), said.len(), "{end}");
    let worst = got.iter().zip(&said).map(|(got, said)| (got - said).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-6, "{worst}: {target} {end}");
}

#[test]
fn the_same_data_options_and_seed_give_the_same_bytes_on_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let table = folder.path().join("class.csv");
    write_table(&table, "class");
    let with_target = ["random-forest", "gradient-boosting", "mlp", "lda", "logistic", "linear-svm", "sgd"];
    let kinds = with_target.map(|kind| (kind, "--target")).into_iter();
    for (kind, role) in kinds.chain(["k-means", "isolation-forest"].map(|kind| (kind, "--drop"))) {
        let bytes = [("1", "7"), ("3", "7"), ("2", "8")].map(|(threads, seed)| {
            let out = folder.path().join(format!("{kind}-{threads}.foretell"));
            let mut command = Command::new(binary());
            command.arg("train").arg(&table).args([role, "class", "--model", kind, "--seed", seed]);
            run(command.arg("-o").arg(&out).env("RAYON_NUM_THREADS", threads));
            fs::read(out).expect("a model")
        });
        assert_eq!(bytes[0], bytes[1], "{kind}");
        assert_ne!(bytes[0], bytes[2], "{kind} with another seed");
    }
}

#[test]
fn a_model_is_trained_registered_and_served() {
    let registry = Registry::new();
    let table = registry.folder().join("class.csv");
    write_table(&table, "class");
    let table = table.to_str().expect("UTF-8");
    let words = ["train", table, "--target", "class", "--model", "gradient-boosting", "--json"];
    let to = ["--register", "grades", "--alias", "production", "--require", "accuracy > baseline"];
    let [file, report] = ["grades.foretell", "report.html"].map(|name| registry.folder().join(name));
    let [file, report] = [&file, &report].map(|path| path.to_str().expect("UTF-8"));
    let written = ["-o", file, "--report", report];
    let words = words.iter().chain(&to).chain(&written);
    let printed: Value = serde_json::from_str(&registry.run(words)).expect("JSON");
    // The page is about the file that was written, and no other.
    let inspected = run(Command::new(binary()).args(["inspect", file, "--json"]));
    let inspected: Value = serde_json::from_str(&inspected).expect("JSON");
    let digest = inspected["sha256"].as_str().expect("a digest");
    assert!(fs::read_to_string(report).expect("a page").contains(&digest[..12]), "{digest}");
    assert_eq!(printed["registered"], "grades@1");
    let accuracy = printed["training"]["metrics"]["accuracy"].as_f64().expect("a metric");
    assert!(accuracy > 0.6, "{accuracy}");
    let shown: Value =
        serde_json::from_str(&registry.run(["models", "show", "grades", "--json"])).expect("JSON");
    let metadata = &shown["versions"][0]["metadata"];
    assert_eq!(metadata["metrics"]["accuracy"], accuracy);
    assert_eq!(metadata["parameters"]["learning_rate"], 0.3);
    assert!(metadata["data_digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")));

    let service = Service::start(&registry.flags());
    let row = json!({"a": 0.9, "b": null, "city": "Narvik", "c": 0.1, "grade": "low"});
    let answer = service.post("/predict", &row).ok();
    assert!(["x", "y", "z"].contains(&answer["prediction"].as_str().expect("a class")), "{answer}");
    // A city that was not in the table is one that is not known, and no error.
    let row = json!({"a": 0.9, "b": 0.5, "city": "Bodø", "c": 0.1, "grade": "low"});
    service.post("/predict", &row).ok();
}

#[test]
fn ctrl_c_stops_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    write_table(&folder.path().join("table.csv"), "value");
    let model = folder.path().join("model.foretell");
    let mut training = Command::new(binary())
        .args([
            "train",
            "table.csv",
            "--target",
            "value",
            "--model",
            "gradient-boosting",
            "-o",
            "model.foretell",
        ])
        .args(["--param", "n_estimators=100000000"])
        .current_dir(folder.path())
        .spawn()
        .expect("foretell starts");
    std::thread::sleep(std::time::Duration::from_secs(2));
    run(Command::new("kill").args(["-INT", &training.id().to_string()]));
    assert_eq!(training.wait().expect("it ends").code(), Some(130));
    assert!(!model.exists());
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1, "only the table");
}

#[test]
fn dates_and_texts_are_served_as_they_come() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut table = "when,note,city,price\n".to_owned();
    for row in 0..400 {
        let hour = (noise(row * 3) * 24.0) as u64;
        let kind = ["a very good", "a rather bad"][(row % 2) as usize];
        let city = (noise(row * 3 + 1) * 200.0) as u64;
        let price = hour as f64 + 10.0 * (row % 2) as f64 + noise(row * 3 + 2);
        let day = 1 + row % 28;
        writeln!(table, "2024-02-{day:02} {hour:02}:00:00+01:00,{kind} thing no {row},c{city},{price}")
            .expect("memory");
    }
    fs::write(folder.path().join("t.csv"), table).expect("a table");
    let spec = "[data]\npath = 't.csv'\ntarget = 'price'\n\
                [[columns]]\nnames = ['when']\nsteps = ['date']\n\
                [[columns]]\ntype = 'text'\nsteps = [{ step = 'tf-idf', max_features = 20 }]\n\
                [[columns]]\ntype = 'category'\nsteps = ['target-encode']\n\
                [model]\nkind = 'ridge'\n[evaluation]\nrequire = ['r2 > 0.9']\n\
                [output]\npath = 'm.foretell'\n";
    let path = folder.path().join("train.toml");
    fs::write(&path, spec).expect("a specification");
    run(Command::new(binary()).arg("train").arg(&path));
    let model = folder.path().join("m.foretell");
    let shown = run(Command::new(binary()).arg("inspect").arg(&model));
    assert!(shown.contains("when: string of a date\n"), "{shown}");

    let service = Service::start(&[model.as_os_str()]);
    let row = |when: &str, note: &str| json!({"when": when, "note": note, "city": "nowhere"});
    let ask = |when, note| {
        service.post("/predict", &row(when, note)).ok()["prediction"].as_f64().expect("a number")
    };
    let late = ask("2031-07-04T20:00:00Z", "bad") - ask("2031-07-04 08:00", "bad");
    assert!((10.0..14.0).contains(&late), "{late}");
    let worse = ask("2024-05-01", "a rather bad thing") - ask("2024-05-01", "A VERY GOOD thing!");
    assert!((7.0..13.0).contains(&worse), "{worse}");
    let refused = service.post("/predict", &row("some day", ""));
    assert_eq!(refused.status, 422, "{}", refused.text);
    let error = &refused.json()["errors"][0];
    assert_eq!((&error["type"], &error["loc"]), (&json!("not_a_date"), &json!(["when"])), "{error}");
}
