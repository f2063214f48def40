//! Columns that are made of several: products, and directions.

use foretell_model::Step;
use foretell_model::estimator::Linear;
use foretell_model::step::Products;

use super::lesson::Lesson;
use super::parameters::{Pca, PolynomialFeatures};
use crate::FitError;
use crate::linalg::{eigen_symmetric, products};

/// Most columns that polynomials may become.
const MOST_TERMS: usize = 10_000;

/// Products in scikit-learn's order: by their number of factors, then as combinations of positions ascend.
pub(super) fn polynomial(parameters: &PolynomialFeatures, width: usize) -> Result<Step, FitError> {
    let mut factors: Vec<Vec<usize>> = vec![Vec::new()];
    let mut last: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..parameters.degree {
        let longer = |product: &Vec<usize>| {
            let skip = usize::from(parameters.interaction_only && !product.is_empty());
            let first = product.last().map_or(0, |last| last + skip);
            let product = product.clone();
            (first..width).map(move |next| product.iter().copied().chain([next]).collect::<Vec<_>>())
        };
        last = last.iter().flat_map(longer).take(MOST_TERMS + 1).collect();
        factors.extend(last.iter().cloned());
        if factors.len() > MOST_TERMS {
            return Err(FitError::data(format!("at most {MOST_TERMS} products"), "more; lower the `degree`"));
        }
    }
    if !parameters.include_bias {
        factors.remove(0);
    }
    Ok(Step::Products(Products { features: width, factors }))
}

/// Components with the largest coefficient of each positive, as scikit-learn's are.
pub(super) fn components(parameters: &Pca, lesson: &Lesson<'_>) -> Result<Step, FitError> {
    let numbers = lesson.complete("PCA")?;
    let (width, rows) = (numbers.len(), lesson.rows());
    let most = width.min(rows.saturating_sub(1)).max(1);
    let count = parameters.n_components.unwrap_or(most);
    if count > most {
        let expected = format!("at most {most}, for {width} columns and {rows} rows");
        return Err(FitError::Parameter { name: "n_components", expected, got: count.to_string() });
    }
    let means: Vec<f64> = numbers.iter().map(|values| values.iter().sum::<f64>() / rows as f64).collect();
    let mut covariance = products(rows, width, width, |row, left, right| {
        let centred = numbers.iter().zip(&means).map(|(values, mean)| values[row] - mean);
        right.iter_mut().zip(centred).for_each(|(to, x)| *to = x);
        left.copy_from_slice(right);
    });
    covariance.iter_mut().for_each(|sum| *sum /= (rows as f64 - 1.0).max(1.0));
    let (values, vectors) = eigen_symmetric(&covariance, width);
    let (mut coefficients, mut intercept) = (Vec::new(), Vec::new());
    for (value, vector) in values.iter().zip(vectors.chunks_exact(width)).take(count) {
        let largest = vector.iter().fold(0.0f64, |most, x| if x.abs() > most.abs() { *x } else { most });
        let scale = if parameters.whiten { value.max(f64::MIN_POSITIVE).sqrt() } else { 1.0 };
        let direction: Vec<f64> = vector.iter().map(|x| x * largest.signum() / scale).collect();
        intercept.push(-direction.iter().zip(&means).map(|(x, mean)| x * mean).sum::<f64>());
        coefficients.extend(direction);
    }
    Ok(Step::Project(Linear { features: width, coefficients, intercept }))
}
