//! `POST /feedback`: what really happened, told by the id of the request or by the caller's own.
//!
//! What is told goes the way of the predictions: it is acknowledged once it is in the journal, also while the database is
//! down.

use bytes::Bytes;
use foretell_engine::log::Truth;
use foretell_engine::store::{Subject, is_name};
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::predict::{Form, is_id, microseconds};
use crate::problem::{Fault, MAX_ERRORS, Problem};
use crate::reply::Reply;
use crate::request::Call;

/// Bytes of an answer that is told, as JSON.
const MAX_ACTUAL: usize = 64 << 10;

/// What is told of one request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    request_id: Option<String>,
    id: Option<String>,
    model: Option<String>,
    row: Option<u32>,
    #[serde(default)]
    actual: Value,
}

/// Takes known answers: one, or a list.
///
/// # Errors
/// They are not what is expected, the key is not for the model, or they cannot be recorded now.
pub(crate) fn answer(call: &Call<'_>, body: &Bytes) -> Result<Reply, Problem> {
    if call.state().log.is_none() {
        let detail = "this service records no predictions; `[prediction_log]` is off".to_owned();
        return Err(Problem::NotThere { detail });
    }
    Form::expect_json(&call.head.headers)?;
    let document: Value = serde_json::from_slice(body).map_err(|error| Problem::NotJson {
        line: error.line(),
        column: error.column(),
        reason: error.to_string(),
    })?;
    let listed = document.is_array();
    let items = if let Value::Array(items) = document { items } else { vec![document] };
    let limit = call.state().config.server.max_rows;
    let mut truths = Vec::with_capacity(items.len());
    let mut faults = Vec::new();
    for (position, item) in items.into_iter().enumerate() {
        let told = serde_json::from_value::<Item>(item).map_err(|error| ("", "invalid", error.to_string()));
        if let Err((key, kind, msg)) = told.and_then(|item| add(call, item, &mut truths)) {
            let mut loc = if listed { vec![position.into()] } else { Vec::new() };
            if !key.is_empty() {
                loc.push(key.into());
            }
            faults.push(Fault { loc, msg, kind });
            if faults.len() == MAX_ERRORS {
                break;
            }
        }
        if truths.len() > limit {
            return Err(Problem::TooManyRows { limit });
        }
    }
    if faults.is_empty() && truths.is_empty() {
        let msg = "expected at least one answer, got none".to_owned();
        faults.push(Fault { loc: Vec::new(), msg, kind: "empty" });
    }
    if !faults.is_empty() {
        return Err(Problem::Invalid { faults });
    }
    for truth in &truths {
        truth.model.as_deref().map_or(Ok(()), |model| call.check_model(model))?;
    }
    let at = microseconds(call);
    let accepted = truths.len();
    if let Some(recorder) = &mut call.worker.desk.borrow_mut().recorder {
        recorder.truths(at, &truths).map_err(|_| Problem::NotRecorded)?;
    }
    let mut reply = Reply::json(json!({"accepted": accepted, "request_id": call.id.as_str()}).to_string());
    reply.status = StatusCode::ACCEPTED;
    Ok(reply)
}

/// Adds what an item tells, or says what is wrong with it: under which key, of which kind, and what.
fn add(
    call: &Call<'_>,
    item: Item,
    truths: &mut Vec<Truth>,
) -> Result<(), (&'static str, &'static str, String)> {
    let subject = |key: &'static str, id: String, subject: fn(_) -> Subject<'static>| {
        if is_id(&id) {
            Ok(subject(id.into()))
        } else {
            Err((key, "invalid_id", "expected 1 to 128 visible ASCII characters".to_owned()))
        }
    };
    let subject = match (item.request_id, item.id) {
        (Some(id), None) => subject("request_id", id, Subject::Request)?,
        (None, Some(id)) => subject("id", id, Subject::Caller)?,
        (None, None) => return Err(("", "missing", "expected `request_id` or `id`".to_owned())),
        (Some(_), Some(_)) => {
            return Err(("", "ambiguous", "expected one of `request_id` and `id`, got both".to_owned()));
        }
    };
    if let Some(model) = item.model.as_ref().filter(|model| !is_name(model)) {
        let shown = crate::router::shown(model);
        return Err(("model", "invalid_name", format!("expected the name of a model, got `{shown}`")));
    }
    let actuals = match (item.row, item.actual) {
        (_, Value::Null) => return Err(("actual", "missing", "`actual` is missing".to_owned())),
        // As the predictions of several rows are a list, so are their answers.
        (None, Value::Array(actuals)) => actuals,
        (_, actual) => vec![actual],
    };
    // A key for some models only says nothing of the predictions of others.
    let models: Vec<Option<String>> = match (item.model, call.key_models()) {
        (Some(model), _) => vec![Some(model)],
        (None, Some(models)) => models.iter().cloned().map(Some).collect(),
        (None, None) => vec![None],
    };
    for (position, actual) in actuals.into_iter().enumerate() {
        if actual.is_null() {
            continue;
        }
        let actual = actual.to_string();
        if actual.len() > MAX_ACTUAL {
            return Err(("actual", "too_long", format!("expected at most {MAX_ACTUAL} bytes of JSON")));
        }
        let row = item.row.unwrap_or(position as u32);
        for model in &models {
            let (subject, model, actual) = (subject.clone(), model.clone(), actual.clone());
            truths.push(Truth { subject, model, row, actual });
        }
    }
    Ok(())
}
