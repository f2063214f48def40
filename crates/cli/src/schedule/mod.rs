//! `[[schedule]]`: what the configuration says of it, and the process that trains.

mod child;

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use foretell_engine::control::Control;
use foretell_engine::schedule::{Program, Schedule, Scheduler};
use foretell_engine::store::{is_alias, is_name};
use foretell_engine::train::Evaluation;
use foretell_server::config::{Config, ScheduleConfig, StoreConfig};

pub(crate) use self::child::{RetrainArguments, run as retrain};
use crate::failure::{Failure, io_text};
use crate::train;

/// The command of the process that trains.
pub(crate) const COMMAND: &str = "retrain";
/// On Linux the program that runs now, also when another one has taken its place in the file system.
const SELF: &str = "/proc/self/exe";
/// What a process needs that has little memory: an allocator that takes none which it may never use, and no backtrace of
/// a failed allocation, which would allocate.
const FRUGAL: [(&str, &str); 2] = [("MIMALLOC_ARENA_EAGER_COMMIT", "0"), ("RUST_BACKTRACE", "0")];

/// What is to be done again and again; none without `[[schedule]]`.
pub(crate) fn schedules(config: &Config) -> Result<Vec<Schedule>, Failure> {
    let mut names = HashSet::new();
    let mut schedule = |told: &ScheduleConfig| {
        let about = |problem: String| {
            Failure::new(format!("cannot use the schedule `{}`", told.name)).detail(problem)
        };
        // A run is asked for by its number, and all of a schedule by its name.
        for (name, what, good) in
            [(&told.name, "name", is_alias(&told.name)), (&told.model, "model", is_name(&told.model))]
        {
            if !good {
                let expected =
                    "expected letters, digits, `.`, `_` and `-`, a letter or digit first, and no number";
                return Err(about(format!("`{what}`: {expected}, got `{name}`")));
            }
        }
        if !names.insert(told.name.clone()) {
            return Err(about("there are two of this name".to_owned()));
        }
        let spec = train::read_spec(&told.spec)?;
        if spec.training.evaluation == Evaluation::None && !told.gate.is_empty() {
            return Err(about(format!(
                "`gate` needs rows that are held out, and `{}` holds out none",
                told.spec.display()
            )));
        }
        Ok(Schedule {
            name: told.name.clone(),
            pattern: told.cron.clone(),
            zone: told.timezone.clone(),
            model: told.model.clone(),
            then: told.on_success.into(),
            timeout: told.timeout,
            arguments: arguments(told),
        })
    };
    config.schedule.iter().map(&mut schedule).collect()
}

/// Has the schedules done, once it is told to follow them.
pub(crate) fn scheduler(
    config: &Config,
    schedules: Vec<Schedule>,
    control: Control,
) -> Result<Scheduler, Failure> {
    let path = match Path::new(SELF).exists() {
        true => PathBuf::from(SELF),
        false => std::env::current_exe()
            .map_err(|error| Failure::new("cannot find the program that runs").detail(io_text(&error)))?,
    };
    let program = Program { path, arguments: vec![COMMAND.into()], environment: environment(&config.store) };
    Ok(Scheduler::new(control, schedules, program, config.limits.open_limits()))
}

fn arguments(told: &ScheduleConfig) -> Vec<OsString> {
    let mut arguments = vec![told.spec.clone().into_os_string(), "--model".into(), told.model.clone().into()];
    for requirement in &told.gate {
        arguments.extend(["--gate".into(), requirement.to_string().into()]);
    }
    if let Some(bytes) = told.memory {
        arguments.extend(["--memory".into(), bytes.to_string().into()]);
    }
    arguments
}

/// The way to the store, in the environment: arguments are for everyone to see.
fn environment(store: &StoreConfig) -> Vec<(OsString, OsString)> {
    let path = |path: &Option<PathBuf>| path.clone().map(PathBuf::into_os_string);
    let told = [
        ("FORETELL_STORE__DATA", path(&store.data)),
        ("FORETELL_STORE__DATABASE", store.database.clone().map(OsString::from)),
        ("FORETELL_STORE__DATABASE_PASSWORD_FILE", path(&store.database_password_file)),
        ("FORETELL_STORE__ARTIFACTS", store.artifacts.clone().map(OsString::from)),
    ];
    let told = told.into_iter().filter_map(|(name, value)| Some((OsString::from(name), value?)));
    told.chain(FRUGAL.map(|(name, value)| (name.into(), value.into()))).collect()
}
