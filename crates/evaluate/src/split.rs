//! Which rows a model is fitted on and which it is measured on. The ways are scikit-learn's; what is drawn is decided
//! by the seed alone.

use crate::Random;

/// How rows are divided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split<'a> {
    /// Into two parts, or into several that are each measured on once.
    pub method: Method,
    /// Class of each row: every part gets about the same share of each.
    pub stratify: Option<&'a [usize]>,
    /// Group of each row: rows of one group are never divided.
    pub groups: Option<&'a [usize]>,
    /// Rows from the oldest to the newest: models are measured on rows that are newer than those they are fitted on.
    pub order: Option<&'a [usize]>,
    /// With `order`: this many rows between the two are left out.
    pub gap: usize,
    /// Decides what is drawn.
    pub seed: u64,
}

/// The number of parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// One part of this share of the rows is kept for the measurement.
    Holdout(f64),
    /// Cross-validation with this many folds.
    Folds(usize),
}

/// Rows to fit on and rows to measure on, both rising (in time with an order).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Rows to fit on.
    pub train: Vec<usize>,
    /// Rows to measure on.
    pub test: Vec<usize>,
}

/// Why rows cannot be divided.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// A share outside its range.
    #[error("expected a share of rows to hold out above 0 and below 1, got {0}")]
    Share(f64),
    /// Too few folds to measure on rows that were not fitted on.
    #[error("expected at least 2 folds, got {0}")]
    FewFolds(usize),
    /// One part would be empty.
    #[error("{rows} {what} are too few for {wanted}")]
    TooFew {
        /// How many there are.
        rows: usize,
        /// Of what: `rows` or `groups`.
        what: &'static str,
        /// What was asked for.
        wanted: String,
    },
    /// A class cannot be in both parts.
    #[error("class number {class} has one row: a stratified holdout needs two of each")]
    RareClass {
        /// The class.
        class: usize,
    },
    /// An order and a way that mixes times.
    #[error("rows in order of time cannot be {0} too: leave one of the two out")]
    Ordered(&'static str),
}

impl Split<'_> {
    /// Divides rows `0..rows`.
    ///
    /// # Errors
    /// There are too few rows, groups, or rows of a class.
    pub fn folds(&self, rows: usize) -> Result<Vec<Fold>, SplitError> {
        match self.method {
            Method::Holdout(share) if !(share > 0.0 && share < 1.0) => return Err(SplitError::Share(share)),
            Method::Folds(folds @ 0..2) => return Err(SplitError::FewFolds(folds)),
            Method::Holdout(_) | Method::Folds(_) => {}
        }
        if let Some(order) = self.order {
            return match (self.stratify, self.groups) {
                (Some(_), _) => Err(SplitError::Ordered("stratified")),
                (None, Some(_)) => Err(SplitError::Ordered("grouped")),
                (None, None) => self.in_order(order),
            };
        }
        let mut random = Random::new(self.seed, 0);
        let (parts, folds) = match self.method {
            Method::Holdout(share) => (self.held_out(rows, share, &mut random)?, 1),
            Method::Folds(folds) => (self.parts(rows, folds, &mut random)?, folds),
        };
        let fold = |number: usize| {
            let (test, train) = (0..rows).partition(|row| parts[*row] == number);
            Fold { train, test }
        };
        let folds: Vec<Fold> = (0..folds).map(fold).collect();
        match folds.iter().any(|fold| fold.train.is_empty() || fold.test.is_empty()) {
            true => Err(self.too_few(rows, "rows")),
            false => Ok(folds),
        }
    }

    fn too_few(&self, rows: usize, what: &'static str) -> SplitError {
        let wanted = match self.method {
            Method::Holdout(share) => format!("holding out {share} of them"),
            Method::Folds(folds) => format!("{folds} folds"),
        };
        SplitError::TooFew { rows, what, wanted }
    }

    /// `train_test_split(shuffle=False)` and `TimeSeriesSplit`.
    fn in_order(&self, order: &[usize]) -> Result<Vec<Fold>, SplitError> {
        let rows = order.len();
        let (folds, size) = match self.method {
            Method::Holdout(share) => (1, held(rows, share)),
            Method::Folds(folds) => (folds, rows / (folds + 1)),
        };
        if size == 0 || rows <= self.gap + folds * size {
            return Err(self.too_few(rows, "rows"));
        }
        let fold = |start: usize| Fold {
            train: order[..start - self.gap].to_vec(),
            test: order[start..start + size].to_vec(),
        };
        Ok((0..folds).map(|number| fold(rows - (folds - number) * size)).collect())
    }

    /// Part 0 is held out, part 1 is not.
    fn held_out(&self, rows: usize, share: f64, random: &mut Random) -> Result<Vec<usize>, SplitError> {
        match (self.stratify, self.groups) {
            (None, None) => {
                let mut parts = vec![1; rows];
                parts[..held(rows, share)].fill(0);
                random.shuffle(&mut parts);
                Ok(parts)
            }
            (Some(classes), None) => stratified_holdout(classes, held(rows, share), random),
            // `GroupShuffleSplit`: a share of the groups.
            (None, Some(groups)) => {
                let count = groups.iter().max().map_or(0, |last| last + 1);
                let mut of_group = vec![1; count];
                of_group[..held(count, share).min(count)].fill(0);
                random.shuffle(&mut of_group);
                Ok(groups.iter().map(|group| of_group[*group]).collect())
            }
            (Some(classes), Some(groups)) => {
                let folds = ((1.0 / share).round() as usize).max(2);
                let parts = stratified_groups(classes, groups, folds, random);
                Ok(parts.into_iter().map(|part| part.min(1)).collect())
            }
        }
    }

    fn parts(&self, rows: usize, folds: usize, random: &mut Random) -> Result<Vec<usize>, SplitError> {
        if rows < folds {
            return Err(self.too_few(rows, "rows"));
        }
        if let Some(groups) = self.groups {
            let mut distinct = groups.to_vec();
            distinct.sort_unstable();
            distinct.dedup();
            if distinct.len() < folds {
                return Err(self.too_few(distinct.len(), "groups"));
            }
        }
        Ok(match (self.stratify, self.groups) {
            (None, None) => {
                let mut parts: Vec<usize> = (0..rows).map(|row| row % folds).collect();
                random.shuffle(&mut parts);
                parts
            }
            (Some(classes), None) => stratified(classes, folds, random),
            (None, Some(groups)) => whole_groups(groups, folds, random),
            (Some(classes), Some(groups)) => stratified_groups(classes, groups, folds, random),
        })
    }
}

/// How many of some rows are held out, as in scikit-learn: rounded up.
fn held(rows: usize, share: f64) -> usize {
    (rows as f64 * share).ceil() as usize
}

/// Number of rows of each class.
fn counts(classes: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; classes.iter().max().map_or(0, |last| last + 1)];
    for class in classes {
        counts[*class] += 1;
    }
    counts
}

/// `StratifiedShuffleSplit`: the rows that are held out are shared among the classes by largest remainder.
fn stratified_holdout(classes: &[usize], held: usize, random: &mut Random) -> Result<Vec<usize>, SplitError> {
    let counts = counts(classes);
    if let Some(class) = counts.iter().position(|count| *count == 1) {
        return Err(SplitError::RareClass { class });
    }
    let exact = |class: usize| counts[class] as f64 * held as f64 / classes.len() as f64;
    let mut of_class: Vec<usize> = (0..counts.len()).map(|class| exact(class).floor() as usize).collect();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    random.shuffle(&mut order);
    order.sort_by(|a, b| exact(*b).fract().total_cmp(&exact(*a).fract()));
    let missing = held - of_class.iter().sum::<usize>();
    for class in order.into_iter().take(missing) {
        of_class[class] += 1;
    }
    Ok(draw_by_class(classes, random, |class| {
        let (held, count) = (of_class[class], counts[class]);
        (0..count).map(|row| usize::from(row >= held)).collect()
    }))
}

/// `StratifiedKFold`: rows in order of their class are dealt out in turn, and each class is shuffled.
fn stratified(classes: &[usize], folds: usize, random: &mut Random) -> Vec<usize> {
    let counts = counts(classes);
    let starts: Vec<usize> = (0..counts.len()).map(|class| counts[..class].iter().sum()).collect();
    draw_by_class(classes, random, |class| {
        (starts[class]..starts[class] + counts[class]).map(|position| position % folds).collect()
    })
}

/// Gives the rows of each class the parts of its list, shuffled.
fn draw_by_class(classes: &[usize], random: &mut Random, parts: impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
    let mut left: Vec<Vec<usize>> = Vec::new();
    for class in 0..counts(classes).len() {
        let mut parts = parts(class);
        random.shuffle(&mut parts);
        left.push(parts);
    }
    classes.iter().map(|class| left[*class].pop().unwrap_or_default()).collect()
}

/// `GroupKFold`: the largest groups first, each to the fold with the fewest rows.
fn whole_groups(groups: &[usize], folds: usize, random: &mut Random) -> Vec<usize> {
    let counts = counts(groups);
    let mut order: Vec<usize> = (0..counts.len()).collect();
    random.shuffle(&mut order);
    order.sort_by_key(|group| std::cmp::Reverse(counts[*group]));
    let (mut filled, mut part) = (vec![0; folds], vec![0; counts.len()]);
    for group in order {
        let lightest = (0..folds).min_by_key(|fold| filled[*fold]).unwrap_or_default();
        filled[lightest] += counts[group];
        part[group] = lightest;
    }
    groups.iter().map(|group| part[*group]).collect()
}

/// `StratifiedGroupKFold`: groups with the most uneven classes first, each to the fold in which the shares of the
/// classes then differ least between folds.
fn stratified_groups(classes: &[usize], groups: &[usize], folds: usize, random: &mut Random) -> Vec<usize> {
    let totals = counts(classes);
    let width = totals.len();
    let mut by_group = vec![vec![0.0; width]; groups.iter().max().map_or(0, |last| last + 1)];
    for (class, group) in classes.iter().zip(groups) {
        by_group[*group][*class] += 1.0;
    }
    let mut order: Vec<usize> = (0..by_group.len()).collect();
    random.shuffle(&mut order);
    order.sort_by(|a, b| deviation(&by_group[*b]).total_cmp(&deviation(&by_group[*a])));
    let mut filled = vec![vec![0.0; width]; folds];
    let mut part = vec![0; by_group.len()];
    for group in order {
        let unevenness = |fold: usize| {
            let share = |class: usize, other: usize| {
                let added = if other == fold { by_group[group][class] } else { 0.0 };
                (filled[other][class] + added) / (totals[class].max(1)) as f64
            };
            let of_class =
                |class: usize| deviation(&(0..folds).map(|other| share(class, other)).collect::<Vec<_>>());
            (0..width).map(of_class).sum::<f64>() / width as f64
        };
        let rows = |fold: usize| filled[fold].iter().sum::<f64>();
        let best = (0..folds).map(|fold| (unevenness(fold), rows(fold), fold));
        let best = best.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let best = best.map_or(0, |(_, _, fold)| fold);
        for (filled, rows) in filled[best].iter_mut().zip(&by_group[group]) {
            *filled += rows;
        }
        part[group] = best;
    }
    groups.iter().map(|group| part[*group]).collect()
}

fn deviation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(method: Method) -> Split<'static> {
        Split { method, stratify: None, groups: None, order: None, gap: 0, seed: 7 }
    }

    /// Every row is measured on once and never in the fold that fits on it.
    fn assert_partition(folds: &[Fold], rows: usize) {
        let mut measured: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
        measured.sort_unstable();
        assert_eq!(measured, (0..rows).collect::<Vec<_>>());
        for fold in folds {
            assert_eq!(fold.train.len() + fold.test.len(), rows);
            assert!(fold.train.iter().all(|row| !fold.test.contains(row)));
        }
    }

    fn share(rows: &[usize], classes: &[usize], class: usize) -> f64 {
        rows.iter().filter(|row| classes[**row] == class).count() as f64 / rows.len() as f64
    }

    #[test]
    fn a_holdout_is_rounded_up_and_decided_by_the_seed() {
        let folds = plain(Method::Holdout(0.25)).folds(10).unwrap();
        assert_eq!((folds.len(), folds[0].test.len(), folds[0].train.len()), (1, 3, 7));
        assert_eq!(folds, plain(Method::Holdout(0.25)).folds(10).unwrap());
        let other = Split { seed: 8, ..plain(Method::Holdout(0.25)) }.folds(10).unwrap();
        assert_ne!(folds, other);
    }

    #[test]
    fn folds_of_all_kinds_measure_each_row_once() {
        let classes: Vec<usize> = (0..103).map(|row| usize::from(row % 10 == 0)).collect();
        let groups: Vec<usize> = (0..103).map(|row| row / 4).collect();
        for (stratify, groups) in
            [(None, None), (Some(&classes), None), (None, Some(&groups)), (Some(&classes), Some(&groups))]
        {
            let split = Split {
                stratify: stratify.map(Vec::as_slice),
                groups: groups.map(Vec::as_slice),
                ..plain(Method::Folds(5))
            };
            let folds = split.folds(103).unwrap();
            assert_partition(&folds, 103);
            assert_eq!(folds, split.folds(103).unwrap());
            for fold in &folds {
                if let Some(groups) = groups {
                    assert!(
                        fold.test.iter().all(|row| fold.train.iter().all(|r| groups[*r] != groups[*row]))
                    );
                }
                if stratify.is_some() {
                    assert!((share(&fold.test, &classes, 1) - 11.0 / 103.0).abs() < 0.06, "{fold:?}");
                }
            }
        }
    }

    #[test]
    fn a_stratified_holdout_keeps_shares_within_a_row() {
        let classes: Vec<usize> = (0..150).map(|row| row / 50).collect();
        let split = Split { stratify: Some(&classes), ..plain(Method::Holdout(0.2)) };
        let fold = split.folds(150).unwrap().remove(0);
        for class in 0..3 {
            assert_eq!(share(&fold.test, &classes, class), 1.0 / 3.0);
        }
        let groups: Vec<usize> = (0..150).map(|row| row / 5).collect();
        let split = Split { groups: Some(&groups), ..split };
        let fold = split.folds(150).unwrap().remove(0);
        assert_eq!(fold.test.len(), 30);
        assert!(fold.test.iter().all(|row| !fold.train.iter().any(|r| groups[*r] == groups[*row])));
    }

    /// `TimeSeriesSplit(n_splits=3, gap=1).split(range(10))`.
    #[test]
    fn rows_in_order_are_measured_after_what_was_fitted() {
        let order: Vec<usize> = (0..10).rev().collect();
        let split = Split { order: Some(&order), gap: 1, ..plain(Method::Folds(3)) };
        let folds = split.folds(10).unwrap();
        assert_eq!(folds[0], Fold { train: vec![9, 8, 7], test: vec![5, 4] });
        assert_eq!(folds[2], Fold { train: vec![9, 8, 7, 6, 5, 4, 3], test: vec![1, 0] });
        let holdout = Split { order: Some(&order), ..plain(Method::Holdout(0.25)) }.folds(10).unwrap();
        assert_eq!(holdout[0].test, [2, 1, 0]);
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        let error = |split: Split<'_>, rows| split.folds(rows).unwrap_err().to_string();
        assert_eq!(error(plain(Method::Folds(5)), 3), "3 rows are too few for 5 folds");
        assert_eq!(error(plain(Method::Folds(1)), 3), "expected at least 2 folds, got 1");
        assert_eq!(error(plain(Method::Holdout(0.9)), 1), "1 rows are too few for holding out 0.9 of them");
        assert!(error(plain(Method::Holdout(1.0)), 9).starts_with("expected a share"));
        let groups = [0, 0, 1, 1];
        let split = Split { groups: Some(&groups), ..plain(Method::Folds(3)) };
        assert_eq!(error(split, 4), "2 groups are too few for 3 folds");
        let classes = [0, 0, 0, 1];
        let split = Split { stratify: Some(&classes), ..plain(Method::Holdout(0.5)) };
        assert!(error(split, 4).starts_with("class number 1 has one row"));
        let order = [0, 1, 2, 3];
        assert!(error(Split { order: Some(&order), ..split }, 4).contains("cannot be stratified too"));
    }
}
