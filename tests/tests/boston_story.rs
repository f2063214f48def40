//! The story of `examples/boston/README.md`: each of its commands is run, in order, and what it promises is looked at.

use std::collections::VecDeque;
use std::process::Command;

use foretell_tests::places::{root, run, system};
use foretell_tests::postgres::Postgres;
use foretell_tests::record::await_written;
use foretell_tests::registry::Registry;
use foretell_tests::service::{Answer, Request, Service};
use foretell_tests::wait::until;
use serde_json::{Value, json};

const PRICE: f64 = 30.020518769703234;

fn house() -> Value {
    json!({"data": [[0.00632, 18.0, 2.31, 0, 0.538, 6.575, 65.2, 4.09, 1, 296.0, 15.3, 396.9, 4.98]]})
}

/// The commands of the README from the registry on.
struct Story {
    commands: VecDeque<String>,
}

impl Story {
    fn read() -> Self {
        let text = std::fs::read_to_string(root().join("examples/boston/README.md")).expect("a README");
        let (_, story) = text.split_once("## From one version to the next").expect("the chapter");
        let blocks = story.split("```").skip(1).step_by(2);
        let commands = blocks.flat_map(|block| block.strip_prefix("sh\n").expect("a shell block").lines());
        Self { commands: commands.map(str::to_owned).collect() }
    }

    /// The next command, which begins with these words.
    fn next(&mut self, expected: &str) -> String {
        let command = self.commands.pop_front().expect("one more command");
        assert!(command.starts_with(expected), "expected `{expected}`, got `{command}`");
        command
    }

    /// Runs the next command in this registry, and gives what it prints.
    fn run(&mut self, expected: &str, registry: &Registry) -> String {
        let command = self.next(expected);
        run_in(&command, registry)
    }

    /// Starts the service as the next command says.
    fn serve(&mut self, expected: &str, registry: &Registry) -> Service {
        let command = self.next(expected);
        let variables = command.strip_suffix("foretell serve").expect("a start of the service");
        let variables: Vec<_> =
            variables.split_whitespace().filter_map(|word| word.split_once('=')).collect();
        Service::start_in(&variables, &registry.flags())
    }

    /// Asks the service with the next command.
    fn ask(&mut self, expected: &str, service: &Service) -> Value {
        let command = self.next(expected);
        let here = command.replace("localhost:8080", service.url().trim_start_matches("http://"));
        serde_json::from_str(&run(Command::new("sh").arg("-c").arg(here))).expect("JSON")
    }
}

fn run_in(command: &str, registry: &Registry) -> String {
    // Quotes stand around the last words, if anywhere.
    let (plain, quoted) = command.split_once('"').unwrap_or((command, ""));
    let words = plain.split_whitespace().skip(1).map(str::to_owned);
    let quoted = Some(quoted.trim_end_matches('"').to_owned()).filter(|quoted| !quoted.is_empty());
    run(registry.command(words.chain(quoted)).current_dir(root()))
}

fn await_version(service: &Service, version: &str) {
    until(version, || service.post("/predict", &house()).ok()["version"] == version);
}

fn with_key(service: &Service, printed: &str) -> Answer {
    let key = printed.split_whitespace().find(|word| word.starts_with("fk_")).expect("a key");
    let request = Request::new("POST", "/predict").header("Content-Type", "application/json");
    service.send(&request.header("X-API-Key", key).body(&house().to_string()))
}

fn assert_in_production(service: &Service, printed: &str) {
    assert_eq!(service.post("/predict", &house()).status, 401);
    assert_eq!(with_key(service, printed).ok()["prediction"], json!([PRICE]));
    let health = service.get("/health").ok();
    assert_eq!(
        (&health["version"], &health["models"][0]["version"]),
        (&Value::Null, &Value::Null),
        "{health}"
    );
    assert_eq!(service.get("/docs").status, 404);
}

#[test]
fn every_command_of_the_story_does_what_it_says() {
    if system("curl").is_none() {
        return;
    }
    let (mut story, registry) = (Story::read(), Registry::new());
    story.run("foretell models register", &registry);
    let service = story.serve("foretell serve", &registry);
    await_version(&service, "1");
    story.run("foretell models register", &registry);
    let pinned = service.post("/models/boston/versions/2/predict", &house()).ok();
    assert_eq!((&pinned["version"], &pinned["prediction"]), (&json!("2"), &json!([PRICE])));
    story.run("foretell models promote", &registry);
    await_version(&service, "2");
    assert!(story.run("foretell models show", &registry).contains("production"));
    story.run("foretell models rollback", &registry);
    await_version(&service, "1");
    drop(service);

    let service = story.serve("FORETELL_PREDICTION_LOG__MODE=full", &registry);
    assert_eq!(story.ask("curl -s localhost:8080/predict", &service)["prediction"], PRICE);
    assert_eq!(story.ask("curl -s localhost:8080/feedback", &service)["accepted"], 1);
    await_written(&service);
    let table = story.run("foretell log export", &registry);
    let row = table.lines().nth(1).expect("the prediction");
    assert!(
        row.contains("house-7") && row.contains(",24") && row.contains("30.02") && row.contains("396.9"),
        "{table}"
    );
    story.run("foretell models promote boston 2 --replay", &registry);
    await_version(&service, "2");
    drop(service);

    let printed = story.run("foretell keys create", &registry);
    let service = story.serve("FORETELL_SERVER__MODE=production", &registry);
    assert_in_production(&service, &printed);
    drop(service);

    // The same processes as of `compose.yaml`, with a database of this test's.
    let Some(postgres) = Postgres::shared() else { return };
    let registry = Registry::in_database(postgres.create());
    for said in ["head -c 24 /dev/urandom", "alias compose="] {
        story.next(said);
    }
    let inside = |command: String| {
        let command =
            command.replacen("compose run --rm", "", 1).replacen("-v ./examples/boston:/models:ro", "", 1);
        command.replace("/models/", "examples/boston/")
    };
    run_in(
        &inside(story.next("compose run --rm -v ./examples/boston:/models:ro foretell models register")),
        &registry,
    );
    let printed = run_in(&inside(story.next("compose run --rm foretell keys create")), &registry);
    story.next("compose up -d");
    let compose =
        std::fs::read_to_string(root().join("examples/boston/compose.yaml")).expect("a compose file");
    assert!(compose.contains("FORETELL_SERVER__MODE: production"));
    let service = Service::start_in(&[("FORETELL_SERVER__MODE", "production")], &registry.flags());
    assert_in_production(&service, &printed);
    assert_eq!(story.commands, [""; 0], "each command is tried");
}
