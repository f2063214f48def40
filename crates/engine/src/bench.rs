//! How fast a predictor is on this machine, by itself: no file, no protocol. And how fast it is made of a file.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretell_frame::{Frame, Method, MethodSet};
use foretell_model::Predictor;

use crate::live::LiveModel;
use crate::open::{self, OpenError, OpenLimits};
use crate::pool::{Pool, PoolOptions};
use crate::predict::{PredictError, Worker};

/// How long one measurement lasts at least.
const SAMPLE: Duration = Duration::from_millis(20);

/// How many different rows are predicted one by one: enough that no branch of a model is learnt by heart.
const MOST_SINGLE: usize = 4096;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BenchOptions {
    /// Threads that large batches are split over.
    pub threads: usize,
    /// Rows of a large batch.
    pub batch_rows: usize,
    /// Measurements, of which the median counts.
    pub repeats: usize,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self { threads: 1, batch_rows: 1000, repeats: 15 }
    }
}

/// Times of one model, medians.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchReport {
    /// What computed them.
    pub kernel: String,
    /// Threads that large batches were split over.
    pub threads: usize,
    /// Microseconds of a call with one row.
    pub one_row_us: f64,
    /// Rows of a large batch.
    pub batch_rows: usize,
    /// Microseconds a row in a large batch.
    pub batch_row_us: f64,
}

/// Times a model on rows of data: one row a call, each time another one; and a large batch a call, for which the
/// rows are repeated as often as needed. What is predicted is what a request gets: the class and the
/// probabilities of a classifier, the value of a regression, the rows of a transformer.
///
/// # Errors
/// Rows that the model does not take; there must be at least one.
pub fn run(model: &LiveModel, rows: &Frame, options: BenchOptions) -> Result<BenchReport, PredictError> {
    let methods = served(model);
    let mut worker = Worker::new();
    worker.predict(model, rows, methods)?;
    let single: Vec<Frame> = (0..rows.rows().min(MOST_SINGLE)).map(|row| cycled(rows, row, 1)).collect();
    let mut next = 0;
    let one_row = median_of(options.repeats, || {
        next = (next + 1) % single.len();
        worker.compute(model, black_box(&single[next]), methods).map(|answer| {
            black_box(answer);
        })
    })?;
    let batch = cycled(rows, 0, options.batch_rows);
    let pool = Pool::new(PoolOptions { threads: options.threads, ..PoolOptions::default() });
    let whole_batch = median_of(options.repeats, || {
        let batch = black_box(&batch);
        if options.threads == 1 {
            return worker.compute(model, batch, methods).map(|answer| {
                black_box(answer);
            });
        }
        pool.predict(pool.admit_unread()?, model, batch, methods).map(|answer| drop(black_box(answer)))
    })?;
    Ok(BenchReport {
        kernel: model.kernel(),
        threads: options.threads,
        one_row_us: one_row * 1e6,
        batch_rows: options.batch_rows,
        batch_row_us: whole_batch * 1e6 / options.batch_rows as f64,
    })
}

/// Times of opening a model file, medians: from its bytes on, which are in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Opening {
    /// Size of the file.
    pub file_bytes: u64,
    /// Milliseconds from the bytes to a checked model.
    pub model_ms: f64,
    /// Milliseconds from the model to what predicts with it.
    pub predictor_ms: f64,
}

/// Times the opening of a model file, apart from reading it from the disk and from starting a process.
///
/// # Errors
/// As for [`open`](crate::open::open).
pub fn opening(path: &Path, limits: &OpenLimits, repeats: usize) -> Result<Opening, OpenError> {
    let bytes = open::read(path, limits.max_file_bytes)?;
    let (mut models, mut predictors) = (Vec::new(), Vec::new());
    for _ in 0..repeats.max(1) {
        let start = Instant::now();
        let model = foretell_formats::open(black_box(&bytes), &limits.loader)
            .map_err(|source| OpenError::Refused { source })?;
        models.push(start.elapsed().as_secs_f64() * 1e3);
        let model = Arc::new(model);
        let start = Instant::now();
        black_box(Predictor::new(model));
        predictors.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    Ok(Opening {
        file_bytes: bytes.len() as u64,
        model_ms: median(&mut models),
        predictor_ms: median(&mut predictors),
    })
}

/// What a request gets by default.
fn served(model: &LiveModel) -> MethodSet {
    let offered = model.methods();
    let only = |method| MethodSet::EMPTY.with(method);
    [only(Method::Label).with(Method::PredictProba), only(Method::Predict), only(Method::Transform)]
        .into_iter()
        .map(|wanted| wanted.and(offered))
        .find(|found| !found.is_empty())
        .unwrap_or(offered)
}

/// `count` rows from row `start` on, beginning again after the last.
fn cycled(rows: &Frame, start: usize, count: usize) -> Frame {
    let mut frame = Frame::default();
    let (mut part, mut row) = (Frame::default(), start);
    while frame.rows() < count {
        let end = rows.rows().min(row + count - frame.rows());
        part.copy_rows(rows, row, end);
        frame.append(&part);
        row = 0;
    }
    frame
}

/// The median, over samples of many calls each, of the seconds that a call takes.
fn median_of(
    samples: usize,
    mut call: impl FnMut() -> Result<(), PredictError>,
) -> Result<f64, PredictError> {
    let mut time = |calls: u64| {
        let start = Instant::now();
        for _ in 0..calls {
            call()?;
        }
        Ok::<_, PredictError>(start.elapsed())
    };
    let mut calls = 1;
    while time(calls)? < SAMPLE / 2 {
        calls *= 2;
    }
    let mut seconds = Vec::with_capacity(samples);
    for _ in 0..samples.max(1) {
        seconds.push(time(calls)?.as_secs_f64() / calls as f64);
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2])
}
