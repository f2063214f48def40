//! Gaussian naive Bayes.

use std::f64::consts::PI;

use crate::error::{ModelError, expect_count};

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

impl GaussianNaiveBayes {
    pub(super) fn check(&self) -> Result<usize, ModelError> {
        let classes = self.log_prior.len();
        let size = classes.saturating_mul(self.features);
        expect_count("means", size, self.mean.len())?;
        expect_count("variances", size, self.variance.len())?;
        Ok(classes)
    }

    pub(super) fn compile(&self) -> GaussianPlan {
        let half_log = |variances: &[f64]| {
            -0.5 * variances.iter().map(|variance| (2.0 * PI * variance).ln()).sum::<f64>()
        };
        let constants = match self.features {
            0 => vec![0.0; self.log_prior.len()],
            features => self.variance.chunks_exact(features).map(half_log).collect(),
        };
        GaussianPlan { model: self.clone(), constants }
    }
}

/// A compiled [`GaussianNaiveBayes`].
#[derive(Debug)]
pub(crate) struct GaussianPlan {
    model: GaussianNaiveBayes,
    /// `-0.5 * sum_j log(2 pi var[k][j])` of each class.
    constants: Vec<f64>,
}

impl GaussianPlan {
    /// Appends the raw scores of `rows` rows.
    pub(super) fn scores(&self, numbers: &[f64], rows: usize, raw: &mut Vec<f64>) {
        let GaussianNaiveBayes { features, log_prior, mean, variance } = &self.model;
        for row in 0..rows {
            let x = &numbers[row * features..(row + 1) * features];
            for (class, (prior, constant)) in log_prior.iter().zip(&self.constants).enumerate() {
                let of_class = class * features..(class + 1) * features;
                let moments = mean[of_class.clone()].iter().zip(&variance[of_class]);
                let distance: f64 = x
                    .iter()
                    .zip(moments)
                    .map(|(x, (mean, variance))| (x - mean) * (x - mean) / variance)
                    .sum();
                raw.push(prior + (constant - 0.5 * distance));
            }
        }
    }
}
