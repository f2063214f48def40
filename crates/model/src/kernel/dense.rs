//! Products of rows with a weight matrix.

use super::Real;
use super::panels::{Panels, Product};
use crate::sparse::SparseRows;

/// Partial sums of a dot product.
const LANES: usize = 8;
/// Up to this many outputs each is a dot product over the inputs; more are computed in panels.
const FEW: usize = 4;

/// `y = x W + b` for rows `x`, the weights laid out for reading in order.
///
/// With few outputs each is a dot product in [`LANES`] partial sums, added in a fixed order. With many, each
/// output is summed over the inputs in order. Which of the two depends on the number of outputs alone.
#[derive(Debug)]
pub(crate) enum Dense<T> {
    /// `outputs x inputs` weights.
    Few {
        inputs: usize,
        weights: Vec<T>,
        bias: Vec<T>,
    },
    Many(Panels<T>),
}

impl<T: Real> Dense<T> {
    /// `weight(input, output)` gives the weights.
    pub(crate) fn new(inputs: usize, bias: &[f64], weight: impl Fn(usize, usize) -> f64) -> Self {
        if bias.len() > FEW {
            return Self::Many(Panels::new(inputs, bias.len(), |output| bias[output], weight));
        }
        let of_inputs = |output| (0..inputs).map(move |input| (input, output));
        let weights = (0..bias.len()).flat_map(of_inputs);
        let weights = weights.map(|(input, output)| T::of(weight(input, output))).collect();
        Self::Few { inputs, weights, bias: bias.iter().map(|b| T::of(*b)).collect() }
    }

    /// Number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            Self::Few { bias, .. } => bias.len(),
            Self::Many(panels) => panels.outputs(),
        }
    }

    /// Writes the outputs of `rows` rows into `y`, which is resized. `x` holds `rows x inputs` numbers.
    pub(crate) fn apply(&self, rows: usize, x: &[T], y: &mut Vec<T>) {
        match self {
            Self::Few { inputs, weights, bias } => {
                y.clear();
                for row in 0..rows {
                    let x = &x[row * inputs..(row + 1) * inputs];
                    y.extend(bias.iter().enumerate().map(|(output, bias)| {
                        dot(x, &weights[output * inputs..(output + 1) * inputs]) + *bias
                    }));
                }
            }
            Self::Many(panels) => panels.apply::<Product>(rows, x, y),
        }
    }

    /// Appends the outputs of sparse rows, each summed over the columns that are held, in order.
    pub(crate) fn apply_sparse(&self, rows: &SparseRows, y: &mut Vec<T>) {
        for (columns, values) in rows.rows() {
            let cells =
                || columns.iter().zip(values).map(|(column, value)| (*column as usize, T::of(*value)));
            match self {
                Self::Few { inputs, weights, bias } => {
                    y.extend(bias.iter().enumerate().map(|(output, bias)| {
                        let weights = &weights[output * inputs..(output + 1) * inputs];
                        cells().fold(T::default(), |sum, (column, x)| sum + x * weights[column]) + *bias
                    }));
                }
                Self::Many(panels) => panels.append_products(cells(), y),
            }
        }
    }
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
