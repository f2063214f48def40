//! What the service counts, and its answer in Prometheus' text format.
//!
//! A request is recorded into one [`Series`], an `Arc` that the router holds for each of its endpoints, so that
//! recording looks nothing up. A series is split over a few shards, each on cache lines of its own, and a thread always
//! writes to the same shard: recording costs four uncontended atomic additions. Label values come from the
//! configuration and the model files, never from a request, so their number is bounded.

mod process;
mod recorder;
mod render;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foretell_engine::log::LogStatus;
use foretell_engine::quality::Quality;
use foretell_engine::store::RunOutcome;

use crate::predict::Agreement;
use crate::problem::Problem;
use crate::tls::TlsCounts;
pub(crate) use recorder::{Answered, Recorder};
pub(crate) use render::CONTENT_TYPE;

/// Upper bounds of the latency histogram, in seconds: from 50 microseconds, because a small model answers in less than
/// a client library's default first bucket of 5 milliseconds.
const BOUNDS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const REASONS: [Rejection; 5] = [
    Rejection::Overloaded,
    Rejection::Deadline,
    Rejection::NotReady,
    Rejection::RateLimited,
    Rejection::NotRecorded,
];
/// More shards than cores buy nothing, and a scrape adds them all up.
const MOST_SHARDS: usize = 16;

/// Why a request was turned away although nothing was wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rejection {
    /// As many requests as allowed were under way.
    Overloaded,
    /// It was not answered before its deadline.
    Deadline,
    /// The service was about to stop, or not ready yet.
    NotReady,
    /// Its caller asks more often than it may.
    RateLimited,
    /// The record of predictions had no room for it.
    NotRecorded,
}

impl Rejection {
    fn of(problem: &Problem) -> Option<Self> {
        let reasons = [
            (matches!(problem, Problem::Overloaded), Self::Overloaded),
            (matches!(problem, Problem::Deadline { .. }), Self::Deadline),
            (matches!(problem, Problem::NotReady), Self::NotReady),
            (matches!(problem, Problem::TooManyRequests { .. }), Self::RateLimited),
            (matches!(problem, Problem::NotRecorded), Self::NotRecorded),
        ];
        reasons.into_iter().find_map(|(is, reason)| is.then_some(reason))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Deadline => "deadline",
            Self::NotReady => "not_ready",
            Self::RateLimited => "rate_limited",
            Self::NotRecorded => "not_recorded",
        }
    }
}

/// What tells one series from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labels {
    /// The endpoint's path pattern, such as `/models/{name}/predict`.
    pub route: String,
    /// Name of the model or dataset; empty where the endpoint has none.
    pub model: String,
    /// The model's version; empty where there is none.
    pub version: String,
}

/// The counters of one endpoint and model.
#[derive(Debug)]
pub(crate) struct Series {
    labels: Labels,
    shards: Box<[Shard]>,
}

/// One thread's part of a series. 128 bytes is two cache lines, which some processors fetch together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    classes: [AtomicU64; CLASSES.len()],
    /// Requests by the first bound they are under, the last for those above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
    rows: AtomicU64,
}

/// The sum of a series' shards.
#[derive(Debug, Default, Clone, PartialEq)]
struct Totals {
    classes: [u64; CLASSES.len()],
    buckets: [u64; BOUNDS.len() + 1],
    seconds: f64,
    rows: u64,
}

impl Series {
    /// Records one answered request: its status, how long it took and how many rows were predicted.
    pub(crate) fn record(&self, status: u16, elapsed: Duration, rows: usize) {
        let shard = &self.shards[shard() % self.shards.len()];
        let class = usize::from(status / 100).clamp(1, CLASSES.len()) - 1;
        let seconds = elapsed.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        shard.classes[class].fetch_add(1, Relaxed);
        shard.buckets[bucket].fetch_add(1, Relaxed);
        shard.nanoseconds.fetch_add(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        if rows > 0 {
            shard.rows.fetch_add(rows as u64, Relaxed);
        }
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let mut nanoseconds = 0;
        for shard in &self.shards {
            add(&mut totals.classes, &shard.classes);
            add(&mut totals.buckets, &shard.buckets);
            nanoseconds += shard.nanoseconds.load(Relaxed);
            totals.rows += shard.rows.load(Relaxed);
        }
        totals.seconds = Duration::from_nanos(nanoseconds).as_secs_f64();
        totals
    }
}

fn add(sums: &mut [u64], counters: &[AtomicU64]) {
    for (sum, counter) in sums.iter_mut().zip(counters) {
        *sum += counter.load(Relaxed);
    }
}

/// What is known of a model beside its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelInfo {
    /// Name under which it is served.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The library that wrote the file, with its version.
    pub library: String,
    /// Digest of the file, in hexadecimal.
    pub sha256: String,
}

/// All the counters of a service.
#[derive(Debug)]
pub(crate) struct Metrics {
    started: Instant,
    series: Mutex<Vec<Arc<Series>>>,
    rejected: [AtomicU64; REASONS.len()],
}

/// What the service knows beside the counters.
#[derive(Debug, Clone)]
pub(crate) struct Gauges {
    /// Version of the program.
    pub version: &'static str,
    /// Whether it takes requests.
    pub ready: bool,
    /// Requests under way.
    pub in_flight: usize,
    /// The models.
    pub models: Vec<ModelInfo>,
    /// How shadows compare with the versions in front of them, and how many requests they were not asked.
    pub shadows: (Vec<Agreement>, u64),
    /// How updates of the models went; `None` where there are none.
    pub updates: Option<Updates>,
    /// What waits to be written, where predictions are recorded.
    pub log: Option<LogStatus>,
    /// How good the models are, once it was measured.
    pub quality: Option<Arc<Quality>>,
    /// How often runs of schedules ended in which way, where something is trained.
    pub runs: Option<Vec<(String, RunOutcome, u64)>>,
    /// What became of certificates and handshakes, where the service speaks TLS.
    pub tls: Option<TlsCounts>,
}

/// How updates of the models went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Updates {
    /// Versions loaded.
    pub loads: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// The models whose last update failed.
    pub failing: Vec<String>,
    /// The revision of the registry that is served.
    pub revision: i64,
    /// Whether the registry could be read the last time.
    pub reachable: bool,
}

impl Metrics {
    /// Counters at zero.
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), series: Mutex::default(), rejected: Default::default() }
    }

    /// The series with these labels, made when there is none yet.
    pub(crate) fn series(&self, labels: Labels) -> Arc<Series> {
        let mut all = self.all_series();
        if let Some(series) = all.iter().find(|series| series.labels == labels) {
            return Arc::clone(series);
        }
        let series = Arc::new(Series { labels, shards: shards() });
        all.push(Arc::clone(&series));
        series
    }

    /// Counts a request that was turned away although nothing was wrong with it.
    pub(crate) fn reject(&self, problem: &Problem) {
        if let Some(reason) = Rejection::of(problem) {
            self.rejected[reason as usize].fetch_add(1, Relaxed);
        }
    }

    /// How long ago the service was started.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    fn all_series(&self) -> MutexGuard<'_, Vec<Arc<Series>>> {
        // A panic while holding the lock cannot leave a half-made series behind.
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// This thread's shard number.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, Relaxed);
    }
    MINE.with(|mine| *mine)
}

fn shards<T: Default>() -> Box<[T]> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (0..cores.min(MOST_SHARDS)).map(|_| T::default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(model: &str) -> Labels {
        Labels { route: "/predict".into(), model: model.into(), version: "1".into() }
    }

    #[test]
    fn what_many_threads_record_adds_up() {
        let metrics = Metrics::new();
        let series = metrics.series(labels("iris"));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1000).for_each(|_| series.record(200, Duration::from_micros(60), 3)));
            }
        });
        series.record(422, Duration::from_secs(11), 0);
        series.record(503, Duration::from_micros(50), 0);
        let totals = series.totals();
        assert_eq!(totals.classes, [0, 8000, 0, 1, 1]);
        assert_eq!(totals.buckets[..2], [1, 8000]);
        assert_eq!(totals.buckets[BOUNDS.len()], 1);
        assert_eq!(totals.rows, 24_000);
        assert!((totals.seconds - 11.480_05).abs() < 1e-9);
    }

    #[test]
    fn one_set_of_labels_has_one_series() {
        let metrics = Metrics::new();
        let (first, again) = (metrics.series(labels("a")), metrics.series(labels("a")));
        assert!(Arc::ptr_eq(&first, &again));
        assert!(!Arc::ptr_eq(&first, &metrics.series(labels("b"))));
    }
}
