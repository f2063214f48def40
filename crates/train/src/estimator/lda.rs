//! Linear discriminant analysis.
//!
//! Source: Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", section 4.3.2: rows are whitened by the
//! scatter within the classes, and the class is the nearest centroid among the directions in which the centroids differ.
//! Directions that rounding made are left out by the rule of scikit-learn's solver `svd`.

use foretell_model::estimator::Linear;
use foretell_model::{Estimator, Fitted};

use super::head;
use crate::context::Context;
use crate::error::FitError;
use crate::linalg::{ClassSums, eigen_symmetric, products};
use crate::parameter::{Range, parameters};
use crate::sample::{Sample, Target};

parameters! {
    /// Linear discriminant analysis.
    pub struct LinearDiscriminantAnalysis {
        /// Directions in which standardised rows vary less than this within their classes are left out.
        tol: f64 = 1e-4, Range::AtLeast(0.0);
    }
}

/// Fits.
///
/// # Errors
/// Data that it cannot learn from; that it was stopped.
pub fn fit(
    parameters: &LinearDiscriminantAnalysis,
    sample: Sample<'_>,
    target: Target<'_>,
    context: &Context<'_>,
) -> Result<Fitted, FitError> {
    sample.check_complete(&target)?;
    let (codes, labels) = target.classes()?;
    sample.check_unweighted()?;
    context.begin()?;
    let (rows, columns, classes) = (sample.rows(), sample.columns.len(), labels.len());
    if rows <= classes {
        return Err(FitError::data("more rows than classes", format!("{rows} rows of {classes} classes")));
    }
    let groups = Groups::new(&sample, codes, classes)?;

    // What rows vary within their classes.
    let scatter = products(rows, columns, columns, |row, left, right| {
        let (x, mean) = (sample.row(row), groups.mean(codes[row] as usize));
        right.iter_mut().zip(x.iter().zip(mean)).for_each(|(centred, (x, mean))| *centred = x - mean);
        left.copy_from_slice(right);
    });
    let deviation: Vec<f64> = (0..columns)
        .map(|i| (scatter[i * columns + i] / rows as f64).sqrt())
        .map(|deviation| if deviation == 0.0 { 1.0 } else { deviation })
        .collect();
    let share = 1.0 / (rows - classes) as f64;
    let standardised: Vec<f64> = (0..columns * columns)
        .map(|at| share * scatter[at] / (deviation[at / columns] * deviation[at % columns]))
        .collect();
    let (values, vectors) = eigen_symmetric(&standardised, columns);
    let kept = values.iter().filter(|value| value.max(0.0).sqrt() > parameters.tol).count();
    // `columns x kept`: rows times this are white within their classes.
    let mut whitens = vec![0.0; columns * kept];
    for (k, (value, vector)) in values.iter().zip(vectors.chunks_exact(columns)).take(kept).enumerate() {
        for i in 0..columns {
            whitens[i * kept + k] = vector[i] / deviation[i] / value.sqrt();
        }
    }

    // How the centroids of the classes vary, each as heavy as its class.
    let centroids: Vec<Vec<f64>> =
        (0..classes).map(|class| project(&groups.centred(class), &whitens, kept)).collect();
    let factor = rows as f64 / (classes - 1) as f64;
    let mut between = vec![0.0; kept * kept];
    for (centroid, prior) in centroids.iter().zip(&groups.priors) {
        for i in 0..kept {
            for j in 0..kept {
                between[i * kept + j] += factor * prior * centroid[i] * centroid[j];
            }
        }
    }
    let (values, vectors) = eigen_symmetric(&between, kept);
    let largest = values.first().map_or(0.0, |value| value.max(0.0).sqrt());
    let directions = values.iter().filter(|value| value.max(0.0).sqrt() > parameters.tol * largest).count();
    if directions == 0 {
        return Err(FitError::data("classes whose means differ", "the same mean in all"));
    }
    // `kept x directions`.
    let turns: Vec<f64> = (0..kept)
        .flat_map(|i| vectors.chunks_exact(kept.max(1)).take(directions).map(move |v| v[i]))
        .collect();
    let scalings: Vec<f64> =
        whitens.chunks_exact(kept.max(1)).flat_map(|line| project(line, &turns, directions)).collect();

    let mut coefficients = Vec::with_capacity(classes * columns);
    let mut intercept = Vec::with_capacity(classes);
    for class in 0..classes {
        let along = project(&groups.centred(class), &scalings, directions);
        let of_class: Vec<f64> = scalings
            .chunks_exact(directions)
            .map(|line| line.iter().zip(&along).map(|(s, a)| s * a).sum())
            .collect();
        let length: f64 = along.iter().map(|a| a * a).sum();
        let at_mean: f64 = of_class.iter().zip(&groups.overall).map(|(b, mean)| b * mean).sum();
        intercept.push(groups.priors[class].ln() - 0.5 * length - at_mean);
        coefficients.extend(of_class);
    }
    if classes == 2 {
        coefficients = (0..columns).map(|i| coefficients[columns + i] - coefficients[i]).collect();
        intercept = vec![intercept[1] - intercept[0]];
    }
    let linear = Linear { features: columns, coefficients, intercept };
    Ok(Fitted { estimator: Estimator::Linear(linear), head: head::scored_classes(labels) })
}

/// A row times a matrix of so many columns.
fn project(row: &[f64], matrix: &[f64], width: usize) -> Vec<f64> {
    let mut out = vec![0.0; width];
    for (x, line) in row.iter().zip(matrix.chunks_exact(width.max(1))) {
        out.iter_mut().zip(line).for_each(|(sum, m)| *sum += x * m);
    }
    out
}

/// The rows by class.
struct Groups {
    /// The share of the rows that each class has.
    priors: Vec<f64>,
    /// `classes x columns`.
    means: Vec<f64>,
    /// The mean of the means, each as heavy as its class.
    overall: Vec<f64>,
}

impl Groups {
    fn new(sample: &Sample<'_>, codes: &[u32], classes: usize) -> Result<Self, FitError> {
        let columns = sample.columns.len();
        let by_class = ClassSums::new(sample, codes, classes)?;
        let (counts, means) = (&by_class.weights, by_class.means());
        let priors: Vec<f64> = counts.iter().map(|count| count / sample.rows() as f64).collect();
        let overall = (0..columns)
            .map(|i| priors.iter().enumerate().map(|(class, prior)| prior * means[class * columns + i]).sum())
            .collect();
        Ok(Self { priors, means, overall })
    }

    fn mean(&self, class: usize) -> &[f64] {
        &self.means[class * self.overall.len()..][..self.overall.len()]
    }

    /// The mean of a class, from the overall one.
    fn centred(&self, class: usize) -> Vec<f64> {
        self.mean(class).iter().zip(&self.overall).map(|(mean, overall)| mean - overall).collect()
    }
}
