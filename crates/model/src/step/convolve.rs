//! Circular convolutions of parts of the columns.

use super::Accepts;
use crate::error::ModelError;
use crate::infer::{Column, Facts};
use crate::plan::{Layout, Op};

pub(super) fn infer(parts: usize, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
    if parts == 0 || columns.is_empty() || !columns.len().is_multiple_of(parts) {
        return Err(ModelError::mismatch(format_args!("columns in {parts} equal parts"), columns.len()));
    }
    facts.numbers(columns, Accepts::FINITE)?;
    Ok(vec![Column::COMPUTED; columns.len() / parts])
}

pub(super) fn compile(parts: usize, layout: &Layout) -> (Vec<Op>, Layout) {
    let (positions, after) = layout.gather(&(0..layout.columns.len()).collect::<Vec<_>>());
    let width = after.columns.len() / parts.max(1);
    let ops = vec![layout.guard(Accepts::FINITE), Op::Gather(positions), Op::Convolve(parts)];
    (ops, Layout::computed((0..width).map(|_| None)))
}

/// Appends the convolutions of all rows to `output`; `memory` is for one row. The width of them.
pub(crate) fn apply(
    parts: usize,
    numbers: &[f64],
    width: usize,
    memory: &mut Vec<f64>,
    output: &mut Vec<f64>,
) -> usize {
    let size = width / parts.max(1);
    for row in numbers.chunks_exact(width.max(1)) {
        let start = output.len();
        output.extend_from_slice(&row[..size]);
        for part in row.chunks_exact(size.max(1)).skip(1) {
            memory.clear();
            memory.extend_from_slice(&output[start..]);
            let made = &mut output[start..];
            made.fill(0.0);
            for (at, x) in memory.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                let (wrapped, straight) = made.split_at_mut(at);
                let (first, last) = part.split_at(size - at);
                straight.iter_mut().zip(first).for_each(|(sum, y)| *sum += x * y);
                wrapped.iter_mut().zip(last).for_each(|(sum, y)| *sum += x * y);
            }
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_convolved_in_a_circle() {
        let (mut memory, mut output) = (Vec::new(), Vec::new());
        let width = apply(2, &[1.0, 2.0, 0.0, 10.0, 0.0, 3.0], 6, &mut memory, &mut output);
        assert_eq!((width, output.as_slice()), (3, &[16.0, 20.0, 3.0][..]));
        output.clear();
        assert_eq!(apply(1, &[1.0, 2.0], 2, &mut memory, &mut output), 2);
        assert_eq!(output, [1.0, 2.0]);
    }
}
