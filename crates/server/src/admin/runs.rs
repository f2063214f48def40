//! `/admin/runs` and `/admin/schedules`: what is trained again and again, and what became of it.

use std::borrow::Cow;

use foretell_engine::schedule::Scheduler;
use foretell_engine::store::{Act, RunFilter, now};
use hyper::StatusCode;
use serde_json::{Value, json};

use super::{ok, parameter, with};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::Call;
use crate::router::shown;

/// Runs that are listed unless asked otherwise, and at most.
const RUNS: u32 = 100;
const MOST_RUNS: u32 = 1000;

/// The latest runs.
pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Problem> {
    let filter = RunFilter {
        name: call.parameter("name").map(Cow::into_owned),
        before: parameter(call, "before")?,
        limit: parameter(call, "limit")?.unwrap_or(RUNS).clamp(1, MOST_RUNS),
    };
    let runs = with(call, async move |store, _| Ok(store.runs(&filter).await?)).await?;
    ok(&json!({"runs": runs}))
}

/// One run with its log.
pub(super) async fn one(call: &Call<'_>, id: &str) -> Result<Reply, Problem> {
    let id =
        id.parse().map_err(|_| Problem::NotThere { detail: format!("there is no run `{}`", shown(id)) })?;
    ok(&json!(with(call, async move |store, _| Ok(store.run(id).await?)).await?))
}

/// What this service trains again and again.
pub(super) fn schedules(call: &Call<'_>) -> Result<Reply, Problem> {
    let now = now();
    let schedules = call.state().scheduler.as_ref().map_or(&[][..], Scheduler::schedules);
    let schedules = schedules.iter().map(|schedule| {
        json!({
            "name": schedule.name,
            "model": schedule.model,
            "cron": schedule.pattern.to_string(),
            "timezone": schedule.zone.to_string(),
            "next_at": schedule.next(now)
        })
    });
    ok(&json!({"schedules": schedules.collect::<Vec<Value>>()}))
}

/// Begins a run now. It goes on after the answer.
pub(super) async fn start(call: &Call<'_>, name: &str) -> Result<Reply, Problem> {
    let none = || Problem::NotThere { detail: format!("there is no schedule `{}`", shown(name)) };
    let scheduler = call.state().scheduler.clone().ok_or_else(none)?;
    let name = name.to_owned();
    let id = with(call, async move |store, actor| {
        let started = scheduler.start(&name).await;
        let outcome = started.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned());
        let details = json!({ "run": started.as_ref().ok() });
        store.audit(&Act { actor, action: "schedule.run".into(), target: name, details, outcome }).await?;
        Ok(started?)
    });
    let mut reply = ok(&json!({"run": id.await?}))?;
    reply.status = StatusCode::ACCEPTED;
    Ok(reply)
}
