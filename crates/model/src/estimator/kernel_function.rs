//! Kernel functions: how alike two rows are.

use crate::kernel::dot;

/// A kernel function of two rows `x` and `y`, as libsvm and `sklearn.metrics.pairwise` define them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KernelFunction {
    /// `x . y`.
    Linear,
    /// `(gamma x . y + coef0)^degree`.
    Polynomial {
        /// Factor of the dot product.
        gamma: f64,
        /// Added to it.
        coef0: f64,
        /// The exponent.
        degree: f64,
    },
    /// `exp(-gamma |x - y|^2)`.
    Rbf {
        /// Factor of the squared distance.
        gamma: f64,
    },
    /// `tanh(gamma x . y + coef0)`.
    Sigmoid {
        /// Factor of the dot product.
        gamma: f64,
        /// Added to it.
        coef0: f64,
    },
}

impl KernelFunction {
    /// Its value for two rows of the same length.
    pub(crate) fn of(self, x: &[f64], y: &[f64]) -> f64 {
        match self {
            Self::Linear => dot(x, y),
            Self::Polynomial { gamma, coef0, degree } => (gamma * dot(x, y) + coef0).powf(degree),
            Self::Rbf { gamma } => (-gamma * squared_distance(x, y)).exp(),
            Self::Sigmoid { gamma, coef0 } => (gamma * dot(x, y) + coef0).tanh(),
        }
    }
}

/// `|x - y|^2`, in four partial sums that are added in a fixed order.
pub(crate) fn squared_distance(x: &[f64], y: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (x, x_rest) = x.as_chunks::<4>();
    let (y, y_rest) = y.as_chunks::<4>();
    for (x, y) in x.iter().zip(y) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += (x - y) * (x - y);
        }
    }
    for (sum, (x, y)) in sums.iter_mut().zip(x_rest.iter().zip(y_rest)) {
        *sum += (x - y) * (x - y);
    }
    let [a, b, c, d] = sums;
    (a + b) + (c + d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_follow_their_formulas() {
        let (x, y) = ([1.0, 2.0, 0.0, -1.0, 3.0], [0.5, 0.0, 4.0, -1.0, 1.0]);
        let (product, squared) = (4.5_f64, 24.25_f64);
        let values = [
            (KernelFunction::Linear, product),
            (KernelFunction::Polynomial { gamma: 0.5, coef0: 1.0, degree: 3.0 }, 3.25 * 3.25 * 3.25),
            (KernelFunction::Rbf { gamma: 0.1 }, (-0.1 * squared).exp()),
            (KernelFunction::Sigmoid { gamma: 0.1, coef0: -0.2 }, 0.25_f64.tanh()),
        ];
        for (function, expected) in values {
            let got = function.of(&x, &y);
            assert!((got - expected).abs() <= 1e-14 * expected.abs(), "{function:?}: {got} != {expected}");
        }
    }
}
