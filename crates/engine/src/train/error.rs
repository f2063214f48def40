//! Why nothing was trained.

use foretell_evaluate::SplitError;
use foretell_frame::SchemaError;
use foretell_train::FitError;
use foretell_train::estimator::{KINDS, Kind};

use crate::live::LoadError;
use crate::open::OpenError;
use crate::score::ScoreError;
use crate::table::TableError;
use crate::table::load::Place;

/// Why nothing was trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// There is no such column.
    #[error("the table has no column `{name}`")]
    NoColumn {
        /// What was asked for.
        name: String,
        /// The column with the most similar name.
        nearest: Option<String>,
        /// The columns there are.
        columns: Vec<String>,
    },
    /// Almost all of a column is numbers.
    #[error("{place}: column `{name}` has `{got}`, and numbers in {numbers} other rows")]
    OddText {
        /// The column.
        name: String,
        /// Where the first such text stands.
        place: Place,
        /// The text.
        got: String,
        /// Number of cells that are numbers.
        numbers: u64,
    },
    /// A row is not what the table seemed to be.
    #[error("{place}: {message}")]
    Row {
        /// Where.
        place: Place,
        /// What is wrong.
        message: String,
    },
    /// The columns do not make a schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A column is to be two of weights, groups and order.
    #[error("weights, groups and order need columns of their own")]
    Aside,
    /// A column is told to be two things.
    #[error("column `{name}` cannot be text and categories; say one of both")]
    TextAndCategory {
        /// The column.
        name: String,
    },
    /// Nothing is left to learn from.
    #[error("the table has no {what}")]
    Nothing {
        /// What it lacks.
        what: &'static str,
    },
    /// A row without a known answer.
    #[error("{place}: the target is missing")]
    MissingTarget {
        /// Where.
        place: Place,
    },
    /// No target, for an estimator that learns one.
    #[error("nothing says which column is the target")]
    NoTarget,
    /// A target, for an estimator that learns of rows alone.
    #[error("`{name}` learns of the rows alone, and has no target")]
    NeedlessTarget {
        /// The estimator.
        name: &'static str,
    },
    /// Folds, or a search, which has them too, for an estimator without a target.
    #[error(
        "`{name}` has no target, so it can neither be measured in folds nor can parameters be looked for"
    )]
    NoFolds {
        /// The estimator.
        name: &'static str,
    },
    /// A target that is no number, for an estimator of numbers.
    #[error("{place}: `{class}` learns numbers, and the target is `{got}`")]
    TargetNotANumber {
        /// Where.
        place: Place,
        /// The estimator.
        class: &'static str,
        /// The target.
        got: String,
    },
    /// An estimator of the other kind of target.
    #[error("`{name}` learns {learns} only")]
    OtherTask {
        /// The estimator.
        name: &'static str,
        /// What it learns.
        learns: &'static str,
    },
    /// Rows cannot be held out.
    #[error("cannot hold rows out: {source}")]
    Split {
        /// Why.
        source: SplitError,
        /// The class that it is about.
        class: Option<String>,
    },
    /// No estimator can be fitted, where one was to be chosen.
    #[error("no estimator can learn from it; `{name}`: {reason}")]
    NoneFits {
        /// The first that was tried.
        name: &'static str,
        /// Why it cannot.
        reason: String,
    },
    /// Parameters cannot be looked for.
    #[error("cannot look for parameters: {message}")]
    Search {
        /// Why.
        message: String,
    },
    /// The estimator refuses.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The model that was made cannot be used, which is our fault.
    #[error("the model that was trained cannot be opened")]
    Open(#[from] OpenError),
    /// As before.
    #[error("the model that was trained cannot be loaded")]
    Load(#[from] LoadError),
    /// The model refuses the rows that were held out.
    #[error("the model that was trained cannot be measured")]
    Score(#[from] ScoreError),
    /// Another model cannot be measured beside it.
    #[error("the version in production cannot be measured on the rows that were held out: {reason}")]
    Rival {
        /// Why.
        reason: String,
    },
}

impl TrainError {
    /// Whether the progress ended it.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Fit(FitError::Stopped))
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Table(error) => error.hint(),
            Self::NoColumn { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            Self::NoColumn { columns, .. } => Some(format!("its columns are {}", columns.join(", "))),
            Self::OddText { name, got, .. } => Some(format!(
                "if it stands for a missing value, say so with `--missing '{got}'`; if the column is one of categories, with \
                 `--categorical '{name}'`, or leave it out with `--drop '{name}'`"
            )),
            Self::OtherTask { learns, .. } => {
                let (other, kinds) = match *learns {
                    "classes" => ("numbers", kinds(|kind| kind.regressor.is_some())),
                    _ => ("classes", kinds(|kind| kind.classifier.is_some())),
                };
                Some(format!("for {other} there are {kinds}"))
            }
            Self::Split { class: Some(class), .. } => {
                Some(format!("it is `{class}`; leave its row out, or hold no rows out"))
            }
            Self::NoTarget => {
                Some(format!("without one there are {}", kinds(|kind| kind.untargeted.is_some())))
            }
            Self::NeedlessTarget { .. } => {
                Some("leave it away; drop its column if it is not to be learnt from".to_owned())
            }
            Self::NoFolds { .. } => {
                Some("hold a share of the rows out, or none, and tell the parameters".to_owned())
            }
            Self::Row { .. }
            | Self::Schema(_)
            | Self::Aside
            | Self::TextAndCategory { .. }
            | Self::NoneFits { .. }
            | Self::Nothing { .. }
            | Self::MissingTarget { .. }
            | Self::TargetNotANumber { .. }
            | Self::Split { .. }
            | Self::Search { .. }
            | Self::Fit(_)
            | Self::Open(_)
            | Self::Load(_)
            | Self::Score(_)
            | Self::Rival { .. } => None,
        }
    }
}

fn kinds(wanted: impl Fn(&Kind) -> bool) -> String {
    KINDS
        .iter()
        .filter(|kind| wanted(kind))
        .map(|kind| format!("`{}`", kind.name))
        .collect::<Vec<_>>()
        .join(", ")
}
