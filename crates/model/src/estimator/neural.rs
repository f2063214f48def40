//! Multi-layer perceptrons.

use crate::error::{ModelError, expect_count};
use crate::kernel::{Dense, Floats, Real, rectify_all};

/// Rows that go through all layers together: what lies between two layers stays in the first cache.
const BLOCK: usize = 32;

/// Function of a layer's weighted sums.
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
    /// `exp(x)`.
    Exp,
    /// `exp(x_k) / sum exp(x)`, over the layer.
    Softmax,
}

/// One dense layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Number of inputs.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// `inputs x outputs`, row-major.
    pub weights: Vec<f64>,
    /// One per output.
    pub bias: Vec<f64>,
    /// Applied to the weighted sums.
    pub activation: Activation,
}

/// A multi-layer perceptron.
#[derive(Debug, Clone, PartialEq)]
pub struct Neural {
    /// The layers, first one first.
    pub layers: Vec<Layer>,
    /// Whether weights are float32 and sums are made in float32.
    pub single: bool,
}

impl Neural {
    pub(super) fn check(&self) -> Result<(usize, usize), ModelError> {
        let (Some(first), Some(last)) = (self.layers.first(), self.layers.last()) else {
            return Err(ModelError::mismatch("at least one layer", "none"));
        };
        let mut inputs = first.inputs;
        for (number, layer) in self.layers.iter().enumerate() {
            let check = || {
                expect_count("inputs", inputs, layer.inputs)?;
                expect_count("biases", layer.outputs, layer.bias.len())?;
                expect_count("weights", layer.inputs.saturating_mul(layer.outputs), layer.weights.len())
            };
            check().map_err(|error| error.within(format_args!("layer {}", number + 1)))?;
            inputs = layer.outputs;
        }
        Ok((first.inputs, last.outputs))
    }

    pub(super) fn compile(&self) -> NeuralPlan {
        if self.single {
            NeuralPlan::Single(self.layers.iter().map(LayerPlan::new).collect())
        } else {
            NeuralPlan::Double(self.layers.iter().map(LayerPlan::new).collect())
        }
    }
}

/// A compiled [`Neural`].
#[derive(Debug)]
pub(crate) enum NeuralPlan {
    Single(Vec<LayerPlan<f32>>),
    Double(Vec<LayerPlan<f64>>),
}

/// A compiled [`Layer`].
#[derive(Debug)]
pub(crate) struct LayerPlan<T> {
    dense: Dense<T>,
    activation: Activation,
}

/// Buffers of [`NeuralPlan::scores`].
#[derive(Debug, Default)]
pub(crate) struct NeuralBuffers {
    input: Floats,
    output: Floats,
}

impl NeuralPlan {
    /// Appends the raw scores of `rows` rows.
    pub(super) fn scores(
        &self,
        numbers: &[f64],
        rows: usize,
        buffers: &mut NeuralBuffers,
        raw: &mut Vec<f64>,
    ) {
        match self {
            Self::Single(layers) => forward(layers, numbers, rows, buffers, raw),
            Self::Double(layers) => forward(layers, numbers, rows, buffers, raw),
        }
    }
}

fn forward<T: Real>(
    layers: &[LayerPlan<T>],
    numbers: &[f64],
    rows: usize,
    buffers: &mut NeuralBuffers,
    raw: &mut Vec<f64>,
) {
    let width = numbers.len() / rows.max(1);
    for start in (0..rows).step_by(BLOCK) {
        let mut input = T::buffer(&mut buffers.input);
        let mut output = T::buffer(&mut buffers.output);
        let rows = BLOCK.min(rows - start);
        input.clear();
        input.extend(numbers[start * width..(start + rows) * width].iter().map(|x| T::of(*x)));
        for layer in layers {
            layer.dense.apply(rows, input, output);
            layer.activation.apply(output, layer.dense.outputs());
            std::mem::swap(&mut input, &mut output);
        }
        raw.extend(input.iter().map(|x| x.to_f64()));
    }
}

impl<T: Real> LayerPlan<T> {
    fn new(layer: &Layer) -> Self {
        let weight = |input, output| layer.weights[input * layer.outputs + output];
        Self { dense: Dense::new(layer.inputs, &layer.bias, weight), activation: layer.activation }
    }
}

impl Activation {
    /// Applies the function to rows of `width` numbers, in place.
    fn apply<T: Real>(self, numbers: &mut [T], width: usize) {
        match self {
            Self::Identity => {}
            Self::Logistic => {
                T::exp_all(-1.0, numbers);
                numbers.iter_mut().for_each(|x| *x = T::ONE / (T::ONE + *x));
            }
            Self::Tanh => T::tanh_all(numbers),
            Self::Relu => rectify_all(numbers),
            Self::Exp => T::exp_all(1.0, numbers),
            Self::Softmax => numbers.chunks_exact_mut(width.max(1)).for_each(softmax),
        }
    }
}

fn softmax<T: Real>(row: &mut [T]) {
    let largest = row.iter().fold(T::NEGATIVE_INFINITY, |largest, x| largest.larger(*x));
    row.iter_mut().for_each(|x| *x -= largest);
    T::exp_all(1.0, row);
    let sum: T = row.iter().copied().sum();
    row.iter_mut().for_each(|x| *x = *x / sum);
}
