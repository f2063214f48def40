//! Metrics: how far two rows are from each other.
//!
//! Definitions: `sklearn.metrics.DistanceMetric` and, for those that it does not have, `sklearn.metrics.pairwise`.

use crate::error::{ModelError, expect_count};
use crate::kernel::dot;

/// A metric of rows `x` and `y` of the same length. Sums run over the columns in order, as the library's do, so that
/// distances that are equal there are equal here.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// `|x - y|`.
    Euclidean,
    /// `|x - y|^2`.
    SquaredEuclidean,
    /// `sum |x - y|`.
    Manhattan,
    /// `max |x - y|`.
    Chebyshev,
    /// `(sum w |x - y|^p)^(1/p)`.
    Minkowski {
        /// The exponent, above 0.
        p: f64,
        /// `w`, one per column; 1 where there is none.
        weights: Option<Vec<f64>>,
    },
    /// `sqrt(sum (x - y)^2 / v)` with one variance `v` per column.
    Standardized(Vec<f64>),
    /// `sqrt((x - y) P (x - y))` with a `columns x columns` matrix `P`, row-major.
    Mahalanobis(Vec<f64>),
    /// Share of the columns that differ.
    Hamming,
    /// `sum |x - y| / (|x| + |y|)`.
    Canberra,
    /// `sum |x - y| / sum (|x| + |y|)`.
    BrayCurtis,
    /// `1 - cos(x, y)`.
    Cosine,
    /// `1 - cos` of the rows less their means.
    Correlation,
    /// Angle on the unit sphere between two points of latitude and longitude, in radians.
    Haversine,
    /// A metric of rows of truth values.
    Boolean(Boolean),
    /// The Euclidean distance of the columns that are present in both, scaled up by their share; NaN where there are
    /// none.
    EuclideanOfPresent,
}

/// A metric of truth values; numbers other than 0 are true. `a` counts the columns true in both rows, `d` those that
/// differ, of `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boolean {
    /// `d / (a + d)`, 0 where nothing is true.
    Jaccard,
    /// `d / n`.
    Matching,
    /// `d / (2a + d)`.
    Dice,
    /// `(d - a + n) / (d + n)`.
    Kulsinski,
    /// `2d / (n + d)`.
    RogersTanimoto,
    /// `(n - a) / n`.
    RussellRao,
    /// `d / (a / 2 + d)`.
    SokalSneath,
}

impl Metric {
    /// Fails unless it fits rows of this many columns.
    pub(crate) fn check(&self, columns: usize) -> Result<(), ModelError> {
        match self {
            Self::Minkowski { p, weights } => {
                if p.is_nan() || *p <= 0.0 {
                    return Err(ModelError::mismatch("an exponent above 0", p));
                }
                let weights = weights.as_ref().map_or(columns, Vec::len);
                expect_count("weights of columns", columns, weights)
            }
            Self::Standardized(variances) => expect_count("variances", columns, variances.len()),
            Self::Mahalanobis(inverse) => {
                expect_count("numbers of a matrix", columns.saturating_mul(columns), inverse.len())
            }
            Self::Haversine => expect_count("columns (latitude and longitude)", 2, columns),
            Self::Euclidean
            | Self::SquaredEuclidean
            | Self::Manhattan
            | Self::Chebyshev
            | Self::Hamming
            | Self::Canberra
            | Self::BrayCurtis
            | Self::Cosine
            | Self::Correlation
            | Self::Boolean(_)
            | Self::EuclideanOfPresent => Ok(()),
        }
    }

    /// The distance.
    pub(crate) fn distance(&self, x: &[f64], y: &[f64]) -> f64 {
        self.of_reduced(self.reduced(x, y))
    }

    /// The square of the distance.
    pub(crate) fn squared(&self, x: &[f64], y: &[f64]) -> f64 {
        let reduced = self.reduced(x, y);
        match self {
            Self::Euclidean | Self::Standardized(_) | Self::Mahalanobis(_) => reduced,
            Self::SquaredEuclidean
            | Self::Manhattan
            | Self::Chebyshev
            | Self::Minkowski { .. }
            | Self::Hamming
            | Self::Canberra
            | Self::BrayCurtis
            | Self::Cosine
            | Self::Correlation
            | Self::Haversine
            | Self::Boolean(_)
            | Self::EuclideanOfPresent => self.of_reduced(reduced).powi(2),
        }
    }

    /// A number that is cheaper than the distance and orders rows as it does.
    pub(crate) fn reduced(&self, x: &[f64], y: &[f64]) -> f64 {
        let pairs = || x.iter().zip(y);
        match self {
            Self::Euclidean | Self::SquaredEuclidean => {
                pairs().fold(0.0, |sum, (x, y)| sum + (x - y) * (x - y))
            }
            Self::Manhattan => pairs().fold(0.0, |sum, (x, y)| sum + (x - y).abs()),
            Self::Chebyshev => pairs().fold(0.0, |most: f64, (x, y)| most.max((x - y).abs())),
            Self::Minkowski { p, weights: None } => {
                pairs().fold(0.0, |sum, (x, y)| sum + (x - y).abs().powf(*p))
            }
            Self::Minkowski { p, weights: Some(weights) } => {
                pairs().zip(weights).fold(0.0, |sum, ((x, y), w)| sum + w * (x - y).abs().powf(*p))
            }
            Self::Standardized(variances) => {
                pairs().zip(variances).fold(0.0, |sum, ((x, y), v)| sum + (x - y) * (x - y) / v)
            }
            Self::Mahalanobis(inverse) => inverse
                .chunks_exact(x.len().max(1))
                .zip(pairs())
                .map(|(row, (xi, yi))| {
                    (xi - yi) * row.iter().zip(pairs()).fold(0.0, |sum, (p, (x, y))| sum + p * (x - y))
                })
                .fold(0.0, |sum, term| sum + term),
            Self::Hamming => pairs().filter(|(x, y)| x != y).count() as f64 / x.len() as f64,
            Self::Canberra => pairs().fold(0.0, |sum, (x, y)| {
                let size = x.abs() + y.abs();
                if size > 0.0 { sum + (x - y).abs() / size } else { sum }
            }),
            Self::BrayCurtis => {
                let sums =
                    |(apart, size), (x, y): (&f64, &f64)| (apart + (x - y).abs(), size + x.abs() + y.abs());
                let (apart, size) = pairs().fold((0.0, 0.0), sums);
                if size > 0.0 { apart / size } else { 0.0 }
            }
            Self::Cosine => 1.0 - cosine(x, y),
            Self::Correlation => correlation(x, y),
            Self::Haversine => {
                let (across, along) = ((0.5 * (x[0] - y[0])).sin(), (0.5 * (x[1] - y[1])).sin());
                across * across + x[0].cos() * y[0].cos() * along * along
            }
            Self::Boolean(boolean) => boolean.of(x, y),
            Self::EuclideanOfPresent => {
                let both = pairs().filter(|(x, y)| !x.is_nan() && !y.is_nan());
                let (count, sum) =
                    both.fold((0, 0.0), |(count, sum), (x, y)| (count + 1, sum + (x - y) * (x - y)));
                if count == 0 { f64::NAN } else { sum / f64::from(count) * x.len() as f64 }
            }
        }
    }

    /// The distance that belongs to a reduced one.
    pub(crate) fn of_reduced(&self, reduced: f64) -> f64 {
        match self {
            Self::Euclidean | Self::Standardized(_) | Self::Mahalanobis(_) | Self::EuclideanOfPresent => {
                reduced.sqrt()
            }
            Self::Minkowski { p, .. } => reduced.powf(1.0 / p),
            Self::Haversine => 2.0 * reduced.sqrt().asin(),
            Self::SquaredEuclidean
            | Self::Manhattan
            | Self::Chebyshev
            | Self::Hamming
            | Self::Canberra
            | Self::BrayCurtis
            | Self::Cosine
            | Self::Correlation
            | Self::Boolean(_) => reduced,
        }
    }

    /// The reduced distance that belongs to a distance.
    pub(crate) fn to_reduced(&self, distance: f64) -> f64 {
        match self {
            Self::Euclidean | Self::Standardized(_) | Self::Mahalanobis(_) | Self::EuclideanOfPresent => {
                distance * distance
            }
            Self::Minkowski { p, .. } => distance.powf(*p),
            Self::Haversine => {
                let sine = (0.5 * distance).sin();
                sine * sine
            }
            Self::SquaredEuclidean
            | Self::Manhattan
            | Self::Chebyshev
            | Self::Hamming
            | Self::Canberra
            | Self::BrayCurtis
            | Self::Cosine
            | Self::Correlation
            | Self::Boolean(_) => distance,
        }
    }
}

/// The cosine of the angle between two rows; 0 where one has no direction.
pub(super) fn cosine(x: &[f64], y: &[f64]) -> f64 {
    let norm = |x: &[f64]| Some(dot(x, x).sqrt()).filter(|norm| *norm != 0.0).unwrap_or(1.0);
    dot(x, y) / norm(x) / norm(y)
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let sums = |(xy, xx, yy), (x, y): (&f64, &f64)| {
        let (x, y) = (x - mean_x, y - mean_y);
        (xy + x * y, xx + x * x, yy + y * y)
    };
    let (xy, xx, yy): (f64, f64, f64) = x.iter().zip(y).fold((0.0, 0.0, 0.0), sums);
    1.0 - xy / (xx * yy).sqrt()
}

impl Boolean {
    fn of(self, x: &[f64], y: &[f64]) -> f64 {
        let count = |(both, differ), (x, y): (&f64, &f64)| match (*x != 0.0, *y != 0.0) {
            (true, true) => (both + 1, differ),
            (false, false) => (both, differ),
            (true, false) | (false, true) => (both, differ + 1),
        };
        let (both, differ) = x.iter().zip(y).fold((0_u32, 0_u32), count);
        let (a, d, n) = (f64::from(both), f64::from(differ), x.len() as f64);
        match self {
            Self::Jaccard if both + differ == 0 => 0.0,
            Self::Jaccard => d / (a + d),
            Self::Matching => d / n,
            Self::Dice => d / (2.0 * a + d),
            Self::Kulsinski => (d - a + n) / (d + n),
            Self::RogersTanimoto => 2.0 * d / (n + d),
            Self::RussellRao => (n - a) / n,
            Self::SokalSneath => d / (0.5 * a + d),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_follow_their_formulas() {
        let (x, y) = ([3.0, 0.0, -1.0], [0.0, 4.0, -1.0]);
        let weights = Some(vec![2.0, 1.0, 5.0]);
        let identity = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        let distances = [
            (Metric::Euclidean, 5.0),
            (Metric::SquaredEuclidean, 25.0),
            (Metric::Manhattan, 7.0),
            (Metric::Chebyshev, 4.0),
            (Metric::Minkowski { p: 3.0, weights: None }, 91.0_f64.cbrt()),
            (Metric::Minkowski { p: 1.0, weights }, 10.0),
            (Metric::Standardized(vec![9.0, 4.0, 1.0]), 5.0_f64.sqrt()),
            (Metric::Mahalanobis(identity), 5.0),
            (Metric::Hamming, 2.0 / 3.0),
            (Metric::Canberra, 2.0),
            (Metric::BrayCurtis, 7.0 / 9.0),
            (Metric::Cosine, 1.0 - 1.0 / (10.0_f64.sqrt() * 17.0_f64.sqrt())),
            (Metric::EuclideanOfPresent, 5.0),
        ];
        for (metric, expected) in distances {
            let got = metric.distance(&x, &y);
            assert!((got - expected).abs() < 1e-14, "{metric:?}: {got} != {expected}");
            assert!((metric.to_reduced(got) - metric.reduced(&x, &y)).abs() < 1e-12, "{metric:?}");
            assert_eq!(metric.check(3), Ok(()));
        }
        assert!(
            (Metric::EuclideanOfPresent.distance(&[3.0, f64::NAN], &[0.0, 1.0]) - 18.0_f64.sqrt()).abs()
                < 1e-14
        );
        assert!(Metric::EuclideanOfPresent.distance(&[f64::NAN], &[1.0]).is_nan());
        assert!(Metric::Haversine.check(3).is_err());
        assert!(Metric::Standardized(vec![1.0]).check(3).is_err());
        let quarter = Metric::Haversine.distance(&[0.0, 0.0], &[0.0, std::f64::consts::FRAC_PI_2]);
        assert!((quarter - std::f64::consts::FRAC_PI_2).abs() < 1e-15);
        assert!(Metric::Correlation.distance(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]).abs() < 1e-15);
    }

    #[test]
    fn truth_values_are_counted() {
        let (x, y) = ([1.0, 2.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 3.0, 1.0]);
        let distances = [
            (Boolean::Jaccard, 0.5),
            (Boolean::Matching, 0.4),
            (Boolean::Dice, 2.0 / 6.0),
            (Boolean::Kulsinski, 5.0 / 7.0),
            (Boolean::RogersTanimoto, 4.0 / 7.0),
            (Boolean::RussellRao, 0.6),
            (Boolean::SokalSneath, 2.0 / 3.0),
        ];
        for (boolean, expected) in distances {
            assert_eq!(Metric::Boolean(boolean).distance(&x, &y), expected, "{boolean:?}");
        }
        assert_eq!(Boolean::Jaccard.of(&[0.0], &[0.0]), 0.0);
    }
}
