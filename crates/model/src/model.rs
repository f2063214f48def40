//! The model: schema, pipeline, and provenance.

use crate::{Estimator, Head, Step};

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Predicts a class.
    Classification,
    /// Predicts a number.
    Regression,
    /// Predicts a score to sort by.
    Ranking,
    /// Assigns a cluster.
    Clustering,
    /// Tells outliers from inliers.
    Outlier,
    /// Transforms rows.
    Transform,
}

impl Task {
    /// The word in `inspect` and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
            Self::Ranking => "ranking",
            Self::Clustering => "clustering",
            Self::Outlier => "outlier",
            Self::Transform => "transform",
        }
    }
}

/// Transformers in order, then, unless the whole is a transformer, an estimator and the head that turns its raw
/// scores into outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// The transformers, first one first.
    pub steps: Vec<Step>,
    /// The estimator at the end.
    pub estimator: Option<Fitted>,
}

/// A fitted estimator and the meaning of its raw scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Computes raw scores.
    pub estimator: Estimator,
    /// Turns raw scores into classes, probabilities or values.
    pub head: Head,
}

/// A part of the pipeline as the user knows it: class names and step names of the library, for `inspect`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// The name of the step in its pipeline, empty where it has none.
    pub name: String,
    /// The library's class name, such as `StandardScaler`.
    pub class: String,
    /// Parts inside this one.
    pub parts: Vec<Part>,
}

/// How the user knows the model: its parts in their library's words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// The class of the final estimator (of the last transformer where there is none).
    pub estimator: String,
    /// The steps before it.
    pub steps: Vec<Part>,
}

/// Where a model came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// File format in words, such as `pickle (protocol 4, gzip)`.
    pub format: String,
    /// The library that made it, such as `scikit-learn`.
    pub library: String,
    /// The library's version where the file tells it.
    pub library_version: Option<String>,
}

/// What a model is made of, before it is checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelParts {
    /// What it computes.
    pub pipeline: Pipeline,
    /// Number of columns it takes.
    pub features: usize,
    /// Names of the columns, where the file knows them.
    pub names: Option<Vec<String>>,
    /// What it is for.
    pub task: Task,
    /// Names of the columns of a transformer's output, where known.
    pub output_names: Option<Vec<String>>,
    /// Its parts in the words of its library.
    pub description: Description,
    /// Where it came from.
    pub provenance: Provenance,
}

/// Why a pipeline is not a valid model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// A part holds an array of another length than its neighbours imply.
    #[error("{place}: expected {expected}, got {got}")]
    Mismatch {
        /// The part, such as `step 2 (one-hot)`.
        place: String,
        /// What the rest of the model implies.
        expected: String,
        /// What it holds.
        got: String,
    },
    /// A tree is not one: a child out of range, or a node with two parents.
    #[error("tree {tree}, node {node}: {problem}")]
    BrokenTree {
        /// Number of the tree, from 0.
        tree: usize,
        /// Number of the node.
        node: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// The names of the features are not usable.
    #[error(transparent)]
    Schema(#[from] foretell_frame::SchemaError),
}

/// A fitted pipeline as plain data, checked: every index is in range, every tree is a tree, every part fits the
/// next, so that predicting can fail on input only.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    schema: foretell_frame::Schema,
    pipeline: Pipeline,
    task: Task,
    description: Description,
    provenance: Provenance,
}
