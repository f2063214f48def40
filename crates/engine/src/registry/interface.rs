//! What callers of a model rely on, and what of it another version would take away.

use foretell_frame::{Cell, Labels};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::live::LiveModel;

/// What callers of a model rely on: its features in order, its classes, its outputs. It is kept with every version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// What the model is for.
    pub task: String,
    /// What it takes, in order.
    pub features: Vec<InterfaceFeature>,
    /// The classes of each target; none where it is no classifier.
    pub classes: Vec<Vec<Value>>,
    /// scikit-learn's names of what it answers.
    pub outputs: Vec<String>,
}

/// A feature of an [`Interface`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterfaceFeature {
    /// Its name.
    pub name: String,
    /// `number`, `string` or `any`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it may be missing.
    pub nullable: bool,
    /// Its categories, where every other value is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<Value>>,
}

impl Interface {
    /// What callers of this model rely on.
    pub fn of(model: &LiveModel) -> Self {
        let features = model.schema().features().iter().map(|feature| InterfaceFeature {
            name: feature.name.clone(),
            kind: feature.kind.as_str().into(),
            nullable: feature.nullable,
            categories: feature
                .categories
                .as_ref()
                .filter(|_| feature.closed)
                .map(|cells| cells.iter().map(cell).collect()),
        });
        Self {
            task: model.task().as_str().into(),
            features: features.collect(),
            classes: model.classes().iter().map(label_values).collect(),
            outputs: model.methods().iter().map(|method| method.as_str().into()).collect(),
        }
    }

    /// What callers of this model would miss in another one, in words; none when they would notice nothing but other
    /// numbers.
    pub fn breaks(&self, new: &Self) -> Vec<String> {
        let mut breaks = Vec::new();
        if self.task != new.task {
            breaks.push(format!("it is for {}, not {}", new.task, self.task));
        }
        let mut moved = false;
        for (position, old) in self.features.iter().enumerate() {
            let name = &old.name;
            match new.features.iter().position(|feature| feature.name == *name) {
                None => breaks.push(format!("feature `{name}` is gone")),
                Some(at) => {
                    moved |= at != position;
                    old.breaks(&new.features[at], &mut breaks);
                }
            }
        }
        let added = new.features.iter().filter(|new| self.features.iter().all(|old| old.name != new.name));
        breaks.extend(
            added.map(|feature| format!("feature `{}` is new: callers do not send it", feature.name)),
        );
        // Where one is gone or new the others move by themselves.
        if breaks.is_empty() && moved {
            breaks.push("the features have another order, which callers that send bare rows rely on".into());
        }
        if self.classes != new.classes {
            let (old, new) = (json!(self.classes), json!(new.classes));
            breaks.push(format!("the classes are {new}, not {old}"));
        }
        let gone = self.outputs.iter().filter(|output| !new.outputs.contains(output));
        breaks.extend(gone.map(|output| format!("it has no `{output}`")));
        breaks
    }
}

impl InterfaceFeature {
    fn breaks(&self, new: &Self, breaks: &mut Vec<String>) {
        let name = &self.name;
        // A feature that is not looked at takes what it took before.
        if self.kind != new.kind && new.kind != "any" {
            breaks.push(format!("feature `{name}` is a {}, not a {}", new.kind, self.kind));
            return;
        }
        if self.nullable && !new.nullable && new.kind != "any" {
            breaks.push(format!("feature `{name}` may not be missing any more"));
        }
        match (&self.categories, &new.categories) {
            (_, None) => {}
            (None, Some(_)) => {
                breaks.push(format!("feature `{name}` takes only the categories it knows"));
            }
            (Some(old), Some(new)) => {
                let gone: Vec<_> =
                    old.iter().filter(|value| !new.contains(value)).map(Value::to_string).collect();
                if !gone.is_empty() {
                    breaks.push(format!("feature `{name}` does not take {} any more", gone.join(", ")));
                }
            }
        }
    }
}

/// Labels in their own type.
pub(super) fn label_values(labels: &Labels) -> Vec<Value> {
    match labels {
        Labels::Int(labels) => labels.iter().map(|label| json!(label)).collect(),
        Labels::Float(labels) => labels.iter().map(|label| json!(label)).collect(),
        Labels::Bool(labels) => labels.iter().map(|label| json!(label)).collect(),
        Labels::Text(labels) => labels.iter().map(|label| json!(label)).collect(),
    }
}

fn cell(cell: &Cell) -> Value {
    match cell {
        Cell::Number(value) => json!(value),
        Cell::Text(text) => json!(text),
        Cell::Missing => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface() -> Interface {
        let feature = |name: &str, kind: &str, categories: Option<Vec<Value>>| InterfaceFeature {
            name: name.into(),
            kind: kind.into(),
            nullable: true,
            categories,
        };
        Interface {
            task: "classification".into(),
            features: vec![
                feature("age", "number", None),
                feature("city", "string", Some(vec![json!("Oslo"), json!("Rome")])),
            ],
            classes: vec![vec![json!(0), json!(1)]],
            outputs: vec!["predict".into(), "predict_proba".into()],
        }
    }

    /// What breaks when the interface is changed like this.
    fn changed(change: impl FnOnce(&mut Interface)) -> Vec<String> {
        let mut new = interface();
        change(&mut new);
        interface().breaks(&new)
    }

    #[test]
    fn a_wider_interface_breaks_nothing() {
        assert_eq!(changed(|_| {}), [""; 0]);
        let wider = changed(|new| {
            new.features[1].categories = Some(vec![json!("Rome"), json!("Oslo"), json!("Bonn")]);
            new.features[0].kind = "any".into();
            new.outputs.push("decision_function".into());
        });
        assert_eq!(wider, [""; 0]);
    }

    #[test]
    fn every_loss_is_told() {
        assert_eq!(
            changed(|new| new.features[0].name = "years".into()),
            ["feature `age` is gone", "feature `years` is new: callers do not send it"]
        );
        assert_eq!(
            changed(|new| new.features[0].kind = "string".into()),
            ["feature `age` is a string, not a number"]
        );
        assert_eq!(
            changed(|new| new.features[0].nullable = false),
            ["feature `age` may not be missing any more"]
        );
        assert_eq!(
            changed(|new| new.features[1].categories = Some(vec![json!("Rome")])),
            ["feature `city` does not take \"Oslo\" any more"]
        );
        assert_eq!(
            changed(|new| new.features.swap(0, 1)),
            ["the features have another order, which callers that send bare rows rely on"]
        );
        assert_eq!(
            changed(|new| new.classes = vec![vec![json!(1), json!(2)]]),
            ["the classes are [[1,2]], not [[0,1]]"]
        );
        assert_eq!(changed(|new| new.outputs.truncate(1)), ["it has no `predict_proba`"]);
        assert_eq!(
            changed(|new| new.task = "regression".into()),
            ["it is for regression, not classification"]
        );
    }
}
