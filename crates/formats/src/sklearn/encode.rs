//! Encoders of categories: `OneHotEncoder` and `OrdinalEncoder`.

use foretell_frame::Cell;
use foretell_model::step::{Categories, OneHot, Ordinal, Step, Unknown};

use super::compose::is_word;
use super::naming::{After, python_float};
use super::{Input, Lowered, Naming, Result, Version, present};
use crate::pickle::{Array, Kind, Value};

/// `OneHotEncoder`.
pub(super) fn one_hot(value: &Value<'_>, _: Input) -> Result<Lowered> {
    Version::expect_from(value, 0, 20, "encoded whole numbers only, and did not tell their categories")?;
    let columns = value.field("categories_")?.items()?;
    let grouped = groups(value, columns.len())?;
    let dropped = dropped(value, columns.len())?;
    let categories: Vec<Categories> = columns
        .iter()
        .zip(grouped.iter().zip(dropped))
        .map(|(column, (groups, dropped))| one_hot_column(column, groups.as_ref(), dropped))
        .collect::<Result<_>>()?;
    if let Some(widths) = present(value, "_n_features_outs")? {
        let expected: Vec<i64> = categories.iter().map(|column| column.width as i64).collect();
        if widths.i64_vector(columns.len())? != expected {
            return Err(widths.mismatch(format_args!("{expected:?}"), widths.describe()));
        }
    }
    let unknown = match value.field("handle_unknown")?.text()? {
        "error" => Unknown::Error,
        "ignore" => Unknown::Ignore,
        "infrequent_if_exist" | "warn" => Unknown::Infrequent,
        other => {
            let supported = "`error`, `ignore`, `warn` or `infrequent_if_exist`";
            return Err(value.unsupported_option("handle_unknown", other, supported));
        }
    };
    // `sparse` before 1.2.
    let sparse = match present(value, "sparse_output")? {
        Some(sparse) => sparse.bool()?,
        None => value.field("sparse")?.bool()?,
    };
    let naming = one_hot_names(value, &columns, &categories)?;
    let step = Step::OneHot(OneHot { columns: categories, unknown });
    Ok(Lowered::transformer(columns.len(), vec![step], sparse).naming(naming))
}

/// `OrdinalEncoder`.
pub(super) fn ordinal(value: &Value<'_>, _: Input) -> Result<Lowered> {
    let columns = value.field("categories_")?.items()?;
    let grouped = groups(value, columns.len())?;
    let categories = columns
        .iter()
        .zip(&grouped)
        .map(|(column, groups)| ordinal_column(column, groups.as_ref()))
        .collect::<Result<_>>()?;
    // Not a setting before 0.24.
    let handling = present(value, "handle_unknown")?;
    let unknown = match handling.as_ref().map_or(Ok("error"), |handling| handling.text())? {
        "error" => Unknown::Error,
        "use_encoded_value" => Unknown::Code(value.field("unknown_value")?.float()?),
        other => {
            let supported = "`error` or `use_encoded_value`";
            return Err(value.unsupported_option("handle_unknown", other, supported));
        }
    };
    // Before 1.1 missing values stay missing.
    let missing = present(value, "encoded_missing_value")?.map_or(Ok(f64::NAN), |code| code.float())?;
    let step = Step::Ordinal(Ordinal { columns: categories, unknown, missing });
    Ok(Lowered::transformer(columns.len(), vec![step], false).naming(Naming::Same))
}

/// Codes by category after infrequent ones were put into one group, the last.
pub(super) struct Groups {
    of_category: Vec<u32>,
    /// The group of the infrequent categories.
    infrequent: u32,
}

/// For each column its groups, where it has infrequent categories (since 1.1).
fn groups(value: &Value<'_>, columns: usize) -> Result<Vec<Option<Groups>>> {
    let enabled = present(value, "_infrequent_enabled")?.map_or(Ok(false), |enabled| enabled.bool())?;
    if !enabled {
        return Ok((0..columns).map(|_| None).collect());
    }
    let mappings = value.field("_default_to_infrequent_mappings")?;
    let all = mappings.items()?;
    if all.len() != columns {
        return Err(mappings.mismatch(format_args!("{columns} columns"), all.len()));
    }
    all.iter()
        .map(|mapping| if mapping.is_none() { Ok(None) } else { Groups::read(mapping).map(Some) })
        .collect()
}

impl Groups {
    fn read(mapping: &Value<'_>) -> Result<Self> {
        let codes = mapping.i64_vector(None)?;
        let in_range = |&code: &i64| u32::try_from(code).ok().filter(|&code| (code as usize) < codes.len());
        let of_category: Option<Vec<u32>> = codes.iter().map(in_range).collect();
        match of_category.and_then(|codes| Some((codes.iter().copied().max()?, codes))) {
            Some((infrequent, of_category)) => Ok(Self { of_category, infrequent }),
            None => Err(mapping.invalid("a group of categories is out of range")),
        }
    }
}

/// For each column the group that is dropped.
fn dropped(value: &Value<'_>, columns: usize) -> Result<Vec<Option<u32>>> {
    // Before 1.2 `drop_idx_` already counts groups.
    let indices = match present(value, "_drop_idx_after_grouping")? {
        Some(indices) => indices,
        None => match present(value, "drop_idx_")? {
            Some(indices) => indices,
            None => return Ok(vec![None; columns]),
        },
    };
    let index =
        |code: i64| u32::try_from(code).map_err(|_| indices.mismatch("positions of categories", code));
    let all: Vec<Option<u32>> = match indices.i64_vector(columns) {
        Ok(codes) => codes.into_iter().map(|code| index(code).map(Some)).collect::<Result<_>>()?,
        Err(_) => indices
            .items()?
            .iter()
            .map(|code| if code.is_none() { Ok(None) } else { code.int().and_then(index).map(Some) })
            .collect::<Result<_>>()?,
    };
    if all.len() != columns {
        return Err(indices.mismatch(format_args!("{columns} columns"), all.len()));
    }
    Ok(all)
}

fn one_hot_column(column: &Value<'_>, groups: Option<&Groups>, dropped: Option<u32>) -> Result<Categories> {
    let values = cells(column)?;
    let mut codes: Vec<u32> = (0..values.len() as u32).collect();
    if let Some(groups) = groups {
        if groups.of_category.len() != values.len() {
            return Err(
                column.mismatch(format_args!("{} categories", groups.of_category.len()), values.len())
            );
        }
        codes.clone_from(&groups.of_category);
    }
    let width = codes.iter().max().map_or(0, |&last| last + 1);
    if dropped.is_some_and(|dropped| dropped >= width) {
        return Err(column.invalid(format_args!("category {dropped:?} of {width} is dropped")));
    }
    let without_dropped = |code: u32| match dropped {
        Some(dropped) if code == dropped => None,
        Some(dropped) if code > dropped => Some(code - 1),
        Some(_) | None => Some(code),
    };
    Ok(Categories {
        codes: codes.iter().map(|&code| without_dropped(code)).collect(),
        infrequent: groups.and_then(|groups| without_dropped(groups.infrequent)),
        width: width as usize - usize::from(dropped.is_some()),
        values,
    })
}

pub(super) fn ordinal_column(column: &Value<'_>, groups: Option<&Groups>) -> Result<Categories> {
    let values = cells(column)?;
    let codes: Vec<u32> = match groups {
        None => (0..values.len() as u32).collect(),
        Some(groups) => {
            // A missing category, always the last, is not grouped.
            let missing = usize::from(values.last() == Some(&Cell::Missing));
            if groups.of_category.len() + missing != values.len() {
                return Err(
                    column.mismatch(format_args!("{} categories", groups.of_category.len()), values.len())
                );
            }
            let last = groups.of_category.len() as u32;
            groups.of_category.iter().copied().chain((missing == 1).then_some(last)).collect()
        }
    };
    Ok(Categories {
        infrequent: groups.map(|groups| groups.infrequent),
        width: 1,
        codes: codes.into_iter().map(Some).collect(),
        values,
    })
}

/// `column_category`, and `column_infrequent_sklearn` for the group of infrequent categories.
fn one_hot_names(value: &Value<'_>, columns: &[Value<'_>], categories: &[Categories]) -> Result<Naming> {
    // A combiner of the user is a function that is not in the file.
    if present(value, "feature_name_combiner")?.is_some_and(|combiner| !is_word(&combiner, "concat")) {
        return Ok(Naming::Unknown);
    }
    let mut names = Vec::new();
    for (input, (column, categories)) in columns.iter().zip(categories).enumerate() {
        let mut suffixes = vec![String::new(); categories.width];
        for (text, code) in category_texts(column)?.into_iter().zip(&categories.codes) {
            if let Some(code) = code {
                let infrequent = categories.infrequent == Some(*code);
                let text = if infrequent { "infrequent_sklearn".to_owned() } else { text };
                suffixes[*code as usize] = format!("_{text}");
            }
        }
        names.extend(suffixes.into_iter().map(|suffix| After { input, prefix: "", suffix }));
    }
    Ok(Naming::After(names))
}

/// The categories of a column as Python's `str` writes them.
pub(super) fn category_texts(column: &Value<'_>) -> Result<Vec<String>> {
    let array = column.array()?;
    let bool_text = |flag| if flag { "True" } else { "False" }.to_owned();
    Ok(match array.dtype().kind() {
        Kind::Text => array.texts()?,
        Kind::Bool => array.bools()?.into_iter().map(bool_text).collect(),
        Kind::Int | Kind::Uint => array.i64s()?.iter().map(i64::to_string).collect(),
        Kind::Float if array.dtype().is_float64() => array.f64s()?.into_iter().map(python_float).collect(),
        // The shortest text that reads back to the same float32.
        Kind::Float => {
            array.f32s()?.iter().map(|x| python_float(x.to_string().parse().unwrap_or(f64::NAN))).collect()
        }
        Kind::Object => {
            let text = |item: &Value<'_>| {
                if item.is_none() {
                    Ok("None".to_owned())
                } else if item.is_text() {
                    item.text().map(str::to_owned)
                } else if let Ok(flag) = item.bool() {
                    Ok(bool_text(flag))
                } else {
                    item.int().map(|number| number.to_string()).or_else(|_| item.float().map(python_float))
                }
            };
            column.items()?.iter().map(text).collect::<Result<_>>()?
        }
        Kind::Bytes | Kind::Structured(_) | Kind::Other(_) => Vec::new(),
    })
}

/// The categories of a column. NaN and `None` are both missing values.
pub(super) fn cells(column: &Value<'_>) -> Result<Vec<Cell>> {
    let array: Array<'_> = column.array()?;
    array.expect_shape(&[None])?;
    let cells: Vec<Cell> = match array.dtype().kind() {
        Kind::Text => array.texts()?.into_iter().map(Cell::Text).collect(),
        Kind::Bool => {
            array.bools()?.into_iter().map(|category| Cell::Number(f64::from(u8::from(category)))).collect()
        }
        Kind::Object => column.items()?.iter().map(cell).collect::<Result<_>>()?,
        Kind::Int | Kind::Uint | Kind::Float => array.f64s()?.into_iter().map(number).collect(),
        Kind::Bytes | Kind::Structured(_) | Kind::Other(_) => {
            return Err(column.mismatch("categories (text, numbers or bools)", column.describe()));
        }
    };
    if cells.iter().filter(|cell| **cell == Cell::Missing).count() > 1 {
        return Err(
            column.invalid("None and NaN are two categories, which cannot be told apart in a request")
        );
    }
    Ok(cells)
}

/// One value of an object array or a parameter: text, number, bool or missing.
pub(super) fn cell(value: &Value<'_>) -> Result<Cell> {
    if value.is_none() {
        Ok(Cell::Missing)
    } else if value.is_text() {
        Ok(Cell::Text(value.text()?.to_owned()))
    } else if let Ok(flag) = value.bool() {
        Ok(Cell::Number(f64::from(u8::from(flag))))
    } else {
        value.float().map(number).map_err(|_| value.mismatch("a text, number or bool", value.describe()))
    }
}

/// A number; NaN is a missing value.
pub(super) fn number(value: f64) -> Cell {
    if value.is_nan() { Cell::Missing } else { Cell::Number(value) }
}
