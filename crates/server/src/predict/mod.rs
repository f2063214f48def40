//! The native prediction API: a body in one of many forms goes in, predictions come out.

mod csv;
mod encode;
mod json;
mod layout;
mod outputs;
mod record;
mod scan;
mod shadow;
mod shelf;

use std::borrow::Cow;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use foretell_engine::log::{Log, Plan, Recorder};
use foretell_engine::store::ServedAs;
use foretell_engine::{Done, Job, LiveModel, Pool, PredictError, Sticky, Worker as Predicting};
use foretell_frame::{Frame, MethodSet, Predictions, Schema};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::auth::X_API_KEY;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::{About, Call};
use crate::router::shown;

use self::encode::{Answer, Envelope};
use self::layout::{Decoded, Layout};
pub(crate) use self::outputs::Outputs;
use self::record::Asked;
pub(crate) use self::record::{Recording, is_id, microseconds};
use self::shadow::Mirrored;
pub(crate) use self::shadow::{Agreement, Shadows};
pub(crate) use self::shelf::{Served, Shelf};

/// A body of more bytes takes so long to decode that other requests on the same thread would feel it.
const LARGE_BODY: usize = 128 << 10;

/// Which model a path names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target<'p> {
    /// The only or the first one.
    Default,
    /// The one with this name.
    Name(Cow<'p, str>),
    /// This version of the one with this name.
    Version(Cow<'p, str>, Cow<'p, str>),
}

/// What a thread decodes and predicts with, reused from request to request.
#[derive(Debug)]
pub(crate) struct Desk {
    frame: Frame,
    predicting: Predicting,
    row: Vec<f64>,
    text: Vec<u8>,
    /// What the thread records with, where predictions are recorded.
    pub(crate) recorder: Option<Recorder>,
}

impl Desk {
    /// Without memory yet, for a service that records predictions or not.
    pub(crate) fn new(log: Option<&Arc<Log>>) -> Self {
        Self {
            frame: Frame::default(),
            predicting: Predicting::new(),
            row: Vec::new(),
            text: Vec::new(),
            recorder: log.map(Log::recorder),
        }
    }
}

/// Answers a request for a prediction in the native form.
///
/// # Errors
/// There is no such model, or the body is not what it takes.
pub(crate) async fn answer(call: &Call<'_>, target: &Target<'_>, body: Bytes) -> Result<Reply, Problem> {
    let (model, role) = choose(call, target).await?;
    let asked = call.parameter("outputs").map(|names| Outputs::parse(&names, &model.live)).transpose();
    let outputs = match &asked {
        Ok(asked) => asked.as_ref().unwrap_or(&model.defaults),
        Err(problem) => return Err(problem.clone()),
    };
    native(call, Wanted { model: &model, outputs, as_rows: false, role }, body).await.map(Reply::json)
}

/// The request id of examples.
pub(crate) const EXAMPLE_ID: &str = "01KAJ3V4T6Q0ZXH0M2N8R5W7YC";

/// What is asked of a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The model.
    pub(crate) model: &'a Rc<Served>,
    /// What is computed.
    pub(crate) outputs: &'a Outputs,
    /// Whether one record is answered like rows too, in lists.
    pub(crate) as_rows: bool,
    /// In which role the model answers.
    pub(crate) role: ServedAs,
}

/// The methods that an answer and its record need.
fn methods(outputs: &Outputs, recording: Option<&Recording<'_>>) -> MethodSet {
    let recorded = recording.map_or(MethodSet::EMPTY, |recording| recording.plan.methods());
    recorded.iter().fold(outputs.methods(), MethodSet::with)
}

impl<'a> Wanted<'a> {
    fn answer(self, call: &'a Call<'_>, decoded: &Decoded) -> Answer<'a> {
        let one = decoded.one && !self.as_rows;
        Answer {
            model: &self.model.live,
            envelope: &self.model.envelope,
            outputs: self.outputs,
            one,
            request_id: call.id.as_str(),
        }
    }
}

/// The native answer to a model's example row, as rows or as one record; `None` when the model refuses its own example.
pub(crate) fn example(model: &LiveModel, outputs: &Outputs, one: bool) -> Option<Bytes> {
    let mut predicting = Predicting::new();
    let predictions = predicting.predict(model, &model.example(1), outputs.methods()).ok()?;
    let answer = Answer { model, envelope: &Envelope::new(model), outputs, one, request_id: EXAMPLE_ID };
    Some(answer.encode(predictions, &mut Vec::new()))
}

/// The native answer of a model, as JSON, to a body in any of the forms that are accepted.
///
/// # Errors
/// The body is not what the model takes, there are too many such requests, or the answer took too long.
pub(crate) async fn native(call: &Call<'_>, wanted: Wanted<'_>, body: Bytes) -> Result<Bytes, Problem> {
    let form = Form::of(&call.head.headers)?;
    let recording = Recording::of(call, wanted.model.log.as_ref(), wanted.role)?;
    let recording = recording.as_ref();
    if body.len() > LARGE_BODY {
        return Box::pin(elsewhere(call, wanted, form, body, recording)).await;
    }
    match at_once(call, wanted, form, &body, recording)? {
        Step::Answered(answer) => Ok(answer),
        Step::Large(job, decoded) => {
            let predictions = Box::pin(compute(call, job, &decoded)).await?;
            if let Some(recording) = recording {
                let mut desk = call.worker.desk.borrow_mut();
                let frame = mem::take(&mut desk.frame);
                let recorder = desk.recorder.as_mut();
                let recorded = recorder.map_or(Ok(()), |recorder| {
                    recording.record(call, recorder, &wanted.model.live, &frame, &predictions)
                });
                desk.frame = frame;
                recorded?;
            }
            mirror(call, wanted, form, &body, &predictions);
            let answer = wanted.answer(call, &decoded);
            Ok(answer.encode(&predictions, &mut call.worker.desk.borrow_mut().text))
        }
    }
}

/// How far a request gets on the thread that received it.
enum Step {
    /// To its answer.
    Answered(Bytes),
    /// To rows that are too many to be computed there.
    Large(Job, Decoded),
}

/// Decodes a body, and predicts and encodes it unless that takes long.
fn at_once(
    call: &Call<'_>,
    wanted: Wanted<'_>,
    form: Form,
    body: &Bytes,
    recording: Option<&Recording<'_>>,
) -> Result<Step, Problem> {
    let Wanted { outputs, .. } = wanted;
    let model = &wanted.model.live;
    let max_rows = call.state().config.server.max_rows;
    let mut desk = call.worker.desk.borrow_mut();
    let Desk { frame, predicting, row, text, recorder } = &mut *desk;
    let methods = methods(outputs, recording);
    let decoded = form.decode(body, model.schema(), max_rows, frame, row)?;
    call.about.set(Some(About { model: Rc::clone(wanted.model), rows: frame.rows() }));
    if !Pool::is_inline(model, frame.rows()) {
        let job = Job { model: Arc::clone(model), frame: mem::take(frame), methods };
        return Ok(Step::Large(job, decoded));
    }
    let predictions = predicting.predict(model, frame, methods);
    let predictions = predictions.map_err(|error| refused(error, model, &decoded))?;
    if let (Some(recording), Some(recorder)) = (recording, recorder) {
        recording.record(call, recorder, model, frame, predictions)?;
    }
    mirror(call, wanted, form, body, predictions);
    Ok(Step::Answered(wanted.answer(call, &decoded).encode(predictions, text)))
}

/// Has the shadows of the model asked too.
fn mirror(call: &Call<'_>, wanted: Wanted<'_>, form: Form, body: &Bytes, predictions: &Predictions) {
    let Some(rollout) = wanted.model.rollout.as_ref().filter(|rollout| !rollout.shadows.is_empty()) else {
        return;
    };
    let primary = &wanted.model.live;
    let predicted = shadow::prediction(primary).and_then(|output| predictions.get(output.method));
    call.state().shadows.mirror(Mirrored {
        primary: Arc::clone(primary),
        rollout: Arc::clone(rollout),
        form,
        body: body.clone(),
        max_rows: call.state().config.server.max_rows,
        predicted: predicted.map_or_else(Vec::new, |output| output.values().to_vec()),
        asked: call.state().log.is_some().then(|| Asked::by(call)),
    });
}

/// Decodes, predicts and encodes a large body on a thread that serves no other requests.
async fn elsewhere(
    call: &Call<'_>,
    wanted: Wanted<'_>,
    form: Form,
    body: Bytes,
    recording: Option<&Recording<'_>>,
) -> Result<Bytes, Problem> {
    let (limit, left) = time_left(call)?;
    let state = Arc::clone(&call.worker.state);
    let (model, envelope) = (Arc::clone(&wanted.model.live), wanted.model.envelope.clone());
    let (outputs, as_rows, id) = (wanted.outputs.clone(), wanted.as_rows, call.id.clone());
    let mirrored = body.clone();
    let refuse = |error| refused(error, &wanted.model.live, &Decoded { layout: Layout::Data, one: false });
    let place = state.pool.admit_unread().map_err(refuse)?;
    let (methods, prepared) =
        (methods(&outputs, recording), recording.map(|recording| recording.prepared(call)));
    let working = tokio::task::spawn_blocking(move || {
        place.started();
        let mut frame = Frame::default();
        let max_rows = state.config.server.max_rows;
        let decoded = form.decode(&body, model.schema(), max_rows, &mut frame, &mut Vec::new())?;
        let predictions = state.pool.predict(place, &model, &frame, methods);
        let predictions = predictions.map_err(|error| refused(error, &model, &decoded))?;
        let one = decoded.one && !as_rows;
        let answer =
            Answer { model: &model, envelope: &envelope, outputs: &outputs, one, request_id: id.as_str() };
        let answer = answer.encode(&predictions, &mut Vec::new());
        let payloads = prepared.map(|prepared| prepared.payloads(&model, &frame, &predictions));
        Ok::<_, Problem>((answer, predictions, frame.rows(), payloads))
    });
    let (answer, predictions, rows, payloads) = match timeout(left, working).await {
        Ok(Ok(done)) => done?,
        // It panicked; the thread has reported it.
        Ok(Err(_)) => return Err(Problem::Internal),
        Err(_) => return Err(Problem::Deadline { limit }),
    };
    call.about.set(Some(About { model: Rc::clone(wanted.model), rows }));
    if let (Some(recording), Some(payloads)) = (recording, payloads) {
        recording.append(call, payloads)?;
    }
    mirror(call, wanted, form, &mirrored, &predictions);
    Ok(answer)
}

/// The time in which a request is to be answered, and what is left of it.
pub(crate) fn time_left(call: &Call<'_>) -> Result<(Duration, Duration), Problem> {
    let limit = call.state().config.server.deadline;
    let left = limit.checked_sub(call.started.elapsed()).ok_or(Problem::Deadline { limit })?;
    Ok((limit, left))
}

/// Lets the pool compute a large batch.
async fn compute(call: &Call<'_>, job: Job, decoded: &Decoded) -> Result<Predictions, Problem> {
    let state = call.state();
    let model = Arc::clone(&job.model);
    let (sender, receiver) = oneshot::channel();
    let (limit, left) = time_left(call)?;
    // Whoever asked may have gone by the time the answer is there.
    let done = move |done: Done| drop(sender.send(done));
    state.pool.submit(job, done).map_err(|error| refused(error, &model, decoded))?;
    match timeout(left, receiver).await {
        Ok(Ok(Done { frame, result })) => {
            call.worker.desk.borrow_mut().frame = frame;
            result.map_err(|error| refused(error, &model, decoded))
        }
        // The job panicked; the pool's thread has reported it.
        Ok(Err(_)) => Err(Problem::Internal),
        Err(_) => Err(Problem::Deadline { limit }),
    }
}

/// The model that a path names.
///
/// # Errors
/// There is no such model, or the caller's key is not for it.
pub(crate) fn find(call: &Call<'_>, target: &Target<'_>) -> Result<Rc<Served>, Problem> {
    let catalog = call.state().catalog.snapshot();
    let mut shelf = call.worker.shelf.borrow_mut();
    let models = shelf.of(&catalog);
    let named = |name: &str| models.iter().find(|model| model.live.name() == name);
    let found = match target {
        Target::Default => models.first().ok_or(Problem::NotReady)?,
        Target::Name(name) => named(name).ok_or_else(|| no_such_model(call, name, models))?,
        Target::Version(name, version) => {
            let same = |model: &&Rc<Served>| model.live.name() == name && model.live.version() == version;
            models.iter().find(same).ok_or_else(|| match named(name) {
                Some(_) => Problem::NoSuchVersion { name: shown(name), version: shown(version) },
                None => no_such_model(call, name, models),
            })?
        }
    };
    call.check_model(found.live.name())?;
    call.about.set(Some(About { model: Rc::clone(found), rows: 0 }));
    Ok(Rc::clone(found))
}

/// The version that answers a request to a path: the one that the path names, or the canary of that name where the
/// request is in its share.
///
/// # Errors
/// There is no such model.
pub(crate) async fn choose(call: &Call<'_>, target: &Target<'_>) -> Result<(Rc<Served>, ServedAs), Problem> {
    let found = match find(call, target) {
        Err(Problem::NoSuchVersion { .. }) if load(call, target).await? => find(call, target)?,
        found => found?,
    };
    let canary = found.rollout.as_ref().and_then(|rollout| rollout.canary.as_ref());
    let Some(canary) = canary.filter(|_| !matches!(target, Target::Version(..))) else {
        return Ok((found, ServedAs::Primary));
    };
    let headers = &call.head.headers;
    let text_of = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let text = match &canary.sticky {
        Sticky::Request => None,
        // Also where something in front of the service checks keys.
        Sticky::Key => call.key_id().or_else(|| text_of(&AUTHORIZATION)).or_else(|| text_of(&X_API_KEY)),
        Sticky::Header(name) => headers.get(name.as_str()).and_then(|value| value.to_str().ok()),
    };
    // A caller that cannot be told from others is drawn anew each time.
    if !canary.answers(text.unwrap_or_else(|| call.id.as_str())) {
        return Ok((found, ServedAs::Primary));
    }
    let catalog = call.state().catalog.snapshot();
    let mut shelf = call.worker.shelf.borrow_mut();
    let chosen = shelf.of(&catalog).iter().find(|served| Arc::ptr_eq(&served.live, &canary.model));
    let Some(chosen) = chosen else {
        // Replaced between the two looks at the catalog.
        return Ok((found, ServedAs::Primary));
    };
    call.about.set(Some(About { model: Rc::clone(chosen), rows: 0 }));
    Ok((Rc::clone(chosen), ServedAs::Canary))
}

/// How the answers of a model that is served are recorded, where they are.
pub(crate) fn plan_of(call: &Call<'_>, model: &Arc<LiveModel>) -> Option<Arc<Plan>> {
    let catalog = call.state().catalog.snapshot();
    let mut shelf = call.worker.shelf.borrow_mut();
    let served = shelf.of(&catalog).iter().find(|served| Arc::ptr_eq(&served.live, model))?;
    served.log.clone()
}

/// Has a version that a path names loaded from the registry. `false` when it cannot be had there.
async fn load(call: &Call<'_>, target: &Target<'_>) -> Result<bool, Problem> {
    let (Some(fleet), Target::Version(name, version)) = (&call.state().fleet, target) else {
        return Ok(false);
    };
    let (limit, left) = time_left(call)?;
    timeout(left, fleet.pin(name, version)).await.map_err(|_| Problem::Deadline { limit })
}

fn no_such_model(call: &Call<'_>, name: &str, models: &[Rc<Served>]) -> Problem {
    let names = models.iter().map(|model| model.live.name()).filter(|name| call.check_model(name).is_ok());
    let mut known: Vec<_> = names.map(str::to_owned).collect();
    known.dedup();
    Problem::NoSuchModel { name: shown(name), known }
}

/// The content types of [`Form`].
pub(crate) const PREDICTABLE: &str = "`application/json` or `text/csv`";

/// The format of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON of any of the forms that are understood.
    Json,
    /// Rows as CSV text.
    Csv,
}

/// Decodes a body as a request's, without a service around it: for tools that try bodies out. The rows are in `frame`
/// afterwards, in the schema's layout.
///
/// # Errors
/// What the answer would say of a body that is not what the schema takes.
pub fn decode_body(
    form: Form,
    body: &[u8],
    schema: &Schema,
    max_rows: usize,
    frame: &mut Frame,
) -> Result<(), String> {
    form.decode(body, schema, max_rows, frame, &mut Vec::new())
        .map(drop)
        .map_err(|problem| problem.to_string())
}

/// The same without the shortcut for plain rows, which must make no difference.
///
/// # Errors
/// As [`decode_body`].
pub fn decode_json_slowly(
    body: &[u8],
    schema: &Schema,
    max_rows: usize,
    frame: &mut Frame,
) -> Result<(), String> {
    json::decode(body, schema, max_rows, frame).map(drop).map_err(|problem| problem.to_string())
}

impl Form {
    /// Decodes a body in this form. `row` is memory to gather a row in.
    fn decode(
        self,
        body: &[u8],
        schema: &Schema,
        max_rows: usize,
        frame: &mut Frame,
        row: &mut Vec<f64>,
    ) -> Result<Decoded, Problem> {
        match self {
            Self::Json if scan::rows(body, schema, max_rows, frame, row) => {
                Ok(Decoded { layout: Layout::Data, one: false })
            }
            Self::Json => json::decode(body, schema, max_rows, frame),
            Self::Csv => csv::decode(body, schema, max_rows, frame),
        }
    }

    /// The form that a request says its body has.
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        Self::told(headers)
            .map_err(|got| Problem::WrongContentType { got: shown(&got), expected: PREDICTABLE })
    }

    /// Checks that a request says its body to be JSON.
    pub(crate) fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
        let expected = "`application/json`";
        match Self::told(headers) {
            Ok(Self::Json) => Ok(()),
            Ok(Self::Csv) => Err(Problem::WrongContentType { got: "text/csv".to_owned(), expected }),
            Err(got) => Err(Problem::WrongContentType { got: shown(&got), expected }),
        }
    }

    /// The form, or the content type that is none. A body without a content type is taken for JSON.
    fn told(headers: &HeaderMap) -> Result<Self, Cow<'_, str>> {
        let Some(value) = headers.get(CONTENT_TYPE) else {
            return Ok(Self::Json);
        };
        let bytes = value.as_bytes();
        if bytes == b"application/json" {
            return Ok(Self::Json);
        }
        let essence = bytes.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        match essence.to_ascii_lowercase().as_slice() {
            b"application/json" | b"text/json" => Ok(Self::Json),
            essence if essence.starts_with(b"application/") && essence.ends_with(b"+json") => Ok(Self::Json),
            b"text/csv" | b"application/csv" => Ok(Self::Csv),
            _ => Err(String::from_utf8_lossy(bytes)),
        }
    }
}

/// What became of a batch that was not predicted.
fn refused(error: PredictError, model: &LiveModel, decoded: &Decoded) -> Problem {
    match error {
        PredictError::Invalid { violations } => {
            Problem::Invalid { faults: decoded.layout.faults(&violations, model.schema()) }
        }
        PredictError::Refused(source) => Problem::invalid(Vec::new(), "refused", source.to_string()),
        PredictError::Overloaded(_) => Problem::Overloaded,
    }
}
