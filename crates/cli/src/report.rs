//! The page of `foretell score --report`.

use std::io::Write as _;
use std::path::Path;

use foretell_engine::evaluate::{Metric, Observed};
use foretell_engine::{LiveModel, importance};
use foretell_frame::{Feature, Frame, Labels, Slot, TextColumn};
use foretell_report::{Importances, LearningCurve, NumberProfile, Profile, Report, TextProfile};
use serde_json::Value;

use crate::failure::Failure;
use crate::inspect::label_values;
use crate::output::Output;
use crate::score::Assessment;

/// The rows that were scored.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) frame: Frame,
    pub(crate) target: TextColumn,
}

/// How the model came about, where this process has fitted it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct History<'a> {
    /// Losses or scores after each round: of which rows, and their values.
    pub(crate) curves: &'a [(&'static str, Vec<f64>)],
    /// For each feature its share of what all splits have gained.
    pub(crate) gain: &'a [f64],
}

impl Rows {
    pub(crate) fn add(&mut self, frame: &Frame, target: &TextColumn) {
        self.frame.append(frame);
        target.iter().for_each(|text| self.target.push(text));
    }
}

/// Writes the page; it appears only when it is whole.
pub(crate) fn write(
    path: &Path,
    model: &LiveModel,
    assessment: &Assessment<'_>,
    rows: &Rows,
    table: &str,
    seed: u64,
    history: History<'_>,
) -> Result<(), Failure> {
    let facts = model.facts();
    let file =
        facts.path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let shown = file.unwrap_or_else(|| model.name().to_owned());
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let metric = match assessment.observed {
        Observed::Classes(_) => Metric::Accuracy,
        Observed::Values(_) => Metric::R2,
    };
    let importance = importance::permutation(model, &rows.frame, &rows.target, metric, seed)
        .map_err(|error| Failure::new("cannot tell how much features matter").because(&error))?;
    let names = model.schema().features().iter().map(|feature| feature.name.clone());
    let mut importances = vec![Importances {
        way: "permutation",
        meaning: format!("How much {} falls when the feature is shuffled among the rows.", metric.title()),
        features: names.clone().zip(importance).collect(),
    }];
    if !history.gain.is_empty() {
        importances.push(Importances {
            way: "gain",
            meaning: "The share of what all splits have gained on the rows that were learnt from.".to_owned(),
            features: names.zip(history.gain.iter().copied()).collect(),
        });
    }
    let provenance = model.provenance();
    let library = [Some(provenance.library.clone()), provenance.library_version.clone()];
    let report = Report {
        title: format!("{shown}: how good it is"),
        facts: vec![
            fact("estimator", model.estimator().to_owned()),
            fact("library", library.into_iter().flatten().collect::<Vec<_>>().join(" ")),
            fact("rows", assessment.observed.rows().to_string()),
            fact("table", table.to_owned()),
            fact("sha256", facts.sha256.chars().take(12).collect()),
            fact("foretell", env!("CARGO_PKG_VERSION").to_owned()),
        ],
        metrics: assessment.metrics.clone(),
        requirements: assessment.outcomes.clone(),
        observed: assessment.observed,
        classes: model.classes().first().map(names_of).unwrap_or_default(),
        profiles: profiles(model, &rows.frame),
        importances,
        learning: history
            .curves
            .iter()
            .map(|(name, losses)| LearningCurve { name: (*name).to_owned(), losses: losses.clone() })
            .collect(),
    };
    let mut output = Output::open(Some(path))?;
    output.write_all(report.html().as_bytes()).map_err(|error| Failure::output(&error))?;
    output.finish()
}

fn names_of(labels: &Labels) -> Vec<String> {
    let name = |label: Value| label.as_str().map_or_else(|| label.to_string(), str::to_owned);
    label_values(labels).into_iter().map(name).collect()
}

fn profiles(model: &LiveModel, frame: &Frame) -> Vec<Profile> {
    let schema = model.schema();
    let profile = |(feature, slot): (&Feature, &Slot)| {
        let name = feature.name.clone();
        match slot {
            Slot::Number(column) => {
                let values: Vec<f64> =
                    frame.numbers().iter().skip(*column).step_by(frame.width()).copied().collect();
                Some(Profile::Number(NumberProfile::new(name, &values)))
            }
            Slot::Text(column) => Some(Profile::Text(TextProfile::new(name, frame.texts()[*column].iter()))),
            Slot::Unused => None,
        }
    };
    schema.features().iter().zip(schema.slots()).filter_map(profile).collect()
}
