//! What a file holds around an estimator: dicts, lists and tuples.

use std::collections::HashSet;

use super::Result;
use super::table::{lowering, not_opened};
use crate::pickle::{Class, Value};

/// How deep containers are looked into.
const DEEPEST: usize = 3;
/// Longest container that is looked into: longer ones hold data.
const LONGEST: usize = 64;

/// The estimator a file holds: its root, or the only one in the dicts, lists and tuples around it.
///
/// # Errors
/// The file holds something else, or more than one.
pub fn find_estimator<'p>(root: &Value<'p>) -> Result<Value<'p>> {
    if !root.is_dict() && !root.is_list() {
        return if root.class().is_some() { Ok(root.clone()) } else { Err(root.not_a_model()) };
    }
    let mut held = Vec::new();
    collect(root, DEEPEST, &mut held)?;
    let values = || held.iter();
    let mut known = values().filter(|value| value.class().is_some_and(|class| lowering(class).is_some()));
    match (known.next(), known.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(first), Some(second)) => Err(root.invalid(format_args!(
            "the file holds several models (`{first}`, `{second}`); save the one to serve in a file of its own, and what prepares its \
             rows with it in a `Pipeline`"
        ))),
        // What is not of Python's own library is likely the model that was meant.
        (None, _) => match values().find(|value| value.class().is_some_and(is_foreign)) {
            Some(value) => Err(not_opened(value)),
            None => Err(root.not_a_model()),
        },
    }
}

/// The keys under which names of columns are kept beside a model.
const NAMES: [&str; 4] = ["columns", "features", "feature_names", "feature_columns"];

/// Names for the columns of an estimator from the dicts around it: as many texts as it takes columns, all different, the nearest first.
pub(crate) fn names_beside(estimator: &Value<'_>, features: usize) -> Option<Vec<String>> {
    let mut held = estimator;
    while let Some(holder) = held.holder() {
        let beside =
            NAMES.iter().filter(|_| holder.is_dict()).filter_map(|name| holder.optional(name).ok()?);
        if let Some(names) = beside.filter_map(|names| texts(&names, features)).next() {
            return Some(names);
        }
        held = holder;
    }
    None
}

/// A list, an array or an index of pandas of so many different texts.
fn texts(value: &Value<'_>, count: usize) -> Option<Vec<String>> {
    let index = value.class().is_some_and(|class| class.is("pandas", "_new_Index"));
    let names = if index {
        value.args().ok()?.at(1).ok()?.field("data").ok()?.text_vector(count)
    } else {
        value.text_vector(count)
    };
    let names = names.ok()?;
    let different: HashSet<&str> = names.iter().map(String::as_str).collect();
    (different.len() == count).then_some(names)
}

/// Appends what a container holds, and what the containers in it hold.
fn collect<'p>(container: &Value<'p>, depth: usize, held: &mut Vec<Value<'p>>) -> Result<()> {
    if container.len()? > LONGEST {
        return Ok(());
    }
    let values: Vec<Value<'p>> = if container.is_dict() {
        container.pairs()?.into_iter().map(|(_, value)| value).collect()
    } else {
        container.items()?
    };
    for value in values {
        if depth > 1 && (value.is_dict() || value.is_list()) {
            collect(&value, depth - 1, held)?;
        }
        held.push(value);
    }
    Ok(())
}

/// Is a class none of Python's own that stand beside models: dates, numbers, identifiers?
fn is_foreign(class: Class<'_>) -> bool {
    !matches!(
        class.package(),
        "builtins"
            | "collections"
            | "datetime"
            | "decimal"
            | "fractions"
            | "functools"
            | "pathlib"
            | "uuid"
            | "numpy"
    )
}
