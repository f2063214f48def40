//! What the recorded rows of one version of a model mean.
//!
//! The database holds JSON. The features of a row are an array in the order of [`Document::features`]: numbers, texts,
//! `null` for what is missing or masked. Its outputs are an object in the words of the native API: `prediction`, and
//! `probability` where the model has one. A number that JSON cannot write is a text, as in all our answers.

use foretell_frame::Labels;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::live::LiveModel;

/// What the recorded rows of one version of a model mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// What the model is for: `classification`, `regression`, ...
    pub task: String,
    /// The features, in the order of the recorded values.
    pub features: Vec<DocumentFeature>,
    /// The classes of each target; none where it is no classifier.
    #[serde(default)]
    pub classes: Vec<Vec<Value>>,
}

/// A feature of a [`Document`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentFeature {
    /// Its name.
    pub name: String,
    /// `number`, `string` or `any`, as in the description of a model.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Document {
    /// What the rows of a model mean.
    pub fn of(model: &LiveModel) -> Self {
        let features = model.schema().features().iter();
        let features = features.map(|feature| DocumentFeature {
            name: feature.name.clone(),
            kind: feature.kind.as_str().into(),
        });
        Self {
            task: model.task().as_str().into(),
            features: features.collect(),
            classes: model.classes().iter().map(values).collect(),
        }
    }

    /// As it is stored.
    pub fn to_json(&self) -> String {
        // Texts and numbers in a structure of our own: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what was stored.
    ///
    /// # Errors
    /// It is not such a document.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The classes of a classifier with one target.
    pub fn labels(&self) -> Option<Labels> {
        let [classes] = self.classes.as_slice() else { return None };
        let all = |of: fn(&Value) -> bool| classes.iter().all(of);
        Some(if all(Value::is_boolean) {
            Labels::Bool(classes.iter().filter_map(Value::as_bool).collect())
        } else if all(Value::is_i64) {
            Labels::Int(classes.iter().filter_map(Value::as_i64).collect())
        } else if all(Value::is_number) {
            Labels::Float(classes.iter().filter_map(Value::as_f64).collect())
        } else {
            let text = |class: &Value| class.as_str().map_or_else(|| class.to_string(), str::to_owned);
            Labels::Text(classes.iter().map(text).collect())
        })
    }
}

fn values(labels: &Labels) -> Vec<Value> {
    match labels {
        Labels::Int(labels) => labels.iter().map(|label| json!(label)).collect(),
        Labels::Float(labels) => labels.iter().map(|label| json!(label)).collect(),
        Labels::Bool(labels) => labels.iter().map(|label| json!(label)).collect(),
        Labels::Text(labels) => labels.iter().map(|label| json!(label)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_keep_their_type() {
        let all = [
            Labels::Int(vec![-1, 1]),
            Labels::Float(vec![0.0, 1.0]),
            Labels::Bool(vec![false, true]),
            Labels::Text(vec!["1".into(), "b".into()]),
        ];
        for labels in all {
            let document = Document {
                task: "classification".into(),
                features: vec![DocumentFeature { name: "age".into(), kind: "number".into() }],
                classes: vec![values(&labels)],
            };
            let read = Document::parse(&document.to_json()).unwrap();
            assert_eq!(read, document);
            assert_eq!(read.labels(), Some(labels));
        }
    }
}
