//! `foretell score`: metrics on a table with known answers.

use std::io::Write;

use foretell_engine::metrics::{ClassificationScore, RegressionScore};
use foretell_engine::score::{Answers, Score, ScoreError};
use foretell_engine::table::Target;
use foretell_frame::Labels;
use serde_json::json;

use crate::args::ScoreArguments;
use crate::failure::Failure;
use crate::inspect::label_values;
use crate::model;
use crate::output::Output;
use crate::table::Table;

pub(crate) fn run(arguments: &ScoreArguments) -> Result<(), Failure> {
    let model = model::load(&arguments.model)?;
    let target = Target::Name(arguments.target.clone());
    let table = Table::new(&arguments.data, &arguments.table, Some(target));
    let failed = |error: &ScoreError| Failure::new("cannot score the model").because(error);
    let mut answers = Answers::new(&model).map_err(|error| failed(&error))?;
    let mut rows = 0;
    table.for_each_chunk(&model, |chunk| {
        rows += chunk.rows();
        let added = answers.add(&model, &chunk.frame, &chunk.target, |row| chunk.line(row));
        added.map_err(|error| {
            let ScoreError::Predict(refusal) = &error else { return failed(&error) };
            table.refused(refusal, &model, chunk)
        })
    })?;
    let score = answers.finish().map_err(|error| failed(&error))?;
    let mut output = Output::open(None)?;
    let text = match (&score, arguments.json) {
        (Score::Classification(score), true) => {
            format!("{}\n", classification_json(score, rows, &model.classes()[0]))
        }
        (Score::Classification(score), false) => classification_text(score, rows, &model.classes()[0]),
        (Score::Regression(score), true) => format!("{}\n", regression_json(score, rows)),
        (Score::Regression(score), false) => regression_text(score, rows),
    };
    output.write_all(text.as_bytes()).map_err(|error| Failure::output(&error))?;
    output.finish()
}

/// A metric that may not be there, for people.
fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.6}"))
}

fn classification_json(score: &ClassificationScore, rows: usize, labels: &Labels) -> String {
    let object = json!({
        "rows": rows,
        "accuracy": score.accuracy,
        "log_loss": score.log_loss,
        "roc_auc": score.roc_auc,
        "classes": label_values(labels),
        "confusion": score.confusion,
        "unknown_classes": score.unknown,
    });
    object.to_string()
}

fn classification_text(score: &ClassificationScore, rows: usize, labels: &Labels) -> String {
    let mut text = format!(
        "rows      {rows}\naccuracy  {:.6}\nlog loss  {}\nROC AUC   {}\n",
        score.accuracy,
        shown(score.log_loss),
        shown(score.roc_auc)
    );
    if score.unknown > 0 {
        text +=
            &format!("rows of a class that the model does not know, counted as wrong: {}\n", score.unknown);
    }
    let names: Vec<String> = label_values(labels).iter().map(ToString::to_string).collect();
    let counts = score.confusion.iter().flatten().map(u64::to_string);
    let width = counts.chain(names.iter().cloned()).map(|cell| cell.chars().count()).max().unwrap_or(0) + 2;
    text += "confusion: a row per known class, a column per predicted class\n";
    let line = |first: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: String = cells.map(|cell| format!("{cell:>width$}")).collect();
        format!("{first:>width$}{cells}\n")
    };
    text += &line("", &mut names.iter().cloned());
    for (name, row) in names.iter().zip(&score.confusion) {
        text += &line(name, &mut row.iter().map(u64::to_string));
    }
    text
}

fn regression_json(score: &RegressionScore, rows: usize) -> String {
    let r2 = score.r2.is_finite().then_some(score.r2);
    json!({ "rows": rows, "r2": r2, "rmse": score.rmse, "mae": score.mae }).to_string()
}

fn regression_text(score: &RegressionScore, rows: usize) -> String {
    let r2 = shown(score.r2.is_finite().then_some(score.r2));
    format!("rows  {rows}\nR2    {r2}\nRMSE  {:.6}\nMAE   {:.6}\n", score.rmse, score.mae)
}
