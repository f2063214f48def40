//! What is shown of a classifier.

use std::fmt::Write as _;

use foretell_evaluate::{ClassAnswers, Point, calibration, confusion, precision_recall, roc};

use crate::chart::{Chart, Mark, SERIES, thinned};
use crate::page::card;
use crate::{escape, number};

/// Points of one curve, at most.
const POINTS: usize = 400;
/// Classes whose counts are shown, at most.
const SHOWN_CLASSES: usize = 40;
const BINS: usize = 10;

pub(crate) fn cards(answers: &ClassAnswers, names: &[String]) -> String {
    let mut html = card("confusion", "Confusion matrix", &confusion_table(answers, names));
    let curves = curves(answers, names);
    if curves.is_empty() {
        return html;
    }
    let whole = |x_name, y_name, marks| Chart { x: 0.0..1.0, y: 0.0..1.02, x_name, y_name, marks };
    let legend = legend(&curves);
    let mut draw = |id, title, chart: &Chart, note: &str| {
        html += &card(id, title, &format!("{}{legend}<p class=note>{note}</p>", chart.svg(title)));
    };
    let lines = |curve: &dyn Fn(&Curve) -> Vec<Point>| -> Vec<Mark> {
        let line = |(at, one): (usize, &Curve)| Mark::Line(at, thinned(&curve(one), POINTS));
        curves.iter().enumerate().map(line).collect()
    };
    let diagonal = || Mark::Reference(vec![Point { x: 0.0, y: 0.0 }, Point { x: 1.0, y: 1.0 }]);
    let mut marks = lines(&|curve| roc(&curve.scores, &curve.positive, &answers.weights));
    marks.insert(0, diagonal());
    let chart = whole("false positive rate", "true positive rate", marks);
    draw("roc", "ROC curve", &chart, "The dashed line is what guessing gets.");
    let marks = lines(&|curve| precision_recall(&curve.scores, &curve.positive, &answers.weights));
    let chart = whole("recall", "precision", marks);
    draw("precision-recall", "Precision and recall", &chart, "Each point is a threshold.");
    if curves.iter().all(|curve| curve.is_probability) {
        let bins = |curve: &Curve| -> Vec<Point> {
            let bins = calibration(&curve.scores, &curve.positive, BINS);
            bins.into_iter().map(|bin| Point { x: bin.predicted, y: bin.observed }).collect()
        };
        let mut marks = lines(&bins);
        marks.extend(curves.iter().enumerate().map(|(at, curve)| Mark::Dots(at, bins(curve))));
        marks.insert(0, diagonal());
        let chart = whole("predicted probability", "share that happened", marks);
        draw("calibration", "Calibration", &chart, "On the dashed line, probabilities are what happens.");
    }
    html
}

/// One class against all others.
struct Curve {
    name: String,
    scores: Vec<f64>,
    positive: Vec<bool>,
    is_probability: bool,
}

/// The second of two classes; of more, each of the first ones against the rest.
fn curves(answers: &ClassAnswers, names: &[String]) -> Vec<Curve> {
    let classes = if answers.classes == 2 { 1..2 } else { 0..answers.classes.min(SERIES) };
    let with = |class: usize, scores: Vec<f64>, is_probability| Curve {
        name: names.get(class).cloned().unwrap_or_default(),
        positive: answers.known.iter().map(|known| *known == Some(class)).collect(),
        scores,
        is_probability,
    };
    if !answers.probabilities.is_empty() {
        let column = |class: usize| answers.probabilities.chunks(answers.classes).map(move |row| row[class]);
        return classes.map(|class| with(class, column(class).collect(), true)).collect();
    }
    if answers.classes == 2 && !answers.scores.is_empty() {
        return vec![with(1, answers.scores.clone(), false)];
    }
    Vec::new()
}

fn legend(curves: &[Curve]) -> String {
    let entry = |(at, curve): (usize, &Curve)| {
        format!("<li><i style=\"background:var(--series-{at})\"></i>{}</li>", escape(&curve.name))
    };
    let entries: String = curves.iter().enumerate().map(entry).collect();
    format!("<ul class=legend>{entries}</ul>")
}

fn confusion_table(answers: &ClassAnswers, names: &[String]) -> String {
    let counts = confusion(answers);
    let shown = counts.len().min(SHOWN_CLASSES);
    let name = |class: usize| escape(names.get(class).map_or("", String::as_str));
    let mut html = String::from("<div class=scroll><table class=confusion><tr><th>known \\ predicted</th>");
    for class in 0..shown {
        let _ = write!(html, "<th>{}</th>", name(class));
    }
    html += "</tr>";
    for (class, row) in counts.iter().enumerate().take(shown) {
        let all: f64 = row.iter().sum();
        let _ = write!(html, "<tr><th>{}</th>", name(class));
        for (predicted, count) in row.iter().enumerate().take(shown) {
            let share = if all > 0.0 { count / all } else { 0.0 };
            let kind = if predicted == class { "right" } else { "wrong" };
            let strong = if share > 0.55 { " strong" } else { "" };
            let _ = write!(
                html,
                "<td class=\"{kind}{strong}\" style=\"--share:{:.0}%\" title=\"{:.1} % of the row\">{}</td>",
                share * 100.0,
                share * 100.0,
                count_text(*count)
            );
        }
        html += "</tr>";
    }
    html += "</table></div><p class=note>Colour: share of the row.";
    if shown < counts.len() {
        let _ = write!(html, " The first {shown} of {} classes.", counts.len());
    }
    html + "</p>"
}

fn count_text(count: f64) -> String {
    if count.fract() == 0.0 { format!("{count:.0}") } else { number(count) }
}
