//! What is shown of a regression.

use foretell_evaluate::{Point, ValueAnswers};

use crate::chart::{Chart, Mark, range, thinned};
use crate::page::card;

/// Points of a chart, at most: more would only be a larger page.
const POINTS: usize = 1000;
const BARS: usize = 24;

pub(crate) fn cards(answers: &ValueAnswers) -> String {
    let pairs = || answers.known.iter().copied().zip(answers.predicted.iter().copied());
    let points: Vec<Point> = pairs().map(|(x, y)| Point { x, y }).collect();
    let both = range(pairs().flat_map(|(known, predicted)| [known, predicted]));
    let same = vec![Point { x: both.start, y: both.start }, Point { x: both.end, y: both.end }];
    let scatter = Chart {
        x: both.clone(),
        y: both.clone(),
        x_name: "known",
        y_name: "predicted",
        marks: vec![Mark::Dots(0, thinned(&points, POINTS)), Mark::Reference(same)],
    };
    let errors: Vec<Point> =
        pairs().map(|(known, predicted)| Point { x: predicted, y: known - predicted }).collect();
    let across = range(errors.iter().map(|point| point.x));
    let residuals = Chart {
        x: across.clone(),
        y: range(errors.iter().map(|point| point.y).chain([0.0])),
        x_name: "predicted",
        y_name: "known - predicted",
        marks: vec![
            Mark::Dots(0, thinned(&errors, POINTS)),
            Mark::Reference(vec![Point { x: across.start, y: 0.0 }, Point { x: across.end, y: 0.0 }]),
        ],
    };
    let note = "<p class=note>On the dashed line, the prediction is what happened.</p>";
    let title = "Predicted and known";
    let mut html = card("predicted", title, &format!("{}{note}", scatter.svg(title)));
    let title = "Residuals";
    html += &card("residuals", title, &format!("{}{note}", residuals.svg(title)));
    let title = "Distribution of residuals";
    html + &card("residual-distribution", title, &distribution(&errors).svg(title))
}

fn distribution(errors: &[Point]) -> Chart {
    let across = range(errors.iter().map(|point| point.y));
    let width = (across.end - across.start) / BARS as f64;
    let mut counts = [0usize; BARS];
    for point in errors {
        counts[(((point.y - across.start) / width) as usize).min(BARS - 1)] += 1;
    }
    let left = |bar: usize| across.start + width * bar as f64;
    let bar = |(bar, count): (usize, &usize)| (left(bar), left(bar + 1), *count as f64);
    let most = counts.iter().max().copied().unwrap_or(0).max(1) as f64;
    let bars = counts.iter().enumerate().filter(|(_, count)| **count > 0).map(bar).collect();
    let marks = vec![Mark::Bars(0, bars)];
    Chart { y: 0.0..most * 1.05, x: across, x_name: "known - predicted", y_name: "rows", marks }
}
