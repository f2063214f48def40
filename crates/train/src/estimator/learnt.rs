//! What an estimator becomes.

use foretell_model::{Fitted, Step};

/// What an estimator has learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// What the columns go through before, where scores are more than `fitted` can make of them.
    pub steps: Vec<Step>,
    /// What makes scores of that, and what they mean.
    pub fitted: Fitted,
    /// How it came about.
    pub history: History,
}

/// How an estimator came to be what it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Losses or scores after each round or pass: of which rows, and their values.
    pub curves: Vec<(&'static str, Vec<f64>)>,
    /// For each column what its splits have gained, as a share of what all have; of estimators without splits nothing.
    pub gain: Vec<f64>,
}

impl History {
    /// Of splits that have gained this much for each column.
    pub(super) fn of_gains(mut gain: Vec<f64>) -> Self {
        let total: f64 = gain.iter().sum();
        if total > 0.0 {
            gain.iter_mut().for_each(|gain| *gain /= total);
        }
        Self { curves: Vec::new(), gain }
    }
}

impl From<Fitted> for Learnt {
    fn from(fitted: Fitted) -> Self {
        Self { steps: Vec::new(), fitted, history: History::default() }
    }
}
