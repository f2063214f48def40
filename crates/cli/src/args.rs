//! The arguments of every command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use foretell_engine::evaluate::Requirement;
use foretell_engine::log::Time;

use crate::keys::KeysArguments;
use crate::models::ModelsArguments;
use crate::schedule::RetrainArguments;
use crate::store::StoreArguments;
use crate::train::TrainArguments;

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
    #[command(
        after_help = "Examples:\n  foretell score model.joblib test.csv --target species\n  foretell score model.joblib test.csv --target species --require 'accuracy > 0.9' --require 'log_loss < baseline'"
    )]
    Score(ScoreArguments),
    /// Make a model from a table, and measure it on rows that it has not seen
    #[command(
        after_help = "Examples:\n  foretell train iris.csv --target species --model random-forest --require 'accuracy > 0.9' -o iris.foretell\n  foretell train houses.csv --target price --model ridge --scale standard --categorical district --register houses --alias production"
    )]
    Train(Box<TrainArguments>),
    /// Train for a schedule: what a service runs
    #[command(name = crate::schedule::COMMAND, hide = true)]
    Retrain(RetrainArguments),
    /// Measure how fast a model predicts on this machine
    #[command(after_help = "Example:\n  foretell bench model.joblib rows.csv")]
    Bench(BenchArguments),
    /// Write a model as foretell's own artifact, which loads faster and does not change when other libraries do
    #[command(after_help = "Example:\n  foretell convert model.joblib -o model.foretell")]
    Convert(ConvertArguments),
    /// Register, list, promote and roll back models
    Models(ModelsArguments),
    /// Make, list and revoke API keys
    Keys(KeysArguments),
    /// Read the record of predictions, or say what really happened
    #[command(subcommand)]
    Log(LogCommand),
}

/// Which model, and what it may cost to open it.
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    /// Model file (scikit-learn, XGBoost, LightGBM, CatBoost, ONNX), or name@alias or name@version of the registry
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) given: GivenArguments,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

/// What a model file does not tell.
#[derive(Debug, Clone, Args)]
pub(crate) struct GivenArguments {
    /// Names of the model's features, where the file knows none
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) features: Option<Vec<String>>,
    /// Categories of a feature, in the order of the codes that the file holds instead, such as city=Bergen,Oslo; or a JSON file of such lists
    #[arg(long, value_name = "LIST")]
    pub(crate) categories: Vec<String>,
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
pub(crate) struct ConvertArguments {
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    /// Write to this file
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
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
    #[command(flatten)]
    pub(crate) given: GivenArguments,
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
    #[arg(id = "rows", value_name = "DATA")]
    pub(crate) data: PathBuf,
    /// Column of the known answers: its name, or its position from 0
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: String,
    /// Exit with 1 unless a metric is as required, such as 'accuracy >= 0.9' or 'rmse < baseline * 0.5'; may be repeated
    #[arg(long, value_name = "METRIC OP VALUE")]
    pub(crate) require: Vec<Requirement>,
    /// Write a page of metrics, curves, residuals, importances and the data to this HTML file
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Decides which rows are drawn for the intervals, and how features are shuffled
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
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
    #[arg(id = "rows", value_name = "DATA")]
    pub(crate) data: PathBuf,
    /// Kernel that evaluates trees; without it the one that was fastest when the model was loaded
    #[arg(long)]
    pub(crate) kernel: Option<KernelName>,
    /// Rows of a large batch; those of DATA are repeated as often as needed
    #[arg(long, value_name = "ROWS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) batch: u32,
    /// Threads that a large batch is split over
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: u16,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) table: TableArguments,
}

/// How trees are evaluated.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum KernelName {
    /// Node after node, on every processor
    Walk,
    /// Over ranks, with nodes of four bytes, where the model allows it
    Compact,
    /// Over ranks of one byte, with AVX-512, where the model allows it
    Ranked,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Write recorded predictions as a table that a model can be trained on
    #[command(
        disable_version_flag = true,
        after_help = "Examples:\n  foretell log export --model iris --since 7d -o iris.parquet\n  foretell log export --model iris --since 2026-11-01 --only-labelled --format jsonl\n\nA column per feature, then prediction, probabilities and the known answer (actual). The rows of one version stand together, oldest first."
    )]
    Export(ExportArguments),
    /// Say what really happened, from a table with the columns actual, and request_id or id
    #[command(
        after_help = "Example:\n  foretell log import-feedback outcomes.csv\n\nThe column `request_id` has the id of the answer, `id` the caller's own; `row` counts from 0 in requests of several rows. A later answer takes the place of an earlier one."
    )]
    ImportFeedback(FeedbackArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Name of the model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: String,
    /// Only predictions of this version
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Only predictions since this time: how long ago (24h, 7d), or a date (2026-11-01, 2026-11-01T12:00:00Z)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Time>,
    /// Only predictions before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Time>,
    /// Only predictions of which it is known what really happened
    #[arg(long)]
    pub(crate) only_labelled: bool,
    /// Also answers of shadows, which were recorded and not given
    #[arg(long)]
    pub(crate) shadow: bool,
    /// Write to this file instead of stdout; it appears only when it is complete
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,
    /// Format of the table [default: told by the ending of OUT, else csv]
    #[arg(long, value_enum)]
    pub(crate) format: Option<TableForm>,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableForm {
    /// Columns with types, compressed
    Parquet,
    /// One line per row, after a line of names
    Csv,
    /// One object per row
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct FeedbackArguments {
    /// Table of known answers, CSV or JSON Lines by content; `-` for stdin
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}
