//! `foretell score`: metrics on a table with known answers.

use std::fmt::Write as _;
use std::io::Write as _;

use foretell_engine::LiveModel;
use foretell_engine::evaluate::{
    Bootstrap, ClassAnswers, Evaluator, Interval, Metric, Observed, Outcome, Reference, Requirement,
    baseline, confusion, intervals,
};
use foretell_engine::score::{Answers, ScoreError};
use foretell_engine::table::Target;
use foretell_frame::Labels;
use foretell_report::MeasuredMetric;
use serde_json::{Map, Value, json};

use crate::args::ScoreArguments;
use crate::failure::Failure;
use crate::inspect::label_values;
use crate::model;
use crate::output::Output;
use crate::report::{self, History, Rows};
use crate::rival::is_asked_for;
use crate::table::Table;

pub(crate) fn run(arguments: &ScoreArguments) -> Result<(), Failure> {
    if is_asked_for(&arguments.require) {
        return Err(Failure::usage("`production` cannot be compared with here")
            .hint("score the version in production too, and compare with a number".to_owned()));
    }
    let model = model::load(&arguments.model)?;
    let mut rows = arguments.report.as_ref().map(|_| Rows::default());
    let observed = observe(&model, arguments, rows.as_mut())?;
    let assessment = Assessment::new(&observed, &observed, &arguments.require, arguments.seed);
    let text =
        if arguments.json { format!("{}\n", assessment.json(&model)) } else { assessment.text(&model) };
    let mut output = Output::open(None)?;
    output.write_all(text.as_bytes()).map_err(|error| Failure::output(&error))?;
    output.finish()?;
    if let (Some(path), Some(rows)) = (&arguments.report, &rows) {
        let name = arguments.data.file_name().map_or("stdin".into(), |name| name.to_string_lossy());
        report::write(path, &model, &assessment, rows, &name, arguments.seed, History::default())?;
    }
    unmet(&assessment.outcomes)
}

/// What the model answers to the table's rows, which are kept where `rows` asks for them.
fn observe(
    model: &LiveModel,
    arguments: &ScoreArguments,
    mut rows: Option<&mut Rows>,
) -> Result<Observed, Failure> {
    let target = Target::Name(arguments.target.clone());
    let table = Table::new(&arguments.data, &arguments.table, Some(target));
    let failed = |error: &ScoreError| Failure::new("cannot score the model").because(error);
    let mut answers = Answers::new(model).map_err(|error| failed(&error))?;
    table.for_each_chunk(model, |chunk| {
        if let Some(rows) = &mut rows {
            rows.add(&chunk.frame, &chunk.target);
        }
        let added = answers.add(model, &chunk.frame, &chunk.target, |row| chunk.line(row));
        added.map_err(|error| {
            let ScoreError::Predict(refusal) = &error else { return failed(&error) };
            table.refused(refusal, model, chunk)
        })
    })?;
    answers.finish().map_err(|error| failed(&error))
}

/// Fails when a requirement is not met.
pub(crate) fn unmet(outcomes: &[Outcome]) -> Result<(), Failure> {
    let unmet: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.met).collect();
    let message = match unmet.len() {
        0 => return Ok(()),
        1 => "a requirement is not met".to_owned(),
        count => format!("{count} requirements are not met"),
    };
    Err(unmet.iter().fold(Failure::new(message), |failure, outcome| failure.detail(outcome.to_string())))
}

/// The metrics of a model, beside their intervals and those of a model that knows nothing.
pub(crate) struct Assessment<'a> {
    pub(crate) observed: &'a Observed,
    /// Every defined metric; the baseline's where it is defined for it too.
    pub(crate) metrics: Vec<MeasuredMetric>,
    pub(crate) outcomes: Vec<Outcome>,
}

impl<'a> Assessment<'a> {
    /// Of answers to some rows; the model that knows nothing has learnt from the known answers in `seen`.
    pub(crate) fn new(
        seen: &Observed,
        observed: &'a Observed,
        requirements: &[Requirement],
        seed: u64,
    ) -> Self {
        Self::beside(seen, observed, None, requirements, seed)
    }

    /// The same beside the answers of the version in production to the same rows.
    pub(crate) fn beside(
        seen: &Observed,
        observed: &'a Observed,
        production: Option<&Observed>,
        requirements: &[Requirement],
        seed: u64,
    ) -> Self {
        let evaluator = Evaluator::new(observed);
        let values = evaluator.all();
        let names: Vec<Metric> = values.iter().map(|(metric, _)| *metric).collect();
        let intervals = intervals(&evaluator, &names, Bootstrap { seed, ..Bootstrap::default() });
        let dummy = baseline(seen, observed);
        let dummy = dummy.as_ref().map(Evaluator::new);
        let of_dummy = |metric| dummy.as_ref().and_then(|dummy| dummy.value(metric));
        let production = production.map(Evaluator::new);
        let outcome = |requirement: &Requirement| {
            requirement.check(
                |metric| evaluator.value(metric),
                |reference, metric| match reference {
                    Reference::Baseline => of_dummy(metric),
                    Reference::Production => {
                        production.as_ref().and_then(|production| production.value(metric))
                    }
                },
            )
        };
        let metrics = values.iter().zip(intervals);
        let metrics = metrics.map(|((metric, value), interval)| {
            let (metric, value) = (*metric, *value);
            MeasuredMetric { metric, value, interval, baseline: of_dummy(metric) }
        });
        Self { observed, metrics: metrics.collect(), outcomes: requirements.iter().map(outcome).collect() }
    }

    pub(crate) fn json(&self, model: &LiveModel) -> Value {
        let mut object = Map::new();
        object.insert("rows".into(), json!(self.observed.rows()));
        for metric in Metric::of(Evaluator::new(self.observed).kind()) {
            let known = self.metrics.iter().find(|known| known.metric == metric);
            object.insert(metric.name().into(), json!(known.map(|known| known.value)));
        }
        let per_metric =
            |value: &dyn Fn(Option<Interval>, Option<f64>) -> Option<Value>| -> Map<String, Value> {
                let entry = |known: &MeasuredMetric| {
                    Some((known.metric.name().to_owned(), value(known.interval, known.baseline)?))
                };
                self.metrics.iter().filter_map(entry).collect()
            };
        let ends = |interval: Option<Interval>, _| interval.map(|ends| json!([ends.low, ends.high]));
        object.insert("interval".into(), per_metric(&ends).into());
        object.insert("baseline".into(), per_metric(&|_, baseline| baseline.map(Value::from)).into());
        if let Observed::Classes(answers) = self.observed {
            object.insert("classes".into(), json!(label_values(&model.classes()[0])));
            object.insert("confusion".into(), json!(whole_confusion(answers)));
            object.insert("unknown_classes".into(), json!(unknown(answers)));
        }
        let requirement = |outcome: &Outcome| {
            json!({
                "requirement": outcome.requirement.to_string(),
                "value": outcome.value,
                "bound": outcome.bound,
                "met": outcome.met,
            })
        };
        object.insert("requirements".into(), self.outcomes.iter().map(requirement).collect());
        object.into()
    }

    pub(crate) fn text(&self, model: &LiveModel) -> String {
        let mut lines = vec![["".into(), "value".into(), "95 % interval".into(), "baseline".into()]];
        for MeasuredMetric { metric, value, interval, baseline } in &self.metrics {
            let interval = interval.map(|ends| format!("{:.6} to {:.6}", ends.low, ends.high));
            lines.push([
                metric.title().to_owned(),
                format!("{value:.6}"),
                interval.unwrap_or_else(|| "-".into()),
                baseline.map_or_else(|| "-".into(), |baseline| format!("{baseline:.6}")),
            ]);
        }
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths = [0, 1, 2, 3].map(width);
        let mut text = format!("rows: {}\n", self.observed.rows());
        for [name, value, interval, baseline] in &lines {
            let [a, b, c, d] = widths;
            let _ = writeln!(text, "{name:<a$}  {value:>b$}  {interval:>c$}  {baseline:>d$}");
        }
        if let Observed::Classes(answers) = self.observed {
            text += &confusion_text(answers, &model.classes()[0]);
        }
        for outcome in self.outcomes.iter().filter(|outcome| outcome.met) {
            let _ = writeln!(text, "met: {outcome}");
        }
        text
    }
}

fn unknown(answers: &ClassAnswers) -> usize {
    answers.known.iter().filter(|class| class.is_none()).count()
}

/// Counts of rows, which have no weights here.
fn whole_confusion(answers: &ClassAnswers) -> Vec<Vec<u64>> {
    let whole = |row: Vec<f64>| row.into_iter().map(|count| count as u64).collect();
    confusion(answers).into_iter().map(whole).collect()
}

fn confusion_text(answers: &ClassAnswers, labels: &Labels) -> String {
    let mut text = String::new();
    let unknown = unknown(answers);
    if unknown > 0 {
        let _ = writeln!(text, "rows of a class that the model does not know, counted as wrong: {unknown}");
    }
    let confusion = whole_confusion(answers);
    let names: Vec<String> = label_values(labels).iter().map(ToString::to_string).collect();
    let counts = confusion.iter().flatten().map(u64::to_string);
    let width = counts.chain(names.iter().cloned()).map(|cell| cell.chars().count()).max().unwrap_or(0) + 2;
    text += "confusion: a row per known class, a column per predicted class\n";
    let line = |first: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: String = cells.map(|cell| format!("{cell:>width$}")).collect();
        format!("{first:>width$}{cells}\n")
    };
    text += &line("", &mut names.iter().cloned());
    for (name, row) in names.iter().zip(&confusion) {
        text += &line(name, &mut row.iter().map(u64::to_string));
    }
    text
}
