//! Metrics of classifiers, from weighted counts of known and predicted classes.

use crate::{ClassAnswers, Metric};

/// The weight of rows by known and predicted class, `matrix[known][predicted]`. Rows of a class that the model does
/// not know are left out.
pub fn confusion(answers: &ClassAnswers) -> Vec<Vec<f64>> {
    let counts = Counts::new(answers, &unit_or(&answers.weights, answers.known.len()));
    let row = |known: usize| (0..answers.classes).map(|predicted| counts.at(known, predicted)).collect();
    (0..answers.classes).map(row).collect()
}

pub(crate) fn unit_or(weights: &[f64], rows: usize) -> Vec<f64> {
    if weights.is_empty() { vec![1.0; rows] } else { weights.to_vec() }
}

/// Weights by known and predicted class; the last class is that of all rows whose class the model does not know.
pub(crate) struct Counts {
    size: usize,
    matrix: Vec<f64>,
    total: f64,
    known: Vec<f64>,
    predicted: Vec<f64>,
}

/// A mean over classes.
#[derive(Clone, Copy)]
pub(crate) enum Average {
    /// Every class that was known or predicted counts the same.
    Macro,
    /// By the weight of its rows.
    Weighted,
}

impl Counts {
    pub(crate) fn new(answers: &ClassAnswers, weights: &[f64]) -> Self {
        let size = answers.classes + 1;
        let mut matrix = vec![0.0; size * size];
        for ((known, predicted), weight) in answers.known.iter().zip(&answers.predicted).zip(weights) {
            matrix[known.unwrap_or(answers.classes) * size + predicted] += weight;
        }
        let known: Vec<f64> = matrix.chunks(size).map(|row| row.iter().sum()).collect();
        let column = |class: usize| (0..size).map(|known| matrix[known * size + class]).sum();
        let predicted: Vec<f64> = (0..size).map(column).collect();
        let total = known.iter().sum();
        Self { size, matrix, total, known, predicted }
    }

    fn at(&self, known: usize, predicted: usize) -> f64 {
        self.matrix[known * self.size + predicted]
    }

    pub(crate) fn total(&self) -> f64 {
        self.total
    }

    fn right(&self, class: usize) -> f64 {
        self.at(class, class)
    }

    fn all_right(&self) -> f64 {
        (0..self.size).map(|class| self.right(class)).sum()
    }

    pub(crate) fn precision(&self, class: usize) -> f64 {
        share(self.right(class), self.predicted[class])
    }

    pub(crate) fn recall(&self, class: usize) -> f64 {
        share(self.right(class), self.known[class])
    }

    pub(crate) fn f1(&self, class: usize) -> f64 {
        share(2.0 * self.right(class), self.known[class] + self.predicted[class])
    }

    pub(crate) fn accuracy(&self) -> f64 {
        self.all_right() / self.total
    }

    pub(crate) fn balanced_accuracy(&self) -> f64 {
        let occurring = || (0..self.size).filter(|class| self.known[*class] > 0.0);
        occurring().map(|class| self.recall(class)).sum::<f64>() / occurring().count() as f64
    }

    pub(crate) fn mean(&self, average: Average, value: impl Fn(usize) -> f64) -> f64 {
        let weight = |class: usize| match average {
            Average::Macro => f64::from(u8::from(self.known[class] + self.predicted[class] > 0.0)),
            Average::Weighted => self.known[class],
        };
        let sum: f64 = (0..self.size).map(|class| weight(class) * value(class)).sum();
        sum / (0..self.size).map(weight).sum::<f64>()
    }

    /// Source: J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient",
    /// Computational Biology and Chemistry 28 (2004).
    pub(crate) fn mcc(&self) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let square = self.total * self.total;
        let spread =
            (square - dot(&self.predicted, &self.predicted)) * (square - dot(&self.known, &self.known));
        let together = self.all_right() * self.total - dot(&self.known, &self.predicted);
        if spread == 0.0 { 0.0 } else { together / spread.sqrt() }
    }

    /// `None` when all rows are of one class and predicted as it.
    pub(crate) fn kappa(&self) -> Option<f64> {
        let chance: f64 =
            self.known.iter().zip(&self.predicted).map(|(a, b)| a * b).sum::<f64>() / self.total;
        let kappa = 1.0 - (self.total - self.all_right()) / (self.total - chance);
        kappa.is_finite().then_some(kappa)
    }

    /// The metrics that need nothing but the counts.
    pub(crate) fn value(&self, metric: Metric) -> Option<f64> {
        let two = self.size == 3;
        let precision = |class| self.precision(class);
        let recall = |class| self.recall(class);
        let f1 = |class| self.f1(class);
        Some(match metric {
            Metric::Accuracy | Metric::PrecisionMicro | Metric::RecallMicro | Metric::F1Micro => {
                self.accuracy()
            }
            Metric::BalancedAccuracy => self.balanced_accuracy(),
            Metric::Precision if two => precision(1),
            Metric::Recall if two => recall(1),
            Metric::F1 if two => f1(1),
            Metric::PrecisionMacro => self.mean(Average::Macro, precision),
            Metric::RecallMacro => self.mean(Average::Macro, recall),
            Metric::F1Macro => self.mean(Average::Macro, f1),
            Metric::PrecisionWeighted => self.mean(Average::Weighted, precision),
            Metric::RecallWeighted => self.mean(Average::Weighted, recall),
            Metric::F1Weighted => self.mean(Average::Weighted, f1),
            Metric::Mcc => self.mcc(),
            Metric::Kappa => self.kappa()?,
            Metric::Precision
            | Metric::Recall
            | Metric::F1
            | Metric::RocAuc
            | Metric::RocAucWeighted
            | Metric::AveragePrecision
            | Metric::LogLoss
            | Metric::Brier
            | Metric::R2
            | Metric::ExplainedVariance
            | Metric::Rmse
            | Metric::Mse
            | Metric::Mae
            | Metric::MedianAe
            | Metric::Mape
            | Metric::MaxError
            | Metric::Msle
            | Metric::PoissonDeviance
            | Metric::GammaDeviance
            | Metric::Pinball => return None,
        })
    }
}

/// A share of nothing is 0, as scikit-learn's `zero_division` is by default.
fn share(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

/// The log loss of one row.
pub(crate) fn log_loss(probabilities: &[f64], class: usize) -> f64 {
    let sum: f64 = probabilities.iter().sum();
    -(probabilities[class] / sum).clamp(f64::EPSILON, 1.0).ln()
}

/// The Brier score of one row.
pub(crate) fn brier(probabilities: &[f64], class: usize) -> f64 {
    let distance = |(at, p): (usize, &f64)| {
        let distance = f64::from(u8::from(at == class)) - p;
        distance * distance
    };
    let sum: f64 = probabilities.iter().enumerate().map(distance).sum();
    if probabilities.len() < 3 { sum / 2.0 } else { sum }
}
