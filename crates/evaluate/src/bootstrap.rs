//! Intervals of metrics by bootstrap.

use rayon::prelude::*;

use crate::{Evaluator, Metric, Random};

/// How intervals are estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// How often rows are drawn anew, at most; less where there are many rows.
    pub resamples: usize,
    /// The share of resamples inside the interval.
    pub level: f64,
    /// Decides what is drawn.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 1000 resamples, 95 %.
    fn default() -> Self {
        Self { resamples: 1000, level: 0.95, seed: 0 }
    }
}

/// The values between which a metric lies in most resamples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Rows drawn in all, at most: bounds the time that many rows take.
const MOST_DRAWS: usize = 40_000_000;
/// Below this many resamples the ends of an interval are noise.
const FEWEST_RESAMPLES: usize = 100;

/// The interval of each metric: the percentiles of its value over tables of as many rows drawn with replacement.
/// `None` where it is not defined in at least half of them. The same on any number of threads.
///
/// Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
pub fn intervals(evaluator: &Evaluator<'_>, metrics: &[Metric], options: Bootstrap) -> Vec<Option<Interval>> {
    let own = evaluator.own_weights();
    let rows = own.len();
    if rows == 0 {
        return vec![None; metrics.len()];
    }
    let bounded = (MOST_DRAWS / rows).max(FEWEST_RESAMPLES);
    let draws: Vec<Vec<Option<f64>>> = (0..options.resamples.min(bounded))
        .into_par_iter()
        .map(|resample| {
            let mut random = Random::new(options.seed, resample as u64);
            let mut weights = vec![0.0; rows];
            for _ in 0..rows {
                let row = random.below(rows);
                weights[row] += own[row];
            }
            evaluator.values(metrics, &weights)
        })
        .collect();
    let interval = |metric: usize| {
        let mut values: Vec<f64> = draws.iter().filter_map(|draw| draw[metric]).collect();
        if values.len() * 2 < draws.len().max(1) {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let tail = (1.0 - options.level) / 2.0;
        Some(Interval { low: percentile(&values, tail), high: percentile(&values, 1.0 - tail) })
    };
    (0..metrics.len()).map(interval).collect()
}

/// The value at a share of sorted values, between two of them by linear interpolation.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    below + (above - below) * position.fract()
}
