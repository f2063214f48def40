//! All metrics of observed answers.

use crate::classification::{Counts, brier, log_loss, unit_or};
use crate::curve::Ranked;
use crate::regression::{Sums, median};
use crate::{ClassAnswers, Kind, Metric, Observed, ValueAnswers};

/// What turns observed answers into metrics. Rows are put in order once, for any number of weightings.
pub struct Evaluator<'a> {
    observed: &'a Observed,
    weights: Vec<f64>,
    prepared: Prepared,
}

enum Prepared {
    Classes {
        /// Of each class whose score is ranked: only the second of two.
        ranked: Vec<(usize, Ranked)>,
        /// Log loss and Brier score of each row; empty without probabilities or with an unknown class.
        losses: Vec<(f64, f64)>,
    },
    Values {
        /// Rows by rising absolute error.
        order: Vec<u32>,
    },
}

impl<'a> Evaluator<'a> {
    /// Prepares the metrics.
    pub fn new(observed: &'a Observed) -> Self {
        let prepared = match observed {
            Observed::Classes(answers) => Self::classes(answers),
            Observed::Values(answers) => {
                let error = |row: &u32| absolute(answers, *row as usize);
                let mut order: Vec<u32> = (0..answers.known.len() as u32).collect();
                order.sort_by(|a, b| error(a).total_cmp(&error(b)));
                Prepared::Values { order }
            }
        };
        Self { observed, weights: unit_or(observed.weights(), observed.rows()), prepared }
    }

    fn classes(answers: &ClassAnswers) -> Prepared {
        let (rows, classes) = (answers.known.len(), answers.classes);
        let known: Option<Vec<usize>> = answers.known.iter().copied().collect();
        let Some(known) = known else { return Prepared::Classes { ranked: Vec::new(), losses: Vec::new() } };
        let probabilities = || answers.probabilities.chunks_exact(classes.max(1));
        let losses = if answers.probabilities.is_empty() {
            Vec::new()
        } else {
            let of_row = |(row, class): (&[f64], &usize)| (log_loss(row, *class), brier(row, *class));
            probabilities().zip(&known).map(of_row).collect()
        };
        let ranked = match (classes, answers.scores.is_empty(), answers.probabilities.is_empty()) {
            (2, false, _) => vec![(1, Ranked::new(rows, |row| answers.scores[row]))],
            (2, true, false) => vec![(1, Ranked::new(rows, |row| answers.probabilities[row * 2 + 1]))],
            (3.., _, false) => {
                let of_class =
                    |class| Ranked::new(rows, move |row| answers.probabilities[row * classes + class]);
                (0..classes).map(|class| (class, of_class(class))).collect()
            }
            (..) => Vec::new(),
        };
        Prepared::Classes { ranked, losses }
    }

    /// What the metrics are of.
    pub fn kind(&self) -> Kind {
        match self.observed {
            Observed::Classes(_) => Kind::Classification,
            Observed::Values(_) => Kind::Regression,
        }
    }

    /// A metric; `None` where it is not defined: it is of another kind, needs probabilities that are not there, all
    /// classes and one does not occur, or positive values and one is not.
    pub fn value(&self, metric: Metric) -> Option<f64> {
        self.values(&[metric], &self.weights)[0]
    }

    /// All metrics of the kind that are defined.
    pub fn all(&self) -> Vec<(Metric, f64)> {
        let metrics: Vec<Metric> = Metric::of(self.kind()).collect();
        let values = self.values(&metrics, &self.weights);
        metrics.into_iter().zip(values).filter_map(|(metric, value)| Some((metric, value?))).collect()
    }

    pub(crate) fn own_weights(&self) -> &[f64] {
        &self.weights
    }

    /// The metrics under other weights, one for each row. An integer weight is as if the row occurred so often.
    pub(crate) fn values(&self, metrics: &[Metric], weights: &[f64]) -> Vec<Option<f64>> {
        match (self.observed, &self.prepared) {
            (Observed::Classes(answers), Prepared::Classes { ranked, losses }) => {
                let counts = Counts::new(answers, weights);
                let value = |metric: &Metric| class_value(*metric, answers, weights, &counts, ranked, losses);
                metrics.iter().map(|metric| value(metric).filter(|_| counts.total() > 0.0)).collect()
            }
            (Observed::Values(answers), Prepared::Values { order }) => {
                let sums = Sums::new(answers, weights);
                let value = |metric: &Metric| {
                    if *metric == Metric::MedianAe {
                        median(order, |row| absolute(answers, row), weights, answers.weights.is_empty())
                    } else {
                        sums.value(*metric, answers, weights)
                    }
                };
                let defined =
                    |value: Option<f64>| value.filter(|value| !value.is_nan() && sums.weight() > 0.0);
                metrics.iter().map(|metric| defined(value(metric))).collect()
            }
            (Observed::Classes(_), Prepared::Values { .. })
            | (Observed::Values(_), Prepared::Classes { .. }) => {
                vec![None; metrics.len()]
            }
        }
    }
}

fn absolute(answers: &ValueAnswers, row: usize) -> f64 {
    (answers.known[row] - answers.predicted[row]).abs()
}

fn class_value(
    metric: Metric,
    answers: &ClassAnswers,
    weights: &[f64],
    counts: &Counts,
    ranked: &[(usize, Ranked)],
    losses: &[(f64, f64)],
) -> Option<f64> {
    let is = |class: usize| move |row: usize| answers.known[row] == Some(class);
    let weight_of = |class: usize| {
        let rows = weights.iter().enumerate().filter(|(row, _)| answers.known[*row] == Some(class));
        rows.map(|(_, weight)| weight).sum::<f64>()
    };
    let mean = |of_class: &dyn Fn(usize, &Ranked) -> Option<f64>, weighted: bool| {
        let (mut sum, mut total) = (0.0, 0.0);
        for (class, ranked) in ranked {
            let weight = if weighted && ranked_classes_differ(answers) { weight_of(*class) } else { 1.0 };
            sum += weight * of_class(*class, ranked)?;
            total += weight;
        }
        (total > 0.0).then(|| sum / total)
    };
    let loss = |of_row: &dyn Fn(&(f64, f64)) -> f64| {
        let sum: f64 = losses.iter().zip(weights).map(|(row, weight)| weight * of_row(row)).sum();
        (!losses.is_empty()).then(|| sum / counts.total())
    };
    if matches!(metric, Metric::RocAuc | Metric::RocAucWeighted) {
        let weighted = metric == Metric::RocAucWeighted;
        return mean(&|class, ranked| ranked.roc_auc(is(class), weights), weighted);
    }
    if metric == Metric::AveragePrecision {
        return mean(&|class, ranked| ranked.average_precision(is(class), weights), false);
    }
    if metric == Metric::LogLoss {
        return loss(&|row| row.0);
    }
    if metric == Metric::Brier {
        return loss(&|row| row.1);
    }
    counts.value(metric)
}

/// Of two classes only one is ranked, so that its weight has no say.
fn ranked_classes_differ(answers: &ClassAnswers) -> bool {
    answers.classes > 2
}
