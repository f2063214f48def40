//! Outputs from raw scores.
//!
//! Formulas: `sklearn.utils.extmath.softmax`, `scipy.special.expit` and `logsumexp`,
//! `sklearn.linear_model._base.LinearClassifierMixin._predict_proba_lr`, and for float32 xgboost's
//! `src/common/math.h`.

use foretell_frame::{Labels, Method, MethodSet, Predictions};

use super::{ClassPredict, Classification, Head, LabelRule, Link, LogProbability, Probability, Regression};

/// The rows and methods that are asked of a head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Raw scores, `rows x outputs`.
    pub(crate) raw: &'a [f64],
    /// Number of rows, at least 1.
    pub(crate) rows: usize,
    /// What is asked; the head has all of them.
    pub(crate) methods: MethodSet,
}

impl Head {
    /// Appends the outputs of all wanted methods to `predictions`. `probabilities` is a buffer.
    pub(crate) fn answer(
        &self,
        wanted: Wanted<'_>,
        probabilities: &mut Vec<f64>,
        predictions: &mut Predictions,
    ) {
        match self {
            Self::Regression(head) => {
                for method in wanted.methods.iter() {
                    let values = predictions.output_mut(method).values_mut();
                    head.append(method, wanted.raw, values);
                }
            }
            Self::Pairwise(head) => {
                for method in wanted.methods.iter() {
                    head.append(method, wanted.raw, predictions.output_mut(method).values_mut());
                }
            }
            Self::Outlier(head) => {
                for method in wanted.methods.iter() {
                    head.append(method, wanted.raw, predictions.output_mut(method).values_mut());
                }
            }
            Self::Mixture(head) => {
                for method in wanted.methods.iter() {
                    head.append(method, wanted.raw, predictions.output_mut(method).values_mut());
                }
            }
            Self::Classification(head) => {
                probabilities.clear();
                if wanted.methods.iter().any(|method| head.uses_probabilities(method)) {
                    head.probabilities(wanted, probabilities);
                }
                for method in wanted.methods.iter() {
                    let values = predictions.output_mut(method).values_mut();
                    head.append(method, wanted, probabilities, values);
                }
            }
        }
    }

    /// Appends the output of one method to `values`. `probabilities` is a buffer.
    pub(crate) fn append(
        &self,
        method: Method,
        raw: &[f64],
        rows: usize,
        probabilities: &mut Vec<f64>,
        values: &mut Vec<f64>,
    ) {
        match self {
            Self::Regression(head) => head.append(method, raw, values),
            Self::Pairwise(head) => head.append(method, raw, values),
            Self::Outlier(head) => head.append(method, raw, values),
            Self::Mixture(head) => head.append(method, raw, values),
            Self::Classification(head) => {
                let wanted = Wanted { raw, rows, methods: MethodSet::EMPTY };
                probabilities.clear();
                if head.uses_probabilities(method) {
                    head.probabilities(wanted, probabilities);
                }
                head.append(method, wanted, probabilities, values);
            }
        }
    }
}

impl Regression {
    fn append(&self, method: Method, raw: &[f64], values: &mut Vec<f64>) {
        match method {
            // What steps make, and not the head.
            Method::Transform => return,
            Method::Margin => {
                values.extend_from_slice(raw);
                return;
            }
            Method::Predict
            | Method::PredictProba
            | Method::PredictLogProba
            | Method::DecisionFunction
            | Method::ScoreSamples
            | Method::Label => {}
        }
        let raw = raw.iter().map(|x| x / self.rounds);
        match self.link {
            Link::Identity => values.extend(raw),
            Link::Exp => values.extend(raw.map(f64::exp)),
            Link::ExpSingle => values.extend(raw.map(|x| f64::from((x as f32).exp()))),
            Link::SigmoidSingle => values.extend(raw.map(|x| f64::from(sigmoid_single(x)))),
            Link::Sigmoid => values.extend(raw.map(sigmoid)),
            Link::Softplus => values.extend(raw.map(|x| x.exp().ln_1p())),
            Link::MeanAndVariance => {
                let mut variance = true;
                values.extend(raw.map(|x| {
                    variance = !variance;
                    if variance { (2.0 * x).exp() } else { x }
                }));
            }
            Link::SignedSquare => values.extend(raw.map(|x| if x < 0.0 { -(x * x) } else { x * x })),
        }
    }
}

impl Classification {
    fn uses_probabilities(&self, method: Method) -> bool {
        let label = match self.label {
            LabelRule::LargestScore
            | LabelRule::LastLargestScore
            | LabelRule::Positive
            | LabelRule::Above(_)
            | LabelRule::NotNegative
            | LabelRule::EachPositive
            | LabelRule::Index
            | LabelRule::ScoreAtLeast { .. } => false,
            LabelRule::LargestProbability
            | LabelRule::AboveHalf
            | LabelRule::EachAboveHalf
            | LabelRule::ProbabilityAtLeast { .. } => true,
        };
        match method {
            Method::PredictProba => true,
            Method::PredictLogProba => self.log_probability != Some(LogProbability::OfJoint),
            Method::Label => label,
            Method::Predict => match self.predict {
                ClassPredict::Label | ClassPredict::LabelColumn | ClassPredict::Index => label,
                ClassPredict::Probability => true,
                ClassPredict::Margin => false,
            },
            Method::DecisionFunction | Method::ScoreSamples | Method::Transform | Method::Margin => false,
        }
    }

    fn append(&self, method: Method, wanted: Wanted<'_>, probabilities: &[f64], values: &mut Vec<f64>) {
        match method {
            Method::Label => self.labels(wanted, probabilities, values),
            Method::Predict => match self.predict {
                ClassPredict::Label | ClassPredict::LabelColumn | ClassPredict::Index => {
                    self.labels(wanted, probabilities, values);
                }
                ClassPredict::Probability if self.is_binary() => {
                    values.extend(probabilities.chunks_exact(2).map(|of_row| of_row[1]));
                }
                ClassPredict::Probability => values.extend_from_slice(probabilities),
                ClassPredict::Margin => {
                    self.scores(wanted).for_each(|scores| values.extend_from_slice(scores));
                }
            },
            Method::PredictProba => values.extend_from_slice(probabilities),
            Method::PredictLogProba => match self.log_probability {
                Some(LogProbability::OfJoint) => {
                    for scores in wanted.raw.chunks_exact(self.total_classes()) {
                        let total = log_sum_exp(scores);
                        values.extend(scores.iter().map(|x| x - total));
                    }
                }
                Some(LogProbability::OfPositiveProbability) => {
                    let positive = |p: &f64| if *p == 0.0 { f64::MIN_POSITIVE } else { *p };
                    values.extend(probabilities.iter().map(|p| positive(p).ln()));
                }
                Some(LogProbability::OfProbability) | None => {
                    values.extend(probabilities.iter().map(|p| p.ln()));
                }
            },
            Method::DecisionFunction | Method::Margin => {
                let is_decision = method == Method::DecisionFunction;
                self.scores(wanted).for_each(|scores| {
                    if is_decision && self.is_difference(scores.len()) {
                        values.push(scores[1] - scores[0]);
                    } else {
                        values.extend_from_slice(scores);
                    }
                });
            }
            Method::ScoreSamples | Method::Transform => {}
        }
    }

    fn labels(&self, wanted: Wanted<'_>, probabilities: &[f64], values: &mut Vec<f64>) {
        match self.label {
            LabelRule::LargestScore => self.largest(self.scores(wanted), |x, best| x > best, values),
            LabelRule::LastLargestScore => self.largest(self.scores(wanted), |x, best| x >= best, values),
            LabelRule::LargestProbability => {
                let rows = probabilities.chunks_exact(self.total_classes());
                self.largest(rows, |x, best| x > best, values);
            }
            LabelRule::Positive | LabelRule::EachPositive => {
                values.extend(self.scores(wanted).flatten().map(|x| index(*x > 0.0)));
            }
            LabelRule::Above(score) => {
                values.extend(self.scores(wanted).flatten().map(|x| index(*x > score)));
            }
            LabelRule::NotNegative => {
                values.extend(self.scores(wanted).flatten().map(|x| index(*x >= 0.0)));
            }
            LabelRule::Index => {
                let last = (self.total_classes() - 1) as f64;
                values.extend(self.scores(wanted).flatten().map(|x| x.clamp(0.0, last)));
            }
            LabelRule::EachAboveHalf if self.probability.is_some_and(Probability::of_labels) => {
                values.extend(probabilities.iter().map(|p| index(*p > 0.5)));
            }
            LabelRule::ProbabilityAtLeast { class, least } => {
                let at_least = |of_row: &[f64]| index((of_row[class] >= least) == (class == 1));
                values.extend(probabilities.chunks_exact(2).map(at_least));
            }
            LabelRule::ScoreAtLeast { class, least } => {
                let of_class = |x: &f64| if class == 1 { *x } else { -*x };
                let scores = self.scores(wanted).flatten();
                values.extend(scores.map(|x| index((of_class(x) >= least) == (class == 1))));
            }
            LabelRule::AboveHalf | LabelRule::EachAboveHalf => {
                values.extend(probabilities.chunks_exact(2).map(|of_target| index(of_target[1] > 0.5)));
            }
        }
    }

    /// The raw scores of each row without probabilities that stand after them.
    fn scores<'a>(&self, Wanted { raw, rows, .. }: Wanted<'a>) -> impl Iterator<Item = &'a [f64]> + use<'a> {
        let stride = raw.len() / rows.max(1);
        let after = self.probabilities_after();
        raw.chunks_exact(stride.max(1)).map(move |of_row| &of_row[..stride - after])
    }

    /// Appends for each row and target the index of the class whose number is larger than all before it.
    fn largest<'a>(
        &self,
        numbers: impl Iterator<Item = &'a [f64]>,
        larger: impl Fn(f64, f64) -> bool,
        values: &mut Vec<f64>,
    ) {
        for mut of_row in numbers {
            for classes in self.classes.iter().map(Labels::len) {
                let (of_target, rest) = of_row.split_at(classes);
                let best = |best: usize, class: usize| {
                    if larger(of_target[class], of_target[best]) { class } else { best }
                };
                values.push((0..classes).fold(0, best) as f64);
                of_row = rest;
            }
        }
    }

    /// Appends the probabilities of all rows.
    fn probabilities(&self, Wanted { raw, rows, .. }: Wanted<'_>, values: &mut Vec<f64>) {
        let Some(probability) = self.probability else { return };
        let scores = raw.iter().map(|x| x / self.rounds);
        match probability {
            Probability::Scores | Probability::LabelScores => values.extend(scores),
            Probability::AfterScores | Probability::LabelsAfterScores => {
                let stride = raw.len() / rows.max(1);
                let start = stride - self.probabilities_after();
                for of_row in raw.chunks_exact(stride.max(1)) {
                    values.extend(of_row[start..].iter().map(|x| x / self.rounds));
                }
            }
            Probability::Proportions { spare_zeros } => self.by_row(raw, values, |row| {
                let sum: f64 = row.iter().sum();
                if sum != 0.0 || !spare_zeros {
                    row.iter_mut().for_each(|x| *x /= sum);
                }
            }),
            Probability::LabelSigmoid => values.extend(scores.map(sigmoid)),
            Probability::LabelSigmoidSingle => values.extend(scores.map(|x| f64::from(sigmoid_single(x)))),
            Probability::SecondScore => values.extend(scores.flat_map(both)),
            Probability::Sigmoid { scale } => values.extend(scores.flat_map(|x| both(sigmoid(scale * x)))),
            Probability::SigmoidEach { scale } => values.extend(scores.map(|x| sigmoid(scale * x))),
            Probability::SigmoidNormalized if raw.len() == rows => {
                values.extend(scores.flat_map(|x| both(sigmoid(x))));
            }
            Probability::ModifiedHuber if raw.len() == rows => {
                values.extend(scores.flat_map(|x| both(modified_huber(x))));
            }
            Probability::SoftmaxOfBoth => {
                for x in scores {
                    values.extend([-x, x]);
                    let start = values.len() - 2;
                    softmax(&mut values[start..]);
                }
            }
            Probability::SigmoidSingle => values.extend(scores.flat_map(|x| {
                let s = sigmoid_single(x);
                [f64::from(1.0 - s), f64::from(s)]
            })),
            Probability::SigmoidNormalized => self.by_row(raw, values, |row| {
                row.iter_mut().for_each(|x| *x = sigmoid(*x));
                normalize_or_uniform(row);
            }),
            Probability::ModifiedHuber => self.by_row(raw, values, |row| {
                row.iter_mut().for_each(|x| *x = modified_huber(*x));
                normalize_or_uniform(row);
            }),
            Probability::Softmax => self.by_row(raw, values, softmax),
            Probability::ExpNormalized => self.by_row(raw, values, |row| {
                let total = log_sum_exp(row);
                row.iter_mut().for_each(|x| *x = (*x - total).exp());
            }),
            Probability::SoftmaxSingle => self.by_row(raw, values, softmax_single),
        }
    }

    fn by_row(&self, raw: &[f64], values: &mut Vec<f64>, of_row: impl Fn(&mut [f64])) {
        let start = values.len();
        values.extend(raw.iter().map(|x| x / self.rounds));
        values[start..].chunks_exact_mut(self.total_classes()).for_each(of_row);
    }
}

fn index(second: bool) -> f64 {
    f64::from(u8::from(second))
}

fn both(p: f64) -> [f64; 2] {
    [1.0 - p, p]
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn modified_huber(x: f64) -> f64 {
    (x.clamp(-1.0, 1.0) + 1.0) / 2.0
}

fn normalize(row: &mut [f64]) {
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|x| *x /= sum);
}

/// Where every class has the probability 0, all are equally likely.
fn normalize_or_uniform(row: &mut [f64]) {
    if row.iter().all(|p| *p == 0.0) {
        row.fill(1.0);
    }
    normalize(row);
}

fn largest(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn softmax(row: &mut [f64]) {
    let largest = largest(row);
    row.iter_mut().for_each(|x| *x = (*x - largest).exp());
    normalize(row);
}

pub(super) fn log_sum_exp(row: &[f64]) -> f64 {
    let largest = largest(row);
    if !largest.is_finite() {
        return largest;
    }
    row.iter().map(|x| (x - largest).exp()).sum::<f64>().ln() + largest
}

fn sigmoid_single(x: f64) -> f32 {
    1.0 / (1.0 + (-(x as f32)).exp())
}

/// Exponentials in float32, summed in float64, as xgboost's `Softmax`.
fn softmax_single(row: &mut [f64]) {
    let largest = largest(row) as f32;
    let mut sum = 0.0;
    for x in row.iter_mut() {
        *x = f64::from((*x as f32 - largest).exp());
        sum += *x;
    }
    row.iter_mut().for_each(|x| *x = f64::from(*x as f32 / sum as f32));
}
