//! `SimpleImputer` and `MissingIndicator`.

use foretell_frame::Cell;
use foretell_model::step::{Impute, Step};

use super::encode::{cell, number};
use super::naming::After;
use super::{Input, Lowered, Naming, Result, count, present};
use crate::pickle::{Kind, Value};

/// `SimpleImputer`.
pub(super) fn simple_imputer(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let statistics = statistics(&value.field("statistics_")?)?;
    let keeps_empty = present(value, "keep_empty_features")?.map_or(Ok(false), |keeps| keeps.bool())?;
    if keeps_empty && let Some(column) = statistics.iter().position(|statistic| *statistic == Cell::Missing) {
        let detail =
            format_args!("column {column} keeps missing values although `keep_empty_features` is set");
        return Err(value.invalid(detail));
    }
    let columns = statistics.len();
    // A column without a statistic was empty in training and is dropped.
    let kept = (0..columns).filter(|&column| statistics[column] != Cell::Missing);
    let kept: Vec<After> = kept.map(|input| After { input, prefix: "", suffix: String::new() }).collect();
    let fill = statistics
        .into_iter()
        .map(|statistic| Some(statistic).filter(|fill| *fill != Cell::Missing))
        .collect();
    let indicators = match present(value, "indicator_")? {
        Some(indicator) if value.field("add_indicator")?.bool()? => indicated(&indicator, columns)?,
        Some(_) | None => Vec::new(),
    };
    let names = kept.into_iter().chain(indicator_names(&indicators)).collect();
    let step = Step::Impute(Impute { marker: marker(value)?, fill, indicators, refuse_missing: Vec::new() });
    Ok(Lowered::transformer(columns, vec![step], input.sparse).naming(Naming::After(names)))
}

/// `MissingIndicator` on its own: drops the values and keeps the indicators.
pub(super) fn missing_indicator(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let columns = count(&value.field("_n_features")?)?;
    let indicators = indicated(value, columns)?;
    let refuses = match value.field("features")?.text()? {
        "missing-only" => value.field("error_on_new")?.bool()?,
        "all" => false,
        other => return Err(value.unsupported_option("features", other, "`missing-only` or `all`")),
    };
    let refuse_missing = (0..columns).filter(|column| refuses && !indicators.contains(column)).collect();
    let sparse = value.field("sparse")?;
    let sparse = if sparse.is_text() { input.sparse } else { sparse.bool()? };
    let fill = vec![None; columns];
    let names = indicator_names(&indicators).collect();
    let step = Step::Impute(Impute { marker: marker(value)?, fill, indicators, refuse_missing });
    Ok(Lowered::transformer(columns, vec![step], sparse).naming(Naming::After(names)))
}

fn indicator_names(indicators: &[usize]) -> impl Iterator<Item = After> {
    indicators.iter().map(|&input| After { input, prefix: "missingindicator_", suffix: String::new() })
}

/// What is replaced: `missing_values`.
fn marker(value: &Value<'_>) -> Result<Cell> {
    let marker = value.field("missing_values")?;
    cell(&marker).map_err(|_| {
        value.unsupported_option("missing_values", marker.describe(), "NaN, None, a number or a text")
    })
}

/// The columns that an indicator was fitted to tell of.
fn indicated(indicator: &Value<'_>, columns: usize) -> Result<Vec<usize>> {
    let features = indicator.field("features_")?;
    let in_range = |column: i64| usize::try_from(column).ok().filter(|&column| column < columns);
    let indicated = features.i64_vector(None)?.into_iter().map(in_range).collect::<Option<_>>();
    indicated
        .ok_or_else(|| features.invalid(format_args!("a column is not among the {columns} of the imputer")))
}

/// The replacement of each column; missing where the column was empty in training.
fn statistics(value: &Value<'_>) -> Result<Vec<Cell>> {
    let array = value.array()?;
    array.expect_shape(&[None])?;
    match array.dtype().kind() {
        Kind::Object => value.items()?.iter().map(cell).collect(),
        Kind::Text => Ok(array.texts()?.into_iter().map(Cell::Text).collect()),
        Kind::Bool
        | Kind::Int
        | Kind::Uint
        | Kind::Float
        | Kind::Bytes
        | Kind::Structured(_)
        | Kind::Other(_) => Ok(array.f64s()?.into_iter().map(number).collect()),
    }
}
