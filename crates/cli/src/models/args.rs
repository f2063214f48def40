//! The arguments of `foretell models`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use foretell_engine::registry::{MOST_REQUESTS, TOLERANCE};
use foretell_engine::store::Sticky;

use super::runs::{RunArguments, RunsArguments};
use crate::args::{GivenArguments, LimitArguments};
use crate::store::StoreArguments;

#[derive(Debug, Args)]
pub(crate) struct ModelsArguments {
    #[command(subcommand)]
    pub(crate) command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Add a model file to the registry as the next version of its model
    #[command(
        after_help = "Examples:\n  foretell models register model.joblib --name diabetes --alias production\n  foretell models register model.joblib --name diabetes --check rows.csv --expected predictions.json"
    )]
    Register(Box<RegisterArguments>),
    /// List the models of the registry
    #[command(after_help = "Example:\n  foretell models list")]
    List(ListArguments),
    /// Show the versions, the aliases and the latest moves of a model, or all that is known of one version
    #[command(
        after_help = "Examples:\n  foretell models show diabetes\n  foretell models show diabetes@production"
    )]
    Show(ShowArguments),
    /// Point an alias to a version: every server has it within a second
    #[command(
        after_help = "Examples:\n  foretell models promote diabetes 3\n  foretell models promote diabetes 3 --replay 1000 --max-changed 5%\n  foretell models promote diabetes 3 --alias candidate --canary 10% --sticky header:x-user-id\n  foretell models promote diabetes 3 --alias candidate --shadow"
    )]
    Promote(Box<PromoteArguments>),
    /// Point an alias back to the version it had before
    #[command(after_help = "Example:\n  foretell models rollback diabetes")]
    Rollback(RollbackArguments),
    /// Remove an alias; its version stays
    #[command(after_help = "Example:\n  foretell models unalias diabetes candidate")]
    Unalias(UnaliasArguments),
    /// Put a version aside: it is kept, and can have no alias
    #[command(
        after_help = "Examples:\n  foretell models archive diabetes 1\n  foretell models archive diabetes 1 --undo"
    )]
    Archive(ArchiveArguments),
    /// Delete a version that has no alias, or all of a model
    #[command(
        after_help = "Examples:\n  foretell models delete diabetes 1\n  foretell models delete diabetes --all"
    )]
    Delete(DeleteArguments),
    /// List what schedules have done, or show one run with its log
    #[command(
        after_help = "Examples:\n  foretell models runs\n  foretell models runs boston --limit 5\n  foretell models runs 17"
    )]
    Runs(RunsArguments),
    /// Do now what a schedule of the configuration does at its times, and wait for it
    #[command(after_help = "Example:\n  foretell models run nightly --config foretell.toml")]
    Run(RunArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RegisterArguments {
    /// Model file: of scikit-learn (pickle, joblib, skops), XGBoost, LightGBM, CatBoost or ONNX
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Name of the model; a new name makes a new model
    #[arg(long)]
    pub(crate) name: String,
    /// Point this alias to the new version, as `promote` does
    #[arg(long)]
    pub(crate) alias: Option<String>,
    /// Promote also when callers of the version before would be broken
    #[arg(long, requires = "alias")]
    pub(crate) force: bool,
    /// Table of rows whose predictions are known; they are checked now and whenever the version is loaded
    #[arg(long, value_name = "ROWS", requires = "expected")]
    pub(crate) check: Option<PathBuf>,
    /// What must be predicted for them, JSON as `foretell predict` writes it
    #[arg(long, value_name = "PREDICTIONS", requires = "check")]
    pub(crate) expected: Option<PathBuf>,
    /// How far a number may be off, relative to it where it is above 1
    #[arg(long, value_name = "NUMBER", default_value_t = TOLERANCE, requires = "check")]
    pub(crate) tolerance: f64,
    #[command(flatten)]
    pub(crate) given: GivenArguments,
    /// A metric of the model, such as accuracy=0.97
    #[arg(long = "metric", value_name = "NAME=NUMBER", value_parser = metric)]
    pub(crate) metrics: Vec<(String, f64)>,
    /// A JSON object with anything worth knowing: metrics, parameters, the digest of the training data
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata: Option<PathBuf>,
    /// What people should know of this version
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Print one JSON array
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Name of a model, or name@version or name@alias
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PromoteArguments {
    /// Name of the model
    pub(crate) name: String,
    /// Number of the version, or an alias that points to it
    #[arg(value_name = "VERSION")]
    pub(crate) number: String,
    /// The alias
    #[arg(long, default_value = "production")]
    pub(crate) alias: String,
    /// Let the alias answer this share of the requests to `production`, such as 10% or 0.1
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with = "shadow")]
    pub(crate) canary: Option<f64>,
    /// Which requests a canary keeps together: request, key or header:NAME
    #[arg(long, value_name = "BY", default_value = "request", requires = "canary")]
    pub(crate) sticky: Sticky,
    /// Let the alias predict what `production` predicts; its answers are compared and never given
    #[arg(long)]
    pub(crate) shadow: bool,
    /// Predict the last N recorded requests with it first, and show how predictions change
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_REQUESTS)))]
    pub(crate) replay: Option<u32>,
    /// Refuse to promote when more than this share of their rows changes, such as 5% or 0.05
    #[arg(long, value_name = "SHARE", value_parser = share, requires = "replay")]
    pub(crate) max_changed: Option<f64>,
    /// A number has changed when it moves by more than this
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0, requires = "replay")]
    pub(crate) changed_by: f64,
    /// Promote also when callers of the version before would be broken, or too much changes
    #[arg(long)]
    pub(crate) force: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArguments {
    /// Name of the model
    pub(crate) name: String,
    /// The alias
    #[arg(long, default_value = "production")]
    pub(crate) alias: String,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct UnaliasArguments {
    /// Name of the model
    pub(crate) name: String,
    /// The alias
    pub(crate) alias: String,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ArchiveArguments {
    /// Name of the model
    pub(crate) name: String,
    /// Number of the version
    #[arg(value_name = "VERSION")]
    pub(crate) number: u32,
    /// Take the version out of the archive
    #[arg(long)]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArguments {
    /// Name of the model
    pub(crate) name: String,
    /// Number of the version
    #[arg(value_name = "VERSION", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) number: Option<u32>,
    /// Delete all versions of the model
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

/// `10%` or `0.1`.
fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.trim().parse::<f64>().ok().map(|number| number / whole);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "expected a share such as `10%` or `0.1`, between 0 and 1".to_owned())
}

/// `accuracy=0.97`.
fn metric(text: &str) -> Result<(String, f64), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let value = pair.and_then(|(name, value)| Some((name.to_owned(), value.parse::<f64>().ok()?)));
    value
        .filter(|(_, value)| value.is_finite())
        .ok_or_else(|| "expected a name and a number, such as `accuracy=0.97`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percentages_or_parts() {
        assert_eq!(
            [share("10%"), share("0.1"), share("100%"), share("0")],
            [Ok(0.1), Ok(0.1), Ok(1.0), Ok(0.0)]
        );
        for bad in ["", "%", "10", "-1%", "101%", "NaN", "inf"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn metrics_are_names_and_numbers() {
        assert_eq!(metric("a=b=1").ok(), None);
        assert_eq!(metric("accuracy=0.97"), Ok(("accuracy".to_owned(), 0.97)));
        for bad in ["", "accuracy", "=1", "accuracy=", "accuracy=NaN"] {
            assert!(metric(bad).is_err(), "{bad}");
        }
    }
}
