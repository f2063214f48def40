//! The same metrics over rows that arrive one by one: what is held does not grow with their number.

use crate::classification::log_loss;
use crate::regression::determination;

/// What is known of a classifier after some rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunningClasses {
    rows: u64,
    right: u64,
    loss: f64,
    /// Rows that count for the loss.
    loss_rows: u64,
    /// Of each class.
    counts: Vec<ClassCounts>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ClassCounts {
    known: u64,
    predicted: u64,
    right: u64,
}

/// Metrics of a classifier over rows that arrived one by one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunningClassScore {
    /// Share of rows whose predicted class is the known one.
    pub accuracy: f64,
    /// [`Metric::LogLoss`](crate::Metric::LogLoss) over the rows whose class the model knows; `None`
    /// without any that has probabilities.
    pub log_loss: Option<f64>,
    /// Mean over the classes that were known or predicted of the harmonic mean of precision and recall: scikit-learn's
    /// `f1_score(average="macro")`.
    pub f1_macro: f64,
}

impl RunningClasses {
    /// Nothing is known of this many classes.
    pub fn new(classes: usize) -> Self {
        Self { counts: vec![ClassCounts::default(); classes], ..Self::default() }
    }

    /// Adds a row: its known class, `None` where the model does not know it, the predicted one, and the probabilities
    /// of all classes where there are any.
    pub fn add(&mut self, known: Option<usize>, predicted: usize, probabilities: Option<&[f64]>) {
        self.rows += 1;
        if let Some(counts) = self.counts.get_mut(predicted) {
            counts.predicted += 1;
        }
        let Some(known) = known else { return };
        if let Some(counts) = self.counts.get_mut(known) {
            counts.known += 1;
            counts.right += u64::from(known == predicted);
        }
        self.right += u64::from(known == predicted);
        if let Some(row) = probabilities.filter(|row| row.len() == self.counts.len()) {
            self.loss += log_loss(row, known);
            self.loss_rows += 1;
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The metrics; `None` without rows.
    pub fn score(&self) -> Option<RunningClassScore> {
        let occurring = || self.counts.iter().filter(|counts| counts.known + counts.predicted > 0);
        let f1 = |counts: &ClassCounts| 2.0 * counts.right as f64 / (counts.known + counts.predicted) as f64;
        (self.rows > 0).then(|| RunningClassScore {
            accuracy: self.right as f64 / self.rows as f64,
            log_loss: (self.loss_rows > 0).then(|| self.loss / self.loss_rows as f64),
            f1_macro: occurring().map(f1).sum::<f64>() / occurring().count().max(1) as f64,
        })
    }
}

/// Metrics of a regression over rows that arrived one by one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunningValueScore {
    /// Coefficient of determination; NaN for a single row.
    pub r2: f64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
}

/// What is known of a regression after some rows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RunningValues {
    rows: u64,
    absolute: f64,
    squared: f64,
    /// Mean of the known values so far, and the sum of their squared distances from it.
    mean: f64,
    total: f64,
}

impl RunningValues {
    /// Adds a row.
    ///
    /// Source of the running variance: B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares and
    /// Products", Technometrics 4 (1962).
    pub fn add(&mut self, known: f64, predicted: f64) {
        self.rows += 1;
        let error = known - predicted;
        self.absolute += error.abs();
        self.squared += error * error;
        let distance = known - self.mean;
        self.mean += distance / self.rows as f64;
        self.total += distance * (known - self.mean);
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The metrics; `None` without rows.
    pub fn score(&self) -> Option<RunningValueScore> {
        let rows = self.rows as f64;
        (self.rows > 0).then(|| RunningValueScore {
            r2: if self.rows < 2 { f64::NAN } else { determination(self.squared, self.total) },
            rmse: (self.squared / rows).sqrt(),
            mae: self.absolute / rows,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClassAnswers, Evaluator, Metric, Observed, ValueAnswers};

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn classes_one_by_one_are_as_all_at_once() {
        let known = [0, 0, 1, 1, 2];
        let predicted = [0, 1, 1, 1, 0];
        let probabilities =
            [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3], [0.9, 0.1, 0.0]];
        let observed = Observed::Classes(ClassAnswers {
            classes: 4,
            known: known.map(Some).to_vec(),
            predicted: predicted.to_vec(),
            probabilities: probabilities.iter().flat_map(|row| [row[0], row[1], row[2], 0.0]).collect(),
            ..ClassAnswers::default()
        });
        let whole = Evaluator::new(&observed);
        let mut running = RunningClasses::new(4);
        assert_eq!(running.score(), None);
        for row in 0..5 {
            let [a, b, c] = probabilities[row];
            running.add(Some(known[row]), predicted[row], Some(&[a, b, c, 0.0]));
        }
        let score = running.score().unwrap();
        let loss = whole.value(Metric::LogLoss).unwrap();
        assert!(close(score.accuracy, whole.value(Metric::Accuracy).unwrap()));
        assert!(close(score.log_loss.unwrap(), loss));
        assert!(close(score.f1_macro, whole.value(Metric::F1Macro).unwrap()), "{score:?}");
        running.add(None, 0, None);
        let score = running.score().unwrap();
        assert!(close(score.accuracy, 0.5));
        assert!(close(score.log_loss.unwrap(), loss));
    }

    #[test]
    fn values_one_by_one_are_as_all_at_once() {
        let (known, predicted) = ([1e6, 1e6 + 1.0, 1e6 + 3.0, 1e6 - 2.0], [1e6, 1e6, 1e6 + 2.0, 1e6 - 1.5]);
        let mut running = RunningValues::default();
        for (known, predicted) in known.iter().zip(&predicted) {
            running.add(*known, *predicted);
        }
        let observed = Observed::Values(ValueAnswers {
            known: known.to_vec(),
            predicted: predicted.to_vec(),
            ..ValueAnswers::default()
        });
        let (score, whole) = (running.score().unwrap(), Evaluator::new(&observed));
        let same = |a: f64, metric: Metric| close(a, whole.value(metric).unwrap());
        assert!(same(score.r2, Metric::R2) && same(score.rmse, Metric::Rmse) && same(score.mae, Metric::Mae));
        let one = RunningValues { rows: 1, ..RunningValues::default() };
        assert!(one.score().unwrap().r2.is_nan());
    }
}
