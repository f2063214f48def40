//! Categories of a training data frame: values become the codes that the trees test.
//!
//! The Python package writes the categories of all columns of type `category`, in their order, but not which columns these
//! are. They are the categorical features, unless training named other columns as such, or ordered categories were
//! among the columns, which the package takes for numbers. What the head tells of a feature's values says which can be.

use foretell_frame::Cell;
use foretell_model::step::{self, Branch, Ordinal, Step, Unknown};
use serde_json::Value as Json;

use crate::{FormatError, Problem};

use super::text::Text;
use super::{corrupt, error, shown};

/// The steps that recode features by the categories that the text holds; none where it holds none, and the features are
/// numbers already.
pub(super) fn recode(text: &Text<'_>) -> Result<Vec<Step>, FormatError> {
    let json = text.pandas_categorical.unwrap_or("null").trim();
    let lists: Option<Vec<Vec<Json>>> = serde_json::from_str(json)
        .map_err(|problem| corrupt(format!("bad JSON ({problem})")).at("pandas_categorical"))?;
    let lists = lists.unwrap_or_default();
    if lists.is_empty() {
        return Ok(Vec::new());
    }
    let columns = columns(text, &lists)?;
    let mut branches: Vec<Branch> = Vec::new();
    let mut next = 0;
    for (column, list) in columns.into_iter().zip(&lists) {
        if next < column {
            branches.push(Branch { columns: (next..column).collect(), steps: Vec::new(), weight: None });
        }
        let values = list.iter().map(category).collect::<Result<Vec<_>, _>>()?;
        branches.push(Branch { columns: vec![column], steps: vec![ordinal(values)], weight: None });
        next = column + 1;
    }
    if next < text.features {
        branches.push(Branch { columns: (next..text.features).collect(), steps: Vec::new(), weight: None });
    }
    Ok(vec![Step::Parallel(branches)])
}

/// Codes are positions; missing and unknown values are missing.
fn ordinal(mut values: Vec<Cell>) -> Step {
    let mut codes: Vec<Option<u32>> = (0..values.len() as u32).map(Some).collect();
    values.push(Cell::Missing);
    codes.push(None);
    let width = values.len();
    let categories = step::Categories { values, codes, infrequent: None, width };
    Step::Ordinal(Ordinal { columns: vec![categories], unknown: Unknown::Code(f64::NAN), missing: f64::NAN })
}

fn category(value: &Json) -> Result<Cell, FormatError> {
    /// Integers up to here are numbers of their own as float64.
    const EXACT: f64 = (1u64 << 53) as f64;
    match value {
        Json::String(text) => return Ok(Cell::Text(text.clone())),
        Json::Bool(flag) => return Ok(Cell::Number(f64::from(u8::from(*flag)))),
        Json::Number(number) => {
            if let Some(number) = number.as_f64().filter(|value| number.is_f64() || value.abs() <= EXACT) {
                return Ok(Cell::Number(number));
            }
        }
        Json::Null | Json::Array(_) | Json::Object(_) => {}
    }
    let expected = "texts, numbers or booleans as categories".to_owned();
    let got = format!("`{}`", shown(&value.to_string()));
    Err(error(Problem::Mismatch { expected, got }).at("pandas_categorical"))
}

/// The positions of the columns whose categories these are: the categorical features if they are as many, else the only
/// features that can have held the codes.
fn columns(text: &Text<'_>, lists: &[Vec<Json>]) -> Result<Vec<usize>, FormatError> {
    let infos: Vec<&str> = text.head.get("feature_infos")?.split(' ').collect();
    let categorical = named(text).unwrap_or_else(|| {
        let is_categorical = |info: &&str| *info != "none" && !info.starts_with('[');
        (0..infos.len()).filter(|column| is_categorical(&infos[*column])).collect()
    });
    let fits = |column: usize, list: &Vec<Json>| {
        column < text.features && infos.get(column).is_some_and(|info| holds_codes(info, list.len()))
    };
    if categorical.len() == lists.len()
        && categorical.iter().zip(lists).all(|(column, list)| fits(*column, list))
    {
        return Ok(categorical);
    }
    // The first and the last way to give each list a column, in order, are the same where there is only one way.
    let mut ascending = 0..infos.len();
    let first: Option<Vec<usize>> =
        lists.iter().map(|list| ascending.find(|column| fits(*column, list))).collect();
    let mut descending = (0..infos.len()).rev();
    let last: Option<Vec<usize>> =
        lists.iter().rev().map(|list| descending.find(|column| fits(*column, list))).collect();
    if let (Some(first), Some(last)) = (first, last)
        && first.iter().eq(last.iter().rev())
    {
        return Ok(first);
    }
    Err(error(Problem::UnsupportedOption {
        option: "pandas_categorical".into(),
        value: format!("{} columns, while {} features are categorical", lists.len(), categorical.len()),
        supported:
            "the same columns in both, as the file does not name them; train with columns of type `category` \
                    that are not ordered, and with no other `categorical_feature`"
                .into(),
    })
    .at("pandas_categorical"))
}

/// The features that the parameter `categorical_feature` lists by position.
fn named(text: &Text<'_>) -> Option<Vec<usize>> {
    let list = text.categorical_feature.filter(|list| !list.is_empty())?;
    let mut columns = list.split(',').map(|column| column.parse().ok()).collect::<Option<Vec<usize>>>()?;
    columns.sort_unstable();
    columns.dedup();
    Some(columns)
}

/// Whether what the head says of a feature (its values in training, as `-1:0:2` or `[0:2]`) are codes of `count` categories.
fn holds_codes(info: &str, count: usize) -> bool {
    let values = info.trim_start_matches('[').trim_end_matches(']').split(':');
    let is_code = |value: &str| {
        value.parse::<f64>().is_ok_and(|code| code >= -1.0 && code.fract() == 0.0 && code < count as f64)
    };
    info == "none" || values.into_iter().all(is_code)
}
