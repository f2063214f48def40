//! `foretell models runs` and `foretell models run`: what schedules have done, and doing it now.

use std::path::PathBuf;

use clap::Args;
use foretell_engine::control::{Control, ControlError, ControlRuntime};
use foretell_engine::schedule::NotStarted;
use foretell_engine::store::{Run, RunFilter};
use serde_json::{Value, json};

use super::{print, print_json};
use crate::failure::Failure;
use crate::store::{Session, StoreArguments};
use crate::text::{columns, time};
use crate::{config, schedule, store};

/// Metrics that are shown of a run in a list.
const SHOWN: [&str; 4] = ["accuracy", "roc_auc", "r2", "rmse"];

#[derive(Debug, Args)]
pub(crate) struct RunsArguments {
    /// Name of a schedule or of a model [default: all]; or the number of a run, which is shown with its log
    #[arg(value_name = "NAME|ID")]
    name: Option<String>,
    /// At most so many, the latest
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print one JSON array, or the object of one run
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Name of the schedule
    schedule: String,
    /// Configuration file [default: foretell.toml in this folder]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn list(arguments: &RunsArguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.store)?;
    let failed = |error| Session::failed(&error);
    if let Some(id) = arguments.name.as_deref().and_then(|name| name.parse().ok()) {
        let run = session.run(session.store().run(id)).map_err(failed)?;
        return if arguments.json { print_json(&run) } else { print(&one(&run)) };
    }
    let filter = RunFilter { name: arguments.name.clone(), before: None, limit: arguments.limit };
    let runs = session.run(session.store().runs(&filter)).map_err(failed)?;
    if arguments.json { print_json(&runs) } else { print(&table(&runs)) }
}

pub(super) fn start(arguments: &RunArguments) -> Result<(), Failure> {
    let config = config::of_file(arguments.config.as_deref(), &arguments.store)?;
    let schedules = schedule::schedules(&config)?;
    let runtime = ControlRuntime::start()
        .map_err(|error| Failure::new("cannot start the control thread").because(&error))?;
    let control = Control::new(runtime.handle().clone(), store::options(&config.store)?);
    let scheduler = schedule::scheduler(&config, schedules, control.clone())?;
    let id = runtime.handle().block_on(scheduler.run(&arguments.schedule)).map_err(|error| {
        let known: Vec<_> = scheduler.schedules().iter().map(|known| known.name.as_str()).collect();
        let hint = match (&error, known.as_slice()) {
            (NotStarted::Unknown(_), []) => {
                Some("name the file that has a `[[schedule]]` with `--config`".to_owned())
            }
            (NotStarted::Unknown(_), known) => Some(format!("there are {}", known.join(", "))),
            (NotStarted::Busy(_), _) => Some("see `foretell models runs`".to_owned()),
            (NotStarted::Store(_), _) => None,
        };
        Failure::new("nothing was trained").because(&error).hint(hint)
    })?;
    let run = runtime.handle().block_on(control.with(move |store| async move { Ok(store.run(id).await?) }));
    let run = run.map_err(|error: ControlError| Failure::new("cannot read the run").because(&error))?;
    if arguments.json {
        print_json(&run)?;
    } else {
        print(&one(&run))?;
    }
    match run.outcome {
        Some(outcome) if outcome.is_success() => Ok(()),
        outcome => {
            let outcome = outcome.map_or("not over", |outcome| outcome.as_str());
            Err(Failure::new(format!("the run ended as `{outcome}`")))
        }
    }
}

fn outcome(run: &Run) -> &'static str {
    run.outcome.map_or("running", |outcome| outcome.as_str())
}

fn took(run: &Run) -> String {
    let seconds = |finished: i64| (finished - run.started_at) as f64 / 1e6;
    run.finished_at.map(|finished| format!("{:.1} s", seconds(finished))).unwrap_or_default()
}

fn table(runs: &[Run]) -> String {
    let rows = runs.iter().map(|run| {
        let measured = run.measured.as_ref();
        vec![
            run.id.to_string(),
            run.schedule.clone(),
            time(run.started_at),
            took(run),
            outcome(run).to_owned(),
            run.version.map(|version| format!("{}@{version}", run.model)).unwrap_or_default(),
            measured.map(|measured| metrics(&measured["candidate"])).unwrap_or_default(),
            measured.map(|measured| metrics(&measured["production"]["metrics"])).unwrap_or_default(),
            run.host.clone(),
        ]
    });
    let heading =
        ["RUN", "SCHEDULE", "STARTED", "TOOK", "OUTCOME", "VERSION", "MEASURED", "PRODUCTION", "HOST"];
    columns(&heading, rows)
}

/// The first metrics that people ask for.
fn metrics(values: &Value) -> String {
    let shown = SHOWN.iter().filter_map(|name| Some(format!("{name} {:.4}", values[*name].as_f64()?)));
    shown.take(2).collect::<Vec<_>>().join(", ")
}

fn one(run: &Run) -> String {
    let mut rows = vec![
        ("run", run.id.to_string()),
        ("schedule", run.schedule.clone()),
        ("model", run.model.clone()),
        ("due", time(run.due_at)),
        ("started", format!("{} on {}", time(run.started_at), run.host)),
        ("outcome", outcome(run).to_owned()),
    ];
    if run.finished_at.is_some() {
        rows.insert(5, ("took", took(run)));
    }
    if let Some(version) = run.version {
        rows.push(("version", format!("{}@{version}", run.model)));
    }
    let production = run.measured.as_ref().map_or(&Value::Null, |measured| &measured["production"]);
    if let Some(version) = production["version"].as_u64() {
        rows.push(("production", format!("{}@{version} before", run.model)));
    }
    let mut text: String = rows.iter().map(|(name, value)| format!("{name:<11}{value}\n")).collect();
    if let Some(measured) = &run.measured {
        text += "\n";
        text += &comparison(measured);
    }
    if let Some(log) = run.log.as_deref().filter(|log| !log.is_empty()) {
        text += "\n";
        text += log;
    }
    text
}

/// Every metric of what was trained beside that of the version in production.
fn comparison(measured: &Value) -> String {
    let number = |value: &Value| value.as_f64().map_or("-".to_owned(), |value| format!("{value:.6}"));
    let empty = json!({});
    let candidate = measured["candidate"].as_object().or(empty.as_object()).into_iter().flatten();
    let rows = candidate.map(|(name, value)| {
        vec![name.clone(), number(value), number(&measured["production"]["metrics"][name])]
    });
    columns(&["METRIC", "MEASURED", "PRODUCTION"], rows)
}
