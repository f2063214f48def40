//! Multi-layer perceptrons, with the parameters, the initial weights and the stopping rules of scikit-learn.
//!
//! Sources: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors" (1986); Glorot and
//! Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010) for the initial weights;
//! Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015); Nesterov's momentum as Sutskever et al. (2013).
//!
//! Numbers are float32: rounding is far below the noise of the batches, and products take half the time. A batch is
//! divided into blocks of rows whose gradients are added in order, so the result does not depend on threads.

use foretell_model::estimator::{self, Neural};
use foretell_model::head::{LabelRule, Probability};
use foretell_model::{Estimator, Fitted, Head};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, Axis};
use rayon::prelude::*;

use super::head;
use super::hold_out::hold_out;
use super::{History, Learnt};
use crate::parameter::{Parameters, Range, choices, parameters};
use crate::random::{Stream, hash};
use crate::{Context, FitError, Sample, Target};

/// The function of hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x`.
    Identity,
    /// `1 / (1 + exp(-x))`.
    Logistic,
    /// `tanh(x)`.
    Tanh,
    /// `max(x, 0)`.
    Relu,
}

/// How weights follow their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Solver {
    /// Adam.
    Adam,
    /// Gradient descent with momentum.
    Sgd,
}

choices!(Activation {
    "identity" => Self::Identity,
    "logistic" => Self::Logistic,
    "tanh" => Self::Tanh,
    "relu" => Self::Relu,
});

choices!(Solver {
    "adam" => Self::Adam,
    "sgd" => Self::Sgd,
});

/// The largest number below 1.
const BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

parameters! {
    /// Parameters, with the names and defaults of scikit-learn.
    pub struct Mlp {
        /// Number of units of each hidden layer.
        hidden_layer_sizes: Vec<usize> = vec![100], Range::AtLeast(1.0);
        /// The function of hidden layers.
        activation: Activation = Activation::Relu, Range::Any;
        /// How weights follow their gradients.
        solver: Solver = Solver::Adam, Range::Any;
        /// Weight of squared weights.
        alpha: f32 = 1e-4, Range::AtLeast(0.0);
        /// Rows of a batch; 200 where it is not given, or all if they are fewer.
        batch_size: Option<usize> = None, Range::AtLeast(1.0);
        /// Length of steps.
        learning_rate_init: f32 = 1e-3, Range::AboveUpTo(0.0, f64::MAX);
        /// Most passes over the rows.
        max_iter: usize = 200, Range::AtLeast(1.0);
        /// Less is no improvement.
        tol: f64 = 1e-4, Range::Any;
        /// Passes without improvement after which it stops.
        n_iter_no_change: usize = 10, Range::Any;
        /// Whether improvement is that of the score of rows held out; else that of the loss.
        early_stopping: bool = false, Range::Any;
        /// Share of rows that is held out for early stopping.
        validation_fraction: f64 = 0.1, Range::Between(0.0, 1.0);
        /// Adam: decay of the first moment.
        beta_1: f32 = 0.9, Range::Within(0.0, BELOW_ONE);
        /// Adam: decay of the second moment.
        beta_2: f32 = 0.999, Range::Within(0.0, BELOW_ONE);
        /// Adam: keeps divisors above 0.
        epsilon: f32 = 1e-8, Range::Above(0.0);
        /// Gradient descent: the share of the last step in the next.
        momentum: f32 = 0.9, Range::Within(0.0, BELOW_ONE);
        /// Gradient descent: whether the momentum is Nesterov's.
        nesterovs_momentum: bool = true, Range::Any;
    }
}

/// A network and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The model.
    pub fitted: Fitted,
    /// The loss of the training rows in each pass.
    pub loss_curve: Vec<f64>,
    /// The accuracy, or R2, of the rows held out after each pass.
    pub validation_scores: Vec<f64>,
}

impl From<Outcome> for Learnt {
    fn from(outcome: Outcome) -> Self {
        let curves =
            [("training", outcome.loss_curve), ("score of rows held back", outcome.validation_scores)];
        let curves = curves.into_iter().filter(|(_, values)| !values.is_empty()).collect();
        let history = History { curves, gain: Vec::new() };
        Self { history, ..Self::from(outcome.fitted) }
    }
}

/// Most rows of a block of a batch.
const BLOCK: usize = 100;

/// Weights and biases of a layer, or their gradients.
#[derive(Debug, Clone)]
struct Layer {
    weights: Array2<f32>,
    bias: Array1<f32>,
}

impl Layer {
    fn zeros(inputs: usize, outputs: usize) -> Self {
        Self { weights: Array2::zeros((inputs, outputs)), bias: Array1::zeros(outputs) }
    }

    fn numbers(&mut self) -> impl Iterator<Item = &mut f32> {
        self.weights.iter_mut().chain(&mut self.bias)
    }
}

/// Function of the last layer, and with it the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Identity,
    Logistic,
    Softmax,
}

/// What is learnt from.
struct Lesson {
    x: Array2<f32>,
    /// `rows x outputs`.
    y: Array2<f32>,
    weights: Vec<f32>,
    output: Output,
}

impl Mlp {
    /// Fits, and tells how it went.
    ///
    /// # Errors
    /// Parameters out of their range, data that do not fit each other, missing values, and a progress that ends it.
    pub fn fit(
        &self,
        sample: Sample<'_>,
        target: Target<'_>,
        context: &Context<'_>,
    ) -> Result<Outcome, FitError> {
        self.check()?;
        sample.check(target.rows())?;
        target.check()?;
        let lesson = lesson(sample, target)?;
        // Inside the pool, so that blocks do not have to be handed over to it one by one.
        rayon::scope(|_| self.train(&lesson, target, context))
    }

    fn train(&self, lesson: &Lesson, target: Target<'_>, context: &Context<'_>) -> Result<Outcome, FitError> {
        let mut random = Stream::new(hash(context.seed, 1));
        let mut layers = self.start(lesson, &mut random);
        let (mut learns, held_out) = self.hold_out(lesson, target, &mut random)?;
        let batch = self.batch_size.unwrap_or(200).min(learns.len());
        let mut moments: [Vec<Layer>; 2] = [zeros(&layers), zeros(&layers)];
        let (mut steps, mut idle, mut best) = (0, 0, None);
        let (mut loss_curve, mut validation_scores) = (Vec::new(), Vec::<f64>::new());
        let mut least = f64::INFINITY;
        for pass in 0..self.max_iter {
            random.shuffle(&mut learns);
            let mut total = 0.0;
            for rows in learns.chunks(batch) {
                let (loss, gradients) = self.gradients(lesson, rows, &layers);
                total += loss * rows.len() as f64;
                steps += 1;
                self.step(&mut layers, gradients, &mut moments, steps);
            }
            let loss = total / learns.len() as f64;
            if !loss.is_finite() {
                return Err(FitError::data(
                    "numbers of about the same scale; scale the features",
                    "a loss without end",
                ));
            }
            loss_curve.push(loss);
            if self.early_stopping {
                let score = self.score(lesson, &held_out, &layers);
                let known = best.as_ref().map_or(f64::NEG_INFINITY, |(known, _)| *known);
                idle = if score < known + self.tol { idle + 1 } else { 0 };
                if score > known {
                    best = Some((score, layers.clone()));
                }
                validation_scores.push(score);
            } else {
                idle = if loss > least - self.tol { idle + 1 } else { 0 };
                least = least.min(loss);
            }
            if !context.progress.step(pass + 1, self.max_iter, Some(loss)) {
                return Err(FitError::Stopped);
            }
            if idle > self.n_iter_no_change {
                break;
            }
        }
        let layers = best.map_or(layers, |(_, layers)| layers);
        Ok(Outcome { fitted: self.fitted(&layers, target, lesson.output), loss_curve, validation_scores })
    }

    /// Weights and biases drawn evenly from a range that keeps the scale of signals.
    fn start(&self, lesson: &Lesson, random: &mut Stream) -> Vec<Layer> {
        let sizes: Vec<usize> = std::iter::once(lesson.x.ncols())
            .chain(self.hidden_layer_sizes.iter().copied())
            .chain([lesson.y.ncols()])
            .collect();
        let factor = if self.activation == Activation::Logistic { 2.0 } else { 6.0 };
        let layer = |pair: &[usize]| {
            let mut layer = Layer::zeros(pair[0], pair[1]);
            let bound = (factor / (pair[0] + pair[1]) as f64).sqrt();
            layer.numbers().for_each(|x| *x = (bound * (2.0 * random.unit() - 1.0)) as f32);
            layer
        };
        sizes.windows(2).map(layer).collect()
    }

    /// The rows to learn from and those held out: a share of each class, or of all.
    fn hold_out(
        &self,
        lesson: &Lesson,
        target: Target<'_>,
        random: &mut Stream,
    ) -> Result<(Vec<usize>, Vec<usize>), FitError> {
        let all = (0..lesson.x.nrows()).filter(|row| lesson.weights[*row] > 0.0);
        if !self.early_stopping {
            return Ok((all.collect(), Vec::new()));
        }
        hold_out(all.collect(), target, self.validation_fraction, random)
    }

    /// The outputs of all layers for some rows, the rows first.
    fn forward(&self, lesson: &Lesson, rows: &[usize], layers: &[Layer]) -> Vec<Array2<f32>> {
        let mut signals = vec![lesson.x.select(Axis(0), rows)];
        for (number, layer) in layers.iter().enumerate() {
            let mut next = Array2::zeros((rows.len(), layer.bias.len()));
            next += &layer.bias;
            general_mat_mul(1.0, &signals[number], &layer.weights, 1.0, &mut next);
            if number + 1 < layers.len() {
                self.activation.apply(&mut next);
            } else {
                lesson.output.apply(&mut next);
            }
            signals.push(next);
        }
        signals
    }

    /// The mean loss of a batch and its gradients.
    fn gradients(&self, lesson: &Lesson, rows: &[usize], layers: &[Layer]) -> (f64, Vec<Layer>) {
        let weight: f32 = rows.iter().map(|row| lesson.weights[*row]).sum();
        let blocks: Vec<(f64, Vec<Layer>)> =
            rows.par_chunks(BLOCK).map(|rows| self.backward(lesson, rows, layers)).collect();
        let mut blocks = blocks.into_iter();
        let (mut loss, mut gradients) = blocks.next().unwrap_or_else(|| (0.0, zeros(layers)));
        for (of_block, block) in blocks {
            loss += of_block;
            for (sum, layer) in gradients.iter_mut().zip(block) {
                sum.weights += &layer.weights;
                sum.bias += &layer.bias;
            }
        }
        let mut squares = 0.0;
        for (sum, layer) in gradients.iter_mut().zip(layers) {
            sum.weights.zip_mut_with(&layer.weights, |sum, w| *sum = (*sum + self.alpha * w) / weight);
            sum.bias.mapv_inplace(|sum| sum / weight);
            squares += layer.weights.iter().map(|w| w * w).sum::<f32>();
        }
        (((loss as f32 + 0.5 * self.alpha * squares) / weight).into(), gradients)
    }

    /// The sum of the losses of a block, and the sums of its gradients.
    fn backward(&self, lesson: &Lesson, rows: &[usize], layers: &[Layer]) -> (f64, Vec<Layer>) {
        let signals = self.forward(lesson, rows, layers);
        let wanted = lesson.y.select(Axis(0), rows);
        let last = &signals[layers.len()];
        let mut loss = 0.0;
        let mut delta = last - &wanted;
        for ((mut delta, row), (got, wanted)) in
            delta.rows_mut().into_iter().zip(rows).zip(last.rows().into_iter().zip(wanted.rows()))
        {
            let weight = lesson.weights[*row];
            let each = got.iter().zip(&wanted).map(|(got, wanted)| lesson.output.loss(*got, *wanted));
            loss += each.sum::<f64>() * f64::from(weight);
            delta.mapv_inplace(|x| x * weight);
        }
        let mut gradients = zeros(layers);
        for number in (0..layers.len()).rev() {
            general_mat_mul(1.0, &signals[number].t(), &delta, 0.0, &mut gradients[number].weights);
            gradients[number].bias = delta.sum_axis(Axis(0));
            if number > 0 {
                let mut before = Array2::zeros(signals[number].raw_dim());
                general_mat_mul(1.0, &delta, &layers[number].weights.t(), 0.0, &mut before);
                before.zip_mut_with(&signals[number], |d, s| *d *= self.activation.slope(*s));
                delta = before;
            }
        }
        (loss, gradients)
    }

    /// Moves the weights; `moments` are those of Adam, or the last step.
    fn step(&self, layers: &mut [Layer], gradients: Vec<Layer>, moments: &mut [Vec<Layer>; 2], steps: i32) {
        let [first, second] = moments;
        let rate = self.learning_rate_init;
        for (((layer, mut gradient), first), second) in
            layers.iter_mut().zip(gradients).zip(first).zip(second)
        {
            let each = layer.numbers().zip(gradient.numbers()).zip(first.numbers().zip(second.numbers()));
            match self.solver {
                Solver::Adam => {
                    let (beta_1, beta_2) = (self.beta_1, self.beta_2);
                    let rate = rate * (1.0 - beta_2.powi(steps)).sqrt() / (1.0 - beta_1.powi(steps));
                    for ((w, g), (m, v)) in each {
                        *m = beta_1 * *m + (1.0 - beta_1) * *g;
                        *v = beta_2 * *v + (1.0 - beta_2) * *g * *g;
                        *w -= rate * *m / (v.sqrt() + self.epsilon);
                    }
                }
                Solver::Sgd => {
                    let momentum = self.momentum;
                    for ((w, g), (m, _)) in each {
                        *m = momentum * *m - rate * *g;
                        *w += if self.nesterovs_momentum { momentum * *m - rate * *g } else { *m };
                    }
                }
            }
        }
    }

    /// The weighted accuracy or R2 of some rows.
    fn score(&self, lesson: &Lesson, rows: &[usize], layers: &[Layer]) -> f64 {
        let signals = self.forward(lesson, rows, layers);
        let (got, wanted) = (&signals[layers.len()], lesson.y.select(Axis(0), rows));
        let weights: Vec<f64> = rows.iter().map(|row| f64::from(lesson.weights[*row])).collect();
        let total: f64 = weights.iter().sum();
        let pairs = || got.rows().into_iter().zip(wanted.rows()).zip(&weights);
        if lesson.output == Output::Identity {
            let mean = pairs().map(|((_, y), w)| f64::from(y[0]) * w).sum::<f64>() / total;
            let error: f64 = pairs().map(|((f, y), w)| f64::from(f[0] - y[0]).powi(2) * w).sum();
            let spread: f64 = pairs().map(|((_, y), w)| (f64::from(y[0]) - mean).powi(2) * w).sum();
            return if spread > 0.0 { 1.0 - error / spread } else { 0.0 };
        }
        let largest = |of_row: ndarray::ArrayView1<'_, f32>| {
            if of_row.len() == 1 {
                return usize::from(of_row[0] > 0.5);
            }
            (0..of_row.len()).fold(0, |best, at| if of_row[at] > of_row[best] { at } else { best })
        };
        pairs().filter(|((f, y), _)| largest(*f) == largest(*y)).map(|(_, w)| w).sum::<f64>() / total
    }

    fn fitted(&self, layers: &[Layer], target: Target<'_>, output: Output) -> Fitted {
        let last = layers.len() - 1;
        let layer = |(number, layer): (usize, &Layer)| estimator::Layer {
            inputs: layer.weights.nrows(),
            outputs: layer.weights.ncols(),
            weights: layer.weights.iter().map(|w| f64::from(*w)).collect(),
            bias: layer.bias.iter().map(|b| f64::from(*b)).collect(),
            activation: if number == last { output.lowered() } else { self.activation.lowered() },
        };
        let layers = layers.iter().enumerate().map(layer).collect();
        let head = match target {
            Target::Values(_) => head::values(),
            Target::Classes { labels, .. } => Head::Classification(match output {
                Output::Logistic => {
                    head::classification(labels, LabelRule::AboveHalf, Probability::SecondScore)
                }
                Output::Identity | Output::Softmax => head::class_shares(labels),
            }),
        };
        Fitted { estimator: Estimator::Neural(Neural { layers, single: true }), head }
    }
}

fn zeros(layers: &[Layer]) -> Vec<Layer> {
    layers.iter().map(|layer| Layer::zeros(layer.weights.nrows(), layer.weights.ncols())).collect()
}

fn lesson(sample: Sample<'_>, target: Target<'_>) -> Result<Lesson, FitError> {
    if let Some(bad) = sample.values.iter().find(|value| !(**value as f32).is_finite()) {
        return Err(FitError::data("numbers that are finite in float32, none missing", bad));
    }
    let rows = sample.rows();
    let mut x = Array2::zeros((rows, sample.columns.len()));
    x.iter_mut().zip(sample.values).for_each(|(x, value)| *x = *value as f32);
    let (y, output) = match target {
        Target::Values(values) => {
            let mut y = Array2::zeros((rows, 1));
            y.iter_mut().zip(values).for_each(|(y, value)| *y = *value as f32);
            (y, Output::Identity)
        }
        Target::Classes { codes, labels } if labels.len() == 2 => {
            let mut y = Array2::zeros((rows, 1));
            y.iter_mut().zip(codes).for_each(|(y, code)| *y = *code as f32);
            (y, Output::Logistic)
        }
        Target::Classes { codes, labels } => {
            let mut y = Array2::zeros((rows, labels.len()));
            codes.iter().enumerate().for_each(|(row, code)| y[(row, *code as usize)] = 1.0);
            (y, Output::Softmax)
        }
    };
    let weight = |weights: &[f64]| weights.iter().map(|w| *w as f32).collect();
    Ok(Lesson { x, y, weights: sample.weights.map_or_else(|| vec![1.0; rows], weight), output })
}

impl Activation {
    fn apply(self, numbers: &mut Array2<f32>) {
        match self {
            Self::Identity => {}
            Self::Logistic => numbers.mapv_inplace(|x| 1.0 / (1.0 + (-x).exp())),
            Self::Tanh => numbers.mapv_inplace(f32::tanh),
            Self::Relu => numbers.mapv_inplace(|x| x.max(0.0)),
        }
    }

    /// The slope where the function has this value.
    fn slope(self, value: f32) -> f32 {
        match self {
            Self::Identity => 1.0,
            Self::Logistic => value * (1.0 - value),
            Self::Tanh => 1.0 - value * value,
            Self::Relu if value > 0.0 => 1.0,
            Self::Relu => 0.0,
        }
    }

    fn lowered(self) -> estimator::Activation {
        match self {
            Self::Identity => estimator::Activation::Identity,
            Self::Logistic => estimator::Activation::Logistic,
            Self::Tanh => estimator::Activation::Tanh,
            Self::Relu => estimator::Activation::Relu,
        }
    }
}

impl Output {
    fn apply(self, numbers: &mut Array2<f32>) {
        match self {
            Self::Identity => {}
            Self::Logistic => Activation::Logistic.apply(numbers),
            Self::Softmax => {
                for mut row in numbers.rows_mut() {
                    let largest = row.fold(f32::NEG_INFINITY, |a, b| a.max(*b));
                    row.mapv_inplace(|x| (x - largest).exp());
                    let sum = row.sum();
                    row.mapv_inplace(|x| x / sum);
                }
            }
        }
    }

    fn loss(self, got: f32, wanted: f32) -> f64 {
        let bounded = f64::from(got.clamp(f32::EPSILON, 1.0 - f32::EPSILON));
        let wanted64 = f64::from(wanted);
        match self {
            Self::Identity => 0.5 * f64::from(got - wanted).powi(2),
            Self::Logistic => -(wanted64 * bounded.ln() + (1.0 - wanted64) * (1.0 - bounded).ln()),
            Self::Softmax => -wanted64 * bounded.ln(),
        }
    }

    fn lowered(self) -> estimator::Activation {
        match self {
            Self::Identity => estimator::Activation::Identity,
            Self::Logistic => estimator::Activation::Logistic,
            Self::Softmax => estimator::Activation::Softmax,
        }
    }
}

#[cfg(test)]
mod tests {
    use foretell_frame::Labels;

    use super::*;

    #[test]
    fn gradients_are_slopes_of_the_loss() {
        let columns = [crate::Column::Number; 3];
        let values: Vec<f64> = (0..36).map(|at| (f64::from(at) * 0.7).sin()).collect();
        let weights: Vec<f64> = (0..12).map(|at| 0.5 + f64::from(at % 3)).collect();
        let sample = Sample { values: &values, columns: &columns, weights: Some(&weights) };
        let (two, three) = (Labels::range(2), Labels::range(3));
        let of_two: Vec<u32> = (0..12).map(|at| at % 2).collect();
        let of_three: Vec<u32> = (0..12).map(|at| at % 3).collect();
        let numbers: Vec<f64> = (0..12).map(|at| f64::from(at).cos()).collect();
        let targets = [
            Target::Values(&numbers),
            Target::Classes { codes: &of_two, labels: &two },
            Target::Classes { codes: &of_three, labels: &three },
        ];
        for activation in [Activation::Identity, Activation::Logistic, Activation::Tanh] {
            for target in targets {
                let params = Mlp { hidden_layer_sizes: vec![4, 3], activation, alpha: 0.1, ..Mlp::default() };
                let lesson = lesson(sample, target).unwrap();
                let rows: Vec<usize> = (0..12).collect();
                let layers = params.start(&lesson, &mut Stream::new(5));
                let (_, mut gradients) = params.gradients(&lesson, &rows, &layers);
                for number in 0..layers.len() {
                    let at = |shift: f32| {
                        let mut moved = layers.clone();
                        moved[number].weights[(1, 0)] += shift;
                        params.gradients(&lesson, &rows, &moved).0
                    };
                    let slope = (at(0.02) - at(-0.02)) / 0.04;
                    let got = f64::from(gradients[number].weights[(1, 0)]);
                    assert!((got - slope).abs() < 2e-3, "{activation:?}, layer {number}: {got} and {slope}");
                    assert!(gradients[number].numbers().all(|x| x.is_finite()));
                }
            }
        }
    }
}
