//! Selections of columns: by variance, by scores and p-values of tests, by coefficients.

use foretell_model::step::{Accepts, Step};

use super::compose::is_word;
use super::importance::{Importance, importance, numpy_sum};
use super::naming::After;
use super::{Input, Lowered, Naming, Result, Version, count, present};
use crate::pickle::Value;

/// `VarianceThreshold`, which lets missing and infinite values pass.
pub(super) fn variance_threshold(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let threshold = value.field("threshold")?.float()?;
    let variances = value.field("variances_")?.f64_vector(None)?;
    let mask = variances.iter().map(|variance| *variance > threshold).collect();
    Ok(selection(mask, Accepts::ALL, input))
}

/// `SequentialFeatureSelector`.
pub(super) fn sequential(value: &Value<'_>, input: Input) -> Result<Lowered> {
    Ok(selection(value.field("support_")?.bool_vector(None)?, Accepts::ALL, input))
}

/// `SelectKBest`.
pub(super) fn select_k_best(value: &Value<'_>, input: Input) -> Result<Lowered> {
    Ok(selection(k_best(value, &value.field("k")?)?, Accepts::FINITE, input))
}

/// `SelectPercentile`.
pub(super) fn select_percentile(value: &Value<'_>, input: Input) -> Result<Lowered> {
    Ok(selection(percentile(value, &value.field("percentile")?)?, Accepts::FINITE, input))
}

/// `SelectFpr`: each p-value by itself.
pub(super) fn select_fpr(value: &Value<'_>, input: Input) -> Result<Lowered> {
    Ok(selection(false_positive_rate(value, &value.field("alpha")?)?, Accepts::FINITE, input))
}

/// `SelectFdr`: the procedure of Benjamini and Hochberg.
pub(super) fn select_fdr(value: &Value<'_>, input: Input) -> Result<Lowered> {
    Ok(selection(false_discovery_rate(value, &value.field("alpha")?)?, Accepts::FINITE, input))
}

/// `SelectFwe`: p-values against a share of the error.
pub(super) fn select_fwe(value: &Value<'_>, input: Input) -> Result<Lowered> {
    Ok(selection(family_wise_error(value, &value.field("alpha")?)?, Accepts::FINITE, input))
}

/// `GenericUnivariateSelect`: one of the others.
pub(super) fn generic_univariate_select(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let parameter = value.field("param")?;
    let mask = match value.field("mode")?.text()? {
        "k_best" => k_best(value, &parameter)?,
        "percentile" => percentile(value, &parameter)?,
        "fpr" => false_positive_rate(value, &parameter)?,
        "fdr" => false_discovery_rate(value, &parameter)?,
        "fwe" => family_wise_error(value, &parameter)?,
        other => {
            let supported = "`k_best`, `percentile`, `fpr`, `fdr` or `fwe`";
            return Err(value.unsupported_option("mode", other, supported));
        }
    };
    Ok(selection(mask, Accepts::FINITE, input))
}

/// A mask over columns.
type Mask = Vec<bool>;

fn k_best(value: &Value<'_>, k: &Value<'_>) -> Result<Mask> {
    let scores = scores(value)?;
    if k.is_text() && k.text()? == "all" {
        return Ok(vec![true; scores.len()]);
    }
    let worse = scores.len().saturating_sub(count(k)?);
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let mut mask = vec![false; scores.len()];
    order[worse..].iter().for_each(|&column| mask[column] = true);
    Ok(mask)
}

fn percentile(value: &Value<'_>, percentile: &Value<'_>) -> Result<Mask> {
    let scores = scores(value)?;
    let share = percentile.float()?;
    if share == 100.0 || scores.is_empty() {
        return Ok(vec![true; scores.len()]);
    }
    if share == 0.0 {
        return Ok(vec![false; scores.len()]);
    }
    if !(0.0..=100.0).contains(&share) {
        return Err(percentile.mismatch("a number from 0 to 100", share));
    }
    let threshold = quantile(&scores, (100.0 - share) / 100.0);
    let mut mask: Mask = scores.iter().map(|score| *score > threshold).collect();
    let kept = mask.iter().filter(|kept| **kept).count();
    let most = (scores.len() as f64 * share / 100.0) as usize;
    let ties: Vec<usize> = (0..scores.len()).filter(|&column| scores[column] == threshold).collect();
    // As a slice in Python, a negative number of ties leaves out as many from the end.
    let taken = if most >= kept { most - kept } else { ties.len().saturating_sub(kept - most) };
    ties.iter().take(taken).for_each(|&column| mask[column] = true);
    Ok(mask)
}

/// `numpy.quantile` with linear interpolation.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let position = (sorted.len() - 1) as f64 * share;
    let (low, high) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    let weight = position - position.floor();
    let difference = high - low;
    if weight >= 0.5 { high - difference * (1.0 - weight) } else { low + difference * weight }
}

fn false_positive_rate(value: &Value<'_>, alpha: &Value<'_>) -> Result<Mask> {
    let alpha = alpha.float()?;
    Ok(p_values(value)?.iter().map(|p| *p < alpha).collect())
}

fn false_discovery_rate(value: &Value<'_>, alpha: &Value<'_>) -> Result<Mask> {
    let p_values = p_values(value)?;
    let step = alpha.float()? / p_values.len() as f64;
    let mut sorted = p_values.clone();
    sorted.sort_by(f64::total_cmp);
    let largest = (1..).zip(&sorted).filter(|(rank, p)| **p <= step * f64::from(*rank)).last();
    let largest = largest.map_or(f64::NEG_INFINITY, |(_, p)| *p);
    Ok(p_values.iter().map(|p| *p <= largest).collect())
}

fn family_wise_error(value: &Value<'_>, alpha: &Value<'_>) -> Result<Mask> {
    let p_values = p_values(value)?;
    let alpha = alpha.float()? / p_values.len() as f64;
    Ok(p_values.iter().map(|p| *p < alpha).collect())
}

/// The scores; NaN counts as the smallest number.
fn scores(value: &Value<'_>) -> Result<Vec<f64>> {
    let scores = value.field("scores_")?.f64_vector(None)?;
    // Adding zero makes both zeros the same, so that equal scores keep their order.
    Ok(scores.into_iter().map(|score| if score.is_nan() { f64::MIN } else { score + 0.0 }).collect())
}

fn p_values(value: &Value<'_>) -> Result<Vec<f64>> {
    value.field("pvalues_")?.f64_vector(None)
}

/// `SelectFromModel`: by the coefficients or importances of an estimator.
pub(super) fn select_from_model(value: &Value<'_>, input: Input) -> Result<Lowered> {
    // A model that was fitted before is not copied.
    let estimator = match present(value, "estimator_")? {
        Some(estimator) => estimator,
        None => value.field("estimator")?,
    };
    let getter = present(value, "importance_getter")?;
    let importances = match importance(&estimator, getter.as_ref())? {
        Importance::Coefficients(coefficients) => norms(&coefficients, value.field("norm_order")?.float()?)?,
        Importance::OfColumns(importances) => importances.into_iter().map(f64::abs).collect(),
    };
    let threshold = threshold(value, &estimator, &importances)?;
    let mut mask = vec![true; importances.len()];
    let most = match present(value, "max_features_")? {
        Some(most) => Some(most),
        None => present(value, "max_features")?,
    };
    if let Some(most) = most {
        let mut order: Vec<usize> = (0..importances.len()).collect();
        order.sort_by(|&a, &b| importances[b].total_cmp(&importances[a]));
        order.iter().skip(count(&most)?).for_each(|&column| mask[column] = false);
    }
    for (kept, importance) in mask.iter_mut().zip(&importances) {
        *kept &= *importance >= threshold;
    }
    Ok(selection(mask, Accepts::FINITE, input))
}

/// Norms of the coefficients of each column over the outputs.
fn norms(coefficients: &Value<'_>, norm: f64) -> Result<Vec<f64>> {
    if let Ok(vector) = coefficients.f64_vector(None) {
        return Ok(vector.into_iter().map(f64::abs).collect());
    }
    let matrix = coefficients.f64_matrix(None, None)?;
    let of = |column: usize| {
        let sizes = (0..matrix.rows).map(|row| matrix.data[row * matrix.cols + column].abs());
        if norm == 1.0 {
            sizes.sum()
        } else if norm == 2.0 {
            sizes.map(|size| size * size).sum::<f64>().sqrt()
        } else if norm == f64::INFINITY {
            sizes.fold(0.0, f64::max)
        } else {
            sizes.map(|size| size.powf(norm)).sum::<f64>().powf(1.0 / norm)
        }
    };
    Ok((0..matrix.cols).map(of).collect())
}

/// The least importance that is kept.
fn threshold(value: &Value<'_>, estimator: &Value<'_>, importances: &[f64]) -> Result<f64> {
    let setting = value.field("threshold")?;
    let mean = || numpy_sum(importances) / importances.len() as f64;
    if setting.is_none() {
        let class = estimator.class().map_or("", |class| class.name());
        let penalty = present(estimator, "penalty")?;
        let l1 = penalty.is_some_and(|penalty| is_word(&penalty, "l1"));
        let fitted = if class.ends_with("CV") { "l1_ratio_" } else { "l1_ratio" };
        let ratio = present(estimator, fitted)?.and_then(|ratio| ratio.float().ok());
        // Logistic regression is looked at since 1.8; its CV has one ratio per class, which is refused below.
        let logistic = class == "LogisticRegression" && Version::of(value)? >= Version(1, 8);
        if class == "LogisticRegressionCV" && Version::of(value)? >= Version(1, 8) {
            return Err(value.unsupported_option("threshold", "None", "a threshold for this estimator"));
        }
        let only_l1 = (class.starts_with("ElasticNet") || logistic)
            && ratio.is_some_and(|ratio| (ratio - 1.0).abs() <= 1e-5);
        return Ok(if l1 || class.contains("Lasso") || only_l1 { 1e-5 } else { mean() });
    }
    if !setting.is_text() {
        return setting.float();
    }
    let text = setting.text()?;
    let (factor, reference) = match text.split_once('*') {
        Some((factor, reference)) => (factor.trim().parse().ok(), reference.trim()),
        None => (Some(1.0), text.trim()),
    };
    let reference = match reference {
        "mean" => Some(mean()),
        "median" if !importances.is_empty() => Some(quantile(importances, 0.5)),
        _ => None,
    };
    match factor.zip(reference) {
        Some((factor, reference)) => Ok(factor * reference),
        None => Err(value.unsupported_option("threshold", text, "a number, `mean`, `median` or a multiple")),
    }
}

/// The columns of a mask.
fn selection(mask: Mask, accepts: Accepts, input: Input) -> Lowered {
    let selected: Vec<usize> = (0..mask.len()).filter(|&column| mask[column]).collect();
    let after = |&input: &usize| After { input, prefix: "", suffix: String::new() };
    let naming = Naming::After(selected.iter().map(after).collect());
    let steps = vec![Step::Require(accepts), Step::Select(selected)];
    Lowered::transformer(mask.len(), steps, input.sparse).naming(naming)
}
