//! `foretell train`: from a table to a model that has been measured.

mod args;
mod interrupt;
mod table;
mod told;

use std::io::{IsTerminal, Write as _};
use std::time::Instant;

use foretell_engine::registry::Registration;
use foretell_engine::train::{Data, Progress, TrainError, train};
use foretell_engine::{Given, OpenLimits};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, json};

use self::args::Job;
pub(crate) use self::args::{TrainArguments, read_spec};
use self::interrupt::Interrupt;
pub(crate) use self::table::Table;
use self::told::{measures, summary_of_measures};
pub(crate) use self::told::{metadata, summary};
use crate::failure::{Failure, note};
use crate::models::{self, Pointed};
use crate::output::Output;
use crate::report::{self, History, Rows};
use crate::rival::{is_asked_for, production};
use crate::score::{Assessment, unmet};
use crate::store::Session;

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
    let started = Instant::now();
    let data = Data::read(&table.input, &spec.data).map_err(|error| failed(&error))?;
    let reading = started.elapsed();
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
    let (trained, artifact) = trained.seal(&metadata).map_err(|error| failed(&error))?;
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
    known.insert("seconds_reading".to_owned(), json!(reading.as_secs_f64()));
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
