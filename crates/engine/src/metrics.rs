//! How good predictions are: scikit-learn's metrics, unweighted.

mod running;

pub use running::{RunningClasses, RunningScore, RunningValues};

/// Metrics of a classifier over labelled rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassificationScore {
    /// Share of rows whose predicted class is the known one.
    pub accuracy: f64,
    /// Mean of `-ln p` of the known class, `p` clipped to float64's machine epsilon from below as scikit-learn
    /// does; `None` without probabilities or with a class that the model does not know.
    pub log_loss: Option<f64>,
    /// Area under the receiver operating characteristic, for two classes that both occur.
    pub roc_auc: Option<f64>,
    /// `confusion[known][predicted]` counts rows; rows of a class that the model does not know are left out.
    pub confusion: Vec<Vec<u64>>,
    /// Rows whose known class the model does not know; each counts as wrong.
    pub unknown: usize,
}

/// Metrics of a regression over labelled rows.
#[derive(Debug, Clone, PartialEq)]
pub struct RegressionScore {
    /// Coefficient of determination; as in scikit-learn 1 when all known values are equal and predicted
    /// exactly, 0 when they are equal and not; NaN for a single row.
    pub r2: f64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
}

/// Answers of a classifier beside the known classes: the input of [`classification`].
#[derive(Debug, Clone, Default)]
pub struct ClassAnswers {
    /// Number of classes.
    pub classes: usize,
    /// Known class of each row, `None` where the model does not know it.
    pub known: Vec<Option<usize>>,
    /// Predicted class of each row.
    pub predicted: Vec<usize>,
    /// Probabilities, `rows x classes`; empty when the model gives none.
    pub probabilities: Vec<f64>,
    /// Score of the second of two classes, one a row; empty when the model gives none.
    pub scores: Vec<f64>,
}

/// Metrics of a classifier; there must be at least one row.
pub fn classification(answers: &ClassAnswers) -> ClassificationScore {
    let rows = answers.known.len();
    let mut confusion = vec![vec![0; answers.classes]; answers.classes];
    let mut right = 0;
    for (known, predicted) in answers.known.iter().zip(&answers.predicted) {
        if let Some(known) = known {
            confusion[*known][*predicted] += 1;
            right += usize::from(known == predicted);
        }
    }
    let known: Option<Vec<usize>> = answers.known.iter().copied().collect();
    let log_loss = known
        .as_deref()
        .filter(|_| !answers.probabilities.is_empty())
        .map(|known| log_loss(known, &answers.probabilities, answers.classes));
    let roc_auc = known
        .as_deref()
        .filter(|_| answers.classes == 2 && !answers.scores.is_empty())
        .and_then(|known| roc_auc(known, &answers.scores));
    let unknown = answers.known.iter().filter(|known| known.is_none()).count();
    ClassificationScore { accuracy: right as f64 / rows as f64, log_loss, roc_auc, confusion, unknown }
}

fn log_loss(known: &[usize], probabilities: &[f64], classes: usize) -> f64 {
    let rows = known.iter().zip(probabilities.chunks(classes));
    rows.map(|(class, row)| loss(row, *class)).sum::<f64>() / known.len() as f64
}

/// The log loss of one row.
fn loss(probabilities: &[f64], class: usize) -> f64 {
    let sum: f64 = probabilities.iter().sum();
    -(probabilities[class] / sum).clamp(f64::EPSILON, 1.0).ln()
}

/// The Mann-Whitney statistic with mean ranks for ties; `None` unless both classes occur.
fn roc_auc(known: &[usize], scores: &[f64]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let positives = known.iter().filter(|class| **class == 1).count();
    let negatives = known.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let (mut rank_sum, mut seen) = (0.0, 0);
    for tied in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let mean_rank = seen as f64 + (tied.len() as f64 + 1.0) / 2.0;
        rank_sum += mean_rank * tied.iter().filter(|row| known[**row] == 1).count() as f64;
        seen += tied.len();
    }
    let (positives, negatives) = (positives as f64, negatives as f64);
    Some((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

/// Metrics of a regression; there must be at least one row.
///
/// ```
/// let score = foretell_engine::metrics::regression(&[1.0, 2.0, 3.0], &[1.0, 2.0, 4.0]);
/// assert_eq!((score.r2, score.mae), (0.5, 1.0 / 3.0));
/// ```
pub fn regression(known: &[f64], predicted: &[f64]) -> RegressionScore {
    let rows = known.len() as f64;
    let mean = known.iter().sum::<f64>() / rows;
    let errors = || known.iter().zip(predicted).map(|(known, predicted)| known - predicted);
    let residual: f64 = errors().map(|error| error * error).sum();
    let total: f64 = known.iter().map(|known| (known - mean) * (known - mean)).sum();
    let mae = errors().map(f64::abs).sum::<f64>() / rows;
    RegressionScore { r2: r2(known.len() as u64, residual, total), rmse: (residual / rows).sqrt(), mae }
}

/// The coefficient of determination, of the sums of squared errors and of squared distances from the mean.
fn r2(rows: u64, residual: f64, total: f64) -> f64 {
    match () {
        () if rows < 2 => f64::NAN,
        () if total > 0.0 => 1.0 - residual / total,
        () if residual == 0.0 => 1.0,
        () => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    /// Numbers of scikit-learn 1.9: `accuracy_score`, `log_loss`, `roc_auc_score`, `confusion_matrix`.
    #[test]
    fn two_classes() {
        let second = [0.1, 0.4, 0.35, 0.8, 0.4];
        let answers = ClassAnswers {
            classes: 2,
            known: [0, 0, 1, 1, 1].map(Some).to_vec(),
            predicted: vec![0, 0, 0, 1, 0],
            probabilities: second.iter().flat_map(|p| [1.0 - p, *p]).collect(),
            scores: second.to_vec(),
        };
        let score = classification(&answers);
        assert!(close(score.accuracy, 0.6));
        assert!(close(score.log_loss.unwrap(), 0.561_088_509_422_171_9), "{score:?}");
        assert!(close(score.roc_auc.unwrap(), 0.75), "{score:?}");
        assert_eq!(score.confusion, [[2, 0], [2, 1]]);
    }

    #[test]
    fn a_class_the_model_does_not_know_is_wrong() {
        let answers = ClassAnswers {
            classes: 3,
            known: vec![Some(2), None],
            predicted: vec![2, 0],
            probabilities: vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0],
            scores: vec![],
        };
        let score = classification(&answers);
        assert_eq!((score.accuracy, score.unknown), (0.5, 1));
        assert_eq!((score.log_loss, score.roc_auc), (None, None));
    }

    /// Numbers of scikit-learn 1.9: `r2_score`, `root_mean_squared_error`, `mean_absolute_error`.
    #[test]
    fn values() {
        let score = regression(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0]);
        assert!(close(score.r2, 0.948_608_137_044_967_9), "{score:?}");
        assert!(close(score.rmse, 0.612_372_435_695_794_5));
        assert!(close(score.mae, 0.5));
        assert_eq!(regression(&[2.0, 2.0], &[2.0, 2.0]).r2, 1.0);
        assert_eq!(regression(&[2.0, 2.0], &[2.0, 3.0]).r2, 0.0);
    }
}
