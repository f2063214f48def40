//! Kernel density: the logarithm of a sum of windows around points.
//!
//! Source: `sklearn/neighbors/_binary_tree.pxi`.

use super::Metric;
use crate::error::{ModelError, expect_count};
use crate::plan::Pool;

/// `raw = constant + log sum over points of weight K(distance / bandwidth)`.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelDensity {
    /// Number of features.
    pub features: usize,
    /// The metric.
    pub metric: Metric,
    /// `points x features`, row-major.
    pub points: Vec<f64>,
    /// The logarithm of each point's weight; all 0 where there is none.
    pub log_weights: Option<Vec<f64>>,
    /// The kernel `K`.
    pub window: Window,
    /// The bandwidth, above 0.
    pub bandwidth: f64,
    /// What is added.
    pub constant: f64,
}

/// Kernels of a density, of a distance `d` and a bandwidth `h`, not normalized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// `exp(-d^2 / 2h^2)`.
    Gaussian,
    /// 1 within `h`.
    Tophat,
    /// `1 - d^2 / h^2` within `h`.
    Epanechnikov,
    /// `exp(-d / h)`.
    Exponential,
    /// `1 - d / h` within `h`.
    Linear,
    /// `cos(pi d / 2h)` within `h`.
    Cosine,
}

impl Window {
    /// The logarithm of the kernel.
    fn log(self, d: f64, h: f64) -> f64 {
        if d >= h && !matches!(self, Self::Gaussian | Self::Exponential) {
            return f64::NEG_INFINITY;
        }
        match self {
            Self::Gaussian => -0.5 * (d * d) / (h * h),
            Self::Tophat => 0.0,
            Self::Epanechnikov => (1.0 - (d * d) / (h * h)).ln(),
            Self::Exponential => -d / h,
            Self::Linear => (1.0 - d / h).ln(),
            Self::Cosine => (0.5 * std::f64::consts::PI * d / h).cos().ln(),
        }
    }
}

impl KernelDensity {
    /// Fails unless all sizes fit; the number of raw scores.
    pub(crate) fn check(&self) -> Result<usize, ModelError> {
        if self.features == 0 || self.points.is_empty() {
            return Err(ModelError::mismatch("at least one point of one feature", 0));
        }
        self.metric.check(self.features)?;
        let points = self.points.len() / self.features;
        expect_count("numbers of points", points * self.features, self.points.len())?;
        if let Some(weights) = &self.log_weights {
            expect_count("weights of points", points, weights.len())?;
        }
        if self.bandwidth.is_finite() && self.bandwidth > 0.0 {
            return Ok(1);
        }
        Err(ModelError::mismatch("a bandwidth above 0", self.bandwidth))
    }

    /// Appends the raw scores of `rows` rows.
    pub(crate) fn scores(&self, numbers: &[f64], rows: usize, pool: &mut Pool, raw: &mut Vec<f64>) {
        let mut logs = pool.take();
        for row in 0..rows {
            let x = &numbers[row * self.features..(row + 1) * self.features];
            logs.clear();
            for (point, at) in self.points.chunks_exact(self.features).zip(0..) {
                let weight = self.log_weights.as_ref().map_or(0.0, |weights| weights[at]);
                logs.push(self.window.log(self.metric.distance(x, point), self.bandwidth) + weight);
            }
            let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if largest == f64::NEG_INFINITY {
                raw.push(largest);
                continue;
            }
            let sum: f64 = logs.iter().map(|log| (log - largest).exp()).sum();
            raw.push(sum.ln() + largest + self.constant);
        }
        pool.give(logs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn density(window: Window, x: f64) -> f64 {
        let density = KernelDensity {
            features: 1,
            metric: Metric::Euclidean,
            points: vec![0.0, 1.0],
            log_weights: Some(vec![0.0, 2f64.ln()]),
            window,
            bandwidth: 2.0,
            constant: 0.5,
        };
        assert_eq!(density.check(), Ok(1));
        let mut raw = Vec::new();
        density.scores(&[x], 1, &mut Pool::default(), &mut raw);
        raw[0]
    }

    #[test]
    fn windows_are_summed_in_logarithms() {
        let close = |got: f64, sum: f64| assert!((got - (sum.ln() + 0.5)).abs() < 1e-14, "{got}");
        close(density(Window::Tophat, 0.5), 3.0);
        close(density(Window::Linear, 0.5), 0.75 + 2.0 * 0.75);
        close(density(Window::Epanechnikov, 1.0), 0.75 + 2.0);
        close(density(Window::Gaussian, 1.0), (-0.125_f64).exp() + 2.0);
        close(density(Window::Exponential, 1.0), (-0.5_f64).exp() + 2.0);
        close(density(Window::Cosine, 1.0), std::f64::consts::FRAC_PI_4.cos() + 2.0);
        assert_eq!(density(Window::Tophat, 5.0), f64::NEG_INFINITY);
        // Far away, where each window alone is 0 in float64.
        assert!((density(Window::Gaussian, 100.0) + 99.0 * 99.0 / 8.0 - 0.5 - 2f64.ln()).abs() < 1e-9);
    }
}
