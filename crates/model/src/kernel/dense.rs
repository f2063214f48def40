//! Products of rows with a weight matrix.

use super::Real;
use crate::sparse::SparseRows;

/// Outputs that are computed together: their accumulators stay in registers.
const PANEL: usize = 16;
/// Partial sums of a dot product.
const LANES: usize = 8;
/// Up to this many outputs each is a dot product over the inputs; more are computed in panels.
const FEW: usize = 4;

/// `y = x W + b` for rows `x`, the weights laid out for reading in order.
///
/// With few outputs each is a dot product in [`LANES`] partial sums, added in a fixed order. With many, each
/// output is summed over the inputs in order, [`PANEL`] outputs at a time. Which of the two depends on the number
/// of outputs alone.
#[derive(Debug)]
pub(crate) struct Dense<T> {
    inputs: usize,
    outputs: usize,
    /// Few outputs: `outputs x inputs`. Many: for each panel `inputs x PANEL`, padded with zeros.
    weights: Vec<T>,
    bias: Vec<T>,
}

impl<T: Real> Dense<T> {
    /// `weight(input, output)` gives the weights.
    pub(crate) fn new(inputs: usize, bias: &[f64], weight: impl Fn(usize, usize) -> f64) -> Self {
        let outputs = bias.len();
        let mut weights = Vec::new();
        if outputs <= FEW {
            for output in 0..outputs {
                weights.extend((0..inputs).map(|input| T::of(weight(input, output))));
            }
        } else {
            for panel in (0..outputs).step_by(PANEL) {
                for input in 0..inputs {
                    weights.extend(
                        (panel..panel + PANEL)
                            .map(|output| T::of(if output < outputs { weight(input, output) } else { 0.0 })),
                    );
                }
            }
        }
        Self { inputs, outputs, weights, bias: bias.iter().map(|b| T::of(*b)).collect() }
    }

    /// Number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Writes the outputs of `rows` rows into `y`, which is resized. `x` holds `rows x inputs` numbers.
    pub(crate) fn apply(&self, rows: usize, x: &[T], y: &mut Vec<T>) {
        y.clear();
        y.resize(rows * self.outputs, T::default());
        if self.outputs <= FEW {
            self.dots(rows, x, y);
        } else {
            self.panels(rows, x, y);
        }
    }

    /// Appends the outputs of sparse rows, each summed over the columns that are held, in order.
    pub(crate) fn apply_sparse(&self, rows: &SparseRows, y: &mut Vec<T>) {
        for (columns, values) in rows.rows() {
            let start = y.len();
            y.resize(start + self.outputs, T::default());
            let sums = &mut y[start..];
            for (column, value) in columns.iter().zip(values) {
                let (column, value) = (*column as usize, T::of(*value));
                if self.outputs <= FEW {
                    let weights = self.weights[column..].iter().step_by(self.inputs);
                    sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * *weight);
                } else {
                    for (panel, sums) in sums.chunks_mut(PANEL).enumerate() {
                        let weights = &self.weights[(panel * self.inputs + column) * PANEL..][..PANEL];
                        sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * *weight);
                    }
                }
            }
            sums.iter_mut().zip(&self.bias).for_each(|(sum, bias)| *sum += *bias);
        }
    }

    fn dots(&self, rows: usize, x: &[T], y: &mut [T]) {
        for row in 0..rows {
            let x = &x[row * self.inputs..(row + 1) * self.inputs];
            for output in 0..self.outputs {
                let weights = &self.weights[output * self.inputs..(output + 1) * self.inputs];
                y[row * self.outputs + output] = dot(x, weights) + self.bias[output];
            }
        }
    }

    fn panels(&self, rows: usize, x: &[T], y: &mut [T]) {
        for (panel, first) in (0..self.outputs).step_by(PANEL).enumerate() {
            let size = self.inputs * PANEL;
            let weights = &self.weights[panel * size..(panel + 1) * size];
            let last = (first + PANEL).min(self.outputs);
            let bias = &self.bias[first..last];
            for row in 0..rows {
                let sums = panel_sums(&x[row * self.inputs..(row + 1) * self.inputs], weights);
                let target = &mut y[row * self.outputs + first..row * self.outputs + last];
                for ((target, sum), bias) in target.iter_mut().zip(sums).zip(bias) {
                    *target = sum + *bias;
                }
            }
        }
    }
}

#[inline]
fn panel_sums<T: Real>(x: &[T], weights: &[T]) -> [T; PANEL] {
    let mut sums = [T::default(); PANEL];
    let (weights, _) = weights.as_chunks::<PANEL>();
    for (x, weights) in x.iter().zip(weights) {
        for (sum, weight) in sums.iter_mut().zip(weights) {
            *sum += *x * *weight;
        }
    }
    sums
}

/// The dot product of two rows of the same length, in [`LANES`] partial sums.
#[inline]
pub(crate) fn dot<T: Real>(x: &[T], weights: &[T]) -> T {
    let mut sums = [T::default(); LANES];
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (weights, weights_rest) = weights.as_chunks::<LANES>();
    for (x, weights) in x.iter().zip(weights) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * weights[lane];
        }
    }
    for (lane, (x, weight)) in x_rest.iter().zip(weights_rest).enumerate() {
        sums[lane] += *x * *weight;
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_right_for_few_and_for_many_outputs() {
        for (inputs, outputs) in [(0, 2), (1, 1), (7, 3), (19, 4), (3, 5), (9, 16), (10, 33)] {
            let weight = |input: usize, output: usize| (input * 3 + output) as f64 - 4.0;
            let bias: Vec<f64> = (0..outputs).map(|output| output as f64 / 2.0).collect();
            let x: Vec<f64> = (0..2 * inputs).map(|i| i as f64 / 4.0).collect();
            let mut y = Vec::new();
            Dense::<f64>::new(inputs, &bias, weight).apply(2, &x, &mut y);
            for row in 0..2 {
                for output in 0..outputs {
                    let sum: f64 = (0..inputs).map(|i| x[row * inputs + i] * weight(i, output)).sum();
                    // Small multiples of 1/4: every order of summation is exact.
                    assert_eq!(y[row * outputs + output], sum + bias[output]);
                }
            }
        }
    }
}
