//! `foretell inspect`: what is in a model file.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use foretell_engine::{LiveModel, Part};
use foretell_frame::{Cell, Feature, Labels, Method};
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::InspectArguments;
use crate::failure::Failure;
use crate::model;
use crate::output::Output;

/// Features, classes and categories that the summary for people shows.
const SHOWN: usize = 50;

pub(crate) fn run(arguments: &InspectArguments) -> Result<(), Failure> {
    let model = model::load(&arguments.model)?;
    let summary = Summary::new(&model);
    let mut output = Output::open(None)?;
    let written = if arguments.json {
        serde_json::to_writer_pretty(&mut output, &summary)
            .map_err(Into::into)
            .and_then(|()| output.write_all(b"\n"))
    } else {
        write!(output, "{summary}")
    };
    written.map_err(|error| Failure::output(&error))?;
    output.finish()
}

/// What `inspect --json` prints.
#[derive(Serialize)]
struct Summary<'m> {
    /// The file's path, or `name@version` of the registry.
    file: String,
    format: &'m str,
    library: &'m str,
    library_version: Option<&'m str>,
    task: &'static str,
    estimator: &'m str,
    steps: Vec<StepSummary<'m>>,
    features: Vec<FeatureSummary<'m>>,
    /// Whether the file knows the features' names.
    named_features: bool,
    classes: Option<Value>,
    outputs: Vec<&'static str>,
    sha256: &'m str,
    bytes: u64,
}

#[derive(Serialize)]
struct StepSummary<'m> {
    name: &'m str,
    class: &'m str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<StepSummary<'m>>,
}

#[derive(Serialize)]
struct FeatureSummary<'m> {
    name: &'m str,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Whether it is a text of a date.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    date: bool,
    nullable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    categories: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<(f64, f64)>,
}

impl<'m> Summary<'m> {
    fn new(model: &'m LiveModel) -> Self {
        let (provenance, facts) = (model.provenance(), model.facts());
        let methods = model.methods().iter().filter(|method| *method != Method::Label);
        Self {
            file: facts.path.as_ref().map_or_else(
                || format!("{}@{}", model.name(), model.version()),
                |path| path.display().to_string(),
            ),
            format: &provenance.format,
            library: &provenance.library,
            library_version: provenance.library_version.as_deref(),
            task: model.task().as_str(),
            estimator: model.estimator(),
            steps: model.steps().iter().map(StepSummary::new).collect(),
            features: model.schema().features().iter().map(FeatureSummary::new).collect(),
            named_features: model.schema().named(),
            classes: classes(model.classes()),
            outputs: methods.map(Method::as_str).collect(),
            sha256: &facts.sha256,
            bytes: facts.bytes,
        }
    }
}

impl<'m> StepSummary<'m> {
    fn new(part: &'m Part) -> Self {
        Self { name: &part.name, class: &part.class, parts: part.parts.iter().map(Self::new).collect() }
    }
}

impl<'m> FeatureSummary<'m> {
    fn new(feature: &'m Feature) -> Self {
        Self {
            name: &feature.name,
            kind: feature.kind.as_str(),
            date: feature.date,
            nullable: feature.nullable,
            categories: feature.categories.as_ref().map(|cells| cells.iter().map(cell).collect()),
            range: feature.range,
        }
    }
}

fn cell(cell: &Cell) -> Value {
    match cell {
        Cell::Number(value) => json!(value),
        Cell::Text(text) => json!(text),
        Cell::Missing => Value::Null,
    }
}

/// The classes of one target; a list per target where there are several.
fn classes(targets: &[Labels]) -> Option<Value> {
    match targets {
        [] => None,
        [labels] => Some(Value::Array(label_values(labels))),
        several => Some(several.iter().map(|labels| Value::Array(label_values(labels))).collect()),
    }
}

/// Labels in their own type.
pub(crate) fn label_values(labels: &Labels) -> Vec<Value> {
    match labels {
        Labels::Int(labels) => labels.iter().map(|label| json!(label)).collect(),
        Labels::Float(labels) => labels.iter().map(|label| json!(label)).collect(),
        Labels::Bool(labels) => labels.iter().map(|label| json!(label)).collect(),
        Labels::Text(labels) => labels.iter().map(|label| json!(label)).collect(),
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let library = match self.library_version {
            Some(version) => format!("{} {version}", self.library),
            None => self.library.to_owned(),
        };
        writeln!(f, "file       {}", self.file)?;
        writeln!(f, "format     {}", self.format)?;
        writeln!(f, "library    {library}")?;
        writeln!(f, "task       {}", self.task)?;
        writeln!(f, "bytes      {}", self.bytes)?;
        writeln!(f, "sha256     {}", self.sha256)?;
        writeln!(f, "outputs    {}", self.outputs.join(", "))?;
        if let Some(classes) = &self.classes {
            writeln!(f, "classes    {}", shortened(classes.as_array().map_or(&[], Vec::as_slice)))?;
        }
        writeln!(f, "pipeline")?;
        for step in &self.steps {
            step.show(f, 1)?;
        }
        writeln!(f, "  {}", self.estimator)?;
        let names = match self.features.first() {
            Some(first) if !self.named_features && first.name != Feature::made_up_name(0) => {
                ", by these names, which stood beside the model, or by position"
            }
            Some(_) if !self.named_features => ", by position: the file knows no names",
            Some(_) | None => "",
        };
        writeln!(f, "features   {}{names}", self.features.len())?;
        for feature in self.features.iter().take(SHOWN) {
            feature.show(f)?;
        }
        match self.features.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}

impl StepSummary<'_> {
    fn show(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let indent = "  ".repeat(depth);
        match self.name {
            "" => writeln!(f, "{indent}{}", self.class)?,
            name => writeln!(f, "{indent}{} ({name})", self.class)?,
        }
        self.parts.iter().try_for_each(|part| part.show(f, depth + 1))
    }
}

impl FeatureSummary<'_> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = self.kind.to_owned();
        if self.date {
            facts += " of a date";
        }
        if self.nullable && self.kind != "any" {
            facts += ", may be missing";
        }
        if let Some((low, high)) = self.range {
            // Writing to a String cannot fail.
            let _ = write!(facts, ", {low} to {high} in training");
        }
        if let Some(categories) = &self.categories {
            let _ = write!(facts, ", one of {}", shortened(categories));
        }
        writeln!(f, "  {}: {facts}", self.name)
    }
}

fn shortened(values: &[Value]) -> String {
    let mut text = values.iter().take(SHOWN).map(Value::to_string).collect::<Vec<_>>().join(", ");
    let more = values.len().saturating_sub(SHOWN);
    if more > 0 {
        // Writing to a String cannot fail.
        let _ = write!(text, " and {more} more");
    }
    text
}
