//! The page around the charts.

use std::fmt::Write as _;

use foretell_evaluate::{Metric, Observed, Point};

use crate::chart::{Chart, Mark, colours, range, thinned};
use crate::{Importances, Profile, Report, class, escape, number, value};

/// Features whose importance is shown, at most.
const SHOWN_FEATURES: usize = 25;
/// Columns whose content is shown, at most.
const SHOWN_COLUMNS: usize = 200;

/// A titled part of the page.
pub(crate) fn card(id: &str, title: &str, content: &str) -> String {
    format!("<section id=\"{id}\"><h2>{}</h2>{content}</section>\n", escape(title))
}

fn wide(id: &str, title: &str, content: &str) -> String {
    card(id, title, content).replacen("<section ", "<section class=wide ", 1)
}

pub(crate) fn page(report: &Report<'_>) -> String {
    let title = escape(&report.title);
    let mut html = format!(
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width,initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{}{}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n",
        include_str!("style.css"),
        colours()
    );
    html += &facts(report);
    html += &tiles(report);
    html += "<div class=cards>\n";
    if !report.requirements.is_empty() {
        html += &requirements(report);
    }
    html += &match report.observed {
        Observed::Classes(answers) => class::cards(answers, &report.classes),
        Observed::Values(answers) => value::cards(answers),
    };
    if !report.learning.is_empty() {
        html += &learning(report);
    }
    for importances in &report.importances {
        html += &importance(importances);
    }
    html += &metrics(report);
    if !report.profiles.is_empty() {
        html += &data(&report.profiles);
    }
    html + "</div>\n</main>\n</body>\n</html>\n"
}

fn facts(report: &Report<'_>) -> String {
    let fact = |(name, value): &(String, String)| {
        format!("<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value))
    };
    let facts: String = report.facts.iter().map(fact).collect();
    format!("<dl class=facts>{facts}</dl>\n")
}

/// The few metrics that say most.
fn tiles(report: &Report<'_>) -> String {
    let first = match report.observed {
        Observed::Classes(_) => {
            [Metric::Accuracy, Metric::BalancedAccuracy, Metric::F1Macro, Metric::RocAuc, Metric::LogLoss]
        }
        Observed::Values(_) => [Metric::R2, Metric::Rmse, Metric::Mae, Metric::MedianAe, Metric::MaxError],
    };
    let mut html = String::from("<div class=tiles>\n");
    for metric in first {
        let Some(measured) = report.metrics.iter().find(|measured| measured.metric == metric) else {
            continue;
        };
        let interval = measured.interval.map(|ends| format!("{} to {}", number(ends.low), number(ends.high)));
        let baseline = measured.baseline.map(|baseline| format!("baseline {}", number(baseline)));
        let below: Vec<String> = interval.into_iter().chain(baseline).collect();
        let (title, value) = (escape(metric.title()), number(measured.value));
        let _ = writeln!(
            html,
            "<div class=tile><span>{title}</span><b>{value}</b><span>{}</span></div>",
            below.join("<br>")
        );
    }
    html + "</div>\n"
}

fn requirements(report: &Report<'_>) -> String {
    let line = |outcome: &foretell_evaluate::Outcome| {
        let class = if outcome.met { "met" } else { "unmet" };
        format!("<li class={class}>{}</li>", escape(&outcome.to_string().replace('`', "")))
    };
    let lines: String = report.requirements.iter().map(line).collect();
    wide("requirements", "Requirements", &format!("<ul class=requirements>{lines}</ul>"))
}

fn metrics(report: &Report<'_>) -> String {
    let mut html = String::from(
        "<div class=scroll><table><tr><th>metric</th><th>value</th><th>95 % interval</th><th>baseline</th></tr>",
    );
    for measured in &report.metrics {
        let interval = measured.interval.map(|ends| format!("{} to {}", number(ends.low), number(ends.high)));
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(measured.metric.title()),
            number(measured.value),
            interval.unwrap_or_else(|| "-".into()),
            measured.baseline.map_or_else(|| "-".into(), number)
        );
    }
    html += "</table></div><p class=note>The interval holds the metric in 95 % of tables drawn from the same rows. The \
             baseline always answers the most frequent class, or the mean.</p>";
    wide("metrics", "All metrics", &html)
}

fn importance(importances: &Importances) -> String {
    let mut features: Vec<&(String, f64)> = importances.features.iter().collect();
    features.sort_by(|a, b| b.1.total_cmp(&a.1));
    let largest = features.first().map_or(0.0, |(_, value)| *value);
    let mut html = String::from("<div class=bars>");
    for (name, value) in features.iter().take(SHOWN_FEATURES) {
        let share = if largest > 0.0 { (value / largest).max(0.0) * 100.0 } else { 0.0 };
        let _ = write!(
            html,
            "<span>{}</span><div class=bar><i style=\"width:{share:.1}%\"></i></div><span>{}</span>",
            escape(name),
            number(*value)
        );
    }
    html += "</div>";
    let rest = features.len().saturating_sub(SHOWN_FEATURES);
    let rest = if rest > 0 { format!(" {rest} more matter less.") } else { String::new() };
    let _ = write!(html, "<p class=note>{}{rest}</p>", escape(&importances.meaning));
    let id = if importances.way == "permutation" { "importance" } else { "gain" };
    card(id, &format!("Feature importance by {}", importances.way), &html)
}

fn learning(report: &Report<'_>) -> String {
    let rounds = report.learning.iter().map(|curve| curve.losses.len()).max().unwrap_or(1);
    let line = |(at, curve): (usize, &crate::LearningCurve)| {
        let points: Vec<Point> =
            curve.losses.iter().enumerate().map(|(x, y)| Point { x: (x + 1) as f64, y: *y }).collect();
        Mark::Line(at, thinned(&points, 500))
    };
    let chart = Chart {
        x: 0.0..(rounds.max(1)) as f64,
        y: range(report.learning.iter().flat_map(|curve| curve.losses.iter().copied())),
        x_name: "round",
        y_name: "loss",
        marks: report.learning.iter().enumerate().map(line).collect(),
    };
    let entry = |(at, curve): (usize, &crate::LearningCurve)| {
        format!("<li><i style=\"background:var(--series-{at})\"></i>{}</li>", escape(&curve.name))
    };
    let entries: String = report.learning.iter().enumerate().map(entry).collect();
    let title = "Learning curve";
    card("learning", title, &format!("{}<ul class=legend>{entries}</ul>", chart.svg(title)))
}

fn data(profiles: &[Profile]) -> String {
    let mut html = String::from(
        "<div class=scroll><table><tr><th>column</th><th>missing</th><th>smallest</th><th>mean</th>\
         <th>largest</th><th>distribution</th></tr>",
    );
    let per_cent = |share: f64| format!("{:.1} %", share * 100.0);
    for profile in profiles.iter().take(SHOWN_COLUMNS) {
        let row = match profile {
            Profile::Number(column) => {
                let most = column.histogram.iter().max().copied().unwrap_or(1).max(1);
                let bar = |count: &usize| {
                    format!("<i style=\"height:{:.0}%\"></i>", *count as f64 / most as f64 * 100.0)
                };
                let bars: String = column.histogram.iter().map(bar).collect();
                let shown = |value: Option<f64>| value.map_or_else(|| "-".into(), number);
                format!(
                    "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><span class=spark>{bars}</span></td>",
                    escape(&column.name),
                    per_cent(column.missing),
                    shown(column.summary.map(|summary| summary.0)),
                    shown(column.summary.map(|summary| summary.1)),
                    shown(column.summary.map(|summary| summary.2)),
                )
            }
            Profile::Text(column) => {
                let share = |(text, share): &(String, f64)| {
                    let short: String = text.chars().take(40).collect();
                    format!("{} {}", escape(&short), per_cent(*share))
                };
                let frequent: Vec<String> = column.frequent.iter().map(share).collect();
                format!(
                    "<td>{}</td><td>{}</td><td colspan=3>{} different texts</td><td>{}</td>",
                    escape(&column.name),
                    per_cent(column.missing),
                    column.distinct,
                    frequent.join(", ")
                )
            }
        };
        let _ = write!(html, "<tr>{row}</tr>");
    }
    html += "</table></div>";
    if profiles.len() > SHOWN_COLUMNS {
        let _ = write!(html, "<p class=note>The first {SHOWN_COLUMNS} of {} columns.</p>", profiles.len());
    }
    wide("data", "Data", &html)
}
