//! Least angle regression of a row on the components of a dictionary.
//!
//! Source: `_lars_path_solver` of `sklearn/linear_model/_least_angle.py` with `method="lar"` and a Gram matrix, whose ways with
//! components that depend on each other and with codes that change their sign are kept as they are.

use super::Problems;
use crate::kernel::dot;

/// A correlation, as the mean over the columns of a row, at which the path has come to its end (`float32` epsilon).
const END: f64 = f32::EPSILON as f64;
/// A pivot below which a component depends on those before it.
const DEPENDENT: f64 = 1e-7;
/// What keeps a divisor from being 0 (the least normal `float32`).
const TINY: f64 = f32::MIN_POSITIVE as f64;
/// How often a singular factor is made less so.
const REPAIRS: i32 = 64;

/// Walks so many steps of the path. `memory` begins with the products of the row and the components, `columns` is the length of
/// the row; the result is in `codes`.
pub(super) fn walk(
    problems: &Problems<'_>,
    memory: &mut Vec<f64>,
    codes: &mut [f64],
    steps: usize,
    columns: usize,
) {
    let count = problems.count;
    let most = steps.min(count);
    // The correlations with what is left of the row, the order of components (those in use first), the signs of their codes, the
    // Cholesky factor of their products, and the direction by component in use and by the others.
    memory.resize(3 * count + most * most + 2 * most, 0.0);
    let (correlations, rest) = memory.split_at_mut(count);
    let (order, rest) = rest.split_at_mut(count);
    let (slopes, rest) = rest.split_at_mut(count);
    let (factor, rest) = rest.split_at_mut(most * most);
    let (signs, direction) = rest.split_at_mut(most);
    let gram = |a: f64, b: f64| problems.gram[a as usize * count + b as usize];
    order.iter_mut().enumerate().for_each(|(at, component)| *component = at as f64);
    codes.fill(0.0);
    let (mut taken, mut active, mut turned) = (0, 0, false);
    loop {
        let larger = |best: usize, at: usize| {
            if correlations[at].abs() > correlations[best].abs() { at } else { best }
        };
        let best = (active + 1..count).fold(active, larger);
        let largest = correlations.get(best).map_or(0.0, |correlation| correlation.abs());
        if largest / columns as f64 <= END || taken >= steps || active >= count {
            return;
        }
        // A component joins, unless a code has just changed its sign.
        if !turned {
            signs[active] = correlations[best].signum();
            correlations.swap(active, best);
            order.swap(active, best);
            if !extend(factor, most, active, |row| gram(order[active], order[row])) {
                correlations[active] = 0.0;
                correlations.swap(active, best);
                continue;
            }
            active += 1;
        }
        let (signs, direction) = (&mut signs[..active], &mut direction[..active]);
        let scale = equiangular(factor, most, signs, direction);
        for at in active..count {
            let slope: f64 = (0..active).map(|row| gram(order[row], order[at]) * direction[row]).sum();
            slopes[at] = (slope * 1e15).round_ties_even() / 1e15;
        }
        let mut length = largest / scale;
        for at in active..count {
            let (correlation, slope) = (correlations[at], slopes[at]);
            for crossing in [
                (largest - correlation) / (scale - slope + TINY),
                (largest + correlation) / (scale + slope + TINY),
            ] {
                if crossing > 0.0 && crossing < length {
                    length = crossing;
                }
            }
        }
        let zero = |at: usize| -codes[order[at] as usize] / (direction[at] + TINY);
        let first = (0..active).map(zero).filter(|zero| *zero > 0.0).fold(f64::MAX, f64::min);
        turned = first < length;
        if turned {
            (0..active).filter(|at| zero(*at) == first).for_each(|at| signs[at] = -signs[at]);
        }
        taken += 1;
        (0..active).for_each(|at| codes[order[at] as usize] += length * direction[at]);
        (active..count).for_each(|at| correlations[at] -= length * slopes[at]);
    }
}

/// Appends a row to a Cholesky factor, given the products of the new component with those before it and with itself; `false` when it
/// depends on them.
fn extend(factor: &mut [f64], stride: usize, active: usize, product: impl Fn(usize) -> f64) -> bool {
    for row in 0..active {
        let before =
            dot(&factor[row * stride..row * stride + row], &factor[active * stride..active * stride + row]);
        factor[active * stride + row] = (product(row) - before) / factor[row * stride + row];
    }
    let before = &factor[active * stride..active * stride + active];
    let pivot = (product(active) - dot(before, before)).abs().sqrt().max(f64::EPSILON);
    factor[active * stride + active] = pivot;
    pivot >= DEPENDENT
}

/// The direction that has the same angle with every component in use, and the cosine of that angle.
fn equiangular(factor: &mut [f64], stride: usize, signs: &[f64], direction: &mut [f64]) -> f64 {
    let mut scale = f64::NAN;
    for repair in -1..REPAIRS {
        if repair >= 0 {
            (0..signs.len())
                .for_each(|row| factor[row * stride + row] += 2.0_f64.powi(repair) * f64::EPSILON);
        }
        solve(factor, stride, signs, direction);
        let sum: f64 = direction.iter().zip(signs).map(|(x, sign)| x * sign).sum();
        scale = 1.0 / if repair >= 0 { sum.max(f64::EPSILON) } else { sum }.sqrt();
        if scale.is_finite() {
            break;
        }
    }
    direction.iter_mut().for_each(|x| *x *= scale);
    scale
}

/// Solves `L L' x = b` for a lower triangle.
fn solve(factor: &[f64], stride: usize, b: &[f64], x: &mut [f64]) {
    for row in 0..b.len() {
        let sum = dot(&factor[row * stride..row * stride + row], &x[..row]);
        x[row] = (b[row] - sum) / factor[row * stride + row];
    }
    for row in (0..b.len()).rev() {
        let below: f64 = (row + 1..b.len()).map(|below| factor[below * stride + row] * x[below]).sum();
        x[row] = (x[row] - below) / factor[row * stride + row];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_takes_components_at_equal_correlations_and_ends_in_least_squares() {
        let components = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8];
        let gram = [1.0, 0.0, 0.6, 0.0, 1.0, 0.8, 0.6, 0.8, 1.0];
        let problems = Problems { features: 2, count: 3, components: &components, gram: &gram };
        let row = [3.0, -2.0];
        let walked = |steps| {
            let mut memory: Vec<f64> = (0..3).map(|at| dot(&row, problems.component(at))).collect();
            let mut codes = vec![0.0; 3];
            walk(&problems, &mut memory, &mut codes, steps, 2);
            codes
        };
        // The first step ends where the second component is as near to what is left as the first: 3 - 1 = 2.
        assert_eq!(walked(1), [1.0, 0.0, 0.0]);
        let all = walked(2);
        assert!((all[0] - 3.0).abs() < 1e-12 && (all[1] + 2.0).abs() < 1e-12, "{all:?}");
        assert_eq!(all[2], 0.0);
    }
}
