//! What is to be trained, from flags or a file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use foretell_engine::evaluate::{Metric, Requirement};
use foretell_engine::store::is_name;
use foretell_engine::table::Header;
use foretell_engine::train::{
    COMPARED_BY, Choice, ColumnType, DataOptions, Evaluation, Kind, Search, Spec, TablePlace, TrainOptions,
    Transformer, Value, parse_choice, parse_evaluation, parse_kind, parse_metric, parse_parameter,
};

use super::table::Table;
use crate::args::{HeaderRow, TableArguments};
use crate::failure::{Failure, io_text};
use crate::rival::is_asked_for;
use crate::store::StoreArguments;

#[derive(Debug, Args)]
pub(crate) struct TrainArguments {
    /// Table of rows with known answers: CSV, JSON Lines, Parquet or Arrow IPC by content, several files or patterns of their names,
    /// `-` for stdin; the URL of a database, with `--query`; or a TOML file that says all of this
    #[arg(value_name = "DATA|SPEC.toml", required = true)]
    pub(super) data: Vec<PathBuf>,
    /// What the database is asked; its answer is the table
    #[arg(long, value_name = "SQL")]
    query: Option<String>,
    /// Column of the known answers: its name, or its position from 0; isolation-forest and k-means have none
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// What is fitted: linear, ridge, lasso, elastic-net, logistic, linear-svm, sgd, lda, qda,
    /// gaussian-nb, multinomial-nb, bernoulli-nb, k-neighbors, decision-tree, random-forest, extra-trees,
    /// gradient-boosting, mlp, isolation-forest or k-means, scikit-learn's name of the class, or auto: the best of some by cross-validation
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    model: Option<(Option<Kind>, Option<bool>)>,
    /// A parameter by scikit-learn's name (of boosting: XGBoost's), such as max_depth=4 or criterion=entropy; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    parameters: Vec<(String, Value)>,
    /// A parameter to be found by cross-validation: values such as max_depth=[3,6,9], or with `--candidates` also a range such as
    /// 'alpha={low=0.01,high=10,log=true}'; may be repeated
    #[arg(long, value_name = "NAME=CHOICES", value_parser = parse_choice)]
    search: Vec<(String, Choice)>,
    /// How many sets of such parameters are drawn [default: all are tried]
    #[arg(long, value_name = "N", requires = "search")]
    candidates: Option<usize>,
    /// Compare on few rows first; of what remains one in N goes on to N times the rows
    #[arg(long, value_name = "N", requires = "search", value_parser = clap::value_parser!(u64).range(2..))]
    halving: Option<u64>,
    /// What they are compared by, such as roc_auc [default: log loss or RMSE]
    #[arg(long, value_name = "METRIC", requires = "search", value_parser = parse_metric)]
    metric: Option<Metric>,
    /// What becomes of numbers [default: standard for mlp and sgd, else none]
    #[arg(long, value_enum)]
    scale: Option<ScaleWord>,
    /// Columns of numbers that are categories; other texts always are
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    categorical: Vec<String>,
    /// What a column holds where that is not to be inferred: number or text, such as zip=text; may be repeated
    #[arg(long = "type", value_name = "COLUMN=TYPE", value_parser = column_type)]
    types: Vec<(String, ColumnType)>,
    /// Texts that stand for a missing value, as an empty cell always does, such as NA
    #[arg(long, value_name = "TEXTS", value_delimiter = ',')]
    missing: Vec<String>,
    /// Columns of texts that are read: their words are learnt from [default: those of several words, mostly different]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    text: Vec<String>,
    /// Columns that are not learnt from
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    drop: Vec<String>,
    /// Whether classes or numbers are learnt [default: as the target looks]
    #[arg(long, value_enum)]
    task: Option<TaskWord>,
    /// Share of the rows that are held out to measure the model on; 0 learns from all [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    test_size: Option<f64>,
    /// Measure on all rows instead, in so many parts, each by a model that learns from the others
    #[arg(long, value_name = "N", conflicts_with = "test_size")]
    folds: Option<usize>,
    /// Column of what each row weighs
    #[arg(long, value_name = "COLUMN")]
    weights: Option<String>,
    /// Column that tells which rows belong together: they are learnt from or measured on, never both
    #[arg(long, value_name = "COLUMN")]
    groups: Option<String>,
    /// Column of times: the model is measured on the latest rows
    #[arg(long, value_name = "COLUMN")]
    order: Option<String>,
    /// Write and register nothing, and exit with 1, unless a metric is as required, such as 'accuracy > 0.9'; may be repeated
    #[arg(long, value_name = "METRIC OP VALUE")]
    require: Vec<Requirement>,
    /// Write the model to this file
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Register the model under this name
    #[arg(long, value_name = "NAME", value_parser = model_name)]
    register: Option<String>,
    /// Point this alias to the new version
    #[arg(long, requires = "register")]
    alias: Option<String>,
    /// Promote also when callers of the version before would be broken
    #[arg(long, requires = "alias")]
    pub(super) force: bool,
    /// What people should know of this version
    #[arg(long, value_name = "TEXT", requires = "register")]
    pub(super) note: Option<String>,
    /// Write a page of metrics, curves, importances and the data to this HTML file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Decides which rows are held out, and all else that is random [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    table: TableArguments,
    #[command(flatten)]
    pub(super) store: StoreArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScaleWord {
    /// Mean 0, standard deviation 1
    Standard,
    /// From 0 to 1
    MinMax,
    /// Median 0, distance of the quartiles 1
    Robust,
    /// As they are
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TaskWord {
    /// Classes
    Classification,
    /// Numbers
    Regression,
}

fn column_type(text: &str) -> Result<(String, ColumnType), String> {
    let (name, kind) = text.rsplit_once('=').ok_or("expected COLUMN=TYPE")?;
    let kind = match kind {
        "number" => ColumnType::Number,
        "text" => ColumnType::Text,
        _ => return Err("expected the type `number` or `text`".to_owned()),
    };
    Ok((name.to_owned(), kind))
}

fn model_name(name: &str) -> Result<String, String> {
    let expected = "expected letters, digits, `.`, `_` and `-`, and a letter or digit first";
    if is_name(name) { Ok(name.to_owned()) } else { Err(expected.to_owned()) }
}

/// What is done, told by a file or by flags.
pub(super) struct Job {
    pub(super) spec: Spec,
    pub(super) table: Table,
}

impl Job {
    pub(super) fn new(arguments: &TrainArguments) -> Result<Self, Failure> {
        let file = match arguments.data.as_slice() {
            [path] if path.extension().is_some_and(|extension| extension == "toml") => Some(path),
            _ => None,
        };
        let mut spec = match file {
            Some(path) => from_file(path, arguments)?,
            None => from_flags(arguments)?,
        };
        // What becomes of the model may be told beside a file.
        let replace = |to: &mut Option<PathBuf>, from: &Option<PathBuf>| {
            if from.is_some() {
                to.clone_from(from);
            }
        };
        replace(&mut spec.output, &arguments.output);
        replace(&mut spec.report, &arguments.report);
        spec.require.extend(arguments.require.iter().cloned());
        if let Some(seed) = arguments.seed {
            spec.training.seed = seed;
        }
        if arguments.register.is_some() {
            (spec.register, spec.alias) = (arguments.register.clone(), arguments.alias.clone());
        }
        if let Some(name) = &spec.register {
            model_name(name).map_err(|expected| Failure::usage(format!("`{name}`: {expected}")))?;
        }
        if let Some(kind) = spec.training.kind.filter(|kind| !kind.has_target()) {
            if spec.data.target.is_some() {
                return Err(Failure::usage(format!(
                    "`{}` learns of the rows alone, and has no target",
                    kind.name
                ))
                .hint("leave it away; drop its column if it is not to be learnt from".to_owned()));
            }
            if !spec.require.is_empty() || spec.report.is_some() {
                let message =
                    format!("`{}` has no known answers to require something of, or to report", kind.name);
                return Err(Failure::usage(message));
            }
        }
        if spec.training.evaluation == Evaluation::None && !(spec.require.is_empty() && spec.report.is_none())
        {
            return Err(Failure::usage("without rows that are held out nothing can be measured")
                .hint("hold some out: leave the test size of 0 away".to_owned()));
        }
        if spec.register.is_none() && is_asked_for(&spec.require) {
            return Err(Failure::usage("`production` is a version of the registry").hint(
                "name the model with `--register NAME`, or compare with a number or `baseline`".to_owned(),
            ));
        }
        if spec.report.is_some() && !matches!(spec.training.evaluation, Evaluation::Holdout(_)) {
            return Err(Failure::usage("a report needs rows that are held out, and not folds"));
        }
        let table = Table::open(&mut spec, &arguments.store)?;
        Ok(Self { spec, table })
    }
}

/// What a TOML file says.
fn from_file(path: &Path, arguments: &TrainArguments) -> Result<Spec, Failure> {
    let told = arguments.query.is_some()
        || arguments.target.is_some()
        || arguments.model.is_some()
        || arguments.scale.is_some()
        || arguments.task.is_some()
        || arguments.test_size.is_some()
        || arguments.folds.is_some()
        || [&arguments.weights, &arguments.groups, &arguments.order].into_iter().any(Option::is_some)
        || !(arguments.parameters.is_empty()
            && arguments.search.is_empty()
            && arguments.categorical.is_empty()
            && arguments.types.is_empty()
            && arguments.missing.is_empty()
            && arguments.text.is_empty()
            && arguments.drop.is_empty());
    if told {
        return Err(Failure::usage(format!("`{}` says what is trained", path.display())).hint(
            "beside it only `--require`, `--seed`, `--output`, `--report`, `--register`, `--alias` and what belongs to them can be told"
                .to_owned(),
        ));
    }
    read_spec(path)
}

/// Reads a TOML file that says what is trained.
pub(crate) fn read_spec(path: &Path) -> Result<Spec, Failure> {
    let failed = |detail: String| Failure::new(format!("cannot read `{}`", path.display())).detail(detail);
    let text = std::fs::read_to_string(path).map_err(|error| failed(io_text(&error)))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Spec::parse(&text, folder)
        .map_err(|error| Failure::new(format!("`{}` cannot be used", path.display())).because(&error))
}

/// What flags say.
fn from_flags(arguments: &TrainArguments) -> Result<Spec, Failure> {
    let needed = |what: &str| {
        Failure::usage(format!("expected `{what}`"))
            .hint("or give a TOML file, which says all of it".to_owned())
    };
    let (kind, of_class) = arguments.model.ok_or_else(|| needed("--model KIND"))?;
    let target = arguments.target.clone();
    if target.is_none() && kind.is_none_or(Kind::has_target) {
        return Err(needed("--target COLUMN"));
    }
    let told = arguments.task.map(|task| task == TaskWord::Classification);
    if let (Some(class), Some(told)) = (of_class, told)
        && class != told
    {
        let class = kind.map_or("", |kind| kind.class(class));
        return Err(Failure::usage(format!("`{class}` and `--task` do not go together")));
    }
    let evaluation = parse_evaluation(arguments.test_size, arguments.folds)
        .map_err(|(expected, got)| Failure::usage(format!("{expected}, got {got}")))?;
    if kind.is_none() && !arguments.parameters.is_empty() {
        return Err(Failure::usage("`--param` needs a `--model` whose parameter it is"));
    }
    let scaling = arguments.scale.map(|word| {
        let name = word.to_possible_value().map(|value| value.get_name().to_owned());
        name.and_then(|name| Transformer::named(&name)).into_iter().collect()
    });
    Ok(Spec {
        table: table(arguments)?,
        data: DataOptions {
            target,
            header: match arguments.table.header {
                HeaderRow::Auto => Header::Auto,
                HeaderRow::Yes => Header::Present,
                HeaderRow::No => Header::Absent,
            },
            names: None,
            drop: arguments.drop.clone(),
            unused: Vec::new(),
            categorical: arguments.categorical.clone(),
            types: arguments.types.clone(),
            missing: arguments.missing.clone(),
            text: arguments.text.clone(),
            weights: arguments.weights.clone(),
            groups: arguments.groups.clone(),
            order: arguments.order.clone(),
        },
        training: TrainOptions {
            kind,
            classes: told.or(of_class),
            parameters: arguments.parameters.clone(),
            search: (!arguments.search.is_empty()).then(|| Search {
                parameters: arguments.search.clone(),
                candidates: arguments.candidates,
                halving: arguments.halving.and_then(|factor| usize::try_from(factor).ok()),
                folds: COMPARED_BY,
                metric: arguments.metric,
            }),
            scaling,
            groups: Vec::new(),
            steps: Vec::new(),
            evaluation,
            seed: 0,
        },
        require: Vec::new(),
        output: None,
        report: None,
        register: None,
        alias: None,
    })
}

fn table(arguments: &TrainArguments) -> Result<TablePlace, Failure> {
    let url = match arguments.data.as_slice() {
        [only] => only.to_str().filter(|text| {
            ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| text.starts_with(scheme))
        }),
        _ => None,
    };
    match (url, &arguments.query) {
        (Some(url), Some(sql)) => Ok(TablePlace::Query { database: url.to_owned(), sql: sql.clone() }),
        (Some(_), None) => Err(Failure::usage("a database needs a `--query`")),
        (None, Some(_)) => {
            Err(Failure::usage("`--query` needs the URL of a database in the place of a file"))
        }
        (None, None) => Ok(TablePlace::Files(arguments.data.clone())),
    }
}
