//! `foretell retrain`, which a service runs for a schedule: trains, measures beside the version in production, and
//! writes what it found to its output. It changes nothing anywhere, and ends when its input does.

use std::io;
use std::path::PathBuf;
use std::thread;

use clap::Args;
use foretell_engine::evaluate::Requirement;
use foretell_engine::schedule::{Checked, Measured, Trial};
use foretell_engine::step_back;
use foretell_engine::train::{Data, Silent, TrainError, train};
use rlimit::Resource;
use serde_json::json;

use crate::failure::{Failure, io_text, tell};
use crate::rival::production;
use crate::score::Assessment;
use crate::store::StoreArguments;
use crate::train::{Table, metadata, read_spec, summary};

#[derive(Debug, Args)]
pub(crate) struct RetrainArguments {
    /// TOML file that says what is trained
    spec: PathBuf,
    /// The model of the registry whose version in production is measured too
    #[arg(long)]
    model: String,
    /// What has to hold, beside what the file requires; may be repeated
    #[arg(long, value_name = "METRIC OP VALUE")]
    gate: Vec<Requirement>,
    /// Memory that may be used
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
}

pub(crate) fn run(arguments: &RetrainArguments) -> Result<(), Failure> {
    end_with_input()?;
    if let Some(bytes) = arguments.memory {
        bound_memory(bytes)?;
    }
    step_back();
    let mut spec = read_spec(&arguments.spec)?;
    spec.require.extend(arguments.gate.iter().cloned());
    let store = StoreArguments::default();
    let table = Table::open(&mut spec, &store)?;
    let failed = |error: &TrainError| {
        Failure::new(format!("cannot train on {}", table.shown)).because(error).hint(error.hint())
    };
    let data = Data::read(&table.input, &spec.data).map_err(|error| failed(&error))?;
    let mut trained = train(&data, &spec.training, &Silent).map_err(|error| failed(&error))?;
    let production = production(&trained, &data, &arguments.model, &spec.require, &store)?;
    let beside = production.as_ref().and_then(|production| production.observed.as_ref());
    let (observed, seen) = (trained.observed.take(), trained.seen.clone());
    let assess =
        |(observed, seen)| Assessment::beside(seen, observed, beside, &spec.require, spec.training.seed);
    let assessment = observed.as_ref().zip(seen.as_ref()).map(assess);
    if let Some(assessment) = &assessment {
        tell(&summary(&spec, &trained, &data, assessment));
    }
    let outcomes = assessment.as_ref().map_or(&[][..], |assessment| &assessment.outcomes);
    let unmet = outcomes.iter().filter(|outcome| !outcome.met);
    tell(&unmet.map(|outcome| format!("not met: {outcome}\n")).collect::<String>());
    if outcomes.is_empty() && !spec.require.is_empty() {
        return Err(Failure::new("without rows that are held out nothing can be measured"));
    }
    let mut known = metadata(&spec, &data, &trained, assessment.as_ref());
    let (trained, artifact) = trained.seal(&known).map_err(|error| failed(&error))?;
    known.insert("seconds".to_owned(), json!(trained.took.as_secs_f64()));
    let trial = Trial {
        met: outcomes.iter().all(|outcome| outcome.met),
        metadata: known,
        measured: Measured {
            candidate: observed.as_ref().map(Measured::metrics).unwrap_or_default(),
            production: production.map(|production| production.rival),
            requirements: outcomes.iter().map(Checked::from).collect(),
        },
    };
    let artifact = if trial.met { &artifact[..] } else { &[] };
    trial.write(artifact, io::stdout().lock()).map_err(|error| Failure::output(&error))
}

/// Ends this process when whoever started it has gone, however that went.
fn end_with_input() -> Result<(), Failure> {
    let wait = || {
        // Nothing is sent: what ends the wait is the end.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        end();
    };
    let started = thread::Builder::new().name("input".into()).spawn(wait);
    started.map(drop).map_err(|error| Failure::new("cannot start a thread").detail(io_text(&error)))
}

#[expect(clippy::exit, reason = "nobody is left to hear of anything")]
fn end() {
    std::process::exit(1);
}

/// Memory for data: what this process has asked for, whether it uses it or not.
fn bound_memory(bytes: u64) -> Result<(), Failure> {
    let cannot = |error: io::Error| Failure::new("cannot bound the memory").detail(io_text(&error));
    rlimit::setrlimit(Resource::DATA, bytes, bytes).map_err(cannot)
}
