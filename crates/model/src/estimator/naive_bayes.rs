//! Gaussian naive Bayes.

/// Joint log-likelihood of each class under independent normal features:
/// `log_prior[k] - 0.5 * sum_j log(2 pi var[k][j]) - 0.5 * sum_j (x[j] - mean[k][j])^2 / var[k][j]`.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianNaiveBayes {
    /// Number of features.
    pub features: usize,
    /// Logarithm of each class's prior.
    pub log_prior: Vec<f64>,
    /// `classes x features`, row-major.
    pub mean: Vec<f64>,
    /// `classes x features`, row-major, the smoothing already added.
    pub variance: Vec<f64>,
}
