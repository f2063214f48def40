//! The known answers: numbers, or classes with their labels.

use std::collections::BTreeSet;

use foretell_evaluate::{ClassAnswers, Observed, ValueAnswers};
use foretell_frame::Labels;
use foretell_train::Target as Lesson;

/// Whole numbers with at most so many different values are taken for classes, where nobody says what they are.
const MOST_CLASSES: usize = 20;

/// The different answers, ascending, in the narrowest type that all of them have.
pub(super) fn labels(texts: &[&str]) -> Labels {
    let distinct: BTreeSet<&str> = texts.iter().map(|text| text.trim()).collect();
    let all = |is: &dyn Fn(&str) -> bool| distinct.iter().all(|text| is(text));
    if all(&|text| text.parse::<i64>().is_ok()) {
        let mut labels: Vec<i64> = distinct.iter().filter_map(|text| text.parse().ok()).collect();
        labels.sort_unstable();
        labels.dedup();
        return Labels::Int(labels);
    }
    if all(&|text| matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")) {
        let has =
            |first: char| distinct.iter().any(|text| text.starts_with([first, first.to_ascii_uppercase()]));
        return Labels::Bool(
            [false, true].into_iter().filter(|value| has(if *value { 't' } else { 'f' })).collect(),
        );
    }
    if all(&|text| text.parse::<f64>().is_ok_and(f64::is_finite)) {
        let mut labels: Vec<f64> = distinct.iter().filter_map(|text| text.parse().ok()).collect();
        labels.sort_unstable_by(f64::total_cmp);
        labels.dedup();
        return Labels::Float(labels);
    }
    // Texts to the letter, as they are compared when a model is measured.
    let distinct: BTreeSet<&str> = texts.iter().copied().collect();
    Labels::Text(distinct.into_iter().map(str::to_owned).collect())
}

/// Whether answers that nobody says anything of are classes.
pub(super) fn seem_classes(labels: &Labels) -> bool {
    match labels {
        Labels::Text(_) | Labels::Bool(_) => true,
        Labels::Int(labels) => labels.len() <= MOST_CLASSES,
        Labels::Float(_) => false,
    }
}

/// The known answers, as they are learnt from.
#[derive(Debug)]
pub(super) enum Answered {
    Values(Vec<f64>),
    Classes {
        codes: Vec<u32>,
        labels: Labels,
    },
    /// Rows alone are learnt from.
    Nothing,
}

impl Answered {
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Values(values) => Self::Values(rows.iter().map(|row| values[*row]).collect()),
            Self::Classes { codes, labels } => {
                Self::Classes { codes: rows.iter().map(|row| codes[*row]).collect(), labels: labels.clone() }
            }
            Self::Nothing => Self::Nothing,
        }
    }

    pub(super) fn target(&self) -> Option<Lesson<'_>> {
        match self {
            Self::Values(values) => Some(Lesson::Values(values)),
            Self::Classes { codes, labels } => Some(Lesson::Classes { codes, labels }),
            Self::Nothing => None,
        }
    }

    /// What a model that looks at no feature would learn from.
    pub(super) fn seen(self) -> Option<Observed> {
        match self {
            Self::Values(known) => Some(Observed::Values(ValueAnswers { known, ..ValueAnswers::default() })),
            Self::Classes { codes, labels } => Some(Observed::Classes(ClassAnswers {
                classes: labels.len(),
                known: codes.into_iter().map(|code| Some(code as usize)).collect(),
                ..ClassAnswers::default()
            })),
            Self::Nothing => None,
        }
    }
}
