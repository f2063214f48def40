//! Non-negative matrix factorization with given components.
//!
//! Source: `sklearn/decomposition/_nmf.py` and `_cdnmf_fast.pyx` (coordinate descent after Cichocki and Phan 2009,
//! multiplicative updates after Fevotte and Idier 2011).

use super::Problems;
use crate::error::ModelError;
use crate::kernel::dot;

/// What keeps a divisor above 0.
const LEAST: f64 = f32::EPSILON as f64;

/// Weights that are not negative.
#[derive(Debug, Clone, PartialEq)]
pub struct NonNegative {
    /// How they are found.
    pub solver: Solver,
    /// Penalty of their sum.
    pub l1: f64,
    /// Penalty of the sum of their squares.
    pub l2: f64,
    /// The most rounds.
    pub rounds: usize,
    /// The change at which they have settled.
    pub tolerance: f64,
}

/// How weights that are not negative are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Solver {
    /// One weight after the other, for the least squared error.
    CoordinateDescent,
    /// All at once, each by a factor, for the least beta divergence. They have settled when the divergence has.
    Multiplicative {
        /// The beta.
        beta: f64,
    },
    /// The same, but they have settled when they change no more.
    MultiplicativeOnline {
        /// The beta.
        beta: f64,
    },
}

impl NonNegative {
    pub(super) fn check(&self) -> Result<(), ModelError> {
        if [self.l1, self.l2, self.tolerance].iter().any(|x| !x.is_finite()) {
            return Err(ModelError::mismatch("finite penalties and tolerance", "others"));
        }
        Ok(())
    }

    pub(super) fn solve(
        &self,
        problems: &Problems<'_>,
        x: &[f64],
        weights: &mut [f64],
        memory: &mut Vec<f64>,
    ) {
        match self.solver {
            Solver::CoordinateDescent => self.descend(problems, x, weights, memory),
            Solver::Multiplicative { beta } => self.multiply(problems, x, weights, memory, beta, false),
            Solver::MultiplicativeOnline { beta } => self.multiply(problems, x, weights, memory, beta, true),
        }
    }

    fn descend(&self, problems: &Problems<'_>, x: &[f64], weights: &mut [f64], memory: &mut Vec<f64>) {
        let count = problems.count;
        memory.clear();
        memory.extend((0..count).map(|at| dot(x, problems.component(at)) - self.l1));
        let mut first = 0.0;
        for round in 0..self.rounds {
            let mut violation = 0.0;
            for at in 0..count {
                let of_pairs = &problems.gram[at * count..(at + 1) * count];
                let products = of_pairs.iter().zip(&*weights).map(|(product, weight)| product * weight);
                let gradient =
                    products.fold(-memory[at], |sum, product| sum + product) + self.l2 * weights[at];
                violation += if weights[at] == 0.0 { gradient.min(0.0).abs() } else { gradient.abs() };
                let curvature = of_pairs[at] + self.l2;
                if curvature != 0.0 {
                    weights[at] = (weights[at] - gradient / curvature).max(0.0);
                }
            }
            if round == 0 {
                first = violation;
            }
            if first == 0.0 || violation / first <= self.tolerance {
                break;
            }
        }
    }

    fn multiply(
        &self,
        problems: &Problems<'_>,
        x: &[f64],
        weights: &mut [f64],
        memory: &mut Vec<f64>,
        beta: f64,
        online: bool,
    ) {
        let (features, count) = (problems.features, problems.count);
        let exponent = match beta {
            beta if beta < 1.0 => 1.0 / (2.0 - beta),
            beta if beta > 2.0 => 1.0 / (beta - 1.0),
            _ => 1.0,
        };
        weights.fill((x.iter().sum::<f64>() / features as f64 / count as f64).sqrt());
        memory.clear();
        memory.resize(2 * features + 2 * count, 0.0);
        let (of_columns, of_components) = memory.split_at_mut(2 * features);
        let (made, raised) = of_columns.split_at_mut(features);
        let (factors, before) = of_components.split_at_mut(count);
        let initial = if online { 0.0 } else { divergence(problems, x, weights, made, beta) };
        let mut last = initial;
        for round in 1..=self.rounds {
            before.copy_from_slice(weights);
            combine(problems, weights, made);
            if beta < 2.0 {
                // What is divided by is never 0.
                raised.iter_mut().zip(&*made).for_each(|(raised, made)| *raised = made.max(LEAST));
            } else {
                raised.copy_from_slice(made);
            }
            if beta < 1.0 {
                made.iter_mut().for_each(|made| *made = made.max(LEAST));
            }
            for (at, factor) in factors.iter_mut().enumerate() {
                let component = problems.component(at);
                let cells = || component.iter().zip(x.iter().zip(raised.iter().zip(&*made)));
                let (numerator, mut denominator) = if beta == 2.0 {
                    let of_pairs = &problems.gram[at * count..(at + 1) * count];
                    (dot(x, component), dot(of_pairs, before))
                } else if beta == 1.0 {
                    (cells().map(|(h, (x, (wh, _)))| x / wh * h).sum(), component.iter().sum())
                } else {
                    (
                        cells().map(|(h, (x, (wh, _)))| x * wh.powf(beta - 2.0) * h).sum::<f64>(),
                        cells().map(|(h, (_, (_, wh)))| wh.powf(beta - 1.0) * h).sum::<f64>(),
                    )
                };
                if self.l1 > 0.0 {
                    denominator += self.l1;
                }
                if self.l2 > 0.0 {
                    denominator += self.l2 * before[at];
                }
                if denominator == 0.0 {
                    denominator = LEAST;
                }
                *factor = (numerator / denominator).powf(exponent);
            }
            weights.iter_mut().zip(&*factors).for_each(|(weight, factor)| *weight *= factor);
            if online {
                let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
                let change = norm(&mut weights.iter().zip(&*before).map(|(new, old)| new - old));
                if self.tolerance > 0.0 && change / norm(&mut weights.iter().copied()) <= self.tolerance {
                    break;
                }
                continue;
            }
            if beta < 1.0 {
                weights.iter_mut().filter(|weight| **weight < f64::EPSILON).for_each(|weight| *weight = 0.0);
            }
            if self.tolerance > 0.0 && round % 10 == 0 {
                let error = divergence(problems, x, weights, made, beta);
                if (last - error) / initial < self.tolerance {
                    break;
                }
                last = error;
            }
        }
    }
}

/// The components in these weights.
fn combine(problems: &Problems<'_>, weights: &[f64], made: &mut [f64]) {
    made.fill(0.0);
    for (at, weight) in weights.iter().enumerate() {
        made.iter_mut().zip(problems.component(at)).for_each(|(made, h)| *made += weight * h);
    }
}

/// The square root of twice the beta divergence of a row from its components in these weights.
fn divergence(problems: &Problems<'_>, x: &[f64], weights: &[f64], made: &mut [f64], beta: f64) -> f64 {
    combine(problems, weights, made);
    let pairs = || x.iter().copied().zip(made.iter().copied());
    if beta == 2.0 {
        return pairs().map(|(x, wh)| (x - wh) * (x - wh)).sum::<f64>().sqrt();
    }
    let present = || pairs().filter(|(x, _)| *x > LEAST).map(|(x, wh)| (x, wh.max(LEAST)));
    let divergence = if beta == 1.0 {
        let logarithms: f64 = present().map(|(x, wh)| x * (x / wh).ln()).sum();
        logarithms + made.iter().sum::<f64>() - present().map(|(x, _)| x).sum::<f64>()
    } else if beta == 0.0 {
        let ratios: f64 = present().map(|(x, wh)| x / wh - (x / wh).ln()).sum();
        ratios - x.len() as f64
    } else {
        let crossed: f64 = present().map(|(x, wh)| x * wh.powf(beta - 1.0)).sum();
        let powers: f64 = present().map(|(x, _)| x.powf(beta)).sum();
        let made_powers: f64 = made.iter().map(|wh| wh.powf(beta)).sum();
        (powers - beta * crossed + made_powers * (beta - 1.0)) / (beta * (beta - 1.0))
    };
    (2.0 * divergence.max(0.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two components that overlap, and a row that is 2 of the first and 3 of the second.
    fn solved(solver: Solver) -> Vec<f64> {
        let components = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0];
        let problems =
            Problems { features: 3, count: 2, components: &components, gram: &[2.0, 1.0, 1.0, 2.0] };
        let rule = NonNegative { solver, l1: 0.0, l2: 0.0, rounds: 2000, tolerance: 1e-12 };
        let mut weights = vec![0.0; 2];
        rule.solve(&problems, &[2.0, 5.0, 3.0], &mut weights, &mut Vec::new());
        weights
    }

    #[test]
    fn every_solver_finds_the_weights_a_row_is_made_of() {
        let solvers = [
            Solver::CoordinateDescent,
            Solver::Multiplicative { beta: 2.0 },
            Solver::Multiplicative { beta: 1.0 },
            Solver::Multiplicative { beta: 0.0 },
            Solver::Multiplicative { beta: 1.5 },
            Solver::MultiplicativeOnline { beta: 2.0 },
            Solver::MultiplicativeOnline { beta: 3.0 },
        ];
        for solver in solvers {
            let weights = solved(solver);
            assert!((weights[0] - 2.0).abs() + (weights[1] - 3.0).abs() < 1e-4, "{solver:?}: {weights:?}");
        }
    }

    #[test]
    fn penalties_pull_weights_to_zero() {
        let problems = Problems { features: 1, count: 1, components: &[1.0], gram: &[1.0] };
        let mut weights = [0.0];
        let rule = NonNegative {
            solver: Solver::CoordinateDescent,
            l1: 1.0,
            l2: 1.0,
            rounds: 100,
            tolerance: 1e-12,
        };
        rule.solve(&problems, &[5.0], &mut weights, &mut Vec::new());
        assert_eq!(weights, [2.0]);
    }
}
