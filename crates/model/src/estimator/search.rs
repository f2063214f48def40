//! The search for the nearest points, in the library's own order: among points at equal distances it depends on the
//! order in which they are looked at.
//!
//! Source: `sklearn/neighbors/_binary_tree.pxi` (single tree, depth first) and `sklearn/utils/_heap.pyx`.

use super::Metric;
use crate::error::{ModelError, expect_count, expect_index};
use crate::plan::Pool;

/// The points among which neighbours are sought.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Number of features.
    pub features: usize,
    /// The metric.
    pub metric: Metric,
    /// `points x features`, row-major.
    pub points: Vec<f64>,
    /// How they are divided; looked at in order where they are not.
    pub tree: Option<SearchTree>,
}

/// A complete binary tree over the points: the children of node `i` are `2i + 1` and `2i + 2`.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchTree {
    /// The shape of the nodes.
    pub shape: NodeShape,
    /// Numbers of points, so that each node has a run of them.
    pub order: Vec<usize>,
    /// The nodes, the root first.
    pub nodes: Vec<SearchNode>,
}

/// What encloses the points of a node; all vectors are `nodes x features`, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeShape {
    /// A box: its least and its greatest corner.
    Boxes(Vec<f64>, Vec<f64>),
    /// A ball: its centre.
    Balls(Vec<f64>),
}

/// A node of a [`SearchTree`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchNode {
    /// The first of its points in the order.
    pub start: usize,
    /// One past the last of them.
    pub end: usize,
    /// Whether it has no children.
    pub leaf: bool,
    /// The radius of a ball.
    pub radius: f64,
}

/// The neighbours of a row: buffers of equal length.
#[derive(Debug)]
pub(super) struct Found {
    /// Reduced distances, and at last distances.
    distances: Vec<f64>,
    /// Numbers of the points, as floats.
    points: Vec<f64>,
    /// Positions in the two, the nearest first.
    order: Vec<f64>,
}

impl Found {
    pub(super) fn take(pool: &mut Pool) -> Self {
        Self { distances: pool.take(), points: pool.take(), order: pool.take() }
    }

    pub(super) fn give(self, pool: &mut Pool) {
        pool.give(self.distances);
        pool.give(self.points);
        pool.give(self.order);
    }

    /// Number and distance of each neighbour, the nearest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, f64)> {
        self.order.iter().map(|at| (self.points[*at as usize] as usize, self.distances[*at as usize]))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn clear(&mut self) {
        self.distances.clear();
        self.points.clear();
        self.order.clear();
    }

    /// Keeps a point in place of the farthest, if it is nearer.
    fn push(&mut self, distance: f64, point: usize) {
        let farthest = self.distances[0];
        if distance >= farthest || distance.is_nan() {
            return;
        }
        let (size, mut at) = (self.distances.len(), 0);
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= size {
                break;
            }
            let right_is_farther = right < size && self.distances[left] < self.distances[right];
            let child = if right_is_farther { right } else { left };
            if self.distances[child] <= distance {
                break;
            }
            (self.distances[at], self.points[at]) = (self.distances[child], self.points[child]);
            at = child;
        }
        (self.distances[at], self.points[at]) = (distance, point as f64);
    }

    fn sort(&mut self) {
        self.order.extend((0..self.distances.len()).map(|at| at as f64));
        let key = |at: &f64| (self.distances[*at as usize], self.points[*at as usize]);
        self.order.sort_unstable_by(|a, b| {
            let ((near, first), (far, second)) = (key(a), key(b));
            near.total_cmp(&far).then(first.total_cmp(&second))
        });
    }
}

impl Search {
    /// Number of points.
    pub(super) fn count(&self) -> usize {
        self.points.len() / self.features.max(1)
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        if self.features == 0 {
            return Err(ModelError::mismatch("at least one feature", 0));
        }
        self.metric.check(self.features)?;
        let count = self.count();
        expect_count("numbers of points", count * self.features, self.points.len())?;
        let Some(tree) = &self.tree else { return Ok(()) };
        expect_count("points in a tree", count, tree.order.len())?;
        tree.order.iter().try_for_each(|point| expect_index("a point", *point, count))?;
        let size = tree.nodes.len().saturating_mul(self.features);
        match &tree.shape {
            NodeShape::Boxes(least, most) => {
                expect_count("numbers of corners", size, least.len())?;
                expect_count("numbers of corners", size, most.len())?;
                if self.exponent().is_none() {
                    return Err(ModelError::mismatch(
                        "a Minkowski metric for boxes",
                        format_args!("{:?}", self.metric),
                    ));
                }
            }
            NodeShape::Balls(centres) => expect_count("numbers of centres", size, centres.len())?,
        }
        expect_index("the root", 0, tree.nodes.len())?;
        for (number, node) in tree.nodes.iter().enumerate() {
            expect_index("a start", node.start, node.end + 1)?;
            expect_index("an end", node.end, count + 1)?;
            if !node.leaf {
                expect_index("a child", 2 * number + 2, tree.nodes.len())?;
            }
        }
        Ok(())
    }

    /// The exponent of a Minkowski metric without weights.
    fn exponent(&self) -> Option<f64> {
        match &self.metric {
            Metric::Euclidean => Some(2.0),
            Metric::Manhattan => Some(1.0),
            Metric::Chebyshev => Some(f64::INFINITY),
            Metric::Minkowski { p, weights: None } => Some(*p),
            Metric::Minkowski { weights: Some(_), .. }
            | Metric::SquaredEuclidean
            | Metric::Standardized(_)
            | Metric::Mahalanobis(_)
            | Metric::Hamming
            | Metric::Canberra
            | Metric::BrayCurtis
            | Metric::Cosine
            | Metric::Correlation
            | Metric::Haversine
            | Metric::Boolean(_)
            | Metric::EuclideanOfPresent => None,
        }
    }

    pub(super) fn point(&self, number: usize) -> &[f64] {
        &self.points[number * self.features..(number + 1) * self.features]
    }

    /// The `count` nearest points, of which there are as many.
    pub(super) fn nearest(&self, x: &[f64], count: usize, found: &mut Found) {
        found.clear();
        found.distances.resize(count, f64::INFINITY);
        found.points.resize(count, 0.0);
        match &self.tree {
            Some(tree) => self.descend(tree, 0, self.nearest_of(tree, 0, x), x, found),
            None => {
                for point in 0..self.count() {
                    found.push(self.metric.reduced(x, self.point(point)), point);
                }
            }
        }
        self.finish(found);
    }

    /// All points that are not farther than `radius`.
    pub(super) fn within(&self, x: &[f64], radius: f64, found: &mut Found) {
        found.clear();
        let reduced = self.metric.to_reduced(radius);
        for point in 0..self.count() {
            let distance = self.metric.reduced(x, self.point(point));
            if distance <= reduced {
                found.distances.push(distance);
                found.points.push(point as f64);
            }
        }
        self.finish(found);
    }

    fn finish(&self, found: &mut Found) {
        found.sort();
        found.distances.iter_mut().for_each(|distance| *distance = self.metric.of_reduced(*distance));
    }

    /// Looks at a node whose points are at least `bound` away, the nearer child first.
    fn descend(&self, tree: &SearchTree, number: usize, bound: f64, x: &[f64], found: &mut Found) {
        if bound > found.distances[0] {
            return;
        }
        let node = &tree.nodes[number];
        if node.leaf {
            for &point in &tree.order[node.start..node.end] {
                found.push(self.metric.reduced(x, self.point(point)), point);
            }
            return;
        }
        let children = [2 * number + 1, 2 * number + 2].map(|child| (child, self.nearest_of(tree, child, x)));
        let [left, right] = children;
        let ordered = if left.1 <= right.1 { [left, right] } else { [right, left] };
        for (child, bound) in ordered {
            self.descend(tree, child, bound, x, found);
        }
    }

    /// The least reduced distance that a point of a node can have.
    fn nearest_of(&self, tree: &SearchTree, node: usize, x: &[f64]) -> f64 {
        let of_node = node * self.features..(node + 1) * self.features;
        match &tree.shape {
            NodeShape::Balls(centres) => {
                let distance = self.metric.distance(x, &centres[of_node]) - tree.nodes[node].radius;
                self.metric.to_reduced(distance.max(0.0))
            }
            NodeShape::Boxes(least, most) => {
                let corners = least[of_node.clone()].iter().zip(&most[of_node]);
                let outside = x.iter().zip(corners).map(|(x, (least, most))| {
                    let (below, above) = (least - x, x - most);
                    0.5 * ((below + below.abs()) + (above + above.abs()))
                });
                match self.exponent() {
                    Some(f64::INFINITY) | None => outside.fold(0.0, f64::max),
                    Some(p) => outside.fold(0.0, |sum, outside| sum + outside.powf(p)),
                }
            }
        }
    }
}
