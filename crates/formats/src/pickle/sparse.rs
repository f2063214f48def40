//! `scipy.sparse` matrices.

use super::array::Matrix;
use super::value::Value;
use crate::FormatError;

/// A compressed sparse matrix whose parts were checked against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Row, column and value of every stored entry, in the order of the file.
    pub entries: Vec<(usize, usize, f64)>,
}

impl Sparse {
    /// Reads a `csr_matrix`, `csc_matrix`, `csr_array` or `csc_array`.
    pub(super) fn read(value: &Value<'_>) -> Result<Sparse, FormatError> {
        let name = value.class().filter(|class| class.package() == "scipy").map(|class| class.name());
        let by_rows = match name {
            Some("csr_matrix" | "csr_array") => true,
            Some("csc_matrix" | "csc_array") => false,
            _ => return Err(value.mismatch("a scipy.sparse matrix in CSR or CSC form", value.describe())),
        };
        let shape = value.field("_shape")?;
        let (rows, cols) = (shape.at(0)?.size()?, shape.at(1)?.size()?);
        let data = value.field("data")?.f64_vector(None)?;
        let indices = value.field("indices")?.i64_vector(data.len())?;
        let (major, minor) = if by_rows { (rows, cols) } else { (cols, rows) };
        let starts = value.field("indptr")?;
        let wanted = major
            .checked_add(1)
            .ok_or_else(|| value.invalid(format_args!("`_shape` ({rows}, {cols}) is too large")))?;
        let starts = starts.i64_vector(wanted)?;
        let ends = (starts.first(), starts.last());
        let rising = starts.windows(2).all(|pair| pair[0] <= pair[1]);
        if ends != (Some(&0), Some(&(data.len() as i64))) || !rising {
            return Err(value.invalid(format_args!(
                "`indptr` does not rise from 0 to the {} stored entries",
                data.len()
            )));
        }
        if let Some(index) =
            indices.iter().find(|&&index| usize::try_from(index).map_or(true, |index| index >= minor))
        {
            return Err(value.invalid(format_args!(
                "index {index} is out of range in a matrix of shape ({rows}, {cols})"
            )));
        }
        value.charge(data.len().saturating_mul(size_of::<(usize, usize, f64)>()))?;
        let mut entries = Vec::with_capacity(data.len());
        for (line, pair) in starts.windows(2).enumerate() {
            for at in pair[0] as usize..pair[1] as usize {
                let index = indices[at] as usize;
                let (row, col) = if by_rows { (line, index) } else { (index, line) };
                entries.push((row, col, data[at]));
            }
        }
        Ok(Sparse { rows, cols, entries })
    }

    /// All numbers, with zeros where none is stored. `value` is where it was read, for the error when that is too large.
    pub(super) fn to_dense(&self, value: &Value<'_>) -> Result<Matrix, FormatError> {
        let count = self.rows.saturating_mul(self.cols);
        value.charge(count.saturating_mul(size_of::<f64>()))?;
        let mut data = vec![0.0; count];
        for &(row, col, number) in &self.entries {
            // SciPy adds up entries that are stored twice.
            data[row * self.cols + col] += number;
        }
        Ok(Matrix { rows: self.rows, cols: self.cols, data })
    }
}
