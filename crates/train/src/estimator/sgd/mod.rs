//! Linear models by stochastic gradient descent, one row at a time, with the schedules and stopping rules of scikit-learn.
//!
//! Sources: Bottou, "Stochastic Gradient Descent Tricks" (2012); Tsuruoka, Tsujii and Ananiadou, "Stochastic Gradient Descent
//! Training for L1-regularized Log-linear Models with Cumulative Penalty" (2009); Xu, "Towards Optimal One Pass Large
//! Scale Learning with Averaged Stochastic Gradient Descent" (2011) for the schedule `optimal`.

mod loss;

use std::sync::atomic::{AtomicUsize, Ordering};

use foretell_model::estimator::Linear;
use foretell_model::head::Probability;
use foretell_model::{Estimator, Fitted};
use rayon::prelude::*;

pub use self::loss::{ClassLoss, ValueLoss};
use super::head;
use super::hold_out::hold_out;
use super::logistic::Penalty;
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{add_scaled, dot};
use crate::parameter::{Range, choices, parameters};
use crate::random::{Stream, hash};
use crate::sample::{Sample, Target};

/// How long steps are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LearningRate {
    /// `eta0`.
    Constant,
    /// `1 / (alpha (t + t0))` of the step `t`.
    Optimal,
    /// `eta0 / t^power_t`.
    InverseScaling,
    /// `eta0`, and a fifth of it whenever nothing improves any more.
    Adaptive,
}

choices!(LearningRate {
    "constant" => Self::Constant,
    "optimal" => Self::Optimal,
    "invscaling" => Self::InverseScaling,
    "adaptive" => Self::Adaptive,
});

parameters! {
    /// What descents of both kinds have.
    pub struct Descent {
        /// What coefficients cost; nothing where it is `none`.
        penalty: Option<Penalty> = Some(Penalty::L2), Range::Any;
        /// How much that is.
        alpha: f64 = 1e-4, Range::AtLeast(0.0);
        /// The share of L1 in the penalty `elasticnet`.
        l1_ratio: f64 = 0.15, Range::Within(0.0, 1.0);
        /// Whether there is an intercept.
        fit_intercept: bool = true, Range::Any;
        /// Most passes over the rows.
        max_iter: usize = 1000, Range::AtLeast(1.0);
        /// Less is no improvement; `none` goes on in any case.
        tol: Option<f64> = Some(1e-3), Range::AtLeast(0.0);
        /// Whether every pass has an order of its own.
        shuffle: bool = true, Range::Any;
        /// Where some losses begin.
        epsilon: f64 = 0.1, Range::AtLeast(0.0);
        /// How long the first step is, unless the schedule is `optimal`.
        eta0: f64 = 0.01, Range::Above(0.0);
        /// Whether improvement is that of the score of rows held out; else that of the loss.
        early_stopping: bool = false, Range::Any;
        /// Share of rows that is held out for early stopping.
        validation_fraction: f64 = 0.1, Range::Between(0.0, 1.0);
        /// Passes without improvement after which it stops.
        n_iter_no_change: usize = 5, Range::AtLeast(1.0);
    }
}

parameters! {
    /// Classes by stochastic gradient descent, each against all others.
    pub struct SGDClassifier {
        /// What scores cost.
        loss: ClassLoss = ClassLoss::Hinge, Range::Any;
        /// How long steps are.
        learning_rate: LearningRate = LearningRate::Optimal, Range::Any;
        /// The exponent of `invscaling`.
        power_t: f64 = 0.5, Range::Any;
    }
    with
    /// The rest.
    descent: Descent;
}

parameters! {
    /// Numbers by stochastic gradient descent.
    pub struct SGDRegressor {
        /// What scores cost.
        loss: ValueLoss = ValueLoss::SquaredError, Range::Any;
        /// How long steps are.
        learning_rate: LearningRate = LearningRate::InverseScaling, Range::Any;
        /// The exponent of `invscaling`.
        power_t: f64 = 0.25, Range::Any;
    }
    with
    /// The rest.
    descent: Descent;
}

/// How to descend.
#[derive(Debug, Clone, Copy)]
struct Plan<'a> {
    loss: ClassLoss,
    learning_rate: LearningRate,
    power_t: f64,
    descent: &'a Descent,
}

impl<'a> From<&'a SGDClassifier> for Plan<'a> {
    fn from(of: &'a SGDClassifier) -> Self {
        Self { loss: of.loss, learning_rate: of.learning_rate, power_t: of.power_t, descent: &of.descent }
    }
}

impl<'a> From<&'a SGDRegressor> for Plan<'a> {
    fn from(of: &'a SGDRegressor) -> Self {
        let loss = ClassLoss::Of(of.loss);
        Self { loss, learning_rate: of.learning_rate, power_t: of.power_t, descent: &of.descent }
    }
}

/// The steepest slope that is followed.
const STEEPEST: f64 = 1e12;
/// Steps of the schedule `adaptive` are not shortened below this.
const SHORTEST: f64 = 1e-6;
/// What steps of the schedule `adaptive` are divided by.
const SHORTENED: f64 = 5.0;

/// Fits one model for two classes, else one for each class.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit_classes(
    parameters: &SGDClassifier,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    let (codes, labels) = target.classes()?;
    let models = if labels.len() == 2 { 1 } else { labels.len() };
    let course = Course::new(parameters.into(), sample, target, context)?;
    let done = AtomicUsize::new(0);
    let learnt: Vec<Vec<f64>> = (0..models)
        .into_par_iter()
        .map(|model| {
            let class = model as u32 + u32::from(models == 1);
            let side = |row: usize| if codes[row] == class { 1.0 } else { -1.0 };
            let score = |weights: &[f64], rows: &[usize]| {
                let hit = |row: &&usize| (course.score(weights, **row) > 0.0) == (side(**row) > 0.0);
                let weight = |row: &usize| sample.weight(*row);
                let hits: f64 = rows.iter().filter(hit).map(weight).sum();
                hits / rows.iter().map(weight).sum::<f64>()
            };
            let go_on = |_: usize, loss: f64| {
                let loss = (models == 1).then_some(loss);
                context.progress.step(done.load(Ordering::Relaxed), models, loss)
            };
            let weights = course.run(side, score, hash(context.seed, 1 + model as u64), &go_on)?;
            done.fetch_add(1, Ordering::Relaxed);
            Ok(weights)
        })
        .collect::<Result<_, FitError>>()?;
    let binary = models == 1;
    let probability = match parameters.loss {
        ClassLoss::Log if binary => Some(Probability::Sigmoid { scale: 1.0 }),
        ClassLoss::Log => Some(Probability::SigmoidNormalized),
        ClassLoss::ModifiedHuber => Some(Probability::ModifiedHuber),
        ClassLoss::Hinge | ClassLoss::SquaredHinge | ClassLoss::Perceptron | ClassLoss::Of(_) => None,
    };
    Ok(Fitted { estimator: course.estimator(&learnt), head: head::scored_by(labels, probability) })
}

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit_values(
    parameters: &SGDRegressor,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    let y = target.values()?;
    let max_iter = parameters.descent.max_iter;
    let course = Course::new(parameters.into(), sample, target, context)?;
    let score = |weights: &[f64], rows: &[usize]| {
        let sum =
            |of: &dyn Fn(usize) -> f64| rows.iter().map(|row| sample.weight(*row) * of(*row)).sum::<f64>();
        let mean = sum(&|row| y[row]) / sum(&|_| 1.0);
        let left = sum(&|row| (y[row] - course.score(weights, row)).powi(2));
        1.0 - left / sum(&|row| (y[row] - mean).powi(2))
    };
    let go_on = |pass: usize, loss: f64| context.progress.step(pass, max_iter, Some(loss));
    let weights = course.run(|row| y[row], score, hash(context.seed, 1), &go_on)?;
    Ok(Fitted { estimator: course.estimator(&[weights]), head: head::values() })
}

/// The rows, and how they are learnt from.
struct Course<'a> {
    plan: Plan<'a>,
    sample: Sample<'a>,
    learns: Vec<usize>,
    held_out: Vec<usize>,
}

impl<'a> Course<'a> {
    fn new(
        plan: Plan<'a>,
        sample: Sample<'a>,
        target: Target<'_>,
        context: &Context<'_>,
    ) -> Result<Self, FitError> {
        let optimal = plan.learning_rate == LearningRate::Optimal;
        FitError::unless(!optimal || plan.descent.alpha > 0.0, "alpha", "a number above 0 for `optimal`", 0)?;
        let rows: Vec<usize> = (0..sample.rows()).filter(|row| sample.weight(*row) > 0.0).collect();
        let mut random = Stream::new(hash(context.seed, 0));
        let (learns, held_out) = if plan.descent.early_stopping {
            hold_out(rows, target, plan.descent.validation_fraction, &mut random)?
        } else {
            (rows, Vec::new())
        };
        Ok(Self { plan, sample, learns, held_out })
    }

    fn score(&self, weights: &[f64], row: usize) -> f64 {
        let columns = self.sample.columns.len();
        dot(self.sample.row(row), &weights[..columns]) + weights[columns]
    }

    fn estimator(&self, learnt: &[Vec<f64>]) -> Estimator {
        let columns = self.sample.columns.len();
        Estimator::Linear(Linear {
            features: columns,
            coefficients: learnt.iter().flat_map(|weights| &weights[..columns]).copied().collect(),
            intercept: learnt.iter().map(|weights| weights[columns]).collect(),
        })
    }

    /// The weights, the intercept last, that give rows the scores `wanted`.
    fn run(
        &self,
        wanted: impl Fn(usize) -> f64,
        score: impl Fn(&[f64], &[usize]) -> f64,
        seed: u64,
        go_on: &dyn Fn(usize, f64) -> bool,
    ) -> Result<Vec<f64>, FitError> {
        let (plan, descent) = (self.plan, self.plan.descent);
        let (mut random, mut order) = (Stream::new(seed), self.learns.clone());
        let mut walk = Walk::new(plan, self.sample.columns.len());
        let (mut idle, mut best_score, mut best_loss) = (0, f64::NEG_INFINITY, f64::INFINITY);
        for pass in 0..descent.max_iter {
            if descent.shuffle {
                random.shuffle(&mut order);
            }
            let mut total = 0.0;
            for row in &order {
                total += walk.step(self.sample.row(*row), wanted(*row), self.sample.weight(*row));
            }
            if !(total.is_finite() && walk.is_finite()) {
                let expected = "numbers of about the same scale; scale the features";
                return Err(FitError::data(expected, "a loss without end"));
            }
            let improves = if descent.early_stopping {
                let reached = score(&walk.weights(), &self.held_out);
                let improves = descent.tol.is_none_or(|tol| reached >= best_score + tol);
                best_score = best_score.max(reached);
                improves
            } else {
                let least = |tol: f64| best_loss - tol * order.len() as f64;
                let improves = descent.tol.is_none_or(|tol| total <= least(tol));
                best_loss = best_loss.min(total);
                improves
            };
            if !go_on(pass + 1, total / order.len() as f64) {
                return Err(FitError::Stopped);
            }
            idle = if improves { 0 } else { idle + 1 };
            if idle >= descent.n_iter_no_change {
                if plan.learning_rate != LearningRate::Adaptive || walk.eta <= SHORTEST {
                    break;
                }
                walk.eta /= SHORTENED;
                idle = 0;
            }
        }
        Ok(walk.weights())
    }
}

/// Weights on their way.
struct Walk<'a> {
    plan: Plan<'a>,
    /// The coefficients are these times `scale`, so that all of them shrink at once.
    coefficients: Vec<f64>,
    scale: f64,
    intercept: f64,
    /// How long steps are.
    eta: f64,
    /// Number of the next step, from 1.
    t: f64,
    /// Where the schedule `optimal` begins.
    t0: f64,
    /// The share of L1 in the penalty, and what there is of the penalty.
    l1_ratio: f64,
    alpha: f64,
    /// The L1 penalty that every coefficient could have received, and what each has.
    due: f64,
    paid: Vec<f64>,
}

/// Below this the scale becomes a part of the coefficients.
const LEAST_SCALE: f64 = 1e-9;

impl<'a> Walk<'a> {
    fn new(plan: Plan<'a>, columns: usize) -> Self {
        let descent = plan.descent;
        let (alpha, l1_ratio) = match descent.penalty {
            None => (0.0, 0.0),
            Some(Penalty::L2) => (descent.alpha, 0.0),
            Some(Penalty::L1) => (descent.alpha, 1.0),
            Some(Penalty::ElasticNet) => (descent.alpha, descent.l1_ratio),
        };
        // So that the first steps are of about the length of the weights that are expected.
        let typical = (1.0 / descent.alpha.sqrt()).sqrt();
        let (_, slope) = plan.loss.of(1.0, -typical, descent.epsilon);
        let first = typical / slope.max(1.0);
        Self {
            plan,
            coefficients: vec![0.0; columns],
            scale: 1.0,
            intercept: 0.0,
            eta: descent.eta0,
            t: 1.0,
            t0: 1.0 / (first * descent.alpha),
            l1_ratio,
            alpha,
            due: 0.0,
            paid: vec![0.0; if l1_ratio > 0.0 { columns } else { 0 }],
        }
    }

    fn is_finite(&self) -> bool {
        self.intercept.is_finite() && self.coefficients.iter().all(|w| w.is_finite())
    }

    /// The coefficients, and the intercept.
    fn weights(&self) -> Vec<f64> {
        self.coefficients.iter().map(|w| w * self.scale).chain([self.intercept]).collect()
    }

    /// Learns from a row; its loss before.
    fn step(&mut self, x: &[f64], wanted: f64, weight: f64) -> f64 {
        let (plan, descent) = (self.plan, self.plan.descent);
        let score = self.scale * dot(x, &self.coefficients) + self.intercept;
        match plan.learning_rate {
            LearningRate::Optimal => self.eta = 1.0 / (descent.alpha * (self.t0 + self.t - 1.0)),
            LearningRate::InverseScaling => self.eta = descent.eta0 / self.t.powf(plan.power_t),
            LearningRate::Constant | LearningRate::Adaptive => {}
        }
        let (loss, slope) = plan.loss.of(wanted, score, descent.epsilon);
        let update = -self.eta * slope.clamp(-STEEPEST, STEEPEST) * weight;
        if self.l1_ratio < 1.0 {
            self.shrink((1.0 - (1.0 - self.l1_ratio) * self.eta * self.alpha).max(0.0));
        }
        if update != 0.0 {
            add_scaled(&mut self.coefficients, update / self.scale, x);
            if descent.fit_intercept {
                self.intercept += update;
            }
        }
        if self.l1_ratio > 0.0 {
            self.due += self.l1_ratio * self.eta * self.alpha;
            self.pay();
        }
        self.t += 1.0;
        loss
    }

    fn shrink(&mut self, factor: f64) {
        self.scale *= factor;
        if self.scale < LEAST_SCALE {
            self.coefficients.iter_mut().for_each(|w| *w *= self.scale);
            self.scale = 1.0;
        }
    }

    /// Draws coefficients towards 0, and not beyond, by what they have not received of the L1 penalty.
    fn pay(&mut self) {
        let (due, scale) = (self.due, self.scale);
        for (w, paid) in self.coefficients.iter_mut().zip(&mut self.paid) {
            let before = *w;
            if before > 0.0 {
                *w = (before - (due + *paid) / scale).max(0.0);
            } else if before < 0.0 {
                *w = (before + (due - *paid) / scale).min(0.0);
            }
            *paid += scale * (*w - before);
        }
    }
}
