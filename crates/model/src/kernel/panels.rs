//! Every row against every column of a matrix: sums over the inputs, in order, of a term of both.

use super::instructions::{Instructions, for_each_instruction_set};
use super::lanes::{LANES, Lanes};
use super::real::Real;

/// Columns that are computed together: their sums stay in registers.
const PANEL: usize = LANES;

/// A matrix laid out for reading in order: [`PANEL`] outputs side by side, padded with zeros.
#[derive(Debug)]
pub(crate) struct Panels<T> {
    inputs: usize,
    outputs: usize,
    /// For each panel `inputs` times [`PANEL`] outputs.
    weights: Vec<[T; PANEL]>,
    /// Added to each output.
    bias: Vec<[T; PANEL]>,
}

/// What is summed over the inputs.
pub(crate) trait Term {
    /// Of a row's number and a column's.
    fn of<T, V: Lanes<T>>(x: V, weight: V) -> V;
}

/// `x w`.
#[derive(Debug)]
pub(crate) struct Product;

/// `(x - w)^2`.
#[derive(Debug)]
pub(crate) struct SquaredDifference;

impl Term for Product {
    #[inline(always)]
    fn of<T, V: Lanes<T>>(x: V, weight: V) -> V {
        x.mul(weight)
    }
}

impl Term for SquaredDifference {
    #[inline(always)]
    fn of<T, V: Lanes<T>>(x: V, weight: V) -> V {
        let apart = x.sub(weight);
        apart.mul(apart)
    }
}

impl<T: Real> Panels<T> {
    /// `weight(input, output)` gives the matrix, `bias(output)` what is added to an output.
    pub(crate) fn new(
        inputs: usize,
        outputs: usize,
        bias: impl Fn(usize) -> f64,
        weight: impl Fn(usize, usize) -> f64,
    ) -> Self {
        let panel = |first: usize, value: &dyn Fn(usize) -> f64| {
            std::array::from_fn(|lane| {
                let output = first + lane;
                if output < outputs { T::of(value(output)) } else { T::default() }
            })
        };
        let firsts = || (0..outputs).step_by(PANEL);
        let of_inputs = |first| (0..inputs).map(move |input| (first, input));
        let weights = firsts().flat_map(of_inputs);
        let weights = weights.map(|(first, input)| panel(first, &|output| weight(input, output))).collect();
        Self { inputs, outputs, weights, bias: firsts().map(|first| panel(first, &bias)).collect() }
    }

    /// Number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Writes the outputs of `rows` rows into `y`, which is resized. `x` holds `rows x inputs` numbers.
    pub(crate) fn apply<O: Term>(&self, rows: usize, x: &[T], y: &mut Vec<T>) {
        // All of it is written: what stands there already need not be cleared.
        y.resize(rows * self.outputs, T::default());
        sums::<T, O>(Instructions::widest(), self, rows, x, y);
    }

    /// Appends `sum of x w + b` of one row, given some of its inputs in order; the others are 0.
    pub(crate) fn append_products(&self, some: impl Iterator<Item = (usize, T)>, y: &mut Vec<T>) {
        let start = y.len();
        y.resize(start + self.outputs, T::default());
        for (input, x) in some {
            for (panel, sums) in y[start..].chunks_mut(PANEL).enumerate() {
                let weights = &self.weights[panel * self.inputs + input];
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * *weight);
            }
        }
        y[start..].iter_mut().zip(self.bias.as_flattened()).for_each(|(sum, bias)| *sum += *bias);
    }

    /// Of `ROWS` rows the outputs of a panel.
    #[inline(always)]
    fn block<O: Term, V: Lanes<T>, const ROWS: usize>(&self, panel: usize, x: &[T], y: &mut [T]) {
        let inputs = self.inputs;
        let x = &x[..ROWS * inputs];
        let mut sums = [V::splat(T::default()); ROWS];
        for (input, weights) in self.weights[panel * inputs..(panel + 1) * inputs].iter().enumerate() {
            let weights = V::load(weights);
            for row in 0..ROWS {
                sums[row] = sums[row].add(O::of(V::splat(x[row * inputs + input]), weights));
            }
        }
        let bias = V::load(&self.bias[panel]);
        for row in 0..ROWS {
            let sums = sums[row].add(bias);
            let y = &mut y[row * self.outputs..(row + 1) * self.outputs][panel * PANEL..];
            if let Some(y) = y.first_chunk_mut() {
                sums.store(y);
            } else {
                let mut all = [T::default(); PANEL];
                sums.store(&mut all);
                y.copy_from_slice(&all[..y.len()]);
            }
        }
    }
}

for_each_instruction_set! {
    /// Writes the outputs of `rows` rows.
    fn sums[T: Real, O: Term](panels: &Panels<T>, rows: usize, x: &[T], y: &mut [T]) {
        // As many sums as the registers hold.
        portable: in_blocks::<T, O, [T; LANES], 1>(panels, rows, x, y),
        avx2: in_blocks::<T, O, T::Avx2, 2>(panels, rows, x, y),
        avx512: in_blocks::<T, O, T::Avx512, 8>(panels, rows, x, y),
    }
}

/// `ROWS` rows at a time, and what remains row by row.
#[inline(always)]
fn in_blocks<T: Real, O: Term, V: Lanes<T>, const ROWS: usize>(
    panels: &Panels<T>,
    rows: usize,
    x: &[T],
    y: &mut [T],
) {
    let (inputs, outputs, count) = (panels.inputs, panels.outputs, panels.bias.len());
    let mut row = 0;
    while row < rows {
        let (x, y) = (&x[row * inputs..], &mut y[row * outputs..]);
        if row + ROWS <= rows {
            for panel in 0..count {
                panels.block::<O, V, ROWS>(panel, x, y);
            }
            row += ROWS;
        } else {
            for panel in 0..count {
                panels.block::<O, V, 1>(panel, x, y);
            }
            row += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_instruction_set_and_split_gives_the_bits_of_sums_in_order(
            (inputs, outputs, rows) in (0usize..20, 1usize..100, 1usize..20),
            numbers in proptest::collection::vec(-1e3..1e3, 20 * 100 + 20 * 20 + 100),
        ) {
            check::<f64>(inputs, outputs, rows, &numbers);
            check::<f32>(inputs, outputs, rows, &numbers);
        }
    }

    fn check<T: Real>(inputs: usize, outputs: usize, rows: usize, numbers: &[f64]) {
        let (bias, numbers) = numbers.split_at(outputs);
        let (weights, x) = numbers.split_at(inputs * outputs);
        let x: Vec<T> = x[..rows * inputs].iter().map(|x| T::of(*x)).collect();
        let weight = |input, output| weights[input * outputs + output];
        let panels = Panels::<T>::new(inputs, outputs, |output| bias[output], weight);
        let of = |row: usize, output: usize, term: fn(T, T) -> T| {
            let terms = (0..inputs).map(|i| term(x[row * inputs + i], T::of(weight(i, output))));
            terms.fold(T::default(), |sum, term| sum + term) + T::of(bias[output])
        };
        for instructions in Instructions::all() {
            let (mut products, mut squares) = (vec![T::ONE; rows * outputs], vec![T::ONE; rows * outputs]);
            sums::<T, Product>(instructions, &panels, rows, &x, &mut products);
            sums::<T, SquaredDifference>(instructions, &panels, rows, &x, &mut squares);
            for row in 0..rows {
                for output in 0..outputs {
                    let at = row * outputs + output;
                    assert!(products[at] == of(row, output, |x, w| x * w), "{instructions:?}");
                    assert!(squares[at] == of(row, output, |x, w| (x - w) * (x - w)), "{instructions:?}");
                }
            }
        }
        let mut appended = Vec::new();
        for row in 0..rows {
            let some = (0..inputs).map(|input| (input, x[row * inputs + input]));
            panels.append_products(some, &mut appended);
        }
        let mut products = Vec::new();
        panels.apply::<Product>(rows, &x, &mut products);
        assert!(appended == products);
    }
}
