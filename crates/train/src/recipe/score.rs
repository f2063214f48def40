//! Columns that tell the most of the target, one by one.
//!
//! Source: scikit-learn's user guide, "Univariate feature selection": the F statistic of the analysis of variance, that of
//! the correlation, and the chi-squared statistic of counts.

use foretell_frame::Labels;
use rayon::prelude::*;

use super::lesson::Lesson;
use super::parameters::{ScoreFunction, SelectBest};
use crate::parameter::Parameter;
use crate::{FitError, Target};

/// Kept unless told otherwise.
const USUAL: usize = 10;

/// The positions of the columns that are kept, ascending.
pub(super) fn best(parameters: &SelectBest, lesson: &Lesson<'_>) -> Result<Vec<usize>, FitError> {
    let columns = lesson.complete("SelectKBest")?;
    let target = lesson.target("SelectKBest")?;
    let score_func = parameters.score_func.unwrap_or(match target {
        Target::Classes { .. } => ScoreFunction::Variance,
        Target::Values(_) => ScoreFunction::Correlation,
    });
    if score_func == ScoreFunction::ChiSquared {
        let negative = |values: &&[f64]| values.iter().any(|value| *value < 0.0);
        if let Some(at) = columns.iter().position(negative) {
            let expected = format!("counts, or numbers of 0 or more, in `{}` for `chi2`", lesson.name(at));
            return Err(FitError::data(expected, "negative ones"));
        }
    }
    let scores: Vec<f64> = match (score_func, target) {
        (ScoreFunction::Correlation, Target::Values(y)) => {
            columns.par_iter().map(|x| correlation(x, y)).collect()
        }
        (ScoreFunction::Variance, Target::Classes { codes, labels }) => {
            let classes = Classes::new(codes, labels);
            columns.par_iter().map(|x| variance(x, &classes)).collect()
        }
        (ScoreFunction::ChiSquared, Target::Classes { codes, labels }) => {
            let classes = Classes::new(codes, labels);
            columns.par_iter().map(|x| chi_squared(x, &classes)).collect()
        }
        (other, _) => {
            return Err(FitError::Parameter {
                name: "score_func",
                expected: "`f_classif` or `chi2` for a target of classes, `f_regression` for one of numbers"
                    .to_owned(),
                got: other.write().to_string(),
            });
        }
    };
    // What tells nothing, such as a column that never varies, comes last.
    let scores: Vec<f64> = scores.into_iter().map(|x| if x.is_nan() { f64::MIN } else { x }).collect();
    match (parameters.k, parameters.percentile) {
        (Some(_), Some(percentile)) => Err(FitError::Parameter {
            name: "percentile",
            expected: "one of `k` and `percentile`".to_owned(),
            got: percentile.to_string(),
        }),
        (None, Some(percentile)) => Ok(share_of(&scores, percentile)),
        (k, None) => Ok(first(&scores, k.unwrap_or(USUAL))),
    }
}

/// So many of the highest scores; of equal ones the last.
fn first(scores: &[f64], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let mut kept = order.split_off(order.len().saturating_sub(k));
    kept.sort_unstable();
    kept
}

/// So many hundredths of the highest scores; of equal ones at the end the first.
fn share_of(scores: &[f64], percentile: f64) -> Vec<usize> {
    let mut ascending = scores.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    let at = (1.0 - percentile / 100.0) * (scores.len() - 1) as f64;
    let (low, part) = (ascending[at.floor() as usize], at.fract());
    let next = ascending[(at.floor() as usize + 1).min(scores.len() - 1)];
    let threshold = if part > 0.0 { low + part * (next - low) } else { low };
    let above = scores.iter().filter(|score| **score > threshold).count();
    let most = (scores.len() as f64 * percentile / 100.0) as usize;
    let mut ties = most.saturating_sub(above);
    let keep = |at: &usize| {
        let tie = scores[*at] == threshold && ties > 0;
        ties -= usize::from(tie);
        tie || scores[*at] > threshold
    };
    (0..scores.len()).filter(keep).collect()
}

/// The classes of the rows, without those that none has.
struct Classes {
    codes: Vec<usize>,
    counts: Vec<f64>,
}

impl Classes {
    fn new(codes: &[u32], labels: &Labels) -> Self {
        let mut all = vec![0.0; labels.len()];
        codes.iter().for_each(|code| all[*code as usize] += 1.0);
        let mut next = 0..;
        let numbers: Vec<usize> =
            all.iter().map(|count| if *count > 0.0 { next.next() } else { None }.unwrap_or(0)).collect();
        Self {
            codes: codes.iter().map(|code| numbers[*code as usize]).collect(),
            counts: all.into_iter().filter(|count| *count > 0.0).collect(),
        }
    }

    fn sums(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut sums = vec![0.0; self.counts.len()];
        self.codes.iter().zip(values).for_each(|(class, value)| sums[*class] += value);
        sums
    }
}

/// The F statistic of an analysis of variance.
fn variance(x: &[f64], classes: &Classes) -> f64 {
    let rows = x.len() as f64;
    let mean = x.iter().sum::<f64>() / rows;
    let sums = classes.sums(x.iter().map(|x| x - mean));
    let between: f64 = sums.iter().zip(&classes.counts).map(|(sum, count)| sum * sum / count).sum();
    let means: Vec<f64> = sums.iter().zip(&classes.counts).map(|(sum, count)| sum / count).collect();
    let within: f64 = x.iter().zip(&classes.codes).map(|(x, class)| (x - mean - means[*class]).powi(2)).sum();
    let groups = classes.counts.len() as f64;
    (between / (groups - 1.0)) / (within / (rows - groups))
}

/// The chi-squared statistic of what classes count and what they would if they were alike.
fn chi_squared(x: &[f64], classes: &Classes) -> f64 {
    let total: f64 = x.iter().sum();
    let rows = x.len() as f64;
    let of_class = |(observed, count): (&f64, &f64)| {
        let expected = total * count / rows;
        (observed - expected).powi(2) / expected
    };
    classes.sums(x.iter().copied()).iter().zip(&classes.counts).map(of_class).sum()
}

/// The F statistic of a correlation.
fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let rows = x.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / rows;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    let squared = xy * xy / (xx * yy);
    squared / (1.0 - squared) * (rows - 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_broken_as_scikit_learn_breaks_them() {
        let scores = [3.0, 1.0, 3.0, 2.0, 3.0];
        assert_eq!([first(&scores, 2), first(&scores, 4)], [vec![2, 4], vec![0, 2, 3, 4]]);
        assert_eq!(first(&scores, 9), [0, 1, 2, 3, 4]);
        assert_eq!([share_of(&scores, 40.0), share_of(&scores, 100.0)], [vec![0, 2], vec![0, 1, 2, 3, 4]]);
    }

    #[test]
    fn statistics_are_those_of_the_books() {
        let labels = Labels::range(4);
        // The third class has no row.
        let classes = Classes::new(&[0, 0, 1, 1, 3, 3], &labels);
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 9.0];
        // Between: 2 (1.5 - 4)^2 + 2 (3.5 - 4)^2 + 2 (7 - 4)^2 = 31 over 2; within: 0.5 + 0.5 + 8 = 9 over 3.
        assert!((variance(&x, &classes) - 31.0 / 2.0 / 3.0).abs() < 1e-12);
        // Expected 8 each of 3, 7 and 14.
        assert!((chi_squared(&x, &classes) - (25.0 + 1.0 + 36.0) / 8.0).abs() < 1e-12);
        assert!(variance(&[2.0; 6], &classes).is_nan());
        // Of [1, 2, 3] and [1, 2, 4] the squared correlation is 27 / 28.
        assert!((correlation(&[1.0, 2.0, 3.0], &[1.0, 2.0, 4.0]) - 27.0).abs() < 1e-9);
    }
}
