//! Shadows: versions that are asked what the version in front of them was asked, and never answer.
//!
//! A thread of their own decodes the body again, for the shadow's own schema, and predicts. The request that is
//! mirrored waits for nothing; when the thread cannot keep up, requests are left out and counted.

use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use bytes::Bytes;
use foretell_engine::log::{Log, Plan, Recorder};
use foretell_engine::store::ServedAs;
use foretell_engine::{LiveModel, Rollout, Values, Worker as Predicting};
use foretell_frame::{Frame, Method, Predictions};
use serde_json::Value;

use super::Form;
use super::outputs::{Output, Outputs};
use super::record::Asked;
use super::shelf::plan;
use crate::models::{label, number_value};

/// Requests that may wait to be mirrored.
const WAITING: usize = 256;
/// Two values of a regression that differ by less than this, relative to the larger one, agree.
const CLOSE: f64 = 1e-6;

/// A request that a shadow is to be asked as well.
pub(super) struct Mirrored {
    /// Who answered it.
    pub(super) primary: Arc<LiveModel>,
    /// Who is to be asked too.
    pub(super) rollout: Arc<Rollout>,
    pub(super) form: Form,
    pub(super) body: Bytes,
    pub(super) max_rows: usize,
    /// What was answered: the values of the output `prediction`. Empty where that was not asked for.
    pub(super) predicted: Vec<f64>,
    /// The request as it is recorded, where it may be.
    pub(super) asked: Option<Asked>,
}

/// How a shadow compares with the version in front of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Agreement {
    /// The model's name.
    pub(crate) model: String,
    /// The shadow's version.
    pub(crate) version: String,
    /// Rows with the same class, or values that differ by no more than rounding.
    pub(crate) same: u64,
    /// Rows with another class or value.
    pub(crate) different: u64,
    /// Requests that the shadow refused.
    pub(crate) refused: u64,
    /// Sum of the absolute differences of a regression's values.
    pub(crate) absolute_difference: f64,
}

/// The thread that asks shadows; it starts with the first request.
pub(crate) struct Shadows {
    log: Option<Arc<Log>>,
    queue: OnceLock<SyncSender<Mirrored>>,
    tally: Arc<Mutex<Tally>>,
}

#[derive(Debug, Default)]
struct Tally {
    agreements: Vec<Agreement>,
    left_out: u64,
}

impl fmt::Debug for Shadows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shadows").field("tally", &self.tally).finish_non_exhaustive()
    }
}

impl Shadows {
    /// Without shadows yet.
    pub(crate) fn new(log: Option<Arc<Log>>) -> Self {
        Self { log, queue: OnceLock::new(), tally: Arc::default() }
    }

    /// Has the shadows of a request asked, when there is time.
    pub(super) fn mirror(&self, mirrored: Mirrored) {
        let queue = self.queue.get_or_init(|| self.start());
        match queue.try_send(mirrored) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => lock(&self.tally).left_out += 1,
        }
    }

    /// How each shadow that was asked compares, and how many requests were left out.
    pub(crate) fn agreements(&self) -> (Vec<Agreement>, u64) {
        let tally = lock(&self.tally);
        (tally.agreements.clone(), tally.left_out)
    }

    fn start(&self) -> SyncSender<Mirrored> {
        let (queue, waiting) = sync_channel(WAITING);
        let (tally, log) = (Arc::clone(&self.tally), self.log.clone());
        let started = thread::Builder::new()
            .name("shadows".into())
            .spawn(move || ask_all(&waiting, &tally, log.as_ref().map(Record::new)));
        if let Err(error) = started {
            // The queue has no receiver then, and every request is left out.
            tracing::error!(%error, "cannot start the thread that asks shadows");
        }
        queue
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    // Every change is a single addition.
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks until the service has ended.
fn ask_all(waiting: &Receiver<Mirrored>, tally: &Mutex<Tally>, mut record: Option<Record>) {
    let (mut frame, mut row, mut predicting) = (Frame::default(), Vec::new(), Predicting::new());
    while let Ok(mirrored) = waiting.recv() {
        for shadow in &mirrored.rollout.shadows {
            let decoded = mirrored.form.decode(
                &mirrored.body,
                shadow.schema(),
                mirrored.max_rows,
                &mut frame,
                &mut row,
            );
            let outputs = Outputs::of(shadow);
            let predicted =
                decoded.ok().and_then(|_| predicting.predict(shadow, &frame, outputs.methods()).ok());
            if let (Some(record), Some(predictions), Some(asked)) = (&mut record, predicted, &mirrored.asked)
            {
                record.add(shadow, asked, &frame, predictions);
            }
            let mut tally = lock(tally);
            let agreement = of(&mut tally.agreements, shadow);
            match predicted {
                Some(predictions) => compare(agreement, &mirrored, shadow, predictions),
                None => agreement.refused += 1,
            }
        }
    }
}

/// The way of shadows' answers into the record.
struct Record {
    log: Arc<Log>,
    recorder: Recorder,
    /// How the answers of shadows are recorded.
    plans: Vec<(Arc<LiveModel>, Option<Arc<Plan>>)>,
}

/// Shadows whose plans are kept: more than ever are asked at once.
const PLANS: usize = 16;

impl Record {
    fn new(log: &Arc<Log>) -> Self {
        Self { log: Arc::clone(log), recorder: log.recorder(), plans: Vec::new() }
    }

    fn add(&mut self, shadow: &Arc<LiveModel>, asked: &Asked, frame: &Frame, predictions: &Predictions) {
        let known = self.plans.iter().position(|(model, _)| Arc::ptr_eq(model, shadow));
        let position = known.unwrap_or_else(|| {
            if self.plans.len() == PLANS {
                self.plans.remove(0);
            }
            self.plans.push((Arc::clone(shadow), plan(Some(&self.log), shadow).map(Arc::new)));
            self.plans.len() - 1
        });
        let Some(plan) = self.plans[position].1.as_ref() else { return };
        let entry = asked.entry(ServedAs::Shadow);
        if plan.takes(entry.request_id) {
            self.recorder.record_aside(plan, &entry, shadow, frame, predictions);
        }
    }
}

/// The entry of a shadow. There is one for each version that was ever a shadow of this service.
fn of<'t>(agreements: &'t mut Vec<Agreement>, shadow: &LiveModel) -> &'t mut Agreement {
    let known =
        agreements.iter().position(|known| known.model == shadow.name() && known.version == shadow.version());
    let position = known.unwrap_or_else(|| {
        let (model, version) = (shadow.name().to_owned(), shadow.version().to_owned());
        agreements.push(Agreement { model, version, ..Agreement::default() });
        agreements.len() - 1
    });
    &mut agreements[position]
}

fn compare(agreement: &mut Agreement, mirrored: &Mirrored, shadow: &LiveModel, predictions: &Predictions) {
    let (Some(theirs), Some(ours)) = (prediction(&mirrored.primary), prediction(shadow)) else { return };
    let values = predictions.get(ours.method).map_or(&[][..], |output| output.values());
    for (theirs_value, our_value) in mirrored.predicted.iter().zip(values) {
        let answered = shown(&mirrored.primary, theirs.method, *theirs_value);
        let same = match (&answered, shown(shadow, ours.method, *our_value)) {
            (None, None) => {
                let difference = (theirs_value - our_value).abs();
                if difference.is_finite() {
                    agreement.absolute_difference += difference;
                }
                difference <= CLOSE * theirs_value.abs().max(our_value.abs())
                    || theirs_value.to_bits() == our_value.to_bits()
            }
            (answered, class) => *answered == class,
        };
        let count = if same { &mut agreement.same } else { &mut agreement.different };
        *count += 1;
    }
}

/// The output `prediction` of a model.
pub(super) fn prediction(model: &LiveModel) -> Option<Output> {
    Outputs::available(model).find(|output| output.name == "prediction")
}

/// The class that a value stands for; `None` where the value is the prediction itself.
fn shown(model: &LiveModel, method: Method, value: f64) -> Option<Value> {
    match model.values(method) {
        // A model of several targets has its values side by side; classes are compared by position there.
        Values::Classes([only]) => Some(label(only, value as usize)),
        Values::Classes(_) => Some(number_value(value)),
        Values::Numbers | Values::Table(_) => None,
    }
}
