//! Moving what is in the journal into the store, on a thread of its own.
//!
//! The thread, and those that its connections start, run while no other wants the processor, and while the process is
//! busy only a part of the time: under full load the journal grows, within its bounds, and is caught up with afterwards.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use foretell_journal::{Batch, OVERHEAD, Reader, SegmentId, Sync as SpoolSync};
use foretell_store::{LogBatch, SegmentSpan, Store, StoreError, StoreOptions, now};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::options::Log;
use super::record::{self, Schemas};
use crate::priority::step_back;

/// Records of a batch at most; fewer when the database is slow.
const MOST: usize = 5000;
/// Records of a batch at least, where as many wait.
const LEAST: usize = 50;
/// Bytes of a batch.
const BYTES: usize = 4 << 20;
/// How long the journal may gather before it is looked at again.
const GATHER: Duration = Duration::from_millis(100);
/// The share of all processors from which on the process counts as busy.
const BUSY: f64 = 0.4;
/// How many times as long as it worked the thread rests while the process is busy.
const RESTS: u32 = 3;
/// The part of the journal that may wait before there is no more rest.
const CROWDED: u64 = 4;
/// How long writing a batch may take; then fewer are tried.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause after the first failure, and after many.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// How often what dead processes left is looked for.
const ADOPT: Duration = Duration::from_secs(15);

/// The thread. Dropping it without [`stop`](Self::stop) lets it end soon.
#[derive(Debug)]
pub struct Drain {
    /// Until when it may go on.
    until: watch::Sender<Option<Instant>>,
    thread: Option<JoinHandle<()>>,
}

impl Drain {
    /// Starts moving records into the store of these options, which is opened on the thread when it can be.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(log: Arc<Log>, reader: Reader, store: StoreOptions) -> io::Result<Self> {
        // What the journal may lose with the power, the store may lose too.
        let durable = log.options().spool.sync != SpoolSync::Never;
        let store = StoreOptions { durable, ..store };
        let (until, stop) = watch::channel(None);
        let thread = thread::Builder::new().name("log-writer".into()).spawn(move || {
            step_back();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => {
                    let mut work = Work::new(log, reader, store, stop);
                    runtime.block_on(work.run());
                }
                Err(error) => tracing::error!(%error, "the record of predictions stays in the journal"),
            }
        })?;
        Ok(Self { until, thread: Some(thread) })
    }

    /// Moves what is left, for as long as `patience` and the database allow; the rest is left for the next start.
    pub fn stop(mut self, patience: Duration) {
        self.until.send_replace(Some(Instant::now() + patience));
        if let Some(thread) = self.thread.take() {
            // Its panic has been reported by then.
            let _ = thread.join();
        }
    }
}

struct Work {
    log: Arc<Log>,
    reader: Reader,
    options: StoreOptions,
    store: Option<Store>,
    stop: watch::Receiver<Option<Instant>>,
    batch: Batch,
    /// The schemas of the segments that are being read.
    schemas: HashMap<SegmentId, Schemas>,
    most: usize,
    failures: u32,
    adopted: Instant,
    retained: Option<Instant>,
    usage: Usage,
}

/// What became of one step.
enum Step {
    /// Records were written.
    Wrote(usize),
    /// None wait.
    Idle,
    /// They cannot be written now.
    Failed(String),
}

impl Work {
    fn new(
        log: Arc<Log>,
        reader: Reader,
        options: StoreOptions,
        stop: watch::Receiver<Option<Instant>>,
    ) -> Self {
        Self {
            log,
            reader,
            options,
            store: None,
            stop,
            batch: Batch::default(),
            schemas: HashMap::new(),
            most: MOST,
            failures: 0,
            adopted: Instant::now(),
            retained: None,
            usage: Usage::new(),
        }
    }

    async fn run(&mut self) {
        loop {
            let until = *self.stop.borrow();
            if until.is_some_and(|until| Instant::now() >= until) || self.stop.has_changed().is_err() {
                break;
            }
            let started = Instant::now();
            let step = match until {
                None => self.step().await,
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    timeout(left, self.step()).await.unwrap_or(Step::Idle)
                }
            };
            match step {
                Step::Wrote(records) => {
                    self.failures = 0;
                    // Many small batches would cost several times what few large ones do.
                    let all = records < self.most;
                    self.most = (self.most * 2).min(MOST);
                    self.keep_house().await;
                    let busy = self.usage.since_last() > BUSY;
                    if until.is_none() && all {
                        self.rest(GATHER).await;
                    } else if until.is_none() && busy && !self.is_crowded() {
                        self.rest(started.elapsed() * RESTS).await;
                    }
                }
                Step::Idle if until.is_some() => break,
                Step::Idle => {
                    self.keep_house().await;
                    self.rest(GATHER).await;
                }
                Step::Failed(error) => {
                    if self.log.counts.failed() {
                        tracing::error!(error, "the record of predictions waits: it cannot be written");
                    }
                    self.most = (self.most / 2).max(LEAST);
                    self.failures = self.failures.saturating_add(1);
                    let pause = PAUSES[0].saturating_mul(1 << self.failures.min(10)).min(PAUSES[1]);
                    self.rest(pause).await;
                }
            }
        }
        let waiting = self.log.status().waiting_bytes;
        if waiting > 0 {
            tracing::warn!(bytes = waiting, "a part of the record of predictions is left for the next start");
        }
    }

    /// Whether so much waits that it matters more than what writing costs.
    fn is_crowded(&self) -> bool {
        self.log.status().waiting_bytes > self.log.options().spool.max_bytes / CROWDED
    }

    /// Waits, or until it is told to stop.
    async fn rest(&mut self, pause: Duration) {
        if self.stop.borrow().is_some() {
            return sleep(pause.min(GATHER)).await;
        }
        tokio::select! { () = sleep(pause) => {}, _ = self.stop.changed() => {} }
    }

    /// Reads a batch and writes it.
    async fn step(&mut self) -> Step {
        match self.reader.read(&mut self.batch, self.most, BYTES) {
            Ok(true) => self
                .log
                .counts
                .waits_since(self.batch.records().find_map(|(_, payload)| record::time(payload))),
            Ok(false) => {
                self.log.counts.waits_since(None);
                return Step::Idle;
            }
            Err(error) => return Step::Failed(crate::with_causes(&error)),
        }
        let store = match self.store().await {
            Ok(store) => store,
            Err(error) => return Step::Failed(crate::with_causes(&error)),
        };
        let Some(id) = self.batch.segment().cloned() else { return Step::Idle };
        let span = SegmentSpan {
            journal: id.journal.clone(),
            segment: id.number,
            start: self.batch.start(),
            end: self.batch.end(),
        };
        let schemas = self.schemas.entry(id).or_default();
        let (mut rows, mut positions, mut lost) = (LogBatch::default(), HashMap::new(), 0);
        for (end, payload) in self.batch.records() {
            let offset = end - (payload.len() + OVERHEAD) as u64;
            if record::read(payload, offset, schemas, &mut positions, &mut rows).is_none() {
                lost += 1;
            }
        }
        let records = self.batch.records().len();
        match timeout(PATIENCE, store.append_log(&rows, &span)).await {
            Ok(Ok(written)) => {
                drop(rows);
                if lost > 0 {
                    tracing::error!(records = lost, "records were not understood and are lost");
                    self.log.counts.unreadable.fetch_add(lost, Relaxed);
                }
                self.reader.done(&self.batch);
                self.log.counts.succeeded(written);
                self.sweep(&store).await;
                Step::Wrote(records)
            }
            Ok(Err(error)) => Step::Failed(crate::with_causes(&error)),
            Err(_) => Step::Failed(format!("the database took longer than {PATIENCE:?}")),
        }
    }

    async fn store(&mut self) -> Result<Store, StoreError> {
        if let Some(store) = &self.store {
            return Ok(store.clone());
        }
        let store = Store::open(&self.options).await?;
        Ok(self.store.insert(store).clone())
    }

    /// Deletes the segments that are done.
    async fn sweep(&mut self, store: &Store) {
        match self.reader.sweep() {
            Ok(gone) => {
                for id in gone {
                    self.schemas.remove(&id);
                    // A position that stays is a row that nobody reads.
                    let _ = timeout(PATIENCE, store.forget_segment(&id.journal, id.number)).await;
                }
            }
            Err(error) => {
                let error = crate::with_causes(&error);
                tracing::error!(error, "a segment that is done cannot be deleted");
            }
        }
    }

    /// What is done now and then, also while records keep coming: taking over what dead processes left, and forgetting what is too old.
    async fn keep_house(&mut self) {
        if self.adopted.elapsed() >= ADOPT {
            self.adopted = Instant::now();
            if let Err(error) = self.reader.adopt() {
                let error = crate::with_causes(&error);
                tracing::warn!(error, "what other processes left of the record cannot be taken over");
            }
        }
        let options = self.log.options();
        let due = self.retained.is_none_or(|last| last.elapsed() >= options.retain_every);
        let retention = options.retention;
        if due && retention != foretell_store::Retention::default() {
            self.retained = Some(Instant::now());
            let Ok(store) = self.store().await else { return };
            let forgotten = timeout(PATIENCE, store.retain(&retention, now())).await;
            match forgotten.unwrap_or(Ok(None)) {
                Ok(Some(removed)) if removed != foretell_store::Removed::default() => tracing::info!(
                    rows = removed.rows,
                    days = removed.days,
                    feedback = removed.feedback,
                    "old predictions were forgotten"
                ),
                Ok(_) => {}
                Err(error) => {
                    let error = crate::with_causes(&error);
                    tracing::warn!(error, "old predictions cannot be forgotten now");
                }
            }
        }
    }
}

/// The processor time that the process takes.
#[derive(Debug)]
struct Usage {
    processors: f64,
    /// When it was looked at last, and what it had taken by then.
    last: (Instant, Duration),
}

impl Usage {
    fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from) as f64;
        Self { processors, last: (Instant::now(), processor_time()) }
    }

    /// The share of all processors that the process has taken since the last call.
    fn since_last(&mut self) -> f64 {
        let now = (Instant::now(), processor_time());
        let (then, before) = std::mem::replace(&mut self.last, now);
        let taken = now.1.saturating_sub(before).as_secs_f64();
        taken / (now.0.duration_since(then).as_secs_f64() * self.processors).max(f64::MIN_POSITIVE)
    }
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}
