//! Metrics of regressions.

use crate::{Metric, ValueAnswers};

/// Weighted sums over all rows.
pub(crate) struct Sums {
    /// Rows that count.
    rows: usize,
    weight: f64,
    known: f64,
    error: f64,
    squared: f64,
    absolute: f64,
    relative: f64,
    largest: f64,
    pinball: f64,
    /// `None` where a value is outside the domain.
    logarithmic: Option<f64>,
    poisson: Option<f64>,
    gamma: Option<f64>,
}

impl Sums {
    pub(crate) fn new(answers: &ValueAnswers, weights: &[f64]) -> Self {
        let mut sums = Self {
            rows: 0,
            weight: 0.0,
            known: 0.0,
            error: 0.0,
            squared: 0.0,
            absolute: 0.0,
            relative: 0.0,
            largest: 0.0,
            pinball: 0.0,
            logarithmic: Some(0.0),
            poisson: Some(0.0),
            gamma: Some(0.0),
        };
        for ((known, predicted), weight) in answers.known.iter().zip(&answers.predicted).zip(weights) {
            if *weight > 0.0 {
                sums.add(*known, *predicted, *weight, answers.quantile);
            }
        }
        sums
    }

    fn add(&mut self, known: f64, predicted: f64, weight: f64, quantile: f64) {
        let error = known - predicted;
        self.rows += 1;
        self.weight += weight;
        self.known += weight * known;
        self.error += weight * error;
        self.squared += weight * error * error;
        self.absolute += weight * error.abs();
        self.relative += weight * error.abs() / known.abs().max(f64::EPSILON);
        self.largest = self.largest.max(error.abs());
        self.pinball += weight * if error >= 0.0 { quantile * error } else { (quantile - 1.0) * error };
        let add = |sum: &mut Option<f64>, defined: bool, value: f64| {
            *sum = sum.filter(|_| defined).map(|sum| sum + weight * value);
        };
        let logarithms = known.ln_1p() - predicted.ln_1p();
        add(&mut self.logarithmic, known > -1.0 && predicted > -1.0, logarithms * logarithms);
        let entropy = if known == 0.0 { 0.0 } else { known * (known / predicted).ln() };
        add(&mut self.poisson, known >= 0.0 && predicted > 0.0, 2.0 * (entropy - known + predicted));
        let gamma = 2.0 * ((predicted / known).ln() + known / predicted - 1.0);
        add(&mut self.gamma, known > 0.0 && predicted > 0.0, gamma);
    }

    pub(crate) fn weight(&self) -> f64 {
        self.weight
    }

    /// The metrics that need no order of the errors.
    pub(crate) fn value(&self, metric: Metric, answers: &ValueAnswers, weights: &[f64]) -> Option<f64> {
        let spread = |mean: f64, value: &dyn Fn(usize) -> f64| -> f64 {
            let square = |(row, weight): (usize, &f64)| weight * (value(row) - mean) * (value(row) - mean);
            weights.iter().enumerate().map(square).sum()
        };
        let total = || spread(self.known / self.weight, &|row| answers.known[row]);
        match metric {
            Metric::R2 => (self.rows > 1).then(|| determination(self.squared, total())),
            Metric::ExplainedVariance => {
                let error = |row: usize| answers.known[row] - answers.predicted[row];
                Some(determination(spread(self.error / self.weight, &error), total()))
            }
            Metric::Mse => Some(self.squared / self.weight),
            Metric::Rmse => Some((self.squared / self.weight).sqrt()),
            Metric::Mae => Some(self.absolute / self.weight),
            Metric::Mape => Some(self.relative / self.weight),
            Metric::MaxError => Some(self.largest),
            Metric::Pinball => Some(self.pinball / self.weight),
            Metric::Msle => self.logarithmic.map(|sum| sum / self.weight),
            Metric::PoissonDeviance => self.poisson.map(|sum| sum / self.weight),
            Metric::GammaDeviance => self.gamma.map(|sum| sum / self.weight),
            Metric::MedianAe
            | Metric::Accuracy
            | Metric::BalancedAccuracy
            | Metric::Precision
            | Metric::Recall
            | Metric::F1
            | Metric::PrecisionMacro
            | Metric::RecallMacro
            | Metric::F1Macro
            | Metric::PrecisionMicro
            | Metric::RecallMicro
            | Metric::F1Micro
            | Metric::PrecisionWeighted
            | Metric::RecallWeighted
            | Metric::F1Weighted
            | Metric::RocAuc
            | Metric::RocAucWeighted
            | Metric::AveragePrecision
            | Metric::LogLoss
            | Metric::Brier
            | Metric::Mcc
            | Metric::Kappa => None,
        }
    }
}

/// One less the unexplained share; where there is nothing to explain 1 if nothing is unexplained, and 0 otherwise.
pub(crate) fn determination(unexplained: f64, total: f64) -> f64 {
    match () {
        () if total > 0.0 => 1.0 - unexplained / total,
        () if unexplained == 0.0 => 1.0,
        () => 0.0,
    }
}

/// The weighted median of values in rising `order`: the smallest value that half of the weight does not exceed, or,
/// where `between` is set and half of the weight lies on each side, the middle of the two values there.
pub(crate) fn median(
    order: &[u32],
    value: impl Fn(usize) -> f64,
    weights: &[f64],
    between: bool,
) -> Option<f64> {
    let half = weights.iter().sum::<f64>() / 2.0;
    let mut below = 0.0;
    let mut weighty = order.iter().map(|row| *row as usize).filter(|row| weights[*row] > 0.0);
    while let Some(row) = weighty.next() {
        below += weights[row];
        if below >= half {
            let upper = if between && below == half { weighty.next() } else { None };
            return Some(upper.map_or(value(row), |upper| f64::midpoint(value(row), value(upper))));
        }
    }
    None
}
