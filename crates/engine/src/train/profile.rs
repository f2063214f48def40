//! What the rows look like that a model has learnt from, and what it answers to others: against this, drift is watched.

use std::collections::HashMap;

use foretell_evaluate::Observed;
use foretell_frame::{Frame, Schema, Slot, TextColumn};
use rayon::prelude::*;
use serde_json::{Value, json};

/// Rows that quantiles are taken from, evenly spread over all.
const SAMPLED: usize = 50_000;
/// Quantiles that are kept, evenly spread from the least value to the largest.
const QUANTILES: usize = 11;
/// Most categories that are kept by name.
const CATEGORIES: usize = 50;

/// The profile of each feature in some rows, by its name.
pub(super) fn features(schema: &Schema, frame: &Frame) -> Value {
    let of = |(feature, slot): (_, &Slot)| {
        let feature: &foretell_frame::Feature = feature;
        let profile = match slot {
            Slot::Number(column) => {
                // Gathered once: rows of a wide table are far apart.
                numbers(&(0..frame.rows()).map(|row| frame.row(row)[*column]).collect::<Vec<_>>())
            }
            Slot::Text(column) => texts(&frame.texts()[*column]),
            Slot::Unused => return None,
        };
        Some((feature.name.clone(), profile))
    };
    let pairs: Vec<_> = schema.features().iter().zip(schema.slots()).collect();
    Value::Object(pairs.into_par_iter().filter_map(of).collect::<Vec<_>>().into_iter().collect())
}

/// The profile of what a model answers: its values, or the share of each class and the mean of its probability.
pub(super) fn predictions(observed: &Observed) -> Value {
    match observed {
        Observed::Values(answers) => numbers(&answers.predicted),
        Observed::Classes(answers) => {
            let rows = answers.predicted.len().max(1) as f64;
            let share = |class| {
                answers.predicted.iter().filter(|predicted| **predicted == class).count() as f64 / rows
            };
            let mean = |class| {
                let of_class = answers.probabilities.iter().skip(class).step_by(answers.classes.max(1));
                of_class.sum::<f64>() / rows
            };
            let known = !answers.probabilities.is_empty();
            json!({
                "shares": (0..answers.classes).map(share).collect::<Vec<_>>(),
                "mean_probabilities": known.then(|| (0..answers.classes).map(mean).collect::<Vec<_>>()),
            })
        }
    }
}

fn numbers(values: &[f64]) -> Value {
    let rows = values.len();
    let known = || values.iter().copied().filter(|x| !x.is_nan());
    let (mut there, mut sum, mut least, mut most) = (0_usize, 0.0, f64::INFINITY, f64::NEG_INFINITY);
    for x in known() {
        there += 1;
        sum += x;
        (least, most) = (least.min(x), most.max(x));
    }
    let missing = (rows - there) as f64 / rows.max(1) as f64;
    if there == 0 {
        return json!({"missing": missing});
    }
    let mean = sum / there as f64;
    let squares: f64 = known().map(|x| (x - mean).powi(2)).sum();
    let step = rows.div_ceil(SAMPLED);
    let mut sample: Vec<f64> = values.iter().copied().step_by(step).filter(|x| !x.is_nan()).collect();
    sample.sort_unstable_by(f64::total_cmp);
    let at = |quantile: usize| match quantile {
        0 => Some(least),
        quantile if quantile + 1 == QUANTILES => Some(most),
        quantile => sample.get(quantile * sample.len().saturating_sub(1) / (QUANTILES - 1)).copied(),
    };
    json!({
        "missing": missing,
        "mean": mean,
        "std": (squares / there as f64).sqrt(),
        "quantiles": (0..QUANTILES).map(at).collect::<Vec<_>>(),
    })
}

fn texts(column: &TextColumn) -> Value {
    let (mut counts, mut there) = (HashMap::<&str, usize>::new(), 0_usize);
    for text in column.iter().flatten() {
        there += 1;
        *counts.entry(text).or_default() += 1;
    }
    let distinct = counts.len();
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let share = |(text, count): &(&str, usize)| ((*text).to_owned(), json!(*count as f64 / there as f64));
    json!({
        "missing": (column.len() - there) as f64 / column.len().max(1) as f64,
        "distinct": distinct,
        "shares": counts.iter().take(CATEGORIES).map(share).collect::<serde_json::Map<_, _>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts() {
        let values = [3.0, 1.0, f64::NAN, 2.0];
        let profile = numbers(&values);
        assert_eq!((profile["missing"].as_f64(), profile["mean"].as_f64()), (Some(0.25), Some(2.0)));
        assert_eq!(profile["quantiles"].as_array().map(Vec::len), Some(QUANTILES));
        assert_eq!((&profile["quantiles"][0], &profile["quantiles"][5]), (&json!(1.0), &json!(2.0)));
        let mut column = TextColumn::default();
        [Some("b"), Some("a"), Some("b"), None].into_iter().for_each(|text| column.push(text));
        let profile = texts(&column);
        assert_eq!(profile["distinct"], 2);
        assert_eq!(profile["shares"]["b"], json!(2.0 / 3.0));
        assert_eq!(numbers(&[]), json!({"missing": 0.0}));
    }
}
