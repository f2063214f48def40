//! The compute pool: large batches leave the thread that decoded them, bounded in number, split over processors.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use foretell_frame::{Frame, MethodSet, Predictions};
use rayon::prelude::*;

use crate::live::LiveModel;
use crate::predict::{MAX_VIOLATIONS, PredictError, Worker};
use crate::shedding::Shedding;

/// A batch that is expected to take less runs on the thread that decoded it: handing it over costs about a
/// tenth of this, and other requests on that thread wait no longer than this.
pub const INLINE_BUDGET: Duration = Duration::from_micros(500);
/// A part of a split batch takes at least about this long, so that splitting pays.
const PART_BUDGET: Duration = Duration::from_millis(1);
/// Parts for each thread: one that is held up leaves some to the others.
const PARTS_OF_A_THREAD: usize = 4;

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
    /// Time that a crowd of jobs may wait. Once some have waited longer, those that would have to wait again are refused
    /// too, until there is time to spare.
    pub max_wait: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, max_jobs: 16 * threads, max_wait: Duration::from_millis(50) }
    }
}

/// A batch that cannot be taken now, because too many are running and waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many batches are being computed ({jobs}); try again later")]
pub struct Overloaded {
    /// How many.
    pub jobs: usize,
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
    load: Arc<Mutex<Load>>,
}

/// What the pool has to do.
#[derive(Debug, Default)]
struct Load {
    /// Jobs that run or wait.
    jobs: usize,
    /// Threads that they can use, all together.
    width: usize,
    /// Since when there are none.
    idle: Option<Instant>,
    shedding: Shedding,
}

/// The place of one job in the pool, from admission to its end, whatever that is.
#[derive(Debug)]
pub struct Place {
    load: Arc<Mutex<Load>>,
    options: PoolOptions,
    width: usize,
    since: Instant,
}

impl Place {
    /// The job waits no longer.
    pub fn started(&self) {
        let now = Instant::now();
        let wait = now.saturating_duration_since(self.since);
        let mut load = lock(&self.load);
        // A few clients are no crowd, however large their batches.
        if wait > self.options.max_wait && load.jobs > 4 * self.options.threads {
            load.shedding.begin(now);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut load = lock(&self.load);
        load.jobs -= 1;
        load.width -= self.width;
        if load.jobs == 0 && load.shedding.is_on() {
            load.idle = Some(Instant::now());
        }
    }
}

fn lock(load: &Mutex<Load>) -> MutexGuard<'_, Load> {
    // The counts are changed together or not at all.
    load.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool that has not started any thread.
    pub fn new(options: PoolOptions) -> Self {
        let options = PoolOptions { threads: options.threads.max(1), ..options };
        Self { options, threads: OnceLock::new(), load: Arc::default() }
    }

    /// Whether a batch is small enough to be computed at once on the calling thread.
    pub fn is_inline(model: &LiveModel, rows: usize) -> bool {
        model.cost().of(rows) <= INLINE_BUDGET
    }

    /// Number of jobs that run or wait.
    pub fn jobs(&self) -> usize {
        lock(&self.load).jobs
    }

    /// Hands a job to the pool. `done` is called on a thread of the pool, once; should the computation panic,
    /// it is dropped uncalled.
    ///
    /// # Errors
    /// [`PredictError::Overloaded`] when as many jobs as allowed are running and waiting, or when the system
    /// gives no threads.
    pub fn submit(&self, job: Job, done: impl FnOnce(Done) + Send + 'static) -> Result<(), PredictError> {
        let threads = self.threads()?;
        let place = self.admit(parts(&job.model, job.frame.rows(), self.options.threads))?;
        threads.spawn(move || {
            place.started();
            let result = split(&job.model, &job.frame, job.methods);
            drop(place);
            done(Done { frame: job.frame, result });
        });
        Ok(())
    }

    /// Computes a batch on all threads and waits for it.
    ///
    /// # Errors
    /// See [`Worker::predict`]; [`PredictError::Overloaded`] when the system gives no threads.
    pub fn predict(
        &self,
        place: Place,
        model: &LiveModel,
        frame: &Frame,
        methods: MethodSet,
    ) -> Result<Predictions, PredictError> {
        let answer = self.threads()?.install(|| split(model, frame, methods));
        drop(place);
        answer
    }

    /// A place for a job of a size that is not known yet: it is taken for a large one.
    ///
    /// # Errors
    /// [`PredictError::Overloaded`] when as many jobs as allowed are running and waiting.
    pub fn admit_unread(&self) -> Result<Place, PredictError> {
        Ok(self.admit(self.options.threads)?)
    }

    fn admit(&self, width: usize) -> Result<Place, Overloaded> {
        let (options, since) = (self.options, Instant::now());
        let mut load = lock(&self.load);
        if let Some(idle) = load.idle.take() {
            load.shedding.rested(since.saturating_duration_since(idle), since);
        }
        // Twice as much as the threads can do at once: none of them waits for work, and work does not wait for long.
        let crowded = load.shedding.is_on() && load.width >= 2 * options.threads;
        if crowded || load.jobs >= options.max_jobs {
            return Err(Overloaded { jobs: load.jobs });
        }
        load.jobs += 1;
        load.width += width;
        Ok(Place { load: Arc::clone(&self.load), options, width, since })
    }

    /// The threads. A system that gives none has more to do than it can.
    fn threads(&self) -> Result<&rayon::ThreadPool, Overloaded> {
        if let Some(threads) = self.threads.get() {
            return Ok(threads);
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.options.threads)
            .thread_name(|number| format!("compute-{number}"))
            // The panic has been reported; without a handler it would end the process.
            .panic_handler(|_| {})
            .build()
            .map_err(|_| Overloaded { jobs: self.jobs() })?;
        Ok(self.threads.get_or_init(|| pool))
    }
}

/// In how many parts a batch is computed at most, given how many there may be.
fn parts(model: &LiveModel, rows: usize, most: usize) -> usize {
    let worth = (model.cost().of(rows).as_nanos() / PART_BUDGET.as_nanos()).max(1) as usize;
    most.min(worth).min(rows.max(1))
}

/// Checks and computes a batch in parts on the current pool. Bit for bit the same as in one part.
fn split(model: &LiveModel, frame: &Frame, methods: MethodSet) -> Result<Predictions, PredictError> {
    let rows = frame.rows();
    let threads = rayon::current_num_threads();
    let parts = parts(model, rows, PARTS_OF_A_THREAD * threads);
    // As many for each thread.
    let parts = if parts > threads { parts - parts % threads } else { parts };
    let size = rows.div_ceil(parts).max(1);
    let compute =
        |frame: &Frame| WORKER.with_borrow_mut(|worker| worker.compute_owned(model, frame, methods));
    if parts == 1 {
        model.check(frame)?;
        return compute(frame);
    }
    // Rows that the schema does not allow, or the answer.
    let part = |start: usize| {
        let mut rows_of_part = Frame::default();
        rows_of_part.copy_rows(frame, start, (start + size).min(rows));
        model.check(&rows_of_part).map_err(|error| error.shifted(start))?;
        Ok(compute(&rows_of_part).map_err(|error| error.shifted(start)))
    };
    let answers: Vec<Result<_, PredictError>> = (0..rows).into_par_iter().step_by(size).map(part).collect();
    // What the schema does not allow is told of all rows, before what a model refuses.
    let (mut answered, mut violations) = (Vec::with_capacity(answers.len()), Vec::new());
    for answer in answers {
        match answer {
            Ok(answer) => answered.push(answer),
            Err(PredictError::Invalid { violations: more }) => violations.extend(more),
            Err(error @ (PredictError::Refused(_) | PredictError::Overloaded(_))) => return Err(error),
        }
    }
    if !violations.is_empty() {
        violations.truncate(MAX_VIOLATIONS);
        return Err(PredictError::Invalid { violations });
    }
    let mut whole = Predictions::default();
    whole.reset(0, methods);
    for answer in answered {
        whole.append(&answer?);
    }
    Ok(whole)
}
