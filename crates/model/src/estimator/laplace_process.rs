//! Gaussian processes of two classes, by Laplace's approximation.

use super::KernelFunction;
use super::error_function::erf;
use super::kernel_plan::KernelPlan;
use crate::error::{ModelError, expect_count};
use crate::kernel::dot;
use crate::plan::Pool;

/// A Gaussian process that tells two classes apart (Rasmussen and Williams, "Gaussian Processes for Machine Learning",
/// algorithm 3.2). The raw scores are the latent mean, and the probabilities of both classes.
#[derive(Debug, Clone, PartialEq)]
pub struct LaplaceProcess {
    /// Number of features.
    pub features: usize,
    /// The kernel.
    pub function: KernelFunction,
    /// `points x features`, row-major.
    pub points: Vec<f64>,
    /// Of each point the class (0 or 1) less its probability at the mode.
    pub residuals: Vec<f64>,
    /// Square roots of `W`, one per point.
    pub roots: Vec<f64>,
    /// The lower triangle `L` of the Cholesky decomposition of `I + W^1/2 K W^1/2`, `points x points`, row-major.
    pub factor: Vec<f64>,
}

/// The logistic function as a sum of error functions (Williams and Barber, "Bayesian Classification with Gaussian
/// Processes", appendix A): their scales and their weights.
const SUM: [(f64, f64); 5] = [
    (0.41, -1_854.821_415_1),
    (0.4, 3_516.898_936_46),
    (0.37, 221.293_467_12),
    (0.44, 128.123_238_05),
    (0.39, -2_010.494_226_54),
];

impl LaplaceProcess {
    /// Fails unless all sizes fit; the number of raw scores.
    pub(crate) fn check(&self) -> Result<usize, ModelError> {
        self.function.check(self.features)?;
        let points = self.residuals.len();
        expect_count("numbers of points", points.saturating_mul(self.features), self.points.len())?;
        expect_count("square roots", points, self.roots.len())?;
        expect_count("numbers of a triangle", points.saturating_mul(points), self.factor.len())?;
        Ok(3)
    }

    pub(super) fn compile(&self) -> LaplacePlan {
        let kernel = KernelPlan::new(&self.function, self.features, self.residuals.len(), &self.points);
        LaplacePlan { process: Self { points: Vec::new(), ..self.clone() }, kernel }
    }
}

/// A compiled [`LaplaceProcess`].
#[derive(Debug)]
pub(crate) struct LaplacePlan {
    /// Without its points.
    process: LaplaceProcess,
    kernel: KernelPlan,
}

impl LaplacePlan {
    /// Appends the raw scores of `rows` rows.
    pub(super) fn scores(&self, numbers: &[f64], rows: usize, pool: &mut Pool, raw: &mut Vec<f64>) {
        let LaplaceProcess { features, function, residuals, roots, factor, .. } = &self.process;
        let mut solved = pool.take();
        for row in 0..rows {
            let x = &numbers[row * features..(row + 1) * features];
            self.kernel.values(x, 1, pool, &mut solved);
            let mean: f64 = solved.iter().zip(residuals).map(|(k, residual)| k * residual).sum();
            solved.iter_mut().zip(roots).for_each(|(k, root)| *k *= root);
            for (row, triangle) in factor.chunks_exact(roots.len().max(1)).enumerate() {
                let (known, rest) = solved.split_at_mut(row);
                rest[0] = (rest[0] - dot(&triangle[..row], known)) / triangle[row];
            }
            let explained: f64 = solved.iter().map(|v| v * v).sum();
            let second = probability(mean, function.of_itself(x) - explained);
            raw.extend([mean, 1.0 - second, second]);
        }
        pool.give(solved);
    }
}

/// The probability of the second class, given mean and variance of the latent function.
fn probability(mean: f64, variance: f64) -> f64 {
    use std::f64::consts::PI;
    let alpha = 1.0 / (2.0 * variance);
    let integral = |(scale, weight): (f64, f64)| {
        let height = (PI / alpha).sqrt() * erf(scale * mean * (alpha / (alpha + scale * scale)).sqrt());
        weight * (height / (2.0 * (variance * 2.0 * PI).sqrt()))
    };
    SUM.map(integral).iter().sum::<f64>() + 0.5 * SUM.map(|(_, weight)| weight).iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_point_gives_what_can_be_computed_by_hand() {
        let process = LaplaceProcess {
            features: 1,
            function: KernelFunction::Linear,
            points: vec![2.0],
            residuals: vec![0.25],
            roots: vec![0.5],
            factor: vec![2.0],
        };
        assert_eq!(process.check(), Ok(3));
        let mut raw = Vec::new();
        process.compile().scores(&[3.0], 1, &mut Pool::default(), &mut raw);
        // k = 6, v = 6 * 0.5 / 2, variance = 9 - v^2.
        assert_eq!(raw[0], 1.5);
        assert_eq!(raw[2], probability(1.5, 9.0 - 2.25));
        assert_eq!(raw[1] + raw[2], 1.0);
        assert!((probability(0.0, 1.0) - 0.5).abs() < 1e-6);
        let wrong = LaplaceProcess { factor: vec![1.0; 2], ..process };
        assert!(wrong.check().is_err());
    }
}
