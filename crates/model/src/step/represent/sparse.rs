//! Sparse coding with a given dictionary.
//!
//! Source: `sklearn/decomposition/_dict_learning.py`, and `sklearn/linear_model/_omp.py` for the pursuit.

use super::{Problems, least_angle};
use crate::error::{ModelError, expect_index};
use crate::kernel::dot;

/// Codes of which most are 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse {
    /// How they are chosen.
    pub rule: SparseRule,
    /// Whether none may be negative.
    pub positive: bool,
    /// Whether negative codes stand behind all others, with their signs changed.
    pub split_sign: bool,
}

/// How sparse codes are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SparseRule {
    /// The projections, less so much, and 0 where they are smaller.
    Threshold(f64),
    /// The least squared error with a penalty of absolute codes, by coordinate descent.
    Lasso {
        /// The penalty.
        alpha: f64,
        /// The most sweeps.
        sweeps: usize,
        /// The largest change in a sweep, relative to the largest code, and the duality gap, relative to the square of the row, at
        /// which codes have settled.
        tolerance: f64,
    },
    /// Orthogonal matching pursuit: so many components, each the nearest to what is left.
    Pursuit(usize),
    /// So many steps of the path of least angle regression.
    LeastAngle(usize),
}

impl Sparse {
    pub(super) fn check(&self, count: usize) -> Result<(), ModelError> {
        match self.rule {
            SparseRule::Threshold(alpha) | SparseRule::Lasso { alpha, .. }
                if !(alpha >= 0.0 && alpha.is_finite()) =>
            {
                Err(ModelError::mismatch("a penalty of 0 or more", alpha))
            }
            SparseRule::Pursuit(_) | SparseRule::LeastAngle(_) if self.positive => {
                Err(ModelError::mismatch("codes of any sign", "positive ones"))
            }
            SparseRule::Pursuit(0) | SparseRule::LeastAngle(0) => {
                Err(ModelError::mismatch("at least one component", 0))
            }
            SparseRule::Pursuit(most) => expect_index("a number of components", most, count + 1),
            SparseRule::Threshold(_) | SparseRule::Lasso { .. } | SparseRule::LeastAngle(_) => Ok(()),
        }
    }

    pub(super) fn solve(&self, problems: &Problems<'_>, x: &[f64], codes: &mut [f64], memory: &mut Vec<f64>) {
        let count = problems.count;
        memory.clear();
        memory.extend((0..count).map(|at| dot(x, problems.component(at))));
        let made = &mut codes[..count];
        match self.rule {
            SparseRule::Threshold(alpha) => {
                made.iter_mut().zip(&*memory).for_each(|(code, x)| *code = self.shrunk(*x, alpha));
            }
            SparseRule::Lasso { alpha, sweeps, tolerance } => {
                for _ in 0..sweeps {
                    let (change, largest) = self.sweep(problems, memory, made, alpha);
                    if change == 0.0 {
                        break;
                    }
                    if (largest == 0.0 || change / largest < tolerance)
                        && self.gap(problems, memory, made, alpha, dot(x, x)) < tolerance * dot(x, x)
                    {
                        break;
                    }
                }
            }
            SparseRule::Pursuit(most) => pursue(problems, memory, made, most),
            SparseRule::LeastAngle(steps) => least_angle::walk(problems, memory, made, steps, x.len()),
        }
        if self.split_sign {
            let (positive, negative) = codes.split_at_mut(count);
            negative.iter_mut().zip(&*positive).for_each(|(negative, code)| *negative = -code.min(0.0));
            positive.iter_mut().for_each(|code| *code = code.max(0.0));
        }
    }

    /// A number nearer to 0.
    fn shrunk(&self, x: f64, by: f64) -> f64 {
        let least = if self.positive { 0.0 } else { f64::NEG_INFINITY };
        (x.signum() * (x.abs() - by).max(0.0)).max(least)
    }

    /// Minimizes over one code after the other; the largest change, and the largest code.
    fn sweep(&self, problems: &Problems<'_>, products: &[f64], codes: &mut [f64], alpha: f64) -> (f64, f64) {
        let count = problems.count;
        let (mut change, mut largest) = (0.0_f64, 0.0_f64);
        for at in 0..count {
            let of_pairs = &problems.gram[at * count..(at + 1) * count];
            let curvature = of_pairs[at];
            if curvature == 0.0 {
                continue;
            }
            let old = codes[at];
            let left = products[at] - dot(of_pairs, codes) + curvature * old;
            codes[at] = self.shrunk(left, alpha) / curvature;
            change = change.max((codes[at] - old).abs());
            largest = largest.max(codes[at].abs());
        }
        (change, largest)
    }
}

impl Sparse {
    /// The duality gap of a lasso.
    fn gap(&self, problems: &Problems<'_>, products: &[f64], codes: &[f64], alpha: f64, square: f64) -> f64 {
        let count = problems.count;
        let (mut steepest, mut explained, mut made, mut size) = (0.0_f64, 0.0, 0.0, 0.0);
        for at in 0..count {
            let product = dot(&problems.gram[at * count..(at + 1) * count], codes);
            let slope = products[at] - product;
            steepest = steepest.max(if self.positive { slope } else { slope.abs() });
            explained += codes[at] * products[at];
            made += codes[at] * product;
            size += codes[at].abs();
        }
        let left = square + made - 2.0 * explained;
        let scale = if steepest > alpha { alpha / steepest } else { 1.0 };
        0.5 * left * (1.0 + scale * scale) + alpha * size - scale * (square - explained)
    }
}

/// Orthogonal matching pursuit: the coefficients of the chosen components by a growing Cholesky factor.
fn pursue(problems: &Problems<'_>, memory: &mut Vec<f64>, codes: &mut [f64], most: usize) {
    let count = problems.count;
    // The products with the row, what is left of them, the order of components, the factor, and a solution.
    memory.resize(3 * count + most * most + most, 0.0);
    let (products, rest) = memory.split_at_mut(count);
    let (left, rest) = rest.split_at_mut(count);
    let (order, rest) = rest.split_at_mut(count);
    let (factor, solution) = rest.split_at_mut(most * most);
    let gram = |a: f64, b: f64| problems.gram[a as usize * count + b as usize];
    order.iter_mut().enumerate().for_each(|(at, component)| *component = at as f64);
    left.copy_from_slice(products);
    let mut active = 0;
    while active < most {
        let size = |at: usize| left[order[at] as usize].abs();
        let best = (0..count).fold(0, |best, at| if size(at) > size(best) { at } else { best });
        if best < active || size(best).powi(2) < f64::EPSILON {
            break;
        }
        let chosen = order[best];
        for row in 0..active {
            let before =
                dot(&factor[row * most..row * most + row], &factor[active * most..active * most + row]);
            factor[active * most + row] = (gram(chosen, order[row]) - before) / factor[row * most + row];
        }
        let before = &factor[active * most..active * most + active];
        let square = gram(chosen, chosen) - dot(before, before);
        if square <= f64::EPSILON && active > 0 {
            break;
        }
        factor[active * most + active] = square.sqrt();
        order.swap(active, best);
        active += 1;
        for row in 0..active {
            let sum = dot(&factor[row * most..row * most + row], &solution[..row]);
            solution[row] = (products[order[row] as usize] - sum) / factor[row * most + row];
        }
        for row in (0..active).rev() {
            let below = (row + 1..active).map(|below| factor[below * most + row] * solution[below]);
            solution[row] = (solution[row] - below.sum::<f64>()) / factor[row * most + row];
        }
        for (component, left) in left.iter_mut().enumerate() {
            let explained = (0..active).map(|at| gram(component as f64, order[at]) * solution[at]);
            *left = products[component] - explained.sum::<f64>();
        }
    }
    codes.fill(0.0);
    (0..active).for_each(|at| codes[order[at] as usize] = solution[at]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solved(rule: SparseRule, split_sign: bool) -> Vec<f64> {
        // Of the three components the last stands between the others.
        let components = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8];
        let gram = [1.0, 0.0, 0.6, 0.0, 1.0, 0.8, 0.6, 0.8, 1.0];
        let problems = Problems { features: 2, count: 3, components: &components, gram: &gram };
        let sparse = Sparse { rule, positive: false, split_sign };
        sparse.check(3).unwrap();
        let mut codes = vec![0.0; if split_sign { 6 } else { 3 }];
        sparse.solve(&problems, &[3.0, -2.0], &mut codes, &mut Vec::new());
        codes
    }

    #[test]
    fn thresholds_shrink_projections() {
        assert_eq!(solved(SparseRule::Threshold(0.5), false), [2.5, -1.5, 0.0]);
        assert_eq!(solved(SparseRule::Threshold(0.5), true), [2.5, 0.0, 0.0, 0.0, 1.5, 0.0]);
    }

    #[test]
    fn a_pursuit_takes_the_nearest_components_and_fits_them() {
        assert_eq!(solved(SparseRule::Pursuit(1), false), [3.0, 0.0, 0.0]);
        assert_eq!(solved(SparseRule::Pursuit(2), false), [3.0, -2.0, 0.0]);
    }

    #[test]
    fn a_lasso_meets_its_conditions() {
        let codes = solved(SparseRule::Lasso { alpha: 0.5, sweeps: 100, tolerance: 1e-15 }, false);
        let made = [codes[0] + 0.6 * codes[2], codes[1] + 0.8 * codes[2]];
        let left = [3.0 - made[0], -2.0 - made[1]];
        for (code, product) in codes.iter().zip([left[0], left[1], 0.6 * left[0] + 0.8 * left[1]]) {
            assert!(
                product.abs() <= 0.5 + 1e-12
                    && (*code == 0.0 || (product - 0.5 * code.signum()).abs() < 1e-12)
            );
        }
    }
}
