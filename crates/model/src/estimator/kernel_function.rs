//! Kernel functions: how alike, or how far, two rows are.

use super::metric::{Metric, cosine};
use crate::error::{ModelError, expect_count};
use crate::kernel::{dot, exp_all, tanh_all};

/// How deep sums, products and powers of kernels may nest.
const DEEPEST: usize = 64;
/// Values that are computed together where some have to be kept.
const STRETCH: usize = 64;

/// A function of two rows `x` and `y`: a kernel, as libsvm, `sklearn.metrics.pairwise` and
/// `sklearn.gaussian_process.kernels` define them, or a distance.
#[derive(Debug, Clone, PartialEq)]
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
    /// `exp(-gamma sum |x - y|)`.
    Laplacian {
        /// Factor of the distance.
        gamma: f64,
    },
    /// `cos(x, y)`.
    Cosine,
    /// `-sum (x - y)^2 / (x + y)`.
    AdditiveChiSquared,
    /// `exp(-gamma sum (x - y)^2 / (x + y))`.
    ChiSquared {
        /// Factor of the sum.
        gamma: f64,
    },
    /// The distance.
    Distance(Metric),
    /// The square of the distance.
    SquaredDistance(Metric),
    /// A function of `d = |x / l - y / l|`.
    Stationary {
        /// Which.
        shape: Stationary,
        /// The length scales `l`, one or one per column.
        lengths: Vec<f64>,
    },
    /// `(1 + |x - y|^2 / (2 alpha l^2))^-alpha`.
    RationalQuadratic {
        /// The mixture of scales.
        alpha: f64,
        /// The length scale `l`.
        length: f64,
    },
    /// `exp(-2 (sin(pi |x - y| / period) / l)^2)`.
    Periodic {
        /// The length scale `l`.
        length: f64,
        /// The period.
        period: f64,
    },
    /// The same for all rows.
    Constant(f64),
    /// 0, and for a row with itself this number: noise.
    White(f64),
    /// The sum of two.
    Sum(Box<[Self; 2]>),
    /// The product of two.
    Product(Box<[Self; 2]>),
    /// A power.
    Power(Box<Self>, f64),
}

/// Functions of a scaled Euclidean distance `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stationary {
    /// `exp(-d^2 / 2)`, the limit of Matérn's functions.
    SquaredExponential,
    /// `exp(-d)`: Matérn's with smoothness 1/2.
    Matern12,
    /// `(1 + z) exp(-z)`, `z = sqrt(3) d`: smoothness 3/2.
    Matern32,
    /// `(1 + z + z^2 / 3) exp(-z)`, `z = sqrt(5) d`: smoothness 5/2.
    Matern52,
}

/// What of two rows `x` and `y` a kernel is a function of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Base<'a> {
    /// It is the same for all.
    Nothing,
    /// `x . y`.
    Product,
    /// `|x / l - y / l|^2` with length scales `l`: one, one per column, or none at all.
    SquaredDistance(&'a [f64]),
    /// The rows themselves.
    Rows,
}

impl KernelFunction {
    /// Fails unless it fits rows of this many columns.
    pub(crate) fn check(&self, columns: usize) -> Result<(), ModelError> {
        self.check_within(columns, DEEPEST)
    }

    fn check_within(&self, columns: usize, depth: usize) -> Result<(), ModelError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(ModelError::mismatch(format_args!("at most {DEEPEST} nested kernels"), "more"));
        };
        match self {
            Self::Distance(metric) | Self::SquaredDistance(metric) => metric.check(columns),
            Self::Stationary { lengths, .. } if lengths.len() == 1 => Ok(()),
            Self::Stationary { lengths, .. } => expect_count("length scales", columns, lengths.len()),
            Self::Sum(pair) | Self::Product(pair) => {
                pair.iter().try_for_each(|one| one.check_within(columns, depth))
            }
            Self::Power(base, _) => base.check_within(columns, depth),
            Self::Linear
            | Self::Polynomial { .. }
            | Self::Rbf { .. }
            | Self::Sigmoid { .. }
            | Self::Laplacian { .. }
            | Self::Cosine
            | Self::AdditiveChiSquared
            | Self::ChiSquared { .. }
            | Self::RationalQuadratic { .. }
            | Self::Periodic { .. }
            | Self::Constant(_)
            | Self::White(_) => Ok(()),
        }
    }

    /// What of two rows it is a function of.
    pub(super) fn base(&self) -> Base<'_> {
        match self {
            Self::Linear | Self::Polynomial { .. } | Self::Sigmoid { .. } => Base::Product,
            Self::Rbf { .. }
            | Self::RationalQuadratic { .. }
            | Self::Periodic { .. }
            | Self::Distance(Metric::Euclidean | Metric::SquaredEuclidean)
            | Self::SquaredDistance(Metric::Euclidean) => Base::SquaredDistance(&[]),
            Self::Stationary { lengths, .. } => Base::SquaredDistance(lengths),
            Self::Constant(_) | Self::White(_) => Base::Nothing,
            Self::Sum(pair) | Self::Product(pair) => pair[0].base().and(pair[1].base()),
            Self::Power(base, _) => base.base(),
            Self::Laplacian { .. }
            | Self::Cosine
            | Self::AdditiveChiSquared
            | Self::ChiSquared { .. }
            | Self::Distance(_)
            | Self::SquaredDistance(_) => Base::Rows,
        }
    }

    /// Its values for several pairs of rows, in place of the products or distances that [`base`](Self::base) names. A
    /// function of whole rows leaves them.
    pub(super) fn of_bases(&self, values: &mut [f64]) {
        let each = |values: &mut [f64], function: &dyn Fn(f64) -> f64| {
            values.iter_mut().for_each(|x| *x = function(*x));
        };
        match self {
            Self::Linear => {}
            Self::Polynomial { gamma, coef0, degree } => {
                values.iter_mut().for_each(|x| *x = gamma * *x + coef0);
                power(values, *degree);
            }
            Self::Rbf { gamma } => exp_all(-gamma, values),
            Self::Sigmoid { gamma, coef0 } => {
                values.iter_mut().for_each(|x| *x = gamma * *x + coef0);
                tanh_all(values);
            }
            Self::Stationary { shape, .. } => shape.of_squares(values),
            Self::RationalQuadratic { alpha, length } => {
                each(values, &|squared| (1.0 + squared / (2.0 * alpha * length * length)).powf(-alpha));
            }
            Self::Periodic { length, period } => each(values, &|squared| {
                let angle = std::f64::consts::PI / period * squared.sqrt();
                (-2.0 * (angle.sin() / length).powi(2)).exp()
            }),
            Self::Distance(Metric::Euclidean) => values.iter_mut().for_each(|x| *x = x.sqrt()),
            Self::Constant(value) => values.fill(*value),
            Self::White(_) => values.fill(0.0),
            Self::Sum(pair) => of_both(pair, values, |a, b| a + b),
            Self::Product(pair) => of_both(pair, values, |a, b| a * b),
            Self::Power(base, exponent) => {
                base.of_bases(values);
                each(values, &|x| x.powf(*exponent));
            }
            Self::Laplacian { .. }
            | Self::Cosine
            | Self::AdditiveChiSquared
            | Self::ChiSquared { .. }
            | Self::Distance(_)
            | Self::SquaredDistance(_) => {}
        }
    }

    /// Its value for two rows of the same length.
    pub(crate) fn of(&self, x: &[f64], y: &[f64]) -> f64 {
        let of_base = |base: f64| {
            let mut value = [base];
            self.of_bases(&mut value);
            value[0]
        };
        match self {
            Self::Linear | Self::Polynomial { .. } | Self::Sigmoid { .. } => of_base(dot(x, y)),
            Self::Rbf { .. } | Self::RationalQuadratic { .. } | Self::Periodic { .. } => {
                of_base(squared_distance(x, y))
            }
            Self::Stationary { lengths, .. } => of_base(scaled_squared_distance(x, y, lengths)),
            Self::Laplacian { gamma } => (-gamma * Metric::Manhattan.distance(x, y)).exp(),
            Self::Cosine => cosine(x, y),
            Self::AdditiveChiSquared => -chi_squared(x, y),
            Self::ChiSquared { gamma } => (-gamma * chi_squared(x, y)).exp(),
            Self::Distance(metric) => metric.distance(x, y),
            Self::SquaredDistance(metric) => metric.squared(x, y),
            Self::Constant(value) => *value,
            Self::White(_) => 0.0,
            Self::Sum(pair) => pair[0].of(x, y) + pair[1].of(x, y),
            Self::Product(pair) => pair[0].of(x, y) * pair[1].of(x, y),
            Self::Power(base, exponent) => base.of(x, y).powf(*exponent),
        }
    }

    /// Its value for a row with itself, where noise counts.
    pub(crate) fn of_itself(&self, x: &[f64]) -> f64 {
        match self {
            Self::White(noise) => *noise,
            Self::Sum(pair) => pair[0].of_itself(x) + pair[1].of_itself(x),
            Self::Product(pair) => pair[0].of_itself(x) * pair[1].of_itself(x),
            Self::Power(base, exponent) => base.of_itself(x).powf(*exponent),
            Self::Linear
            | Self::Polynomial { .. }
            | Self::Rbf { .. }
            | Self::Sigmoid { .. }
            | Self::Laplacian { .. }
            | Self::Cosine
            | Self::AdditiveChiSquared
            | Self::ChiSquared { .. }
            | Self::Distance(_)
            | Self::SquaredDistance(_)
            | Self::Stationary { .. }
            | Self::RationalQuadratic { .. }
            | Self::Periodic { .. }
            | Self::Constant(_) => self.of(x, x),
        }
    }
}

impl Stationary {
    /// The function in place of squares of distances.
    fn of_squares(self, values: &mut [f64]) {
        // What comes before the exponential, as a function of `z`.
        let (scale, factor): (f64, fn(f64) -> f64) = match self {
            Self::SquaredExponential => return exp_all(-0.5, values),
            Self::Matern12 => (1.0, |_| 1.0),
            Self::Matern32 => (3.0_f64.sqrt(), |z| 1.0 + z),
            Self::Matern52 => (5.0_f64.sqrt(), |z| 1.0 + z + z * z / 3.0),
        };
        let mut zs = [0.0; STRETCH];
        for values in values.chunks_mut(STRETCH) {
            for (value, z) in values.iter_mut().zip(&mut zs) {
                *z = value.sqrt() * scale;
                *value = *z;
            }
            exp_all(-1.0, values);
            values.iter_mut().zip(&zs).for_each(|(value, z)| *value *= factor(*z));
        }
    }
}

impl<'a> Base<'a> {
    /// What two functions are functions of together.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, one) | (one, Self::Nothing) => one,
            (one, same) if one == same => one,
            _ => Self::Rows,
        }
    }
}

/// The values of two functions, put together.
fn of_both(pair: &[KernelFunction; 2], values: &mut [f64], together: impl Fn(f64, f64) -> f64) {
    let mut seconds = [0.0; STRETCH];
    for values in values.chunks_mut(STRETCH) {
        let seconds = &mut seconds[..values.len()];
        seconds.copy_from_slice(values);
        pair[0].of_bases(values);
        pair[1].of_bases(seconds);
        values.iter_mut().zip(&*seconds).for_each(|(first, second)| *first = together(*first, *second));
    }
}

/// `x^degree`; whole degrees by repeated squaring, as libsvm does.
fn power(values: &mut [f64], degree: f64) {
    if degree.fract() != 0.0 || !(0.0..=1024.0).contains(&degree) {
        return values.iter_mut().for_each(|x| *x = x.powf(degree));
    }
    for value in values {
        let (mut left, mut square, mut product) = (degree as u32, *value, 1.0);
        while left > 0 {
            if left % 2 == 1 {
                product *= square;
            }
            square *= square;
            left /= 2;
        }
        *value = product;
    }
}

/// `sum (x - y)^2 / (x + y)`, without the columns where both are 0.
fn chi_squared(x: &[f64], y: &[f64]) -> f64 {
    let term = |(x, y): (&f64, &f64)| if x + y == 0.0 { 0.0 } else { (x - y) * (x - y) / (x + y) };
    x.iter().zip(y).map(term).sum()
}

/// `|x / l - y / l|^2` with one length or one per column.
fn scaled_squared_distance(x: &[f64], y: &[f64], lengths: &[f64]) -> f64 {
    let term = |((x, y), length): ((&f64, &f64), &f64)| {
        let apart = x / length - y / length;
        apart * apart
    };
    x.iter().zip(y).zip(lengths.iter().cycle()).map(term).sum()
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
            (KernelFunction::Laplacian { gamma: 0.1 }, (-0.85_f64).exp()),
            (KernelFunction::Distance(Metric::Euclidean), squared.sqrt()),
            (KernelFunction::SquaredDistance(Metric::Euclidean), squared),
            (
                KernelFunction::Stationary { shape: Stationary::SquaredExponential, lengths: vec![2.0] },
                (-squared / 8.0).exp(),
            ),
            (
                KernelFunction::Stationary { shape: Stationary::Matern12, lengths: vec![2.0] },
                (-squared.sqrt() / 2.0).exp(),
            ),
            (KernelFunction::RationalQuadratic { alpha: 2.0, length: 1.0 }, (1.0 + squared / 4.0).powi(-2)),
            (
                KernelFunction::Sum(Box::new([
                    KernelFunction::Product(Box::new([
                        KernelFunction::Constant(2.0),
                        KernelFunction::Linear,
                    ])),
                    KernelFunction::White(7.0),
                ])),
                2.0 * product,
            ),
            (KernelFunction::Power(Box::new(KernelFunction::Linear), 2.0), product * product),
        ];
        for (function, expected) in values {
            let got = function.of(&x, &y);
            assert!((got - expected).abs() <= 1e-14 * expected.abs(), "{function:?}: {got} != {expected}");
            assert_eq!(function.check(5), Ok(()));
        }
        let noisy = KernelFunction::Sum(Box::new([KernelFunction::Linear, KernelFunction::White(7.0)]));
        assert_eq!(noisy.of_itself(&x), 15.0 + 7.0);
        assert_eq!(KernelFunction::AdditiveChiSquared.of(&[1.0, 0.0, 3.0], &[3.0, 0.0, 3.0]), -1.0);
    }

    #[test]
    fn kernels_that_do_not_fit_are_refused() {
        let lengths = KernelFunction::Stationary { shape: Stationary::Matern32, lengths: vec![1.0; 3] };
        assert!(lengths.check(3).is_ok() && lengths.check(4).is_err());
        let deep =
            (0..100).fold(KernelFunction::Linear, |inner, _| KernelFunction::Power(Box::new(inner), 1.0));
        assert_eq!(deep.check(1).unwrap_err().to_string(), ": expected at most 64 nested kernels, got more");
    }
}
