//! Nearest neighbours: classifiers, regressors and the local outlier factor.

use foretell_frame::Shape;
use foretell_model::estimator::{
    Boolean, Metric, Neighbours, NodeShape, Reach, Search, SearchNode, SearchTree, Targets,
};
use foretell_model::head::Outlier;
use foretell_model::{Estimator, Head};

use super::classes::{labels_of_targets, proportions, regressor};
use super::matrices::inverse;
use super::{Input, Lowered, Result, bounded, count, present};
use crate::pickle::{Kind, Matrix, Value};

/// `KNeighborsClassifier`.
pub(super) fn nearest_classifier(value: &Value<'_>, _: Input) -> Result<Lowered> {
    classifier(value, Reach::Nearest(count(&value.field("n_neighbors")?)?), None)
}

/// `RadiusNeighborsClassifier`.
pub(super) fn radius_classifier(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let radius = value.field("radius")?.float()?;
    classifier(value, Reach::Within(radius), present(value, "outlier_label_")?)
}

/// A classifier, and the labels of rows without neighbours.
fn classifier(value: &Value<'_>, reach: Reach, alone: Option<Value<'_>>) -> Result<Lowered> {
    let search = search(value)?;
    let points = search.points.len() / search.features;
    let held = value.field("_y")?;
    let several = value.field("outputs_2d_")?.bool()?;
    let targets =
        if several { bounded(&held, held.array()?.shape().get(1).copied().unwrap_or(1))? } else { 1 };
    let members = if several { held.f64_matrix(points, targets)?.data } else { held.f64_vector(points)? };
    let stated = value.field("classes_")?;
    let classes = labels_of_targets(&stated, targets)?;
    let index = |class: &f64| (*class >= 0.0 && class.fract() == 0.0).then_some(*class as usize);
    let Some(members) = members.iter().map(index).collect::<Option<Vec<_>>>() else {
        return Err(held.mismatch("numbers of classes", held.describe()));
    };
    let alone = alone.map(|alone| alone_classes(&alone, &stated, targets)).transpose()?;
    let counts = classes.iter().map(|classes| classes.len()).collect();
    let neighbours = Neighbours {
        reach,
        inverse_distance: inverse_distance(value)?,
        targets: Targets::Classes { counts, classes: members, alone },
        search,
    };
    let mut head = proportions(classes);
    if let Head::Classification(head) = &mut head {
        head.multi_target = several;
        // The library has no logarithms here.
        head.log_probability = None;
    }
    Ok(Lowered::estimator(neighbours.search.features, Estimator::Neighbours(neighbours), head))
}

/// The class of each target that rows without neighbours get.
fn alone_classes(alone: &Value<'_>, classes: &Value<'_>, targets: usize) -> Result<Vec<usize>> {
    let outside = || alone.unsupported_option("outlier_label", alone.describe(), "one of the classes");
    let given = alone.items()?;
    let classes = if classes.is_array() { vec![classes.clone()] } else { classes.items()? };
    if given.len() != targets || classes.len() != targets {
        return Err(alone.mismatch(format_args!("{targets} labels"), given.len()));
    }
    let position = |(label, classes): (&Value<'_>, &Value<'_>)| {
        let found = if label.is_text() {
            let label = label.text()?;
            classes.text_vector(None)?.iter().position(|class| class == label)
        } else {
            let label = label.float()?;
            classes.f64_vector(None)?.iter().position(|class| *class == label)
        };
        found.ok_or_else(outside)
    };
    given.iter().zip(&classes).map(position).collect()
}

/// `KNeighborsRegressor`.
pub(super) fn nearest_regressor(value: &Value<'_>, _: Input) -> Result<Lowered> {
    regression(value, Reach::Nearest(count(&value.field("n_neighbors")?)?))
}

/// `RadiusNeighborsRegressor`.
pub(super) fn radius_regressor(value: &Value<'_>, _: Input) -> Result<Lowered> {
    regression(value, Reach::Within(value.field("radius")?.float()?))
}

fn regression(value: &Value<'_>, reach: Reach) -> Result<Lowered> {
    let search = search(value)?;
    let points = search.points.len() / search.features;
    let held = value.field("_y")?;
    let (shape, values) = if held.array()?.shape().len() == 1 {
        (Shape::Vector, held.f64_vector(points)?)
    } else {
        let matrix = held.f64_matrix(points, None)?;
        (Shape::Matrix(bounded(&held, matrix.cols)?), matrix.data)
    };
    let neighbours = Neighbours {
        reach,
        inverse_distance: inverse_distance(value)?,
        targets: Targets::Values { outputs: shape.width(), values },
        search,
    };
    let features = neighbours.search.features;
    Ok(Lowered::estimator(features, Estimator::Neighbours(neighbours), regressor(shape)))
}

/// `LocalOutlierFactor`, where it was made for rows it has not seen.
pub(super) fn local_outlier_factor(value: &Value<'_>, _: Input) -> Result<Lowered> {
    if !value.field("novelty")?.bool()? {
        return Err(value.unsupported_option("novelty", "False", "`True`, with which it can predict"));
    }
    let search = search(value)?;
    let points = search.points.len() / search.features;
    let count = count(&value.field("n_neighbors_")?)?;
    let distances = value.field("_distances_fit_X_")?;
    let matrix = distances.f64_matrix(points, None)?;
    let Some(last) = count.checked_sub(1).filter(|last| *last < matrix.cols) else {
        return Err(distances.mismatch(format_args!("at least {count} columns, and one"), matrix.cols));
    };
    let neighbours = Neighbours {
        reach: Reach::Nearest(count),
        inverse_distance: false,
        targets: Targets::Density {
            reach: (0..points).map(|point| matrix.row(point)[last]).collect(),
            density: value.field("_lrd")?.f64_vector(points)?,
        },
        search,
    };
    let offset = value.field("offset_")?.float()?;
    let head = Head::Outlier(Outlier { offset, equal_inlier: true, column: false });
    Ok(Lowered::estimator(neighbours.search.features, Estimator::Neighbours(neighbours), head))
}

fn inverse_distance(value: &Value<'_>) -> Result<bool> {
    let supported = "`uniform` or `distance`";
    let weights = value.field("weights")?;
    if weights.is_none() {
        return Ok(false);
    }
    if !weights.is_text() {
        return Err(value.unsupported_option("weights", weights.describe(), supported));
    }
    match weights.text()? {
        "uniform" => Ok(false),
        "distance" => Ok(true),
        other => Err(value.unsupported_option("weights", other, supported)),
    }
}

/// The fitted points, and the tree over them.
pub(super) fn search(value: &Value<'_>) -> Result<Search> {
    let held = value.field("_fit_X")?;
    let fitted = fitted(&held)?;
    if fitted.rows == 0 || fitted.cols == 0 {
        return Err(held.mismatch("at least one point", "none"));
    }
    let metric = metric(value, fitted.cols)?;
    let tree = match value.field("_fit_method")?.text()? {
        "brute" => None,
        "kd_tree" => Some(tree(&value.field("_tree")?, fitted.cols, true)?),
        "ball_tree" => Some(tree(&value.field("_tree")?, fitted.cols, false)?),
        other => {
            let supported = "`brute`, `kd_tree` or `ball_tree`";
            return Err(value.unsupported_option("_fit_method", other, supported));
        }
    };
    Ok(Search { features: fitted.cols, metric, points: fitted.data, tree })
}

/// The fitted points, which are truth values where the metric is one of truth values.
fn fitted(held: &Value<'_>) -> Result<Matrix> {
    let of_bools = held.is_array() && *held.array()?.dtype().kind() == Kind::Bool;
    let [rows, cols] = (if of_bools { held.array()?.shape() } else { &[] }) else {
        return held.f64_matrix(None, None);
    };
    let data = held.array()?.bools()?.into_iter().map(|x| f64::from(u8::from(x))).collect();
    Ok(Matrix { rows: *rows, cols: *cols, data })
}

/// A `KDTree` or `BallTree`, whose state is a tuple of arrays: points, their order, nodes, bounds.
fn tree(value: &Value<'_>, features: usize, boxes: bool) -> Result<SearchTree> {
    let state = value.state()?;
    let index = |held: &Value<'_>, number: i64| {
        usize::try_from(number).map_err(|_| held.mismatch("a position of a point", number))
    };
    let order = state.at(1)?;
    let order =
        order.i64_vector(None)?.into_iter().map(|point| index(&order, point)).collect::<Result<Vec<_>>>()?;
    let held = state.at(2)?;
    let nodes = held.array()?;
    let (starts, ends) = (nodes.column_i64("idx_start")?, nodes.column_i64("idx_end")?);
    let (leaves, radii) = (nodes.column_i64("is_leaf")?, nodes.column_f64("radius")?);
    let node = |((start, end), (leaf, radius)): ((&i64, &i64), (&i64, &f64))| {
        let (start, end) = (index(&held, *start)?, index(&held, *end)?);
        Ok(SearchNode { start, end, leaf: *leaf != 0, radius: *radius })
    };
    let nodes =
        starts.iter().zip(&ends).zip(leaves.iter().zip(&radii)).map(node).collect::<Result<Vec<_>>>()?;
    let bounds = state.at(3)?.array()?;
    let corners = if boxes { 2 } else { 1 };
    bounds.expect_shape(&[Some(corners), Some(nodes.len()), Some(features)])?;
    let mut first = bounds.f64s()?;
    let shape = if boxes {
        let second = first.split_off(nodes.len() * features);
        NodeShape::Boxes(first, second)
    } else {
        NodeShape::Balls(first)
    };
    Ok(SearchTree { shape, order, nodes })
}

/// The metric that was used in training, with its parameters.
fn metric(value: &Value<'_>, features: usize) -> Result<Metric> {
    let (name, parameters) = (value.field("effective_metric_")?, value.field("effective_metric_params_")?);
    metric_named(value, &name, Some(parameters), features)
}

/// The metric of a name, with its parameters.
pub(super) fn metric_named(
    value: &Value<'_>,
    name: &Value<'_>,
    parameters: Option<Value<'_>>,
    features: usize,
) -> Result<Metric> {
    let supported = "a metric of `sklearn.neighbors` by name, but not `precomputed`";
    if !name.is_text() {
        return Err(value.unsupported_option("metric", name.describe(), supported));
    }
    let parameter = |name| parameters.as_ref().map_or(Ok(None), |parameters| present(parameters, name));
    let required = |name| parameter(name)?.ok_or_else(|| value.missing(name));
    let weights = || -> Result<Option<Vec<f64>>> {
        match parameter("w")? {
            Some(weights) => weights.f64_vector(features).map(Some),
            None => Ok(None),
        }
    };
    let exponent = || parameter("p")?.map_or(Ok(2.0), |p| p.float());
    let plain = match name.text()? {
        "euclidean" | "l2" => Metric::Euclidean,
        "sqeuclidean" => Metric::SquaredEuclidean,
        "manhattan" | "cityblock" | "l1" => Metric::Manhattan,
        "chebyshev" | "infinity" => Metric::Chebyshev,
        "minkowski" | "p" => {
            return Ok(match (exponent()?, weights()?) {
                (1.0, None) => Metric::Manhattan,
                (2.0, None) => Metric::Euclidean,
                (f64::INFINITY, None) => Metric::Chebyshev,
                (p, weights) => Metric::Minkowski { p, weights },
            });
        }
        "wminkowski" => {
            // Its weights are factors of the differences.
            let p = exponent()?;
            let weights = weights()?.map(|weights| weights.iter().map(|w| w.powf(p)).collect());
            return Ok(Metric::Minkowski { p, weights });
        }
        "seuclidean" => return Ok(Metric::Standardized(required("V")?.f64_vector(features)?)),
        "mahalanobis" => {
            if let Some(inverted) = parameter("VI")? {
                return Ok(Metric::Mahalanobis(inverted.f64_matrix(features, features)?.data));
            }
            let covariance = required("V")?;
            return match inverse(&covariance.f64_matrix(features, features)?) {
                Some((inverted, _)) => Ok(Metric::Mahalanobis(inverted.data)),
                None => Err(covariance.invalid("the matrix has no inverse")),
            };
        }
        "hamming" => Metric::Hamming,
        "canberra" => Metric::Canberra,
        "braycurtis" => Metric::BrayCurtis,
        "cosine" => Metric::Cosine,
        "correlation" => Metric::Correlation,
        "haversine" => Metric::Haversine,
        "nan_euclidean" => Metric::EuclideanOfPresent,
        "jaccard" => Metric::Boolean(Boolean::Jaccard),
        "matching" => Metric::Boolean(Boolean::Matching),
        "dice" => Metric::Boolean(Boolean::Dice),
        "kulsinski" => Metric::Boolean(Boolean::Kulsinski),
        "rogerstanimoto" | "sokalmichener" => Metric::Boolean(Boolean::RogersTanimoto),
        "russellrao" => Metric::Boolean(Boolean::RussellRao),
        "sokalsneath" => Metric::Boolean(Boolean::SokalSneath),
        other => return Err(value.unsupported_option("metric", other, supported)),
    };
    match parameter("w")? {
        None => Ok(plain),
        Some(_) => Err(value.unsupported_option("metric_params", "w", "weights of `minkowski` only")),
    }
}
