//! Multi-layer perceptrons.

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
