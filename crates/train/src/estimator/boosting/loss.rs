//! What boosting minimises: derivatives, first guesses, and what early stopping watches.
//!
//! Sources: Friedman, "Greedy Function Approximation: A Gradient Boosting Machine" (2001); for the second derivatives
//! of softmax and Poisson, XGBoost's `multiclass_obj.cu` and `regression_loss.h`.

use crate::parameter::choices;

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// `(y - f)^2 / 2`.
    SquaredError,
    /// `|y - f|`.
    AbsoluteError,
    /// The pinball loss of this quantile, between 0 and 1.
    Quantile(f64),
    /// `exp(f) - y f`, for `y` of 0 or more.
    Poisson,
    /// Cross entropy of two classes.
    Logistic,
    /// Cross entropy of several classes, one score each.
    Softmax,
}

choices!(Loss {
    "reg:squarederror" => Self::SquaredError,
    "reg:absoluteerror" => Self::AbsoluteError,
    "reg:quantileerror" => Self::Quantile(0.5),
    "count:poisson" => Self::Poisson,
    "binary:logistic" => Self::Logistic,
    "multi:softprob" => Self::Softmax,
});

/// What `max_delta_step` is for Poisson where it is not given, as in XGBoost.
pub(super) const POISSON_STEP: f64 = 0.7;

/// Least second derivative of cross entropies, as in XGBoost.
const LEAST_SECOND: f32 = 1e-16;

impl Loss {
    /// The name of XGBoost's objective.
    pub fn name(self) -> &'static str {
        match self {
            Self::SquaredError => "reg:squarederror",
            Self::AbsoluteError => "reg:absoluteerror",
            Self::Quantile(_) => "reg:quantileerror",
            Self::Poisson => "count:poisson",
            Self::Logistic => "binary:logistic",
            Self::Softmax => "multi:softprob",
        }
    }

    /// The name that metrics of this loss have in learning curves.
    pub(super) fn metric(self) -> &'static str {
        match self {
            Self::SquaredError => "rmse",
            Self::AbsoluteError => "mae",
            Self::Quantile(_) => "quantile",
            Self::Poisson => "poisson-nloglik",
            Self::Logistic => "logloss",
            Self::Softmax => "mlogloss",
        }
    }

    /// The quantile of residuals that is a leaf's best value, where derivatives do not tell it.
    pub(super) fn quantile(self) -> Option<f64> {
        match self {
            Self::AbsoluteError => Some(0.5),
            Self::Quantile(quantile) => Some(quantile),
            Self::SquaredError | Self::Poisson | Self::Logistic | Self::Softmax => None,
        }
    }

    /// The best scores before the first tree. `targets` are values, or numbers of classes; rows of weight 0 do not
    /// count.
    pub(super) fn base(self, targets: &[f64], weights: &[f64], outputs: usize) -> Vec<f64> {
        let total: f64 = weights.iter().sum();
        let mean = || targets.iter().zip(weights).map(|(y, w)| y * w).sum::<f64>() / total;
        match self {
            Self::SquaredError => vec![mean()],
            Self::AbsoluteError => vec![quantile(targets.iter().zip(weights), 0.5)],
            Self::Quantile(at) => vec![quantile(targets.iter().zip(weights), at)],
            Self::Poisson => vec![mean().max(1e-6).ln()],
            Self::Logistic => {
                let p = mean().clamp(1e-6, 1.0 - 1e-6);
                vec![(p / (1.0 - p)).ln()]
            }
            Self::Softmax => (0..outputs)
                .map(|class| {
                    let of_class = targets.iter().zip(weights).filter(|(y, _)| **y == class as f64);
                    let share = of_class.map(|(_, w)| w).sum::<f64>() / total;
                    share.max(1e-6).ln()
                })
                .collect(),
        }
    }

    /// Derivatives of the rows of a shard. `scores` and `into` are `outputs x rows`; `probabilities` is a buffer.
    pub(super) fn derive(
        self,
        rows: Rows<'_>,
        scores: &[f64],
        step: f64,
        into: &mut [[f32; 2]],
        probabilities: &mut Vec<f32>,
    ) {
        let Rows { targets, weights } = rows;
        let each = into.iter_mut().zip(scores).zip(targets.iter().zip(weights));
        match self {
            Self::SquaredError => {
                each.for_each(|((d, f), (y, w))| *d = [((f - y) * w) as f32, *w as f32]);
            }
            Self::AbsoluteError => {
                each.for_each(|((d, f), (y, w))| *d = [sign(f - y) * *w as f32, *w as f32]);
            }
            Self::Quantile(at) => each.for_each(|((d, f), (y, w))| {
                let first = if f >= y { 1.0 - at } else { -at };
                *d = [(first * w) as f32, *w as f32];
            }),
            Self::Poisson => each.for_each(|((d, f), (y, w))| {
                let mean = f.exp();
                *d = [((mean - y) * w) as f32, ((f + step).exp() * w) as f32];
            }),
            Self::Logistic => each.for_each(|((d, f), (y, w))| {
                let (p, w) = (1.0 / (1.0 + exp(-*f as f32)), *w as f32);
                *d = [(p - *y as f32) * w, (p * (1.0 - p)).max(LEAST_SECOND) * w];
            }),
            Self::Softmax => softmax(rows, scores, into, probabilities),
        }
    }

    /// The sum of the losses of rows, weighted. `scores` are `outputs x rows`.
    pub(super) fn total(self, rows: Rows<'_>, scores: &[f64]) -> f64 {
        let Rows { targets, weights } = rows;
        let each = scores.iter().zip(targets).zip(weights);
        match self {
            Self::SquaredError => each.map(|((f, y), w)| (f - y) * (f - y) * w).sum(),
            Self::AbsoluteError => each.map(|((f, y), w)| (f - y).abs() * w).sum(),
            Self::Quantile(at) => {
                each.map(|((f, y), w)| if y >= f { at * (y - f) * w } else { (1.0 - at) * (f - y) * w }).sum()
            }
            Self::Poisson => each.map(|((f, y), w)| (f.exp() - y * f) * w).sum(),
            // ln(1 + exp(f)) - y f, where exp does not overflow.
            Self::Logistic => {
                each.map(|((f, y), w)| (f.max(0.0) - y * f + (-f.abs()).exp().ln_1p()) * w).sum()
            }
            Self::Softmax => {
                let count = targets.len();
                let of_row = |(row, (y, w)): (usize, (&f64, &f64))| {
                    let of_row = || scores[row..].iter().step_by(count);
                    let largest = of_row().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
                    let sum: f64 = of_row().map(|f| (f - largest).exp()).sum();
                    (largest + sum.ln() - scores[*y as usize * count + row]) * w
                };
                targets.iter().zip(weights).enumerate().map(of_row).sum()
            }
        }
    }

    /// What is reported, from the mean of losses.
    pub(super) fn report(self, mean: f64) -> f64 {
        match self {
            Self::SquaredError => mean.sqrt(),
            Self::AbsoluteError | Self::Quantile(_) | Self::Poisson | Self::Logistic | Self::Softmax => mean,
        }
    }
}

/// Targets and weights of some rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    /// Values, or numbers of classes.
    pub(super) targets: &'a [f64],
    /// Weights.
    pub(super) weights: &'a [f64],
}

fn sign(x: f64) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        0.0
    }
}

fn softmax(
    Rows { targets, weights }: Rows<'_>,
    scores: &[f64],
    into: &mut [[f32; 2]],
    probabilities: &mut Vec<f32>,
) {
    let count = targets.len();
    probabilities.clear();
    probabilities.resize(2 * count, 0.0);
    let (largest, sums) = probabilities.split_at_mut(count);
    largest.fill(f32::NEG_INFINITY);
    for of_class in scores.chunks_exact(count) {
        largest.iter_mut().zip(of_class).for_each(|(largest, f)| *largest = largest.max(*f as f32));
    }
    for (of_class, into) in scores.chunks_exact(count).zip(into.chunks_exact_mut(count)) {
        for (((f, d), largest), sum) in of_class.iter().zip(into).zip(&*largest).zip(&mut *sums) {
            d[0] = exp(*f as f32 - largest);
            *sum += d[0];
        }
    }
    for (class, into) in into.chunks_exact_mut(count).enumerate() {
        for (((d, sum), y), w) in into.iter_mut().zip(&*sums).zip(targets).zip(weights) {
            let (p, w) = (d[0] / sum, *w as f32);
            let hit = if *y == class as f64 { 1.0 } else { 0.0 };
            *d = [(p - hit) * w, (2.0 * p * (1.0 - p)).max(LEAST_SECOND) * w];
        }
    }
}

/// `e^x` in float32, within a few units of the last place: the same on every machine, and fast where the compiler
/// makes vectors of it.
///
/// Source: Cody and Waite, "Software Manual for the Elementary Functions" (1980): `x = n ln 2 + r`, a polynomial in `r`.
pub(crate) fn exp(x: f32) -> f32 {
    // Adding it leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1] {
        p = p * r + coefficient;
    }
    let p = p * r * r + r + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    p * power
}

/// The smallest number at or below which lies a share `at` of the weight: a weighted quantile without interpolation.
pub(super) fn quantile<'a>(pairs: impl Iterator<Item = (&'a f64, &'a f64)>, at: f64) -> f64 {
    let mut pairs: Vec<(f64, f64)> = pairs.filter(|(_, w)| **w > 0.0).map(|(y, w)| (*y, *w)).collect();
    pairs.sort_by(|a, b| f64::total_cmp(&a.0, &b.0));
    let total: f64 = pairs.iter().map(|(_, w)| w).sum();
    let mut below = 0.0;
    for (number, (y, w)) in pairs.iter().enumerate() {
        below += w;
        // Half-way, where the share is reached exactly: the usual median of an even number.
        if below == at * total && number + 1 < pairs.len() {
            return y / 2.0 + pairs[number + 1].0 / 2.0;
        }
        if below >= at * total {
            return *y;
        }
    }
    pairs.last().map_or(0.0, |(y, _)| *y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_accurate_to_a_few_units_in_the_last_place() {
        for step in -8600..8700 {
            let x = step as f32 * 0.01;
            let (got, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got / expected - 1.0).abs() < 4e-7, "exp({x}): {got} and {expected}");
        }
        assert!(exp(-1000.0) >= 0.0 && exp(1000.0).is_finite());
    }

    #[test]
    fn first_derivatives_are_slopes_of_the_losses() {
        let outputs = |loss| if loss == Loss::Softmax { 3 } else { 1 };
        let step = 1e-5;
        let losses = [
            (Loss::SquaredError, 1.0, 2.0),
            (Loss::AbsoluteError, 1.0, 1.0),
            (Loss::Quantile(0.3), 1.0, 1.0),
            (Loss::Poisson, 2.0, 1.0),
            (Loss::Logistic, 1.0, 1.0),
            (Loss::Softmax, 2.0, 1.0),
        ];
        for (loss, y, factor) in losses {
            let scores: Vec<f64> = (0..outputs(loss)).map(|k| 0.3 - 0.2 * k as f64).collect();
            let rows = Rows { targets: &[y], weights: &[1.5] };
            let mut derivatives = vec![[0.0; 2]; scores.len()];
            loss.derive(rows, &scores, 0.0, &mut derivatives, &mut Vec::new());
            for output in 0..scores.len() {
                let at = |shift: f64| {
                    let mut moved = scores.clone();
                    moved[output] += shift;
                    loss.total(rows, &moved)
                };
                let slope = (at(step) - at(-step)) / (2.0 * step) / factor;
                let got = f64::from(derivatives[output][0]);
                assert!((got - slope).abs() < 1e-4, "{loss:?}: {got} and {slope}");
                assert!(derivatives[output][1] > 0.0);
            }
        }
    }

    #[test]
    fn the_base_is_where_the_losses_are_least() {
        let (targets, weights) = ([0.0, 1.0, 1.0, 4.0], [1.0, 2.0, 1.0, 1.0]);
        assert_eq!(Loss::SquaredError.base(&targets, &weights, 1), [7.0 / 5.0]);
        assert_eq!(Loss::AbsoluteError.base(&targets, &weights, 1), [1.0]);
        assert!((Loss::Poisson.base(&targets, &weights, 1)[0] - (1.4f64).ln()).abs() < 1e-12);
        let shares = Loss::Softmax.base(&[0.0, 1.0, 1.0, 2.0], &weights, 3);
        assert!((shares[1] - 0.6f64.ln()).abs() < 1e-12);
    }
}
