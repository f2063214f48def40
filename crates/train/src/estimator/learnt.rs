//! What an estimator becomes.

use foretell_model::{Fitted, Step};

/// What an estimator has learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// What the columns go through before, where scores are more than `fitted` can make of them.
    pub steps: Vec<Step>,
    /// What makes scores of that, and what they mean.
    pub fitted: Fitted,
}

impl From<Fitted> for Learnt {
    fn from(fitted: Fitted) -> Self {
        Self { steps: Vec::new(), fitted }
    }
}
