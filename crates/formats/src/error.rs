//! Why a file was refused: which kind of file, where in it, what was wrong, and what to do next.

use std::fmt;

use foretell_model::ModelError;

/// A file that was refused.
///
/// `Display` is one line, `place: problem (kind, library version)`:
///
/// ```
/// use foretell_formats::{FileKind, FormatError, Problem};
/// let error = FormatError::new(
///     FileKind::Pickle,
///     Problem::Mismatch { expected: "float64 (3, 4)".into(), got: "(3, 5)".into() },
/// )
/// .at("Pipeline.steps[1].coef_");
/// assert_eq!(error.to_string(), "Pipeline.steps[1].coef_: expected float64 (3, 4), got (3, 5)");
/// ```
#[derive(Clone, PartialEq, thiserror::Error)]
pub struct FormatError(Box<Inner>);

#[derive(Clone, PartialEq)]
struct Inner {
    kind: FileKind,
    place: Option<String>,
    library: Option<String>,
    problem: Problem,
}

/// A kind of model file, told from its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// foretell's own artifact.
    Artifact,
    /// A Python pickle or a joblib dump, after decompression.
    Pickle,
    /// XGBoost's JSON model.
    XgboostJson,
    /// XGBoost's UBJSON model.
    XgboostUbjson,
    /// XGBoost's binary model of releases before 3.1.
    XgboostBinary,
    /// LightGBM's text model.
    LightgbmText,
    /// CatBoost's binary model (`.cbm`).
    CatboostBinary,
    /// CatBoost's JSON model.
    CatboostJson,
    /// An ONNX graph.
    Onnx,
    /// A skops archive of scikit-learn objects.
    Skops,
    /// A compressed stream whose content was not reached.
    Compressed,
    /// None of the above.
    Unknown,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::Artifact => "foretell artifact",
            FileKind::Pickle => "pickle",
            FileKind::XgboostJson => "XGBoost JSON",
            FileKind::XgboostUbjson => "XGBoost UBJSON",
            FileKind::XgboostBinary => "XGBoost legacy binary",
            FileKind::LightgbmText => "LightGBM text",
            FileKind::CatboostBinary => "CatBoost binary",
            FileKind::CatboostJson => "CatBoost JSON",
            FileKind::Onnx => "ONNX",
            FileKind::Skops => "skops",
            FileKind::Compressed => "compressed",
            FileKind::Unknown => "unknown",
        })
    }
}

/// What was wrong with a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// The file ends too early.
    Truncated {
        /// What was being read.
        reading: String,
    },
    /// The bytes do not follow the format.
    Corrupt {
        /// What was found.
        detail: String,
    },
    /// The file asks for more than [`Limits`](crate::Limits) allow.
    LimitExceeded {
        /// Name of the field of [`Limits`](crate::Limits).
        limit: &'static str,
        /// Its value.
        allowed: u64,
    },
    /// The content is no model file we know of.
    UnknownFormat {
        /// What the file begins with, in words.
        found: String,
    },
    /// A class that no loader knows.
    UnsupportedClass {
        /// `module.Class` as the file writes it.
        class: String,
        /// What it is to the pipeline around it, such as "step `scale` of `Pipeline`".
        role: Option<String>,
        /// Why it is not.
        why: Why,
    },
    /// An operator of a graph that no loader knows.
    UnsupportedOperator {
        /// `domain.Operator`.
        operator: String,
    },
    /// A known class with a setting that is not supported.
    UnsupportedOption {
        /// Name of the parameter or attribute.
        option: String,
        /// Its value.
        value: String,
        /// What is supported.
        supported: String,
    },
    /// The pickle would call something that is not a known way to rebuild data. Nothing was called.
    ForbiddenCall {
        /// `module.name` of what it would call.
        callable: String,
    },
    /// The pickle would call a function or class whose Python code is in the file, as cloudpickle and dill write it.
    PythonCode {
        /// `module.name` of what it would call.
        callable: String,
    },
    /// The file refers to data that are not in it.
    OutsideReference {
        /// How it refers to them.
        what: String,
    },
    /// An attribute or key that must be there is not.
    Missing {
        /// Its name.
        field: String,
    },
    /// A value of another type or shape than its place requires.
    Mismatch {
        /// What the place requires.
        expected: String,
        /// What the file holds.
        got: String,
    },
    /// Values that are well formed but contradict each other or cannot be, such as a child index that is out of range.
    Invalid {
        /// The contradiction.
        detail: String,
    },
    /// The parts of the model do not fit together.
    Model(ModelError),
    /// The file is readable but holds no model.
    NotAModel {
        /// What it holds.
        found: String,
    },
}

/// Why a class is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody wrote a loader for it.
    Unknown,
    /// It is of the user's own, not of a library.
    Own,
    /// There is nothing to serve, for this reason.
    Known(&'static str),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Truncated { reading } => {
                write!(f, "the file ends in the middle of {reading}; it was cut short, copy or save it again")
            }
            Problem::Corrupt { detail } => write!(f, "{detail}; the file is damaged, copy or save it again"),
            Problem::LimitExceeded { limit, allowed } => write!(
                f,
                "the file needs more than `{limit}` = {allowed} allows; raise the limit if the file is trusted"
            ),
            Problem::UnknownFormat { found } => write!(
                f,
                "not a model file foretell knows: {found}; expected a scikit-learn pickle, joblib or skops file, a model of XGBoost, LightGBM, CatBoost or ONNX, or an artifact of foretell"
            ),
            Problem::UnsupportedClass { class, role, why } => {
                let instead = "replace it by a supported class and fit again, or export the whole to ONNX";
                write!(f, "class `{class}`")?;
                if let Some(role) = role {
                    write!(f, ", {role},")?;
                }
                match why {
                    Why::Unknown => write!(f, " is not supported; {instead}"),
                    Why::Own => write!(f, " is code of your own, and no Python runs here; {instead}"),
                    Why::Known(reason) => write!(f, " is not opened: {reason}"),
                }
            }
            Problem::UnsupportedOperator { operator } => write!(
                f,
                "operator `{operator}` is not supported; export the model with other operators, or in its library's own format"
            ),
            Problem::UnsupportedOption { option, value, supported } => {
                write!(f, "`{option}` = {value} is not supported, expected {supported}")
            }
            Problem::ForbiddenCall { callable } => write!(
                f,
                "the file wants to call `{callable}`, which is not a known way to store a model; nothing was called, do not trust this file"
            ),
            Problem::PythonCode { callable } => write!(
                f,
                "the file holds Python code of its own and wants to call it as `{callable}`; nothing was called, replace that function or class by one of scikit-learn or numpy"
            ),
            Problem::OutsideReference { what } => {
                write!(
                    f,
                    "the file refers by {what} to data that are not in it; save the whole model into one file"
                )
            }
            Problem::Missing { field } => {
                write!(f, "`{field}` is missing; was the model fitted before it was saved?")
            }
            Problem::Mismatch { expected, got } => write!(f, "expected {expected}, got {got}"),
            Problem::Invalid { detail } => f.write_str(detail),
            Problem::Model(error) => error.fmt(f),
            Problem::NotAModel { found } => {
                write!(f, "the file holds {found}, not a model; save the fitted estimator or pipeline itself")
            }
        }
    }
}

impl FormatError {
    /// A problem in a file of this kind, with no place yet.
    pub fn new(kind: FileKind, problem: Problem) -> Self {
        FormatError(Box::new(Inner { kind, place: None, library: None, problem }))
    }

    /// The same error with the place it was met at, unless it already has one.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place.get_or_insert_with(|| place.into());
        self
    }

    /// The same error with the place put in front of the place it already has: `outer` + `.coef_`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        self.0.place = Some(match self.0.place.take() {
            Some(inner) if inner.starts_with(['.', '[']) => format!("{outer}{inner}"),
            Some(inner) => format!("{outer}: {inner}"),
            None => outer.to_owned(),
        });
        self
    }

    /// The same error with the library that wrote the file, such as `scikit-learn 1.1.3`, unless it already has one.
    #[must_use]
    pub fn written_by(mut self, library: impl Into<String>) -> Self {
        self.0.library.get_or_insert_with(|| library.into());
        self
    }

    /// The kind of file.
    pub fn kind(&self) -> FileKind {
        self.0.kind
    }

    /// Where in the file, such as `Pipeline.steps[1].coef_` or `byte 120`.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// The library and version that wrote the file, when the file says so.
    pub fn library(&self) -> Option<&str> {
        self.0.library.as_deref()
    }

    /// What was wrong.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", self.0.problem)?;
        match &self.0.library {
            Some(library) => write!(f, " (written by {library})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FormatError({} file: {self})", self.0.kind)
    }
}
