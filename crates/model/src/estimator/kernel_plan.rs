//! Kernel functions compiled for fixed points.

use super::KernelFunction;
use super::kernel_function::Base;
use crate::kernel::{Panels, Product, SquaredDifference};
use crate::plan::Pool;

/// Rows whose values are computed together: each point is read once for all of them.
pub(super) const BLOCK: usize = 8;

/// A kernel function of any row and of points that are known.
#[derive(Debug)]
pub(super) struct KernelPlan {
    function: KernelFunction,
    features: usize,
    count: usize,
    points: Points,
}

/// The points, as the function looks at them.
#[derive(Debug)]
enum Points {
    /// For products.
    Products(Panels<f64>),
    /// For squared distances of rows divided by length scales: one, one per column, or none at all.
    Squares(Panels<f64>, Vec<f64>),
    /// Row-major.
    Rows(Vec<f64>),
}

impl KernelPlan {
    /// `points` holds `count x features` numbers, row-major.
    pub(super) fn new(function: &KernelFunction, features: usize, count: usize, points: &[f64]) -> Self {
        let panels = |of: &dyn Fn(usize, f64) -> f64| {
            Panels::new(features, count, |_| 0.0, |input, point| of(input, points[point * features + input]))
        };
        let points = match function.base() {
            Base::Nothing | Base::Product => Points::Products(panels(&|_, x| x)),
            Base::SquaredDistance([]) => Points::Squares(panels(&|_, x| x), Vec::new()),
            Base::SquaredDistance(lengths) => {
                let scaled = |input: usize, x: f64| x / lengths[input % lengths.len()];
                Points::Squares(panels(&scaled), lengths.to_vec())
            }
            Base::Rows => Points::Rows(points.to_vec()),
        };
        Self { function: function.clone(), features, count, points }
    }

    /// Writes the function's values, `rows x points`, of `rows` rows into `values`, which is resized.
    pub(super) fn values(&self, numbers: &[f64], rows: usize, pool: &mut Pool, values: &mut Vec<f64>) {
        match &self.points {
            Points::Products(panels) => {
                panels.apply::<Product>(rows, numbers, values);
                self.function.of_bases(values);
            }
            Points::Squares(panels, lengths) => {
                if lengths.is_empty() {
                    panels.apply::<SquaredDifference>(rows, numbers, values);
                } else {
                    let mut scaled = pool.take();
                    for row in 0..rows {
                        let row = &numbers[row * self.features..(row + 1) * self.features];
                        scaled.extend(row.iter().zip(lengths.iter().cycle()).map(|(x, length)| x / length));
                    }
                    panels.apply::<SquaredDifference>(rows, &scaled, values);
                    pool.give(scaled);
                }
                self.function.of_bases(values);
            }
            Points::Rows(points) => {
                values.clear();
                for row in 0..rows {
                    let x = &numbers[row * self.features..(row + 1) * self.features];
                    let point = |at: usize| &points[at * self.features..(at + 1) * self.features];
                    values.extend((0..self.count).map(|at| self.function.of(x, point(at))));
                }
            }
        }
    }

    /// Number of points.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Metric, Stationary};
    use super::*;

    fn boxed(first: KernelFunction, second: KernelFunction) -> Box<[KernelFunction; 2]> {
        Box::new([first, second])
    }

    #[test]
    fn values_of_many_points_are_those_of_each() {
        use KernelFunction as K;
        let stationary = |shape, lengths: &[f64]| K::Stationary { shape, lengths: lengths.to_vec() };
        let functions = [
            K::Linear,
            K::Polynomial { gamma: 0.5, coef0: 1.0, degree: 3.0 },
            K::Polynomial { gamma: 0.5, coef0: 40.0, degree: 1.5 },
            K::Rbf { gamma: 0.1 },
            K::Sigmoid { gamma: 0.1, coef0: -0.2 },
            K::Laplacian { gamma: 0.1 },
            K::Cosine,
            K::Distance(Metric::Euclidean),
            K::Distance(Metric::SquaredEuclidean),
            K::Distance(Metric::Chebyshev),
            K::SquaredDistance(Metric::Euclidean),
            K::SquaredDistance(Metric::Manhattan),
            stationary(Stationary::SquaredExponential, &[2.0]),
            stationary(Stationary::Matern12, &[2.0, 0.5, 3.0]),
            stationary(Stationary::Matern32, &[1.0]),
            stationary(Stationary::Matern52, &[1.0, 2.0, 4.0]),
            K::RationalQuadratic { alpha: 2.0, length: 1.0 },
            K::Periodic { length: 2.0, period: 3.0 },
            K::Constant(3.0),
            K::White(3.0),
            K::Power(Box::new(K::Rbf { gamma: 0.25 }), 2.0),
            K::Sum(boxed(
                K::Product(boxed(K::Constant(2.0), stationary(Stationary::Matern32, &[2.0]))),
                K::White(7.0),
            )),
            K::Sum(boxed(K::Linear, K::Rbf { gamma: 0.1 })),
            K::Product(boxed(K::Rbf { gamma: 0.1 }, stationary(Stationary::Matern32, &[2.0]))),
        ];
        let (features, count, rows) = (3, 150, 11);
        let number = |at: usize| (at * 37 % 101) as f64 / 20.0 - 2.5;
        let points: Vec<f64> = (0..count * features).map(number).collect();
        let numbers: Vec<f64> = (7..7 + rows * features).map(|at| number(at) + 0.01).collect();
        for function in functions {
            let plan = KernelPlan::new(&function, features, count, &points);
            let mut values = Vec::new();
            plan.values(&numbers, rows, &mut Pool::default(), &mut values);
            assert_eq!(values.len(), rows * plan.count());
            for (at, value) in values.iter().enumerate() {
                let (row, point) = (at / count, at % count);
                let of = |numbers: &[f64], at: usize| numbers[at * features..(at + 1) * features].to_vec();
                let expected = function.of(&of(&numbers, row), &of(&points, point));
                assert!(
                    (value - expected).abs() <= 1e-13 * expected.abs().max(1.0),
                    "{function:?}: {value} != {expected}"
                );
            }
        }
    }
}
