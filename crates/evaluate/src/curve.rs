//! Curves over all thresholds of a score, and the areas under them.

/// Rows by falling score; rows of one score stand together.
pub(crate) struct Ranked {
    rows: Vec<u32>,
    /// End of each group of rows of one score.
    ends: Vec<usize>,
}

/// Weight of the rows of the class, and of all others, with at least some score.
#[derive(Clone, Copy, Default)]
struct Above {
    positive: f64,
    negative: f64,
}

impl Ranked {
    pub(crate) fn new(rows: usize, score: impl Fn(usize) -> f64) -> Self {
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_by(|a, b| score(*b as usize).total_cmp(&score(*a as usize)));
        let mut ends = Vec::new();
        for (position, row) in order.iter().enumerate() {
            let next = order.get(position + 1);
            if next.is_none_or(|next| score(*next as usize) != score(*row as usize)) {
                ends.push(position + 1);
            }
        }
        Self { rows: order, ends }
    }

    /// What is above each threshold, from the highest to the lowest.
    fn steps<'a>(
        &'a self,
        positive: impl Fn(usize) -> bool + 'a,
        weights: &'a [f64],
    ) -> impl Iterator<Item = Above> + 'a {
        let (mut above, mut start) = (Above::default(), 0);
        self.ends.iter().map(move |end| {
            for row in &self.rows[start..*end] {
                let row = *row as usize;
                if positive(row) {
                    above.positive += weights[row];
                } else {
                    above.negative += weights[row];
                }
            }
            start = *end;
            above
        })
    }

    /// Area under the receiver operating characteristic by trapezoids; `None` unless both kinds occur.
    pub(crate) fn roc_auc(&self, positive: impl Fn(usize) -> bool, weights: &[f64]) -> Option<f64> {
        let (mut area, mut last) = (0.0, Above::default());
        for above in self.steps(positive, weights) {
            area += (above.negative - last.negative) * (above.positive + last.positive) / 2.0;
            last = above;
        }
        (last.positive > 0.0 && last.negative > 0.0).then(|| area / (last.positive * last.negative))
    }

    /// Mean precision over the steps of recall; `None` unless the class occurs.
    pub(crate) fn average_precision(&self, positive: impl Fn(usize) -> bool, weights: &[f64]) -> Option<f64> {
        let (mut sum, mut last) = (0.0, Above::default());
        for above in self.steps(positive, weights) {
            if above.positive > last.positive {
                sum += (above.positive - last.positive) * above.positive / (above.positive + above.negative);
            }
            last = above;
        }
        (last.positive > 0.0).then(|| sum / last.positive)
    }
}

/// A point of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The false positive rate, or the recall.
    pub x: f64,
    /// The true positive rate, or the precision.
    pub y: f64,
}

/// The receiver operating characteristic of one class: true over false positive rate, from (0, 0) to (1, 1). Empty
/// unless rows of the class and others occur. `weights` may be empty.
pub fn roc(scores: &[f64], positive: &[bool], weights: &[f64]) -> Vec<Point> {
    let above = all_steps(scores, positive, weights);
    let Some(last) = above.last().copied().filter(|last| last.positive > 0.0 && last.negative > 0.0) else {
        return Vec::new();
    };
    let point = |above: Above| Point { x: above.negative / last.negative, y: above.positive / last.positive };
    std::iter::once(Above::default()).chain(above).map(point).collect()
}

/// Precision over recall of one class, from the highest threshold to the lowest, after the point (0, 1) without a
/// threshold. Empty unless the class occurs. `weights` may be empty.
pub fn precision_recall(scores: &[f64], positive: &[bool], weights: &[f64]) -> Vec<Point> {
    let above = all_steps(scores, positive, weights);
    let Some(all) = above.last().map(|last| last.positive).filter(|all| *all > 0.0) else {
        return Vec::new();
    };
    let point = |above: Above| Point {
        x: above.positive / all,
        y: above.positive / (above.positive + above.negative),
    };
    let weighty = above.into_iter().filter(|above| above.positive + above.negative > 0.0);
    std::iter::once(Point { x: 0.0, y: 1.0 }).chain(weighty.map(point)).collect()
}

fn all_steps(scores: &[f64], positive: &[bool], weights: &[f64]) -> Vec<Above> {
    let weights = crate::classification::unit_or(weights, scores.len());
    let ranked = Ranked::new(scores.len(), |row| scores[row]);
    ranked.steps(|row| positive[row], &weights).collect()
}

/// Rows whose probability lies in one part of 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Mean probability.
    pub predicted: f64,
    /// Share of rows that are of the class.
    pub observed: f64,
    /// Number of rows.
    pub rows: usize,
}

/// How often a class happened where it was given some probability: `bins` parts of equal width, without the empty
/// ones, as scikit-learn's `calibration_curve`.
pub fn calibration(probabilities: &[f64], positive: &[bool], bins: usize) -> Vec<Bin> {
    let mut sums = vec![(0.0, 0usize, 0usize); bins];
    for (probability, positive) in probabilities.iter().zip(positive) {
        // A value on the edge of two bins is in the lower one.
        let bin = ((probability * bins as f64).ceil() as usize).clamp(1, bins) - 1;
        sums[bin].0 += probability;
        sums[bin].1 += usize::from(*positive);
        sums[bin].2 += 1;
    }
    let occupied = sums.into_iter().filter(|(_, _, rows)| *rows > 0);
    let bin = |(sum, positive, rows): (f64, usize, usize)| Bin {
        predicted: sum / rows as f64,
        observed: positive as f64 / rows as f64,
        rows,
    };
    occupied.map(bin).collect()
}
