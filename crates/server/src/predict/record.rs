//! Recording what was answered, before it is answered.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use foretell_engine::LiveModel;
use foretell_engine::log::{Entry, Payloads, Plan, Recorder};
use foretell_engine::store::ServedAs;
use foretell_frame::{Frame, Predictions};
use hyper::header::HeaderName;

use crate::problem::Problem;
use crate::request::Call;

/// The header with the caller's own id of a request.
pub(crate) const X_INFERENCE_ID: HeaderName = HeaderName::from_static("x-inference-id");
/// Characters of such an id at most.
pub(crate) const MAX_ID: usize = 128;

/// How the answer to a request is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Recording<'c> {
    pub(super) plan: Arc<Plan>,
    caller_id: Option<&'c str>,
    role: ServedAs,
}

impl<'c> Recording<'c> {
    /// How a request is recorded whose model has this plan; `None` when it is not.
    ///
    /// # Errors
    /// The caller's own id is not one.
    pub(crate) fn of(
        call: &Call<'c>,
        plan: Option<&Arc<Plan>>,
        role: ServedAs,
    ) -> Result<Option<Self>, Problem> {
        let Some(plan) = plan.filter(|plan| plan.takes(call.id.as_str())) else { return Ok(None) };
        Ok(Some(Self { plan: Arc::clone(plan), caller_id: caller_id(call)?, role }))
    }

    fn entry<'e>(&self, call: &'e Call<'_>) -> Entry<'e>
    where
        'c: 'e,
    {
        Entry {
            request_id: call.id.as_str(),
            at: microseconds(call),
            latency_us: u32::try_from(call.started.elapsed().as_micros()).unwrap_or(u32::MAX),
            key_id: call.key_id(),
            caller_id: self.caller_id,
            role: self.role,
        }
    }

    /// Records an answer.
    ///
    /// # Errors
    /// [`Problem::NotRecorded`], where requests are refused then.
    pub(crate) fn record(
        &self,
        call: &Call<'_>,
        recorder: &mut Recorder,
        model: &LiveModel,
        frame: &Frame,
        predictions: &Predictions,
    ) -> Result<(), Problem> {
        let recorded = recorder.record(&self.plan, &self.entry(call), model, frame, predictions);
        recorded.map_err(|_| Problem::NotRecorded)
    }

    /// What [`append`](Self::append) is to record, prepared on another thread.
    pub(super) fn prepared(&self, call: &Call<'_>) -> Prepared {
        let entry = self.entry(call);
        Prepared { plan: Arc::clone(&self.plan), asked: Asked::of(&entry), role: self.role }
    }

    /// Records what was prepared.
    ///
    /// # Errors
    /// [`Problem::NotRecorded`], where requests are refused then.
    pub(super) fn append(&self, call: &Call<'_>, mut payloads: Payloads) -> Result<(), Problem> {
        let Some(recorder) = &mut call.worker.desk.borrow_mut().recorder else { return Ok(()) };
        recorder.append(&self.plan, &mut payloads).map_err(|_| Problem::NotRecorded)
    }
}

/// A request as the record has it, for threads that it does not live on.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    request_id: String,
    at: i64,
    latency_us: u32,
    key_id: Option<String>,
    caller_id: Option<String>,
}

impl Asked {
    fn of(entry: &Entry<'_>) -> Self {
        Self {
            request_id: entry.request_id.to_owned(),
            at: entry.at,
            latency_us: entry.latency_us,
            key_id: entry.key_id.map(str::to_owned),
            caller_id: entry.caller_id.map(str::to_owned),
        }
    }

    /// The request of a call.
    pub(super) fn by(call: &Call<'_>) -> Self {
        let latency_us = u32::try_from(call.started.elapsed().as_micros()).unwrap_or(u32::MAX);
        Self::of(&Entry {
            request_id: call.id.as_str(),
            at: microseconds(call),
            latency_us,
            key_id: call.key_id(),
            // One that is none was refused before, where it counts.
            caller_id: caller_id(call).unwrap_or(None),
            role: ServedAs::Shadow,
        })
    }

    /// As an answer in this role is recorded.
    pub(super) fn entry(&self, role: ServedAs) -> Entry<'_> {
        Entry {
            request_id: &self.request_id,
            at: self.at,
            latency_us: self.latency_us,
            key_id: self.key_id.as_deref(),
            caller_id: self.caller_id.as_deref(),
            role,
        }
    }
}

/// How an answer is recorded that another thread computes.
pub(super) struct Prepared {
    plan: Arc<Plan>,
    asked: Asked,
    role: ServedAs,
}

impl Prepared {
    /// The records of an answer.
    pub(super) fn payloads(&self, model: &LiveModel, frame: &Frame, predictions: &Predictions) -> Payloads {
        let mut payloads = Payloads::default();
        payloads.predictions(&self.plan, &self.asked.entry(self.role), model, frame, predictions);
        payloads
    }
}

/// When a request came, in microseconds since 1970, UTC.
pub(crate) fn microseconds(call: &Call<'_>) -> i64 {
    let since = call.worker.date(call.started).duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The caller's own id of a request.
fn caller_id<'c>(call: &Call<'c>) -> Result<Option<&'c str>, Problem> {
    let Some(value) = call.head.headers.get(X_INFERENCE_ID) else { return Ok(None) };
    let id = value.to_str().ok().filter(|id| is_id(id));
    id.map(Some).ok_or_else(|| Problem::BadRequest {
        detail: format!("`X-Inference-Id` has 1 to {MAX_ID} visible ASCII characters, got another value"),
    })
}

/// Whether a text can be an id of a request.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
