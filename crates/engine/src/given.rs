//! What users say of a model because its file does not.

use std::collections::BTreeMap;

use foretell_frame::Cell;
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// Names given to a model: they stand in the configuration, and in the registry with a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The names of its features, where the file knows none or others are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// The categories of features that the file knows by their codes only: those of the training data, in the order of the codes.
    /// Of keys that are hashed: some of the texts that they hold, which makes them keys of texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, Vec<Category>>,
}

/// A category: a text, or a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Category {
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
}

impl Given {
    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.features.is_none() && self.categories.is_empty()
    }

    /// The categories as values of a model.
    pub(crate) fn cells(&self) -> Vec<(&str, Vec<Cell>)> {
        let cells = |values: &Vec<Category>| values.iter().map(Category::cell).collect();
        self.categories.iter().map(|(name, values)| (name.as_str(), cells(values))).collect()
    }
}

impl Category {
    fn cell(&self) -> Cell {
        match self {
            // Numbers of JSON and TOML are finite.
            Self::Number(number) => Cell::Number(number.as_f64().unwrap_or(f64::NAN)),
            Self::Text(text) => Cell::Text(text.clone()),
        }
    }
}
