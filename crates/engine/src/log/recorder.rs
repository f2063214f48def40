//! One thread's way into the journal.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use foretell_frame::{Frame, Predictions};
use foretell_journal::{AppendError, Appender};

use super::options::{Log, WhenFull};
use super::plan::Plan;
use super::record::{Entry, Payloads, Truth};
use crate::live::LiveModel;

/// Bytes that the record of a schema has beside its texts.
const SCHEMA_HEAD: usize = 17;

/// What was asked for cannot be recorded, and so must not be answered.
#[derive(Debug, thiserror::Error)]
#[error("the prediction cannot be recorded")]
pub struct RecordFailure(#[from] AppendError);

/// Appends to the journal, for one thread.
#[derive(Debug)]
pub struct Recorder {
    log: Arc<Log>,
    appender: Appender,
    /// The segment that has the schemas in `known`.
    segment: Option<u64>,
    /// The schemas that are in the segment, each under its position as number.
    known: Vec<Arc<Plan>>,
    payloads: Payloads,
    schema: Payloads,
    /// Whether the last attempt failed: of a series of failures the first is reported.
    failing: bool,
}

impl Recorder {
    pub(super) fn new(log: Arc<Log>, appender: Appender) -> Self {
        let (payloads, schema) = (Payloads::default(), Payloads::default());
        Self { log, appender, segment: None, known: Vec::new(), payloads, schema, failing: false }
    }

    /// Records what a model answered. When this returns, it is in a file and survives the end of the process; or it was
    /// dropped and counted, where that was chosen.
    ///
    /// # Errors
    /// There is no room for it, and requests are to be refused then.
    pub fn record(
        &mut self,
        plan: &Arc<Plan>,
        entry: &Entry<'_>,
        model: &LiveModel,
        frame: &Frame,
        predictions: &Predictions,
    ) -> Result<(), RecordFailure> {
        let mut payloads = std::mem::take(&mut self.payloads);
        payloads.predictions(plan, entry, model, frame, predictions);
        let done = self.append(plan, &mut payloads);
        self.payloads = payloads;
        done
    }

    /// Records what was prepared elsewhere.
    ///
    /// # Errors
    /// As of [`record`](Self::record).
    pub fn append(&mut self, plan: &Arc<Plan>, payloads: &mut Payloads) -> Result<(), RecordFailure> {
        let appended = self.try_append(plan, payloads);
        self.settle(appended, self.log.options().when_full)
    }

    /// Records an answer that nobody waits for: what has no room is dropped and counted.
    pub fn record_aside(
        &mut self,
        plan: &Arc<Plan>,
        entry: &Entry<'_>,
        model: &LiveModel,
        frame: &Frame,
        predictions: &Predictions,
    ) {
        let mut payloads = std::mem::take(&mut self.payloads);
        payloads.predictions(plan, entry, model, frame, predictions);
        let appended = self.try_append(plan, &mut payloads);
        self.payloads = payloads;
        // Dropping is no failure.
        let _ = self.settle(appended, WhenFull::Drop);
    }

    /// Records known answers that came at a time (microseconds since 1970, UTC).
    ///
    /// # Errors
    /// There is no room for them. They are never dropped: whoever sends them can send them again.
    pub fn truths(&mut self, at: i64, truths: &[Truth]) -> Result<(), RecordFailure> {
        let mut payloads = std::mem::take(&mut self.payloads);
        payloads.truths(at, truths);
        let appended = self.append_all(&payloads);
        self.payloads = payloads;
        self.settle(appended, WhenFull::Refuse)
    }

    fn settle(
        &mut self,
        appended: Result<(), AppendError>,
        when_full: WhenFull,
    ) -> Result<(), RecordFailure> {
        let first = !std::mem::replace(&mut self.failing, appended.is_err());
        let Err(error) = appended else { return Ok(()) };
        if first {
            let error = crate::with_causes(&error);
            tracing::error!(error, "predictions cannot be recorded");
        }
        let counts = &self.log.counts;
        match when_full {
            WhenFull::Refuse => {
                counts.refused.fetch_add(1, Relaxed);
                Err(error.into())
            }
            WhenFull::Drop => {
                counts.dropped.fetch_add(1, Relaxed);
                Ok(())
            }
        }
    }

    fn try_append(&mut self, plan: &Arc<Plan>, payloads: &mut Payloads) -> Result<(), AppendError> {
        let schema = &plan.schema;
        let texts = schema.model.len() + schema.version.len() + schema.document.len();
        // The schema is to stand in the same segment, before what refers to it.
        let bytes = payloads.bytes() + texts + SCHEMA_HEAD;
        let segment = self.appender.prepare(payloads.len() + 1, bytes)?;
        if self.segment.replace(segment) != Some(segment) {
            self.known.clear();
        }
        let same = |known: &Arc<Plan>| Arc::ptr_eq(known, plan) || known.schema == *schema;
        let number = match self.known.iter().position(same) {
            Some(number) => number,
            None => {
                self.schema.schema(self.known.len() as u32, schema);
                for payload in self.schema.iter() {
                    self.appender.append(payload)?;
                }
                self.known.push(Arc::clone(plan));
                self.known.len() - 1
            }
        };
        payloads.set_schema(number as u32);
        self.append_all(payloads)
    }

    fn append_all(&mut self, payloads: &Payloads) -> Result<(), AppendError> {
        payloads.iter().try_for_each(|payload| self.appender.append(payload))
    }
}
