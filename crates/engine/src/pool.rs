//! The compute pool: large batches leave the thread that decoded them, bounded in number, split over processors.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use foretell_frame::{Frame, MethodSet, Predictions};
use rayon::prelude::*;

use crate::live::LiveModel;
use crate::predict::{PredictError, Worker};

/// A batch that is expected to take less runs on the thread that decoded it: handing it over costs about a
/// tenth of this, and other requests on that thread wait no longer than this.
pub const INLINE_BUDGET: Duration = Duration::from_micros(500);
/// A part of a split batch takes at least about this long, so that splitting pays.
const PART_BUDGET: Duration = Duration::from_millis(1);

thread_local! {
    /// What the pool's threads compute with, kept from one part to the next.
    static WORKER: RefCell<Worker> = RefCell::new(Worker::new());
}

/// How the pool is sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolOptions {
    /// Threads that compute.
    pub threads: usize,
    /// Jobs that may run or wait at once; more are refused as overload.
    pub max_jobs: usize,
}

impl Default for PoolOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, max_jobs: 16 * threads }
    }
}

/// A batch that cannot be taken now, because as many as allowed are running and waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many batches are being computed (at most {max_jobs})")]
pub struct Overloaded {
    /// How many are allowed.
    pub max_jobs: usize,
}

/// A job to compute: whole batches, owned, so that whoever asked need not wait.
#[derive(Debug)]
pub struct Job {
    /// The model, as it was when the request came.
    pub model: Arc<LiveModel>,
    /// The rows.
    pub frame: Frame,
    /// What to compute.
    pub methods: MethodSet,
}

/// What became of a job: the rows come back for reuse.
#[derive(Debug)]
pub struct Done {
    /// The rows of the job.
    pub frame: Frame,
    /// The answer.
    pub result: Result<Predictions, PredictError>,
}

/// Threads for large batches and a bound on how many batches they are given. The threads start with the first
/// batch.
#[derive(Debug)]
pub struct Pool {
    options: PoolOptions,
    threads: OnceLock<rayon::ThreadPool>,
    jobs: Arc<AtomicUsize>,
}

/// Counts one job from admission to its end, whatever that is.
struct Admitted(Arc<AtomicUsize>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Pool {
    /// A pool that has not started any thread.
    pub fn new(options: PoolOptions) -> Self {
        Self { options, threads: OnceLock::new(), jobs: Arc::default() }
    }

    /// Whether a batch is small enough to be computed at once on the calling thread.
    pub fn is_inline(model: &LiveModel, rows: usize) -> bool {
        model.cost().of(rows) <= INLINE_BUDGET
    }

    /// Number of jobs that run or wait.
    pub fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Acquire)
    }

    /// Hands a job to the pool. `done` is called on a thread of the pool, once; should the computation panic,
    /// it is dropped uncalled.
    ///
    /// # Errors
    /// [`PredictError::Overloaded`] when as many jobs as allowed are running and waiting, or when the system
    /// gives no threads.
    pub fn submit(&self, job: Job, done: impl FnOnce(Done) + Send + 'static) -> Result<(), PredictError> {
        let threads = self.threads()?;
        let admitted = self.admit()?;
        threads.spawn(move || {
            let result = split(&job.model, &job.frame, job.methods);
            drop(admitted);
            done(Done { frame: job.frame, result });
        });
        Ok(())
    }

    /// Computes a batch on all threads and waits for it.
    ///
    /// # Errors
    /// See [`Worker::predict`]; [`PredictError::Overloaded`] as for [`Pool::submit`].
    pub fn predict(
        &self,
        model: &LiveModel,
        frame: &Frame,
        methods: MethodSet,
    ) -> Result<Predictions, PredictError> {
        let threads = self.threads()?;
        let _admitted = self.admit()?;
        threads.install(|| split(model, frame, methods))
    }

    fn overloaded(&self) -> Overloaded {
        Overloaded { max_jobs: self.options.max_jobs }
    }

    fn admit(&self) -> Result<Admitted, Overloaded> {
        let admitted = Admitted(Arc::clone(&self.jobs));
        if self.jobs.fetch_add(1, Ordering::AcqRel) >= self.options.max_jobs {
            return Err(self.overloaded());
        }
        Ok(admitted)
    }

    /// The threads. A system that gives none has more to do than it can.
    fn threads(&self) -> Result<&rayon::ThreadPool, Overloaded> {
        if let Some(threads) = self.threads.get() {
            return Ok(threads);
        }
        let threads = self.options.threads.max(1);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("compute-{number}"))
            // The panic has been reported; without a handler it would end the process.
            .panic_handler(|_| {})
            .build()
            .map_err(|_| self.overloaded())?;
        Ok(self.threads.get_or_init(|| pool))
    }
}

/// Computes a batch in parts on the current pool. Bit for bit the same as in one part.
fn split(model: &LiveModel, frame: &Frame, methods: MethodSet) -> Result<Predictions, PredictError> {
    model.check(frame)?;
    let rows = frame.rows();
    let most = (model.cost().of(rows).as_nanos() / PART_BUDGET.as_nanos()).max(1) as usize;
    let parts = rayon::current_num_threads().min(most).min(rows.max(1));
    let size = rows.div_ceil(parts).max(1);
    if parts == 1 {
        return WORKER.with_borrow_mut(|worker| worker.compute_owned(model, frame, methods));
    }
    let part = |start: usize| {
        let mut rows_of_part = Frame::default();
        rows_of_part.copy_rows(frame, start, (start + size).min(rows));
        WORKER
            .with_borrow_mut(|worker| worker.compute_owned(model, &rows_of_part, methods))
            .map_err(|error| error.shifted(start))
    };
    let answers: Vec<_> = (0..rows).into_par_iter().step_by(size).map(part).collect();
    let mut whole = Predictions::default();
    whole.reset(0, methods);
    for answer in answers {
        whole.append(&answer?);
    }
    Ok(whole)
}
