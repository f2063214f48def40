//! What a split is worth.
//!
//! Source: Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees" (1984), as the proxies of
//! scikit-learn's `_criterion.pyx`: what of a split's improvement depends on the split.

use crate::parameter::choices;

/// The measure of impurity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// `1 - sum p^2` of classes.
    Gini,
    /// `-sum p log2 p` of classes.
    Entropy,
    /// The variance of values.
    SquaredError,
    /// Half of the Poisson deviance of values.
    Poisson,
}

choices!(Criterion {
    "gini" => Self::Gini,
    "entropy" => Self::Entropy,
    "squared_error" => Self::SquaredError,
    "poisson" => Self::Poisson,
});

impl Criterion {
    /// scikit-learn's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gini => "gini",
            Self::Entropy => "entropy",
            Self::SquaredError => "squared_error",
            Self::Poisson => "poisson",
        }
    }

    /// Whether it is one of classes.
    pub fn of_classes(self) -> bool {
        match self {
            Self::Gini | Self::Entropy => true,
            Self::SquaredError | Self::Poisson => false,
        }
    }

    /// The part of an impurity, times the weight, that depends on how rows are grouped, with its sign changed. `sums`
    /// are the weights of the classes, or the weighted sum of values.
    pub(super) fn proxy(self, sums: &[f64], weight: f64) -> f64 {
        match self {
            Self::Gini | Self::SquaredError => sums.iter().map(|sum| sum * sum).sum::<f64>() / weight,
            Self::Entropy => {
                let present = sums.iter().filter(|sum| **sum > 0.0);
                present.map(|sum| sum * (sum / weight).log2()).sum()
            }
            Self::Poisson if sums[0] <= 0.0 => f64::NEG_INFINITY,
            Self::Poisson => sums[0] * (sums[0] / weight).ln(),
        }
    }

    /// The part that does not, of one row of weight 1.
    pub(super) fn constant(self, value: f64) -> f64 {
        match self {
            Self::Gini => 1.0,
            Self::Entropy => 0.0,
            Self::SquaredError => value * value,
            Self::Poisson if value > 0.0 => value * value.ln(),
            Self::Poisson => 0.0,
        }
    }
}
