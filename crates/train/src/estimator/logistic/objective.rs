//! What logistic regression minimises, and its derivatives.
//!
//! Source: Bishop, "Pattern Recognition and Machine Learning", sections 4.3.2 to 4.3.4.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

use crate::linalg::{dot, products, sum_blocks};
use crate::random::hash;
use crate::sample::Sample;

/// The sum of the rows' losses times `cost`, and what the coefficients cost.
///
/// Weights stand in a line for each output: one for every column, and the intercept, which costs nothing.
pub(super) struct Objective<'a> {
    pub(super) sample: Sample<'a>,
    pub(super) codes: &'a [u32],
    /// One for two classes, else one a class.
    pub(super) outputs: usize,
    /// What losses cost.
    pub(super) cost: f64,
    /// Whether there is an intercept.
    pub(super) intercept: bool,
    /// What magnitudes of coefficients cost.
    pub(super) l1: f64,
    /// What half of the squares of coefficients costs.
    pub(super) l2: f64,
}

/// All but the magnitudes, at some weights.
pub(super) struct Smooth {
    pub(super) value: f64,
    /// First derivatives.
    pub(super) gradient: Vec<f64>,
    /// Second derivatives by each weight alone.
    pub(super) curvature: Vec<f64>,
}

/// Most weights that stay in the cache while rows go by, with their derivatives.
const AT_HAND: usize = 1 << 10;
/// Rows of a product of matrices.
const BLOCK: usize = 256;

impl Objective<'_> {
    fn columns(&self) -> usize {
        self.sample.columns.len()
    }

    /// Number of weights of an output.
    pub(super) fn line(&self) -> usize {
        self.columns() + 1
    }

    /// Number of weights.
    pub(super) fn size(&self) -> usize {
        self.outputs * self.line()
    }

    /// Whether a weight is a coefficient, which costs something.
    pub(super) fn is_coefficient(&self, weight: usize) -> bool {
        weight % self.line() < self.columns()
    }

    /// What losses of all rows cost at most about, which is the scale of the whole.
    pub(super) fn scale(&self) -> f64 {
        self.cost * self.sample.total_weight()
    }

    /// What the magnitudes of the coefficients cost.
    pub(super) fn magnitudes(&self, weights: &[f64]) -> f64 {
        let columns = self.columns();
        let lines = weights.chunks_exact(self.line());
        self.l1 * lines.flat_map(|line| &line[..columns]).map(|w| w.abs()).sum::<f64>()
    }

    fn one(&self) -> f64 {
        f64::from(u8::from(self.intercept))
    }

    /// All but the magnitudes.
    pub(super) fn smooth(&self, weights: &[f64]) -> Smooth {
        let size = self.size();
        let mut sums = sum_blocks(self.sample.rows(), 1 + 2 * size, |rows, sums| {
            let (value, derivatives) = sums.split_at_mut(1);
            let (gradient, curvature) = derivatives.split_at_mut(size);
            let add = if size <= AT_HAND { Self::add_rows } else { Self::add_blocks };
            value[0] += add(self, weights, rows, gradient, curvature);
        });
        let mut curvature = sums.split_off(1 + size);
        let mut gradient = sums.split_off(1);
        let mut value = sums[0];
        for (at, weight) in weights.iter().enumerate().filter(|(at, _)| self.is_coefficient(*at)) {
            value += 0.5 * self.l2 * weight * weight;
            gradient[at] += self.l2 * weight;
            curvature[at] += self.l2;
        }
        Smooth { value, gradient, curvature }
    }

    /// Makes of a row's scores how wrong each is, and how curved its loss is by each; the loss.
    fn judge(&self, row: usize, scores: &mut [f64], seconds: &mut [f64]) -> f64 {
        let (code, cost) = (self.codes[row] as usize, self.cost * self.sample.weight(row));
        if let ([score], [second]) = (&mut *scores, &mut *seconds) {
            let (f, hit) = (*score, code as f64);
            let small = (-f.abs()).exp();
            let p = if f >= 0.0 { 1.0 } else { small } / (1.0 + small);
            (*score, *second) = (cost * (p - hit), cost * p * (1.0 - p));
            return cost * (f.max(0.0) - hit * f + small.ln_1p());
        }
        let loss = softmax(scores, code);
        seconds.iter_mut().zip(&*scores).for_each(|(second, p)| *second = cost * p * (1.0 - p));
        scores[code] -= 1.0;
        scores.iter_mut().for_each(|error| *error *= cost);
        cost * loss
    }

    /// Adds the derivatives of some rows, one row after another.
    pub(super) fn add_rows(
        &self,
        weights: &[f64],
        rows: Range<usize>,
        gradient: &mut [f64],
        curvature: &mut [f64],
    ) -> f64 {
        let (columns, line, one) = (self.columns(), self.line(), self.one());
        let (mut errors, mut seconds) = (vec![0.0; self.outputs], vec![0.0; self.outputs]);
        let mut value = 0.0;
        for row in rows {
            let x = self.sample.row(row);
            for (score, weights) in errors.iter_mut().zip(weights.chunks_exact(line)) {
                *score = weights[columns] + dot(x, &weights[..columns]);
            }
            value += self.judge(row, &mut errors, &mut seconds);
            let lines = gradient.chunks_exact_mut(line).zip(curvature.chunks_exact_mut(line));
            for ((gradient, curvature), (error, second)) in lines.zip(errors.iter().zip(&seconds)) {
                for ((g, c), x) in gradient.iter_mut().zip(&mut *curvature).zip(x) {
                    *g += error * x;
                    *c += second * x * x;
                }
                gradient[columns] += one * error;
                curvature[columns] += one * second;
            }
        }
        value
    }

    /// The same by products of matrices, for more weights than stay at hand from row to row.
    pub(super) fn add_blocks(
        &self,
        weights: &[f64],
        rows: Range<usize>,
        gradient: &mut [f64],
        curvature: &mut [f64],
    ) -> f64 {
        let (columns, line, outputs) = (self.columns(), self.line(), self.outputs);
        let matrix = |of| ArrayViewMut2::from_shape((outputs, line), of);
        let (Ok(weights), Ok(mut gradient), Ok(mut curvature)) =
            (ArrayView2::from_shape((outputs, line), weights), matrix(gradient), matrix(curvature))
        else {
            return 0.0;
        };
        let coefficients = weights.slice(s![.., ..columns]);
        let mut value = 0.0;
        for start in rows.clone().step_by(BLOCK) {
            let end = rows.end.min(start + BLOCK);
            let values = &self.sample.values[start * columns..end * columns];
            let Ok(x) = ArrayView2::from_shape((end - start, columns), values) else { return value };
            let mut errors = Array2::zeros((end - start, outputs));
            let mut seconds = Array2::zeros((end - start, outputs));
            general_mat_mul(1.0, &x, &coefficients.t(), 0.0, &mut errors);
            errors += &weights.column(columns);
            for (row, (mut errors, mut seconds)) in
                (start..end).zip(errors.rows_mut().into_iter().zip(seconds.rows_mut()))
            {
                if let (Some(errors), Some(seconds)) = (errors.as_slice_mut(), seconds.as_slice_mut()) {
                    value += self.judge(row, errors, seconds);
                }
            }
            let squares = x.mapv(|x| x * x);
            for (of, x, sums) in [(errors, x, &mut gradient), (seconds, squares.view(), &mut curvature)] {
                general_mat_mul(1.0, &of.t(), &x, 1.0, &mut sums.slice_mut(s![.., ..columns]));
                sums.column_mut(columns).scaled_add(self.one(), &of.sum_axis(Axis(0)));
            }
        }
        value
    }

    /// Second derivatives by all pairs of weights, of about so many rows that stand for all, with those by each weight alone as
    /// they are of all rows.
    ///
    /// Source: Byrd, Chin, Neveitt and Nocedal, "On the Use of Stochastic Hessian Information in Optimization Methods for
    /// Machine Learning" (2011).
    pub(super) fn second_derivatives(&self, weights: &[f64], curvature: &[f64], wanted: usize) -> Vec<f64> {
        let (columns, line, outputs, size) = (self.columns(), self.line(), self.outputs, self.size());
        let stride = (self.sample.rows() / wanted.max(1)).max(1);
        // One of every so many rows, so that parts of a sorted table are represented too.
        let chosen: Vec<usize> = (0..self.sample.rows() / stride)
            .map(|at| at * stride + (hash(stride as u64, at as u64) % stride as u64) as usize)
            .collect();
        let width = outputs + 1;
        let mut known = vec![0.0; chosen.len() * width];
        for (known, row) in known.chunks_exact_mut(width).zip(&chosen) {
            let (p, cost) = known.split_at_mut(outputs);
            cost[0] = self.cost * self.sample.weight(*row);
            for (p, weights) in p.iter_mut().zip(weights.chunks_exact(line)) {
                *p = weights[columns] + dot(self.sample.row(*row), &weights[..columns]);
            }
            match p {
                [score] => *score = 1.0 / (1.0 + (-*score).exp()),
                several => _ = softmax(several, 0),
            }
        }
        let mut matrix = vec![0.0; size * size];
        for k in 0..outputs {
            for l in 0..=k {
                let pairs = products(chosen.len(), line, line, |at, left, right| {
                    let (p, cost) = known[at * width..][..width].split_at(outputs);
                    let second = cost[0] * p[k] * (f64::from(u8::from(k == l)) - p[l]);
                    right[..columns].copy_from_slice(self.sample.row(chosen[at]));
                    right[columns] = self.one();
                    left.iter_mut().zip(&*right).for_each(|(left, x)| *left = second * x);
                });
                for (i, from) in pairs.chunks_exact(line).enumerate() {
                    for (j, from) in from.iter().enumerate() {
                        matrix[(k * line + i) * size + l * line + j] = *from;
                        matrix[(l * line + j) * size + k * line + i] = *from;
                    }
                }
            }
        }
        // Those of all rows know of values that are too rare to be among the chosen ones. All classes alike, so that what
        // changes no probability still does not.
        let penalty = |at| if self.is_coefficient(at) { self.l2 } else { 0.0 };
        let of_column = |column: usize| {
            let each = || (0..outputs).map(|output| output * line + column);
            let all: f64 = each().map(|at| curvature[at] - penalty(at)).sum();
            let seen: f64 = each().map(|at| matrix[at * size + at]).sum();
            if seen > 0.0 { (all.max(0.0) / seen).sqrt() } else { 0.0 }
        };
        let factors: Vec<f64> = (0..line).map(of_column).collect();
        for (i, seconds) in matrix.chunks_exact_mut(size).enumerate() {
            let factor = |at: usize| factors[at % line];
            seconds.iter_mut().enumerate().for_each(|(j, second)| *second *= factor(i) * factor(j));
            seconds[i] = if seconds[i] > 0.0 { seconds[i] + penalty(i) } else { curvature[i] };
        }
        matrix
    }
}

/// Makes probabilities of scores; the loss of a row of this class.
fn softmax(scores: &mut [f64], code: usize) -> f64 {
    let largest = scores.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
    let of_class = scores[code];
    scores.iter_mut().for_each(|p| *p = (*p - largest).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|p| *p /= sum);
    sum.ln() + largest - of_class
}
