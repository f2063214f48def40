//! Decision trees with a linear model in each leaf.

use super::trees::{Average, Nodes, NumberFormat, Trees};
use crate::error::{ModelError, expect_count, expect_index};
use crate::kernel::Forest;
use crate::predictor::Scratch;

/// An ensemble of trees whose leaves hold linear models (`linear_tree` of LightGBM, `src/io/tree.cpp`).
///
/// Leaf `i` gives `constants[i] + coefficient * x + ...`, in order, over entries `starts[i]..starts[i + 1]` of `features` and
/// `coefficients`; where any of these features is missing it gives the leaf value of `trees`.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearTrees {
    /// The trees, with one value per leaf.
    pub trees: Trees,
    /// Constant of each leaf's model.
    pub constants: Vec<f64>,
    /// Where each leaf's entries start; one more ends the last.
    pub starts: Vec<usize>,
    /// Feature of each entry.
    pub features: Vec<u32>,
    /// Coefficient of each entry.
    pub coefficients: Vec<f64>,
}

impl LinearTrees {
    /// Checks everything that scoring relies on; the number of raw scores.
    pub(super) fn check(&self) -> Result<usize, ModelError> {
        let outputs = self.trees.check()?;
        let (leaves, entries) = (self.trees.leaves.values.len(), self.features.len());
        expect_count("value a leaf", 1, self.trees.leaves.width)?;
        expect_count("constants", leaves, self.constants.len())?;
        expect_count("starts", leaves + 1, self.starts.len())?;
        expect_count("coefficients", entries, self.coefficients.len())?;
        if !self.starts.is_sorted() || self.starts.last() != Some(&entries) {
            return Err(ModelError::mismatch(format_args!("starts that ascend to {entries}"), "others"));
        }
        for feature in &self.features {
            expect_index("a feature", *feature as usize, self.trees.features)?;
        }
        let Trees { input, sum, average, .. } = &self.trees;
        if (*input, *sum, *average) != (NumberFormat::Double, NumberFormat::Double, Average::SumFromBase) {
            let got = format!("{input:?}, {sum:?}, {average:?}");
            return Err(ModelError::mismatch("double precision and sums that start from the base", got));
        }
        if self.trees.roots.is_empty() {
            return Err(ModelError::mismatch("at least one tree", "none"));
        }
        Ok(outputs)
    }

    /// The compiled form: trees that give the number of the leaf a row ends in.
    pub(super) fn compile(&self) -> LinearTreesPlan {
        let trees = self.trees.roots.len();
        let mut finders = self.trees.clone();
        finders.outputs = trees;
        finders.output_of_tree = (0..trees as u32).collect();
        finders.base = vec![0.0; trees];
        finders.leaves.values = (0..self.constants.len()).map(|leaf| leaf as f64).collect();
        let finder = Forest::new(&finders);
        // The finder has the nodes.
        let mut linear = self.clone();
        linear.trees.nodes = Nodes::default();
        LinearTreesPlan { finder, linear }
    }

    /// What a leaf gives for a row.
    fn value(&self, leaf: usize, row: &[f64]) -> f64 {
        let entries = self.starts[leaf]..self.starts[leaf + 1];
        let mut value = self.constants[leaf];
        for (feature, coefficient) in self.features[entries.clone()].iter().zip(&self.coefficients[entries]) {
            let x = row[*feature as usize];
            if x.is_nan() || self.trees.missing_value == Some(x) {
                return self.trees.leaves.values[leaf];
            }
            value += coefficient * x;
        }
        value
    }
}

/// A compiled [`LinearTrees`].
#[derive(Debug)]
pub(super) struct LinearTreesPlan {
    finder: Forest,
    linear: LinearTrees,
}

impl LinearTreesPlan {
    /// Appends the raw scores of `rows` rows to `raw`.
    ///
    /// # Errors
    /// The position in `numbers` of a value that the trees do not accept.
    pub(super) fn scores(
        &self,
        numbers: &[f64],
        rows: usize,
        scratch: &mut Scratch,
        raw: &mut Vec<f64>,
    ) -> Result<(), usize> {
        let Scratch { forest, leaves, .. } = scratch;
        leaves.clear();
        self.finder.scores(numbers, rows, forest, leaves)?;
        let Trees { features, output_of_tree, base, .. } = &self.linear.trees;
        for (row, leaves) in leaves.chunks_exact(output_of_tree.len()).enumerate() {
            let numbers = &numbers[row * features..(row + 1) * features];
            let start = raw.len();
            raw.extend_from_slice(base);
            for (leaf, output) in leaves.iter().zip(output_of_tree) {
                raw[start + *output as usize] += self.linear.value(*leaf as usize, numbers);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimator::Leaves;

    /// `x0 <= 1`: `1 + 2 x0 + 3 x1`, or 10 where one is missing; else 5.
    fn split() -> LinearTrees {
        let nodes = Nodes {
            feature: vec![0, 0, 0],
            threshold: vec![1.0, 0.0, 0.0],
            left: vec![1, 0, 1],
            right: vec![2, 0, 1],
            missing_left: vec![true, false, false],
            categorical: vec![false; 3],
            zero_missing: Vec::new(),
        };
        let trees = Trees {
            features: 2,
            outputs: 1,
            roots: vec![0],
            output_of_tree: vec![0],
            nodes,
            leaves: Leaves { width: 1, values: vec![10.0, 20.0] },
            category_sets: Vec::new(),
            truncate_negative: false,
            input: NumberFormat::Double,
            equal_left: true,
            sum: NumberFormat::Double,
            average: Average::SumFromBase,
            base: vec![0.5],
            missing: true,
            infinite: true,
            missing_value: None,
        };
        LinearTrees {
            trees,
            constants: vec![1.0, 5.0],
            starts: vec![0, 2, 2],
            features: vec![0, 1],
            coefficients: vec![2.0, 3.0],
        }
    }

    #[test]
    fn leaves_are_linear_unless_a_feature_of_theirs_is_missing() {
        let linear = split();
        assert_eq!(linear.check().unwrap(), 1);
        let (mut scratch, mut raw) = (Scratch::default(), Vec::new());
        let rows = [1.0, 2.0, 1.0, f64::NAN, f64::NAN, 2.0, 1.5, f64::NAN];
        linear.compile().scores(&rows, 4, &mut scratch, &mut raw).unwrap();
        assert_eq!(raw, [9.5, 10.5, 10.5, 5.5]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let broken = [
            LinearTrees { constants: vec![1.0], ..split() },
            LinearTrees { starts: vec![0, 3, 2], ..split() },
            LinearTrees { starts: vec![0, 1, 1], ..split() },
            LinearTrees { features: vec![0, 2], ..split() },
            LinearTrees { coefficients: vec![1.0], ..split() },
            LinearTrees { trees: Trees { average: Average::Mean, ..split().trees }, ..split() },
        ];
        for linear in broken {
            assert!(linear.check().is_err(), "{linear:?}");
        }
    }
}
