//! Categories as what the target is among their rows.
//!
//! Sources: Micci-Barreca, "A Preprocessing Scheme for High-Cardinality Categorical Attributes in Classification and
//! Prediction Problems" (2001), equations 3 to 7; scikit-learn's user guide, "Target Encoder", for the folds.

use std::collections::HashMap;

use foretell_frame::Cell;
use foretell_model::Step;
use foretell_model::step::{Accepts, Categories, Curve, Curves, Ordinal, Unknown};
use rayon::prelude::*;

use super::category::categories;
use super::column::RawColumn;
use super::kitchen::Learnt;
use super::lesson::Lesson;
use super::parameters::{Smooth, TargetEncoder};
use crate::random::Stream;
use crate::{FitError, Target};

/// Most categories of a column.
const MOST_CATEGORIES: usize = 100_000;

/// What the target is among the rows of each category. Rows that are learnt from are told what the other folds tell of their
/// category, so that none is told its own answer.
pub(super) fn encode(parameters: &TargetEncoder, lesson: &Lesson<'_>) -> Result<Learnt, FitError> {
    let folds = folds(parameters, lesson)?;
    let known = categories(lesson, None, MOST_CATEGORIES)?;
    let codes: Vec<Vec<u32>> =
        lesson.columns.par_iter().zip(&known).map(|(column, known)| codes(column, known)).collect();
    let targets = targets(lesson.target("TargetEncoder")?);
    // All targets of the first column, then all of the next.
    let pairs: Vec<(usize, usize)> =
        (0..known.len()).flat_map(|column| (0..targets.len()).map(move |target| (column, target))).collect();
    let fit = |(column, target): &(usize, usize)| {
        let (codes, y, count) = (&codes[*column], &targets[*target], known[*column].values.len());
        let of_all = Encoding::new(codes, y, count, parameters.smooth, |_| true);
        let mut crossed = vec![0.0; y.len()];
        for fold in 0..parameters.cv {
            let others = Encoding::new(codes, y, count, parameters.smooth, |row| folds[row] as usize != fold);
            let rows = (0..y.len()).filter(|row| folds[*row] as usize == fold);
            rows.for_each(|row| crossed[row] = others.values[codes[row] as usize]);
        }
        (of_all, crossed)
    };
    let fitted: Vec<(Encoding, Vec<f64>)> = pairs.par_iter().map(fit).collect();
    let rows = 0..lesson.rows();
    let crossed = rows.flat_map(|row| fitted.iter().map(move |(_, crossed)| crossed[row])).collect();
    let curve = |((column, _), (encoding, _)): (&(usize, usize), (Encoding, Vec<f64>))| {
        let (values, other) = (encoding.values, encoding.mean);
        // A missing value that is a category is the last.
        let is_known = known[*column].values.last() == Some(&Cell::Missing);
        let missing = values.last().copied().filter(|_| is_known).unwrap_or(other);
        Curve::Table { values, missing, other }
    };
    let columns = pairs.iter().zip(fitted).map(curve).collect();
    let repeated = pairs.iter().map(|(column, _)| *column).collect();
    let steps = vec![
        Step::Ordinal(Ordinal { columns: known, unknown: Unknown::Code(-1.0), missing: f64::NAN }),
        Step::Select(repeated),
        Step::Curves(Curves { columns, accepts: Accepts { missing: true, infinite: false } }),
    ];
    Ok(Learnt { steps, crossed: Some(crossed) })
}

/// The numbers that are averaged: those of the target, whether it is the second of two classes, or for each of more whether
/// it is that one.
fn targets(target: &Target<'_>) -> Vec<Vec<f64>> {
    match target {
        Target::Values(values) => vec![values.to_vec()],
        Target::Classes { codes, labels } => {
            let classes = if labels.len() == 2 { 1..2 } else { 0..labels.len() as u32 };
            let is = |class: u32| codes.iter().map(|code| f64::from(u8::from(*code == class))).collect();
            classes.map(is).collect()
        }
    }
}

/// The category of each row.
fn codes(column: &RawColumn, known: &Categories) -> Vec<u32> {
    let missing = (known.values.len() - 1) as u32;
    match column {
        RawColumn::Numbers(values) => {
            let numbers: Vec<f64> = known
                .values
                .iter()
                .filter_map(|cell| if let Cell::Number(x) = cell { Some(*x) } else { None })
                .collect();
            let code = |value: &f64| numbers.partition_point(|known| known < value) as u32;
            values.iter().map(|value| if value.is_nan() { missing } else { code(value) }).collect()
        }
        RawColumn::Texts(texts) => {
            let text = |(cell, code): (&'_ Cell, u32)| match cell {
                Cell::Text(text) => Some((text.clone(), code)),
                Cell::Number(_) | Cell::Missing => None,
            };
            let codes: HashMap<String, u32> = known.values.iter().zip(0..).filter_map(text).collect();
            let code = |text: &Option<String>| {
                text.as_ref().and_then(|text| codes.get(text)).copied().unwrap_or(missing)
            };
            texts.iter().map(code).collect()
        }
    }
}

/// What the target is among the rows of each category.
struct Encoding {
    values: Vec<f64>,
    /// What it is among all.
    mean: f64,
}

impl Encoding {
    /// Of some rows, told the category and the target of each.
    fn new(codes: &[u32], y: &[f64], count: usize, smooth: Smooth, taken: impl Fn(usize) -> bool) -> Self {
        let rows = || (0..y.len()).filter(|row| taken(*row));
        let (mut counts, mut sums) = (vec![0.0; count], vec![0.0; count]);
        let (mut taken, mut total) = (0.0, 0.0);
        for row in rows() {
            counts[codes[row] as usize] += 1.0;
            sums[codes[row] as usize] += y[row];
            taken += 1.0;
            total += y[row];
        }
        let mean: f64 = total / taken;
        let values = match smooth {
            Smooth::Rows(smooth) => {
                let of = |(sum, count): (&f64, &f64)| match smooth + count {
                    0.0 => mean,
                    weight => (smooth * mean + sum) / weight,
                };
                sums.iter().zip(&counts).map(of).collect()
            }
            Smooth::Auto => {
                let means: Vec<f64> = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
                let (mut squares, mut all_squares) = (vec![0.0; count], 0.0);
                for row in rows() {
                    squares[codes[row] as usize] += (y[row] - means[codes[row] as usize]).powi(2);
                    all_squares += (y[row] - mean).powi(2);
                }
                let variance = all_squares / taken;
                let of = |at: usize| {
                    let prior = variance * counts[at];
                    let share = prior / (prior + squares[at] / counts[at]);
                    // A category without rows, or a target that never varies.
                    if share.is_nan() { mean } else { share * means[at] + (1.0 - share) * mean }
                };
                (0..count).map(of).collect()
            }
        };
        Self { values, mean }
    }
}

/// The fold of each row: with the same share of every class, where there are classes.
fn folds(parameters: &TargetEncoder, lesson: &Lesson<'_>) -> Result<Vec<u32>, FitError> {
    let (rows, count) = (lesson.rows(), parameters.cv);
    if rows < count {
        let got = format!("{rows}; lower `cv`");
        return Err(FitError::data(format!("{count} rows or more for `TargetEncoder`"), got));
    }
    let codes: Vec<u32> = match lesson.target("TargetEncoder")? {
        Target::Values(_) => vec![0; rows],
        Target::Classes { codes, .. } => codes.to_vec(),
    };
    let classes = codes.iter().max().map_or(0, |most| *most as usize + 1);
    // Classes in the order in which they come, as scikit-learn's stratified folds take them.
    let mut place = vec![usize::MAX; classes];
    let mut by_class: Vec<Vec<usize>> = Vec::new();
    for (row, code) in codes.iter().enumerate() {
        let place = &mut place[*code as usize];
        if *place == usize::MAX {
            *place = by_class.len();
            by_class.push(Vec::new());
        }
        by_class[*place].push(row);
    }
    let mut random = Stream::new(lesson.seed ^ SALT);
    let (mut folds, mut before) = (vec![0; rows], 0);
    for rows in by_class {
        // Were the rows sorted by class and dealt to the folds one by one, so many of this class each would get.
        let mut dealt = vec![0; count];
        (before..before + rows.len()).for_each(|at| dealt[at % count] += 1);
        before += rows.len();
        let mut of_class: Vec<u32> =
            dealt.iter().zip(0..).flat_map(|(many, fold)| std::iter::repeat_n(fold, *many)).collect();
        if parameters.shuffle {
            for last in (1..of_class.len()).rev() {
                of_class.swap(last, random.below(last + 1));
            }
        }
        rows.iter().zip(of_class).for_each(|(row, fold)| folds[*row] = fold);
    }
    Ok(folds)
}

/// So that folds are not drawn by the same numbers as other things of the same seed.
const SALT: u64 = 0x7461_7267_6574;

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> RawColumn {
        RawColumn::Texts(texts.iter().map(|text| (!text.is_empty()).then(|| (*text).to_owned())).collect())
    }

    #[test]
    fn no_row_is_told_its_own_answer() {
        // Each category is in one row: its answer can only be known from that row.
        let columns = [texts(&["a", "b", "c", "d", "e", "f"])];
        let y = [1.0, 2.0, 3.0, 4.0, 5.0, 60.0];
        let target = Target::Values(&y);
        let lesson = Lesson { columns: &columns, names: &["x"], target: Some(&target), seed: 7 };
        let parameters = TargetEncoder { cv: 3, smooth: Smooth::Rows(0.0), ..TargetEncoder::default() };
        let learnt = encode(&parameters, &lesson).unwrap();
        let folds = folds(&parameters, &lesson).unwrap();
        for (row, crossed) in learnt.crossed.unwrap().into_iter().enumerate() {
            let others: Vec<f64> =
                (0..6).filter(|other| folds[*other] != folds[row]).map(|row| y[row]).collect();
            assert_eq!(crossed, others.iter().sum::<f64>() / 4.0);
        }
        let Step::Curves(curves) = &learnt.steps[2] else { panic!("curves") };
        let Curve::Table { values, missing, other } = &curves.columns[0] else { panic!("a table") };
        assert_eq!((values.as_slice(), *missing, *other), (&y[..], 12.5, 12.5));
    }

    #[test]
    fn folds_have_their_share_of_every_class() {
        let codes: Vec<u32> = (0..103).map(|row| u32::from(row % 4 == 1) * 2 + u32::from(row < 8)).collect();
        let labels = foretell_frame::Labels::range(4);
        let target = Target::Classes { codes: &codes, labels: &labels };
        for shuffle in [false, true] {
            let lesson = Lesson { columns: &[], names: &[], target: Some(&target), seed: 1 };
            let folds = folds(&TargetEncoder { shuffle, ..TargetEncoder::default() }, &lesson).unwrap();
            for class in 0..4 {
                let rows = codes.iter().filter(|code| **code == class).count();
                for fold in 0..5 {
                    let pairs = codes.iter().zip(&folds);
                    let count = pairs.filter(|(code, in_fold)| (**code, **in_fold) == (class, fold)).count();
                    assert!(count == rows / 5 || count == rows.div_ceil(5), "{class} in {fold}: {count}");
                }
            }
        }
    }
}
