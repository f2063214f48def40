//! Class labels in the type that the library gave them.

/// The classes of one target, in the order of the estimator's `classes_`.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// Integer labels.
    Int(Vec<i64>),
    /// Floating-point labels, such as 0.0 and 1.0.
    Float(Vec<f64>),
    /// Boolean labels.
    Bool(Vec<bool>),
    /// Text labels.
    Text(Vec<String>),
}

impl Labels {
    /// The labels 0, 1, ... `count - 1`.
    pub fn range(count: usize) -> Self {
        Self::Int((0..count as i64).collect())
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        match self {
            Self::Int(labels) => labels.len(),
            Self::Float(labels) => labels.len(),
            Self::Bool(labels) => labels.len(),
            Self::Text(labels) => labels.len(),
        }
    }

    /// Whether there are no classes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
