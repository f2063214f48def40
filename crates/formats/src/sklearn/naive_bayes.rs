//! Naive Bayes.

use foretell_frame::Labels;
use foretell_model::estimator::{GaussianNaiveBayes, Linear};
use foretell_model::head::{LabelRule, LogProbability, Probability};
use foretell_model::step::{Accepts, Combine, Curve, Curves, Function, Rule};
use foretell_model::{Estimator, Head, Step};

use super::classes::{Classifier, labels};
use super::{Input, Lowered, MOST, Result, present};
use crate::pickle::{Matrix, Value};

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
    Ok(Lowered::estimator(estimator.features, Estimator::GaussianNaiveBayes(estimator), joint(classes)))
}

/// `MultinomialNB`.
pub(super) fn multinomial(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let logarithms = value.field("feature_log_prob_")?.f64_matrix(classes.len(), None)?;
    let prior = value.field("class_log_prior_")?.f64_vector(classes.len())?;
    Ok(weighted(classes, logarithms, prior))
}

/// `ComplementNB`, whose classes have no prior unless there is only one.
pub(super) fn complement(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let weights = value.field("feature_log_prob_")?.f64_matrix(classes.len(), None)?;
    let prior = match classes.len() {
        1 => value.field("class_log_prior_")?.f64_vector(1)?,
        several => vec![0.0; several],
    };
    Ok(weighted(classes, weights, prior))
}

/// `BernoulliNB`: what is not there counts as well.
pub(super) fn bernoulli(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let mut logarithms = value.field("feature_log_prob_")?.f64_matrix(classes.len(), None)?;
    let features = logarithms.cols;
    let mut intercept = value.field("class_log_prior_")?.f64_vector(classes.len())?;
    for (row, prior) in logarithms.data.chunks_exact_mut(features.max(1)).zip(&mut intercept) {
        let absent = |present: f64| (1.0 - present.exp()).ln();
        *prior += row.iter().map(|present| absent(*present)).sum::<f64>();
        row.iter_mut().for_each(|present| *present -= absent(*present));
    }
    let mut lowered = weighted(classes, logarithms, intercept);
    if let Some(threshold) = present(value, "binarize")? {
        let columns = vec![Curve::Threshold(threshold.float()?); features];
        lowered.pipeline.steps = vec![Step::Curves(Curves { columns, accepts: Accepts::FINITE })];
    }
    Ok(lowered)
}

/// `CategoricalNB`: a table of logarithms per feature and class. Codes are truncated to integers as the library does;
/// what is no code is refused.
pub(super) fn categorical(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let classes = labels(&value.field("classes_")?)?;
    let prior = value.field("class_log_prior_")?.f64_vector(classes.len())?;
    let held = value.field("feature_log_prob_")?;
    let (mut codes, mut tables) = (Vec::new(), Vec::new());
    for table in held.items()? {
        let table = table.f64_matrix(classes.len(), None)?;
        codes.push(Curve::Within { least: 0.0, most: table.cols as f64 - 1.0 });
        for class in 0..classes.len() {
            let values = table.row(class).to_vec();
            tables.push(Curve::Table { values, missing: f64::NAN, other: f64::NAN });
        }
    }
    let features = codes.len();
    if tables.len() > MOST {
        return Err(held.mismatch(format_args!("at most {MOST} tables"), tables.len()));
    }
    // The prior is the last member of the sum, as in the library: a table of one value, whatever the code.
    let mut repeated: Vec<usize> = (0..tables.len()).map(|table| table / classes.len().max(1)).collect();
    repeated.extend(prior.iter().map(|_| 0));
    let same = |value: &f64| Curve::Table { values: Vec::new(), missing: *value, other: *value };
    tables.extend(prior.iter().map(same));
    let mut lowered = Lowered::estimator(features, Estimator::Columns, joint(classes));
    lowered.pipeline.steps = vec![
        Step::Require(Accepts::FINITE),
        Step::Elementwise(vec![Function::Trunc]),
        Step::Curves(Curves { columns: codes, accepts: Accepts::FINITE }),
        Step::Select(repeated),
        Step::Curves(Curves { columns: tables, accepts: Accepts::FINITE }),
        Step::Combine(Combine { members: features + 1, rule: Rule::Sum }),
    ];
    Ok(lowered)
}

/// Scores that are weighted sums.
fn weighted(classes: Labels, coefficients: Matrix, intercept: Vec<f64>) -> Lowered {
    let linear = Linear { features: coefficients.cols, coefficients: coefficients.data, intercept };
    Lowered::estimator(linear.features, Estimator::Linear(linear), joint(classes))
}

/// Raw scores are joint log-likelihoods.
fn joint(classes: Labels) -> Head {
    Classifier {
        classes,
        label: LabelRule::LargestScore,
        probability: Some(Probability::ExpNormalized),
        log_probability: Some(LogProbability::OfJoint),
        decision: None,
    }
    .head()
}
