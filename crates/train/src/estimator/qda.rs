//! Quadratic discriminant analysis.
//!
//! Sources: Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", section 4.3: every class is normally
//! distributed with a covariance of its own; Friedman, "Regularized Discriminant Analysis" (1989), for covariances that
//! are drawn towards the identity.

use foretell_frame::Shape;
use foretell_model::estimator::Linear;
use foretell_model::head::{Classification, LabelRule, LogProbability, Probability};
use foretell_model::step::{Arithmetic, Function, Scale};
use foretell_model::{Estimator, Fitted, Head, Step};

use super::{Learnt, head};
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{ClassSums, dot, factor_cholesky, means, products};
use crate::parameter::{Range, parameters};
use crate::sample::{Sample, Target};

parameters! {
    /// Quadratic discriminant analysis.
    pub struct QuadraticDiscriminantAnalysis {
        /// How likely each class is, in their order; as likely as it is frequent where it is not given.
        priors: Option<Vec<f64>> = None, Range::AboveUpTo(0.0, 1.0);
        /// How far covariances are drawn towards the identity.
        reg_param: f64 = 0.0, Range::Within(0.0, 1.0);
    }
}

/// A column of which less than this share varies apart from others is a sum of them.
const LEAST: f64 = 1e-12;

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit(
    parameters: &QuadraticDiscriminantAnalysis,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Learnt, FitError> {
    sample.check_complete(&target)?;
    let (codes, labels) = target.classes()?;
    sample.check_unweighted()?;
    let (columns, classes) = (sample.columns.len(), labels.len());
    if let Some(priors) = &parameters.priors {
        let got = format!("{} of {classes} classes", priors.len());
        FitError::unless(priors.len() == classes, "priors", "one for each class", got)?;
    }
    context.begin()?;
    let by_class = ClassSums::new(&sample, codes, classes)?;
    let (centre, class_means) = (means(&sample), by_class.means());
    let mut rows_of = vec![Vec::new(); classes];
    codes.iter().enumerate().for_each(|(row, code)| rows_of[*code as usize].push(row));

    // Rows less the centre are projected so that the square of the length of each class's part is their Mahalanobis
    // distance to it.
    let (mut projection, mut offsets, mut intercept) = (Vec::new(), Vec::new(), Vec::new());
    for (class, rows) in rows_of.iter().enumerate() {
        let mean = &class_means[class * columns..][..columns];
        if rows.len() < 2 {
            return Err(FitError::data(
                "2 rows or more of every class",
                format!("one of class number {class}"),
            ));
        }
        let mut factor = covariance(&sample, rows, mean, parameters.reg_param);
        let variances: Vec<f64> = (0..columns).map(|i| factor[i * columns + i]).collect();
        let apart = |factor: &[f64]| {
            let mut pivots = variances.iter().enumerate();
            pivots.all(|(i, variance)| factor[i * columns + i].powi(2) > LEAST * variance)
        };
        if !(factor_cholesky(&mut factor, columns) && apart(&factor)) {
            let advice = "columns that vary and do not depend on each other, or a greater `reg_param`";
            return Err(FitError::data(advice, format!("others in class number {class}")));
        }
        let from_centre: Vec<f64> = mean.iter().zip(&centre).map(|(mean, centre)| mean - centre).collect();
        let whitens = inverse(&factor, columns);
        offsets.extend(whitens.chunks_exact(columns).map(|line| -dot(line, &from_centre)));
        projection.extend(whitens);
        let log_determinant: f64 = (0..columns).map(|i| factor[i * columns + i].ln()).sum();
        let share = rows.len() as f64 / sample.rows() as f64;
        let prior = parameters.priors.as_ref().map_or(share, |priors| priors[class]);
        intercept.push(prior.ln() - log_determinant);
    }
    let halves = (0..classes).flat_map(|class| {
        (0..classes * columns).map(move |at| if at / columns == class { -0.5 } else { 0.0 })
    });
    let linear = Linear { features: classes * columns, coefficients: halves.collect(), intercept };
    let subtract = Scale { operations: vec![Arithmetic::Subtract(centre)], ..Scale::default() };
    let project = Linear { features: columns, coefficients: projection, intercept: offsets };
    let decision = if classes == 2 { Shape::Vector } else { Shape::Matrix(classes) };
    let head = Head::Classification(Classification {
        log_probability: Some(LogProbability::OfJoint),
        decision: Some(decision),
        ..head::classification(labels, LabelRule::LargestScore, Probability::Softmax)
    });
    Ok(Learnt {
        steps: vec![Step::Scale(subtract), Step::Project(project), Step::Elementwise(vec![Function::Square])],
        ..Learnt::from(Fitted { estimator: Estimator::Linear(linear), head })
    })
}

/// The covariance of some rows, drawn towards the identity.
fn covariance(sample: &Sample<'_>, rows: &[usize], mean: &[f64], drawn: f64) -> Vec<f64> {
    let columns = mean.len();
    let mut scatter = products(rows.len(), columns, columns, |at, left, right| {
        let x = sample.row(rows[at]).iter().zip(mean);
        right.iter_mut().zip(x).for_each(|(centred, (x, mean))| *centred = x - mean);
        left.copy_from_slice(right);
    });
    let share = (1.0 - drawn) / (rows.len() - 1) as f64;
    scatter.iter_mut().for_each(|product| *product *= share);
    (0..columns).for_each(|i| scatter[i * columns + i] += drawn);
    scatter
}

/// The inverse of a lower triangle.
fn inverse(factor: &[f64], n: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; n * n];
    for column in 0..n {
        inverse[column * n + column] = 1.0 / factor[column * n + column];
        for row in column + 1..n {
            let known: f64 = (column..row).map(|k| factor[row * n + k] * inverse[k * n + column]).sum();
            inverse[row * n + column] = -known / factor[row * n + row];
        }
    }
    inverse
}
