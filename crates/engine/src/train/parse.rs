//! Values as people write them, in flags and in files alike.

use foretell_evaluate::Metric;
use foretell_train::estimator::KINDS;
use serde::Deserialize;

use super::{Choice, Evaluation, Kind, Value};

/// The share of rows that are held out where nobody says it.
const TEST_SIZE: f64 = 0.2;

/// The kind with this name, none for `auto`; and whether it learns classes, where the name tells it.
///
/// # Errors
/// What is expected instead.
pub fn parse_kind(name: &str) -> Result<(Option<Kind>, Option<bool>), String> {
    if name == "auto" {
        return Ok((None, None));
    }
    let found = Kind::find(name).map(|(kind, classes)| (Some(kind), classes));
    found.ok_or_else(|| {
        format!(
            "expected one of {}, `auto`, or the name of a class of scikit-learn",
            listed(KINDS.map(|kind| kind.name))
        )
    })
}

/// A parameter as `NAME=VALUE`, the value in TOML; what is no TOML is a text.
///
/// # Errors
/// What is expected instead.
pub fn parse_parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let (name, value) = (name.trim(), value.trim());
    let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"));
    let value = match parsed.ok().and_then(|mut table| table.remove("value")) {
        Some(parsed) => of_toml(parsed).ok_or(PARAMETER)?,
        None => Value::Text(value.to_owned()),
    };
    Ok((name.to_owned(), value))
}

/// On which rows a model is measured: a fifth where nothing is told.
///
/// # Errors
/// What is expected instead, and what was told.
pub fn parse_evaluation(
    test_size: Option<f64>,
    folds: Option<usize>,
) -> Result<Evaluation, (String, String)> {
    match (test_size, folds) {
        (Some(_), Some(_)) => {
            Err(("expected a share of rows or a number of folds".to_owned(), "both".to_owned()))
        }
        (None, Some(folds)) if folds >= 2 => Ok(Evaluation::Folds(folds)),
        (None, Some(folds)) => Err(("expected 2 folds or more".to_owned(), folds.to_string())),
        (Some(0.0), None) => Ok(Evaluation::None),
        (Some(share), None) if share > 0.0 && share < 1.0 => Ok(Evaluation::Holdout(share)),
        (Some(share), None) => Err(("expected a share from 0 to below 1".to_owned(), share.to_string())),
        (None, None) => Ok(Evaluation::Holdout(TEST_SIZE)),
    }
}

/// A metric that candidates are compared by.
///
/// # Errors
/// What is expected instead.
pub fn parse_metric(name: &str) -> Result<Metric, String> {
    let near = Metric::nearest(name).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
    Metric::parse(name).ok_or_else(|| format!("expected the name of a metric{near}"))
}

/// A parameter that is to be found, as `NAME=CHOICES`, the choices in TOML.
///
/// # Errors
/// What is expected instead.
pub fn parse_choice(text: &str) -> Result<(String, Choice), String> {
    let (name, choices) = text.split_once('=').ok_or("expected NAME=CHOICES")?;
    let parsed = toml::from_str::<toml::Table>(&format!("value = {choices}"));
    let value = parsed.ok().and_then(|mut table| table.remove("value")).ok_or(CHOICE)?;
    Ok((name.trim().to_owned(), choice(value)?))
}

/// What a parameter may be.
pub(super) const PARAMETER: &str = "expected a number, a text, `true`, `false` or a list of them";

/// A value of TOML, where a parameter may be one.
pub(super) fn of_toml(value: toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Integer(number) => Value::Int(number),
        toml::Value::Float(number) => Value::Float(number),
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Array(values) => Value::List(values.into_iter().map(of_toml).collect::<Option<_>>()?),
        toml::Value::Datetime(_) | toml::Value::Table(_) => return None,
    })
}

/// What a parameter may be: a list of values, or a range.
const CHOICE: &str = "expected a list of values, or a range such as `{ low = 0.01, high = 1, log = true }`";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RangePart {
    low: f64,
    high: f64,
    #[serde(default)]
    log: bool,
}

/// What a parameter may be, in TOML.
///
/// # Errors
/// What is expected instead.
pub(super) fn choice(value: toml::Value) -> Result<Choice, &'static str> {
    match value {
        toml::Value::Array(values) => {
            values.into_iter().map(of_toml).collect::<Option<_>>().map(Choice::Values).ok_or(CHOICE)
        }
        toml::Value::Table(table) => {
            let whole =
                ["low", "high"].iter().all(|key| table.get(*key).is_some_and(toml::Value::is_integer));
            let RangePart { low, high, log } = table.try_into().map_err(|_| CHOICE)?;
            Ok(Choice::Range { low, high, log, whole })
        }
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => Err(CHOICE),
    }
}

/// Names in backticks.
pub(super) fn listed<const N: usize>(names: [&str; N]) -> String {
    names.map(|name| format!("`{name}`")).join(", ")
}
