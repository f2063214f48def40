//! Transformers that ask neighbours: `Isomap`, `LocallyLinearEmbedding`, `KNeighborsTransformer`, `RadiusNeighborsTransformer`.

use foretell_frame::Shape;
use foretell_model::estimator::{Neighbours, Reach, Search, Targets};
use foretell_model::step::{Answer, Arithmetic, Function, Predict, Scale};
use foretell_model::{Estimator, Fitted, Step};

use super::classes::regressor;
use super::neighbours::search;
use super::{Input, Lowered, Result, bounded, count, lower, numbered, present};
use crate::pickle::Value;

/// `Isomap`: the ways to all points through the neighbours, and kernel principal components of their squares.
pub(super) fn isomap(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let neighbours = value.field("nbrs_")?;
    let search = search(&neighbours)?;
    let (features, points) = (search.features, search.points.len() / search.features);
    let reach = match present(value, "n_neighbors")? {
        Some(nearest) => Reach::Nearest(count(&nearest)?),
        None => Reach::Within(value.field("radius")?.float()?),
    };
    let held = value.field("dist_matrix_")?;
    let lengths = held.f64_matrix(points, points)?.data;
    let outputs = bounded(&held, points)?;
    let kernel = value.field("kernel_pca_")?;
    let projection = lower(&kernel, input)?;
    let naming = numbered(value, count(&value.field("n_components")?)?);
    let mut steps = vec![
        asked(search, reach, Targets::Geodesic { lengths }, outputs),
        Step::Elementwise(vec![Function::Square]),
        Step::Scale(Scale {
            operations: vec![Arithmetic::Multiply(vec![-0.5; outputs])],
            ..Scale::default()
        }),
    ];
    steps.extend(projection.into_steps(&kernel)?);
    Ok(Lowered::transformer(features, steps, false).naming(naming))
}

/// `LocallyLinearEmbedding`: where the neighbours came to lie, in the weights in which they are nearest to the row.
pub(super) fn locally_linear(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let search = search(&value.field("nbrs_")?)?;
    let (features, points) = (search.features, search.points.len() / search.features);
    let embedding = value.field("embedding_")?;
    let matrix = embedding.f64_matrix(points, None)?;
    let outputs = bounded(&embedding, matrix.cols)?;
    let regularization = value.field("reg")?.float()?;
    let targets = Targets::Barycentre { outputs, values: matrix.data, regularization };
    let reach = Reach::Nearest(count(&value.field("n_neighbors")?)?);
    let steps = vec![asked(search, reach, targets, outputs)];
    Ok(Lowered::transformer(features, steps, false).naming(numbered(value, outputs)))
}

/// `KNeighborsTransformer`, which gives one neighbour more where it gives distances.
pub(super) fn nearest_transformer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let distances = distances(value)?;
    let nearest = count(&value.field("n_neighbors")?)?;
    graph(value, Reach::Nearest(nearest + usize::from(distances)), distances)
}

/// `RadiusNeighborsTransformer`.
pub(super) fn radius_transformer(value: &Value<'_>, _: Input) -> Result<Lowered> {
    graph(value, Reach::Within(value.field("radius")?.float()?), distances(value)?)
}

fn distances(value: &Value<'_>) -> Result<bool> {
    match value.field("mode")?.text()? {
        "distance" => Ok(true),
        "connectivity" => Ok(false),
        other => Err(value.unsupported_option("mode", other, "`distance` or `connectivity`")),
    }
}

fn graph(value: &Value<'_>, reach: Reach, distances: bool) -> Result<Lowered> {
    let search = search(value)?;
    let features = search.features;
    let points = bounded(&value.field("_fit_X")?, search.points.len() / features)?;
    let steps = vec![asked(search, reach, Targets::Graph { distances }, points)];
    Ok(Lowered::transformer(features, steps, true).naming(numbered(value, points)))
}

/// What neighbours answer in place of the columns.
fn asked(search: Search, reach: Reach, targets: Targets, outputs: usize) -> Step {
    let neighbours = Neighbours { search, reach, inverse_distance: false, targets };
    let head = regressor(Shape::Matrix(outputs));
    let fitted = Fitted { estimator: Estimator::Neighbours(neighbours), head };
    Step::Predict(Box::new(Predict { fitted, answer: Answer::Value }))
}
