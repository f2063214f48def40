//! The two outputs of operators that classify.

use std::rc::Rc;

use foretell_frame::Labels;
use foretell_model::head::{ClassPredict, Classification, LabelRule, Probability};
use foretell_model::step::{Answer, Predict};
use foretell_model::{Estimator, Fitted, Head, Step};

use super::call::Call;
use super::tensor::Element;
use super::value::{Classifier, Dim, Rows, Value};
use super::{Result, mismatch};

/// The classes of a classifier, of the first attribute that has any: integers or strings.
pub(super) fn classes(call: &Call<'_, '_>, integers: &str) -> Result<Labels> {
    let (integers, texts) = (call.integers(integers)?, call.texts("classlabels_strings")?);
    match (integers.is_empty(), texts.is_empty()) {
        (false, true) => Ok(Labels::Int(integers)),
        (true, false) => Ok(Labels::Text(texts)),
        (false, false) | (true, true) => {
            Err(mismatch("class labels that are integers or strings", "none or both"))
        }
    }
}

/// A head for these classes.
pub(super) fn head(classes: Labels, label: LabelRule, probability: Option<Probability>) -> Head {
    Head::Classification(Classification {
        classes: vec![classes],
        multi_target: false,
        label,
        probability,
        log_probability: None,
        decision: None,
        margin: None,
        predict: ClassPredict::Label,
        rounds: 1.0,
    })
}

/// What a classifier answers with raw scores: labels and probabilities, of which nothing is computed that nobody
/// needs.
pub(super) fn outputs(call: &mut Call<'_, '_>, scores: Vec<usize>, head: Head) -> Result<Vec<Value>> {
    let classes = head.classes()[0].clone();
    let labels: Vec<f64> = match &classes {
        Labels::Int(labels) => labels.iter().map(|label| *label as f64).collect(),
        Labels::Text(_) | Labels::Float(_) | Labels::Bool(_) => {
            (0..classes.len()).map(|i| i as f64).collect()
        }
    };
    let classifier = Rc::new(Classifier { scores: scores.clone(), head: head.clone() });
    let answer = |answer| {
        let fitted = Fitted { estimator: Estimator::Columns, head: head.clone() };
        Step::Predict(Box::new(Predict { fitted, answer }))
    };
    let columns = call.program.emit(scores.clone(), vec![answer(Answer::Label(vec![labels.clone()]))], 1)?;
    let (element, vocabulary, labels) = match classes {
        Labels::Text(texts) => (Element::Text, Some(Rc::new(texts)), None),
        Labels::Int(_) | Labels::Float(_) | Labels::Bool(_) => {
            (Element::Integer, None, Some(Rc::new(labels)))
        }
    };
    let label = Rows {
        vocabulary,
        labels,
        classifier: Some(classifier.clone()),
        ..Rows::new(element, vec![Dim::Rows(1)], columns)
    };
    let mut outputs = vec![Value::Rows(label)];
    if let Some(width) = head_width(&head) {
        let columns = call.program.emit(scores, vec![answer(Answer::Probability)], width)?;
        let probabilities = Rows::matrix(Element::Single, columns);
        outputs.push(Value::Rows(Rows { classifier: Some(classifier), ..probabilities }));
    }
    Ok(outputs)
}

/// Number of probabilities.
fn head_width(head: &Head) -> Option<usize> {
    let has = match head {
        Head::Classification(head) => head.probability.is_some(),
        Head::Pairwise(head) => head.sigmoids.is_some(),
        Head::Regression(_) | Head::Outlier(_) | Head::Mixture(_) => false,
    };
    has.then(|| head.classes()[0].len())
}
