//! Rows of which most numbers are 0: terms of texts.

/// Rows that hold only some of their columns; the numbers of all others are 0. The columns of a row ascend.
#[derive(Debug, Default, Clone)]
pub(crate) struct SparseRows {
    /// End of each row in `columns` and `values`.
    ends: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f64>,
}

impl SparseRows {
    /// Removes all rows and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.columns.clear();
        self.values.clear();
    }

    /// Appends a number to the row that is being written.
    pub(crate) fn push(&mut self, column: u32, value: f64) {
        self.columns.push(column);
        self.values.push(value);
    }

    /// Ends the row that is being written.
    pub(crate) fn end_row(&mut self) {
        self.ends.push(self.columns.len());
    }

    /// Columns and numbers of a row.
    pub(crate) fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let range = if row == 0 { 0 } else { self.ends[row - 1] }..self.ends[row];
        (&self.columns[range.clone()], &self.values[range])
    }

    /// Columns and numbers of every row.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[u32], &[f64])> {
        (0..self.ends.len()).map(|row| self.row(row))
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The numbers that are held, with their columns.
    pub(crate) fn cells_mut(&mut self) -> impl Iterator<Item = (usize, &mut f64)> {
        self.columns.iter().map(|column| *column as usize).zip(&mut self.values)
    }

    /// Changes the numbers of each row.
    pub(crate) fn each_row(&mut self, mut change: impl FnMut(&mut [f64])) {
        let mut start = 0;
        for &end in &self.ends {
            change(&mut self.values[start..end]);
            start = end;
        }
    }

    /// The same rows in this one's memory.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.ends.clone_from(&other.ends);
        self.columns.clone_from(&other.columns);
        self.values.clone_from(&other.values);
    }

    /// Keeps some columns, which `kept` names in ascending order.
    pub(crate) fn select(&self, kept: &[usize], into: &mut Self) {
        for (columns, values) in self.rows() {
            for (column, value) in columns.iter().zip(values) {
                if let Ok(position) = kept.binary_search(&(*column as usize)) {
                    into.push(position as u32, *value);
                }
            }
            into.end_row();
        }
    }

    /// Appends all numbers of all rows, zeros among them.
    pub(crate) fn densify(&self, width: usize, numbers: &mut Vec<f64>) {
        numbers.resize(self.len() * width, 0.0);
        for (row, (columns, values)) in self.rows().enumerate() {
            let target = &mut numbers[row * width..(row + 1) * width];
            columns.iter().zip(values).for_each(|(column, value)| target[*column as usize] = *value);
        }
    }
}
