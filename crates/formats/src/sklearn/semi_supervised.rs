//! `LabelPropagation` and `LabelSpreading`: what labels flow from the training rows to a new one.

use foretell_model::Estimator;
use foretell_model::estimator::{KernelFunction, Neighbours, Reach, Targets};
use foretell_model::head::{LabelRule, Probability};

use super::classes::{Classifier, labels};
use super::kernels::weighted;
use super::neighbours::search;
use super::{Input, Lowered, Result, count};
use crate::pickle::Value;

/// `LabelPropagation` and `LabelSpreading`.
pub(super) fn propagation(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let fitted = value.field("X_")?.f64_matrix(None, None)?;
    let flows = value.field("label_distributions_")?.f64_matrix(fitted.rows, classes.len())?;
    let head = Classifier {
        label: LabelRule::LargestProbability,
        probability: Some(Probability::Proportions { spare_zeros: false }),
        log_probability: None,
        decision: None,
        classes,
    }
    .head();
    let supported = "`rbf` or `knn`";
    let kernel = value.field("kernel")?;
    if !kernel.is_text() {
        return Err(value.unsupported_option("kernel", kernel.describe(), supported));
    }
    let (features, estimator) = match kernel.text()? {
        "rbf" => {
            let columns = (0..flows.cols).map(|at| (0..flows.rows).map(|row| flows.row(row)[at]).collect());
            let function = KernelFunction::Rbf { gamma: value.field("gamma")?.float()? };
            let sum = weighted(fitted, function, columns.collect());
            (sum.features, Estimator::KernelSum(sum))
        }
        "knn" => {
            let search = search(&value.field("nn_fit")?)?;
            let reach = Reach::Nearest(count(&value.field("n_neighbors")?)?);
            let targets = Targets::Values { outputs: flows.cols, values: flows.data };
            let features = search.features;
            let neighbours = Neighbours { search, reach, inverse_distance: false, targets };
            (features, Estimator::Neighbours(neighbours))
        }
        other => return Err(value.unsupported_option("kernel", other, supported)),
    };
    Ok(Lowered::estimator(features, estimator, head))
}
