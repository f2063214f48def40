//! `foretell models`: the registry from the command line.

mod args;
mod runs;
pub(crate) mod text;

use std::fs;
use std::path::Path;

use foretell_engine::OpenLimits;
use foretell_engine::registry::{
    Checks, Promoted, Promotion, Registration, RegistryError, ReplayOptions, promote, register, rollback,
};
use foretell_engine::store::{Role, Sticky, Store, Version};
use serde::Serialize;
use serde_json::{Map, Value, json};

pub(crate) use self::args::ModelsArguments;
use self::args::{
    ArchiveArguments, DeleteArguments, ListArguments, ModelsCommand, PromoteArguments, RegisterArguments,
    RollbackArguments, ShowArguments, UnaliasArguments,
};
use crate::failure::{Failure, io_text, note};
use crate::model::{given, limits};
use crate::output::Output;
use crate::store::Session;

pub(crate) fn run(arguments: &ModelsArguments) -> Result<(), Failure> {
    match &arguments.command {
        ModelsCommand::Register(arguments) => run_register(arguments),
        ModelsCommand::List(arguments) => run_list(arguments),
        ModelsCommand::Show(arguments) => run_show(arguments),
        ModelsCommand::Promote(arguments) => run_promote(arguments),
        ModelsCommand::Rollback(arguments) => run_rollback(arguments),
        ModelsCommand::Unalias(arguments) => run_unalias(arguments),
        ModelsCommand::Archive(arguments) => run_archive(arguments),
        ModelsCommand::Delete(arguments) => run_delete(arguments),
        ModelsCommand::Runs(arguments) => runs::list(arguments),
        ModelsCommand::Run(arguments) => runs::start(arguments),
    }
}

fn run_register(arguments: &RegisterArguments) -> Result<(), Failure> {
    let open_limits = limits(&arguments.limits);
    let size = fs::metadata(&arguments.file).map_or(0, |file| file.len());
    if size > open_limits.max_file_bytes {
        return Err(Failure::new(format!(
            "model file `{}` has more than {} bytes",
            arguments.file.display(),
            open_limits.max_file_bytes
        ))
        .hint("raise `--max-file-bytes` if the file is trusted".to_owned()));
    }
    let bytes = read(&arguments.file)?;
    let checks = match (&arguments.check, &arguments.expected) {
        (Some(rows), Some(expected)) => Some(checks(rows, expected, arguments.tolerance)?),
        (Some(_) | None, _) => None,
    };
    let metadata = metadata(arguments)?;
    let session = Session::open(&arguments.store)?;
    let registration = Registration {
        name: arguments.name.clone(),
        bytes: bytes.into(),
        file_name: arguments.file.file_name().map(|name| name.to_string_lossy().into_owned()),
        given: given(&arguments.given)?,
        checks,
        metadata,
        actor: session.actor(),
    };
    let shown = format!("`{}`", arguments.file.display());
    let pointed =
        Pointed { alias: arguments.alias.as_deref(), force: arguments.force, note: &arguments.note };
    let (version, promoted) = add(&session, registration, &shown, &pointed, &open_limits)?;
    if arguments.json {
        let alias = promoted.map(|promoted| promoted.alias);
        return print_json(&json!({ "version": version, "alias": alias }));
    }
    let mut text = format!("{}\n", version.reference());
    if let Some(promoted) = promoted {
        text += &text::promoted(&promoted);
    }
    print(&text)
}

/// An alias that is to point to a new version.
#[derive(Debug)]
pub(crate) struct Pointed<'a> {
    pub(crate) alias: Option<&'a str>,
    /// Also when callers of the version before would be broken.
    pub(crate) force: bool,
    pub(crate) note: &'a Option<String>,
}

/// Registers what is `shown` so to the user, and points an alias to it.
pub(crate) fn add(
    session: &Session,
    registration: Registration,
    shown: &str,
    pointed: &Pointed<'_>,
    limits: &OpenLimits,
) -> Result<(Version, Option<Promoted>), Failure> {
    let version = session
        .run(register(session.store(), registration, limits))
        .map_err(|error| refused(format!("cannot register {shown}"), &error))?;
    let Some(alias) = pointed.alias else { return Ok((version, None)) };
    let promotion = Promotion {
        model: version.model.clone(),
        version: version.version,
        alias: alias.to_owned(),
        role: Role::None,
        force: pointed.force,
        replay: None,
        actor: session.actor(),
        note: pointed.note.clone(),
    };
    let what = format!("`{}` is registered, and cannot get the alias `{alias}`", version.reference());
    let promoted =
        session.run(promote(session.store(), promotion, limits)).map_err(|error| refused(what, &error))?;
    Ok((version, Some(promoted)))
}

/// Everything worth knowing that was given: a file, metrics and a note.
fn metadata(arguments: &RegisterArguments) -> Result<Map<String, Value>, Failure> {
    let mut metadata = match &arguments.metadata {
        Some(path) => match read_json(path)? {
            Value::Object(metadata) => metadata,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(Failure::new(format!("metadata `{}` is no JSON object", path.display())));
            }
        },
        None => Map::new(),
    };
    if !arguments.metrics.is_empty() {
        let metrics = metadata.entry("metrics").or_insert_with(|| json!({}));
        let Some(metrics) = metrics.as_object_mut() else {
            return Err(Failure::new("`metrics` of the metadata is no JSON object"));
        };
        metrics.extend(arguments.metrics.iter().map(|(name, value)| (name.clone(), json!(value))));
    }
    if let Some(note) = &arguments.note {
        metadata.insert("notes".to_owned(), json!(note));
    }
    Ok(metadata)
}

fn checks(rows: &Path, expected: &Path, tolerance: f64) -> Result<Checks, Failure> {
    let text = String::from_utf8(read(rows)?)
        .map_err(|_| Failure::new(format!("table `{}` is not UTF-8", rows.display())))?;
    Checks::new(text, read_json(expected)?, tolerance)
        .map_err(|error| Failure::new("cannot check predictions").because(&error))
}

fn run_list(arguments: &ListArguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.store)?;
    let models = session.run(session.store().list_models()).map_err(|error| Session::failed(&error))?;
    if arguments.json {
        return print_json(&models);
    }
    if models.is_empty() {
        note(&format!("the registry `{}` has no models", session.store().shown()));
        return Ok(());
    }
    print(&text::list(&models))
}

fn run_show(arguments: &ShowArguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.store)?;
    let store = session.store();
    let failed = |error| Session::failed(&error);
    if arguments.name.contains('@') {
        let version = session.run(store.resolve(&arguments.name)).map_err(failed)?;
        return if arguments.json { print_json(&version) } else { print(&text::version(&version)) };
    }
    let model = session.run(store.model(&arguments.name)).map_err(failed)?;
    let history = session.run(store.alias_history(&arguments.name)).map_err(failed)?;
    if arguments.json {
        return print_json(&json!({
            "name": model.name,
            "versions": model.versions,
            "aliases": model.aliases,
            "history": history,
        }));
    }
    print(&text::model(&model, &history))
}

fn run_promote(arguments: &PromoteArguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.store)?;
    let (name, alias) = (&arguments.name, &arguments.alias);
    let version = session
        .run(session.store().resolve(&format!("{name}@{}", arguments.number)))
        .map_err(|error| Session::failed(&error))?;
    let promotion = Promotion {
        model: name.clone(),
        version: version.version,
        alias: alias.clone(),
        role: role(arguments.canary, &arguments.sticky, arguments.shadow),
        force: arguments.force,
        replay: arguments.replay.map(|requests| ReplayOptions {
            requests,
            max_changed: arguments.max_changed,
            tolerance: arguments.changed_by,
        }),
        actor: session.actor(),
        note: arguments.note.clone(),
    };
    let what = format!("cannot promote `{}` to `{alias}`", version.reference());
    let limits = limits(&arguments.limits);
    let promoted = session.run(promote(session.store(), promotion, &limits)).map_err(|error| {
        if let RegistryError::Changes { replay, .. } = &error {
            text::replay(replay).lines().for_each(note);
        }
        refused(what, &error)
    })?;
    show_promoted(&promoted, arguments.json)
}

fn role(canary: Option<f64>, sticky: &Sticky, shadow: bool) -> Role {
    match canary {
        Some(share) => Role::Canary { share, sticky: sticky.clone() },
        None if shadow => Role::Shadow,
        None => Role::None,
    }
}

fn run_rollback(arguments: &RollbackArguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.store)?;
    let (name, alias, actor) = (&arguments.name, &arguments.alias, session.actor());
    let back = rollback(session.store(), name, alias, &actor, arguments.note.as_deref());
    let promoted =
        session.run(back).map_err(|error| refused(format!("cannot roll back `{name}@{alias}`"), &error))?;
    show_promoted(&promoted, arguments.json)
}

fn show_promoted(promoted: &Promoted, json: bool) -> Result<(), Failure> {
    for lost in &promoted.breaks {
        note(&format!("callers of the version before: {lost}"));
    }
    if json {
        let Promoted { alias, before, breaks, replay } = promoted;
        let mut document = json!({ "alias": alias, "before": before, "breaks": breaks });
        if let Some(replay) = replay {
            document["replay"] = json!(replay);
        }
        return print_json(&document);
    }
    let mut shown = text::promoted(promoted);
    if let Some(replay) = &promoted.replay {
        shown += "\n";
        shown += &text::replay(replay);
    }
    print(&shown)
}

fn run_unalias(arguments: &UnaliasArguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.store)?;
    let (name, alias, actor) = (&arguments.name, &arguments.alias, session.actor());
    let removed = session.run(session.store().remove_alias(name, alias, &actor, arguments.note.as_deref()));
    let removed = removed.map_err(|error| Session::failed(&error))?;
    print(&format!("{name}@{alias} removed, was {}\n", removed.version))
}

fn run_archive(arguments: &ArchiveArguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.store)?;
    let (store, name, number, actor) = (session.store(), &arguments.name, arguments.number, session.actor());
    let (done, version) = if arguments.undo {
        ("taken out of the archive", session.run(store.unarchive_version(name, number, &actor)))
    } else {
        ("archived", session.run(store.archive_version(name, number, &actor)))
    };
    let version = version.map_err(|error| Session::failed(&error))?;
    print(&format!("{} {done}\n", version.reference()))
}

fn run_delete(arguments: &DeleteArguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.store)?;
    let (store, name, actor) = (session.store(), &arguments.name, session.actor());
    let failed = |error| Session::failed(&error);
    let text = match arguments.number {
        Some(number) => {
            let deleted = session.run(store.delete_version(name, number, &actor)).map_err(failed)?;
            format!("{} deleted\n", deleted.reference())
        }
        None => {
            let deleted = session.run(store.delete_model(name, &actor)).map_err(failed)?;
            format!("{name} deleted, {} versions\n", deleted.versions.len())
        }
    };
    session.run(clean(store));
    print(&text)
}

/// Frees the files of deleted versions; those that cannot be freed now are next time.
async fn clean(store: &Store) {
    if let Err(error) = store.delete_unreferenced().await {
        note(&format!("files of deleted versions are not removed yet: {error}"));
    }
}

/// Why the registry did not do it, in the words of the command line.
fn refused(what: String, error: &RegistryError) -> Failure {
    let hint = match error {
        RegistryError::Breaks { .. } => Some("give `--force` if all callers have changed".to_owned()),
        RegistryError::Changes { .. } => {
            Some("give `--force` if they should change, or allow more with `--max-changed`".to_owned())
        }
        RegistryError::NothingToReplay { .. } => {
            Some("promote without `--replay`, or give `--force`".to_owned())
        }
        RegistryError::Open(_)
        | RegistryError::Load(_)
        | RegistryError::Version(_)
        | RegistryError::Check(_)
        | RegistryError::Verify(_)
        | RegistryError::Store(_)
        | RegistryError::Unfinished(_) => None,
    };
    Failure::new(what).because(error).hint(hint)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path)
        .map_err(|error| Failure::new(format!("cannot read `{}`", path.display())).detail(io_text(&error)))
}

fn read_json(path: &Path) -> Result<Value, Failure> {
    serde_json::from_slice(&read(path)?)
        .map_err(|error| Failure::new(format!("`{}` is not JSON", path.display())).detail(error.to_string()))
}

fn print(text: &str) -> Result<(), Failure> {
    Output::print(text)
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    // Our own types have text keys only.
    Output::print(&(serde_json::to_string_pretty(value).unwrap_or_default() + "\n"))
}
