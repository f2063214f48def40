//! What an estimator answers for a batch.

use crate::Frame;

/// An output of an estimator, by scikit-learn's name of the method that gives it, where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Method {
    /// The class, or the value of a regression.
    Predict,
    /// Probability of each class.
    PredictProba,
    /// Natural logarithm of the probability of each class.
    PredictLogProba,
    /// Score of each class, or one score where there are two classes.
    DecisionFunction,
    /// Score of a row under a density or outlier model.
    ScoreSamples,
    /// The transformed row.
    Transform,
    /// Raw score of a boosted model before its link function.
    Margin,
    /// The class, also where the library's own `predict` answers something else (the probability, for a native
    /// boosting file). The same as [`Method::Predict`] for all other classifiers.
    Label,
}

impl Method {
    /// All methods, in the order in which outputs are listed.
    pub const ALL: [Self; 8] = [
        Self::Predict,
        Self::PredictProba,
        Self::PredictLogProba,
        Self::DecisionFunction,
        Self::ScoreSamples,
        Self::Transform,
        Self::Margin,
        Self::Label,
    ];

    /// scikit-learn's name of the method.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::PredictProba => "predict_proba",
            Self::PredictLogProba => "predict_log_proba",
            Self::DecisionFunction => "decision_function",
            Self::ScoreSamples => "score_samples",
            Self::Transform => "transform",
            Self::Margin => "margin",
            Self::Label => "label",
        }
    }

    /// The method with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// A set of methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct MethodSet(u8);

impl MethodSet {
    /// The set of no methods.
    pub const EMPTY: Self = Self(0);

    /// This set and one more method.
    #[must_use]
    pub const fn with(self, method: Method) -> Self {
        Self(self.0 | 1 << method as u8)
    }

    /// The methods that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the method is in the set.
    pub const fn contains(self, method: Method) -> bool {
        self.0 & 1 << method as u8 != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The methods of the set, in the order of [`Method::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL.into_iter().filter(move |method| self.contains(*method))
    }
}

impl FromIterator<Method> for MethodSet {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Self {
        methods.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// The shape of one output for `n` rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// `(n,)`: one value a row.
    Vector,
    /// `(n, k)`: `k` values a row.
    Matrix(usize),
    /// One `(n, k)` matrix per target, as scikit-learn gives the probabilities of several targets.
    PerTarget(Vec<usize>),
}

impl Shape {
    /// Number of values a row.
    pub fn width(&self) -> usize {
        match self {
            Self::Vector => 1,
            Self::Matrix(width) => *width,
            Self::PerTarget(widths) => widths.iter().sum(),
        }
    }
}

/// The values of one output: row-major, `rows * shape.width()`. A predicted class is the index of its label in
/// the target's classes; a transform that yields texts has a frame of its own in [`Predictions::table`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Output {
    values: Vec<f64>,
}

impl Output {
    /// The values, row-major.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Empties the output and gives its storage for writing.
    pub fn begin(&mut self) -> &mut Vec<f64> {
        self.values.clear();
        &mut self.values
    }

    /// The storage, as it is.
    pub fn values_mut(&mut self) -> &mut Vec<f64> {
        &mut self.values
    }
}

/// What an estimator answered for a batch: one [`Output`] per requested [`Method`]. Reusable: its memory is
/// kept from one batch to the next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Predictions {
    rows: usize,
    methods: MethodSet,
    outputs: [Output; Method::ALL.len()],
    table: Frame,
}

impl Predictions {
    /// Starts the answer for `rows` rows and these methods; every output is emptied.
    pub fn reset(&mut self, rows: usize, methods: MethodSet) {
        self.rows = rows;
        self.methods = methods;
        for output in &mut self.outputs {
            output.values.clear();
        }
        self.table.reset(0, 0);
    }

    /// Appends the answers for more rows to the same methods.
    pub fn append(&mut self, other: &Self) {
        self.rows += other.rows;
        for (to, from) in self.outputs.iter_mut().zip(&other.outputs) {
            to.values.extend_from_slice(&from.values);
        }
        self.table.append(&other.table);
    }

    /// Number of rows answered.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The methods answered.
    pub fn methods(&self) -> MethodSet {
        self.methods
    }

    /// The output of a method, `None` when it was not asked for.
    pub fn get(&self, method: Method) -> Option<&Output> {
        self.methods.contains(method).then(|| &self.outputs[method as usize])
    }

    /// The output of a method, for writing.
    pub fn output_mut(&mut self, method: Method) -> &mut Output {
        &mut self.outputs[method as usize]
    }

    /// The transformed rows of a transformer with text columns; empty otherwise.
    pub fn table(&self) -> &Frame {
        &self.table
    }

    /// The transformed rows, for writing.
    pub fn table_mut(&mut self) -> &mut Frame {
        &mut self.table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_lists_its_methods_in_order() {
        let set: MethodSet = [Method::Margin, Method::Predict].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Method::Predict, Method::Margin]);
        assert!(!set.contains(Method::Transform));
    }

    #[test]
    fn names_are_scikit_learns_and_read_back() {
        for method in Method::ALL {
            assert_eq!(Method::parse(method.as_str()), Some(method));
        }
        assert_eq!(Method::parse("fit"), None);
    }

    #[test]
    fn outputs_that_were_not_asked_for_are_absent() {
        let mut predictions = Predictions::default();
        predictions.reset(1, MethodSet::EMPTY.with(Method::Predict));
        predictions.output_mut(Method::Predict).begin().push(2.0);
        assert_eq!(predictions.get(Method::Predict).unwrap().values(), [2.0]);
        assert!(predictions.get(Method::Transform).is_none());
    }
}
