//! The arguments of every command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::keys::KeysArguments;
use crate::models::ModelsArguments;
use crate::store::StoreArguments;

/// Serves trained tabular models (scikit-learn, XGBoost) without Python.
#[derive(Debug, Parser)]
#[command(name = "foretell", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what is in a model file: pipeline, features, classes, library and version
    #[command(
        after_help = "Examples:\n  foretell inspect model.joblib\n  foretell inspect model.joblib --json | jq .features"
    )]
    Inspect(InspectArguments),
    /// Predict the rows of a table
    #[command(
        after_help = "Examples:\n  foretell predict model.joblib rows.csv\n  foretell predict model.joblib - --format csv --outputs predict < rows.jsonl"
    )]
    Predict(PredictArguments),
    /// Serve models over HTTP
    #[command(
        after_help = "Examples:\n  foretell serve model.joblib\n  foretell serve iris=model.joblib --port 9000\n  foretell serve --config foretell.toml\n\nEvery key of the configuration is also an environment variable: FORETELL_SERVER__PORT=9000"
    )]
    Serve(ServeArguments),
    /// Say how good a model is on a table with known answers
    #[command(after_help = "Example:\n  foretell score model.joblib test.csv --target species")]
    Score(ScoreArguments),
    /// Measure how fast a model predicts on this machine
    #[command(after_help = "Example:\n  foretell bench model.joblib rows.csv")]
    Bench(BenchArguments),
    /// Register, list, promote and roll back models
    Models(ModelsArguments),
    /// Make, list and revoke API keys
    Keys(KeysArguments),
}

/// Which model, and what it may cost to open it.
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    /// Model file (a scikit-learn pickle or joblib file, or a model of XGBoost or LightGBM), or name@alias or name@version of the registry
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Names of the model's features, where the file knows none
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) features: Option<Vec<String>>,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

/// What opening a model file may cost.
#[derive(Debug, Clone, Args)]
pub(crate) struct LimitArguments {
    /// Refuse model files with more bytes than this
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    pub(crate) max_file_bytes: Option<u64>,
    /// Refuse compressed model files with more bytes than this inside
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    pub(crate) max_inflated_bytes: Option<usize>,
    /// Refuse model files whose models take more memory than this
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    pub(crate) max_model_bytes: Option<usize>,
}

/// Which table, and how it is read.
#[derive(Debug, Args)]
pub(crate) struct TableArguments {
    /// Whether the first row of a CSV table names its columns
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = HeaderRow::Auto)]
    pub(crate) header: HeaderRow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeaderRow {
    /// It does when a cell is a feature's name, or when no cell is a number
    Auto,
    /// It does
    Yes,
    /// It does not
    No,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArguments {
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    /// Table of rows, CSV or JSON Lines by content; `-` for stdin
    pub(crate) input: PathBuf,
    /// Write to this file instead of stdout; it appears only when all rows are predicted
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Format of the answers [default: told by the ending of OUT, else json]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// What to predict, scikit-learn's method names separated by commas, or `all`
    #[arg(long, value_name = "METHODS", default_value = "all")]
    pub(crate) outputs: String,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One object with an array per method; held in memory until the last row
    Json,
    /// One object per row, as rows are read
    Jsonl,
    /// One line per row and one column per value, as rows are read
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Models to serve, each `PATH`, `NAME=PATH` or `name@alias` of the registry; the first is the default model
    /// [default: those of the registry with the alias `production`]
    #[arg(value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// Configuration file [default: foretell.toml in this folder, when it is there and no MODEL is given]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Address or name to listen on [default: 127.0.0.1, this machine only]
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// Port to listen on, 0 for any free one [default: 8080]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// In production documentation is off and versions are hidden [default: development]
    #[arg(long, value_parser = ["development", "production"])]
    pub(crate) mode: Option<String>,
    /// Origins whose pages may call the service: off, any, or one such as https://example.com [default: off]
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) cors: Option<String>,
    /// I/O threads, 0 for one per processor [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<u16>,
    /// Least severe level that is logged [default: info]
    #[arg(long, value_name = "LEVEL", env = "FORETELL_LOG", hide_env_values = true)]
    #[arg(value_parser = ["error", "warn", "info", "debug"])]
    pub(crate) log_level: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ScoreArguments {
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    /// Table of rows with known answers, CSV or JSON Lines by content; `-` for stdin
    pub(crate) data: PathBuf,
    /// Column of the known answers: its name, or its position from 0
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: String,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    /// Table of rows, CSV or JSON Lines by content; `-` for stdin
    pub(crate) data: PathBuf,
    /// Threads that a large batch is split over
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: u16,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}
