//! Linear models.

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
