//! What a model would get that knows nothing of a row.

use crate::{ClassAnswers, Observed, ValueAnswers};

/// The answers to the same rows of a model that has only seen the known answers in `seen`, and no feature: the most
/// frequent class with the classes' shares as probabilities, as scikit-learn's `DummyClassifier(strategy="prior")`;
/// the mean of the values, as `DummyRegressor`. `None` when `seen` is of another kind or empty.
pub fn baseline(seen: &Observed, observed: &Observed) -> Option<Observed> {
    match (seen, observed) {
        (Observed::Classes(seen), Observed::Classes(observed)) => classes(seen, observed),
        (Observed::Values(seen), Observed::Values(observed)) => values(seen, observed),
        (Observed::Classes(_), Observed::Values(_)) | (Observed::Values(_), Observed::Classes(_)) => None,
    }
}

fn weight(weights: &[f64], row: usize) -> f64 {
    weights.get(row).copied().unwrap_or(1.0)
}

fn classes(seen: &ClassAnswers, observed: &ClassAnswers) -> Option<Observed> {
    let mut shares = vec![0.0; observed.classes];
    for (row, class) in seen.known.iter().enumerate() {
        if let Some(share) = class.and_then(|class| shares.get_mut(class)) {
            *share += weight(&seen.weights, row);
        }
    }
    let total: f64 = shares.iter().sum();
    // The first of the most frequent, as numpy's argmax.
    let most = (0..shares.len()).rev().max_by(|a, b| shares[*a].total_cmp(&shares[*b]))?;
    let rows = observed.known.len();
    (total > 0.0).then(|| {
        Observed::Classes(ClassAnswers {
            predicted: vec![most; rows],
            probabilities: shares.iter().map(|share| share / total).collect::<Vec<_>>().repeat(rows),
            scores: Vec::new(),
            ..observed.clone()
        })
    })
}

fn values(seen: &ValueAnswers, observed: &ValueAnswers) -> Option<Observed> {
    let total: f64 = (0..seen.known.len()).map(|row| weight(&seen.weights, row)).sum();
    let sum: f64 = seen.known.iter().enumerate().map(|(row, known)| weight(&seen.weights, row) * known).sum();
    (total > 0.0).then(|| {
        let predicted = vec![sum / total; observed.known.len()];
        Observed::Values(ValueAnswers { predicted, ..observed.clone() })
    })
}
