//! What the outputs of a graph mean to users.
//!
//! The first output is the prediction. Labels are class labels where all that they can be is known, and a second
//! output of one number per class beside them is the probabilities, as skl2onnx and onnxmltools write them.

use std::rc::Rc;

use foretell_frame::{Labels, Shape};
use foretell_model::head::{LabelRule, Link, Probability, Regression};
use foretell_model::step::Predict;
use foretell_model::{Estimator, Fitted, Head, Pipeline, Step, Task};

use super::program::Program;
use super::tensor::Element;
use super::value::{Dim, Rows, Value};
use super::{Result, classify, encode, mismatch, unsupported};

/// The name that converters give the scores of outlier detectors and the distances of clusterers.
const SCORES: &str = "scores";

/// The columns that answer, and what they mean.
pub(super) struct Answer {
    columns: Vec<usize>,
    /// `None` for a transformer.
    head: Option<Head>,
    /// Whether the same columns are a transformation too.
    transforms: bool,
    task: Task,
}

/// The answer of a graph with these outputs; `estimates` says whether any of its operators predicts.
pub(super) fn answer(
    outputs: Vec<(String, Value)>,
    estimates: bool,
    program: &mut Program,
) -> Result<Answer> {
    let mut outputs = outputs.into_iter();
    let Some((name, first)) = outputs.next() else { return Err(mismatch("at least one output", "none")) };
    let place = format!("output `{name}`");
    let first = first.rows().map_err(|error| error.at(place.clone()))?;
    let second = outputs.next();
    let scores = second.as_ref().is_some_and(|(name, _)| name == SCORES);
    let probabilities = second.and_then(|(_, value)| value.rows().ok()).filter(|_| !scores);
    if let Some(answer) = of_classifier(&first, probabilities.as_ref()) {
        return Ok(answer);
    }
    if let Some(labels) = labels(&first) {
        return classes(&first, labels, probabilities.as_ref(), scores, program)
            .map_err(|error| error.at(place));
    }
    if first.element == Element::Text {
        return Err(unsupported("output", "strings of the input", "numbers or class labels").at(place));
    }
    let shape = match first.dims[..] {
        [Dim::Rows(1)] => Shape::Vector,
        [Dim::Rows(1), Dim::Fixed(width)] => Shape::Matrix(width),
        _ => {
            let (got, expected) = (format!("{:?}", first.dims), "[None] or [None, k]");
            return Err(unsupported("shape", got, expected).at(place));
        }
    };
    let columns = first.columns;
    if !estimates && shape != Shape::Vector && first.element != Element::Integer {
        return Ok(Answer { columns, head: None, transforms: false, task: Task::Transform });
    }
    let task = if scores { Task::Outlier } else { Task::Regression };
    let transforms = columns.len() > 1;
    let head = Head::Regression(Regression { shape, link: Link::Identity, margin: false, rounds: 1.0 });
    Ok(Answer { columns, head: Some(head), transforms, task })
}

/// The answer where both outputs, or the only one, are those of one classifier.
fn of_classifier(label: &Rows, probabilities: Option<&Rows>) -> Option<Answer> {
    let classifier = label.classifier.as_ref().filter(|_| label.dims.len() == 1)?;
    let head = match probabilities {
        None => classifier.head.clone(),
        Some(rows) => {
            let other = rows.classifier.as_ref()?;
            // A head that normalises the same scores names the same classes.
            if other.scores != classifier.scores {
                return None;
            }
            other.head.clone()
        }
    };
    let columns = classifier.scores.clone();
    Some(Answer { columns, head: Some(head), transforms: false, task: Task::Classification })
}

/// The class labels that an output consists of, if it does.
fn labels(rows: &Rows) -> Option<Labels> {
    if !matches!(rows.dims[..], [Dim::Rows(1)] | [Dim::Rows(1), Dim::Fixed(1)]) {
        return None;
    }
    if let Some(vocabulary) = &rows.vocabulary {
        let mut sorted: Vec<_> = vocabulary.iter().collect();
        sorted.sort();
        let distinct = sorted.windows(2).all(|pair| pair[0] != pair[1]);
        return distinct.then(|| Labels::Text(vocabulary.as_ref().clone()));
    }
    let labels = rows.labels.as_ref().filter(|_| rows.element == Element::Integer)?;
    Some(Labels::Int(labels.iter().map(|label| *label as i64).collect()))
}

/// The answer of computed labels, and of probabilities where there are any.
fn classes(
    first: &Rows,
    labels: Labels,
    probabilities: Option<&Rows>,
    scores: bool,
    program: &mut Program,
) -> Result<Answer> {
    if first.dims.len() != 1 {
        let (got, expected) = (format!("{:?}", first.dims), "class labels of shape [None]");
        return Err(unsupported("shape", got, expected));
    }
    let mut columns = first.columns.clone();
    if let (Labels::Int(_), Some(numbers)) = (&labels, &first.labels) {
        let numbers: &Rc<Vec<f64>> = numbers;
        if !numbers.iter().copied().eq((0..numbers.len()).map(|label| label as f64)) {
            columns = program.emit(columns, vec![encode::positions(numbers, 1)], 1)?;
        }
    }
    let fits = |rows: &&Rows| {
        rows.is_matrix()
            && rows.columns.len() == labels.len()
            && matches!(rows.element, Element::Single | Element::Double)
    };
    let probability = probabilities.filter(fits).map(|rows| {
        columns.extend(&rows.columns);
        Probability::AfterScores
    });
    let task = if scores { Task::Clustering } else { Task::Classification };
    let head = classify::head(labels, LabelRule::Index, probability);
    Ok(Answer { columns, head: Some(head), transforms: false, task })
}

impl Answer {
    /// The pipeline that computes it.
    pub(super) fn pipeline(self, program: Program) -> (Pipeline, Task) {
        let mut steps = program.finish(&self.columns);
        let transform = self.transforms.then(Vec::new);
        let Some(head) = self.head else {
            return (Pipeline { steps, transform, ..Pipeline::default() }, self.task);
        };
        let mut estimator = Estimator::Columns;
        if !self.transforms
            && let Some(Step::Predict(last)) = steps.last()
            && is_raw(last)
        {
            estimator = last.fitted.estimator.clone();
            steps.pop();
        }
        let estimator = Some(Fitted { estimator, head });
        (Pipeline { steps, estimator, transform, ..Pipeline::default() }, self.task)
    }
}

/// Whether a step gives the raw scores of its estimator as they are.
fn is_raw(step: &Predict) -> bool {
    match &step.fitted.head {
        Head::Regression(head) => head.link == Link::Identity && head.rounds == 1.0,
        Head::Classification(_) | Head::Pairwise(_) | Head::Outlier(_) | Head::Mixture(_) => false,
    }
}
