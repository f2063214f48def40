//! Clusters around their means.
//!
//! Sources: Lloyd, "Least Squares Quantization in PCM" (1982); Arthur and Vassilvitskii, "k-means++: The Advantages of Careful
//! Seeding" (2007), with several candidates for each centre, of which the best is taken, as they propose.

use foretell_frame::{Labels, Shape};
use foretell_model::estimator::{KernelFunction, KernelSum, KernelTerm, Linear, Metric};
use foretell_model::head::{Classification, LabelRule, Probability};
use foretell_model::step::{Answer, Predict};
use foretell_model::{Estimator, Fitted, Head, Step};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::head;
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{RUN, add_scaled, dot, means, sum_runs};
use crate::parameter::{Auto, Range, choices, parameters};
use crate::random::{Stream, hash};
use crate::sample::Sample;

/// Where centres begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At rows far from each other.
    PlusPlus,
    /// At any rows.
    Random,
}

choices!(Start {
    "k-means++" => Self::PlusPlus,
    "random" => Self::Random,
});

parameters! {
    /// Clusters around their means.
    pub struct KMeans {
        /// How many.
        n_clusters: usize = 8, Range::AtLeast(1.0);
        /// Where centres begin.
        init: Start = Start::PlusPlus, Range::Any;
        /// How often it begins, of which the best is taken: `auto` is once, or ten times from any rows.
        n_init: Auto<usize> = Auto(None), Range::AtLeast(1.0);
        /// Most rounds.
        max_iter: usize = 300, Range::AtLeast(1.0);
        /// How far the centres move in all, relative to the variance of the columns, when it stops.
        tol: f64 = 1e-4, Range::AtLeast(0.0);
    }
}

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit(parameters: &KMeans, sample: Sample<'_>, context: &Context<'_>) -> Result<Fitted, FitError> {
    sample.check_alone()?;
    let (columns, count) = (sample.columns.len(), parameters.n_clusters);
    let rows = (0..sample.rows()).filter(|row| sample.weight(*row) > 0.0).count();
    if count > rows {
        let expected = format!("at most {rows}, the number of rows");
        return Err(FitError::Parameter { name: "n_clusters", expected, got: count.to_string() });
    }
    let plain = Sample { weights: None, ..sample };
    let centre = means(&plain);
    let spread = sum_runs(sample.rows(), 1, |row, sum| {
        sum[0] += sample.row(row).iter().zip(&centre).map(|(x, mean)| (x - mean).powi(2)).sum::<f64>();
    });
    let still = parameters.tol * spread[0] / (sample.rows() * columns) as f64;
    let clusters = Clusters { sample, centre, count, still, max_iter: parameters.max_iter };
    let starts = match (parameters.n_init, parameters.init) {
        (Auto(Some(starts)), _) => starts,
        (Auto(None), Start::PlusPlus) => 1,
        (Auto(None), Start::Random) => 10,
    };
    let mut best: Option<(f64, Vec<f64>)> = None;
    for start in 0..starts {
        let mut random = Stream::new(hash(context.seed, start as u64));
        let first = match parameters.init {
            Start::PlusPlus => clusters.spread_out(&mut random),
            Start::Random => clusters.any(&mut random),
        };
        let go_on = |round: usize, inertia| {
            let done = start * parameters.max_iter + round;
            context.progress.step(done, starts * parameters.max_iter, Some(inertia))
        };
        let (inertia, centres) = clusters.settle(first, &go_on)?;
        if best.as_ref().is_none_or(|(known, _)| inertia < *known) {
            best = Some((inertia, centres));
        }
    }
    let mut centres = best.map(|(_, centres)| centres).unwrap_or_default();
    for line in centres.chunks_exact_mut(columns) {
        add_scaled(line, 1.0, &clusters.centre);
    }
    Ok(nearest(columns, &centres))
}

/// What assigns rows to the nearest centre.
fn nearest(columns: usize, centres: &[f64]) -> Fitted {
    let lines = centres.chunks_exact(columns);
    let labels = Labels::range(lines.len());
    let linear = Linear {
        features: columns,
        intercept: lines.map(|line| -dot(line, line)).collect(),
        coefficients: centres.iter().map(|x| 2.0 * x).collect(),
    };
    let head = Classification {
        probability: None,
        log_probability: None,
        ..head::classification(&labels, LabelRule::LargestScore, Probability::Softmax)
    };
    Fitted { estimator: Estimator::Linear(linear), head: Head::Classification(head) }
}

/// What makes of rows their distances to the centres of a model that was fitted here.
pub fn distances(fitted: &Fitted) -> Option<Vec<Step>> {
    let Estimator::Linear(linear) = &fitted.estimator else { return None };
    let count = linear.intercept.len();
    let term = |at| KernelTerm { output: at, first: at, coefficients: vec![1.0] };
    let distances = KernelSum {
        features: linear.features,
        function: KernelFunction::Distance(Metric::Euclidean),
        points: linear.coefficients.iter().map(|x| 0.5 * x).collect(),
        terms: (0..count).map(term).collect(),
        intercept: vec![0.0; count],
    };
    let head = head::values_of(Shape::Matrix(count));
    let fitted = Fitted { estimator: Estimator::KernelSum(distances), head };
    Some(vec![Step::Predict(Box::new(Predict { fitted, answer: Answer::Value }))])
}

/// Rows that clusters are made of. Centres count from `centre`, so that a distance is no small difference of large numbers.
struct Clusters<'a> {
    sample: Sample<'a>,
    centre: Vec<f64>,
    /// How many.
    count: usize,
    /// The sum of squares by which the centres may move when it stops.
    still: f64,
    max_iter: usize,
}

/// Rows whose distances are computed together.
const BLOCK: usize = 256;

/// What an assignment of rows to centres comes to.
struct Assigned {
    /// Weights of the clusters.
    weights: Vec<f64>,
    /// `clusters x columns`, weighted.
    sums: Vec<f64>,
    /// The weighted squares of the distances.
    inertia: f64,
    /// Rows that were in another cluster before.
    moved: usize,
}

impl Clusters<'_> {
    fn columns(&self) -> usize {
        self.centre.len()
    }

    fn centred(&self, row: usize) -> Vec<f64> {
        self.sample.row(row).iter().zip(&self.centre).map(|(x, mean)| x - mean).collect()
    }

    /// The square of the distance of a row to a point.
    fn square(&self, row: usize, point: &[f64]) -> f64 {
        let x = self.sample.row(row).iter().zip(&self.centre);
        x.zip(point).map(|((x, mean), point)| (x - mean - point).powi(2)).sum()
    }

    /// Different rows, any of them.
    fn any(&self, random: &mut Stream) -> Vec<f64> {
        let mut rows: Vec<usize> =
            (0..self.sample.rows()).filter(|row| self.sample.weight(*row) > 0.0).collect();
        for at in 0..self.count {
            let other = at + random.below(rows.len() - at);
            rows.swap(at, other);
        }
        rows[..self.count].iter().flat_map(|row| self.centred(*row)).collect()
    }

    /// Rows that are the likelier the farther they are from those before.
    fn spread_out(&self, random: &mut Stream) -> Vec<f64> {
        let rows = self.sample.rows();
        let candidates = 2 + (self.count as f64).ln() as usize;
        let weights: Vec<f64> = (0..rows).map(|row| self.sample.weight(row)).collect();
        let mut centres = self.centred(drawn(&weights, random));
        let mut nearest: Vec<f64> = (0..rows).into_par_iter().map(|row| self.square(row, &centres)).collect();
        while centres.len() < self.count * self.columns() {
            let parts: Vec<f64> = nearest.iter().zip(&weights).map(|(square, w)| square * w).collect();
            let mut best: Option<(f64, Vec<f64>)> = None;
            for _ in 0..candidates {
                let candidate = self.centred(drawn(&parts, random));
                let left = sum_runs(rows, 1, |row, sum| {
                    sum[0] += weights[row] * nearest[row].min(self.square(row, &candidate));
                });
                if best.as_ref().is_none_or(|(known, _)| left[0] < *known) {
                    best = Some((left[0], candidate));
                }
            }
            let Some((_, chosen)) = best else { break };
            nearest.par_iter_mut().enumerate().for_each(|(row, nearest)| {
                *nearest = nearest.min(self.square(row, &chosen));
            });
            centres.extend(chosen);
        }
        centres
    }

    /// Moves centres to the means of their clusters until they rest: the inertia, and the centres.
    fn settle(
        &self,
        mut centres: Vec<f64>,
        go_on: &dyn Fn(usize, f64) -> bool,
    ) -> Result<(f64, Vec<f64>), FitError> {
        let mut labels = vec![u32::MAX; self.sample.rows()];
        for round in 0..self.max_iter {
            let mut assigned = self.assign(&centres, &mut labels);
            if !go_on(round, assigned.inertia) {
                return Err(FitError::Stopped);
            }
            if assigned.moved == 0 {
                return Ok((assigned.inertia, centres));
            }
            self.fill_empty(&centres, &labels, &mut assigned);
            let lines = assigned.sums.chunks_exact(self.columns()).zip(&assigned.weights);
            let after: Vec<f64> =
                lines.flat_map(|(line, weight)| line.iter().map(move |sum| sum / weight)).collect();
            let shift: f64 = after.iter().zip(&centres).map(|(a, b)| (a - b).powi(2)).sum();
            centres = after;
            if shift <= self.still {
                break;
            }
        }
        Ok((self.assign(&centres, &mut labels).inertia, centres))
    }

    /// Gives every row the number of the nearest centre, the first of several.
    fn assign(&self, centres: &[f64], labels: &mut [u32]) -> Assigned {
        let (columns, count) = (self.columns(), self.count);
        let halves: Vec<f64> = centres.chunks_exact(columns).map(|line| 0.5 * dot(line, line)).collect();
        let of_run = |(run, labels): (usize, &mut [u32])| {
            let mut assigned = Assigned {
                weights: vec![0.0; count],
                sums: vec![0.0; count * columns],
                inertia: 0.0,
                moved: 0,
            };
            let mut x = Array2::<f64>::zeros((BLOCK, columns));
            let mut products = Array2::<f64>::zeros((BLOCK, count));
            for (block, labels) in labels.chunks_mut(BLOCK).enumerate() {
                let first = run * RUN + block * BLOCK;
                for (row, mut x) in (first..first + labels.len()).zip(x.rows_mut()) {
                    let centred = self.sample.row(row).iter().zip(&self.centre);
                    x.iter_mut().zip(centred).for_each(|(into, (x, mean))| *into = x - mean);
                }
                if let Ok(centres) = ArrayView2::from_shape((count, columns), centres) {
                    general_mat_mul(1.0, &x, &centres.t(), 0.0, &mut products);
                }
                for ((at, label), (x, products)) in
                    labels.iter_mut().enumerate().zip(x.rows().into_iter().zip(products.rows()))
                {
                    let (Some(x), Some(products)) = (x.as_slice(), products.as_slice()) else { continue };
                    let closeness = |cluster: usize| products[cluster] - halves[cluster];
                    let nearer = |best: usize, next: usize| {
                        if closeness(next) > closeness(best) { next } else { best }
                    };
                    let nearest = (0..count).fold(0, nearer);
                    let weight = self.sample.weight(first + at);
                    assigned.moved += usize::from(*label != nearest as u32);
                    *label = nearest as u32;
                    assigned.weights[nearest] += weight;
                    add_scaled(&mut assigned.sums[nearest * columns..][..columns], weight, x);
                    let square = (dot(x, x) - 2.0 * closeness(nearest)).max(0.0);
                    assigned.inertia += weight * square;
                }
            }
            assigned
        };
        let runs: Vec<Assigned> = labels.par_chunks_mut(RUN).enumerate().map(of_run).collect();
        let add = |mut total: Assigned, run: Assigned| {
            add_scaled(&mut total.weights, 1.0, &run.weights);
            add_scaled(&mut total.sums, 1.0, &run.sums);
            total.inertia += run.inertia;
            total.moved += run.moved;
            total
        };
        let none =
            Assigned { weights: vec![0.0; count], sums: vec![0.0; count * columns], inertia: 0.0, moved: 0 };
        runs.into_iter().fold(none, add)
    }

    /// Gives each cluster without rows one of those that are farthest from their centres.
    fn fill_empty(&self, centres: &[f64], labels: &[u32], assigned: &mut Assigned) {
        let empty: Vec<usize> = (0..self.count).filter(|at| assigned.weights[*at] == 0.0).collect();
        if empty.is_empty() {
            return;
        }
        let columns = self.columns();
        let centre = |row: usize| &centres[labels[row] as usize * columns..][..columns];
        let mut farthest: Vec<(f64, usize)> = (0..labels.len())
            .into_par_iter()
            .filter(|row| self.sample.weight(*row) > 0.0)
            .map(|row| (self.square(row, centre(row)), row))
            .collect();
        farthest.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut farthest = farthest.into_iter();
        for cluster in empty {
            // Not the last row of another one.
            let spare =
                farthest.find(|(_, row)| assigned.weights[labels[*row] as usize] > self.sample.weight(*row));
            let Some((_, row)) = spare else {
                assigned.weights[cluster] = 1.0;
                assigned.sums[cluster * columns..][..columns]
                    .copy_from_slice(&centres[cluster * columns..][..columns]);
                continue;
            };
            let (x, weight, from) = (self.centred(row), self.sample.weight(row), labels[row] as usize);
            assigned.weights[from] -= weight;
            add_scaled(&mut assigned.sums[from * columns..][..columns], -weight, &x);
            assigned.weights[cluster] = weight;
            add_scaled(&mut assigned.sums[cluster * columns..][..columns], weight, &x);
        }
    }
}

/// A position, each as likely as its part is large.
fn drawn(parts: &[f64], random: &mut Stream) -> usize {
    let wanted = random.unit() * parts.iter().sum::<f64>();
    let mut sum = 0.0;
    let reaches = |part: &f64| {
        sum += part;
        sum > wanted
    };
    parts.iter().position(reaches).unwrap_or_else(|| {
        parts.iter().rposition(|part| *part > 0.0).unwrap_or_else(|| random.below(parts.len()))
    })
}
