//! Category codes that an estimator knows, and missing values in place of all others.

use super::Accepts;
use crate::error::ModelError;
use crate::infer::{Column, Facts, one_each};
use crate::plan::{Layout, Op};

use foretell_frame::Cell;

/// Reads some columns as category codes of one byte, as scikit-learn's `_predictor.pyx` does
/// (`<X_BINNED_DTYPE_C>data_val`): a code is truncated to its lowest byte, and one that is negative or that was not
/// seen in training becomes a missing value.
#[derive(Debug, Clone, PartialEq)]
pub struct Codes {
    /// For each column that holds codes those it knows, ascending; `None` for columns that are left as they are.
    pub known: Vec<Option<Vec<u8>>>,
}

impl Codes {
    pub(super) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        one_each("lists of codes", &self.known, columns)?;
        let accepted = facts.numbers(columns, Accepts::ALL)?;
        let column = |(column, known): (Column, &Option<Vec<u8>>)| {
            let Some(known) = known else { return Ok(column) };
            if !known.is_sorted_by(|a, b| a < b) {
                return Err(ModelError::mismatch("ascending codes", format_args!("{known:?}")));
            }
            let cells: Vec<Cell> = known.iter().map(|code| Cell::Number(f64::from(*code))).collect();
            facts.categories(&column, &cells, false);
            Ok(column.computed())
        };
        accepted.into_iter().zip(&self.known).map(column).collect()
    }

    pub(super) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let known = |(column, known): (usize, &Option<Vec<u8>>)| {
            let known = known.as_ref()?;
            let mut bits = [false; 256];
            known.iter().for_each(|code| bits[usize::from(*code)] = true);
            Some((column, Box::new(bits)))
        };
        let columns = self.known.iter().enumerate().filter_map(known).collect();
        let (positions, layout) = layout.gather(&(0..self.known.len()).collect::<Vec<_>>());
        (vec![Op::Gather(positions), Op::Codes(CodesPlan { columns })], layout)
    }
}

/// A compiled [`Codes`].
#[derive(Debug)]
pub(crate) struct CodesPlan {
    /// Columns that hold codes, and which of the 256 they know.
    columns: Vec<(usize, Box<[bool; 256]>)>,
}

impl CodesPlan {
    /// Replaces codes in rows of `width` numbers, in place.
    pub(crate) fn apply(&self, numbers: &mut [f64], width: usize) {
        for row in numbers.chunks_exact_mut(width.max(1)) {
            for (column, known) in &self.columns {
                let code = row[*column];
                row[*column] = match lowest_byte(code) {
                    Some(byte) if known[usize::from(byte)] => f64::from(byte),
                    Some(_) | None => f64::NAN,
                };
            }
        }
    }
}

/// What a cast in C makes of a code: it goes through a 32-bit integer, and numbers that do not fit have the byte 0.
fn lowest_byte(code: f64) -> Option<u8> {
    if code.is_nan() || code < 0.0 {
        None
    } else if code > f64::from(i32::MAX) {
        Some(0)
    } else {
        Some(code as i32 as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_negative_and_missing_codes_are_missing() {
        let codes = Codes { known: vec![None, Some(vec![0, 2, 44])] };
        let mut facts = Facts::new(2).unwrap();
        let columns = facts.columns();
        codes.infer(&columns, &mut facts).unwrap();
        let (ops, _) = codes.compile(&Layout::computed([None, None]));
        let Some(Op::Codes(plan)) = ops.last() else { panic!("{ops:?}") };
        let mut block = [5.0, 2.9, 5.0, 1.0, 5.0, -0.5, 5.0, f64::NAN, 5.0, 300.0, 5.0, f64::INFINITY];
        plan.apply(&mut block, 2);
        let expected = [2.0, f64::NAN, f64::NAN, f64::NAN, 44.0, 0.0];
        for (row, expected) in block.chunks_exact(2).zip(expected) {
            assert_eq!((row[0], row[1].to_bits()), (5.0, f64::to_bits(expected)));
        }
        let unsorted = Codes { known: vec![Some(vec![2, 1]), None] };
        unsorted.infer(&columns, &mut facts).unwrap_err();
    }
}
