//! Naive Bayes.

use foretell_model::Estimator;
use foretell_model::estimator::GaussianNaiveBayes;
use foretell_model::head::{LabelRule, LogProbability, Probability};

use super::classes::{Classifier, labels};
use super::{Input, Lowered, Result, present};
use crate::pickle::Value;

/// `GaussianNB`.
pub(super) fn gaussian(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let mean = value.field("theta_")?.f64_matrix(classes.len(), None)?;
    // `sigma_` before 1.0.
    let variance = match present(value, "var_")? {
        Some(variance) => variance,
        None => value.field("sigma_")?,
    };
    let estimator = GaussianNaiveBayes {
        features: mean.cols,
        log_prior: value
            .field("class_prior_")?
            .f64_vector(classes.len())?
            .iter()
            .map(|prior| prior.ln())
            .collect(),
        variance: variance.f64_matrix(classes.len(), mean.cols)?.data,
        mean: mean.data,
    };
    let head = Classifier {
        classes,
        label: LabelRule::LargestScore,
        probability: Some(Probability::ExpNormalized),
        log_probability: Some(LogProbability::OfJoint),
        decision: None,
    };
    Ok(Lowered::estimator(estimator.features, Estimator::GaussianNaiveBayes(estimator), head.head()))
}
