//! Predictions from the nearest points.

use super::search::{Found, Search};
use crate::error::{ModelError, expect_count, expect_index};
use crate::plan::Pool;

/// An estimator that asks the neighbours of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// The points, and how they are searched.
    pub search: Search,
    /// Which of them are neighbours.
    pub reach: Reach,
    /// Whether a neighbour weighs the inverse of its distance; those at distance 0 then weigh all. Else all weigh the
    /// same.
    pub inverse_distance: bool,
    /// What they are asked for.
    pub targets: Targets,
}

/// Which points are neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reach {
    /// So many of the nearest.
    Nearest(usize),
    /// All that are not farther than this.
    Within(f64),
}

/// What the neighbours are asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// The weighted mean of their values, `points x outputs`; missing where there are no neighbours.
    Values {
        /// Number of outputs.
        outputs: usize,
        /// `points x outputs`, row-major.
        values: Vec<f64>,
    },
    /// The shares of the classes of each target, side by side.
    Classes {
        /// Number of classes of each target.
        counts: Vec<usize>,
        /// The class of each point and target: `points x targets`, row-major.
        classes: Vec<usize>,
        /// The class of each target for rows without neighbours, which are refused where there is none.
        alone: Option<Vec<usize>>,
    },
    /// One raw score per point, for neighbours their distance, or 1, and for others 0.
    Graph {
        /// Whether it is the distance.
        distances: bool,
    },
    /// One raw score per point: the length of the shortest way to it through a neighbour.
    Geodesic {
        /// The length of the way from each point to each other: `points x points`.
        lengths: Vec<f64>,
    },
    /// The sum of their values in the weights with which they are nearest to the row (locally linear embedding).
    Barycentre {
        /// Number of outputs.
        outputs: usize,
        /// `points x outputs`, row-major.
        values: Vec<f64>,
        /// What is added to the products of differences, as a share of their trace.
        regularization: f64,
    },
    /// How much denser it is around them than around the row, less the sign (local outlier factor). Neighbours are
    /// [`Reach::Nearest`], of equal weight.
    Density {
        /// Distance of each point to its own farthest neighbour.
        reach: Vec<f64>,
        /// Local reachability density of each point.
        density: Vec<f64>,
    },
}

impl Neighbours {
    /// Fails unless all sizes fit; the number of raw scores.
    pub(crate) fn check(&self) -> Result<usize, ModelError> {
        self.search.check()?;
        let points = self.search.count();
        if let Reach::Nearest(count) = self.reach {
            if count == 0 {
                return Err(ModelError::mismatch("at least one neighbour", 0));
            }
            expect_index("a number of neighbours", count, points + 1)?;
        }
        match &self.targets {
            Targets::Values { outputs, values } => {
                expect_count("values", points.saturating_mul(*outputs), values.len())?;
                Ok(*outputs)
            }
            Targets::Classes { counts, classes, alone } => {
                expect_count("classes of points", points.saturating_mul(counts.len()), classes.len())?;
                let alone = alone.as_deref().unwrap_or_default();
                if !alone.is_empty() {
                    expect_count("classes for rows without neighbours", counts.len(), alone.len())?;
                }
                for of_targets in classes.chunks_exact(counts.len().max(1)).chain([alone]) {
                    for (class, count) in of_targets.iter().zip(counts) {
                        expect_index("a class", *class, *count)?;
                    }
                }
                Ok(counts.iter().sum())
            }
            Targets::Graph { .. } => Ok(points),
            Targets::Geodesic { lengths } => {
                expect_count("lengths", points.saturating_mul(points), lengths.len())?;
                Ok(points)
            }
            Targets::Barycentre { outputs, values, regularization } => {
                expect_count("values", points.saturating_mul(*outputs), values.len())?;
                if !regularization.is_finite() || matches!(self.reach, Reach::Within(_)) {
                    return Err(ModelError::mismatch(
                        "a number of neighbours, a finite regularization",
                        "others",
                    ));
                }
                Ok(*outputs)
            }
            Targets::Density { reach, density } => {
                expect_count("distances", points, reach.len())?;
                expect_count("densities", points, density.len())?;
                match self.reach {
                    Reach::Nearest(_) => Ok(1),
                    Reach::Within(_) => Err(ModelError::mismatch("a number of neighbours", "a radius")),
                }
            }
        }
    }

    /// Appends the raw scores of `rows` rows.
    ///
    /// # Errors
    /// The first row that has no neighbours and needs one.
    pub(crate) fn scores(
        &self,
        numbers: &[f64],
        rows: usize,
        pool: &mut Pool,
        raw: &mut Vec<f64>,
    ) -> Result<(), usize> {
        let features = self.search.features;
        let mut found = Found::take(pool);
        let mut memory = pool.take();
        let mut answered = Ok(());
        for row in 0..rows {
            let x = &numbers[row * features..(row + 1) * features];
            match self.reach {
                Reach::Nearest(count) => self.search.nearest(x, count, &mut found),
                Reach::Within(radius) => self.search.within(x, radius, &mut found),
            }
            if !self.answer(x, &found, &mut memory, raw) {
                answered = Err(row);
                break;
            }
        }
        pool.give(memory);
        found.give(pool);
        answered
    }

    /// Appends the raw scores of a row; `false` where it has no neighbours and needs one.
    fn answer(&self, x: &[f64], found: &Found, memory: &mut Vec<f64>, raw: &mut Vec<f64>) -> bool {
        let exact =
            self.inverse_distance && found.iter().any(|(_, distance)| 1.0 / distance == f64::INFINITY);
        let weight = |distance: f64| match (self.inverse_distance, exact) {
            (false, _) => 1.0,
            (true, false) => 1.0 / distance,
            (true, true) => f64::from(u8::from(1.0 / distance == f64::INFINITY)),
        };
        match &self.targets {
            Targets::Values { outputs, values } => {
                for output in 0..*outputs {
                    let sums = |(sum, total): (f64, f64), (point, distance): (usize, f64)| {
                        let weight = weight(distance);
                        (sum + values[point * outputs + output] * weight, total + weight)
                    };
                    let (sum, total) = found.iter().fold((0.0, 0.0), sums);
                    raw.push(if found.is_empty() { f64::NAN } else { sum / total });
                }
            }
            Targets::Classes { counts, classes, alone } => {
                let start = raw.len();
                raw.resize(start + counts.iter().sum::<usize>(), 0.0);
                if found.is_empty() && alone.is_none() {
                    return false;
                }
                let mut first = start;
                for (target, count) in counts.iter().enumerate() {
                    for (point, distance) in found.iter() {
                        raw[first + classes[point * counts.len() + target]] += weight(distance);
                    }
                    if let (true, Some(alone)) = (found.is_empty(), alone) {
                        raw[first + alone[target]] = 1.0;
                    }
                    let shares = &mut raw[first..first + count];
                    let total: f64 = shares.iter().sum();
                    let total = if total == 0.0 { 1.0 } else { total };
                    shares.iter_mut().for_each(|share| *share /= total);
                    first += count;
                }
            }
            Targets::Graph { distances } => {
                let start = raw.len();
                raw.resize(start + self.search.count(), 0.0);
                for (point, distance) in found.iter() {
                    raw[start + point] = if *distances { distance } else { 1.0 };
                }
            }
            Targets::Geodesic { lengths } => {
                let (start, points) = (raw.len(), self.search.count());
                raw.resize(start + points, f64::INFINITY);
                if found.is_empty() {
                    return false;
                }
                for (point, distance) in found.iter() {
                    let ways = lengths[point * points..(point + 1) * points].iter();
                    raw[start..]
                        .iter_mut()
                        .zip(ways)
                        .for_each(|(least, way)| *least = least.min(way + distance));
                }
            }
            Targets::Barycentre { outputs, values, regularization } => {
                let weights = self.barycentre(x, found, *regularization, memory);
                for output in 0..*outputs {
                    let products = found.iter().zip(weights);
                    raw.push(products.map(|((point, _), w)| values[point * outputs + output] * w).sum());
                }
            }
            Targets::Density { reach, density } => {
                let count = found.iter().count() as f64;
                let reached: f64 = found.iter().map(|(point, distance)| distance.max(reach[point])).sum();
                let own = 1.0 / (reached / count + 1e-10);
                raw.push(-(found.iter().map(|(point, _)| density[point] / own).sum::<f64>() / count));
            }
        }
        true
    }
}

impl Neighbours {
    /// The weights, of sum 1, in which the neighbours are nearest to a row.
    fn barycentre<'m>(
        &self,
        x: &[f64],
        found: &Found,
        regularization: f64,
        memory: &'m mut Vec<f64>,
    ) -> &'m [f64] {
        let count = found.iter().count();
        memory.clear();
        memory.resize(count * count + count, 0.0);
        let (products, weights) = memory.split_at_mut(count * count);
        for (row, (a, _)) in found.iter().enumerate() {
            for (column, (b, _)) in found.iter().enumerate().take(row + 1) {
                let pairs = self.search.point(a).iter().zip(self.search.point(b)).zip(x);
                products[row * count + column] = pairs.map(|((a, b), x)| (a - x) * (b - x)).sum();
            }
        }
        let trace: f64 = (0..count).map(|at| products[at * count + at]).sum();
        let added = if trace > 0.0 { regularization * trace } else { regularization };
        (0..count).for_each(|at| products[at * count + at] += added);
        // The Cholesky factor in place, then both triangles.
        for row in 0..count {
            for column in 0..=row {
                let before = (0..column).map(|at| products[row * count + at] * products[column * count + at]);
                let left = products[row * count + column] - before.sum::<f64>();
                products[row * count + column] =
                    if row == column { left.sqrt() } else { left / products[column * count + column] };
            }
        }
        for row in 0..count {
            let before: f64 = (0..row).map(|at| products[row * count + at] * weights[at]).sum();
            weights[row] = (1.0 - before) / products[row * count + row];
        }
        for row in (0..count).rev() {
            let below: f64 = (row + 1..count).map(|at| products[at * count + row] * weights[at]).sum();
            weights[row] = (weights[row] - below) / products[row * count + row];
        }
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= total);
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimator::{Metric, NodeShape, SearchNode, SearchTree};

    fn search(tree: Option<SearchTree>) -> Search {
        let points = vec![0.0, 1.0, 1.0, 4.0, 5.0];
        Search { features: 1, metric: Metric::Euclidean, points, tree }
    }

    fn scores(neighbours: &Neighbours, x: f64) -> Result<Vec<f64>, usize> {
        neighbours.check().unwrap();
        let mut raw = Vec::new();
        neighbours.scores(&[x], 1, &mut Pool::default(), &mut raw).map(|()| raw)
    }

    fn values(search: Search, reach: Reach, inverse_distance: bool) -> Neighbours {
        let targets = Targets::Values { outputs: 1, values: vec![1.0, 10.0, 100.0, 1000.0, 10000.0] };
        Neighbours { search, reach, inverse_distance, targets }
    }

    #[test]
    fn ties_go_to_the_point_seen_first() {
        assert_eq!(scores(&values(search(None), Reach::Nearest(1), false), 1.2), Ok(vec![10.0]));
    }

    #[test]
    fn a_tree_finds_the_same_points_in_its_own_order() {
        let node = |start, end, leaf, radius| SearchNode { start, end, leaf, radius };
        let nodes = vec![node(0, 5, false, 2.8), node(0, 3, true, 0.7), node(3, 5, true, 0.5)];
        let order = vec![0, 2, 1, 3, 4];
        let shapes = [
            NodeShape::Boxes(vec![0.0, 0.0, 4.0], vec![5.0, 1.0, 5.0]),
            NodeShape::Balls(vec![2.2, 0.7, 4.5]),
        ];
        for shape in shapes {
            let tree = SearchTree { shape, order: order.clone(), nodes: nodes.clone() };
            let nearest = |count| values(search(Some(tree.clone())), Reach::Nearest(count), false);
            assert_eq!(scores(&nearest(1), 1.2), Ok(vec![100.0]));
            assert_eq!(scores(&nearest(3), 5.0), Ok(vec![11100.0 / 3.0]));
            let mut broken = nearest(1);
            broken.search.tree.as_mut().unwrap().nodes[1].leaf = false;
            assert!(broken.check().is_err());
        }
    }

    #[test]
    fn weights_and_rows_without_neighbours_follow_the_library() {
        let within = |inverse| values(search(None), Reach::Within(1.0), inverse);
        assert_eq!(scores(&within(true), 4.0), Ok(vec![1000.0]));
        assert_eq!(scores(&within(true), 4.5), Ok(vec![5500.0]));
        assert!(scores(&within(false), 9.0).unwrap()[0].is_nan());
        let classes = |alone| Neighbours {
            targets: Targets::Classes { counts: vec![2], classes: vec![0, 1, 0, 1, 1], alone },
            ..within(false)
        };
        assert_eq!(scores(&classes(None), 0.5), Ok(vec![2.0 / 3.0, 1.0 / 3.0]));
        assert_eq!(scores(&classes(None), 9.0), Err(0));
        assert_eq!(scores(&classes(Some(vec![1])), 9.0), Ok(vec![0.0, 1.0]));
    }

    #[test]
    fn densities_are_compared() {
        let targets = Targets::Density { reach: vec![1.0; 5], density: vec![2.0; 5] };
        let neighbours = Neighbours { targets, ..values(search(None), Reach::Nearest(2), false) };
        let got = scores(&neighbours, 8.0).unwrap()[0];
        assert!((got + 2.0 * (3.5 + 1e-10)).abs() < 1e-12, "{got}");
    }

    #[test]
    fn graphs_ways_and_barycentres_follow_from_the_neighbours() {
        let asked = |targets| Neighbours { targets, ..values(search(None), Reach::Nearest(2), false) };
        let graph = |distances| asked(Targets::Graph { distances });
        assert_eq!(scores(&graph(true), 4.25), Ok(vec![0.0, 0.0, 0.0, 0.25, 0.75]));
        assert_eq!(scores(&graph(false), 4.25), Ok(vec![0.0, 0.0, 0.0, 1.0, 1.0]));
        let points = [0.0_f64, 1.0, 1.0, 4.0, 5.0];
        let lengths = points.iter().flat_map(|a| points.iter().map(move |b| (a - b).abs())).collect();
        let ways = asked(Targets::Geodesic { lengths });
        assert_eq!(scores(&ways, 4.25), Ok(vec![4.25, 3.25, 3.25, 0.25, 0.75]));
        let outputs = vec![0.0, 0.0, 0.0, 8.0, 10.0];
        let barycentre = asked(Targets::Barycentre { outputs: 1, values: outputs, regularization: 1e-9 });
        let got = scores(&barycentre, 4.25).unwrap()[0];
        assert!((got - 8.5).abs() < 1e-6, "{got}");
    }
}
