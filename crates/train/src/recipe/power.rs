//! Powers that make columns look normal.
//!
//! Sources: Box and Cox, "An Analysis of Transformations" (1964); Yeo and Johnson, "A New Family of Power
//! Transformations to Improve Normality or Symmetry" (2000), both by maximum likelihood; Brent, "Algorithms for
//! Minimization without Derivatives" (1973), chapter 5.

use foretell_model::Step;
use foretell_model::step::{Accepts, Arithmetic, Curve, Curves, Scale};
use rayon::prelude::*;

use super::column::{Known, one_for_none};
use super::lesson::Lesson;
use super::parameters::{Power, PowerTransformer};
use crate::FitError;

/// Curves, and the scaling of what they make.
pub(super) fn power(parameters: &PowerTransformer, lesson: &Lesson<'_>) -> Result<Vec<Step>, FitError> {
    let known = lesson.known("PowerTransformer")?;
    if parameters.method == Power::BoxCox {
        let least = known.iter().map(|column| column.range().0).enumerate();
        if let Some((at, least)) = least.into_iter().find(|(_, least)| *least <= 0.0) {
            let expected = format!("numbers above 0 in `{}` for `box-cox`", lesson.name(at));
            return Err(FitError::data(expected, format!("`{least}`; `yeo-johnson` takes any")));
        }
    }
    let fitted: Vec<(Curve, f64, f64)> =
        known.par_iter().map(|column| fit(parameters.method, column)).collect();
    let columns = fitted.iter().map(|(curve, ..)| curve.clone()).collect();
    let mut steps =
        vec![Step::Curves(Curves { columns, accepts: Accepts { missing: true, infinite: false } })];
    if parameters.standardize {
        let (means, deviations) = fitted.iter().map(|(_, mean, deviation)| (mean, deviation)).unzip();
        let operations = vec![Arithmetic::Subtract(means), Arithmetic::Divide(deviations)];
        steps.push(Step::Scale(Scale { operations, range: None, centre: None }));
    }
    Ok(steps)
}

/// The best curve of a column, and the mean and deviation of what it makes.
fn fit(method: Power, column: &Known) -> (Curve, f64, f64) {
    let logarithms: Vec<f64> = match method {
        Power::BoxCox => column.values().iter().map(|x| x.ln()).collect(),
        Power::YeoJohnson => column.values().iter().map(|x| x.abs().ln_1p().copysign(*x)).collect(),
    };
    let lambda = if column.range().0 < column.range().1 { most_likely(method, &logarithms) } else { 1.0 };
    let curve = match method {
        Power::BoxCox => Curve::BoxCox(lambda),
        Power::YeoJohnson => Curve::YeoJohnson { lambda, exact: true },
    };
    let made: Vec<f64> = logarithms.iter().map(|l| transformed(method, *l, lambda)).collect();
    let (mean, variance) = moments(&made);
    (curve, mean, one_for_none(variance.sqrt()))
}

/// The transform of a number, told its signed logarithm: `ln x`, or `ln(1 + |x|)` with the sign of `x`.
fn transformed(method: Power, logarithm: f64, lambda: f64) -> f64 {
    let (size, exponent, sign) = match method {
        Power::YeoJohnson if logarithm < 0.0 => (-logarithm, 2.0 - lambda, -1.0),
        Power::YeoJohnson | Power::BoxCox => (logarithm, lambda, 1.0),
    };
    if exponent == 0.0 { sign * size } else { sign * (exponent * size).exp_m1() / exponent }
}

/// The exponent under which the transformed numbers are most likely to be normal.
fn most_likely(method: Power, logarithms: &[f64]) -> f64 {
    /// Powers are looked for as long as squares of what they make stay within half of what an f64 can hold: the
    /// logarithm of that.
    const LARGEST: f64 = 336.0;
    let rows = logarithms.len() as f64;
    let jacobian: f64 = logarithms.iter().sum();
    let largest = logarithms.iter().fold(0.0f64, |most, l| most.max(l.abs()));
    let one_sided = method == Power::BoxCox || logarithms.iter().all(|l| *l >= 0.0);
    let loss = |lambda: f64| {
        // Where all powers have one exponent and are far from 1, what is subtracted of them would round them away; the
        // variance does not know it.
        let log_variance = if one_sided && (lambda * largest).abs() > 1.0 {
            let powers: Vec<f64> = logarithms.iter().map(|l| (lambda * l).exp()).collect();
            moments(&powers).1.ln() - 2.0 * lambda.abs().ln()
        } else {
            let made: Vec<f64> = logarithms.iter().map(|l| transformed(method, *l, lambda)).collect();
            moments(&made).1.ln()
        };
        let loss = 0.5 * rows * log_variance - (lambda - 1.0) * jacobian;
        // What has become all the same, or too large, is no candidate.
        if loss.is_finite() { loss } else { f64::INFINITY }
    };
    let reach = LARGEST / largest;
    let (low, high) = match method {
        Power::BoxCox => (-reach, reach),
        Power::YeoJohnson if one_sided => (-reach, reach),
        Power::YeoJohnson if logarithms.iter().all(|l| *l < 0.0) => (2.0 - reach, 2.0 + reach),
        Power::YeoJohnson => ((2.0 - reach).max(-reach), (2.0 + reach).min(reach)),
    };
    minimum(loss, low, high)
}

fn moments(values: &[f64]) -> (f64, f64) {
    let rows = values.len() as f64;
    let mean = values.iter().sum::<f64>() / rows;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / rows)
}

/// Where a function has its minimum between two numbers: by golden sections, and by parabolas where they lead on.
fn minimum(function: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    /// Width of the interval that is enough, as a share of the number.
    const TOLERANCE: f64 = 1.5e-8;
    const MOST_ROUNDS: usize = 500;
    let golden = 0.5 * (3.0 - 5f64.sqrt());
    // The best, the second best, and the second best before.
    let mut best = low + golden * (high - low);
    let (mut second, mut third) = (best, best);
    let mut at_best = function(best);
    let (mut at_second, mut at_third) = (at_best, at_best);
    let (mut step, mut before) = (0.0f64, 0.0f64);
    for _ in 0..MOST_ROUNDS {
        let middle = 0.5 * (low + high);
        let tolerance = TOLERANCE * best.abs() + 1e-11;
        if (best - middle).abs() <= 2.0 * tolerance - 0.5 * (high - low) {
            break;
        }
        let mut parabola = None;
        if before.abs() > tolerance {
            let r = (best - second) * (at_best - at_third);
            let q = (best - third) * (at_best - at_second);
            let p = (best - third) * q - (best - second) * r;
            let q = 2.0 * (q - r);
            let (p, q) = if q > 0.0 { (-p, q) } else { (p, -q) };
            if p.abs() < (0.5 * q * before).abs() && p > q * (low - best) && p < q * (high - best) {
                parabola = Some(p / q);
            }
        }
        (step, before) = match parabola {
            Some(to) => {
                let near_end = best + to - low < 2.0 * tolerance || high - best - to < 2.0 * tolerance;
                (if near_end { tolerance.copysign(middle - best) } else { to }, step)
            }
            None => {
                let whole = if best >= middle { low - best } else { high - best };
                (golden * whole, whole)
            }
        };
        let next = best + if step.abs() >= tolerance { step } else { tolerance.copysign(step) };
        let at_next = function(next);
        if at_next <= at_best {
            if next >= best {
                low = best
            } else {
                high = best
            }
            (third, at_third) = (second, at_second);
            (second, at_second) = (best, at_best);
            (best, at_best) = (next, at_next);
        } else {
            if next < best {
                low = next
            } else {
                high = next
            }
            if at_next <= at_second || second == best {
                (third, at_third) = (second, at_second);
                (second, at_second) = (next, at_next);
            } else if at_next <= at_third || third == best || third == second {
                (third, at_third) = (next, at_next);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimum_is_found_between_bounds_and_at_one() {
        assert!((minimum(|x| (x - 1.25).powi(4) + x, -100.0, 300.0) - (1.25 - 0.25f64.cbrt())).abs() < 1e-5);
        assert!((minimum(|x| (x - 3.5).powi(2), -10.0, 10.0) - 3.5).abs() < 1e-7);
        assert!((minimum(|x| x, 2.0, 5.0) - 2.0).abs() < 1e-6);
    }

    #[test]
    fn powers_of_normal_numbers_are_found() {
        // Sums of twelve numbers, the quantiles of which are nearly normal.
        let unit = |at: u64| (crate::random::hash(3, at) >> 11) as f64 / (1u64 << 53) as f64;
        let normal: Vec<f64> =
            (0..4000).map(|row| (0..12).map(|part| unit(row * 12 + part)).sum::<f64>()).collect();
        for (power, expected) in [(3.0, 1.0 / 3.0), (0.5, 2.0), (1.0, 1.0)] {
            let logarithms: Vec<f64> = normal.iter().map(|x| power * x.ln()).collect();
            let lambda = most_likely(Power::BoxCox, &logarithms);
            assert!((lambda / expected - 1.0).abs() < 0.15, "{power}: {lambda}");
        }
        let mirrored: Vec<f64> = normal.iter().map(|x| -(x.powi(2)).ln_1p()).collect();
        let lambda = most_likely(Power::YeoJohnson, &mirrored);
        assert!((lambda - 1.5).abs() < 0.15, "{lambda}");
        // Numbers close together far from 0 keep the digits that make them differ.
        let far: Vec<f64> = normal.iter().map(|x| (1000.0 + x).ln()).collect();
        assert!(most_likely(Power::BoxCox, &far).is_finite());
    }
}
