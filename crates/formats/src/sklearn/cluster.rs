//! Clusters and centroids: what is assigned to the nearest of some points.

use foretell_frame::{Labels, Shape};
use foretell_model::estimator::{KernelFunction, KernelSum, KernelTerm, Linear, Metric};
use foretell_model::head::{LabelRule, LogProbability, Probability};
use foretell_model::step::{Accepts, Answer, Combine, Curve, Curves, Predict, Rule};
use foretell_model::{Estimator, Fitted, Head, Step, Task};

use super::classes::{Classifier, labels, regressor};
use super::members::whole;
use super::{Input, Lowered, MOST, Result, bounded, numbered, present};
use crate::pickle::{Matrix, Value};

/// `KMeans` and `MiniBatchKMeans`: the number of the nearest centre, and the distances to all.
pub(super) fn k_means(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let centres = points(value, "cluster_centers_")?;
    let labels = Labels::range(centres.rows);
    Ok(with_distances(value, nearest(&centres, labels), centres))
}

/// `MeanShift` and `AffinityPropagation`.
pub(super) fn nearest_centre(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let centres = points(value, "cluster_centers_")?;
    let labels = Labels::range(centres.rows);
    Ok(nearest(&centres, labels))
}

/// `BisectingKMeans`, which goes down a tree of centres in pairs.
pub(super) fn bisecting_k_means(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let centres = points(value, "cluster_centers_")?;
    let mean = present(value, "_X_mean")?.map(|mean| mean.f64_vector(centres.cols)).transpose()?;
    let mut tree = Bisections {
        mean: mean.unwrap_or_else(|| vec![0.0; centres.cols]),
        centres: Vec::new(),
        paths: vec![None; centres.rows],
    };
    tree.descend(&value.field("_bisecting_tree")?, &mut Vec::new())?;
    let Some(paths) = tree.paths.into_iter().collect::<Option<Vec<_>>>() else {
        return Err(value.invalid("`_bisecting_tree` does not have a leaf for every cluster"));
    };
    let labels = Labels::range(centres.rows);
    let mut lowered = nearest(&centres, labels);
    let splits = tree.centres.len() / 2 / centres.cols.max(1);
    if splits > 0 {
        let pairs = Matrix { rows: 2 * splits, cols: centres.cols, data: tree.centres };
        let mut less = vec![0.0; splits * 2 * splits];
        for split in 0..splits {
            less[split * 2 * splits + 2 * split] = -1.0;
            less[split * 2 * splits + 2 * split + 1] = 1.0;
        }
        // A leaf's score is 0 when all turns on its path are taken, and less by one for each that is not.
        let (mut turns, mut offsets) = (vec![0.0; paths.len() * splits], vec![0.0; paths.len()]);
        for (leaf, path) in paths.iter().enumerate() {
            for (split, right) in path {
                turns[leaf * splits + split] = if *right { 1.0 } else { -1.0 };
                offsets[leaf] -= f64::from(u8::from(*right));
            }
        }
        lowered.pipeline.scoring = vec![
            Step::Project(closeness(&pairs)),
            Step::Project(Linear { features: 2 * splits, coefficients: less, intercept: vec![0.0; splits] }),
            Step::Curves(Curves { columns: vec![Curve::Threshold(0.0); splits], accepts: Accepts::FINITE }),
            Step::Project(Linear { features: splits, coefficients: turns, intercept: offsets }),
        ];
        if let Some(fitted) = &mut lowered.pipeline.estimator {
            fitted.estimator = Estimator::Columns;
        }
    }
    Ok(with_distances(value, lowered, centres))
}

/// The nodes of a bisecting tree.
struct Bisections {
    /// What was subtracted from the training data, and with it from the centres.
    mean: Vec<f64>,
    /// Left and right centre of every split.
    centres: Vec<f64>,
    /// For each leaf the splits on the way to it, and whether it is to the right.
    paths: Vec<Option<Vec<(usize, bool)>>>,
}

impl Bisections {
    fn descend(&mut self, node: &Value<'_>, path: &mut Vec<(usize, bool)>) -> Result<()> {
        let Some(left) = present(node, "left")? else {
            let label = node.field("label")?;
            let leaf = label.size()?;
            return match self.paths.get_mut(leaf) {
                Some(free @ None) => {
                    *free = Some(path.clone());
                    Ok(())
                }
                Some(Some(_)) | None => Err(label.mismatch("a number of a cluster, each once", leaf)),
            };
        };
        let right = node.field("right")?;
        let split = self.centres.len() / 2 / self.mean.len().max(1);
        if split > self.paths.len() {
            return Err(node.invalid("`_bisecting_tree` has more splits than clusters"));
        }
        for side in [&left, &right] {
            let centre = side.field("center")?.f64_vector(self.mean.len())?;
            self.centres.extend(centre.iter().zip(&self.mean).map(|(centre, mean)| centre + mean));
        }
        for (side, is_right) in [(&left, false), (&right, true)] {
            path.push((split, is_right));
            self.descend(side, path)?;
            path.pop();
        }
        Ok(())
    }
}

/// `Birch`: the cluster of the nearest subcluster.
pub(super) fn birch(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let centres = points(value, "subcluster_centers_")?;
    let clusters = value.field("subcluster_labels_")?.i64_vector(centres.rows)?;
    let mut known = clusters.clone();
    known.sort_unstable();
    known.dedup();
    let position = |cluster: &i64| known.binary_search(cluster).unwrap_or_default() as f64;
    let answer = Answer::Label(vec![clusters.iter().map(position).collect()]);
    let subclusters = nearest(&centres, Labels::range(centres.rows));
    let steps = subclusters.answering(value, answer)?;
    let votes = Rule::Votes { classes: known.len(), weights: vec![1.0], against: 0.0 };
    let mut lowered = Lowered::estimator(centres.cols, Estimator::Columns, head(Labels::Int(known)));
    lowered.pipeline.scoring = steps;
    lowered.pipeline.scoring.push(Step::Combine(Combine { members: 1, rule: votes }));
    Ok(with_distances(value, lowered, centres))
}

/// `NearestCentroid`.
pub(super) fn nearest_centroid(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let centroids = points(value, "centroids_")?;
    if centroids.rows != classes.len() {
        return Err(value
            .field("centroids_")?
            .mismatch(format_args!("{} rows", classes.len()), centroids.rows));
    }
    let euclidean = match value.field("metric")?.text()? {
        "euclidean" | "l2" => true,
        "manhattan" | "l1" | "cityblock" => false,
        other => {
            return Err(value.unsupported_option("metric", other, "`euclidean` or `manhattan`"));
        }
    };
    // Since 1.6 classes have priors: where they differ the discriminant score decides, else the distance, and the score
    // gives the probabilities.
    let prior = present(value, "class_prior_")?.map(|prior| prior.f64_vector(classes.len())).transpose()?;
    let uniform = 1.0 / classes.len() as f64;
    let equal = |prior: &[f64]| prior.iter().all(|p| (p - uniform).abs() <= 1e-8 + 1e-5 * uniform);
    if let Some(prior) = prior.as_deref().filter(|prior| !equal(prior)) {
        return discriminants(value, classes, &centroids, prior, euclidean);
    }
    let (features, count) = (centroids.cols, centroids.rows);
    let estimator = |centroids: Matrix| {
        if euclidean {
            Estimator::Linear(closeness(&centroids))
        } else {
            Estimator::KernelSum(distances(centroids, Metric::Manhattan, -1.0))
        }
    };
    let Some(prior) = prior.filter(|_| euclidean) else {
        return Ok(Lowered::estimator(features, estimator(centroids), head(classes)));
    };
    let scored = discriminants(value, classes.clone(), &centroids, &prior, euclidean)?;
    let fitted = Fitted { estimator: estimator(centroids), head: regressor(Shape::Matrix(count)) };
    let nearest = vec![Step::Predict(Box::new(Predict { fitted, answer: Answer::Value }))];
    let probable = scored.answering(value, Answer::Probability)?;
    let head = Classifier {
        classes,
        label: LabelRule::LargestScore,
        probability: Some(Probability::AfterScores),
        log_probability: Some(LogProbability::OfProbability),
        decision: None,
    };
    let mut lowered = Lowered::estimator(features, Estimator::Columns, head.head());
    lowered.pipeline.steps = vec![Step::Parallel(vec![whole(features, nearest), whole(features, probable)])];
    Ok(lowered)
}

/// Discriminant scores of centroids: less the squares of the distances in units of the deviation within classes.
fn discriminants(
    value: &Value<'_>,
    classes: Labels,
    centroids: &Matrix,
    prior: &[f64],
    euclidean: bool,
) -> Result<Lowered> {
    let mut deviation = value.field("within_class_std_dev_")?.f64_vector(centroids.cols)?;
    deviation.iter_mut().filter(|deviation| **deviation == 0.0).for_each(|deviation| *deviation = 1.0);
    let metric = if euclidean {
        Metric::Standardized(deviation.iter().map(|deviation| deviation * deviation).collect())
    } else {
        let weights = Some(deviation.iter().map(|deviation| 1.0 / deviation).collect());
        Metric::Minkowski { p: 1.0, weights }
    };
    let mut sum = each(centroids.clone(), KernelFunction::SquaredDistance(metric), -1.0);
    sum.intercept = prior.iter().map(|prior| 2.0 * prior.ln()).collect();
    let head = if euclidean {
        let decision = if classes.len() == 2 { Shape::Vector } else { Shape::Matrix(classes.len()) };
        let probability = Some(Probability::ExpNormalized);
        let log_probability = Some(LogProbability::OfJoint);
        let label = LabelRule::LargestScore;
        Classifier { classes, label, probability, log_probability, decision: Some(decision) }.head()
    } else {
        head(classes)
    };
    Ok(Lowered::estimator(centroids.cols, Estimator::KernelSum(sum), head))
}

fn points(value: &Value<'_>, name: &'static str) -> Result<Matrix> {
    let held = value.field(name)?;
    let matrix = held.f64_matrix(None, None)?;
    if matrix.rows == 0 || matrix.cols == 0 {
        return Err(held.mismatch("at least one point", "none"));
    }
    bounded(&held, matrix.rows)?;
    Ok(matrix)
}

/// What assigns rows to the nearest point, the first of several, in Euclidean distance.
fn nearest(points: &Matrix, labels: Labels) -> Lowered {
    let linear = closeness(points);
    let lowered = Lowered::estimator(points.cols, Estimator::Linear(linear), head(labels));
    Lowered { task: Task::Clustering, ..lowered }
}

/// `2 x . p - |p|^2`, which is the greater the nearer the point `p` is: what the library compares, less the sign.
fn closeness(points: &Matrix) -> Linear {
    let squares = (0..points.rows).map(|row| points.row(row).iter().fold(0.0, |sum, x| sum + x * x));
    Linear {
        features: points.cols,
        intercept: squares.map(|square| -square).collect(),
        coefficients: points.data.iter().map(|x| 2.0 * x).collect(),
    }
}

fn head(classes: Labels) -> Head {
    Classifier {
        classes,
        label: LabelRule::LargestScore,
        probability: None,
        log_probability: None,
        decision: None,
    }
    .head()
}

/// The same with the distances to all points as its transformation.
fn with_distances(value: &Value<'_>, mut lowered: Lowered, points: Matrix) -> Lowered {
    let count = points.rows;
    let sum = distances(points, Metric::Euclidean, 1.0);
    let fitted = Fitted { estimator: Estimator::KernelSum(sum), head: regressor(Shape::Matrix(count)) };
    lowered.pipeline.transform =
        Some(vec![Step::Predict(Box::new(Predict { fitted, answer: Answer::Value }))]);
    lowered.task = Task::Clustering;
    lowered.naming(numbered(value, count))
}

/// `factor` times the distance to every point.
fn distances(points: Matrix, metric: Metric, factor: f64) -> KernelSum {
    each(points, KernelFunction::Distance(metric), factor)
}

/// `factor` times a function of the row and every point.
pub(super) fn each(points: Matrix, function: KernelFunction, factor: f64) -> KernelSum {
    let count = points.rows.min(MOST);
    let term = |output: usize| KernelTerm { output, first: output, coefficients: vec![factor] };
    KernelSum {
        features: points.cols,
        function,
        points: points.data,
        terms: (0..count).map(term).collect(),
        intercept: vec![0.0; count],
    }
}
