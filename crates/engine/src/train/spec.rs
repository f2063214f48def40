//! A file that says what is to be trained: data, columns, model, evaluation, output.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use foretell_evaluate::Requirement;
use foretell_train::recipe::TRANSFORMERS;
use serde::Deserialize;

use super::parse::{PARAMETER, choice, listed, of_toml, parse_evaluation, parse_kind, parse_metric};
use super::search::COMPARED_BY;
use super::{ColumnSteps, ColumnType, Columns, DataOptions, Search, TrainOptions, Transformer, Value};
use crate::log::Time;
use crate::table::{Header, nearest};

/// The column of what really happened in the record of predictions.
const ACTUAL: &str = "actual";

/// Why a file is no specification.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// It is no TOML, or has keys that are not known.
    #[error("{0}")]
    Toml(String),
    /// A value is not one of those that are known.
    #[error("`{key}`: {expected}, got `{got}`")]
    Value {
        /// Where it stands.
        key: &'static str,
        /// What could stand there.
        expected: String,
        /// What stands there.
        got: String,
    },
    /// A parameter of a step.
    #[error("step `{step}`")]
    Step {
        /// The step.
        step: String,
        /// What is wrong.
        source: foretell_train::FitError,
    },
}

/// What is to be trained, and what becomes of it. Paths are those of the file, so they count from its folder.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The table.
    pub table: TablePlace,
    /// What is what in it.
    pub data: DataOptions,
    /// What is made of it.
    pub training: TrainOptions,
    /// What has to hold of the model.
    pub require: Vec<Requirement>,
    /// Where it is written.
    pub output: Option<PathBuf>,
    /// Where the report is written.
    pub report: Option<PathBuf>,
    /// The name it is registered under.
    pub register: Option<String>,
    /// The alias that then points to it.
    pub alias: Option<String>,
}

/// Where a table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TablePlace {
    /// Files; each may be a pattern of names such as `2024-*.csv`.
    Files(Vec<PathBuf>),
    /// The answer of a database.
    Query {
        /// The URL of the database.
        database: String,
        /// The query.
        sql: String,
    },
    /// Recorded predictions of which it is known what really happened.
    Record {
        /// The model that made them.
        model: String,
        /// The time of the first of them; any without.
        since: Option<Time>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: DataPart,
    #[serde(default)]
    columns: Vec<ColumnsPart>,
    model: ModelPart,
    search: Option<SearchPart>,
    #[serde(default)]
    evaluation: EvaluationPart,
    #[serde(default)]
    output: OutputPart,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DataPart {
    path: Option<Paths>,
    database: Option<String>,
    query: Option<String>,
    log: Option<String>,
    since: Option<String>,
    target: Option<Target>,
    header: Option<bool>,
    names: Option<Vec<String>>,
    #[serde(default)]
    drop: Vec<String>,
    #[serde(default)]
    unused: Vec<String>,
    #[serde(default)]
    categorical: Vec<String>,
    #[serde(default)]
    types: BTreeMap<String, ColumnType>,
    #[serde(default)]
    missing: Vec<String>,
    #[serde(default)]
    text: Vec<String>,
    task: Option<Task>,
    weights: Option<String>,
    groups: Option<String>,
    order: Option<String>,
}

/// A file, or several; each may be a pattern of names.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Paths {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

/// A name, or a position.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Target {
    Name(String),
    Position(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Task {
    Classification,
    Regression,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnsPart {
    names: Option<Vec<String>>,
    #[serde(rename = "type")]
    kind: Option<ColumnKind>,
    steps: Vec<StepPart>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ColumnKind {
    Number,
    Category,
    Text,
    All,
}

/// A step by name, or with parameters.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum StepPart {
    Name(String),
    Table {
        step: String,
        #[serde(flatten)]
        parameters: BTreeMap<String, toml::Value>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelPart {
    kind: String,
    #[serde(default)]
    steps: Vec<StepPart>,
    #[serde(default)]
    parameters: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchPart {
    parameters: BTreeMap<String, toml::Value>,
    candidates: Option<usize>,
    halving: Option<usize>,
    folds: Option<usize>,
    metric: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EvaluationPart {
    test_size: Option<f64>,
    folds: Option<usize>,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    require: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputPart {
    path: Option<PathBuf>,
    report: Option<PathBuf>,
    register: Option<String>,
    alias: Option<String>,
}

impl Spec {
    /// Reads a specification whose paths count from `folder`.
    ///
    /// # Errors
    /// Anything in it that is not known.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, SpecError> {
        let file: File =
            toml::from_str(text).map_err(|error| SpecError::Toml(error.to_string().trim_end().to_owned()))?;
        let File { data, columns, model, search, evaluation, output } = file;
        let (kind, of_class) = parse_kind(&model.kind).map_err(|expected| SpecError::Value {
            key: "model.kind",
            expected,
            got: model.kind.clone(),
        })?;
        let told = data.task.map(|task| task == Task::Classification);
        let measured = parse_evaluation(evaluation.test_size, evaluation.folds)
            .map_err(|(expected, got)| SpecError::Value { key: "evaluation", expected, got })?;
        let require = |text: &String| {
            text.parse().map_err(|error: foretell_evaluate::RequirementError| SpecError::Value {
                key: "evaluation.require",
                expected: error.to_string(),
                got: text.clone(),
            })
        };
        let record = record(data.log, data.since)?;
        let table = place(data.path, data.database, data.query, record, folder)?;
        let needless = kind.is_some_and(|kind| !kind.has_target());
        let target = match (&table, data.target) {
            (TablePlace::Record { .. }, None) => Some(Target::Name(ACTUAL.to_owned())),
            (TablePlace::Files(_) | TablePlace::Query { .. }, Some(target)) => Some(target),
            (TablePlace::Files(_) | TablePlace::Query { .. }, None) if needless => None,
            (TablePlace::Record { .. }, Some(_)) => {
                let expected = "expected none beside `log`: what really happened is learnt".to_owned();
                return Err(SpecError::Value { key: "data.target", expected, got: "one".to_owned() });
            }
            (TablePlace::Files(_) | TablePlace::Query { .. }, None) => {
                let expected = "expected the column of the known answers".to_owned();
                return Err(SpecError::Value { key: "data.target", expected, got: "none".to_owned() });
            }
        };
        let training = TrainOptions {
            kind,
            classes: told.or(of_class),
            parameters: model
                .parameters
                .into_iter()
                .map(|(name, value)| Ok((name, parameter("model.parameters", value)?)))
                .collect::<Result<_, SpecError>>()?,
            search: search.map(read_search).transpose()?,
            scaling: None,
            groups: columns.into_iter().map(group).collect::<Result<_, _>>()?,
            steps: model.steps.into_iter().map(step).collect::<Result<_, _>>()?,
            evaluation: measured,
            seed: evaluation.seed,
        };
        Ok(Self {
            table,
            data: DataOptions {
                target: target.map(|target| match target {
                    Target::Name(name) => name,
                    Target::Position(position) => position.to_string(),
                }),
                header: match data.header {
                    None => Header::Auto,
                    Some(true) => Header::Present,
                    Some(false) => Header::Absent,
                },
                names: data.names,
                drop: data.drop,
                unused: data.unused,
                categorical: data.categorical,
                types: data.types.into_iter().collect(),
                missing: data.missing,
                text: data.text,
                weights: data.weights,
                groups: data.groups,
                order: data.order,
            },
            training,
            require: evaluation.require.iter().map(require).collect::<Result<_, _>>()?,
            output: output.path.map(|path| folder.join(path)),
            report: output.report.map(|path| folder.join(path)),
            register: output.register,
            alias: output.alias,
        })
    }
}

/// The record that is learnt from, where one is.
fn record(log: Option<String>, since: Option<String>) -> Result<Option<TablePlace>, SpecError> {
    let wrong = |expected: &str, got: String| SpecError::Value {
        key: "data.since",
        expected: expected.to_owned(),
        got,
    };
    match (log, since) {
        (None, None) => Ok(None),
        (None, Some(since)) => Err(wrong("expected none without `log`", format!("`{since}`"))),
        (Some(model), since) => {
            let time =
                |text: String| text.parse().map_err(|expected: String| wrong(&expected, format!("`{text}`")));
            Ok(Some(TablePlace::Record { model, since: since.map(time).transpose()? }))
        }
    }
}

fn place(
    path: Option<Paths>,
    database: Option<String>,
    query: Option<String>,
    record: Option<TablePlace>,
    folder: &Path,
) -> Result<TablePlace, SpecError> {
    let got = match (path, database, query, record) {
        (None, None, None, Some(record)) => return Ok(record),
        (_, _, _, Some(_)) => "`log` and another",
        (Some(Paths::One(path)), None, None, None) => return Ok(TablePlace::Files(vec![folder.join(path)])),
        (Some(Paths::Several(paths)), None, None, None) if !paths.is_empty() => {
            return Ok(TablePlace::Files(paths.iter().map(|path| folder.join(path)).collect()));
        }
        (None, Some(database), Some(sql), None) => {
            let relative =
                database.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
            let database = match relative {
                Some(path) => format!("sqlite:{}", folder.join(path).display()),
                None => database,
            };
            return Ok(TablePlace::Query { database, sql });
        }
        (None, None, None, None) => "none",
        (None, Some(_), None, None) => "`database` alone",
        (None, None, Some(_), None) => "`query` alone",
        (Some(_), _, _, None) => "both, or an empty list",
    };
    let expected = "expected either `path`, or `database` and `query`, or `log`".to_owned();
    Err(SpecError::Value { key: "data", expected, got: got.to_owned() })
}

fn read_search(part: SearchPart) -> Result<Search, SpecError> {
    let wrong =
        |key, expected: &str, got: String| SpecError::Value { key, expected: expected.to_owned(), got };
    let read = |(name, value): (String, toml::Value)| {
        let got = value.to_string();
        let choice = choice(value).map_err(|expected| wrong("search.parameters", expected, got))?;
        Ok((name, choice))
    };
    let parameters = part.parameters.into_iter().map(read).collect::<Result<_, SpecError>>()?;
    let (halving, folds) = (part.halving, part.folds.unwrap_or(COMPARED_BY));
    for (key, number) in [("search.halving", halving), ("search.folds", Some(folds))] {
        if let Some(number) = number.filter(|number| *number < 2) {
            return Err(wrong(key, "expected 2 or more", number.to_string()));
        }
    }
    let metric = part
        .metric
        .map(|name| parse_metric(&name).map_err(|expected| wrong("search.metric", &expected, name)));
    Ok(Search { parameters, candidates: part.candidates, halving, folds, metric: metric.transpose()? })
}

fn parameter(key: &'static str, value: toml::Value) -> Result<Value, SpecError> {
    let got = value.to_string();
    of_toml(value).ok_or(SpecError::Value { key, expected: PARAMETER.to_owned(), got })
}

fn group(part: ColumnsPart) -> Result<ColumnSteps, SpecError> {
    let columns = match (part.names, part.kind) {
        (Some(names), None) => Columns::Named(names),
        (None, Some(ColumnKind::Number)) => Columns::Numbers,
        (None, Some(ColumnKind::Category)) => Columns::Categories,
        (None, Some(ColumnKind::Text)) => Columns::Texts,
        (None, Some(ColumnKind::All)) => Columns::All,
        (names, _) => {
            let got = if names.is_some() { "both" } else { "none" };
            let expected = "expected one of `names` and `type`".to_owned();
            return Err(SpecError::Value { key: "columns", expected, got: got.to_owned() });
        }
    };
    Ok(ColumnSteps { columns, steps: part.steps.into_iter().map(step).collect::<Result<_, _>>()? })
}

fn step(part: StepPart) -> Result<Transformer, SpecError> {
    let (name, parameters) = match part {
        StepPart::Name(name) => (name, BTreeMap::new()),
        StepPart::Table { step, parameters } => (step, parameters),
    };
    let mut transformer = Transformer::named(&name).ok_or_else(|| {
        let nearest = nearest(&name, TRANSFORMERS.into_iter());
        let near = nearest.map(|nearest| format!(" (did you mean `{nearest}`?)")).unwrap_or_default();
        let expected = format!("expected one of {}{near}", listed(TRANSFORMERS));
        SpecError::Value { key: "steps", expected, got: name.clone() }
    })?;
    for (key, value) in parameters {
        let set = transformer.set(&key, &parameter("steps", value)?);
        set.map_err(|source| SpecError::Step { step: name.clone(), source })?;
    }
    Ok(transformer)
}

#[cfg(test)]
mod tests {
    use super::super::Evaluation;
    use super::*;

    const WHOLE: &str = r#"
        [data]
        path = "houses.csv"
        target = "price"
        categorical = ["zone"]
        text = ["notes"]

        [[columns]]
        names = ["age"]
        steps = [{ step = "impute", strategy = "median" }, "robust"]

        [[columns]]
        type = "category"
        steps = [{ step = "one-hot", min_frequency = 5 }]

        [[columns]]
        type = "text"
        steps = [{ step = "tf-idf", ngram_range = [1, 2], max_df = 0.5, min_df = 2, norm = "none" }]

        [model]
        kind = "ridge"
        steps = ["normalize"]
        parameters = { alpha = 0.5 }

        [evaluation]
        test_size = 0.25
        require = ["r2 > 0.6"]

        [output]
        path = "houses.foretell"
        register = "houses"
    "#;

    #[test]
    fn a_whole_specification() {
        let spec = Spec::parse(WHOLE, Path::new("/specs")).unwrap();
        assert_eq!(spec.table, TablePlace::Files(vec!["/specs/houses.csv".into()]));
        assert_eq!(spec.output.as_deref(), Some(Path::new("/specs/houses.foretell")));
        assert_eq!(spec.training.parameters, [("alpha".to_owned(), Value::Float(0.5))]);
        assert_eq!(spec.training.groups[0].columns, Columns::Named(vec!["age".to_owned()]));
        assert_eq!(spec.training.groups[1].columns, Columns::Categories);
        assert_eq!(spec.training.groups[2].columns, Columns::Texts);
        assert_eq!(spec.training.steps.len(), 1);
        assert_eq!((spec.training.evaluation, spec.require.len()), (Evaluation::Holdout(0.25), 1));
    }

    #[test]
    fn the_record_of_predictions_is_a_table() {
        let spec = |data: &str| {
            Spec::parse(&format!("[data]\n{data}\n[model]\nkind = 'ridge'"), Path::new("/specs"))
        };
        let of_log = spec("log = 'houses'\norder = 'at'").unwrap();
        assert_eq!(of_log.table, TablePlace::Record { model: "houses".to_owned(), since: None });
        let recent = spec("log = 'houses'\nsince = '90d'").unwrap();
        let ago = Time::Ago(90 * 86_400_000_000);
        assert_eq!(recent.table, TablePlace::Record { model: "houses".to_owned(), since: Some(ago) });
        assert_eq!(of_log.data.target.as_deref(), Some("actual"));
        for (wrong, told) in [
            ("", "`data`: expected either `path`"),
            ("log = 'a'\npath = 'b.csv'\ntarget = 1", "`data`: expected either `path`"),
            ("path = 'a.csv'", "`data.target`: expected the column"),
            ("log = 'houses'\nsince = 'lately'", "`data.since`: expected how long ago"),
            ("path = 'b.csv'\ntarget = 1\nsince = '7d'", "`data.since`: expected none without `log`"),
            ("log = 'houses'\ntarget = 'price'", "`data.target`: expected none beside `log`"),
        ] {
            assert!(spec(wrong).unwrap_err().to_string().starts_with(told), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_known_is_told() {
        let error = |from: &str, to: &str| {
            Spec::parse(&WHOLE.replace(from, to), Path::new("")).unwrap_err().to_string()
        };
        assert!(error("test_size", "testsize").contains("unknown field `testsize`"));
        assert!(error("\"robust\"", "\"robsut\"").contains("did you mean `robust`?"));
        assert!(error("\"ridge\"", "\"rigde\"").contains("`model.kind`: expected one of `linear`"));
        assert!(error("type = \"category\"", "").contains("expected one of `names` and `type`, got `none`"));
        assert!(error("r2 > 0.6", "r3 > 0.6").starts_with("`evaluation.require`"));
        let error = Spec::parse(&WHOLE.replace("min_frequency", "min_freq"), Path::new("")).unwrap_err();
        assert_eq!(error.to_string(), "step `one-hot`");
    }
}
