//! Why an estimator could not be fitted.

/// Why an estimator could not be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// A parameter is out of its range.
    #[error("parameter `{name}`: expected {expected}, got `{got}`")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// Its range.
        expected: String,
        /// Its value.
        got: String,
    },
    /// There is no such parameter.
    #[error("`{of}` has no parameter `{name}`; its parameters are {}", listed(.known))]
    UnknownParameter {
        /// What was to be fitted.
        of: &'static str,
        /// The name.
        name: String,
        /// The parameters there are.
        known: Vec<&'static str>,
    },
    /// The data are not what the estimator needs.
    #[error("the training data: expected {expected}, got {got}")]
    Data {
        /// What it needs.
        expected: String,
        /// What it was given.
        got: String,
    },
    /// The progress asked to stop.
    #[error("stopped before the end")]
    Stopped,
}

impl FitError {
    pub(crate) fn data(expected: impl ToString, got: impl ToString) -> Self {
        Self::Data { expected: expected.to_string(), got: got.to_string() }
    }

    /// Fails unless a parameter is in its range.
    pub(crate) fn unless(
        holds: bool,
        name: &'static str,
        expected: &str,
        got: impl ToString,
    ) -> Result<(), Self> {
        if holds {
            return Ok(());
        }
        Err(Self::Parameter { name, expected: expected.into(), got: got.to_string() })
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
