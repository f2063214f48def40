//! Special functions that constants of models are made with.

/// The digamma function of a positive number: its recurrence up to 10, then the asymptotic series (Abramowitz and
/// Stegun 6.3.5 and 6.3.18).
pub(super) fn digamma(mut x: f64) -> f64 {
    const SERIES: [f64; 7] =
        [1.0 / 12.0, -1.0 / 120.0, 1.0 / 252.0, -1.0 / 240.0, 1.0 / 132.0, -691.0 / 32760.0, 1.0 / 12.0];
    if x.is_nan() || x <= 0.0 {
        return f64::NAN;
    }
    let mut below = 0.0;
    while x < 10.0 {
        below += 1.0 / x;
        x += 1.0;
    }
    let squared = 1.0 / (x * x);
    let series = SERIES.iter().rev().fold(0.0, |sum, term| (sum + term) * squared);
    x.ln() - 0.5 / x - series - below
}

/// The logarithm of the gamma function of `n / 2`, for `n` from 1 on.
pub(super) fn log_gamma_of_halves(n: usize) -> f64 {
    let first = if n.is_multiple_of(2) { 0.0 } else { 0.5 * std::f64::consts::PI.ln() };
    let below = (n.min(2 - n % 2)..n).step_by(2);
    first + below.map(|n| (0.5 * n as f64).ln()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gammas_of_halves_are_products() {
        let root = std::f64::consts::PI.sqrt();
        for (n, gamma) in [(1, root), (2, 1.0), (3, root / 2.0), (4, 1.0), (5, 0.75 * root), (10, 24.0)] {
            assert!((log_gamma_of_halves(n) - gamma.ln()).abs() < 1e-14, "{n}");
        }
    }

    #[test]
    fn digamma_agrees_with_known_values() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + EULER).abs() < 1e-14);
        assert!((digamma(0.5) + EULER + 2.0 * 2.0_f64.ln()).abs() < 1e-14);
        assert!((digamma(100.0) - 4.600_161_852_738_087).abs() < 1e-14);
        assert!(digamma(0.0).is_nan() && digamma(-0.5).is_nan());
    }
}
