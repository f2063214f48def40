//! A quasi-Newton method for many coefficients.
//!
//! Sources: Andrew and Gao, "Scalable Training of L1-Regularized Log-Linear Models" (2007), which is the method of Liu and
//! Nocedal, "On the Limited Memory BFGS Method for Large Scale Optimization" (1989), where magnitudes cost nothing. The matrix
//! that it begins with has the curvatures of the weights.

use std::collections::VecDeque;

use super::LogisticRegression;
use super::objective::{Objective, Smooth};
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{add_scaled, dot};

/// Steps that are remembered.
const MEMORY: usize = 10;
/// Halvings of a step before it is given up.
const HALVINGS: usize = 40;
/// The share of the gain that is expected of a step which it has to bring.
const SUFFICIENT: f64 = 1e-4;
/// Differences of the whole, relative to it, that may be rounding.
const ROUNDING: f64 = 1e-13;

/// A step, and how the gradient changed by it.
struct Known {
    step: Vec<f64>,
    change: Vec<f64>,
    /// Their product.
    product: f64,
}

/// The weights of the minimum.
pub(super) fn minimise(
    objective: &Objective<'_>,
    parameters: &LogisticRegression,
    context: &Context<'_>,
) -> Result<Vec<f64>, FitError> {
    let mut weights = vec![0.0; objective.size()];
    let mut smooth = objective.smooth(&weights);
    let mut whole = smooth.value + objective.magnitudes(&weights);
    let enough = parameters.tol * parameters.tol * objective.scale();
    let mut memory: VecDeque<Known> = VecDeque::new();
    for round in 0..parameters.max_iter {
        if !context.progress.step(round, parameters.max_iter, Some(whole)) {
            return Err(FitError::Stopped);
        }
        let slope = slope(objective, &weights, &smooth);
        let gain: f64 = slope.iter().zip(&smooth.curvature).map(|(s, c)| s * divided(*s, *c)).sum();
        if gain <= enough {
            break;
        }
        let mut direction = direction(&slope, &smooth, &memory);
        if objective.l1 > 0.0 {
            // Against the slope in every weight, so that the penalty is known.
            direction.iter_mut().zip(&slope).for_each(|(d, s)| *d = if *d * s < 0.0 { *d } else { 0.0 });
        }
        let side: Vec<f64> =
            weights.iter().zip(&slope).map(|(w, s)| if *w == 0.0 { -s } else { *w }).collect();
        let mut length = 1.0;
        let better = (0..HALVINGS).find_map(|_| {
            let mut tried = weights.clone();
            add_scaled(&mut tried, length, &direction);
            length /= 2.0;
            if objective.l1 > 0.0 {
                for (at, (tried, side)) in tried.iter_mut().zip(&side).enumerate() {
                    if objective.is_coefficient(at) && *tried * side <= 0.0 {
                        *tried = 0.0;
                    }
                }
            }
            let step: Vec<f64> = tried.iter().zip(&weights).map(|(a, b)| a - b).collect();
            let at_tried = objective.smooth(&tried);
            let reached = at_tried.value + objective.magnitudes(&tried);
            let descends = reached <= whole + SUFFICIENT * dot(&slope, &step) + ROUNDING * whole.abs();
            descends.then_some((tried, at_tried, reached, step))
        });
        let Some((tried, at_tried, reached, step)) = better else {
            if memory.is_empty() {
                break;
            }
            memory.clear();
            continue;
        };
        let change: Vec<f64> = at_tried.gradient.iter().zip(&smooth.gradient).map(|(a, b)| a - b).collect();
        let product = dot(&step, &change);
        if product > f64::EPSILON * dot(&change, &change).sqrt() * dot(&step, &step).sqrt() {
            if memory.len() == MEMORY {
                memory.pop_front();
            }
            memory.push_back(Known { step, change, product });
        }
        (weights, smooth, whole) = (tried, at_tried, reached);
    }
    Ok(weights)
}

fn divided(slope: f64, curvature: f64) -> f64 {
    if curvature > 0.0 { slope / curvature } else { 0.0 }
}

/// Derivatives of the whole: where magnitudes have none, of the side on which it descends, or 0.
fn slope(objective: &Objective<'_>, weights: &[f64], smooth: &Smooth) -> Vec<f64> {
    let of = |(at, (weight, g)): (usize, (&f64, &f64))| {
        let l1 = if objective.is_coefficient(at) { objective.l1 } else { 0.0 };
        if *weight != 0.0 { g + l1 * weight.signum() } else { g.signum() * (g.abs() - l1).max(0.0) }
    };
    weights.iter().zip(&smooth.gradient).enumerate().map(of).collect()
}

/// Where to go: less the slope, times what is known of the inverse of the second derivatives.
fn direction(slope: &[f64], smooth: &Smooth, memory: &VecDeque<Known>) -> Vec<f64> {
    let mut direction: Vec<f64> = slope.iter().map(|s| -s).collect();
    let mut factors = Vec::with_capacity(memory.len());
    for known in memory.iter().rev() {
        let factor = dot(&known.step, &direction) / known.product;
        add_scaled(&mut direction, -factor, &known.change);
        factors.push(factor);
    }
    direction.iter_mut().zip(&smooth.curvature).for_each(|(d, c)| *d = divided(*d, *c));
    if let Some(last) = memory.back() {
        let squares = last.change.iter().zip(&smooth.curvature);
        let squares: f64 = squares.map(|(change, c)| change * divided(*change, *c)).sum();
        if squares > 0.0 {
            direction.iter_mut().for_each(|d| *d *= last.product / squares);
        }
    }
    for (known, factor) in memory.iter().zip(factors.iter().rev()) {
        let back = dot(&known.change, &direction) / known.product;
        add_scaled(&mut direction, factor - back, &known.step);
    }
    direction
}
