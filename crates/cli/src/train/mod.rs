//! `foretell train`: from a table to a model that has been measured.

mod args;
mod interrupt;

use std::io::{IsTerminal, Write as _};

use foretell_engine::registry::Registration;
use foretell_engine::train::{
    Comparison, Data, Evaluation, Progress, Spec, TrainError, Trained, Tried, Value, train,
};
use foretell_engine::{Given, OpenLimits};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, json};

use self::args::Job;
pub(crate) use self::args::{Table, TrainArguments, read_spec};
use self::interrupt::Interrupt;
use crate::failure::{Failure, note};
use crate::models::{self, Pointed};
use crate::output::Output;
use crate::report::{self, History, Rows};
use crate::rival::{is_asked_for, production};
use crate::score::{Assessment, unmet};
use crate::store::Session;

fn as_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(text) => json!(text),
        Value::List(values) => values.iter().map(as_json).collect(),
        Value::None => serde_json::Value::Null,
    }
}

pub(crate) fn run(arguments: &TrainArguments) -> Result<(), Failure> {
    let Job { spec, table } = Job::new(arguments)?;
    let shown = &table.shown;
    let interrupt = Interrupt::listen()?;
    let failed = |error: &TrainError| {
        if error.is_stop() {
            return Failure::stopped();
        }
        Failure::new(format!("cannot train on {shown}")).because(error).hint(error.hint())
    };
    let data = Data::read(&table.input, &spec.data).map_err(|error| failed(&error))?;
    if !data.empty().is_empty() {
        let columns: Vec<_> = data.empty().iter().map(|name| format!("`{name}`")).collect();
        note(&format!("{shown}: columns without a value are left out: {}", columns.join(", ")));
    }
    interrupt.fit();
    let bar = Bar::new(interrupt.clone());
    let mut trained = train(&data, &spec.training, &bar).map_err(|error| failed(&error))?;
    bar.bar.finish_and_clear();
    let seed = spec.training.seed;
    let production = match &spec.register {
        Some(name) if is_asked_for(&spec.require) => {
            production(&trained, &data, name, &spec.require, &arguments.store)?
        }
        Some(_) | None => None,
    };
    let beside = production.as_ref().and_then(|production| production.observed.as_ref());
    let (observed, seen) = (trained.observed.take(), trained.seen.clone());
    let assess = |(observed, seen)| Assessment::beside(seen, observed, beside, &spec.require, seed);
    let assessment = observed.as_ref().zip(seen.as_ref()).map(assess);
    if let Some(assessment) = &assessment {
        if !arguments.json {
            Output::print(&summary(&spec, &trained, &data, assessment))?;
        }
        unmet(&assessment.outcomes).map_err(|failure| failure.hint("nothing was written".to_owned()))?;
    } else if !trained.measures.is_empty() && !arguments.json {
        Output::print(&summary_of_measures(&trained, &data))?;
    }
    interrupt.write()?;
    let metadata = metadata(&spec, &data, &trained, assessment.as_ref());
    let artifact = trained.seal(&metadata).map_err(|error| failed(&error))?;
    if let (Some(path), Some(assessment)) = (&spec.report, &assessment) {
        let (frame, target) = trained.held_out.clone();
        let history = History { curves: &trained.curves, gain: &trained.gain };
        report::write(
            path,
            trained.model(),
            assessment,
            &Rows { frame, target },
            &table.name,
            seed,
            history,
        )?;
    }
    if let Some(path) = &spec.output {
        let mut output = Output::open(Some(path))?;
        output.write_all(&artifact).map_err(|error| Failure::output(&error))?;
        output.finish()?;
    }
    let mut known = metadata.clone();
    known.insert("seconds".to_owned(), json!(trained.took.as_secs_f64()));
    let registered = match &spec.register {
        Some(name) => Some(register(arguments, name, spec.alias.as_deref(), artifact, known.clone())?),
        None => None,
    };
    if arguments.json {
        let metrics = match &assessment {
            Some(assessment) => Some(assessment.json(trained.model())),
            None if trained.measures.is_empty() => None,
            None => {
                let rows = ("rows".to_owned(), json!(trained.held_out.0.rows()));
                Some(std::iter::once(rows).chain(measures(&trained)).collect::<Map<_, _>>().into())
            }
        };
        let printed = json!({"training": known, "measured": metrics, "registered": registered});
        return Output::print(&format!("{printed}\n"));
    }
    let written = spec.output.iter().map(|path| format!("`{}`", path.display()));
    let written: Vec<_> = written.chain(registered.map(|reference| format!("`{reference}`"))).collect();
    match written.as_slice() {
        [] => note("nothing was written; give `-o FILE` or `--register NAME`"),
        written => note(&format!("written to {}", written.join(" and "))),
    }
    Ok(())
}

/// What was learnt, and how good it is.
pub(crate) fn summary(spec: &Spec, trained: &Trained, data: &Data, assessment: &Assessment<'_>) -> String {
    let model = trained.model();
    let features = model.schema().len();
    let (learnt, measured) = match spec.training.evaluation {
        Evaluation::Folds(folds) => (data.rows(), format!("measured on the same in {folds} parts")),
        Evaluation::None | Evaluation::Holdout(_) => {
            (data.rows() - assessment.observed.rows(), "measured on others".to_owned())
        }
    };
    let head =
        format!("{} learnt from {learnt} rows of {features} features, {measured}\n", model.estimator());
    tried(trained) + &head + &assessment.text(model)
}

/// How many candidates are told.
const SHOWN: usize = 10;

/// The same of a model that has no target.
fn summary_of_measures(trained: &Trained, data: &Data) -> String {
    let (model, held_out) = (trained.model(), trained.held_out.0.rows());
    let (learnt, features) = (data.rows() - held_out, model.schema().len());
    let estimator = model.estimator();
    let mut text =
        format!("{estimator} learnt from {learnt} rows of {features} features, measured on others\n");
    text += &format!("rows: {held_out}\n");
    for (name, value) in &trained.measures {
        text += &format!("{}: {value:.6}\n", name.replace('_', " "));
    }
    text
}

/// What is measured of a model that has no target.
fn measures(trained: &Trained) -> impl Iterator<Item = (String, serde_json::Value)> {
    trained.measures.iter().map(|(name, value)| ((*name).to_owned(), json!(value)))
}

/// What the estimator was chosen from, and why.
fn tried(trained: &Trained) -> String {
    let Some(Comparison { metric, tried }) = &trained.comparison else { return String::new() };
    let most = tried.first().map_or(0, |best| best.rows);
    let line = |tried: &Tried| {
        let parameters: Vec<_> =
            tried.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let candidate = match parameters.as_slice() {
            [] => tried.kind.name.to_owned(),
            parameters => parameters.join(", "),
        };
        let rows = if tried.rows < most { format!(" on {} rows", tried.rows) } else { String::new() };
        match &tried.outcome {
            Ok(value) => {
                format!("tried {candidate}: {} {value:.6} by cross-validation{rows}\n", metric.title())
            }
            Err(reason) => format!("tried {candidate}: {reason}\n"),
        }
    };
    let mut text: String = tried.iter().take(SHOWN).map(line).collect();
    if let Some(more) = tried.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text += &format!("tried {more} more\n");
    }
    let best = if metric.larger_is_better() { "the largest" } else { "the least" };
    match tried.first() {
        Some(first) if first.parameters.is_empty() => {
            text + &format!("chose {}: its {} is {best}\n", first.kind.name, metric.title())
        }
        Some(_) | None => text + &format!("chose the first: its {} is {best}\n", metric.title()),
    }
}

/// What the model says of how it came about: the same whenever it is trained in the same way.
pub(crate) fn metadata(
    spec: &Spec,
    data: &Data,
    trained: &Trained,
    assessment: Option<&Assessment<'_>>,
) -> Map<String, serde_json::Value> {
    let parameters: Map<_, _> =
        trained.parameters.iter().map(|(name, value)| ((*name).to_owned(), as_json(value))).collect();
    let compared = trained.comparison.as_ref().map(|comparison| {
        let candidate = |tried: &Tried| {
            let parameters = tried.parameters.iter().map(|(name, value)| (name.clone(), as_json(value)));
            json!({
                "estimator": tried.kind.name,
                "parameters": parameters.collect::<Map<_, _>>(),
                "rows": tried.rows,
                "value": tried.outcome.as_ref().ok(),
            })
        };
        let tried = comparison.tried.iter().take(SHOWN).map(candidate).collect::<Vec<_>>();
        json!({"metric": comparison.metric.name(), "candidates": comparison.tried.len(), "best": tried})
    });
    let metrics = assessment.map(|assessment| {
        let metrics = assessment.metrics.iter();
        metrics.map(|known| (known.metric.name().to_owned(), json!(known.value))).collect::<Map<_, _>>()
    });
    let metrics = metrics.or_else(|| (!trained.measures.is_empty()).then(|| measures(trained).collect()));
    let known = json!({
        "foretell_version": env!("CARGO_PKG_VERSION"),
        "estimator": trained.model().estimator(),
        "parameters": parameters,
        "compared": compared,
        "steps": trained.model().steps().iter().map(|step| step.class.as_str()).collect::<Vec<_>>(),
        "target": spec.data.target,
        "data_digest": data.digest(),
        "rows": data.rows(),
        "rows_held_out": trained.held_out.0.rows(),
        "folds": match spec.training.evaluation {
            Evaluation::Folds(folds) => Some(folds),
            Evaluation::None | Evaluation::Holdout(_) => None,
        },
        "seed": spec.training.seed,
        "metrics": metrics,
        "profile": trained.profile,
    });
    known.as_object().cloned().unwrap_or_default()
}

/// Registers the artifact; how it is referred to from now on.
fn register(
    arguments: &TrainArguments,
    name: &str,
    alias: Option<&str>,
    artifact: Vec<u8>,
    mut metadata: Map<String, serde_json::Value>,
) -> Result<String, Failure> {
    if let Some(note) = &arguments.note {
        metadata.insert("notes".to_owned(), json!(note));
    }
    let session = Session::open(&arguments.store)?;
    let registration = Registration {
        name: name.to_owned(),
        bytes: artifact.into(),
        file_name: None,
        given: Given::default(),
        checks: None,
        metadata,
        actor: session.actor(),
    };
    let pointed = Pointed { alias, force: arguments.force, note: &arguments.note };
    let shown = "the model that was trained";
    let (version, promoted) = models::add(&session, registration, shown, &pointed, &OpenLimits::default())?;
    if let Some(promoted) = promoted {
        note(models::text::promoted(&promoted).trim_end());
    }
    Ok(version.reference())
}

/// A bar with the time left, on a terminal.
struct Bar {
    bar: ProgressBar,
    interrupt: Interrupt,
}

impl Bar {
    fn new(interrupt: Interrupt) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), interrupt };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg} {eta}");
        Self { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())), interrupt }
    }
}

impl Progress for Bar {
    fn step(&self, done: usize, total: usize, loss: Option<f64>) -> bool {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        if let Some(loss) = loss {
            self.bar.set_message(format!("loss {loss:.4}"));
        }
        self.interrupt.goes_on()
    }
}
