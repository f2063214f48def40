//! The record of predictions over every way of asking, and what is kept out of it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use foretell_tests::constant::constant;
use foretell_tests::postgres::Postgres;
use foretell_tests::record::{await_written, configured, export, iris};
use foretell_tests::registry::Registry;
use foretell_tests::service::{Request, Service, binary};
use foretell_tests::wait::until;
use serde_json::{Value, json};

/// Too many rows for the thread that reads them.
const MANY: usize = 50_000;

/// Whether any file below a folder holds these bytes.
fn holds(folder: &Path, wanted: &[u8]) -> bool {
    fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return holds(&path, wanted);
        }
        fs::read(&path).expect("a file").windows(wanted.len()).any(|window| window == wanted)
    })
}

#[test]
fn routes_datasets_and_large_bodies_are_recorded_and_hashed_values_are_not() {
    let registry = Registry::new();
    let folder = registry.folder();
    fs::write(
        folder.join("rows.csv"),
        "sepal_length,sepal_width,petal_length,petal_width,class\n4.8,3,1.4,0.31752,0\n6.3,3.3,6.0,2.5,2\n",
    )
    .expect("rows");
    let key = folder.join("hash.key");
    fs::write(&key, "0123456789abcdef0123456789abcdef").expect("a key");
    let more = format!(
        "[[dataset]]\nname = 'held'\npath = 'rows.csv'\ntarget = 'class'\nmodels = ['iris']\n\
         [[route]]\npath = '/v1/class'\nmodel = 'iris'\nresponse = '{{class: prediction[0]}}'\n\
         [prediction_log]\nmode = 'full'\nhash = ['petal_width']\nhash_key_file = '{}'\n",
        key.display()
    );
    let service = Service::start(&iris(&registry, &more));
    let row = json!([4.8713, 3, 1.4, 0.27193]);
    service.post("/v1/class", &json!({"data": [row]})).ok();
    service.post("/predict", &json!({"data": [row]})).ok();
    service.get("/datasets/held/predictions/0").ok();
    let large = service.post("/predict", &json!({"data": vec![&row; MANY]})).ok();
    assert!(holds(folder, b"4.8713"), "what is not hashed can be found");
    assert!(!holds(folder, b"0.27193"), "a hashed value is in the journal");
    await_written(&service);
    let record = export(&registry, "iris", &[]);
    assert_eq!(record.len(), 3 + MANY);
    let large = record.iter().filter(|row| row["request_id"] == large["request_id"]);
    let positions: HashSet<_> = large.map(|row| row["row"].as_u64().expect("a position")).collect();
    assert_eq!(positions.len(), MANY);
    let digests: HashSet<_> =
        record.iter().map(|row| row["petal_width"].as_str().expect("a digest")).collect();
    assert_eq!(digests.len(), 2, "one for each value");
    assert!(!holds(folder, b"0.27193"), "a hashed value is in the database");
}

#[test]
fn a_hashed_value_has_the_same_digest_for_as_long_as_the_key_is_the_same() {
    let registry = Registry::new();
    let key = registry.folder().join("hash.key");
    let more = format!(
        "[prediction_log]\nmode = 'full'\nhash = ['petal_width']\nhash_key_file = '{}'\n",
        key.display()
    );
    let arguments = iris(&registry, &more);
    for secret in ["0123456789abcdef", "0123456789abcdef", "fedcba9876543210"] {
        fs::write(&key, secret).expect("a key");
        let service = Service::start(&arguments);
        service.post("/predict", &json!({"data": [[4.8, 3, 1.4, 0.3]]})).ok();
        await_written(&service);
    }
    let record = export(&registry, "iris", &[]);
    let [first, second, other] = record.as_slice() else { panic!("{record:?}") };
    assert_eq!(first["petal_width"], second["petal_width"]);
    assert_ne!(first["petal_width"], other["petal_width"]);
}

#[test]
fn canaries_and_shadows_are_recorded_as_such() {
    let registry = Registry::new();
    for value in 1..=3 {
        let file = constant(registry.folder(), &format!("{value}.txt"), f64::from(value));
        registry.run(["models", "register", file.to_str().expect("UTF-8"), "--name", "m"]);
    }
    registry.run(["models", "promote", "m", "1"]);
    registry.run(["models", "promote", "m", "2", "--alias", "next", "--shadow"]);
    let service = Service::start(&configured(&registry, "[prediction_log]\nmode = 'full'\n"));
    let ask = || service.post("/predict", &json!({"data": [[1]]})).ok();
    let shown = |row: &Value| (row["version"].clone(), row["role"].clone(), row["prediction"].clone());
    let primary = ask();
    let id = primary["request_id"].as_str().expect("an id");
    assert_eq!(primary["prediction"], json!([1.0]));
    await_written(&service);
    let mut both = Vec::new();
    until("the shadow's answer is recorded", || {
        both = export(&registry, "m", &["--shadow"]);
        both.retain(|row| row["request_id"] == id);
        both.len() == 2
    });
    let roles: Vec<_> = both.iter().map(shown).collect();
    assert!(roles.contains(&(json!("1"), json!("primary"), json!(1.0))), "{roles:?}");
    assert!(roles.contains(&(json!("2"), json!("shadow"), json!(2.0))), "{roles:?}");
    await_written(&service);
    assert_eq!(export(&registry, "m", &[]).len(), 1, "a shadow's answer was never given");

    registry.run(["models", "promote", "m", "3", "--alias", "candidate", "--canary", "100%"]);
    let mut answer = Value::Null;
    until("the canary answers", || {
        answer = ask();
        answer["version"] == "3"
    });
    await_written(&service);
    let record = export(&registry, "m", &[]);
    let row =
        record.iter().find(|row| row["request_id"] == answer["request_id"]).expect("the canary's answer");
    assert_eq!(shown(row), (json!("3"), json!("canary"), json!(3.0)));
}

#[test]
fn what_is_too_old_or_too_much_is_forgotten() {
    for (bound, left) in [("max_rows = 10", 10), ("max_age = '1s'", 0)] {
        let registry = Registry::new();
        let more = format!("[prediction_log]\nmode = 'full'\nretain_every = '1s'\n{bound}\n");
        let service = Service::start(&iris(&registry, &more));
        for _ in 0..50 {
            service.post("/predict", &json!({"data": [[4.8, 3, 1.4, 0.3]]})).ok();
        }
        await_written(&service);
        until(bound, || export(&registry, "iris", &[]).len() == left);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert_eq!(export(&registry, "iris", &[]).len(), left, "another look through changes nothing");
        assert_eq!(service.get("/health").status, 200, "{}", service.log());
    }
}

#[test]
fn a_name_of_the_record_that_is_misspelt_stops_the_start() {
    for (setting, said, known) in [
        ("mask = ['petal_lenght']", "`petal_lenght` is to be masked", "`petal_length`"),
        (
            "[prediction_log.models.flowers]\nmode = 'off'",
            "`prediction_log.models` names `flowers`",
            "`iris`",
        ),
        (
            "mask = ['petal_length']\n[prediction_log.models.iris]\nmode = 'full'\nmask = ['petals']",
            "`petals` is to be masked",
            "`petal_length`",
        ),
    ] {
        let registry = Registry::new();
        let arguments = iris(&registry, &format!("[prediction_log]\nmode = 'full'\n{setting}\n"));
        let output = Command::new(binary())
            .arg("serve")
            .args(&arguments)
            .args(["--port", "0"])
            .output()
            .expect("foretell starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(said) && told.contains(known), "{told}");
    }
}

#[test]
fn servers_that_start_at_once_on_a_new_database_all_serve_and_record() {
    let Some(postgres) = Postgres::shared() else { return };
    let database = Registry::in_database(postgres.create());
    let url = database.flags().pop().expect("the URL");
    let registries = [(); 3].map(|()| Registry::in_database(url.clone()));
    let ids: Vec<_> = std::thread::scope(|scope| {
        let served = registries.each_ref().map(|registry| {
            scope.spawn(|| {
                let service = Service::start(&iris(registry, "[prediction_log]\nmode = 'full'\n"));
                let answer = service.post("/predict", &json!({"data": [[4.8, 3, 1.4, 0.3]]})).ok();
                await_written(&service);
                answer["request_id"].clone()
            })
        });
        served.into_iter().map(|thread| thread.join().expect("a server serves")).collect()
    });
    let record = export(&database, "iris", &[]);
    assert_eq!(record.len(), ids.len());
    assert!(ids.iter().all(|id| record.iter().any(|row| row["request_id"] == *id)));
}

#[test]
fn a_database_without_a_connection_to_spare_fails_no_prediction() {
    let Some(postgres) = Postgres::start() else { return };
    let url = postgres.create();
    postgres.query("CREATE ROLE app LOGIN");
    postgres.query_in(&url, "GRANT ALL ON SCHEMA public TO app");
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let registry = Registry::in_database(format!("{scheme}://app@{host}"));
    let service = Service::start(&iris(&registry, "[prediction_log]\nmode = 'full'\n"));
    let ask = || {
        let request = Request::new("POST", "/predict").header("Content-Type", "application/json");
        service.send(&request.body(r#"{"data": [[4.8, 3, 1.4, 0.3]]}"#)).ok()
    };
    ask();
    await_written(&service);
    postgres.query("ALTER ROLE app CONNECTION LIMIT 0");
    postgres.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
    let mut answered = 1;
    until("the database is missed", || {
        ask();
        answered += 1;
        service.get("/health").ok()["prediction_log"]["status"] == "failing"
    });
    postgres.query("ALTER ROLE app CONNECTION LIMIT -1");
    await_written(&service);
    assert_eq!(export(&registry, "iris", &[]).len(), answered);
}
