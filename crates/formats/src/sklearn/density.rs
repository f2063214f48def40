//! `KernelDensity`.

use std::f64::consts::PI;

use foretell_model::estimator::{KernelDensity, Window};
use foretell_model::head::Mixture;
use foretell_model::{Estimator, Head};

use super::neighbours::metric_named;
use super::special::log_gamma_of_halves;
use super::{Input, Lowered, Result, present};
use crate::pickle::Value;

/// `KernelDensity`. Where its `rtol` or `atol` lets the library stop early, this is the number that it comes near to.
pub(super) fn kernel_density(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let state = value.field("tree_")?.state()?;
    let points = state.at(0)?.f64_matrix(None, None)?;
    let features = points.cols;
    let metric = metric_named(value, &value.field("metric")?, present(value, "metric_params")?, features)?;
    let window = match value.field("kernel")?.text()? {
        "gaussian" => Window::Gaussian,
        "tophat" => Window::Tophat,
        "epanechnikov" => Window::Epanechnikov,
        "exponential" => Window::Exponential,
        "linear" => Window::Linear,
        "cosine" => Window::Cosine,
        other => return Err(value.unsupported_option("kernel", other, "a kernel of scikit-learn")),
    };
    // Since 1.2 a rule may choose it.
    let bandwidth = match present(value, "bandwidth_")? {
        Some(bandwidth) => bandwidth.float()?,
        None => value.field("bandwidth")?.float()?,
    };
    /// Where the state of a tree has the weights, since 0.20.
    const WEIGHTS: usize = 12;
    let weights = if state.len()? > WEIGHTS {
        let weights = state.at(WEIGHTS)?;
        if weights.is_none() { None } else { Some(weights.f64_vector(points.rows)?) }
    } else {
        None
    };
    let total = weights.as_ref().map_or(points.rows as f64, |weights| weights.iter().sum());
    let density = KernelDensity {
        features,
        metric,
        points: points.data,
        log_weights: weights.map(|weights| weights.iter().map(|weight| weight.ln()).collect()),
        window,
        bandwidth,
        constant: log_norm(window, features, bandwidth) - total.ln(),
    };
    let head = Head::Mixture(Mixture { components: None });
    Ok(Lowered::estimator(features, Estimator::KernelDensity(density), head))
}

/// The logarithm of what makes a kernel in `features` dimensions a density.
fn log_norm(window: Window, features: usize, bandwidth: f64) -> f64 {
    let d = features as f64;
    let log_ball = |n: usize| 0.5 * n as f64 * PI.ln() - log_gamma_of_halves(n + 2);
    // The surface of the ball one dimension higher; that of a point is 2.
    let log_sphere = if features == 1 {
        2f64.ln()
    } else {
        (2.0 * PI).ln() + 0.5 * (d - 2.0) * PI.ln() - log_gamma_of_halves(features)
    };
    let factor = match window {
        Window::Gaussian => 0.5 * d * (2.0 * PI).ln(),
        Window::Tophat => log_ball(features),
        Window::Epanechnikov => log_ball(features) + (2.0 / (d + 2.0)).ln(),
        Window::Exponential => log_sphere + log_gamma_of_halves(2 * features),
        Window::Linear => log_ball(features) - (d + 1.0).ln(),
        Window::Cosine => {
            let (mut factor, mut term) = (0.0, 2.0 / PI);
            for k in (1..=features).step_by(2) {
                factor += term;
                term *= -(d - k as f64) * (d - k as f64 - 1.0) * (2.0 / PI).powi(2);
            }
            factor.ln() + log_sphere
        }
    };
    -factor - d * bandwidth.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_one_dimension_have_the_integral_one() {
        let integrals = [
            (Window::Gaussian, (2.0 * PI).sqrt()),
            (Window::Tophat, 2.0),
            (Window::Epanechnikov, 4.0 / 3.0),
            (Window::Exponential, 2.0),
            (Window::Linear, 1.0),
            (Window::Cosine, 4.0 / PI),
        ];
        for (window, integral) in integrals {
            assert!((log_norm(window, 1, 2.0) + (2.0 * integral).ln()).abs() < 1e-14, "{window:?}");
        }
        assert!((log_norm(Window::Tophat, 2, 1.0) + PI.ln()).abs() < 1e-14);
        assert!((log_norm(Window::Exponential, 2, 1.0) + (2.0 * PI).ln()).abs() < 1e-14);
    }
}
