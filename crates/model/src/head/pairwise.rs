//! Classes from the decisions of one machine per pair of classes, as libsvm and `sklearn.svm.SVC` make them.

use foretell_frame::{Labels, Method, Shape};

use crate::error::{ModelError, expect_count};

/// Outputs of a classifier whose raw scores are one decision per pair of classes (0, 1), (0, 2), ..., (1, 2), ...:
/// above 0 it votes for the first of the pair, else for the second. The class with the most votes wins, the first of
/// several.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairwise {
    /// The classes.
    pub classes: Labels,
    /// What `decision_function` is where there are more than two classes. With two it is the decision with the sign
    /// changed, so that it is positive for the second class. `None` where the estimator gives none.
    pub decision: Option<PairDecision>,
    /// Whether, of more than two classes, the one with the largest [`PairDecision::PerClass`] value wins instead.
    pub break_ties: bool,
    /// Of each pair the `(a, b)` of Platt's `1 / (1 + exp(a x + b))`, where there are probabilities.
    pub sigmoids: Option<Vec<(f64, f64)>>,
}

/// The form of the decision function of several classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairDecision {
    /// One per class: votes, and between equal votes the sum of decisions, as
    /// `sklearn.utils.multiclass._ovr_decision_function`.
    PerClass,
    /// One per pair: the raw scores.
    PerPair,
}

/// Probabilities of pairs stay this far from 0 and 1 (libsvm's `min_prob`).
const LEAST: f64 = 1e-7;

impl Pairwise {
    fn pairs(&self) -> usize {
        let classes = self.classes.len();
        classes.saturating_mul(classes.saturating_sub(1)) / 2
    }

    pub(super) fn check(&self, outputs: usize) -> Result<(), ModelError> {
        if self.classes.len() < 2 {
            return Err(ModelError::mismatch("at least 2 classes", self.classes.len()));
        }
        expect_count("raw scores", self.pairs(), outputs)?;
        match &self.sigmoids {
            Some(sigmoids) => expect_count("sigmoids", self.pairs(), sigmoids.len()),
            None => Ok(()),
        }
    }

    pub(super) fn shape(&self, method: Method) -> Option<Shape> {
        let classes = self.classes.len();
        match method {
            Method::Predict | Method::Label => Some(Shape::Vector),
            Method::PredictProba | Method::PredictLogProba => {
                self.sigmoids.as_ref().map(|_| Shape::Matrix(classes))
            }
            Method::DecisionFunction => self.decision.map(|decision| match decision {
                _ if classes == 2 => Shape::Vector,
                PairDecision::PerClass => Shape::Matrix(classes),
                PairDecision::PerPair => Shape::Matrix(self.pairs()),
            }),
            Method::ScoreSamples | Method::Transform | Method::Margin => None,
        }
    }

    /// Appends the output of one method.
    pub(super) fn append(&self, method: Method, raw: &[f64], values: &mut Vec<f64>) {
        let rows = raw.chunks_exact(self.pairs());
        let start = values.len();
        match method {
            Method::Predict | Method::Label => rows.for_each(|row| {
                let label = self.label(row, values);
                values.push(label as f64);
            }),
            Method::PredictProba => rows.for_each(|row| self.probabilities(row, values)),
            Method::PredictLogProba => {
                rows.for_each(|row| self.probabilities(row, values));
                values[start..].iter_mut().for_each(|p| *p = p.ln());
            }
            Method::DecisionFunction => match self.decision {
                None => {}
                Some(_) if self.classes.len() == 2 => values.extend(raw.iter().map(|x| -x)),
                Some(PairDecision::PerClass) => rows.for_each(|row| self.per_class(row, values)),
                Some(PairDecision::PerPair) => values.extend_from_slice(raw),
            },
            Method::ScoreSamples | Method::Transform | Method::Margin => {}
        }
    }

    /// The class of a row. `values` lends its free end.
    fn label(&self, row: &[f64], values: &mut Vec<f64>) -> usize {
        let start = values.len();
        if self.break_ties && self.classes.len() > 2 {
            self.per_class(row, values);
        } else {
            values.resize(start + self.classes.len(), 0.0);
            for ((first, second), decision) in pairs(self.classes.len()).zip(row) {
                values[start + if *decision > 0.0 { first } else { second }] += 1.0;
            }
        }
        let votes = &values[start..];
        let best =
            (0..votes.len()).fold(0, |best, class| if votes[class] > votes[best] { class } else { best });
        values.truncate(start);
        best
    }

    /// Appends votes and, well below one vote, the sums of decisions.
    fn per_class(&self, row: &[f64], values: &mut Vec<f64>) {
        let (start, classes) = (values.len(), self.classes.len());
        values.resize(start + 2 * classes, 0.0);
        let (votes, sums) = values[start..].split_at_mut(classes);
        for ((first, second), decision) in pairs(classes).zip(row) {
            sums[first] += decision;
            sums[second] -= decision;
            votes[if *decision < 0.0 { second } else { first }] += 1.0;
        }
        for (vote, sum) in votes.iter_mut().zip(sums) {
            *vote += *sum / (3.0 * (sum.abs() + 1.0));
        }
        values.truncate(start + classes);
    }

    /// Appends the probabilities of a row: Platt's for each pair, coupled by [`couple`].
    fn probabilities(&self, row: &[f64], values: &mut Vec<f64>) {
        let Some(sigmoids) = &self.sigmoids else { return };
        let (start, classes) = (values.len(), self.classes.len());
        values.resize(start + classes * (2 * classes + 2), 0.0);
        let (p, rest) = values[start..].split_at_mut(classes);
        let (r, rest) = rest.split_at_mut(classes * classes);
        let (q, qp) = rest.split_at_mut(classes * classes);
        for (((first, second), decision), (a, b)) in pairs(classes).zip(row).zip(sigmoids) {
            let probability = platt(decision * a + b).clamp(LEAST, 1.0 - LEAST);
            r[first * classes + second] = probability;
            r[second * classes + first] = 1.0 - probability;
        }
        couple(classes, r, Coupling { p, q, qp });
        values.truncate(start + classes);
    }
}

/// The pairs of classes in the order of their decisions.
fn pairs(classes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..classes).flat_map(move |first| (first + 1..classes).map(move |second| (first, second)))
}

/// `1 / (1 + exp(x))`, by the formula that does not overflow.
fn platt(x: f64) -> f64 {
    if x >= 0.0 { (-x).exp() / (1.0 + (-x).exp()) } else { 1.0 / (1.0 + x.exp()) }
}

/// Memory of [`couple`]: `classes`, `classes x classes` and `classes` numbers.
struct Coupling<'a> {
    p: &'a mut [f64],
    q: &'a mut [f64],
    qp: &'a mut [f64],
}

/// Probabilities `p` of classes from those of pairs, `r[i][j]` of class i against j: the second method of Wu, Lin and
/// Weng, "Probability estimates for multi-class classification by pairwise coupling" (2004), with the steps and the
/// stopping rule of libsvm's `multiclass_probability`.
fn couple(classes: usize, r: &[f64], Coupling { p, q, qp }: Coupling<'_>) {
    let tolerance = 0.005 / classes as f64;
    p.fill(1.0 / classes as f64);
    for t in 0..classes {
        for j in (0..classes).filter(|j| *j != t) {
            q[t * classes + t] += r[j * classes + t] * r[j * classes + t];
            q[t * classes + j] = -r[j * classes + t] * r[t * classes + j];
        }
    }
    for _ in 0..classes.max(100) {
        let mut total = 0.0;
        for t in 0..classes {
            qp[t] = q[t * classes..(t + 1) * classes].iter().zip(&*p).map(|(q, p)| q * p).sum();
            total += p[t] * qp[t];
        }
        let error = qp.iter().map(|x| (x - total).abs()).fold(0.0, f64::max);
        if error < tolerance {
            break;
        }
        for t in 0..classes {
            let own = q[t * classes + t];
            let step = (total - qp[t]) / own;
            p[t] += step;
            let scale = 1.0 + step;
            total = (total + step * (step * own + 2.0 * qp[t])) / scale / scale;
            for j in 0..classes {
                qp[j] = (qp[j] + step * q[t * classes + j]) / scale;
                p[j] /= scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(classes: usize, sigmoids: Option<Vec<(f64, f64)>>) -> Pairwise {
        let decision = Some(PairDecision::PerClass);
        Pairwise { classes: Labels::range(classes), decision, break_ties: false, sigmoids }
    }

    fn answer(head: &Pairwise, method: Method, raw: &[f64]) -> Vec<f64> {
        let mut values = Vec::new();
        head.append(method, raw, &mut values);
        values
    }

    #[test]
    fn two_classes_change_the_sign_of_the_decision() {
        let head = head(2, None);
        assert_eq!(answer(&head, Method::Predict, &[0.5, 0.0, -0.5]), [0.0, 1.0, 1.0]);
        assert_eq!(answer(&head, Method::DecisionFunction, &[0.5, -0.25]), [-0.5, 0.25]);
    }

    #[test]
    fn a_tie_of_votes_goes_to_the_first_class_or_to_the_surest() {
        // 0 beats 1, 2 beats 0, 1 beats 2 by far.
        let cycle = [0.1, -0.2, 3.0];
        let mut head = head(3, None);
        assert_eq!(answer(&head, Method::Predict, &cycle), [0.0]);
        head.break_ties = true;
        assert_eq!(answer(&head, Method::Predict, &cycle), [1.0]);
        let decisions = answer(&head, Method::DecisionFunction, &cycle);
        let sums: [f64; 3] = [-0.1, 2.9, -2.8];
        for (decision, sum) in decisions.iter().zip(sums) {
            assert!((decision - (1.0 + sum / (3.0 * (sum.abs() + 1.0)))).abs() < 1e-15);
        }
        head.decision = Some(PairDecision::PerPair);
        assert_eq!(answer(&head, Method::DecisionFunction, &cycle), cycle);
    }

    #[test]
    fn coupled_probabilities_agree_with_consistent_pairs() {
        // Pairs of the probabilities 1/2, 1/3, 1/6.
        let pairs = [0.6_f64, 0.75, 2.0 / 3.0];
        let raw = pairs.map(|p| (p / (1.0 - p)).ln());
        let head = head(3, Some(vec![(-1.0, 0.0); 3]));
        let probabilities = answer(&head, Method::PredictProba, &raw);
        for (got, expected) in probabilities.iter().zip([1.0 / 2.0, 1.0 / 3.0, 1.0 / 6.0]) {
            assert!((got - expected).abs() < 5e-3, "{got} != {expected}");
        }
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn counts_that_do_not_fit_are_refused() {
        assert!(head(3, None).check(3).is_ok());
        assert!(head(3, None).check(2).is_err());
        assert!(head(1, None).check(0).is_err());
        assert!(head(3, Some(vec![(0.0, 0.0); 2])).check(3).is_err());
    }
}
