//! What a new version would change: it predicts the last recorded requests, beside the version that serves them now.
//!
//! Both predict the recorded features, so what was masked in the record is missing for both.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use foretell_frame::{Frame, Method, MethodSet, RowBuilder, Slot};
use foretell_store::{LoggedPrediction, Store, StoredSchema, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::checks::row_of;
use super::error::RegistryError;
use crate::fleet::load_version;
use crate::live::{LiveModel, Values};
use crate::log::Document;
use crate::open::OpenLimits;
use crate::predict::Worker;

/// Requests that are replayed at most.
pub const MOST_REQUESTS: u32 = 100_000;
/// Rows that are replayed at most: the size of each change is held.
const MOST_ROWS: u64 = 1_000_000;
/// Changes and pairs of classes that are listed.
const LISTED: usize = 10;
/// What is not compared more closely than this, relative to the larger value: rounding.
const CLOSE: f64 = 1e-9;

/// What is replayed before a promotion, and how much may change.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayOptions {
    /// How many of the last requests.
    pub requests: u32,
    /// The share of rows that may change, from 0 to 1; `None` for any.
    #[serde(default)]
    pub max_changed: Option<f64>,
    /// A number has changed when it moves by more than this.
    #[serde(default)]
    pub tolerance: f64,
}

/// How the predictions of two versions differ.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Replay {
    /// The version that serves now.
    pub old: String,
    /// The one that would take its place.
    pub new: String,
    /// Rows that the version of now takes.
    pub rows: u64,
    /// Recorded rows that neither can be asked again, for what is masked in them.
    pub unusable: u64,
    /// Rows with another prediction, those that are refused among them.
    pub changed: u64,
    /// Rows that the new version refuses.
    pub refused: u64,
    /// By how much predictions move. Of classes: their probabilities.
    pub moves: Moves,
    /// How often one class takes the place of another, the most frequent first.
    pub classes: Vec<ClassChange>,
    /// The largest changes, the largest first.
    pub largest: Vec<Change>,
}

/// The distribution of the sizes of changes, over all rows that both predict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Moves {
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// 90 of 100 are not above it.
    pub p90: f64,
    /// 99 of 100 are not above it.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// One class in the place of another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassChange {
    /// The class now.
    pub from: Value,
    /// The class then.
    pub to: Value,
    /// In so many rows.
    pub rows: u64,
}

/// A prediction that would change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Id of the request.
    pub request_id: String,
    /// Position of the row in it.
    pub row: u32,
    /// The prediction now.
    pub old: Value,
    /// The prediction then.
    pub new: Value,
    /// How far apart they are.
    pub by: f64,
}

impl Replay {
    /// The share of rows that change.
    pub fn share(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.changed as f64 / self.rows as f64 }
    }
}

/// Predicts the last recorded requests of a model with two of its versions.
///
/// # Errors
/// Nothing is recorded that can be asked again, a version cannot be loaded, or the store is gone.
pub(super) async fn replay(
    store: &Store,
    (old, new): (&Version, &Version),
    options: &ReplayOptions,
    limits: &OpenLimits,
) -> Result<Replay, RegistryError> {
    let mut comparison = Comparison {
        old: Side::new(load_version(store, old, limits).await?),
        new: Side::new(load_version(store, new, limits).await?),
        tolerance: options.tolerance,
        replay: Replay { old: old.reference(), new: new.reference(), ..Replay::default() },
        sizes: Vec::new(),
        pairs: BTreeMap::new(),
    };
    let mut pages = store.last_requests(&new.model, options.requests.min(MOST_REQUESTS)).await?;
    while let Some((schema, rows)) = pages.next().await? {
        let done = spawn_blocking(move || {
            comparison.add(&schema, &rows);
            comparison
        });
        comparison = done.await?;
        if comparison.replay.rows >= MOST_ROWS {
            break;
        }
    }
    let replay = comparison.finish();
    if replay.rows == 0 {
        let model = new.model.clone();
        return Err(RegistryError::NothingToReplay { model, unusable: replay.unusable });
    }
    Ok(replay)
}

/// A version, and what it predicts with.
struct Side {
    model: Arc<LiveModel>,
    /// What `prediction` is of it in the API.
    prediction: Option<Method>,
    methods: MethodSet,
    worker: Worker,
    frame: Frame,
}

/// What one version predicts for a row.
struct Predicted {
    prediction: Value,
    probability: Option<Value>,
}

impl Side {
    fn new(model: Arc<LiveModel>) -> Self {
        let has = |method: &Method| model.methods().contains(*method);
        let prediction =
            [Method::Label, Method::Predict, Method::Transform, Method::ScoreSamples].into_iter().find(has);
        let probability = Some(Method::PredictProba).filter(has);
        let methods = prediction.into_iter().chain(probability).collect();
        Self { model, prediction, methods, worker: Worker::new(), frame: Frame::default() }
    }

    /// The prediction for a recorded row; `None` when it is refused.
    fn predict(&mut self, document: &Document, values: &[Value]) -> Option<Predicted> {
        let Self { model, prediction, methods, worker, frame } = self;
        let mut builder = RowBuilder::new(model.schema(), frame, 1);
        builder.begin_row();
        for (feature, value) in document.features.iter().zip(values) {
            if let Some(position) = model.schema().position(&feature.name) {
                set(&mut builder, position, value);
            }
        }
        builder.end_row();
        if !builder.finish().is_empty() {
            return None;
        }
        let answer = worker.predict(model, frame, *methods).ok()?;
        let value = |method: Method| Some(row_of(model, method, answer.get(method)?.values(), 0));
        Some(Predicted { prediction: value((*prediction)?)?, probability: value(Method::PredictProba) })
    }

    fn predicts_classes(&self) -> bool {
        self.prediction.is_some_and(|method| matches!(self.model.values(method), Values::Classes(_)))
    }
}

/// Sets a feature to a recorded value. A number that JSON cannot write is a text there.
fn set(builder: &mut RowBuilder<'_>, position: usize, value: &Value) {
    match value {
        Value::Null => builder.missing(position),
        Value::Bool(value) => builder.boolean(position, *value),
        Value::Number(number) => builder.number(position, number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => match (builder.schema().slots()[position], text.as_str()) {
            (Slot::Number(_), "NaN") => builder.number(position, f64::NAN),
            (Slot::Number(_), "Infinity") => builder.number(position, f64::INFINITY),
            (Slot::Number(_), "-Infinity") => builder.number(position, f64::NEG_INFINITY),
            (Slot::Number(_) | Slot::Text(_) | Slot::Unused, text) => builder.text(position, text),
        },
        Value::Array(_) | Value::Object(_) => builder.wrong(position, "a list or an object"),
    }
}

/// Two versions side by side.
struct Comparison {
    old: Side,
    new: Side,
    tolerance: f64,
    replay: Replay,
    sizes: Vec<f64>,
    /// Pairs of classes, by their JSON, and in how many rows they are.
    pairs: BTreeMap<(String, String), ClassChange>,
}

impl Comparison {
    fn add(&mut self, schema: &StoredSchema, rows: &[LoggedPrediction]) {
        let document = Document::parse(&schema.schema.document);
        for row in rows {
            let values = serde_json::from_str::<Vec<Value>>(&row.features);
            let known = match (&document, &values) {
                (Ok(document), Ok(values)) => {
                    self.old.predict(document, values).map(|old| (old, document, values))
                }
                (Ok(_) | Err(_), _) => None,
            };
            match known {
                Some((old, document, values)) => {
                    let new = self.new.predict(document, values);
                    self.compare(row, old, new);
                }
                None => self.replay.unusable += 1,
            }
        }
    }

    fn compare(&mut self, row: &LoggedPrediction, old: Predicted, new: Option<Predicted>) {
        self.replay.rows += 1;
        let classes = self.old.predicts_classes();
        let Some(new) = new else {
            self.replay.refused += 1;
            self.replay.changed += 1;
            return;
        };
        let by = match (classes, &old.probability, &new.probability) {
            (true, Some(old), Some(new)) => distance(old, new),
            (true | false, ..) => distance(&old.prediction, &new.prediction),
        };
        self.sizes.push(by);
        let changed = if classes { old.prediction != new.prediction } else { by > self.tolerance };
        if !changed {
            return;
        }
        self.replay.changed += 1;
        let (old, new) = (old.prediction, new.prediction);
        if classes {
            let change = || ClassChange { from: old.clone(), to: new.clone(), rows: 0 };
            self.pairs.entry((old.to_string(), new.to_string())).or_insert_with(change).rows += 1;
        }
        let largest = &mut self.replay.largest;
        let place = largest.partition_point(|known| known.by >= by);
        if place < LISTED {
            largest.insert(place, Change { request_id: row.request_id.clone(), row: row.row, old, new, by });
            largest.truncate(LISTED);
        }
    }

    fn finish(mut self) -> Replay {
        let mut replay = mem::take(&mut self.replay);
        self.sizes.sort_unstable_by(f64::total_cmp);
        let count = self.sizes.len();
        let at = |percent: usize| self.sizes.get((count * percent / 100).min(count.saturating_sub(1)));
        let quantile = |percent| at(percent).copied().unwrap_or_default();
        replay.moves = Moves {
            mean: self.sizes.iter().sum::<f64>() / (count as f64).max(1.0),
            p50: quantile(50),
            p90: quantile(90),
            p99: quantile(99),
            max: quantile(100),
        };
        replay.classes = self.pairs.into_values().collect();
        replay.classes.sort_by_key(|change| Reverse(change.rows));
        replay.classes.truncate(LISTED);
        replay
    }
}

/// How far two answers are apart: the largest difference of two numbers at the same place, 0 where it is rounding.
/// Anything else that differs is infinitely far.
fn distance(old: &Value, new: &Value) -> f64 {
    match (old, new) {
        (Value::Number(old), Value::Number(new)) => {
            let (old, new) = (old.as_f64().unwrap_or(f64::NAN), new.as_f64().unwrap_or(f64::NAN));
            let by = (old - new).abs();
            if by <= CLOSE * old.abs().max(new.abs()) { 0.0 } else { by }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            old.iter().zip(new).map(|(old, new)| distance(old, new)).fold(0.0, f64::max)
        }
        (old, new) => {
            if old == new {
                0.0
            } else {
                f64::INFINITY
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_as_far_apart_as_their_numbers() {
        for (old, new, by) in [
            (json!(1), json!(1.5), 0.5),
            (json!(1e9), json!(1e9 + 0.5), 0.0),
            (json!([0.25, 0.75]), json!([0.5, 0.5]), 0.25),
            (json!([1]), json!([1, 2]), f64::INFINITY),
            (json!("a"), json!("a"), 0.0),
            (json!("NaN"), json!(1), f64::INFINITY),
            (json!("Infinity"), json!("Infinity"), 0.0),
        ] {
            assert_eq!(distance(&old, &new), by, "{old} {new}");
        }
    }
}
