//! Missing values filled in by the nearest of the training rows that have them.
//!
//! Source: `sklearn/impute/_knn.py`.

use super::Accepts;
use crate::error::{ModelError, expect_count};
use crate::estimator::Metric;
use crate::infer::{Column, Facts};
use crate::plan::{Block, Layout, Op, Pool, Rows};

/// Replaces missing values by means over neighbours. How far a row is from another is the Euclidean distance of the columns
/// that both have, scaled up by their share.
#[derive(Debug, Clone, PartialEq)]
pub struct ImputeNearest {
    /// Number of columns.
    pub features: usize,
    /// `points x features`, row-major; NaN is missing.
    pub points: Vec<f64>,
    /// The most neighbours.
    pub neighbours: usize,
    /// Whether a neighbour weighs the inverse of its distance; those at distance 0 then weigh all.
    pub inverse_distance: bool,
    /// Whether rows that share no column with the row count as neighbours where there are too few others.
    pub incomparable: bool,
}

impl ImputeNearest {
    pub(crate) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        expect_count("columns", self.features, columns.len())?;
        let points = self.points.len() / self.features.max(1);
        expect_count("numbers of points", points * self.features, self.points.len())?;
        if self.neighbours == 0 || points == 0 {
            return Err(ModelError::mismatch("at least one neighbour", 0));
        }
        if self.points.iter().any(|x| x.is_infinite()) {
            return Err(ModelError::mismatch("finite or missing numbers of points", "infinite ones"));
        }
        let accepted = facts.numbers(columns, Accepts { missing: true, infinite: false })?;
        Ok(accepted.into_iter().map(|column| Column { missing: None, ..column }).collect())
    }

    pub(crate) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let (positions, after) = layout.gather(&(0..layout.columns.len()).collect::<Vec<_>>());
        let guard = layout.guard(Accepts { missing: true, infinite: false });
        (vec![guard, Op::Gather(positions), Op::ImputeNearest(self.clone())], after)
    }

    pub(crate) fn apply(&self, block: &Block<'_>, rows: &Rows<'_>, pool: &mut Pool) -> Block<'static> {
        let (mut output, mut distances, mut donors) = (pool.take(), pool.take(), pool.take());
        for row in 0..rows.count {
            let x = block.row(row);
            let start = output.len();
            output.extend_from_slice(x);
            if x.iter().all(|x| !x.is_nan()) {
                continue;
            }
            distances.clear();
            let points = self.points.chunks_exact(self.features);
            distances.extend(points.map(|point| Metric::EuclideanOfPresent.distance(x, point)));
            for column in (0..self.features).filter(|column| x[*column].is_nan()) {
                output[start + column] = self.mean(column, &distances, &mut donors);
            }
        }
        pool.give(distances);
        pool.give(donors);
        Block::owned(self.features, output)
    }

    fn mean(&self, column: usize, distances: &[f64], donors: &mut Vec<f64>) -> f64 {
        let value = |point: usize| self.points[point * self.features + column];
        let has = |point: &usize| !value(*point).is_nan();
        donors.clear();
        donors.extend((0..distances.len()).filter(has).map(|point| point as f64));
        let distance = |point: f64| distances[point as usize];
        if donors.iter().all(|point| distance(*point).is_nan()) {
            let sum: f64 = donors.iter().map(|point| value(*point as usize)).sum();
            // A column that nobody had in training is 0, where it is kept.
            return if donors.is_empty() { 0.0 } else { sum / donors.len() as f64 };
        }
        let key = |point: &f64| (distance(*point).is_nan(), distance(*point), *point);
        let nearer = |a: &f64, b: &f64| {
            let ((a_far, a, a_point), (b_far, b, b_point)) = (key(a), key(b));
            a_far.cmp(&b_far).then(a.total_cmp(&b)).then(a_point.total_cmp(&b_point))
        };
        if self.neighbours < donors.len() {
            donors.select_nth_unstable_by(self.neighbours - 1, nearer);
            donors.truncate(self.neighbours);
        }
        let exact = self.inverse_distance && donors.iter().any(|point| distance(*point) == 0.0);
        let (mut sum, mut total) = (0.0, 0.0);
        for point in donors.iter() {
            let distance = distance(*point);
            let weight = match (distance.is_nan(), self.inverse_distance, exact) {
                (true, true, _) => 0.0,
                (true, false, _) => f64::from(u8::from(self.incomparable)),
                (false, false, _) => 1.0,
                (false, true, false) => 1.0 / distance,
                (false, true, true) => f64::from(u8::from(distance == 0.0)),
            };
            sum += weight * value(*point as usize);
            total += weight;
        }
        sum / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn imputed(neighbours: usize, inverse_distance: bool, incomparable: bool, x: &[f64]) -> f64 {
        let points = vec![0.0, 1.0, 10.0, 1.0, NAN, 20.0, NAN, 3.0, 30.0, 3.0, 2.0, NAN];
        let impute = ImputeNearest { features: 3, points, neighbours, inverse_distance, incomparable };
        let distances: Vec<f64> = impute
            .points
            .chunks_exact(3)
            .map(|point| Metric::EuclideanOfPresent.distance(x, point))
            .collect();
        impute.mean(2, &distances, &mut Vec::new())
    }

    #[test]
    fn the_nearest_rows_that_have_the_value_give_it() {
        assert_eq!(imputed(1, false, false, &[0.9, NAN, NAN]), 20.0);
        assert_eq!(imputed(2, false, false, &[0.9, NAN, NAN]), 15.0);
        let weighed = imputed(2, true, false, &[0.75, NAN, NAN]);
        assert!((weighed - 17.5).abs() < 1e-12, "{weighed}");
        assert_eq!(imputed(2, true, false, &[1.0, NAN, NAN]), 20.0);
    }

    #[test]
    fn rows_that_share_no_column_count_last_or_not_at_all() {
        assert_eq!(imputed(3, false, false, &[0.9, NAN, NAN]), 15.0);
        assert_eq!(imputed(3, false, true, &[0.9, NAN, NAN]), 20.0);
        assert_eq!(imputed(1, false, false, &[NAN, NAN, NAN]), 20.0);
    }
}
