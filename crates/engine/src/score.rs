//! What a model answers to rows with known answers, for the metrics of `foretell-evaluate`.

use foretell_evaluate::{ClassAnswers, Evaluator, Metric, Observed, ValueAnswers};
use foretell_frame::{Frame, Labels, Method, MethodSet, Shape, TextColumn};
use foretell_model::Task;

use crate::live::LiveModel;
use crate::predict::{PredictError, Worker};

/// What scikit-learn's `score` gives: accuracy of a classifier, R2 of a regression, which is NaN for a single row.
pub fn score(observed: &Observed) -> f64 {
    let metric = match observed {
        Observed::Classes(_) => Metric::Accuracy,
        Observed::Values(_) => Metric::R2,
    };
    Evaluator::new(observed).value(metric).unwrap_or(f64::NAN)
}

/// Why a model cannot be scored on a table.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// Only classifiers and regressions with one target can be scored.
    #[error("expected a classifier or a regression with one target, got a model for {task} with {targets}")]
    Unsupported {
        /// What the model is for.
        task: &'static str,
        /// Its number of targets, in words.
        targets: String,
    },
    /// A row has no known answer.
    #[error("line {line}: the target is missing")]
    MissingTarget {
        /// Line of the table, from 1.
        line: u64,
    },
    /// The known answer of a regression is no number.
    #[error("line {line}: expected a number as target, got `{got}`")]
    NotANumber {
        /// Line of the table, from 1.
        line: u64,
        /// The answer as it is written.
        got: String,
    },
    /// No known answer is a class of the model, so it cannot have been made for this target.
    #[error("no row has a class of the model as target, line {line} has `{got}`")]
    NoKnownClass {
        /// Line of the first row.
        line: u64,
        /// Its target.
        got: String,
    },
    /// The table has no rows.
    #[error("the table has no rows")]
    NoRows,
    /// Rows are not what the model takes.
    #[error(transparent)]
    Predict(#[from] PredictError),
}

/// Answers of a model beside the known ones, gathered batch by batch.
#[derive(Debug)]
pub struct Answers {
    worker: Worker,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Classes { labels: Labels, answers: ClassAnswers, methods: MethodSet, first: Option<(u64, String)> },
    Values { known: Vec<f64>, predicted: Vec<f64> },
}

impl Answers {
    /// Nothing gathered yet.
    ///
    /// # Errors
    /// The model is neither a classifier nor a regression, or has several targets.
    pub fn new(model: &LiveModel) -> Result<Self, ScoreError> {
        let unsupported = |targets: String| ScoreError::Unsupported { task: model.task().as_str(), targets };
        let kind = match (model.task(), model.classes()) {
            (Task::Classification, [labels]) => {
                let wanted = [Method::Label, Method::PredictProba, Method::DecisionFunction, Method::Margin];
                let methods = wanted.into_iter().collect::<MethodSet>().and(model.methods());
                let answers = ClassAnswers { classes: labels.len(), ..ClassAnswers::default() };
                Kind::Classes { labels: labels.clone(), answers, methods, first: None }
            }
            (Task::Classification, several) => return Err(unsupported(format!("{} targets", several.len()))),
            (Task::Regression, _) => match model.shape(Method::Predict) {
                Some(Shape::Vector) => Kind::Values { known: Vec::new(), predicted: Vec::new() },
                Some(shape) => return Err(unsupported(format!("{} targets", shape.width()))),
                None => return Err(unsupported("no `predict`".into())),
            },
            (Task::Ranking | Task::Clustering | Task::Outlier | Task::Transform, _) => {
                return Err(unsupported("no known answers".into()));
            }
        };
        Ok(Self { worker: Worker::new(), kind })
    }

    /// Predicts rows and keeps the answers beside the known ones; `line` tells where a row stands in its table.
    ///
    /// # Errors
    /// A target that is missing or no number, or rows that the model does not take.
    pub fn add(
        &mut self,
        model: &LiveModel,
        frame: &Frame,
        target: &TextColumn,
        line: impl Fn(usize) -> u64,
    ) -> Result<(), ScoreError> {
        let text = |row| target.get(row).ok_or_else(|| ScoreError::MissingTarget { line: line(row) });
        match &mut self.kind {
            Kind::Classes { labels, answers, methods, first } => {
                let predictions = self.worker.predict(model, frame, *methods)?;
                for row in 0..frame.rows() {
                    let text = text(row)?;
                    first.get_or_insert_with(|| (line(row), text.to_owned()));
                    answers.known.push(class_of(labels, text));
                }
                let values = |method| predictions.get(method).map_or(&[][..], |output| output.values());
                answers.predicted.extend(values(Method::Label).iter().map(|class| *class as usize));
                let probabilities = values(Method::PredictProba);
                answers.probabilities.extend_from_slice(probabilities);
                if answers.classes == 2 {
                    let one_a_row = |method| Some(values(method)).filter(|v| v.len() == frame.rows());
                    match one_a_row(Method::DecisionFunction).or_else(|| one_a_row(Method::Margin)) {
                        Some(scores) => answers.scores.extend_from_slice(scores),
                        None => answers.scores.extend(probabilities.chunks(2).map(|row| row[1])),
                    }
                }
            }
            Kind::Values { known, predicted } => {
                let predictions =
                    self.worker.predict(model, frame, MethodSet::EMPTY.with(Method::Predict))?;
                for row in 0..frame.rows() {
                    let text = text(row)?;
                    let number = text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
                    let wrong = || ScoreError::NotANumber { line: line(row), got: text.to_owned() };
                    known.push(number.ok_or_else(wrong)?);
                }
                predicted.extend(predictions.get(Method::Predict).map_or(&[][..], |output| output.values()));
            }
        }
        Ok(())
    }

    /// The answers to all rows.
    ///
    /// # Errors
    /// There were no rows, or none has a class of the model.
    pub fn finish(self) -> Result<Observed, ScoreError> {
        match self.kind {
            Kind::Classes { answers, first, .. } => {
                let (line, got) = first.ok_or(ScoreError::NoRows)?;
                if answers.known.iter().all(Option::is_none) {
                    return Err(ScoreError::NoKnownClass { line, got });
                }
                Ok(Observed::Classes(answers))
            }
            Kind::Values { known, .. } if known.is_empty() => Err(ScoreError::NoRows),
            Kind::Values { known, predicted } => {
                Ok(Observed::Values(ValueAnswers { known, predicted, ..ValueAnswers::default() }))
            }
        }
    }
}

/// The class that a text names: integers and floats by value (`1` and `1.0` are the same), booleans also as 1
/// and 0, texts to the letter.
pub(crate) fn class_of(labels: &Labels, text: &str) -> Option<usize> {
    let number = || text.trim().parse::<f64>().ok();
    match labels {
        Labels::Int(labels) => {
            let exact = text.trim().parse::<i64>().ok();
            let of_float = || number().filter(|value| value.fract() == 0.0).map(|value| value as i64);
            let value = exact.or_else(of_float)?;
            labels.iter().position(|label| *label == value)
        }
        Labels::Float(labels) => {
            let value = number()?;
            labels.iter().position(|label| *label == value)
        }
        Labels::Bool(labels) => {
            let value = match text.trim() {
                "true" | "True" | "TRUE" | "1" | "1.0" => true,
                "false" | "False" | "FALSE" | "0" | "0.0" => false,
                _ => return None,
            };
            labels.iter().position(|label| *label == value)
        }
        Labels::Text(labels) => labels.iter().position(|label| label == text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_classes_are_found_by_value() {
        assert_eq!(class_of(&Labels::Int(vec![-1, 1]), "1.0"), Some(1));
        assert_eq!(class_of(&Labels::Int(vec![-1, 1]), "1.5"), None);
        assert_eq!(class_of(&Labels::Float(vec![0.0, 1.0]), "1"), Some(1));
        assert_eq!(class_of(&Labels::Bool(vec![false, true]), "True"), Some(1));
        assert_eq!(class_of(&Labels::Text(vec!["a".into(), "1".into()]), "1"), Some(1));
        assert_eq!(class_of(&Labels::Text(vec!["a".into()]), "A"), None);
    }
}
