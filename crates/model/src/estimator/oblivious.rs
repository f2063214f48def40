//! Ensembles of oblivious decision trees.

use crate::error::{ModelError, expect_count, expect_index};
use crate::infer::{Column, Facts};

/// A test of one feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Test {
    /// The value, rounded to float32, is above a threshold.
    Above(f32),
    /// The value is this code.
    Is(u32),
}

/// A feature and how it is tested.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// Feature.
    pub feature: u32,
    /// Test.
    pub test: Test,
}

/// An ensemble of trees in which all nodes of a level test the same condition (CatBoost's symmetric trees).
///
/// Bit `i` of the number of a row's leaf says whether the condition of level `i` holds. The raw scores are
/// `scale * (v1 + v2 + ...) + bias`, summed in double precision in the order of the trees.
#[derive(Debug, Clone, PartialEq)]
pub struct ObliviousTrees {
    /// Number of features.
    pub features: usize,
    /// Number of raw scores a row.
    pub outputs: usize,
    /// For each feature, whether a missing value is above all thresholds (else below). It is no code.
    pub missing_above: Vec<bool>,
    /// Conditions that levels test.
    pub conditions: Vec<Condition>,
    /// Number of levels of each tree.
    pub depths: Vec<u32>,
    /// The condition of each level, tree by tree, that of bit 0 first.
    pub tests: Vec<u32>,
    /// Leaf values, tree by tree: `2^depth x outputs`.
    pub leaves: Vec<f64>,
    /// Factor of the sums.
    pub scale: f64,
    /// Added to each raw score at the end.
    pub bias: Vec<f64>,
}

impl ObliviousTrees {
    /// Largest number of levels: CatBoost has at most 16.
    pub const DEEPEST: u32 = 24;

    /// Checks everything that scoring relies on; the number of raw scores.
    pub(super) fn check(&self) -> Result<usize, ModelError> {
        if self.outputs == 0 {
            return Err(ModelError::mismatch("at least one raw score", 0));
        }
        expect_count("places of missing values", self.features, self.missing_above.len())?;
        expect_count("biases", self.outputs, self.bias.len())?;
        for condition in &self.conditions {
            expect_index("a feature", condition.feature as usize, self.features)?;
            match condition.test {
                Test::Above(threshold) if threshold.is_nan() => {
                    return Err(ModelError::mismatch("a threshold", threshold));
                }
                Test::Above(_) | Test::Is(_) => {}
            }
        }
        for test in &self.tests {
            expect_index("a condition", *test as usize, self.conditions.len())?;
        }
        let (mut levels, mut leaves) = (0usize, 0usize);
        for depth in &self.depths {
            expect_index("levels of a tree", *depth as usize, Self::DEEPEST as usize + 1)?;
            levels += *depth as usize;
            leaves = leaves.saturating_add(self.outputs.saturating_mul(1 << depth));
        }
        expect_count("conditions of levels", levels, self.tests.len())?;
        expect_count("leaf values", leaves, self.leaves.len())?;
        Ok(self.outputs)
    }

    /// Gives features without an example the middle one of the thresholds they are tested against.
    pub(super) fn examples(&self, columns: &[Column], facts: &mut Facts) {
        let mut thresholds = vec![Vec::new(); columns.len()];
        for condition in &self.conditions {
            if let Test::Above(threshold) = condition.test {
                thresholds[condition.feature as usize].push(f64::from(threshold));
            }
        }
        for (column, mut thresholds) in columns.iter().zip(thresholds) {
            let middle = thresholds.len() / 2;
            if !thresholds.is_empty() && facts.wants_example(column) {
                facts.example(column, *thresholds.select_nth_unstable_by(middle, f64::total_cmp).1);
            }
        }
    }
}
