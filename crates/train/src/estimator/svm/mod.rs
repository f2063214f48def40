//! Linear support vector machines, of classes and of numbers.
//!
//! Sources: Hsieh, Chang, Lin, Keerthi and Sundararajan, "A Dual Coordinate Descent Method for Large-scale Linear SVM" (2008);
//! Ho and Lin, "Large-scale Linear Support Vector Regression" (2012). Like theirs, the intercept is the coefficient of a column
//! that is the same in every row, so it is penalised too. Coordinates at their bounds that will most likely stay
//! there are left out until all others rest. Where losses are squared and there are not too many columns, [`newton`] is much
//! faster.

mod newton;

use std::sync::atomic::{AtomicUsize, Ordering};

use foretell_model::estimator::Linear;
use foretell_model::{Estimator, Fitted};
use rayon::prelude::*;

use super::head;
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{add_scaled, dot};
use crate::parameter::{Range, choices, parameters};
use crate::random::{Stream, hash};
use crate::sample::{Sample, Target};

/// What a row on the wrong side of the margin costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Margin {
    /// Its distance.
    Hinge,
    /// The square of it.
    SquaredHinge,
}

choices!(Margin {
    "hinge" => Self::Hinge,
    "squared_hinge" => Self::SquaredHinge,
});

/// What a number costs that is farther than `epsilon` from what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tube {
    /// The rest of the distance.
    EpsilonInsensitive,
    /// The square of it.
    SquaredEpsilonInsensitive,
}

choices!(Tube {
    "epsilon_insensitive" => Self::EpsilonInsensitive,
    "squared_epsilon_insensitive" => Self::SquaredEpsilonInsensitive,
});

parameters! {
    /// A linear support vector machine of classes, each against all others.
    #[expect(non_snake_case, reason = "scikit-learn's name")]
    pub struct LinearSVC {
        /// What rows on the wrong side of the margin cost.
        loss: Margin = Margin::SquaredHinge, Range::Any;
        /// What the errors cost beside the coefficients: the inverse of the penalty.
        C: f64 = 1.0, Range::Above(0.0);
        /// Whether there is an intercept.
        fit_intercept: bool = true, Range::Any;
        /// What stands in the column of the intercept: the more, the less it is penalised.
        intercept_scaling: f64 = 1.0, Range::Above(0.0);
        /// The largest violation of the conditions of the optimum at which it stops.
        tol: f64 = 1e-4, Range::Above(0.0);
        /// Most passes over the rows, or steps of Newton's method, which needs few.
        max_iter: usize = 1000, Range::AtLeast(1.0);
    }
}

parameters! {
    /// A linear support vector machine of numbers.
    #[expect(non_snake_case, reason = "scikit-learn's name")]
    pub struct LinearSVR {
        /// Errors up to this cost nothing.
        epsilon: f64 = 0.0, Range::AtLeast(0.0);
        /// What other errors cost.
        loss: Tube = Tube::EpsilonInsensitive, Range::Any;
        /// What the errors cost beside the coefficients: the inverse of the penalty.
        C: f64 = 1.0, Range::Above(0.0);
        /// Whether there is an intercept.
        fit_intercept: bool = true, Range::Any;
        /// What stands in the column of the intercept: the more, the less it is penalised.
        intercept_scaling: f64 = 1.0, Range::Above(0.0);
        /// The sum of violations of the conditions of the optimum, relative to the first, at which it stops.
        tol: f64 = 1e-4, Range::Above(0.0);
        /// Most passes over the rows, or steps of Newton's method, which needs few.
        max_iter: usize = 1000, Range::AtLeast(1.0);
    }
}

/// Fewer columns than these have a matrix of second derivatives, which has the square of it.
const NEWTONS: usize = 1500;

/// Changes of a coordinate below this are none.
const STILL: f64 = 1e-12;

/// Fits one machine for two classes, else one for each class.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit_classes(
    parameters: &LinearSVC,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    let (codes, labels) = target.classes()?;
    let machines = if labels.len() == 2 { 1 } else { labels.len() };
    let rows = Rows::new(sample, parameters.fit_intercept, parameters.intercept_scaling);
    let done = AtomicUsize::new(0);
    let weights: Vec<Vec<f64>> = (0..machines)
        .into_par_iter()
        .map(|machine| {
            let class = machine as u32 + u32::from(machines == 1);
            let go_on = || context.progress.step(done.load(Ordering::Relaxed), machines, None);
            let is_of_class = |row: usize| codes[row] == class;
            let weights = if parameters.loss == Margin::SquaredHinge && rows.columns() < NEWTONS {
                let error = |row: usize, score: f64| short_of(is_of_class(row), score);
                newton::minimise(&rows, parameters.C, error, parameters.max_iter, &|_| go_on())?
            } else {
                let random = Stream::new(hash(context.seed, machine as u64));
                rows.separate(parameters, is_of_class, random, &go_on)?
            };
            done.fetch_add(1, Ordering::Relaxed);
            Ok(weights)
        })
        .collect::<Result<_, FitError>>()?;
    Ok(Fitted { estimator: rows.estimator(&weights), head: head::decided_classes(labels) })
}

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit_values(
    parameters: &LinearSVR,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    let y = target.values()?;
    let rows = Rows::new(sample, parameters.fit_intercept, parameters.intercept_scaling);
    let go_on = |pass| context.progress.step(pass, parameters.max_iter, None);
    let weights = if parameters.loss == Tube::SquaredEpsilonInsensitive && rows.columns() < NEWTONS {
        let error = |row: usize, score: f64| beyond(score - y[row], parameters.epsilon);
        newton::minimise(&rows, parameters.C, error, parameters.max_iter, &go_on)?
    } else {
        rows.follow(parameters, y, Stream::new(hash(context.seed, 0)), &go_on)?
    };
    Ok(Fitted { estimator: rows.estimator(&[weights]), head: head::values() })
}

/// By how much a score is too small for a row of the class, or too large for one of the others; 0 beyond the margin.
fn short_of(is_of_class: bool, score: f64) -> f64 {
    if is_of_class { (score - 1.0).min(0.0) } else { (score + 1.0).max(0.0) }
}

/// What is left of an error of which this much costs nothing.
fn beyond(error: f64, epsilon: f64) -> f64 {
    error.signum() * (error.abs() - epsilon).max(0.0)
}

/// Rows with the column of the intercept.
struct Rows<'a> {
    sample: Sample<'a>,
    /// What stands in that column, 0 where there is none.
    one: f64,
    /// Those that weigh something.
    rows: Vec<usize>,
}

/// Rows whose coordinates are still looked at come first.
struct Active {
    order: Vec<usize>,
    count: usize,
}

impl Active {
    fn new(rows: usize) -> Self {
        Self { order: (0..rows).collect(), count: rows }
    }

    fn all(&self) -> bool {
        self.count == self.order.len()
    }

    fn leave_out(&mut self, at: usize) {
        self.count -= 1;
        self.order.swap(at, self.count);
    }
}

impl<'a> Rows<'a> {
    fn new(sample: Sample<'a>, intercept: bool, scaling: f64) -> Self {
        let rows = (0..sample.rows()).filter(|row| sample.weight(*row) > 0.0).collect();
        Self { sample, one: if intercept { scaling } else { 0.0 }, rows }
    }

    fn columns(&self) -> usize {
        self.sample.columns.len()
    }

    fn score(&self, at: usize, weights: &[f64]) -> f64 {
        let columns = self.columns();
        dot(self.sample.row(self.rows[at]), &weights[..columns]) + self.one * weights[columns]
    }

    fn add(&self, at: usize, factor: f64, weights: &mut [f64]) {
        let columns = self.columns();
        add_scaled(&mut weights[..columns], factor, self.sample.row(self.rows[at]));
        weights[columns] += factor * self.one;
    }

    /// For each row the square of its length.
    fn squares(&self) -> Vec<f64> {
        let square = |row: &usize| dot(self.sample.row(*row), self.sample.row(*row)) + self.one * self.one;
        self.rows.iter().map(square).collect()
    }

    /// For each row the most that its coordinate can be, and what is added to the curvature along it.
    fn bounds(&self, cost: f64, squared: bool) -> Vec<(f64, f64)> {
        let bound = |row: &usize| {
            let cost = cost * self.sample.weight(*row);
            if squared { (f64::INFINITY, 0.5 / cost) } else { (cost, 0.0) }
        };
        self.rows.iter().map(bound).collect()
    }

    fn estimator(&self, weights: &[Vec<f64>]) -> Estimator {
        let columns = self.columns();
        Estimator::Linear(Linear {
            features: columns,
            coefficients: weights.iter().flat_map(|weights| &weights[..columns]).copied().collect(),
            intercept: weights.iter().map(|weights| weights[columns] * self.one).collect(),
        })
    }

    /// The weights that part some rows from the others.
    fn separate(
        &self,
        parameters: &LinearSVC,
        is_of_class: impl Fn(usize) -> bool,
        mut random: Stream,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Vec<f64>, FitError> {
        let bounds = self.bounds(parameters.C, parameters.loss == Margin::SquaredHinge);
        let squares = self.squares();
        let side = |row: &usize| if is_of_class(*row) { 1.0 } else { -1.0 };
        let sides: Vec<f64> = self.rows.iter().map(side).collect();
        let mut weights = vec![0.0; self.columns() + 1];
        let mut alpha = vec![0.0; sides.len()];
        let mut active = Active::new(sides.len());
        // Slopes beyond these, at a bound, are of coordinates that stay there.
        let everything = (f64::NEG_INFINITY, f64::INFINITY);
        let mut limits = everything;
        for _ in 0..parameters.max_iter {
            if !go_on() {
                return Err(FitError::Stopped);
            }
            random.shuffle(&mut active.order[..active.count]);
            let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
            let mut at = 0;
            while at < active.count {
                let i = active.order[at];
                let (bound, more) = bounds[i];
                let slope = sides[i] * self.score(i, &weights) - 1.0 + more * alpha[i];
                let (at_zero, at_bound) = (alpha[i] == 0.0, alpha[i] == bound);
                if at_zero && slope > limits.1 || at_bound && slope < limits.0 {
                    active.leave_out(at);
                    continue;
                }
                at += 1;
                let blocked = at_zero && slope > 0.0 || at_bound && slope < 0.0;
                let projected = if blocked { 0.0 } else { slope };
                (least, most) = (least.min(projected), most.max(projected));
                let curvature = squares[i] + more;
                if projected.abs() > STILL && curvature > 0.0 {
                    let after = (alpha[i] - slope / curvature).clamp(0.0, bound);
                    self.add(i, (after - alpha[i]) * sides[i], &mut weights);
                    alpha[i] = after;
                }
            }
            if most - least <= parameters.tol {
                if active.all() {
                    break;
                }
                (active.count, limits) = (active.order.len(), everything);
                continue;
            }
            limits.0 = if least >= 0.0 { f64::NEG_INFINITY } else { least };
            limits.1 = if most <= 0.0 { f64::INFINITY } else { most };
        }
        Ok(weights)
    }

    /// The weights whose scores are the numbers, up to `epsilon`.
    fn follow(
        &self,
        parameters: &LinearSVR,
        y: &[f64],
        mut random: Stream,
        go_on: &dyn Fn(usize) -> bool,
    ) -> Result<Vec<f64>, FitError> {
        let bounds = self.bounds(parameters.C, parameters.loss == Tube::SquaredEpsilonInsensitive);
        let (squares, epsilon) = (self.squares(), parameters.epsilon);
        let mut weights = vec![0.0; self.columns() + 1];
        let mut beta = vec![0.0; squares.len()];
        let mut active = Active::new(squares.len());
        let (mut limit, mut first) = (f64::INFINITY, 0.0);
        for pass in 0..parameters.max_iter {
            if !go_on(pass) {
                return Err(FitError::Stopped);
            }
            random.shuffle(&mut active.order[..active.count]);
            let (mut most, mut sum) = (0.0f64, 0.0);
            let mut at = 0;
            while at < active.count {
                let i = active.order[at];
                let (bound, more) = bounds[i];
                let slope = self.score(i, &weights) - y[self.rows[i]] + more * beta[i];
                // Of the one and of the other half of the coordinate.
                let (up, down) = (slope + epsilon, slope - epsilon);
                let (violation, stays) = if beta[i] == 0.0 {
                    ((-up).max(down).max(0.0), up > limit && down < -limit)
                } else if beta[i] >= bound {
                    (up.max(0.0), up < -limit)
                } else if beta[i] <= -bound {
                    ((-down).max(0.0), down > limit)
                } else {
                    (if beta[i] > 0.0 { up.abs() } else { down.abs() }, false)
                };
                if stays {
                    active.leave_out(at);
                    continue;
                }
                at += 1;
                most = most.max(violation);
                sum += violation;
                let curvature = squares[i] + more;
                if curvature <= 0.0 {
                    continue;
                }
                let step = if up < curvature * beta[i] {
                    -up / curvature
                } else if down > curvature * beta[i] {
                    -down / curvature
                } else {
                    -beta[i]
                };
                if step.abs() >= STILL {
                    let after = (beta[i] + step).clamp(-bound, bound);
                    self.add(i, after - beta[i], &mut weights);
                    beta[i] = after;
                }
            }
            if pass == 0 {
                first = sum;
            }
            limit = most;
            if sum <= parameters.tol * first {
                if active.all() {
                    break;
                }
                (active.count, limit) = (active.order.len(), f64::INFINITY);
            }
        }
        Ok(weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Column;

    /// Newton's method and coordinates of the dual find the same minimum.
    #[test]
    fn both_ways_agree() {
        let mut random = Stream::new(3);
        let values: Vec<f64> = (0..400 * 3).map(|_| random.unit() - 0.5).collect();
        let y: Vec<f64> = values.chunks_exact(3).map(|x| 2.0 * x[0] - x[1] + random.unit() - 0.5).collect();
        let weights: Vec<f64> = (0..400).map(|_| random.unit()).collect();
        let sample = Sample { values: &values, columns: &[Column::Number; 3], weights: Some(&weights) };
        let rows = Rows::new(sample, true, 2.0);
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-7);

        let of_classes = LinearSVC { tol: 1e-12, max_iter: 100_000, ..LinearSVC::default() };
        let dual = rows.separate(&of_classes, |row| y[row] > 0.1, Stream::new(1), &|| true).unwrap();
        let error = |row: usize, score: f64| short_of(y[row] > 0.1, score);
        let primal = newton::minimise(&rows, of_classes.C, error, 100, &|_| true).unwrap();
        assert!(close(&dual, &primal), "{dual:?} {primal:?}");

        let loss = Tube::SquaredEpsilonInsensitive;
        let of_values =
            LinearSVR { loss, epsilon: 0.2, tol: 1e-12, max_iter: 100_000, ..LinearSVR::default() };
        let dual = rows.follow(&of_values, &y, Stream::new(1), &|_| true).unwrap();
        let error = |row: usize, score: f64| beyond(score - y[row], 0.2);
        let primal = newton::minimise(&rows, of_values.C, error, 100, &|_| true).unwrap();
        assert!(close(&dual, &primal), "{dual:?} {primal:?}");
    }
}
