//! `foretell keys`: who may use the service.

use clap::{Args, Subcommand, ValueEnum};
use foretell_engine::store::{KeyRecord, NewKey, Scopes, now};
use serde_json::json;

use crate::failure::{Failure, note};
use crate::output::Output;
use crate::store::{Session, StoreArguments};
use crate::text::{columns, time};

#[derive(Debug, Args)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key, and print it: it cannot be shown again
    #[command(
        after_help = "Examples:\n  foretell keys create shop\n  foretell keys create shop --models diabetes,iris --expires-in 90d\n  foretell keys create deploy --scope admin"
    )]
    Create(CreateArguments),
    /// List the keys, without their secrets
    #[command(after_help = "Example:\n  foretell keys list")]
    List(ListArguments),
    /// End a key: every server refuses it within a second
    #[command(after_help = "Example:\n  foretell keys revoke 1f0c9a7be2d34c55")]
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
struct CreateArguments {
    /// What people call it: who uses it, and for what
    name: String,
    /// What it allows
    #[arg(
        long = "scope",
        value_name = "SCOPE,...",
        value_delimiter = ',',
        value_enum,
        default_values_t = [Scope::Predict, Scope::Feedback]
    )]
    scopes: Vec<Scope>,
    /// The models it may use [default: all]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// How long it is valid, such as 12h or 90d [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    expires_in: Option<i64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scope {
    /// Predict, and read what the models are
    Predict,
    /// Tell the true values of predictions
    Feedback,
    /// Change the registry and the keys
    Admin,
}

#[derive(Debug, Args)]
struct ListArguments {
    /// Print one JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
struct RevokeArguments {
    /// The part of the key between its first and its second `_`
    id: String,
    #[command(flatten)]
    store: StoreArguments,
}

pub(crate) fn run(arguments: &KeysArguments) -> Result<(), Failure> {
    match &arguments.command {
        KeysCommand::Create(arguments) => create(arguments),
        KeysCommand::List(arguments) => list(arguments),
        KeysCommand::Revoke(arguments) => revoke(arguments),
    }
}

fn create(arguments: &CreateArguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.store)?;
    let has = |scope| arguments.scopes.contains(&scope);
    let new = NewKey {
        name: arguments.name.clone(),
        scopes: Scopes {
            predict: has(Scope::Predict),
            feedback: has(Scope::Feedback),
            admin: has(Scope::Admin),
        },
        models: arguments.models.clone(),
        expires_at: arguments
            .expires_in
            .map(|seconds| now().saturating_add(seconds.saturating_mul(1_000_000))),
        created_by: session.actor(),
    };
    let (key, text) =
        session.run(session.store().create_key(new)).map_err(|error| Session::failed(&error))?;
    if arguments.json {
        return Output::print(&format!("{}\n", json!({ "key": text.reveal(), "record": key })));
    }
    note("keep this key: only its digest is stored, and it cannot be shown again");
    Output::print(&format!("{}\n", text.reveal()))
}

fn list(arguments: &ListArguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.store)?;
    let keys = session.run(session.store().keys()).map_err(|error| Session::failed(&error))?;
    if arguments.json {
        return Output::print(&format!("{}\n", json!(keys)));
    }
    if keys.is_empty() {
        note(&format!("the registry `{}` has no keys", session.store().shown()));
        return Ok(());
    }
    let rows = keys.iter().map(|key| {
        vec![
            key.id.clone(),
            key.name.clone(),
            scopes(key.scopes),
            key.models.as_ref().map_or_else(|| "all".to_owned(), |models| models.join(", ")),
            time(key.created_at),
            state(key),
        ]
    });
    Output::print(&columns(&["ID", "NAME", "SCOPES", "MODELS", "CREATED", "STATE"], rows))
}

fn scopes(scopes: Scopes) -> String {
    let names = [(scopes.predict, "predict"), (scopes.feedback, "feedback"), (scopes.admin, "admin")];
    let names: Vec<&str> = names.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect();
    names.join(", ")
}

/// Whether a key works, and until when.
fn state(key: &KeyRecord) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", time(at)),
        (None, Some(at)) if at <= now() => format!("expired {}", time(at)),
        (None, Some(at)) => format!("valid until {}", time(at)),
        (None, None) => "valid".to_owned(),
    }
}

fn revoke(arguments: &RevokeArguments) -> Result<(), Failure> {
    let session = Session::open(&arguments.store)?;
    let actor = session.actor();
    let key = session
        .run(session.store().revoke_key(&arguments.id, &actor))
        .map_err(|error| Session::failed(&error))?;
    Output::print(&format!("{} ({}) revoked\n", key.id, key.name))
}

/// `30s`, `15m`, `12h`, `90d` or `4w` in seconds.
fn seconds(text: &str) -> Result<i64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
    let found = units.iter().find_map(|(unit, size)| Some((text.strip_suffix(*unit)?, size)));
    let number =
        found.and_then(|(number, size)| number.parse::<u32>().ok().map(|number| i64::from(number) * size));
    number
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| "expected a number and a unit, such as `12h` or `90d`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        assert_eq!([seconds("30s"), seconds("2h"), seconds("90d")], [Ok(30), Ok(7200), Ok(7_776_000)]);
        for bad in ["", "d", "90", "0d", "-1d", "1.5h", "90 days"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
