//! `/admin/...`: the registry and the keys over HTTP, for callers whose key has the scope `admin`.
//!
//! Each handler is one use case of the engine or the store, done on the control runtime; both record every act with the
//! caller's key. Times are microseconds since 1970, UTC.

mod body;
mod problem;
mod runs;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use foretell_engine::Given;
use foretell_engine::registry::{self, Promoted, Promotion, Registration};
use foretell_engine::store::{Actor, ModelRecord, NewKey, Role, Store, Version, now};
use hyper::header::{CACHE_CONTROL, HeaderValue, LOCATION};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use self::body::{Expiry, KeyBody, MoveBody, PromoteBody, read};
use crate::auth::Caller;
use crate::path::percent_encode;
use crate::predict::time_left;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{Call, decode};
use crate::router::{Methods, shown};

/// Time in which a model file must arrive.
pub(crate) const UPLOAD_TIME: Duration = Duration::from_secs(600);
/// Acts of the audit table that are listed unless asked otherwise, and at most.
const ACTS: u32 = 100;
const MOST_ACTS: u32 = 1000;
/// The alias that requests without a version get.
const PRODUCTION: &str = "production";

/// What a path below `/admin` stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Admin<'p> {
    /// The models.
    Models,
    /// One model.
    Model(Cow<'p, str>),
    /// The versions of a model: a file is added here.
    Versions(Cow<'p, str>),
    /// One version.
    Version(Cow<'p, str>, Cow<'p, str>),
    /// A version is archived.
    Archive(Cow<'p, str>, Cow<'p, str>),
    /// A version is taken out of the archive.
    Unarchive(Cow<'p, str>, Cow<'p, str>),
    /// An alias moves.
    Promote(Cow<'p, str>),
    /// An alias moves back.
    Rollback(Cow<'p, str>),
    /// The keys.
    Keys,
    /// One key.
    Key(Cow<'p, str>),
    /// Who did what.
    Audit,
    /// What schedules have done.
    Runs,
    /// One run of a schedule.
    Run(Cow<'p, str>),
    /// What is trained again and again.
    Schedules,
    /// What a schedule does is done now.
    StartRun(Cow<'p, str>),
}

impl<'p> Admin<'p> {
    /// What is at a path, by its parts after `/admin/`.
    pub(crate) fn find(path: &'p str) -> Option<Self> {
        let mut parts = path.split('/');
        let mut next = || parts.next();
        let found = match (next()?, next(), next(), next(), next()) {
            ("models", None, ..) => Self::Models,
            ("models", Some(name), None, ..) => Self::Model(decode(name)),
            ("models", Some(name), Some("versions"), None, _) => Self::Versions(decode(name)),
            ("models", Some(name), Some("versions"), Some(version), None) => {
                Self::Version(decode(name), decode(version))
            }
            ("models", Some(name), Some("versions"), Some(version), Some("archive")) => {
                Self::Archive(decode(name), decode(version))
            }
            ("models", Some(name), Some("versions"), Some(version), Some("unarchive")) => {
                Self::Unarchive(decode(name), decode(version))
            }
            ("models", Some(name), Some("promote"), None, _) => Self::Promote(decode(name)),
            ("models", Some(name), Some("rollback"), None, _) => Self::Rollback(decode(name)),
            ("keys", None, ..) => Self::Keys,
            ("keys", Some(id), None, ..) => Self::Key(decode(id)),
            ("audit", None, ..) => Self::Audit,
            ("runs", None, ..) => Self::Runs,
            ("runs", Some(id), None, ..) => Self::Run(decode(id)),
            ("schedules", None, ..) => Self::Schedules,
            ("schedules", Some(name), Some("run"), None, _) => Self::StartRun(decode(name)),
            _ => return None,
        };
        next().is_none().then_some(found)
    }

    /// The methods that the path takes.
    pub(crate) fn methods(&self) -> Methods {
        match self {
            Self::Models | Self::Audit | Self::Runs | Self::Run(_) | Self::Schedules => Methods::Get,
            Self::Model(_) | Self::Version(..) => Methods::GetOrDelete,
            Self::Keys => Methods::GetOrPost,
            Self::Key(_) => Methods::Delete,
            Self::Versions(_)
            | Self::Archive(..)
            | Self::Unarchive(..)
            | Self::Promote(_)
            | Self::Rollback(_)
            | Self::StartRun(_) => Methods::Post,
        }
    }

    /// The pattern of the path.
    pub(crate) fn pattern(&self) -> &'static str {
        match self {
            Self::Models => "/admin/models",
            Self::Model(_) => "/admin/models/{name}",
            Self::Versions(_) => "/admin/models/{name}/versions",
            Self::Version(..) => "/admin/models/{name}/versions/{version}",
            Self::Archive(..) => "/admin/models/{name}/versions/{version}/archive",
            Self::Unarchive(..) => "/admin/models/{name}/versions/{version}/unarchive",
            Self::Promote(_) => "/admin/models/{name}/promote",
            Self::Rollback(_) => "/admin/models/{name}/rollback",
            Self::Keys => "/admin/keys",
            Self::Key(_) => "/admin/keys/{id}",
            Self::Audit => "/admin/audit",
            Self::Runs => "/admin/runs",
            Self::Run(_) => "/admin/runs/{id}",
            Self::Schedules => "/admin/schedules",
            Self::StartRun(_) => "/admin/schedules/{name}/run",
        }
    }

    /// Whether the body is a model file.
    pub(crate) fn takes_file(&self) -> bool {
        matches!(self, Self::Versions(_))
    }
}

/// Answers a request of an administrator.
///
/// # Errors
/// What is asked for is not there or stands against something, a gate refuses it, or the database is gone.
pub(crate) async fn answer(call: &Call<'_>, admin: &Admin<'_>, body: Bytes) -> Result<Reply, Problem> {
    let delete = call.head.method == Method::DELETE;
    let post = call.head.method == Method::POST;
    match admin {
        Admin::Models => {
            let models = with(call, async |store, _| Ok(store.list_models().await?)).await?;
            ok(&json!({"models": models.iter().map(summary).collect::<Vec<_>>()}))
        }
        Admin::Model(name) => one_model(call, name, delete).await,
        Admin::Versions(name) => register(call, name, body).await,
        Admin::Version(name, version) => {
            let (name, version) = (name.to_string(), number(version)?);
            let version = with(call, async move |store, actor| {
                Ok(if delete {
                    store.delete_version(&name, version, &actor).await?
                } else {
                    store.version(&name, version).await?
                })
            });
            ok(&json!(version.await?))
        }
        Admin::Archive(name, version) => {
            let (name, version) = (name.to_string(), number(version)?);
            let archive =
                async move |store: Store, actor| Ok(store.archive_version(&name, version, &actor).await?);
            ok(&brief(&with(call, archive).await?))
        }
        Admin::Unarchive(name, version) => {
            let (name, version) = (name.to_string(), number(version)?);
            let restore =
                async move |store: Store, actor| Ok(store.unarchive_version(&name, version, &actor).await?);
            ok(&brief(&with(call, restore).await?))
        }
        Admin::Promote(name) => promote(call, name, &body).await,
        Admin::Rollback(name) => {
            let MoveBody { alias, note } = read(&body)?;
            let name = name.to_string();
            let moved = with(call, async move |store, actor| {
                Ok(registry::rollback(&store, &name, &alias, &actor, note.as_deref()).await?)
            });
            ok(&promoted(&moved.await?))
        }
        Admin::Keys if post => create_key(call, &body).await,
        Admin::Keys => ok(&json!({"keys": with(call, async |store, _| Ok(store.keys().await?)).await?})),
        Admin::Key(id) => {
            let id = id.to_string();
            let revoke = async move |store: Store, actor| Ok(store.revoke_key(&id, &actor).await?);
            ok(&json!(with(call, revoke).await?))
        }
        Admin::Audit => {
            let limit = parameter(call, "limit")?.unwrap_or(ACTS).clamp(1, MOST_ACTS);
            let before = parameter(call, "before")?;
            let acts = with(call, async move |store, _| Ok(store.audit_log(limit, before).await?)).await?;
            ok(&json!({"acts": acts}))
        }
        Admin::Runs => runs::list(call).await,
        Admin::Run(id) => runs::one(call, id).await,
        Admin::Schedules => runs::schedules(call),
        Admin::StartRun(name) => runs::start(call, name).await,
    }
}

/// Does something with the store, in the name of the caller, for as long as a request may take.
async fn with<T: Send + 'static, F>(
    call: &Call<'_>,
    work: impl FnOnce(Store, Actor) -> F + Send + 'static,
) -> Result<T, Problem>
where
    F: Future<Output = Result<T, Problem>> + Send + 'static,
{
    let (Some(control), Some(id)) = (&call.state().control, call.caller.get().map(Caller::id)) else {
        return Err(Problem::NotThere {
            detail: "this service has no registry; give it one with `--data`".into(),
        });
    };
    let actor = Actor::key(id);
    let (limit, left) = time_left(call)?;
    // What is asked for goes on when the answer comes too late: an act is done whole or not at all.
    let done = tokio::time::timeout(left, control.with(move |store| work(store, actor)));
    done.await.map_err(|_| Problem::Deadline { limit })?
}

async fn one_model(call: &Call<'_>, name: &str, delete: bool) -> Result<Reply, Problem> {
    let name = name.to_owned();
    let found = with(call, async move |store, actor| {
        if delete {
            return Ok((store.delete_model(&name, &actor).await?, Vec::new()));
        }
        let model = store.model(&name).await?;
        let history = store.alias_history(&name).await?;
        Ok((model, history))
    });
    let (model, history) = found.await?;
    let mut document = summary(&model);
    document["history"] = json!(history);
    ok(&document)
}

/// A model in a list: its versions without what only one who looks at them closely needs.
fn summary(model: &ModelRecord) -> Value {
    let versions: Vec<_> = model.versions.iter().map(brief).collect();
    json!({"name": model.name, "versions": versions, "aliases": model.aliases})
}

fn brief(version: &Version) -> Value {
    json!({
        "version": version.version,
        "created_at": version.created_at,
        "created_by": version.created_by,
        "artifact": version.artifact,
        "bytes": version.bytes,
        "source": version.source,
        "metadata": version.metadata,
        "archived_at": version.archived_at
    })
}

/// Adds a file as a new version, and lets an alias point to it when that is asked for.
async fn register(call: &Call<'_>, name: &str, bytes: Bytes) -> Result<Reply, Problem> {
    let text = |parameter| call.parameter(parameter).map(Cow::into_owned);
    let mut metadata = Map::new();
    metadata.extend(text("notes").map(|notes| ("notes".to_owned(), json!(notes))));
    let features =
        text("features").map(|names| names.split(',').map(|name| name.trim().to_owned()).collect());
    let categories = text("categories").map(|categories| {
        serde_json::from_str(&categories).map_err(|error| Problem::BadRequest {
            detail: format!("`categories` is no JSON object of lists of texts or numbers: {error}"),
        })
    });
    let given = Given { features, categories: categories.transpose()?.unwrap_or_default() };
    let (alias, file_name, name) = (text("alias"), text("file_name"), name.to_owned());
    let limits = call.state().config.limits.open_limits();
    let added = with(call, async move |store, actor| {
        let registration =
            Registration { name, bytes, file_name, given, checks: None, metadata, actor: actor.clone() };
        let version = registry::register(&store, registration, &limits).await?;
        let Some(alias) = alias else { return Ok((version, None)) };
        let promotion = Promotion {
            model: version.model.clone(),
            version: version.version,
            alias,
            role: Role::None,
            force: false,
            replay: None,
            actor,
            note: None,
        };
        let promoted = registry::promote(&store, promotion, &limits).await.map_err(Problem::from);
        let promoted = promoted.map_err(|problem| {
            let Problem::Conflict { detail } = problem else { return problem };
            let number = version.version;
            Problem::Conflict { detail: format!("version {number} was added, its alias not set: {detail}") }
        });
        Ok((version, Some(promoted?)))
    });
    let (version, moved) = added.await?;
    let mut document = json!(version);
    if let Some(moved) = &moved {
        document["alias"] = json!(moved.alias);
    }
    let place = format!("/admin/models/{}/versions/{}", percent_encode(&version.model), version.version);
    let place = HeaderValue::try_from(place).map_err(|_| Problem::Internal)?;
    created(&document).map(|reply| reply.with(LOCATION, place))
}

async fn promote(call: &Call<'_>, name: &str, body: &[u8]) -> Result<Reply, Problem> {
    let PromoteBody { version, alias, role, force, replay, note } = read(body)?;
    let (model, limits) = (name.to_owned(), call.state().config.limits.open_limits());
    let moved = with(call, async move |store, actor| {
        let promotion = Promotion { model, version, alias, role, force, replay, actor, note };
        Ok(registry::promote(&store, promotion, &limits).await?)
    });
    ok(&promoted(&moved.await?))
}

fn promoted(promoted: &Promoted) -> Value {
    let mut document = json!({
        "alias": promoted.alias,
        "before": promoted.before,
        "breaks": promoted.breaks
    });
    if let Some(replay) = &promoted.replay {
        document["replay"] = json!(replay);
    }
    document
}

/// Makes a key. Its text is in this answer and nowhere else.
async fn create_key(call: &Call<'_>, body: &[u8]) -> Result<Reply, Problem> {
    let KeyBody { name, scopes, models, expires_in } = read(body)?;
    let expires_at = expires_in
        .map(|Expiry(time)| now().saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)));
    let made = with(call, async move |store, created_by| {
        let new = NewKey { name, scopes: scopes.into(), models, expires_at, created_by };
        Ok(store.create_key(new).await?)
    });
    let (record, text) = made.await?;
    let mut document = json!(record);
    document["key"] = json!(text.reveal());
    created(&document)
}

/// A number in a query.
fn parameter<T: std::str::FromStr>(call: &Call<'_>, name: &'static str) -> Result<Option<T>, Problem> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let got = shown(&text);
    let wrong = || {
        Problem::invalid(
            vec!["query".into(), name.into()],
            "wrong_type",
            format!("expected a number, got `{got}`"),
        )
    };
    text.parse().map(Some).map_err(|_| wrong())
}

/// The number of a version in a path.
fn number(text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| Problem::NotThere { detail: format!("there is no version `{}`", shown(text)) })
}

/// What administrators see is nobody else's business, and soon out of date.
fn ok(document: &Value) -> Result<Reply, Problem> {
    Ok(Reply::json(document.to_string()).with(CACHE_CONTROL, HeaderValue::from_static("no-store")))
}

fn created(document: &Value) -> Result<Reply, Problem> {
    let mut reply = ok(document)?;
    reply.status = StatusCode::CREATED;
    Ok(reply)
}

/// What stands for the alias where none is named.
fn production() -> String {
    PRODUCTION.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_found_by_its_pattern() {
        let patterns = [
            "models",
            "models/{name}",
            "models/{name}/versions",
            "models/{name}/versions/{version}",
            "models/{name}/versions/{version}/archive",
            "models/{name}/versions/{version}/unarchive",
            "models/{name}/promote",
            "models/{name}/rollback",
            "keys",
            "keys/{id}",
            "audit",
            "runs",
            "runs/{id}",
            "schedules",
            "schedules/{name}/run",
        ];
        for pattern in patterns {
            let found = Admin::find(pattern).expect(pattern);
            assert_eq!(found.pattern(), format!("/admin/{pattern}"));
        }
        for path in [
            "",
            "model",
            "models/a/b",
            "models/a/versions/1/delete",
            "keys/a/b",
            "audit/1",
            "runs/1/log",
            "schedules/a",
            "models/a/versions/1/archive/x",
        ] {
            assert_eq!(Admin::find(path), None, "{path}");
        }
    }
}
