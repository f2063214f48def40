//! How good the models in service are, as it becomes known what really happened.
//!
//! Known answers are read once, oldest first, and added to a few sums per version and window: what is held does not
//! grow with their number. A prediction counts in the windows that its own time falls into.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use foretell_evaluate::{RunningClassScore, RunningClasses, RunningValueScore, RunningValues};
use foretell_frame::Labels;
use foretell_store::{Joined, Store, StoreError};
use serde_json::Value;

use crate::log::Document;
use crate::score::class_of;

/// The time before now that a measurement looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its name in paths and metrics.
    pub name: &'static str,
    /// Its length; `None` for all that is kept.
    pub length: Option<Duration>,
}

const HOUR: Duration = Duration::from_secs(3600);

/// The windows that are measured.
pub const WINDOWS: [Window; 4] = [
    Window { name: "1h", length: Some(HOUR) },
    Window { name: "24h", length: Some(Duration::from_secs(24 * 3600)) },
    Window { name: "7d", length: Some(Duration::from_secs(7 * 24 * 3600)) },
    Window { name: "all", length: None },
];

/// How good one version was in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionQuality {
    /// The version.
    pub version: String,
    /// Predicted rows of which the answer is known and can be compared.
    pub rows: u64,
    /// Rows with a known answer that cannot be compared: a text where a number is predicted, several targets.
    pub unusable: u64,
    /// The metrics; `None` without rows.
    pub score: Option<QualityScore>,
}

/// The metrics of one version in one window.
#[derive(Debug, Clone, PartialEq)]
pub enum QualityScore {
    /// Of a classifier.
    Classification(RunningClassScore),
    /// Of a regression.
    Regression(RunningValueScore),
}

/// How good all models are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quality {
    /// When it was measured, in microseconds since 1970, UTC.
    pub at: i64,
    /// By name of the model: of each of [`WINDOWS`], the versions with known answers.
    pub models: BTreeMap<String, [Vec<VersionQuality>; WINDOWS.len()]>,
}

/// Measures all models, `now` being in microseconds since 1970, UTC.
///
/// # Errors
/// The database is gone or refuses.
pub async fn measure(store: &Store, now: i64) -> Result<Quality, StoreError> {
    let starts = WINDOWS.map(|window| window.length.map_or(i64::MIN, |length| before(now, length)));
    let mut versions: HashMap<i64, Version> = HashMap::new();
    let mut pages = store.joined(None, i64::MIN);
    while let Some(page) = pages.next().await? {
        for row in page {
            let version = match versions.entry(row.schema) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(vacant) => {
                    let Some(stored) = pages.schema(row.schema).await? else { continue };
                    vacant.insert(Version::new(&stored.schema))
                }
            };
            version.add(&row, &starts);
        }
    }
    let mut quality = Quality { at: now, models: BTreeMap::new() };
    // In the order in which the versions were first seen.
    let mut versions: Vec<_> = versions.into_iter().collect();
    versions.sort_by_key(|(schema, _)| *schema);
    for (_, version) in versions {
        let windows = quality.models.entry(version.model).or_default();
        for (window, sums) in windows.iter_mut().zip(version.windows) {
            if sums.rows() + sums.unusable > 0 {
                window.push(sums.quality(version.version.clone()));
            }
        }
    }
    Ok(quality)
}

fn before(now: i64, length: Duration) -> i64 {
    now.saturating_sub(i64::try_from(length.as_micros()).unwrap_or(i64::MAX))
}

/// The sums of one version.
struct Version {
    model: String,
    version: String,
    windows: [Sums; WINDOWS.len()],
    /// What turns known answers into classes; `None` for what is no classifier.
    labels: Option<Labels>,
}

/// The sums of one version in one window.
#[derive(Debug, Clone)]
struct Sums {
    kind: Kind,
    unusable: u64,
}

#[derive(Debug, Clone)]
enum Kind {
    Classes(RunningClasses),
    Values(RunningValues),
    /// A model whose answers nothing is compared with.
    Neither,
}

/// A known answer and the predicted one, comparable.
enum Pair {
    Classes { known: Option<usize>, predicted: usize, probabilities: Option<Vec<f64>> },
    Values { known: f64, predicted: f64 },
}

impl Version {
    fn new(schema: &foretell_store::PredictionSchema) -> Self {
        let document = Document::parse(&schema.document).ok();
        let labels = document.as_ref().and_then(Document::labels);
        let kind = match (&labels, document.as_ref().map(|document| document.task.as_str())) {
            (Some(labels), Some("classification")) => Kind::Classes(RunningClasses::new(labels.len())),
            (None, Some("regression")) => Kind::Values(RunningValues::default()),
            (Some(_) | None, _) => Kind::Neither,
        };
        let windows = std::array::from_fn(|_| Sums { kind: kind.clone(), unusable: 0 });
        Self { model: schema.model.clone(), version: schema.version.clone(), windows, labels }
    }

    fn add(&mut self, row: &Joined, starts: &[i64; WINDOWS.len()]) {
        let pair = self.pair(row);
        for (window, start) in self.windows.iter_mut().zip(starts) {
            if row.at >= *start {
                window.add(pair.as_ref());
            }
        }
    }

    fn pair(&self, row: &Joined) -> Option<Pair> {
        let outputs: Value = serde_json::from_str(&row.outputs).ok()?;
        let actual: Value = serde_json::from_str(&row.actual).ok()?;
        let predicted = outputs.get("prediction")?;
        match &self.labels {
            Some(labels) => {
                let known = class_of(labels, &text(&actual)?);
                let predicted = class_of(labels, &text(predicted)?)?;
                let numbers = |values: &Vec<Value>| values.iter().map(Value::as_f64).collect();
                let probabilities = outputs.get("probability").and_then(Value::as_array).and_then(numbers);
                Some(Pair::Classes { known, predicted, probabilities })
            }
            None => Some(Pair::Values { known: number(&actual)?, predicted: number(predicted)? }),
        }
    }
}

impl Sums {
    fn add(&mut self, pair: Option<&Pair>) {
        match (&mut self.kind, pair) {
            (Kind::Classes(sums), Some(Pair::Classes { known, predicted, probabilities })) => {
                sums.add(*known, *predicted, probabilities.as_deref());
            }
            (Kind::Values(sums), Some(Pair::Values { known, predicted })) => sums.add(*known, *predicted),
            (Kind::Classes(_) | Kind::Values(_) | Kind::Neither, _) => self.unusable += 1,
        }
    }

    fn rows(&self) -> u64 {
        match &self.kind {
            Kind::Classes(sums) => sums.rows(),
            Kind::Values(sums) => sums.rows(),
            Kind::Neither => 0,
        }
    }

    fn quality(&self, version: String) -> VersionQuality {
        let score = match &self.kind {
            Kind::Classes(sums) => sums.score().map(QualityScore::Classification),
            Kind::Values(sums) => sums.score().map(QualityScore::Regression),
            Kind::Neither => None,
        };
        VersionQuality { version, rows: self.rows(), unusable: self.unusable, score }
    }
}

/// A label as the text by which classes are found.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A finite number, also one that is written as text.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.filter(|number| number.is_finite())
}
