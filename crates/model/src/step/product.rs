//! Products of columns: polynomial features.

use super::Accepts;
use crate::error::{ModelError, expect_count, expect_index};
use crate::infer::{Column, Facts};
use crate::plan::{Block, Layout, Op, Pool, Rows};

/// Each output is a product of columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Products {
    /// Number of columns it takes.
    pub features: usize,
    /// For each output the columns to multiply, ascending and perhaps repeated; of none the product is 1.
    pub factors: Vec<Vec<usize>>,
}

impl Products {
    pub(crate) fn infer(&self, columns: &[Column], facts: &mut Facts) -> Result<Vec<Column>, ModelError> {
        expect_count("columns", self.features, columns.len())?;
        for &column in self.factors.iter().flatten() {
            expect_index("a column", column, columns.len())?;
        }
        facts.numbers(columns, Accepts::FINITE)?;
        Ok(vec![Column::COMPUTED; self.factors.len()])
    }

    pub(crate) fn compile(&self, layout: &Layout) -> (Vec<Op>, Layout) {
        let after = Layout::computed(self.factors.iter().map(|_| None));
        (vec![layout.guard(Accepts::FINITE), Op::Products(self.clone())], after)
    }

    pub(crate) fn apply(&self, block: &Block<'_>, rows: &Rows<'_>, pool: &mut Pool) -> Block<'static> {
        let mut products = pool.take();
        for row in 0..rows.count {
            let row = block.row(row);
            // scikit-learn multiplies each column by the product of those after it.
            let product =
                |factors: &Vec<usize>| factors.iter().rev().map(|&column| row[column]).product::<f64>();
            products.extend(self.factors.iter().map(product));
        }
        Block::owned(self.factors.len(), products)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Step;

    #[test]
    fn factors_must_be_columns() {
        let mut facts = Facts::new(2).unwrap();
        let columns = facts.columns();
        let step = |factors| Step::Products(Products { features: 2, factors });
        let good = step(vec![vec![], vec![0], vec![0, 1, 1]]);
        let after = crate::step::infer_all(&[good], columns.clone(), &mut facts).unwrap();
        assert_eq!(after, [Column::COMPUTED; 3]);
        assert!(crate::step::infer_all(&[step(vec![vec![2]])], columns, &mut facts).is_err());
    }
}
