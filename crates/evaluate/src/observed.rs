//! Answers of a model beside the known ones.

/// Answers beside the known ones, of a classifier or of a regression.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// Of a classifier.
    Classes(ClassAnswers),
    /// Of a regression.
    Values(ValueAnswers),
}

/// Answers of a classifier beside the known classes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassAnswers {
    /// Number of classes.
    pub classes: usize,
    /// Known class of each row, `None` where the model does not know it: never right, and for averages over classes
    /// one class more.
    pub known: Vec<Option<usize>>,
    /// Predicted class of each row.
    pub predicted: Vec<usize>,
    /// Probabilities, `rows x classes`; empty when the model gives none.
    pub probabilities: Vec<f64>,
    /// Score of the second of two classes, one a row; empty when the model gives none.
    pub scores: Vec<f64>,
    /// Weight of each row; empty when all count the same.
    pub weights: Vec<f64>,
}

/// Answers of a regression beside the known values.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueAnswers {
    /// Known value of each row.
    pub known: Vec<f64>,
    /// Predicted value of each row.
    pub predicted: Vec<f64>,
    /// Weight of each row; empty when all count the same.
    pub weights: Vec<f64>,
    /// The quantile that the model estimates, for the pinball loss.
    pub quantile: f64,
}

impl Default for ValueAnswers {
    fn default() -> Self {
        Self { known: Vec::new(), predicted: Vec::new(), weights: Vec::new(), quantile: 0.5 }
    }
}

impl Observed {
    /// Adds the answers to more rows by a model of the same classes, or to numbers too. Those of another kind are left out.
    pub fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Classes(all), Self::Classes(more)) => {
                all.known.extend(more.known);
                all.predicted.extend(more.predicted);
                all.probabilities.extend(more.probabilities);
                all.scores.extend(more.scores);
                all.weights.extend(more.weights);
            }
            (Self::Values(all), Self::Values(more)) => {
                all.known.extend(more.known);
                all.predicted.extend(more.predicted);
                all.weights.extend(more.weights);
            }
            (Self::Classes(_) | Self::Values(_), _) => {}
        }
    }

    /// Sets what each row weighs.
    pub fn set_weights(&mut self, weights: Vec<f64>) {
        match self {
            Self::Classes(answers) => answers.weights = weights,
            Self::Values(answers) => answers.weights = weights,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Classes(answers) => answers.known.len(),
            Self::Values(answers) => answers.known.len(),
        }
    }

    /// The weight of each row; empty when all count the same.
    pub fn weights(&self) -> &[f64] {
        match self {
            Self::Classes(answers) => &answers.weights,
            Self::Values(answers) => &answers.weights,
        }
    }
}
