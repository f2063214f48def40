//! Models that are trained again and again: by a command, at their times by one of two servers, and by one that is killed
//! while it does.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Output};

use foretell_tests::clock::Clock;
use foretell_tests::places::{root, run as run_tool, shared, venv};
use foretell_tests::postgres::Postgres;
use foretell_tests::record::{await_written, configured};
use foretell_tests::registry::Registry;
use foretell_tests::service::{Request, Service};
use foretell_tests::wait::until;
use serde_json::{Value, json};

/// Houses whose price follows from their rooms and their age.
fn houses(rows: u32) -> String {
    let mut table = "rooms,age,zone,price\n".to_owned();
    for row in 0..rows {
        let (rooms, age, zone) = (2 + row * 7 % 9, row * 31 % 97, ["a", "b", "c"][row as usize * 5 % 3]);
        let price = f64::from(10 * rooms) - 0.2 * f64::from(age) + f64::from(row * 13 % 11) / 4.0;
        writeln!(table, "{rooms},{age},{zone},{price}").expect("memory");
    }
    table
}

const SPEC: &str = "[data]\npath = 'houses.csv'\ntarget = 'price'\n[model]\nkind = 'ridge'\n";
/// Takes minutes at least.
const SLOW: &str = "[data]\npath = 'houses.csv'\ntarget = 'price'\n[model]\nkind = 'gradient-boosting'\n\
     parameters = { n_estimators = 10000000 }\n";

/// A registry in whose folder a configuration of schedules is, with all that they need.
fn prepare(registry: &Registry, schedules: &str) -> Vec<String> {
    fs::write(registry.folder().join("houses.csv"), houses(200)).expect("a table");
    fs::write(registry.folder().join("train.toml"), SPEC).expect("a specification");
    fs::write(registry.folder().join("slow.toml"), SLOW).expect("a specification");
    configured(registry, schedules)
}

fn schedule(name: &str, more: &str) -> String {
    format!("[[schedule]]\nname = '{name}'\ncron = '0 0 1 1 *'\nmodel = 'houses'\n{more}\n")
}

fn run(registry: &Registry, schedule: &str) -> Output {
    let config = registry.folder().join("foretell.toml");
    registry.try_run(["models", "run", schedule, "--json", "--config", &config.display().to_string()])
}

/// Does a run, and gives what is known of it.
fn ran(registry: &Registry, schedule: &str) -> Value {
    let output = run(registry, schedule);
    let told = String::from_utf8_lossy(&output.stderr);
    let run: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    let good = ["registered", "promoted", "unchanged"].iter().any(|outcome| run["outcome"] == *outcome);
    assert_eq!(output.status.success(), good, "{run}");
    run
}

fn runs(registry: &Registry) -> Vec<Value> {
    let printed = registry.run(["models", "runs", "--json"]);
    serde_json::from_str::<Value>(&printed).expect("JSON").as_array().cloned().expect("runs")
}

fn production(registry: &Registry) -> Option<u64> {
    let output = registry.try_run(["models", "show", "houses", "--json"]);
    let model: Value = serde_json::from_slice(&output.stdout).ok()?;
    let aliases = model["aliases"].as_array()?.iter();
    aliases.filter(|alias| alias["alias"] == "production").find_map(|alias| alias["version"].as_u64())
}

/// A key of an administrator.
fn key(registry: &Registry) -> String {
    registry.run(["keys", "create", "operator", "--scope", "admin"]).trim().to_owned()
}

fn ask(service: &Service, method: &str, path: &str, key: &str) -> (u16, Value) {
    let answer = service.send(&Request::new(method, path).header("X-API-Key", key));
    (answer.status, answer.json())
}

/// A service that may have nothing to serve yet, once it knows its keys.
fn launch(clock: Option<&Clock>, arguments: &[String], key: &str) -> Service {
    let environment = clock.map(Clock::environment);
    let service = Service::launch(environment.as_ref().map_or(&[][..], |environment| environment), arguments);
    until("the keys are known", || ask(&service, "GET", "/admin/schedules", key).0 == 200);
    service
}

#[test]
fn what_is_good_enough_is_promoted_and_all_else_changes_nothing() {
    let registry = Registry::new();
    let nightly =
        "spec = 'train.toml'\ngate = ['r2 > 0.5', 'rmse <= production * 1.5']\non_success = 'promote'";
    let schedules = [
        schedule("nightly", nightly),
        schedule("strict", "spec = 'train.toml'\ngate = ['r2 >= production + 0.5']"),
        schedule("slow", "spec = 'slow.toml'\ntimeout = '1s'\non_success = 'promote'"),
        schedule("large", "spec = 'slow.toml'\nmemory = 20000000\non_success = 'promote'"),
        schedule("candidates", "spec = 'train.toml'\ngate = ['r2 > 0.5']"),
    ];
    prepare(&registry, &schedules.concat());
    let first = ran(&registry, "nightly");
    assert_eq!((&first["outcome"], &first["version"]), (&json!("promoted"), &json!(1)), "{first}");
    assert_eq!(first["measured"]["production"], Value::Null);
    let again = ran(&registry, "nightly");
    assert_eq!((&again["outcome"], &again["version"]), (&json!("unchanged"), &Value::Null), "{again}");
    // Production is measured on the same rows.
    assert_eq!(again["measured"]["candidate"], again["measured"]["production"]["metrics"]);

    fs::write(registry.folder().join("houses.csv"), houses(300)).expect("a table");
    let worse = ran(&registry, "strict");
    assert_eq!((&worse["outcome"], &worse["version"]), (&json!("worse"), &Value::Null), "{worse}");
    let log = worse["log"].as_str().expect("a log");
    assert!(log.contains("not met: `r2 >= production + 0.5`: got 0.9"), "{log}");
    let slow = ran(&registry, "slow");
    assert_eq!(slow["outcome"], "timeout", "{slow}");
    let large = ran(&registry, "large");
    assert_eq!(large["outcome"], "failed", "{large}");
    assert_eq!(production(&registry), Some(1));

    let candidate = ran(&registry, "candidates");
    assert_eq!((&candidate["outcome"], &candidate["version"]), (&json!("registered"), &json!(2)));
    assert_eq!(production(&registry), Some(1));
    let next = ran(&registry, "nightly");
    assert_eq!((&next["outcome"], &next["version"]), (&json!("promoted"), &json!(3)), "{next}");
    assert_eq!(next["measured"]["production"]["version"], 1);
    assert_eq!(production(&registry), Some(3));
    let version: Value =
        serde_json::from_str(&registry.run(["models", "show", "houses@candidate", "--json"])).expect("JSON");
    assert_eq!((&version["version"], &version["created_by"]), (&json!(2), &json!("schedule:candidates")));
    assert_eq!(version["metadata"]["run"], candidate["id"]);

    let outcomes: Vec<_> = runs(&registry).iter().rev().map(|run| run["outcome"].clone()).collect();
    let expected = ["promoted", "unchanged", "worse", "timeout", "failed", "registered", "promoted"];
    assert_eq!(outcomes, expected);
    let shown = registry.run(["models", "runs", "3"]);
    assert!(shown.contains("outcome    worse") && shown.contains("not met"), "{shown}");
    let listed = registry.run(["models", "runs", "nightly", "--limit", "1"]);
    assert!(listed.contains("houses@3") && listed.lines().count() == 2, "{listed}");
}

/// Two servers of one database: at the time that comes, one of them trains, and both serve what it made.
#[test]
fn of_two_servers_one_does_what_is_due() {
    let postgres = Postgres::shared();
    let registry = match &postgres {
        Some(postgres) => Registry::in_database(postgres.create()),
        None => Registry::new(),
    };
    let Some(clock) = Clock::new(registry.folder()) else { return };
    let every_minute = schedule("nightly", "spec = 'train.toml'\non_success = 'promote'");
    let arguments = prepare(&registry, &every_minute.replace("0 0 1 1 *", "0 12 * * *"));
    let key = key(&registry);
    // From a time of day that is neither noon nor near it.
    let seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs();
    let to_noon = 43_200 + 86_400 - seconds % 86_400;
    clock.set(&format!("+{}s", to_noon - 600));
    let start = || launch(Some(&clock), &arguments, &key);
    let services = [start(), start()];
    let schedules = ask(&services[0], "GET", "/admin/schedules", &key).1["schedules"].clone();
    assert_eq!((&schedules[0]["name"], &schedules[0]["cron"]), (&json!("nightly"), &json!("0 12 * * *")));
    assert_eq!(ask(&services[0], "GET", "/admin/runs", &key).1["runs"], json!([]));
    clock.jump(&format!("+{}s", to_noon + 5));
    for service in &services {
        until("what was trained is served", || service.get("/health/ready").status == 200);
        let answer = service.post("/predict", &json!({"data": [{"rooms": 4, "age": 10, "zone": "a"}]})).ok();
        assert_eq!((&answer["model"], &answer["version"]), (&json!("houses"), &json!("1")), "{answer}");
    }
    // Those that come late to the same time find it taken.
    let counted = "foretell_schedule_runs_total{schedule=\"nightly\",outcome=\"promoted\"} 1";
    let counts = || services.iter().filter(|service| service.get("/metrics").text.contains(counted)).count();
    until("the run is counted", || counts() == 1);
    let (status, listed) = ask(&services[1], "GET", "/admin/runs?name=nightly", &key);
    assert_eq!((status, listed["runs"].as_array().map(Vec::len)), (200, Some(1)), "{listed}");
    let run = &listed["runs"][0];
    assert_eq!((&run["outcome"], &run["version"]), (&json!("promoted"), &json!(1)), "{run}");
    assert_eq!(run["due_at"].as_i64().map(|due| due / 1_000_000 % 86_400), Some(43_200));

    // And now, whatever the time is.
    let (status, started) = ask(&services[1], "POST", "/admin/schedules/nightly/run", &key);
    assert_eq!(status, 202, "{started}");
    let path = format!("/admin/runs/{}", started["run"]);
    until("the run is over", || ask(&services[0], "GET", &path, &key).1["outcome"] == "unchanged");
    let log = ask(&services[0], "GET", &path, &key).1["log"].clone();
    assert!(log.as_str().is_some_and(|log| log.contains("the same as houses@1")), "{log}");
    assert_eq!(ask(&services[0], "POST", "/admin/schedules/nigthly/run", &key).0, 404);
    assert_eq!(ask(&services[0], "GET", "/admin/runs/99", &key).0, 404);
    assert_eq!(services[0].get("/admin/runs").status, 401);
    let acts = ask(&services[0], "GET", "/admin/audit?limit=9", &key).1["acts"].clone();
    let acts: Vec<_> = acts.as_array().into_iter().flatten().map(|act| act["action"].as_str()).collect();
    assert!(acts.contains(&Some("schedule.run")) && acts.contains(&Some("alias.set")), "{acts:?}");
}

/// Whether a process trains in the service of this folder.
fn trains(registry: &Registry) -> bool {
    let folder = registry.folder().display().to_string();
    let processes = fs::read_dir("/proc").expect("processes").filter_map(Result::ok);
    let mut commands = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    commands.any(|command| {
        let command = String::from_utf8_lossy(&command);
        command.contains("retrain") && command.contains(&folder)
    })
}

#[test]
fn what_a_killed_server_was_at_is_lost_and_changes_nothing() {
    let registry = Registry::new();
    let Some(clock) = Clock::new(registry.folder()) else { return };
    let schedules = [
        schedule("slow", "spec = 'slow.toml'\non_success = 'promote'"),
        schedule("quick", "spec = 'train.toml'"),
    ];
    let arguments = prepare(&registry, &schedules.concat());
    let key = key(&registry);
    let service = launch(None, &arguments, &key);
    assert_eq!(ask(&service, "POST", "/admin/schedules/slow/run", &key).0, 202);
    assert_eq!(ask(&service, "POST", "/admin/schedules/slow/run", &key).0, 409);
    until("it trains", || trains(&registry));
    service.kill();
    until("the process that trained has ended too", || !trains(&registry));
    assert_eq!(runs(&registry)[0]["outcome"], Value::Null);

    // A minute later.
    clock.set("+60s");
    let service = launch(Some(&clock), &arguments, &key);
    until("it is found to be lost", || runs(&registry)[0]["outcome"] == "lost");
    assert_eq!(production(&registry), None);
    until("that is counted", || {
        service.metric("foretell_schedule_runs_total{schedule=\"slow\",outcome=\"lost\"}") == 1.0
    });

    // One that is told to stop says so itself.
    assert_eq!(ask(&service, "POST", "/admin/schedules/slow/run", &key).0, 202);
    until("it trains", || trains(&registry));
    let mut service = service;
    service.ask_to_stop();
    assert!(service.await_end().success());
    let last = &runs(&registry)[0];
    assert_eq!(last["outcome"], "lost", "{last}");
    until("the process that trained has ended too", || !trains(&registry));
}

/// What was predicted and what really happened is a table to learn from.
#[test]
fn a_schedule_learns_from_the_record() {
    let registry = Registry::new();
    let of_log = "[data]\nlog = 'houses'\nsince = '1d'\norder = 'at'\n[model]\nkind = 'ridge'\n";
    let config = schedule("nightly", "spec = 'train.toml'\non_success = 'promote'")
        + &schedule("learn", "spec = 'log.toml'\ngate = ['rmse < production * 0.5']\non_success = 'promote'")
        + "[prediction_log]\nmode = 'full'\n";
    fs::write(registry.folder().join("log.toml"), of_log).expect("a specification");
    let arguments = prepare(&registry, &config);
    assert_eq!(ran(&registry, "nightly")["outcome"], "promoted");
    let nothing = ran(&registry, "learn");
    assert_eq!(nothing["outcome"], "failed");
    let log = nothing["log"].as_str().expect("a log");
    assert!(log.contains("no prediction of model `houses` is recorded"), "{log}");

    let service = Service::start(&arguments);
    // Prices have doubled.
    let rows: Vec<Vec<String>> =
        houses(150).lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect();
    for row in &rows {
        let number = |column: usize| row[column].parse::<f64>().expect("a number");
        let house = json!({"rooms": number(0), "age": number(1), "zone": row[2]});
        let answer = service.post("/predict", &json!({"data": [house]})).ok();
        let feedback = json!({"request_id": answer["request_id"], "actual": 2.0 * number(3)});
        assert_eq!(service.post("/feedback", &feedback).status, 202);
    }
    await_written(&service);
    fs::write(registry.folder().join("log.toml"), of_log.replace("1d", "2100-01-01"))
        .expect("a specification");
    let later = ran(&registry, "learn");
    assert_eq!(later["outcome"], "failed");
    let log = later["log"].as_str().expect("a log");
    assert!(log.contains("the table has no rows"), "{log}");
    fs::write(registry.folder().join("log.toml"), of_log).expect("a specification");
    let learnt = ran(&registry, "learn");
    assert_eq!((&learnt["outcome"], &learnt["version"]), (&json!("promoted"), &json!(2)), "{learnt}");
    let rmse = |of: &Value| of["rmse"].as_f64().expect("a number");
    let measured = &learnt["measured"];
    assert!(rmse(&measured["production"]["metrics"]) > 20.0 && rmse(&measured["candidate"]) < 5.0);
    until("it serves", || {
        let answer = service.post("/predict", &json!({"data": [{"rooms": 4, "age": 10, "zone": "a"}]})).ok();
        answer["version"] == "2"
    });
}

#[test]
fn the_examples_are_trained_again() {
    for (name, table) in [("boston", "boston-housing.data"), ("diabetes", "pima-indians-diabetes.csv")] {
        let (Some(python), Some(table)) = (venv("python"), shared(table)) else { return };
        let registry = Registry::new();
        let examples = root().join("examples");
        run_tool(
            Command::new(python).arg(examples.join("tables.py")).arg(name).arg(table).arg(registry.folder()),
        );
        for file in ["train.toml", "retrain.toml"] {
            fs::copy(examples.join(name).join(file), registry.folder().join(file)).expect("a copy");
        }
        fs::rename(registry.folder().join("retrain.toml"), registry.folder().join("foretell.toml"))
            .expect("a configuration");
        let first = ran(&registry, name);
        let expected = if name == "boston" { "promoted" } else { "registered" };
        assert_eq!(first["outcome"], expected, "{first}");
        let again = ran(&registry, name);
        assert_eq!(again["outcome"], "unchanged", "{again}");
    }
}

#[test]
fn a_slip_of_the_pen_stops_the_start() {
    let registry = Registry::new();
    let good = schedule("nightly", "spec = 'train.toml'\ngate = ['r2 > 0.5']");
    for (config, told) in [
        (good.replace("0 0 1 1 *", "0 0 1 1"), "line 3: `schedule.0.cron`: expected five fields"),
        (good.replace("0 0 1 1 *", "0 0 31 2 *"), "`0 0 31 2 *` never comes"),
        (
            good.replace("r2 > 0.5", "r2 > best"),
            "line 6: `schedule.0.gate`: expected a number, or `production`",
        ),
        (good.replace("gate", "gates"), "unknown key `schedule.0.gates`"),
        (good.replace("train.toml", "missing.toml"), "missing.toml`"),
        (good.replace("'nightly'", "'7'"), "`name`: expected letters"),
        (good.clone() + &good, "there are two of this name"),
    ] {
        let arguments = prepare(&registry, &config);
        let output =
            registry.try_run(["serve".to_owned(), "--port=0".to_owned()].iter().chain(&arguments[..2]));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(told), "{config}\n{text}");
    }
}
