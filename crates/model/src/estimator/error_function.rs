//! The error function.

/// `2 / sqrt(pi)` times the integral of `exp(-t^2)` from 0 to `x`, within a few units in the last place: its Taylor
/// series near 0, and further out one less the continued fraction of the complement (Abramowitz and Stegun 7.1.6 and
/// 7.1.14).
pub(super) fn erf(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let size = x.abs();
    let value = if size < 2.5 {
        series(size)
    } else if size < 6.0 {
        1.0 - complement(size)
    } else {
        1.0
    };
    value.copysign(x)
}

/// `2 x exp(-x^2) / sqrt(pi)` times `sum (2 x^2)^n / (1 * 3 * ... * (2n + 1))`, of positive terms only.
fn series(x: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (1.0, 1.0, 1.0);
    while term > sum * 1e-18 {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * x * (-x * x).exp() * sum
}

fn complement(x: f64) -> f64 {
    // From the innermost of enough levels outwards.
    let fraction = (1..=60).rev().fold(x, |inner, level| x + f64::from(level) / 2.0 / inner);
    std::f64::consts::FRAC_2_SQRT_PI / 2.0 * (-x * x).exp() / fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_agree_with_tables() {
        let table = [
            (0.0, 0.0),
            (1e-10, 1.128_379_167_095_512_6e-10),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (2.6, 0.999_763_965_583_470_6),
            (3.5, 0.999_999_256_901_627_7),
            (10.0, 1.0),
        ];
        for (x, expected) in table {
            assert!((erf(x) - expected).abs() <= 4e-16 * expected, "{x}: {} != {expected}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
        assert!(erf(f64::NAN).is_nan());
    }
}
