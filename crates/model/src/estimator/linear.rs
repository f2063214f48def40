//! Linear models.

use crate::error::ModelError;
use crate::kernel::Dense;

/// `raw = X coefficients^T + intercept`.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Number of features.
    pub features: usize,
    /// `outputs x features`, row-major.
    pub coefficients: Vec<f64>,
    /// One per output.
    pub intercept: Vec<f64>,
}

impl Linear {
    pub(crate) fn check(&self) -> Result<usize, ModelError> {
        let outputs = self.intercept.len();
        if Some(self.coefficients.len()) != self.features.checked_mul(outputs) {
            let expected = format!("{outputs} x {} coefficients", self.features);
            return Err(ModelError::mismatch(expected, self.coefficients.len()));
        }
        Ok(outputs)
    }

    pub(crate) fn compile(&self) -> Dense<f64> {
        let weight = |input, output| self.coefficients[output * self.features + input];
        Dense::new(self.features, &self.intercept, weight)
    }
}
