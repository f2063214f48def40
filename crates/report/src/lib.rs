//! How good a model is, as one HTML page: no script, nothing to load, light or dark as the reader's system is.

mod chart;
mod class;
mod page;
mod profile;
mod value;

use foretell_evaluate::{Interval, Metric, Observed, Outcome};

pub use profile::{NumberProfile, Profile, TextProfile};

/// What a page tells. Empty parts are left out of it.
#[derive(Debug)]
pub struct Report<'a> {
    /// The heading.
    pub title: String,
    /// What was measured, of which file, on which rows: names and values.
    pub facts: Vec<(String, String)>,
    /// Metrics, the most important first.
    pub metrics: Vec<MeasuredMetric>,
    /// What was required.
    pub requirements: Vec<Outcome>,
    /// The answers that were measured.
    pub observed: &'a Observed,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The columns of the table.
    pub profiles: Vec<Profile>,
    /// How much the features matter.
    pub importances: Vec<Importances>,
    /// How the losses fell while the model was fitted.
    pub learning: Vec<LearningCurve>,
}

/// A metric beside what shows how much to think of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasuredMetric {
    /// The metric.
    pub metric: Metric,
    /// Its value.
    pub value: f64,
    /// Where it lies in 95 % of resamples.
    pub interval: Option<Interval>,
    /// Its value for a model that knows nothing of a row.
    pub baseline: Option<f64>,
}

/// How much each feature matters, by one way of telling.
#[derive(Debug, Clone, PartialEq)]
pub struct Importances {
    /// The way: `permutation`, `gain`.
    pub way: &'static str,
    /// What the numbers mean, in a sentence.
    pub meaning: String,
    /// Names of features and their importance, in any order.
    pub features: Vec<(String, f64)>,
}

/// A loss after each round or epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningCurve {
    /// Of which rows: `training`, `validation`.
    pub name: String,
    /// The loss after each round.
    pub losses: Vec<f64>,
}

impl Report<'_> {
    /// The page.
    pub fn html(&self) -> String {
        page::page(self)
    }
}

/// Text in a page, so that no part of it is taken for markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A number with about four significant digits.
fn number(value: f64) -> String {
    let size = value.abs();
    match () {
        () if !value.is_finite() => "-".to_owned(),
        () if value == 0.0 => "0".to_owned(),
        () if !(1e-4..1e7).contains(&size) => format!("{value:.2e}"),
        () if size >= 1000.0 => format!("{value:.0}"),
        () if size >= 10.0 => format!("{value:.2}"),
        () => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foretell_evaluate::{ClassAnswers, Evaluator, ValueAnswers};

    fn report(observed: &Observed, classes: &[&str]) -> String {
        let measured =
            |(metric, value)| MeasuredMetric { metric, value, interval: None, baseline: Some(0.5) };
        let report = Report {
            title: "<b>churn & co</b>".into(),
            facts: vec![("model".into(), "<script>alert(1)</script>".into())],
            metrics: Evaluator::new(observed).all().into_iter().map(measured).collect(),
            requirements: Vec::new(),
            observed,
            classes: classes.iter().map(|name| (*name).to_owned()).collect(),
            profiles: vec![
                Profile::Number(NumberProfile::new("age".into(), &[1.0, f64::NAN, 3.0])),
                Profile::Text(TextProfile::new("<i>".into(), [Some("a"), None, Some("a")].into_iter())),
            ],
            importances: vec![Importances {
                way: "permutation",
                meaning: "loss".into(),
                features: vec![("age".into(), 0.25), ("<i>".into(), -0.01)],
            }],
            learning: vec![LearningCurve { name: "training".into(), losses: vec![3.0, 2.0, 1.5] }],
        };
        report.html()
    }

    fn assert_whole(html: &str) {
        assert!(!html.contains("<script") && !html.contains("<b>churn") && !html.contains("<i>"), "escaped");
        // An address that is loaded would be a source, a style or a link; the namespace of SVG is none of these.
        for loads in ["src=", "href=", "url(", "@import"] {
            assert!(!html.contains(loads), "{loads}");
        }
        assert!(html.ends_with("</html>\n"));
        assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
        assert_eq!(html.matches("<section").count(), html.matches("</section>").count());
        assert!(!html.contains("NaN"));
    }

    #[test]
    fn two_classes_have_all_curves() {
        let second = [0.1, 0.4, 0.35, 0.8, 0.9, 0.2];
        let observed = Observed::Classes(ClassAnswers {
            classes: 2,
            known: [0, 0, 1, 1, 1, 0].map(Some).to_vec(),
            predicted: vec![0, 0, 0, 1, 1, 0],
            probabilities: second.iter().flat_map(|p| [1.0 - p, *p]).collect(),
            ..ClassAnswers::default()
        });
        let html = report(&observed, &["<i>stays</i>", "goes"]);
        assert_whole(&html);
        for id in [
            "metrics",
            "confusion",
            "roc",
            "precision-recall",
            "calibration",
            "importance",
            "data",
            "learning",
        ] {
            assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
        }
        assert!(!html.contains("id=\"residuals\""));
    }

    #[test]
    fn values_have_residuals() {
        let known: Vec<f64> = (0..50).map(f64::from).collect();
        let predicted: Vec<f64> = known.iter().map(|value| value * 0.9 + (value * 7.0).sin()).collect();
        let html =
            report(&Observed::Values(ValueAnswers { known, predicted, ..ValueAnswers::default() }), &[]);
        assert_whole(&html);
        assert!(html.contains("id=\"residuals\"") && html.contains("id=\"predicted\""));
        assert!(!html.contains("id=\"confusion\""));
    }

    #[test]
    fn answers_without_spread_or_probabilities_are_drawn_too() {
        let one = ValueAnswers { known: vec![2.0], predicted: vec![2.0], ..ValueAnswers::default() };
        assert_whole(&report(&Observed::Values(one), &[]));
        let odd =
            ClassAnswers { classes: 2, known: vec![None], predicted: vec![1], ..ClassAnswers::default() };
        assert_whole(&report(&Observed::Classes(odd), &["a", "b"]));
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.123_456, 12.345_67, 123_456.7, 1.5e9, 2e-6, f64::NAN].map(number);
        assert_eq!(shown, ["0", "0.1235", "12.35", "123457", "1.50e9", "2.00e-6", "-"]);
    }
}
