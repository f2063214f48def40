//! The nearest rows.
//!
//! Source: Cover and Hart, "Nearest Neighbor Pattern Classification" (1967). Learning is keeping the rows.

use foretell_model::estimator::{Metric, Neighbours, Reach, Search, Targets};
use foretell_model::head::Classification;
use foretell_model::{Estimator, Fitted, Head};

use super::head;
use crate::context::Context;
use crate::error::FitError;
use crate::parameter::{Range, choices, parameters};
use crate::sample::{Sample, Target};

/// How much each neighbour counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// As much as any.
    Uniform,
    /// The inverse of its distance.
    Distance,
}

choices!(Weights {
    "uniform" => Self::Uniform,
    "distance" => Self::Distance,
});

parameters! {
    /// The mean, or the shares of the classes, of the nearest rows.
    pub struct KNeighbors {
        /// How many.
        n_neighbors: usize = 5, Range::AtLeast(1.0);
        /// How much each counts.
        weights: Weights = Weights::Uniform, Range::Any;
        /// The exponent of the distance: 2 is Euclid's, 1 the sum of differences.
        p: f64 = 2.0, Range::AtLeast(1.0);
    }
}

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit(
    parameters: &KNeighbors,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    sample.check_unweighted()?;
    if parameters.n_neighbors > sample.rows() {
        let expected = format!("at most {}, the number of rows", sample.rows());
        let got = parameters.n_neighbors.to_string();
        return Err(FitError::Parameter { name: "n_neighbors", expected, got });
    }
    context.begin()?;
    let metric = match parameters.p {
        2.0 => Metric::Euclidean,
        1.0 => Metric::Manhattan,
        p => Metric::Minkowski { p, weights: None },
    };
    let search =
        Search { features: sample.columns.len(), metric, points: sample.values.to_vec(), tree: None };
    let (targets, head) = match target {
        Target::Values(values) => (Targets::Values { outputs: 1, values: values.to_vec() }, head::values()),
        Target::Classes { codes, labels } => {
            let classes = codes.iter().map(|code| *code as usize).collect();
            let targets = Targets::Classes { counts: vec![labels.len()], classes, alone: None };
            // scikit-learn's has no logarithms.
            let shares = Classification { log_probability: None, ..head::class_shares(labels) };
            (targets, Head::Classification(shares))
        }
    };
    let neighbours = Neighbours {
        search,
        reach: Reach::Nearest(parameters.n_neighbors),
        inverse_distance: parameters.weights == Weights::Distance,
        targets,
    };
    Ok(Fitted { estimator: Estimator::Neighbours(neighbours), head })
}
