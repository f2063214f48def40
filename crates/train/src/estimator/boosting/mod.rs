//! Gradient boosting over histograms, with the parameters of XGBoost.
//!
//! Features are put into at most 255 bins once ([`bins`]); each round makes the derivatives of the loss ([`loss`]),
//! and grows a tree ([`grow`]) whose splits ([`split`]) come from sums per bin ([`histogram`]). All sums that decide
//! are of integers, so that a model does not depend on the number of threads.

mod bins;
mod grow;
mod histogram;
mod loss;
mod lower;
mod rounds;
mod split;

pub use loss::Loss;

use foretell_frame::Labels;
use foretell_model::Fitted;

use self::bins::{Binned, Table, Voters};
use self::grow::{Growth, TreeNode};
use self::histogram::Scale;
use self::rounds::Plan;
use self::split::Objective;
use super::{History, Learnt};
use crate::parameter::{Parameters, Range, choices, parameters};
use crate::random::hash;
use crate::{Column, Context, FitError, Sample, Target};

/// How trees grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrowPolicy {
    /// Level by level.
    DepthWise,
    /// Where the gain is greatest.
    LossGuide,
}

choices!(GrowPolicy {
    "depthwise" => Self::DepthWise,
    "lossguide" => Self::LossGuide,
});

parameters! {
    /// Parameters of gradient boosting, with the names and defaults of XGBoost.
    pub struct Boosting {
        /// What is minimised; by default the squared error of values and the cross entropy of classes.
        objective: Option<Loss> = None, Range::Any;
        /// The quantile of `reg:quantileerror`.
        quantile_alpha: f64 = 0.5, Range::Between(0.0, 1.0);
        /// Most rounds.
        n_estimators: usize = 100, Range::AtLeast(1.0);
        /// What every tree's values are multiplied by.
        learning_rate: f64 = 0.3, Range::Within(0.0, f64::MAX);
        /// Most levels of splits; 0 for no limit.
        max_depth: usize = 6, Range::Any;
        /// Most leaves of a tree; 0 for no limit.
        max_leaves: usize = 0, Range::Any;
        /// How trees grow.
        grow_policy: GrowPolicy = GrowPolicy::DepthWise, Range::Any;
        /// Most bins of a feature; one is for missing values.
        max_bin: usize = 256, Range::Within(2.0, 256.0);
        /// Share of the rows that each round sees.
        subsample: f64 = 1.0, Range::AboveUpTo(0.0, 1.0);
        /// Share of the features that each tree may use.
        colsample_bytree: f64 = 1.0, Range::AboveUpTo(0.0, 1.0);
        /// Share of those that each level may use.
        colsample_bylevel: f64 = 1.0, Range::AboveUpTo(0.0, 1.0);
        /// Share of those that each node may use.
        colsample_bynode: f64 = 1.0, Range::AboveUpTo(0.0, 1.0);
        /// Weight of squared leaf values.
        reg_lambda: f64 = 1.0, Range::Within(0.0, f64::MAX);
        /// Weight of absolute leaf values.
        reg_alpha: f64 = 0.0, Range::Within(0.0, f64::MAX);
        /// Least gain of a split.
        gamma: f64 = 0.0, Range::Within(0.0, f64::MAX);
        /// Least sum of second derivatives in a child.
        min_child_weight: f64 = 1.0, Range::Within(0.0, f64::MAX);
        /// Largest magnitude of a leaf value before the learning rate; 0 for no limit (0.7 for Poisson).
        max_delta_step: f64 = 0.0, Range::Within(0.0, f64::MAX);
        /// What rows of the second of two classes weigh.
        scale_pos_weight: f64 = 1.0, Range::AboveUpTo(0.0, f64::MAX);
        /// For each feature 1 where predictions must not fall with it, -1 where they must not rise, 0 where they may do
        /// both; empty for 0 everywhere.
        monotone_constraints: Vec<i8> = Vec::new(), Range::Within(-1.0, 1.0);
        /// Features with at most so many categories try each category alone.
        max_cat_to_onehot: usize = 4, Range::Any;
        /// Most categories of a set.
        max_cat_threshold: usize = 64, Range::AtLeast(1.0);
        /// Rounds without a better loss of the rows held out after which it stops.
        early_stopping_rounds: Option<usize> = None, Range::AtLeast(1.0);
        /// Share of rows that is held out for early stopping, where none are given.
        validation_fraction: f64 = 0.1, Range::Between(0.0, 1.0);
    }
}

/// A boosted model and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The model.
    pub fitted: Fitted,
    /// The loss that the curve shows.
    pub metric: &'static str,
    /// After each round the loss of (a sample of) the training rows, and of the rows held out.
    pub curve: Vec<(f64, Option<f64>)>,
    /// Number of rounds that the model has.
    pub rounds: usize,
    /// For each feature the total gain of its splits.
    pub gain: Vec<f64>,
}

impl From<Outcome> for Learnt {
    fn from(outcome: Outcome) -> Self {
        let training = outcome.curve.iter().map(|(training, _)| *training).collect();
        let validation: Option<Vec<f64>> = outcome.curve.iter().map(|(_, validation)| *validation).collect();
        let validation = validation.filter(|losses| !losses.is_empty());
        let curves = [("training", Some(training)), ("validation", validation)];
        let curves = curves.into_iter().filter_map(|(rows, losses)| Some((rows, losses?))).collect();
        let history = History { curves, ..History::of_gains(outcome.gain) };
        Self { history, ..Self::from(outcome.fitted) }
    }
}

/// Fits, and tells how it went. Rows that are `held_out`, one flag per row, are not learnt from; their loss is watched.
///
/// # Errors
/// Parameters out of their range, data that do not fit each other, and a progress that ends it.
pub fn boost(
    params: &Boosting,
    sample: Sample<'_>,
    target: Target<'_>,
    held_out: Option<&[bool]>,
    context: &Context<'_>,
) -> Result<Outcome, FitError> {
    sample.check(target.rows())?;
    target.check()?;
    let (targets, labels): (Vec<f64>, _) = match target {
        Target::Values(values) => (values.to_vec(), None),
        Target::Classes { codes, labels } => {
            (codes.iter().map(|code| f64::from(*code)).collect(), Some(labels))
        }
    };
    let loss = params.loss(labels)?;
    params.check_fit(sample.columns, &targets, loss)?;
    if let Some(held_out) = held_out
        && held_out.len() != targets.len()
    {
        return Err(FitError::data(format!("{} flags of rows held out", targets.len()), held_out.len()));
    }
    let categorical: Vec<bool> = sample.columns.iter().map(|kind| *kind == Column::Category).collect();
    let lesson = Lesson {
        values: sample.values,
        categorical: &categorical,
        targets: &targets,
        labels,
        weights: sample.weights,
        held_out,
        loss,
        seed: context.seed,
    };
    let report = |round: usize, train: f64, valid: Option<f64>| {
        context.progress.step(round + 1, params.n_estimators, Some(valid.unwrap_or(train)))
    };
    params.boost(lesson, report)
}

/// What [`Boosting`] learns from.
#[derive(Debug, Clone, Copy)]
struct Lesson<'a> {
    values: &'a [f64],
    categorical: &'a [bool],
    /// Values, or numbers of classes.
    targets: &'a [f64],
    labels: Option<&'a Labels>,
    weights: Option<&'a [f64]>,
    held_out: Option<&'a [bool]>,
    loss: Loss,
    seed: u64,
}

impl Boosting {
    /// The objective, which has to fit the target.
    fn loss(&self, labels: Option<&Labels>) -> Result<Loss, FitError> {
        let default = match labels.map(Labels::len) {
            None => Loss::SquaredError,
            Some(2) => Loss::Logistic,
            Some(_) => Loss::Softmax,
        };
        let mut loss = self.objective.unwrap_or(default);
        if let Loss::Quantile(at) = &mut loss {
            *at = self.quantile_alpha;
        }
        let fits = match loss {
            Loss::SquaredError | Loss::AbsoluteError | Loss::Quantile(_) | Loss::Poisson => labels.is_none(),
            Loss::Logistic => labels.is_some_and(|labels| labels.len() == 2),
            Loss::Softmax => labels.is_some(),
        };
        FitError::unless(fits, "objective", "one for this kind of target", loss.name())?;
        Ok(loss)
    }

    /// Fails unless every parameter is in its range and fits the data.
    fn check_fit(&self, columns: &[Column], targets: &[f64], loss: Loss) -> Result<(), FitError> {
        self.check()?;
        let directions = &self.monotone_constraints;
        let allowed = directions.is_empty()
            || directions.len() == columns.len()
                && directions.iter().zip(columns).all(|(direction, kind)| {
                    *direction == 0 || (direction.abs() == 1 && *kind == Column::Number)
                });
        let expected = "-1, 0 or 1 for each feature, 0 for categories";
        FitError::unless(allowed, "monotone_constraints", expected, format!("{directions:?}"))?;
        if loss == Loss::Poisson && targets.iter().any(|y| *y < 0.0) {
            return Err(FitError::data("targets of 0 or more for `count:poisson`", "others"));
        }
        Ok(())
    }

    fn boost(
        &self,
        lesson: Lesson<'_>,
        report: impl FnMut(usize, f64, Option<f64>) -> bool + Send,
    ) -> Result<Outcome, FitError> {
        let loss = lesson.loss;
        let split;
        let mut held_out = lesson.held_out;
        if held_out.is_none() && self.early_stopping_rounds.is_some() {
            split = self.hold_out(&lesson);
            held_out = Some(&split);
        }
        let learns = |row: usize| {
            held_out.is_none_or(|held_out: &[bool]| !held_out[row])
                && lesson.weights.is_none_or(|w| w[row] > 0.0)
        };
        if !(0..lesson.targets.len()).any(learns) {
            return Err(FitError::data("rows to learn from besides those held out", "none"));
        }
        let weights: Vec<f64> = (0..lesson.targets.len())
            .map(|row| {
                let positive = loss == Loss::Logistic && lesson.targets[row] == 1.0;
                let factor = if positive { self.scale_pos_weight } else { 1.0 };
                lesson.weights.map_or(1.0, |weights| weights[row]) * factor
            })
            .collect();
        let table =
            Table { values: lesson.values, width: lesson.categorical.len(), categorical: lesson.categorical };
        let voters = Voters { weights: lesson.weights, held_out };
        let most_bins = self.max_bin.saturating_sub(1).max(1);
        let unlimited = |limit: usize| if limit == 0 { usize::MAX } else { limit };
        let no_step = if loss == Loss::Poisson { loss::POISSON_STEP } else { f64::INFINITY };
        let step = if self.max_delta_step == 0.0 { no_step } else { self.max_delta_step };
        // Inside the pool, so that small pieces of work do not have to be handed over to it one by one.
        let (binned, boosted) = rayon::scope(|_| {
            let binned = Binned::new(table, voters, most_bins, hash(lesson.seed, 1));
            let plan = Plan {
                binned: &binned,
                loss,
                outputs: if loss == Loss::Softmax { lesson.labels.map_or(1, Labels::len) } else { 1 },
                targets: lesson.targets,
                weights: &weights,
                held_out,
                rounds: self.n_estimators,
                learning_rate: self.learning_rate,
                subsample: self.subsample,
                growth: Growth {
                    max_depth: unlimited(self.max_depth),
                    max_leaves: unlimited(self.max_leaves),
                    by_leaf: self.grow_policy == GrowPolicy::LossGuide,
                    features: [self.colsample_bytree, self.colsample_bylevel, self.colsample_bynode],
                },
                objective: Objective {
                    lambda: self.reg_lambda,
                    alpha: self.reg_alpha,
                    gamma: self.gamma,
                    min_child_weight: self.min_child_weight,
                    max_delta_step: step,
                    max_cat_to_onehot: self.max_cat_to_onehot,
                    max_cat_threshold: self.max_cat_threshold,
                    scale: Scale { first: 1.0, second: 1.0 },
                },
                monotone: &self.monotone_constraints,
                patience: self.early_stopping_rounds,
                seed: hash(lesson.seed, 2),
            };
            let boosted = plan.run(report);
            (binned, boosted)
        });
        if boosted.cancelled {
            return Err(FitError::Stopped);
        }
        let mut gain = vec![0.0; table.width];
        for node in boosted.trees.iter().flatten() {
            if let TreeNode::Split(split, _) = node {
                gain[split.feature] += split.gain;
            }
        }
        Ok(Outcome {
            fitted: lower::fitted(&binned.features, &boosted, loss, lesson.labels),
            metric: loss.metric(),
            rounds: boosted.trees.len() / boosted.base.len(),
            curve: boosted.curve,
            gain,
        })
    }

    /// A share of the rows of each class, or of all.
    fn hold_out(&self, lesson: &Lesson<'_>) -> Vec<bool> {
        let seed = hash(lesson.seed, 3);
        let mut held_out = vec![false; lesson.targets.len()];
        for class in 0..lesson.labels.map_or(1, Labels::len) {
            let of_class = |row: &usize| lesson.labels.is_none() || lesson.targets[*row] == class as f64;
            let mut rows: Vec<usize> = (0..held_out.len()).filter(of_class).collect();
            rows.sort_by_cached_key(|row| (hash(seed, *row as u64), *row));
            let share = (rows.len() as f64 * self.validation_fraction).ceil() as usize;
            rows.into_iter().take(share).for_each(|row| held_out[row] = true);
        }
        held_out
    }
}
