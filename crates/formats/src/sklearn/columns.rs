//! `ColumnTransformer`: branches over columns that are given by names, positions, slices or masks.

use foretell_model::step::{Branch, Step};

use super::compose::{is_word, weight, word_part};
use super::{Input, Lowered, Naming, Result, count, lower, naming, present};
use crate::pickle::Value;

/// `ColumnTransformer`, from its fitted `transformers_`.
pub(super) fn column_transformer(value: &Value<'_>, input: Input) -> Result<Lowered> {
    let columns = InputColumns::read(value)?;
    let mut parts = Vec::new();
    let mut branches = Vec::new();
    let mut namings = Some(Vec::new());
    for entry in value.field("transformers_")?.items()? {
        let (name, transformer, selection) = (entry.at(0)?.text()?, entry.part(1)?, entry.at(2)?);
        if is_word(&transformer, "drop") {
            parts.push(word_part(name, "drop"));
            continue;
        }
        let selected = columns.select(&selection)?;
        if selected.is_empty() {
            // The transformer of an empty selection was never fitted.
            continue;
        }
        let mut steps = Vec::new();
        let mut naming = Naming::Same;
        if is_word(&transformer, "passthrough") {
            parts.push(word_part(name, "passthrough"));
        } else {
            let lowered = lower(&transformer, input)?;
            if lowered.features.is_some_and(|features| features != selected.len()) {
                let got = format_args!("{} selected", selected.len());
                return Err(
                    transformer.mismatch(format_args!("{} columns", lowered.features.unwrap_or(0)), got)
                );
            }
            parts.push(lowered.part_named(name));
            naming = lowered.naming.clone();
            steps = lowered.into_steps(&transformer)?;
        }
        match (prefix(value, name)?, &mut namings) {
            (Some(prefix), Some(namings)) => {
                namings.push(naming::Branch { prefix, columns: Some(selected.clone()), naming });
            }
            (None, _) | (_, None) => namings = None,
        }
        branches.push(Branch { columns: selected, steps, weight: weight(value, name)? });
    }
    let sparse = value.field("sparse_output_")?.bool()?;
    let mut whole = Lowered::transformer(columns.count, vec![Step::Parallel(branches)], sparse);
    whole.names = columns.names;
    whole.part.parts = parts;
    Ok(whole.naming(namings.map_or(Naming::Unknown, Naming::Parallel)))
}

/// What `verbose_feature_names_out` puts before the names of a transformer's columns; `None` where that is a function
/// of the user or another format than its own.
fn prefix(value: &Value<'_>, name: &str) -> Result<Option<String>> {
    let Some(setting) = present(value, "verbose_feature_names_out")? else {
        return Ok(Some(format!("{name}__")));
    };
    if let Ok(prefixed) = setting.bool() {
        return Ok(Some(if prefixed { format!("{name}__") } else { String::new() }));
    }
    Ok(is_word(&setting, "{transformer_name}__{feature_name}").then(|| format!("{name}__")))
}

/// The columns a `ColumnTransformer` was fitted on.
struct InputColumns {
    count: usize,
    names: Option<Vec<String>>,
}

impl InputColumns {
    fn read(value: &Value<'_>) -> Result<Self> {
        let count = match present(value, "n_features_in_")? {
            Some(features) => count(&features)?,
            None => count(&value.field("_n_features")?)?,
        };
        let names = match present(value, "feature_names_in_")? {
            Some(names) => Some(names.text_vector(count)?),
            // Before scikit-learn 1.0. Here the labels of a data frame may be numbers, which nobody can select by name.
            None => present(value, "_feature_names_in")?.and_then(|names| names.text_vector(count).ok()),
        };
        Ok(Self { count, names })
    }

    /// The positions a selection stands for.
    fn select(&self, selection: &Value<'_>) -> Result<Vec<usize>> {
        if selection.is_none() {
            return Ok(Vec::new());
        }
        if selection.is_text() || selection.int().is_ok() {
            return Ok(vec![self.position(selection)?]);
        }
        if selection.class().is_some_and(|class| class.is("builtins", "slice")) {
            return self.slice(selection);
        }
        if selection.class().is_some_and(|class| class.is("sklearn", "_RemainderColsList")) {
            return self.select(&selection.field("data")?);
        }
        if let Ok(mask) = selection.bool_vector(None)
            && !mask.is_empty()
        {
            let mask = selection.bool_vector(self.count)?;
            return Ok((0..self.count).filter(|&column| mask[column]).collect());
        }
        if let Ok(positions) = selection.i64_vector(None) {
            return positions.iter().map(|&position| self.checked(position, selection)).collect();
        }
        selection.text_vector(None)?.iter().map(|name| self.named(name, selection)).collect()
    }

    /// One column given by name or position.
    fn position(&self, value: &Value<'_>) -> Result<usize> {
        if value.is_text() { self.named(value.text()?, value) } else { self.checked(value.int()?, value) }
    }

    fn named(&self, name: &str, value: &Value<'_>) -> Result<usize> {
        let names = self
            .names
            .as_ref()
            .ok_or_else(|| value.mismatch("positions, as the file has no column names", "names"))?;
        let position = names.iter().position(|known| known == name);
        position
            .ok_or_else(|| value.invalid(format_args!("column `{name}` is not among the columns of the fit")))
    }

    /// A position, counted from the end when negative.
    fn checked(&self, position: i64, value: &Value<'_>) -> Result<usize> {
        let count = i64::try_from(self.count).unwrap_or(i64::MAX);
        let from_start = if position < 0 { position.saturating_add(count) } else { position };
        if (0..count).contains(&from_start) {
            return Ok(from_start as usize);
        }
        Err(value.mismatch(format_args!("a column from {} to {}", -count, count - 1), position))
    }

    /// `slice(start, stop, step)`: of positions as Python does it, of names with the last one included.
    fn slice(&self, value: &Value<'_>) -> Result<Vec<usize>> {
        let args = value.args()?;
        let (start, stop, step) = (args.at(0)?, args.at(1)?, args.at(2)?);
        let step = if step.is_none() { 1 } else { step.int()? };
        let Some(step) = usize::try_from(step).ok().filter(|&step| step > 0) else {
            return Err(value.unsupported_option("step", step, "a slice that goes forward"));
        };
        let by_name = start.is_text() || stop.is_text();
        let bound = |bound: &Value<'_>, default: usize| {
            if bound.is_none() {
                return Ok(default);
            }
            if by_name {
                return self.position(bound);
            }
            let (position, count) = (bound.int()?, i64::try_from(self.count).unwrap_or(i64::MAX));
            let from_start = if position < 0 { position.saturating_add(count) } else { position };
            Ok(from_start.clamp(0, count) as usize)
        };
        let first = bound(&start, 0)?;
        let end = bound(&stop, self.count)? + usize::from(by_name && !stop.is_none());
        Ok((first..end).step_by(step).collect())
    }
}
