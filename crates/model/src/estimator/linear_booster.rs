//! Boosted linear models.

use crate::error::{ModelError, expect_count};

/// Weighted sums in float32: each output starts from its intercept and adds feature by feature, in order, and a
/// missing value adds nothing (`gblinear` of XGBoost).
#[derive(Debug, Clone, PartialEq)]
pub struct LinearBooster {
    /// Number of features.
    pub features: usize,
    /// `features x outputs`, row-major.
    pub weights: Vec<f32>,
    /// One per output.
    pub intercept: Vec<f32>,
    /// Value that counts as missing besides NaN.
    pub missing_value: Option<f32>,
}

impl LinearBooster {
    pub(super) fn check(&self) -> Result<usize, ModelError> {
        let outputs = self.intercept.len();
        expect_count("weights", self.features.saturating_mul(outputs), self.weights.len())?;
        Ok(outputs)
    }

    /// Appends the raw scores of `rows` rows.
    ///
    /// # Errors
    /// The position of the first number that is infinite in float32.
    pub(super) fn scores(&self, numbers: &[f64], rows: usize, raw: &mut Vec<f64>) -> Result<(), usize> {
        if let Some(position) = numbers.iter().position(|value| (*value as f32).is_infinite()) {
            return Err(position);
        }
        let outputs = self.intercept.len();
        for row in 0..rows {
            let row = &numbers[row * self.features..(row + 1) * self.features];
            for output in 0..outputs {
                let mut sum = self.intercept[output];
                for (feature, value) in row.iter().enumerate() {
                    let value = *value as f32;
                    if !value.is_nan() && self.missing_value != Some(value) {
                        sum += value * self.weights[feature * outputs + output];
                    }
                }
                raw.push(f64::from(sum));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_in_order_without_what_is_missing() {
        let booster = LinearBooster {
            features: 3,
            weights: vec![1.0, 2.0, 1.0, 3.0, 1.0, 0.0],
            intercept: vec![0.5, 0.0],
            missing_value: Some(-1.0),
        };
        let mut raw = Vec::new();
        booster.scores(&[1e8, 1.0, -1e8, f64::NAN, -1.0, 2.0], 2, &mut raw).unwrap();
        // Beside 1e8 both 0.5 and 1 are lost.
        assert_eq!(raw, [0.0, 200_000_000.0, 2.5, 0.0]);
        assert_eq!(booster.scores(&[0.0, 1.0, 1e39], 1, &mut raw), Err(2));
    }
}
