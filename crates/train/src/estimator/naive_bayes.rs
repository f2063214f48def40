//! Naive Bayes: Gaussian, of counts, and of what is there or not.
//!
//! Source: Zhang, "The Optimality of Naive Bayes" (2004); variances are smoothed as scikit-learn's `GaussianNB` does.

use foretell_model::estimator::{GaussianNaiveBayes, Linear};
use foretell_model::step::{Accepts, Curve, Curves};
use foretell_model::{Estimator, Fitted, Step};

use super::{Learnt, head};
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{ClassSums, means, sum_runs};
use crate::parameter::{Range, parameters};
use crate::sample::{Sample, Target};

parameters! {
    /// Gaussian naive Bayes.
    pub struct GaussianNB {
        /// The share of the largest variance of a column that is added to all variances.
        var_smoothing: f64 = 1e-9, Range::AtLeast(0.0);
    }
}

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit(
    parameters: &GaussianNB,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    let (codes, labels) = target.classes()?;
    context.begin()?;
    let (rows, features, classes) = (sample.rows(), sample.columns.len(), labels.len());
    let by_class = ClassSums::new(&sample, codes, classes)?;
    let (weights, mean) = (&by_class.weights, by_class.means());
    let squares = |centre: &(dyn Fn(usize) -> usize + Sync), of: &[f64], lines: usize, weighted: bool| {
        sum_runs(rows, lines * features, |row, sums| {
            let line = centre(row) * features..(centre(row) + 1) * features;
            let weight = if weighted { sample.weight(row) } else { 1.0 };
            let each = sums[line.clone()].iter_mut().zip(sample.row(row).iter().zip(&of[line]));
            each.for_each(|(sum, (x, mean))| *sum += weight * (x - mean).powi(2));
        })
    };
    // Of all rows, which is not weighted in scikit-learn either.
    let plain = Sample { weights: None, ..sample };
    let spread = squares(&|_| 0, &means(&plain), 1, false);
    let smoothing = parameters.var_smoothing * spread.iter().fold(0.0f64, |a, b| a.max(b / rows as f64));
    let within = squares(&|row| codes[row] as usize, &mean, classes, true);
    let variance: Vec<f64> = within
        .chunks_exact(features)
        .zip(weights)
        .flat_map(|(line, weight)| line.iter().map(move |sum| sum / weight + smoothing))
        .collect();
    if variance.contains(&0.0) {
        return Err(FitError::data("columns that vary, or a greater `var_smoothing`", "a variance of 0"));
    }
    let total: f64 = weights.iter().sum();
    let log_prior = weights.iter().map(|weight| (weight / total).ln()).collect();
    let bayes = GaussianNaiveBayes { features, log_prior, mean, variance };
    Ok(Fitted { estimator: Estimator::GaussianNaiveBayes(bayes), head: head::joint(labels) })
}

parameters! {
    /// Naive Bayes of counts.
    pub struct MultinomialNB {
        /// What is added to all counts.
        alpha: f64 = 1.0, Range::AtLeast(0.0);
        /// Whether classes are as likely as they are frequent; else all the same.
        fit_prior: bool = true, Range::Any;
    }
}

/// Fits naive Bayes of counts, or of anything that is no less than 0.
///
/// Source: Manning, Raghavan and Schuetze, "Introduction to Information Retrieval" (2008), chapter 13.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit_multinomial(
    parameters: &MultinomialNB,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    let (codes, labels) = target.classes()?;
    if let Some(bad) = sample.values.iter().find(|value| **value < 0.0) {
        return Err(FitError::data("counts of 0 or more", bad));
    }
    context.begin()?;
    let (features, classes) = (sample.columns.len(), labels.len());
    let by_class = ClassSums::new(&sample, codes, classes)?;
    let total = sample.total_weight();
    let (mut coefficients, mut intercept) = (Vec::new(), Vec::new());
    for (class, weight) in by_class.weights.iter().enumerate() {
        let counts: Vec<f64> = by_class.of(class).iter().map(|count| count + parameters.alpha).collect();
        if counts.iter().any(|count| *count <= 0.0) {
            return Err(FitError::data("counts above 0 in every class, or an `alpha` above 0", 0));
        }
        let all = counts.iter().sum::<f64>();
        coefficients.extend(counts.iter().map(|count| count.ln() - all.ln()));
        let prior = if parameters.fit_prior { weight / total } else { 1.0 / classes as f64 };
        intercept.push(prior.ln());
    }
    let linear = Linear { features, coefficients, intercept };
    Ok(Fitted { estimator: Estimator::Linear(linear), head: head::joint(labels) })
}

parameters! {
    /// Naive Bayes of what is there or not.
    pub struct BernoulliNB {
        /// What is added to the counts of what is there, and of what is not.
        alpha: f64 = 1.0, Range::AtLeast(0.0);
        /// What is greater is there; `none` where the numbers are 0 and 1 already.
        binarize: Option<f64> = Some(0.0), Range::Any;
        /// Whether classes are as likely as they are frequent; else all the same.
        fit_prior: bool = true, Range::Any;
    }
}

/// Fits naive Bayes of what is there or not. What is not there speaks for a class as well.
///
/// Source: Manning, Raghavan and Schuetze, "Introduction to Information Retrieval" (2008), section 13.3.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit_bernoulli(
    parameters: &BernoulliNB,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Learnt, FitError> {
    sample.check_complete(&target)?;
    let (codes, labels) = target.classes()?;
    if parameters.binarize.is_none()
        && let Some(bad) = sample.values.iter().find(|value| **value != 0.0 && **value != 1.0)
    {
        return Err(FitError::data("0 and 1 only, or a `binarize` that parts the numbers", bad));
    }
    context.begin()?;
    let (features, classes) = (sample.columns.len(), labels.len());
    let there = |x: f64| parameters.binarize.map_or(x, |threshold| f64::from(u8::from(x > threshold)));
    let by_class = ClassSums::mapped(&sample, codes, classes, there)?;
    let (alpha, total) = (parameters.alpha, sample.total_weight());
    let (mut coefficients, mut intercept) = (Vec::new(), Vec::new());
    for (class, weight) in by_class.weights.iter().enumerate() {
        let prior = if parameters.fit_prior { weight / total } else { 1.0 / classes as f64 };
        let mut constant = prior.ln();
        for there in by_class.of(class) {
            let (there, absent) = (there + alpha, weight - there + alpha);
            if there <= 0.0 || absent <= 0.0 {
                let expected = "columns that vary within every class, or an `alpha` above 0";
                return Err(FitError::data(expected, "one that is the same in a class"));
            }
            coefficients.push(there.ln() - absent.ln());
            constant += absent.ln() - (weight + 2.0 * alpha).ln();
        }
        intercept.push(constant);
    }
    let threshold = |threshold| {
        let columns = vec![Curve::Threshold(threshold); features];
        Step::Curves(Curves { columns, accepts: Accepts::FINITE })
    };
    let linear = Linear { features, coefficients, intercept };
    let fitted = Fitted { estimator: Estimator::Linear(linear), head: head::joint(labels) };
    let steps = parameters.binarize.map(threshold).into_iter().collect();
    Ok(Learnt { steps, ..Learnt::from(fitted) })
}
