//! One function per column, each with its own constants: binarisers, discretisers, power and quantile transforms,
//! tables of codes.

use super::Accepts;
use super::normal::{inverse_normal, normal};
use crate::error::{ModelError, Problem, Refusal, expect_count};
use crate::infer::{Column, Facts, one_each};
use crate::plan::{Layout, Op};

/// A function for each column.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// The functions, one per column.
    pub columns: Vec<Curve>,
    /// What the columns may hold.
    pub accepts: Accepts,
}

/// A function of one number. A missing value stays missing unless it says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Curve {
    /// 1 above the threshold, else 0.
    Threshold(f64),
    /// Number of edges that are not greater; the edges ascend.
    Bins {
        /// The edges between bins.
        edges: Vec<f64>,
        /// Numbers count as `absolute + relative * |x|` greater than they are: scikit-learn before 1.1.
        nudge: (f64, f64),
    },
    /// Box-Cox transform with this lambda; numbers that are not positive are refused.
    BoxCox(f64),
    /// Yeo-Johnson transform with this lambda.
    YeoJohnson {
        /// The exponent.
        lambda: f64,
        /// Computed by `expm1(lambda * log1p(x))`, as scipy does, rather than by powers.
        exact: bool,
    },
    /// The number that [`Curve::BoxCox`] of this lambda transforms to the given one, as `scipy.special.inv_boxcox`.
    BoxCoxInverse(f64),
    /// The number that [`Curve::YeoJohnson`] of this lambda transforms to the given one, by powers.
    YeoJohnsonInverse(f64),
    /// The training value below which the given share lies: what undoes [`Curve::Quantile`].
    QuantileInverse(Quantile),
    /// The share of the training values below, and perhaps the normal quantile of it.
    Quantile(Quantile),
    /// The number itself; what is not within the bounds is refused.
    Within {
        /// The least.
        least: f64,
        /// The greatest.
        most: f64,
    },
    /// `sqrt(amplitude x)` times the cosine or sine of `frequency ln x`, 0 for 0; negative numbers are refused.
    Wave {
        /// Factor under the root.
        amplitude: f64,
        /// Factor of the logarithm.
        frequency: f64,
        /// The sine rather than the cosine.
        sine: bool,
    },
    /// The value of a code.
    Table {
        /// Values of the codes 0, 1, ...
        values: Vec<f64>,
        /// Value of a missing code.
        missing: f64,
        /// Value of all other codes.
        other: f64,
    },
}

/// Piecewise linear function through the quantiles of the training values.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantile {
    /// The quantiles, ascending.
    pub values: Vec<f64>,
    /// The shares they belong to, ascending from 0 to 1.
    pub shares: Vec<f64>,
    /// The normal quantile of the share is wanted.
    pub normal: bool,
}

/// Numbers this close to the bounds count as the bounds (`BOUNDS_THRESHOLD` of scikit-learn).
const BOUND: f64 = 1e-7;

impl Curves {
    pub(crate) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        one_each("functions", &self.columns, columns)?;
        self.columns.iter().try_for_each(Curve::check)?;
        let accepted = facts.numbers(columns, self.accepts)?;
        let after = |(column, curve): (Column, &Curve)| match curve {
            Curve::Table { .. } => Column::COMPUTED,
            Curve::Threshold(_)
            | Curve::Bins { .. }
            | Curve::BoxCox(_)
            | Curve::YeoJohnson { .. }
            | Curve::BoxCoxInverse(_)
            | Curve::YeoJohnsonInverse(_)
            | Curve::QuantileInverse(_)
            | Curve::Within { .. }
            | Curve::Wave { .. }
            | Curve::Quantile(_) => column.computed(),
        };
        Ok(accepted.into_iter().zip(&self.columns).map(after).collect())
    }

    pub(crate) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let plan = CurvesPlan { columns: self.columns.clone(), features: layout.features() };
        (vec![layout.guard(self.accepts), Op::Curves(plan)], layout.clone())
    }
}

impl Curve {
    fn check(&self) -> Result<(), ModelError> {
        if let Self::Quantile(Quantile { values, shares, .. })
        | Self::QuantileInverse(Quantile { values, shares, .. }) = self
        {
            expect_count("shares of quantiles", values.len(), shares.len())?;
            if values.is_empty() {
                return Err(ModelError::mismatch("at least one quantile", 0));
            }
        }
        Ok(())
    }

    /// The function of a number; `None` where it is not defined.
    fn of(&self, x: f64) -> Option<f64> {
        if let Self::Table { values, missing, other } = self {
            let inside = x >= 0.0 && x < values.len() as f64;
            return Some(if x.is_nan() {
                *missing
            } else if inside {
                values[x as usize]
            } else {
                *other
            });
        }
        if x.is_nan() {
            return Some(x);
        }
        Some(match self {
            Self::Threshold(threshold) => f64::from(u8::from(x > *threshold)),
            Self::Bins { edges, nudge: (absolute, relative) } => {
                let x = x + (absolute + relative * x.abs());
                edges.partition_point(|edge| *edge <= x) as f64
            }
            Self::BoxCox(_) if x <= 0.0 => return None,
            Self::BoxCox(lambda) => box_cox(x, *lambda),
            Self::YeoJohnson { lambda, exact } => yeo_johnson(x, *lambda, *exact),
            Self::BoxCoxInverse(lambda) => inverse_box_cox(x, *lambda),
            Self::YeoJohnsonInverse(lambda) => inverse_yeo_johnson(x, *lambda),
            Self::Quantile(quantile) => quantile.of(x),
            Self::QuantileInverse(quantile) => quantile.inverse(x),
            Self::Within { least, most } if x < *least || x > *most => return None,
            Self::Within { .. } => x,
            Self::Wave { .. } if x < 0.0 => return None,
            Self::Wave { .. } if x == 0.0 => 0.0,
            Self::Wave { amplitude, frequency, sine } => {
                let angle = frequency * x.ln();
                (amplitude * x).sqrt() * if *sine { angle.sin() } else { angle.cos() }
            }
            Self::Table { other, .. } => *other,
        })
    }
}

impl Quantile {
    /// As scikit-learn: the mean of the interpolations from both sides, for repeated quantiles.
    fn of(&self, x: f64) -> f64 {
        let (values, shares) = (&self.values, &self.shares);
        let last = values.len() - 1;
        let (low, high) = (values[0], values[last]);
        let (is_low, is_high) =
            if self.normal { (x - BOUND < low, x + BOUND > high) } else { (x == low, x == high) };
        let share = if is_low {
            0.0
        } else if is_high {
            1.0
        } else {
            let upwards = interpolate(x, values.len(), |i| values[i], |i| shares[i]);
            let downwards = interpolate(-x, values.len(), |i| -values[last - i], |i| -shares[last - i]);
            0.5 * (upwards - downwards)
        };
        if !self.normal {
            return share;
        }
        let least = BOUND - f64::EPSILON;
        inverse_normal(share.clamp(least, 1.0 - least))
    }

    /// `inverse_transform` of scikit-learn.
    fn inverse(&self, y: f64) -> f64 {
        let (values, shares) = (&self.values, &self.shares);
        let last = values.len() - 1;
        let share = if self.normal { normal(y) } else { y };
        let (is_low, is_high) = if self.normal {
            (share - BOUND < 0.0, share + BOUND > 1.0)
        } else {
            (share == 0.0, share == 1.0)
        };
        if is_low {
            values[0]
        } else if is_high {
            values[last]
        } else {
            interpolate(share, values.len(), |i| shares[i], |i| values[i])
        }
    }
}

/// `numpy.interp` at one point, of points that ascend.
fn interpolate(x: f64, count: usize, at: impl Fn(usize) -> f64, value: impl Fn(usize) -> f64) -> f64 {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = usize::midpoint(low, high);
        if at(middle) <= x { low = middle + 1 } else { high = middle }
    }
    // The first `low` points are not greater.
    if low == 0 {
        return value(0);
    }
    let before = low - 1;
    if low == count || at(before) == x {
        return value(before);
    }
    let slope = (value(low) - value(before)) / (at(low) - at(before));
    slope * (x - at(before)) + value(before)
}

/// `scipy.special.boxcox` of a positive number.
fn box_cox(x: f64, lambda: f64) -> f64 {
    if lambda.abs() < 1e-19 {
        return x.ln();
    }
    let exponent = lambda * x.ln();
    if exponent < 709.78 {
        exponent.exp_m1() / lambda
    } else {
        lambda.signum() * (exponent - lambda.abs().ln()).exp() - 1.0 / lambda
    }
}

fn inverse_box_cox(y: f64, lambda: f64) -> f64 {
    if lambda == 0.0 { y.exp() } else { ((lambda * y).ln_1p() / lambda).exp() }
}

fn inverse_yeo_johnson(y: f64, lambda: f64) -> f64 {
    if y >= 0.0 {
        if lambda.abs() < f64::EPSILON { y.exp() - 1.0 } else { (y * lambda + 1.0).powf(1.0 / lambda) - 1.0 }
    } else {
        let rest = 2.0 - lambda;
        if rest.abs() > f64::EPSILON { 1.0 - (1.0 - rest * y).powf(1.0 / rest) } else { 1.0 - (-y).exp() }
    }
}

fn yeo_johnson(x: f64, lambda: f64, exact: bool) -> f64 {
    let (size, exponent, sign) = if x >= 0.0 { (x, lambda, 1.0) } else { (-x, 2.0 - lambda, -1.0) };
    let zero = if x >= 0.0 { exponent.abs() < f64::EPSILON } else { exponent.abs() <= f64::EPSILON };
    if zero {
        sign * size.ln_1p()
    } else if exact {
        sign * (exponent * size.ln_1p()).exp_m1() / exponent
    } else {
        sign * ((size + 1.0).powf(exponent) - 1.0) / exponent
    }
}

/// The functions, and the features behind the columns for refusals.
#[derive(Debug)]
pub(crate) struct CurvesPlan {
    columns: Vec<Curve>,
    features: Vec<Option<usize>>,
}

impl CurvesPlan {
    /// The functions of rows of numbers, in place. `first_row` is the number of the first row.
    pub(crate) fn apply(&self, numbers: &mut [f64], first_row: usize) -> Result<(), Refusal> {
        for (row, numbers) in numbers.chunks_exact_mut(self.columns.len().max(1)).enumerate() {
            for (column, (x, curve)) in numbers.iter_mut().zip(&self.columns).enumerate() {
                let Some(y) = curve.of(*x) else {
                    let (feature, problem) = (self.features[column], Problem::Undefined(*x));
                    return Err(Refusal { row: first_row + row, column, feature, problem });
                };
                *x = y;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_bins_and_tables_decide_at_their_edges_as_numpy_does() {
        let of = |curve: &Curve, x| curve.of(x).unwrap();
        assert_eq!([of(&Curve::Threshold(1.0), 1.0), of(&Curve::Threshold(1.0), 1.5)], [0.0, 1.0]);
        let bins = Curve::Bins { edges: vec![1.0, 2.0], nudge: (0.0, 0.0) };
        assert_eq!([0.5, 1.0, 1.5, 2.0].map(|x| of(&bins, x)), [0.0, 1.0, 1.0, 2.0]);
        let nudged = Curve::Bins { edges: vec![1.0, 2.0], nudge: (1e-8, 1e-5) };
        assert_eq!(of(&nudged, 1.999_99), 2.0);
        let table = Curve::Table { values: vec![5.0, 6.0], missing: 7.0, other: 8.0 };
        assert_eq!([0.0, 1.0, 2.0, -1.0, f64::NAN].map(|x| of(&table, x)), [5.0, 6.0, 8.0, 8.0, 7.0]);
    }

    #[test]
    fn bounds_and_waves_refuse_what_is_outside() {
        let within = Curve::Within { least: 0.0, most: 2.0 };
        assert_eq!([within.of(-0.5), within.of(2.0), within.of(2.5)], [None, Some(2.0), None]);
        let wave = |sine| Curve::Wave { amplitude: 0.5, frequency: 2.0, sine };
        assert_eq!([wave(true).of(-1.0), wave(true).of(0.0)], [None, Some(0.0)]);
        let angle = 2.0 * 8.0_f64.ln();
        assert_eq!(wave(true).of(8.0), Some(2.0 * angle.sin()));
        assert_eq!(wave(false).of(8.0), Some(2.0 * angle.cos()));
    }

    #[test]
    fn power_transforms_are_continuous_in_lambda_and_refuse_what_is_not_positive() {
        for x in [0.1, 1.0, 7.5] {
            assert!((box_cox(x, 1e-9) - box_cox(x, 0.0)).abs() < 1e-7);
            assert!((box_cox(x, 1.0) - (x - 1.0)).abs() < 1e-15);
        }
        for x in [-3.0, -0.1, 0.0, 0.1, 3.0] {
            assert!((yeo_johnson(x, 1.0, true) - x).abs() < 1e-14);
            for lambda in [-1.0, 0.0, 0.5, 2.0] {
                let (exact, powers) = (yeo_johnson(x, lambda, true), yeo_johnson(x, lambda, false));
                assert!((exact - powers).abs() < 1e-13, "{x} {lambda}");
            }
        }
        assert_eq!(Curve::BoxCox(0.5).of(0.0), None);
        assert!(Curve::BoxCox(0.5).of(f64::NAN).unwrap().is_nan());
    }

    #[test]
    fn inverses_undo_what_is_not_lost() {
        for x in [0.1, 1.0, 7.5] {
            for lambda in [-0.5, 0.0, 1.5] {
                let back = inverse_box_cox(box_cox(x, lambda), lambda);
                assert!((back - x).abs() < 1e-13 * x, "{x} {lambda}: {back}");
            }
        }
        for x in [-3.0, -0.1, 0.0, 0.1, 3.0] {
            for lambda in [-1.0, 0.0, 0.5, 2.0, 3.0] {
                let back = inverse_yeo_johnson(yeo_johnson(x, lambda, true), lambda);
                assert!((back - x).abs() < 1e-13, "{x} {lambda}: {back}");
            }
        }
        for normal in [false, true] {
            let quantile =
                Quantile { values: vec![-2.0, 0.0, 1.0, 5.0], shares: vec![0.0, 0.25, 0.75, 1.0], normal };
            for x in [-2.0, -1.5, 0.5, 1.0, 4.0, 5.0] {
                let back = quantile.inverse(quantile.of(x));
                assert!((back - x).abs() < 1e-12, "{x} {normal}: {back}");
            }
            assert_eq!(quantile.inverse(9.0), 5.0);
        }
    }

    #[test]
    fn quantiles_interpolate_and_repeated_ones_give_the_middle() {
        let quantile = |normal| Quantile {
            values: vec![0.0, 1.0, 1.0, 3.0],
            shares: vec![0.0, 0.25, 0.75, 1.0],
            normal,
        };
        let shares = [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 9.0].map(|x| quantile(false).of(x));
        assert_eq!(shares, [0.0, 0.0, 0.125, 0.5, 0.875, 1.0, 1.0]);
        assert_eq!(quantile(true).of(1.0), 0.0);
        assert!((quantile(true).of(9.0) - 5.199_337_582).abs() < 1e-8);
    }
}
